"""`chainrule train`: options, formats, exit codes, and what is said when something is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from chainrule.cli import main

USPS = Path(__file__).parents[2] / "shared" / "data" / "usps"
NET = """
title = "A small one"
loss = "CrossEntropyLoss"
layers = [{ Linear = { out_features = 8 } }, "Tanh", { Linear = { out_features = 10 } }]
[input]
x = [64]
"""


@pytest.fixture
def call(capsys):
    def run(*words):
        code = main(["train", *map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def quick():
    return ("digits-mlp", "--data", "digits", "--epochs", "1", "--backend", "reference")


def test_a_run_prints_its_scores(call, quick):
    code, out, err = call(*quick, "--rate", "0.5")
    assert code == 0 and not err
    assert "test             360" in out and "40 steps (1 epoch)" in out


@pytest.mark.skipif(not USPS.is_dir(), reason="the course's digits are not here")
def test_exercise_2_is_one_command(call):
    code, out, _ = call("digits-mlp", "--data", USPS, "--rate", "0.01", "--batch", "10",
                        "--iterations", "30", "--in-order", "--dtype", "float64",
                        "--backend", "reference")
    assert code == 0 and "2.301907" in out


@pytest.mark.parametrize("format", ["markdown", "latex", "html", "json"])
def test_the_result_comes_in_all_formats(call, quick, format):
    code, out, _ = call(*quick, "--format", format)
    assert code == 0 and "validation" in out
    if format == "json":
        assert json.loads(out)["schema"]


def test_a_network_from_a_file_with_all_settings(call, tmp_path):
    file = tmp_path / "net.toml"
    file.write_text(NET)
    code, out, _ = call(
        file, "-d", "digits", "--split", "0.7/0.2/0.1", "--standardise", "one", "--optimiser",
        "adamw", "--rate", "0.01", "--beta1", "0.8", "--beta2", "0.99", "--epsilon", "1e-7",
        "--batch", "50", "--epochs", "2", "--last", "drop", "--schedule", "warmup-cosine:warmup=1",
        "--weight-decay", "0.02", "--decay-all", "--clip", "1", "--clip-value", "0.5",
        "--patience", "5", "--evaluate-every", "20", "--seed", "7", "--init", "he_normal",
        "--dtype", "float64", "--backend", "reference", "-o", tmp_path / "result.md",
        "--checkpoint", tmp_path / "c", "--checkpoint-every", "10", "--log", tmp_path / "l.jsonl",
        "--log-steps")
    assert code == 0 and out == ""
    text = (tmp_path / "result.md").read_text()
    assert "adamw, rate 0.01, beta\\_1 0.8" in text and "Training A small one" in text
    assert len((tmp_path / "l.jsonl").read_text().splitlines()) > 50


def test_a_study_prints_a_row_for_each_trial(call, tmp_path):
    pytest.importorskip("matplotlib")
    code, out, _ = call("digits-mlp", "-d", "digits", "--iterations", "20", "--sweep",
                        "rate=0.1,1", "momentum=0,0.9", "--backend", "reference", "--plot",
                        tmp_path)
    assert code == 0 and out.count("%") == 12
    assert sorted(p.name for p in tmp_path.iterdir()) == ["learning-curves.png", "sweep.png"]


@pytest.mark.parametrize(("words", "code", "said"), [
    (["lenett"], 2, "did you mean lenet"),
    (["digits-mlp", "--rate", "-1"], 2, "rate is above 0"),
    (["digits-mlp", "--optimiser", "adan"], 2, "did you mean adam"),
    (["digits-mlp", "--batch", "5000"], 2, "more than the 1257 examples"),
    (["digits-mlp", "--momentum", "0.9", "--optimiser", "adam"], 2, "momentum"),
    (["digits-mlp", "--sweep", "rate=a"], 2, "rate is a number"),
    (["digits-mlp", "--sweep", "rate=1,2", "--resume"], 2, "no checkpoints"),
    (["digits-mlp", "--sweep", "seed=" + ",".join(map(str, range(1001)))], 3, "1,000 trials"),
    (["digits-mlp", "--resume"], 2, "in which folder"),
    (["digits-mlp", "--option", "hidden"], 2, "NAME=VALUE"),
    (["digits-mlp", "--option", "depth=3"], 2, "no option depth"),
    (["digits-mlp", "--log-steps"], 2, "--log FILE"),
    (["digits-mlp", "--schedule", "cosin"], 2, "did you mean cosine"),
    (["digits-mlp", "--epochs", "1", "--iterations", "1"], 2, "not both"),
    (["digits-mlp", "--input", "100"], 2, "100"),
    (["digits-mlp", "--loss", "MSELos"], 2, "did you mean MSELoss"),
    (["toy"], 2, "toy"),
    (["digits-mlp", "-o", "result.doc"], 2, "suffix"),
], ids=str)  # fmt: skip
def test_wrong_use_is_one_paragraph_and_a_code(call, words, code, said):
    found, out, err = call(*words, "--data", "digits", "--backend", "reference")
    assert (found, out) == (code, "") and said in err and "Traceback" not in err


def test_a_loss_that_is_not_finite_ends_the_run_with_the_equation(call, tmp_path):
    file = tmp_path / "line.toml"
    file.write_text('loss = "MSELoss"\nlayers = [{ Linear = { out_features = 1 } }]\n'
                    "[input]\nx = [1]\n")
    x = np.linspace(1, 2, 8)
    np.savez(tmp_path / "line.npz", x=x[:, None], y=x[:, None])
    code, _out, err = call(file, "--data", tmp_path / "line.npz", "--task", "regress", "--rate",
                           "50", "--batch", "4", "--backend", "reference", "--iterations", "200")
    assert code == 2 and "gives no finite number" in err and "loss = " in err


def test_two_processes_on_one_folder(call, quick, tmp_path):
    from chainrule.train.checkpoint import Folder

    pytest.importorskip("safetensors")
    with Folder(tmp_path):
        code, out, err = call(*quick, "--checkpoint", tmp_path)
    assert code == 3 and "another process" in err and not out


def test_ctrl_c_saves_says_how_to_go_on_and_exits_130(tmp_path):
    pytest.importorskip("safetensors")
    words = [sys.executable, "-m", "chainrule", "train", "digits-mlp", "--data", "digits",
             "--epochs", "2000", "--backend", "reference", "--checkpoint", str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob("step-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130 and out == ""
    assert "interrupted after step" in err and "--resume" in err and "Traceback" not in err


def test_help_is_quick_and_needs_no_numpy():
    code = ("import sys, chainrule.cli\ntry:\n    chainrule.cli.main(['train', '--help'])\n"
            "finally:\n    assert 'numpy' not in sys.modules")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
    assert done.returncode == 0, done.stderr
    assert "--sweep" in done.stdout
