"""Random tensor programs: every reading of a program must agree with every other.

Forward and reverse mode meet in one number, the NumPy reference agrees with the evaluator that
loops over every index, finite differences agree with both, and a derived program printed as text
reads back and runs to the same gradient. `CHAINRULE_EXAMPLES=1000` tries more.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainrule.diff.forward import hvp, jvp
from chainrule.diff.reverse import Derivative, gradient
from chainrule.evaluate.cells import evaluate_cells
from chainrule.evaluate.reference import run
from chainrule.lang.program import Program
from chainrule.lang.ranges import program
from chainrule.lang.verify import verify

EXAMPLES = int(os.environ.get("CHAINRULE_EXAMPLES", "60"))
SMOOTH = ["sin({})", "exp(-{}^2)", "{}^2", "sigmoid({})", "tanh({})", "{}*{}", "1/(2 + {}^2)",
          "ln(1 + {}^2)", "sqrt(1 + {}^2)", "softplus({})"]
KINKED = ["relu({})", "abs({})", "({} if {} > 0.1 else 0.5*{})", "max({}, 0.2)", "min({}, s)"]


class Draws:
    """Choices, drawn by hypothesis so that a failure shrinks."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def one(self, options: list[Any]) -> Any:
        return self.data.draw(st.sampled_from(options))

    def unary(self, e: str) -> str:
        return "(" + self.one(SMOOTH + KINKED).replace("{}", e) + ")"


def text_of(d: Draws, n: int, m: int) -> str:
    """A program from a vector x[n], a matrix A[n, m], a scalar s and labels c[m] to a scalar L."""
    lines = [f"input x[{n}], A[{n},{m}], s", f"label c[{m}] < {n}"]
    vectors, matrices = {"x": n}, {"A": (n, m)}
    for k in range(d.one([1, 2, 3, 4, 5])):
        t = f"t{k}"
        v, w = d.one(list(vectors)), d.one(list(matrices))
        size, (rows, columns) = vectors[v], matrices[w]
        kind = d.one(["map", "weighted", "neighbours", "padded", "pool", "softmax", "spread",
                      "gather", "cumulative", "upsample", "pieces", "scatter", "outer", "guarded",
                      "head", "stride", "fold", "banded", "between", "nested", "stopped"])
        vectors[t] = size
        if kind == "weighted":
            lines.append(f"{t}[i] = sum(j) {w}[i,j]*{d.unary(w + '[i,j]')}")
            vectors[t] = rows
        elif kind == "neighbours" and size > 1:
            lines.append(f"{t}[i] = {v}[i+1]*{v}[i] with i < {size - 1}")
            vectors[t] = size - 1
        elif kind == "padded":
            lines.append(f"{t}[i] = sum(a<2) {v}[i+a-1; pad 1 with 0]*2 + {v}[0]")
            vectors[t] = size + 1
        elif kind == "pool" and size > 1:
            lines.append(f"{t}[i] = max(a<2) {d.unary(v + '[i+a]')}")
            vectors[t] = size - 1
        elif kind == "softmax":
            lines.append(f"{t}[i] = exp(sin({v}[i])) / sum(j) exp(sin({v}[j]))")
        elif kind == "spread":
            lines.append(f"{t}[j] = max(i) {w}[i,j] - min(i) {w}[i,j]")
            vectors[t] = columns
        elif kind == "gather" and (rows, columns) == (n, m):
            lines.append(f"{t}[j] = {w}[c[j],j] + {v}[0]")
            vectors[t] = columns
        elif kind == "cumulative":
            lines.append(f"{t}[i] = sum(j, j <= i) {v}[j]*{d.unary(v + '[i]')} with i < {size}")
        elif kind == "upsample":
            lines.append(f"{t}[2*i+a] = {d.unary(v + '[i]')} with a < 2")
            vectors[t] = 2 * size
        elif kind == "pieces":
            lines.append(f"{t}[i] = {v}[i]")
            lines.append(f"{t}[i+{size}] = {d.unary('x[0]')} + i with i < 2")
            vectors[t] = size + 2
        elif kind == "scatter":
            lines.append(f"{t}[i+a] += {v}[i]*{d.unary(v + '[i]')} with a < 3")
            vectors[t] = size + 2
        elif kind == "outer":
            del vectors[t]
            lines.append(f"{t}[i,j] = sin({v}[i])*{w}[0,j] + mean(k) {v}[k]")
            matrices[t] = (size, columns)
        elif kind == "guarded":
            lines.append(f"{t}[i] = {v}[i+1] if i < {size - 1} and {v}[i] > 0 else {v}[i]*2 "
                         f"with i < {size}")
        elif kind == "head" and size > 1:  # what is read in part
            lines.append(f"{t}[i] = {d.unary(v + '[i]')} with i < {size - 1}")
            vectors[t] = size - 1
        elif kind == "stride":  # a dilated window with a stride, padded unevenly
            lines.append(f"{t}[i] = sum(a<3) {v}[2*i + 2*a - 1; pad 1:4 with 0.5]*(a + 1)")
            vectors[t] = (size - 1 + 4 - 4 + 1) // 2 + 1
        elif kind == "fold":  # a flattened matrix
            lines.append(f"{t}[{columns}*i + j] = {w}[i,j]*(i - j)")
            vectors[t] = rows * columns
        elif kind == "banded":  # a sum whose terms depend on both indices, some left out
            lines.append(f"{t}[i] = sum(j, j != i) {v}[j]*{v}[i]*(1 if j < i else -2) "
                         f"with i < {size}")
        elif kind == "between":  # a maximum inside a sum of two terms
            lines.append(f"{t}[i] = 2*(max(j) {w}[i,j]^2) - sum(j) {d.unary(w + '[i,j]')}")
            vectors[t] = rows
        elif kind == "nested":  # sums inside functions inside sums
            lines.append(f"{t}[i] = sum(j) {w}[i,j]*tanh(sum(k) {w}[k,j]*{w}[i,j])")
            vectors[t] = rows
        elif kind == "stopped":  # a copy, and a row that is repeated
            lines.append(f"{t}[i] = {v}[i]*stop_gradient(1) + {v}[{size - 1} - i] with i < {size}")
        else:
            lines.append(f"{t}[i] = {d.unary(v + '[i]')} + s")
    v, w = list(vectors)[-1], list(matrices)[-1]
    lines.append(f"L = sum(i) {d.unary(v + '[i]')} + mean(i, j) {d.unary(w + '[i,j]')}")
    return "\n".join(lines)


