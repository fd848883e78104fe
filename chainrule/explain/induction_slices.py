"""Slices of a network: one layer, cut out with what lies above it given by its derivative.

The derivative of the loss by h(l) needs the equations that read h(l), and the derivatives by what
they define: ∂E/∂z(l+1), say. Such a slice is a small program of its own, whose loss is
Σ ∂E/∂z(l+1) · z(l+1), with ∂E/∂z(l+1) an input. Where two of its equations are tied, h(l+2) reading
both h(l) and h(l+1), the given ∂E/∂h(l+1) already has in it what goes on through h(l+2): there
h(l+1) is held, as an input that nothing computes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from chainrule.algebra.matrix import NoMatrixForm, matrix_form
from chainrule.diff.activity import reads
from chainrule.errors import UndecidedError
from chainrule.explain.derivation_notation import PartialNotation
from chainrule.explain.derivations import Case, Derivation, Derived, Line
from chainrule.explain.induction_names import HELD, homes
from chainrule.formulas.calls import read
from chainrule.lang.expr import (
    ZERO,
    Apply,
    Expr,
    Number,
    Reduce,
    Ref,
    add,
    mul,
    sub,
    transform,
    walk,
)
from chainrule.lang.families import Family
from chainrule.lang.program import Equation, Program, Tensor
from chainrule.lang.unrolling import Instance, unroll

Layer = tuple[int, int | None]  # a statement, and the layer that it is written out for


class Network:
    """A family unrolled and read: its program, what each tensor is called, and who reads it."""

    def __init__(self, family: Family, last: int, symbolic: bool = False,
                 short: int | None = None) -> None:
        self.family = family
        self.found = unroll(family, last, symbolic, short)
        name = f"{family.name} unrolled at {family.end} = {last}"
        self.program = read(self.found.text, name)
        self.homes = homes(self.found, self.program.tensors)
        self.owners = {name: one for one in self.found.instances if one.equation
                       for name in one.defines}

    def owner(self, target: str) -> Instance:
        """The statement and layer that a tensor's equation comes from."""
        if target in self.owners:
            return self.owners[target]
        for name, one in self.owners.items():  # a part of what a formula of the library stands for
            if target.startswith(f"{name}_"):
                return one
        raise UndecidedError(f"{target} comes from no statement")

    def readers(self, name: str, moving: Collection[str]) -> frozenset[tuple[int, int]]:
        """By which reads of which statements a tensor is used: the statement, and the place.

        `moving` are the tensors that count: those on the way to the loss.
        """
        found: set[tuple[int, int]] = set()
        home = self.homes.get(name)
        for e in self.program.equations:
            if e.target in moving and name in reads(e.body):
                one = self.owner(e.target)
                places = [(one.statement, place) for base, layer, _, place in one.reads
                          if (base, layer) == home]
                found.update(places or [(one.statement, -1)])
        return frozenset(found)

    def count(self, name: str, moving: Collection[str], but: Collection[int] = ()) -> int:
        """In how many equations a tensor is read, those of some statements left out."""
        return len({(one.statement, one.layer) for e in self.program.equations
                    if e.target in moving and name in reads(e.body)
                    and (one := self.owner(e.target)).statement not in but})


class Slicer:
    """Cuts slices out of a network; `is_base` says which tensors a slice goes on through."""

    def __init__(self, network: Network, of: str, moving: set[str],
                 is_base: Callable[[str], bool]) -> None:
        self.network = network
        self.program = network.program
        self.of = of
        self.moving = moving
        self.is_base = is_base

    def slice(self, names: Sequence[str], only: set[Layer] | None = None) -> Program:
        """The equations that read some tensors, up to where a derivative from above is given.

        With `only` nothing but those statements, at those layers, is taken to read them.
        """
        kept, cut_off, through, loss = self.taken(names, only)
        own = next(e for e in self.program.equations if e.target == self.of)
        body = pruned(_held(own.body, cut_off), through) if loss else ZERO
        table: dict[str, Tensor] = {}
        for name in cut_off:
            tensor = self.program.tensors[name]
            table[f"∂{name}"] = Tensor(f"∂{name}", tensor.shape, role="data")
            table[HELD + name] = Tensor(HELD + name, tensor.shape, role="data")
            body = add(body, self.upstream(name, kept[name][0]))
        order = [_held_in(e, [n for n in cut_off if n != e.target])
                 for e in self.program.equations if e.target in kept]
        # added to, a loss is no definition: what is left of one is not what its name stands for
        order.append(replace(own, body=body, accumulate=body != own.body))
        needed = dict.fromkeys(n.tensor for e in order for part in (e.body, e.condition)
                               if part is not None for n in walk(part) if isinstance(n, Ref))
        targets = {e.target for e in order}
        inputs = [n for n in (*names, *needed) if n not in targets]
        for name in (*inputs, *targets):
            if name not in table:
                role = "computed" if name in targets else "data"
                table[name] = replace(self.program.tensors[name], role=role)
        used = {n: t for n, t in table.items() if n in targets or n in inputs}
        return Program(used, tuple(dict.fromkeys(inputs)), tuple(order), (self.of,))

    def taken(self, names: Sequence[str], only: set[Layer] | None,
              ) -> tuple[dict[str, list[Equation]], list[str], set[str], bool]:
        """The equations by target; which targets are cut there, and which not; if the loss reads.
        """
        kept: dict[str, list[Equation]] = {}
        through = list(names)
        cut_off: list[str] = []
        loss = False
        for name in through:  # it grows
            for e in self.program.equations:
                if e.target not in self.moving or name not in reads(e.body):
                    continue
                one = self.network.owner(e.target)
                if only is not None and name in names and (
                        one.statement, one.layer) not in only:
                    continue
                if e.target == self.of:
                    loss = True
                elif e.target not in kept:
                    kept[e.target] = [d for d in self.program.equations if d.target == e.target]
                    (through if self.is_base(e.target) else cut_off).append(e.target)
        return kept, cut_off, set(through), loss

    def upstream(self, name: str, e: Equation) -> Expr:
        """Σ ∂E/∂name · name: what has the given derivative by name."""
        shape = self.program.tensors[name].shape
        if not e.plain or len(e.ranges) != len(shape):
            raise UndecidedError(f"{name} is not written cell by cell")
        product = mul(Ref(f"∂{name}", e.subscripts), Ref(name, e.subscripts))
        return Reduce("sum", e.ranges, None, product) if shape else product


