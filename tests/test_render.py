"""Documents: mathematics in three spellings, every block in every format, hostile text."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from chainrule.document import blocks as b
from chainrule.document.mathtree import (
    Accent,
    Both,
    Cases,
    Fence,
    Fraction,
    Function,
    Identifier,
    Mark,
    Math,
    Matrix,
    Num,
    Op,
    Power,
    Root,
    Row,
    Subscript,
    Under,
    Words,
    display_width,
    latex,
    mathml,
    row,
    text,
    text_block,
)
from chainrule.errors import DefinitionError, InputError, LimitError
from chainrule.render import FORMATS, render
from chainrule.render.graph import DRAWN_NODES, Edge, Graph, Node, ascii, neurons, svg

HOSTILE = (
    "<script>alert('1')</script> & $x$ | \\n % _a_ *b* `c` # ~ ^ {y} \u202eabc\x00\x1b[31m 漢 v̄₁"
)


def ident(name: str) -> Identifier:
    return Identifier(name)


def v(index: int) -> Subscript:
    return Subscript(ident("v"), Num(str(index)))


def partial(top: Math, bottom: Math) -> Fraction:
    return Fraction(row("∂", top), row("∂", bottom))


x, y, k = ident("x"), ident("y"), ident("k")
MATRIX = Matrix(((Num("8"), Num("6")), (Num("-0.5"), Num("0.25"))), frozenset({(0, 0)}))
CASES = Cases(((x, row(x, "≥", Num("0"))), (row(ident("alpha"), "·", x), Words("otherwise"))))


@pytest.mark.parametrize(
    ("tree", "as_text", "as_latex"),
    [
        (ident("alpha"), "α", r"\alpha"),
        (ident("loss_2"), "loss_2", r"\mathrm{loss\_2}"),
        (Accent(v(-1), "bar"), "v̄₋₁", r"\bar{v}_{-1}"),
        (Accent(Subscript(x, Num("1")), "dot"), "x\u0307₁", r"\dot{x}_{1}"),
        (Subscript(x, row(ident("n"), ",", ident("c"))), "x_{n,c}", "x_{n , c}"),
        (Power(x, Num("2")), "x²", "x^{2}"),
        (Power(row(x, "+", y), Num("2")), "(x + y)²", "(x + y)^{2}"),
        (Power(Num("-2"), Num("2")), "(-2)²", "(-2)^{2}"),
        (Power(Subscript(x, Num("1")), Num("2")), "x₁²", "x_{1}^{2}"),
        (row("-", x, "+", y), "-x + y", "- x + y"),
        (row(x, "·", "-", y), "x · -y", r"x \cdot - y"),
        (Fraction(row(x, "+", y), row(Num("2"), x)), "(x + y)/(2x)", r"\frac{x + y}{2 x}"),
        (Fraction(Fraction(x, y), k), "(x/y)/k", r"\frac{\frac{x}{y}}{k}"),
        (row(Under(Op("Σ"), k), Subscript(x, k)), "Σ_k xₖ", r"\sum_{k} x_{k}"),
        (
            row(Under(Op("max"), row(ident("a"), "<", Num("2"))), x),
            "max_{a<2} x",
            r"\max_{a < 2} x",
        ),
        (Function("ln", Num("2")), "ln(2)", r"\ln(2)"),
        (Function("relu6", x), "relu6(x)", r"\operatorname{relu6}(x)"),
        (Function("sigma", x), "σ(x)", r"\sigma(x)"),
        (Root(row(x, "+", y)), "√(x + y)", r"\sqrt{x + y}"),
        (Num("1.5e-07"), "1.5e-07", r"1.5 \times 10^{-7}"),
        (Num("-inf"), "-∞", r"-\infty"),
        (Fence(Fraction(x, y)), "(x/y)", r"\left( \frac{x}{y} \right)"),
        (Both(ident("W"), k, Fence(Num("2"))), "Wₖ⁽²⁾", "W_{k}^{(2)}"),
        (MATRIX, "[‹8› 6; -0.5 0.25]",
         r"\begin{bmatrix} \boxed{8} & 6 \\ -0.5 & 0.25 \end{bmatrix}"),
        (CASES, "{x if x ≥ 0; α · x otherwise}",
         r"\begin{cases} x & \text{if } x \geq 0 \\ \alpha \cdot x & \text{otherwise} \end{cases}"),
        (Mark(x), "‹x›", r"\boxed{x}"),
    ],
)  # fmt: skip
def test_mathematics_is_spelled_in_text_and_in_latex(
    tree: Math, as_text: str, as_latex: str
) -> None:
    assert text(tree) == as_text
    assert latex(tree) == as_latex
    ElementTree.fromstring(mathml(tree))


def test_a_matrix_stands_on_several_lines_with_its_points_aligned() -> None:
    assert text_block(row(ident("U"), "=", MATRIX)) == ["U = ⎡‹8›   6   ⎤", "    ⎣-0.5  0.25⎦"]


def test_nested_matrices_show_a_tensor() -> None:
    inner = Matrix(((Num("1"), Num("2")), (Num("3"), Num("4"))))
    lines = text_block(Matrix(((inner, inner),)))
    assert [line.count("[") + line.count("⎡") for line in lines] == [3, 0]
    assert text(Matrix(((inner,), (inner,)))) == "[[1 2; 3 4]; [1 2; 3 4]]"


def test_a_wide_matrix_does_not_rely_on_amsmaths_ten_columns() -> None:
    wide = latex(Matrix((tuple(Num(str(n)) for n in range(12)),)))
    assert r"\begin{array}{cccccccccccc}" in wide


def test_text_width_ignores_combining_marks() -> None:
    assert display_width("v̄₋₁") == 3 and display_width("漢") == 2


@pytest.mark.parametrize("word", [HOSTILE, "\\", "}", "{", "%", "$", "é", "漢", "", "a b"])
def test_hostile_names_stay_harmless_in_every_spelling(word: str) -> None:
    for tree in (Identifier(word), Op(word), Num(word), Words(word), Function(word, x)):
        ElementTree.fromstring(mathml(tree))
        spelled = latex(tree)
        assert spelled.isascii()
        bare = re.sub(r"\\.", "", spelled)
        assert bare.count("{") == bare.count("}") and "%" not in bare and "#" not in bare
        assert "\x1b" not in text(tree) and "\u202e" not in text(tree)


def everything(words: str = "words") -> b.Document:
    """A document with every kind of block and inline, `words` wherever prose can stand."""
    drawing = svg(GRAPH, words, words)
    return b.document(
        words,
        b.heading(1, words, x),
        b.heading(3, "deep"),
        b.p(words, " ", x, b.strong(words), b.emph(words), b.code(words)),
        b.MathBlock(row(y, "=", CASES)),
        b.chain(y, (MATRIX, [words, x]), b.Link(Num("0.1"), relation="≈"), x),
        b.table(
            ["node", b.Column(b.inlines("value"), "right"), "adjoint", "use"],
            [
                [v(1), b.cell(MATRIX, source=words, emphasis=True), Accent(v(1), "bar"), words],
                [v(2), Num("2")],
            ],
            caption=[words, y],
            groups=[("", 1), ("Forward ⇓", 1), ("Reverse ⇑", 2)],
        ),
        b.items(words, ["two ", x]),
        b.items(words, ordered=True),
        b.Figure(drawing, words, b.inlines(words), ascii(GRAPH)),
        b.note(words, kind="kink"),
        b.note("n"),
        b.CodeBlock(f"{words}\n  indented", "python"),
        command=words,
    )


GRAPH = Graph(
    (
        Node("a", Subscript(x, Num("1")), "2", "input"),
        Node("b", row(Num("2"), "·", x), Num("4")),
        Node("c", y, "8", "output"),
    ),
    (Edge("a", "b", "2", "-1"), Edge("a", "c", "2"), Edge("b", "c", "4"), Edge("b", "c", "4")),
)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_renders_every_block_and_always_the_same(name: str) -> None:
    shown = render(everything(), name)
    assert shown == render(everything(), name)
    assert shown.count("words") >= 10 and shown.endswith("\n")


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_document_renders(name: str) -> None:
    blocks = (b.table([], []), b.Chain(x, ()), b.items(), b.p(""), b.CodeBlock(""))
    assert render(b.Document("", blocks), name)


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(InputError) as failure:
        render(everything(), "pdf")
    assert "terminal" in str(failure.value)


@pytest.mark.parametrize("name", ["terminal", "markdown", "latex", "html"])
def test_hostile_prose_reaches_no_reader_as_control_characters(name: str) -> None:
    shown = render(everything(HOSTILE), name)
    assert not set(shown) & {"\x00", "\x1b", "\u202e"}


class Outline(HTMLParser):
    """The tags of a page, and whether they nest."""

    void = frozenset({"meta", "br", "link", "img", "rect", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    assert not found.open
    return found


def test_html_is_one_file_without_scripts_or_outside_resources() -> None:
    page = outline(render(everything(HOSTILE), "html"))
    assert not {"script", "link", "img", "iframe", "a"} & set(page.seen)
    assert not [n for n, _ in page.attributes if n.startswith("on") or n in {"src", "href"}]


def test_html_is_accessible() -> None:
    shown = render(everything(), "html")
    page = outline(shown)
    levels = [int(tag[1]) for tag in page.seen if re.fullmatch(r"h\d", tag)]
    assert levels == [1, 2, 3]  # a skipped level is closed up
    for wanted in (
        'lang="en"', 'scope="col"', 'scope="row"', 'scope="colgroup"', "<caption>",
        'role="img"', "<title>", "<desc>", "prefers-color-scheme", "@media print", "<math",
    ):  # fmt: skip
        assert wanted in shown
    assert "<html" not in render(everything(), "html", fragment=True)


def test_json_gives_mathematics_twice_and_names_every_kind() -> None:
    data = json.loads(render(everything(HOSTILE), "json"))
    assert data["schema"] == 1 and data["title"] == HOSTILE
    kinds = {block["kind"] for block in data["blocks"]}
    assert kinds == {
        "heading", "paragraph", "math-block", "chain", "table", "list", "figure", "note",
        "code-block",
    }  # fmt: skip
    chain = next(block for block in data["blocks"] if block["kind"] == "chain")
    assert chain["lhs"] == {"text": "y", "latex": "y"}
    table = next(block for block in data["blocks"] if block["kind"] == "table")
    assert table["rows"][0][1]["source"] == HOSTILE and table["rows"][0][1]["emphasis"] is True


def test_markdown_escapes_what_is_markup() -> None:
    shown = render(
        b.document("t", b.p("# <b> *x* $5 | `c` [l](u)"), b.p("1. not a list")), "markdown"
    )
    assert shown.split("\n")[2] == r"\# \<b\> \*x\* \$5 \| \`c\` \[l\](u)"
    assert r"1\. not a list" in shown


def test_markdown_tables_keep_their_columns_whatever_is_in_the_cells() -> None:
    bar = Fence(x, "|", "|")
    shown = render(b.document("t", b.table(["a|b", "c"], [[bar, b.code("p|q")]])), "markdown")
    counts = {len(re.findall(r"(?<!\\)\|", line)) for line in shown.split("\n")[2:-1]}
    assert counts == {3}


TRACE = b.table(
    ["", "symbols", b.Column(b.inlines("value"), "right"), "symbols", "value"],
    [
        [v(i), row(v(i), "=", Function("ln", v(i - 1)), "=", Num("0.69315")), Num("0.6931"),
         row(Accent(v(i), "bar"), "=", Accent(v(i + 1), "bar"), "·", partial(v(i + 1), v(i))),
         Num("1")]
        for i in range(3)
    ],
    groups=[("", 1), ("Forward evaluation trace ⇓", 2), ("Reverse adjoint trace ⇑", 2)],
)  # fmt: skip


GOLDEN = """\
    Forward evaluation trace ⇓      Reverse adjoint trace ⇑
    ──────────────────────────────  ────────────────────────
    symbols                  value  symbols            value
