"""The gold lists themselves: complete, in place, and in the words that they declare."""

from types import SimpleNamespace

import gold
import pytest
from gold import CLASSES, VERDICTS, agreement, load, places, signs_of

from chainrule.check.claims import Claim, Context, Reading, Side
from chainrule.check.paper import Paper, Place
from chainrule.check.verdicts import Judged, Report

NAMES = gold.names()
OWN = ["aligned", "mail", "neat", "notebook", "terse", "unicode"]


def the_list(name):
    found = load(name)
    if not found.there:
        pytest.skip(f"the paper {name} is not there (../shared/seeds)")
    return found


def test_there_are_lists_of_three_scanned_papers_and_of_six_of_our_own():
    assert sorted(["002", "003", "004", *OWN]) == NAMES
    assert all(load(name).there for name in OWN)


@pytest.mark.parametrize("name", NAMES)
def test_every_equals_sign_of_a_paper_is_on_its_list_exactly_once(name):
    found = the_list(name)
    listed = [sign.at for sign in found.signs]
    assert len(set(listed)) == len(listed)
    assert set(listed) == set(signs_of(found))


@pytest.mark.parametrize("name", NAMES)
def test_the_characters_about_a_sign_stand_where_the_list_says(name):
    found = the_list(name)
    there = signs_of(found)
    for sign in found.signs:
        line, column = there[sign.at]
        start = line.find(sign.around, max(0, column - len(sign.around)))
        assert start <= column < start + len(sign.around), sign
        assert len(sign.around) <= 30


@pytest.mark.parametrize("name", NAMES)
def test_a_list_uses_the_words_that_are_declared(name):
    found = load(name)
    for sign in found.signs:
        assert set(sign.kinds) <= set(CLASSES), sign
        assert len(set(sign.kinds)) == len(sign.kinds), sign
        assert bool(sign.verdict) == (sign.kind == "claim"), sign
        assert set(sign.accepted) <= set(VERDICTS), sign
        assert len(set(sign.accepted)) == len(sign.accepted), sign
        if sign.verdict == "wrong":
            assert sign.mistake, sign
            assert sign.why, sign
    for row in found.stated:
        assert set(row.accepted) <= set(VERDICTS), row


@pytest.mark.parametrize("name", NAMES)
def test_every_mistake_of_a_paper_has_a_row_that_is_not_right(name):
    found = load(name)
    blamed = {(s.cell, s.line) for s in found.signs if s.verdict in ("wrong", "follows")}
    blamed |= {(0, line) for line in found.headings}
    for row in found.stated:
        if row.verdict in ("wrong", "follows"):
            blamed |= {(0, line) for line in range(row.first, row.last + 1)}
    for mistake in found.mistakes:
        assert mistake.where in ("formula", "heading", "sentence")
        if mistake.where != "sentence":
            assert set(mistake.lines) & blamed, mistake


@pytest.mark.parametrize("name", NAMES)
def test_every_wrong_sign_belongs_to_a_mistake_or_is_a_slip_that_is_let_pass(name):
    found = load(name)
    known = {line for mistake in found.mistakes for line in mistake.lines}
    for sign in found.signs:
        if sign.verdict == "wrong" and (sign.cell, sign.line) not in known:
            assert set(sign.accepted) & {"right", "undecided", "follows"}, sign


@pytest.mark.parametrize("name", NAMES)
def test_what_is_stated_without_a_sign_stands_on_its_lines(name):
    found = the_list(name)
    lines = found.bytes().decode("utf-8").split("\n")
    for row in found.stated:
        block = " ".join(lines[row.first - 1 : row.last])
        words = row.text.replace("...", " ").split()
        assert words and all(word in block for word in words), row


def report_on(text, judged):
    paper = Paper("paper", text, ())
    return Report("sheet", "", paper, Reading(()), tuple(judged), ())


def judged(start, end, verdict, kind="claim"):
    place = Place(start, end)
    side = Side(place, "", None)
    claim = Claim(place, "=", side, side, kind, Context(), 0, 0)
    return Judged(0, claim, kind, verdict)


def as_listed(found):
    """A report that says of every sign what the list says."""
    text = found.bytes().decode("utf-8")
    if found.paper.suffix == ".ipynb":
        text = "\n\n".join(source for _, source in gold._texts(found))
    where = places(found, text)
    return report_on(text, [judged(*where[s.at], s.verdict, s.kind) for s in found.signs])


@pytest.mark.parametrize("name", NAMES)
def test_a_report_that_says_what_the_list_says_agrees_with_it(name):
    found = the_list(name)
    result = agreement(as_listed(found), found)
    assert result.agreed == result.claims > 0
    assert result.classes == result.signs == len(found.signs)
    assert not (result.contrary or result.open or result.accused or result.lost)


@pytest.mark.parametrize("name", ["neat", "notebook"])
def test_a_report_that_calls_all_right_is_contrary_where_something_is_wrong(name):
    found = the_list(name)
    report = as_listed(found)
    rosy = [SimpleNamespace(claim=j.claim, kind=j.kind, verdict="right") for j in report.judged]
    result = agreement(SimpleNamespace(paper=report.paper, judged=rosy), found)
    mistaken = [s for s in found.signs if s.verdict and "right" not in s.accepted]
    assert len(result.contrary) == len(mistaken) > 0
    assert len(result.missed) == len([m for m in found.mistakes if m.where != "sentence"])


def test_a_report_without_claims_loses_every_sign_and_accuses_none():
    found = the_list("neat")
    text = found.bytes().decode("utf-8")
    result = agreement(report_on(text, []), found)
    assert result.agreed == 0
    assert not result.contrary and not result.accused
    assert len(result.open) == result.claims
    assert len(result.lost) == len([s for s in found.signs if s.kind != "limit"])


def test_a_wrong_verdict_on_what_is_given_is_an_accusation():
    found = the_list("neat")
    report = as_listed(found)
    where = places(found, report.paper.text)
    given = next(s for s in found.signs if s.kind == "given")
    result = agreement(report_on(report.paper.text, [judged(*where[given.at], "wrong")]), found)
    assert len(result.accused) == 1
    assert "wrong" in result.shown()
