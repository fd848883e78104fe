"""Reports: what they say to a teacher and to a student, in every form."""

import json
import re
from dataclasses import replace

import pytest
from made_reports import SIGN, TEXT, report, small

from chainrule.check.claims import Claim, Context, Side
from chainrule.check.decisions import (
    Decisions,
    claim_key,
    decided,
    read_decisions,
    undecided,
    with_open,
)
from chainrule.check.exports import EXPORTS, export
from chainrule.check.paper import Place
from chainrule.check.report import report_document
from chainrule.check.report_findings import AUDIENCES, hint
from chainrule.check.report_html import report_html
from chainrule.check.report_json import report_data, report_json
from chainrule.check.report_math import claim_math, typeset
from chainrule.check.tree import Apply, Choice, Derivative, Matrix, Number, Remark, Symbol
from chainrule.check.verdicts import Marked, Mistake
from chainrule.document.blocks import plain
from chainrule.document.mathtree import text
from chainrule.errors import InputError, LimitError
from chainrule.render import FORMATS, render


def said(audience="teacher", every=False, of=None):
    return render(report_document(of or small(), audience, every), "terminal", width=400)


# --- the document ---------------------------------------------------------------------------------


def test_a_teacher_reads_the_first_wrong_step_why_and_what_follows():
    shown = said()
    assert "3 of 8 points, 1 more undecided." in shown
    assert "4 steps checked: 1 right, 1 wrong, 1 right but for an earlier" in shown
    assert "right: y = 3 (line 3)" in shown
    assert "First wrong step, line 5: a = 4 is wrong. a is 4 here, and -4 in truth." in shown
    assert "a minus was lost: it is -4, not 4." in shown
    assert "Line 5: b = 8 follows from line 5: twice a." in shown
    assert "Line 7: c = 5 is not decided: nothing says what c is." in shown
    assert "no answer found" in shown
    assert "Line 9: ### ??? (this is no formula)" in shown


def test_a_student_reads_hints_and_no_answers():
    shown = said("student")
    assert "line 5: a = 4 is wrong. Look at the sign." in shown
    assert "-4" not in shown
    assert "-8" not in shown
    assert "twice a" not in shown


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("audience", AUDIENCES)
def test_no_form_of_the_students_report_tells_the_expected_value(format, audience):
    telling = replace(small(), judged=tuple(
        replace(j, expected="271828.5", why="it is 271828.5", mistakes=(
            Mistake("sign", "it is 271828.5", "it should be 271828.5"),))
        for j in small().judged))
    for every in (False, True):
        shown = render(report_document(telling, audience, every), format)
        assert ("271828.5" in shown) == (audience == "teacher")
    for shown in (report_html(telling, audience), report_json(telling, audience),
                  *(export(telling, kind, audience) for kind in EXPORTS)):
        assert ("271828.5" in shown) == (audience == "teacher")


def test_a_hint_that_holds_the_answer_is_not_given():
    judged = small().judged[1]
    assert hint(judged) == "Look at the sign."
    telling = replace(judged, expected="2", mistakes=(Mistake("a", "", "it is 2, of course"),))
    assert hint(telling) == "The two sides are not equal: work this step again."
    other = replace(judged, expected="2", mistakes=(Mistake("a", "", "see equation 2.5 there"),))
    assert hint(other) == "See equation 2.5 there."


def test_all_lists_every_claim():
    assert "Every claim" not in said()
    shown = said(every=True)
    assert "Every claim" in shown
    assert shown.count("✓ right") == 1


def test_a_long_list_is_cut_unless_all_is_asked_for():
    whole = "\n".join(f"x{k} = {k}" for k in range(40))
    many = report(whole, [(f"x{k} = {k}", "undecided", "1") for k in range(40)],
                  [Marked("1", "One", 0, 1, 1, claims=tuple(range(1, 41)))])
    assert "and 28 more" in said(of=many)
    assert "more" not in said(of=many, every=True).split("Every claim")[0].replace("1 more", "")


def test_a_paper_with_nothing_in_it_is_told_so():
    empty = report("", [], [Marked("1", "One", 0, 1)])
    assert "Nothing was found that could be checked." in said(of=empty)


# --- mathematics ----------------------------------------------------------------------------------


