"""Stable forms: every rule is an identity, found where it should be, and finite where it matters.

`disagreement` is the oracle: it holds two programs against each other at a point, in float64 and in
50 digits, by their values, their adjoints for random seeds, and the tangents of these (which is
what a Hessian does to a vector). Wrong rules that are planted must not get past it.
"""

import time
from collections.abc import Mapping
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn
from chainrule.algebra.rules import RULES, Rule
from chainrule.algebra.stable import applied, stabilise
from chainrule.diff.forward import jvp
from chainrule.diff.reverse import vjp
from chainrule.errors import DomainError
from chainrule.evaluate.cells import evaluate_cells
from chainrule.evaluate.reference import run
from chainrule.evaluate.values import bind, shapes
from chainrule.formulas.library import LIBRARY
from chainrule.lang.program import Program
from chainrule.lang.ranges import program
from chainrule.lang.verify import verify
from chainrule.nn import functional

RNG = np.random.default_rng(7)


def derivatives(p: Program, wrt: list[str]) -> tuple[Program, list[str]]:
    """A program with values, adjoints and their tangents, and the names of all of these."""
    first = vjp(p, wrt=wrt)
    bars = [first.names[name] for name in wrt]
    second = jvp(first.program, bars, wrt)
    return second.program, [*p.outputs, *bars, *(second.names[bar] for bar in bars)]


def everything(p: Program, values: Mapping[str, object], wrt: list[str], digits: int | None = None):
    """Values, adjoints and second derivatives along a direction, as arrays."""
    whole, names = derivatives(p, wrt)
    known = shapes(p, bind(p, values)[0])
    seeds = {}
    for name in whole.inputs:
        if name not in p.inputs:
            base = whole.tensors[name].adjoint_of or whole.tensors[name].tangent_of
            rng = np.random.default_rng(sum(map(ord, base)))
            seeds[name] = rng.normal(size=known[base]).round(3)
    if digits is None:
        found = run(whole, {**values, **seeds})
        return [found[name] for name in names]
    cells = evaluate_cells(whole, {**values, **seeds}, digits=digits)
    return [np.array(list(cells[name].cells), object)
            for name in names]


def disagreement(p: Program, q: Program, values: Mapping[str, object]) -> str | None:
    """Where two programs differ at a point; None if they agree in all that is derived from them."""
    wrt = [n for n in p.inputs if p.tensors[n].kind == "real"]
    own = {name: values[name] for name in p.inputs}
    for digits, close in ((None, 1e-9), (50, 1e-38)):
        pairs = zip(everything(p, own, wrt, digits),
                    everything(q, {n: values[n] for n in q.inputs}, wrt, digits), strict=True)
        for k, (a, b) in enumerate(pairs):
            a, b = np.ravel(a), np.ravel(b)
            for x, y in zip(a, b, strict=True):
                if not abs(x - y) <= close * (1 + abs(x)):
                    return f"result {k}, {digits or 16} digits: {x} and {y}"
    return None


def check(text: str, values: Mapping[str, object], *names: str) -> Program:
    """A program agrees with its stable form, by the rules named; the stable form."""
    p = program(text)
    q = stabilise(p)
    assert [step.rule.name for step in applied(p)] == list(names)
    if names:
        assert str(program(str(q))) == str(q)
        assert stabilise(q) is q
        assert disagreement(p, verify(q), values) is None
    else:
        assert q is p
    return q


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).round(3)


# --- the rules ------------------------------------------------------------------------------------


def sides(rule: Rule) -> tuple[Program, Program]:
    declared = "input f[3]\n" if "f[j]" in rule.before else ""
    return tuple(program(f"{declared}y = {side}") for side in (rule.before, rule.after))


def point(*programs: Program) -> dict[str, object]:
    names = {name: p.tensors[name] for p in programs for name in p.inputs}
    return {name: RNG.uniform(-0.8, 2, [s.constant for s in tensor.shape]).round(3)
            for name, tensor in names.items()}


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_each_rule_is_an_identity(rule: Rule) -> None:
    before, after = sides(rule)
    for _ in range(3):
        assert disagreement(before, after, point(before, after)) is None


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_each_rule_is_found_by_its_own_left_side(rule: Rule) -> None:
    before, _ = sides(rule)
    assert rule.name in [step.rule.name for step in applied(before)]
    assert disagreement(before, stabilise(before), point(before)) is None


