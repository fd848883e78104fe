"""Derivations of random programs: closed forms are gradients, planted errors are caught.

What is derived for random formulas and random networks (`random_networks`) is run as a program of
its own and held against two things that share nothing with it: the gradient that is run, to 1e-9,
and differences of the formula itself, computed with 40 digits. `CHAINRULE_DERIVED=500` tries as
many formulas, and 200 networks; without it there are a few. Their pages compile, too.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_networks import formula_text, network_text, sizes_of, values

from chainrule.algebra.terms import Term, terms_of, written
from chainrule.diff.reverse import gradient, jacobian
from chainrule.evaluate.cells import evaluate_cells
from chainrule.evaluate.reference import run
from chainrule.explain import derive as module
from chainrule.explain.derivation_page import page
from chainrule.explain.derive import Derivation, derive
from chainrule.explain.derive_check import UnsoundStepError
from chainrule.explain.givens import given
from chainrule.formulas.calls import read
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    ArgReduce,
    Delta,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Ref,
    Select,
    children,
    free_indices,
    transform,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import Integer, index
from chainrule.lang.printing import expression_text
from chainrule.lang.program import Equation, Program, Tensor
from chainrule.render import render

FORMULAS = int(os.environ.get("CHAINRULE_DERIVED", "60"))
NETWORKS = max(40, FORMULAS * 2 // 5) if FORMULAS > 60 else 40
STEP = Fraction(1, 10**12)


def _value(p: Integer) -> Expr:
    return IndexValue(p) if p.constant is None else Number(p.constant)


def without_deltas(e: Expr) -> Expr:
    """An expression that can be run: each δ a selection."""
    def leaf(node: Expr) -> Expr | None:
        if isinstance(node, Delta):
            return Select(Apply("eq", (_value(node.left), _value(node.right))), ONE, ZERO)
        return None

    return transform(e, leaf)


def closed(found: Derivation) -> Program:
    """The program and, after it, the closed form of each derivative."""
    p = found.program
    tensors, equations = dict(p.tensors), list(p.equations)
    names = []
    for name, one in found.found.items():
        own = found.name(name)
        shape = p.tensors[found.of].shape + p.tensors[name].shape
        indices = (*found.outer, *one.indices)
        tensors[own] = Tensor(own, shape)
        ranges = tuple(Range(i, n) for i, n in zip(indices, shape, strict=True))
        equations.append(Equation(own, tuple(map(index, indices)), ranges,
                                  without_deltas(one.result)))
        names.append(own)
    return Program(tensors, p.inputs, tuple(equations), (*p.outputs, *names), (), p.assumptions)


def held_against_gradients(text: str, seed: int) -> None:
    """Every closed form equals the gradient to 1e-9, and the inputs' the formula's differences."""
    p = read(text)
    found = derive(p)
    at = values(p, seed)
    whole = closed(found)
    sizes = {n: k for n, k in sizes_of(p, seed).items() if n in whole.size_names()}
    for one in found.found.values():
        held_clear(one.result, {*found.outer, *one.indices})
    ways = (gradient if not p.tensors["L"].shape else jacobian)(p, "L", list(found.found))
    got, want = run(whole, at), run(ways.program, at)
    for name in found.found:
        expected = np.asarray(want[ways.names[name]])
        scale = max(1.0, float(np.abs(expected).max()) if expected.size else 0.0)
        error = np.abs(np.asarray(got[found.name(name)]) - expected)
        assert not error.size or error.max() <= 1e-9 * scale, (name, text, sizes)
    _held_against_differences(found, at, got, seed)


def held_clear(e: Expr, around: set[str]) -> None:
    """No summed index is called like one around it: what is derived can be read back."""
    if isinstance(e, Reduce | ArgReduce):
        own = {r.name for r in e.indices}
        assert not own & around, (own, around)
        around = around | own
    for part in children(e):
        held_clear(part, around)


def _held_against_differences(
    found: Derivation, at: dict[str, Any], got: dict[str, Any], seed: int
) -> None:
    """The closed forms along a random direction, against a central difference in 40 digits."""
    p, rng = found.program, random.Random(seed)
    real = [n for n in found.found if n in p.inputs]
    along = {n: _like(at[n], lambda: Fraction(rng.randint(-9, 9), 7)) for n in real}
    slope = sum(_dot(along[n], np.asarray(got[found.name(n)]), len(found.outer)) for n in real)
    ends = []
    for sign in (1, -1):
        moved = {**at, **{n: _moved(at[n], along[n], sign * STEP) for n in real}}
        cells = evaluate_cells(p, moved, digits=40)["L"].cells
        ends.append(sum(cells[1:], cells[0]))
    difference = float((ends[0] - ends[1]) / (2 * STEP.numerator) * STEP.denominator)
    assert abs(difference - slope) <= 1e-9 * max(1.0, abs(slope)), (str(p), difference, slope)


def _like(cells: Any, make: Any) -> Any:
    return [_like(c, make) for c in cells] if isinstance(cells, list) else make()


def _moved(cells: Any, along: Any, by: Fraction) -> Any:
    if isinstance(cells, list):
        return [_moved(c, a, by) for c, a in zip(cells, along, strict=True)]
    return cells + by * along


def _dot(along: Any, slopes: np.ndarray, outer: int) -> float:
    weights = np.asarray(_floats(along), dtype=float)
    return float((slopes.sum(axis=tuple(range(outer))) * weights).sum())


def _floats(cells: Any) -> Any:
    return [_floats(c) for c in cells] if isinstance(cells, list) else float(cells)


@pytest.mark.parametrize("seed", range(FORMULAS))
def test_a_random_formulas_closed_forms_are_its_gradient(seed: int) -> None:
    held_against_gradients(formula_text(seed), seed)


@pytest.mark.parametrize("seed", range(NETWORKS))
def test_a_random_networks_closed_forms_are_its_gradient(seed: int) -> None:
    held_against_gradients(network_text(seed), seed)


@pytest.mark.parametrize(("text", "wrt", "form"), [
    # eight summed indices, in a cycle: the eight terms are alike
    ("input A[N,N]; L = sum(a,b,c,d,e,f,g,h) A[a,b]*A[b,c]*A[c,d]*A[d,e]*A[e,f]*A[f,g]*A[g,h]"
     "*A[h,a]", "A", "8*sum(c<N, d<N, e<N, f<N, g<N, h<N) A[b,c]*A[c,d]*A[d,e]*A[e,f]*A[f,g]"
     "*A[g,h]*A[h,a]"),
    # brackets that differ in their sign, under a sum
    ("input x[N]; L = sum(i,j) (x[i] - x[j])^2", "x", "4*sum(j<N) (x[i] - x[j])"),
    # a power of a bracket cancels, and what stands alone is opened
    ("input x, y; L = x*(x + y)^3/(x + y)^2", "x", "2*x + y"),
    # factors written in other orders, exponentials of opposite exponents, a root over its square
    ("input x, y; L = x*tanh(x*y)/tanh(y*x)", "x", "1"),
    ("input x, y; L = y*exp(x)*exp(-x)", "y", "1"),
    ("input x; L = 2*sqrt(1 + x^2)", "x", "2*x/sqrt(1 + x^2)"),
    # a quotient of names is folded; bounds that always hold are not written
    ("input x[N]; n = sqrt(sum(i) x[i]^2); y[i] = x[i]/n; L = sum(i) y[i]^3", "n",
     "-(3/n*sum(i<N) y[i]^3)"),
    ("input x[N]; y[i] = x[N - 1 - i]^2; L = sum(i) y[i]*x[i]", "x",
     "2*x[N - 1 - i]*x[i] + y[i]"),
    ("input x[N]; y[i] = x[i+1]^2 with i < N - 1; L = sum(i) y[i]", "x",
     "2*x[j] if 1 <= j else 0"),
    ("input x; L = 2^x", "x", "L*ln(2)"),
])
def test_results_are_no_longer_than_by_hand(text: str, wrt: str, form: str) -> None:
    assert expression_text(derive(read(text), None, [wrt]).found[wrt].result) == form


PAGES = [
    *((formula_text, range(k, min(k + 100, FORMULAS))) for k in range(0, FORMULAS, 100)),
    *((network_text, range(k, min(k + 50, NETWORKS))) for k in range(0, NETWORKS, 50)),
]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize(("text", "seeds"), PAGES if FORMULAS > 60 else [
    (formula_text, range(20)), (network_text, range(6))])
def test_derivations_compile_with_pdflatex(
    text: Callable[[int], str], seeds: range, tmp_path: Path
) -> None:
    """Many pages in one document, for speed; no line is wider than the page."""
    pages = [page(derive(read(text(seed)), check=False)) for seed in seeds]
    whole = replace(pages[0], blocks=tuple(b for one in pages for b in one.blocks))
    (tmp_path / "all.tex").write_text(render(whole, "latex"), encoding="utf-8")
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
                          cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert b"Overfull" not in done.stdout


# --- planted errors -------------------------------------------------------------------------------

SOFTMAX = ("input z[K], t[K]; p[i] = exp(z[i])/sum(j) exp(z[j]); L = -sum(i) t[i]*ln(p[i])",
           "sum(i) t[i] = 1")
CONVOLUTION = ("input x[I], w[K], g[I-K+1]; y[i] = sum(a) w[a]*x[i+a]; L = sum(i) g[i]*y[i]^2",)
PADDED = ("input x[I], w[3]; y[i] = sum(a) w[a]*x[i + a - 1; pad 1 with 0]; L = sum(i) y[i]^2",)
SQUARES = ("input x[V], t[U], W[U,V]; z[u] = sum(v) W[u,v]*x[v]; L = 1/2*sum(u) (z[u] - t[u])^2",)
NORM = ("input x[N]; s = sqrt(1 + sum(i) x[i]^2); y[i] = x[i]/s; L = sum(i) y[i]^2*x[i]",)
SHARED = ("input x[N], A[N,N]; L = sum(i,j) x[i]*A[i,j]*x[j] + sum(i,j) x[j]*A[j,i]*x[i]",)
PICKED = ("input z[K], label y < K; p = softmax(z); L = -ln(p[y])",)
BRANCHES = ("input x[N]; y[i] = ln(x[i])*x[i] if x[i] > 0 else x[0]^2; L = sum(i) y[i]*x[i]",)
GUARDED = ("input x[N]; y[i] = x[i+1]^2 if i < N - 1 else x[i]; L = sum(i) y[i]*x[i]",)


def _negated(t: Term) -> Term:
    return replace(t, number=-t.number)


def _doubled(t: Term) -> Term:
    return replace(t, number=t.number * 2)


def _barely(t: Term) -> Term:
    return replace(t, number=t.number * Fraction(1_000_001, 1_000_000))


def _less(t: Term) -> Term:
    return replace(t, factors=t.factors[:-1]) if len(t.factors) > 1 else _doubled(t)


def _raised(t: Term) -> Term:
    (base, k), *rest = t.factors or ((Number(3), 0),)
    return replace(t, factors=((base, k + 1), *rest))


def _unguarded(t: Term) -> Term:
    return replace(t, guards=())


def _looser(t: Term) -> Term:
    """A guard `place < size` turned into `place <= size`, `0 <= place` into `-1 <= place`."""
    def leaf(node: Expr) -> Expr | None:
        return replace(node, function="le") if (
            isinstance(node, Apply) and node.function == "lt") else None

    return replace(t, guards=tuple(transform(g, leaf) for g in t.guards))


def _tighter(t: Term) -> Term:
    def leaf(node: Expr) -> Expr | None:
        return replace(node, function="lt") if (
            isinstance(node, Apply) and node.function == "le") else None

    return replace(t, guards=tuple(transform(g, leaf) for g in t.guards))


def _unsummed(t: Term) -> Term:
    """One sum less where that leaves no index without a range, else one more in number."""
    used = {n for base, _ in t.factors for n in free_indices(base)}
    for r in t.sums:
        if r.name not in used and not any(r.name in free_indices(d) for d in t.deltas):
            return replace(t, sums=tuple(s for s in t.sums if s is not r))
    return _doubled(t)


def _elsewhere(t: Term) -> Term:
    """Each tensor read one cell before, where its subscript is compound, or with swapped axes."""
    def leaf(node: Expr) -> Expr | None:
        if isinstance(node, Ref) and len(node.subscripts) == 2:
            return Ref(node.tensor, node.subscripts[::-1], node.outside)
        if isinstance(node, Ref) and any(s.plain is None for s in node.subscripts):
            return Ref(node.tensor, tuple(s if s.plain else s - 1 for s in node.subscripts),
                       node.outside)
        return None

    moved = tuple((transform(b, leaf), k) for b, k in t.factors)
    return replace(t, factors=moved) if moved != t.factors else _doubled(t)


MOVES = [
    ("contracted", SOFTMAX), ("contracted", SQUARES), ("contracted", PICKED),
    ("solved", CONVOLUTION), ("solved", PADDED), ("cancelled", SOFTMAX), ("cancelled", NORM),
    ("folded", SOFTMAX), ("folded", NORM), ("assumed", SOFTMAX), ("common", SOFTMAX),
    ("common", NORM), ("collected", SHARED), ("collected", NORM), ("partial", SQUARES),
    ("partial", NORM), ("terms_of", SHARED), ("terms_of", BRANCHES), ("terms_of", GUARDED),
    ("written", SHARED), ("written", CONVOLUTION),
]
WRONG_TERM = [_negated, _doubled, _barely, _less, _raised, _unsummed, _elsewhere]
WRONG_GUARD = [_unguarded, _looser, _tighter]


def planted(
    monkeypatch: pytest.MonkeyPatch, move: str, case: tuple[str, ...],
    wrong: Callable[[Term], Term],
) -> bool:
    """Derive with a move that errs on its first term; whether it changed anything."""
    right = getattr(module, move)
    p = read(case[0])
    givens = [given(g, p) for g in case[1:]]
    changed = []

    def err(t: Term) -> Term:
        found = wrong(t)
        changed.append(found != t and written([found]) != written([t]))
        return found

    def erring(*args: Any, **more: Any) -> Any:
        if move == "written":
            return right([err(args[0][0]), *args[0][1:]], *args[1:]) if args[0] else right(*args)
        found = right(*args, **more)
        if move == "partial":
            return written([err(t) for t in terms_of(found)]) if found != ZERO else found
        if isinstance(found, Term):
            return err(found)
        if isinstance(found, list) and found:
            return [err(found[0]), *found[1:]]
        if isinstance(found, tuple) and move == "assumed":
            return err(found[0]), found[1]
        if isinstance(found, tuple) and found[0].factors:
            return err(found[0]), found[1]
        return found

    monkeypatch.setattr(module, move, erring)
    try:
        derive(p, None, (), givens)
    except UnsoundStepError:
        return True
    return not any(changed)


@pytest.mark.parametrize("wrong", WRONG_TERM, ids=lambda f: f.__name__)
@pytest.mark.parametrize(("move", "case"), MOVES)
def test_a_move_that_errs_is_caught(
    monkeypatch: pytest.MonkeyPatch, move: str, case: tuple[str, ...],
    wrong: Callable[[Term], Term],
) -> None:
    assert planted(monkeypatch, move, case, wrong)


@pytest.mark.parametrize("wrong", WRONG_GUARD, ids=lambda f: f.__name__)
@pytest.mark.parametrize(("move", "case"), [
    ("solved", CONVOLUTION), ("solved", PADDED), ("terms_of", GUARDED), ("terms_of", BRANCHES)])
def test_a_wrong_bound_is_caught(
    monkeypatch: pytest.MonkeyPatch, move: str, case: tuple[str, ...],
    wrong: Callable[[Term], Term],
) -> None:
    assert planted(monkeypatch, move, case, wrong)


INSIDE = {  # an argument inside the function's domain, where not any number is
    "ln": "2 + x^2", "log2": "2 + x^2", "log10": "2 + x^2", "log1p": "x^2", "sqrt": "2 + x^2",
    "asin": "tanh(x)/2", "acos": "tanh(x)/2", "acosh": "2 + x^2", "atanh": "tanh(x)/2",
}
PAIRS = {"pow": "2 + sin(a), b", "div": "a, 2 + b^2", "xlogy": "a, 2 + b^2"}
WRITTEN = {"add": "({})+({})", "sub": "({})-({})", "mul": "({})*({})", "div": "({})/({})",
           "pow": "({})^({})", "neg": "-({})"}
KNOWN = [(f.name, k) for f in FUNCTIONS.values() for k in range(len(f.partials))
         if f.arity in (1, 2) and f.name != "stop_gradient"]


@pytest.mark.parametrize("where", ["shown", "everywhere"])
@pytest.mark.parametrize("error", ["sign", "scale", "added"])
@pytest.mark.parametrize(("function", "k"), KNOWN)
def test_a_wrong_derivative_in_the_table_is_caught(
    monkeypatch: pytest.MonkeyPatch, function: str, k: int, error: str, where: str,
) -> None:
    """In the walk that is shown alone, or in the table, which the walk that is run shares."""
    right = FUNCTIONS[function]
    args = PAIRS.get(function, "a, b").split(", ") if right.arity == 2 else [
        INSIDE.get(function, "a").replace("x", "a")]
    call = WRITTEN.get(function, f"{function}({', '.join(['{}'] * right.arity)})")
    p = read(f"input a, b; y = {call.format(*args)}; L = y*3 + a*b")

    def wrong(*given: Expr) -> Expr:
        found = right.partials[k](*given)
        if error == "added" or found == ZERO:
            return found + Fraction(1, 7)
        return -found if error == "sign" else found * Fraction(21, 20)

    partials = (*right.partials[:k], wrong, *right.partials[k + 1 :])
    table = {**FUNCTIONS, function: replace(right, partials=partials)}
    monkeypatch.setattr("chainrule.algebra.partial.FUNCTIONS", table)
    if where == "everywhere":
        monkeypatch.setattr("chainrule.diff.calculus.FUNCTIONS", table)
    with pytest.raises(UnsoundStepError):
        derive(p)
