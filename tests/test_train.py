"""Training: steps as programs, optimisers, schedules, the loop, data that fit and data that do not.

The optimisers are held against implementations in NumPy that are written out here, line by line
from the papers; the course's digit exercises against numbers that others have computed.
"""

from __future__ import annotations

import json
import math
import os
import signal
import tomllib
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import (
    ChainruleError,
    InputError,
    LimitError,
    MissingValueError,
    RangeError,
    ShapeError,
    UnknownNameError,
)
from chainrule.formulas.optimisers import ENTRIES, OPTIMISERS
from chainrule.lang.printing import program_text
from chainrule.lang.ranges import program as parsed
from chainrule.nn import zoo
from chainrule.train.api import train
from chainrule.train.data import Data, Examples, load
from chainrule.train.faults import NonFiniteError
from chainrule.train.feed import Mask, feed, masks_of, order_of
from chainrule.train.interrupts import Interrupted
from chainrule.train.log import Log
from chainrule.train.progress import Progress
from chainrule.train.runner import ReferenceRunner, Roles, make_runner
from chainrule.train.schedules import SCHEDULES, Schedule
from chainrule.train.scoring import Score
from chainrule.train.settings import Settings
from chainrule.train.step import evaluation_step, training_step
from chainrule.train.study import read_grid, sweep

USPS = Path(__file__).parents[2] / "shared" / "data" / "usps"
SEEDS = Path(__file__).parents[2] / "shared" / "cases" / "seeds.toml"
needs_usps = pytest.mark.skipif(not USPS.is_dir() or not SEEDS.is_file(),
                                reason="the course's digits are not here")
EXACT = {"dtype": "float64", "backend": "reference"}


def mlp(**options) -> nn.Network:
    """A small network with biases, of classes."""
    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    return nn.Network(module, 4, loss="CrossEntropyLoss", **options)