def made(data: st.DataObject) -> tuple[Program, dict[str, Any], list[str], np.random.Generator]:
    n, m = data.draw(st.sampled_from([1, 2, 3, 5, 7])), data.draw(st.sampled_from([1, 2, 3]))
    p = program(text_of(Draws(data), n, m))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    values = {"x": rng.normal(size=n), "A": rng.normal(size=(n, m)), "s": rng.normal(),
              "c": rng.integers(0, n, m)}
    return p, values, ["x", "A", "s"], rng


def moved(values: dict[str, Any], by: dict[str, Any], h: float) -> dict[str, Any]:
    return {**values, **{k: values[k] + h * by[k] for k in by}}


def scale_of(found: dict[str, Any], d: Derivative) -> float:
    return 1 + sum(float(np.abs(found[g]).sum()) for g in d.names.values())


tried = settings(max_examples=EXAMPLES, derandomize=True, deadline=None,
                 suppress_health_check=list(HealthCheck))


@tried
@given(st.data())
def test_forward_reverse_and_finite_differences_agree(data: st.DataObject) -> None:
    p, values, real, rng = made(data)
    along = {k: rng.normal(size=np.shape(values[k])) for k in real}
    d, f = gradient(p, "L", real), jvp(p, ["L"], real)
    found = run(d.program, values)
    scale = scale_of(found, d)
    backward = sum(float((found[d.names[k]] * along[k]).sum()) for k in real)
    tangents = {f.seeds[k]: along[k] for k in real}
    forward = float(run(f.program, {**values, **tangents})[f.names["L"]])
    assert abs(forward - backward) <= 1e-10 * scale
    ends = [float(run(p, moved(values, along, h))["L"]) for h in (1e-6, -1e-6)]
    slopes = [float(np.sum([(run(d.program, moved(values, along, h))[d.names[k]] * along[k]).sum()
                            for k in real])) for h in (1e-6, -1e-6)]
    if max(abs(s - backward) for s in slopes) < 1e-3 * scale:  # else a kink lies in between
        assert abs((ends[0] - ends[1]) / 2e-6 - backward) <= 1e-4 * scale


@tried
@given(st.data())
def test_numpy_agrees_with_the_loop_over_every_index(data: st.DataObject) -> None:
    p, values, real, _ = made(data)
    d = gradient(p, "L", real)
    fast, naive = run(d.program, values), evaluate_cells(d.program, values)
    scale = scale_of(fast, d)
    for name in [*p.outputs, *d.names.values()]:
        want = np.array(naive[name].nested(), dtype=float)
        np.testing.assert_allclose(fast[name], want, rtol=1e-9, atol=1e-10 * scale)


@tried
@given(st.data())
def test_a_derived_program_reads_back_from_its_own_text(data: st.DataObject) -> None:
    p, values, real, _ = made(data)
    d = gradient(p, "L", real)
    again = program(str(d.program))
    assert str(again) == str(d.program)
    assert verify(d.program) is d.program
    one, two = run(d.program, values), run(again, values)
    for name in d.names.values():
        np.testing.assert_allclose(one[name], two[name], rtol=1e-10, atol=1e-12)


@settings(tried, max_examples=max(1, EXAMPLES // 3))
@given(st.data())
def test_hessian_vector_products_are_the_gradients_change(data: st.DataObject) -> None:
    p, values, real, rng = made(data)
    along = {k: rng.normal(size=np.shape(values[k])) for k in real}
    d, h = gradient(p, "L", real), hvp(p, "L", real)
    found = run(h.program, {**values, **{h.seeds[k]: along[k] for k in real}})
    ends = [run(d.program, moved(values, along, step)) for step in (1e-6, -1e-6, 2e-6, -2e-6)]
    for k in real:
        near, far = ((a[d.names[k]] - b[d.names[k]]) / (2 * step) for a, b, step in
                     ((ends[0], ends[1], 1e-6), (ends[2], ends[3], 2e-6)))
        scale = 1 + np.abs(near).max()
        if np.abs(near - far).max() < 1e-3 * scale:  # else a kink lies in between
            assert np.abs(found[h.names[k]] - near).max() <= 3e-3 * scale
