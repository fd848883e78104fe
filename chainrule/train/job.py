"""What is to be done in a run: a network, data and settings that fit each other, and the programs.

Everything that can be refused is refused here, before the first step: settings that make no sense,
data that do not fit the network, a network that has no loss.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Final

import numpy as np

from chainrule.errors import InputError, did_you_mean
from chainrule.formulas.optimisers import OPTIMISERS
from chainrule.lang.printing import program_text
from chainrule.nn.module import Module
from chainrule.nn.network import Network
from chainrule.train.data_examples import Data, Examples
from chainrule.train.data_text import Text
from chainrule.train.feed import Feed, Mask, feed, masks_of
from chainrule.train.runner import Roles
from chainrule.train.scoring import Scorer
from chainrule.train.settings import Settings
from chainrule.train.step import Step, evaluation_step, target_of, training_step

OWN: Final = frozenset(s.name for e in OPTIMISERS.values() for s in e.settings
                       if s.name != "weight_decay")  # settings of the optimisers themselves
SETTINGS: Final = OWN | {f.name for f in fields(Settings)}  # all that training takes by name


@dataclass(frozen=True)
class Job:
    """What is to be done: programs, data and settings that fit each other."""

    network: Network
    settings: Settings
    step: Step
    scorer: Scorer
    parts: Mapping[str, Feed]
    masks: Sequence[Mask]
    start: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    data_name: str
    epoch_steps: int
    steps: int
    picture: str = ""  # the input that is augmented

    @classmethod
    def of(cls, network: Network, data: Any, settings: Settings,
           loss: Module | str | None = None) -> Job:
        """Check that network, data and settings fit, and write the programs."""
        evaluated = network.built(False, loss)
        # the modules know the uses of the network that was built last: masks are asked for next
        trained = network.built(True, loss)
        masks = masks_of(trained)
        parts, classes, name = _parts(evaluated, data, settings.dtype)
        weights = [q.tensor for q in trained.parameters()]
        decayed = [t.name for t in weights if settings.decay_all or len(t.shape) > 1]
        own = OPTIMISERS[settings.optimiser]
        step = training_step(
            trained, own, settings.constants, weight_decay=settings.decay, decayed=decayed,
            clip_norm=settings.clip, clip_value=settings.clip_value, labelled=bool(classes))
        in_loss = settings.decay if own.setting("weight_decay") is None else 0.0
        scored = evaluation_step(evaluated, weight_decay=in_loss, decayed=decayed,
                                 labelled=bool(classes))
        epoch, steps = settings.steps_of(parts["train"].count)
        picture = _picture(evaluated) if settings.augment is not None else ""
        start = trained.initial(settings.seed, settings.initial)
        return cls(evaluated, settings, step, Scorer(evaluated, scored, settings), parts, masks,
                   start, classes, name, epoch, steps, picture)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the step's program and of how it draws its masks."""
        text = program_text(self.step.program) + repr(list(self.masks))
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def data_digest(self) -> str:
        """The SHA-256 of the data."""
        total = hashlib.sha256()
        for name, part in self.parts.items():
            total.update(f"{name} {part.digest()}\n".encode())
        return total.hexdigest()


def _picture(network: Network) -> str:
    """The network's input that is a picture: channels, height and width behind the batch."""
    tensors = network.program.tensors
    found = [name for name in Roles.of(network.program).data
             if tensors[name].kind == "real" and len(tensors[name].shape) == 4
             and name != target_of(network)]
    if len(found) != 1:
        raise InputError("augmentation is for networks that read a picture: channels, height and "
                         f"width. {network.name} has {len(found) or 'no'} such "
                         f"input{'s' * (len(found) > 1)}", None,
                         "leave it out, or begin the network with a convolution")
    return found[0]


def _parts(network: Network, data: Any, dtype: str
           ) -> tuple[dict[str, Feed], tuple[str, ...], str]:
    """The data's parts as the network reads them, the classes, and what the data are called."""
    name = "data"
    classes: tuple[str, ...] = ()
    given: Mapping[str, Any]
    if isinstance(data, Data):
        given, classes, name = data.parts(), data.classes, data.name
    elif isinstance(data, Text):
        given, name = data.parts(), data.name
    elif isinstance(data, Examples):
        given, classes, name = {"train": data}, data.classes, data.origin
    elif isinstance(data, Mapping):
        given = data if "train" in data else {"train": data}
    else:
        raise InputError(f"data are what `load` gives, or arrays by name; found "
                         f"{type(data).__name__}", None, "such as {'x': …, 'y': …}")
    known = ("train", "validation", "test")
    for part in given:
        if part not in known:
            raise InputError(f"data have the parts {', '.join(known)}, not {part!r:.40}", None,
                             did_you_mean(str(part), list(known)))
    feeds = {part: feed(network, given[part], dtype, part) for part in known if part in given}
    return feeds, classes, name


def settings_of(options: Mapping[str, Any]) -> Settings:
    """Settings from options by name, the optimiser's own among them.

    >>> settings_of({"optimiser": "adam", "beta_1": 0.8}).constants
    {'beta_1': 0.8}
    """
    for name in options:
        if name not in SETTINGS:
            raise InputError(f"training has no setting {name!r:.40}", None,
                             did_you_mean(name, sorted(SETTINGS))
                             or f"it has {', '.join(sorted(SETTINGS))}")
    constants = {k: v for k, v in options.items() if k in OWN}
    rest = {k: v for k, v in options.items() if k not in OWN}
    return Settings(**{**rest, "constants": {**rest.get("constants", {}), **constants}})
