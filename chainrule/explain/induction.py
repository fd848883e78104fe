"""Gradients of a network with L layers, L a symbol: the base case, the step, the theorem.

A family is unrolled once, for so many layers that its middle sees neither end. For each tensor the
statements that read it are found, layer by layer; neighbouring layers that are read in the same way
have the same formula, and one of them, in the middle, is derived for all. What lies above it comes
in as a given upstream derivative: that is the assumption of the induction. The layers at the end,
which the loss reads, are derived from the loss itself: the base case. A tensor that every layer
reads, a weight that they share, has one term a layer, and its gradient is the sum of those.

Nothing here knows a layer: both cases are derivations (`chainrule.explain.derive`) of small
programs cut from the network that was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from chainrule.algebra.fold import Given
from chainrule.diff.activity import active, reads
from chainrule.errors import (
    DerivativeError,
    InputError,
    UndecidedError,
    did_you_mean,
)
from chainrule.explain.derivations import Derivation, Derived
from chainrule.explain.derive import derive
from chainrule.explain.givens import given
from chainrule.explain.induction_names import (
    Window,
    in_expression,
    in_program,
    in_ranges,
    named,
    said,
)
from chainrule.explain.induction_slices import Network, Slicer, unheld, without
from chainrule.lang.expr import (
    Reduce,
    Ref,
    walk,
)
from chainrule.lang.families import Family, Level
from chainrule.lang.program import Program, Tensor
from chainrule.lang.unrolling import unroll


@dataclass(frozen=True, slots=True)
class Part:
    """The derivative by one tensor as far as it goes through some statements.

    `over` are the first and the last layer of a sum over layers; None where there is no sum.
    `letter` stands for a layer.
    """

    found: Derivation
    derived: Derived
    over: tuple[Level, Level] | None = None
    letter: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What the theorem says of one tensor: for the layers from `first` to `last` of a family.

    Both are None for a tensor that is of no family. The derivative is the sum of the parts.
    `readers` says by which reads of which statements the tensor is used, `count` in how many
    equations; those of the statements `summed`, which read it in each layer, are not counted.
    """

    family: str
    first: Level | None
    last: Level | None
    parts: tuple[Part, ...]
    readers: frozenset[tuple[int, int]]
    count: int = 0
    summed: frozenset[int] = frozenset()

    @property
    def generic(self) -> bool:
        """Whether it is for a run of layers, or summed over one: by the step, not the base case."""
        return self.first != self.last or any(part.over for part in self.parts)


@dataclass(slots=True)
class Induction:
    """The derivation for any number of layers: results in the order worked, and where it holds.

    `letter` is the letter for a layer, `end` that for the last one. `together` is the step in one
    formula, where it goes by way of two quantities. `checked` are the numbers of
    layers for which it was held against the derivative that the network runs.
    """

    family: Family
    program: Program
    of: str
    wrt: tuple[str, ...]
    letter: str
    end: str
    givens: tuple[Given, ...] = ()
    base: list[Result] = field(default_factory=list)
    step: list[Result] = field(default_factory=list)
    assumptions: tuple[str, ...] = ()
    window: Window | None = None
    network: Network | None = None
    together: Result | None = None
    checked: tuple[int, ...] = ()

    @property
    def results(self) -> list[Result]:
        """All of them."""
        return [*self.base, *self.step]


def reach_of(family: Family) -> int:
    """How far from its layer, or from an end, a statement looks: 1 for y(l-1)."""
    found = unroll(family, 2 + max((abs(level.offset) for s in family.statements
                                     for level in (s.first, s.last)), default=0) + 8)
    levels = [level for one in found.instances for _, _, level, _ in one.reads]
    levels += [level for s in family.statements for level in (s.first, s.last)]
    constants = [layer for _, layer in found.members.values() if layer <= 8]
    far = max((abs(level.offset) for level in levels), default=1)
    return max(1, far) if constants else 1


