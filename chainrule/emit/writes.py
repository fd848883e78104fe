"""Left-hand sides: where an equation's array goes.

One plain equation is an assignment. Several `+=` on all cells are one assignment and then sums.
Pieces and scatters start from zeros: `g[:, 1:] += …` where the subscripts are slices, a loop over
the window's offsets where two indices move on one axis (`g[2*i + a]`, the adjoint of a window), and
an addition at arrays of integers for the rest. What is dropped outside goes into a larger array
whose middle is then cut out.
"""

from __future__ import annotations

from dataclasses import replace

from chainrule.emit.opened import opened
from chainrule.emit.plan import (
    ALL,
    Assign,
    At,
    Basic,
    Choice,
    Comment,
    Einsum,
    Elementwise,
    For,
    InRange,
    Literal,
    Matmul,
    Name,
    Node,
    Put,
    Repeat,
    Reshape,
    SizeValue,
    Slice,
    Spread,
    Statement,
    Zeros,
    aligned,
    permuted,
)
from chainrule.emit.reads import Affine
from chainrule.emit.scope import base_dims
from chainrule.emit.sums import Sums
from chainrule.lang.bounds import extent
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    Number,
    Reduce,
    free_indices,
    neg,
    walk,
)
from chainrule.lang.expr import Read as Gather
from chainrule.lang.integers import ONE, ZERO, Integer
from chainrule.lang.integers import size as named
from chainrule.lang.printing import equation_text
from chainrule.lang.program import Equation


