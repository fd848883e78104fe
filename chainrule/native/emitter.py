"""LLVM instructions for values: numbers that may be one or a whole vector, loops, memory.

`Emitter` is a thin layer over llvmlite's builder that knows nothing of equations. Values are reals
(float or double), integers (i64) or truths (i1), each alone or as a vector; where a lone one meets
a vector it is spread. Floating-point instructions may be regrouped and fused (`reassoc contract
nsz`), but nothing assumes that NaN or infinity cannot occur.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir

I1: Final = ir.IntType(1)
I8: Final = ir.IntType(8)
I32: Final = ir.IntType(32)
I64: Final = ir.IntType(64)
POINTER: Final = ir.PointerType()
REAL: Final = {"float32": ir.FloatType(), "float64": ir.DoubleType()}
LOOSE: Final = ("reassoc", "contract", "nsz")
_COMPARE: Final = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


def lanes(value: ir.Value) -> int:
    """How many numbers a value holds: 1, or its vector's length."""
    return value.type.count if isinstance(value.type, ir.VectorType) else 1


def scalar_type(value: ir.Value) -> ir.Type:
    """The type of each number in a value."""
    return value.type.element if isinstance(value.type, ir.VectorType) else value.type


def is_int(value: ir.Value) -> bool:
    """Whether it is an integer (and no truth)."""
    kind = scalar_type(value)
    return isinstance(kind, ir.IntType) and kind.width > 1