def induct(
    family: Family, of: str | None = None, wrt: Sequence[str] = (), givens: Sequence[str] = (),
) -> Induction:
    """The gradients of a family's loss for any number of layers.

    `wrt` are families or tensors; its parameters by default. Raises `DerivativeError` for a name
    that is unknown, `InputError` for a loss that is a member of a family or no number,
    `UndecidedError` for a network whose middle layers are not all read in the same way.
    """
    return _Inductor(family, of, tuple(wrt), givens).run()


class _Inductor:
    """One induction: the unrolled network, and who reads what in it."""

    def __init__(self, family: Family, of: str | None, wrt: tuple[str, ...],
                 givens: Sequence[str]) -> None:
        if family.end is None:
            raise InputError("the number of layers is a number here, and no symbol", None,
                             "write `for l = 1..L`, or derive it as it is with --layers")
        self.family = family
        self.end = family.end
        self.reach = reach_of(family)
        self.middle = 3 * self.reach + 4
        self.last = 2 * self.middle
        self.network = Network(family, self.last, symbolic=True)
        self.found, self.program = self.network.found, self.network.program
        self.homes, self.owner = self.network.homes, self.network.owner
        self.of = self.loss(of)
        self.wanted = wrt or self.parameters()
        letter = next(iter(family.variables))
        self.result = Induction(family, self.program, self.of, self.wanted, letter, self.end,
                                assumptions=tuple(givens), network=self.network)
        self.givens = [given(text, self.program) for text in givens]
        self.result.givens = tuple(self.givens)
        moving = active(self.program, [self.of], self.tensors(self.wanted))
        order = [e.target for e in self.program.equations if e.target in moving]
        order = [n for n in dict.fromkeys(reversed(order)) if n != self.of]
        order += [n for n in self.tensors(self.wanted) if n in moving and n not in order]
        self.order = order
        self.moving = {*order, self.of}
        self.uses = {name: self.network.readers(name, self.moving) for name in order}
        self.runs = self.in_runs()
        self.slicer = Slicer(self.network, self.of, self.moving, self.is_base)

    # what there is

    def loss(self, of: str | None) -> str:
        name = of or self.program.outputs[-1]
        if name not in self.program.tensors:
            raise DerivativeError(f"the program has no {name}", None,
                                  did_you_mean(name, list(self.program.tensors)))
        if self.program.tensors[name].shape or name in self.homes:
            what = "no single number"
            if name in self.homes:
                base, layer = self.homes[name]
                end = said(self.level(layer), "", self.end)
                name, what = f"{base}({end})", "a member of a family"
            raise InputError(f"{name} is {what}: an induction needs one number at the end", None,
                             "write a loss, such as E = sum(k) y(L)[k]*g[k]")
        equations = [e for e in self.program.equations if e.target == name]
        if len(equations) != 1 or equations[0].accumulate:
            raise InputError(f"{name} is added up in several equations", None,
                             "write it as one equation")
        return name

    def parameters(self) -> tuple[str, ...]:
        """The families and tensors that are trained; all real inputs where none are declared."""
        inputs = [n for n in self.program.inputs if self.program.tensors[n].kind == "real"
                  and n != self.end and n not in self.found.numbers]
        chosen = [n for n in inputs if self.program.tensors[n].role == "parameter"] or inputs
        return tuple(dict.fromkeys(self.homes[n][0] if n in self.homes else n for n in chosen))

    def tensors(self, names: Iterable[str]) -> list[str]:
        """The tensors of families and of plain names."""
        found: list[str] = []
        families = {base for base, _ in self.homes.values()}
        for name in names:
            own = [n for n, (base, _) in self.homes.items() if base == name]
            if not own and name not in self.program.tensors:
                known = [*families, *(n for n in self.program.tensors if n not in self.homes)]
                raise DerivativeError(f"the program has no {name}", None,
                                      did_you_mean(name, known) or f"it has {', '.join(known)}")
            found += own or [name]
        return found

    def in_runs(self) -> dict[str, list[list[str]]]:
        """The members of each family, from the first layer on, cut where their readers change.

        A run that does not reach the middle is near an end: each of its layers is on its own.
        """
        table: dict[str, dict[int, str]] = {}
        for name in self.order:
            base, layer = self.homes.get(name, (name, 0))
            table.setdefault(base, {})[layer] = name
        found: dict[str, list[list[str]]] = {}
        for base, members in table.items():
            for run in cut(members, self.uses):
                far = len(run) > 2 * self.reach + 2
                if far and self.homes[run[0]][1] <= self.middle <= self.homes[run[-1]][1]:
                    found.setdefault(base, []).append(run)
                elif far:
                    raise UndecidedError(f"the layers of {base} are not all alike", None,
                                         "derive it for a number of layers: --layers 3")
                else:
                    found.setdefault(base, []).extend([name] for name in run)
        return found

    def run_of(self, name: str) -> list[str]:
        base = self.homes.get(name, (name, 0))[0]
        return next(run for run in self.runs[base] if name in run)

    def layer(self, name: str) -> int:
        return self.homes[name][1]

    def is_base(self, name: str) -> bool:
        """Whether a tensor belongs to the base case: at the end, on its own, read by few."""
        if self.shared(name):
            return False
        if name not in self.homes:
            return name not in self.program.inputs
        return len(self.run_of(name)) == 1 and self.layer(name) > self.middle

    def shared(self, name: str) -> list[int]:
        """The statements for a run of layers that read a tensor in each of them."""
        count: dict[int, set[int | None]] = {}
        for e in self.program.equations:
            if e.target in self.moving and name in reads(e.body):
                one = self.owner(e.target)
                count.setdefault(one.statement, set()).add(one.layer)
        return [s for s, layers in count.items() if len(layers) > 2 * self.reach + 1]

    # the work

    def run(self) -> Induction:
        window = Window(self.middle, self.result.letter, self.reach, self.last, self.end)
        self.result.window = window
        base = [n for n in self.order if self.is_base(n)]
        if base:
            found = self.derived(base, Window(None, "", self.reach, self.last, self.end))
            label = named(self.homes, Window(None, "", self.reach, self.last, self.end))
            for name in base:
                if label(name) in found.found:
                    self.result.base.append(self.single(name, found, found.found[label(name)]))
        middle: list[tuple[int, str]] = []
        place = {name: k for k, name in enumerate(self.order)}
        for runs in self.runs.values():
            for run in runs:
                name = self.representative(run)
                if not self.is_base(name):
                    middle.append((place[name], name))
        for _, name in sorted(middle):
            self.result.step.append(self.generic(name))
        return self.result

    def representative(self, run: list[str]) -> str:
        """The member of a run that is derived: the one in the middle of the network."""
        for name in run:
            if name in self.homes and self.layer(name) == self.middle:
                return name
        return run[0]

    def level(self, layer: int) -> Level:
        """A layer by its distance from the nearer end."""
        if layer > self.middle:
            return Level("L", layer - self.last)
        return Level("", layer)

    def single(self, name: str, found: Derivation, derived: Derived) -> Result:
        """A result of the base case."""
        at = self.level(self.layer(name)) if name in self.homes else None
        return Result(self.homes.get(name, (name, 0))[0], at, at, (Part(found, derived),),
                      self.uses[name], self.network.count(name, self.moving))

    def generic(self, name: str) -> Result:
        """A result of the step, or of a tensor that no layer or each layer reads."""
        run = self.run_of(name)
        first = last = None
        window = Window(None, "", self.reach, self.last, self.end)
        if name in self.homes:
            first, last = self.level(self.layer(run[0])), self.level(self.layer(run[-1]))
            if len(run) > 1:
                window = Window(self.middle, self.result.letter, self.reach, self.last, self.end)
        over = self.shared(name)
        if not over:
            label = named(self.homes, window)
            found = self.derived([name], window)
            parts = [Part(found, found.found[label(name)])]
        else:
            parts = self.summed(name, over)
        return Result(self.homes.get(name, (name, 0))[0], first, last, tuple(parts),
                      self.uses[name], self.network.count(name, self.moving, over),
                      frozenset(over))

    def summed(self, name: str, over: Sequence[int]) -> list[Part]:
        """One part for each statement that reads a tensor in every layer, one for all others."""
        self.refuse_both(name, over)
        parts = []
        rest = {(one.statement, one.layer) for e in self.program.equations
                if e.target in self.moving and name in reads(e.body)
                and (one := self.owner(e.target))}
        for s in over:
            statement = self.family.statements[s]
            letter = statement.variable or self.result.letter
            window = Window(self.middle, letter, self.reach, self.last, self.end)
            label = named(self.homes, window)
            found = self.derived([name], window, {(s, self.middle)})
            first = last = self.middle  # the run of layers around the middle
            while (s, first - 1) in rest:
                first -= 1
            while (s, last + 1) in rest:
                last += 1
            rest -= {(s, layer) for layer in range(first, last + 1)}
            ends = self.level(first), self.level(last)
            parts.append(Part(found, found.found[label(name)], ends, letter))
        if rest:
            window = Window(None, "", self.reach, self.last, self.end)
            label = named(self.homes, window)
            found = self.derived([name], window, rest)
            parts.append(Part(found, found.found[label(name)]))
        return parts

    def refuse_both(self, name: str, over: Sequence[int]) -> None:
        """A layer that one statement reads in two ways has no formula of one kind."""
        for s in over:
            if len({place for statement, place in self.uses[name] if statement == s}) > 1:
                base, layer = self.homes.get(name, (name, 0))
                raise UndecidedError(
                    f"{base}({layer}) is read by every layer, and by its neighbour too", None,
                    f"give it a second name: c[i] = {base}({layer})[i], and let every layer read c")

    def far(self, names: Sequence[str], window: Window, program: Program) -> set[str]:
        """The tensors of a slice whose layer is near neither an end nor what is derived."""
        centres = [self.layer(n) for n in names if n in self.homes]
        if window.here is not None:
            centres.append(window.here)
        end = self.reach if window.here is not None else self.reach + 4
        return {n for n in program.tensors if n in self.homes
                and end < self.layer(n) < self.last - end
                and all(abs(self.layer(n) - c) > 2 * self.reach + 1 for c in centres)}

    # slices

    def derived(self, names: Sequence[str], window: Window,
                only: set[tuple[int, int | None]] | None = None) -> Derivation:
        """The derivation of the slice between some tensors and what is cut above them."""
        program = self.slicer.slice(names, only)
        far = self.far(names, window, program)
        label = named(self.homes, window)
        sizes = named(self.found.sizes, window)
        moved = in_program(program, label, sizes)
        reserved = {n: Tensor(n) for n in (self.result.letter, window.letter, self.end)
                    if n and n not in moved.tensors}
        moved = replace(moved, tensors={**moved.tensors, **reserved})
        givens = []
        for g in self.givens:
            names_of = {node.tensor for node in walk(g.left.body) if isinstance(node, Ref)}
            if all(label(n) in moved.inputs for n in names_of):
                left = in_expression(g.left, label, sizes)
                assert isinstance(left, Reduce)
                givens.append(replace(g, left=replace(
                    left, indices=in_ranges(left.indices, label, sizes))))
        above = {n: (self.of, n[1:]) for n in moved.inputs if n.startswith("∂")}
        found = derive(moved, self.of, [label(n) for n in names], givens, earlier=above)
        without(found, {label(n): self.homes[n][0] for n in far})
        return unheld(found, set(self.family.variables))


def cut(members: dict[int, str], uses: dict[str, frozenset[tuple[int, int]]]) -> list[list[str]]:
    """Members from the first layer on, in runs of neighbours that are read in the same way."""
    runs: list[list[str]] = []
    before: int | None = None
    for layer in sorted(members):
        name = members[layer]
        if before == layer - 1 and runs and uses[runs[-1][-1]] == uses[name]:
            runs[-1].append(name)
        else:
            runs.append([name])
        before = layer
    return runs


__all__ = ["Induction", "Network", "Part", "Result", "induct", "reach_of"]