@pytest.mark.parametrize(("before", "after"), [
    ("exp(g)/sum(j) exp(f[j])", "exp(g - m)/sum(j) exp(f[j])"),
    ("exp(g)/sum(j) exp(f[j])", "exp(g - m)/sum(j) exp(f[j] + m)"),
    ("ln(sum(j) exp(f[j]))", "ln(sum(j) exp(f[j] - m))"),
    ("ln(1 + exp(x))", "softplus(-x)"),
    ("exp(x) - 1", "expm1(x) + 10^-30*x"),  # seen in 50 digits only
    ("x^2", "x*stop_gradient(x)"),  # the value is right
    ("x^3", "stop_gradient(x)^3 + 3*stop_gradient(x)^2*(x - stop_gradient(x))"),  # the slope too
])
def test_a_wrong_rule_is_caught(before: str, after: str) -> None:
    programs = sides(Rule("planted", before, after, ""))
    assert disagreement(*programs, point(*programs)) is not None


# --- where they are found -------------------------------------------------------------------------

SOFTMAX = "p[n,i] = exp(z[n,i])/sum(k) exp(z[n,k])"


@pytest.mark.parametrize(("text", "shapes_", "names"), [
    (SOFTMAX, {"z": (2, 3)}, ["shift"]),
    ("p[i,n] = exp(z[i,n])/sum(k) exp(z[k,n])", {"z": (3, 2)}, ["shift"]),
    ("p[n,i,a,b] = exp(z[n,i,a,b])/sum(k) exp(z[n,k,a,b])", {"z": (2, 3, 1, 2)}, ["shift"]),
    ("input s[3,3]; a[i,j] = exp(s[i,j])/sum(r <= i) exp(s[i,r]) if j <= i else 0",
     {"s": (3, 3)}, ["shift"]),
    ("input s[3,3]; a[i,j] = exp(s[i,j])/sum(r < i) exp(s[i,r]) if j < i else 0",
     {"s": (3, 3)}, ["shift"]),  # the first row has no terms
    ("y[n,i] = t[i]*exp(z[n,i])/sum(k) exp(z[n,k])", {"t": (3,), "z": (2, 3)}, ["shift"]),
    ("y[i] = exp(z[i])/sum(k) exp(z[k])*t[i]", {"t": (3,), "z": (3,)}, ["shift"]),
    ("y[i] = -3*exp(g[i])/(b*sum(k) exp(z[k]))", {"b": (), "g": (3,), "z": (2,)}, ["shift"]),
    ("p[i] = exp(z[i]/T)/sum(k) exp(z[k]/T)", {"z": (3,), "T": None}, ["shift"]),
    ("y = sum(j) v[j]*exp(s[j])/sum(r) exp(s[r])", {"v": (3,), "s": (3,)}, ["shift"]),
    ("y = (sum(j) v[j]*exp(s[j]))/(sum(r) exp(s[r]))", {"v": (3,), "s": (3,)}, ["shift"]),
    ("p[i] = w[i]*exp(z[i])/sum(k) w[k]*exp(z[k])", {"w": (3,), "z": (3,)}, ["shift"]),
    ("p[i] = exp(z[i])/sum(k) (exp(z[k]) if w[k] > 0 else 0)", {"w": None, "z": (3,)}, ["shift"]),
    ("p[i] = exp(z[i])/(1 + sum(k) exp(z[k]))", {"z": (3,)}, ["shift"]),
    ("p = exp(a)/(exp(a) + exp(b))", {"a": (), "b": ()}, ["shift"]),
    ("e[i] = exp(z[i]); s = sum(j) e[j]; p[i] = e[i]/s", {"z": (3,)}, ["shift"]),
    ("p[i] = exp(sum(v) W[i,v]*x[v])/sum(k) exp(sum(v) W[k,v]*x[v])",
     {"W": (3, 2), "x": (2,)}, ["shift"]),
    ("p[i] = exp(z[i])/sum(k) exp(z[k]); q[i] = exp(p[i])/sum(k) exp(p[k])", {"z": (3,)},
     ["shift", "shift"]),
    ("y = ln(sum(k) exp(z[k]))", {"z": (3,)}, ["log-sum-exp"]),
    ("y = ln(mean(k) exp(z[k]))", {"z": (3,)}, ["log-sum-exp"]),
    ("y = ln(exp(a) + 2*exp(b))", {"a": (), "b": ()}, ["log-sum-exp"]),
    ("y = sum(k) ln(sum(j) exp(z[k,j] + a[k]))", {"z": (2, 3), "a": (2,)}, ["log-sum-exp"]),
    ("y[i] = ln(exp(z[i])/sum(k) exp(z[k]))", {"z": (3,)}, ["log-softmax"]),
    (f"{SOFTMAX}; L = -sum(n,k) t[n,k]*ln(p[n,k])", {"z": (2, 3), "t": (2, 3)},
     ["shift", "log-softmax"]),
    (f"{SOFTMAX}; H[n] = -sum(i) p[n,i]*log2(p[n,i])", {"z": (2, 3)},
     ["shift", "log-softmax", "log-base"]),
    (f"{SOFTMAX}; L = sum(n,i) xlogy(t[n,i], p[n,i])", {"z": (2, 3), "t": (2, 3)},
     ["shift", "log-softmax", "xlogy"]),
    (f"{SOFTMAX}; q[i,n] = p[n,i]; L = sum(n,i) t[n,i]*ln(q[i,n])", {"z": (2, 3), "t": (2, 3)},
     ["shift", "log-softmax"]),
    ("e[i] = exp(z[i]); s = sum(j) e[j]; p[i] = e[i]/s; L = sum(i) t[i]*ln(p[i])",
     {"z": (3,), "t": (3,)}, ["shift", "log-softmax"]),
    ("p[i] = sigmoid(z[i]); L = -sum(i) (t[i]*ln(p[i]) + (1 - t[i])*ln(1 - p[i]))",
     {"z": (3,), "t": (3,)}, ["log-sigmoid", "log-complement"]),
    ("y = ln(1/(1 + exp(-x)))", {"x": ()}, ["log-sigmoid"]),
    ("y = 1/(1 + exp(-x)) + exp(x)/(exp(x) + 1)", {"x": ()}, ["sigmoid", "sigmoid-above"]),
    ("v[i] = u[i] if u[i] > 0 else a*(exp(u[i]) - 1)", {"u": (4,), "a": ()}, ["expm1"]),
    ("y = 1 - exp(-x) + (-1 + exp(x))", {"x": ()}, ["expm1", "expm1"]),
    ("y = exp(a)*x/exp(b)", {"a": (), "b": (), "x": ()}, ["quotient"]),
    ("y = ln(2 + x^2) + exp(x)/3 + ln(1 + pi)", {"x": ()}, []),
    ("y = exp(x)/x + ln(x)", {"x": None}, []),
])  # fmt: skip
def test_it_is_found_and_agrees(text, shapes_, names) -> None:
    # a shape of None: positive numbers, and a zero among weights
    values = {n: 1.7 if s is None and n != "w" else np.array([1.0, 0, 2]) if s is None
              else numbers(*s) for n, s in shapes_.items()}
    check(text, values, *names)


