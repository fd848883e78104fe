"""The chain rule as a paper writes it: a product for each way, with one of its slopes left out.

∂L/∂x is a sum of products ∂L/∂q · ∂q/∂x. Each term on the right-hand side, inside a Σ too, is given
the slope that may be missing: the derivative by the variable of what was differentiated by last, of
a quantity between, of the same quantity in a table of bars or dots. What makes the claim right was
left out. Another slip has all factors, and takes one at the wrong point: tanh'(h) for tanh'(c),
where h comes out of the function and c goes in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found, literal, said
from chainrule.check.mistakes_names import functions_in, spelled, symbol_of
from chainrule.check.mistakes_sums import indices
from chainrule.check.mistakes_trees import bare, factors, negated, outer, swapped, terms, times
from chainrule.check.tree import Apply, Derivative, Node, Reduce, Symbol, walk
from chainrule.check.values import cells_of
from chainrule.check.values_names import form_of, key, plain_letter, spelling
from chainrule.lang.expr import Apply as Operation
from chainrule.lang.expr import Expr, Ref
from chainrule.lang.expr import walk as expression_walk

_TRIED: Final = 40
_BETWEEN: Final = 6
_OPERATORS: Final = frozenset({"add", "sub", "mul", "div", "neg"})


def inner(bench: Bench) -> Iterator[Found]:
    """The derivative ∂q/∂x that a term of the chain rule lacks."""
    variable, dotted = _variable(bench)
    if dotted is not None and literal(bench.right):
        yield from _carried(dotted, bench)
    if (variable is None and dotted is None) or literal(bench.right) or _added(bench):
        return
    made = [(_far(term, slope), term, slope) for term, letters in _sites(bench.right, ())
            for slope in _slopes(term, letters, variable, dotted, bench)]
    if dotted is not None:
        made += [(False, bench.right, slope) for slope in _into(dotted, bench)]
    for _, term, slope in sorted(made, key=lambda m: m[0])[:_TRIED]:
        if any(key(slope) == key(f) for f in factors(term)) or _several_ways(slope, bench):
            continue
        new = swapped(bench.right, term, times(term, slope))
        if literal(term) or (dotted is None and bench.same(
                bench.value(slope), bench.value(bench.left))):
            continue  # what is missing would be all of the answer
        known = [c for v in bench.values(slope) if v is not None for c in cells_of(v)]
        if known and all(c in (1, -1) for c in known):
            continue  # a sign at most
        if isinstance(slope, Apply) and bench.fits(
                bench.left, swapped(bench.right, term, negated(term))):
            continue  # −∂y/∂b is −1 for all i
        if bench.fits(bench.left, new) and bench.holds(bench.left, new):
            shown = slope.args[0] if isinstance(slope, Apply) else slope  # of −∂p/∂a
            yield Found("inner-derivative", f"the inner derivative {said(shown)} is missing "
                        f"behind {said(term)}", 0.7, bench.sure(bench.left, new))
            return


def _several_ways(slope: Node, bench: Bench) -> bool:
    """Whether ∂a/∂b is 1 and more: b is added, and stands behind another term as well.

    Then it is those other ways that are missing, and no slope.
    """
    if not isinstance(slope, Derivative) or slope.top is None:
        return False
    names, graph = bench.room.names, bench.room.made.graph
    forms = form_of(bare(slope.top)), form_of(bare(slope.bottom[0]))
    top, below = ([n for n, _ in names.tensors(f)][:1] if f is not None else [] for f in forms)
    if not top or not below:
        return False
    made = graph.equations.get(top[0], [])
    added = any(isinstance(t, Ref) and t.tensor == below[0]
                for e in made for t in _summands(e.body))
    later = graph.dependents(frozenset(below)) - set(below)
    return added and any(name in later for name in graph.reads.get(top[0], ()))


def _summands(body: Expr) -> list[Expr]:
    if isinstance(body, Operation) and body.function == "add":
        return [t for a in body.args for t in _summands(a)]
    return [body]


def _added(bench: Bench) -> bool:
    """Whether adjoints alone are added: then all factors are there, or each is 1."""
    parts = [bare(t) for _, t in terms(bench.right)]
    return len(parts) > 1 and all(isinstance(t, Derivative) or (
        isinstance(t, Symbol) and spelling(t.name)[1] == "bar") for t in parts)


def _into(dotted: Symbol, bench: Bench) -> Iterator[Symbol]:
    """The tangents of what goes into the quantity of a v̇: of what the sheet computes it from."""
    name = spelling(dotted.name)[0]
    form = form_of(replace(dotted, name=name))
    found = bench.room.names.tensors(form) if form is not None else []
    for read in sorted(bench.room.made.graph.reads.get(found[0][0], ())) if found else ():
        symbol = spelled(bench, read, dotted)
        yield replace(symbol, name=dotted.name.replace(name, symbol.name, 1))


def _carried(dotted: Symbol, bench: Bench) -> Iterator[Found]:
    """The tangent of what goes into a function, as it was, for that of what comes out."""
    mine = bench.value(bench.right)
    for symbol in _into(dotted, bench):
        value = bench.value(symbol)
        if value is not None and all(c not in (0, 1, -1) for c in cells_of(value)) and bench.near(
                value, mine):
            yield Found("inner-derivative", f"{said(symbol)} was carried on as it is: the slope "
                        f"of the function is missing behind it", 0.8, True)
            return


def _far(term: Node, slope: Node) -> bool:
    """Whether a slope is that of a quantity that the term does not speak of."""
    slope = slope.args[0] if isinstance(slope, Apply) else slope
    top = slope.top if isinstance(slope, Derivative) else slope
    names = {spelling(n.name)[0] for n in walk(term) if isinstance(n, Symbol)}
    return not isinstance(top, Symbol) or spelling(top.name)[0] not in names


def _variable(bench: Bench) -> tuple[Node | None, Symbol | None]:
    """What the claim differentiates by; or the quantity v of a v̇."""
    for node in (bench.left, bench.case.head):
        left = bare(node) if node is not None else None
        if isinstance(left, Derivative) and left.top is not None and len(left.bottom) == 1:
            return left.bottom[0], None
        if isinstance(left, Symbol):
            name, mark = spelling(left.name)
            if mark == "bar":
                return replace(left, name=name), None
            if mark == "dot":
                return None, left
    return None, None


def _sites(node: Node, letters: tuple[Symbol, ...]) -> Iterator[tuple[Node, tuple[Symbol, ...]]]:
    """The terms of a formula, of the sums inside it, and of what stands behind a Σ.

    A bracket is one term, (p − t) of (p − t) + q, and its own terms are others.
    """
    for whole in _brackets(node, bool(letters)):
        yield whole, letters
    for _, term in terms(node):
        yield term, letters
        for f in factors(term):
            if isinstance(f, Reduce) and f.op == "sum":
                yield from _sites(f.body, (*letters, *indices(f)))
            elif f is not term and len(terms(f)) > 1:
                yield from _sites(f, letters)


def _brackets(node: Node, itself: bool) -> Iterator[Node]:
    """The sums that are terms of a sum; the sum itself behind a Σ."""
    node = bare(node)
    if itself and len(terms(node)) > 1:
        yield node
    if isinstance(node, Apply) and node.head == "sum":
        for arg in node.args:
            if len(terms(arg)) > 1:
                yield arg


def _slopes(term: Node, letters: tuple[Symbol, ...], variable: Node | None, dotted: Symbol | None,
            bench: Bench) -> Iterator[Node]:
    """The slopes that a term may lack, the likeliest first."""
    found = factors(term)
    if dotted is not None:
        name = spelling(dotted.name)[0]
        for n in [n for f in found for n in outer(f)]:
            if isinstance(n, Symbol) and spelling(n.name) == (name, "dot"):
                slope = Derivative(n.start, n.end, replace(dotted, name=name),
                                   (replace(n, name=name),))
                yield slope
                yield negated(slope)  # the minus of −sin stands there already
            elif isinstance(n, Symbol) and n.name == name:
                yield replace(n, name=dotted.name)
        return
    if variable is None:
        return
    for f in found:
        below = f.bottom[0] if isinstance(f, Derivative) and len(f.bottom) == 1 else None
        if isinstance(f, Symbol) and spelling(f.name)[1] == "bar":
            below = replace(f, name=spelling(f.name)[0])
        if below is not None and key(bare(below)) != key(bare(variable)):
            yield Derivative(f.start, f.end, below, (variable,))
    for between in _between(term, letters, variable, bench):
        slope = Derivative(term.start, term.end, between, (variable,))
        yield slope
        if letters:
            yield negated(slope)


def _between(term: Node, letters: tuple[Symbol, ...], variable: Node,
             bench: Bench) -> Iterator[Node]:
    """The sheet's quantities that depend on the variable, at the places that a term speaks of."""
    form = form_of(variable)
    names = bench.room.names
    tensors = names.tensors(form) if form is not None else []
    if form is None or not tensors:
        return
    cells = bench.room.world(0).cells
    graph = bench.room.made.graph
    after = graph.dependents(frozenset([tensors[0][0]])) - {tensors[0][0]}
    places: dict[object, tuple[Node, ...]] = {}
    for n in walk(term):
        if isinstance(n, Symbol) and len(n.subs) == 1:
            places.setdefault(key(n.subs[0]), n.subs)
    for letter in letters:
        places.setdefault(key(letter), (letter,))
    count = 0
    for name, tensor in names.program.tensors.items():
        if name not in after or tensor.kind != "real" or count >= _BETWEEN:
            continue
        shape = cells.shape(name)
        if len(shape) > 1:
            continue
        count += 1
        for subs in list(places.values())[:3] if shape else [()]:
            yield symbol_of(name, term, subs) if subs else spelled(bench, name, term)


