"""Papers are read into blocks, and blocks into claims with their context."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.check.claims import Claim, Reading
from chainrule.check.paper import Formula, Grid, Label, Paper
from chainrule.check.read import equals_signs, read_claims, read_paper, shown
from chainrule.errors import InputError, LimitError
from chainrule.limits import SUBMISSION_BYTES

SEEDS = Path(__file__).parent.parent.parent / "shared" / "seeds"
OWN = sorted((Path(__file__).parent / "data" / "papers").glob("*.*"))
PAPERS = sorted(SEEDS.glob("*.txt"))


def claims(text: str, name: str = "paper.md") -> tuple[Claim, ...]:
    return read_claims(read_paper(text, name)).claims


def lines(text: str) -> list[str]:
    return [f"{shown(c.left.node)} {c.relation} {shown(c.right.node)}" for c in claims(text)]


def lost_signs(paper: Paper, reading: Reading) -> list[str]:
    """The equals signs that no claim, side, condition or unread piece covers."""
    covered = [c.place for c in reading.claims] + [u.place for u in reading.unread]
    for claim in reading.claims:
        covered += [claim.left.place, claim.right.place, *(c.place for c in claim.context.scope)]
    covered += [v.side.place for v in reading.values]
    return [paper.text[s.start - 10 : s.end + 10] for s in equals_signs(paper)
            if not any(p.start <= s.start and s.end <= p.end for p in covered)]


@pytest.mark.parametrize("path", [*PAPERS, *OWN], ids=lambda p: p.name)
def test_no_equals_sign_of_a_paper_is_lost_and_none_is_claimed_twice(path: Path) -> None:
    paper = read_paper(path.read_bytes(), path.name)
    reading = read_claims(paper)
    assert lost_signs(paper, reading) == []
    signs = [(c.place.start, c.place.end) for c in reading.claims if c.place.end > c.place.start]
    assert len(signs) == len(set(signs))


def test_the_five_documents_are_here() -> None:
    if not PAPERS:
        pytest.skip("../shared/seeds is absent")
    assert len(PAPERS) == 5


def test_a_chain_goes_on_over_formulas_and_words() -> None:
    text = "$$y = a$$\n\n$$= b$$\n\nRecall:\n\n$$f = g$$\n\n$$= c$$"
    assert lines(text) == ["y = a", "a = b", "f = g", "b = c"]


def test_a_table_of_numbers_is_the_right_side_of_what_ends_with_a_sign() -> None:
    assert lines("$$U =$$\n\n8\t6\n-0.5\t1\n\n =\n\n1\t2\n3\t4\n") == [
        "U = [8, 6; (- 0.5), 1]", "[8, 6; (- 0.5), 1] = [1, 2; 3, 4]"]


def test_a_matrix_without_a_relation_is_a_value_with_the_words_around_it() -> None:
    value, = read_claims(read_paper("(i) Pool\n\n8\t6\n1\t2\n\n: values of U", "p.md")).values
    assert shown(value.side.node) == "[8, 6; 1, 2]"
    assert value.context.before == "Pool"
    assert value.context.after == ": values of U"
    assert value.context.path == (("item", "i"),)


def test_the_rows_of_a_trace_are_chains_in_groups_of_columns() -> None:
    text = ("Forward\t\t\tDerivative\t\t\n"
            "$v_1$\t$= x_1$\t$= 2$\t$= \\dot v_1$\t$\\dot x_1$\t$= 1$\n"
            "$\\Downarrow$ $v_2$\t$= \\sin v_1$\t$\\sin 2$\t$\\dot v_2$\t$= \\cos v_1$\t$= 3$\n")
    assert lines(text) == [
        "v_1 = x_1", "x_1 = 2", "v̇_1 = ẋ_1", "ẋ_1 = 1",
        "v_2 = sin(v_1)", "sin(v_1) = sin(2)", "v̇_2 = cos(v_1)", "cos(v_1) = 3"]


def test_a_table_below_names_gives_values_with_their_row_and_column() -> None:
    text = "\t\t<i>k</i>\t<i>s</i>\n1.\t(a)\t8\t2\n\t(b)\t4\t1\n"
    values = read_claims(read_paper(text, "p.md")).values
    assert [(shown(v.side.node), v.context.path) for v in values][-1] == (
        "1", (("row", "1"), ("row", "b"), ("column", "s")))
    assert len(values) == 4


@pytest.mark.parametrize(("text", "kind"), [
    ("Let $x = 2$.", "given"), ("Let $L = a + b$.", "definition"),
    ("where $z = x - y$", "definition"), ("Show that $a = b$.", "given"),
    ("Assume $k = 8$.", "given"), ("if $x = 0$ we stop", "condition"),
    ("so $a = b$", "claim"), ("we show that $a = b$", "claim"), ("$z \\equiv x - y$", "definition"),
])
def test_words_before_a_formula_class_it(text: str, kind: str) -> None:
    assert [c.kind for c in claims(text)] == [kind]


def test_a_case_holds_until_the_next_one() -> None:
    text = "Case $i = j$:\n\n$$a = b$$\n\nCase $i \\neq j$:\n\n$$c = d$$\n\n(b) $e = f$"
    scopes = {shown(c.left.node): [shown(x.node) for x in c.context.scope] for c in claims(text)}
    assert scopes["a"] == ["(compare i == j)"]
    assert scopes["c"] == ["(compare i != j)"]
    assert scopes["e"] == []


def test_a_condition_behind_a_formula_belongs_to_it() -> None:
    claim = claims("$$a = b \\quad ; x \\geq 0$$")[0]
    assert [(c.origin, shown(c.node)) for c in claim.context.scope] == [
        ("tail", "(compare x >= 0)")]
    claim = claims("$a \\neq b$ except when $c = 1$.")[0]
    assert [shown(c.node) for c in claim.context.scope] == ["(not (compare c == 1))"]


def test_a_sentence_that_says_what_something_is_becomes_a_claim() -> None:
    found = claims("Size of A is $98 \\times 98 \\times 5$\nThe loss of B is 5,557.")
    assert [(c.left.text, c.relation, shown(c.right.node)) for c in found] == [
        ("Size of A", "is", "(· 98 *98 *5)"), ("The loss of B", "is", "5557")]


def test_bare_formulas_are_found_in_plain_text() -> None:
    assert lines("so dL/dz = p - t holds, and y = 8*1 + 6*2 = 20 too") == [
        "(d L / z) = (+ p (- t))", "y = (+ (· 8 *1) (· 6 *2))", "(+ (· 8 *1) (· 6 *2)) = 20"]


def test_labels_are_normalised_and_nested() -> None:
    claim, = claims("Question 02\n\n(b.) words\n\n(ii) $y = 1$")
    assert claim.context.path == (("question", "2"), ("part", "b"), ("item", "ii"))
    kinds = [b for b in read_paper("© (i)\n\n① x", "p.md").blocks if isinstance(b, Label)]
    assert [(b.kind, b.key) for b in kinds] == [("part", "c"), ("item", "i"), ("number", "1")]


def test_decimal_commas_are_read_where_a_paper_uses_them() -> None:
    assert lines("$y = 19,3$ and $x = 0,25$") == ["y = 19.3", "x = 0.25"]
    assert lines("$y = 1,323,135$ and $x = 0.5$") == ["y = 1323135", "x = 0.5"]


def test_macros_are_written_out() -> None:
    text = "\\newcommand{\\pd}[2]{\\frac{\\partial #1}{\\partial #2}}\n\n$\\pd{L}{z} = 1$"
    assert lines(text) == ["(∂ L / z) = 1"]


def test_a_notebook_is_its_cells_text() -> None:
    cells = [{"cell_type": "markdown", "source": ["$y = 2$"]},
             {"cell_type": "code", "source": "z = 3\nprint(z)",
              "outputs": [{"data": {"text/html": "<script>x = 1</script>", "text/plain": "3"}}]}]
    paper = read_paper(json.dumps({"cells": cells, "nbformat": 4}), "a.ipynb")
    assert "script" not in paper.text
    assert [shown(c.left.node) for c in read_claims(paper).claims] == ["y", "z"]


@pytest.mark.parametrize(("name", "text"), [
    ("a.toml", '"1.c.ii" = "y = 19.3"'), ("a.json", '{"1": {"c": {"ii": "y = 19.3"}}}'),
    ("a.csv", "question,answer\n1cii,y = 19.3\n")])
def test_a_filled_form_has_its_questions_as_labels(name: str, text: str) -> None:
    claim, = read_claims(read_paper(text, name)).claims
    assert claim.context.path[0] == ("question", "1")
    assert shown(claim.right.node) == "19.3"


def test_bad_files_are_refused_or_empty_with_a_remark() -> None:
    assert read_paper(bytes(range(256)) * 4, "p.md").remarks[0].startswith("it is a binary file")
    assert read_paper("", "p.md").remarks == ("it is empty",)
    assert "Latin-1" in read_paper("größe".encode("latin-1"), "p.md").remarks[0]
    with pytest.raises(LimitError):
        read_paper("x" * (SUBMISSION_BYTES + 1), "p.md")
    with pytest.raises(LimitError):
        read_paper('{"cells":' + "[" * 50_000 + "]" * 50_000 + "}", "p.ipynb")
    for name, text in (("p.ipynb", "[]"), ("p.json", "{"), ("p.toml", "= =")):
        with pytest.raises(InputError):
            read_paper(text, name)


HOSTILE = {
    "macro bomb": "\\def\\a{\\b\\b\\b\\b\\b\\b}\\def\\b{\\c\\c\\c\\c\\c\\c}"
                  "\\def\\c{\\d\\d\\d\\d\\d\\d}\\def\\d{\\e\\e\\e\\e\\e\\e}\\def\\e{"
                  + "x" * 500 + "}\n\n$y = \\a$",
    "macro of itself": "\\def\\a{\\a\\a} $y = \\a$",
    "a long formula": "$$y = " + "x+" * 50_000 + "1$$",
    "many brackets": "$$y = " + "(" * 9_000 + "x" + ")" * 9_000 + "$$",
    "many fractions": "$$y = " + "\\frac{1}{" * 1_500 + "x" + "}" * 1_500 + "$$",
    "many bars": "$$y = " + "|" * 15_000 + "$$",
    "many signs": "$$" + "= " * 9_000 + "$$",
    "wide table": "\t".join(["1"] * 20_000) + "\n",
    "wide matrix": "$$y = \\begin{bmatrix}" + "1&" * 9_500 + "1\\end{bmatrix}$$",
    "dollars": "$" * 100_000, "open dollars": "$x " * 30_000, "begins": "\\begin{align}" * 9_000,
    "open brackets": "\\[" * 50_000, "lists": "[1, " * 5_000, "tags": "<a " * 30_000,
    "letters": "a" * 100_000, "stars": "*" * 100_000, "backslashes": "\\" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_read_without_a_crash(name: str) -> None:
    paper = read_paper(HOSTILE[name], "p.md")
    reading = read_claims(paper)
    assert len(reading.claims) < 20_000
    assert all(0 <= c.place.start <= c.place.end <= len(paper.text) for c in reading.claims)


def inside(paper: Paper) -> bool:
    reading = read_claims(paper)
    places = [b.place for b in paper.blocks] + [c.place for c in reading.claims]
    places += [s.place for c in reading.claims for s in (c.left, c.right)]
    places += [u.place for u in reading.unread] + [v.place for v in reading.values]
    return all(0 <= p.start <= p.end <= len(paper.text) for p in places)


PIECES = ["$", "$$", "\\frac{", "}", "{", "\\left(", "\\right)", "=", "\\partial ", "x", "z_i", "^",
          "_", "\n", "\n\n", "\t", "|", "&", "\\\\", "if ", "Case ", "0.5", ",", "(", ")", "[", "]",
          "\\begin{cases}", "\\end{cases}", "\\sum_{i=1}", "\\text{", "is 5 ", "\\lim_", "d", "/",
          "\\underbrace{", "\\newcommand{\\a}{x}", "\\a", "'", "\\int ", "∑", "ᵢ", "½", "= ", "-"]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@settings(max_examples=300, deadline=None)
def test_random_text_never_crashes_and_places_stay_inside(text: str) -> None:
    assert inside(read_paper(text, "p.md"))


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_mutations_of_papers_never_crash(data: st.DataObject) -> None:
    papers = PAPERS or OWN
    if not papers:
        pytest.skip("there are no papers")
    text = data.draw(st.sampled_from(papers)).read_text(encoding="utf-8")
    begin = data.draw(st.integers(0, max(0, len(text) - 800)))
    text = text[begin : begin + 800]
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text)))
        gone = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(st.sampled_from(PIECES)) + text[at + gone :]
    assert inside(read_paper(text, "p.md"))


def test_blocks_keep_the_text_as_it_stands() -> None:
    text = "# Title\n\n(a) so $y = 2$ and\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    paper = read_paper(text, "p.md")
    assert paper.text == text
    formula = next(b for b in paper.blocks if isinstance(b, Formula))
    assert text[formula.place.start : formula.place.end] == "y = 2"
    grid = next(b for b in paper.blocks if isinstance(b, Grid))
    assert grid.header
    assert len(grid.rows) == 2
