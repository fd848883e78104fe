r"""Sums, maxima and definitions by cases: operators with an index of their own, and a body."""

from __future__ import annotations

from dataclasses import replace

from chainrule.lang.latex_cursor import is_condition
from chainrule.lang.latex_scripts import Scripts
from chainrule.lang.latex_tree import Apply, Choice, Item, Node, Number, Reduce, Symbol


class Reductions(Scripts):
    """Reads reductions and cases."""

    def _reduction(self, op: str, start: int) -> Node:
        r"""`\sum_{i=1}^{n}` and its body."""
        items: list[Item] = []
        upper: Node | None = None
        while self.is_("_", "^"):
            below = self.is_("_")
            self.at += 1
            if below:
                items += self._items()
            else:
                upper = self._argument()
        if not items:
            raise self.fail(f"\\{op} needs an index", f"write \\{op}_{{i}} x_i", start)
        items = _limited(items, upper)
        self.deeper()
        body = self.signed_product()
        self.depth -= 1
        return Reduce(start, body.end, op, tuple(items), body)

    def signed_product(self) -> Node:
        start = self.token.start
        sign = self._sign()
        body = self.product()
        return body if sign == "+" else Apply(start, body.end, "sum", (body,), ("-",))

    def _items(self) -> list[Item]:
        if not self.take("{"):
            only = self._argument()
            if not isinstance(only, Symbol):
                raise self.fail("expected an index", start=only.start)
            return [Item(only)]
        opened = self.tokens[self.at - 1].start
        stacked = self.take("substack")
        if stacked:
            self.expect("{", "{", opened)
        found = [self._item()]
        while self.take(",", "break"):
            found.append(self._item())
        self.expect("}", "}", opened)
        if stacked:
            self.expect("}", "}", opened)
        return found

    def _item(self) -> Item:
        self.deeper()
        condition = self.condition()
        self.depth -= 1
        if isinstance(condition, Symbol):
            if self.take("in"):
                lower, upper = self.between(condition)
                return Item(condition, lower, upper)
            return Item(condition)
        if isinstance(condition, Apply) and condition.head == "compare":
            args, signs = condition.args, condition.signs
            if signs == ("==",) and isinstance(args[0], Symbol):
                return Item(args[0], args[1])
            if (len(signs) == 2 and isinstance(args[1], Symbol) and signs[0] == "<="
                    and signs[1] in ("<", "<=") and isinstance(args[0], Number)):
                return Item(args[1], args[0], at_most(args[2], signs[1]))
        if not is_condition(condition):
            raise self.fail("expected an index or a condition", start=condition.start)
        return Item(None, condition=condition)

    def between(self, symbol: Symbol) -> tuple[Node, Node]:
        r"""`\{1, \dots, K\}`, from its brace on."""
        opened = self.token.start
        if not (self.token.kind == "command" and self.token.text == "{"):
            raise self.fail(f"{symbol.name} needs numbers to run over",
                            "write i \\in \\{1, \\dots, n\\}")
        self.at += 1
        lower = self.sum()
        while self.take(","):
            if self.take("dots"):
                self.expect(",", ",", opened)
                upper = self.sum()
                self.expect("}", "\\}", opened)
                return lower, upper
            upper = self.sum()
        self.expect("}", "\\}", opened)
        raise self.fail("a set that an index runs over is written with dots",
                        "write \\{1, \\dots, n\\}", opened)

    def _cases(self, start: int) -> Node:
        rows: list[tuple[Node, Node | None]] = []
        self.deeper()
        bars, self.bars = self.bars, 0
        while not self.take("endcases"):
            value = self.sum()
            while self.take("&", ",", ";", "."):
                pass
            if self._said("if", "for", "when", "if and only if", "where"):
                self.at += 1
            condition: Node | None = None
            if self.token.kind in ("prose", "word") and self.token.text.lower().strip(
                    " ,.;") in ("otherwise", "else", "other", "sonst"):
                self.at += 1
            elif self.is_("break", "endcases", "end"):
                raise self.fail("a case needs its condition",
                                "write x & \\text{if } x > 0 \\\\ 0 & \\text{otherwise}",
                                value.start)
            else:
                condition = self.condition()
                if not is_condition(condition):
                    raise self.fail("expected a condition, as in x > 0", start=condition.start)
            rows.append((value, condition))
            while self.take("&", ",", ";", "."):
                pass
            if not self.is_("break", "endcases"):
                raise self.fail(f"expected `\\\\` or \\end{{cases}}, found {self.found()}")
            while self.take("break"):
                pass
        self.bars = bars
        self.depth -= 1
        if not rows:
            raise self.fail("there are no cases", start=start)
        if any(c is None for _, c in rows[:-1]):
            raise self.fail("the last case is the one for otherwise", start=start)
        return Choice(start, self.tokens[self.at - 1].end, tuple(rows))


def at_most(node: Node, relation: str) -> Node:
    if relation == "<=":
        return node
    one = Number(node.start, node.end, "1")
    return Apply(node.start, node.end, "sum", (node, one), ("+", "-"))


def _limited(items: list[Item], upper: Node | None) -> list[Item]:
    """The items with the limit on top, and with the one below that several share: i, j = 1."""
    found: list[Item] = []
    lower: Node | None = None
    for item in reversed(items):
        if item.lower is not None and item.upper is None:
            lower = item.lower
        if item.index is not None and item.upper is None:
            item = replace(item, lower=item.lower or lower, upper=upper)
        found.append(item)
    return found[::-1]
