"""What is printed reads back as the same structure."""

from fractions import Fraction

import pytest
from hypothesis import given, settings

from chainrule.lang.expr import Apply, Number, Outside, Ref, expr
from chainrule.lang.integers import constant, index
from chainrule.lang.parse import parse, parse_expression
from chainrule.lang.printing import equation_text, expression_text, number_text
from tests.strategies import SIZES, equations, expressions

DECLARED = "size N, K\nlabel y[N] < K\n"


@settings(max_examples=200, deadline=None)
@given(expressions(bound=("i", "j")))
def test_an_expression_reads_back_as_itself(e):
    text = expression_text(e)
    assert parse_expression(text, indices=("i", "j"), sizes=SIZES) == e, text


@settings(max_examples=200, deadline=None)
@given(equations())
def test_an_equation_reads_back_as_itself(equation):
    text = equation_text(equation)
    assert parse(DECLARED + text).equations == (equation,), text


@pytest.mark.parametrize(
    "text",
    [
        "ln(x1) + x1*x2 - sin(x2)",
        "-x^2",
        "(-x)^2",
        "2^3^2",
        "(2^3)^2",
        "a - (b - c)",
        "a/(b*c)",
        "a*b/c",
        "-(2*x)",
        "-a*b",
        "exp(z[i])/sum(k<3) exp(z[k])",
        "(sum(k<3) a[k])*b",
        "b*sum(k<3) a[k]",
        "-sum(k<3) a[k]*b[k] + c",
        "a if s > 0 else b if t > 0 else c",
        "(a if s > 0 else b)*c",
        "sum(k<3, k != i) -a[k]",
        "max(k<3, m<2) (-a[k,m])",
        "argmax(k<3, m<2; m) a[k,m]",
        "x[2*i + 1; pad 1 with 0]",
        "x[2*i + 1; pad 1:2 with -inf]",
        "x[i,j; pad 0, 1 with 0]",
        "x[i; pad with 0]",
        "x^(1/3)",
        "(1/3)*x",
        "0.1*x",
        "max(a, b)",
        "pi*s",
        "(s + t)*(s - t)",
        "2*i*s",
        "s*(2*i)",
        "(i + 1)*s",
    ],
)
def test_plain_text_prints_as_it_was_written(text):
    assert expression_text(parse_expression(text, indices="ij")) == text


def test_numbers_are_exact():
    assert number_text(Fraction(1, 9)) == "1/9"
    assert number_text(Fraction(-1, 8)) == "-0.125"
    assert number_text(10**200) == "1e200"
    assert number_text(Fraction(1, 10**12)) == "0.000000000001"


def test_a_quotient_of_literals_made_in_python_stays_one():
    quotient = Apply("div", (Number(1), Number(9)))
    assert parse_expression(expression_text(quotient)) == quotient


def test_padding_of_a_plain_axis_is_printed():
    pads = ((constant(1), constant(1)), (constant(0), constant(2)))
    ref = Ref("x", (index("i"), 2 * index("j")), Outside(expr(0), pads))
    assert parse_expression(expression_text(ref), indices="ij") == ref


def test_a_condition_that_looks_like_a_bound_is_bracketed():
    text = "sum(i, (i < 2)) x[i]"
    e = parse_expression(text)
    assert e.indices[0].size is None
    assert expression_text(e) == text


def test_equations_leave_out_what_the_left_side_says():
    text = "z[n,u] = sum(v) W[u,v]*x[n,v] + b[u]"
    assert equation_text(parse(text).equations[0]) == text
    text = "s += a[i]*b[i]"
    assert equation_text(parse(text).equations[0]) == text
    text = "g[y[n], 2*i + a; drop] += d[n,i] with a < 2"
    assert equation_text(parse(text).equations[0]) == text
