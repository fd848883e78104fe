"""Networks from TOML files, whose form `chainrule.nn.reading` describes.

What is read there is put together here: options are chosen, blocks stand in their places.

    >>> network = assemble(read('''
    ... options = { hidden = 3 }
    ... layers = [{ Linear = { out_features = "2*hidden" } }, "ReLU"]
    ... [input]
    ... x = [4]
    ... '''), hidden=5)
    >>> [str(axis) for axis in network.program.tensors["dense1_W"].shape]
    ['10', '4']
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from os import PathLike
from typing import Any, Final

from chainrule.errors import (
    ChainruleError,
    InputError,
    LimitError,
    ShapeError,
    Span,
    UnknownNameError,
    did_you_mean,
)
from chainrule.formulas.entry import NEEDED
from chainrule.lang.expr import IndexValue, Number, Ref, walk
from chainrule.lang.integers import Integer, Size, constant
from chainrule.lang.parse import parse_expression
from chainrule.literals import value as literal_value
from chainrule.nn.module import Layer, Module, Unroll
from chainrule.nn.network import Network
from chainrule.nn.reading import LAYERS_AT_MOST, Block, Line, NetworkSpec, read, read_file
from chainrule.nn.wiring import Step, Wiring
from chainrule.operators.shapes import shape_of
from chainrule.operators.variables import Variable, input

__all__ = ["NetworkSpec", "assemble", "load", "read", "read_file"]

Scope = Mapping[str, Any]
_GIVEN: Final = object()


def load(path: str | PathLike[str], **options: Any) -> Network:
    """The network in a TOML file; options as for `assemble`."""
    return assemble(read_file(path), **options)


def assemble(
    spec: NetworkSpec, /, *, shape: Any = None, batch: Any = _GIVEN, training: bool = False,
    loss: Module | None = None, name: str = "", **options: Any,
) -> Network:
    """A network from its specification.

    `shape` replaces that of its first input, `batch` the size of the batch, `loss` the loss.
    Raises `ShapeError` where layers do not fit, with the layer's name and line; `LimitError`
    before anything is built.
    """
    return _Assembler(spec, options).network(
        shape, spec.batch if batch is _GIVEN else batch, training, loss, name)


class _Assembler:
    def __init__(self, spec: NetworkSpec, options: Mapping[str, Any]) -> None:
        self.spec = spec
        known = list(spec.main.options)
        for key in options:
            if key not in known:
                raise InputError(f"{spec.source.name} has no option {key}", None,
                                 did_you_mean(key, known)
                                 or f"its options are {', '.join(known) or 'none'}")
        self.scope = {**spec.main.options, **options}
        self.sizes: set[str] = set()
        self.counted: dict[tuple[Any, ...], int] = {}

    def network(self, shape: Any, batch: Any, training: bool, loss: Module | None,
                name: str) -> Network:
        spec = self.spec
        inputs = self.inputs(shape, batch)
        for key, value in self.scope.items():
            if value is None:
                raise InputError(f"{spec.source.name} needs the option {key}")
        self.count(spec.main, self.scope)
        module = self.block(spec.main, self.scope)
        if loss is None and spec.loss is not None:
            loss = self.layer(spec.loss, self.scope)
        try:
            network = Network(module, inputs, loss=loss, training=training, batch=batch,
                              name=name or spec.title or spec.source.name)
        except ChainruleError as error:
            if spec.loss is not None and loss is not None and loss.path == "loss":
                error.with_span(spec.source.span(spec.loss.path))
            raise
        network.start = self.checked_start(network)
        network.values = self.checked_values(network)
        return network

    # --- inputs

    def inputs(self, shape: Any, batch: Any) -> dict[str, Variable]:
        """The input variables; names of sizes in their shapes are known from here on."""
        front = () if batch is None else tuple(shape_of(batch))
        self.sizes.update(name for axis in front for name in axis.sizes())
        found: dict[str, Variable] = {}
        for key, given in self.spec.inputs.items():
            path = ("input", key)
            table = given if isinstance(given, dict) else {"shape": given}
            for word in table:
                if word not in ("shape", "kind", "below"):
                    raise self.unknown((*path, word), f"an input has no {word!r:.60}", word,
                                       ["shape", "kind", "below"])
            try:
                wanted = table.get("shape", []) if shape is None or found else shape
                axes = self.shape(wanted, path)
                below = table.get("below")
                bound = None if below is None else self.axis(below, (*path, "below"))
                found[key] = input(key, (*front, *axes), table.get("kind", "real"), bound)
            except ChainruleError as error:
                error.with_span(self.spec.source.span(path))
                raise
        return found

    def shape(self, given: Any, path: tuple[Any, ...]) -> tuple[Integer, ...]:
        listed = given if isinstance(given, list | tuple) else [given]
        return tuple(self.axis(axis, path) for axis in listed)

    def axis(self, given: Any, path: tuple[Any, ...]) -> Integer:
        """A size: a number, a formula in the options, or a name of its own."""
        if isinstance(given, str) and given.isidentifier() and given not in self.scope:
            self.sizes.add(given)
        value = self.value(given, self.scope, path)
        if isinstance(value, bool) or not isinstance(value, int | Integer):
            raise InputError(f"an axis is a whole number or a name, not {given!r:.60}",
                             self.spec.source.span(path))
        if isinstance(value, int) and value < 1:
            raise ShapeError(f"an axis has at least 1 cell, not {value}",
                             self.spec.source.span(path))
        return shape_of(value)[0]

    # --- layers

    def block(self, block: Block, scope: Scope) -> Wiring:
        """A block's module, every line of it repeated as often as it says."""
        steps: list[Step] = []
        here = {name: name for name in block.inputs}
        before = block.inputs[0]
        for line in block.lines:
            span = self.spec.source.span(line.inner)
            sources = tuple(here[s] for s in line.sources) if line.sources else (before,)
            for k in range(self.repeats(line, scope)):
                name = str(line.name) if line.repeat is None else f"{line.name}.{k + 1}"
                if line.entry is not None and line.entry.kind == "join":
                    for at in range(len(sources) - 2):  # of three and more, two at a time
                        part = f"{name}.{at + 1}"
                        steps.append(Step(part, self.module(line, scope), sources[:2], span))
                        sources = (part, *sources[2:])
                steps.append(Step(name, self.module(line, scope), sources, span))
                sources = (name,)
            if len(sources) > 1:
                raise InputError(f"{line.name} stands 0 times, and cannot hand on several inputs",
                                 span)
            before = here[str(line.name)] = sources[0]
        return Wiring(block.inputs, steps, [here[name] for name in block.outputs])

    def module(self, line: Line, scope: Scope) -> Module:
        """What one line stands for."""
        if line.entry is None:
            return self.block(self.spec.blocks[line.block], self.inner(line, scope))
        layer = self.layer(line, scope)
        return Unroll(layer) if line.entry.kind == "cell" else layer

    def layer(self, line: Line, scope: Scope) -> Layer:
        """A formula of the library with its settings worked out."""
        assert line.entry is not None
        settings = {}
        for key, given in line.settings.items():
            setting = line.entry.setting(key)
            words = () if setting is None else (*setting.words, *_text(setting.default))
            settings[key] = self.value(given, scope, (*line.inner, key), words)
        return Layer(line.entry, settings)

    def inner(self, line: Line, scope: Scope) -> Scope:
        """The options of a block where it stands."""
        block = self.spec.blocks[line.block]
        known = list(block.options)
        for key in line.settings:
            if key not in known:
                raise self.unknown((*line.path, key), f"block {line.block} has no option "
                                   f"{key!r:.60}", key, known)
        given = {key: self.value(value, scope, (*line.path, key))
                 for key, value in line.settings.items()}
        found = {**block.options, **given}
        for key, value in found.items():
            if value is None:
                raise InputError(f"block {line.block} needs the option {key}",
                                 self.spec.source.span(line.inner),
                                 f'write {{ block = "{line.block}", {key} = … }}')
        return found

    def repeats(self, line: Line, scope: Scope) -> int:
        """How often a line stands."""
        if line.repeat is None:
            return 1
        count = self.value(line.repeat, scope, (*line.path, "repeat"))
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise InputError(f"repeat is a whole number, found {count!s:.40}",
                             self.spec.source.span((*line.path, "repeat")))
        return count

    def count(self, block: Block, scope: Scope) -> int:
        """How many layers a block comes to; raises `LimitError` where they are too many."""
        key = (block.name, repr(sorted(scope.items(), key=lambda item: item[0])))
        if key not in self.counted:
            total = 0
            for line in block.lines:
                times = self.repeats(line, scope)
                if times:
                    each = 1 if line.entry is not None else self.count(
                        self.spec.blocks[line.block], self.inner(line, scope))
                    total += times * each
                if total > LAYERS_AT_MOST:
                    raise LimitError(f"more than {LAYERS_AT_MOST:,} layers",
                                     self.spec.source.span(line.path), "repeat less often")
            self.counted[key] = total
        return self.counted[key]

    # --- values

    def value(self, given: Any, scope: Scope, path: tuple[Any, ...],
              words: tuple[Any, ...] = ()) -> Any:
        """A setting's value: a number, a word of the setting's own, or a formula in the options."""
        if isinstance(given, list | tuple):
            return tuple(self.value(part, scope, path, words) for part in given)
        if isinstance(given, Fraction):
            return _decimal(given)
        if not isinstance(given, str):
            return given
        if given in scope:
            return scope[given]
        if given in words:
            return given
        span = self.spec.source.span(path)
        if given.isidentifier() and given not in self.sizes:
            known = [*scope, *(w for w in words if isinstance(w, str)), *sorted(self.sizes)]
            raise self.unknown(path, f"there is no option {given:.60}", given, known)
        return self.formula(given, scope, span)

    def formula(self, text: str, scope: Scope, span: Span | None) -> int | Integer:
        """A whole number, or a size, from a formula such as 4*width."""
        numbers = {key: value for key, value in scope.items()
                   if isinstance(value, int | Integer) and not isinstance(value, bool)}
        try:
            found = parse_expression(text, "setting", sizes=[*numbers, *self.sizes])
        except ChainruleError as error:
            error.message, error.span = f"in {text!r:.60}: {error.message}", span
            raise
        if isinstance(found, Number) and isinstance(found.value, int):
            return found.value
        for node in walk(found):
            if isinstance(node, Ref):
                raise UnknownNameError(f"there is no option {node.tensor:.60}", span,
                                       did_you_mean(node.tensor, [*scope, *self.sizes])
                                       or f"there are {', '.join(scope) or 'none'}")
        if not isinstance(found, IndexValue):
            raise InputError(f"{text!r:.60} is no whole number in the options", span,
                             "it may hold +, -, * and //, which rounds down")

        def put(a: object) -> Integer | None:
            value = numbers.get(a.name) if isinstance(a, Size) else None
            return constant(value) if isinstance(value, int) else value

        try:
            value = found.value.substitute(put)
        except ZeroDivisionError:
            raise InputError(f"{text!r:.60} divides by zero", span) from None
        return value if value.constant is None else value.constant

    def unknown(self, path: tuple[Any, ...], message: str, word: str,
                known: list[str]) -> UnknownNameError:
        return UnknownNameError(message, self.spec.source.span(path), did_you_mean(word, known)
                                or f"known here: {', '.join(known[:30]) or 'none'}")

    # --- how parameters begin

    def checked_start(self, network: Network) -> Any:
        """The choice of initialisers, every name in it being a parameter's."""
        start = self.spec.initial
        if isinstance(start, Mapping):
            for key in start:
                self.parameter(network, key, ("initial", key))
        return start

    def checked_values(self, network: Network) -> dict[str, Any]:
        """The numbers that the file gives, by tensor name."""
        found = {}
        for key, given in self.spec.values.items():
            name, shape = self.parameter(network, key, ("values", key))
            span = self.spec.source.span(("values", key))
            try:
                numbers = _numbers(given)
            except ChainruleError as error:
                error.message, error.span = f"{key}: {error.message}", span
                raise
            own = _shape(numbers)
            if own != shape:
                raise ShapeError(f"{key} has the shape {shape}, and the values have {own}", span)
            found[name] = numbers
        return found

    def parameter(self, network: Network, key: str,
                  path: tuple[Any, ...]) -> tuple[str, tuple[int | None, ...]]:
        for p in network.everything():
            if key in (p.path, p.tensor.name):
                return p.tensor.name, tuple(axis.constant for axis in p.tensor.shape)
        raise self.unknown(path, f"the network has no parameter {key!r:.60}", key,
                           [p.path for p in network.everything()])


def _text(default: object) -> tuple[str, ...]:
    """The default of a setting, where it is a word that one may write."""
    return (default,) if isinstance(default, str) and default != NEEDED else ()


def _numbers(given: Any) -> Any:
    """Nested lists of floats."""
    if isinstance(given, list):
        return [_numbers(part) for part in given]
    if isinstance(given, str):
        given = literal_value(given)
    if isinstance(given, bool) or not isinstance(given, int | float | Fraction):
        raise InputError(f"{given!s:.60} stands where a number is wanted")
    try:
        return float(given)
    except OverflowError:
        raise InputError("the number is too large for a float") from None


def _decimal(given: Fraction) -> float | Fraction:
    """The float that is written like this number, if there is one."""
    try:
        near = float(given)
    except OverflowError:
        return given
    return near if Fraction(repr(near)) == given else given


def _shape(numbers: Any) -> tuple[int, ...]:
    """The shape of nested lists; -1 where the parts of a list differ."""
    if not isinstance(numbers, list):
        return ()
    shapes = {_shape(part) for part in numbers}
    return (len(numbers), *(shapes.pop() if len(shapes) == 1 else (-1,) if shapes else ()))
