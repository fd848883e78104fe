"""The sheets that come with chainrule: their numbers are those of the course documents."""

from __future__ import annotations

import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from chainrule.check.judge import judge
from chainrule.check.read import read_claims, read_paper
from chainrule.check.sheet_key import answer_paper, answer_value, model_answer, solutions
from chainrule.check.sheet_lint import lint
from chainrule.check.sheet_making import student_sheet
from chainrule.check.sheet_personal import faults, personalised
from chainrule.check.sheet_reading import find_sheet, shipped, text_of
from chainrule.check.sheet_text import Filler
from chainrule.check.sheet_values import value_of
from chainrule.render import render

SEEDS = Path(__file__).parent.parent.parent / "shared" / "cases" / "seeds.toml"
ALL = ("computer-vision", "deep-learning", "machine-vision", "pattern-recognition")


@pytest.fixture(scope="module")
def seeds() -> dict[str, Any]:
    if not SEEDS.exists():
        pytest.skip("the course documents' numbers (../shared/cases/seeds.toml) are not here")
    return tomllib.loads(SEEDS.read_text(encoding="utf-8"))


def numbers(sheet: str, part: str, quantity: str, student: str = "") -> Any:
    """A value of a shipped sheet as floats."""
    return floats(value_of(personalised(find_sheet(sheet), student).parts[part], quantity).nested())


def floats(value: Any) -> Any:
    return [floats(v) for v in value] if isinstance(value, list) else float(value)


def close(found: Any, wanted: Any, within: float = 1e-12) -> bool:
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(close, found, wanted))
    return bool(abs(found - wanted) <= within * max(1, abs(wanted)))


def test_four_sheets_are_shipped() -> None:
    assert tuple(shipped()) == ALL


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_found_in_a_shipped_sheet_that_is_looked_over(name: str) -> None:
    assert lint(*text_of(name)) == []


@pytest.mark.parametrize("name", ["machine-vision", "pattern-recognition"])
def test_the_judge_finds_every_formula_of_a_model_answer_right(name: str) -> None:
    own = personalised(find_sheet(name), "")
    paper = read_paper(answer_paper(find_sheet(name)), name)
    report = judge(own, paper, read_claims(paper))
    verdicts = [j.verdict for j in report.judged if j.verdict]
    assert len(verdicts) > 40 and set(verdicts) == {"right"}
    for marked in report.questions:
        if own.question(marked.question).ask != "text":
            assert marked.points == marked.most, marked


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("format", ["terminal", "markdown", "latex", "html", "json"])
def test_a_sheet_is_shown_in_every_format(name: str, format: str) -> None:
    sheet = find_sheet(name)
    shown = render(student_sheet(sheet), format)
    assert "{{" not in shown.replace("{{+}{=}}", "") or format == "latex"
    assert "[U+" not in shown  # a sign that LaTeX has no spelling for


@pytest.mark.parametrize("name", ALL)
def test_the_paper_answers_every_question_that_has_a_model_answer(name: str) -> None:
    sheet = find_sheet(name)
    paper = answer_paper(sheet)
    assert "{{" not in paper
    for question in sheet.questions:
        if question.answer:
            assert question.answer.splitlines()[0][:20].partition("{{")[0] in paper


@pytest.mark.parametrize("quantity", ["U", "V", "y", "dL_dV", "dL_dU", "dL_dX", "dL_dW"])
def test_the_toy_network_has_the_values_of_the_course(seeds: dict[str, Any], quantity: str) -> None:
    wanted = seeds["toy_network"][quantity]
    if quantity == "dL_dW":
        wanted = [wanted[:2], wanted[2:]]
    found = numbers("machine-vision", "network", quantity.replace("_d", "/d"), "180631")
    assert close(found, wanted)


def test_the_toy_networks_input_is_that_of_the_index_number(seeds: dict[str, Any]) -> None:
    assert numbers("machine-vision", "network", "X", "180631") == seeds["toy_network"]["X"]


def test_the_slope_of_prelu_gathers_what_all_cells_contribute(seeds: dict[str, Any]) -> None:
    assert numbers("machine-vision", "prelu", "dL/dalpha") == seeds["prelu"]["dL_dalpha"]
    part = personalised(find_sheet("machine-vision"), "").parts["prelu"]
    shown = [[str(c) for c in row] for row in value_of(part, "V").nested()]
    assert shown[0][0] == "14" and shown[1][1] == "3"