def n(value):
    return Number(0, 0, str(value))


def s(name, *subs):
    return Symbol(0, 0, name, subs=subs)


def a(head, *args, signs=()):
    return Apply(0, 0, head, args, signs)


@pytest.mark.parametrize(("node", "shown"), [
    (a("sum", s("a"), a("sum", s("b"), s("c"), signs=("+", "+")), signs=("+", "-")), "a - (b + c)"),
    (a("sum", s("a"), s("b"), signs=("-", "+")), "-a + b"),
    (a("product", s("a"), a("sum", s("b"), s("c"), signs=("+", "-")), signs=("", "dot")),
     "a · (b - c)"),
    (a("product", n(2), s("x"), signs=("", "")), "2x"),
    (a("product", n(2), n(3), signs=("", "")), "2 · 3"),
    (a("product", s("a"), s("b"), signs=("", "odot")), "a ⊙ b"),
    (a("power", a("sum", s("a"), n(1), signs=("+", "+")), n(2)), "(a + 1)²"),
    (a("frac", n(1), a("sum", n(1), s("x"), signs=("+", "+"))), "1/(1 + x)"),
    (Derivative(0, 0, s("L"), (s("v", n(1)),)), "∂L/∂v₁"),
    (Derivative(0, 0, s("L"), (s("z"),), True), "dL/dz"),
    (s("z̄", s("i")), "z̄ᵢ"),
    (s("alpha", n(0)), "α₀"),
    (a("call:log", s("p", s("y"))), "log(p_y)"),
    (a("call:ReLU", s("u")), "ReLU(u)"),
    (a("compare", s("x"), n(0), signs=(">=",)), "x ≥ 0"),
    (a("neg", a("sum", s("a"), s("b"), signs=("+", "+"))), "-(a + b)"),
    (Matrix(0, 0, ((n(1), n(2)), (n(3), n(4)))), "[1 2; 3 4]"),
    (Remark(0, 0, s("x"), "(=0)"), "x"),
    (a("dots"), "…"),
])
def test_a_formula_is_typeset_with_the_brackets_that_it_needs(node, shown):
    assert text(typeset(node)) == shown


def test_cases_keep_their_conditions():
    node = Choice(0, 0, ((s("x"), a("compare", s("x"), n(0), signs=(">=",))), (n(0), None)))
    assert "if x ≥ 0" in text(typeset(node))
    assert "otherwise" in text(typeset(node))


def test_a_formula_that_is_too_deep_is_quoted_as_it_stands():
    node = s("x")
    for _ in range(500):
        node = a("neg", node)
    with pytest.raises(ValueError, match="too large"):
        typeset(node)
    part = Side(Place(0, 4), "- -x", node)
    shown = plain(claim_math(Claim(Place(2, 3), "=", part, part, "claim", Context(), 0, 0)))
    assert shown == "- -x = - -x"


# --- HTML -----------------------------------------------------------------------------------------


def test_marks_stand_in_the_margin_at_their_lines():
    page = report_html(small())
    line = re.search(r'id="line-5">.*', page)[0]
    assert '<mark class="wrong">a = 4</mark>' in line
    assert '<mark class="follows">b = 8</mark>' in line
    assert "a minus was lost" in line
    assert '<mark class="unread">### ???</mark>' in page


def test_a_page_runs_nothing_and_loads_nothing():
    page = report_html(small())
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not re.search(r"(?:src|href|action)\s*=|url\(|@import|\son\w+\s*=", page)


def test_control_characters_and_changes_of_direction_become_visible():
    whole = "y = 3\u202e\x07 <b>"
    page = report_html(report(whole, [("y = 3", "right", "1")]))
    assert "\u202e" not in page
    assert "&lt;U+202E&gt;&lt;U+0007&gt; &lt;b&gt;" in page


def test_where_marks_meet_the_worst_shows_and_the_text_stays_whole():
    made = report("y = 3 and more", [("y = 3", "right", "1"), ("y = 3", "wrong", "1")])
    page = report_html(made)
    assert '<mark class="wrong">y = 3</mark> and more' in page
    assert 'mark class="right"' not in page


