r"""Looking over a LaTeX text as a whole, before anything is written: what its names are.

Declarations come first, then limits, whose names are sizes, then indices: what a sum binds, and a
letter below the name on the left that the right-hand side uses too. A name with an index below it
is a tensor everywhere, which may make indices of further letters; so this is repeated until nothing
new is found. Last, whether the text counts from 0 or from 1.
"""

from __future__ import annotations

import re
from typing import Final

from chainrule.lang.integers import Integer, constant, size
from chainrule.lang.latex_names import Names, Space
from chainrule.lang.latex_statements import declared_names
from chainrule.lang.latex_tree import Apply, Choice, Node, Number, Reduce, Statement, Symbol, walk

_INDEX_LETTERS: Final = frozenset("ijklrstuv")  # below a name on the left, these count


def look_over(text: str, name: str, statements: list[Statement]) -> Names:
    """Find out what the names of a text are."""
    names = Names(text, name, statements)
    for s in statements:
        for part in (s.target, s.body, s.lower, s.upper, *s.axes, *s.params):
            for node in walk(part) if part is not None else ():
                if isinstance(node, Apply) and node.head.startswith("call:"):
                    names.called.add(node.head[5:])
                if isinstance(node, Symbol) and isinstance(node.label, Number):
                    names.labelled.add(names.stem(node))
        names.indexed |= {names.stem(p) for p in s.params if p.bold and not p.subs}
    _spaces(names)
    _limits(names)
    _values(names)
    _indices(names)
    names.settled = True
    for s in statements:
        if s.kind in ("define", "claim") and s.body is not None:
            _uses(names, s.body, frozenset(names.left.get(s.start, ())), set(), s)
    _counting(names)
    return names


def _spaces(names: Names) -> None:
    """Declarations, in both notations, and what is defined."""
    for s in names.statements:
        if s.kind == "raw":
            _raw(names, s)
        elif s.kind == "space":
            for axis in s.axes:
                _bound(names, axis)
            for symbol in (s.target, *s.extra):
                assert symbol is not None
                axes = tuple(names.whole(a, {}, {}) for a in s.axes)
                known = names.plain(symbol)
                names.spaces[known] = Space(axes)
                if axes:
                    names.indexed.add(known)
                    names.ranks[known] = len(axes)
        elif s.kind == "run":
            assert s.target is not None
            names.runs[names.plain(s.target)] = s
            for symbol in s.extra:
                names.runs[names.plain(symbol)] = s
        elif s.kind == "define" and s.target is not None:
            (names.functions if s.params else names.defined).add(names.stem(s.target))


def _raw(names: Names, s: Statement) -> None:
    word = s.text.split(None, 1)[0]
    for part in declared_names(s.text):
        head, _, bound = part.partition("<")
        name, bracket, axes = head.partition("[")
        name = name.strip()
        if word == "size":
            names.sizes.add(name)
            names.declared_sizes.add(name)
            continue
        if word in ("output", "update"):
            continue
        texts = [a.strip() for a in axes.strip().rstrip("]").split(",")] if bracket else []
        names.sizes |= set(re.findall(r"[^\W\d]\w*", " ".join([*texts, bound])))
        names.spaces[name] = Space(tuple(map(_axis, texts)), True, _axis(bound.strip()))
        if texts:
            names.indexed.add(name)
            names.ranks[name] = len(texts)


def _axis(text: str) -> Integer | None:
    if text.isascii() and text.isdigit():
        return constant(int(text))
    return size(text) if text.isidentifier() else None


def _bound(names: Names, node: Node | None) -> None:
    """The names in a limit are sizes."""
    for part in walk(node) if node is not None else ():
        if isinstance(part, Symbol):
            names.sizes.add(names.plain(part))


def _limits(names: Names) -> None:
    for s in names.statements:
        if s.kind == "run":
            _bound(names, s.upper)
        for node in walk(s.body) if s.body is not None else ():
            if isinstance(node, Reduce):
                for item in node.items:
                    _bound(names, item.upper)
    # an index that bounds another one is no size: k in Σ_{j≤k} x_j, i in y_i = Σ_{k≤i} x_k
    declared = names.declared_sizes | {n for space in names.spaces.values()
                                       for axis in space.axes if axis is not None
                                       for n in axis.sizes()}
    for s in names.statements:
        for sub in s.target.subs if s.kind == "define" and s.target is not None else ():
            letters = {n.name for n in walk(sub) if isinstance(n, Symbol) and not n.subs}
            names.sizes -= (letters & _INDEX_LETTERS) - declared
        for node in walk(s.body) if s.body is not None else ():
            if isinstance(node, Reduce):
                for item in node.items:
                    if item.index is not None:
                        names.sizes.discard(names.plain(item.index))


def _values(names: Names) -> None:
    """`n = 5` gives a size its number."""
    for s in names.statements:
        if s.kind == "define" and s.target is not None and not s.target.subs and (
                isinstance(s.body, Number) and s.body.text.isdigit()):
            name = names.plain(s.target)
            if name in names.sizes:
                names.values[name] = int(s.body.text)


