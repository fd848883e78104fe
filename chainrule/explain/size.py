"""A network's sizes as a document: shapes with their formulas, parameters, operations, memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Final

from chainrule.count.compare import Compared
from chainrule.count.operations import Count, Operations
from chainrule.count.receptive import ENDLESS, Field
from chainrule.count.sizes import Row, Sizes
from chainrule.document.blocks import (
    Block,
    Cell,
    Column,
    Document,
    Prose,
    Table,
    cell,
    heading,
    inlines,
    items,
    p,
    strong,
    table,
)
from chainrule.document.notation import Notation
from chainrule.explain.shapes import worked
from chainrule.lang.integers import Integer, known

_COUNTS: Final = (
    ("MACs", "macs"), ("multiplies", "multiplies"), ("additions", "additions"),
    ("FLOPs", "flops"), ("divisions", "divisions"), ("comparisons", "comparisons"),
    ("functions", "functions"),
)
SECTIONS: Final = ("layers", "shapes", "operations", "memory")
_BYTES: Final = 4  # of a float32


def amount(n: Count) -> str:
    """A count with its thousands apart: 138,357,544; a polynomial as it is."""
    return f"{n:,}" if isinstance(n, int) else str(n)


def describe(
    found: Sizes, title: str, *, batch: str | None = None, only: Collection[str] = SECTIONS,
    compared: Sequence[Compared] = (), note_text: str = "",
) -> Document:
    """The document of what `count.sizes.sizes` found.

    `batch` is the name of the size that is the batch: its axis is not shown. `only` names the
    sections that are wanted.
    """
    blocks: list[Block] = [p(*_scope(found, batch))]
    if note_text:
        blocks.append(p(note_text))
    if "layers" in only:
        blocks += [heading(1, "Layers"), _layers(found, batch), *_totals(found)]
    if "shapes" in only:
        blocks += _worked(found, batch)
    if "operations" in only:
        blocks += [heading(1, "Operations"), *_operations(found)]
    if "memory" in only:
        blocks += [heading(1, "Memory"), *_memory(found)]
    if compared:
        blocks += _comparisons(compared)
    return Document(title, tuple(blocks))


def _scope(found: Sizes, batch: str | None) -> list[Prose]:
    """What the numbers are for."""
    data = [n for n in found.program.inputs if found.program.tensors[n].role == "data"]
    said = []
    for name in data:
        shape = _shape(found, found.program.tensors[name].shape, batch)
        what = "" if found.program.tensors[name].kind == "real" else "labels, "
        said.append(f"{name} is {what}{shape}")
    given = found.given.get(batch or "", None)
    parts: list[Prose]
    if batch is not None and given is not None:
        one = "one example at a time" if given == 1 else f"batches of {given:,}"
        parts = [f"The input {', '.join(said)}, {one}."]
    else:
        parts = [f"The input {', '.join(said)}."]
    parts.append(" Products with padding are " + (
        "counted." if found.padding else "not counted."))
    return parts


def _shape(found: Sizes, shape: Sequence[Integer], batch: str | None) -> str:
    """64 × 112 × 112, without the batch."""
    own = [_bracketed(known(axis, found.given)) for axis in shape if str(axis) != batch]
    if len(own) < 2:
        return f"a vector of {own[0]}" if own else "a number"
    return " × ".join(own)


def _bracketed(axis: Integer) -> str:
    """A size between signs of multiplication."""
    return str(axis) if len(axis.terms) < 2 else f"({axis})"


def _number_of_batch_axes(found: Sizes, r: Row, batch: str | None) -> int:
    shape = found.program.tensors[r.output].shape
    return 1 if shape and batch is not None and str(shape[0]) == batch else 0


def _layers(found: Sizes, batch: str | None) -> Table:
    """Names, formulas, shapes, parameters, and how far a cell sees."""
    sees = bool(found.axes)
    heads: list[Prose | Column] = [
        "layer", "formula", Column(inlines("output"), "right"), Column(inlines("weights"), "right"),
        Column(inlines("biases"), "right"),
    ]
    if sees:
        heads += [Column(inlines(h), "right") for h in ("sees", "jump", "start")]
    rows: list[list[Cell]] = []
    for r in found.rows:
        skip = _number_of_batch_axes(found, r, batch)
        shape = " × ".join(map(_bracketed, r.shape[skip:])) or "1"
        line = [cell(r.name), cell(_formula(r)), cell(shape), _amount(r.weights),
                _amount(r.biases)]
        rows.append([*line, *(map(cell, _sees(found, r)) if sees else ())])
    total = [cell("all", emphasis=True), cell(""), cell(""),
             cell(amount(found.weights), emphasis=True), cell(amount(found.biases), emphasis=True)]
    rows.append([*total, *([cell("")] * 3 if sees else ())])
    return table(heads, rows)


def _formula(r: Row) -> str:
    return r.layer.formula if r.layer is not None else "written"


def _amount(n: Count) -> Cell:
    return cell("" if n == 0 else amount(n))


def _sees(found: Sizes, r: Row) -> list[str]:
    """The field, the jump and the first cell, once where all axes agree."""
    said = []
    for field, (name, axis) in zip(r.fields, found.axes, strict=True):
        cells = known(found.program.tensors[name].shape[axis], found.given).constant
        said.append(("", "", "") if field is None else _field(field, cells))
    if all(one == said[0] for one in said):
        return list(said[0])
    return [" × ".join(one[k] or "·" for one in said) for k in range(3)]


def _field(field: Field, cells: int | None) -> tuple[str, str, str]:
    whole = field.along is None and field.first <= 0 and (
        field.last >= ENDLESS if cells is None else field.last >= cells - 1)
    if whole:
        return "all", "", ""
    if field.along is None:
        return str(field.size), "", _fraction(field.first)
    return str(field.size), _fraction(field.jump), _fraction(field.first)


def _fraction(value: int | Fraction) -> str:
    return str(value)


def _totals(found: Sizes) -> list[Block]:
    """How many parameters in all, with biases and without."""
    blocks: list[Block] = [p(
        strong(amount(found.parameters)), " parameters with biases, ",
        strong(amount(found.weights)), " without.")]
    if found.axes:
        blocks.append(p(
            "A cell sees so many cells of the input in a row, padding included; its neighbour sees "
            "the same, moved by the jump; the first cell begins at the start."))
    return blocks


def _worked(found: Sizes, batch: str | None) -> list[Block]:
    """Each shape that has to be worked out: formula, numbers, result."""
    rows: list[list[Prose]] = []
    notation = Notation({})
    for r in found.rows:
        if r.layer is None:
            rows += _written(found, r, batch, notation)
            continue
        skip = _number_of_batch_axes(found, r, batch)
        for one in worked(r.layer, skip):
            axes = ", ".join(str(k - skip) for k in one.axes)
            rows.append([r.name, axes, one.formula, one.numbers, notation.integer(one.result)])
    if not rows:
        return []
    head: list[Prose | Column] = ["layer", "axis", "formula", "with numbers",
                                  Column(inlines("cells"), "right")]
    return [heading(1, "Shapes, worked"), table(head, rows)]


def _written(
    found: Sizes, r: Row, batch: str | None, notation: Notation
) -> list[list[Prose]]:
    """The same for an equation written by hand, whose sizes were names."""
    rows: list[list[Prose]] = []
    for axis, p_ in enumerate(found.program.tensors[r.output].shape):
        if p_ != r.shape[axis] and len(list(p_.atoms())) > 1:
            names = [n for n in p_.sizes() if n in found.given]
            numbers = ", ".join(f"{n} = {found.given[n]}" for n in names)
            rows.append([r.name, str(axis), notation.integer(p_), numbers,
                         notation.integer(r.shape[axis])])
    return rows


def _operations(found: Sizes) -> list[Block]:
    blocks: list[Block] = [_table_of(found, "forward", [r.forward for r in found.rows],
                                     found.forward)]
    if found.backward.flops != 0:
        what = "the parameters" if all(
            found.program.tensors[n].role == "parameter" for n in found.wanted) else (
            "the parameters and the data" if len(found.wanted) > 1 else found.wanted[0])
        blocks.append(_table_of(found, f"backward, to {what}", [r.backward for r in found.rows],
                                found.backward))
    blocks.append(items(
        "A MAC is a product that is a term of a sum; R terms are R MACs, R multiplies and R - 1 "
        "additions.",
        "FLOPs are all operations: multiplies, additions, divisions, comparisons, functions. Where "
        "sums are long they are about twice the MACs.",
        "Functions are exponentials, logarithms, roots and their like. What depends on fewer "
        "indices than its loop is counted once for those.",
    ))
    return blocks


def _table_of(
    found: Sizes, caption: str, counts: Sequence[Operations], total: Operations
) -> Table:
    """One pass's operations, without the kinds that nobody needs."""
    kinds = [(head, key) for head, key in _COUNTS if getattr(total, key) != 0]
    heads: list[Prose | Column] = ["layer", *(Column(inlines(h), "right") for h, _ in kinds)]
    rows = [
        [cell(r.name), *(_amount(getattr(count, key)) for _, key in kinds)]
        for r, count in zip(found.rows, counts, strict=True) if count.flops != 0
    ]
    rows.append([cell("all", emphasis=True),
                 *(cell(amount(getattr(total, key)), emphasis=True) for _, key in kinds)])
    sums = sum(key in ("multiplies", "additions", "macs", "flops") for _, key in kinds)
    rest = len(kinds) - sums
    groups = [("", 1), ("products and sums", sums), ("other operations", rest)]
    return table(heads, rows, caption=caption, groups=groups if sums and rest else ())


