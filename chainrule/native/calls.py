"""Single calls of compiled formulas: `cr.compile`.

    >>> import chainrule as cr
    >>> f = cr.compile("y = (x + 2*w)^2 / (1 + exp(-x*w))")
    >>> round(f(x=1.0, w=2.0), 4)
    22.0199
    >>> value, slope = f.value_and_gradient(1.0, 2.0)
    >>> round(slope["x"], 4), round(slope["w"], 4)
    (14.0577, 20.2408)

A `CompiledFormula` has the face of a `Formula`: called, it gives the value; `gradient` and
`value_and_gradient` give what they give there. Each of the three is a `Method`. A method compiles
when it first meets values of some shapes and keeps what it compiled; what the code does not take
as it comes, the method converts, so that errors are those of the reference.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, Signature
from keyword import iskeyword
from typing import Any, Final

import numpy as np

from chainrule.diff.reverse import Derivative
from chainrule.errors import (
    ArityError,
    InputError,
    KindError,
    UnknownNameError,
    did_you_mean,
)
from chainrule.evaluate.reference import run
from chainrule.evaluate.values import Sizes, bind
from chainrule.lang.program import Program
from chainrule.native.calls_code import REFUSED, Direct, Waiting, assembled, code_for
from chainrule.native.calls_entry import Tree
from chainrule.native.machine import llvm

_KEPT: Final = 16  # sets of shapes that a method keeps code for
_VALUE, _GRADIENT, _BOTH = "__call__", "gradient", "value_and_gradient"
_TOLD: Final = {
    _VALUE: "The value of the formula.",
    _GRADIENT: "The gradient by the name of each input.",
    _BOTH: "The value, and the gradient by the name of each input.",
}


class CompiledFormula:
    """A formula as machine code; made by `cr.compile`.

    `f(...)` gives the value (a float for a scalar, an array for a tensor, a dictionary by name for
    several outputs), `f.gradient(...)` the gradient by input, `f.value_and_gradient(...)` both as
    a pair. Inputs are given by place, in the order of `inputs`, by name, or as a mapping.

    Raises what `Formula` raises, and `ArityError` for too many values.
    """

    # `f(...)` looks up `__call__` as it looks up any attribute of the class. Here it finds a slot,
    # and in it the builtin: no Python code stands between a call and the machine code.
    __slots__ = ("__call__", "__weakref__", "_derivative", "_options", "_output", "gradient",
                 "inputs", "program", "value_and_gradient")

    __call__: Callable[..., Any]
    gradient: Callable[..., dict[str, Any]]
    value_and_gradient: Callable[..., tuple[Any, dict[str, Any]]]

    def __init__(self, program: Program, value: Program, output: Callable[[], str],
                 derivative: Callable[[], Derivative], *, dtype: str = "float64",
                 check: bool = True, threads: int = 1,
                 sizes: Mapping[str, int] | None = None) -> None:
        llvm()
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise InputError(f"{threads!r:.40} threads cannot run anything", None,
                             "give a whole number of at least 1")
        self.program = program
        self.inputs = program.inputs
        self._output, self._derivative = output, derivative
        self._options = dtype, check, threads, _sizes(value, sizes or {})
        names = program.outputs
        tree: Tree = names[0] if len(names) == 1 else {name: name for name in names}
        self._make(_VALUE, value, tree)

    def __getattr__(self, name: str) -> Any:
        """The derivatives, made when they are first asked for."""
        if name not in (_GRADIENT, _BOTH):
            raise AttributeError(f"a compiled formula has no attribute {name!r:.60}")
        d = self._derivative()
        gradient: Tree = dict(d.names)
        self._make(name, d.program, gradient if name == _GRADIENT else (self._output(), gradient))
        return object.__getattribute__(self, name)

    def _make(self, name: str, program: Program, tree: Tree) -> None:
        method = Method(name, program, tree, *self._options, weakref.ref(self))
        object.__setattr__(self, name, method)
        method.prepare()

    @property
    def __signature__(self) -> Signature:
        """What `inspect.signature` tells: the inputs by name, where these are Python's."""
        names = self.inputs if _are_names(self.inputs) else ("values",)
        return Signature([Parameter(n, Parameter.POSITIONAL_OR_KEYWORD) for n in names])

    def __str__(self) -> str:
        return str(self.program)

    def __repr__(self) -> str:
        return f"<compiled formula of {', '.join(self.inputs)}>\n{self}"


