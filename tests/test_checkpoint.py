"""Checkpoints: whole or not at all, and a run gone on with is the run that never stopped.

`CHAINRULE_KILLS=200` kills a run that many times instead of ten.
"""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import nn
from chainrule.errors import InputError
from chainrule.train.api import train
from chainrule.train.checkpoint import KEPT, Checkpoint, CheckpointError, Folder, encoded, read
from chainrule.train.data import Data, Examples
from chainrule.train.faults import NonFiniteError
from chainrule.train.interrupts import Interrupted

pytest.importorskip("safetensors")
KILLS = int(os.environ.get("CHAINRULE_KILLS", "10"))
EXACT = {"dtype": "float64", "backend": "reference"}


class Stop(Exception):
    """Stands for anything that ends a process."""


class StopAt:
    """An observer at whose step everything ends."""

    def __init__(self, step: int, act=None) -> None:
        self.step, self.act = step, act

    def begin(self, about): ...
    def evaluation(self, record): ...
    def end(self, results): ...
    def close(self): ...

    def steps(self, first, losses, *rest):
        if first + len(losses) >= self.step:
            if self.act is None:
                raise Stop
            act, self.step = self.act, 10**9
            act()


def network(dropout: bool = True) -> nn.Network:
    """Everything that has state: batch statistics, dropout, and what the optimiser keeps."""
    layers = [nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU()]
    layers += [nn.Dropout(0.4)] if dropout else []
    return nn.Network(nn.Sequential(*layers, nn.Linear(6, 3)), 4, loss="CrossEntropyLoss")


