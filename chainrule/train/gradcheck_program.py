"""Gradients against those of a program: rows, differences, and the diagnosis where they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from chainrule.algebra.stable import stabilise
from chainrule.diff.reverse import real_inputs
from chainrule.errors import DerivativeError, UnknownNameError, did_you_mean
from chainrule.evaluate.reference import run
from chainrule.lang.program import Program
from chainrule.train import gradcheck_compare as compare
from chainrule.train.gradcheck_compare import Fitted, Gradients, Tolerance
from chainrule.train.gradcheck_diagnose import Diagnosis, diagnose
from chainrule.train.gradcheck_rerun import Arrays, Worked, worked
from chainrule.train.gradcheck_rows import Moved, Row, compared, multiple

_CHECKED: Final = 60  # gradients that differences are taken for, a cell of each
# verdicts of what no hypothesis can be held against
_APART: Final = ("shape", "not finite", "value", "another value", "scaled", "kink")


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """The result: a row for each gradient, nearest the loss first, and what is wrong.

    `loss` is the scalar differentiated, `worked` the differentiated program with all its values,
    `diagnosis` is there if one differs, `left` are names that mean nothing in the program.
    """

    rows: tuple[Row, ...]
    tolerance: Tolerance
    loss: str
    worked: Worked
    diagnosis: Diagnosis | None = None
    left: tuple[str, ...] = ()
    points: int = 8
    step: float = 1e-2

    @property
    def agrees(self) -> bool:
        """Whether nothing is wrong with any of them."""
        return all(row.fine for row in self.rows)


def check_program(
    program: Program, gradients: Gradients, values: Mapping[str, Any], of: str | None,
    tolerance: float | None, points: int, step: float, seconds: float,
) -> GradientCheck:
    """The check of gradients of a program."""
    loss = the_scalar(program, of)
    arrays = compare.read(gradients, values)
    names, left = compare.matched(arrays, _differentiable(program))
    if not names:
        raise UnknownNameError(
            f"no gradient of a tensor of the program among {', '.join(list(arrays)[:5])}", None,
            did_you_mean(left[0], list(program.tensors)) or f"it has {', '.join(program.inputs)}")
    base = _base(program, values, loss, list(dict.fromkeys(names.values())))
    given = {names[key]: (key, arrays[key]) for key in names if names[key] in base.adjoints
             or names[key] == loss}
    left += [key for key in names if names[key] not in given]
    ours = [base.tables[base.adjoints[n]] for n in given if n in base.adjoints]
    same = compare.tolerance(tolerance, ours, [a for _, a in given.values()])
    rows = [_row(program, base, loss, name, key, array, same)
            for name, (key, array) in given.items()]
    order = list(base.adjoints)
    rows.sort(key=lambda r: order.index(r.tensor) if r.tensor in order else -1)
    moved = Moved(_loss_of(program, loss), values, points, step)
    rows = [_checked(r, program, base, moved, same) if k < _CHECKED else r
            for k, r in enumerate(rows)]
    rows = _conventions(rows, program, base, same)
    diagnosis = None
    if any(r.verdict == "differs" for r in rows):
        rows, diagnosis = _diagnosed(rows, program, base, same, seconds)
    return GradientCheck(tuple(rows), same, loss, base, diagnosis, tuple(left), points, step)


def the_scalar(program: Program, of: str | None = None) -> str:
    """The scalar to differentiate: the one asked for, or the only one among the outputs."""
    scalars = [n for n in program.outputs
               if program.tensors[n].kind == "real" and not program.tensors[n].shape]
    if of is not None:
        if of not in program.tensors:
            raise UnknownNameError(f"the program computes nothing called {of:.60}", None,
                                   did_you_mean(of, list(program.tensors)))
        return of
    if len(scalars) == 1:
        return scalars[0]
    if not scalars:
        raise DerivativeError("there is no scalar output, and only a scalar has a gradient", None,
                              "add a loss, such as L = sum(i) y[i]^2")
    raise DerivativeError(f"there are {len(scalars)} scalar outputs: say which one is meant", None,
                          f"one of {', '.join(scalars)}")


def _differentiable(program: Program) -> list[str]:
    return [n for n, t in program.tensors.items() if t.kind == "real"]


def _base(program: Program, values: Mapping[str, Any], loss: str, wrt: Sequence[str]) -> Worked:
    """The program as written with its adjoints, or its stable form where that one overflows."""
    inner = [n for n in wrt if n != loss]
    names = inner or real_inputs(program)
    found = worked(program, values, loss, names)
    if _finite(found):
        return found
    stable = stabilise(program, [n for n in names if n not in program.inputs], [loss])
    if stable is program:
        return found
    again = worked(stable, values, loss, [n for n in names if n in stable.tensors])
    return again if _finite(again) else found


def _finite(found: Worked) -> bool:
    return all(np.isfinite(found.tables[a]).all() for a in found.adjoints.values())


def _loss_of(program: Program, loss: str) -> Callable[[Mapping[str, Any]], float]:
    """The loss alone, in its stable form."""
    only = stabilise(program.with_outputs([loss]), (), ())

    def value(values: Mapping[str, Any]) -> float:
        return float(run(only, values, check=False, keep="outputs")[loss])

    return value


def _row(program: Program, base: Worked, loss: str, name: str, key: str, array: np.ndarray,
         same: Tolerance) -> Row:
    """One gradient beside ours; or one value, if it is that of the forward pass."""
    if key == name and name not in program.inputs:
        value = base.tables[name]
        if array.shape == value.shape and (name == loss or same.same(array, value)):
            found = compared(name, key, Fitted(array), array.shape, value, same, True)
            return replace(found, verdict="value" if found.fine else "another value")
    ours = base.tables[base.adjoints[name]]
    fit = compare.fitted(array, ours, same)
    return compared(name, key, fit, array.shape, ours, same, name not in program.inputs)


def _checked(row: Row, program: Program, base: Worked, moved: Moved, same: Tolerance) -> Row:
    """The row with a derivative by differences, and pardoned where all is a matter of kinks."""
    if row.tensor not in program.inputs or row.cell is None:
        return row
    room = same.relative * (abs(row.ours) + same.floor)
    row = replace(row, check=moved.at(row.tensor, row.cell, room))
    assert row.check is not None
    if row.verdict != "differs" or not row.check.kink or row.fitted is None:
        return row
    yours = np.asarray(row.fitted.array, np.float64)
    ours = base.tables[base.adjoints[row.tensor]]
    if moved.kinks(row.tensor, yours, ours, same):
        return replace(row, verdict="kink")
    return row


def _conventions(rows: list[Row], program: Program, base: Worked, same: Tolerance) -> list[Row]:
    """Adjoints on the way that are ours times a number, where what follows from them is right."""
    right = {base.adjoints[r.tensor] for r in rows
             if r.verdict == "agrees" and r.tensor in program.inputs
             and np.abs(base.tables[base.adjoints[r.tensor]]).max(initial=0.0) > same.floor}
    found = []
    for row in rows:
        if row.verdict == "differs" and row.tensor in base.adjoints and row.fitted is not None:
            yours = np.asarray(row.fitted.array, np.float64)
            adjoint = base.adjoints[row.tensor]
            factor = multiple(yours, base.tables[adjoint], same)
            inner = row.tensor not in program.inputs
            if inner and factor is not None and not right.isdisjoint(base.reach(adjoint)):
                row = replace(row, verdict="scaled", factor=factor)
        found.append(row)
    return found


def _diagnosed(rows: list[Row], program: Program, base: Worked, same: Tolerance, seconds: float
               ) -> tuple[list[Row], Diagnosis]:
    """What is wrong; rows that only follow from what is wrong before them say so."""
    given: Arrays = {}
    cuts: Arrays = {}
    for row in rows:
        if (row.tensor not in base.adjoints or row.fitted is None or row.fitted.array is None
                or row.verdict in _APART):
            continue
        given[row.tensor] = np.asarray(row.fitted.array, np.float64)
        if row.tensor not in program.inputs and row.verdict == "differs":
            cuts[base.adjoints[row.tensor]] = given[row.tensor]
    start = base.cut(cuts) if cuts else base
    follows = {r.tensor for r in rows if r.verdict == "differs" and same.same(
        start.tables[start.adjoints[r.tensor]], given[r.tensor])}
    rows = [replace(r, verdict="follows") if r.tensor in follows else r for r in rows]
    diagnosis = diagnose(start, given, same, seconds)
    if diagnosis.mistakes and not diagnosis.unexplained and all(
            m.kink for m in diagnosis.mistakes):
        kinks = {n for m in diagnosis.mistakes for n in m.explains} | follows
        rows = [replace(r, verdict="kink") if r.tensor in kinks else r for r in rows]
    return rows, diagnosis


def own_gradients(program: Program, values: Mapping[str, Any], of: str | None = None
                  ) -> tuple[Callable[..., float], Arrays, Arrays]:
    """The loss as a function of the real inputs, its gradients, and these inputs' values."""
    loss = the_scalar(program, of)
    wrt = [n for n in program.inputs if program.tensors[n].role == "parameter"]
    wrt = wrt or real_inputs(program)
    base = _base(program, values, loss, wrt)
    value = _loss_of(program, loss)
    moved = {n: base.tables[n] for n in wrt}
    return (lambda **some: value({**values, **some}),
            {n: base.tables[base.adjoints[n]] for n in wrt}, moved)