class Method:
    """One way to call a compiled formula: the code for the shapes met so far, and the way to it."""

    def __init__(self, name: str, program: Program, tree: Tree, dtype: str, check: bool,
                 threads: int, sizes: Mapping[str, int],
                 owner: weakref.ref[CompiledFormula]) -> None:
        self.name, self.program, self.tree = name, program, tree
        self.dtype, self.check, self.threads, self.sizes = dtype, check, threads, sizes
        self.inputs = program.inputs
        self._owner = owner
        self._codes: dict[tuple[Any, ...], Direct | Waiting] = {}
        self._builtin: Callable[[], Any] = _nobody
        self._current: Direct | Waiting | None = None  # what the builtin runs
        self._recent: Direct | Waiting | None = None

    def __call__(self, /, *values: Any, **named: Any) -> Any:
        """A call through whatever code was used last."""
        function = self._builtin()
        return self.call(*values, **named) if function is None else function(*values, **named)

    def prepare(self) -> None:
        """Compile at once, where no value has to tell a size."""
        shapes = [self.program.tensors[name].shape for name in self.inputs]
        if not any(shapes) and set(self.program.size_names()) <= self.sizes.keys():
            self._offer(self._code(tuple(() for _ in shapes), self.sizes, ()))

    # --- a call

    def call(self, /, *values: Any, **named: Any) -> Any:
        """A call on values of any kind, converted as they need; errors are raised here."""
        given = self._given(values, named)
        extra = tuple(sorted((n, given[n]) for n in given if n not in self.program.tensors))
        if not extra and len(given) == len(self.inputs):
            ordered = [self._as_read(name, given[name]) for name in self.inputs]
            code = self._codes.get((tuple(map(_shape, ordered)), ()))
            if code is not None:
                found = code.run(ordered)
                if found is not REFUSED:
                    if code is self._recent:  # for the second time: the next call goes straight
                        self._offer(code)
                    self._recent = code
                    return found
        given = {**self.sizes, **given}
        sizes, arrays = self._bound(given)
        ordered = [arrays[name] for name in self.inputs]
        shapes = tuple(array.shape for array in ordered)
        code = self._code(shapes, sizes, extra)
        if not extra:
            self._offer(code)
        found = code.run([self._plain(array) for array in ordered])
        return self._by_reference(given) if found is REFUSED else found

    def _given(self, values: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        """Values by name."""
        if len(values) == 1 and isinstance(values[0], Mapping):
            return {**values[0], **named}
        if len(values) > len(self.inputs):
            raise ArityError(f"{len(values)} values are given, and the inputs are "
                             f"{len(self.inputs)}: {', '.join(self.inputs) or 'none'}")
        given = dict(zip(self.inputs, values, strict=False))
        for name in named:
            if name in given:
                raise InputError(f"{name} is given twice, by its place and by its name")
        return {**given, **named}

    def _bound(self, given: Mapping[str, Any]) -> tuple[Sizes, dict[str, np.ndarray]]:
        """The sizes, and the values as arrays; NaN passes where nothing is checked."""
        if self.check:
            return bind(self.program, given)
        numbers = {name: array for name in self.inputs if name in given
                   and (array := _with_nan(given[name])) is not None}
        sizes, arrays = bind(self.program, {**given, **{
            name: np.where(np.isnan(array), 0.0, array) for name, array in numbers.items()}})
        return sizes, {**arrays, **numbers}

    def _as_read(self, name: str, value: Any) -> Any:
        """An array of another kind of numbers, or in another order, as the code reads it."""
        if not isinstance(value, np.ndarray) or not value.ndim:
            return value
        integral = self.program.tensors[name].kind == "integer"
        if value.dtype.kind not in ("i" if integral else "iuf"):
            return value
        with np.errstate(over="ignore"):  # what is too large for single precision is infinite
            return np.ascontiguousarray(value, np.int64 if integral else self.dtype)

    def _plain(self, array: np.ndarray) -> Any:
        """A bound value as the code takes it."""
        if not array.ndim:
            return array.item()
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(
                array, np.int64 if array.dtype.kind == "i" else self.dtype)

    def _by_reference(self, given: Mapping[str, Any]) -> Any:
        """What the reference says where the code would not: mostly an error with its place.

        An infinity that IEEE has, such as exp(1000), is given back.
        """
        tables = run(self.program, given, dtype=self.dtype, check=self.check)
        return assembled(self.tree, {
            name: array if array.ndim else array.item() for name, array in tables.items()})

    # --- code

    def _code(self, shapes: tuple[tuple[int, ...], ...], sizes: Mapping[str, int],
              extra: tuple[Any, ...]) -> Direct | Waiting:
        """The code for some shapes, compiled if it is not there."""
        key = (shapes, extra)
        code = self._codes.get(key)
        if code is None:
            code = code_for(self.program, sizes, self.tree, self.dtype, self.check, self.threads)
            if len(self._codes) >= _KEPT:
                self._codes.pop(next(iter(self._codes)), None)
            self._codes[key] = code
        return code

    def _offer(self, code: Direct | Waiting) -> None:
        """Let the formula's next calls go to some code first."""
        owner = self._owner()
        if owner is None or code is self._current or not isinstance(code, Direct):
            return
        function = code.function(self.name.strip("_"), self._documentation(owner), self.call)
        self._builtin = weakref.ref(function)
        self._current = code
        object.__setattr__(owner, self.name, function)

    def _documentation(self, owner: CompiledFormula) -> str:
        """The text that `help` shows, after the line in which Python looks for a signature."""
        told = f"{_TOLD[self.name]}\n\n{owner}"
        if not _are_names(self.inputs):
            return told
        return f"{self.name.strip('_')}({', '.join(self.inputs)})\n--\n\n{told}"


def _sizes(program: Program, given: Mapping[str, int]) -> dict[str, int]:
    """Sizes that are given once for all calls, checked."""
    known = program.size_names()
    for name, size in given.items():
        if name not in known:
            raise UnknownNameError(f"the formula has no size {name}", None,
                                   did_you_mean(name, known)
                                   or f"its sizes are {', '.join(known) or 'none'}")
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise KindError(f"the size {name} must be a whole number, 0 or more; "
                            f"found {size!r:.60}")
    return dict(given)


def _are_names(names: Sequence[str]) -> bool:
    return all(name.isidentifier() and not iskeyword(name) for name in names)


def _nobody() -> None:
    return None


def _shape(value: Any) -> tuple[int, ...]:
    return value.shape if isinstance(value, np.ndarray) else ()


def _with_nan(value: Any) -> np.ndarray | None:
    """A value as an array of doubles, if it is one that holds NaN."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if array.dtype.kind != "f" or not np.isnan(array).any():
        return None
    return array.astype(np.float64)
