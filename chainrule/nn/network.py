"""A network: a module with inputs of known shapes, as a program.

Building it calls `forward` once on variables. What comes out is an ordinary program: it can be run,
differentiated, traced, counted and printed like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chainrule.count.sizes import Sizes, sizes
from chainrule.errors import DefinitionError, InputError
from chainrule.explain.size import SECTIONS, describe
from chainrule.formulas.instance import Instance
from chainrule.lang.program import Program, Shape, Tensor
from chainrule.nn.module import Layer, Module
from chainrule.nn.module import Parameter as OwnParameter
from chainrule.operators.build import program_of
from chainrule.operators.layers import Use
from chainrule.operators.nodes import Input, Node
from chainrule.operators.shapes import shape_of
from chainrule.operators.variables import Variable, input
from chainrule.render import Page


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter or a state of a network: its tensor, and how it begins.

    `path` is its place in the network (`layer1.0.conv1.w`), `initial` the initialiser's name.
    `instance` is the formula that it is first used in, under the name `local`; a module's own
    parameter has none.
    """

    path: str
    tensor: Tensor
    initial: str
    instance: Instance | None = None
    local: str = ""


class Network:
    """A module on inputs of given shapes.

    `Network(model, (3, 224, 224))` has one input x of that shape with a batch in front, whose size
    is `batch` (a name or a number; None for a single example without a batch axis). Inputs with
    names are `Network(model, x=(3, 32, 32), t=…)`, each a shape or a variable made by `cr.input`;
    a dictionary in the place of the shape is the same, for names that mean something else here.
    With a `loss` the program computes it too, from the output and a target that becomes an input.
    `training` builds what differs in training: batch statistics, dropout's masks.

    Raises `ShapeError` where layers do not fit, with the layer's name.
    """

    def __init__(
        self, module: Module, shape: Any = None, /, *, batch: str | int | None = "N",
        loss: Module | None = None, training: bool = False, name: str = "",
        **inputs: Any,
    ) -> None:
        self.module = module
        self.batch = batch if isinstance(batch, str) else None
        self.name = name or type(module).__name__
        self.training = training
        if isinstance(shape, Mapping):
            given = {**shape, **inputs}
        else:
            given = dict(inputs) if shape is None else {"x": shape, **inputs}
        if not given:
            raise InputError("a network needs the shape of its input", None,
                             "write Network(model, (3, 224, 224))")
        self.inputs = {key: _variable(key, value, batch) for key, value in given.items()}
        module.place("", training)
        result = module(*self.inputs.values())
        outputs = _outputs(result)
        self.uses = _uses(module)
        self.losses: list[str] = []
        self.start: str | Mapping[str, str] | None = None
        self.values: Mapping[str, Any] = {}
        if loss is not None:
            outputs = self._with_loss(loss, outputs)
        self.program = self._program(outputs)

    def _with_loss(self, loss: Module, outputs: dict[str, Node]) -> dict[str, Node]:
        """The outputs and the loss; its target becomes an input."""
        loss.place("loss", self.training)
        first = next(iter(outputs.values()))
        if isinstance(loss, Layer):
            loss.targets = True
        value = loss(Variable(first))
        self.uses += _uses(loss)
        self.losses.append("loss")
        return {**outputs, "loss": value.node}

    def _program(self, outputs: dict[str, Node]) -> Program:
        updates: dict[Input, Node] = {}
        for use in self.uses:
            for state, new in use.updates.items():
                if state in updates:
                    raise DefinitionError(f"{use.name} updates its state twice")
                updates[state] = new
        made = [node for use in self.uses for node in use.outputs]
        program = program_of(outputs, updates, made)
        missing = [k for k in self.inputs if k not in program.inputs]
        if missing:
            raise DefinitionError(f"the network does not use its input {missing[0]}")
        own = [use.nodes[local] for use in self.uses for local in use.instance.inputs]
        order = [*self.inputs, *(n.name for n in own if isinstance(n, Input) and n.name)]
        known = frozenset(program.inputs)
        order = [name for name in dict.fromkeys([*order, *program.inputs]) if name in known]
        return replace(program, inputs=tuple(order))

    @property
    def output(self) -> str:
        """The name of the first output's tensor."""
        return self.program.outputs[0]

    def parameters(self) -> Iterator[Parameter]:
        """The parameters that are learnt, in the order in which the layers use them."""
        return (p for p in self.everything() if p.tensor.role == "parameter")

    def everything(self) -> Iterator[Parameter]:
        """Parameters and state (running statistics)."""
        met: set[str] = set()
        for use in self.uses:
            for local, node in use.nodes.items():
                if not isinstance(node, Input) or node.tensor.role not in ("parameter", "constant"):
                    continue
                if node.tensor.name in met or node.tensor.name not in self.program.inputs:
                    continue
                met.add(node.tensor.name)
                initial = use.instance.entry.initial.get(local, "zeros")
                yield Parameter(f"{use.name}.{local}", node.tensor, initial, use.instance, local)
        for part in self.module.modules():
            if isinstance(part, OwnParameter):
                assert isinstance(part.node, Input)
                if part.node.tensor.name in self.program.inputs:
                    yield Parameter(part.path, part.node.tensor, part.initial)

    def initial(self, seed: int = 0, how: str | Mapping[str, str] | None = None) -> dict[str, Any]:
        """Values for all parameters and state: NumPy arrays by tensor name.

        `how` names one initialiser for all weights, or one for each; see `chainrule.nn.initial`.
        Without it the network's own choice is taken (`start`, then `values` by tensor name), if it
        has one.
        """
        from chainrule.nn.initial import initialise  # lazily: it needs NumPy

        if how is not None:
            return initialise(list(self.everything()), seed, how)
        found = initialise(list(self.everything()), seed, self.start)
        for name, value in self.values.items():
            found[name] = found[name] * 0 + value  # an array of the parameter's shape
        return found

    def sizes(self, batch: int | None = 1, **options: Any) -> Sizes:
        """Shapes, parameters, operations, memory, receptive fields; see `chainrule.count.sizes`."""
        given = dict(options.pop("given", {}))
        if batch is not None and self.batch is not None:
            given.setdefault(self.batch, batch)
        return sizes(self.program, given, **options)

    def summary(self, batch: int | None = 1, only: Collection[str] = SECTIONS,
                **options: Any) -> Page:
        """The sizes as a page that prints, and that notebooks draw.

        `only` names the sections: layers, shapes, operations, memory.
        """
        found = self.sizes(batch, **options)
        document = describe(found, self.name, batch=self.batch, only=only)
        return Page(document.title, document.blocks)

    def __str__(self) -> str:
        return str(self.program)

    def __repr__(self) -> str:
        count = sum(1 for _ in self.parameters())
        return (f"<Network {self.name}: {len(self.uses)} layer{'s' * (len(self.uses) != 1)}, "
                f"{count} parameter tensor{'s' * (count != 1)}>")


def _variable(name: str, value: Any, batch: str | int | None) -> Variable:
    if isinstance(value, Variable):
        return value
    shape: Shape = shape_of(value)
    front = () if batch is None else shape_of(batch)
    return input(name, (*front, *shape))


def _outputs(result: Any) -> dict[str, Node]:
    """What `forward` gave back, by name."""
    if isinstance(result, Variable):
        return {result.node.name or "output": result.node}
    if isinstance(result, Mapping):
        return {str(key): _single(value) for key, value in result.items()}
    if isinstance(result, tuple | list) and result:
        return {node.name or f"output{k + 1}": node
                for k, node in enumerate(_single(value) for value in result)}
    raise InputError(f"forward gave back a {type(result).__name__}", None,
                     "it has to return a variable, a tuple or a dictionary of them")


def _single(value: Any) -> Node:
    if not isinstance(value, Variable):
        raise InputError(f"forward gave back a {type(value).__name__} among its outputs")
    return value.node


def _uses(module: Module) -> list[Use]:
    """All uses of formulas in a module."""
    return [use for part in module.modules() if isinstance(part, Layer) for use in part.uses]