def test_of_a_very_long_paper_the_lines_near_marks_are_shown():
    whole = "\n" * 30_000 + "y = 3\n" + "\n" * 30_000
    page = report_html(report(whole, [("y = 3", "wrong", "1")]))
    assert 'id="line-30001"' in page
    assert "lines left out" in page
    assert len(page) < 60_000


def test_a_claim_over_several_lines_is_marked_on_each():
    whole = "y\n= 3"
    made = report("y = 3", [("y = 3", "right", "1")])
    moved = replace(made.judged[0].claim, place=Place(2, 3), left=Side(Place(0, 1), "y", None),
                    right=Side(Place(4, 5), "3", None))
    made = replace(made, paper=replace(made.paper, text=whole),
                   judged=(replace(made.judged[0], claim=moved),))
    assert report_html(made).count('<mark class="right">') == 2


# --- JSON -----------------------------------------------------------------------------------------


def test_json_has_what_the_schema_says():
    data = json.loads(report_json(small()))
    assert data["schema"] == 1
    first = data["claims"][1]
    assert (first["line"], first["text"], first["class"], first["verdict"]) == (
        5, "a = 4", "claim", "wrong")
    assert (first["expected"], first["first_wrong"]) == ("-4", 2)
    assert "lost" in first["why"]
    assert data["claims"][2]["first_wrong"] == 2
    assert data["claims"][0]["first_wrong"] is None
    assert TEXT[first["start"] : first["end"]] == "a = 4"
    assert data["points"]["earned"] == 3
    assert data["points"]["of"] == 8
    assert data["points"]["questions"][1]["first_wrong"] == 2
    assert data["unread"][0]["line"] == 9


def test_json_for_students_has_hints_and_no_values():
    data = report_data(small(), "student")
    assert [c["expected"] for c in data["claims"]] == [None] * 4
    assert data["claims"][1]["hint"] == "Look at the sign."
    assert data["claims"][1]["mistakes"] == []
    assert not any(c["why"] for c in data["claims"])


# --- other graders --------------------------------------------------------------------------------


def test_gradescope_gets_scores_a_question():
    data = json.loads(export(small(), "gradescope"))
    assert data["score"] == 3
    assert [(t["score"], t["max_score"]) for t in data["tests"]] == [(2, 2), (1, 3), (0, 1), (0, 2)]
    assert data["tests"][0]["status"] == "passed"
    assert "Look at the sign" in data["tests"][1]["output"]
    assert "1 more hang" in data["output"]


def test_prairielearn_gets_a_share():
    data = json.loads(export(small(), "prairielearn"))
    assert data["gradable"] is True
    assert data["score"] == pytest.approx(3 / 8)
    assert data["tests"][1]["max_points"] == 3


def test_nbgrader_gets_a_notebook_with_a_graded_cell_a_question():
    data = json.loads(export(small(), "nbgrader"))
    assert (data["nbformat"], data["nbformat_minor"]) == (4, 5)
    cells = data["cells"]
    assert len({c["id"] for c in cells}) == len(cells) == 5
    graded = [c["metadata"]["nbgrader"] for c in cells[1:]]
    assert [g["points"] for g in graded] == [2, 3, 1, 2]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", c["id"]) for c in cells)


def test_an_unknown_grader_is_refused():
    with pytest.raises(InputError, match="no export"):
        export(small(), "gradscope")


# --- decisions ------------------------------------------------------------------------------------


def settled(**entry):
    words = "".join(f"{k} = {json.dumps(v)}\n" for k, v in entry.items())
    return read_decisions(f"[[decision]]\n{words}")


def test_a_decision_takes_the_place_of_a_verdict():
    made = decided(small(), settled(student="s1", claim=claim_key("c = 5"), verdict="right",
                                    note="the sketch shows it"))
    assert made.judged[3].verdict == "right"
    assert "the sketch shows it" in made.judged[3].why
    assert (made.questions[2].points, made.questions[2].undecided) == (1, 0)
    assert made.questions[0] == small().questions[0]


def test_what_follows_from_a_claim_that_is_decided_right_is_right():
    made = decided(small(), settled(student="s1", claim=claim_key("a = 4"), verdict="right"))
    assert [j.verdict for j in made.judged] == ["right", "right", "right", "undecided"]
    assert made.questions[1].points == 3


