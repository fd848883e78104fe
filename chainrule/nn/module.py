"""Modules: parts of a network that hold other parts and say how data flows through them.

    class Block(nn.Module):
        def __init__(self, channels):
            self.conv = nn.Conv2d(channels, channels, 3, padding=1)

        def forward(self, x):
            return cr.relu(self.conv(x)) + x

Nothing is computed in `forward`: it is given variables and writes formulas. What a module is called
in its parent is the first part of its parameters' names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chainrule.errors import (
    ChainruleError,
    InputError,
    KindError,
    ShapeError,
    UnknownNameError,
)
from chainrule.formulas.entry import Entry, Value
from chainrule.formulas.instance import Instance
from chainrule.formulas.template import declared_inputs, declared_parameters
from chainrule.lang.program import Tensor
from chainrule.operators.layers import Use, form, name_of
from chainrule.operators.nodes import Input, Node
from chainrule.operators.shapes import shape_of
from chainrule.operators.variables import Variable, stack, variable


class Module:
    """A part of a network; subclasses say in `forward` what they compute."""

    path = ""  # its place in the network, such as layer1.0.conv1
    training = False  # whether the network is built for training

    def forward(self, *inputs: Variable) -> Any:
        """The outputs for these inputs."""
        raise NotImplementedError(f"{type(self).__name__} does not say what forward does")

    def __call__(self, *inputs: Variable, **named: Variable) -> Any:
        try:
            return self.forward(*inputs, **named)
        except ChainruleError as error:
            _place_error(error, self.path)
            raise

    def children(self) -> Iterator[tuple[str, Module]]:
        """The modules that this one holds, by name, in the order in which it got them."""
        for name, value in vars(self).items():
            yield from _held(name, value)

    def modules(self) -> Iterator[Module]:
        """This module and all within it, each once."""
        met: set[int] = set()
        stack: list[Module] = [self]
        while stack:
            module = stack.pop()
            if id(module) not in met:
                met.add(id(module))
                yield module
                stack.extend(child for _, child in reversed(list(module.children())))

    def place(self, path: str = "", training: bool = False) -> None:
        """Tell this module and all within it where they stand, and forget their parameters."""
        met: set[int] = set()
        stack: list[tuple[Module, str]] = [(self, path)]
        while stack:
            module, here = stack.pop()
            if id(module) in met:
                continue  # shared: it keeps the name that it got first
            met.add(id(module))
            module.path, module.training = here, training
            module.reset()
            stack.extend((child, f"{here}.{name}" if here else name)
                         for name, child in reversed(list(module.children())))

    def reset(self) -> None:
        """Forget what a former network made of this module."""


def _held(name: str, value: Any) -> Iterator[tuple[str, Module]]:
    """The modules in an attribute: itself, or in lists and dictionaries, nested as they may be."""
    if isinstance(value, Module):
        yield name, value
    elif isinstance(value, list | tuple):
        for k, item in enumerate(value):
            yield from _held(f"{name}.{k}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _held(f"{name}.{key}", item)


def checked(value: Any, what: str) -> Module:
    """A module; raises `InputError` for anything else, with what was probably meant."""
    if isinstance(value, Module):
        return value
    hint = "it holds modules, such as nn.ReLU()"
    if isinstance(value, list | tuple):
        hint = "unpack the list: Sequential(*modules)"
    elif callable(value):
        name = getattr(value, "__name__", "ReLU")
        hint = f"write {name}(), with brackets; a function is called in a module's forward"
    elif isinstance(value, str):
        hint = f"write nn.{value}()" if value.isidentifier() else hint
    raise InputError(f"{what} wants a module, found a {type(value).__name__}", None, hint)


class Layer(Module):
    """A formula of the library with its settings; its parameters are made when it is first used."""

    def __init__(
        self, entry: Entry, settings: Mapping[str, Value], name: str | None = None
    ) -> None:
        self.entry = entry
        self.settings = dict(settings)
        self.name = name
        self.anonymous = False  # a function's: its tensors get names when the program is made
        self.targets = False  # a loss's: data that nobody gives becomes an input
        self.inputs: dict[str, Input] = {}
        self.uses: list[Use] = []

    def __repr__(self) -> str:
        said = ", ".join(f"{k}={v!r}" for k, v in self.settings.items())
        return f"{self.entry.layer}({said})"

    def reset(self) -> None:
        """Forget parameters and uses."""
        self.inputs = {}
        self.uses = []

    def forward(self, *inputs: Variable, **named: Variable) -> Any:
        """The formula on its inputs, by place or by the names in its text."""
        entry = self.entry
        text = entry.training if self.training and entry.training else entry.text
        names = declared_inputs(text)
        if len(inputs) > len(names):
            raise InputError(f"{entry.layer} takes {', '.join(names)}: {len(names)} inputs, found "
                             f"{len(inputs)}", None, f"settings are given by name: "
                             f"{', '.join(s.name for s in entry.settings) or 'it has none'}")
        given = {name: _node(entry, value) for name, value in zip(names, inputs, strict=False)}
        for name, value in named.items():
            if name not in names and name not in declared_parameters(text):
                raise UnknownNameError(f"{entry.layer} has no input {name}", None,
                                       f"its inputs are {', '.join(names)}")
            given[name] = _node(entry, value)
        path = "" if self.anonymous else self.path or self.name or entry.short
        if self.uses:
            path = f"{path}_{len(self.uses) + 1}"
        use = form(entry, path, given, self.settings, self._make(path), self.training)
        for local, node in given.items():
            _check_integers(entry, use.instance.tensors[local], node)
        self.uses.append(use)
        outputs = [Variable(node) for node in use.outputs]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _make(self, path: str) -> Callable[[Tensor, Instance], Input]:
        """What gives the node of an input that is not given: its own parameter, once made."""

        def make(tensor: Tensor, instance: Instance) -> Input:
            if tensor.role == "data":
                return self._data(tensor, path)
            if self.anonymous:
                raise InputError(f"{self.entry.name} needs its {tensor.name}", None,
                                 "a function has no parameters of its own: give it one by name, "
                                 f"or make a layer, nn.{self.entry.layer}")
            known = self.inputs.get(tensor.name)
            if known is None:
                first = self.path or self.name or self.entry.short
                own = Tensor(f"{name_of(first)}_{tensor.name}", tensor.shape, tensor.kind,
                             tensor.role, below=tensor.below)
                known = self.inputs[tensor.name] = Input(own)
            elif known.shape != tensor.shape:
                raise InputError(f"{self.entry.layer} is used twice, and its {tensor.name} would "
                                 f"have two shapes", None, "give each use a layer of its own")
            return known

        return make

    def parameter(self, name: str) -> Variable:
        """One of its parameters, by its name in the formula, for use elsewhere too.

        Raises `InputError` before the layer is used in `forward`: its sizes are not known then.
        """
        known = self.inputs.get(name)
        if known is None:
            raise InputError(f"{self.entry.layer} has no parameter {name} yet", None,
                             f"it has {', '.join(self.inputs)}" if self.inputs
                             else "call the layer first")
        return Variable(known)

    def _data(self, tensor: Tensor, path: str) -> Input:
        """The node of a data input that nobody gave: an error, unless it comes with training."""
        if self.targets:
            return Input(Tensor(tensor.name, tensor.shape, tensor.kind, "data",
                                below=tensor.below))
        if not self.training or tensor.name in declared_inputs(self.entry.text):
            raise InputError(f"{self.entry.layer} needs the input {tensor.name}", None,
                             f"call it as layer({', '.join(declared_inputs(self.entry.text))})")
        return Input(Tensor(f"{name_of(path)}_{tensor.name}", tensor.shape, tensor.kind, "data",
                            below=tensor.below))


class Parameter(Variable, Module):
    """A parameter of a module's own: `self.scale = nn.Parameter(64, initial="ones")`.

    In `forward` it is a variable like any other.
    """

    def __init__(self, *shape: Any, initial: str = "zeros") -> None:
        self.sizes = shape_of(shape)
        self.initial = initial
        self.reset()

    def reset(self) -> None:
        """Become an input of the network that is being built."""
        self.node = Input(Tensor(name_of(self.path) or "parameter", self.sizes, role="parameter"))


def _place_error(error: ChainruleError, path: str) -> None:
    """Let an error say in which layer it is, unless it says so already."""
    if path and not getattr(error, "__notes__", None):
        error.message = f"{path}: {error.message}"
        error.add_note(f"in {path}")


def _check_integers(entry: Entry, wanted: Tensor, node: Node) -> None:
    """Refuse reals where a formula counts with labels or tokens, and labels that are too large."""
    if wanted.kind != "integer":
        return
    if not isinstance(node, Input) or node.tensor.kind != "integer":
        raise KindError(f"{entry.layer}: {wanted.name} holds integers, found reals", None,
                        f"cr.input({node.name or 'y'!r}, shape=…, kind='integer', below=…)")
    most = wanted.below.constant if wanted.below is not None else None
    found = node.tensor.below.constant if node.tensor.below is not None else None
    if most is not None and found is not None and found > most:
        raise ShapeError(f"{entry.layer}: {node.name} may be up to {found - 1}, and {wanted.name} "
                         f"is below {most}")


def _node(entry: Entry, value: object) -> Node:
    try:
        return variable(value).node
    except InputError as error:
        error.message = f"{entry.layer}: {error.message}"
        raise


class Sequential(Module):
    """Modules one after the other; a dictionary gives them names of your own.

    Without names they are called after what they are: conv1, relu1, conv2, ...
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        self.parts: dict[str, Module] = {}
        count: dict[str, int] = {}
        for module in modules:
            if isinstance(module, Mapping):
                self.parts.update({k: checked(v, "Sequential") for k, v in module.items()})
                continue
            module = checked(module, "Sequential")
            base = module.entry.short if isinstance(module, Layer) else _lower(module)
            name = module.name if isinstance(module, Layer) and module.name else None
            if name is None:
                count[base] = count.get(base, 0) + 1
                name = f"{base}{count[base]}"
            self.parts[name] = module

    def children(self) -> Iterator[tuple[str, Module]]:
        """Its modules by name."""
        yield from self.parts.items()

    def forward(self, *inputs: Variable) -> Any:
        """Each module on the output of the one before."""
        x: Any = inputs
        for module in self.parts.values():
            x = module(*x) if isinstance(x, tuple) else module(x)
        return x

    def __repr__(self) -> str:
        return f"Sequential({', '.join(f'{name}={m!r}' for name, m in self.parts.items())})"

    def __iter__(self) -> Iterator[Module]:
        return iter(self.parts.values())

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, key: int | str) -> Module:
        return self.parts[key] if isinstance(key, str) else list(self.parts.values())[key]


