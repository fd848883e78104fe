"""A training step as one program: forward, backward, and the optimiser's equations.

    network       z[n,u] = sum(v) W[u,v]*x[n,v]   …   loss = (sum(n) l[n])/N
    adjoints      W_bar[u,v] = sum(n) z_bar[n,u]*x[n,v]             made from the network
    optimiser     W_v_new[n,c] = mu*W_v[n,c] - W_bar[n,c]           made for each parameter
                  W_new[n,c] = W[n,c] + rate*W_v_new[n,c]
    state         update W = W_new, update W_v = W_v_new

Nothing is special about it: it is verified, printed and run like any other program, and whoever
runs it puts the new values in the places of the old ones (`chainrule.train.runner`). Weight decay
is a term of the objective, so its gradient comes from the same differentiation as all others;
AdamW's decay stands in the optimiser's own equations. Clipping stands between the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chainrule.algebra.parts import reads
from chainrule.algebra.stable import stabilise
from chainrule.diff.reverse import gradient
from chainrule.errors import InputError
from chainrule.formulas.entry import Entry, Value
from chainrule.formulas.instance import instantiate
from chainrule.formulas.optimisers import (
    CLIP_BY_NORM,
    CLIP_BY_VALUE,
    RIGHT_LABELS,
    RIGHT_TARGETS,
    SQUARES,
    WEIGHT_DECAY,
)
from chainrule.formulas.renaming import apart, renamed_equation
from chainrule.formulas.template import declared, declared_inputs, program_of
from chainrule.lang.expr import Expr, Ref, add, call
from chainrule.lang.integers import Size
from chainrule.lang.program import Equation, Layer, Program, Shape, Tensor, fresh
from chainrule.lang.verify import verify
from chainrule.nn.network import Network

_CLASSES: Final = "K"  # what the losses on classes call their number


@dataclass(frozen=True, slots=True)
class Step:
    """A program to run on one mini-batch, and what is what in it.

    All outputs are scalars: `loss`; `objective`, which is the loss and what weights cost; `right`,
    how many answers were right (None where there are no classes); `norm`, the gradient's length
    before it is clipped (None where nobody asked). `rate` is the input that holds the learning
    rate; `state` has the optimiser's own tensors, which begin at zero.
    """

    program: Program
    loss: str
    objective: str
    right: str | None = None
    norm: str | None = None
    rate: str = ""
    parameters: tuple[str, ...] = ()
    state: tuple[str, ...] = ()


def training_step(
    network: Network, optimiser: Entry, settings: Mapping[str, Value] | None = None, *,
    weight_decay: float = 0.0, decayed: Sequence[str] = (), clip_norm: float | None = None,
    clip_value: float | None = None, right: bool = True, norm: bool = False,
    labelled: bool = False,
) -> Step:
    """The step of a network that has a loss and was built for training.

    `weight_decay` is λ of (λ/2)|w|² over the parameters `decayed`; an optimiser with a
    `weight_decay` of its own takes it in its equations instead. `right` and `norm` ask for these
    outputs, which cost a little; `labelled` says that real targets are classes.

    Raises `InputError` where there is no loss or nothing to learn.

    >>> from chainrule import nn
    >>> from chainrule.formulas.optimisers import OPTIMISERS
    >>> network = nn.Network(nn.Linear(3, 2, bias=False), 3, loss="MSELoss", training=True)
    >>> print(training_step(network, OPTIMISERS["sgd"]).program)
    input x[N, 3]
    parameter dense_W[2, 3]
    input t[N, 2]
    input rate
    dense[n,u] = sum(v) dense_W[u,v]*x[n,v]
    loss = (sum(n, c) (dense[n,c] - t[n,c])^2)/(2*N)
    loss_bar = 1
    dense_bar[n,c] = 1/(2*N)*loss_bar*(2*(dense[n,c] - t[n,c]))
    dense_W_bar[u,v] = sum(n) dense_bar[n,u]*x[n,v]
    dense_W_new[n,c] = dense_W[n,c] - rate*dense_W_bar[n,c]
    output loss
    update dense_W = dense_W_new
    """
    loss = loss_of(network)
    names = tuple(p.tensor.name for p in network.parameters())
    if not names:
        raise InputError(f"{network.name} has no parameters: there is nothing to learn")
    chosen = dict(settings or {})
    own_decay = optimiser.setting("weight_decay") is not None
    writer = _Writer(network.program)
    objective = loss
    if weight_decay and not own_decay:
        objective = writer.with_decay(loss, [n for n in names if n in decayed], weight_decay)
    keep = (answers_of(network),) if right else ()
    program = stabilise(writer.program((loss, objective)), keep=keep)
    derivative = gradient(program, objective, names)
    writer = _Writer(derivative.program)
    gradients = dict(derivative.names)
    if clip_value is not None:
        gradients = writer.each(CLIP_BY_VALUE, gradients, {"clip": clip_value}, {})
    length = None
    if norm or clip_norm is not None:
        length = writer.norm(gradients)
    if clip_norm is not None and length is not None:
        gradients = writer.each(CLIP_BY_NORM, gradients, {"clip": clip_norm}, {"norm": length})
    rate = writer.scalar("rate")
    for name in names:
        if own_decay:
            chosen["weight_decay"] = weight_decay if name in decayed else 0.0
        writer.optimiser(optimiser, name, gradients[name], rate, chosen)
    answers = writer.right(network, labelled) if right else None
    outputs = [loss, objective, answers, length]
    result = verify(writer.program(o for o in outputs if o is not None))
    return Step(result, loss, objective, answers, length, rate, names, tuple(writer.state))


def evaluation_step(network: Network, *, weight_decay: float = 0.0, decayed: Sequence[str] = (),
                    labelled: bool = False) -> Step:
    """The forward pass alone: the loss of a batch, and how many answers were right.

    With `weight_decay` the objective too, which is what training makes small.
    """
    loss = loss_of(network)
    keep = (answers_of(network),)
    writer = _Writer(stabilise(network.program.with_outputs((loss,)), keep=keep))
    answers = writer.right(network, labelled)
    objective = loss
    if weight_decay:
        names = [p.tensor.name for p in network.parameters() if p.tensor.name in decayed]
        objective = writer.with_decay(loss, names, weight_decay)
    result = writer.program(o for o in (loss, objective, answers) if o is not None)
    return Step(verify(replace(result, updates=())), loss, objective, answers)


def loss_of(network: Network) -> str:
    """The name of a network's loss; raises `InputError` where it has none."""
    if not network.losses:
        raise InputError(f"{network.name} has no loss to train by", None,
                         "give one (loss=…, --loss …), such as CrossEntropyLoss, from logits with "
                         "labels, or MSELoss")
    return network.losses[0]


