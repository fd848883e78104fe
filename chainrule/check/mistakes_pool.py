"""What may be missing somewhere in a claim: all that its formulas and its part are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from chainrule.check.mistakes_bench import Bench
from chainrule.check.mistakes_names import functions_in, letters_of, symbol_of, variables
from chainrule.check.mistakes_trees import apply, bare, number, outer, plus, terms, times
from chainrule.check.tree import Apply, Derivative, Node, Reduce, Symbol, walk
from chainrule.check.values import Value
from chainrule.check.values_names import full_name, key
from chainrule.check.values_subscripts import constant_index

_POOL: Final = 70


@dataclass(slots=True)
class Thing:
    """Something that may be missing: a formula, what it is, and its values as far as needed.

    `kind` is size, slope (a derivative of something inside), name, piece or number.
    """

    node: Node
    kind: str
    found: dict[int, Value] = field(default_factory=dict)

    def value(self, bench: Bench, k: int) -> Value:
        """Its value at one spot."""
        if k not in self.found:
            value = bench.value(self.node, bench.spots[k])
            self.found[k] = None if isinstance(value, bool) else value
        return self.found[k]


def things(bench: Bench) -> Iterator[Thing]:
    """Everything of a claim, its chain and its part that may be missing somewhere."""
    met: set[object] = set()
    for node, kind in _candidates(bench):
        if key(node) in met or len(met) >= 3 * _POOL:
            continue
        met.add(key(node))
        if len(met) <= _POOL:
            yield Thing(node, kind)


def _candidates(bench: Bench) -> Iterator[tuple[Node, str]]:
    at = bench.right
    chain = [c.right.node for c in bench.case.chain if c.right.node is not None]
    nodes = [bench.left, bench.right, *chain]
    bodies = _bodies(bench, nodes)
    for text in ("1", "2"):
        yield number(at, text), "number"
    yield apply(at, "frac", number(at, "1"), number(at, "2")), "number"
    for size in bench.spots[0].world.sizes if bench.spots else ():
        yield Symbol(at.start, at.end, size), "size"
    by = variables(bench.left) or variables(bench.case.head) if bench.case.head is not None else (
        variables(bench.left))
    for node in (*nodes, *bodies):
        yield from _slopes(node, by)
    for node in nodes:
        for n in outer(node):
            if isinstance(n, Symbol):
                yield n, "name"
    for n in outer(bench.right):  # a term like the others, with the number before or after theirs
        fixed = constant_index(n.subs[0]) if isinstance(n, Symbol) and len(n.subs) == 1 else None
        if isinstance(n, Symbol) and fixed is not None:
            for k in (fixed - 1, fixed + 1):
                yield replace(n, subs=(number(n.subs[0], str(max(k, 0))),)), "name"
    for node in (*nodes, *bodies):
        for n in walk(node):
            made = isinstance(n, Derivative) or (isinstance(n, Apply) and (
                n.head in ("sum", "product", "frac", "power", "neg")
                or n.head.startswith("call:")))
            if made and n is not bench.right and n is not bench.left:
                yield bare(n), "piece"
    for node in (bench.right, bench.left):
        for n in outer(node):
            if isinstance(n, Symbol) and n.subs:
                yield times(n, plus(number(at, "1"), n, "-")), "slope"
    for node in (*nodes, *bodies):
        yield from _sums(node)
        yield from _exponentials(node)
    yield from _quantities(bench, at)


def _exponentials(node: Node) -> Iterator[tuple[Node, str]]:
    """e^a and e^b of an e^{a + b}."""
    for n in walk(node):
        if isinstance(n, Apply) and (n.head == "call:exp" or (n.head == "power" and isinstance(
                n.args[0], Symbol) and n.args[0].name == "e")):
            parts = terms(n.args[-1])
            for _, term in parts[:3] if len(parts) > 1 else ():
                yield replace(n, args=(*n.args[:-1], term)), "piece"


def _sums(node: Node) -> Iterator[tuple[Node, str]]:
    """The sums of the single quantities that stand inside a sum: what a lost bracket loses."""
    for total in walk(node):
        if isinstance(total, Reduce) and total.op == "sum":
            met: set[object] = set()
            for n in walk(total.body):
                if isinstance(n, Symbol) and n.subs and key(n) not in met and len(met) < 4:
                    met.add(key(n))
                    yield replace(total, body=n), "piece"


def _quantities(bench: Bench, at: Node) -> Iterator[tuple[Node, str]]:
    """The tensors of the part, whole and at the claim's own indices, and their slopes."""
    program = bench.room.names.program
    letters = letters_of(bench)
    for name, tensor in program.tensors.items():
        if tensor.kind != "real":
            continue
        whole = symbol_of(name, at)
        forms: list[Node] = [whole]
        if len(tensor.shape) == 1:
            forms += [symbol_of(name, at, (letter,)) for letter in letters[:3]]
        for form in forms:
            yield form, "name"
            yield times(form, plus(number(at, "1"), form, "-")), "slope"
            yield plus(number(at, "1"), apply(at, "power", form, number(at, "2")), "-"), "slope"


def _slopes(node: Node, by: list[Node]) -> Iterator[tuple[Node, str]]:
    """Derivatives of what stands inside functions and powers, and of the functions."""
    inner: list[Node] = []
    for call in functions_in(node):
        if not call.head.endswith("'"):
            yield Apply(call.start, call.end, f"{call.head}'", call.args), "slope"
        inner.append(call.args[0])
    inner += [n.args[0] for n in walk(node) if isinstance(n, Apply) and n.head == "power"]
    inner += [n.args[1] for n in walk(node) if isinstance(n, Apply)
              and n.head in ("power", "frac")]
    for u in inner[:8]:
        for x in by[:2]:
            if key(u) != key(x):
                yield Derivative(u.start, u.end, u, (x,)), "slope"


def _bodies(bench: Bench, nodes: list[Node]) -> list[Node]:
    """What the names of some formulas are defined to be."""
    found: dict[int, Node] = {}
    heads = {("name", full_name(n.name), "") for node in nodes for n in walk(node)
             if isinstance(n, Symbol)}
    for head in sorted(heads):
        for d in bench.room.scope.definitions.get(head, ())[:2]:
            found[id(d.body)] = d.body
    return list(found.values())[:6]


__all__ = ["Thing", "things"]
