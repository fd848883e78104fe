"""The theorem on small networks: each formula against the derivative that the network runs.

The family is unrolled at 1, 2, 3 and 4 layers, sizes and inputs are drawn at random, and each
formula of the theorem, with the numbers of the layers put in, is evaluated at every layer that it
is for, beside the derivative that reverse mode computes there. So the recursion is right for these
numbers of layers, and where it starts to hold is found out and said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chainrule.algebra.terms import replaced
from chainrule.diff.activity import active
from chainrule.errors import ChainruleError, UndecidedError
from chainrule.explain.derive_check import Points, UnsoundStepError
from chainrule.explain.givens import given
from chainrule.explain.induction import Induction, Network, Part, Result, induct
from chainrule.explain.induction_names import in_expression, numbered
from chainrule.explain.induction_recursion import recursion
from chainrule.lang.expr import ZERO, Expr, Number, Ref, add, transform
from chainrule.lang.families import Family
from chainrule.lang.integers import index as _index

DEPTHS: Final = (1, 2, 3, 4)
LATER: Final = (5, 6, 7, 8)  # for a network that is another one with fewer layers


def verify(found: Induction, depths: Sequence[int] = DEPTHS) -> tuple[int, ...]:
    """The numbers of layers for which all formulas hold; the others are too small for them.

    Raises `UnsoundStepError` where a formula that should hold does not: a bug, never shown.
    """
    return tuple(depth for depth in depths if _Depth(found, depth).holds())


def proved(
    family: Family, of: str | None = None, wrt: Sequence[str] = (), givens: Sequence[str] = (),
) -> Induction:
    """The gradients for any number of layers, checked on networks that are small.

    Raises what `induct` raises, and `UndecidedError` where no small network is of this kind.

    >>> from chainrule.lang.families import read_family
    >>> from chainrule.lang.printing import expression_text
    >>> text = "input x, g; parameter w(l) for l = 1..L; h(0) = x; h(l) = tanh(w(l)*h(l-1)) "
    >>> found = proved(read_family(text + "for l = 1..L; E = (h(L) - g)^2/2"))
    >>> [(one.family, expression_text(one.parts[0].derived.result)) for one in found.base]
    [('h', 'h(L) - g')]
    >>> found.checked
    (1, 2, 3, 4)
    """
    found = induct(family, of, wrt, givens)
    found.together = recursion(found)
    held = verify(found)
    found.checked = _tail(held, DEPTHS[-1])
    if len(found.checked) < 2:
        held += verify(found, LATER)
        found.checked = _tail(held, LATER[-1])
    if len(found.checked) < 2:
        numbers = f"for {found.end} = {', '.join(map(str, held))} alone" if held else "for none"
        raise UndecidedError(
            f"of the networks with up to {LATER[-1]} layers the formulas are {numbers}", None,
            "derive it with a number of layers: --layers 3")
    return found


def _tail(held: Sequence[int], last: int) -> tuple[int, ...]:
    """The numbers without a gap up to the last one that was tried."""
    found: list[int] = []
    for depth in reversed(held):
        if depth != last - len(found):
            break
        found.append(depth)
    return tuple(reversed(found))


class _Depth:
    """A family at one number of layers."""

    def __init__(self, found: Induction, depth: int) -> None:
        self.found = found
        self.depth = depth

    def holds(self) -> bool:
        """Whether the theorem covers the network; then it is held against what it runs."""
        try:
            network = Network(self.found.family, self.depth)
        except ChainruleError:
            return False  # it defines a layer twice, or reads one that is not there
        self.network = network
        self.program = network.program
        wanted = [n for n in self.program.inputs
                  if n in self.found.wrt or self.family_of(n) in self.found.wrt]
        moving = active(self.program, [self.found.of], wanted)
        names = [n for n in self.program.tensors if n in moving and n != self.found.of]
        cover = {name: self.result(name) for name in names}
        if not wanted or any(one is None or network.readers(name, moving) != one.readers
                             or network.count(name, moving, one.summed) != one.count
                             for name, one in cover.items()):
            return False
        derivatives = {name: f"d{self.found.of}_d{name}" for name in names}
        givens = [given(text, self.program) for text in self.found.assumptions]
        points = Points(self.program, self.found.of, derivatives, givens)
        for name, one in cover.items():
            assert one is not None
            self.compare(points, name, one)
            again = self.result(name, [self.found.together] if self.found.together else [])
            if again is not None:
                self.compare(points, name, again)
        return True

    def family_of(self, name: str) -> str:
        return self.network.homes.get(name, (name, 0))[0]

    def result(self, name: str, results: Sequence[Result] | None = None) -> Result | None:
        """The formula for a tensor, if there is exactly one; out of all of them by default."""
        base, layer = self.network.homes.get(name, (name, None))
        among = self.found.results if results is None else results
        fitting = [one for one in among if one.family == base and (
            layer is None or (one.first is not None and one.last is not None
            and one.first.at(None, self.depth) <= layer <= one.last.at(None, self.depth)))]
        return fitting[0] if len(fitting) == 1 else None

    def compare(self, points: Points, name: str, one: Result) -> None:
        """A formula at one layer beside the derivative."""
        layer = self.network.homes.get(name, (name, None))[1]
        total: Expr = ZERO
        for part in one.parts:
            layers = [layer] if part.over is None else list(range(
                part.over[0].at(None, self.depth), part.over[1].at(None, self.depth) + 1))
            for here in layers:
                total = add(total, self.placed(part, here, one.parts[0].derived.indices))
        tensor = self.program.tensors[name]
        indices = one.parts[0].derived.indices
        sizes = dict(zip(indices, tensor.shape, strict=True))
        own = Ref(f"d{self.found.of}_d{name}", tuple(map(_index, indices)))
        try:
            points.agree([total, own], sizes)
        except UnsoundStepError as error:
            raise UnsoundStepError(f"the formula of {one.family} fails for {self.found.end} = "
                                   f"{self.depth}: {error.message}") from None

    def placed(self, part: Part, here: int | None, indices: Sequence[str]) -> Expr:
        """A part of a formula with the numbers of the layers put in."""
        letter = part.letter or self.found.letter
        of = f"d{self.found.of}_d"
        tables = [{home: name for name, home in table.items()}
                  for table in (self.network.homes, self.network.found.sizes)]
        tensors, sizes = (numbered(here, letter, self.depth, self.found.end, t) for t in tables)

        def rename(name: str) -> str:
            if name.startswith("∂"):
                return of + tensors(name[1:])
            return of + tensors(name[len(of) :]) if name.startswith(of) else tensors(name)

        def number(node: Expr) -> Expr | None:
            if not isinstance(node, Ref) or node.subscripts:
                return None
            if node.tensor == letter and here is not None:
                return Number(here)
            return Number(self.depth) if node.tensor == self.found.end else None

        result = transform(part.derived.result, number)
        if part.derived.indices != tuple(indices):
            places = dict(zip(part.derived.indices, map(_index, indices), strict=True))
            result = replaced(result, places)
        return in_expression(result, rename, sizes)
