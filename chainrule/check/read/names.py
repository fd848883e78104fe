r"""Names with their scripts, and calls: `w^{(2)}_{kj}`, `\bar z_i`, `softmax(z)_i`, `\log p_y`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from chainrule.check.read import words as w
from chainrule.check.read.cursor import Cursor
from chainrule.check.read.printing import shown
from chainrule.check.read.tokens import Token
from chainrule.check.tree import Apply, Bar, Derivative, Matrix, Node, Number, Symbol, walk

_INDEX_PAIR: Final = frozenset(a + b for a in "ijklmnpquvcrs" for b in "ijklmnpquvcrs")
_NO_PAIR: Final = frozenset({"in", "is", "up", "us", "pq", "mm", "cm", "ln", "cs", "pm", "no"})
_LABELS: Final = frozenset({"o", "*", "+", "-", "odot", "dagger", "ddagger", "star", "#", "′"})
_ACCENTS: Final = frozenset({"hat", "bar", "tilde"})


@dataclass(slots=True)
class Scripts:
    """What stands below and above a base."""

    subs: tuple[Node, ...] = ()
    label: Node | None = None
    power: Node | None = None
    transposed: bool = False
    primes: int = 0
    relation: bool = False  # a relation stands below: the point of a bar
    end: int = 0


class Names(Cursor):
    """Reads names, their scripts, and what they are called with."""

    def scripts(self, base_is_name: bool = True) -> Scripts:
        """All the scripts that stand here."""
        found = Scripts(end=self.last())
        while self.peek().kind == "op" and self.peek().text in "_^'":
            sign = self.peek()
            if sign.text == "'":
                self.at += 1
                found.primes += 1
            elif sign.text == "_":
                if found.subs:
                    break
                self.at += 1
                self._below(found)
            else:
                if found.power is not None:
                    break
                self.at += 1
                self._above(found, base_is_name)
            found.end = self.last()
        return found

    def _script_range(self) -> tuple[int, int]:
        """The tokens of a script: a group, a number with its sign, or one name."""
        if self.peek().kind == "{":
            return self.argument()
        start = self.at
        if self.peek().text in ("-", "+") and self.peek(1).kind in ("num", "sym"):
            self.at += 2
        elif self.peek().kind == "open" and self.plain:
            self.at = min(self.match[self.at] + 1, self.end)
        elif self.peek().kind == "cmd":
            self.factor()
        elif self.at < self.end:
            self.at += 1
            while self.peek().text == "'":
                self.at += 1
        else:
            raise self.fail("a script is missing")
        return start, self.at

    def _below(self, found: Scripts) -> None:
        start, end = self._script_range()
        if start >= end:
            return
        if self.tokens[start].kind == "text":
            token = self.tokens[start]
            found.subs = (Symbol(token.start, token.end, token.text),)
            return
        subs: list[Node] = []
        for first, last in self.commas(start, end):
            if first < last:
                subs.append(self._without_exception(self._subscript(first, last)))
        found.relation = self.has(start, end, ("rel",))
        found.subs = tuple(subs)

    def _without_exception(self, node: Node) -> Node:
        r"""\theta_{i \ne k} is \theta_i, where i is not k."""
        if isinstance(node, Apply) and node.head == "such" and node.signs == ("!=",) and all(
                isinstance(a, Symbol) for a in node.args):  # fmt: skip
            self.noted.append(Apply(node.start, node.end, "compare", node.args, node.signs))
            return node.args[0]
        return node

    def _subscript(self, start: int, end: int) -> Node:
        token = self.tokens[start]
        if end - start == 1 and token.kind == "word":
            if token.text in _INDEX_PAIR - _NO_PAIR:
                middle = min(token.start + 1, token.end)
                letters = (Symbol(token.start, middle, token.text[0]),
                           Symbol(middle, token.end, token.text[1]))
                return Apply(token.start, token.end, "product", letters, ("", ""))
            return Symbol(token.start, token.end, token.text)
        if end - start == 1 and token.kind in ("times", "op", "dots"):
            return Symbol(token.start, token.end, token.text)
        if self.tokens[start].kind == "text" or self.has(start, end, ("text",)):
            last = self.tokens[end - 1]
            return Symbol(token.start, last.end, self.said(start, end))
        return self.whole(start, end)

    def _above(self, found: Scripts, base_is_name: bool) -> None:
        braced = self.peek().kind == "{"
        start, end = self._script_range()
        while start < end and self.tokens[start].text == "'":
            found.primes += 1
            start += 1
        if start >= end:
            return
        first = self.tokens[start]
        if (braced and base_is_name and first.kind == "open" and first.text in "(["
                and self.match[start] < end and not self._is_sum(start, end)
                and not self._is_worked(start)):  # fmt: skip
            found.label = self.whole(start + 1, self.match[start])
            start = self.match[start] + 1
            if start >= end:
                return
            first = self.tokens[start]
        alone = end - start == 1
        if alone and first.text in ("T", "top", "intercal", "mathsf"):
            found.transposed = True
        elif alone and (first.text in _LABELS or first.kind == "text") and first.kind != "num":
            found.label = Symbol(first.start, first.end, first.text)
        else:
            found.power = self.whole(start, end)

    def _is_sum(self, start: int, end: int) -> bool:
        """Whether what is raised goes on behind its bracket: x^{(a+b)/2}."""
        behind = self.match[start] + 1
        if behind + 1 == end and self.tokens[behind].kind == "num":
            return False  # Z^{[1]2}, the square of Z^{[1]}
        return behind < end and self.tokens[behind].text not in ("T", "top", "'", "intercal")

    def _is_worked(self, start: int) -> bool:
        """Whether a bracket that is raised is a number to be worked out: w^{(2-1)}."""
        inside = self.tokens[start + 1 : self.match[start]]
        return len(inside) > 2 and all(t.kind == "num" or t.text in "+-" for t in inside)

    # names

    def name(self) -> Node:
        """A name, or a call."""
        token = self.take()
        name = token.text
        if name == "arg" and self.peek().text in ("max", "min"):
            name += self.take().text
        if name == "lim":
            self.at -= 1
            return self.limit()
        if name in w.REDUCES and self.peek().text == "_":
            return self.reduction(w.REDUCES[name], token)
        if name in ("Sigma", "sum") and self.peek().text == "_":
            return self.reduction("sum", token)
        if name in ("Sigma", "sum") and self._sums(name, token):
            return self.reduction("sum", token)
        symbol = Symbol(token.start, token.end, name, token.bold)
        return self.named(symbol, known=token.kind == "word")

    def _sums(self, name: str, token: Token) -> bool:
        r"""Whether a sign without an index is a sum over what stands behind it: \sum x_i y_i."""
        behind = self.peek()
        if name == "sum" and (self.plain or self.source[token.start - self.offset] == "\\"):
            tight = self.plain and not behind.gap  # sum(x) is a call
            return self.starts_operand() and (behind.kind != "open" or not tight)
        before = self.tokens[self.at - 2].kind if self.at > 1 else "rel"
        return (name == "Sigma" and self.plain and before in ("rel", "op")
                and behind.kind == "sym" and self.peek(1).text == "_")

    def named(self, symbol: Symbol, known: bool = False) -> Node:
        """A name whose letter was read, with its scripts and what it is called with."""
        found = self.scripts()
        accent = found.subs[0] if found.subs else None
        if isinstance(accent, Symbol) and accent.name in _ACCENTS and not accent.subs:
            symbol = replace(symbol, name=f"{symbol.name}_{accent.name}")  # x_hat is x̂
            found.subs = found.subs[1:]
        name = symbol.name + "'" * found.primes
        symbol = replace(symbol, name=name, subs=symbol.subs + found.subs,
                         label=symbol.label or found.label, end=found.end)
        if self._is_call(symbol, known) and self._may_be_called(symbol, known, found):
            return self._call(symbol, found)
        if symbol.name.rstrip("'") in w.TIGHT and not symbol.subs[1:]:
            tight = self._tight(symbol, found)
            if tight is not None:
                return tight
        return self.raised(symbol, found)

    def _may_be_called(self, symbol: Symbol, known: bool, found: Scripts) -> bool:
        """Whether a raised name can be a function: P^2(y = j), but not X^T (a + b)."""
        name = symbol.name.rstrip("'")
        if known or name in w.FUNCTIONS or called(symbol) in self.habits.functions:
            return True
        return not found.transposed and (found.power is None or name in ("P", "f", "g", "h", "p"))

    def raised(self, node: Node, found: Scripts) -> Node:
        """A node with the transpose and the power of its scripts."""
        if found.transposed:
            node = Apply(node.start, found.end, "transpose", (node,))
        if found.power is not None:
            node = Apply(node.start, found.end, "power", (node, found.power))
        return node

    def _is_call(self, symbol: Symbol, known: bool) -> bool:
        token = self.peek()
        if token.kind != "open" or token.text == ".":
            return False
        name = symbol.name.rstrip("'")
        key = called(symbol)
        function = key in self.habits.functions or name in w.FUNCTIONS
        if token.text == "(" and self._divided(symbol):
            return True
        if token.text == "(":
            if symbol.label is not None and not known:
                return function
            if symbol.subs:
                return function or (known and len(name) > 3) or self._celled() or (
                    _of_parameters(symbol) and self._one_thing())
            return function or known or symbol.name not in ("e", "pi", "infty", "d")
        if token.text in ("[", "{"):
            return name in w.FUNCTIONS or (name in ("E", "P") and token.text == "[") or (
                key in self.habits.functions and not token.gap)
        return False

    def _one_thing(self) -> bool:
        """Whether a bracket holds names alone: f_w(x), but not J_w (a + b)."""
        inside = self.tokens[self.at + 1 : min(self.match[self.at], self.end)]
        return bool(inside) and not any(
            t.kind in ("rel", "times") or (t.kind == "op" and t.text in "+-") for t in inside)

    def _celled(self) -> bool:
        """Whether one name in brackets has a subscript behind them: S_0(x)_i is no product."""
        closed = self.match[self.at]
        return closed == self.at + 2 and closed + 1 < self.end and (
            self.tokens[closed + 1].text == "_" and self.tokens[self.at + 1].kind == "sym")

    def _divided(self, symbol: Symbol) -> bool:
        """Whether a lone bar parts what stands in the bracket: D_{KL}(p ‖ q), P_θ(a | b)."""
        if not symbol.name[:1].isalpha() or not symbol.name[0].isupper():
            return False
        first, last = self.at + 1, min(self.match[self.at], self.end)
        bars = [k for k in range(first, min(last, first + 80)) if self.tokens[k].kind == "bar"]
        return len(bars) == 1 and first < bars[0] < last - 1

    def _call(self, symbol: Symbol, found: Scripts) -> Node:
        opened = self.at
        closed = min(self.match[opened], self.end)
        args: list[Node] = []
        if not self._placeholder(opened + 1, closed):
            for first, last in self.commas(opened + 1, closed, ("sep", "bar", "break")):
                if first < last:
                    args.append(self.whole(first, last))
        self.at = min(closed + 1, self.end)
        if symbol.name in ("array", "tensor", "matrix", "Matrix") and len(args) == 1:
            return args[0]
        node: Node = Apply(symbol.start, self.last(), f"call:{called(symbol)}", tuple(args))
        return self.raised(node, replace(found, end=self.last()))

    def _placeholder(self, start: int, end: int) -> bool:
        """Whether a function is only named: f(·)."""
        return start >= end or (end - start == 1 and self.tokens[start].kind in ("times", "dots"))

    def _tight(self, symbol: Symbol, found: Scripts) -> Node | None:
        """A function that is written without brackets: \\log p_y."""
        head = f"call:{called(symbol)}"
        if self.peek().text == "{":
            start, end = self.argument()
            if start >= end:
                return None
            inside = tuple(self.whole(a, b) for a, b in self.commas(start, end) if a < b)
            node = Apply(symbol.start, self.last(), head, inside)
            return self.raised(node, replace(found, end=self.last()))
        if self.peek().text == "-" and self.peek(1).kind in ("sym", "num"):
            inner = self.factor()
        elif self.starts_operand() and self.peek().kind != "dots":
            inner = self.run()
        elif found.power is not None:  # exp^x, meant for e^x
            return Apply(symbol.start, found.end, head, (found.power,))
        else:
            return None
        node = Apply(symbol.start, inner.end, head, (inner,))
        return self.raised(node, replace(found, end=inner.end))

    # what may stand behind any factor

    def behind(self, node: Node) -> Node:
        """A node with the scripts, bars and signs that stand behind it."""
        while True:
            token = self.peek()
            if token.kind == "op" and token.text in "_^'":
                node = self._scripted(node)
            elif token.kind == "bar" and self.peek(1).text == "_" and not self.bars:
                self.at += 1
                found = self.scripts(False)
                node = self.at_point(node, found)
            elif token.kind == "percent":
                self.at += 1
                node = Apply(node.start, token.end, "percent", (node,))
            elif token.text == "!" and token.kind == "op":
                self.at += 1
                node = Apply(node.start, token.end, "call:factorial", (node,))
            elif (token.text == "[" and self.plain and not token.gap
                  and isinstance(node, (Symbol, Apply)) and token.start == node.end):  # fmt: skip
                node = self._indexed(node)
            else:
                return node

    def _scripted(self, node: Node) -> Node:
        found = self.scripts(isinstance(node, (Symbol, Matrix)))
        if found.primes == 1 and self.plain and isinstance(node, Matrix):
            node = Apply(node.start, found.end, "transpose", (node,))  # of MATLAB
        elif found.primes:
            letter = _only_letter(node)
            if found.primes > 1 or letter is None:
                raise self.fail("a prime stands behind a bracket")
            node = Derivative(node.start, found.end, node, (letter,), total=True)
        if found.subs:
            if found.relation or (isinstance(node, (Derivative, Bar))
                                  and not _are_indices(found.subs)):
                node = self.at_point(node, found)
            elif isinstance(node, Symbol):
                node = replace(node, subs=node.subs + found.subs, end=found.end)
            else:
                node = Apply(node.start, found.end, "cell", (node, *found.subs))
        if found.label is not None and isinstance(node, Symbol):
            node = replace(node, label=found.label)
        return self.raised(node, found)

    def at_point(self, node: Node, found: Scripts) -> Node:
        """A node at the point that stands below its bar."""
        if not found.subs:
            raise self.fail("the point is missing")
        if found.power is not None:
            raise self.fail("a difference between two bounds is not read")
        point = found.subs[0]
        if len(found.subs) > 1:
            point = Apply(point.start, found.subs[-1].end, "such", found.subs)
        return Bar(node.start, found.end, node, point)

    def _indexed(self, node: Node) -> Node:
        opened = self.at
        closed = min(self.match[opened], self.end)
        subs = tuple(self.whole(a, b) for a, b in self.commas(opened + 1, closed) if a < b)
        self.at = min(closed + 1, self.end)
        if isinstance(node, Symbol):
            return replace(node, subs=node.subs + subs, end=self.last())
        return Apply(node.start, self.last(), "cell", (node, *subs))

    def number(self) -> Node:
        """A number."""
        token = self.take()
        return Number(token.start, token.end, token.text)

    # read elsewhere

    def limit(self) -> Node:
        """A limit."""
        raise NotImplementedError

    def reduction(self, op: str, token: Token) -> Node:
        """A sum, a product, a maximum over something."""
        raise NotImplementedError


def _of_parameters(symbol: Symbol) -> bool:
    r"""Whether a name has what it depends on below it, as h_\theta has."""
    below = symbol.subs[0] if len(symbol.subs) == 1 else None
    return isinstance(below, Symbol) and not below.subs and below.name in _PARAMETERS


def _are_indices(subs: tuple[Node, ...]) -> bool:
    r"""Whether subscripts name a cell, as those of (\\partial L / \\partial W)_{ij} do."""
    for sub in subs:
        parts = sub.args if isinstance(sub, Apply) and sub.head == "product" else (sub,)
        if not all((isinstance(p, Symbol) and p.name in "ijklmnpqrs" and not p.subs)
                   or (isinstance(p, Number) and p.text.isdigit()) for p in parts):
            return False
    return not (len(subs) == 1 and isinstance(subs[0], Number) and len(subs[0].text) == 1)


def _only_letter(node: Node) -> Symbol | None:
    """The one letter that a formula is of; None where there are several, or none."""
    found = {n.name: n for n in walk(node) if isinstance(n, Symbol) and n.name not in ("e", "pi")}
    if len(found) != 1:
        return None
    only = next(iter(found.values()))
    return None if only.subs or only.label is not None else only


_PARAMETERS: Final = frozenset({"theta", "Theta", "phi", "psi", "omega", "w", "W", "beta"})


def called(symbol: Symbol) -> str:
    """What a function is called by: its name with its subscripts and its label."""
    name = symbol.name
    if symbol.subs:
        name += "_" + ",".join(shown(s) for s in symbol.subs)
    if symbol.label is not None:
        name += f"^({shown(symbol.label)})"
    return name