def pruned(e: Expr, kept: set[str]) -> Expr:
    """The terms of a sum, however deep it stands in products, that read some of the tensors."""
    if not any(isinstance(n, Ref) and n.tensor in kept for n in walk(e)):
        return ZERO
    if isinstance(e, Apply) and e.function in ("add", "sub"):
        a, b = (pruned(part, kept) for part in e.args)
        return (add if e.function == "add" else sub)(a, b)
    if isinstance(e, Apply) and e.function == "neg":
        return Apply("neg", (pruned(e.args[0], kept),))
    if isinstance(e, Apply) and e.function in ("mul", "div"):
        there = [any(isinstance(n, Ref) and n.tensor in kept for n in walk(a)) for a in e.args]
        if there == [False, True] and e.function == "mul":
            return Apply("mul", (e.args[0], pruned(e.args[1], kept)))
        if there == [True, False]:
            return Apply(e.function, (pruned(e.args[0], kept), e.args[1]))
    return e


# --- what is held ---------------------------------------------------------------------------------


def _held(e: Expr, names: Sequence[str]) -> Expr:
    """An expression that reads copies of some tensors, which nothing computes."""
    return transform(e, lambda n: replace(n, tensor=HELD + n.tensor)
                     if isinstance(n, Ref) and n.tensor in names else None)


def _held_in(e: Equation, names: Sequence[str]) -> Equation:
    condition = None if e.condition is None else _held(e.condition, names)
    return replace(e, body=_held(e.body, names), condition=condition)


def unheld(found: Derivation, letters: Collection[str] = ()) -> Derivation:
    """A derivation in which the copies are called by the names of what they are copies of.

    The numbers of layers, `letters`, are written as they are: l(l+1), a constant, is l + 1.
    """
    if not any(name.startswith(HELD) or name.partition("(")[0] in letters
               for name in found.program.tensors):
        return found

    def leaf(n: Expr) -> Expr | None:
        if not isinstance(n, Ref):
            return None
        if n.tensor.startswith(HELD):
            return replace(n, tensor=n.tensor[len(HELD):])
        letter, _, where = n.tensor.partition("(")
        return _number(where[:-1]) if where and letter in letters else None

    def named(e: Expr) -> Expr:
        return transform(e, leaf)

    def lines(several: Sequence[Line]) -> tuple[Line, ...]:
        return tuple(Line(line.rule, named(line.after), line.why) for line in several)

    notation = PartialNotation(found.tensors(), found.derivatives())
    for name, one in found.found.items():
        uses = tuple(replace(u, lines=lines(u.lines), result=named(u.result)) for u in one.uses)
        shown = Derived(one.tensor, one.indices, uses, lines(one.lines), named(one.result), None,
                        tuple(Case(c.equal, c.different, named(c.result)) for c in one.cases))
        if one.matrix is not None:
            try:
                form = matrix_form(shown.result, (*found.outer, *one.indices), notation)
                shown = replace(shown, matrix=form)
            except NoMatrixForm:
                pass
        found.found[name] = shown
    return found


def _number(where: str) -> Expr:
    """The number of a layer: l + 1, L - 1, 2."""
    letter, sign, by = re.fullmatch(r"([^+-]+)([+-]?)(.*)", where).groups()  # type: ignore[union-attr]
    first: Expr = Number(int(letter)) if letter.isdigit() else Ref(letter)
    return Apply("add" if sign == "+" else "sub", (first, Number(int(by)))) if sign else first


# --- what would need every layer ------------------------------------------------------------------


def without(found: Derivation, far: Mapping[str, str]) -> None:
    """Leave out the lines that name tensors far away: with another number of layers they differ.

    Raises `UndecidedError` for a result that needs them; `far` says which family each is of.
    """
    for name, one in found.found.items():
        for node in walk(one.result):
            if isinstance(node, Ref) and node.tensor in far:
                base = far[node.tensor]
                raise UndecidedError(
                    f"the derivative by {one.tensor} reads {base} of every layer", None,
                    f"give what reads them all a name of its own, such as s = sum(l) {base}(l), or "
                    "derive it for a number of layers: --layers 3")
        uses = tuple(replace(u, lines=_near(u.lines, far)) for u in one.uses)
        found.found[name] = replace(one, uses=uses, lines=_near(one.lines, far))


def _near(lines: Sequence[Line], far: Mapping[str, str]) -> tuple[Line, ...]:
    return tuple(line for line in lines if not any(
        isinstance(node, Ref) and node.tensor in far for node in walk(line.after)))