────────────────────────────────────────────────────────────
v₀  v₀ = ln(v₋₁) = 0.69315  0.6931  v̄₀ = v̄₁ · ∂v₁/∂v₀  1
v₁  v₁ = ln(v₀) = 0.69315   0.6931  v̄₁ = v̄₂ · ∂v₂/∂v₁  1
v₂  v₂ = ln(v₁) = 0.69315   0.6931  v̄₂ = v̄₃ · ∂v₃/∂v₂  1
"""


def test_a_trace_reads_in_the_terminal_as_in_a_textbook() -> None:
    assert render(b.document("", TRACE), "terminal") == GOLDEN


def test_a_narrow_terminal_breaks_at_equals_signs_and_then_between_groups() -> None:
    assert "v₀  v₀ = ln(v₋₁)        0.6931" in render(b.document("", TRACE), "terminal", width=58)
    narrow = render(b.document("", TRACE), "terminal", width=40)
    assert narrow.index("Reverse") > narrow.index("v₂ = ln(v₁)")


@pytest.mark.parametrize("width", [100, 70, 50, 34])
def test_terminal_output_keeps_to_the_width_and_loses_nothing(width: int) -> None:
    prose = b.p("many words " * 30)
    shown = render(b.document("t", TRACE, prose), "terminal", width=width)
    assert max(map(display_width, shown.split("\n"))) <= width
    assert shown.count("many") == 30 and shown.count("∂v₁/∂v₀") == 1
    assert shown.count("0.69315") == 3


def test_colour_is_there_only_when_asked_for() -> None:
    assert "\x1b" not in render(everything(), "terminal")
    assert "\x1b[1m" in render(everything(), "terminal", color=True)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(tmp_path: Path) -> None:
    for name, words in (("plain", "words"), ("hostile", HOSTILE)):
        (tmp_path / f"{name}.tex").write_text(render(everything(words), "latex"), encoding="utf-8")
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"],
            cwd=tmp_path, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:]
        if name == "plain":
            assert b"Overfull" not in done.stdout


def test_latex_is_ascii_and_a_fragment_has_no_preamble() -> None:
    assert render(everything(HOSTILE), "latex").isascii()
    assert r"\documentclass" not in render(everything(), "latex", fragment=True)


def test_a_graph_is_drawn_in_layers_and_edges_keep_out_of_nodes() -> None:
    nodes = tuple(Node(str(n), str(n)) for n in range(4))
    edges = (Edge("0", "1"), Edge("1", "2"), Edge("2", "3"), Edge("0", "3", "7"))
    root = ElementTree.fromstring(svg(Graph(nodes, edges), "t"))
    space = "{http://www.w3.org/2000/svg}"
    boxes = [r.attrib for r in root.iter(f"{space}rect")]
    lefts = [float(box["x"]) for box in boxes]
    assert lefts == sorted(lefts) and len(set(lefts)) == 4
    long = [p.attrib["d"] for p in root.iter(f"{space}path") if p.attrib["d"].count("C") == 3]
    middle = boxes[1]
    passing = float(re.findall(r"-?[\d.]+", long[0])[7])
    top = float(middle["y"])
    assert not top <= passing <= top + float(middle["height"])


def test_drawings_escape_their_labels_and_are_well_formed() -> None:
    nodes = (Node(HOSTILE, HOSTILE, HOSTILE, HOSTILE), Node("b", Function(HOSTILE, x)))
    drawn = svg(Graph(nodes, (Edge(HOSTILE, "b", HOSTILE, HOSTILE),)), HOSTILE, HOSTILE)
    ElementTree.fromstring(drawn)
    assert "<script" not in drawn
    ElementTree.fromstring(neurons([["a", HOSTILE], [x, y], [k]], [[["1", ""]] * 2, [["2", "3"]]]))


def test_graphs_that_cannot_be_drawn_are_refused() -> None:
    loop = (Edge("a", "b"), Edge("b", "a"))
    with pytest.raises(DefinitionError):
        svg(Graph((Node("a", "a"), Node("b", "b")), loop), "t")
    with pytest.raises(DefinitionError):
        svg(Graph((Node("a", "a"),), (Edge("a", "z"),)), "t")
    with pytest.raises(LimitError):
        svg(Graph(tuple(Node(str(n), "") for n in range(DRAWN_NODES + 1)), ()), "t")
    assert svg(Graph((), ()), "t").startswith("<svg")


def test_a_table_checks_its_rows_and_groups() -> None:
    with pytest.raises(ValueError, match="2 cells"):
        b.table(["a"], [["1", "2"]])
    with pytest.raises(ValueError, match="groups"):
        b.table(["a", "b"], [], groups=[("g", 1)])


def test_a_row_of_nothing_and_a_long_row_both_have_a_spelling() -> None:
    assert text(Row(())) == "" and latex(Row(())) == ""
    many = Row(tuple(Num("1") if i % 2 == 0 else Op("+") for i in range(20_001)))
    assert text(many).count("+") == 10_000 and latex(many).count("+") == 10_000


def test_a_long_sum_breaks_before_its_terms() -> None:
    term = row(Accent(v(1), "bar"), "·", partial(v(1), v(0)))
    page = b.document("", b.table(["sum"], [[row(term, "+", term)]]))
    assert render(page, "terminal", width=20).split("\n")[2:4] == [
        "v̄₁ · ∂v₁/∂v₀",
        "  + v̄₁ · ∂v₁/∂v₀",
    ]