def _memory(found: Sizes) -> list[Block]:
    m = found.memory
    rows: list[list[Prose]] = [
        ["parameters", amount(found.parameters), _bytes(found.parameters)],
        [f"activations, inference: the most at one time, at {_row_of(found, m.at)}",
         amount(m.inference), _bytes(m.inference)]
        if m.inference is not None else
        ["activations, inference: where they are most depends on the sizes", "", ""],
        ["activations, training: what the backward pass reads", amount(m.training),
         _bytes(m.training)],
    ]
    heads: list[Prose | Column] = ["", Column(inlines("numbers"), "right"),
                                   Column(inlines("as float32"), "right")]
    return [table(heads, rows)]


def _row_of(found: Sizes, tensor: str) -> str:
    """The row that a tensor belongs to."""
    return next((e.origin.layer for e in found.program.equations
                 if e.target == tensor and e.origin.layer), tensor)


def _bytes(n: Count) -> str:
    if not isinstance(n, int):
        return ""
    size = Fraction(n * _BYTES)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{int(size)} bytes" if unit == "bytes" else f"{float(size):,.4g} {unit}"


def _comparisons(compared: Sequence[Compared]) -> list[Block]:
    """What other tools say, and why."""
    blocks: list[Block] = [heading(1, "Other tools")]
    for one in compared:
        blocks.append(p(strong(one.tool), f" reports {amount(one.number)} {one.word}."))
        blocks.append(items(*one.reasons))
    return blocks
