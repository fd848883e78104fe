"""Gradients of the library's formulas against closed forms, autograd, and PyTorch where it is here.

`test_formulas` holds every formula against differences; here a handful is held against what a
reader would work out by hand, and against other systems for differentiation.
"""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from formula_cases import Case, program

import chainrule as cr
from chainrule.diff.reverse import vjp
from chainrule.evaluate.reference import run
from chainrule.formulas import LIBRARY, instantiate
from chainrule.lang.integers import constant
from chainrule.lang.program import Program


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def formula(name: str, given: dict, training: bool = False, **settings: object) -> Program:
    """The program of a formula for inputs of these shapes."""
    shapes = {k: tuple(map(constant, np.shape(v))) for k, v in given.items()}
    found = instantiate(LIBRARY[name], shapes, settings, training)
    return Program(found.tensors, found.inputs, found.equations, found.outputs)


def pulled(p: Program, at: dict, seeds: dict) -> dict[str, np.ndarray]:
    """The adjoints of all inputs for these adjoints of the outputs."""
    d = vjp(p, list(seeds), [n for n in p.inputs if p.tensors[n].kind == "real"])
    found = run(d.program, at | {d.seeds[n]: s for n, s in seeds.items()})
    return {name: found[bar] for name, bar in d.names.items()}


def agrees(p: Program, at: dict, oracle) -> None:
    """Adjoints for random seeds against autograd on the same function, input by input."""
    seeds = {n: numbers(*[a.constant for a in p.tensors[n].shape], seed=9) for n in p.outputs}
    found = pulled(p, at, seeds)

    def value(moved: dict) -> float:
        outputs = oracle(**moved)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return sum(anp.sum(y * s) for y, s in zip(outputs, seeds.values(), strict=True))

    for name, bar in found.items():
        expected = autograd.grad(lambda a, n=name: value({**at, n: a}))(at[name])
        np.testing.assert_allclose(bar, expected, 1e-10, 1e-12, err_msg=name)


# --- closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["soft_cross_entropy_with_logits", "cross_entropy_with_logits"])
def test_softmax_with_cross_entropy_has_gradient_p_minus_t(name):
    z, labels = numbers(5, 4), np.array([3, 0, 0, 2, 1])
    t = np.eye(4)[labels]
    given = {"z": z, "t": t} if name.startswith("soft_") else {"z": z, "y": labels}
    found = pulled(formula(name, given), given, {"L": np.array(1.0)})
    e = np.exp(z)
    np.testing.assert_allclose(found["z"], (e / e.sum(1, keepdims=True) - t) / 5, 1e-12, 1e-15)


def test_label_smoothing_moves_the_target():
    z, labels = numbers(5, 4), np.array([3, 0, 0, 2, 1])
    given = {"z": z, "y": labels}
    p = formula("cross_entropy_with_logits", given, label_smoothing=0.1)
    e = np.exp(z)
    t = 0.9 * np.eye(4)[labels] + 0.1 / 4
    np.testing.assert_allclose(pulled(p, given, {"L": np.array(1.0)})["z"],
                               (e / e.sum(1, keepdims=True) - t) / 5, 1e-12, 1e-15)


def test_the_gradient_of_cross_entropy_stays_where_exp_does_not():
    z = np.array([[1e4, 0.0, -1e4]])
    f = cr.formula(formula("cross_entropy_with_logits", {"z": z, "y": np.array([1])}))
    value, found = f.value_and_gradient(z=z, y=[1])
    assert value == 1e4
    np.testing.assert_allclose(found["z"], [[1, -1, 0]])


def test_a_sigmoid_with_binary_cross_entropy_has_gradient_p_minus_t():
    at = {"y": numbers(6), "t": np.array([0.0, 1, 1, 0, 0.25, 1])}
    found = pulled(formula("binary_cross_entropy_with_logits", at), at, {"L": np.array(1.0)})
    np.testing.assert_allclose(found["y"], (1 / (1 + np.exp(-at["y"])) - at["t"]) / 6, 1e-12)


def test_half_squared_error_has_gradient_y_minus_t_and_weight_decay_lambda_w():
    at = {"y": numbers(3, 2), "t": numbers(3, 2, seed=1)}
    found = pulled(formula("half_squared_error", at), at, {"L": np.array(1.0)})
    np.testing.assert_allclose(found["y"], at["y"] - at["t"], 1e-14)
    w = {"w": numbers(2, 3)}
    found = pulled(formula("weight_decay", w, strength=0.5), w, {"R": np.array(1.0)})
    np.testing.assert_allclose(found["w"], 0.5 * w["w"], 1e-14)


