"""Differentiation: every kind of layer against differences and against autograd, and the edges.

`agrees` is the workhorse: the gradient of a program in reverse, held against central differences
in every cell and against forward mode along a random direction.
"""

from collections.abc import Callable, Mapping

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
import sympy as sp

import chainrule as cr
from chainrule.diff import split
from chainrule.diff.forward import hvp, jvp
from chainrule.diff.reverse import gradient, hessian, jacobian, vjp
from chainrule.errors import DerivativeError
from chainrule.evaluate.cells import evaluate_cells
from chainrule.evaluate.reference import run
from chainrule.lang.program import Program
from chainrule.lang.ranges import program
from chainrule.lang.verify import verify


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).round(3)


def distinct(*shape: int) -> np.ndarray:
    """Numbers no two of which are close, so that no maximum is near a tie."""
    cells = np.random.default_rng(5).permutation(int(np.prod(shape)))
    return (cells / 4 - 1.6).reshape(shape)


def value(p: Program, values: Mapping[str, object]) -> float:
    return float(run(p, values)[p.outputs[0]])


def gradients(p: Program, values: Mapping[str, object]) -> dict[str, np.ndarray]:
    """The gradient by every real input."""
    d = gradient(p)
    verify(d.program)
    found = run(d.program, values)
    return {name: found[bar] for name, bar in d.names.items()}


def differences(
    p: Program, values: Mapping[str, object], name: str, h: float = 1e-6
) -> np.ndarray:
    """The gradient by one input, by central differences."""
    at = np.array(values[name], float)
    found = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        moved = at.copy()
        moved[place] += h
        above = value(p, {**values, name: moved})
        moved[place] -= 2 * h
        found[place] = (above - value(p, {**values, name: moved})) / (2 * h)
    return found


def agrees(text: str, values: Mapping[str, object], oracle: Callable | None = None) -> None:
    """Reverse, differences, forward and (where given) autograd on a function of arrays."""
    p = program(text)
    found = gradients(p, values)
    rng = np.random.default_rng(1)
    directions = {name: rng.normal(size=np.shape(values[name])) for name in found}
    for name, g in found.items():
        assert g.shape == np.shape(values[name])
        np.testing.assert_allclose(g, differences(p, values, name), 2e-6, 2e-6, err_msg=name)
        if oracle is not None:
            given = {n: np.array(v, float) for n, v in values.items()
                     if p.tensors[n].kind == "real"}  # fmt: skip
            fixed = {n: v for n, v in values.items() if n != name} | {
                n: v for n, v in given.items() if n != name}  # fmt: skip
            expected = autograd.grad(lambda a, n=name, rest=fixed: oracle(**rest, **{n: a}))
            np.testing.assert_allclose(g, expected(given[name]), 1e-11, 1e-11, err_msg=name)
    f = jvp(p)
    seeds = {f.seeds[name]: v for name, v in directions.items()}
    slope = run(f.program, {**values, **seeds})[f.names[p.outputs[0]]]
    np.testing.assert_allclose(slope, sum(np.sum(found[n] * directions[n]) for n in found),
                               1e-10, 1e-10)  # fmt: skip
    cells = evaluate_cells(gradient(p).program, values)
    for name, bar in gradient(p).names.items():
        exact = np.array([float(c) for c in cells[bar].cells]).reshape(found[name].shape)
        np.testing.assert_allclose(found[name], exact, 1e-11, 1e-11)


# --- layers ---------------------------------------------------------------------------------------

