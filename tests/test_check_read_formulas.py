"""Formulas from homework solutions and textbooks, read into trees."""

from __future__ import annotations

import pytest

from chainrule.check.read import read_formula, shown

SNIPPETS = [
    (r"\nabla_W L = X^\top (XW - Y)", "(∂ L / W) = (· (T X) (+ (· X W) (- Y)))"),
    (r"\frac{\partial^2 f}{\partial x \partial y} = 2xy", "(∂ f / x y) = (· 2 x y)"),
    (r"\frac{d^2 y}{dx^2} = 6x", "(d y / x x) = (· 6 x)"),
    (r"\sigma'(z) = \sigma(z)(1-\sigma(z))", "sigma'(z) = (· sigma(z) (+ 1 (- sigma(z))))"),
    (r"\hat{y} = \operatorname{softmax}(W^{[2]} a^{[1]} + b^{[2]})",
     "ŷ = softmax((+ (· W^(2) a^(1)) b^(2)))"),
    (r"\mathcal{L} = -\frac1m \sum_{i=1}^{m} y^{(i)} \log \hat y^{(i)}",
     "L = (- (· (/ 1 m) (sum i=1..m : (· y^(i) log(ŷ^(i))))))"),
    (r"\|w\|_2^2 = w^T w", "(^ (cell (norm w) 2) 2) = (· (T w) w)"),
    (r"\text{ReLU}(x) = \max(0, x)", "ReLU(x) = max(0, x)"),
    (r"\delta^{l} = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^l)",
     "(^ delta l) = (· (· (T (^ w (+ l 1))) (^ delta (+ l 1))) odotsigma'((^ z l)))"),
    (r"\int_0^1 x^2 \, dx = \left.\frac{x^3}{3}\right|_0^1", "(int x 0..1 : (^ x 2)) = ?"),
    (r"\lim_{h \to 0} \frac{f(x+h)-f(x)}{h}", "(lim h->0 : (/ (+ f((+ x h)) (- f(x))) h))"),
    (r"f(x) = \begin{cases} x^2, & x \ge 0 \\ -x, & \text{otherwise} \end{cases}",
     "f(x) = {(^ x 2) if (compare x >= 0); (- x) else}"),
    (r"A = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", "A = (1, 2; 3, 4)"),
    (r"\arg\max_i p_i = 2", "(argmax i : p_i) = 2"),
    (r"\underset{\theta}{\min} J(\theta)", "(min theta : J(theta))"),
    (r"y \overset{!}{=} 3", "y = 3"),
    (r"x_1 = 2 \text{ and } x_2 = 5", "x_1 = 2 ;; x_2 = 5"),
    (r"p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}, \quad i = 1, \dots, K",
     "p_i = (/ (^ e z_i) (sum j : (^ e z_j))) | (compare i == <1, …, K>)"),
    (r"\therefore \boxed{\frac{dy}{dx} = 2x}", "(d y / x) = (· 2 x)"),
    (r"5\,000 = 5{,}000", "5000 = 5000"),
    (r"8\% = 0.08", "(percent 8) = 0.08"),
    (r"3 \text{ cm} = 0.03 \text{ m}", "3 = 0.03"),
    (r"\sqrt[3]{8} = 2", "(^ 8 (/ 1 3)) = 2"),
    (r"|x - y| \leq |x| + |y|", "(abs (+ x (- y))) ≤ (+ (abs x) (abs y))"),
    (r"\lfloor \frac{i + 2p - k}{s} \rfloor + 1 = 125",
     "(+ (floor (/ (+ i (· 2 p) (- k)) s)) 1) = 125"),
    (r"\mathbb{E}[X] = \mu", "E(X) = mu"),
    (r"W \in \mathbb{R}^{m \times n}", "(in W in (^ *R (· m *n)))"),
    (r"\log_2 8 = 3", "log_2(8) = 3"),
    (r"\sin^2 x + \cos^2 x = 1", "(+ (^ sin(x) 2) (^ cos(x) 2)) = 1"),
    (r"2\sin x\cos x = \sin 2x", "(· 2 sin(x) cos(x)) = sin((· 2 x))"),
    (r"\left(\frac{\partial L}{\partial w}\right)_{w=w_0} = 4",
     "((∂ L / w) at (such w == w_0)) = 4"),
    (r"v^{(t+1)} = \mu v^{(t)} - \eta g", "v^((+ t 1)) = (+ (· mu v^(t)) (- (· eta g)))"),
    (r"z = W x + b \implies \frac{\partial z}{\partial W} = x^T",
     "z = (+ (· W x) b) ;; (∂ z / W) = (T x)"),
    (r"\partial L / \partial z_i = p_i - t_i", "(∂ L / z_i) = (+ p_i (- t_i))"),
    (r"\frac{\partial}{\partial x} [x^2 + 3x] = 2x + 3",
     "(∂ (+ (^ x 2) (· 3 x)) / x) = (+ (· 2 x) 3)"),
    (r"[1, 2, 3] \cdot [4, 5, 6]^\top = 32", "(· [1, 2, 3] dot(T [4, 5, 6])) = 32"),
    (r"\exp\{-x\} = e^{-x}", "exp((- x)) = (^ e (- x))"),
    (r"\frac{\delta E}{\delta w_{ij}} = \delta_j x_i", "(∂ E / w_{(· i j)}) = (· delta_j x_i)"),
    (r"(a+b)^2 = a^2 + 2ab + b^2", "(^ (+ a b) 2) = (+ (^ a 2) (· 2 a b) (^ b 2))"),
    (r"\max\limits_{k} z_k = 3", "(max k : z_k) = 3"),
    (r"\prod_{i=1}^{n} x_i = n!", "(prod i=1..n : x_i) = factorial(n)"),
    (r"H(p) = -\sum_{x \in \mathcal{X}} p(x)\log p(x)",
     "H(p) = (- (sum x[(in x in X)] : (· p(x) log(p(x)))))"),
    (r"\dot{x} = \frac{dx}{dt}", "ẋ = (d x / t)"),
    (r"\{1, 2\} \cup \{3\}", "(union (set 1 2) (set 3))"),
    (r"dL/dW = 2(Wx - y)x^T", "(d L / W) = (· 2 (+ (· W x) (- y)) (T x))"),
    (r"\frac{a}{b", "(/ a b)"),
    (r"a = (b + c", "a = (+ b c)"),
    (r"y = x_{i_{j}}", "y = x_i_j"),
    (r"\vec{v} \times \vec{w} = 0", "(· *v **w) = 0"),
]


