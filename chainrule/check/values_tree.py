"""The value of a formula as a paper writes it, in one world, under one reading.

`Evaluator.value` walks a tree of `chainrule.check.tree`. Names are looked up in a fixed order:
indices, arguments, what the paper defined, the sheet's notation, tensors, sizes, constants, and at
last a letter that is only a letter, which stands for any number. Subscripts count from 1, as papers
do. Nothing is simplified: a value is computed from exactly what stands there.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from chainrule.check.tree import (
    Apply,
    Bar,
    Choice,
    Derivative,
    Integral,
    Limit,
    Matrix,
    Node,
    Number,
    Reduce,
    Remark,
    Symbol,
    walk,
)
from chainrule.check.values import (
    Array,
    Unknown,
    Value,
    array,
    cells_of,
    plain_shape,
    shape_of,
)
from chainrule.check.values_adjoints import Adjoints
from chainrule.check.values_calls import Calls
from chainrule.check.values_cells import Cells
from chainrule.check.values_differentials import Differentials
from chainrule.check.values_dots import is_dots, is_dotted, list_with_dots, terms_with_dots
from chainrule.check.values_frames import DEPTH, OPERATIONS, Chooser, Frame, Need
from chainrule.check.values_functions import Functions
from chainrule.check.values_grids import grid_with_dots, has_dots
from chainrule.check.values_kept import Keeping, Kept
from chainrule.check.values_laid import Laid, with_divergences
from chainrule.check.values_limits import Limits
from chainrule.check.values_local import Local
from chainrule.check.values_matrices import Matrices
from chainrule.check.values_names import key, plain_letter
from chainrule.check.values_ones import Ones, indicator, row_of_ones, with_indicators
from chainrule.check.values_slices import Slices
from chainrule.check.values_slopes import Slopes
from chainrule.check.values_spoken import Spoken
from chainrule.check.values_subscripts import Subscripts, flattened
from chainrule.check.values_sums import Sums
from chainrule.check.values_tensors import (
    blocks,
    cellwise,
    contraction,
    products,
    shown_shape,
    to_rows,
    transposed,
)
from chainrule.check.values_turns import ACROSS, Turns
from chainrule.check.values_units import Units, is_inverse_turned
from chainrule.check.worlds import Own, Scope, World

_COMPARE: Final = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "=": "eq",
                   "!=": "ne", "~~": "eq"}
_NUMBER: Final = re.compile(r"\d+(\.\d*)?([eE][+-]?\d{1,3})?|\.\d+", re.ASCII)


def number(text: str) -> Fraction:
    """The number that a literal stands for, exactly."""
    plain = text.replace("\u2212", "-").strip()
    sign = -1 if plain.startswith("-") else 1
    plain = plain.lstrip("+-")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?", plain):
        plain = plain.replace(",", "")
    plain = plain.replace(",", ".")
    if not _NUMBER.fullmatch(plain) or len(plain) > 120:
        raise Unknown(f"{text:.30} is no number")
    return sign * Fraction(plain + "0" if plain.endswith(".") else plain)


class Evaluator(Calls, Subscripts, Functions, Slopes, Sums, Limits, Turns, Ones, Adjoints, Laid,
                Differentials, Matrices, Local, Slices, Units, Spoken, Keeping):
    """Values in one world and one scope; see the module's description.

    `base` is what subscripts count from. `student` says that a student's own values replace the
    right ones. `invented` collects letters that nothing defines.
    """

    def __init__(self, world: World, scope: Scope, chooser: Chooser, base: int = 1,
                 student: bool = False) -> None:
        self.world = world
        self.scope = scope
        self.numbers = world.numbers
        self.chooser = chooser
        self.base: int = base
        self.student = student
        self.invented: set[str] = set()
        self.functions: set[str] = set()
        self.operations = 0
        self.depth = 0
        self.approximate: bool = False
        self.fine = False  # whether each product may be another kind of product
        self.place: int = 10**9  # where in the paper this stands
        self.slopes: dict[tuple[str, str], Value] = {}  # a student's own derivatives
        self.examples = False  # whether some label counts examples
        self.spot = 0  # where the name stands that is looked up
        self.turns: dict[tuple[int, int], str] = {}  # which way products lie, by their places
        self.spreads: set[tuple[int, int]] = set()  # products with a vector for each row
        self.nudges: dict[int, Fraction] = {}  # literals, by their place, that are moved a little
        self.kept: Kept | None = None  # derivatives of this test
        self.by_rows: bool = False  # whether one subscript of a matrix is never a cell
        self.units: dict[int, int] | None = None  # sizes of unit matrices, by their places
        self.rows: bool = False  # whether x may be short for any x^{(i)}
        self.below = 0  # below how many lines of fractions this stands
        self.moves: tuple[Node, ...] = ()  # what differentials are taken of
        self.free: tuple[Node, ...] = ()  # those of them that move freely
        self.moved: dict[Any, Any] = {}

    def frame(self) -> Frame:
        """The outermost surroundings."""
        cells = self.world.cells
        if self.student and self.scope.own:
            stamp = ("student", self.scope.version)
            made = self.world.cache.get(stamp)
            if made is None or made[0] is not self.scope:  # another paper's
                made = self.world.cache[stamp] = (self.scope, *self._student())
            _, cells, self.slopes = made
        cells.visits = 0
        return Frame(cells)

    def _student(self) -> tuple[Cells, dict[tuple[str, str], Value]]:
        """The program and the derivatives with the student's own values, one after the other."""
        e = Evaluator(self.world, self.scope, Chooser(), self.base, True)
        cells, values = self.world.cells, {}
        for own in self.scope.own:
            e.place = own.place
            try:
                found = e.own_value(own, Frame(cells))
            except (Unknown, Need):
                continue
            if own.top:
                e.slopes = {**e.slopes, (own.top, own.tensor): found}
            else:
                values[own.tensor] = found
                cells = self.world.cells.under(values)
                cells.kept = frozenset(values)
        return cells, e.slopes

    def own_value(self, own: Own, frame: Frame) -> Value:
        """A student's own value as the whole tensor that it is a part of."""
        shape = frame.cells.shape(own.tensor)
        letters = [plain_letter(s) for s in own.subs]
        if letters and all(self._variable(s) for s in own.subs) and len(letters) == len(shape):
            cells = []
            for place in itertools.product(*(range(1, n + 1) for n in shape)):
                inner = frame.with_params({}, dict(zip(letters, place, strict=True)))
                cells.append(self.value(own.node, inner))
            if any(isinstance(c, Array | bool) for c in cells):
                raise Unknown("a cell is no number", "shape")
            return array(shape, tuple(cells))
        value = self.value(own.node, frame)
        if not own.subs:
            if plain_shape(shape_of(value)) != plain_shape(shape):
                raise Unknown("the value has another shape", "shape")
            return array(shape, cells_of(value))
        if own.top:
            whole = self.slopes.get((own.top, own.tensor))
            if whole is None:
                top = Symbol(own.place, own.place, own.top)
                target = self.target(Symbol(own.place, own.place, own.tensor), frame)
                whole = self._jacobian(top, target, frame)
        else:
            whole = frame.cells.tensor(own.tensor)
        places = self.places(own.subs, shape, frame)
        assert isinstance(whole, Array)
        return self._placed(whole, places, value)

    # --- nodes

    def value(self, node: Node, frame: Frame) -> Value:
        """The value of a node; raises `Unknown` or `Need`."""
        self.operations += 1
        self.numbers.work += 1
        if self.operations > OPERATIONS or self.depth > DEPTH:
            raise Unknown("the formula takes too long to work out", "budget")
        self.depth += 1
        try:
            if frame.match is not None and isinstance(node, Apply | Reduce | Choice):
                found = self._matched(node, frame)
                if found is not None:
                    return found
            return self._plain(node, frame)
        finally:
            self.depth -= 1

    def _matched(self, node: Node, frame: Frame) -> Value | None:
        """What replaces a node, where it is the expression that a derivative is taken by."""
        assert frame.match is not None
        looked_for, moved, still = frame.match
        inner = Frame(still.cells, frame.params, frame.bound, still.over, None, still.via,
                      frame.active, still.memo, frame.partial)
        try:
            here = self.value(node, inner)
        except Unknown:
            return None
        if shape_of(here) != shape_of(looked_for) or isinstance(here, bool):
            return None
        same = all(self.numbers.close(x, y) for x, y in
                   zip(cells_of(here), cells_of(looked_for), strict=True))
        return moved if same else None

    def _plain(self, node: Node, frame: Frame) -> Value:
        if isinstance(node, Number):
            exact = number(node.text)
            return exact + self.nudges[node.start] if node.start in self.nudges else exact
        if isinstance(node, Symbol):
            condition = indicator(node) if node.subs else None
            if condition is not None:
                return self._truth(Apply(node.start, node.end, "truth", (condition,)), frame)
            return self.symbol(node, frame)
        if isinstance(node, Apply):
            condition = indicator(node)
            called = node.head.startswith("call:")
            if condition is not None and not (called and self.known(node, frame)):
                return self._truth(Apply(node.start, node.end, "truth", (condition,)), frame)
            if self.units and node.head in ("sum", "product"):
                self.note_units(node, frame)
            return self._apply(node, frame)
        if isinstance(node, Reduce):
            return self.reduce(node, frame)
        if isinstance(node, Derivative):
            return self.slope(node, frame)
        if isinstance(node, Matrix):
            return self._matrix(node, frame)
        if isinstance(node, Choice):
            return self._choice(node, frame)
        if isinstance(node, Remark):
            if isinstance(node.body, Apply) and node.body.head == "words":
                raise Unknown(f"the words {node.said[:40]!r} are no formula", "words")
            return self.value(node.body, frame)
        if isinstance(node, Bar):
            return self.at_point(node, frame)
        if isinstance(node, Limit):
            return self.limit(node, frame)
        if isinstance(node, Integral):
            return self.integral(node, frame)
        raise Unknown("this is not understood")

    def _apply(self, node: Apply, frame: Frame) -> Value:
        head = node.head
        if head == "sum":
            return self._sum(node, frame)
        if head in ("product", "juxtaposed"):
            return self._product(node, frame)
        if head.startswith("call:"):
            change = self.change_of_call(node, frame) if head == "call:d" else None
            return self.call(node, frame) if change is None else change
        simple: dict[str, Callable[[Apply, Frame], Value]] = {
            "neg": lambda n, f: self._map("neg", self.value(n.args[0], f)),
            "frac": self._fraction,
            "power": self._power,
            "cell": self.cell_of_call,
            "transpose": self._transposed,
            "abs": lambda n, f: self._map("abs", self.value(n.args[0], f)),
            "norm": lambda n, f: self.norm(self.value(n.args[0], f)),
            "floor": lambda n, f: self._map("floor", self.value(n.args[0], f)),
            "ceil": lambda n, f: self._map("ceil", self.value(n.args[0], f)),
            "percent": lambda n, f: cellwise(self.numbers.div, self.value(n.args[0], f),
                                             Fraction(100)),
            "such": lambda n, f: self.value(self.last_of(n), f),
            "truth": lambda n, f: self._truth(n, f),
            "delta": self._delta,
            "differential": self.differential,
            "set": lambda n, f: self.listed(n.args, f),
        }
        if head in simple:
            return simple[head](node, frame)
        if head in ("compare", "and", "or", "not", "forall", "in"):
            return self.condition(node, frame)
        if head == "dots":
            raise Unknown("the dots leave open what they stand for")
        raise Unknown(f"{head} is not understood")

    def last_of(self, node: Apply) -> Node:
        """The last side of a relation inside a name: w·v of ∂(y = w·v)."""
        inner = node.args[-1]
        while isinstance(inner, Apply) and inner.head in ("compare", "such"):
            inner = inner.args[-1]
        return inner

    def _map(self, name: str, value: Value) -> Value:
        if isinstance(value, bool):
            raise Unknown("a condition stands where a number is wanted")
        if isinstance(value, Array):
            return value.map(lambda x: self.numbers.apply(name, x))
        return self.numbers.apply(name, value)

    def _sum(self, node: Apply, frame: Frame) -> Value:
        if any(is_dots(a) for a in node.args):
            return terms_with_dots(self, node, frame)
        total: Value = None
        for sign, arg in zip(node.signs, node.args, strict=False):
            term = self.value(arg, frame)
            if isinstance(term, bool):
                raise Unknown("a condition stands where a number is wanted")
            if sign == "-":
                term = self._map("neg", term)
            elif sign in ("±", "∓"):
                raise Unknown("± gives two values")
            total = term if total is None else self.added(total, term)
        return total

    def added(self, a: Value, b: Value) -> Value:
        """a + b; a number is added to every cell, a vector to every row of a matrix."""
        return cellwise(self.numbers.add, *to_rows(a, b))

    def _product(self, node: Apply, frame: Frame) -> Value:
        if any(is_dots(a) for a in node.args):
            return terms_with_dots(self, node, frame)
        signs = node.signs if len(node.signs) == len(node.args) else ("", *node.signs)
        args, signs = with_indicators(*with_divergences(
            *self.with_differentials(node.args, signs, frame)))
        node = node if args is node.args else Apply(node.start, node.end, "product", args, signs)
        total, turn, sums = None, "", False  # sums: whether a row of ones stands before
        for k, arg in enumerate(args):
            if isinstance(arg, Derivative) and k + 1 < len(node.args) and self.operates(
                    arg, node.args[k + 1 :], signs[k + 1 :]):
                own = () if arg.top is None else (arg.top,)
                rest = Apply(arg.end, node.end, "product", (*own, *node.args[k + 1 :]),
                             ("",) * len(own) + ("", *signs[k + 2 :]))
                term = self.value(Derivative(arg.start, node.end, rest, arg.bottom, arg.total),
                                  frame)
                return term if total is None else self.times(node, k, signs[k], total, term)
            laid = self.behind_name(args[k - 1], total, arg, frame) if k else None
            term = self.value(arg, frame) if laid is None else laid
            term = Fraction(int(term)) if isinstance(term, bool) else term
            if row_of_ones(arg) and k + 1 < len(args):
                sums, total = True, term if total is None else total
                continue
            if sums and isinstance(term, Array) and not isinstance(total, Array):
                sums, term = False, self.summed(term, False)
            ones = self.with_one(arg, total, turn)
            if ones is not None:
                total = ones
                continue
            if total is None:
                total = term
                turn = self.turn(arg) if isinstance(term, Array) else ""
                continue
            other = self.turn(arg) if isinstance(term, Array) else ""
            before, total = total, self.times(node, k, signs[k], total, term, (turn, other))
            if signs[k] != "odot":
                turn = self.product_turn(before, term, turn, other, (args[k - 1], arg))
        self.turns[node.start, node.end] = turn
        numeric = set(signs[1:]) == {"*"} and not frame.bound and not any(
            isinstance(n, Symbol) for n in walk(node))
        return self.or_size(node, frame, total) if numeric else total

    def times(self, node: Apply, k: int, sign: str, a: Value, b: Value,
              turns: tuple[str, str] = ("", "")) -> Value:
        """One product or quotient of two values; `turns` says which way vectors lie."""
        if sign == "/":
            return self._quotient(a, b)
        kind = {"*": "times", "dot": "dot", "odot": "odot"}.get(sign, "")
        if not isinstance(a, Array) or not isinstance(b, Array):
            return cellwise(self.numbers.mul, a, b)
        if sign == "otimes" and (made := self.kronecker(a, b)) is not None:
            return made
        what = self.joint(node, k, kind, a, b)
        factors = node.args[0] if k == 1 else node, node.args[k]
        if (options := self.turned_product(
                sign if sign == "otimes" else kind, a, b, *turns, factors)) is not None:
            return options[self.chooser.choose((*what, *turns), len(options))]()
        here = node.start, node.end
        if (only := self.matrix_product(node, k, kind, a, b)) is not None:
            return only
        options = products(self.numbers, kind, a, b,
                           None if ACROSS in turns or self.maps(node, k) else here in self.spreads)
        made = options[self.chooser.choose(what, len(options))]()
        if len(a.shape) == 1 and isinstance(made, Array) and made.shape == b.shape != a.shape:
            self.spreads.add(here)  # γ went with each row, so what stands behind may too
        return made

    def _quotient(self, a: Value, b: Value) -> Value:
        if isinstance(a, bool) or isinstance(b, bool):
            raise Unknown("a condition stands where a number is wanted")
        for cell in cells_of(b):
            if self.numbers.close(cell, Fraction(0)):
                raise Unknown("a division by zero", "domain")
        return cellwise(self.numbers.div, *to_rows(a, b))

    def _fraction(self, node: Apply, frame: Frame) -> Value:
        above, below = node.args
        return self._quotient(self.value(above, frame), self.denominator(below, frame))

    def _transposed(self, node: Apply, frame: Frame) -> Value:
        factors = self.factor_before(node.args[0], frame)
        if factors is not None:  # W(x + b)^T
            return self._behind(node, factors, "transpose", (), frame)
        return transposed(self.value(node.args[0], frame))

    def _behind(self, node: Apply, factors: tuple[Node, Node], head: str,
                rest: tuple[Node, ...], frame: Frame) -> Value:
        """p(1 - p)^2: what stands behind a bracket is the bracket's alone."""
        first, bracket = factors
        made = Apply(bracket.start, node.end, head, (bracket, *rest))
        return self._product(Apply(node.start, node.end, "product", (first, made), ("", "")), frame)

    def _power(self, node: Apply, frame: Frame) -> Value:
        base, exponent = node.args
        if isinstance(base, Apply) and base.head == "power":  # p^2 (1 - p)^2
            factors = self.factor_before(base.args[0], frame)
            if factors is not None and base.args[1].start < factors[1].start:
                first = Apply(node.start, base.args[1].end, "power", (factors[0], base.args[1]))
                return self._behind(node, (first, factors[1]), "power", (exponent,), frame)
        factors = self.factor_before(base, frame)
        if factors is not None and exponent.start < factors[1].start:  # p^2(1 - p)
            first = Apply(node.start, exponent.end, "power", (factors[0], exponent))
            both = (first, factors[1])
            return self._product(Apply(node.start, node.end, "product", both, ("", "")), frame)
        if factors is not None:
            return self._behind(node, factors, "power", (exponent,), frame)
        if plain_letter(exponent) == "T":
            return transposed(self.value(base, frame))
        if plain_letter(base) == "e" and (not self.known(base, frame) or self.chooser.choose(
                ("euler", node.start, node.end), 2)):
            return self._map("exp", self.value(exponent, frame))
        if is_inverse_turned(exponent):
            turned = transposed(self.value(base, frame))
            return self.inverse(turned) if isinstance(turned, Array) else turned
        top = self.value(exponent, frame)
        below = self.value(base, frame)
        whole = self.matrix_power(node, below, top)
        if whole is not None:
            return whole
        for x in cells_of(top):
            if type(x) is Fraction and abs(x) > 400:
                raise Unknown("the exponent is too large", "budget")
        if top == 2 and isinstance(below, Array) and len(plain_shape(below.shape)) == 1 and (
                self.chooser.choose(("square", node.start, node.end), 2)):
            return contraction(self.numbers, flattened(below), flattened(below), 1)  # v² is v·v
        return cellwise(lambda x, p: self.numbers.apply("pow", x, p), below, top)

    def _matrix(self, node: Matrix, frame: Frame) -> Value:
        if len(node.rows) == 1:
            return self.listed(node.rows[0], frame)
        if has_dots(node):
            return grid_with_dots(self, node, frame)
        rows = [[self.value(part, frame) for part in row] for row in node.rows]
        return blocks(rows)

    def listed(self, parts: tuple[Node, ...], frame: Frame) -> Value:
        """A list as an array; dots stand for what the neighbours show."""
        if any(map(is_dots, parts)) or (len(parts) == 1 and is_dotted(parts[0]) and (
                not self.chooser.choose(("listed", parts[0].start), 2))):
            return self.laid_in_columns(list_with_dots(self, parts, frame), parts)
        return self.laid_in_columns(blocks([[self.value(p, frame) for p in parts]]), parts)

    # --- conditions and cases

    def condition(self, node: Node, frame: Frame) -> Value:
        """Whether a condition holds; for tensors, cell by cell."""
        if isinstance(node, Remark) and not (
                isinstance(node.body, Apply) and node.body.head == "words"):
            return self.condition(node.body, frame)
        if isinstance(node, Apply):
            if node.head in ("and", "or"):
                held = [self.condition(a, frame) for a in node.args]
                join = all if node.head == "and" else any
                if not any(isinstance(h, Array) for h in held):
                    return join(held)
                total: Value = held[0]
                for h in held[1:]:
                    total = cellwise(lambda a, b: join((a, b)), total, h)
                return total
            if node.head == "not":
                held_ = self.condition(node.args[0], frame)
                return held_.map(lambda x: not x) if isinstance(held_, Array) else not held_
            if node.head == "forall":
                return self.condition(node.args[0], frame)
            if node.head in ("compare", "such"):
                return self._compared(node, frame)
            if node.head == "in":
                return self._within(node, frame)
        if isinstance(node, Remark) and isinstance(node.body, Apply) and node.body.head == "words":
            return self.spoken(node.said, frame)
        value = self.value(node, frame)
        if isinstance(value, bool) or (isinstance(value, Array) and
                                       all(isinstance(x, bool) for x in value.cells)):
            return value
        raise Unknown("this is no condition")

    def _compared(self, node: Apply, frame: Frame) -> Value:
        values = [self.compared_value(a, frame) for a in node.args]
        total: Value = True
        for sign, a, b in zip(node.signs, values, values[1:], strict=False):
            if sign not in _COMPARE:
                raise Unknown(f"{sign} is no condition that can be tested")
            test = self._test(_COMPARE[sign])
            here = cellwise(test, a, b)
            total = here if total is True else cellwise(lambda p, q: p and q, total, here)
        return total

    def _test(self, name: str) -> Callable[[Any, Any], bool]:
        def test(a: Any, b: Any) -> bool:
            order = self.numbers.order(a, b)
            return {"lt": order < 0, "le": order <= 0, "gt": order > 0, "ge": order >= 0,
                    "eq": order == 0, "ne": order != 0}[name]

        return test

    def _truth(self, node: Apply, frame: Frame) -> Value:
        held = self.condition(node.args[0], frame)
        if isinstance(held, Array):
            return held.map(lambda x: Fraction(int(x)))
        return Fraction(int(held))

    def _delta(self, node: Apply, frame: Frame) -> Value:
        a, b = (self.compared_value(x, frame) for x in node.args[:2])
        return Fraction(int(self.numbers.order(a, b) == 0))

    def _within(self, node: Apply, frame: Frame) -> Value:
        """x ∈ S for a list of numbers; other sets hold whatever is in them."""
        inside = node.args[1]
        if isinstance(inside, Apply) and inside.head == "setminus":
            out = self.condition(Apply(node.start, node.end, "in", (node.args[0], inside.args[1])),
                                 frame)
            return not out
        element = self.compared_value(node.args[0], frame)
        parts: tuple[Node, ...] = ()
        if isinstance(inside, Apply) and inside.head == "set":
            parts = inside.args
        elif isinstance(inside, Matrix) and len(inside.rows) == 1:
            parts = inside.rows[0]
        elif isinstance(inside, Symbol) and not self.known(inside, frame):
            return True
        else:
            parts = (inside,)
        if any(is_dots(p) for p in parts):
            return True
        return any(self.numbers.order(element, self.compared_value(p, frame)) == 0 for p in parts)

    def _choice(self, node: Choice, frame: Frame) -> Value:
        """A definition by cases; of tensors, cell by cell."""
        left: list[bool] | None = None  # the cells that no case has taken yet
        found: list[Any] = []
        shape: tuple[int, ...] = ()
        for value, condition in node.rows:
            held = True if condition is None else self.condition(condition, frame)
            if not isinstance(held, Array):
                if left is None:
                    if held:
                        return self.value(value, frame)
                    continue
                held = Array(shape, tuple(held for _ in left))
            if left is None:
                shape, left = held.shape, [True] * len(held.cells)
                found = [None] * len(left)
            takes = [open_ and bool(h) for open_, h in zip(left, held.cells, strict=True)]
            if any(takes):
                here = self.value(value, frame)
                cells = cells_of(here)
                if len(cells) not in (1, len(left)):
                    raise Unknown(f"a case has the shape {shown_shape(shape_of(here))}", "shape")
                for k, take in enumerate(takes):
                    if take:
                        found[k] = cells[k if len(cells) > 1 else 0]
                        left[k] = False
        if left is None or any(left):
            raise Unknown("no case applies", "domain")
        return array(shape, tuple(found))


__all__ = ["Evaluator", "key", "number"]
