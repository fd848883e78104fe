"""The lines of one function of an emitted file: its sizes, its checks, its equations.

A function gets its arrays as arguments or out of the cache. Sizes that its lines mention are read
off their shapes; shapes are asserted, because broadcasting would take an array of one row for one
of many without a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.emit.lines import broken
from chainrule.emit.names import Names
from chainrule.emit.plan import InRange, Name, Statement
from chainrule.emit.scope import Sample, base_dims
from chainrule.emit.target import Target
from chainrule.emit.text import Printer
from chainrule.emit.writes import Writes
from chainrule.errors import ChainruleError
from chainrule.lang.expr import ArgReduce, Reduce, walk
from chainrule.lang.integers import ONE, ZERO, Integer, Size
from chainrule.lang.program import Equation, Program


@dataclass(frozen=True, slots=True)
class File:
    """What the functions of a file share; `compound` are the names of compound sizes so far."""

    program: Program
    names: Names
    sample: Sample
    target: Target
    sizes: Sequence[str]  # that are arguments, because no shape tells them
    compound: dict[Integer, str]
    needs: dict[str, None]  # helpers and imports

    def printer(self) -> Printer:
        """A printer for a function of its own."""
        names = self.names.copy(self.compound.values())
        writes = Writes(self.program, names, self.sample, self.target.windows)
        writes.shared = self.compound
        return self.target.printer(writes)


@dataclass(frozen=True, slots=True)
class Body:
    """The lines of a function, and the tensors that they read from outside."""

    lines: list[str]
    reads: list[str]


def body(file: File, equations: Sequence[Equation], arguments: Sequence[str],
         sources: Sequence[str]) -> Body:
    """The lines that compute some equations, after those that they need.

    The shapes of `arguments` are asserted; sizes are read off them, else off some of `sources`.
    """
    printer = file.printer()
    writes = printer.scope
    assert isinstance(writes, Writes)
    lines = printer.lines(_lowered(writes, equations))
    ahead = printer.lines(writes.definitions)
    labels = printer.lines(_labels(writes, arguments))
    if printer.model and printer.model not in writes.used:
        writes.used[printer.model] = None
    made = {e.target for e in equations}
    reads = [n for n in writes.used if n not in made]
    cached = [n for n in reads if n not in arguments]
    shapes = {n: t.shape for n, t in file.program.tensors.items()}
    shaped = [n for n in arguments if shapes[n]]
    twins = {n: m for n in shaped for m in reversed(cached)
             if sources and shapes[m] == shapes[n] and any(axis.sizes() for axis in shapes[n])}
    wanted = dict(writes.sizes_used)
    for n in shaped:
        for axis in shapes[n] if n not in twins else ():
            wanted.update(dict.fromkeys(axis.sizes()))
    reader = _Sizes(printer, set(file.sizes))
    reader.read([n for n in wanted if n not in file.sizes],
                [cached, arguments, sources] if sources else [[*arguments, *cached]])
    asserted = [line for n in shaped if n not in reader.unpacked
                for line in _shape_line(printer, n, twins.get(n, ""))]
    file.needs.update(printer.needs)
    checks = [*asserted, *labels]
    head = [*_useful([*reader.lines, *ahead], [*checks, *lines], bool(sources)), *checks]
    return Body([*head, *[""] * bool(head and lines), *lines],
                list(dict.fromkeys([*reads, *reader.sources])))


def _lowered(writes: Writes, equations: Sequence[Equation]) -> list[Statement]:
    """The statements of some equations; an error names the equation that cannot be written."""
    count: dict[str, int] = {}
    for e in equations:
        count[e.target] = count.get(e.target, 0) + 1
        for node in walk(e.body):
            if isinstance(node, Reduce | ArgReduce) and node.op != "sum":
                key = (node.body, node.condition)
                writes.windowed[key] = writes.windowed.get(key, 0) + 1
    writes.summed = {name for name, n in count.items() if n > 1 and all(
        e.accumulate and writes.covers(e) for e in equations if e.target == name)}
    writes.written = set(count)
    met: set[str] = set()
    for e in equations:
        try:
            writes.equation(e, count[e.target] - 1, e.target not in met)
        except RecursionError:
            raise ChainruleError(f"the equation of {e.target} is nested too deeply to be written",
                                 e.origin.span) from None
        met.add(e.target)
    return writes.statements


def _labels(writes: Writes, names: Sequence[str]) -> list[Statement]:
    """Assertions that the labels among some inputs are in range."""
    found: list[Statement] = []
    for name in names:
        t = writes.program.tensors[name]
        if t.kind == "integer" and t.below is not None:
            array = Name(base_dims(len(t.shape)), "integer", False, writes.variable(name))
            found.append(InRange(array, t.below))
    return found


def _useful(sizes: list[str], rest: list[str], all_: bool) -> list[str]:
    """The lines without those that give sizes names which no later line has.

    With `all_` those of several sizes too, which otherwise stay to say how many axes there are.
    """
    words = {w for line in rest if not line.lstrip().startswith("#")
             for w in re.findall(r"\w+", line)}
    found: list[str] = []
    for line in reversed(sizes):
        names = re.match(r" {4}(\w+(?:, \w+)*) = .*[^(]$", line)
        given = set(names[1].split(", ")) if names else set()
        if names is None or given & words or (len(given) > 1 and not all_):
            found.insert(0, line)
            words.update(re.findall(r"\w+", line))
    return found


def _shape_line(printer: Printer, tensor: str, twin: str) -> list[str]:
    """The assertion of a tensor's shape, which is that of its `twin` if it has one."""
    name = printer.scope.variable(tensor)
    if twin:
        return [f"    assert {name}.shape == {printer.scope.variable(twin)}.shape"]
    shape = printer.shape(printer.scope.program.tensors[tensor].shape)
    return broken("    assert ", f"{name}.shape == {shape}")


