r"""What the names of a LaTeX text are: indices, cells, sizes, labels, vectors, or names as such.

`x_1` may be a name or a cell, `d_k` a name, `p_y` the cell that a label points at: this depends on
the whole text, which is looked over before anything is written. An index is what a sum binds, and a
letter below the name on the left that the right-hand side uses too. A name with an index below it
anywhere is a tensor everywhere.

Subscripts count from 0 in programs. In a text that counts from 1, `x_1` is x[0], and an index that
begins at 1 is one more than the program's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from chainrule.errors import ChainruleError, FormulaSyntaxError, RangeError, Span
from chainrule.lang.integers import Integer, constant, index, size
from chainrule.lang.latex_tree import Apply, Item, Node, Number, Reduce, Statement, Symbol, walk

_WORD: Final = re.compile(r"[^\W\d]\w*")
_RESERVED: Final = frozenset({"if", "else", "and", "or", "not", "with"})
Key = tuple[int, str]  # the place of a binder and the index's name
Scope = dict[str, Key]


@dataclass(slots=True)
class Variable:
    """An index where it is bound: its first value, and how many it has if that is said."""

    name: str
    first: Integer
    size: Integer | None = None
    follows: bool = False  # whether another index sets its bound


@dataclass(slots=True)
class Space:
    """What a declaration says of a tensor: its sizes, and the bound of a label."""

    axes: tuple[Integer | None, ...]
    raw: bool = False
    below: Integer | None = None


@dataclass(slots=True)
class Names:
    """The names of a text; made by `chainrule.lang.latex_look`."""

    text: str
    name: str
    statements: list[Statement]
    base: int = 0
    based: bool = False  # whether the text says where it counts from
    labelled: set[str] = field(default_factory=set)
    indexed: set[str] = field(default_factory=set)
    ranks: dict[str, int] = field(default_factory=dict)
    sizes: set[str] = field(default_factory=set)
    declared_sizes: set[str] = field(default_factory=set)
    spaces: dict[str, Space] = field(default_factory=dict)
    runs: dict[str, Statement] = field(default_factory=dict)
    defined: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    left: dict[int, tuple[str, ...]] = field(default_factory=dict)  # indices on the left
    bound: dict[int, set[str]] = field(default_factory=dict)  # all indices of a statement
    remarks: dict[str, None] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)  # sizes that the text gives: n = 5
    settled: bool = False  # whether the indices are known
    called: set[str] = field(default_factory=set)
    hoisted: set[str] = field(default_factory=set)

    def fail(self, message: str, node: Node, hint: str | None = None,
             kind: type[ChainruleError] = FormulaSyntaxError) -> ChainruleError:
        """An error that underlines a part of the LaTeX."""
        return kind(message, Span(self.text, node.start, max(node.end, node.start + 1), self.name),
                    hint)

    def remark(self, text: str) -> None:
        self.remarks[text] = None

    def known(self) -> set[str]:
        """All names that the text declares or defines."""
        return self.defined | self.functions | set(self.spaces)

    def labels(self) -> set[str]:
        """The tensors of labels: those that a set of numbers, or a bound, was given for."""
        found = {name for name, space in self.spaces.items() if space.below is not None}
        for s in self.runs.values():
            for symbol in (s.target, *s.extra):
                if symbol is not None and symbol.subs:
                    found.add(self.stem(symbol))
        return found

    def size_of(self, letter: str) -> Integer:
        """The size that sums give an index of this letter, else a size named by its capital."""
        for s in self.statements:
            for node in walk(s.body) if s.body is not None else ():
                if isinstance(node, Reduce):
                    for item in node.items:
                        if item.index is not None and item.index.name == letter and item.upper:
                            upper = self.whole(item.upper, {}, {})
                            lower = self.whole(item.lower, {}, {}) if item.lower else None
                            if upper is not None:
                                return upper + 1 - (constant(self.base) if lower is None
                                                    else lower)
        self.sizes.add(letter.upper())
        return size(letter.upper())

    def undeclared_sizes(self, lines: Iterable[str]) -> list[str]:
        """The sizes that lines of the result use and that no shape declares."""
        shaped = {n for space in self.spaces.values()
                  for axis in (*space.axes, space.below) if axis is not None for n in axis.sizes()}
        used = dict.fromkeys(w for line in lines for w in _WORD.findall(line))
        return [w for w in used if w in self.sizes and w not in shaped | self.declared_sizes]

    # names

    def stem(self, s: Symbol, scope: Iterable[str] = ()) -> str:
        """The name without its subscripts: z1 for `z^{(1)}_i`."""
        name = s.name + "_" if s.name in _RESERVED else s.name
        label = s.label
        if label is None:
            return name
        if isinstance(label, Number) and label.text.isdigit():
            return name + label.text
        if isinstance(label, Symbol) and not label.subs:
            return name if label.name in scope else f"{name}_{label.name}"
        raise self.fail("a label on top is a number or a letter", label,
                        "write the layers out, as in z^{(1)} and z^{(2)}")

    def plain(self, s: Symbol, scope: Iterable[str] = ()) -> str:
        """The name with its subscripts as a part of it: x1 for `x_1`, d_k for `d_k`."""
        name = self.stem(s, scope)
        words = [w for sub in s.subs for w in self._words(sub)]
        if not words:
            return name
        if len(words) == 1 and words[0].isdigit() and name + words[0] not in self.labelled and (
                f"{name}_{words[0]}" not in self.sizes | set(self.spaces)):
            return name + words[0]
        return "_".join([name, *words])

    def _words(self, node: Node) -> Iterator[str]:
        if isinstance(node, Number):
            yield node.text
        elif isinstance(node, Symbol):
            yield self.plain(node)
        elif isinstance(node, Apply) and node.head == "product":
            for part in node.args:
                yield from self._words(part)
        else:
            raise self.fail("nothing says over what this subscript runs", node,
                            "an index stands at a sum, or below the name on the left", RangeError)

    def places(self, s: Symbol, scope: Iterable[str] = ()) -> list[Node]:
        """The subscripts of a cell, one a place: `w_{uv}` has two, `x_{2i}` has one."""
        found: list[Node] = list(s.subs)
        rank = self.ranks.get(self.stem(s, scope))
        if len(found) == 1:
            only = found[0]
            if isinstance(only, Apply) and only.head == "product" and not any(only.signs):
                letters = all(isinstance(a, Symbol) for a in only.args)
                if rank == len(only.args) or (letters and rank != 1) or (
                        _row_of_places(only.args)):
                    found = list(only.args)
            elif isinstance(only, Number) and rank == len(only.text) > 1:
                found = [Number(only.start, only.end, c) for c in only.text]
        if isinstance(s.label, Symbol) and s.label.name in scope:
            found.insert(0, s.label)
        return found

    def is_cell(self, s: Symbol, scope: Iterable[str] = ()) -> bool:
        """Whether a symbol with subscripts is a cell of a tensor, not a name."""
        inside = isinstance(s.label, Symbol) and s.label.name in scope
        if not s.subs and not inside:
            return False
        stem = self.stem(s, scope)
        if stem not in self.indexed:
            return False
        for sub in s.subs:
            if isinstance(sub, Symbol) and sub.name not in scope and not sub.subs:
                known = sub.name in self.sizes or sub.name in self.spaces
                if not known and (sub.name.isupper() or (
                        len(sub.name) > 1 and sub.name.isascii()
                        and sub.name not in self.defined)):
                    return False
        return True

    # numbers of indices and sizes

    def whole(self, node: Node, scope: Scope, variables: dict[Key, Variable]) -> Integer | None:
        """A subscript or a limit as a polynomial; None where it is no such thing."""
        if isinstance(node, Number):
            return constant(int(node.text)) if node.text.isdigit() else None
        if isinstance(node, Symbol):
            name = self.plain(node, scope)
            if name in scope:
                return index(name) + variables[scope[name]].first
            if name in self.values:
                return constant(self.values[name])
            return size(name) if name in self.sizes else None
        if not isinstance(node, Apply):
            return None
        if node.head == "floor" and isinstance(node.args[0], Apply) and (
                node.args[0].head == "frac"):
            top, bottom = (self.whole(a, scope, variables) for a in node.args[0].args)
            if top is None or bottom is None or bottom.constant == 0:
                return None
            return top // bottom
        if node.head not in ("sum", "product", "group") or set(node.signs) & {"/", "odot"}:
            return None
        parts = [self.whole(a, scope, variables) for a in node.args]
        total = constant(0 if node.head == "sum" else 1)
        for k, part in enumerate(parts):
            if part is None:
                return None
            if node.head == "sum":
                total = total - part if node.signs[k] == "-" else total + part
            else:
                total = total * part
        return total

    def introduced(self, item: Item, body: Node, scope: Iterable[str]) -> list[Symbol]:
        r"""The indices that an item binds: j in `j \neq i`, both in `i < j` where i is new."""
        if item.index is not None:
            return [item.index]
        taken = {*scope, *self.sizes, *self.spaces}
        below = {n.name for s in walk(body) if isinstance(s, Symbol) for sub in s.subs
                 for n in walk(sub) if isinstance(n, Symbol)}
        assert item.condition is not None
        compared = [n for n in walk(item.condition) if isinstance(n, Symbol)
                    and self.plain(n) not in taken and not n.subs]
        return [n for k, n in enumerate(compared) if k == 0 or n.name in below]


def _row_of_places(parts: tuple[Node, ...]) -> bool:
    """Whether `1j` or `j0` stands below a name: no product is written so, but two places are."""
    first, *rest = parts
    return any(isinstance(p, Number) for p in rest) or (
        isinstance(first, Number) and first.text in ("0", "1"))
