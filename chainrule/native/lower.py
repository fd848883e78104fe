"""From a kernel to its machine code: the loops, and the statement at each tile of points.

The loops end in a *statement* at a tile of points. An expression is emitted for all the points
together. That is what makes one generator serve everything: at a tile of 2 vectors by 13 positions
the sum of a convolution becomes 26 running sums in registers, each weight and each pixel loaded
once; the same code at one point computes a scalar formula.
"""

from __future__ import annotations

from llvmlite import ir

from chainrule.lang.expr import Ref
from chainrule.lang.program import Equation
from chainrule.native.emitter import I1, I32, I64, is_int, lanes
from chainrule.native.expressions import Expressions
from chainrule.native.kernels import Storage
from chainrule.native.reads import Masks, Site, Values


class KernelCode(Expressions):
    """The LLVM function of one kernel: loops around statements."""

    def emit(self) -> ir.Function:
        """Write the whole function."""
        self.nest([*self.kernel.outer, *self.kernel.loops], [{}])
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

    def inside(self, rest: list[tuple[str, int]], sites: list[Site]) -> None:
        """The rest of the nest in a scope of its own: what is computed there stays there."""
        self.scopes.append({})
        self.nest(rest, sites)
        self.scopes.pop()

    def vector_loop(self, name: str, start: ir.Value | int, stop: ir.Value | int,
                    rest: list[tuple[str, int]], sites: list[Site]) -> None:
        """Whole tiles of vectors, whole vectors, and the lanes that are left."""
        width, most = self.kernel.lanes or self.width, self.kernel.tile.get(name, 1)

        def points(count: int, i: ir.Value, tail: ir.Value | None = None,
                   live: int = width) -> None:
            self.lanes, self.tail, self.live = width, tail, live
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
                points(1, self.e.integer(at), on, stop - at)
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

        if self.kernel.folds:  # sums of lanes that are off would be read too
            self.e.loop(at_end, last, 1, lambda i: self.inside(
                rest, [{**s, name: self.place(i)} for s in sites]))
            return

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
            if equation.target not in self.kernel.unseen:
                self.put(equation, stored, kind, site, value, mask)
        if not equation.accumulate and whole and equation.condition is None:
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
        found = self.reached(Ref(equation.target, equation.subscripts), stored, site)
        pointer = self.pointers[equation.target]
        if found is not None:
            slope = self.slope(found, site)
            address = self.e.at(pointer, self.cells(found, site, mask), kind)
            if (slope == 0 and self.lanes == 1) or slope == 1:
                value = self.e.spread(value, self.lanes)
                mask = None if mask is None else self.e.spread(mask, self.lanes)
                self.look_ahead(address, kind, True)
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
