"""Mistakes are found where they are made, and other forms of right answers are left alone.

A small sample with wider limits by default; `CHAINRULE_MUTATIONS=2000` draws as many as the
published table, and holds them to its limits.
"""

import os

import pytest
from mutations import outcomes
from mutations.latex import Reader, Unreadable
from mutations.mistakes import KINDS, groups, mistakes, sound, students
from mutations.outcomes import NAMES, Tally
from mutations.papers import own_sheets, script, sheet_named
from mutations.rewritings import KINDS as FORMS
from mutations.rewritings import rewritings
from mutations.surgery import applied
from mutations.truth import Evaluator, IllFormed, World, column, holds

COUNT = int(os.environ.get("CHAINRULE_MUTATIONS", "0"))
SHEETS = ("machine-vision", "pattern-recognition", "deep-learning", *own_sheets())


@pytest.fixture(scope="module")
def mutants():
    return list(mistakes(COUNT or 98, seed=0, pupils=10 if COUNT else 2))


@pytest.fixture(scope="module")
def rewritten():
    return list(rewritings(COUNT or 90, seed=0, pupils=10 if COUNT else 2))


def value(source, world=None):
    world = world or World({})
    return Evaluator(world).value(Reader(source, 0, len(source), world.functions_known()).side())


# --- the judge of the generators


def test_the_small_evaluator_knows_sums_fractions_and_powers():
    world = World({"x": column([1, 2, 3]), "K": 3}, ranges={"j": 3})
    assert value(r"\frac{1}{2} \sum_{j=1}^K x_j^2 - 3 \times (-2)", world) == 13
    assert value(r"\sum_{j \neq 2} x_j", world) == 4


def test_the_small_evaluator_differentiates():
    world = World({"x": 3.0}, [("y", lambda w: w["x"] ** 2)])
    assert value(r"\frac{\partial y}{\partial x}", world) == pytest.approx(6)
    assert value(r"\frac{d}{dx} \left( x^2 + x \right)", world) == pytest.approx(7)


def test_the_small_evaluator_refuses_shapes_that_do_not_fit():
    world = World({"A": value(r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \\ 5 & 6 \end{bmatrix}")})
    with pytest.raises(IllFormed):
        value(r"\mathbf{A} \mathbf{A}", world)
    assert value(r"\mathbf{A}^\top \mathbf{A}", world).shape == (2, 2)


def test_numbers_with_three_decimals_count_as_rounded_and_shorter_ones_as_exact():
    def said(left, right):
        sides = [Reader(s, 0, len(s), frozenset()).side() for s in (left, right)]
        return holds("=", *sides, World({}))

    assert said(r"\frac{1}{9}", "0.1111")
    assert not said(r"\frac{1}{9}", "0.1112")
    assert not said(r"\frac{1}{9}", "0.11")


def test_what_is_outside_the_small_language_is_refused():
    with pytest.raises(Unreadable):
        value(r"\int_0^1 x \, dx")


@pytest.mark.parametrize("name", SHEETS)
def test_statements_of_the_model_answers_hold_for_the_small_evaluator_too(name):
    for student in students(name, 2):
        found = sum(len(sound(name, student, ids)) for ids in groups(name))
        assert found >= 5


# --- the generators


def test_a_mistake_is_the_edits_that_it_says_and_nothing_else(mutants):
    for mutant in mutants:
        ids = next(
            g
            for g in groups(mutant.sheet)
            if script(mutant.sheet, mutant.student, g).text == mutant.right
        )
        paper = script(mutant.sheet, mutant.student, ids)
        assert applied(paper, mutant.edits).text == mutant.text != mutant.right
        before, after = mutant.right.split("\n"), mutant.text.split("\n")
        assert len(before) == len(after)
        changed = [k + 1 for k, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
        assert mutant.line in changed
        assert len(changed) <= 1 + mutant.carried


def test_the_first_wrong_step_is_placed_on_a_relation(mutants):
    for mutant in mutants:
        start, end = mutant.sign
        assert mutant.text[start:end] in ("=", "<", ">", "\\geq", "\\leq")
        assert mutant.text.count("\n", 0, start) + 1 == mutant.line


def test_there_are_many_kinds_of_mistakes_and_a_fifth_of_them_have_no_name():
    assert set(NAMES) == set(KINDS)
    assert len(KINDS) >= 20
    assert sum(not names for names in NAMES.values()) >= len(KINDS) / 5


def test_the_same_seed_draws_the_same_mistakes_and_another_seed_others():
    def drawn(seed):
        return [m.text for m in mistakes(20, seed, 1)]

    assert drawn(3) == drawn(3) != drawn(4)


def test_consequences_are_carried_on_in_some_papers_and_not_in_others(mutants):
    carried = sum(m.carried > 0 for m in mutants)
    assert 0.15 < carried / len(mutants) < 0.85


def test_a_rewriting_differs_from_the_model_answer_and_is_drawn_once(rewritten):
    assert all(r.text != r.right for r in rewritten)
    assert len({r.text for r in rewritten}) == len(rewritten)
    assert len(FORMS) >= 30


# --- the checker


@pytest.mark.parametrize("name", [*SHEETS, "computer-vision"] if COUNT else SHEETS)
def test_nothing_in_a_model_answer_is_called_wrong(name):
    for student in students(name, 2):
        for ids in groups(name):
            found = outcomes.baseline(name, student, script(name, student, ids).text)
            assert found["wrong"] == found["follows"] == 0, (name, student, ids)


def test_the_first_wrong_step_of_a_single_mistake_is_located(mutants):
    tally = Tally(found=[outcomes.found(m) for m in mutants])
    missed = [(f.kind, f.said) for f in tally.found if not f.located]
    assert tally.located >= (0.98 if COUNT else 0.95), missed
    assert tally.named >= (0.85 if COUNT else 0.5)


def test_other_forms_of_right_answers_are_never_called_wrong(rewritten):
    tally = Tally(kept=[outcomes.kept(r) for r in rewritten])
    assert tally.kept_as("wrong") == 0, [k for k in tally.kept if k.verdict == "wrong"]
    assert tally.kept_as("right") >= 0.95, [k for k in tally.kept if k.verdict != "right"]


def test_the_sheets_of_the_tests_ask_for_points():
    assert all(sum(q.points for q in sheet_named(n).questions) > 0 for n in own_sheets())
