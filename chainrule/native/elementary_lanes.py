"""Numbers that a processor computes side by side, written as if they were one number.

A vector unit does the same thing to 4, 8 or 16 numbers at once; each place is a *lane*. The
formulas of `elementary_exp` and its neighbours are written once, with `+`, `*` and `<`, on a
`Lanes`; what comes out is LLVM code for whichever type the caller works in: `float` or `double`,
one number or a vector of any length. Nothing is computed here: `a + b` appends an instruction.

Two things differ from ordinary arithmetic. There are no branches, because the lanes cannot part:
both sides are computed and `where` picks. And the bits of a number are at hand: an IEEE number is
a sign, an exponent and a significand in fixed places, so that multiplying by a power of two, or
reading off a logarithm's whole part, is integer arithmetic on those bits.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from llvmlite import ir

FLOAT = ir.FloatType()
DOUBLE = ir.DoubleType()
BIT = ir.IntType(1)


def lanes_of(kind: ir.Type) -> int:
    """How many lanes a type has: 1 for a single number.

    >>> lanes_of(ir.VectorType(ir.FloatType(), 8)), lanes_of(ir.DoubleType())
    (8, 1)
    """
    return int(kind.count) if isinstance(kind, ir.VectorType) else 1


def element(kind: ir.Type) -> ir.Type:
    """The type of one lane."""
    return kind.element if isinstance(kind, ir.VectorType) else kind


def widened(kind: ir.Type, one: ir.Type) -> ir.Type:
    """The type with as many lanes as `kind` and `one` in each."""
    return ir.VectorType(one, kind.count) if isinstance(kind, ir.VectorType) else one


def suffix(kind: ir.Type) -> str:
    """How LLVM writes a type in a name.

    >>> suffix(ir.VectorType(ir.FloatType(), 16)), suffix(ir.DoubleType())
    ('v16f32', 'f64')
    """
    names = {FLOAT: "f32", DOUBLE: "f64", BIT: "i1"}
    one = names[element(kind)]
    return f"v{kind.count}{one}" if isinstance(kind, ir.VectorType) else one


class Lanes:
    """A value of the code being written: reals, integers or truth values, one in each lane."""

    __slots__ = ("kit", "value")
    __hash__ = None  # type: ignore[assignment]  # == writes an instruction, so no dictionary keys

    def __init__(self, kit: Kit, value: ir.Value) -> None:
        self.kit = kit
        self.value = value

    def _is_real(self) -> bool:
        return element(self.value.type) in (FLOAT, DOUBLE)

    def _other(self, other: Lanes | float) -> ir.Value:
        if isinstance(other, Lanes):
            return other.value
        return self.kit.constant(self.value.type, other)

    def _emit(self, real: str, whole: str, other: Lanes | float) -> Lanes:
        build = getattr(self.kit.builder, real if self._is_real() else whole)
        return Lanes(self.kit, build(self.value, self._other(other)))

    def _compare(self, operator: str, other: Lanes | float) -> Lanes:
        build = self.kit.builder
        compare = build.fcmp_ordered if self._is_real() else build.icmp_signed
        return Lanes(self.kit, compare(operator, self.value, self._other(other)))

    def __add__(self, other: Lanes | float) -> Lanes:
        return self._emit("fadd", "add", other)

    def __sub__(self, other: Lanes | float) -> Lanes:
        return self._emit("fsub", "sub", other)

    def __mul__(self, other: Lanes | float) -> Lanes:
        return self._emit("fmul", "mul", other)

    def __truediv__(self, other: Lanes | float) -> Lanes:
        return self._emit("fdiv", "sdiv", other)

    def __neg__(self) -> Lanes:
        return Lanes(self.kit, self.kit.builder.fneg(self.value))

    def __and__(self, other: Lanes | int) -> Lanes:
        return self._emit("", "and_", other)

    def __or__(self, other: Lanes | int) -> Lanes:
        return self._emit("", "or_", other)

    def __xor__(self, other: Lanes | int) -> Lanes:
        return self._emit("", "xor", other)

    def opposite(self) -> Lanes:
        """Where a condition does not hold."""
        return Lanes(self.kit, self.kit.builder.not_(self.value))

    def __lshift__(self, places: int) -> Lanes:
        return self._emit("", "shl", places)

    def __rshift__(self, places: int) -> Lanes:
        return self._emit("", "lshr", places)  # zeros come in from the left

    def __lt__(self, other: Lanes | float) -> Lanes:
        return self._compare("<", other)

    def __le__(self, other: Lanes | float) -> Lanes:
        return self._compare("<=", other)

    def __gt__(self, other: Lanes | float) -> Lanes:
        return self._compare(">", other)

    def __ge__(self, other: Lanes | float) -> Lanes:
        return self._compare(">=", other)

    def equals(self, other: Lanes | float) -> Lanes:
        """Where the two are equal; nowhere for NaN."""
        return self._compare("==", other)

    def differs(self, other: Lanes | float) -> Lanes:
        """Where the two are not equal; nowhere for NaN."""
        return self._compare("!=", other)


class Kit:
    """The tools to write code for one real type at the place where a builder stands.

    `digits` is the number of bits of the significand after the point (23 or 52), `bias` what is
    added to an exponent before it is stored, `single` whether the type is float.
    """

    def __init__(self, builder: ir.IRBuilder, kind: ir.Type) -> None:
        self.builder = builder
        self.kind = kind
        self.single = element(kind) == FLOAT
        self.digits = 23 if self.single else 52
        self.bias = 127 if self.single else 1023
        self.whole = widened(kind, ir.IntType(32 if self.single else 64))

    def constant(self, kind: ir.Type, value: float) -> ir.Constant:
        """The same number in every lane of a type."""
        if isinstance(kind, ir.VectorType):
            return ir.Constant(kind, [ir.Constant(kind.element, value)] * kind.count)
        return ir.Constant(kind, value)

    def number(self, value: float) -> Lanes:
        """A real constant."""
        return Lanes(self, self.constant(self.kind, value))

    def integer(self, value: int) -> Lanes:
        """A constant of the integers that are as wide as the reals."""
        return Lanes(self, self.constant(self.whole, value))

    def pattern(self, value: float) -> int:
        """The bits of a real constant, as an integer."""
        codes = ("<f", "<i") if self.single else ("<d", "<q")
        return int(struct.unpack(codes[1], struct.pack(codes[0], value))[0])

    def bits(self, x: Lanes) -> Lanes:
        """The bits of a real as an integer."""
        return Lanes(self, self.builder.bitcast(x.value, self.whole))

    def reals(self, pattern: Lanes) -> Lanes:
        """The real with these bits."""
        return Lanes(self, self.builder.bitcast(pattern.value, self.kind))

    def where(self, condition: Lanes, a: Lanes | float, b: Lanes | float) -> Lanes:
        """a in the lanes where the condition holds, b in the others."""
        first, second = (v if isinstance(v, Lanes) else self.number(v) for v in (a, b))
        return Lanes(self, self.builder.select(condition.value, first.value, second.value))

    def muladd(self, a: Lanes | float, b: Lanes | float, c: Lanes | float) -> Lanes:
        """a*b + c, rounded once where the processor has an instruction for it, else twice."""
        return self._intrinsic("fmuladd", a, b, c)

    def fused(self, a: Lanes | float, b: Lanes | float, c: Lanes | float) -> Lanes:
        """a*b + c rounded once, always: `fused(a, b, -a*b)` is what rounding a*b lost."""
        return self._intrinsic("fma", a, b, c)

    def polynomial(self, x: Lanes, coefficients: Sequence[float]) -> Lanes:
        """c0 + c1 x + c2 x^2 + ... by Horner's rule, from the last coefficient inwards."""
        total = self.number(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            total = self.muladd(total, x, coefficient)
        return total

    def absolute(self, x: Lanes) -> Lanes:
        """|x|."""
        return self._intrinsic("fabs", x)

    def floor(self, x: Lanes) -> Lanes:
        """The largest whole number that is not above x."""
        return self._intrinsic("floor", x)

    def ceil(self, x: Lanes) -> Lanes:
        """The smallest whole number that is not below x."""
        return self._intrinsic("ceil", x)

    def sqrt(self, x: Lanes) -> Lanes:
        """The square root, correctly rounded; NaN below 0."""
        return self._intrinsic("sqrt", x)

    def signed(self, size: Lanes, x: Lanes) -> Lanes:
        """`size` with the sign of x, that of a zero or NaN included."""
        return self._intrinsic("copysign", size, x)

    def at_least(self, low: float, x: Lanes) -> Lanes:
        """The larger of a constant and x; NaN stays NaN."""
        return self.where(x < low, low, x)

    def at_most(self, high: float, x: Lanes) -> Lanes:
        """The smaller of a constant and x; NaN stays NaN."""
        return self.where(x > high, high, x)

    def any(self, condition: Lanes) -> ir.Value:
        """One truth value: whether the condition holds in some lane."""
        kind = condition.value.type
        if not isinstance(kind, ir.VectorType):
            return condition.value
        name = f"llvm.vector.reduce.or.{suffix(kind)}"
        return self.builder.call(declared(self.builder.module, name, BIT, [kind]),
                                 [condition.value])

    def _intrinsic(self, name: str, *args: Lanes | float) -> Lanes:
        values = [a.value if isinstance(a, Lanes) else self.constant(self.kind, a) for a in args]
        function = declared(self.builder.module, f"llvm.{name}.{suffix(self.kind)}", self.kind,
                            [self.kind] * len(values))
        return Lanes(self, self.builder.call(function, values))


def declared(module: ir.Module, name: str, result: ir.Type, args: Sequence[ir.Type]) -> ir.Function:
    """The function of this name in a module, declared there if it is not known yet."""
    known = module.globals.get(name)
    if known is not None:
        return known
    return ir.Function(module, ir.FunctionType(result, list(args)), name)
