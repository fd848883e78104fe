"""Whole tensors: values against NumPy, the index notation they become, and what is refused."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import (
    ArityError,
    ChainruleError,
    DefinitionError,
    FormulaSyntaxError,
    LimitError,
    ShapeError,
    UnknownNameError,
)
from chainrule.formulas.calls import read
from chainrule.lang.parse import parse_expression
from chainrule.lang.printing import program_text

EXAMPLES = int(os.environ.get("CHAINRULE_EXAMPLES", "80"))
DECLARED = "input A[N,M], B[M,N], C[N,M], S[N,N], x[N], y[M], z[N], s"
_SHAPES = {"A": "NM", "B": "MN", "C": "NM", "S": "NN", "x": "N", "y": "M", "z": "N", "s": ""}


def equations(text: str, declared: str = DECLARED) -> list[str]:
    """The equations that a text becomes, as they are printed."""
    printed = program_text(read(f"{declared}\n{text}"))
    return [line for line in printed.splitlines() if "=" in line]


def values(n: int, m: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    sizes = {"N": n, "M": m}
    return {name: rng.normal(size=[sizes[c] for c in axes]) if axes else rng.normal()
            for name, axes in _SHAPES.items()}


# what is written out


@pytest.mark.parametrize(("whole", "indices"), [
    ("w = A @ y + x", "w[i] = sum(k) A[i,k]*y[k] + x[i]"),
    ("L = tr(A @ B @ S)", "L = sum(i, k, l) A[i,k]*B[k,l]*S[l,i]"),
    ("L = ‖A @ y - x‖^2", "L = sum(i) (sum(k) A[i,k]*y[k] - x[i])^2"),
    ("L = norm(A)^4", "L = (sum(i, j) A[i,j]^2)^2"),
    ("L = ‖x‖", "L = sqrt(sum(i) x[i]^2)"),
    ("L = x.T @ S @ z", "L = sum(k, l) x[k]*S[k,l]*z[l]"),
    ("L = x.T @ x", "L = sum(k) x[k]^2"),
    ("R = x @ y.T", "R[i,j] = x[i]*y[j]"),
    ("r = (x.T @ A).T", "r[i] = sum(k) A[k,i]*x[k]"),
    ("L = x.T @ diag(z) @ x", "L = sum(k) x[k]*z[k]*x[k]"),
    ("R = diag(x) @ A", "R[i,j] = x[i]*A[i,j]"),
    ("R = diag(x)", "R[i,j] = x[i] if i == j else 0 with j < N"),
    ("r = diag(A @ B)", "r[i] = sum(k) A[i,k]*B[k,i]"),
    ("L = sum(A)", "L = sum(i, j) A[i,j]"),
    ("L = mean(A)", "L = (sum(i, j) A[i,j])/(M*N)"),
    ("R = A * C", "R[i,j] = A[i,j]*C[i,j]"),
    ("R = S @ S @ S.T", "R[i,j] = sum(k, l) S[i,k]*S[k,l]*S[j,l]"),
    ("R = eye(N)", "R[i,j] = 1 if i == j else 0 with i < N, j < N"),
    ("R = I(2)", "R[i,j] = 1 if i == j else 0 with i < 2, j < 2"),
    ("r = ones(3)", "r[i] = 1 with i < 3"),
    ("L = ones(N).T @ A @ ones(M)", "L = sum(k, l) A[k,l]"),
    ("L = x.T @ ones(N)", "L = sum(k) x[k]"),
    ("r = s*x + 1", "r[i] = s*x[i] + 1"),
    ("r = exp(x)/sum(exp(x))", "r[i] = exp(x[i])/sum(j) exp(x[j])"),
    ("L = dot(x, z)/2", "L = (sum(k) x[k]*z[k])/2"),
    ("R = outer(x, y)", "R[i,j] = x[i]*y[j]"),
    ("R = A if A > 0 else 0", "R[i,j] = A[i,j] if A[i,j] > 0 else 0"),
    ("f(u) = u*sigmoid(u); r = f(x)", "r[i] = x[i]*sigmoid(x[i])"),
    ("f(u) = u.T @ S @ u; L = f(x)", "L = sum(k, l) x[k]*S[k,l]*x[l]"),
    ("r = x", "r[i] = x[i]"),
])
def test_matrix_notation_is_written_out_with_indices(whole: str, indices: str) -> None:
    assert equations(whole)[-1].partition("  #")[0] == indices


@pytest.mark.parametrize("same", ["A.T @ x", "A' @ x", "Aᵀ @ x", "A^T @ x", "A⊤ @ x",
                                  "A^⊤ @ x", "A.T@x", "transpose(A) @ x"])
def test_a_transpose_has_many_spellings(same: str) -> None:
    assert equations(f"w = {same}") == ["w[i] = sum(k) A[k,i]*x[k]"]


@pytest.mark.parametrize("same", ["A * C", "A ∘ C", "A ⊙ C", "A .* C", "A · C"])
def test_a_hadamard_product_has_many_spellings(same: str) -> None:
    assert equations(f"R = {same}") == equations("R[i,j] = A[i,j]*C[i,j]")


@pytest.mark.parametrize("same", ["‖x‖", "‖x‖_2", "‖x‖₂", "∥x∥", "norm(x)"])
def test_a_norm_has_many_spellings(same: str) -> None:
    assert equations(f"L = {same}") == ["L = sqrt(sum(i) x[i]^2)"]
    assert equations("L = ‖A‖_F^2") == ["L = sum(i, j) A[i,j]^2"]


def test_letters_keep_away_from_names_and_sizes() -> None:
    found = equations("m = k*(W @ j)", "input W[i,n], j[n], k")
    assert found == ["m[l] = k*sum(p) W[l,p]*j[p]"]


def test_an_expression_within_a_call_of_the_library_gets_an_equation_of_its_own() -> None:
    found = equations("p = softmax(A @ y + 1)")
    assert found[0].startswith("p_in[i] = sum(k) A[i,k]*y[k] + 1")
    assert found[1].startswith("p[i] = exp(p_in[i])/sum(k) exp(p_in[k])")


def test_a_call_of_the_library_within_an_expression_gets_an_equation_of_its_own() -> None:
    found = equations("L = -dot(z, ln(softmax(x)))")
    assert found[0].startswith("L_softmax[i] = exp(x[i])/sum(k) exp(x[k])")
    assert found[1] == "L = -sum(k) z[k]*ln(L_softmax[k])"


def test_a_call_within_a_power_is_written_out_once() -> None:
    found = equations("L = norm(softmax(x) - x)^2")
    assert [line.partition("[")[0].partition(" ")[0] for line in found] == ["L_softmax", "L"]


def test_powers_of_powers_are_read_once_each() -> None:
    start = time.process_time()
    text = "x.T @ x"
    for _ in range(40):
        text = f"sin({text})^2"
    assert equations(f"L = {text}")[0].count("sin") == 40
    text = "S"
    for _ in range(40):
        text = f"({text})^T"
    assert equations(f"R = {text}") == ["R[i,j] = S[i,j]"]
    assert time.process_time() - start < 2


def test_calls_of_the_library_stand_within_calls() -> None:
    found = equations("h = layer_norm(X + dense(relu(2*X), out_features=3))", "input X[N,3]")
    assert [line.partition("[")[0] for line in found] == [
        "h_in_dense_in", "h_in_dense", "h_in", "h_m", "h_v", "h"]


def test_functions_of_whole_tensors_stand_inside_index_notation() -> None:
    assert equations("L = sum(i) x[i]*ln(z[i]) + norm(A)^2/2") == [
        "L = sum(i) x[i]*ln(z[i]) + (sum(j, k) A[j,k]^2)/2"]
    assert equations("w[i] = x[i]/‖x‖")[0].startswith("w[i] = x[i]/sqrt(sum(j) x[j]^2)")


@pytest.mark.parametrize("text", [
    "out = x * (sum(k) y[k]*norm(x))",
    "out = x * norm(x)*(sum(k) y[k]*norm(x*norm(y))) + norm(x)",
    "out[j] = x[j]*norm(y * (sum(i) z[i]*norm(x)))",
    "out = A @ (y * (max(i) x[i]^2)) + (argmax(i) z[i])",
    "out = softmax(S @ x * (sum(i) x[i]^2))",
])
def test_indices_written_out_do_not_meet_those_that_stand_there(text: str) -> None:
    program = read(f"size N, M\n{DECLARED}\n{text}\noutput out")
    known = values(3, 2)
    again = read(program_text(program))
    assert np.allclose(cr.run(again, **known), cr.run(program, **known))


def test_a_long_program_of_whole_tensors_is_read_in_linear_time() -> None:
    def seconds(steps: int) -> float:
        text = "\n".join(f"x{k} = A @ x{k - 1}/2 + x{k - 1}" for k in range(1, steps))
        start = time.process_time()
        read(f"input A[N,N], x0[N]\n{text}")
        return time.process_time() - start

    seconds(10)
    assert seconds(4000) < 10 * max(seconds(1000), 0.05)


def test_index_notation_reads_as_before() -> None:
    for text in ("w[i] = sum(j) A[i,j]*y[j]", "L = sum(i) x[i]", "L = max(i) x[i]",
                 "m = mean(i, j) A[i,j]", "L = sum(i) -x[i]", "L = sum(i) (x[i] + z[i])"):
        assert equations(text)[0].partition("  #")[0].partition(" = ")[0] == text.split(" = ")[0]
    with pytest.raises(ShapeError, match="read with no subscripts"):
        read(f"{DECLARED}\nw[i] = x*z[i]")


def test_sizes_that_nothing_declares_are_settled_by_what_they_meet() -> None:
    found = str(cr.formula("a[i] = p[i]; input W[U,V]; h = W @ a"))
    assert "input p[V]" in found


# values


class Draws:
    """Random matrix expressions, as text and as NumPy arrays: columns are n × 1, rows 1 × n."""

    def __init__(self, data: st.DataObject, values: dict[str, Any]) -> None:
        self.data = data
        self.known = values

    def one(self, options: list[Any]) -> Any:
        return self.data.draw(st.sampled_from(options))

    def leaf(self, shape: str) -> tuple[str, Any]:
        """`shape` is two of N, M, 1: rows, columns; "11" is a number."""
        if shape == "11":
            return self.one([("s", self.known["s"]), ("2", 2.0), ("0.5", 0.5)])
        names = [n for n, axes in _SHAPES.items()
                 if axes and (axes if len(axes) == 2 else axes + "1") == shape]
        if names and (shape != shape[::-1] or self.one([True, False])):
            name = self.one(names)
            return name, self.column(name)
        if shape[::-1] != shape or shape == "MM" or not names:
            if shape == "MM":
                return "(B @ A)", self.known["B"] @ self.known["A"]
            text, value = self.leaf(shape[::-1])
            return f"{text}.T", value.T
        return "S.T", self.known["S"].T

    def column(self, name: str) -> Any:
        value = self.known[name]
        return value[:, None] if np.ndim(value) == 1 else value

    def draw(self, shape: str, depth: int) -> tuple[str, Any]:
        if depth == 0:
            return self.leaf(shape)
        down = depth - 1
        kinds = ["leaf", "sum", "difference", "each", "scaled", "function", "minus"]
        kinds += ["product"] * 4 + ["transposed"] if shape != "11" else (
            ["trace", "norm", "square", "dot", "total", "mean", "quadratic"])
        if shape in ("NN", "MM"):
            kinds += ["diag", "eye"]
        if shape in ("N1", "M1"):
            kinds += ["diagonal", "ones"]
        kind = self.one(kinds)
        if kind == "leaf":
            return self.leaf(shape)
        if kind in ("sum", "difference", "each"):
            (a, x), (b, y) = self.draw(shape, down), self.draw(shape, down)
            sign = {"sum": "+", "difference": "-", "each": "*"}[kind]
            return f"({a} {sign} {b})", {"+": x + y, "-": x - y, "*": x * y}[sign]
        if kind == "scaled":
            (a, x), (b, y) = self.draw("11", down), self.draw(shape, down)
            return f"(({a})*({b}))", x * y
        if kind == "function":
            a, x = self.draw(shape, down)
            return self.one([(f"sin({a})", np.sin(x)), (f"tanh({a})", np.tanh(x))])
        if kind == "minus":
            a, x = self.draw(shape, down)
            return f"(-{a})", -x
        if kind == "product":
            middle = self.one(["N", "M", "1"] if "1" not in shape else ["N", "M"])
            (a, x), (b, y) = (self.draw(shape[0] + middle, down),
                              self.draw(middle + shape[1], down))
            return f"({a} @ {b})", x @ y
        if kind == "transposed":
            a, x = self.draw(shape[::-1], down)
            return f"({a}).T", x.T
        if kind in ("diag", "eye", "diagonal", "ones"):
            return self.special(kind, shape[0], down)
        return self.number(kind, down)

    def special(self, kind: str, n: str, down: int) -> tuple[str, Any]:
        size = len(self.known["x" if n == "N" else "y"])
        if kind == "eye":
            return f"eye({n})", np.eye(size)
        if kind == "ones":
            return f"ones({n})", np.ones((size, 1))
        a, x = self.draw(n + "1" if kind == "diag" else n + n, down)
        return f"diag({a})", np.diag(x[:, 0]) if kind == "diag" else np.diag(x)[:, None]

    def number(self, kind: str, down: int) -> tuple[str, Any]:
        n = self.one(["N", "M"])
        if kind in ("trace", "quadratic"):
            a, x = self.draw(n + n, down)
            if kind == "trace":
                return f"tr({a})", np.trace(x)
            b, y = self.draw(n + "1", down)
            return f"({b}.T @ {a} @ {b})", (y.T @ x @ y).item()
        shape = self.one([n + "1", "NM", "NN"])
        a, x = self.draw(shape, down)
        if kind == "norm":
            return f"‖{a}‖", np.linalg.norm(x)
        if kind == "square":
            return f"‖{a}‖^2", (x**2).sum()
        if kind == "total":
            return f"sum({a})", x.sum()
        if kind == "mean":
            return f"mean({a})", x.mean()
        (a, x), (b, y) = self.draw(n + "1", down), self.draw(n + "1", down)
        return f"dot({a}, {b})", (x * y).sum()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_random_expressions_agree_with_numpy_and_read_back(data: st.DataObject) -> None:
    n, m = data.draw(st.sampled_from([(2, 3), (1, 2), (3, 1), (3, 3)]))
    d = Draws(data, values(n, m, data.draw(st.integers(0, 9))))
    text, value = d.draw(d.one(["11", "N1", "M1", "NM", "MN", "NN", "MM"]), d.one([1, 2, 3]))
    source = f"size N, M\n{DECLARED}\nout = {text}\noutput out"
    try:
        program = read(source)
    except LimitError:
        return  # more summed indices than a loop may have
    want = value[:, 0] if np.ndim(value) == 2 and "1" in _axes(program) else value
    found = cr.run(program, **d.known)
    np.testing.assert_allclose(found, np.reshape(want, np.shape(found)), rtol=1e-9, atol=1e-9)
    again = read(program_text(program))
    np.testing.assert_allclose(cr.run(again, **d.known), found, rtol=1e-12, atol=1e-12)


def _axes(program: Any) -> str:
    return "1" if len(program.tensors["out"].shape) == 1 else ""


@settings(max_examples=EXAMPLES // 4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_gradients_of_random_numbers_agree_with_finite_differences(data: st.DataObject) -> None:
    d = Draws(data, values(2, 3, data.draw(st.integers(0, 9))))
    text, _ = d.number(d.one(["trace", "quadratic", "square", "total", "mean"]), 2)
    try:
        f = cr.formula(f"size N, M\n{DECLARED}\nL = tanh({text})\noutput L")
    except LimitError:
        return
    found = f.gradient(d.known, of="L", wrt=("A", "S", "x"))
    way = values(2, 3, 77)
    step = 1e-6
    for name, slope in found.items():
        ahead, behind = ({**d.known, name: d.known[name] + h * way[name]} for h in (step, -step))
        want = (f.run(ahead)["L"] - f.run(behind)["L"]) / (2 * step)
        assert np.sum(slope * way[name]) == pytest.approx(want, rel=1e-4, abs=1e-5)


# what is refused


@pytest.mark.parametrize(("text", "error", "message", "under", "hint"), [
    ("r = A @ x", ShapeError, "`@` cannot join A (N × M) and x (N × 1)", "@", "A.T @ x fits"),
    ("R = A @ C", ShapeError, "`@` cannot join A (N × M) and C (N × M)", "@",
     "A @ C.T or A.T @ C fits"),
    ("R = A + B", ShapeError, "`+` needs equal shapes: A is N × M, B is M × N", "+",
     "A + B.T fits"),
    ("R = A * B", ShapeError, "`*` needs equal shapes: A is N × M, B is M × N", "*",
     "for the matrix product write A @ B"),
    ("R = A + x", ShapeError, "`+` needs equal shapes: A is N × M, x is N × 1", "+",
     "to use it in every column write x @ ones(M).T"),
    ("R = A + y", ShapeError, "`+` needs equal shapes: A is N × M, y is M × 1", "+",
     "to use it in every row write ones(N) @ y.T"),
    ("L = x @ x", ShapeError, "`@` cannot join x (N × 1) and x (N × 1)", "@",
     "x.T @ x is a number, x @ x.T is a matrix"),
    ("r = x.T @ A", ShapeError, "x.T @ A is a row, 1 × M: a tensor with one axis is a column",
     "x.T @ A", "write (x.T @ A).T"),
    ("r = x + z.T", ShapeError, "`+` needs equal shapes: x is N × 1, z.T is 1 × N", "+",
     "x + z fits"),
    ("r = s @ x", ShapeError, "`@` joins matrices and vectors: s is a number", "s",
     "with a number write `*`"),
    ("L = tr(A)", ShapeError, "the trace is that of a square matrix: A is N × M", "tr(A)", None),
    ("L = tr(x)", ArityError, "the trace is that of a matrix: x has 1 axis", "tr(x)", None),
    ("r = diag(A)", ShapeError, "diag is of a square matrix: A is N × M", "diag(A)", None),
    ("r = x^2", FormulaSyntaxError, "the power of a vector or a matrix can be read in two ways",
     "x^2", "write x.T @ x (a number), or x * x (each cell)"),
    ("R = S^2", FormulaSyntaxError, "the power of a vector or a matrix can be read in two ways",
     "S^2", "write S @ S (the matrix product), or S * S (each cell)"),
    ("R = S^3", FormulaSyntaxError, "the power of a vector or a matrix can be read in two ways",
     "S^3", "write S.^3 (each cell)"),
    ("R = S^-1", FormulaSyntaxError, "the inverse of a matrix is not in the language", "S^-1",
     "for 1 divided by each cell write 1/S"),
    ("R = inv(S)", FormulaSyntaxError, "inv is not in the language: there are no inverses",
     "inv", None),
    ("L = det(S)", FormulaSyntaxError, "det is not in the language: there are no determinants",
     "det", None),
    ("L = ‖A‖_2", FormulaSyntaxError, "the spectral norm is not in the language: A is N × M",
     "‖A‖_2", "‖A‖_F, or norm(A), is the Frobenius norm"),
    ("L = ‖x‖_1", FormulaSyntaxError, "the norm ‖…‖_1 is not in the language", "_1",
     "‖x‖_1 is sum(abs(x))"),
    ("L = |x|", FormulaSyntaxError, "`|x|` can be read in two ways", "|x|",
     "write abs(x) for each cell, norm(x) for the length"),
    ("L = ‖x", FormulaSyntaxError, "expected the closing `‖`, found the end of the statement",
     "", None),
    ("w[i] = x/norm(x)", ShapeError, "x has 1 axis and is read with no subscripts", "x",
     "write x[i]"),
    ("w[i] = outer(x, x)", ShapeError, "outer(x, x) is N × N, and a number is wanted here",
     "outer(x, x)", "give it an equation of its own, with a bare name on the left"),
    ("L = dot(x, y)", ShapeError, "dot needs equal shapes: x is N × 1, y is M × 1", "dot(x, y)",
     "nothing broadcasts by itself: shapes must be equal, or one of the two a number"),
    ("L = dot(A, C)", ArityError, "dot is of two vectors: A has 2 axes", "dot(A, C)",
     "the sum over all cells is sum(A * B)"),
    ("L = norm(s)", ShapeError, "norm is of a vector or a matrix: s is a number", "s",
     "for a number write abs(s)"),
    ("L = tr(S, S)", ArityError, "tr takes 1 argument, not 2", "tr(S, S)", None),
    ("r = ones(x)", ShapeError, "x is not a size here", "x", "declare it: `size x`"),
    ("r = s'", ShapeError, "s is a number here: it has no transpose", "s'", "a derivative gets"),
    ("L = max(x, y)", ShapeError, "max needs equal shapes: x is N × 1, y is M × 1", "max(x, y)",
     "nothing broadcasts by itself"),
    ("r = x if x > y else 0", ShapeError, "`>` needs equal shapes: x is N × 1, y is M × 1", ">",
     "nothing broadcasts by itself"),
    ("r = S[0] @ x", ShapeError, "S has 2 axes and is read with 1 subscript", "S[0]",
     "write S[i,j]"),
    ("R = S - s*I", UnknownNameError, "nothing declares I", "I", "the identity matrix is I(N)"),
    ("R = S^s", FormulaSyntaxError, "the power of a vector or a matrix can be read in two ways",
     "S^s", "write S.^s (each cell)"),
    ("L = sum(S, axis=0)", FormulaSyntaxError, "`axis` is not in the language: axes are subscripts",
     "axis", "as in c[j] = sum(i) A[i,j]"),
    ("L = sum(unknown)", UnknownNameError, "nothing says what axes unknown has", "unknown",
     "over an index write sum(i) x[i]"),
    ("r = S x", FormulaSyntaxError, "expected an operator, found `x`", "x",
     "for the product of whole tensors write S @ x"),
    ("L = tr S", FormulaSyntaxError, "expected an operator, found `S`", "S", "write tr(S)"),
    ("x.T = 2", FormulaSyntaxError, ".T cannot stand in a formula", ".T", "no primes but that of"),
    ("L = x.T S x", FormulaSyntaxError, "expected an operator, found `S`", "S",
     "for the product of whole tensors write x.T @ S"),
])
def test_what_does_not_fit_is_refused(
    text: str, error: type[ChainruleError], message: str, under: str, hint: str | None
) -> None:
    with pytest.raises(error) as caught:
        read(f"{DECLARED}\n{text}")
    found = caught.value
    assert found.message == message
    assert found.span is not None
    assert found.span.excerpt() == under
    assert found.hint is not None or hint is None
    if hint is not None:
        assert hint in (found.hint or "")


def test_what_nothing_declares_has_no_axes() -> None:
    with pytest.raises(UnknownNameError, match="nothing says what axes W has"):
        read("y = W @ x")


def test_three_axes_are_for_elementwise_functions_only() -> None:
    assert equations("r = 2*t + exp(t)", "input t[A,B,C]")[-1].startswith(
        "r[i,j,k] = 2*t[i,j,k] + exp(t[i,j,k])")
    for text in ("r = t @ t", "r = t.T", "r = tr(t)"):
        with pytest.raises(ArityError, match="3 axes"):
            read(f"input t[A,B,C]\n{text}")


def test_a_transpose_by_a_power_gives_way_to_a_name() -> None:
    with pytest.raises(FormulaSyntaxError, match="T has a meaning in this program"):
        read("input A[N,M], T; C = A^T")
    assert cr.run("y = 2^T", T=3) == 8


@pytest.mark.parametrize("factors", [17, 40])
def test_a_product_of_too_many_matrices_is_refused_with_its_place(factors: int) -> None:
    with pytest.raises(LimitError) as caught:
        equations("R = " + " @ ".join(["S"] * factors))
    assert caught.value.span is not None


def test_a_prime_on_a_name_on_the_left_is_no_transpose() -> None:
    with pytest.raises(FormulaSyntaxError, match="' cannot stand in a formula"):
        read("y' = 2*x")


def test_a_whole_tensor_is_defined_once_and_before_its_use() -> None:
    with pytest.raises(DefinitionError):
        read("input x[N]; y = 2*x; y = 3*x")
    with pytest.raises(DefinitionError):
        read("input x[N]; y = z + x; z = 2*x")
    with pytest.raises(DefinitionError):
        read("input x[N]; y = y + x")


def test_an_expression_alone_has_no_whole_tensors() -> None:
    with pytest.raises(FormulaSyntaxError, match="whole tensors stand in equations only"):
        parse_expression("A @ x")
