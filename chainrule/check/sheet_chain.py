"""How an asked value comes about, line by line, as it is worked on paper.

From the program of a part the lines are taken that lead from what is given to what is asked for: an
equation each, in symbols, with numbers put in, and as a value. What an earlier question asked for
is known and not worked again. A derivative is worked through the equations of the differentiated
program, so nothing here knows a rule of differentiation. Names are written as the sheet writes
them, and cells are counted from 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from chainrule.check.sheet import Part, Question
from chainrule.check.sheet_lines import Line, Lines, reads
from chainrule.check.sheet_names import spelled
from chainrule.check.sheet_text import Asked
from chainrule.check.sheet_values import DERIVATIVE, Values
from chainrule.diff.forward import jvp
from chainrule.diff.reverse import (
    real_inputs,
    real_outputs,
    vjp,
)
from chainrule.document.mathnodes import (
    Accent,
    Math,
    Num,
)
from chainrule.lang.program import Program

_NAME: Final = re.compile(r"\s*([^\W\d]\w*)\s*(?:\[([\d\s,]*)\])?\s*")


def lines(part: Part, question: Question, asked: Asked, values: Values,
          earlier: Sequence[Question] = (),
          names: Mapping[str, Math] | None = None) -> list[Line]:
    """The lines that lead to what a question asks for; none where there is nothing to work.

    `asked` says how the answer is shown, `earlier` the questions whose answers are known,
    `names` how names are written (`chainrule.check.sheet_names.spelled`).

    Raises what evaluation and differentiation raise.
    """
    if part.program is None or not question.quantity:
        return []
    known = _known(part.program, [q for q in earlier if q.part == question.part
                                  and q.ask in ("value", "closed", "table")])
    known.discard(question.quantity.replace(" ", ""))
    names = spelled(part) if names is None else names
    ratio = DERIVATIVE.fullmatch(question.quantity)
    if ratio is not None:
        found = _derivative(values, ratio[1], ratio[2], known, names, asked)
        cell = ratio[3]
    else:
        name = _NAME.fullmatch(question.quantity)
        if name is None or name[1] not in part.program.tensors:
            return []
        found = Lines(part.program, values.cells(), names, asked, name[1])
        found.stops(known)
        cell = name[2]
    only = tuple(int(w) for w in re.findall(r"\d+", cell)) if cell else None
    return list(found.lines(only)) if found is not None else []


def _known(program: Program, earlier: Sequence[Question]) -> set[str]:
    """What earlier questions asked for, and what was worked on the way where no author answered."""
    above: dict[str, set[str]] = {}  # what each tensor comes about through, itself included
    for equation in program.equations:
        mine = above.setdefault(equation.target, {equation.target})
        for name in reads(equation):
            mine |= above.get(name, {name})
    known: set[str] = set()
    for question in earlier:
        quantity = question.quantity.replace(" ", "")
        known.add(quantity)
        ratio = DERIVATIVE.fullmatch(quantity)
        if question.answer or "[" in quantity:
            continue
        if ratio is None:
            known |= above.get(quantity, set()) - set(program.inputs)
        else:
            known |= {f"d{ratio[1]}/d{n}" for n in above.get(ratio[1], set())
                      if ratio[2] in above.get(n, set())}
    return known


def _derivative(values: Values, top: str, bottom: str, known: set[str],
                names: Mapping[str, Math], asked: Asked, style: str = "partial"
                ) -> Lines | None:
    """The lines of ∂top/∂bottom, of a scalar or of something whose adjoints are given."""
    part, program = values.part, values.program
    seeds = part.adjoints.get(top)
    if seeds is None and (top not in program.tensors or program.tensors[top].shape):
        return None
    if seeds is not None and bottom in seeds and len(seeds) == 1:
        return None  # given
    d = vjp(program, list(seeds) if seeds is not None else [top], [bottom])
    given = {d.seeds[n]: seeds[n] if seeds is not None else 1 for n in d.seeds}
    found = Lines(d.program, values.run(d.program, given), names, asked, d.names[bottom],
                   names.get(top), given=frozenset(given) if seeds is not None else frozenset(),
                   unit=top if seeds is None else None, style=style)
    found.stops(known | {n for n in known if "/" not in n})
    found.known_slopes(top, known)
    return found


def trace_lines(part: Part, question: Question, asked: Asked, values: Values,
                names: Mapping[str, Math]) -> list[Line]:
    """The rows of a table that a question asks for: what is given, the values, the derivatives.

    Raises what `lines` raises.
    """
    program = values.program
    top = _top(question, program)
    options = question.options
    given = options.get("wrt", "")
    ratio = DERIVATIVE.fullmatch(question.quantity)
    wrt = given if isinstance(given, list) else [w.strip() for w in str(given).split(",")]
    wrt = [w for w in wrt if w] or (
        [ratio[2]] if ratio and options.get("mode") == "forward" else real_inputs(program))
    found = [Line(names[n], (), Lines(program, values.cells(), names, asked, n).shown(
        values.cells()[n], True)) for n in program.inputs]
    found += Lines(program, values.cells(), names, asked, top).lines(None)
    if options.get("mode") == "forward":
        return [*found, *(line for name in wrt for line in _tangents(values, top, name, names,
                                                                    asked))]
    for name in wrt:
        slopes = _derivative(values, top, name, set(), names, asked, "bar")
        if slopes is not None:
            slopes.known |= set(program.tensors)
            found += slopes.lines(None)
    return list(dict.fromkeys(found))


def _top(question: Question, program: Program) -> str:
    """What the derivatives of a table are taken of."""
    ratio = DERIVATIVE.fullmatch(question.quantity)
    return ratio[1] if ratio else real_outputs(program)[0]


def _tangents(values: Values, top: str, name: str, names: Mapping[str, Math], asked: Asked
              ) -> Iterator[Line]:
    d = jvp(values.program, [top], [name])
    work = Lines(d.program, values.run(d.program, {d.seeds[name]: 1}), names, asked, d.names[top])
    work.known |= set(values.program.tensors)
    yield Line(Accent(names[name], "dot"), (), Num("1"), why="given")
    yield from work.lines(None)


__all__ = ["lines", "trace_lines"]