def test_a_gather_through_a_definition() -> None:
    q = check(f"label y[N] < K; z[n,k] = x[n,k]*2; {SOFTMAX}; L = -mean(n) ln(p[n,y[n]])",
              {"x": numbers(2, 3), "y": [2, 0]}, "shift", "log-softmax")
    assert "p" not in q.tensors  # nothing reads the probabilities any more
    assert [e.target for e in q.equations] == ["z", "p_max", "L"]


def test_an_output_stays_and_so_does_what_is_asked_for() -> None:
    text = f"{SOFTMAX}; L = -sum(n,k) t[n,k]*ln(p[n,k])"
    assert "p" in stabilise(program(f"{text}; output p, L")).tensors
    assert "p" in stabilise(program(text), keep=["p"]).tensors
    f = cr.formula(text)
    z, t = numbers(2, 3), np.eye(3)[[0, 2]]
    p = cr.run(SOFTMAX, z=z)
    np.testing.assert_allclose(f.gradient(z=z, t=t, wrt="p")["p"], -t / p)
    np.testing.assert_allclose(f.jacobian(z=z, t=t, of="p", wrt="t")["t"], np.zeros((2, 3, 2, 3)))
    np.testing.assert_allclose(f.vjp({"p": t}, z=z, t=t, wrt="z")["z"],
                               p * (t - (p * t).sum(1, keepdims=True)))


def test_an_equation_of_its_own_keeps_its_layer_and_says_where_it_comes_from() -> None:
    net = nn.Network(nn.Sequential(nn.Linear(3, 4), nn.Softmax()), (3,), loss=nn.CrossEntropy())
    q = stabilise(net.program)
    assert q.layers == net.program.layers
    top = next(e for e in q.equations if e.target == "softmax1_max")
    assert (top.origin.rule, top.origin.of, top.origin.layer) == ("part", "softmax1", "softmax1")


def test_no_letter_is_captured() -> None:
    # the sum over k reads a definition whose own sum is over k, in a sum over i
    text = "p[i] = exp(z[i])/sum(k) exp(z[k]); L = sum(k, i) t[k,i]*ln(p[k])*ln(p[i])"
    check(text, {"z": numbers(3), "t": numbers(3, 3)}, "shift", "log-softmax", "log-softmax")
    check("q_max = a; q[i] = exp(z[i]*q_max)/sum(k) exp(z[k]*q_max)",
          {"a": 2.0, "z": numbers(3)}, "shift")