def test_the_ad_tables_end_with_the_values_of_the_course(seeds: dict[str, Any]) -> None:
    for part, table in (("example", "forward_ad_table_1"), ("ad", "ad_tables_3_4")):
        for quantity, key in (("y", "y"), ("dy/dx1", "dy_dx1"), ("dy/dx2", "dy_dx2")):
            assert close(numbers("deep-learning", part, quantity), seeds[table][key])


def test_the_convolutions_are_those_of_the_course(seeds: dict[str, Any]) -> None:
    for mode in ("full", "same", "valid"):
        assert numbers("deep-learning", "convolution", mode) == seeds["convolution_1d"][mode]


def test_the_sizes_of_the_convolutional_network_are_those_of_the_course(
        seeds: dict[str, Any]) -> None:
    cnn = seeds["cnn_sizes"]
    assert [numbers("deep-learning", "cnn", n) for n in ("first", "second", "third")] == (
        cnn["layers"])
    assert numbers("deep-learning", "cnn", "outputs") == cnn["outputs"]
    assert numbers("deep-learning", "cnn", "weights") == cnn["last_layer_parameters_without_bias"]


def test_the_printed_configurations_are_among_those_that_are_accepted(
        seeds: dict[str, Any]) -> None:
    sheet = find_sheet("deep-learning")
    printed = seeds["conv_configurations"]
    pairs = [*zip(("7.1.a", "7.1.b"), printed["first"], strict=True),
             ("7.2.a", printed["second"][0]),
             *zip(("7.3.a", "7.3.b", "7.3.c"), printed["last"], strict=True)]
    for name, c in pairs:
        found = solutions(sheet.question(name))
        assert (c["k"], c["s"], c["p"], c["d"]) in {
            (f.k, f.s, f.before, f.d) for f in found.best(10_000)}
    assert numbers("deep-learning", "overlap", "o") == printed["second"][1]["o"]


def test_the_residual_unit_has_the_values_of_the_course(seeds: dict[str, Any]) -> None:
    unit = seeds["residual_scalar"]
    for name in ("x1", "y1", "z"):
        assert close(numbers("pattern-recognition", "residual", name), unit[name])
    for name, wanted in unit["dz"].items():
        assert close(numbers("pattern-recognition", "residual", f"dz/d{name}"), wanted)


def test_the_blocks_have_the_sizes_and_costs_of_the_course(seeds: dict[str, Any]) -> None:
    blocks = seeds["block_sizes"]
    for name in "ABD":
        assert numbers("pattern-recognition", "blocks", name) == blocks[name]
        assert numbers("pattern-recognition", "blocks", f"M_{name}") == blocks["multiplies"][name]
        assert numbers("pattern-recognition", "blocks", f"P_{name}") == (
            blocks["parameters_without_bias"][name])


def test_the_training_runs_have_the_losses_of_the_course(seeds: dict[str, Any]) -> None:
    runs = seeds["usps_training"]
    assert numbers("computer-vision", "second", "E") == runs["exercise_2"]["train_loss"]
    for column, key in (("rate", "rate"), ("plain", "plain"), ("momentum", "momentum")):
        assert numbers("computer-vision", "third", column) == [r[key] for r in runs["exercise_3"]]
    assert numbers("computer-vision", "third", "best") == min(
        min(r["plain"], r["momentum"]) for r in runs["exercise_3"])


def test_an_index_number_never_ties_in_the_pool_nor_meets_the_corner() -> None:
    sheet = find_sheet("machine-vision")
    for number in ("000000", "111111", "999999", "010101", "123450", "505050", "180577X"):
        assert faults(personalised(sheet, number).parts["network"]) == []


def test_every_question_that_asks_for_a_value_of_given_numbers_has_one() -> None:
    for name in ALL:
        own = personalised(find_sheet(name), "")
        filler = Filler(own)
        for question in own.questions:
            if question.ask in ("value", "table"):
                value = answer_value(filler, question)
                assert value is not None, question.id
                assert all(isinstance(c, Fraction) or not str(c).isalpha() for c in value.cells)


def test_the_model_answer_works_each_derivative_of_the_toy_network_cell_by_cell() -> None:
    shown = render(model_answer(find_sheet("machine-vision"), "180631"), "terminal")
    shown = " ".join(shown.split())
    assert "∂L/∂U_{2,2} = 0.1 · ∂L/∂V_{2,2} since -0.5 < 0 = 0.1 · 8 = 0.8" in shown
    assert "is the place of the winner" in shown and "∂L/∂α" in shown