class Emitter:
    """Instructions at the end of the current block of one function."""

    def __init__(self, module: ir.Module, function: ir.Function, real: ir.Type) -> None:
        self.module = module
        self.function = function
        self.real = real
        self.entry = function.append_basic_block("entry")
        body = function.append_basic_block("body")
        self.builder = ir.IRBuilder(body)
        self._slots = ir.IRBuilder(self.entry)
        self._slots.branch(body)
        self._slots.position_before(self.entry.terminator)

    # --- constants and shapes of values

    def integer(self, value: int) -> ir.Constant:
        return ir.Constant(I64, value)

    def number(self, value: float, real: ir.Type | None = None) -> ir.Constant:
        return ir.Constant(real or self.real, float(value))

    def spread(self, value: ir.Value, count: int) -> ir.Value:
        """The value in each of `count` lanes."""
        if count == 1 or lanes(value) == count:
            return value
        kind = ir.VectorType(value.type, count)
        if isinstance(value, ir.Constant):
            return ir.Constant(kind, [value.constant] * count)
        one = self.builder.insert_element(ir.Constant(kind, ir.Undefined), value,
                                          ir.Constant(I32, 0))
        places = ir.Constant(ir.VectorType(I32, count), [0] * count)
        return self.builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), places)

    def together(self, *values: ir.Value) -> list[ir.Value]:
        """The values, all with as many lanes as the widest."""
        count = max(map(lanes, values))
        return [self.spread(v, count) for v in values]

    def as_real(self, value: ir.Value, real: ir.Type | None = None) -> ir.Value:
        """A value as a real number; a truth as 0 or 1."""
        real = real or self.real
        kind = scalar_type(value)
        if kind == real:
            return value
        count = lanes(value)
        to = ir.VectorType(real, count) if count > 1 else real
        if isinstance(kind, ir.IntType):
            if isinstance(value, ir.Constant) and count == 1:
                return self.number(value.constant, real)
            if kind.width == 1:
                return self.builder.uitofp(value, to)
            return self.builder.sitofp(value, to)
        if isinstance(real, ir.DoubleType):
            return self.builder.fpext(value, to)
        return self.builder.fptrunc(value, to)

    def narrow(self, value: ir.Value) -> ir.Value:
        """An integer in 32 bits."""
        count = lanes(value)
        if isinstance(value, ir.Constant):
            if count == 1:
                return ir.Constant(I32, value.constant)
            numbers = [getattr(n, "constant", n) for n in value.constant]
            return ir.Constant(ir.VectorType(I32, count), numbers)
        return self.builder.trunc(value, ir.VectorType(I32, count) if count > 1 else I32)

    def lane(self, value: ir.Value, k: int) -> ir.Value:
        """One lane of a value."""
        return value if lanes(value) == 1 else self.builder.extract_element(
            value, ir.Constant(I32, k))

    def gathered(self, values: list[ir.Value]) -> ir.Value:
        """A vector of some numbers."""
        kind = ir.VectorType(values[0].type, len(values))
        total: ir.Value = ir.Constant(kind, ir.Undefined)
        for k, v in enumerate(values):
            total = self.builder.insert_element(total, v, ir.Constant(I32, k))
        return total

    def chosen(self, a: ir.Value, b: ir.Value, places: list[int]) -> ir.Value:
        """The lanes of two vectors at some places, those of the second after the first's."""
        return self.builder.shuffle_vector(
            a, b, ir.Constant(ir.VectorType(I32, len(places)), places))

    def widened(self, value: ir.Value, count: int) -> ir.Value:
        """A vector with as many lanes as `count`; it does not matter what is in the others."""
        have = lanes(value)
        return value if have == count else self.chosen(
            value, value, [min(k, have - 1) for k in range(count)])

    def joined(self, values: list[ir.Value]) -> ir.Value:
        """The lanes of some values (a power of two of them) one after the other."""
        if lanes(values[0]) == 1:
            return self.gathered(values)
        while len(values) > 1:
            every = list(range(2 * lanes(values[0])))
            values = [self.chosen(a, b, every)
                      for a, b in zip(values[::2], values[1::2], strict=True)]
        return values[0]

    def part(self, value: ir.Value, k: int, count: int) -> ir.Value:
        """The k-th `count` lanes."""
        return self.lane(value, k) if count == 1 else self.chosen(
            value, value, list(range(k * count, (k + 1) * count)))

    def counting(self, count: int) -> ir.Constant:
        """0, 1, ..., count - 1."""
        return ir.Constant(ir.VectorType(I64, count), list(range(count)))

    # --- arithmetic

    def add(self, a: ir.Value, b: ir.Value) -> ir.Value:
        a, b = self.together(a, b)
        if is_int(a):
            return self.builder.add(a, b, flags=("nsw",))
        return self.builder.fadd(a, b, flags=LOOSE)

    def sub(self, a: ir.Value, b: ir.Value) -> ir.Value:
        a, b = self.together(a, b)
        if is_int(a):
            return self.builder.sub(a, b, flags=("nsw",))
        return self.builder.fsub(a, b, flags=LOOSE)

    def mul(self, a: ir.Value, b: ir.Value) -> ir.Value:
        a, b = self.together(a, b)
        if is_int(a):
            return self.builder.mul(a, b, flags=("nsw",))
        return self.builder.fmul(a, b, flags=LOOSE)

    def div(self, a: ir.Value, b: ir.Value) -> ir.Value:
        a, b = self.together(a, b)
        return self.builder.fdiv(a, b)

    def neg(self, a: ir.Value) -> ir.Value:
        if is_int(a):
            return self.builder.neg(a)
        return self.builder.fneg(a)

    def floor_div(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The floor of a quotient of integers with a positive divisor."""
        a, b = self.together(a, b)
        quotient, rest = self.builder.sdiv(a, b), self.builder.srem(a, b)
        negative = self.builder.icmp_signed("<", rest, self.zero(a))
        return self.builder.add(quotient, self.builder.sext(negative, a.type))

    def zero(self, like: ir.Value) -> ir.Constant:
        """Zero in the shape of a value."""
        number = 0 if isinstance(scalar_type(like), ir.IntType) else 0.0
        count = lanes(like)
        return ir.Constant(like.type, [number] * count if count > 1 else number)

    def compare(self, name: str, a: ir.Value, b: ir.Value) -> ir.Value:
        """A comparison by its name in the function table; false where one side is NaN."""
        a, b = self.together(a, b)
        if is_int(a):
            return self.builder.icmp_signed(_COMPARE[name], a, b)
        if name == "ne":
            return self.builder.fcmp_unordered("!=", a, b)
        return self.builder.fcmp_ordered(_COMPARE[name], a, b)

    def both(self, a: ir.Value | None, b: ir.Value | None) -> ir.Value | None:
        """Whether two truths hold, None standing for "always"."""
        if a is None or b is None:
            return b if a is None else a
        a, b = self.together(a, b)
        return self.builder.and_(a, b)

    def select(self, condition: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        count = max(lanes(condition), lanes(a), lanes(b))
        if lanes(condition) > 1:
            condition = self.spread(condition, count)
        return self.builder.select(condition, self.spread(a, count), self.spread(b, count))

    def beats(self, op: str, new: ir.Value, best: ir.Value) -> ir.Value:
        """Whether `new` takes the place of `best`: better, or the first NaN."""
        new, best = self.together(new, best)
        if is_int(new):
            return self.builder.icmp_signed(">" if op == "max" else "<", new, best)
        better = self.builder.fcmp_unordered(">" if op == "max" else "<", new, best)
        return self.builder.and_(better, self.builder.fcmp_ordered("ord", best, best))

    def any(self, truth: ir.Value) -> ir.Value:
        """Whether a truth holds in some lane."""
        if lanes(truth) == 1:
            return truth
        bits = self.builder.bitcast(truth, ir.IntType(lanes(truth)))
        return self.builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    # --- memory

    def slot(self, kind: ir.Type) -> ir.Value:
        """A local variable, which optimisation turns into a register."""
        return self._slots.alloca(kind)

    def load(self, kind: ir.Type, address: ir.Value, count: int = 1,
             mask: ir.Value | None = None) -> ir.Value:
        """A number, or `count` neighbours; where `mask` is off, 0 without looking."""
        wide = ir.VectorType(kind, count) if count > 1 else kind
        if mask is None:
            return self.builder.load(address, typ=wide, align=_bytes(kind))
        if count == 1:
            with self.when(mask, wide, ir.Constant(kind, 0)) as result:
                result.set(self.builder.load(address, typ=wide, align=_bytes(kind)))
            return result.value
        zero = ir.Constant(wide, [0 if isinstance(kind, ir.IntType) else 0.0] * count)
        function = self._masked("load", wide, [POINTER, I32, mask.type, wide], wide)
        return self.builder.call(function, [address, ir.Constant(I32, _bytes(kind)), mask, zero])

    def store(self, value: ir.Value, address: ir.Value, mask: ir.Value | None = None) -> None:
        """A number or neighbours written, where `mask` is on."""
        kind = scalar_type(value)
        if mask is None:
            self.builder.store(value, address, align=_bytes(kind))
        elif lanes(value) == 1:
            self.if_(mask, lambda: self.builder.store(value, address, align=_bytes(kind)))
        else:
            function = self._masked("store", value.type, [value.type, POINTER, I32, mask.type],
                                    ir.VoidType())
            self.builder.call(function, [value, address, ir.Constant(I32, _bytes(kind)), mask])

    def prefetch(self, address: ir.Value, write: bool) -> None:
        """Ask for the line of the cache at an address; no harm is done where nothing is there."""
        function = self.module.globals.get("llvm.prefetch.p0") or ir.Function(
            self.module, ir.FunctionType(ir.VoidType(), [POINTER, I32, I32, I32]),
            "llvm.prefetch.p0")
        keep, data = ir.Constant(I32, 3), ir.Constant(I32, 1)
        self.builder.call(function, [address, ir.Constant(I32, int(write)), keep, data])

    def _masked(self, what: str, wide: ir.Type, args: list[ir.Type], gives: ir.Type) -> Any:
        kind = wide.element
        word = f"i{kind.width}" if isinstance(kind, ir.IntType) else (
            "f32" if isinstance(kind, ir.FloatType) else "f64")
        name = f"llvm.masked.{what}.v{wide.count}{word}.p0"
        found = self.module.globals.get(name)
        return found or ir.Function(self.module, ir.FunctionType(gives, args), name)

    def at(self, pointer: ir.Value, cells: ir.Value | int, kind: ir.Type) -> ir.Value:
        """The address of a cell."""
        if isinstance(cells, int):
            if cells == 0:
                return pointer
            cells = self.integer(cells)
        return self.builder.gep(pointer, [cells], source_etype=kind)

    # --- control

    def if_(self, truth: ir.Value, body: Callable[[], Any]) -> None:
        """`body` where a lone truth holds."""
        with self.builder.if_then(truth):
            body()

    def when(self, truth: ir.Value, kind: ir.Type, otherwise: ir.Value) -> _When:
        """A value that is looked at only where a lone truth holds."""
        return _When(self, truth, kind, otherwise)

    def loop(self, start: ir.Value | int, stop: ir.Value | int, step: int,
             body: Callable[[ir.Value], None]) -> None:
        """`body(i)` for i = start, start + step, ... below stop; once without a loop if known."""
        if isinstance(start, int) and isinstance(stop, int):
            if start >= stop:
                return
            if start + step >= stop:
                body(self.integer(start))
                return
        first = self.integer(start) if isinstance(start, int) else start
        last = self.integer(stop) if isinstance(stop, int) else stop
        b = self.builder
        head, inside, after = (b.append_basic_block(n) for n in ("head", "loop", "after"))
        before = b.block
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(I64)
        i.add_incoming(first, before)
        b.cbranch(b.icmp_signed("<", i, last), inside, after)
        b.position_at_end(inside)
        body(i)
        more = b.add(i, self.integer(step), flags=("nsw",))
        i.add_incoming(more, b.block)
        b.branch(head)
        b.position_at_end(after)


class _When:
    """The two arms of `Emitter.when` and where they meet."""

    def __init__(self, emitter: Emitter, truth: ir.Value, kind: ir.Type,
                 otherwise: ir.Value) -> None:
        self.emitter = emitter
        self.place = emitter.slot(kind)
        emitter.builder.store(otherwise, self.place)
        self.kind = kind
        self.guard = emitter.builder.if_then(truth)

    def __enter__(self) -> _When:
        self.guard.__enter__()
        return self

    def set(self, value: ir.Value) -> None:
        self.emitter.builder.store(value, self.place)

    def __exit__(self, *error: Any) -> None:
        self.guard.__exit__(*error)

    @property
    def value(self) -> ir.Value:
        return self.emitter.builder.load(self.place, typ=self.kind)


def _bytes(kind: ir.Type) -> int:
    if isinstance(kind, ir.IntType):
        return max(1, int(kind.width) // 8)
    return 4 if isinstance(kind, ir.FloatType) else 8
