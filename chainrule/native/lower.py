"""From a kernel to its machine code: the loops, and the expressions at each point of them.

The loops end in a *statement* at a tile of points, `Site`s: for each index a place, which is a loop
variable plus a constant, or, for the vector index, a run of neighbours. An expression is emitted
for all the points together. That is what makes one generator serve everything: at a tile of 2
vectors by 13 positions the sum of a convolution becomes 26 running sums in registers, each weight
and each pixel loaded once; the same code at one point computes a scalar formula.

Conditions are lazy as in the language. What a condition guards is computed in all lanes and then
selected, but its reads stay inside their tensors; a read that is outside where it is looked at sets
the error flag, and whoever called finds the place with the reference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from llvmlite import ir

from chainrule.errors import KindError
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Delta,
    Expr,
    IndexValue,
    Number,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import Index, Integer
from chainrule.lang.program import Equation
from chainrule.native.elementary import Elementary
from chainrule.native.emitter import (
    I1,
    I32,
    I64,
    POINTER,
    REAL,
    Emitter,
    is_int,
    lanes,
    scalar_type,
)
from chainrule.native.kernels import Form, Kernel, Storage, form, references, span

_UNROLLED: Final = 16  # terms of a small sum times points that are written one after another
_STREAMS: Final = 4  # running sums side by side in a sum along a vector
_POWER: Final = 16  # largest whole exponent that becomes multiplications


@dataclass(frozen=True, slots=True)
class Place:
    """The value of an index: `base + offset`, in lanes `base + offset + 0, 1, 2, ...`."""

    base: ir.Value | None
    offset: int = 0
    wide: bool = False


Site = dict[str, Place]
Values = list[ir.Value]
Masks = Sequence[ir.Value | None]


class KernelCode:
    """The LLVM function of one kernel: pointers of its tensors, the shard's ends, the flag."""

    def __init__(
        self, module: ir.Module, elementary: Elementary, kernel: Kernel,
        stored: Mapping[str, Storage], below: Mapping[str, int], dtype: str, width: int,
    ) -> None:
        self.kernel = kernel
        self.stored = stored
        self.below = below
        self.elementary = elementary
        self.tensors = kernel.tensors()
        arguments = [*[POINTER] * len(self.tensors), I64, I64, POINTER]
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), kernel.name)
        self.function.attributes.add("noinline")
        self.function.attributes.add("nounwind")
        for argument in self.function.args[: len(self.tensors)]:
            argument.add_attribute("noalias")
        self.pointers = dict(zip(self.tensors, self.function.args, strict=False))
        self.low, self.high, self.flag = self.function.args[-3:]
        self.real = REAL[dtype]
        self.e = Emitter(module, self.function, self.real)
        self.extents = kernel.extents
        self.width = width
        self.lanes = 1
        self.tail: ir.Value | None = None
        self.scopes: list[dict[Any, Any]] = [{}]
        self.forms: dict[tuple[str, tuple[Integer, ...]], Form | None] = {}
        self.ready: dict[tuple[Any, ...], Values] = {}  # tensors written at these very points

    def emit(self) -> ir.Function:
        """Write the whole function."""
        self.nest(list(self.kernel.loops), [{}])
        self.e.builder.ret_void()
        return self.function

    # --- loops

    def nest(self, loops: list[tuple[str, int]], sites: list[Site]) -> None:
        """The loops from here on in, then the statement at the points that have gathered."""
        if not loops:
            self.statement(sites)
            return
        (name, extent), rest = loops[0], loops[1:]
        start: ir.Value | int = 0
        stop: ir.Value | int = extent
        if name == self.kernel.shard:
            start, stop = self.low, self.high
        if name == self.kernel.vector:
            self.vector_loop(name, start, stop, rest, sites)
            return
        step = self.kernel.tile.get(name, 1)

        def points(count: int, i: ir.Value) -> None:
            self.inside(rest, [{**s, name: self.place(i, k)} for k in range(count) for s in sites])

        if isinstance(start, int) and isinstance(stop, int):
            whole = extent - extent % step
            self.e.loop(0, whole, step, lambda i: points(step, i))
            if whole < extent:
                left = extent - whole
                self.e.loop(whole, extent, left, lambda i: points(left, i))
        elif step == 1:
            self.e.loop(start, stop, 1, lambda i: points(1, i))
        else:
            b = self.e.builder
            count = b.sub(stop, start)
            whole_at = b.add(start, b.sub(count, b.srem(count, self.e.integer(step))))
            self.e.loop(start, whole_at, step, lambda i: points(step, i))
            self.e.loop(whole_at, stop, 1, lambda i: points(1, i))

    def place(self, i: ir.Value, offset: int = 0, wide: bool = False) -> Place:
        if isinstance(i, ir.Constant):
            return Place(None, i.constant + offset, wide)
        return Place(i, offset, wide)

    def inside(self, rest: list[tuple[str, int]], sites: list[Site]) -> None:
        """The rest of the nest in a scope of its own: what is computed there stays there."""
        self.scopes.append({})
        self.nest(rest, sites)
        self.scopes.pop()

    def vector_loop(self, name: str, start: ir.Value | int, stop: ir.Value | int,
                    rest: list[tuple[str, int]], sites: list[Site]) -> None:
        """Whole tiles of vectors, whole vectors, and the lanes that are left."""
        width, most = self.width, self.kernel.tile.get(name, 1)

        def points(count: int, i: ir.Value, tail: ir.Value | None = None) -> None:
            self.lanes, self.tail = width, tail
            self.inside(rest, [{**s, name: self.place(i, k * width, True)}
                               for s in sites for k in range(count)])
            self.lanes, self.tail = 1, None

        if isinstance(start, int) and isinstance(stop, int):
            at = 0
            for count in (most, 1):
                step = width * count
                whole = at + (stop - at) // step * step
                self.e.loop(at, whole, step, lambda i, c=count: points(c, i))  # type: ignore[misc]
                at = whole
            if at < stop:
                on = ir.Constant(ir.VectorType(I1, width), [k < stop - at for k in range(width)])
                points(1, self.e.integer(at), on)
            return
        b = self.e.builder
        first = self.e.integer(start) if isinstance(start, int) else start
        last = self.e.integer(stop) if isinstance(stop, int) else stop
        at_end = first
        for count in dict.fromkeys((most, 1)):
            step = self.e.integer(width * count)
            left = b.sub(last, at_end)
            whole_at = b.add(at_end, b.sub(left, b.srem(left, step)))
            self.e.loop(at_end, whole_at, width * count,
                        lambda i, c=count: points(c, i))  # type: ignore[misc]
            at_end = whole_at

        def rest_of_it() -> None:
            left = self.e.spread(b.sub(last, at_end), width)
            points(1, at_end, b.icmp_signed("<", self.e.counting(width), left))

        self.e.if_(b.icmp_signed("<", at_end, last), rest_of_it)

    # --- the statement

    def statement(self, sites: list[Site]) -> None:
        """All equations at some points, each then written."""
        self.ready = {}
        for equation in self.kernel.equations:
            under: Masks = [self.tail] * len(sites)
            if equation.condition is not None:
                truths = self.values(equation.condition, sites, under)
                under = [self.e.both(a, b) for a, b in zip(under, truths, strict=True)]
            values = self.values(equation.body, sites, under)
            self.write(equation, sites, values, under)

    def write(self, equation: Equation, sites: list[Site], values: Values, under: Masks) -> None:
        stored = self.stored[equation.target]
        kind = self.cell(stored)
        whole = []
        for site, value, mask in zip(sites, values, under, strict=True):
            value = self.stored_value(value, stored)
            if stored.kind == "real":
                whole.append(value)
            self.put(equation, stored, kind, site, value, mask)
        if equation.plain and not equation.accumulate and whole and equation.condition is None:
            self.ready[equation.target, equation.subscripts] = whole

    def stored_value(self, value: ir.Value, stored: Storage) -> ir.Value:
        """A value as the cells of its tensor are."""
        if stored.kind == "real":
            return self.e.as_real(value)
        if not is_int(value):
            value = self.e.as_real(value)
            count = lanes(value)
            value = self.e.builder.fptosi(value, ir.VectorType(I64, count) if count > 1 else I64)
        return value

    def put(self, equation: Equation, stored: Storage, kind: ir.Type, site: Site,
            value: ir.Value, mask: ir.Value | None) -> None:
        """One value (or vector) into its cell (or cells); added, for `+=`."""
        if stored.kind == "i32":
            count = lanes(value)
            value = self.e.builder.trunc(value, ir.VectorType(I32, count) if count > 1 else I32)
        found = self.form(equation.target, equation.subscripts)
        pointer = self.pointers[equation.target]
        if found is not None and not self.leaves(equation.subscripts, stored.shape):
            slope = self.slope(found, site)
            address = self.e.at(pointer, self.cells(found, site), kind)
            if slope == 0 and self.lanes == 1 or slope == 1:
                value = self.e.spread(value, self.lanes)
                if equation.accumulate:
                    old = self.e.load(kind, address, self.lanes, mask)
                    value = self.e.add(old, value)
                self.e.store(value, address, mask)
                return
            step: ir.Value = self.e.builder.mul(self.e.counting(self.lanes), self.e.spread(
                self.e.integer(slope), self.lanes))
            cells = step
            pointer = address
        else:
            cells, mask = self.landing(equation, stored, site, mask)
        self.scatter(equation, kind, pointer, cells, value, mask)

    def landing(self, equation: Equation, stored: Storage, site: Site,
                mask: ir.Value | None) -> tuple[ir.Value, ir.Value | None]:
        """The cells that a computed write goes to, and where it goes anywhere."""
        cells, inside = self.locate(equation.subscripts, stored, site, mask)
        if inside is not None:
            if not equation.dropping:
                self.complain(inside, mask)
            mask = self.e.both(mask, inside)
        return cells, mask

    def scatter(self, equation: Equation, kind: ir.Type, pointer: ir.Value, cells: ir.Value,
                value: ir.Value, mask: ir.Value | None) -> None:
        """Lane after lane, since two of them may go to the same cell."""
        count = max(lanes(cells), lanes(value), 1 if mask is None else lanes(mask))
        for k in range(count):
            address = self.e.at(pointer, self.e.lane(cells, k), kind)
            one = self.e.lane(value, k)

            def put(address: ir.Value = address, one: ir.Value = one) -> None:
                if equation.accumulate:
                    one = self.e.add(self.e.load(kind, address), one)
                self.e.store(one, address)

            if mask is None:
                put()
            else:
                self.e.if_(self.e.lane(mask, k), put)

    # --- addresses

    def cell(self, stored: Storage) -> ir.Type:
        return {"real": self.real, "i64": I64, "i32": I32}[stored.kind]

    def form(self, tensor: str, subscripts: tuple[Integer, ...]) -> Form | None:
        key = (tensor, subscripts)
        if key not in self.forms:
            self.forms[key] = form(subscripts, self.stored[tensor])
        return self.forms[key]

    def slope(self, found: Form, site: Site) -> int:
        """How far the address moves from lane to lane."""
        return sum(found.slope(name) for name, place in site.items()
                   if place.wide and name in found.slopes)

    def cells(self, found: Form, site: Site) -> ir.Value | int:
        """The address in cells at the first lane; loop variables first, then constants."""
        constant = found.constant
        moving: list[tuple[int, ir.Value]] = []
        for name, slope in found.slopes.items():
            place = site[name]
            constant += slope * place.offset
            if place.base is not None:
                moving.append((slope, place.base))
        if not moving:
            return constant
        key = ("cells", tuple((slope, id(base)) for slope, base in moving))
        total = self.known(key)
        if total is None:
            for slope, base in moving:
                part = base if slope == 1 else self.e.mul(base, self.e.integer(slope))
                total = part if total is None else self.e.add(total, part)
            self.scopes[-1][key] = total
        assert total is not None
        return total if constant == 0 else self.e.add(total, self.e.integer(constant))

    def known(self, key: Any) -> Any:
        """What was computed before, in this scope or one around it."""
        for scope in reversed(self.scopes):
            if key in scope:
                return scope[key]
        return None

    def leaves(self, subscripts: Sequence[Integer], shape: Sequence[int]) -> bool:
        """Whether a subscript may be outside its axis."""
        for s, size in zip(subscripts, shape, strict=True):
            ends = span(s, self.extents, self.below)
            if ends is None or ends[0] < 0 or ends[1] >= size:
                return True
        return False

    def locate(self, subscripts: Sequence[Integer], stored: Storage, site: Site,
               mask: ir.Value | None) -> tuple[ir.Value, ir.Value | None]:
        """Cells at computed subscripts, moved inside where they leave, and where they do not."""
        total: ir.Value = self.e.integer(stored.first)
        inside: ir.Value | None = None
        for s, size, stride in zip(subscripts, stored.shape, stored.strides, strict=True):
            value = self.integer(s, site, mask)
            ends = span(s, self.extents, self.below)
            if ends is None or ends[0] < 0 or ends[1] >= size:
                value, limit = self.e.together(value, self.e.integer(size))
                here = self.e.builder.icmp_unsigned("<", value, limit)
                value = self.e.select(here, value, self.e.zero(value))
                inside = self.e.both(inside, here)
            total = self.e.add(total, self.e.mul(value, self.e.integer(stride)))
        return total, inside

    def complain(self, inside: ir.Value, mask: ir.Value | None) -> None:
        """Set the flag where something looked at is outside."""
        wrong = self.e.builder.not_(inside)
        wrong_here = self.e.both(wrong, mask)
        assert wrong_here is not None
        self.e.if_(self.e.any(wrong_here),
                   lambda: self.e.builder.store(self.e.integer(1), self.flag))

    # --- integers

    def integer(self, p: Integer, site: Site, mask: ir.Value | None) -> ir.Value:
        """The value of a subscript."""
        total: ir.Value = self.e.integer(0)
        for monomial, c in p.terms:
            product: ir.Value = self.e.integer(c)
            for a in monomial:
                product = self.e.mul(product, self.atom(a, site, mask))
            total = self.e.add(total, product)
        return total

    def atom(self, a: object, site: Site, mask: ir.Value | None) -> ir.Value:
        if isinstance(a, Index):
            place = site[a.name]
            value: ir.Value = self.e.integer(place.offset)
            if place.base is not None:
                value = self.e.add(place.base, value)
            return self.e.add(value, self.e.counting(self.lanes)) if place.wide else value
        if isinstance(a, Read):
            value = self.read(a.ref, site, mask)
            if is_int(value):
                return value
            count = lanes(value)  # an integer that came as a real number
            whole = self.e.builder.fptosi(value, ir.VectorType(I64, count) if count > 1 else I64)
            same = self.e.compare("eq", self.e.as_real(whole, scalar_type(value)), value)
            self.complain(same, mask)
            return whole
        top = self.integer(a.numerator, site, mask)  # type: ignore[attr-defined]
        return self.e.floor_div(top, self.integer(a.denominator, site, mask))  # type: ignore[attr-defined]

    # --- reads

    def read(self, ref: Ref, site: Site, mask: ir.Value | None) -> ir.Value:
        """The cell or cells that a reference reads."""
        indices = sorted({i for s in ref.subscripts for i in s.indices()})
        places = tuple((i, id(site[i].base), site[i].offset, site[i].wide) for i in indices)
        key = ("read", ref, places, self.lanes)
        found = self.known(key)
        if found is not None:
            return found
        value, lasting = self.read_now(ref, site, mask)
        if lasting:
            self.scopes[-1][key] = value
        return value

    def read_now(self, ref: Ref, site: Site, mask: ir.Value | None) -> tuple[ir.Value, bool]:
        stored = self.stored[ref.tensor]
        kind = self.cell(stored)
        pointer = self.pointers[ref.tensor]
        found = self.form(ref.tensor, ref.subscripts)
        if found is not None and not self.beyond(ref, stored):
            slope = self.slope(found, site)
            address = self.e.at(pointer, self.cells(found, site), kind)
            if slope == 0:
                return self.whole(self.e.load(kind, address)), True
            if slope == 1:
                return self.whole(self.e.load(kind, address, self.lanes, self.tail)), True
            steps = self.e.mul(self.e.counting(self.lanes), self.e.integer(slope))
            return self.whole(self.collect(kind, address, steps, self.tail)), True
        cells, inside = self.locate(ref.subscripts, stored, site, mask)
        if lanes(cells) == 1:
            value = self.e.load(kind, self.e.at(pointer, cells, kind))
        else:
            value = self.collect(kind, pointer, cells, None if mask is None else self.tail)
        value = self.whole(value)
        if inside is None:
            return value, True
        if ref.outside is None:
            self.complain(inside, mask)
            return value, mask is None
        if ref.outside.pads is not None:
            self.within_pads(ref, stored, site, mask)
        fill = self.number(ref.outside.fill, is_int(value))
        return self.e.select(inside, value, fill), mask is None

    def beyond(self, ref: Ref, stored: Storage) -> bool:
        """Whether a read may leave the tensor and its margins."""
        room = stored.margins or ((0, 0),) * len(stored.shape)
        zeros = ref.outside is not None and ref.outside.fill.value == 0
        for s, size, (before, after) in zip(ref.subscripts, stored.shape, room, strict=True):
            ends = span(s, self.extents, self.below)
            allowed = (before, after) if zeros else (0, 0)
            if ends is None or ends[0] < -allowed[0] or ends[1] >= size + allowed[1]:
                return True
        return False

    def within_pads(self, ref: Ref, stored: Storage, site: Site, mask: ir.Value | None) -> None:
        """Set the flag where a read is further outside than its padding goes."""
        assert ref.outside is not None and ref.outside.pads is not None
        for s, size, pads in zip(ref.subscripts, stored.shape, ref.outside.pads, strict=True):
            before, after = (p.constant or 0 for p in pads)
            ends = span(s, self.extents, self.below)
            if ends is not None and ends[0] >= -before and ends[1] < size + after:
                continue
            moved = self.e.add(self.integer(s, site, mask), self.e.integer(before))
            moved, limit = self.e.together(moved, self.e.integer(size + before + after))
            self.complain(self.e.builder.icmp_unsigned("<", moved, limit), mask)

    def whole(self, value: ir.Value) -> ir.Value:
        """Integers in 64 bits, whatever they are stored in."""
        if scalar_type(value) == I32:
            count = lanes(value)
            return self.e.builder.sext(value, ir.VectorType(I64, count) if count > 1 else I64)
        return value

    def collect(self, kind: ir.Type, pointer: ir.Value, cells: ir.Value,
                tail: ir.Value | None) -> ir.Value:
        """Numbers from cells apart; lanes that are off read the first lane's cell."""
        if tail is not None:
            first = self.e.spread(self.e.lane(cells, 0), lanes(cells))
            cells = self.e.select(tail, cells, first)
        return self.e.gathered([
            self.e.load(kind, self.e.at(pointer, self.e.lane(cells, k), kind))
            for k in range(lanes(cells))])

    # --- expressions

    def values(self, e: Expr, sites: list[Site], under: Masks) -> Values:
        """An expression's value at each point; meaningful where its mask is on."""
        if isinstance(e, Number):
            return [self.number(e)] * len(sites)
        if isinstance(e, Ref):
            ready = self.ready.get((e.tensor, e.subscripts))
            if ready is not None and len(ready) == len(sites):
                return ready
            return [self.read(e, s, m) for s, m in zip(sites, under, strict=True)]
        if isinstance(e, IndexValue):
            return [self.integer(e.value, s, m) for s, m in zip(sites, under, strict=True)]
        if isinstance(e, Apply):
            return self.apply(e, sites, under)
        if isinstance(e, Select):
            truths = self.values(e.condition, sites, under)
            on = [self.e.both(m, t) for m, t in zip(under, truths, strict=True)]
            off = [self.e.both(m, self.e.builder.not_(t))
                   for m, t in zip(under, truths, strict=True)]
            then = self.values(e.then, sites, on)
            otherwise = self.values(e.otherwise, sites, off)
            return [self.e.select(t, *self.alike(a, b))
                    for t, a, b in zip(truths, then, otherwise, strict=True)]
        if isinstance(e, Delta):
            return [self.e.as_real(self.e.compare(
                "eq", self.integer(e.left, s, m), self.integer(e.right, s, m)))
                for s, m in zip(sites, under, strict=True)]
        assert isinstance(e, Reduce | ArgReduce)
        return self.reduce(e, sites, under)

    def number(self, e: Number, integral: bool = False) -> ir.Value:
        if integral and isinstance(e.value, int):
            return self.e.integer(e.value)
        return self.e.number(float(e.value))

    def alike(self, a: ir.Value, b: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Two values as the same kind of number."""
        if is_int(a) != is_int(b):
            return self.e.as_real(a), self.e.as_real(b)
        return a, b

    def apply(self, e: Apply, sites: list[Site], under: Masks) -> Values:
        """A function of the table."""
        if e.function in ("and", "or"):
            left = self.values(e.args[0], sites, under)
            first = left if e.function == "and" else [self.e.builder.not_(a) for a in left]
            inner = [self.e.both(m, a) for m, a in zip(under, first, strict=True)]
            right = self.values(e.args[1], sites, inner)
            join = self.e.builder.and_ if e.function == "and" else self.e.builder.or_
            return [join(*self.e.together(a, b)) for a, b in zip(left, right, strict=True)]
        args = [self.values(a, sites, under) for a in e.args]
        return [self.applied(e, list(row)) for row in (
            zip(*args, strict=True) if args else [()] * len(sites))]

    def applied(self, e: Apply, args: Values) -> ir.Value:
        name = e.function
        if name == "not":
            return self.e.builder.not_(args[0])
        if name in ("add", "sub", "mul", "neg") or FUNCTIONS[name].boolean:
            args = self.same_kind(e, args)
            if FUNCTIONS[name].boolean:
                return self.e.compare(name, args[0], args[1])
            operation: Any = getattr(self.e, name)
            return operation(*args)  # type: ignore[no-any-return]
        reals = [self.e.as_real(a) for a in args]
        if name == "div":
            return self.e.div(*reals)
        if name == "stop_gradient":
            return reals[0]
        if name == "pow" and isinstance(e.args[1], Number):
            power = e.args[1].value
            if isinstance(power, int) and 0 < abs(power) <= _POWER:
                product = self.product(reals[0], abs(power))
                return product if power > 0 else self.e.div(
                    self.e.spread(self.e.number(1), lanes(product)), product)
        if name == "pi":
            return self.e.number(math.pi)
        return self.elementary.call(self.e.builder, name, self.e.together(*reals))

    def same_kind(self, e: Apply, args: Values) -> Values:
        """Integers with integers (whole constants among them), else reals."""
        whole = [is_int(a) or (isinstance(n, Number) and isinstance(n.value, int))
                 for a, n in zip(args, e.args, strict=True)]
        if all(whole) and any(map(is_int, args)):
            return [a if is_int(a) else self.number(n, True)  # type: ignore[arg-type]
                    for a, n in zip(args, e.args, strict=True)]
        return [self.e.as_real(a) for a in args]

    def product(self, x: ir.Value, count: int) -> ir.Value:
        """x multiplied with itself, by squarings."""
        if count == 1:
            return x
        half = self.product(x, count // 2)
        whole = self.e.mul(half, half)
        return self.e.mul(whole, x) if count % 2 else whole

    # --- reductions

    def reduce(self, e: Reduce | ArgReduce, sites: list[Site], under: Masks) -> Values:
        """A sum, a maximum or minimum, or the position of a winner, at each point."""
        key = ("reduce", e.op, e.indices, e.condition, e.body, tuple(
            tuple((n, id(p.base), p.offset, p.wide) for n, p in s.items()) for s in sites))
        found = self.known(key)
        if found is None:
            extents = self.extents
            self.extents = {**extents, **{r.name: _extent(r) for r in e.indices}}
            if e.op == "sum":
                found = {"": self.sum(e, sites, under)}
            else:
                found = self.winner(e, sites, under)
            self.extents = extents
            if all(m is None or m is self.tail for m in under):
                self.scopes[-1][key] = found
        return found[e.which if isinstance(e, ArgReduce) else ""]  # type: ignore[no-any-return]

    def sum(self, e: Reduce | ArgReduce, sites: list[Site], under: Masks) -> Values:
        ranges = self.ordered(e, sites)
        along = self.along(e, ranges, sites) if self.lanes == 1 else None
        if along is None:
            sums = _Sums(self, len(sites), self.lanes, 1)
            self.terms(ranges, sites, lambda at: sums.add(self.term(e, at, under)))
            return sums.results(False)
        few = len(sites) < _STREAMS and _extent(along) >= _STREAMS * self.width
        streams = _STREAMS if few else 1
        sums = _Sums(self, len(sites), self.width, streams)
        others = [r for r in ranges if r.name != along.name]
        self.terms(others, sites, lambda at: self.vector_terms(e, along, at, under, sums))
        return sums.results(True)

    def term(self, e: Reduce | ArgReduce, sites: list[Site], under: Masks) -> Values:
        """The terms of a sum at some points: 0 where its condition fails."""
        if e.condition is None:
            return [self.e.as_real(v) for v in self.values(e.body, sites, under)]
        truths = self.values(e.condition, sites, under)
        on = [self.e.both(m, t) for m, t in zip(under, truths, strict=True)]
        values = [self.e.as_real(v) for v in self.values(e.body, sites, on)]
        return [self.e.select(t, v, self.e.zero(v)) for t, v in zip(truths, values, strict=True)]

    def vector_terms(self, e: Reduce | ArgReduce, along: Range, sites: list[Site], under: Masks,
                     sums: _Sums) -> None:
        """One run along a vector: several vectors at once, single ones, the lanes left over."""
        extent, width = _extent(along), self.width
        at = 0
        for streams in dict.fromkeys((len(sums.slots[0]), 1)):
            step = width * streams
            whole = at + (extent - at) // step * step

            def vectors(i: ir.Value, streams: int = streams, sums: _Sums = sums) -> None:
                self.lanes = width
                self.scopes.append({})
                for k in range(streams):
                    there = [{**s, along.name: self.place(i, k * width, True)} for s in sites]
                    sums.add(self.term(e, there, under), k)
                self.scopes.pop()
                self.lanes = 1

            self.e.loop(at, whole, step, vectors)
            at = whole
        if at < extent:
            self.lanes = width
            self.tail = ir.Constant(ir.VectorType(I1, width),
                                    [k < extent - at for k in range(width)])
            self.scopes.append({})
            there = [{**s, along.name: Place(None, at, True)} for s in sites]
            masks = [self.e.both(m, self.tail) for m in under]
            values = self.term(e, there, masks)
            sums.add([self.e.select(self.tail, v, self.e.zero(self.e.spread(v, width)))
                      for v in values])
            self.scopes.pop()
            self.lanes, self.tail = 1, None

    def along(self, e: Reduce | ArgReduce, ranges: Sequence[Range],
              sites: list[Site]) -> Range | None:
        """The index of a sum whose neighbours may be added at once, if there is one."""
        if self.width == 1:
            return None
        refs = references(Equation("", (), (), e.body, condition=e.condition))
        best: tuple[float, Range] | None = None
        for r in ranges:
            extent = _extent(r)
            if extent < 4 or r.name == self.kernel.shard:
                continue
            cost = 0.0
            for ref in refs:
                found = self.form(ref.tensor, ref.subscripts)
                if found is None or self.beyond(ref, self.stored[ref.tensor]):
                    moves = any(r.name in s.indices() for s in ref.subscripts)
                    cost += 2 * self.width if moves else 1
                else:
                    cost += {0: 0.5, 1: 1.0}.get(found.slope(r.name), 2.0 * self.width)
            cost = (cost + 1) * math.ceil(extent / self.width) / extent
            if best is None or cost < best[0]:
                best = (cost, r)
        plain = 1.0 + len(refs)
        return best[1] if best is not None and best[0] < plain else None

    def ordered(self, e: Reduce | ArgReduce, sites: list[Site]) -> list[Range]:
        """The indices of a sum, those that move far in memory first."""
        refs = references(Equation("", (), (), e.body))

        def reach(r: Range) -> int:
            forms = (self.form(ref.tensor, ref.subscripts) for ref in refs)
            return -sum(abs(f.slope(r.name)) for f in forms if f is not None)

        return sorted(e.indices, key=reach)

    def terms(self, ranges: Sequence[Range], sites: list[Site], body: Any) -> None:
        """`body(points)` for all values of some indices: written out where they are few."""
        count = math.prod(map(_extent, ranges))
        unrolled = count * len(sites) <= _UNROLLED and not any(
            r.name == self.kernel.shard for r in ranges)

        def nested(rest: Sequence[Range], at: list[Site]) -> None:
            if not rest:
                body(at)
                return
            name, extent = rest[0].name, _extent(rest[0])
            if unrolled:
                for k in range(extent):
                    nested(rest[1:], [{**s, name: Place(None, k)} for s in at])
                return

            def inside(i: ir.Value) -> None:
                self.scopes.append({})
                nested(rest[1:], [{**s, name: self.place(i)} for s in at])
                self.scopes.pop()

            if name == self.kernel.shard:
                self.e.loop(self.low, self.high, 1, inside)
            else:
                self.e.loop(0, extent, 1, inside)

        nested(ranges, sites)

    def integral(self, e: Expr) -> bool:
        """Whether an expression's values are integers."""
        if isinstance(e, Ref):
            return self.stored[e.tensor].kind != "real"
        if isinstance(e, IndexValue | ArgReduce):
            return True
        if isinstance(e, Select):
            return self.integral(e.then) and self.integral(e.otherwise)
        if isinstance(e, Reduce):
            return e.op != "sum" and self.integral(e.body)
        if isinstance(e, Apply) and e.function in ("add", "sub", "mul", "neg"):
            parts = [a for a in e.args
                     if not (isinstance(a, Number) and isinstance(a.value, int))]
            return bool(parts) and all(map(self.integral, parts))
        return False

    def winner(self, e: Reduce | ArgReduce, sites: list[Site],
               under: Masks) -> dict[str, Values]:
        """The best term at each point and where it stood: the first one, the last index fastest."""
        bests = [_Best(self, e) for _ in sites]

        def candidates(at: list[Site]) -> None:
            masks, truths = under, None
            if e.condition is not None:
                truths = self.values(e.condition, at, under)
                masks = [self.e.both(m, t) for m, t in zip(under, truths, strict=True)]
            values = self.values(e.body, at, masks)
            for k, best in enumerate(bests):
                best.offer(values[k], None if truths is None else truths[k], at[k])

        self.terms(e.indices, sites, candidates)
        results: dict[str, Values] = {"": [], **{r.name: [] for r in e.indices}}
        for best, mask in zip(bests, under, strict=True):
            best.finish(mask)
            results[""].append(best.value())
            for r in e.indices:
                results[r.name].append(best.position(r.name))
        return results


class _Sums:
    """Running sums, one a point and stream, in local variables that become registers."""

    def __init__(self, code: KernelCode, points: int, count: int, streams: int) -> None:
        self.code = code
        self.kind = ir.VectorType(code.real, count) if count > 1 else code.real
        zero = ir.Constant(self.kind, [0.0] * count if count > 1 else 0.0)
        self.slots = [[code.e.slot(self.kind) for _ in range(streams)] for _ in range(points)]
        for slot in (s for row in self.slots for s in row):
            code.e.builder.store(zero, slot)

    def add(self, values: Values, stream: int = 0) -> None:
        """A term at each point."""
        e = self.code.e
        for row, value in zip(self.slots, values, strict=True):
            total = e.builder.load(row[stream], typ=self.kind)
            e.builder.store(e.add(total, e.spread(value, lanes(total))), row[stream])

    def results(self, along: bool) -> Values:
        """The sums; with `along`, the lanes of each added up."""
        e = self.code.e
        found = []
        for row in self.slots:
            total = e.builder.load(row[0], typ=self.kind)
            for slot in row[1:]:
                total = e.add(total, e.builder.load(slot, typ=self.kind))
            found.append(self.folded(total) if along else total)
        return found

    def folded(self, total: ir.Value) -> ir.Value:
        """The sum of a vector's lanes, by halves."""
        e = self.code.e
        count = lanes(total)
        while count > 2:
            half = count // 2
            low, high = (e.builder.shuffle_vector(
                total, ir.Constant(total.type, ir.Undefined),
                ir.Constant(ir.VectorType(I32, half), list(range(start, start + half))))
                for start in (0, half))
            total = e.add(low, high)
            count = half
        return e.add(e.lane(total, 0), e.lane(total, 1))


class _Best:
    """The best term so far at one point, with its place."""

    def __init__(self, code: KernelCode, e: Reduce | ArgReduce) -> None:
        self.code, self.op = code, e.op
        self.names = [r.name for r in e.indices]
        self.guarded = e.condition is not None
        self.empty = any(_extent(r) == 0 for r in e.indices)
        self.whole = code.integral(e.body)
        worst: float = -math.inf if e.op == "max" else math.inf
        if self.whole:
            worst = -(2**63) if e.op == "max" else 2**63 - 1
        self.best = self._slot(I64 if self.whole else code.real, worst)
        self.found = self._slot(I1, 0)
        self.places = {name: self._slot(I64, 0) for name in self.names}

    def _slot(self, kind: ir.Type, start: float) -> tuple[ir.Value, ir.Type]:
        count = self.code.lanes
        wide = ir.VectorType(kind, count) if count > 1 else kind
        slot = self.code.e.slot(wide)
        self.code.e.builder.store(ir.Constant(wide, [start] * count if count > 1 else start), slot)
        return slot, wide

    def _now(self, slot: tuple[ir.Value, ir.Type]) -> ir.Value:
        return self.code.e.builder.load(slot[0], typ=slot[1])

    def offer(self, value: ir.Value, truth: ir.Value | None, at: Site) -> None:
        """A term, where `truth` holds."""
        e, count = self.code.e, self.code.lanes
        value = e.spread(value if self.whole else e.as_real(value), count)
        best = self._now(self.best)
        better = e.beats(self.op, value, best)
        if truth is not None:
            found = self._now(self.found)
            truth = e.spread(truth, count)
            better = e.builder.and_(truth, e.builder.or_(better, e.builder.not_(found)))
            e.builder.store(e.builder.or_(found, truth), self.found[0])
        e.builder.store(e.builder.select(better, value, best), self.best[0])
        for name in self.names:
            place = e.spread(self.code.atom(Index(name), at, None), count)
            old = self._now(self.places[name])
            e.builder.store(e.builder.select(better, place, old), self.places[name][0])

    def finish(self, mask: ir.Value | None) -> None:
        """Set the flag where there was no term."""
        e = self.code.e
        if self.guarded or self.empty:
            self.code.complain(self._now(self.found), mask)

    def value(self) -> ir.Value:
        return self._now(self.best)

    def position(self, name: str) -> ir.Value:
        return self._now(self.places[name])


def _extent(r: Range) -> int:
    assert r.size is not None and r.size.constant is not None
    return r.size.constant
