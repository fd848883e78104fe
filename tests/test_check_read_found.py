"""What papers in other people's handwriting, files and mails are read as."""

from __future__ import annotations

import time

import pytest

from chainrule.check.paper import Label
from chainrule.check.read import equals_signs, read_claims, read_formula, read_paper, shown


def lines(text: str, name: str = "paper.md") -> list[str]:
    """Claims as text: path, left side, relation, right side."""
    return [f"{shown(c.left.node)} {c.relation} {shown(c.right.node)}"
            for c in read_claims(read_paper(text, name)).claims]


def paths(text: str, name: str = "paper.md") -> list[str]:
    """The labels above each claim."""
    return [".".join(key for _, key in c.context.path)
            for c in read_claims(read_paper(text, name)).claims]


def keys(line: str) -> list[tuple[str, str]]:
    """The labels that a line begins with."""
    return [(b.kind, b.key) for b in read_paper(line, "p.md").blocks if isinstance(b, Label)]


# numbers

NUMBERS = [
    ("m₂ = 0,9·0,04 + 0,1·(−0,3) = 0,006", "(+ (· 0.9 dot0.04) (· 0.1 dot(- 0.3))) = 0.006"),
    ("$z = 2,0794$ and $x = 11,461$", "x = 11.461"),
    ("$z = 2,0794$ and $y = 0,125$", "y = 0.125"),
    ("$z = 2.0794$ and $n = 3,125$", "n = 3125"),
    ("$x = 1{,}1$ and $y = 11{,}461$", "y = 11.461"),
    ("$z = 0,25$ and $y = 1.234,5$", "y = 1234.5"),
    (r"$0 . 6 \cdot 2 + 0 . 1 = 1 . 486$", "(+ (· 0.6 dot2) 0.1) = 1.486"),
    (r"$x = 0 . 7 3 1 - 1$ and $y = 1 3$", "y = 13"),
    (r"$x = 2 . 3$", "x = (· 2 3)"),
    ("1 000 000 = 10^6", "1000000 = (^ 10 6)"),
    ("p = 3/4 = 75 % of all", "(· 3 /4) = (percent 75)"),
    ("f_t = .701", "f_t = .701"),
    (r"$x = \num{1.5e3} + \SI[mode=math]{3.5}{\metre}$", "x = (+ (· 1.5 dot(^ 10 3)) 3.5)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_a_number_is_read_as_the_paper_writes_numbers(text: str, expected: str) -> None:
    assert lines(text)[-1] == expected


# matrices in plain text

MATRICES = [
    ("K = [2 -1; 0 1]", "K = [2, (- 1); 0, 1]"),
    ("P = [9.25 5.5; 9.5 10.75]", "P = [9.25, 5.5; 9.5, 10.75]"),
    ("B = [1 - 2 3; 4 5]", "B = [(+ 1 (- 2)), 3; 4, 5]"),
    ("y = [a-b; c + d]", "y = [(+ a (- b)); (+ c d)]"),
    ("x = [100 200 300]", "x = [100, 200, 300]"),
    ("A = [1, 2\n     3, 4]", "A = [1, 2; 3, 4]"),
    ("B = [[0.1 0.2]\n [0.3 0.4]]", "B = [0.1, 0.2; 0.3, 0.4]"),
    ("E = array([[ 0.1, -0.2],\n       [ 0.3,  0.4]])", "E = [0.1, (- 0.2); 0.3, 0.4]"),
    ("C = np.array([[1., 2.], [3., 4.]])", "C = [1, 2; 3, 4]"),
    ("D = [1 2; 3 4]'", "D = (T [1, 2; 3, 4])"),
    ("A =\n| 1  2 |\n| 3  4 |", "A = [1, 2; 3, 4]"),
    ("Z = [ 0.5  -0.5 ]\n    [ -0.75 -0.5 ]", "Z = [0.5, (- 0.5); (- 0.75), (- 0.5)]"),
    ("S = P/√2:\n  1/√2   0\n  √2     √2",
     "(· P /sqrt(2)) = [(· 1 /sqrt(2)), 0; sqrt(2), sqrt(2)]"),
    (r"$A = \mqty(1 & 2 \\ 3 & 4)$", "A = (1, 2; 3, 4)"),
    (r"$A = \begin{bmatrix} 8{,}25 & -0{,}5\end{bmatrix}$", "A = [8.25, (- 0.5)]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MATRICES)
def test_a_matrix_is_read_however_its_cells_stand_apart(text: str, expected: str) -> None:
    assert lines(text)[-1] == expected


# formulas

FORMULAS = [
    ("y = 2*x_hat + 1 = [-0.732, 2]", "y = (+ (· 2 *x_hat) 1)"),
    ("c = f*c_prev + i*g", "c = (+ (· f *c_prev) (· i *g))"),
    ("∂cₜ/∂cₜ₋₁ = fₜ", "(∂ c_t / c_{(+ t (- 1))}) = f_t"),
    ("wᵢⱼ⁽ˡ⁾ = 3", "w^(l)_{(· i j)} = 3"),
    ("∂L/∂w = (σ(wᵀx + b) − y)·x", "(∂ L / w) = (· (+ sigma((+ (· (T w) x) b)) (- y)) dotx)"),
    ("g = 10 * log10(r)", "g = (· 10 *log10(r))"),
    ("H = 0.5 log2 0.5", "H = (· 0.5 log2(0.5))"),
    ("f = ||A x - b||^2", "f = (^ (norm (+ (· A x) (- b))) 2)"),
    ("|x| = 3", "(abs x) = 3"),
    ("‖w‖² = 1.25", "(^ (norm w) 2) = 1.25"),
    ("grad q = 2x", "(∂ q / ) = (· 2 x)"),
    ("d/dz sigma(z) = d/dz (1 + exp(-z))^(-1)",
     "(d sigma(z) / z) = (d (^ (+ 1 exp((- z))) (- 1)) / z)"),
    ("d/dX tr(AXB) = (BA)^T", "(d tr(AXB) / X) = (T BA)"),
    ("df/dx = 2 (A x - b)^T A", "(d f / x) = (· 2 (T (+ (· A x) (- b))) A)"),
    ("S0(x)_i = 1/n", "(cell S_0(x) i) = (· 1 /n)"),
    ("S₀(x)ᵢ = 1/n", "(cell S_0(x) i) = (· 1 /n)"),
    ("S = QKᵀ/√2", "S = (· Q (T K) /sqrt(2))"),
    ("CE = 3", "CE = 3"),
    ("n_conv1 = 3*3*64 + 64", "n_conv1 = (+ (· 3 *3 *64) 64)"),
    ("s = x_i1*w", "s = (· x_{(· i 1)} *w)"),
    (r"$D_{KL}(p \| q) = D$", "D_(· K L)(p, q) = D"),
    (r"$\partial_{X_{jl}} f = 2$", "(∂ f / X_{(· j l)}) = 2"),
    (r"$\left(\frac{\partial f}{\partial X}\right)_{jl} = 3$", "(cell (∂ f / X) (· j l)) = 3"),
    (r"$\left(\frac{\partial f}{\partial x}\right)_{x_0} = 3$", "((∂ f / x) at x_0) = 3"),
    (r"$D = 1 - A^{[1]2}$", "D = (+ 1 (- (^ A^(1) 2)))"),
    (r"$a = \langle w, x \rangle$", "a = sum((· w odotx))"),
    (r"$\dv{L}{z} = 1$", "(d L / z) = 1"),
    (r"$\pdv[2]{L}{w} = 1$", "(∂ L / w w) = 1"),
    (r"$\dv{x} \qty[x^2] = 2x$", "(d (^ x 2) / x) = (· 2 x)"),
    (r"$\eval{\pdv{L}{w}}_{w=0} = 3$", "((∂ L / w) at (such w == 0)) = 3"),
    ("\\newcommand{\\pp}[2][L]{\\frac{\\partial #1}{\\partial #2}}\n$\\pp{w} = 1$",
     "(∂ L / w) = 1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FORMULAS)
def test_a_formula_is_read_as_it_is_typed(text: str, expected: str) -> None:
    assert expected in lines(text)


def test_what_stands_on_the_right_of_a_reversed_sign_is_defined() -> None:
    claims = read_claims(read_paper(r"$(1; 2)^T =: \delta_2$", "p.md")).claims
    assert [(shown(c.left.node), c.relation, c.kind) for c in claims] == [
        ("delta_2", "≡", "definition")]


def test_where_behind_a_plain_formula_defines() -> None:
    claims = read_claims(read_paper("dL/dw = dL/da * da/dw where a = sigma(z)", "a.txt")).claims
    assert [(shown(c.right.node), c.kind) for c in claims] == [
        ("(· (d L / a) *(d a / w))", "claim"), ("sigma(z)", "definition")]


@pytest.mark.parametrize("text", ["y = a ⊕ b = 3", "z = ⦅w, x⦆ + b = 3"])
def test_what_is_left_of_an_unread_formula_is_no_claim(text: str) -> None:
    paper = read_paper(text, "p.md")
    reading = read_claims(paper)
    assert reading.claims == ()
    assert all(any(u.place.start <= s.start < u.place.end for u in reading.unread)
               for s in equals_signs(paper))


def test_words_before_an_inline_chain_are_no_side_of_it() -> None:
    assert lines("After simplification this is $c = 20 = 3$") == ["c = 20", "20 = 3"]
    assert lines("For $z = 0$ it is 0.25.") == ["z = 0"]


# labels

LABELS = [
    ("Aufgabe 2", [("question", "2")]),
    ("Problem 2(b) x", [("question", "2"), ("part", "b")]),
    ("Q2b) x", [("question", "2"), ("part", "b")]),
    ("2b. x", [("question", "2"), ("part", "b")]),
    ("2 b) x", [("question", "2"), ("part", "b")]),
    ("**b)** x", [("part", "b")]),
    ("Part B", [("part", "b")]),
    ("Part 2: x", [("number", "2")]),
    ("Answer (b): x", [("part", "b")]),
    ("Question 3, part b", [("question", "3"), ("part", "b")]),
    ("Lösung zu Aufgabe 2b)", [("answer", "2"), ("part", "b")]),
    ("Exercise 2.1", [("question", "2"), ("number", "1")]),
    ("## 2.1 Forward", [("question", "2"), ("number", "1")]),
    ("1.c.ii) x", [("question", "1"), ("part", "c"), ("item", "ii")]),
    ("1. (a) x", [("number", "1"), ("part", "a")]),
    (r"\section*{Problem 2: Slopes}", [("question", "2")]),
    (r"\textbf{(b)} x", [("part", "b")]),
    (r"{\bf (b)} x", [("part", "b")]),
    (r"\paragraph{Problem 2 (b).} x", [("question", "2"), ("part", "b")]),
    ("2. g(x) is", [("number", "2")]),
    ("2a = 3", []),
    ("Part a of the sum is", []),
    ("3.2 is the answer", []),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), LABELS)
def test_a_label_is_found_in_every_style(line: str, expected: list[tuple[str, str]]) -> None:
    assert keys(line) == expected


def test_items_that_latex_numbers_are_counted() -> None:
    text = r"""\section*{Problem 2}
\begin{enumerate}[label=(\alph*)]
\item $x = 1$
\item $x = 2$
  \begin{enumerate}
  \item $x = 3$
  \end{enumerate}
\end{enumerate}
\begin{enumerate}
\item[(c)] $x = 4$
\end{enumerate}
\begin{itemize}
\item $x = 5$
\end{itemize}"""
    assert paths(text, "a.tex") == ["2.a", "2.b", "2.b.i", "2.c", "2.c"]


def test_questions_of_the_exam_class_are_counted() -> None:
    text = (r"\begin{questions}" "\n" r"\question[5] $x = 1$" "\n" r"\begin{parts}" "\n"
            r"\part $x = 2$" "\n" r"\part[3] $x = 3$" "\n" r"\end{parts}" "\n" r"\question $x = 4$")
    assert paths(text, "a.tex") == ["1", "1.a", "1.b", "2"]


def test_a_number_behind_1c_is_the_next_question() -> None:
    assert paths("1a) x = 1\n1c) x = 2\n2) x = 3") == ["1.a", "1.c", "2"]


def test_labels_may_follow_each_other_on_a_line() -> None:
    assert paths("Question 1\n(a) $z = 1$ (b) $y = 2$") == ["1.a", "1.b"]
    assert paths(r"\textbf{Q1.} \textit{(a)} $x = 1$", "a.tex") == ["1.a"]


def test_a_sentence_says_what_a_letter_is() -> None:
    assert lines("z is -0.4.") == ["z is (- 0.4)"]


def test_a_label_and_a_tab_begin_a_line_of_text() -> None:
    assert paths("Question 1\na)\tx = 1\nb)\ty = 2") == ["1.a", "1.b"]


# tables, drawings

TABLES = [
    ("Forward | | Reverse |\n--- | --- | --- | ---\nv1 | exp(0.5) = 1.6 | v1bar | 0.25*2 = 0.5",
     ["v_1 = exp(0.5)", "exp(0.5) = 1.6", "v̄_1 = (· 0.25 *2)", "(· 0.25 *2) = 0.5"]),
    ("\\begin{tabular}{|c|c|}\n\\hline\n$v_1$ & $= x_1 = 2$ \\\\ \\hline\n\\end{tabular}",
     ["v_1 = x_1", "x_1 = 2"]),
    ("| | formula | value |\n|---|---|---|\n| $v_1$ | $= \\exp(x)$ | $= 1.6$ |",
     ["v_1 = exp(x)", "exp(x) = 1.6"]),
    ("| | forward | backward |\n|---|---|---|\n| $v_1$ | $x_1 x_2 = 6$ | $\\bar v_1 = 2$ |",
     ["v_1 = (· x_1 x_2)", "(· x_1 x_2) = 6", "v̄_1 = 2"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TABLES)
def test_rows_of_a_table_are_chains(text: str, expected: list[str]) -> None:
    assert lines(text) == expected


def test_names_over_numbers_with_commas_are_a_table() -> None:
    values = read_claims(read_paper("z1, z2\n0.1, 0.2", "p.txt")).values
    assert [(v.context.path[-1], shown(v.side.node)) for v in values] == [
        (("column", "z1"), "0.1"), (("column", "z2"), "0.2")]


def test_drawings_and_preambles_say_nothing() -> None:
    text = r"""\documentclass{article}
\usepackage[margin=1in]{geometry}
\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}}
\begin{tikzpicture}[scale=0.5, draw=black]
\node (a) at (0,0) {$x_1 = 3$};
\end{tikzpicture}
$\pd{L}{x} = 3$"""
    reading = read_claims(read_paper(text, "a.tex"))
    assert [shown(c.left.node) for c in reading.claims] == ["(∂ L / x)"]
    assert [u.why for u in reading.unread] == ["a drawing or a listing"]


@pytest.mark.parametrize("piece", [
    "[1\n", "x = [1 [1\n", "\\begin{tikzpicture}\n", "\\begin{enumerate}\n", "\\item ", "1a) ",
    "1, 2\n", "| 1  2 |\n", "a | b\n--- | ---\n", "P(a|b) = ", "AB = ", "\\dv{", "0 . ",
    "⊕ = "])  # fmt: skip
def test_reading_stays_linear(piece: str) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        start = time.process_time()
        read_claims(read_paper(text, "p.md"))
        return time.process_time() - start

    assert seconds(60_000) < 10 * seconds(15_000) + 0.5


@pytest.mark.parametrize(("text", "read"), [
    (r"\frac{\partial^2 L}{\partial x^2}", True), (r"\frac{\partial^2 L}{\partial x}", False),
    (r"\frac{\partial^2 L}{\partial x\partial y}", True),
    (r"\frac{\partial L}{\partial x\partial y}", False),
    (r"\frac{\partial^3 L}{\partial z_i\partial z_j}", False), ("∂²L/∂x²", True), ("∂²L/∂x", False),
    ("∂L/∂x ∂x/∂y", True), (r"\frac{d^n y}{dx^n}", True)])
def test_a_derivative_of_some_order_is_by_as_many_variables(text: str, read: bool) -> None:
    (piece,) = read_formula(text)
    assert (piece.sides[0].node is not None) == read


@pytest.mark.parametrize(("text", "right"), [
    ("μ = 1/N sum (x_i)", "1/N sum (x_i)"), ("so y = N sum (see below) holds", "N"),
    ("v = 1/N sum ((x_i - mu)^2)", "1/N sum ((x_i - mu)^2)"),
    ("y = c exp (-2x) for all x", "c exp (-2x)")])
def test_a_function_with_a_space_before_its_bracket_stays_in_the_formula(
        text: str, right: str) -> None:
    (claim,) = read_claims(read_paper(text + "\n", "p.md")).claims
    assert claim.right.text == right