def test_what_is_not_looked_at_does_not_fail() -> None:
    # exponents that are defined only where the equation looks
    text = ("input x[4]; y[i] = exp(ln(x[i]))/sum(j, x[j] > 0) exp(ln(x[j])) if x[i] > 0 else 0")
    np.testing.assert_allclose(cr.run(text, x=[1, -1, 0, 3]), [0.25, 0, 0, 0.75])
    text = "input x[4]; y[i] = exp(x[i+1])/sum(j < 2) exp(x[i+j]) with i < 3"
    np.testing.assert_allclose(cr.run(text, x=[0, 0, 0, 0]), [0.5, 0.5, 0.5])
    text = "input x[4]; y[i] = exp(x[i])/sum(j < 2) exp(x[i+j]) if i < 3 else 7"
    np.testing.assert_allclose(cr.run(text, x=[0, 0, 0, 0]), [0.5, 0.5, 0.5, 7])
    f = cr.formula(SOFTMAX)
    for shape in ((2, 0), (0, 2)):
        nothing = np.zeros(shape)
        assert f(z=nothing).shape == shape
        assert f.jvp({"z": nothing}, z=nothing).shape == shape


def test_what_nothing_reads_stays_whole() -> None:
    q = stabilise(program(f"{SOFTMAX}; y = exp(a) - 1; output y"))
    assert [e.target for e in q.equations] == ["p_max", "p", "y"]


def test_zero_weights_do_not_hide_the_others() -> None:
    for dtype, far in (("float64", 700), ("float32", 120)):
        f = cr.formula("p[i] = w[i]*exp(z[i])/sum(k) w[k]*exp(z[k])", dtype=dtype)
        for z in ([far, 0, 0], [1e4 + far, 1e4, 1e4], [-1e4, 1e4, 1e4]):
            np.testing.assert_allclose(f(w=[0, 1, 1], z=z), [0, 0.5, 0.5], 1e-6)


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=6), st.integers(0, 5))
def test_softmax_and_its_logarithm_agree_with_the_naive_form(z, label) -> None:
    text = f"label y[N] < K; {SOFTMAX}; L = -sum(n) ln(p[n,y[n]])"
    values = {"z": [z], "y": [label % len(z)]}
    stable, naive = cr.formula(text), cr.formula(text, stable=False)
    assert stable(values) == pytest.approx(naive(values), 1e-9, 1e-9)
    np.testing.assert_allclose(stable.gradient(values)["z"], naive.gradient(values)["z"],
                               1e-9, 1e-9)
    v = {"z": [list(range(len(z)))]}
    np.testing.assert_allclose(stable.hvp(v, values)["z"], naive.hvp(v, values)["z"], 1e-7, 1e-7)
    np.testing.assert_allclose(stable.hessian(values, wrt="z"), naive.hessian(values, wrt="z"),
                               1e-7, 1e-7)


# --- far out --------------------------------------------------------------------------------------

FAR = np.array([[1e4, 0, -1e4, 9999], [-1e4, -1e4, -9999.5, -1e4], [700, 710, 720, -745]])
FAR_PROGRAMS = {
    "softmax": (SOFTMAX, {"z": FAR}),
    "log_softmax": ("y[n,i] = ln(exp(z[n,i])/sum(k) exp(z[n,k]))", {"z": FAR}),
    "log_sum_exp": ("y[n] = ln(sum(k) exp(z[n,k]))", {"z": FAR}),
    "cross-entropy of a softmax layer":
        (f"{SOFTMAX}; L = -mean(n) sum(k) t[n,k]*ln(p[n,k])",
         {"z": FAR, "t": np.eye(4)[[2, 1, 3]]}),
    "cross-entropy of a softmax layer by labels":
        (f"label y[N] < K; {SOFTMAX}; L = -mean(n) ln(p[n,y[n]])", {"z": FAR, "y": [2, 1, 3]}),
    "cross-entropy with logits and smoothing":
        ("""label y[N] < K
         l[n] = -9/10*ln(exp(z[n,y[n]])/sum(r) exp(z[n,r])) \
         - 1/10/4*sum(k) ln(exp(z[n,k])/sum(r) exp(z[n,r]))
         L = mean(n) l[n]""", {"z": FAR, "y": [2, 1, 3]}),
    "causal attention": ("input s[3,3]; a[i,j] = exp(s[i,j])/sum(r <= i) exp(s[i,r]) if j <= i "
                         "else 0", {"s": FAR[:, :3]}),
    "softplus and tanh by hand":
        ("y[i] = ln(1 + exp(x[i])) + (exp(x[i]) - exp(-x[i]))/(exp(x[i]) + exp(-x[i]))",
         {"x": np.array([1e4, -1e4, 300])}),
    "log-cosh": ("y[i] = ln(cosh(x[i]))", {"x": np.array([1e4, -1e4, 300])}),
    "two sums of exponentials": ("y = exp(a)/(exp(a) + exp(b)) + ln(exp(a) + exp(b))",
                                 {"a": 1e4, "b": 9999}),
}  # fmt: skip


