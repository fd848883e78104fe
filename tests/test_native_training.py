"""Training in machine code goes step by step as the reference goes, for any number of threads."""

from __future__ import annotations

import gc
import os
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from chainrule import nn
from chainrule.errors import ChainruleError
from chainrule.formulas.optimisers import OPTIMISERS
from chainrule.native import runtime
from chainrule.native.training import make_runner
from chainrule.train.runner import ReferenceRunner
from chainrule.train.step import Step, training_step


def perceptron() -> Any:
    body = nn.Sequential(nn.Linear(12, 7), nn.Tanh(), nn.Linear(7, 3, bias=False))
    return nn.Network(body, 12, loss="CrossEntropyLoss", training=True), (12,), 3


def images() -> Any:
    body = nn.Sequential(
        nn.Conv2d(1, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 18, 3, stride=2),
        nn.ReLU(), nn.Flatten(), nn.Linear(72, 10))
    return nn.Network(body, (1, 11, 10), loss="CrossEntropyLoss", training=True), (1, 11, 10), 10


def normalised() -> Any:  # no bias before a batch norm: its gradient is 0, which Adam enlarges
    body = nn.Sequential(nn.Linear(9, 16, bias=False), nn.BatchNorm1d(16), nn.GELU(),
                         nn.LayerNorm(16),
                         nn.Linear(16, 4))
    return nn.Network(body, 9, loss="CrossEntropyLoss", training=True), (9,), 4


def wide() -> Any:
    body = nn.Sequential(nn.Linear(70, 90), nn.Sigmoid(), nn.Linear(90, 40), nn.ReLU(),
                         nn.Linear(40, 5))
    return nn.Network(body, 70, loss="CrossEntropyLoss", training=True), (70,), 5


def learned() -> Any:  # a first matrix that is larger than the batch, neurons no multiple of a line
    body = nn.Sequential(nn.Linear(70, 37), nn.Sigmoid(), nn.Linear(37, 21, bias=False),
                         nn.Tanh(), nn.Linear(21, 5))
    return nn.Network(body, 70, loss="CrossEntropyLoss", training=True), (70,), 5


def large_images(between: Any = None) -> Any:
    body = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), *([between] if between else []), nn.ReLU(),
        nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(64, 5))
    return nn.Network(body, (1, 20, 20), loss="CrossEntropyLoss", training=True), (1, 20, 20), 5


def normalised_images() -> Any:
    return large_images(nn.BatchNorm2d(4))