class _Sizes:
    """Sizes read off shapes: the lines, which tensors they used, and which need no assertion."""

    def __init__(self, printer: Printer, known: set[str]) -> None:
        self.printer = printer
        self.scope = printer.scope
        self.known = known
        self.lines: list[str] = []
        self.sources: dict[str, None] = {}
        self.unpacked: set[str] = set()

    def read(self, names: list[str], groups: Sequence[Sequence[str]]) -> None:
        """Lines for some sizes, read off tensors of the first group that tells them.

        Plain axes come first, then compound ones such as `4*U`.
        """
        tensors = list(dict.fromkeys(n for group in groups for n in group))
        shapes = {n: self.scope.program.tensors[n].shape for n in tensors}
        plain = {p for shape in shapes.values() for axis in shape if (p := plain_size(axis))}
        hidden = [n for n in names if n not in plain]
        for shape in shapes.values():  # what a compound axis is solved with has to be known too
            for axis in shape:
                if any(n in axis.sizes() for n in hidden):
                    names = list(dict.fromkeys([*names, *axis.sizes()]))
        for group in groups:
            axes = {n: [plain_size(axis) for axis in shapes[n]] for n in group}
            while axes:  # first what tells most, so that few lines do
                best = max(axes, key=lambda n: len({*axes[n]} & {*names} - self.known))
                self._plain(best, axes.pop(best), names)
        self._solved(names, shapes)

    def _plain(self, tensor: str, axes: list[str | None], names: list[str]) -> None:
        new = [n for n in dict.fromkeys(axes) if n in names and n not in self.known]
        if not new:
            return
        self.known.update(n for n in new if n is not None)
        self.sources[tensor] = None
        array = self.scope.variable(tensor)
        words = ", ".join(self.scope.names.size(n) for n in new if n is not None)
        if new == axes:
            self.unpacked.add(tensor)
        if new == axes[: len(new)] and len(new) > 1:
            cut = "" if new == axes else f"[:{len(new)}]"
            self.lines.append(f"    {words} = {array}.shape{cut}")
        elif len(new) > 1:
            last = max(axes.index(n) for n in new) + 1
            words = ", ".join(self.scope.names.size(n) if n in new and axes.index(n) == k else "_"
                              for k, n in enumerate(axes[:last]))
            cut = "" if last == len(axes) else f"[:{last}]"
            self.lines.append(f"    {words} = {array}.shape{cut}")
        else:
            places = ", ".join(f"{array}.shape[{axes.index(n)}]" for n in new)
            self.lines += broken("    ", f"{words} = {places}")

    def _solved(self, names: list[str], shapes: dict[str, tuple[Integer, ...]]) -> None:
        left = [n for n in names if n not in self.known]
        progress = True
        while left and progress:
            progress = False
            for tensor, shape in shapes.items():
                for k, axis in enumerate(shape):
                    found = solvable(axis, self.known)
                    if found is not None and found[0] in left:
                        self._line(f"{self.scope.variable(tensor)}.shape[{k}]", *found)
                        self.sources[tensor] = None
                        self.known.add(found[0])
                        left.remove(found[0])
                        progress = True

    def _line(self, cells: str, name: str, slope: Integer, rest: Integer) -> None:
        """`name = (cells - rest) // slope`."""
        if rest != ZERO:
            cells = f"{cells} - {self.printer.at_size(rest)}"
        if slope != ONE:
            inner = f"({cells})" if rest != ZERO else cells
            cells = f"{inner} // {self.printer.at_size(slope)}"
        self.lines.append(f"    {self.scope.names.size(name)} = {cells}")


def plain_size(axis: Integer) -> str | None:
    """The name, if an axis is nothing but one size."""
    if len(axis.terms) == 1 and axis.terms[0][1] == 1 and len(axis.terms[0][0]) == 1:
        atom = axis.terms[0][0][0]
        return atom.name if isinstance(atom, Size) else None
    return None


def solvable(axis: Integer, known: set[str]) -> tuple[str, Integer, Integer] | None:
    """The one unknown size of an axis, its factor and the rest, if the axis tells it."""
    unknown = [n for n in axis.sizes() if n not in known]
    if len(unknown) != 1:
        return None
    atom = Size(unknown[0])
    slope, rest = axis.coefficient(atom), axis.without(atom)
    if slope == ZERO or unknown[0] in (*rest.sizes(), *slope.sizes()):
        return None
    return unknown[0], slope, rest


def untold(program: Program) -> list[str]:
    """The sizes that no input's shape tells: they are arguments."""
    known: set[str] = set()
    axes = [axis for n in program.inputs for axis in program.tensors[n].shape]
    progress = True
    while progress:
        found = {s[0] for axis in axes if (s := solvable(axis, known)) is not None}
        progress = not found <= known
        known |= found
    return [n for n in program.size_names() if n not in known]


__all__ = ["Body", "File", "body", "untold"]