@pytest.mark.parametrize("name", FAR_PROGRAMS)
def test_far_out_it_agrees_with_mpmath(name: str) -> None:
    text, values = FAR_PROGRAMS[name]
    p = program(text)
    wrt = [n for n in p.inputs if p.tensors[n].kind == "real"]
    with pytest.raises(DomainError):
        cr.formula(text, stable=False).run(values)
        cr.formula(text, stable=False).vjp(
            {n: np.ones(s) for n, s in shapes(p, bind(p, values)[0]).items() if n in p.outputs},
            values)
    for a, b in zip(everything(p, values, wrt, 50), everything(stabilise(p), values, wrt),
                    strict=True):
        for x, y in zip(np.ravel(a), np.ravel(b), strict=True):
            assert abs(float(x) - y) <= 1e-11 * (1 + abs(float(x)))


@pytest.mark.parametrize("text", [
    "p[i] = sigmoid(z[i]); L = sum(i) (-t[i]*ln(p[i]) - (1 - t[i])*ln(1 - p[i]))",
    "L = sum(i) (-t[i]*ln(sigmoid(z[i])) - (1 - t[i])*ln(1 - sigmoid(z[i])))",
    "p[i] = 1/(1 + exp(-z[i])); L = sum(i) (-t[i]*ln(p[i]) - (1 - t[i])*ln(1 - p[i]))",
])
def test_binary_cross_entropy_far_out(text: str) -> None:
    values = {"z": [1e4, -1e4, 40, -40, 0], "t": [0, 1, 0, 1, 0.5]}
    found = everything(stabilise(program(text)), values, ["z", "t"])
    # 1 - sigmoid(10^4) is 10^-4343
    exact = everything(program(text), values, ["z", "t"], 4500)
    for a, b in zip(exact, found, strict=True):
        for x, y in zip(np.ravel(a), np.ravel(b), strict=True):
            assert abs(float(x) - y) <= 1e-11 * (1 + abs(float(x)))


def test_masks_of_minus_infinity() -> None:
    text = """input s[T,T], M[T,T]
        q[i,j] = s[i,j] + M[i,j]
        a[i,j] = exp(q[i,j])/sum(r) exp(q[i,r])
        L = sum(i,j) v[j]*a[i,j]"""
    mask = np.where(np.tri(3) > 0, 0, -np.inf)
    s, v = FAR[:, :3], numbers(3)
    f = cr.formula(text)
    causal = cr.formula("input s[T,T]; a[i,j] = exp(s[i,j])/sum(r <= i) exp(s[i,r]) if j <= i "
                        "else 0; L = sum(i,j) v[j]*a[i,j]")
    assert f(s=s, M=mask, v=v) == pytest.approx(causal(s=s, v=v))
    np.testing.assert_allclose(f.gradient(s=s, M=mask, v=v, wrt="s")["s"],
                               causal.gradient(s=s, v=v, wrt="s")["s"])
    np.testing.assert_allclose(f.hvp({"s": s}, s=s, M=mask, v=v)["s"],
                               causal.hvp({"s": s}, s=s, v=v)["s"], atol=1e-12)


def test_a_network_with_a_softmax_layer_runs_at_large_logits() -> None:
    net = nn.Network(nn.Sequential(nn.Linear(2, 3), nn.Softmax()), (2,), loss=nn.CrossEntropy())
    values = {**net.initial(0), "x": [[1e4, -1e4]], "t": [[0, 1, 0]]}
    f = cr.formula(net.program)
    found = f.run(values)
    logits = np.array([[1e4, -1e4]]) @ values["dense1_W"].T + values["dense1_b"]
    assert found["loss"] == pytest.approx(logits.max() - logits[0, 1])
    assert np.isfinite(f.gradient(values, of="loss")["dense1_W"]).all()


# --- never worse than the formula as it stands ----------------------------------------------------


def exact(x) -> mpmath.mpf:
    return mpmath.mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else mpmath.mpf(x)


def found_by(p: Program, values: Mapping[str, object], adjoints: bool, digits: int | None = None):
    """The output y, and where they are wanted its adjoints by all inputs but c, as a flat list."""
    given, names = {n: values[n] for n in p.inputs}, ["y"]
    shape = shapes(p, bind(p, given)[0])["y"]
    if adjoints:
        d = vjp(p, wrt=[n for n in p.inputs if n != "c" and p.tensors[n].kind == "real"])
        p, names = d.program, ["y", *d.names.values()]
        given[d.seeds["y"]] = np.ones(shape)
    if digits is None:
        found = run(p, given)
        return np.concatenate([np.ravel(found[n]) for n in names])
    cells = evaluate_cells(p, given, digits=digits)
    return [exact(x) for n in names for x in cells[n].cells]