def test_batch_normalisation_in_training_as_its_paper_differentiates_it():
    # Ioffe and Szegedy 2015, section 3: the gradient centres and takes out what points along x̂
    at = {"x": numbers(6, 3, 4), "gamma": numbers(3), "beta": numbers(3, seed=1),
          "mu": np.zeros(3), "v": np.ones(3)}  # fmt: skip
    p = formula("batch_norm1d", at, training=True)
    seed = numbers(6, 3, 4, seed=2)
    found = pulled(p, at, {"y": seed})
    axes = (0, 2)
    centred = at["x"] - at["x"].mean(axes, keepdims=True)
    spread = np.sqrt(at["x"].var(axes, keepdims=True) + 1e-5)
    hat = centred / spread
    inner = seed - seed.mean(axes, keepdims=True) - hat * (seed * hat).mean(axes, keepdims=True)
    np.testing.assert_allclose(found["x"], at["gamma"][:, None] / spread * inner, 1e-11, 1e-13)
    np.testing.assert_allclose(found["gamma"], (seed * hat).sum(axes), 1e-11)
    np.testing.assert_allclose(found["beta"], seed.sum(axes), 1e-11)
    assert not found["mu"].any() and not found["v"].any()


def test_a_convolution_and_its_transpose_are_adjoint():
    """<w * x, y> = <x, w *ᵀ y>: the gradient of one layer is the other."""
    x, w, y = numbers(2, 4, 7), numbers(6, 2, 3), numbers(2, 6, 4)
    settings = {"out_channels": 6, "kernel_size": 3, "stride": 2, "padding": 1, "groups": 2,
                "bias": False}  # fmt: skip
    back = pulled(formula("conv1d", {"x": x, "w": w}, **settings), {"x": x, "w": w}, {"y": y})
    other = {"x": y, "w": w}
    settings |= {"out_channels": 4}
    forward = run(formula("conv_transpose1d", other, **settings), other)["y"]
    np.testing.assert_allclose(back["x"], forward, 1e-12, 1e-13)


# --- autograd -------------------------------------------------------------------------------------


def softmax(s):
    e = anp.exp(s - anp.max(s, axis=-1, keepdims=True))
    return e / anp.sum(e, axis=-1, keepdims=True)


def test_layer_normalisation():
    at = {"x": numbers(4, 6), "gamma": numbers(6), "beta": numbers(6, seed=1)}
    agrees(formula("layer_norm", at, normalized_shape=6), at, lambda x, gamma, beta: gamma * (
        x - anp.mean(x, 1, keepdims=True)) / anp.sqrt(
        anp.var(x, 1, keepdims=True) + 1e-5) + beta)  # fmt: skip


def test_group_normalisation():
    at = {"x": numbers(2, 4, 3), "gamma": numbers(4), "beta": numbers(4, seed=1)}

    def oracle(x, gamma, beta):
        groups = anp.reshape(x, (2, 2, 6))
        spread = anp.sqrt(anp.var(groups, 2, keepdims=True) + 1e-5)
        hat = anp.reshape((groups - anp.mean(groups, 2, keepdims=True)) / spread, (2, 4, 3))
        return gamma[:, None] * hat + beta[:, None]

    agrees(formula("group_norm", at, num_groups=2), at, oracle)


def test_attention_with_a_mask():
    at = {"Q": numbers(2, 3, 4), "K": numbers(2, 5, 4), "V": numbers(2, 5, 6), "M": numbers(3, 5)}
    agrees(formula("attention", at), at, lambda Q, K, V, M: anp.einsum(
        "nij,njd->nid", softmax(anp.einsum("nie,nje->nij", Q, K) / 2 + M), V))


def test_causal_attention():
    at = {"Q": numbers(4, 3), "K": numbers(4, 3, seed=1), "V": numbers(4, 2)}
    later = np.triu(np.full((4, 4), -1e9), 1)
    agrees(formula("causal_attention", at), at, lambda Q, K, V: softmax(
        Q @ K.T / np.sqrt(3) + later) @ V)


def test_multi_head_attention():
    p = program(Case("multi_head_attention", 1, 0, (("embed_dim", 4), ("num_heads", 2))))
    at = {n: numbers(*[a.constant for a in p.tensors[n].shape], seed=k)
          for k, n in enumerate(p.inputs)}  # fmt: skip

    def oracle(x, M, P, Wq, bq, Wk, bk, Wv, bv, Wo, bo):
        q, k, v = (anp.einsum("hed,nid->nhie", W, x) + b[:, None]
                   for W, b in ((Wq, bq), (Wk, bk), (Wv, bv)))
        a = softmax(anp.einsum("nhie,nhje->nhij", q, k) / np.sqrt(2) + M + P[:, None, None])
        return anp.einsum("dhe,nhij,nhje->nid", Wo, a, v) + bo

    agrees(p, at, oracle)


