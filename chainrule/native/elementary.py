"""Machine code for the functions of the table, on vectors of any length, in float and double.

The backend writes LLVM code for the equations of a program; where an equation says `tanh`, it
calls `Elementary(module).call(builder, "tanh", [x])` and gets the value of the result. Each
function is written into the module once per type, as a short internal function that the
optimiser pastes into its callers.

The functions that networks are made of are formulas on whole vectors (`elementary_exp`,
`elementary_log`, `elementary_trig`), with no call and no branch; sine, cosine and tangent leave
for the C library when a lane is larger than `elementary_trig.reach`. The rarer ones (`asin`,
`acos`, `atan`, `atan2` and the hyperbolic ones but `tanh`) call the C library for each lane, in
double. At the edges all of them agree with `chainrule.evaluate.arrays`: NaN stays NaN, exp and
ln know infinity and 0, `max(a, b)` is a where a >= b and b otherwise. Results below the smallest
normal number are rounded like others, not flushed to 0. Nothing here has a fast-math flag.

Bounds on the errors found, over each function's whole range of finite arguments: in units in the
last place of the true value in float, and in units of 10^-16 of the true value in double (a unit
in the last place is 1.1 to 2.2 of these). `tests/test_native_elementary.py` measures them again.
The C library's functions, rounded to float, are within 0.51 units in the last place. Without
an instruction for a*b + c the errors are a little larger, and below 4 units and 2e-15 as well.

              float   double
    exp       0.95    1.4
    expm1     1.70    2.6
    ln        0.85    1.6
    log1p     1.50    2.1
    log2      2.00    2.4
    log10     2.20    4.1
    sigmoid   2.50    3.1
    softplus  2.20    4.3
    tanh      2.60    3.2
    erf       1.20    4.4
    sin       1.60    2.5
    cos       1.60    2.5
    tan       3.80    4.4
    sqrt      0.50    1.2
    pow       1.60    9.5
"""

from __future__ import annotations

import ctypes
import ctypes.util
import math
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from llvmlite import binding, ir

from chainrule.errors import ArityError, KindError, UnknownNameError, did_you_mean
from chainrule.native import elementary_exp, elementary_log, elementary_trig
from chainrule.native.elementary_lanes import (
    DOUBLE,
    FLOAT,
    Kit,
    Lanes,
    declared,
    element,
    lanes_of,
    suffix,
)

Formula = Callable[..., Lanes]


def _sign(k: Kit, x: Lanes) -> Lanes:
    return k.where(x > 0.0, 1.0, k.where(x < 0.0, -1.0, x))


def _heaviside(k: Kit, x: Lanes) -> Lanes:
    return k.where(x > 0.0, 1.0, k.where(x < 0.0, 0.0, k.where(x.equals(0.0), 0.5, x)))


def _maximum(k: Kit, a: Lanes, b: Lanes) -> Lanes:
    return k.where(a >= b, a, k.where(a >= a, b, a))  # NaN wins


def _minimum(k: Kit, a: Lanes, b: Lanes) -> Lanes:
    return k.where(a <= b, a, k.where(a <= a, b, a))


def _relu(k: Kit, x: Lanes) -> Lanes:
    return k.where(x <= 0.0, 0.0, x)


_FORMULAS: Final[dict[str, Formula]] = {
    "add": lambda k, a, b: a + b,
    "sub": lambda k, a, b: a - b,
    "mul": lambda k, a, b: a * b,
    "div": lambda k, a, b: a / b,
    "neg": lambda k, a: -a,
    "pow": elementary_log.pow,
    "exp": elementary_exp.exp,
    "expm1": elementary_exp.expm1,
    "ln": elementary_log.ln,
    "log1p": elementary_log.log1p,
    "log2": elementary_log.log2,
    "log10": elementary_log.log10,
    "xlogy": elementary_log.xlogy,
    "sqrt": Kit.sqrt,
    "square": lambda k, x: x * x,
    "abs": Kit.absolute,
    "sign": _sign,
    "heaviside": _heaviside,
    "floor": Kit.floor,
    "ceil": Kit.ceil,
    "max": _maximum,
    "min": _minimum,
    "relu": _relu,
    "sigmoid": elementary_exp.sigmoid,
    "softplus": elementary_exp.softplus,
    "tanh": elementary_exp.tanh,
    "erf": elementary_exp.erf,
    "sin": elementary_trig.sin,
    "cos": elementary_trig.cos,
    "tan": elementary_trig.tan,
    "stop_gradient": lambda k, x: x,
}
_REDUCED: Final = ("sin", "cos", "tan")  # formulas up to a reach, C library beyond
_BY_LANE: Final = {name: 1 for name in ("asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh",
                                        "atanh")} | {"atan2": 2}
_ARITY: Final = {name: 1 for name in _FORMULAS} | _BY_LANE | {
    name: 2 for name in ("add", "sub", "mul", "div", "pow", "xlogy", "max", "min")}

LONG: Final = frozenset({
    "exp", "expm1", "ln", "log1p", "log2", "log10", "xlogy", "pow", "sigmoid", "softplus", "tanh",
    "erf", "sin", "cos", "tan"})
"""Those of many instructions, which take no longer for a whole vector than for one number."""

DEEP: Final = frozenset({"erf", "softplus", "pow", "xlogy", "sin", "cos", "tan"})
"""Those of them with one of the others inside, or a way out for large numbers."""

NAMES: Final = frozenset(_ARITY) | {"pi"}
"""The functions of the table that can be compiled here: all but comparisons and logic."""

LIBM: Final = (*_REDUCED, *_BY_LANE,
               # what a processor without such instructions calls for
               "fma", "fmaf", "floor", "floorf", "ceil", "ceilf")