def near(x: float, true: mpmath.mpf, close: float, floor: float = 0) -> bool:
    return bool(np.isfinite(x) and abs(mpmath.mpf(float(x)) - true)
                <= close * abs(true) + floor + mpmath.mpf(10) ** -300)


def worse(p: Program, q: Program, values: Mapping[str, object]) -> str | None:
    """Where the stable form q is wrong although p, as it stands, is right; None if nowhere.

    Values are held against 60 digits by their own size, or by 1 where a logarithm is near 0;
    adjoints by the largest of them, since those that are 0 by cancellation have no size.
    """
    for adjoints in (False, True):
        try:
            naive, true = found_by(p, values, adjoints), found_by(p, values, adjoints, 60)
        except DomainError:
            continue
        good = [near(x, t, 1e-12) for x, t in zip(naive, true, strict=True)]
        if adjoints and not good[0]:
            continue
        try:
            stable = found_by(q, values, adjoints)
        except DomainError as error:
            if all(good):
                return str(error)
            continue
        large = max(abs(x) for x in naive if np.isfinite(x)) if any(np.isfinite(naive)) else 0
        floor = 1e-12 * large if adjoints else 1e-12 * ("ln(" in str(p) or "xlogy(" in str(p))
        for k, fine in enumerate(good):
            if fine and not near(stable[k], true[k], 1e-10, floor):
                return f"result {k}: {naive[k]} is right, {stable[k]} is not"
    return None


ATTENTION = ("input s[3,3]; a[i,j] = exp(s[i,j])/sum(r <= i) exp(s[i,r]) if j <= i else 0; "
             "{}y = {}")