def _lower(module: Module) -> str:
    return type(module).__name__.lower()


class Residual(Module):
    """`x + body(x)`, or `shortcut(x) + body(x)`: what the body adds to its input."""

    def __init__(self, body: Module, shortcut: Module | None = None) -> None:
        self.body = body
        self.shortcut = shortcut

    def forward(self, *inputs: Variable) -> Any:
        """The sum of the two branches."""
        (x,) = inputs
        return self.body(x) + (x if self.shortcut is None else self.shortcut(x))


class Unroll(Module):
    """A recurrent cell along the axis before the last: `x[..., T, V]` to `y[..., T, U]`.

    T has to be a number. Every step uses the same parameters; the state begins at zero.
    """

    def __init__(self, cell: Layer) -> None:
        self.cell = cell

    def forward(self, *inputs: Variable) -> Variable:
        """All hidden states, one behind the other."""
        (x,) = inputs
        steps = x.shape[-2].constant if x.ndim > 1 else None
        if steps is None:
            raise InputError(f"{self.cell.entry.layer}: the number of steps has to be known, found "
                             f"{x.shape[-2] if x.ndim > 1 else 'no such axis'}")
        state: tuple[Variable, ...] = ()
        outputs = []
        for step in range(steps):
            found = self.cell(x[..., step, :], *state)
            state = found if isinstance(found, tuple) else (found,)
            outputs.append(state[0])
        return stack(outputs, axis=-2)