"""The functions of the C library that the code may refer to."""


@lru_cache(maxsize=1)
def bind_libm() -> None:
    """Tell LLVM where the functions of `LIBM` are; call it before code is linked.

    Only the first call of a process looks for them, which takes some milliseconds.

    Raises `UnknownNameError` where the C library lacks one of them.
    """
    name = "ucrtbase" if sys.platform == "win32" else ctypes.util.find_library("m")
    library = ctypes.CDLL(name)
    for symbol in LIBM:
        try:
            address = ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value
        except AttributeError:
            raise UnknownNameError(f"the C library of this machine has no function {symbol}",
                                   hint="evaluate with the NumPy reference instead") from None
        binding.add_symbol(symbol, address)


class Elementary:
    """The elementary functions of one LLVM module.

    >>> from llvmlite import ir
    >>> module = ir.Module("example")
    >>> lanes = ir.VectorType(ir.FloatType(), 8)
    >>> kernel = ir.Function(module, ir.FunctionType(lanes, [lanes]), "kernel")
    >>> builder = ir.IRBuilder(kernel.append_basic_block())
    >>> value = Elementary(module).call(builder, "tanh", kernel.args)
    >>> _ = builder.ret(value)
    >>> [f.name for f in module.functions if not f.is_declaration]
    ['kernel', 'chainrule.tanh.v8f32']
    """

    def __init__(self, module: ir.Module) -> None:
        self.module = module

    def constant(self, kind: ir.Type) -> ir.Constant:
        """pi, rounded to a type, in all of its lanes."""
        if isinstance(kind, ir.VectorType):
            return ir.Constant(kind, [ir.Constant(kind.element, math.pi)] * kind.count)
        return ir.Constant(kind, math.pi)

    def call(self, builder: ir.IRBuilder, name: str, args: Sequence[ir.Value]) -> ir.Value:
        """The value of a function of the table at values of one type, written by the builder.

        The type is float, double or a vector of either; the result has it too. Raises
        `UnknownNameError` for a name that is not in `NAMES`, `ArityError` for too few or too many
        values, `KindError` for values of other types or of two types.
        """
        arity = _ARITY.get(name)
        if arity is None:
            raise UnknownNameError(f"there is no machine code for a function {name}",
                                   hint=did_you_mean(name, sorted(_ARITY)))
        if arity != len(args):
            raise ArityError(f"{name} takes {arity} values, not {len(args)}")
        kind = args[0].type
        if element(kind) not in (FLOAT, DOUBLE) or any(a.type != kind for a in args):
            found = " and ".join(str(a.type) for a in args)
            raise KindError(f"{name} wants float or double values of one type, not {found}")
        return builder.call(self._function(name, kind), list(args))

    def _function(self, name: str, kind: ir.Type) -> ir.Function:
        """The internal function for a type, written on first use."""
        symbol = f"chainrule.{name}.{suffix(kind)}"
        known = self.module.globals.get(symbol)
        if known is not None:
            return known
        if name in _BY_LANE:
            return self._by_lane(name, symbol, kind)
        function = self._internal(symbol, kind, _ARITY[name])
        function.attributes.add("alwaysinline")
        kit = Kit(ir.IRBuilder(function.append_basic_block()), kind)
        args = [Lanes(kit, a) for a in function.args]
        if name in _REDUCED:
            self._within_reach(kit, name, args[0])
        else:
            kit.builder.ret(_FORMULAS[name](kit, *args).value)
        return function

    def _internal(self, symbol: str, kind: ir.Type, arity: int) -> ir.Function:
        function = declared(self.module, symbol, kind, [kind] * arity)
        function.linkage = "internal"
        function.attributes.add("nounwind")
        return function

    def _within_reach(self, kit: Kit, name: str, x: Lanes) -> None:
        """The formula, with the C library's value in the lanes that are too large for it.

        The others keep the formula's, so that no lane's result depends on its neighbours.
        """
        builder = kit.builder
        size = kit.absolute(x)
        beyond = (size > elementary_trig.reach(kit)) & (size < math.inf)
        value = _FORMULAS[name](kit, x)
        far, near = builder.append_basic_block("far"), builder.append_basic_block("near")
        builder.cbranch(kit.any(beyond), far, near).set_weights([1, 1 << 20])
        builder.position_at_end(far)
        by_lane = self._by_lane(name, f"chainrule.{name}.far.{suffix(kit.kind)}", kit.kind)
        other = Lanes(kit, builder.call(by_lane, [x.value]))
        builder.ret(kit.where(beyond, other, value).value)
        builder.position_at_end(near)
        builder.ret(value.value)

    def _by_lane(self, name: str, symbol: str, kind: ir.Type) -> ir.Function:
        """The C library's function in double, called for one lane after the other."""
        arity = _ARITY[name]
        function = self._internal(symbol, kind, arity)
        function.attributes.add("noinline")
        builder = ir.IRBuilder(function.append_basic_block())
        scalar = declared(self.module, name, DOUBLE, [DOUBLE] * arity)
        single, vector = element(kind) == FLOAT, isinstance(kind, ir.VectorType)
        result = ir.Constant(kind, ir.Undefined)
        for lane in range(lanes_of(kind)):
            place = ir.Constant(ir.IntType(32), lane)
            args = [builder.extract_element(a, place) if vector else a for a in function.args]
            value = builder.call(scalar, [builder.fpext(a, DOUBLE) if single else a for a in args])
            value = builder.fptrunc(value, FLOAT) if single else value
            result = builder.insert_element(result, value, place) if vector else value
        builder.ret(result)
        return function
