r"""How much of a table is there: the quantities that it was to give, and those that it gives.

A table of the forward and the reverse pass is to have the value of each quantity that the program
computes, and the derivative of the output by each one on the way to the inputs (`wrt` where the
sheet names some); in forward mode each one's tangent. Who works in steps of other names is met half
way: such a step stands for one of the program's, except for the derivatives that the table is to
end with. Where the program is a single formula, a step is taken for every two of its operations. A
template that leaves fewer cells empty asks for no more than these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from chainrule.check.rounding import printed_cells
from chainrule.check.sheet import Part, Question
from chainrule.check.tree import Derivative, Node, Remark, Symbol
from chainrule.check.values_names import form_of, full_name, key, spelling
from chainrule.lang.expr import Apply, Reduce, Ref, walk
from chainrule.lang.program import Equation, Program

_RATIO: Final = re.compile(r"\s*d(\w+)\s*/\s*d(\w+)\s*(?:\[[\d\s,]*\])?\s*")
_VALUES: Final = re.compile(r"(?i).*\b(?:values?|numbers?|results?|trace)\b.*")
_SLOPES: Final = frozenset({"bar", "dot"})
Signature = tuple[str, str, tuple[Node, ...]]
Meaning = Callable[[int, Node], Signature | None]
Pieces = dict[str, set[object]]  # a name, and the cells of it that are given; () is all of it


@dataclass(slots=True)
class Wanted:
    """What a table is to have: named values, named derivatives, and steps of whatever name."""

    part: Part
    values: set[str]
    slopes: set[str]
    ends: set[str]  # the derivatives that it is to end with
    more: int = 0  # values, and as many derivatives, under names of the student's own
    forward: bool = False

    @property
    def number(self) -> int:
        """How many quantities these are."""
        return len(self.values) + len(self.slopes | self.ends) + 2 * self.more


@dataclass(slots=True)
class _Given:
    """What a paper gives: how much of each named quantity, and its own steps by kind."""

    values: Pieces = field(default_factory=dict)
    slopes: Pieces = field(default_factory=dict)
    own: dict[bool, set[object]] = field(default_factory=lambda: {False: set(), True: set()})


def wanted(question: Question, part: Part | None) -> Wanted | None:
    """The quantities that a table question asks for; None where the sheet does not tell.

    >>> from chainrule.check.sheet_reading import find_sheet
    >>> sheet = find_sheet("examples/gru.md")
    >>> found = wanted(sheet.question("2"), sheet.parts["product"])
    >>> sorted(found.values), sorted(found.slopes), sorted(found.ends), found.number
    (['k', 'm', 'y'], ['k', 'm'], ['p', 'q'], 7)
    """
    if part is None or part.program is None:
        return None
    program, options = part.program, question.options
    ratio = _RATIO.fullmatch(question.quantity)
    top = ratio[1] if ratio else next((n for n in program.outputs), "")
    tops = set(part.adjoints.get(top, ())) or {top}
    if not tops <= set(program.tensors):
        return None
    forward = options.get("mode") == "forward"
    wrt = _listed(options.get("wrt", "")) or (
        [ratio[2]] if ratio and forward else [n for n in program.inputs if _real(program, n)])
    below = _reached(program.equations, set(wrt))
    above = _reached_back(program.equations, tops)
    computed = {e.target for e in program.equations}
    values = computed & above
    if options.get("mode") == "values":
        return Wanted(part, values, set(), set())
    way = {n for n in values & below if _real(program, n)}
    ends = (way & tops) if forward else set(wrt)
    found = Wanted(part, values, way - ends if forward else way - tops, ends, forward=forward)
    if len(values) == 1:
        operations = sum(isinstance(n, Apply | Reduce) for e in program.equations
                         if e.target in values for n in walk(e.body))
        found.more = max(0, (operations + 1) // 2 - 1)
    return found


def _real(program: Program, name: str) -> bool:
    return program.tensors[name].kind == "real" and program.tensors[name].role != "constant"


def _listed(names: object) -> list[str]:
    words = names if isinstance(names, list) else str(names).split(",")
    return [str(w).strip() for w in words if str(w).strip()]


def _reads(equation: Equation) -> set[str]:
    return {n.tensor for n in walk(equation.body) if isinstance(n, Ref)}


def _reached(equations: Sequence[Equation], names: set[str]) -> set[str]:
    """What hangs on some tensors, themselves included."""
    found = set(names)
    for equation in equations:
        if _reads(equation) & found:
            found.add(equation.target)
    return found


def _reached_back(equations: Sequence[Equation], names: set[str]) -> set[str]:
    """What some tensors hang on, themselves included."""
    found = set(names)
    for equation in reversed(equations):
        if equation.target in found:
            found |= _reads(equation)
    return found


def empty_cells(template: object) -> int | None:
    """How many values a template leaves open; None without one. Formulas beside them are none.

    >>> empty_cells({"columns": ["", "formula", "value"], "rows": [["k", "", ""], ["m", "", ""]]})
    2
    """
    if not isinstance(template, Mapping):
        return None
    columns = [str(c) for c in template.get("columns", ())]
    said = {k for k, c in enumerate(columns) if _VALUES.fullmatch(c)}
    return sum(1 for row in template.get("rows", ()) for k, cell in enumerate(row)
               if cell == "" and (not said or k in said))


def covered(asked: Wanted, chains: Mapping[int, Sequence[Node | None]], meaning: Meaning,
            size: Callable[[str], int]) -> float:
    """How many of the quantities that are asked for have an entry, right or wrong.

    `chains` has the sides of each chain, `meaning` says which tensor of the sheet a side of one is,
    and of what it is differentiated; `size` how many cells a tensor has: part of a vector is part
    of an entry.
    """
    given = _Given()
    for chain, sides in chains.items():
        _take(asked, given, sides, partial(meaning, chain))

    def share(found: Pieces, names: set[str]) -> float:
        return sum(1.0 if () in found[n] else min(1.0, len(found[n]) / max(1, size(n)))
                   for n in names if n in found)

    values = share(given.values, asked.values)
    spare = float(len(given.own[False])) if values else 0.0
    filled = min(len(asked.values) + asked.more - values, spare)
    ends = share(given.slopes, asked.ends)
    inner = share(given.slopes, asked.slopes - asked.ends)
    spare = len(given.own[True]) + (spare - filled if ends else 0.0)
    rest = len(asked.slopes - asked.ends) + asked.more - inner
    return values + filled + ends + inner + min(rest, spare)


def _take(asked: Wanted, given: _Given, chain: Sequence[Node | None],
          meaning: Callable[[Node], Signature | None]) -> None:
    """What one chain gives: a quantity, or a cell of one, and its number."""
    head, *sides = chain
    while isinstance(head, Remark):
        head = head.body
    if head is None or not any(_tells(asked, s) for s in sides):
        return
    if any(_is_input(asked.part, s) for s in sides):
        return  # v_0 = x_2 = 6 only repeats what is given
    signature, accented = meaning(head), _plain(head)
    if signature is None and accented is not None:  # k of k̄ and k̇
        signature = meaning(accented)
    slope = is_slope(head)
    if signature is None:
        if form_of(head) is not None or slope:
            given.own[slope].add(key(head))
        return
    tensor, top, subs = signature
    if top and accented is None:
        if not asked.forward and top in asked.slopes:
            return  # ∂m/∂k, of a quantity on the way, is no adjoint
        tensor = top if asked.forward else tensor
    found = given.slopes if slope or top else given.values
    found.setdefault(tensor, set()).add(tuple(map(key, subs)))


def _tells(asked: Wanted, node: Node | None) -> bool:
    """Whether a side is what a table holds: a number, unless inputs are left open."""
    program = asked.part.program
    open_ = program is None or any(n not in asked.part.given for n in program.inputs)
    return node is not None and (open_ or printed_cells(node) is not None)


def _is_input(part: Part, node: Node | None) -> bool:
    """Whether a side is an input of the part, by itself, or its tangent."""
    if not isinstance(node, Symbol) or part.program is None:
        return False
    plain = spelling(node.name)[0]
    joined = plain + "".join(getattr(s, "text", "") or getattr(s, "name", "") for s in node.subs)
    return bool({plain, joined, joined.replace("_", "")} & set(part.program.inputs))


def is_slope(node: Node) -> bool:
    """Whether a name is a derivative, or has the mark of an adjoint or a tangent."""
    while isinstance(node, Remark):
        node = node.body
    return isinstance(node, Derivative) or _plain(node) is not None


def _plain(node: Node) -> Symbol | None:
    """k of k̄ and k̇; None of what has no such mark."""
    if not isinstance(node, Symbol):
        return None
    plain, accent = spelling(full_name(node.name))
    return replace(node, name=plain) if accent in _SLOPES else None


__all__ = ["Wanted", "covered", "empty_cells", "is_slope", "wanted"]