def _indices(names: Names) -> None:
    """Which letters are indices, and so which names are tensors; until nothing new is found."""
    for _ in range(4):
        before = (len(names.indexed), len(names.left), sum(map(len, names.left.values())))
        for s in names.statements:
            if s.kind not in ("define", "claim") or s.body is None:
                continue
            params = {names.plain(p) for p in s.params}
            free: set[str] = set()
            names.bound[s.start] = set()
            _uses(names, s.body, frozenset(), free, s)
            if s.kind == "claim":
                names.left[s.start] = letters = _any(names, s)
                names.bound[s.start] |= set(letters)
                _uses(names, s.body, frozenset(letters), set(), s)
            if s.target is not None:
                letters = _letters(names, s, free - params)
                names.left[s.start] = letters
                names.bound[s.start] |= set(letters)
                if letters:
                    _uses(names, s.body, frozenset(letters), set(), s)
                    _meet(names, s.target, frozenset(letters))
        after = (len(names.indexed), len(names.left), sum(map(len, names.left.values())))
        if after == before:
            return


def _letters(names: Names, s: Statement, free: set[str]) -> tuple[str, ...]:
    """The indices below (or on top of) the name on the left."""
    assert s.target is not None
    found: dict[str, None] = {}
    below = [n for sub in s.target.subs for n in walk(sub) if isinstance(n, Symbol)]
    if isinstance(s.target.label, Symbol):
        below.append(s.target.label)
    known = names.stem(s.target) in names.indexed
    for n in below:
        name = names.plain(n)
        if name in names.sizes or (n is s.target.label and n.name.isupper()):
            continue
        if name in free or name in names.runs or (known and len(n.name) == 1):
            found[name] = None
    return tuple(found)


def _any(names: Names, s: Statement) -> tuple[str, ...]:
    """The letters below names in a claim that no sum binds: they stand for any index."""
    assert s.body is not None
    bound = {names.plain(i) for node in walk(s.body) if isinstance(node, Reduce)
             for item in node.items for i in names.introduced(item, node.body, ())}
    found: dict[str, None] = {}
    for node in walk(s.body):
        for sub in node.subs if isinstance(node, Symbol) else ():
            for n in walk(sub):
                if isinstance(n, Symbol) and not n.subs and len(n.name) == 1 and (
                        n.name not in bound | names.sizes | set(names.spaces) | set(names.runs)):
                    found[n.name] = None
    return tuple(found)


def _uses(names: Names, node: Node, scope: frozenset[str], free: set[str], s: Statement) -> None:
    """Walk an expression with the indices in scope; collect what is free, and meet its cells."""
    if isinstance(node, Symbol):
        if not node.subs and names.plain(node, scope) not in scope:
            free.add(names.plain(node, scope))
        for sub in node.subs:
            _uses(names, sub, scope, free, s)
        if isinstance(node.label, Symbol) and node.label.name not in scope:
            free.add(node.label.name)
        _meet(names, node, scope)
    elif isinstance(node, Apply):
        for part in node.args:
            _uses(names, part, scope, free, s)
    elif isinstance(node, Reduce):
        own = set(scope)
        for item in node.items:
            for limit in (item.lower, item.upper):
                if limit is not None:
                    _uses(names, limit, scope, free, s)
        for item in node.items:
            own |= {names.plain(i) for i in names.introduced(item, node.body, own)}
        names.bound[s.start] |= own
        inner = frozenset(own)
        for item in node.items:
            if item.condition is not None:
                _uses(names, item.condition, inner, free, s)
        _uses(names, node.body, inner, free, s)
    elif isinstance(node, Choice):
        for value, condition in node.rows:
            _uses(names, value, scope, free, s)
            if condition is not None:
                _uses(names, condition, scope, free, s)


def _meet(names: Names, symbol: Symbol, scope: frozenset[str]) -> None:
    """A symbol with an index below it is a tensor."""
    on_top = isinstance(symbol.label, Symbol) and symbol.label.name in scope
    inside = {names.plain(n) for sub in symbol.subs for n in walk(sub) if isinstance(n, Symbol)}
    stem = names.stem(symbol, scope)
    if stem == "delta" and "delta" not in names.known() and len(names.places(symbol)) == 2:
        return  # Kronecker's
    labels = names.labels() | set(names.runs)
    pointed = any(isinstance(sub, Symbol) and names.plain(sub) in labels for sub in symbol.subs)
    if on_top or pointed or inside & scope:
        names.indexed.add(stem)
        rank = len(names.places(symbol, scope))
        for place in names.places(symbol, scope) if names.settled else ():
            if isinstance(place, Apply) and place.head in ("sum", "product"):
                names.sizes |= {n.name for n in walk(place) if isinstance(n, Symbol)
                                and not n.subs and n.name not in scope
                                and n.name not in names.known() | set(names.runs)}
        if rank > names.ranks.get(stem, 0) and stem not in names.spaces:
            names.ranks[stem] = rank


def _counting(names: Names) -> None:
    """Whether the text counts from 0 or from 1, by its limits, else by its subscripts."""
    seen: set[str] = set()
    for s in names.statements:
        if s.kind == "run" and isinstance(s.lower, Number):
            seen.add(s.lower.text)
        for part in (s.target, s.body):
            for node in walk(part) if part is not None else ():
                if isinstance(node, Reduce):
                    seen |= {i.lower.text for i in node.items if isinstance(i.lower, Number)}
                elif isinstance(node, Symbol) and names.stem(node) in names.indexed:
                    seen |= {n.text for n in names.places(node) if isinstance(n, Number)}
    names.based = bool(seen)
    names.base = 1 if seen and "0" not in seen else 0
