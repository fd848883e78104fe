"""A formula of the library on a page: its lines, its shapes, its settings, its derivative.

Nothing here is written about any formula: all of it comes from the entry's text.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.diff.reverse import real_outputs, vjp
from chainrule.document.blocks import (
    Block,
    Document,
    MathBlock,
    Prose,
    code,
    heading,
    p,
    table,
)
from chainrule.document.mathtree import Math, Op, row, separated
from chainrule.document.notation import Notation, symbol
from chainrule.explain.shapes import integer
from chainrule.explain.work import equation_math
from chainrule.formulas.entry import NEEDED, Entry, Setting
from chainrule.formulas.template import program_of
from chainrule.lang.program import Equation, Program, Tensor


def catalogue(families: Sequence[tuple[str, Sequence[Entry]]]) -> Document:
    """All formulas: name, layer, purpose."""
    blocks: list[Block] = []
    for family, entries in families:
        rows: list[list[Prose]] = [[code(e.name), code(e.layer), e.purpose] for e in entries]
        blocks += [heading(1, family.capitalize()), table(["formula", "layer", "what it does"],
                                                          rows)]
    return Document("Formulas", tuple(blocks))


def page(entry: Entry) -> Document:
    """One formula, with a batch in front."""
    program = program_of(entry, leading=1 if "..." in entry.text else 0)
    notation = Notation(program.tensors)
    blocks: list[Block] = [p(f"{entry.purpose[0].upper()}{entry.purpose[1:]}.")]
    if entry.source:
        blocks.append(p(f"Source: {entry.source}."))
    blocks.append(heading(1, "Formula"))
    blocks += [MathBlock(equation_math(notation, e)) for e in program.equations]
    if entry.training:
        trained = program_of(entry, leading=1, training=True)
        blocks.append(heading(1, "In training"))
        own = Notation(trained.tensors)
        blocks += [MathBlock(equation_math(own, e)) for e in trained.equations]
        blocks += _gradients(trained, "Derived from it: the backward pass in training")
    blocks += [heading(1, "Tensors"), _tensors(entry, program)]
    if entry.settings:
        blocks += [heading(1, "Settings"), _settings(entry)]
    blocks += _gradients(program, "Derived from it: the backward pass")
    return Document(f"{entry.title[0].upper()}{entry.title[1:]}: {entry.name}", tuple(blocks))


def _tensors(entry: Entry, program: Program) -> Block:
    names = [*program.inputs, *dict.fromkeys(e.target for e in program.equations)]
    rows: list[list[Prose]] = []
    notation = Notation(program.tensors)
    for name in names:
        tensor = program.tensors[name]
        role = "output" if name in program.outputs else tensor.role
        if tensor.kind == "integer" and tensor.below is not None:
            role = "labels"
        rows.append([notation.tensor(name), _shape(tensor), role,
                     entry.initial.get(name, ""),
                     f"{entry.absent[name]}" if name in entry.absent else ""])
    return table(["", "shape", "role", "begins as", "left out, it is"], rows)


def _shape(tensor: Tensor) -> Prose:
    if not tensor.shape:
        return "a number"
    parts: list[Math] = [integer(axis, symbol) for axis in tensor.shape]
    return [row(*separated(parts, Op("×")))]


def _settings(entry: Entry) -> Block:
    rows: list[list[Prose]] = [[code(s.name), s.stands_for, _default(s)] for s in entry.settings]
    return table(["setting", "stands for", "by default"], rows)


def _default(s: Setting) -> str:
    if s.default == NEEDED:
        return "has to be given"
    if s.default is None:
        return "follows from the inputs"
    words = f" (or {', '.join(s.words)})" if s.words else ""
    return f"{s.default}{words}"


def _gradients(program: Program, title: str) -> list[Block]:
    """The adjoints of the inputs, derived from the formula for a given adjoint of its output."""
    wanted = [n for n in program.inputs if program.tensors[n].kind == "real"
              and program.tensors[n].role != "constant"]
    outputs = real_outputs(program)
    if not wanted or not outputs:
        return []
    derived = vjp(program, outputs[:1], wanted).program
    notation = Notation(derived.tensors)
    steps: list[Equation] = [e for e in derived.equations
                             if e.origin.rule not in ("written", "seed")]
    blocks: list[Block] = [heading(1, title)]
    return [*blocks, *(MathBlock(equation_math(notation, e)) for e in steps)]