class Writes(Sums):
    """Equations, one after the other."""

    def equation(self, e: Equation, others: int, first: bool) -> None:
        """The statements of an equation.

        `others` is how many more equations write its target; `first` says that none did so far.
        """
        written, place = e, len(self.statements)
        e = opened(e, self.program.tensors)
        self.loop = [r.name for r in e.ranges]
        self.letters = _all_sizes(e)
        self.rank = self.natural(e)
        self.left = self._loop_order(e)
        value, leaves = self._right_side(e)
        tensor = self.tensor(e.target)
        if tensor.kind == "integer" and value.kind != "integer":
            value = self.converted(value, "integer")
        elif tensor.kind == "real":
            value = self._real(value)
        whole = None if e.dropping or leaves else self._whole_target(e, value)
        plain = whole is not None and (others == 0 or (
            first and (e.target in self.summed or _fresh(whole))))
        if whole is not None and plain:
            self.assign(e.target, whole)
        elif whole is not None and e.accumulate and e.target in self.summed:
            self._add_whole(e, whole)
        else:
            self._piece(e, value, leaves, first, others)
        self.statements.insert(place, self._comment(written, plain))

    def _comment(self, e: Equation, plain: bool) -> Comment:
        """The equation as text, its sums in words; `plain` where all of it is one assignment."""
        guard = e.condition
        if guard is not None and self._demanded(e) is None:
            e = replace(e, condition=None)
        if e.accumulate:
            left = {i for s in e.subscripts for i in s.indices()}
            extra = tuple(r for r in e.ranges if r.name not in left)
            kept = tuple(r for r in e.ranges if r.name in left)
            inner = guard if guard is not None and extra and (
                set(free_indices(guard)) & {r.name for r in extra}) else None
            if extra:
                terms, minus = e.body, False
                if isinstance(terms, Apply) and terms.function == "neg":
                    terms, minus = terms.args[0], True
                body = Reduce("sum", extra, inner, terms)
                e = replace(e, ranges=kept, body=neg(body) if minus else body,
                            condition=None if inner is not None else e.condition)
            if plain and e.condition is None:
                e = replace(e, accumulate=False)
        return Comment(equation_text(e, shapes=self.shapes))

    def assign(self, target: str, value: Node) -> None:
        """`target = value`, its axes the target's own."""
        self.statements.append(Assign(self.variable(target), value))

    @staticmethod
    def _loop_order(e: Equation) -> list[str]:
        """The indices of the loop, those of the left-hand side first."""
        left = [i for s in e.subscripts for i in s.indices()]
        return list(dict.fromkeys([*left, *(r.name for r in e.ranges)]))

    def _real(self, value: Node) -> Node:
        if isinstance(value, Literal) and isinstance(value.value, int):
            return Literal((), "real", True, float(value.value))
        return self.converted(value, "real")

    def _right_side(self, e: Equation) -> tuple[Node, bool]:
        """The body, summed over what the target lacks and 0 where the condition fails.

        Also whether the left-hand side may leave the target where the condition fails.
        """
        left = {i for s in e.subscripts for i in s.indices()}
        extra = tuple(r for r in e.ranges if r.name not in left)
        guard = self._demanded(e)
        mixed = guard is not None and bool(set(free_indices(guard)) & {r.name for r in extra})
        if e.accumulate and extra:
            value = self.total(extra, guard if mixed else None, e.body, guard is not None)
        else:
            value = self.value(e.body, guard is not None)
        if guard is not None and not mixed:
            condition = self.condition(guard, False)
            value = self.masked(condition, value, Literal((), "integer", True, 0))
        leaves = guard is not None and any(
            not self._stays(s, axis) for s, axis in zip(
                e.subscripts, self.tensor(e.target).shape, strict=True))
        return value, leaves

    def _demanded(self, e: Equation) -> Expr | None:
        """A condition, unless it is `K > 0`: then it is asserted instead.

        A maximum over nothing is an error in all libraries, and needs no assertion.
        """
        condition = e.condition
        if isinstance(condition, Apply) and condition.function in ("gt", "lt"):
            small, large = condition.args if condition.function == "lt" else condition.args[::-1]
            if isinstance(small, Number) and small.value == 0 and not free_indices(large):
                size = self.value(large)
                if isinstance(size, SizeValue):
                    if not (isinstance(e.body, Reduce) and e.body.op != "sum"):
                        self.demand(ZERO, "<", size.value)
                    return None
        return condition

    def _stays(self, s: Integer, size: Integer) -> bool:
        ends = extent(s, self.letters)
        return ends is not None and self.holds(ZERO, ends[0]) and self.holds(ends[1], size - 1)

    # --- whole targets

    def _whole_target(self, e: Equation, value: Node) -> Node | None:
        """The value in the target's own axes, if the equation writes every cell once."""
        chains = self._chains(e)
        if chains is None:
            return None
        names = tuple(name for chain in chains for name in chain)
        return self._laid_out(value, chains, names, self.tensor(e.target).shape)

    def covers(self, e: Equation) -> bool:
        """Whether an equation writes every cell of its target once."""
        self.letters = {r.name: r.size for r in e.ranges if r.size is not None}
        return not e.dropping and self._chains(e) is not None and (
            e.condition is None or all(self._stays(s, n) for s, n in zip(
                e.subscripts, self.tensor(e.target).shape, strict=True)))

    def _chains(self, e: Equation) -> list[list[str]] | None:
        """For each axis of the target the indices that count its cells; None if some are left."""
        chains: list[list[str]] = []
        for s, size in zip(e.subscripts, self.tensor(e.target).shape, strict=True):
            a = Affine.of(s)
            if a is None or a.start != ZERO:
                return None
            chain = self._tiles(a) if a.slopes else []
            cells = ONE
            for name in chain or ():
                cells = cells * self.letters[name]
            if chain is None or not self.same(cells, size):
                return None
            chains.append(chain)
        names = [name for chain in chains for name in chain]
        return chains if len(set(names)) == len(names) else None

    def _laid_out(self, value: Node, chains: list[list[str]], names: tuple[str, ...],
                  shape: tuple[Integer, ...]) -> Node:
        """A value along `names`, spread and reshaped to the target's axes."""
        plain = all(len(chain) == 1 for chain in chains)
        repeated = self._repeated(value, chains)
        if repeated is not None:
            return repeated
        if set(value.axes) != set(names):
            sizes = tuple(self.size(self.letters[n], n) for n in names)
            value = Spread(names, value.kind, False, aligned(value, names), sizes)
        value = permuted(value, names) if value.dims != names else value
        if plain:
            return value
        if not value.dims:  # perhaps a plain number, which has no axes to add
            return Spread(base_dims(len(shape)), value.kind, False, value, shape)
        if all(len(chain) <= 1 for chain in chains):
            items = tuple(ALL if chain else "new" for chain in chains)
            dims = tuple(chain[0] if chain else None for chain in chains)
            return Basic(dims, value.kind, False, value, items)
        return Reshape(base_dims(len(shape)), value.kind, False, value, shape)

    def _repeated(self, value: Node, chains: list[list[str]]) -> Node | None:
        """`y[2*i + a] = x[i]` as each cell twice; None for what is no such thing."""
        own = value.axes
        outer = tuple(chain[0] for chain in chains if chain)
        if set(own) != set(outer) or all(len(chain) == 1 for chain in chains) or any(
                len(chain) not in (1, 2) for chain in chains):
            return None
        value = permuted(value, outer) if value.dims != outer else value
        for axis, chain in enumerate(chains):
            if len(chain) == 2:
                count = self.size(self.letters[chain[1]], chain[1])
                dims = (*value.dims[:axis], f"#{axis}", *value.dims[axis + 1:])
                value = Repeat(dims, value.kind, False, value, count, axis)
        return value

    def _add_whole(self, e: Equation, value: Node) -> None:
        old = Name(value.dims, "real", False, self.variable(e.target))
        function = "add"
        if isinstance(value, Spread):
            value = value.of  # the sum has the shape already
        if isinstance(value, Elementwise) and value.function == "neg":
            function, value = "sub", value.args[0]
        self.assign(e.target, Elementwise(old.dims, "real", False, function, (old, value)))

    # --- parts of targets

    def _zeros(self, e: Equation, name: str, shape: tuple[Integer, ...], like: bool) -> None:
        tensor = self.tensor(e.target)
        model = ""
        if like and tensor.adjoint_of is not None and tensor.shape == (
                self.tensor(tensor.adjoint_of).shape):
            self.used[tensor.adjoint_of] = None
            model = self.variable(tensor.adjoint_of)
        kind = "integer" if tensor.kind == "integer" else "real"
        self.statements.append(Assign(name, Zeros(base_dims(len(shape)), kind, False, shape,
                                                  model)))

    def _piece(self, e: Equation, value: Node, leaves: bool, first: bool, others: int) -> None:
        """A write of some cells, or of some more than once."""
        shape = self.tensor(e.target).shape
        name = self.variable(e.target)
        affine = [Affine.of(s) for s in e.subscripts]
        outside = e.dropping or leaves
        if outside and all(self.reach(s) is not None for s in e.subscripts):
            self._dropping(e, value, affine, first, others)
            return
        if first:
            self._zeros(e, name, shape, True)
        if not outside:
            self._demand_inside(e)
        if outside or None in affine or not self._sliced(e, name, value, affine, shape):
            self._scatter(name, value, outside, shape, list(e.subscripts))

    def _demand_inside(self, e: Equation) -> None:
        for s, size in zip(e.subscripts, self.tensor(e.target).shape, strict=True):
            ends = extent(s, self.letters)
            if ends is None:
                continue
            if not self.holds(ZERO, ends[0]):
                self.demand(ZERO, "<=", ends[0])
            if not self.holds(ends[1], size - 1):
                self.demand(ends[1], "<", size)

    def _dropping(self, e: Equation, value: Node, affine: list[Affine | None], first: bool,
                  others: int) -> None:
        """A write into a larger array, whose middle is the target."""
        shape = self.tensor(e.target).shape
        name = self.variable(e.target)
        padded = self.names.fresh(f"{e.target}_padded")
        larger: list[Integer] = []
        moved: list[Affine | None] = []
        places: list[Integer] = []
        cut: list[Slice | str] = []
        for a, s, size in zip(affine, e.subscripts, shape, strict=True):
            ends = self.reach(s)
            assert ends is not None
            before = self.margin(-ends[0], "before")
            after = self.margin(ends[1] - size + 1, "after")
            larger.append(size + before + after)
            moved.append(None if a is None else a.shifted(before))
            places.append(s + before)
            if before == ZERO and after == ZERO:
                cut.append(ALL)
            else:
                stop = None if after == ZERO else before + size
                cut.append(Slice(before, stop, ONE))
        inside = all(item == ALL for item in cut)
        if inside:
            padded = name
        if not inside or first:
            self._zeros(e, padded, tuple(larger), inside)
        if None in moved or not self._sliced(e, padded, value, moved, tuple(larger)):
            self._scatter(padded, value, False, tuple(larger), places)
        if inside:
            return
        dims = base_dims(len(shape))
        middle = Basic(dims, value.kind, False, Name(dims, value.kind, False, padded), tuple(cut))
        if not first:
            old = Name(dims, value.kind, False, name)
            self.assign(e.target, Elementwise(dims, value.kind, False, "add", (old, middle)))
        elif others and self.windows != "grid":
            self._zeros(e, name, shape, True)
            self.statements.append(Put(name, (ALL,), middle, True))
        else:
            self.assign(e.target, middle)

    def _sliced(self, e: Equation, name: str, value: Node, affine: list[Affine | None],
                shape: tuple[Integer, ...]) -> bool:
        """A write on slices, in a loop over a window's offsets; False where slices will not do."""
        met = [n for a in affine if a is not None for n, _ in a.slopes]
        if len(set(met)) < len(met) or any(
                not self.positive(c) for a in affine if a is not None for _, c in a.slopes):
            return False
        loops: list[str] = []
        for a in affine:
            assert a is not None
            if len(a.slopes) > 1:
                if not e.accumulate:
                    return False
                main = self._main(a)
                loops += [n for n, _ in a.slopes if n != main]
        kept = tuple(n for n in self.order(met) if n not in loops)
        if not loops:
            items = [self._item(a, {}, size) for a, size in zip(affine, shape, strict=True)]
            self._put(name, items, value, kept, affine, e)
            return True
        value = self._for_loops(e, value, loops)
        places = {n: named(f"{n}*{len(self.margins) + k}") for k, n in enumerate(loops)}
        variables = {n: self.names.part(("loop", n), n) for n in loops}
        self.margins.update({str(places[n]): variables[n] for n in loops})
        items = [self._item(a, places, size) for a, size in zip(affine, shape, strict=True)]
        rest = tuple(n for n in value.axes if n in loops)
        cut = tuple(At(places[d]) if d in loops else ALL for d in value.dims if d is not None)
        dims = tuple(d for d in value.dims if d not in loops)
        inner = Basic(dims, value.kind, False, value, cut) if rest else value
        before, self.statements = self.statements, []
        self._put(name, items, inner, kept, affine, e)
        body: tuple[Statement, ...] = tuple(self.statements)
        self.statements = before
        for n in reversed(loops):
            body = (For(variables[n], self.size(self.letters[n], n), body),)
        self.statements += body
        return True

    def _for_loops(self, e: Equation, value: Node, loops: list[str]) -> Node:
        """The value in a variable, the loops' axes last."""
        order = [n for s in e.subscripts for n in s.indices()]
        names = tuple(sorted((n for n in value.axes if n not in loops), key=order.index))
        inner = tuple(n for n in loops if n in value.axes)
        value = permuted(value, (*names, *inner)) if value.dims != (*names, *inner) else value
        if isinstance(value, Name) or not value.dims:
            return value
        variable = self.names.fresh(f"{e.target}_parts")
        self.statements.append(Assign(variable, value))
        return Name(value.dims, value.kind, False, variable)

    def _main(self, a: Affine) -> str:
        """The index of a window that stays an axis: the first of the loop, an output's position."""
        return next(n for n in self.loop if n in dict(a.slopes))

    def _item(self, a: Affine | None, places: dict[str, Integer], size: Integer
              ) -> Slice | At | str:
        """The slice that a subscript writes, with the loops' variables where they are set."""
        assert a is not None
        start = a.start
        free: tuple[str, Integer] | None = None
        for name, c in a.slopes:
            if name in places:
                start = start + c * places[name]
            else:
                free = (name, c)
        if free is None:
            return At(start)
        name, step = free
        count = self.size(self.letters[name], name)
        if not places or not any(n in places for n, _ in a.slopes):
            return self._slice(start, step, name, size)
        return Slice(start, start + step * count, step)

    def _put(self, name: str, items: list[Slice | At | str], value: Node, kept: tuple[str, ...],
             affine: list[Affine | None], e: Equation) -> None:
        """`name[items] += value`, the value's axes in the order of the target's."""
        order = tuple(n for a in affine if a is not None for n, _ in a.slopes if n in kept)
        value = aligned(value, order)
        while items and items[-1] == ALL:
            items = items[:-1]
        add = e.accumulate or e.condition is not None  # the cells left out keep what they have
        self.statements.append(Put(name, tuple(items) or (ALL,), value, add))

    def _scatter(self, name: str, value: Node, outside: bool, shape: tuple[Integer, ...],
                 subscripts: list[Integer]) -> None:
        """An addition at arrays of integers, into an array of this shape."""
        whole = 0  # axes at the end that are written whole, and so need no array
        while not outside and whole < len(shape) and subscripts[-1 - whole].plain is not None and (
                self.same(self.letters[subscripts[-1 - whole].plain or ""], shape[-1 - whole])
                and sum(subscripts[-1 - whole].plain in s.indices() for s in subscripts) == 1):
            whole += 1
        arrays = subscripts[: len(shape) - whole]
        last = tuple(s.plain or "" for s in subscripts[len(shape) - whole:])
        joint = tuple(n for n in self.order(i for s in arrays for i in s.indices())
                      if n not in last)
        self.grid(joint, arrays)
        places = [self.integer(s) for s in arrays]
        inside: Node | None = None
        if outside:
            for k, (place, size) in enumerate(zip(places, shape, strict=False)):
                low, top = SizeValue((), "integer", True), SizeValue((), "integer", True, size - 1)
                fits = self.compare("and", self.compare("ge", place, low),
                                    self.compare("le", place, top))
                inside = fits if inside is None else self.compare("and", inside, fits)
                places[k] = Elementwise(place.dims, "integer", place.static, "clip",
                                        (place, low, top))
        if not outside:
            self._guard_writes(arrays, shape)
        items = tuple(aligned(p, joint) for p in places)
        self.release(joint)
        if inside is not None:
            value = self.masked(inside, value, Literal((), "integer", True, 0))
        plain = {s.plain for s in arrays if s.plain is not None}
        once = all(n in plain for n in joint) and inside is None
        value = aligned(value, (*joint, *last))
        self.statements.append(Put(name, items, value, True, once))

    def _guard_writes(self, arrays: list[Integer], shape: tuple[Integer, ...]) -> None:
        """Have the file assert that integers which the user gives stay on their axes."""
        from_inputs = set(self.program.inputs)
        for s, size in zip(arrays, shape, strict=False):
            reads = [a for a in s.atoms() if isinstance(a, Gather)]
            given = [a for a in reads if a.ref.tensor in from_inputs]
            if not given or (len(s.terms) == 1 and self.tensor(given[0].ref.tensor).below == size):
                continue
            self.statements.append(InRange(self.integer(s), size))


def _fresh(value: Node) -> bool:
    """Whether a value is an array of its own, which may be changed in place."""
    return bool(value.dims) and value.kind == "real" and isinstance(
        value, Elementwise | Choice | Matmul | Einsum)


def _all_sizes(e: Equation) -> dict[str, Integer]:
    """The sizes of all indices of an equation, those of its reductions included."""
    found = {r.name: r.size for r in e.ranges if r.size is not None}
    for part in (e.body, e.condition):
        for node in walk(part) if part is not None else ():
            if isinstance(node, Reduce | ArgReduce):
                found.update({r.name: r.size for r in node.indices if r.size is not None})
    return found


__all__ = ["Writes"]
