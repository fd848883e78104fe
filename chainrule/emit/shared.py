"""What is computed twice, by a name of its own.

The stable form of a softmax has `exp(z[n,k] - p_max[n])` once in the sum and once above it:

    p_sum[n] = sum(k) exp(z[n,k] - p_max[n])
    p[n,i] = exp(z[n,i] - p_max[n])/p_sum[n]

A person computes it once, as `p_exp`, and divides; the adjoints become shorter, too. This is done
for exponentials before the program is differentiated. One inside a sum is then wanted twice though
it is written once, as it is its own derivative. They have a value everywhere, so that it does not
matter when they are computed. Those under a condition stay where they are: what the condition keeps
out may be infinite. Sums that the stable form wrote twice become one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    Range,
    Reduce,
    Ref,
    Select,
    at_indices,
    children,
    free_indices,
    transform,
    walk,
)
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import Equation, Program, Tensor, fresh
from chainrule.lang.verify import verify

Key = tuple[Expr, tuple[Integer, ...]]
Sizes = dict[str, Integer]


def shared(program: Program, written: Collection[str], differentiated: bool) -> Program:
    """The program with such exponentials as equations; the same object where there are none.

    Tensors that are not among those `written` may be merged.
    """
    work = _Work(program, written)
    for e in program.equations:
        work.count(e, differentiated)
    if not any(n > 1 for n in work.met.values()):
        return program
    for e in program.equations:
        work.equation(e)
    return verify(replace(program, tensors=work.tensors, equations=tuple(work.equations)))


class _Work:
    def __init__(self, program: Program, written: Collection[str]) -> None:
        self.tensors = dict(program.tensors)
        self.kept = {*written, *program.outputs, *(new for _, new in program.updates)}
        self.writes = Counter(e.target for e in program.equations)
        self.equations: list[Equation] = []
        self.met: Counter[Key] = Counter()
        self.names: dict[Key, str] = {}  # exponentials that have one
        self.sums: dict[Key, str] = {}
        self.merged: dict[str, str] = {}

    def count(self, e: Equation, differentiated: bool) -> None:
        """Note the exponentials of an equation."""
        sizes = _sizes(e)
        if e.condition is not None:
            return
        self.met.update(_key(node, sizes) for node in self.found(e.body, sizes))
        if differentiated and isinstance(e.body, Reduce) and e.body.op == "sum":
            self.met.update(_key(node, sizes) for node in self.found(e.body, sizes))

    def equation(self, e: Equation) -> None:
        """An equation, after those of its exponentials."""
        e = replace(e, body=transform(e.body, self._renamed))
        sizes = _sizes(e)
        if e.condition is None:
            often = {_key(n, sizes): n for n in self.found(e.body, sizes)
                     if self.met[_key(n, sizes)] > 1}
            for key, node in often.items():
                if node is e.body and self._whole(e, free_indices(node)):
                    self.names.setdefault(key, e.target)
                elif key not in self.names:
                    self.names[key] = self._named(node, sizes, e)
            if self.names.get(_key(e.body, sizes)) != e.target:
                e = replace(e, body=self._replaced(e.body, sizes))
        if not self._twin(e, sizes):
            self.equations.append(e)

    def found(self, body: Expr, sizes: Sizes) -> list[Expr]:
        """The exponentials of a body that stand under no condition."""
        result: list[Expr] = []
        stack = [body]
        while stack:
            node = stack.pop()
            if isinstance(node, Select | ArgReduce) or (
                    isinstance(node, Reduce) and node.condition is not None):
                continue
            if isinstance(node, Apply) and node.function == "exp":
                if self._plain(node, sizes):
                    result.append(node)
                continue
            stack += reversed(children(node))
        return result

    def _plain(self, e: Expr, sizes: Sizes) -> bool:
        """Whether an expression reads whole tensors along its indices, and has any."""
        for node in walk(e):
            if isinstance(node, Reduce | ArgReduce | Select):
                return False
            if isinstance(node, Ref) and (node.outside is not None or any(
                    s.plain is None or sizes.get(s.plain) != axis for s, axis in zip(
                        node.subscripts, self.tensors[node.tensor].shape, strict=True))):
                return False
        return bool(free_indices(e))

    def _replaced(self, body: Expr, sizes: Sizes) -> Expr:
        places = {id(node): node for node in self.found(body, sizes)}

        def leaf(node: Expr) -> Expr | None:
            name = self.names.get(_key(node, sizes)) if id(node) in places else None
            return None if name is None else Ref(name, tuple(map(index, free_indices(node))))

        return transform(body, leaf)

    def _renamed(self, node: Expr) -> Expr | None:
        if isinstance(node, Ref) and node.tensor in self.merged:
            return replace(node, tensor=self.merged[node.tensor])
        return None

    def _whole(self, e: Equation, order: list[str]) -> bool:
        """Whether an equation gives all of its target, along indices in this order."""
        return (not e.accumulate and e.condition is None and self.writes[e.target] == 1
                and [s.plain for s in e.subscripts] == order)

    def _named(self, node: Expr, sizes: Sizes, e: Equation) -> str:
        """A new equation for an exponential."""
        names = free_indices(node)
        name = fresh(f"{e.target.removesuffix('_sum')}_exp", self.tensors)
        self.tensors[name] = Tensor(name, tuple(sizes[n] for n in names))
        self.equations.append(Equation(
            name, tuple(map(index, names)), tuple(Range(n, sizes[n]) for n in names), node,
            origin=replace(e.origin, rule="part", of=e.target)))
        return name

    def _twin(self, e: Equation, sizes: Sizes) -> bool:
        """Whether a sum is another one again, whose name then stands for it."""
        body = e.body
        if e.target in self.kept or not isinstance(body, Reduce) or body.op != "sum" or (
                body.condition is not None or not self._whole(e, free_indices(body))):
            return False
        key = _key(body, sizes)
        if key not in self.sums:
            self.sums[key] = e.target
            return False
        self.merged[e.target] = self.sums[key]
        del self.tensors[e.target]
        return True


def _sizes(e: Equation) -> Sizes:
    """The sizes of all indices of an equation."""
    found = {r.name: r.size for r in e.ranges if r.size is not None}
    for node in walk(e.body):
        if isinstance(node, Reduce):
            found.update({r.name: r.size for r in node.indices if r.size is not None})
    return found


def _key(e: Expr, sizes: Sizes) -> Key:
    """An expression with its indices numbered, and their sizes: alike for what is the same."""
    names = free_indices(e)
    bound: list[str] = []
    if isinstance(e, Reduce):
        bound = [r.name for r in e.indices]
        e = Reduce(e.op, (), None, e.body)
    places = {n: index(f"{k}~") for k, n in enumerate([*names, *bound])}
    return at_indices(e, places), tuple(sizes[n] for n in [*names, *bound])


__all__ = ["shared"]