def loss_layer(network: Network) -> Layer:
    """The loss among the layers of the network's program."""
    name = loss_of(network)
    return next(layer for layer in network.program.layers if layer.output == name)


def target_of(network: Network) -> str:
    """The input that the loss compares the output with: labels or targets."""
    table = dict(loss_layer(network).tensors)
    entry = next(u.instance.entry for u in network.uses if u.name == "loss")
    inputs = [table[local] for local in declared_inputs(entry.text)[1:]
              if table.get(local) in network.program.inputs]
    if not inputs:
        raise InputError(f"the loss of {network.name} compares with nothing that is given")
    return inputs[0]


def class_axis(network: Network) -> int | None:
    """The axis of the output that runs over classes, as the loss has it; None where none does."""
    use = next(u for u in network.uses if u.name == "loss")
    main = declared(use.instance.entry.text)[0]
    axes = [axis.sizes() for axis in use.instance.formula.tensors[main].shape]
    return axes.index([_CLASSES]) if [_CLASSES] in axes else None


def answers_of(network: Network) -> str:
    """The tensor that the loss judges: the network's first output."""
    table = dict(loss_layer(network).tensors)
    entry = next(u.instance.entry for u in network.uses if u.name == "loss")
    return table[declared(entry.text)[0]]


def averages(network: Network) -> bool:
    """Whether the loss is a mean over the batch, so that the mean over batches is weighted by size.

    A loss that is a sum over the batch adds up instead.
    """
    name = loss_of(network)
    batch = network.program.tensors[target_of(network)].shape[0].sizes()
    equations = [e for e in network.program.equations if e.target == name]
    sizes = _sizes(equations[-1].body)
    return not batch or batch[0] in sizes


def _sizes(e: Expr) -> set[str]:
    """The sizes that a loss is divided by."""
    from_value: set[str] = set()
    stack = [e]
    while stack:
        node = stack.pop()
        value = getattr(node, "value", None)
        if value is not None and hasattr(value, "atoms"):
            from_value |= {a.name for a in value.atoms() if isinstance(a, Size)}
        stack += getattr(node, "args", ())
    return from_value