def pair(make: Any, optimiser: str, threads: int, dtype: str = "float64",
         batch: int = 6) -> tuple[Step, Any, Any, dict[str, np.ndarray]]:
    """A step, its two runners at the same start, and data."""
    network, shape, classes = make()
    step = training_step(network, OPTIMISERS[optimiser], right=False)
    rng = np.random.default_rng(5)
    data = {"x": rng.standard_normal((32, *shape)), "y": rng.integers(0, classes, 32)}
    native = make_runner(step.program, batch, dtype=dtype, threads=threads)
    reference = ReferenceRunner(step.program, batch, dtype)
    for name, value in network.initial(3).items():
        native.state[name][...] = value
        reference.state[name][...] = value
    return step, native, reference, data


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("optimiser", ["momentum", "adam"])
@pytest.mark.parametrize("make", [perceptron, images, normalised, wide, learned])
def test_ten_steps_go_as_the_reference_goes(make: Any, optimiser: str, threads: int) -> None:
    step, native, reference, data = pair(make, optimiser, threads)
    starts = np.arange(10) * 5 % 26
    rates = {step.rate: np.linspace(0.05, 0.01, 10)}
    found = native.run(data, starts, None, rates)
    wanted = reference.run(data, starts, None, rates)
    np.testing.assert_allclose(found[step.loss], wanted[step.loss], 1e-9)
    for name, value in reference.state.items():
        np.testing.assert_allclose(native.state[name], value, 1e-7, 1e-9, err_msg=name)


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("cache", [4_000, 1 << 20])
def test_threads_share_neurons_where_each_should_keep_its_weights(
        cache: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = replace(runtime.host(), cache_bytes=cache)
    monkeypatch.setattr(runtime, "host", lambda: machine)
    step, native, reference, data = pair(learned, "momentum", threads)
    shared = native.machinery.plan.shared
    own = {"dense1", "sigmoid1", "dense1_bar", "dense1_W_bar", "dense1_W_new", "dense1_b_new"}
    assert own <= shared.columns.keys()
    starts, rates = np.arange(10) * 2, {step.rate: np.full(10, 0.05)}
    for _ in range(2):
        found = native.run(data, starts, None, rates)
        wanted = reference.run(data, starts, None, rates)
    np.testing.assert_allclose(found[step.loss], wanted[step.loss], 1e-9)
    for name, value in reference.state.items():
        np.testing.assert_allclose(native.state[name], value, 1e-7, 1e-9, err_msg=name)


def test_nobody_waits_between_steps_where_each_keeps_its_weights() -> None:
    _, native, _, _ = pair(learned, "momentum", 2)
    assert native.machinery.plan.shared.flows
    _, native, _, _ = pair(images, "momentum", 2)  # all read what each has written
    assert not native.machinery.plan.shared.flows


def test_the_threads_stand_by_and_end_with_the_runner() -> None:
    step, native, _, data = pair(wide, "sgd", 3)
    rates = {step.rate: np.full(2, 0.1)}
    before = set(threading.enumerate())
    for pause in (0.0, 0.0, 0.1):  # after the last one they have gone to sleep
        native.run(data, np.array([0, 6]), None, rates)
        time.sleep(pause)
    helping = set(threading.enumerate()) - before
    native.run(data, np.array([0, 6]), None, rates)
    assert set(threading.enumerate()) - before == helping
    assert len(helping) == 2
    del native
    gc.collect()
    for thread in helping:
        thread.join(5)
    assert not any(thread.is_alive() for thread in helping)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_that_is_forked_off_has_threads_of_its_own() -> None:
    step, native, reference, data = pair(wide, "sgd", 2)
    starts, rates = np.array([0, 6]), {step.rate: np.full(2, 0.1)}
    native.run(data, starts, None, rates)
    wanted = [reference.run(data, starts, None, rates)[step.loss] for _ in range(2)][1]
    child = os.fork()
    if not child:
        loss = native.run(data, starts, None, rates)[step.loss]
        os._exit(0 if np.allclose(loss, wanted) else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_allclose(native.run(data, starts, None, rates)[step.loss], wanted, 1e-9)


def test_examples_are_taken_in_the_order_given() -> None:
    step, native, reference, data = pair(perceptron, "sgd", 2)
    order = np.random.default_rng(0).permutation(32)
    starts = np.array([0, 6, 12, 26])
    rates = {step.rate: np.full(4, 0.1)}
    found = native.run(data, starts, order, rates)
    wanted = reference.run(data, starts, order, rates)
    np.testing.assert_allclose(found[step.loss], wanted[step.loss], 1e-12)


def test_two_runs_in_a_row_are_one_long_run_bit_for_bit() -> None:
    step, one, _, data = pair(images, "momentum", 2)
    _, two, _, _ = pair(images, "momentum", 2)
    starts, rates = np.arange(8) * 3, np.full(8, 0.05)
    one.run(data, starts, None, {step.rate: rates})
    for part in (slice(0, 3), slice(3, 8)):
        two.run(data, starts[part], None, {step.rate: rates[part]})
    for name, value in one.state.items():
        np.testing.assert_array_equal(two.state[name], value, err_msg=name)


def test_labels_out_of_their_range_are_refused_before_a_step_is_taken() -> None:
    step, native, _, data = pair(perceptron, "sgd", 1)
    before = {name: value.copy() for name, value in native.state.items()}
    data["y"][17] = 3
    with pytest.raises(ChainruleError, match=r"y\[17\] is 3"):
        native.run(data, np.array([0]), None, {step.rate: np.array([0.1])})
    for name, value in before.items():
        np.testing.assert_array_equal(native.state[name], value)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("make", [large_images, normalised_images])
def test_working_by_chunks_of_examples_changes_nothing(
        make: Any, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = replace(runtime.host(), cache_bytes=200_000)
    monkeypatch.setattr(runtime, "host", lambda: machine)
    step, native, reference, data = pair(make, "momentum", threads, batch=11)
    made = native.machinery.plan
    chunks = [run.chunk for phase in made.phases for run in phase]
    assert any(0 < chunk < 5 for chunk in chunks), chunks
    assert made.local  # what lives within a chunk only
    starts, rates = np.arange(4) * 7, {step.rate: np.full(4, 0.05)}
    found = native.run(data, starts, None, rates)
    wanted = reference.run(data, starts, None, rates)
    np.testing.assert_allclose(found[step.loss], wanted[step.loss], 1e-9)
    for name, value in reference.state.items():
        np.testing.assert_allclose(native.state[name], value, 1e-7, 1e-9, err_msg=name)
