"""A gradient check as a document: the table, what is wrong, and where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chainrule.document.blocks import (
    Block,
    Cell,
    Column,
    Document,
    MathBlock,
    Prose,
    cell,
    code,
    heading,
    inlines,
    items,
    note,
    p,
    strong,
    table,
)
from chainrule.document.mathtree import Math
from chainrule.document.notation import symbol
from chainrule.lang.program import Program
from chainrule.render import Page
from chainrule.train.gradcheck_diagnose import Diagnosis
from chainrule.train.gradcheck_numerical import NumericalCheck, Tried
from chainrule.train.gradcheck_program import GradientCheck
from chainrule.train.gradcheck_rows import ROUNDING, Row
from chainrule.train.gradcheck_words import Words, listed

_SHOWN: Final = 12  # suspects, and cells, that are listed
_EQUATIONS: Final = 6
_SAID: Final = {
    "agrees": "agrees", "differs": "differs", "follows": "follows", "shape": "wrong shape",
    "transposed": "transposed", "unsummed": "not summed", "averaged": "not summed",
    "not finite": "not a number", "another value": "another value", "kink": "agrees: a kink",
    "layout": "turned", "scaled": "another scale", "value": "agrees (value)",
    "undecided": "undecided",
}


def page(check: GradientCheck | NumericalCheck) -> Page:
    """The check as a page that prints, and that notebooks draw."""
    found = _numerical(check) if isinstance(check, NumericalCheck) else _Page(check).document()
    return Page(found.title, found.blocks, found.meta)


def short(value: float) -> str:
    """A number with six digits.

    >>> short(0.123456789), short(1e-9), short(float("nan"))
    ('0.123457', '1e-09', 'nan')
    """
    return f"{value + 0.0:.6g}"


def error_text(value: float) -> str:
    """A relative error: 2.3e-04; one of roundings alone hangs on the machine.

    >>> error_text(0.00023), error_text(0.0), error_text(2e-16), error_text(float("inf"))
    ('2.3e-04', '0', 'below 1e-13', 'infinite')
    """
    if value == float("inf"):
        return "infinite"
    if 0 < value < ROUNDING:
        return f"below {ROUNDING:.0e}"
    return f"{value:.1e}" if value else "0"


def size_text(shape: Sequence[int]) -> str:
    """6 × 4"""
    return " × ".join(map(str, shape)) or "1"


def place(where: Sequence[int] | None) -> list[Prose]:
    """[2, 0], the subscripts of a cell."""
    return [f"[{', '.join(map(str, where))}]"] if where else []


class _Page:
    def __init__(self, check: GradientCheck) -> None:
        self.check = check
        self.words = Words(check.worked, check.loss)

    def document(self) -> Document:
        blocks: list[Block] = [self.verdict(), self.table(), p(*self.measure())]
        blocks += self.remarks()
        if self.check.diagnosis is not None and not self.only_kinks(self.check.diagnosis):
            blocks += self.diagnosis(self.check.diagnosis)
        meta = {"verdict": "agrees" if self.check.agrees else "differs"}
        return Document(f"Gradient check of {self.check.loss}", tuple(blocks), meta)

    def only_kinks(self, diagnosis: Diagnosis) -> bool:
        return bool(diagnosis.mistakes) and all(m.kink for m in diagnosis.mistakes)

    def verdict(self) -> Block:
        """How many agree, and the first that does not."""
        rows = self.check.rows
        bad = [r for r in rows if not r.fine]
        if not bad:
            return p(strong("The gradients agree."), f" {_count(len(rows), 'array')} compared.")
        right = [self.words.adjoint(r.tensor) for r in rows if r.fine and r.verdict != "value"]
        said: list[Prose] = [strong("The gradients do not agree."),
                             f" {len(bad)} of {_count(len(rows), 'array')} "
                             f"{'is' if len(bad) == 1 else 'are'} wrong."]
        first = self.name(bad[0])
        said += [" Going back from ", symbol(self.check.loss), ", the first that is wrong is ",
                 first, "."]
        if right and len(right) <= _SHOWN:
            said += [" ", *listed(right), " ", "is" if len(right) == 1 else "are", " right."]
        return p(*said)

    def table(self) -> Block:
        """A line a gradient."""
        right = Column(inlines("relative error"), "right")
        columns: list[Prose | Column] = [
            "gradient", "shape", right, "worst cell", Column(inlines("yours"), "right"),
            Column(inlines("ours"), "right"), Column(inlines("by differences"), "right"),
            "verdict"]
        rows = [self.row(r) for r in self.check.rows]
        return table(columns, rows)

    def name(self, row: Row) -> Math:
        """∂L/∂W, or L where it is a value."""
        if row.verdict in ("value", "another value"):
            return self.words.whole(row.tensor)
        return self.words.adjoint(row.tensor)

    def row(self, row: Row) -> list[Cell]:
        name = self.name(row)
        by = row.check
        checked = "" if by is None else (
            f"{short(by.low)} to {short(by.high)}" if by.kink else short(by.value))
        compared = row.cell is not None
        return [cell(name), cell(size_text(row.shape)),
                cell(error_text(row.error) if compared else ""),
                cell(*place(row.cell)), cell(short(row.yours) if compared else ""),
                cell(short(row.ours) if compared else ""), cell(checked),
                cell(_SAID[row.verdict], emphasis=not row.fine)]

    def measure(self) -> list[Prose]:
        """What the relative error is."""
        same = self.check.tolerance
        said: list[Prose] = [
            "The relative error is max |yours - ours| divided by the largest |gradient| of the "
            f"tensor (plus {same.floor:.1g}, for what rounding leaves of zeros); "
            f"{same.relative:.1g} passes. Cells are counted from 0."]
        if any(r.check is not None for r in self.check.rows):
            said.append(f" By differences: {self.check.points} points, step "
                        f"{short(self.check.step)}, at the worst cell.")
        return said

    def remarks(self) -> list[Block]:
        """What there is to say of single rows, and of names that were not used."""
        found: list[Block] = []
        for row in self.check.rows:
            said = self.remark(row)
            if said:
                found.append(note(*said, kind="kink" if row.verdict == "kink" else "note"
                                  if row.fine else "warning"))
        if self.check.left:
            names = [code(n) for n in self.check.left[:_SHOWN]]
            more = len(self.check.left) - len(names)
            words: list[Prose] = []
            for n, name in enumerate(names):
                words += [", " if n else "", name]
            found.append(note("Not compared, since the program has no such tensor: ", *words,
                              f" and {more} more." if more > 0 else "."))
        return found

    def remark(self, row: Row) -> list[Prose]:
        d = self.words.adjoint(row.tensor)
        by = row.check
        if (by is not None and row.verdict != "kink"
                and not by.allows(row.ours, 1e-4 * abs(row.ours) + by.error)):
            return ["By differences ", d, f" would be {short(by.value)} (up to {by.error:.1g}) at "
                    "the worst cell, which is not ours: the formula jumps there, or stops its "
                    "gradient."]
        if row.verdict == "another value":
            return [self.name(row), f" is {short(row.yours)} in your forward pass and "
                    f"{short(row.ours)} in ours: they are not the same function, and the "
                    "gradients differ for that."]
        if row.verdict == "differs" and row.given != row.shape:
            return [d, f" has the shape {size_text(row.given)}, and {size_text(row.shape)} is "
                    "wanted; it was turned before it was compared."]
        if row.verdict == "transposed":
            return [d, f" has the shape {size_text(row.given)}, and its numbers are right: it is "
                    f"the transpose of what is wanted, {size_text(row.shape)}."]
        if row.verdict in ("unsummed", "averaged") and row.fitted is not None:
            axes = " and ".join(str(k) for k in row.fitted.axes)
            word = "sum" if row.verdict == "unsummed" else "mean"
            return [d, f" has the shape {size_text(row.given)} in the place of "
                    f"{size_text(row.shape)}: it is not summed over the axis {axes}. Its {word} "
                    "there is right."]
        if row.verdict == "shape":
            right = row.fitted is not None and row.fitted.array is not None
            return [d, f" has the shape {size_text(row.given)}, and {size_text(row.shape)} is "
                    "wanted", "; its numbers are right." if right else
                    ": it cannot be compared."]
        if row.verdict == "not finite":
            return [d, f" is {row.yours} in the cell ", *place(row.cell), "."]
        if row.verdict == "layout":
            return [d, f" is kept as {size_text(row.given)}; turned, it agrees."]
        if row.verdict == "scaled":
            return [d, f" is {short(row.factor)} times ours, and what follows from it is right: "
                    "the factor comes in later. That is no mistake."]
        if row.verdict == "kink":
            return self.kink(row)
        return []

    def kink(self, row: Row) -> list[Prose]:
        """Why a difference is none."""
        diagnosis = self.check.diagnosis
        if diagnosis is not None and diagnosis.mistakes:
            return self.words.sentence(diagnosis.mistakes[0]) if row is next(
                r for r in self.check.rows if r.verdict == "kink") else []
        by = row.check
        assert by is not None
        return [self.words.adjoint(row.tensor), " differs from ours at kinks only. In "
                "the cell ", *place(row.cell), f" any value from {short(by.low)} to "
                f"{short(by.high)} is allowed."]

    # --- the diagnosis

    def diagnosis(self, diagnosis: Diagnosis) -> list[Block]:
        found: list[Block] = []
        if diagnosis.mistakes:
            number = len(diagnosis.mistakes)
            found.append(heading(1, "What is wrong" if number == 1 else f"{number} mistakes"))
        for k, mistake in enumerate(diagnosis.mistakes):
            if len(diagnosis.mistakes) > 1:
                found.append(heading(2, f"Mistake {k + 1}"))
            words = Words(diagnosis.bases[k], self.check.loss)
            found += words.blocks(mistake)
            names = [words.adjoint(n) for n in mistake.explains]
            verb = "is" if len(names) == 1 else "are"
            found.append(p("This explains ", *listed(names), f": with this mistake "
                           f"{'it comes' if verb == 'is' else 'they come'} out as yours."))
            if mistake.others:
                found.append(p("It cannot be told from these numbers whether it is that, or:"))
                found.append(items(*[inlines(*words.sentence(m)) for m in mistake.others]))
        follows = [r for r in self.check.rows if r.verdict == "follows"]
        if follows:
            found.append(p("What is marked as following is computed rightly, from a wrong adjoint "
                           "before it."))
        if diagnosis.unexplained:
            found += self.unexplained(diagnosis)
        return found

    def unexplained(self, diagnosis: Diagnosis) -> list[Block]:
        """Where to look, where no hypothesis fits."""
        words = Words(diagnosis.base, self.check.loss)
        names = [words.adjoint(n) for n in diagnosis.unexplained]
        found: list[Block] = [heading(1, "Not explained")]
        tried = f"{diagnosis.ran} hypotheses" if diagnosis.ran != 1 else "one hypothesis"
        late = "" if diagnosis.complete else ", for which there was time,"
        more = " beside that" if diagnosis.mistakes else ""
        found.append(p(f"None of {tried}{late} gives your ", *listed(names), f"{more}. The first "
                       "that differs is ", names[0], "."))
        if diagnosis.suspects:
            lead = [words.adjoint(n) for n in diagnosis.suspects[:_SHOWN]]
            found.append(p("If it is one mistake, it is in ", *listed(lead), ": all that is wrong "
                           "follows from " + ("it" if len(lead) == 1 else "these")
                           + ", and nothing that is right does."))
            found += self.equations(words, diagnosis.base.program, diagnosis.suspects)
        else:
            found.append(p("No single adjoint leads to all that is wrong and to nothing that is "
                           "right: there is more than one mistake."))
            found += self.equations(words, diagnosis.base.program, diagnosis.unexplained[:1])
        return found

    def equations(self, words: Words, program: Program, names: Sequence[str]) -> list[Block]:
        wanted = {words.worked.adjoints[n] for n in names}
        own = [e for e in program.equations if e.target in wanted]
        said = "The equation is" if len(own) == 1 else "The equations are"
        found: list[Block] = [p(said)]
        found += [MathBlock(words.equation(e)) for e in own[:_EQUATIONS]]
        if len(own) > _EQUATIONS:
            found.append(p(f"and {len(own) - _EQUATIONS} more."))
        return found


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


# --- without a formula ----------------------------------------------------------------------------


def _numerical(check: NumericalCheck) -> Document:
    """A check by differences alone: a line an array, its worst cell."""
    names = list(dict.fromkeys(t.name for t in check.tried))
    verdict = "The gradient agrees with differences." if check.agrees else (
        "The gradient does not agree with differences.")
    columns: list[Prose | Column] = [
        "gradient", Column(inlines("cells tried"), "right"),
        Column(inlines("relative error"), "right"), "worst cell",
        Column(inlines("yours"), "right"), Column(inlines("by differences"), "right"),
        Column(inlines("up to"), "right"), "verdict"]
    rows = []
    for name in names:
        own = [t for t in check.tried if t.name == name]
        worst = NumericalCheck(tuple(own), check.sizes, check.tolerance, check.points,
                               check.step).worst
        assert worst is not None
        rows.append(_tried(worst, len(own), check.sizes[name]))
    blocks: list[Block] = [p(strong(verdict)), table(columns, rows), p(
        f"Differences of {check.points} points, step {short(check.step)}, finer where their own "
        "error was too large. The error is relative to the largest derivative of the array; "
        f"{check.tolerance:.1g} passes.")]
    doubtful = sum(t.verdict == "undecided" for t in check.tried)
    kinks = sum(t.verdict == "kink" for t in check.tried)
    if kinks:
        blocks.append(note(f"{_count(kinks, 'cell')} on a kink: any value between the slopes on "
                           "the two sides is right there.", kind="kink"))
    if doubtful:
        blocks.append(note(f"Of {_count(doubtful, 'cell')} nothing can be said: the differences "
                           "are not exact enough. The function jumps, or rounds too much; try "
                           "another step.", kind="warning"))
    meta = {"verdict": "agrees" if check.agrees else "differs"}
    return Document("Gradient check", tuple(blocks), meta)


def _tried(worst: Tried, tried: int, size: int) -> list[Cell]:
    by = worst.difference
    checked = f"{short(by.low)} to {short(by.high)}" if by.kink else short(by.value)
    verdict = _SAID[worst.verdict]
    return [cell(symbol(worst.name)), cell(str(tried) if tried == size else f"{tried} of {size}"),
            cell(error_text(worst.error)), cell(*place(worst.cell)),
            cell(short(worst.gradient)), cell(checked), cell(f"{by.error:.1e}"),
            cell(verdict, emphasis=worst.verdict not in ("agrees", "kink"))]


__all__ = ["error_text", "page", "short", "size_text"]