class _Writer:
    """Writes formulas of the library behind a program's equations."""

    def __init__(self, program: Program) -> None:
        self.base = program
        self.tensors = dict(program.tensors)
        self.inputs = list(program.inputs)
        self.equations: list[Equation] = list(program.equations)
        self.updates = list(program.updates)
        self.taken: dict[str, object] = dict.fromkeys([*program.tensors, *program.size_names()])
        self.shared: dict[tuple[str, str], str] = {}  # (formula, its tensor): once for all
        self.state: list[str] = []

    def program(self, outputs: Iterable[str]) -> Program:
        """All that was written, with these outputs."""
        return replace(self.base, tensors=self.tensors, inputs=tuple(self.inputs),
                       equations=tuple(self.equations), updates=tuple(self.updates),
                       outputs=tuple(dict.fromkeys(outputs)))

    def name(self, base: str) -> str:
        found = fresh(base, self.taken)
        self.taken[found] = None
        return found

    def define(self, base: str, body: Expr) -> str:
        """A scalar equation."""
        name = self.name(base)
        self.tensors[name] = Tensor(name)
        self.equations.append(Equation(name, (), (), body))
        return name

    def scalar(self, base: str) -> str:
        """A scalar input."""
        name = self.name(base)
        self.tensors[name] = Tensor(name, role="data")
        self.inputs.append(name)
        return name

    def write(self, entry: Entry, given: Mapping[str, str], settings: Mapping[str, Value],
              prefix: str, output: str) -> dict[str, str]:
        """A formula on given tensors, whose output is called `output`; the table of all names.

        Other tensors of its own are called `prefix_local`.
        """
        shapes: dict[str, Shape] = {k: self.tensors[v].shape for k, v in given.items()}
        instance = instantiate(entry, shapes, settings)
        common = _shared(entry)
        table = dict(given)
        new: set[str] = set()
        for local, tensor in instance.tensors.items():
            if local in table:
                continue
            key = (entry.name, local)
            if local in common and key in self.shared:
                table[local] = self.shared[key]
                continue
            base = f"{entry.name if local in common else prefix}_{local}"
            name = self.name(output if local == instance.outputs[0] else base)
            table[local] = name
            new.add(local)
            self.tensors[name] = replace(tensor, name=name)
            if local in common:
                self.shared[key] = name
            if local in instance.inputs:
                self.inputs.append(name)
                self.state.append(name)
        for e in instance.equations:
            if e.target in new:
                self.equations.append(apart(renamed_equation(e, table, prefix), {*self.taken}))
        self.updates += [(table[old], table[now]) for old, now in instance.updates if now in new]
        return table

    def each(self, entry: Entry, gradients: Mapping[str, str], settings: Mapping[str, Value],
             more: Mapping[str, str]) -> dict[str, str]:
        """A formula on each gradient; what becomes of each."""
        found = {}
        for name, g in gradients.items():
            here = f"{name}_clipped"
            found[name] = self.write(entry, {"g": g, **more}, settings, here, here)["h"]
        return found

    def optimiser(self, entry: Entry, name: str, g: str, rate: str,
                  settings: Mapping[str, Value]) -> None:
        """The optimiser's equations for one parameter."""
        self.write(entry, {"theta": name, "g": g, "eta": rate}, settings, name,
                   f"{name}_new")

    def with_decay(self, loss: str, names: Sequence[str], amount: float) -> str:
        """The objective: the loss and what the weights cost."""
        total: Expr = Ref(loss)
        for name in names:
            here = f"{name}_decay"
            cost = self.write(WEIGHT_DECAY, {"theta": name}, {"weight_decay": amount}, here,
                              here)["d"]
            total = add(total, Ref(cost))
        return self.define("objective", total)

    def norm(self, gradients: Mapping[str, str]) -> str:
        """The length of the gradient of all parameters together."""
        parts = [self.write(SQUARES, {"g": g}, {}, "", f"{name}_squares")["s"]
                 for name, g in gradients.items()]
        total: Expr = Ref(parts[0])
        for part in parts[1:]:
            total = add(total, Ref(part))
        return self.define("gradient_norm", call("sqrt", total))

    def right(self, network: Network, labelled: bool) -> str | None:
        """How many answers are right; None where the targets are no classes."""
        answers, target = answers_of(network), target_of(network)
        axis = class_axis(network)
        if axis is None:
            shape = self.tensors[answers].shape
            if not labelled or self.tensors[target].shape != shape or shape[-1].constant == 1:
                return None
            axis = len(shape) - 1
        integral = self.tensors[target].kind == "integer"
        entry, local = (RIGHT_LABELS, "y") if integral else (RIGHT_TARGETS, "t")
        found = self.write(entry, {"z": answers, local: target}, {"axis": axis}, "answers",
                           "right")
        return found["right"]


def _shared(entry: Entry) -> set[str]:
    """The tensors of a formula that have no axes and hang on nothing that has: a counter."""
    program = program_of(entry, 1)
    found = {n for n in program.inputs if not program.tensors[n].shape}
    for e in program.equations:
        if not program.tensors[e.target].shape and reads(e) <= found:
            found.add(e.target)
    return found