def data(seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    labels = np.arange(50) % 3
    inputs = rng.normal(size=(50, 4)) + 2 * np.eye(4)[labels]
    return Data(Examples(inputs[:38], labels=labels[:38]),
                Examples(inputs[38:], labels=labels[38:]))


OPTIONS = dict(optimiser="adam", rate=0.02, batch=8, epochs=6, schedule="cosine", patience=4,
               **EXACT)


def same(a, b) -> bool:
    """Two runs with the same bits everywhere but in the times."""
    def records(run):
        return [{k: v for k, v in r.items() if k != "seconds"} for r in run.history.records]

    return (a.values.keys() == b.values.keys()
            and all(a.values[k].tobytes() == b.values[k].tobytes() for k in a.values)
            and a.history.losses == b.history.losses and a.history.right == b.history.right
            and records(a) == records(b) and a.best == b.best and a.scores == b.scores)


@pytest.fixture(scope="module")
def whole():
    return train(network(), data(), **OPTIONS)


# --- going on -------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 4, 7])
def test_a_run_gone_on_with_is_the_run_that_never_stopped(tmp_path, whole, every):
    for step in (1, 3, 8, 11, 17, 26, 29):
        with pytest.raises(Stop):
            train(network(), data(), checkpoint=tmp_path, resume=True, checkpoint_every=every,
                  observers=[StopAt(step)], **OPTIONS)
    run = train(network(), data(), checkpoint=tmp_path, resume=True, **OPTIONS)
    assert same(run, whole)
    again = train(network(), data(), checkpoint=tmp_path, resume=True, **OPTIONS)
    assert same(again, whole)


@pytest.mark.parametrize(("backend", "epochs"), [("reference", 12), ("native", 30)])
def test_kill_at_any_instant_and_the_weights_are_the_same_bits(tmp_path, backend, epochs):
    if backend == "native":
        pytest.importorskip("llvmlite")
    words = [sys.executable, "-m", "chainrule", "train", "digits-mlp", "--data", "digits",
             "--rate", "0.5", "--momentum", "0.9", "--epochs", str(epochs), "--backend", backend,
             "--dtype", "float64", "--checkpoint-every", "3", "--format", "json"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    rng, killed, started, rounds = random.Random(0), 0, 0.5, 0
    folder = tmp_path / f"run-{rounds}"
    while killed < KILLS:
        process = subprocess.Popen([*words, "--checkpoint", str(folder), "--resume"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=environment)
        try:
            process.wait(started + rng.random() * 0.6)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
        else:
            assert process.returncode == 0
            rounds += 1
            folder = tmp_path / f"run-{rounds}"
    subprocess.run([*words, "--checkpoint", str(tmp_path / "whole")], check=True, env=environment,
                   capture_output=True)
    done = [tmp_path / f"run-{k}" for k in range(rounds + 1)]
    for folder in done:
        subprocess.run([*words, "--checkpoint", str(folder), "--resume"], check=True,
                       env=environment, capture_output=True)
    wanted = last(tmp_path / "whole")
    assert wanted.step == 40 * epochs
    for folder in done:
        found = last(folder)
        assert found.step == wanted.step
        assert all(found.arrays[k].tobytes() == wanted.arrays[k].tobytes() for k in wanted.arrays)


def last(folder: Path) -> Checkpoint:
    with Folder(folder) as opened:
        found = opened.latest()
    assert found is not None and not found.notes
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_saves_and_says_how_to_go_on(tmp_path, whole, number):
    with pytest.raises(Interrupted, match="--resume"):
        train(network(), data(), checkpoint=tmp_path,
              observers=[StopAt(7, lambda: os.kill(os.getpid(), number))], **OPTIONS)
    assert last(tmp_path).step >= 7
    assert same(train(network(), data(), checkpoint=tmp_path, resume=True, **OPTIONS), whole)


def test_a_longer_run_may_go_on_where_a_shorter_one_ended(tmp_path):
    short = {**OPTIONS, "schedule": "constant", "patience": None}
    train(network(), data(), checkpoint=tmp_path, **{**short, "epochs": 2})
    longer = train(network(), data(), checkpoint=tmp_path, resume=True, **{**short, "epochs": 5})
    assert same(longer, train(network(), data(), **{**short, "epochs": 5}))


@pytest.mark.parametrize(("change", "word"), [
    ({"rate": 0.03}, "rate was 0.02"), ({"seed": 1}, "seed"), ({"batch": 4}, "batch"),
    ({"optimiser": "sgd"}, "optimiser was adam"), ({"shuffle": False}, "shuffle"),
    ({"dtype": "float32"}, "other"), ({"schedule": "constant"}, "schedule"),
])  # fmt: skip
def test_a_run_is_not_gone_on_with_under_other_settings(tmp_path, change, word):
    train(network(), data(), checkpoint=tmp_path, **{**OPTIONS, "epochs": 1})
    with pytest.raises(CheckpointError, match=word):
        train(network(), data(), checkpoint=tmp_path, resume=True, **{**OPTIONS, **change})


def test_a_run_is_not_gone_on_with_on_other_data_or_another_network(tmp_path):
    train(network(), data(), checkpoint=tmp_path, **{**OPTIONS, "epochs": 1})
    with pytest.raises(CheckpointError, match="other data"):
        train(network(), data(seed=1), checkpoint=tmp_path, resume=True, **OPTIONS)
    with pytest.raises(CheckpointError, match="another network"):
        train(network(dropout=False), data(), checkpoint=tmp_path, resume=True, **OPTIONS)


def test_a_folder_with_a_run_is_not_written_over(tmp_path):
    train(network(), data(), checkpoint=tmp_path, **{**OPTIONS, "epochs": 1})
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(CheckpointError, match="--resume"):
        train(network(), data(), checkpoint=tmp_path, **OPTIONS)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_going_on_where_nothing_is_begins_anew_and_says_so(tmp_path):
    run = train(network(), data(), checkpoint=tmp_path / "new", resume=True,
                **{**OPTIONS, "epochs": 1})
    assert "begun anew" in run.notes[0]
    with pytest.raises(InputError, match="in which folder"):
        train(network(), data(), resume=True, **OPTIONS)


def test_a_log_gone_on_with_has_each_step_once(tmp_path):
    log = tmp_path / "run.jsonl"
    options = {**OPTIONS, "patience": None, "epochs": 4}
    with pytest.raises(Stop):
        train(network(), data(), checkpoint=tmp_path / "c", checkpoint_every=4, log=log,
              log_steps=True, observers=[StopAt(11)], **options)
    with open(log, "a") as file:
        file.write('{"event": "step", "st')  # cut short as by a loss of power
    run = train(network(), data(), checkpoint=tmp_path / "c", resume=True, log=log,
                log_steps=True, **options)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    steps = [line for line in lines if line["event"] == "step"]
    assert [line["step"] for line in steps] == list(range(1, 21))
    assert [line["loss"] for line in steps] == run.history.losses
    assert [line["event"] for line in lines].count("resume") == 1


# --- files ----------------------------------------------------------------------------------------


def small(step: int, best: int | None = None) -> tuple[dict, dict]:
    meta = {"step": step, "best": None if best is None else {"step": best, "loss": 1.0}}
    return {"w": np.full((3, 2), float(step)), "t": np.array(step, np.float32)}, meta


def test_the_last_two_and_the_best_stay(tmp_path):
    with Folder(tmp_path) as folder:
        for step in range(0, 50, 5):
            best = 15 if step >= 15 else step
            folder.save(*small(step, best), {"w": np.full(2, float(best))})
        assert folder.steps() == [40, 45] and folder.steps("best") == [15]
        assert folder.best(15).arrays["w"].tolist() == [15.0, 15.0]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "best-0000000015.safetensors", "lock", "step-0000000040.safetensors",
        "step-0000000045.safetensors"]
    assert KEPT == 2


def test_the_weights_are_safetensors_that_others_read(tmp_path):
    from safetensors.numpy import load_file

    run = train(network(), data(), checkpoint=tmp_path, **{**OPTIONS, "patience": None})
    (file,) = [p for p in tmp_path.glob("step-*") if int(p.stem[5:]) == run.step]
    found = load_file(file)
    assert all(np.array_equal(found[k], run.values[k]) for k in run.values)


@given(st.data())
def test_a_file_cut_short_or_changed_is_recognised(drawn):
    raw = bytearray(encoded(*small(7)))
    if drawn.draw(st.booleans()):
        raw = raw[: drawn.draw(st.integers(0, len(raw) - 1))]
    else:
        place = drawn.draw(st.integers(0, len(raw) - 1))
        raw[place] ^= 1 << drawn.draw(st.integers(0, 7))
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"chainrule-{os.getpid()}.safetensors"
    path.write_bytes(raw)
    try:
        with pytest.raises(CheckpointError):
            read(path)
    finally:
        path.unlink()


@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "text"])
def test_from_a_damaged_file_the_one_before_is_taken_and_that_is_said(tmp_path, whole, harm):
    with pytest.raises(Stop):
        train(network(), data(), checkpoint=tmp_path, checkpoint_every=4,
              observers=[StopAt(21)], **OPTIONS)
    with Folder(tmp_path) as folder:
        *_, before, latest = folder.steps()
        path = folder.file(latest)
    raw = path.read_bytes()
    flipped = raw[:-9] + bytes([raw[-9] ^ 4]) + raw[-8:]
    path.write_bytes({"cut": raw[: len(raw) // 2], "flip": flipped, "empty": b"",
                      "text": b"not a checkpoint at all"}[harm])
    run = train(network(), data(), checkpoint=tmp_path, resume=True, checkpoint_every=4, **OPTIONS)
    assert same(run, whole)
    assert "the one before it is taken" in run.notes[0] and f"step {before}" in run.notes[1]


def test_where_no_checkpoint_is_whole_nothing_is_begun(tmp_path):
    train(network(), data(), checkpoint=tmp_path, **{**OPTIONS, "epochs": 1})
    for path in tmp_path.glob("step-*"):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="none of the"):
        train(network(), data(), checkpoint=tmp_path, resume=True, **OPTIONS)


