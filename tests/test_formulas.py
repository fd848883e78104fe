"""The library of formulas, entry by entry: values, derivatives of two orders, kinks, printing.

Everything here is generated from `LIBRARY`: a new formula is tested by being there. Values are held
against the cell-by-cell evaluator and against the formula with its sizes as names, derivatives
against central differences, along random directions: of a wrong cell nothing stays hidden there.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest
from formula_cases import Case, all_cases, generic, instance, program, shape, values

import chainrule as cr
from chainrule import nn
from chainrule.diff.forward import jvp
from chainrule.diff.reverse import vjp
from chainrule.errors import ChainruleError, DomainError
from chainrule.evaluate.cells import evaluate_cells
from chainrule.evaluate.naive import passes
from chainrule.evaluate.reference import run
from chainrule.evaluate.values import Sizes
from chainrule.formulas import LAYERS, LIBRARY, program_of
from chainrule.formulas.calls import read
from chainrule.formulas.template import name_on_axis
from chainrule.lang.expr import Apply, Reduce, Ref, Select, walk
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.printing import program_text
from chainrule.lang.program import Program
from chainrule.lang.ranges import program as parsed
from chainrule.lang.verify import verify
from chainrule.nn import functional
from chainrule.nn.initial import NAMES

CASES = all_cases()
each_case = pytest.mark.parametrize("case", CASES, ids=str)
each_entry = pytest.mark.parametrize("name", LIBRARY)

# a central difference of fourth order: where to look, and how much each counts
STENCIL = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}
H = 2.0**-13
MOST = 50_000  # cells times terms that the slow evaluator is asked for


def differentiable(p: Program) -> list[str]:
    return [name for name in p.inputs if p.tensors[name].kind == "real"]


def along(f: Callable[[dict], Mapping], at: Mapping, directions: Mapping) -> dict[str, np.ndarray]:
    """How the results of f change where the inputs move in some directions."""
    total: dict[str, np.ndarray] = {}
    for step, weight in STENCIL.items():
        moved = {k: v + step * H * directions[k] if k in directions else v for k, v in at.items()}
        for name, value in f(moved).items():
            total[name] = total.get(name, 0.0) + weight / H * value
    return total


def random_like(arrays: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=np.shape(a)) for name, a in arrays.items()}


# --- what an entry says ---------------------------------------------------------------------------


@each_entry
def test_an_entry_is_complete(name):
    entry = LIBRARY[name]
    for words in (entry.title, entry.purpose, entry.source):
        assert words and words[0] != " " and not words.endswith("."), words
    p = program_of(entry)
    assert set(entry.absent) <= set(p.inputs)
    learnt = {n for n in p.inputs if p.tensors[n].role == "parameter"}
    assert learnt <= set(entry.initial)
    assert {word.split()[0] for word in entry.initial.values()} <= set(NAMES)
    known = [s.name for s in entry.settings]
    for settings in (entry.sample, *entry.more):
        assert set(settings) <= set(known)
    assert LAYERS[entry.layer] is entry
    assert getattr(nn, entry.layer).__doc__ and getattr(functional, name).__doc__


def test_no_name_belongs_to_two_formulas():
    names = [n for e in LIBRARY.values() for n in (e.name, e.layer, *e.aliases)]
    assert len(names) == len(set(names))


@each_entry
def test_what_stands_on_a_windows_axes_is_called_like_nothing_else(name):
    # an index r of a third axis would hide a tensor r without a word
    entry = LIBRARY[name]
    for text in filter(None, (entry.text, entry.training)):
        inside = {n for part in re.findall(r"\{([^{}]*)\}", text) for n in re.findall(r"\w+", part)}
        outside = set(re.findall(r"[^\W\d]\w*", re.sub(r"\{[^{}]*\}", "", text)))
        for axes in (1, 2, 3) if not isinstance(entry.axes, int) else (entry.axes,):
            own = {name_on_axis(n, axis, axes) for n in inside for axis in range(axes)}
            assert not own & (outside - inside), (name, own & outside)


@each_case
def test_a_formula_reads_and_prints(case):
    p = generic(case)
    assert not p.updates or case.training
    for q in (p, program(case)):
        again = parsed(program_text(q))
        assert again.equations == q.equations or program_text(again) == program_text(q)
        assert again.inputs == q.inputs and again.outputs == q.outputs
        tex = cr.formula(q)._repr_latex_()
        assert tex.count("{") == tex.count("}") and tex.startswith("$$\\begin{gathered}")
        assert tex.count(r"\left") == tex.count(r"\right")
        assert "..." not in tex and "None" not in tex


# --- values ---------------------------------------------------------------------------------------


@each_case
def test_values_are_those_of_the_cell_by_cell_evaluator(case):
    p, at = program(case), values(case)
    found = run(p, at)
    small = passes(p, Sizes()) < MOST
    assert small or case.axes == 3
    cells = evaluate_cells(p, at) if small else {}
    for name in p.outputs:
        assert found[name].shape == shape(p.tensors[name])
        assert all(n > 0 for n in found[name].shape)
        assert np.isfinite(found[name]).all()
        if not small:
            continue  # as it is in fewer dimensions
        exact = np.array([float(c) for c in cells[name].cells]).reshape(found[name].shape)
        np.testing.assert_allclose(found[name], exact, 1e-12, 1e-12)


@each_case
def test_with_sizes_as_names_the_values_are_the_same(case):
    p, q, found = program(case), generic(case), instance(case)
    at: dict[str, object] = dict(values(case))
    chosen = {s.stands_for: dict(case.settings).get(s.name, s.default)
              for s in case.entry.settings}  # fmt: skip
    for name in set(q.inputs) - set(p.inputs):
        cells = [found.sizes[str(axis)].constant if str(axis) in found.sizes else axis.substitute(
            lambda a: found.sizes[a.name]).constant for axis in q.tensors[name].shape]  # fmt: skip
        constant = q.tensors[name].role == "constant"
        at[name] = np.full(cells, chosen[name] if constant else case.entry.absent[name], float)
    at |= {name: found.sizes[name].constant for name in q.size_names()}
    expected = run(p, values(case))
    general = run(q, at)
    for name in p.outputs:
        np.testing.assert_allclose(general[name], expected[name], 1e-12, 1e-12)


@each_entry
def test_the_function_and_the_layer_of_a_formula_give_its_values(name):
    case = next(c for c in CASES if c.name == name and c.leading == (
        1 if "..." in LIBRARY[name].text else 0))
    p, at = program(case), values(case)
    given = {n: cr.input(n, shape(p.tensors[n])) if p.tensors[n].kind == "real" else
             cr.input(n, shape(p.tensors[n]), kind="integer", below=p.tensors[n].below.constant)
             for n in p.inputs}  # fmt: skip
    data = [n for n in p.inputs if p.tensors[n].role == "data"]
    out = getattr(functional, name)(
        *(given[n] for n in data), **{n: given[n] for n in p.inputs if n not in data},
        **dict(case.settings))
    outs = out if isinstance(out, tuple) else (out,)
    f = cr.formula(**{f"out{k}": v for k, v in enumerate(outs)})
    for value, local in zip(f.run(at).values(), p.outputs, strict=False):
        np.testing.assert_allclose(value, run(p, at)[local], 1e-12, 1e-12)


# --- derivatives ----------------------------------------------------------------------------------


@each_case
def test_gradients_agree_with_differences(case):
    p, at = program(case), values(case, 1)
    wrt = differentiable(p)
    back = vjp(p, wrt=wrt)
    verify(back.program)
    first = run(p, at)
    seeds = random_like({name: first[name] for name in p.outputs}, 2)
    found = run(back.program, at | {back.seeds[n]: s for n, s in seeds.items()})
    directions = random_like({name: at[name] for name in wrt}, 3)
    for name in wrt:
        bar = found[back.names[name]]
        assert bar.shape == np.shape(at[name])
        rise = along(lambda v: {n: run(p, v)[n] for n in p.outputs}, at, {name: directions[name]})
        expected = sum(np.sum(rise[n] * seeds[n]) for n in p.outputs)
        assert np.sum(bar * directions[name]) == pytest.approx(expected, 1e-8, 1e-8), name
    ahead = jvp(p, wrt=wrt)
    tangents = run(ahead.program, at | {ahead.seeds[n]: d for n, d in directions.items()})
    slope = sum(np.sum(tangents[ahead.names[n]] * seeds[n]) for n in p.outputs)
    expected = sum(np.sum(found[back.names[n]] * directions[n]) for n in wrt)
    assert slope == pytest.approx(expected, 1e-11, 1e-11)


@each_case
def test_second_derivatives_agree_with_differences_of_gradients(case):
    p, at = program(case), values(case, 4)
    wrt = differentiable(p)
    back = vjp(p, wrt=wrt)
    first = run(p, at)
    at |= {back.seeds[n]: s for n, s in random_like({k: first[k] for k in p.outputs}, 5).items()}
    bars = [back.names[n] for n in wrt]
    directions = random_like({name: at[name] for name in wrt}, 6)
    ahead = jvp(back.program, bars, wrt)
    found = run(ahead.program, at | {ahead.seeds[n]: d for n, d in directions.items()})
    expected = along(lambda v: {b: run(back.program, v)[b] for b in bars}, at, directions)
    for bar in bars:
        np.testing.assert_allclose(found[ahead.names[bar]], expected[bar], 1e-7, 1e-7)
    twice = vjp(back.program, bars, wrt)  # a Hessian is symmetric: backward is forward
    again = run(twice.program, at | {
        twice.seeds[back.names[n]]: directions[n] for n in wrt if back.names[n] in twice.seeds})
    for name in wrt:
        np.testing.assert_allclose(again[twice.names[name]],
                                   found[ahead.names[back.names[name]]], 1e-10, 1e-10)


# --- kinks ----------------------------------------------------------------------------------------

PLACES = (0.0, 1.0, -1.0, 3.0, -3.0, 6.0)
EDGE = 1e-4


def corners(case: Case) -> Iterator[dict[str, np.ndarray]]:
    """Points where formulas have corners: an input, or two, with the same number in all cells."""
    at = values(case, 7)
    wrt = differentiable(program(case))
    for place in PLACES:
        for name in wrt:
            level = {name: np.full(np.shape(at[name]), place)}
            yield at | level
            for other in wrt:
                if other != name and len(wrt) <= 3:
                    for second in dict.fromkeys((place, 0.0, 1.0)):
                        yield at | level | {other: np.full(np.shape(at[other]), second)}


def one_sided(p: Program, at: Mapping, name: str, cell: tuple[int, ...], h: float) -> np.ndarray:
    """The derivative of the first output by one cell towards one side."""
    found = []
    for step in range(3):
        moved = np.array(at[name], float)
        moved[cell] += step * h
        found.append(run(p, {**at, name: moved})[p.outputs[0]])
    return (-3 * found[0] + 4 * found[1] - found[2]) / (2 * h)


def at_corners(case: Case) -> tuple[int, int]:
    """Derivatives at corners against one-sided ones: how many were looked at, how many kinks."""
    p = program(case)
    first = p.outputs[0]
    back = vjp(p, [first], differentiable(p))
    looked = kinks = 0
    for at in corners(case):
        try:
            y = run(p, at)[first]
            if not np.isfinite(y).all():
                continue
            out = (0,) * y.ndim
            seed = np.zeros(y.shape)
            seed[out] = 1
            found = run(back.program, at | {back.seeds[first]: seed})
            for name, bar in back.names.items():
                for cell in list(np.ndindex(np.shape(at[name])))[:8]:
                    left, right = (float(one_sided(p, at, name, cell, h)[out])
                                   for h in (-EDGE, EDGE))
                    low, high = sorted((left, right))
                    near = 1e-5 * (1 + abs(low) + abs(high))
                    assert low - near <= found[bar][cell] <= high + near, (name, cell, at)
                    looked += 1
                    kinks += high - low > 10 * near
        except DomainError:
            continue
    return looked, kinks


SMALLEST = {
    name: min((c for c in CASES if c.name == name and not c.training),
              key=lambda c: (c.axes or 2, abs(c.leading - 1)))
    for name in LIBRARY
}  # fmt: skip


def _has_corners(p: Program) -> bool:
    """Whether a maximum, a case or a function with a kink hangs on a cell."""
    for e in p.equations:
        for n in walk(e.body):
            on = (n.condition if isinstance(n, Select) else
                  n if isinstance(n, Reduce) and n.op in ("max", "min") else
                  n if isinstance(n, Apply) and FUNCTIONS[n.function].kinks else None)
            if on is not None and any(isinstance(part, Ref) for part in walk(on)):
                return True
    return False


CORNERED = [name for name, case in SMALLEST.items() if _has_corners(program(case))]


@pytest.mark.parametrize("name", CORNERED)
def test_at_a_corner_the_derivative_lies_between_the_one_sided_ones(name):
    looked, _ = at_corners(SMALLEST[name])
    assert looked


@pytest.mark.parametrize(
    "name", ["relu", "leaky_relu", "prelu", "selu", "hardtanh", "relu6", "hardsigmoid", "hardswish",
             "max_pool1d", "adaptive_max_pool1d", "global_max_pool", "l1", "hinge"])
def test_the_corners_are_really_met(name):
    assert at_corners(SMALLEST[name])[1]


def test_a_function_of_a_number_is_a_number():
    made = read("input x; a = sigmoid(1); b = tanh(-1); c = relu(0.5); y = a*x + b + c")
    found = run(made, {"x": 2.0})
    wanted = 2/(1 + math.exp(-1)) + math.tanh(-1) + 0.5
    assert float(found["y"]) == pytest.approx(wanted)
    with pytest.raises(ChainruleError, match="whole tensors"):
        read("y = softmax(1)")