def printed(source: str) -> str:
    """All chains of a formula in one line, their conditions behind bars."""
    chains = []
    for piece in read_formula(source):
        parts = []
        for k, side in enumerate(piece.sides):
            parts.append(shown(side.node))
            if k < len(piece.signs):
                parts.append(piece.signs[k].relation)
        chains.append(" ".join(parts) + "".join(f" | {shown(c.node)}" for c in piece.conditions))
    return " ;; ".join(chains)


@pytest.mark.parametrize(("source", "expected"), SNIPPETS)
def test_a_formula_is_read_into_its_tree(source: str, expected: str) -> None:
    assert printed(source) == expected


def test_places_count_from_the_offset() -> None:
    piece = read_formula(r"y = \frac{a}{b} + c", offset=100)[0]
    assert piece.signs[0].place.start == 102
    node = piece.sides[1].node
    assert node is not None
    assert (node.start, node.end) == (104, 119)


def test_a_side_that_cannot_be_read_does_not_lose_the_other() -> None:
    piece = read_formula(r"y = \frac{}{2} = 3")[0]
    assert [shown(s.node) for s in piece.sides] == ["y", "?", "3"]
    assert piece.sides[1].why == "a part of the fraction is missing"


def test_two_bounds_at_a_bar_are_left_unread() -> None:
    assert read_formula(r"\left. x \right|_0^1 = 1")[0].sides[0].node is None


def test_a_forgotten_brace_closes_at_the_end() -> None:
    assert printed(r"y = \frac{a}{b + 1") == "y = (/ a (+ b 1))"


def test_brackets_over_two_lines_are_one_bracket() -> None:
    source = r"= \left\{ a + b + \dots \right. \\ \left. + c \right\}"
    assert printed(source) == "? = (+ a b … c)"


def test_a_remark_in_brackets_is_a_chain_of_its_own() -> None:
    found = read_formula(r"y = -1 + p \left( \frac{d}{dz} e^{x} = 0 \text{ if } i \neq y \right)")
    assert [p.aside for p in found] == [True, False]
    assert shown(found[0].conditions[0].node) == "(compare i != y)"
    assert shown(found[1].sides[1].node) == "(+ (- 1) p)"


def test_an_underbrace_says_what_its_body_is() -> None:
    node = read_formula(r"\underbrace{a + b}_{(=0)} + c")[0].sides[0].node
    assert shown(node) == "(+ (remark (+ a b) '(=0)' :: (compare (+ a b) == 0)) c)"


def test_names_with_a_condition_keep_it() -> None:
    assert printed(r"\frac{\partial (y = w \cdot v)}{\partial v}") == (
        "(∂ (such y == (· w dotv)) / v)")
    assert printed("P^2(y=j)") == "(^ P((such y == j)) 2)"