ROWS = [[0.0, 1, 2]] * 3
WEIGHTED = "input w[2], z[2]; y[i] = w[i]*exp(z[i])/sum(k) w[k]*exp(z[k])"
HARD = [  # each was once worse than the formula as it stands
    (ATTENTION.format("", "-sum(i,j) xlogy(a[i,j], a[i,j])"), {"s": ROWS}, 1.41460),
    (ATTENTION.format("input t[3,3]; ", "-sum(i,j) xlogy(t[i,j], a[i,j])"),
     {"s": ROWS, "t": np.tri(3)}, None),
    ("input s[3]; g[i] = exp(s[i]) if s[i] > 0 else 0; y = sum(i) xlogy(g[i], g[i])",
     {"s": [0, 1, 2]}, 17.49639),
    ("input s[3], M[3]; q[i] = s[i] + M[i]; a[i] = exp(q[i])/sum(k) exp(q[k]); "
     "y = sum(i) xlogy(a[i], a[i])", {"s": [1, 1, 1e4], "M": [0, 0, -np.inf]}, -np.log(2)),
    ("input z[2], c[2]; g = sum(k, c[k] > 0) exp(z[k]); y = xlogy(g, g)",
     {"z": [1, 2], "c": [0, 0]}, 0),
    ("input a[2], b[2]; y[i] = exp(a[i])*exp(b[i])/sum(k) exp(a[k])*exp(b[k])",
     {"a": [700, -100], "b": [-700, 100]}, [0.5, 0.5]),
    (WEIGHTED, {"w": [1, 1e-300], "z": [-50, 700]}, [1.901684963475e-26, 1]),
    (WEIGHTED, {"w": [1, 0], "z": [-200, 700]}, [1, 0]),
    (WEIGHTED, {"w": [0, -1], "z": [-200, -700]}, [0, 1]),
    ("input w[2], z[2]; y = exp(z[0])/(sum(k) w[k]*exp(z[k]))", {"w": [1, 0], "z": [-200, 700]}, 1),
    ("input z[2]; y = exp(z[1])/sum(k) k*exp(z[k])", {"z": [700, -100]}, 1),
    ("y = exp(a)/(exp(a) + v*exp(b))", {"a": -200, "b": 700, "v": 0}, 1),
    ("y = exp(a)/(exp(a) + 10^-300*exp(b))", {"a": -50, "b": 700}, 1.901684963475e-26),
    ("y = v*exp(g)/(exp(f) + 1)", {"v": 1e300, "g": -100, "f": 650}, 1.901684963475e-26),
    ("y = v*exp(g)/(exp(f) + exp(f))", {"v": 1e-300, "g": 700, "f": -100}, 1.363187186e47),
    ("y = exp(g)/(b*(exp(f) + exp(f)))", {"b": 1e-300, "g": -50, "f": 700}, 9.5084248174e-27),
    ("input s[2], v[2]; y = (sum(j) v[j]*exp(s[j]))/(sum(r) exp(s[r]))",
     {"v": [1e300, 0], "s": [-100, 650]}, 1.901684963475e-26),
    ("y = exp(a)*exp(b)/exp(c)", {"a": 300, "b": -400, "c": -500}, 5.22146968976e173),
    ("y = exp(a)*x/exp(b)", {"a": 700, "b": -100, "x": 1e-300}, None),
    ("input c[2]; y = exp(a)*exp(b)/sum(k) exp(c[k])", {"a": 300, "b": -300, "c": [-500, -500]},
     7.0179610892e216),
    ("input z[2], c[2]; y = exp(a)/(exp(a) + sum(k, c[k] > 0) exp(z[k]))/exp(b)",
     {"a": -700, "b": 100, "z": [1, 2], "c": [0, 0]}, np.exp(-100)),
    ("y = exp(c)/(exp(a) - exp(b) + exp(c))", {"a": 705, "b": 705, "c": -60}, 1),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values", "expected"), HARD)
def test_it_is_right_where_the_formula_as_it_stands_is(text, values, expected) -> None:
    p = program(text)
    q = stabilise(p)
    assert stabilise(q) is q
    if expected is not None:
        given = {n: values[n] for n in p.inputs}
        np.testing.assert_allclose(run(q, given)["y"], expected, 1e-5, 1e-300)
    assert worse(p, q, values) is None


def test_what_is_only_right_in_the_stable_form() -> None:
    text = ("input z[3]; label y < 3; p = exp(z[y])/sum(k) (exp(z[k]) if k != y else 0); L = ln(p)")
    assert cr.run(text, z=[0, 1000, 3], y=1) == pytest.approx(1000 - np.log(1 + np.exp(3)))
    assert cr.run("input z[3]; L = ln(sum(k) (exp(z[k]) if k != 1 else 0))",
                  z=[1000, 5000, 1000]) == pytest.approx(1000 + np.log(2))
    assert cr.run("input z[3]; L = ln(mean(k, z[k] > 0) exp(z[k]))",
                  z=[1000, -5000, 1000]) == pytest.approx(1000)


def test_kl_of_masked_attention() -> None:
    text = ATTENTION.format("", "0").partition("; y =")[0]
    text = f"input z[3,3]; {text}; b = softmax(z); L = kl(b, a)"
    z = np.array([[1.0, 2, 3], [0, 0, 1], [-1, 0, 2]])
    stable, naive = cr.formula(text), cr.formula(text, stable=False)
    assert stable(s=ROWS, z=z) == pytest.approx(naive(s=ROWS, z=z), 1e-12)
    far = stable(s=np.multiply(ROWS, 1e4), z=z)
    assert far == pytest.approx(-(np.log(softmax_of(z))[[0, 1, 2], [0, 1, 2]]).mean())


def softmax_of(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def test_an_overflow_that_a_logarithm_hides_is_refused() -> None:
    with pytest.raises(DomainError, match="L is infinite"):
        cr.run("input z[2]; L = ln(sum(i) exp(z[i])^2)", z=[400, 0])
    assert cr.run("y = exp(x)", x=1000) == np.inf  # as IEEE has it


@st.composite
def formulas(draw) -> str:
    """Small formulas of exponentials: products and quotients of them and of their sums."""
    one_of = lambda *texts: draw(st.sampled_from(texts))  # noqa: E731
    alone = ("exp(a)", "exp(b)", "exp(-a)", "exp(a - b)")
    along = ("exp(z[k])", "exp(s[k])", "exp(z[k])*exp(s[k])", "exp(z[k] - a)", "exp(z[k])/exp(b)")

    def total() -> str:
        return one_of(
            f"{one_of('', 'v*', '3*')}{one_of(*alone)}", f"{one_of(*alone)}/u",
            f"sum(k) {one_of('', 'w[k]*', 'k*')}{one_of(*along)}", "2",
            f"sum(k, c[k] > 0) {one_of('', 'w[k]*')}{one_of(*along)}",
            f"sum(k) ({one_of(*along)} if c[k] > 0 else 0)")

    def factor() -> str:
        terms = " + ".join(total() for _ in range(draw(st.integers(1, 3))))
        return one_of("v", *alone, *[f"({terms})"] * 4)

    e = factor() + "".join(one_of("*", "/", "/") + factor()
                           for _ in range(draw(st.integers(1, 3))))
    e = one_of(e, e, e, f"1 + {e}", f"ln({e})", f"xlogy(v, {e})",
               f"xlogy({e}, {e} if a > 0 else 0)")
    return f"input z[3], s[3], w[3], c[3], a, b, u, v; y = {e}"


@given(formulas(), st.integers(0, 10**6))
def test_no_formula_gets_worse(text: str, seed: int) -> None:
    p = program(text)
    q = stabilise(p)
    if q is p:
        return
    assert stabilise(q) is q
    rng = np.random.default_rng(seed)
    for far in (1, 30, 300, 710):
        def weights(*shape: int) -> np.ndarray:
            w = rng.normal(size=shape).round(3)
            kind = rng.integers(4)  # plain, of very different sizes, masks
            return (np.abs(w) * 10.0 ** rng.integers(-60, 60, shape) if kind == 0
                    else rng.integers(0, 2, shape).astype(float) if kind == 1 else w)

        values = {n: rng.uniform(-far, far, 3).round(3) for n in "zs"}
        values |= {n: float(rng.uniform(-far, far)) for n in "ab"}
        values |= {"w": weights(3), "v": float(weights()), "u": float(weights()) or 1.0,
                   "c": rng.integers(-1, 2, 3).astype(float)}
        assert worse(p, q, values) is None


# --- the whole library ----------------------------------------------------------------------------

ELEMENTWISE = [name for name, entry in LIBRARY.items() if entry.kind == "activation"
               and "input x[...]\n" in entry.text + "\n" and "parameter" not in entry.text]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_activations_are_finite_far_out(name: str) -> None:
    x = cr.input("x", (5,))
    f = cr.formula(getattr(functional, name)(x))
    at = [1e4, -1e4, 710.0, -745.0, 0.5]
    for found in everything(stabilise(f.program), {"x": at}, ["x"]):
        assert np.isfinite(found).all()


FAR_ROWS = [[1e4, -1e4, 0], [-1e4, -9999, 3]]
ONE_HOT = [[0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "log_sum_exp"])
def test_the_softmax_family_is_finite_far_out(name: str) -> None:
    f = cr.formula(getattr(functional, name)(cr.input("z", (2, 3))))
    for found in everything(stabilise(f.program), {"z": FAR_ROWS}, ["z"]):
        assert np.isfinite(found).all()


@pytest.mark.parametrize("name", [
    "half_squared_error", "mse", "l1", "huber", "hinge", "binary_cross_entropy_with_logits",
    "soft_cross_entropy_with_logits",
])
def test_losses_are_finite_far_out(name: str) -> None:
    f = cr.formula(getattr(functional, name)(cr.input("a", (2, 3)), cr.input("t", (2, 3))))
    for found in everything(stabilise(f.program), {"a": FAR_ROWS, "t": ONE_HOT}, ["a"]):
        assert np.isfinite(found).all()


@pytest.mark.parametrize("name", ["cross_entropy", "kl"])
def test_losses_of_a_softmax_are_finite_far_out(name: str) -> None:
    p = functional.softmax(cr.input("z", (2, 3)))
    f = cr.formula(getattr(functional, name)(p, cr.input("t", (2, 3))))
    for found in everything(stabilise(f.program), {"z": FAR_ROWS, "t": ONE_HOT}, ["z"]):
        assert np.isfinite(found).all()


def test_attention_is_finite_far_out() -> None:
    inputs = {n: cr.input(n, (3, 2)) for n in "QKV"}
    values = {"Q": FAR[:, :2], "K": FAR[:, 1:3], "V": numbers(3, 2)}
    mask = np.where(np.tri(3) > 0, 0, -np.inf)
    programs = [(functional.attention(**inputs), {}), (functional.causal_attention(**inputs), {}),
                (functional.attention(**inputs, M=cr.input("M", (3, 3))), {"M": mask})]
    outputs = []
    for y, more in programs:
        given = {**values, **more}
        outputs.append(everything(stabilise(cr.formula(y).program), given, ["Q", "K", "V"]))
        assert all(np.isfinite(found).all() for found in outputs[-1])
    for causal, masked in zip(*outputs[1:], strict=True):
        np.testing.assert_allclose(causal, masked, 1e-9, 1e-9)


# --- speed ----------------------------------------------------------------------------------------


def test_a_long_program_without_exponentials_costs_nothing() -> None:
    text = "\n".join(f"x{k + 1} = sin(x{k})*x{k} + a*x{k}/b" for k in range(10_000))
    p = program(text)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        assert stabilise(p) is p
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1


def test_long_sums_and_products_need_no_recursion() -> None:
    terms = " + ".join("exp(x)" for _ in range(150))
    assert cr.run(f"y = ln({terms})", x=1000) == pytest.approx(1000 + np.log(150))
    factors = "*".join("x" for _ in range(150))
    assert cr.run(f"y = {factors}*exp(a)/(exp(a) + exp(b))", x=1, a=1000, b=1000) == 0.5


def test_a_chain_of_names_is_followed_only_so_far() -> None:
    text = "x1 = exp(x0)\n" + "\n".join(f"x{k + 1} = x{k} + x{k}" for k in range(1, 3000))
    start = time.perf_counter()
    stabilise(program(f"{text}\ny = ln(x3000) + a/x3000"))
    assert time.perf_counter() - start < 5
