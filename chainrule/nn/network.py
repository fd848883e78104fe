"""A network: a module with inputs of known shapes, as a program.

Building it calls `forward` once on variables. What comes out is an ordinary program: it can be run,
differentiated, traced, counted and printed like any other.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from chainrule.count.sizes import Sizes, sizes
from chainrule.errors import (
    DefinitionError,
    InputError,
    ShapeError,
    UnknownNameError,
    did_you_mean,
)
from chainrule.explain.size import SECTIONS, describe
from chainrule.formulas.template import declared_inputs
from chainrule.lang.program import Program, Shape
from chainrule.nn.layers import constructor
from chainrule.nn.module import Layer, Module, checked
from chainrule.nn.module import Parameter as OwnParameter
from chainrule.nn.parameters import Parameter
from chainrule.operators.build import program_of
from chainrule.operators.layers import Use
from chainrule.operators.nodes import Input, Node
from chainrule.operators.shapes import shape_of
from chainrule.operators.variables import Variable, input
from chainrule.render import Page


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
        loss: Module | str | None = None, training: bool = False, name: str = "",
        **inputs: Any,
    ) -> None:
        self.module = checked(module, "Network")
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
        result = _called(module, self.inputs)
        outputs = _outputs(result)
        self.uses = _uses(module)
        self.losses: list[str] = []
        self.start: str | Mapping[str, str] | None = None
        self.values: Mapping[str, Any] = {}
        self.loss = constructor(loss)() if isinstance(loss, str) else loss
        if self.loss is not None:
            outputs = self._with_loss(self.loss, outputs)
        self.program = self._program(outputs)

    def built(self, training: bool, loss: Module | str | None = None) -> Network:
        """The same network built for training or for use, under another loss if one is given.

        Parameters have the same names in both.
        """
        found = Network(self.module, self.inputs, batch=self.batch, training=training,
                        name=self.name, loss=self.loss if loss is None else loss)
        found.start, found.values = self.start, self.values
        return found

    def _with_loss(self, loss: Module, outputs: dict[str, Node]) -> dict[str, Node]:
        """The outputs and the loss; its target becomes an input."""
        loss = checked(loss, "loss")
        if "loss" in outputs:
            raise DefinitionError("the network has an output called loss already", None,
                                  "call that one something else, or give no loss here")
        loss.place("loss", self.training)
        first = next(iter(outputs.values()))
        if isinstance(loss, Layer):
            loss.targets = True
        value = loss(Variable(first))
        if not isinstance(value, Variable) or value.shape:
            raise ShapeError(f"a loss is a number, and {loss!r:.60} gives {value!r:.60}", None,
                             "take one of the library's losses, such as nn.MSELoss()")
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

        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise InputError(f"a seed is a whole number of at least 0, not {seed!r:.40}")
        if how is not None:
            return initialise(list(self.everything()), seed, how)
        found = initialise(list(self.everything()), seed, self.start)
        for name, value in self.values.items():
            found[name] = found[name] * 0 + value  # an array of the parameter's shape
        return found

    def sizes(self, batch: int | None = 1, given: Mapping[str, int] | None = None,
              padding: bool = True, input_gradient: bool = False) -> Sizes:
        """Shapes, parameters, operations, memory, receptive fields; see `chainrule.count.sizes`.

        `given` are values of sizes that are names, beside the batch.
        """
        given = dict(given or {})
        if batch is not None and self.batch is not None:
            given.setdefault(self.batch, batch)
        return sizes(self.program, given, padding=padding, input_gradient=input_gradient)

    def summary(self, batch: int | None = 1, only: Collection[str] = SECTIONS,
                given: Mapping[str, int] | None = None, padding: bool = True,
                input_gradient: bool = False) -> Page:
        """The sizes as a page that prints, and that notebooks draw.

        `only` names the sections: layers, shapes, operations, memory.
        """
        for section in only:
            if section not in SECTIONS:
                raise UnknownNameError(f"there is no section {section!r:.40}", None,
                                       did_you_mean(section, list(SECTIONS))
                                       or f"there are {', '.join(SECTIONS)}")
        found = self.sizes(batch, given, padding, input_gradient)
        document = describe(found, self.name, batch=self.batch, only=only)
        return Page(document.title, document.blocks)

    def __str__(self) -> str:
        return str(self.program)

    def __repr__(self) -> str:
        count = sum(1 for _ in self.parameters())
        return (f"<Network {self.name}: {len(self.uses)} layer{'s' * (len(self.uses) != 1)}, "
                f"{count} parameter tensor{'s' * (count != 1)}>")


def _called(module: Module, inputs: Mapping[str, Variable]) -> Any:
    """What a module gives: inputs by the names of forward's arguments, one alone by its place."""
    if isinstance(module, Layer):
        names = [*declared_inputs(module.entry.text)]
    else:
        parameters = inspect.signature(module.forward).parameters.values()
        names = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if names and inputs.keys() <= set(names):
        return module(**inputs)
    if len(inputs) == 1 or not names:
        return module(*inputs.values())
    unknown = next(n for n in inputs if n not in names)
    raise UnknownNameError(f"the network's forward has no argument {unknown}", None,
                           did_you_mean(unknown, names) or f"it has {', '.join(names)}")


def _variable(name: str, value: Any, batch: str | int | None) -> Variable:
    if isinstance(value, Variable):
        return value
    shape: Shape = shape_of(value)
    front = () if batch is None else shape_of(batch)
    for axis in (*front, *shape):
        if axis.constant is not None and axis.constant < 1:
            raise ShapeError(f"the input {name} would have {axis} cells on an axis", None,
                             "a size is a name or a number of at least 1")
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