LAYERS = {
    "a scalar formula": (
        "y = ln(x1) + x1*x2 - sin(x2)", {"x1": 2.0, "x2": 5.0},
        lambda x1, x2: anp.log(x1) + x1 * x2 - anp.sin(x2),
    ),
    "one variable used many times": (
        "a = x*x\nb = a*x + a\ny = a*b/x + x", {"x": 1.3},
        lambda x: x * x * (x**3 + x * x) / x + x,
    ),
    "a dense layer with tanh": (
        "z[n,u] = sum(v) W[u,v]*x[n,v] + b[u]\nL = sum(n,u) tanh(z[n,u])*(n + 1)",
        {"W": numbers(3, 4), "x": numbers(2, 4, seed=1), "b": numbers(3, seed=2)},
        lambda W, x, b: anp.sum(anp.tanh(x @ W.T + b) * anp.array([[1.0], [2.0]])),
    ),
    "a convolution with stride, dilation and padding": (
        """input x[N,C,H,V]\nparameter w[O,C,K,M]
        y[n,o,i,j] = sum(c,a,b) w[o,c,a,b]*x[n,c, 2*i+2*a-1, 3*j+b-2; pad 1, 2 with 0]
        L = sum(n,o,i,j) y[n,o,i,j]^2""",
        {"x": numbers(2, 2, 7, 6), "w": numbers(3, 2, 3, 2, seed=1)}, None,
    ),
    "a grouped convolution": (
        """input x[N,C,H]\nparameter w[O,2,K]
        y[n,o,i] = sum(c<2, a) w[o,c,a]*x[n, 2*(o//2) + c, i + a] with o < 4
        L = sum(n,o,i) sin(y[n,o,i])""",
        {"x": numbers(2, 4, 5), "w": numbers(4, 2, 3, seed=1)}, None,
    ),
    "a transposed convolution, as a scatter": (
        """input x[H]\nparameter w[K]
        y[2*i + a] += w[a]*x[i]
        L = sum(j) y[j]^3""",
        {"x": numbers(4), "w": numbers(3, seed=1)}, None,
    ),
    "max-pooling": (
        """input x[N,C,H,V]
        u[n,c,i,j] = max(a<2, b<2) x[n,c, 2*i+a, 2*j+b]
        L = sum(n,c,i,j) u[n,c,i,j]^2""",
        {"x": distinct(1, 2, 4, 6)},
        lambda x: anp.sum(anp.max(anp.reshape(x, (1, 2, 2, 2, 3, 2)), axis=(3, 5)) ** 2),
    ),
    "overlapping padded max-pooling": (
        """input x[N]
        u[i] = max(a<3) x[2*i + a - 1; pad 1 with -inf]
        L = sum(i) u[i]^2*(i + 1)""",
        {"x": distinct(7)}, None,
    ),
    "average-pooling by a mean": (
        "input x[N]\nu[i] = mean(a<2) x[2*i + a]\nL = sum(i) exp(u[i])", {"x": numbers(6)},
        lambda x: anp.sum(anp.exp(anp.mean(anp.reshape(x, (3, 2)), axis=1))),
    ),
    "PReLU with one slope a channel": (
        """input u[N,C]\nparameter alpha[C]
        v[n,c] = u[n,c] if u[n,c] >= 0 else alpha[c]*u[n,c]
        L = sum(n,c) v[n,c]^2""",
        {"u": distinct(3, 4) + 0.1, "alpha": numbers(4)},
        lambda u, alpha: anp.sum(anp.where(u >= 0, u, alpha * u) ** 2),
    ),
    "layer norm": (
        """input x[N,D]\nparameter g[D], b[D]
        m[n] = mean(d) x[n,d]
        s[n] = mean(d) (x[n,d] - m[n])^2
        y[n,d] = g[d]*(x[n,d] - m[n])/sqrt(s[n] + 1e-5) + b[d]
        L = sum(n,d) y[n,d]^3""",
        {"x": numbers(3, 5), "g": numbers(5, seed=1), "b": numbers(5, seed=2)},
        lambda x, g, b: anp.sum((g * (x - anp.mean(x, 1, keepdims=True)) / anp.sqrt(
            anp.var(x, 1, keepdims=True) + 1e-5) + b) ** 3),
    ),
    "log-sum-exp": (
        "L = ln(sum(i) exp(x[i]))", {"x": numbers(6)},
        lambda x: anp.log(anp.sum(anp.exp(x))),
    ),
    "log-sum-exp shifted by its maximum": (
        "m = max(i) x[i]\nL = m + ln(sum(i) exp(x[i] - m))", {"x": numbers(6)},
        lambda x: anp.log(anp.sum(anp.exp(x))),
    ),
    "causal attention": (
        """input q[N,D], k[N,D], v[N,D]
        s[i,j] = sum(d) q[i,d]*k[j,d]
        a[i,j] = exp(s[i,j])/sum(m, m <= i) exp(s[i,m]) if j <= i else 0
        y[i,d] = sum(j) a[i,j]*v[j,d]
        L = sum(i,d) y[i,d]^2""",
        {"q": numbers(4, 3), "k": numbers(4, 3, seed=1), "v": numbers(4, 3, seed=2)},
        lambda q, k, v: anp.sum((lambda e: (e / anp.sum(e, 1, keepdims=True)) @ v)(
            anp.exp(q @ k.T) * np.tril(np.ones((4, 4)))) ** 2),
    ),
    "an embedding with repeated labels": (
        """parameter E[K,D]
        label w[N] < K
        e[n,d] = E[w[n],d]
        L = sum(n,d) e[n,d]^2*(n + 1)""",
        {"E": numbers(4, 3), "w": [2, 0, 2, 2]},
        lambda E, w: anp.sum(anp.sum(E[np.array(w)] ** 2, 1) * np.arange(1.0, 5.0)),
    ),
    "a scatter by labels": (
        """input x[N,D]
        label w[N] < K
        parameter g[K]
        h[w[n],d] += x[n,d]
        L = sum(k,d) g[k]*h[k,d]^2""",
        {"x": numbers(4, 2), "w": [1, 0, 1, 1], "g": numbers(3, seed=1)}, None,
    ),
    "nearest upsampling": (
        "input x[N]\ny[2*i + a] = x[i] with a < 2\nL = sum(j) y[j]^2*(j + 1)",
        {"x": numbers(3)}, lambda x: anp.sum(anp.repeat(x, 2) ** 2 * np.arange(1.0, 7.0)),
    ),
    "flattening": (
        "input x[C,H,W]\nf[(c*H + i)*W + j] = x[c,i,j]\nL = sum(k) f[k]^2*(k + 1)",
        {"x": numbers(2, 3, 2)},
        lambda x: anp.sum(anp.reshape(x, -1) ** 2 * np.arange(1.0, 13.0)),
    ),
    "unflattening by floors and remainders": (
        "input x[6]\ny[i,j] = x[3*i + j] with i < 2, j < 3\nz[k] = y[k//3, k%3]*x[k] with k < 6\n"
        "L = sum(k) z[k]*(k + 1)",
        {"x": numbers(6)}, lambda x: anp.sum(x**2 * np.arange(1.0, 7.0)),
    ),
    "concatenation in pieces": (
        "input a[2], b[3]\nc[i] = a[i]\nc[2 + i] = b[i]\nL = sum(k) c[k]^2*(k + 1)",
        {"a": numbers(2), "b": numbers(3, seed=1)},
        lambda a, b: anp.sum(anp.concatenate([a, b]) ** 2 * np.arange(1.0, 6.0)),
    ),
    "a cumulative sum": (
        "input x[N]\ns[i] = sum(j, j <= i) x[j] with i < N\nL = sum(i) s[i]^2", {"x": numbers(5)},
        lambda x: anp.sum(anp.cumsum(x) ** 2),
    ),
    "a sum of a product of sums": (
        "input A[N,M], B[M,K]\nL = sum(i) exp(sum(j) A[i,j]*ln(1 + sum(k) B[j,k]^2))",
        {"A": 0.3 * numbers(3, 2), "B": numbers(2, 4, seed=1)},
        lambda A, B: anp.sum(anp.exp(A @ anp.log(1 + anp.sum(B**2, 1)))),
    ),
    "a maximum of sums": (
        "input A[N,M], x[M]\nL = max(i) sum(j) A[i,j]*x[j]",
        {"A": numbers(4, 3), "x": numbers(3, seed=1)}, lambda A, x: anp.max(A @ x),
    ),
    "a minimum of squares less a maximum of sines": (
        "input x[N]\nL = (min(i) (x[i] - 1)^2) - 2*max(i) sin(x[i])", {"x": distinct(5)},
        lambda x: anp.min((x - 1) ** 2) - 2 * anp.max(anp.sin(x)),
    ),
    "a conditional mean": (
        "input x[N]\nL = mean(i, i != 2) x[i]^2", {"x": numbers(5)},
        lambda x: anp.mean(x[np.array([0, 1, 3, 4])] ** 2),
    ),
    "diagonals and transposes": (
        "input A[N,N]\nt = sum(i) A[i,i]\nL = t*sum(i,j) A[i,j]*A[j,i]", {"A": numbers(3, 3)},
        lambda A: anp.trace(A) * anp.sum(A * A.T),
    ),
    "the same tensor read twice in one term": (
        "input x[N]\nL = sum(i,j) x[i]*x[j]*(i + 2*j)", {"x": numbers(4)}, None,
    ),
    "a neighbour beyond the border": (
        "input x[N]\ny[i] = x[i + 1; pad with 0.5]*x[i] with i < N\nL = sum(i) y[i]",
        {"x": numbers(4)}, None,
    ),
    "a function of the user's own": (
        "f(x, b) = x*sigmoid(b*x)\ninput x[N]\nparameter b\nL = sum(i) f(x[i], b)",
        {"x": numbers(4), "b": 1.2},
        lambda x, b: anp.sum(x / (1 + anp.exp(-b * x))),
    ),
    "two recurrent steps": (
        """input x[2,D]\nparameter U[H,H], V[H,D]
        h1[u] = tanh(sum(d) V[u,d]*x[0,d])
        h2[u] = tanh(sum(d) V[u,d]*x[1,d] + sum(w) U[u,w]*h1[w])
        L = sum(u) h2[u]""",
        {"x": numbers(2, 2), "U": numbers(3, 3, seed=1), "V": numbers(3, 2, seed=2)},
        lambda x, U, V: anp.sum(anp.tanh(V @ x[1] + U @ anp.tanh(V @ x[0]))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_the_gradient_of(name):
    agrees(*LAYERS[name])


@pytest.mark.parametrize("name", LAYERS)
def test_cutting_deep_expressions_changes_no_gradient(name, monkeypatch):
    monkeypatch.setattr(split, "DEPTH", 2)
    agrees(*LAYERS[name])


@pytest.mark.parametrize("depth", [1, 2, 64])
def test_a_part_of_a_branch_not_taken_is_not_looked_at(depth, monkeypatch):
    monkeypatch.setattr(split, "DEPTH", depth)
    p = program("input x[N]\nL = sum(i) (ln(sqrt(x[i])*2)^2 if x[i] > 0 else sin(1/(x[i] - 1)))")
    d, f = gradient(p), jvp(p)
    x = np.array([2.0, -1.0])
    expected = [np.log(2 * np.sqrt(2)) / 2, -np.cos(-0.5) / 4]
    np.testing.assert_allclose(run(d.program, {"x": x})[d.names["x"]], expected, 1e-14)
    slope = run(f.program, {"x": x, f.seeds["x"]: [1, 1]})[f.names["L"]]
    assert slope == pytest.approx(sum(expected), rel=1e-14)
    at_one = run(d.program, {"x": [1.0, -1.0]})  # where the other branch would divide by zero
    assert at_one[d.names["x"]][0] == pytest.approx(np.log(2))


SOFTMAX = "input z[N,K]\np[n,i] = exp(z[n,i])/sum(k) exp(z[n,k])\n"
LOSSES = {
    "with soft targets": "input t[N,K]\nL = -sum(n,i) t[n,i]*ln(p[n,i])",
    "with integer labels": "label y[N] < K\nL = -sum(n) ln(p[n, y[n]])",
    "from logits": "input t[N,K]\nL = sum(n) (ln(sum(k) exp(z[n,k])) - sum(i) t[n,i]*z[n,i])",
}


@pytest.mark.parametrize("form", LOSSES)
def test_softmax_with_cross_entropy_has_gradient_p_minus_t(form):
    labels = [2, 0]
    t, z = np.eye(4)[labels], numbers(2, 4)
    p = program(SOFTMAX + LOSSES[form])
    p = p.with_outputs(["L", "p"])
    d = gradient(p, "L", ["z"])
    targets = {"y": labels} if "y" in p.inputs else {"t": t}
    found = run(d.program, {"z": z, **targets})
    np.testing.assert_allclose(found[d.names["z"]], found["p"] - t, 1e-14, 1e-14)


def test_a_tie_in_a_pool_goes_to_the_first_and_is_counted_once():
    d = gradient(program("input x[4]\nu[i] = max(a<2) x[2*i + a]\nL = sum(i) u[i]"))
    found = run(d.program, {"x": [3, 3, -1, -1]})
    assert found[d.names["x"]].tolist() == [1, 0, 1, 0]
    d = gradient(program("input x[2,2]\nL = max(i,j) x[i,j] + 10*min(i,j) x[i,j]"))
    found = run(d.program, {"x": [[5, 5], [5, 5]]})
    assert found[d.names["x"]].tolist() == [[11, 0], [0, 0]]


# --- Jacobians, Hessians, products ----------------------------------------------------------------

FIELD = "input x[3]\ny[0] = x[0]*x[1]\ny[1] = sin(x[2])*x[0]\n"


def test_a_jacobian_has_the_outputs_axes_first():
    d = jacobian(program("input x[3], W[2,3]\ny[i] = sum(j) W[i,j]*exp(x[j])"))
    x, W = numbers(3), numbers(2, 3, seed=1)
    found = run(d.program, {"x": x, "W": W})
    np.testing.assert_allclose(found[d.names["x"]], W * np.exp(x))
    expected = np.zeros((2, 2, 3))
    expected[0, 0] = expected[1, 1] = np.exp(x)
    np.testing.assert_allclose(found[d.names["W"]], expected)


def test_the_jacobian_of_an_output_in_pieces():
    d = jacobian(program(FIELD))
    x = np.array([2.0, 3.0, 0.5])
    found = run(d.program, {"x": x})[d.names["x"]]
    expected = [[3, 2, 0], [np.sin(0.5), 0, 2 * np.cos(0.5)]]
    np.testing.assert_allclose(found, expected)


def test_the_jacobian_of_softmax_is_diag_p_less_p_pt():
    d = jacobian(program("p[i] = exp(z[i])/sum(k) exp(z[k])"))
    found = run(d.program, {"z": numbers(5)})
    p = found["p"]
    np.testing.assert_allclose(found[d.names["z"]], np.diag(p) - np.outer(p, p), 1e-13, 1e-15)


def test_the_jacobian_of_a_matrix_by_a_matrix():
    d = jacobian(program("Y[i,k] = sum(j) A[i,j]*B[j,k]"), wrt=["A"])
    A, B = numbers(2, 3), numbers(3, 4, seed=1)
    found = run(d.program, {"A": A, "B": B})[d.names["A"]]
    assert found.shape == (2, 4, 2, 3)
    np.testing.assert_allclose(found, np.einsum("im,jk->ikmj", np.eye(2), B))


def test_the_jacobian_of_a_pool_is_a_matrix_of_zeros_and_ones():
    d = jacobian(program("input x[4]\nu[i] = max(a<2) x[2*i + a]"))
    found = run(d.program, {"x": [1, 4, 3, 2]})[d.names["x"]]
    assert found.tolist() == [[0, 1, 0, 0], [0, 0, 1, 0]]


@pytest.mark.parametrize(
    "formula",
    ["x1^2*x2 + exp(x1*x2)", "sin(x1)/x2 + x1^x2", "atan2(x1, x2)*ln(x1 + x2)",
     "sigmoid(x1*x2)^2", "sqrt(x1^2 + x2^2)", "softplus(x1 - x2)*tanh(x1)"],
)  # fmt: skip
def test_hessians_are_sympys(formula):
    p = program(f"y = {formula}")
    at = {"x1": 1.25, "x2": 0.75}
    s1, s2 = sp.symbols("x1 x2", positive=True)
    names = {"x1": s1, "x2": s2, "sigmoid": lambda a: 1 / (1 + sp.exp(-a)),
             "softplus": lambda a: sp.log(1 + sp.exp(a)), "ln": sp.log}  # fmt: skip
    twin = sp.sympify(formula.replace("^", "**"), locals=names)
    for a, s in (("x1", s1), ("x2", s2)):
        first = gradient(p, "y", [a])
        second = gradient(first.program, first.names[a], ["x1", "x2"])
        third = gradient(second.program, second.names["x2"], ["x1"])
        found = run(third.program, at)
        point = {s1: sp.Rational(5, 4), s2: sp.Rational(3, 4)}
        for b, t in (("x1", s1), ("x2", s2)):
            expected = float(sp.diff(twin, s, t).subs(point))
            assert found[second.names[b]] == pytest.approx(expected, rel=1e-11, abs=1e-12)
        expected = float(sp.diff(twin, s, s2, s1).subs(point))
        assert found[third.names["x1"]] == pytest.approx(expected, rel=1e-10, abs=1e-11)


def test_the_hessian_of_a_vector_function_and_its_product():
    p = program("input A[3,3]\nL = ln(sum(i) exp(sum(j) A[i,j]*x[j])) + sum(i) x[i]^3")
    values = {"A": numbers(3, 3), "x": numbers(3, seed=1)}
    square = hessian(p, "L", "x")
    H = run(square.program, values)[square.names["x"]]
    oracle = autograd.hessian(
        lambda x: anp.log(anp.sum(anp.exp(values["A"] @ x))) + anp.sum(x**3)
    )
    np.testing.assert_allclose(H, oracle(values["x"]), 1e-12)
    product = hvp(p, "L", ["x"])
    v = numbers(3, seed=2)
    found = run(product.program, {**values, product.seeds["x"]: v})[product.names["x"]]
    np.testing.assert_allclose(found, H @ v, 1e-12)


def test_the_hessian_of_a_network_with_a_pool_and_a_gather():
    p = program(
        """input x[4]\nparameter w[K]
        label y < K
        u[i] = max(a<2) x[2*i + a]
        s[k] = w[k]*sum(i) u[i]^2
        L = ln(sum(k) exp(s[k])) - s[y]"""
    )
    values = {"x": [0.5, -1, 0.25, 0.75], "w": numbers(3), "y": 1}
    square = hessian(p, "L", "x")
    H = run(square.program, values)[square.names["x"]]
    np.testing.assert_allclose(H, H.T, 1e-12, 1e-13)
    assert not H[1].any() and not H[2].any()
    first = gradient(p, "L", ["x"])

    def at(x: np.ndarray) -> np.ndarray:
        return run(first.program, {**values, "x": x})[first.names["x"]]

    x = np.array(values["x"])
    for k in range(4):
        step = 1e-6 * np.eye(4)[k]
        np.testing.assert_allclose(H[k], (at(x + step) - at(x - step)) / 2e-6, 1e-6, 1e-8)


def test_the_two_products_with_a_jacobian_agree():
    p = program("input W[3,4], x[4]\nz[i] = sum(j) W[i,j]*x[j]\ny[i] = tanh(z[i])*z[i]\noutput y")
    values = {"W": numbers(3, 4), "x": numbers(4, seed=1)}
    u, v = numbers(3, seed=2), numbers(4, seed=3)
    f, r = jvp(p, wrt=["x"]), vjp(p, wrt=["x"])
    forward = run(f.program, {**values, f.seeds["x"]: v})[f.names["y"]]
    backward = run(r.program, {**values, r.seeds["y"]: u})[r.names["x"]]
    assert u @ forward == pytest.approx(backward @ v, rel=1e-13)
    full = jacobian(p, wrt=["x"])
    J = run(full.program, values)[full.names["x"]]
    np.testing.assert_allclose(forward, J @ v, 1e-13)
    np.testing.assert_allclose(backward, u @ J, 1e-13)


def test_derivatives_of_any_order():
    d = gradient(program("y = x^5"))
    name = d.names["x"]
    for factor in (20 * 2**3, 60 * 2**2, 120 * 2, 120, 0, 0):
        d = gradient(d.program, name, ["x"])
        name = d.names["x"]
        assert run(d.program, {"x": 2})[name] == factor
    f = jvp(program("y = x^3"))
    ff = jvp(f.program, [f.names["y"]], ["x"])
    fff = jvp(ff.program, [ff.names[f.names["y"]]], ["x"])
    seeds = {f.seeds["x"]: 1, ff.seeds["x"]: 1, fff.seeds["x"]: 1}
    assert run(fff.program, {"x": 2, **seeds})[fff.names[ff.names[f.names["y"]]]] == 6


# --- what kinks do --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("relu(x)", 0), ("|x|", 0), ("abs(x) + x", 1), ("max(x, 0)", 0.5), ("max(0, x)", 0.5),
        ("min(x, 0)", 0.5), ("max(x, x)", 1), ("x if x >= 0 else 0.1*x", 1),
        ("x if x > 0 else 0.1*x", 0.1), ("0.1*x if x < 0 else x", 1), ("sign(x)*3", 0),
        ("x*H(x)", 0.5), ("relu(x) - relu(-x)", 0), ("max(x, -x)", 0), ("sqrt(x^2 + 1)", 0),
    ],
)  # fmt: skip
def test_the_derivative_at_zero(formula, expected):
    p = program(f"y = {formula}")
    d, f = gradient(p), jvp(p)
    assert run(d.program, {"x": 0})[d.names["x"]] == expected
    assert run(f.program, {"x": 0, f.seeds["x"]: 1})[f.names["y"]] == expected


def test_the_branch_not_taken_may_be_infinite():
    p = program("input x[N]\ny[i] = ln(x[i]) if x[i] > 0 else x[i]^2\nL = sum(i) y[i]")
    d, f = gradient(p), jvp(p)
    x = np.array([2.0, 0.0, -3.0])
    found = run(d.program, {"x": x})[d.names["x"]]
    assert found.tolist() == [0.5, 0, -6]
    assert run(f.program, {"x": x, f.seeds["x"]: [1, 1, 1]})[f.names["L"]] == -5.5
    assert [float(c) for c in evaluate_cells(d.program, {"x": x})[d.names["x"]].cells] == [
        0.5, 0, -6]  # fmt: skip


def test_a_guarded_sum_in_a_branch_is_not_looked_at():
    p = program("input x[N]\nL = ln(sum(i) x[i]) if c > 0 else sum(i) x[i]^2\ninput c")
    d = gradient(p, wrt=["x"])
    assert run(d.program, {"x": [-1, -2], "c": -1})[d.names["x"]].tolist() == [-2, -4]
    assert run(d.program, {"x": [1, 3], "c": 1})[d.names["x"]].tolist() == [0.25, 0.25]


def test_stop_gradient_stops_both_directions():
    p = program("y = x*stop_gradient(x^2)")
    d, f = gradient(p), jvp(p)
    assert run(d.program, {"x": 3})[d.names["x"]] == 9
    assert run(f.program, {"x": 3, f.seeds["x"]: 1})[f.names["y"]] == 9


# --- which tensors --------------------------------------------------------------------------------


def test_the_gradient_by_a_tensor_on_the_way():
    d = gradient(program("a = x^2\nb = sin(a)\ny = a*b + x"), wrt=["a", "b", "x"])
    found = run(d.program, {"x": 1.5})
    a = 1.5**2
    assert found[d.names["b"]] == a
    assert found[d.names["a"]] == pytest.approx(np.sin(a) + a * np.cos(a))
    assert found[d.names["x"]] == pytest.approx((np.sin(a) + a * np.cos(a)) * 3 + 1)


def test_forward_mode_from_a_tensor_on_the_way():
    f = jvp(program("input x[N]\na[i] = x[i]^2\ny = sum(i) a[i]*x[i]"), wrt=["x"])
    assert run(f.program, {"x": [1, 2], f.seeds["x"]: [1, 0]})[f.names["y"]] == 3


def test_what_the_output_does_not_depend_on_has_zeros():
    p = program("input u[N], x\ny = x^2\nz[i] = u[i]*x")
    d = gradient(p, "y")
    found = run(d.program, {"u": [1, 2], "x": 3})
    assert found[d.names["u"]].tolist() == [0, 0] and found[d.names["x"]] == 6
    full = jacobian(p, "z", ["u", "x"])
    found = run(full.program, {"u": [1, 2], "x": 3})
    assert found[full.names["u"]].tolist() == [[3, 0], [0, 3]]
    assert found[full.names["x"]].tolist() == [1, 2]
    other = jacobian(program("input u[N], x\ny = x\nz[i] = u[i]"), "z", ["x"])
    assert run(other.program, {"u": [1, 2], "x": 3})[other.names["x"]].tolist() == [0, 0]
    f = jvp(p, ["y"], ["u"])
    assert run(f.program, {"u": [1, 2], "x": 3, f.seeds["u"]: [1, 1]})[f.names["y"]] == 0


def test_an_output_by_itself():
    p = program("y = x^2")
    d = gradient(p, wrt=["y", "x"])
    found = run(d.program, {"x": 3})
    assert found[d.names["y"]] == 1 and found[d.names["x"]] == 6
    d = gradient(program("input x\ny = 2*x\noutput x"), "x", ["x"])
    assert run(d.program, {"x": 3})[d.names["x"]] == 1


def test_several_outputs_add_up_their_seeds():
    p = program("a = x*w\nb = x + w\noutput a, b")
    d = vjp(p)
    found = run(d.program, {"x": 2, "w": 5, d.seeds["a"]: 10, d.seeds["b"]: 1})
    assert found[d.names["x"]] == 51 and found[d.names["w"]] == 21


def test_an_output_that_another_output_reads():
    p = program("a[i] = x[i]^2\nb = sum(i) a[i]\noutput a, b")
    d = vjp(p)
    found = run(d.program, {"x": [1, 2], d.seeds["a"]: [1, 10], d.seeds["b"]: 100})
    assert found[d.names["x"]].tolist() == [202, 440]


def test_constants_are_not_differentiated_unless_asked():
    p = program("constant c\ny = c*x")
    assert list(gradient(p).names) == ["x"]
    d = gradient(p, wrt=["c"])
    assert run(d.program, {"c": 2, "x": 3})[d.names["c"]] == 3


def test_names_that_are_taken_are_not_reused():
    p = program("x_bar = 2*x\ny_dot = x_bar^2\ny = y_dot + x_bar")
    d, f = gradient(p), jvp(p)
    assert run(d.program, {"x": 1})[d.names["x"]] == 10
    assert run(f.program, {"x": 1, f.seeds["x"]: 1})[f.names["y"]] == 10


def test_indices_named_like_those_of_the_rule():
    p = program("input x[2,3]\ny[k,i] = x[k,i]^2")
    d = jacobian(p)
    x = numbers(2, 3)
    found = run(d.program, {"x": x})[d.names["x"]]
    np.testing.assert_allclose(found.reshape(6, 6), np.diag(2 * x.reshape(-1)))


def test_what_is_read_in_part_has_zeros_elsewhere():
    d = gradient(program("input x[5]\ny[i] = x[i]^2 with i < 3\nL = sum(i) y[i]"))
    assert run(d.program, {"x": [1, 2, 3, 4, 5]})[d.names["x"]].tolist() == [2, 4, 6, 0, 0]
    full = jacobian(program("input x[3]\ny[i] = x[i]^2 with i < 2"))
    found = run(full.program, {"x": [1, 2, 3]})[full.names["x"]]
    assert found.tolist() == [[2, 0, 0], [0, 4, 0]]
    agrees("input x[N,M]\nL = sum(i < 2, j) x[i,j]^3", {"x": numbers(4, 2)})


def test_adjoints_accumulate_into_disjoint_and_overlapping_places():
    agrees("input x[5]\ny[i] = x[i]*x[i+1]*x[i+2] with i < 3\nL = sum(i) y[i] + x[0]*x[4]",
           {"x": numbers(5)})  # fmt: skip


@pytest.mark.parametrize(
    ("extent", "batch"), [(1, 1), (2, 1), (1, 3), (7, 2)]
)
def test_extents_of_one_and_odd_ones(extent, batch):
    agrees(
        """input x[N,H]\nparameter w[K]
        y[n,i] = sum(a) w[a]*x[n, i + a - 1; pad 1 with 0]
        u[n] = max(i) y[n,i]
        L = sum(n) u[n]^2 + mean(n) u[n]""",
        {"x": distinct(batch, extent), "w": np.array([0.5, -1.25, 2.0])},
    )


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda p: gradient(p, "y"), "not a scalar"),
        (lambda p: gradient(p, "yy"), "no such tensor"),
        (lambda p: gradient(p, "L", ["xx"]), "no such tensor"),
        (lambda p: gradient(p, "L", ["t"]), "integers"),
        (lambda p: jvp(p, ["t"]), "integers"),
        (lambda p: jvp(p, ["q"]), "no such tensor"),
        (lambda p: jacobian(p), "2 outputs"),
        (lambda p: hessian(p, "y", "x"), "not a scalar"),
        (lambda p: hvp(p, "y"), "not a scalar"),
    ],
)
def test_what_cannot_be_differentiated_is_said(ask, words):
    p = program("input x[N]\nlabel t < N\ny[i] = x[i]^2\nL = y[t]\noutput y, L")
    with pytest.raises(DerivativeError) as caught:
        ask(p)
    assert words in caught.value.message
    if words == "no such tensor":
        assert caught.value.hint


def test_a_sum_in_a_condition_keeps_its_index_to_itself():
    text = "input x[3]; y = sum(k) x[k]^2 if sum(k) x[k] > 0 else sum(k) x[k]"
    assert cr.gradient(text, x=[1, 2, 3])["x"].tolist() == [2, 4, 6]
    assert cr.gradient(text, x=[-1, -2, -3])["x"].tolist() == [1, 1, 1]