# --- slopes at the wrong point

def points(bench: Bench) -> Iterator[Found]:
    """What comes out of a function where what goes in belongs, inside a slope."""
    if _variable(bench) == (None, None):
        return
    met: set[object] = set()
    for call in functions_in(bench.right):
        for n in outer(call.args[0]):
            if not isinstance(n, Symbol) or key(n) in met or plain_letter(n) in _bound(bench):
                continue
            met.add(key(n))
            for source in _inputs(n, bench):
                new = _everywhere(bench.right, n, source)
                if bench.fits(bench.left, new) and bench.holds(bench.left, new):
                    yield Found("wrong-point", f"{said(source)}, which goes into the function, "
                                f"belongs here, not {said(n)}, which comes out", 0.75,
                                bench.sure(bench.left, new))
                    return


def _bound(bench: Bench) -> set[str]:
    return set(bench.spots[0].place.bound)


def _everywhere(node: Node, old: Symbol, new: Node) -> Node:
    """The formula with another name inside its functions."""
    places = [n for call in functions_in(node) for n in outer(call.args[0]) if key(n) == key(old)]
    for n in dict((id(n), n) for n in places).values():
        node = swapped(node, n, new)
    return node


def _inputs(symbol: Symbol, bench: Bench) -> Iterator[Node]:
    """What a quantity is a function of, by the paper's definitions or by the sheet's."""
    form = form_of(symbol)
    if form is None:
        return
    for d in bench.room.scope.definitions.get(form.head, ())[:12]:
        if len(d.form.subs) == len(form.subs) and all(
                key(a) == key(b) for a, b in zip(d.form.subs, form.subs, strict=True)):
            for call in functions_in(d.body):
                for n in outer(call.args[0]):
                    if isinstance(n, Symbol):
                        yield replace(n, start=symbol.start, end=symbol.end)
    graph = bench.room.made.graph
    for tensor, uses in bench.room.names.tensors(form)[:1]:
        for equation in graph.equations.get(tensor, [])[:2]:
            read = dict.fromkeys(
                n.tensor for call in expression_walk(equation.body)
                if isinstance(call, Operation) and call.function not in _OPERATORS
                for n in expression_walk(call) if isinstance(n, Ref))
            for name in read:
                yield spelled(bench, name, symbol, () if uses else symbol.subs)


__all__ = ["inner", "points"]
