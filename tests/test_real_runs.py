"""The runs that the documentation shows: they come out as they were recorded.

Pages show a long run as a ```text block that begins with `$ chainrule …`. Those that take seconds
are run here where their data are; the others with CHAINRULE_LONG=1, which takes some minutes.
"""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.train.data import FASHION, load

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SHARED = ROOT.parent / "shared"
USPS = SHARED / "data" / "usps"
SEEDS = SHARED / "cases" / "seeds.toml"
PAGES = ("lab-report.md", "training-runs.md")
LN10 = "2.302585"

needs_usps = pytest.mark.skipif(not USPS.is_dir(), reason="the course's digits are not here")
long = pytest.mark.skipif(not os.environ.get("CHAINRULE_LONG"),
                          reason="this takes minutes: CHAINRULE_LONG=1 runs it")


def recorded(page: str) -> dict[str, str]:
    """The commands that a page shows as recorded, each with its output."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = {}
    for block in re.findall(r"```text\n\$ (chainrule .*?)\n```", text, re.S):
        lines = block.split("\n")
        count = 1
        while lines[count - 1].endswith("\\"):
            count += 1
        command = " ".join(line.removesuffix("\\").strip() for line in lines[:count])
        found[command] = "\n".join(lines[count:])
    return found


def only(page: str, *words: str) -> tuple[str, str]:
    """The one recorded command that has these words in it, and its output."""
    (found,) = [(c, out) for c, out in recorded(page).items() if all(w in c for w in words)]
    return found


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
          capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Runs a command in a folder of its own, where the data are called as the page calls them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    if USPS.is_dir():
        (tmp_path / "usps").symlink_to(USPS)

    def run(command: str) -> str:
        code = main(shlex.split(command)[1:])
        out, err = capsys.readouterr()
        assert code == 0 and not err, err
        return out.strip("\n")

    return run


def rows(output: str) -> list[list[str]]:
    """The rows of numbers in a printed table."""
    found = [line.split() for line in output.split("\n")]
    return [words for words in found if len(words) > 3 and re.fullmatch(r"[\d.]+", words[0])]


def losses_alone(output: str) -> str:
    """The output without error rates, which hang on the last bit where nothing was learnt."""
    return re.sub(r" +\d+\.\d\d%", "", output)


# --- the lab report -------------------------------------------------------------------------------


@pytest.mark.skipif(not SEEDS.is_file(), reason="the course's answers are not here")
def test_the_lab_report_has_the_losses_of_the_course() -> None:
    course = tomllib.loads(SEEDS.read_text(encoding="utf-8"))["usps_training"]
    _, second = only("lab-report.md", "--iterations 30")
    assert f"{course['exercise_2']['train_loss']:.6f}" in second
    _, third = only("lab-report.md", "momentum=0,0.9")
    told = {(float(row[0]), float(row[1])): row[2] for row in rows(third)}
    assert len(told) == 14
    for one in course["exercise_3"]:
        assert told[one["rate"], 0] == f"{one['plain']:.6f}"
        assert told[one["rate"], 0.9] == f"{one['momentum']:.6f}"


@needs_usps
@pytest.mark.parametrize("words", [("--iterations 30",), ("momentum=0,0.9",), ("0.02,0.1",)],
                         ids=["exercise 2", "exercise 3", "without momentum"])
def test_the_lab_report_can_be_done_again(words: tuple[str], shell: Callable[[str], str]) -> None:
    pytest.importorskip("llvmlite")
    pytest.importorskip("matplotlib")
    command, wanted = only("lab-report.md", *words)
    assert losses_alone(shell(command)) == losses_alone(wanted)


@needs_usps
def test_the_gradient_check_of_the_course_is_one_command(shell: Callable[[str], str]) -> None:
    command, wanted = only("lab-report.md", "gradcheck")
    out = shell(command)
    assert out.count("agrees") == wanted.count("agrees") == 3
    assert "8 points, step 0.01" in out and "1e-05 passes" in out


@needs_usps
def test_a_rate_that_is_too_large_switches_all_hidden_units_off() -> None:
    data = load(USPS)
    run = cr.train("digits-mlp", data, rate=20.0, batch=4, iterations=70, shuffle=False,
                   dtype="float64", backend="reference")
    z = data.train.inputs.reshape(1000, 256) @ run.values["z1_W"].T
    hidden = np.exp(-np.logaddexp(0, -z))
    assert hidden.max() < 3e-7
    assert f"{run.scores['train'].loss:.6f}" == LN10
    assert run.history.losses[1] == pytest.approx(14.0, abs=0.05)


def test_what_the_lab_report_compares_is_what_it_printed() -> None:
    text = (DOCS / "lab-report.md").read_text(encoding="utf-8")
    _, third = only("lab-report.md", "momentum=0,0.9")
    _, plain = only("lab-report.md", "0.02,0.1")
    moved = {float(row[0]): row[2] for row in rows(third) if row[1] == "0.9"}
    still = {float(row[0]): row[1] for row in rows(plain)}
    lines = re.findall(r"^\| ([\d.]+) \| \**([\d.]+)\** \| ([\d.]+) \|$", text, re.M)
    assert len(lines) == 5
    for rate, with_momentum, without in lines:
        assert with_momentum == moved[float(rate)]
        assert without == still[round(10 * float(rate), 6)]


# --- the other runs -------------------------------------------------------------------------------


@long
def test_the_digits_are_read_by_a_small_cnn(shell: Callable[[str], str]) -> None:
    command, _ = only("training-runs.md", "digits-cnn")
    out = shell(command)
    wrong = [float(row[4].removesuffix("%")) for row in rows(out) if len(row) == 5]
    assert len(wrong) == 5 and sum(wrong) / 5 < 1.5


@long
@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's dataset-fashion-mnist is not here")
def test_lenet_learns_fashion_mnist(shell: Callable[[str], str]) -> None:
    command, _ = only("training-runs.md", "lenet")
    out = shell(command)
    test = next(line.split() for line in out.split("\n") if line.startswith("test"))
    assert float(test[4].removesuffix("%")) < 10
    assert len(list(Path("pictures").iterdir())) == 4


@long
def test_a_gpt_learns_a_paragraph_by_heart(shell: Callable[[str], str]) -> None:
    command, _ = only("training-runs.md", "gpt")
    out = shell(command)
    paragraph = (ROOT / "examples" / "paragraph.txt").read_text(encoding="utf-8").strip()
    said = " ".join(out.split())
    assert "every one is the text's" in said and " ".join(paragraph.split()) in said


@pytest.mark.parametrize("page", PAGES)
def test_pictures_are_there_and_small(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    names = re.findall(r"!\[[^\]]+\]\((images/[^)]+)\)", text)
    assert names
    for name in names:
        assert 1000 < (DOCS / name).stat().st_size < 60_000, name