def blobs(count: int = 60, seed: int = 0) -> Examples:
    """Three clouds of points in four dimensions."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return Examples(rng.normal(size=(count, 4)) + 3 * np.eye(4)[labels], labels=labels)


def blob_data(**more) -> Data:
    return Data(blobs(60), blobs(30, 1), blobs(24, 2), **more)


# --- the optimisers -------------------------------------------------------------------------------


def by_hand(name: str, steps: int, start: dict, gradient, rate: float) -> dict:
    """The optimisers in NumPy, from the papers, with their usual settings."""
    theta = {k: v.copy() for k, v in start.items()}
    zero = {k: np.zeros_like(v) for k, v in theta.items()}
    a, b = dict(zero), dict(zero)
    for t in range(1, steps + 1):
        g = gradient(theta, t - 1)
        for k in theta:
            if name == "sgd":
                theta[k] = theta[k] - rate * g[k]
            elif name == "momentum":
                a[k] = 0.9 * a[k] - g[k]
                theta[k] = theta[k] + rate * a[k]
            elif name == "nesterov":  # as PyTorch has it
                a[k] = 0.9 * a[k] + g[k]
                theta[k] = theta[k] - rate * (g[k] + 0.9 * a[k])
            elif name == "adagrad":
                a[k] = a[k] + g[k] ** 2
                theta[k] = theta[k] - rate * g[k] / (np.sqrt(a[k]) + 1e-10)
            elif name == "rmsprop":
                a[k] = 0.9 * a[k] + 0.1 * g[k] ** 2
                theta[k] = theta[k] - rate * g[k] / (np.sqrt(a[k]) + 1e-8)
            else:
                a[k] = 0.9 * a[k] + 0.1 * g[k]
                b[k] = 0.999 * b[k] + 0.001 * g[k] ** 2
                m, v = a[k] / (1 - 0.9**t), b[k] / (1 - 0.999**t)
                move = m / (np.sqrt(v) + 1e-8)
                if name == "adamw" and theta[k].ndim > 1:
                    move = move + 0.01 * theta[k]
                theta[k] = theta[k] - rate * move
    return theta


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_optimiser_does_what_its_paper_says(name):
    network, data = mlp(), blobs()
    start = network.initial(3)
    loss = cr.formula(network.program)

    def gradient(theta, step):
        rows = slice(step % 6 * 10, step % 6 * 10 + 10)
        at = {"x": data.inputs[rows], "y": data.labels[rows], **theta}
        return loss.gradient(at, of="loss", wrt=list(theta))

    wanted = by_hand(name, 9, start, gradient, 0.05)
    run = train(network, data, optimiser=name, rate=0.05, batch=10, iterations=9, shuffle=False,
                seed=3, **EXACT)
    for k in wanted:
        np.testing.assert_allclose(run.values[k], wanted[k], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_a_step_is_a_program_that_prints_and_reads(entry):
    step = training_step(mlp(training=True), entry, weight_decay=0.1, decayed=["dense1_W"],
                         clip_norm=1.0, clip_value=0.5)
    again = parsed(program_text(step.program))
    assert program_text(again) == program_text(step.program)
    assert again.updates == step.program.updates
    assert {old for old, _ in step.program.updates} == {*step.parameters, *step.state}
    assert entry.source and entry.purpose and entry.title


def test_a_counter_is_there_once_for_all_parameters():
    step = training_step(mlp(training=True), OPTIMISERS["adam"])
    assert [name for name in step.state if name.endswith("_t")] == ["adam_t"]
    assert len(step.program.updates) == 3 * len(step.parameters) + 1


def test_weight_decay_in_the_loss_is_lambda_w_in_the_gradient():
    network, data = mlp(), blobs(20)
    start = network.initial(0)
    at = {"x": data.inputs, "y": data.labels, **start}
    gradient = cr.formula(network.program).gradient(at, of="loss", wrt=list(start))
    run = train(network, data, optimiser="sgd", rate=0.5, batch=20, iterations=1, weight_decay=0.1,
                shuffle=False, **EXACT)
    for k, w in start.items():
        decay = 0.1 * w if w.ndim > 1 else 0.0
        np.testing.assert_allclose(run.values[k], w - 0.5 * (gradient[k] + decay), rtol=1e-12)
    everything = train(network, data, optimiser="sgd", rate=0.5, batch=20, iterations=1,
                       weight_decay=0.1, decay_all=True, shuffle=False, **EXACT)
    b = start["dense1_b"]
    np.testing.assert_allclose(everything.values["dense1_b"],
                               b - 0.5 * (gradient["dense1_b"] + 0.1 * b), rtol=1e-12)
    score = run.scores["train"]
    cost = 0.05 * sum((run.values[k] ** 2).sum() for k in ("dense1_W", "dense2_W"))
    assert score.objective - score.loss == pytest.approx(cost, rel=1e-12)


def test_clipping_by_the_norm_shortens_the_whole_gradient_and_by_value_each_cell():
    network, data = mlp(), blobs(20)
    start = network.initial(0)
    at = {"x": data.inputs, "y": data.labels, **start}
    g = cr.formula(network.program).gradient(at, of="loss", wrt=list(start))
    length = math.sqrt(sum((v**2).sum() for v in g.values()))
    for clip in (length / 2, 2 * length):
        run = train(network, data, rate=1, batch=20, iterations=1, clip=clip, shuffle=False,
                    **EXACT)
        share = min(1.0, clip / length)
        for k in start:
            np.testing.assert_allclose(run.values[k], start[k] - share * g[k], rtol=1e-12,
                                       atol=1e-15)
    cut = train(network, data, rate=1, batch=20, iterations=1, clip_value=0.01, shuffle=False,
                **EXACT)
    for k in start:
        np.testing.assert_allclose(cut.values[k], start[k] - np.clip(g[k], -0.01, 0.01),
                                   rtol=1e-12, atol=1e-15)


def test_a_gradient_of_length_zero_is_clipped_to_itself():
    network = nn.Network(nn.Linear(2, 1, bias=False), 2, loss="MSELoss")
    run = train(network, {"x": np.zeros((4, 2)), "t": np.zeros((4, 1))}, clip=1, batch=4,
                iterations=2, **EXACT)
    assert all(np.isfinite(v).all() for v in run.values.values())


# --- schedules ------------------------------------------------------------------------------------


def test_schedules_are_what_they_are_written_as():
    def rates(text, steps=8, epoch=2):
        return Schedule.read(text).rates(0.1, 0, steps, steps=steps, epoch=epoch)

    np.testing.assert_allclose(rates("constant"), 0.1)
    np.testing.assert_allclose(rates("step:every=2,factor=0.5"), [0.1] * 4 + [0.05] * 4)
    np.testing.assert_allclose(rates("exponential:factor=0.5"), 0.1 * 0.5 ** (np.arange(8) / 2))
    np.testing.assert_allclose(rates("1/t:decay=2"), 0.1 / (1 + np.arange(8)))
    cosine = rates("cosine:to=0.02")
    np.testing.assert_allclose(cosine, 0.06 + 0.04 * np.cos(np.pi * np.arange(8) / 8))
    warm = rates("warmup-cosine:warmup=1")
    np.testing.assert_allclose(warm[:3], [0.05, 0.1, 0.1])
    assert (np.diff(warm[2:]) < 0).all()


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_the_same_whole_or_in_pieces(name):
    schedule = Schedule(name)
    whole = schedule.rates(0.3, 0, 23, steps=23, epoch=5)
    pieces = [schedule.rates(0.3, a, b - a, steps=23, epoch=5)
              for a, b in ((0, 7), (7, 8), (8, 23))]
    assert np.concatenate(pieces).tolist() == whole.tolist()
    assert Schedule.read(str(schedule)) == Schedule.read(name)
    assert (whole > 0).all() or name == "cosine"


@pytest.mark.parametrize("text", ["cosin", "step:often=3", "step:every=0", "cosine:to=-1",
                                  "exponential:factor=nan", "step:every", ""])
def test_a_schedule_that_makes_no_sense_is_refused(text):
    with pytest.raises(ChainruleError):
        Schedule.read(text)


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "word"), [
    ({"rate": 0}, "rate"), ({"rate": math.nan}, "rate"), ({"rate": "fast"}, "rate"),
    ({"batch": 0}, "batch"), ({"batch": 1.5}, "batch"), ({"epochs": 0}, "epochs"),
    ({"epochs": 1, "iterations": 1}, "not both"), ({"optimiser": "adm"}, "adam"),
    ({"optimiser": "adam", "constants": {"momentum": 0.9}}, "momentum"),
    ({"constants": {"momentum": 1.0}}, "[0, 1)"), ({"weight_decay": -1}, "weight_decay"),
    ({"clip": 0}, "clip"), ({"dtype": "float16"}, "float32"), ({"last": "skip"}, "keep"),
    ({"schedule": "cosinus"}, "cosine"), ({"patience": 0}, "patience"), ({"seed": -1}, "seed"),
    ({"backend": "gpu"}, "native"), ({"threads": True}, "threads"),
])  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused(options, word):
    with pytest.raises(ChainruleError) as caught:
        Settings(**options)
    assert word in str(caught.value)


def test_adamw_decays_by_itself_and_the_others_do_not():
    assert Settings("adamw").decay == 0.01 and Settings("adam").decay == 0
    assert Settings("adamw", weight_decay=0.0).decay == 0


def test_an_unknown_setting_is_named_with_what_was_meant():
    with pytest.raises(InputError, match="learningrate"):
        train(mlp(), blobs(), learningrate=0.1)
    with pytest.raises(InputError, match="did you mean epochs"):
        train(mlp(), blobs(), epoch=1)


def test_the_batch_is_not_larger_than_what_there_is():
    with pytest.raises(InputError, match="61"):
        train(mlp(), blobs(60), batch=61)


# --- data and networks that do not fit ------------------------------------------------------------


def test_images_become_rows_and_rows_images():
    flat = Examples(np.arange(32.0).reshape(2, 16), labels=np.array([0, 1]))
    images = flat.shaped((1, 4, 4))
    rows = nn.Network(nn.Linear(16, 2), 16, loss="CrossEntropyLoss")
    conv = nn.Network(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)), (1, 4, 4),
                      loss="CrossEntropyLoss")
    for network in (rows, conv):
        a, b = (feed(network, e, "float64").arrays["x"] for e in (flat, images))
        assert a.shape == b.shape and a.tolist() == b.tolist()


def test_labels_become_rows_with_a_one_where_the_loss_wants_them():
    network = nn.Network(nn.Sequential(nn.Linear(4, 3), nn.Softmax()), 4, loss="CrossEntropy")
    found = feed(network, blobs(6), "float32")
    assert found.arrays["t"].tolist() == np.eye(3)[[0, 1, 2, 0, 1, 2]].tolist()


@pytest.mark.parametrize(("given", "error"), [
    ({"x": np.zeros((5, 4)), "y": np.array([0, 1, 2, 3, 0])}, RangeError),
    ({"x": np.zeros((5, 4)), "y": np.array([0, 1, -1, 2, 0])}, RangeError),
    ({"x": np.zeros((5, 4)), "y": np.array([0.0, 1, 2, 1, 0])}, InputError),
    ({"x": np.zeros((5, 4)), "y": np.array([0, 1, 2, 1])}, ShapeError),
    ({"x": np.zeros((5, 3)), "y": np.array([0, 1, 2, 1, 0])}, ShapeError),
    ({"x": np.full((5, 4), np.nan), "y": np.array([0, 1, 2, 1, 0])}, InputError),
    ({"x": np.zeros((0, 4)), "y": np.zeros(0, int)}, InputError),
    ({"x": np.zeros((5, 4))}, MissingValueError),
    ({"x": np.zeros((5, 4)), "y": np.zeros(5, int), "z": np.zeros(5)}, InputError),
    ({"x": np.array(["a"] * 20).reshape(5, 4), "y": np.zeros(5, int)}, InputError),
    ({"train": {"x": np.zeros((5, 4)), "y": np.zeros(5, int)}, "tset": {}}, InputError),
    (3, InputError),
    (Examples(np.zeros((5, 7)), labels=np.zeros(5, int)), ShapeError),
    (Examples(np.zeros((5, 4)), targets=np.zeros((5, 3))), InputError),
], ids=str)  # fmt: skip
def test_data_that_do_not_fit_are_refused_before_training(given, error):
    with pytest.raises(error):
        train(mlp(), given, batch=2, epochs=1, **EXACT)


def test_a_label_out_of_range_is_named_with_its_place():
    labels = np.array([0, 1, 7, 0])
    with pytest.raises(RangeError, match=r"y of the train data is 7 at \[2\].*0 to 2"):
        train(mlp(), {"x": np.zeros((4, 4)), "y": labels}, batch=2)


def test_a_network_without_a_loss_or_parameters_is_refused():
    with pytest.raises(InputError, match="no loss"):
        train(nn.Network(nn.Linear(4, 3), 4), blobs())
    with pytest.raises(InputError, match="nothing to learn"):
        train(nn.Network(nn.Softmax(), 3, loss="CrossEntropy"),
              Examples(np.ones((3, 3)), labels=np.arange(3)), batch=3)


def test_a_network_of_a_fixed_batch_is_refused():
    with pytest.raises(InputError, match="has to be the batch"):
        train(mlp(batch=8), blobs(), batch=8)


def test_a_loss_may_be_given_with_the_training():
    run = train(nn.Network(nn.Linear(4, 3), 4), blobs(), loss="CrossEntropyLoss", epochs=20,
                rate=0.5, **EXACT)
    assert run.scores["train"].accuracy > 0.9


# --- the loop -------------------------------------------------------------------------------------


def test_a_toy_network_learns():
    run = train(mlp(), blob_data(), optimiser="adam", rate=0.03, epochs=15, **EXACT)
    assert run.scores["test"].accuracy > 0.9
    assert run.history.losses[-1] < run.history.losses[0] / 2
    assert run.step == 30 and run.epochs == 15
    assert run.evaluate(blobs(24, 2)) == run.scores["test"]
    guesses = run.predict(blobs(24, 2)).argmax(axis=1)
    right = int((guesses == blobs(24, 2).labels).sum())
    assert right == run.scores["test"].right


def test_regression_has_a_loss_and_no_error_rate():
    x = np.linspace(-1, 1, 20)[:, None]
    network = nn.Network(nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1)), 1,
                         loss="MSELoss")
    run = train(network, Examples(x, targets=x**2), optimiser="adam", rate=0.05, epochs=50,
                batch=5, **EXACT)
    assert run.scores["train"].loss < 0.01
    assert run.scores["train"].error_rate is None and not run.history.right
    assert "error rate" not in str(run.document())


def test_a_loss_that_is_a_sum_adds_up_over_batches():
    network = nn.Network(nn.Linear(2, 1), 2, loss="HalfSquaredError")
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(1500, 2)), rng.normal(size=(1500, 1))
    run = train(network, {"x": x, "t": t}, rate=1e-4, batch=500, epochs=1, weight_decay=0.5,
                **EXACT)
    w, b = run.values["dense_W"], run.values["dense_b"]
    loss = 0.5 * ((x @ w.T + b - t) ** 2).sum()
    assert run.scores["train"].loss == pytest.approx(loss, rel=1e-12)
    assert run.scores["train"].objective == pytest.approx(loss + 0.25 * (w**2).sum(), rel=1e-12)


def test_the_score_is_that_of_the_formula_on_the_whole_set():
    network, data = mlp(), blobs(1999)  # a prime: batches and a rest
    run = train(network, data, epochs=1, rate=0.01, **EXACT)
    at = {"x": data.inputs, "y": data.labels, **run.values}
    out = cr.formula(network.program).run(at)
    score = run.scores["train"]
    assert score.loss == pytest.approx(out["loss"], rel=1e-12)
    assert score.right == (out["dense2"].argmax(axis=1) == data.labels).sum()


def test_the_rest_of_an_epoch_is_kept_or_dropped():
    kept = train(mlp(), blobs(50), batch=16, epochs=2, **EXACT)
    dropped = train(mlp(), blobs(50), batch=16, epochs=2, last="drop", **EXACT)
    assert (kept.step, dropped.step) == (8, 6)
    assert kept.history.records[0]["step"] == 4


def test_mini_batches_are_what_they_are_said_to_be():
    data = blobs(22)
    network, step = mlp(), 0
    values = network.initial(5)
    loss = cr.formula(network.program)
    for epoch in range(2):
        order = order_of(22, 5, epoch)
        for start in (0, 8, 16):
            rows = order[start : start + 8]
            at = {"x": data.inputs[rows], "y": data.labels[rows], **values}
            g = loss.gradient(at, of="loss", wrt=list(values))
            values = {k: v - 0.1 * g[k] for k, v in values.items()}
            step += 1
    run = train(network, data, batch=8, epochs=2, rate=0.1, seed=5, **EXACT)
    assert run.step == step
    for k in values:
        np.testing.assert_allclose(run.values[k], values[k], rtol=1e-12)


def test_orders_hang_on_the_seed_and_the_epoch_alone():
    assert order_of(100, 1, 4).tolist() == order_of(100, 1, 4).tolist()
    many = {tuple(order_of(100, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(many) == 9
    assert all(sorted(order) == list(range(100)) for order in many)


def test_a_run_is_the_same_twice_and_another_with_another_seed():
    a, b, c = (train(mlp(), blob_data(), epochs=3, seed=s, **EXACT) for s in (1, 1, 2))
    assert all(np.array_equal(a.values[k], b.values[k]) for k in a.values)
    assert a.history.losses == b.history.losses
    assert not np.array_equal(a.values["dense1_W"], c.values["dense1_W"])


def test_how_many_steps_a_call_takes_changes_nothing(monkeypatch):
    network = nn.Network(
        nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.4),
                      nn.Linear(6, 3)), 4, loss="CrossEntropyLoss")
    runs = []
    for seconds in (0.0, 1e-3, 10.0):
        monkeypatch.setattr("chainrule.train.loop.CALL_SECONDS", seconds)
        runs.append(train(network, blob_data(), batch=8, epochs=4, optimiser="adam", **EXACT))
    for run in runs[1:]:
        assert run.history.losses == runs[0].history.losses
        assert all(np.array_equal(run.values[k], runs[0].values[k]) for k in run.values)


def test_early_stopping_keeps_the_best_weights():
    few = Data(blobs(12), Examples(blobs(12, 1).inputs, labels=blobs(12, 1).labels[::-1].copy()))
    run = train(mlp(), few, optimiser="adam", rate=0.1, batch=4, epochs=50, patience=3, **EXACT)
    losses = run.history.column("validation_loss")
    best = int(np.argmin(losses))
    assert run.stopped_early and len(losses) == best + 1 + 3 and run.step < run.steps
    assert run.best == {"step": run.history.records[best]["step"], "loss": losses[best]}
    assert run.scores["validation"].loss == losses[best]
    assert "stopped there" in " ".join(str(run.document()).split())


def test_evaluations_come_as_often_as_is_asked():
    run = train(mlp(), blob_data(), batch=10, epochs=2, evaluate_every=5, **EXACT)
    assert [r["step"] for r in run.history.records] == [5, 10, 12]
    record = run.history.records[1]
    assert record["loss"] == pytest.approx(np.mean(run.history.losses[5:10]), rel=1e-12)


def test_dropout_and_batch_statistics_are_for_training_alone():
    network = nn.Network(
        nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5),
                      nn.Linear(8, 3)), 4, loss="CrossEntropyLoss")
    run = train(network, blob_data(), epochs=10, rate=0.1, **EXACT)
    assert run.scores["test"].accuracy > 0.8
    assert not np.array_equal(run.values["norm1_mu"], np.zeros(8))
    assert run.evaluate(blobs(24, 2)) == run.evaluate(blobs(24, 2))


def test_a_mask_keeps_the_share_that_it_says_and_hangs_on_the_step():
    module = nn.Sequential(nn.Linear(4, 50), nn.Dropout(0.3), nn.Linear(50, 3))
    (mask,) = masks_of(nn.Network(module, 4, loss="CrossEntropyLoss", training=True))
    assert mask == Mask("dropout1_mask", (50,), 0.7)
    drawn = mask.drawn(0, 7, 400)
    assert drawn.mean() == pytest.approx(0.7, abs=0.015)
    assert np.array_equal(drawn, mask.drawn(0, 7, 400))
    assert not np.array_equal(drawn, mask.drawn(0, 8, 400))
    assert not np.array_equal(drawn, mask.drawn(1, 7, 400))


def test_sequences_are_judged_at_each_position():
    tokens = np.array([[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]])
    network = nn.Network(nn.Sequential(nn.Embedding(4, 6), nn.Linear(6, 4)),
                         x=cr.input("x", ("N", 4), "integer", 4), loss="CrossEntropyLoss")
    run = train(network, {"x": tokens, "y": (tokens + 1) % 4}, optimiser="adam", rate=0.1, batch=4,
                epochs=60, **EXACT)
    assert run.scores["train"].answers == 16 and run.scores["train"].right == 16
    assert run.history.right[-1] == 1.0


# --- numbers that are not finite ------------------------------------------------------------------


def test_a_loss_that_is_not_finite_names_its_equation():
    network = nn.Network(nn.Linear(1, 1), 1, loss="MSELoss")
    x = np.linspace(1, 2, 8)[:, None]
    with pytest.raises(NonFiniteError) as caught:
        train(network, {"x": x, "t": 1e3 * x}, rate=50.0, batch=4, epochs=400, **EXACT)
    error = caught.value
    assert "inf" in str(error) and "dense" in str(error) and "smaller rate" in str(error)
    assert all(np.isfinite(v).all() for v in error.values.values())
    assert error.run.history.losses == error.run.history.losses[: error.step]


@pytest.mark.parametrize("seconds", [0.0, 10.0])
def test_the_step_that_is_named_does_not_hang_on_how_steps_are_cut(monkeypatch, seconds):
    monkeypatch.setattr("chainrule.train.loop.CALL_SECONDS", seconds)
    network = nn.Network(nn.Linear(1, 1, bias=False), 1, loss="MSELoss")
    x, w, step = np.linspace(1, 2, 8), float(network.initial(0)["dense_W"].item()), 0
    with np.errstate(over="ignore"):  # what should happen, by hand
        while np.isfinite(np.mean((rows := x[step % 2 * 4 :][:4]) ** 2 * (w - 1) ** 2)):
            w, step = w - 50 * np.mean(2 * rows**2 * (w - 1)), step + 1
    with pytest.raises(NonFiniteError) as caught:
        train(network, {"x": x[:, None], "t": x[:, None]}, rate=50.0, batch=4, epochs=400,
              shuffle=False, **EXACT)
    assert caught.value.step == step
    assert "loss is inf" in caught.value.message


def test_machine_code_and_the_reference_name_the_same_step_and_equation():
    pytest.importorskip("llvmlite")
    network = nn.Network(nn.Linear(1, 1), 1, loss="MSELoss")
    x = np.linspace(1, 2, 8)[:, None]
    told = []
    for backend in ("reference", "native"):
        with pytest.raises(NonFiniteError) as caught:
            train(network, {"x": x, "t": x}, rate=50.0, batch=4, epochs=400, dtype="float64",
                  backend=backend)
        told.append((caught.value.step, caught.value.message.split(", where")[0]))
    assert told[0] == told[1]


@pytest.mark.parametrize("name", ["nesterov", "rmsprop", "adamw"])
def test_machine_code_trains_as_the_reference_does(name):
    pytest.importorskip("llvmlite")
    network = nn.Network(  # a bias before the batch's mean is taken away would learn rounding alone
        nn.Sequential(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.3),
                      nn.Linear(6, 3)), 4, loss="CrossEntropyLoss")
    a, b = (train(network, blob_data(), optimiser=name, batch=16, epochs=3, clip=1.0,
                  weight_decay=0.01, dtype="float64", backend=backend)
            for backend in ("reference", "native"))
    np.testing.assert_allclose(b.history.losses, a.history.losses, rtol=1e-10)
    for k in a.values:
        np.testing.assert_allclose(b.values[k], a.values[k], rtol=1e-9, atol=1e-12)


# --- runners --------------------------------------------------------------------------------------


def test_a_runner_takes_rows_by_an_order_and_a_rate_for_each_step():
    program = parsed("input x[N], eta; parameter w; e = w - mean(n) x[n]; L = e^2\n"
                     "w_new = w - eta*2*e\noutput L\nupdate w = w_new")
    runner = make_runner(program, 2)
    assert Roles.of(program).scalars == ("eta",)
    x, order, w, losses = np.array([1.0, 2, 3, 4]), np.array([3, 0, 2, 1]), 0.0, []
    for start, eta in ((0, 0.1), (2, 0.2)):
        e = w - x[order[start : start + 2]].mean()
        losses.append(e**2)
        w -= eta * 2 * e
    out = runner.run({"x": x}, np.array([0, 2]), order, {"eta": np.array([0.1, 0.2])})
    np.testing.assert_allclose(out["L"], losses)
    np.testing.assert_allclose(runner.state["w"], w)


def test_after_a_step_that_is_not_finite_the_reference_gives_nan():
    program = parsed("input x[N], eta; parameter w; L = exp(w)*mean(n) x[n]\n"
                     "w_new = w*1000000\noutput L\nupdate w = w_new")
    runner = ReferenceRunner(program, 1)
    runner.state["w"][...] = 700.0
    out = runner.run({"x": np.zeros((3,)), }, np.array([0, 1, 2]), None, {"eta": np.zeros(3)})
    assert out["L"][0] == 0 and np.isnan(out["L"][1:]).all()


def test_the_native_backend_says_what_to_install(monkeypatch):
    monkeypatch.setattr("chainrule.train.runner.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"chainrule\[native\]"):
        Settings(backend="native")
    assert Settings().backend == "reference"


# --- the course's exercises -----------------------------------------------------------------------


@needs_usps
def test_exercise_2_to_the_printed_decimals():
    case = tomllib.loads(SEEDS.read_text())["usps_training"]["exercise_2"]
    run = train("digits-mlp", USPS, network_options={"hidden": case["hidden"]}, rate=case["rate"],
                batch=case["batch"], iterations=case["iterations"], shuffle=False, **EXACT)
    assert f"{run.scores['train'].loss:.6f}" == f"{case['train_loss']:.6f}"


@needs_usps
def test_exercise_3_to_the_printed_decimals():
    cases = tomllib.loads(SEEDS.read_text())["usps_training"]["exercise_3"]
    found = sweep("digits-mlp", USPS, {"rate": [c["rate"] for c in cases], "momentum": [0, 0.9]},
                  batch=4, iterations=70, shuffle=False, **EXACT)
    losses = iter(f"{t.loss('train'):.6f}" for t in found.trials)
    for case in cases:
        assert (next(losses), next(losses)) == (f"{case['plain']:.6f}", f"{case['momentum']:.6f}")
    assert found.best().chosen == {"rate": 0.2, "momentum": 0.9}


@needs_usps
def test_exercise_3_in_machine_code_to_the_printed_decimals():
    pytest.importorskip("llvmlite")
    cases = tomllib.loads(SEEDS.read_text())["usps_training"]["exercise_3"]
    found = sweep("digits-mlp", USPS, {"rate": [c["rate"] for c in cases]}, momentum=0.9,
                  batch=4, iterations=70, shuffle=False, dtype="float64", backend="native")
    assert [f"{t.loss('train'):.6f}" for t in found.trials] == [
        f"{case['momentum']:.6f}" for case in cases]


# --- studies --------------------------------------------------------------------------------------


def test_a_study_tries_each_combination_and_names_the_best():
    found = sweep(mlp(), blob_data(), {"rate": [1e-3, 0.3], "momentum": [0, 0.9]}, epochs=3,
                  **EXACT)
    assert [tuple(t.chosen.values()) for t in found.trials] == [
        (1e-3, 0), (1e-3, 0.9), (0.3, 0), (0.3, 0.9)]
    best = min(found.trials, key=lambda t: t.loss("validation"))
    assert found.best() is best and found.part() == "validation"
    assert f"{best.loss('validation'):.6f}" in str(found.document())


def test_a_trial_that_is_not_finite_is_part_of_the_answer():
    network = nn.Network(nn.Linear(1, 1), 1, loss="MSELoss")
    x = np.linspace(1, 2, 8)[:, None]
    found = sweep(network, {"x": x, "t": x}, {"rate": [0.01, 50.0]}, batch=4, epochs=200, **EXACT)
    assert found.trials[1].run is None and found.best() is found.trials[0]
    assert "not finite" in str(found.document())


def test_a_study_varies_the_network_too():
    found = sweep("digits-mlp", "digits", {"hidden": [2, 12]}, epochs=2, rate=1.0, **EXACT)
    assert [t.run.values["z1_W"].shape[0] for t in found.trials] == [2, 12]


@pytest.mark.parametrize("words", [["rate"], ["rate="], ["rate=1,,2"], ["rate=a"], ["2=3"],
                                   ["rate=1", "rate=2"]])
def test_a_grid_that_is_none_is_refused(words):
    with pytest.raises(InputError):
        read_grid(words)


def test_a_study_is_checked_before_it_begins():
    seen = []
    for grid, error in (({"rate": [0.1, -1]}, InputError), ({"rate": []}, InputError),
                        ({}, LimitError), ({"seed": list(range(1001))}, LimitError),
                        ({"depth": [1]}, InputError)):
        with pytest.raises(error):
            sweep(mlp(), blobs(), grid, told=lambda *a: seen.append(a), **EXACT)
    with pytest.raises(InputError, match="beside"):
        sweep(mlp(), blobs(), {"rate": [1]}, rate=2, **EXACT)
    assert not seen


# --- logs, progress, plots ------------------------------------------------------------------------


def test_a_log_has_a_line_for_each_event(tmp_path):
    path = tmp_path / "run.jsonl"
    run = train(mlp(), blob_data(), batch=20, epochs=2, log=path, log_steps=True, **EXACT)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"] for line in lines] == [
        "begin", "step", "step", "step", "evaluation", "step", "step", "step", "evaluation", "end"]
    assert lines[0]["schema"] == 1 and lines[0]["settings"]["batch"] == 20
    assert [line["loss"] for line in lines if line["event"] == "step"] == run.history.losses
    assert lines[-1]["test"]["loss"] == run.scores["test"].loss


def test_a_log_that_cannot_be_written_is_said_at_once(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        train(mlp(), blobs(), log=tmp_path / "no" / "run.jsonl", **EXACT)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_log_on_a_full_disk_ends_early_and_the_run_does_not(tmp_path):
    class Fills(Log):
        def begin(self, about):
            super().begin(about)
            self._file.close()
            self._file = open("/dev/full", "w")  # noqa: SIM115

    log = Fills(tmp_path / "run.jsonl")
    run = train(mlp(), blobs(), epochs=2, observers=[log], **EXACT)
    assert run.step == 4 and "ends early" in run.notes[0]


def test_progress_says_loss_and_speed_in_words():
    progress = Progress()
    progress.steps(0, [2.0, 1.0], [0.1, 0.1], [3.0, 4.0], 8, 0.5)
    progress.evaluation({"validation_loss": 1.25})
    assert progress.told() == "loss 1.5000  87.5% right  validation 1.2500  16 examples/s"


def test_progress_is_silent_without_a_terminal(capsys):
    train(mlp(), blobs(), epochs=1, progress=True, **EXACT)
    assert capsys.readouterr() == ("", "")


def test_pictures_are_drawn_where_there_is_something_to_show(tmp_path):
    pytest.importorskip("matplotlib")
    train("digits-mlp", "digits", epochs=1, plot=tmp_path, **EXACT)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "confusion.png", "learning-curve.png", "mistakes.png", "weights.png"]
    assert all(p.read_bytes()[:4] == b"\x89PNG" for p in tmp_path.iterdir())
    own = tmp_path / "regression"
    x = np.linspace(0, 1, 8)[:, None]
    train(nn.Network(nn.Linear(1, 1), 1, loss="MSELoss"), {"x": x, "t": x}, batch=4, epochs=1,
          plot=own, **EXACT)
    assert [p.name for p in own.iterdir()] == ["learning-curve.png"]


def test_the_confusion_matrix_counts_what_was_taken_for_what():
    pytest.importorskip("matplotlib")
    from chainrule.train.plots import confusion_matrix

    examples = Examples(np.zeros((5, 1)), labels=np.array([0, 0, 1, 1, 2]), classes=("a", "b", "c"))
    figure = confusion_matrix(np.array([0, 1, 1, 1, 0]), examples)
    (axis,) = figure.axes
    cells = {t.get_position(): t.get_text() for t in axis.texts}
    assert cells == {(0, 0): "1", (1, 0): "1", (1, 1): "2", (0, 2): "1"}
    assert axis.get_title() == "2 of 5 wrong (40.00%)"


# --- interruptions --------------------------------------------------------------------------------


class AtStep:
    """An observer that does something once, when a step has been done."""

    def __init__(self, step, act):
        self.step, self.act = step, act

    def begin(self, about): ...
    def evaluation(self, record): ...
    def end(self, results): ...
    def close(self): ...

    def steps(self, first, losses, *rest):
        if self.act is not None and first + len(losses) >= self.step:
            act, self.act = self.act, None
            act()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_says_how_far_it_came(number):
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught:
        train(mlp(), blobs(), epochs=500, **EXACT,
              observers=[AtStep(3, lambda: os.kill(os.getpid(), number))])
    assert 3 <= caught.value.run.step < 1000 and "of 1,000" in str(caught.value)
    assert len(caught.value.run.history.losses) == caught.value.run.step
    assert signal.getsignal(number) is before


def test_a_score_knows_its_rates():
    score = Score(0.5, 0.5, 3, 4, 4)
    assert score.error_rate == 0.25 and score.accuracy == 0.75
    assert Score(math.inf, math.inf, None, 4, 4).data() == {"loss": None, "examples": 4}


def test_training_can_be_called_by_the_packages_name():
    import chainrule.train as training

    run = training(mlp(), blobs(), epochs=1, **EXACT)
    assert isinstance(run, training.Run) and "load" in dir(training)
    with pytest.raises(AttributeError):
        training.nothing  # noqa: B018


def test_a_network_by_name_is_built_for_the_data():
    run = train("digits-mlp", "digits", epochs=1, **EXACT)
    assert run.values["z1_W"].shape == (10, 64)
    assert "built for inputs of 64" in run.notes[0]
    with pytest.raises(UnknownNameError):
        train("digitsmlp", "digits")
    with pytest.raises(InputError, match="by name"):
        train(mlp(), blobs(), shape=(4,))


def test_evaluation_reads_what_training_wrote():
    network = zoo.load("digits-mlp")
    step = evaluation_step(network)
    trained = training_step(zoo.load("digits-mlp", training=True), OPTIMISERS["sgd"])
    assert set(Roles.of(step.program).state) <= set(Roles.of(trained.program).state)
    assert set(load("digits").classes) == set("0123456789")
