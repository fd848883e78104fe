"""Reductions in text: `sum(i, j<3, k<=K, i != j) body`, and the `with` of an equation.

The items between the brackets name indices, bound them, or are conditions. `j < 3` bounds j where 3
is an integer made of sizes; `j <= i` introduces j, whose range is inferred, under that condition,
unless j is an index already.
"""

from __future__ import annotations

from typing import Final

from chainrule.errors import ChainruleError, RangeError
from chainrule.lang.cursor import PRODUCT, Cursor
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Ref,
)
from chainrule.lang.integers import Integer, constant

REDUCTIONS: Final = frozenset({"sum", "max", "min", "mean", "argmax", "argmin"})


class Reductions(Cursor):
    """Reads reductions, from the bracket after their name, and lists of binders."""

    def reduces(self, bracket: int) -> bool:
        """Whether `max(…)` at this bracket is a reduction: something to reduce follows it."""
        end = self.closes[bracket]
        follows = self.kinds[end + 1]
        if follows in ("name", "number", "(", "{") or (follows == "|" and not self.bars):
            return True
        inside = self.kinds[bracket + 1 : end]
        return "," not in inside and follows in ("-", "+") and "name" in inside[:1]

    def reduction(self, op: str, start: int) -> Expr:
        end = self.closes[self.at]
        self.deeper()
        bars, self.bars = self.bars, 0
        self.at += 1
        own: dict[str, Integer | None] = {}
        condition = self.binders(end, own, f"{op} needs an index, as in `{op}(i) x[i]`")
        which = self._which(op, own, end)
        self.at = end + 1
        self.bars = bars
        inside, self.inside = self.inside, False
        first = self.at
        body = self.number(self.expression(PRODUCT), first)
        self.inside = inside
        self.depth -= 1
        for name in own:
            del self.bound[name]
        self.reduced.update(own)
        ranges = tuple(Range(name, bound) for name, bound in own.items())
        if which is not None:
            return ArgReduce(op[3:], ranges, condition, body, which, self.span(start))
        return Reduce(op, ranges, condition, body, self.span(start))

    def _which(self, op: str, own: dict[str, Integer | None], end: int) -> str | None:
        """The index whose position is wanted: `argmax(a, b; a)`, or the only one."""
        if self.kinds[self.at] == ";" and self.at < end:
            if not op.startswith("arg"):
                raise self.fail(f"{op} gives no position: there is no `;` here")
            self.at += 1
            name = self.texts[self.at]
            if name not in own or self.at + 1 != end:
                raise self.fail(f"expected one of the indices {', '.join(own)} after `;`")
            self.at += 1
            return name
        self.finish(end)
        if not op.startswith("arg"):
            return None
        if len(own) != 1:
            raise self.fail(
                f"the position of which index? {op} has {len(own)}",
                f"write `{op}({', '.join(own)}; {next(iter(own))}) …`", end,
            )  # fmt: skip
        return next(iter(own))

    def binders(
        self, end: int, own: dict[str, Integer | None], needed: str = "", more: bool = True
    ) -> Expr | None:
        """The items `i`, `j < 3`, `k <= K`, `i != j` up to token `end` or a `;`.

        Indices are put into `own` with their bounds (and into scope); what is no bound is a
        condition, and their conjunction is given back. With `more` false only indices that are in
        `own` already can be given bounds.
        """
        items = self._items(end)
        heads = [self._introduce(first, last, own, more) for first, last in items]
        if not own and needed:
            raise self.fail(needed)
        self.bound.update(dict.fromkeys(own))
        condition: Expr | None = None
        for (first, last), head in zip(items, heads, strict=True):
            self.at = first
            if last == first + 1 and head:
                self.at = last
                continue
            if head > first:  # 0 <= i < 3
                self.at = head
            item = self.condition()
            self.finish(last)
            if not (head and self._bounded(item, own, head)):
                span = self.span(items[0][0])
                condition = item if condition is None else Apply("and", (condition, item), span)
        return condition

    def _items(self, end: int) -> list[tuple[int, int]]:
        """First and last token (exclusive) of each item between commas."""
        items: list[tuple[int, int]] = []
        first = at = self.at
        while True:
            kind = self.kinds[at]
            if at >= end or kind == "," or kind == ";":
                if at > first:
                    items.append((first, at))
                elif items or at < end:
                    raise self.fail("expected an index or a condition", at=at)
                if at >= end or kind == ";":
                    return items
                first = at + 1
            at = self.closes.get(at, at) + 1

    def _introduce(
        self, first: int, last: int, own: dict[str, Integer | None], more: bool
    ) -> int:
        """The place of the index that an item introduces or bounds, or 0."""
        kinds, texts = self.kinds, self.texts
        if texts[first : first + 2] == ["0", "<="] and kinds[first + 3] in ("<", "<="):
            first += 2  # 0 <= i < 3
        if kinds[first] != "name":
            return 0
        name = texts[first]
        alone = last == first + 1
        if not alone and kinds[first + 1] not in ("<", "<="):
            return 0
        if name in own:
            if alone and more:
                raise self.fail(f"the index {name} stands here twice", at=first)
            return first
        if name in self.bound:
            if alone:
                raise self.fail(
                    f"{name} is an index already, outside", "take another letter", first
                )
            return 0
        if name in self.names.sizes:
            if alone:
                raise self.fail(f"{name} is a size, it cannot be an index", at=first)
            return 0
        if not alone and name in self.names.tensors:
            return 0
        if name in self.parameters:
            raise self.fail(f"{name} is the function's argument, not an index", at=first)
        if name in self.found:
            raise self.both_sides(name, first)
        own[name] = None
        return first

    def _bounded(self, item: Expr, own: dict[str, Integer | None], head: int) -> bool:
        """Take `i < 3` and `i <= N` for the bound of an index; False if it is a condition."""
        if type(item) is not Apply or item.function not in ("lt", "le"):
            return False
        name = self.texts[head]
        left, right = item.args
        if type(left) is not IndexValue or left.value.plain != name or own[name] is not None:
            return False
        whole = _whole(right)
        if whole is not None:
            bound = constant(whole)
        elif type(right) is IndexValue and not right.value.indices():
            bound = right.value
        else:
            if type(right) is Ref and not right.subscripts and right.tensor in self.values:
                # unless it turns out to be an index: in `s += a[i,j] with j <= i` it does
                self.doubt = self.doubt or RangeError(
                    f"{right.tensor} is not a size here", right.span,
                    f"declare `size {right.tensor}`",
                )  # fmt: skip
            return False
        bound = bound + 1 if item.function == "le" else bound
        if bound.constant is not None and bound.constant < 0:
            raise RangeError(f"the index {name} has a negative range", item.span)
        own[name] = bound
        return True

    def both_sides(self, name: str, at: int) -> ChainruleError:
        """The error for an index that a reduction uses up and that stands outside it too."""
        return self.fail(
            f"{name} is an index of a reduction here, and stands outside it too",
            "take another letter for one of the two", at,
        )  # fmt: skip


def _whole(e: Expr) -> int | None:
    """The value of whole numbers under +, - and *, as in `i < 5 - 1`; None of anything else."""
    if type(e) is Number:
        return e.value if isinstance(e.value, int) else None
    if type(e) is not Apply or e.function not in ("add", "sub", "mul"):
        return None
    left, right = map(_whole, e.args)
    if left is None or right is None:
        return None
    return {"add": left + right, "sub": left - right, "mul": left * right}[e.function]
