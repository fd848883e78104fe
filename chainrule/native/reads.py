"""What the code of a kernel reads: addresses, subscripts, the cells behind references.

A point of a kernel's loops is a `Site`: for each index a place, which is a loop variable plus a
constant, or, for the vector index, a run of neighbours. A reference with affine subscripts is an
address; any other is computed, and what is outside its tensor is moved inside and marked. What was
read or computed before, in a block that every way here has passed, is not read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from chainrule.lang.expr import Number, Read, Ref
from chainrule.lang.integers import Index, Integer
from chainrule.native.elementary import Elementary
from chainrule.native.emitter import (
    I32,
    I64,
    POINTER,
    REAL,
    Emitter,
    is_int,
    lanes,
    scalar_type,
)
from chainrule.native.kernels import Form, Kernel, Storage, form, span


@dataclass(frozen=True, slots=True)
class Place:
    """The value of an index: `base + offset`, in lanes `base + offset + 0, 1, 2, ...`."""

    base: ir.Value | None
    offset: int = 0
    wide: bool = False


Site = dict[str, Place]
Values = list[ir.Value]
Masks = Sequence[ir.Value | None]


class Reads:
    """The LLVM function of one kernel, and how it reads tensors at its points.

    The function takes pointers of the kernel's tensors, the ends of the shard, and the flag.
    """

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
        self.lanes = self.live = 1  # of the vector: how many, how many of them are on
        self.tail: ir.Value | None = None
        self.scopes: list[dict[Any, Any]] = [{}]
        self.forms: dict[tuple[str, tuple[Integer, ...]], Form | None] = {}
        self.ready: dict[tuple[Any, ...], Values] = {}  # tensors written at these very points

    def place(self, i: ir.Value, offset: int = 0, wide: bool = False) -> Place:
        if isinstance(i, ir.Constant):
            return Place(None, i.constant + offset, wide)
        return Place(i, offset, wide)

    # --- addresses

    def cell(self, stored: Storage) -> ir.Type:
        return {"real": self.real, "i64": I64, "i32": I32}[stored.kind]

    def form(self, tensor: str, subscripts: tuple[Integer, ...]) -> Form | None:
        key = (tensor, subscripts)
        if key not in self.forms:
            self.forms[key] = form(subscripts, self.stored[tensor])
        return self.forms[key]

    def reached(self, ref: Ref, stored: Storage, site: Site) -> Form | None:
        """The address of a cell that is there for certain; None where it has to be looked for.

        Parts of the address may be computed, if they are the same in all lanes.
        """
        found = self.form(ref.tensor, ref.subscripts)
        if self.beyond(ref, stored):
            return None
        if found is None:
            found = form(ref.subscripts, stored, True)
            if found is None or any(site[n].wide for n in found.moving):
                return None
        return found

    def slope(self, found: Form, site: Site) -> int:
        """How far the address moves from lane to lane."""
        return sum(found.slope(name) for name, place in site.items()
                   if place.wide and name in found.slopes)

    def cells(self, found: Form, site: Site, mask: ir.Value | None = None) -> ir.Value | int:
        """The address in cells at the first lane; loop variables first, then constants."""
        constant = found.constant
        moving = [(stride, self.part(s, site, mask)) for s, stride in found.computed]
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

    def part(self, s: Integer, site: Site, mask: ir.Value | None) -> ir.Value:
        """The value of what is not affine in a subscript, once for all points that share it."""
        key = ("part", s, tuple((n, id(site[n].base), site[n].offset) for n in s.indices()))
        value = self.known(key)
        if value is None:
            value = self.scopes[-1][key] = self.integer(s, site, mask)
        return value

    def known(self, key: Any) -> Any:
        """What was computed before, in this scope or one around it."""
        for scope in reversed(self.scopes):
            if key in scope:
                return scope[key]
        return None

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
        found = self.reached(ref, stored, site)
        if found is not None:
            slope = self.slope(found, site)
            address = self.e.at(pointer, self.cells(found, site, mask), kind)
            if slope == 0:
                return self.whole(self.e.load(kind, address)), True
            if slope == 1:
                self.look_ahead(address, kind, False)
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

    def look_ahead(self, address: ir.Value, kind: ir.Type, write: bool) -> None:
        """Ask for what the next vectors of a large kernel will read or write."""
        if self.kernel.ahead and self.lanes > 1:
            self.e.prefetch(self.e.at(address, self.kernel.ahead, kind), write)

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

    def number(self, e: Number, integral: bool = False) -> ir.Value:
        """A constant, as an integer where one is wanted."""
        if integral and isinstance(e.value, int):
            return self.e.integer(e.value)
        return self.e.number(float(e.value))