@pytest.mark.parametrize("header", [
    b"{}", b"[]", b"\xff\xfe", b"[" * 5000, b'{"__metadata__": {"chainrule": 3}}',
    b'{"__metadata__": {"chainrule": "{}", "checksum": "x"}}'])
def test_a_hostile_header_is_an_error_of_ours(tmp_path, header):
    path = tmp_path / "step-0000000001.safetensors"
    for length in (len(header), 2**63, 0):
        path.write_bytes(length.to_bytes(8, "little") + header)
        with pytest.raises(CheckpointError):
            read(path)


def test_a_checkpoint_of_a_later_schema_is_refused(tmp_path):
    path = tmp_path / "step-0000000001.safetensors"
    arrays, meta = small(1)
    path.write_bytes(encoded(arrays, {**meta, "schema": 99}))
    with pytest.raises(CheckpointError, match="99"):
        read(path)


# --- locks, disks ---------------------------------------------------------------------------------


def test_two_runs_on_one_folder_get_a_clear_error(tmp_path):
    with Folder(tmp_path), pytest.raises(CheckpointError, match="another process"):
        train(network(), data(), checkpoint=tmp_path, **OPTIONS)
    train(network(), data(), checkpoint=tmp_path, **{**OPTIONS, "epochs": 1})


def test_a_killed_process_leaves_no_lock(tmp_path):
    code = ("import sys, time\nfrom chainrule.train.checkpoint import Folder\n"
            "with Folder(sys.argv[1]):\n    print('held', flush=True)\n    time.sleep(60)")
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE,
                               env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(CheckpointError, match="another process"), Folder(tmp_path):
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 5
    while True:
        try:
            with Folder(tmp_path):
                break
        except CheckpointError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def full(*args):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_at_the_start_is_said_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr("chainrule.train.checkpoint.os.fsync", full)
    seen = StopAt(1)
    with pytest.raises(CheckpointError, match="No space left") as caught:
        train(network(), data(), checkpoint=tmp_path, observers=[seen], **OPTIONS)
    assert caught.value.exit_code == 3
    assert [p.name for p in tmp_path.iterdir()] == ["lock"]