def cell_inputs(gates: int, *states: str) -> dict[str, np.ndarray]:
    at = {"x": numbers(2, 3), "W": numbers(4 * gates, 3), "R": numbers(4 * gates, 4),
          "b": numbers(4 * gates), "c": numbers(4 * gates, seed=1)}  # fmt: skip
    return at | {name: numbers(2, 4, seed=k) for k, name in enumerate(states, 2)}


def sigmoid(a):
    return 1 / (1 + anp.exp(-a))


def test_an_lstm_cell():
    at = cell_inputs(4, "h", "m")

    def oracle(x, W, R, b, c, h, m):
        i, f, g, o = anp.split(x @ W.T + b + h @ R.T + c, 4, axis=1)
        m = sigmoid(f) * m + sigmoid(i) * anp.tanh(g)
        return sigmoid(o) * anp.tanh(m), m

    agrees(formula("lstm_cell", at, hidden_size=4), at, oracle)


def test_two_gated_units():
    at = cell_inputs(3, "h")

    def oracle(x, W, R, b, c, h, first=False):
        a, s = x @ W.T + b, h @ R.T + c
        r, z = sigmoid(a[:, :4] + s[:, :4]), sigmoid(a[:, 4:8] + s[:, 4:8])
        mixed = (r * h) @ R[8:].T + c[8:] if first else r * s[:, 8:]
        return (1 - z) * anp.tanh(a[:, 8:] + mixed) + z * h

    agrees(formula("gru_cell", at, hidden_size=4), at, oracle)
    agrees(formula("gru_cell_reset_first", at, hidden_size=4), at,
           lambda **given: oracle(**given, first=True))


# --- PyTorch, where it is installed ---------------------------------------------------------------

TORCH = {
    "conv2d": ({"x": (2, 4, 6, 5), "w": (6, 2, 3, 3), "b": (6,)},
               {"out_channels": 6, "kernel_size": 3, "stride": 2, "padding": 1, "groups": 2},
               lambda F, x, w, b: F.conv2d(x, w, b, 2, 1, 1, 2)),
    "conv_transpose2d": ({"x": (2, 4, 3, 4), "w": (4, 3, 3, 3), "b": (6,)},
                         {"out_channels": 6, "kernel_size": 3, "stride": 2, "padding": 1,
                          "output_padding": 1, "groups": 2},
                         lambda F, x, w, b: F.conv_transpose2d(x, w, b, 2, 1, 1, 2)),
    "max_pool2d": ({"x": (2, 3, 7, 6)}, {"kernel_size": 3, "stride": 2, "padding": 1},
                   lambda F, x: F.max_pool2d(x, 3, 2, 1)),
    "avg_pool2d": ({"x": (2, 3, 7, 6)}, {"kernel_size": 3, "stride": 2, "padding": 1},
                   lambda F, x: F.avg_pool2d(x, 3, 2, 1)),
    "adaptive_avg_pool2d": ({"x": (2, 3, 7, 5)}, {"output_size": 3},
                            lambda F, x: F.adaptive_avg_pool2d(x, 3)),
    "adaptive_max_pool2d": ({"x": (2, 3, 7, 5)}, {"output_size": 3},
                            lambda F, x: F.adaptive_max_pool2d(x, 3)),
    "upsample_linear2d": ({"x": (2, 3, 4, 5)}, {"scale_factor": 2},
                          lambda F, x: F.interpolate(x, scale_factor=2, mode="bilinear")),
    "local_response_norm": ({"x": (2, 6, 3, 2)}, {"size": 4, "alpha": 0.5},
                            lambda F, x: F.local_response_norm(x, 4, 0.5)),
    "bilinear": ({"x": (5, 3), "t": (5, 4), "W": (2, 3, 4), "b": (2,)}, {"out_features": 2},
                 lambda F, x, t, W, b: F.bilinear(x, t, W, b)),
    "huber": ({"y": (4, 3), "t": (4, 3)}, {"delta": 0.7},
              lambda F, y, t: F.huber_loss(y, t, delta=0.7)),
}  # fmt: skip


@pytest.mark.parametrize("name", TORCH)
def test_values_and_gradients_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    shapes, settings, oracle = TORCH[name]
    at = {n: numbers(*s, seed=k) for k, (n, s) in enumerate(shapes.items())}
    p = formula(name, at, **settings)
    theirs = {n: torch.tensor(v, requires_grad=True) for n, v in at.items()}
    y = oracle(torch.nn.functional, **theirs)
    np.testing.assert_allclose(run(p, at)[p.outputs[0]], y.detach().numpy(), 1e-10, 1e-12)
    seed = numbers(*y.shape, seed=8)
    y.backward(torch.tensor(seed))
    for n, bar in pulled(p, at, {p.outputs[0]: seed}).items():
        np.testing.assert_allclose(bar, theirs[n].grad.numpy(), 1e-10, 1e-12, err_msg=n)