def test_a_decision_is_the_students_own():
    other = settled(student="s2", claim=claim_key("c = 5"), verdict="right")
    assert decided(small(), other) == small()
    anyone = settled(student="*", claim=claim_key("c = 5"), verdict="wrong")
    assert decided(small(), anyone).judged[3].verdict == "wrong"


def test_a_decision_stays_when_lines_move_and_falls_when_the_claim_changes():
    made = settled(student="s1", claim=claim_key("y=3"), verdict="wrong")
    moved = report("new line\n\n y = 3", [("y = 3", "right", "1")])
    assert decided(moved, made).judged[0].verdict == "wrong"
    changed = report("y = 4", [("y = 4", "right", "1")])
    after = decided(changed, made)
    assert after.judged[0].verdict == "right"
    assert "fits nothing" in after.remarks[0]


def test_points_have_the_last_word():
    made = decided(small(), read_decisions(
        '[[points]]\nstudent = "s1"\nquestion = "2"\npoints = 2.5\nnote = "nice try"\n'))
    assert made.questions[1].points == 2.5
    assert "nice try" in made.questions[1].why
    assert made.points == 4.5


def test_open_claims_are_added_and_nothing_else_is_changed():
    first = with_open(Decisions(), undecided(small()))
    again = read_decisions(first)
    assert [(d.student, d.verdict) for d in again.decisions] == [("s1", "")]
    assert with_open(again, undecided(small())) == first
    mine = "# my own remark\n" + first.replace('verdict = ""', 'verdict = "right" # sure')
    kept = with_open(read_decisions(mine), undecided(small()))
    assert kept == mine
    assert decided(small(), read_decisions(mine)).judged[3].verdict == "right"


def test_open_entries_do_not_change_what_has_been_decided():
    first = read_decisions(with_open(Decisions(), undecided(small())))
    assert first.digest() == Decisions().digest()
    assert first.digest() != settled(student="a", claim="b", verdict="right").digest()


def test_hostile_text_in_an_open_entry_stays_text():
    whole = 'y = "\\\u202e\x1b'
    made = report(whole, [(whole, "undecided", "1")], student='x"\n[[points]]\n\\')
    again = read_decisions(with_open(Decisions(), undecided(made)))
    assert len(again.decisions) == 1
    assert again.points == ()


@pytest.mark.parametrize(("entry", "message"), [
    ('[[decision]]\nstudent = "a"\nclaim = "b"\nverdict = "rigth"', "no verdict 'rigth'"),
    ('[[decision]]\nclaim = "b"\nverdict = "right"', "student is missing"),
    ('[[decision]]\nstudent = "a"\nclaim = 3\nverdict = "right"', "claim is text"),
    ('[[decision]]\nstudent = "a"\nclaim = "b"\nverdict = "right"\nnth = 0', "nth"),
    ('[[decision]]\nstudent = "a"\nclaim = "b"\nverdict = "right"\nlook = 1', "no 'look'"),
    ('[[points]]\nstudent = "a"\nquestion = "1"\npoints = "many"', "number of points"),
    ('[[points]]\nstudent = "a"\nquestion = "1"\npoints = -1', "number of points"),
    ("decision = 3", "written \\[\\[decision\\]\\]"),
    ("[[verdicts]]\n", "no 'verdicts'"),
    ("schema = 2", "schema 1"),
    ("[[decision", "not TOML"),
])
def test_a_wrong_decisions_file_is_refused_with_its_place(entry, message):
    with pytest.raises(InputError, match=message):
        read_decisions(entry)


def test_an_endless_decisions_file_is_refused():
    with pytest.raises(LimitError):
        read_decisions("#" * 6_000_000)


def test_two_claims_with_the_same_text_are_told_apart():
    whole = "y = 3 and y = 3"
    made = report(whole, [("y = 3", "undecided", "1"), ("y = 3", "undecided", "1")])
    waiting = undecided(made)
    assert [w.nth for w in waiting] == [1, 2]
    after = decided(made, settled(student="s1", claim=waiting[1].claim, nth=2, verdict="wrong"))
    assert [j.verdict for j in after.judged] == ["undecided", "wrong"]


def test_the_kind_of_a_mistake_is_in_the_teachers_json():
    assert report_data(small())["claims"][1]["mistakes"][0]["kind"] == SIGN.kind