def test_a_disk_that_fills_up_costs_neither_the_run_nor_what_was_saved(
        tmp_path, monkeypatch, whole):
    fills = StopAt(13, lambda: monkeypatch.setattr("chainrule.train.checkpoint.os.fsync", full))
    with pytest.raises(CheckpointError, match="the run is done, but") as caught:
        train(network(), data(), checkpoint=tmp_path, checkpoint_every=4, observers=[fills],
              **OPTIONS)
    assert same(caught.value.run, whole)
    monkeypatch.undo()
    assert last(tmp_path).step == 12
    assert same(train(network(), data(), checkpoint=tmp_path, resume=True, **OPTIONS), whole)


def test_a_disk_that_has_room_again_is_used_again(tmp_path, monkeypatch, whole):
    fills = StopAt(9, lambda: monkeypatch.setattr("chainrule.train.checkpoint.os.fsync", full))
    empties = StopAt(15, monkeypatch.undo)
    run = train(network(), data(), checkpoint=tmp_path, checkpoint_every=4,
                observers=[fills, empties], **OPTIONS)
    assert same(run, whole) and last(tmp_path).step == run.step


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_said_before_training(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(CheckpointError, match="Permission denied"):
        train(network(), data(), checkpoint=tmp_path / "run", **OPTIONS)
    tmp_path.chmod(0o700)


def test_a_folder_that_is_a_file_is_said_before_training(tmp_path):
    path = tmp_path / "run"
    path.write_text("")
    with pytest.raises(CheckpointError, match="cannot be used"):
        train(network(), data(), checkpoint=path, **OPTIONS)


def test_a_fault_keeps_the_last_good_checkpoint(tmp_path):
    x = np.linspace(1, 2, 8)[:, None]
    line = nn.Network(nn.Linear(1, 1), 1, loss="MSELoss")
    with pytest.raises(NonFiniteError, match="the last checkpoint is of step"):
        train(line, {"x": x, "t": x}, rate=50.0, batch=4, epochs=400, checkpoint=tmp_path,
              checkpoint_every=10, **EXACT)
    found = last(tmp_path)
    assert found.step > 0 and all(np.isfinite(v).all() for v in found.arrays.values())


def test_checkpoints_say_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(InputError, match=r"chainrule\[train\]"):
        train(network(), data(), checkpoint=tmp_path, **OPTIONS)


# --- in machine code ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_compiled_run_gone_on_with_is_the_run_that_never_stopped(tmp_path, dtype):
    pytest.importorskip("llvmlite")
    pytest.importorskip("threadpoolctl")
    options = {**OPTIONS, "backend": "native", "dtype": dtype}
    whole = train(network(), data(), **options)
    for step in (3, 11, 26):
        with pytest.raises(Stop):
            train(network(), data(), checkpoint=tmp_path, resume=True, checkpoint_every=4,
                  observers=[StopAt(step)], **options)
    assert same(train(network(), data(), checkpoint=tmp_path, resume=True, **options), whole)
