"""What whoever trains a network chooses, checked before anything is done.

A run is determined by these settings, the network, the data and the build: the same again gives the
same weights, bit for bit, on one machine with the same backend and number of threads. They go into
every checkpoint, and a run is only gone on with under settings that say the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from chainrule.errors import InputError
from chainrule.formulas.entry import Entry
from chainrule.formulas.optimisers import OPTIMISERS, find_optimiser
from chainrule.train.augment import Augment
from chainrule.train.runner import BACKENDS, DTYPES, check_backend, usual_backend
from chainrule.train.schedules import Schedule

# the rates that are usual for an optimiser where nobody says anything
_RATES: Final = {"sgd": 0.1, "momentum": 0.01, "nesterov": 0.01, "adagrad": 0.01,
                 "rmsprop": 0.001, "adam": 0.001, "adamw": 0.001}
_FREE: Final = ("epochs", "iterations", "threads", "backend", "patience")  # may differ on resuming
EPOCHS: Final = 10  # where neither epochs nor iterations are said


@dataclass(frozen=True)
class Settings:
    """The settings of a run.

    `optimiser` is a name of `chainrule.formulas.optimisers`, `constants` are its own settings
    (momentum, beta_1, …). `rate` None takes what is usual for it. The run lasts `epochs`, or
    `iterations` steps. `last` says what becomes of the rest of an epoch that fills no batch: "keep"
    it as a smaller one, or "drop" it. `weight_decay` is λ; it is for tensors of two and more axes,
    for all parameters with `decay_all`. `clip` bounds the length of the whole gradient,
    `clip_value` each cell. `patience` stops the run when the validation loss has not improved for
    so many evaluations, and takes the best weights. `evaluate_every` counts steps; None is once an
    epoch. `augment` says how pictures are changed before they are learnt from
    ("shift=1,rotate=10"). `initial` names an initialiser for all weights.

    Raises `InputError` and `UnknownNameError` for what makes no sense.

    >>> Settings(optimiser="sgd", constants={"momentum": 0.9}).optimiser
    'momentum'
    """

    optimiser: str = "sgd"
    rate: float | None = None
    constants: Mapping[str, float] = field(default_factory=dict)
    batch: int = 32
    epochs: int | None = None
    iterations: int | None = None
    shuffle: bool = True
    last: str = "keep"
    weight_decay: float | None = None
    decay_all: bool = False
    clip: float | None = None
    clip_value: float | None = None
    schedule: str = "constant"
    augment: str | None = None
    patience: int | None = None
    evaluate_every: int | None = None
    seed: int = 0
    initial: str | None = None
    dtype: str = "float32"
    threads: int | None = None
    backend: str | None = None

    def __post_init__(self) -> None:
        entry = find_optimiser(str(self.optimiser))
        constants = dict(self.constants)
        if entry.name == "sgd" and "momentum" in constants:
            entry = OPTIMISERS["momentum"] if constants["momentum"] else entry
            if not constants["momentum"]:
                del constants["momentum"]
        self._set(optimiser=entry.name, constants=constants)
        self._check_constants(entry)
        if self.rate is None:
            self._set(rate=_RATES[entry.name])
        if self.weight_decay is None:  # AdamW has some by itself
            own = entry.setting("weight_decay")
            self._set(weight_decay=0.0 if own is None else own.default)
        self._whole("batch", 1)
        self._whole("seed", 0)
        for name in ("epochs", "iterations", "patience", "evaluate_every", "threads"):
            if getattr(self, name) is not None:
                self._whole(name, 1)
        if self.epochs is not None and self.iterations is not None:
            raise InputError("a run lasts a number of epochs, or a number of iterations: not both")
        self._real("rate", above=True)
        self._real("weight_decay", above=False)
        for name in ("clip", "clip_value"):
            if getattr(self, name) is not None:
                self._real(name, above=True)
        self._one_of("last", ("keep", "drop"))
        self._one_of("dtype", DTYPES)
        if self.backend is None:
            self._set(backend=usual_backend())
        self._one_of("backend", BACKENDS)
        check_backend(str(self.backend))
        self._set(schedule=str(Schedule.read(self.schedule)))
        if self.augment is not None:
            self._set(augment=str(Augment.read(self.augment)))

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _check_constants(self, entry: Entry) -> None:
        names = [s.name for s in entry.settings if s.name != "weight_decay"]
        for name, value in self.constants.items():
            if name not in names:
                other = [o.name for o in OPTIMISERS.values() if o.setting(name) is not None]
                raise InputError(
                    f"{entry.name} has no setting {name!r:.40}", None,
                    f"it has {', '.join(names) or 'none'}"
                    + (f"; {name} is for {', '.join(other)}" if other else ""))
            setting = entry.setting(name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not _within(
                    value, setting.within if setting is not None else ""):
                raise InputError(f"{entry.name}: {name} lies in "
                                 f"{setting.within if setting else '?'}, not at {value!r:.40}")

    def _whole(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise InputError(f"{name} is a whole number, not {value!r:.40}")
        value = value.__index__()
        if not least <= value < 2**63:
            raise InputError(f"{name} is at least {least}, not {value}")
        self._set(**{name: value})

    def _real(self, name: str, above: bool) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            try:
                value = float(value)
            except (TypeError, ValueError):
                raise InputError(f"{name} is a number, not {value!r:.40}") from None
        if not math.isfinite(value) or value < 0 or (above and value == 0):
            raise InputError(f"{name} is {'above' if above else 'at least'} 0, not {value}")
        self._set(**{name: float(value)})

    def _one_of(self, name: str, known: tuple[str, ...]) -> None:
        if getattr(self, name) not in known:
            raise InputError(f"{name} is one of {', '.join(known)}, not "
                             f"{getattr(self, name)!r:.40}")

    @property
    def learning_rate(self) -> float:
        """The rate that the schedule starts from."""
        assert self.rate is not None  # __post_init__ holds that
        return self.rate

    @property
    def decay(self) -> float:
        """What weights cost."""
        return self.weight_decay or 0.0

    @property
    def runs_on(self) -> str:
        """The backend."""
        return self.backend or "reference"

    def steps_of(self, examples: int) -> tuple[int, int]:
        """How many steps an epoch of that many examples has, and how many the run.

        Raises `InputError` where the batch is larger than what there is.

        >>> Settings(batch=32, epochs=2).steps_of(100), Settings(last="drop").steps_of(100)
        ((4, 8), (3, 30))
        """
        epoch = examples // self.batch
        if self.last == "keep" and examples % self.batch:
            epoch += 1
        if self.batch > examples:
            raise InputError(f"a batch of {self.batch} is more than the {examples} examples that "
                             "there are to learn from", None, f"take at most {examples}")
        total = self.iterations or (self.epochs or EPOCHS) * epoch
        return epoch, total

    def data(self) -> dict[str, Any]:
        """The settings as plain values, for a log or a checkpoint."""
        return {**asdict(self), "constants": dict(self.constants)}

    def difference(self, other: Mapping[str, Any]) -> str:
        """The first setting that `other` has differently and that a resumed run cannot change.

        An empty text where there is none.
        """
        mine = self.data()
        for f in fields(self):
            if f.name not in _FREE and mine[f.name] != other.get(f.name):
                return f"{f.name} was {other.get(f.name)}, and is {mine[f.name]}"
        return ""

    def told(self) -> str:
        """The settings in a line.

        >>> Settings(rate=0.1, constants={"momentum": 0.5}, epochs=3, backend="reference").told()
        'momentum, rate 0.1, momentum 0.5, batches of 32, shuffled, float32, reference'
        """
        words = [self.optimiser, f"rate {self.learning_rate:g}"]
        words += [f"{name} {value:g}" for name, value in self.constants.items()]
        if self.schedule != "constant":
            words.append(f"schedule {self.schedule}")
        if self.decay:
            words.append(f"weight decay {self.decay:g}")
        if self.clip is not None:
            words.append(f"gradients clipped at length {self.clip:g}")
        if self.clip_value is not None:
            words.append(f"gradients clipped at ±{self.clip_value:g}")
        if self.augment is not None:
            words.append(f"pictures {Augment.read(self.augment).told()}")
        words.append(f"batches of {self.batch}")
        words.append("shuffled" if self.shuffle else "in order")
        return ", ".join([*words, self.dtype, self.runs_on])


def _within(value: float, interval: str) -> bool:
    if not interval:
        return True
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low
    return above and (value <= high if interval[-1] == "]" else value < high)
