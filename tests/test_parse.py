"""The language: what each text means, and what is said about text that means nothing."""

import time
import tracemalloc
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.errors import (
    ArityError,
    ChainruleError,
    DefinitionError,
    FormulaSyntaxError,
    KindError,
    LimitError,
    RangeError,
    ShapeError,
    UnknownNameError,
)
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    IndexValue,
    Number,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
)
from chainrule.lang.integers import atom, constant, index, size
from chainrule.lang.parse import parse, parse_expression
from chainrule.lang.printing import program_text
from chainrule.lang.ranges import infer

x, y, z = Ref("x"), Ref("y"), Ref("z")


def call(name, *args):
    return Apply(name, args)


@pytest.mark.parametrize(
    "text, tree",
    [
        ("-x^2", call("neg", call("pow", x, Number(2)))),
        ("2^3^2", call("pow", Number(2), call("pow", Number(3), Number(2)))),
        ("2^-x", call("pow", Number(2), call("neg", x))),
        ("2**-x", call("pow", Number(2), call("neg", x))),
        ("x²", call("pow", x, Number(2))),
        ("x⁻¹⁰", call("pow", x, Number(-10))),
        ("-2*x", call("mul", Number(-2), x)),
        ("-x*y", call("neg", call("mul", x, y))),
        ("x*-y*z", call("mul", call("mul", x, call("neg", y)), z)),
        ("x - y - z", call("sub", call("sub", x, y), z)),
        ("x/y*z", call("mul", call("div", x, y), z)),
        ("x · y × z ÷ x − y", call("sub", call("div", call("mul", call("mul", x, y), z), x), y)),
        ("2x", call("mul", Number(2), x)),
        ("2x^2", call("mul", Number(2), call("pow", x, Number(2)))),
        ("2(x + 1)", call("mul", Number(2), call("add", x, Number(1)))),
        ("2sin(x)", call("mul", Number(2), call("sin", x))),
        ("x*2y", call("mul", x, call("mul", Number(2), y))),
        ("2e5", Number(200000)),
        ("1e-3", Number(Fraction(1, 1000))),
        ("2e", call("mul", Number(2), call("exp", Number(1)))),
        ("1/3", Number(Fraction(1, 3))),
        ("2/4", call("div", Number(2), Number(4))),
        (".5", Number(Fraction(1, 2))),
        ("x*1", call("mul", x, Number(1))),
        ("|x - |y||", call("abs", call("sub", x, call("abs", y)))),
        ("|x||y|", None),
        ("max(x, y, z)", call("max", call("max", x, y), z)),
        ("max{0, x}", call("max", Number(0), x)),
        ("|max(x, y)|", call("abs", call("max", x, y))),
        ("e^{x}", call("exp", x)),
        ("π", call("pi")),
        ("log(x)", call("ln", x)),
        ("log_2(x)", call("log2", x)),
        ("σ(x)", call("sigmoid", x)),
        ("x₁ + x_1", call("add", Ref("x_1"), Ref("x_1"))),
        ("lambda + class", call("add", Ref("lambda"), Ref("class"))),
    ],
)
def test_text_means_what_a_textbook_means(text, tree):
    if tree is None:
        with pytest.raises(FormulaSyntaxError):
            parse_expression(text)
    else:
        assert parse_expression(text) == tree


def test_a_selection_nests_to_the_right():
    e = parse_expression("x if x > 0 else y if y > 0 else z")
    assert isinstance(e, Select)
    assert e.otherwise == Select(call("gt", y, Number(0)), y, z)


def test_comparisons_chain():
    e = parse_expression("1 if 0 <= x < y else 0")
    assert e.condition == call("and", call("le", Number(0), x), call("lt", x, y))


def test_a_reduction_binds_like_a_product():
    e = parse_expression("sum(k) a[k]*b[k] + c")
    assert e.function == "add"
    assert isinstance(e.args[0], Reduce)
    assert e.args[1] == Ref("c")


def test_max_reduces_when_something_to_reduce_follows():
    assert isinstance(parse_expression("max(i) a[i]"), Reduce)
    assert isinstance(parse_expression("max(i) -a[i]"), Reduce)
    assert isinstance(parse_expression("max(i) |a[i]|"), Reduce)
    assert parse_expression("max(x, y) - z").function == "sub"


def test_binders_carry_bounds_and_conditions():
    e = parse_expression("sum(i, j < 3, k <= K, i != j) a[i,j,k]", sizes="K")
    assert e.indices == (Range("i"), Range("j", constant(3)), Range("k", size("K") + 1))
    assert e.condition == call("ne", IndexValue(index("i")), IndexValue(index("j")))
    e = parse_expression("sum(0 <= j < 3) a[j]")
    assert e.indices == (Range("j", constant(3)),)
    assert e.condition is None


def test_a_bound_that_is_an_index_introduces_and_conditions():
    (equation,) = parse("c[i] = sum(j <= i) a[j]").equations
    assert equation.body.indices == (Range("j"),)
    assert equation.body.condition == call("le", IndexValue(index("j")), IndexValue(index("i")))


def test_argmax_says_which_position():
    e = parse_expression("argmax(a, b; b) u[a,b]")
    assert isinstance(e, ArgReduce)
    assert e.which == "b"


def test_arithmetic_of_indices_is_one_integer():
    e = parse_expression("2*i + 1 - N", indices="i", sizes="N")
    assert e == IndexValue(2 * index("i") + 1 - size("N"))


def test_subscripts_are_integer_polynomials_with_gathers():
    (equation,) = parse("L[n] = -log(p[n, y[n]])").equations
    ref = equation.body.args[0].args[0]
    assert ref.subscripts == (index("n"), atom(Read(Ref("y", (index("n"),)))))


@pytest.mark.parametrize(
    "pad, pads",
    [
        ("pad p with 0", [(0, 0), (0, 0), ("p", "p"), ("p", "p")]),
        ("pad 1, 2 with 0", [(0, 0), (0, 0), (1, 1), (2, 2)]),
        ("pad 1:2 with 0", [(0, 0), (0, 0), (1, 2), (1, 2)]),
        ("pad 0, 3, 1, 2 with 0", [(0, 0), (3, 3), (1, 1), (2, 2)]),
        ("pad with 0", None),
    ],
)
def test_padding_applies_to_axes_with_more_than_an_index(pad, pads):
    text = f"size p\nu[n,c,i,j] = x[n,c, i-p, j-p; {pad}]"
    outside = parse(text).equations[0].body.outside
    assert outside.fill == Number(0)
    if pads is not None:
        amount = {"p": size("p")}
        pads = tuple(tuple(amount.get(v) or constant(v) for v in pair) for pair in pads)
    assert outside.pads == pads


def test_declarations_give_roles_shapes_and_kinds():
    parsed = parse(
        "input x[N, 2*V + 1], t; param W[U, V]\nconst k\nlabel y[N] < K\ninteger q[N]\nsize M"
    )
    found = {t.name: (t.role, t.kind, t.shape, t.below) for t in parsed.declared}
    assert found == {
        "x": ("data", "real", (size("N"), 2 * size("V") + 1), None),
        "t": ("data", "real", (), None),
        "W": ("parameter", "real", (size("U"), size("V")), None),
        "k": ("constant", "real", (), None),
        "y": ("data", "integer", (size("N"),), size("K")),
        "q": ("data", "integer", (size("N"),), None),
    }
    assert parsed.sizes == ("M",)


def test_keywords_are_names_where_no_name_follows():
    parsed = parse("size = 2*x\ninput = size + 1\noutput = input")
    assert [e.target for e in parsed.equations] == ["size", "input", "output"]


def test_outputs_and_updates_are_kept_in_order():
    parsed = parse("w_new = w - g\noutput w_new\nupdate w = w_new")
    assert parsed.outputs == ("w_new",)
    assert parsed.updates == (("w", "w_new"),)


def test_plus_equals_sums_over_what_stands_only_on_the_right():
    (equation,) = parse("g[i] += i*k*a[i,k]*b[m] with m < 3").equations
    assert equation.ranges == (Range("i"), Range("m", constant(3)), Range("k"))
    assert equation.accumulate
    (equation,) = parse("g += sum(k <= i) a[i,k]").equations
    assert equation.body.condition.args[1] == IndexValue(index("i"))
    (equation,) = parse("g += a[i,j] with j <= i").equations
    assert [r.name for r in equation.ranges] == ["j", "i"]
    assert equation.condition == call("le", IndexValue(index("j")), IndexValue(index("i")))


def test_with_gives_ranges_and_conditions():
    (equation,) = parse("y[2*i + a] = x[i] with a < 2, a != i").equations
    assert equation.ranges == (Range("i"), Range("a", constant(2)))
    assert equation.condition.function == "ne"


def test_statements_end_at_newlines_and_semicolons_outside_brackets():
    text = "a = x + # a comment; with a semicolon\n  1; b = (x\n + 2)\nc = \\\n 3"
    assert [e.target for e in parse(text).equations] == ["a", "b", "c"]


def test_a_size_may_be_declared_below_its_use_and_e_redefined():
    parsed = parse("y = x[N - 1]*e\ne = 2\ninput x[N]")
    assert parsed.equations[0].body.args[1] == Ref("e")


def test_functions_are_written_out_without_capture():
    parsed = parse("f(x) = x*sum(i < 2) x*w[i]\ny[i] = f(a[i])")
    body = parsed.equations[0].body
    (own,) = body.args[1].indices
    assert own.name != "i"
    assert body.args[1].body.args == (Ref("a", (index("i"),)), Ref("w", (index(own.name),)))


def test_spans_point_into_the_whole_text():
    text = "a = 1\nb = 2*sin(x̄) + 3"
    equation = parse(text).equations[1]
    assert equation.origin.span.excerpt() == "b = 2*sin(x̄) + 3"
    assert equation.body.args[0].args[1].span.excerpt() == "sin(x̄)"


SAYS = [
    ("y = 1/2x", FormulaSyntaxError, "(1/2)*x or 1/(2*x)"),
    ("y = 2^3x", FormulaSyntaxError, "(2^3)*x or 2^(3*x)"),
    ("y = x y", FormulaSyntaxError, "write x*y"),
    ("x = 1; y = x(z)", FormulaSyntaxError, "write x*(z)"),
    ("y = (x)(y)", FormulaSyntaxError, "write (x)*(y)"),
    ("y = sin x", FormulaSyntaxError, "write sin(x)"),
    ("y = sin^2(x)", FormulaSyntaxError, "(sin(…))^2"),
    ("y = sinn(x)", UnknownNameError, "did you mean sin?"),
    ("y = sin(x, z)", ArityError, "sin takes 1 argument, not 2"),
    ("y = max(x)", ArityError, "at least 2"),
    ("f(x) = x\ny = f(1, 2)", ArityError, "f takes 1 arguments, not 2"),
    ("f(x) = f(x)", DefinitionError, "f cannot be defined"),
    ("y[i] = x[i + k]", RangeError, "declare `size k`"),
    ("y = sum(k < K) x[k]", RangeError, "declare `size K`"),
    ("y[i] = sum(i) x[i]", FormulaSyntaxError, "index already"),
    ("s += sum(i) y[i] + x[i]", FormulaSyntaxError, "outside it too"),
    ("y[i] = x[i] with k < 3", RangeError, "k does not stand on the left"),
    ("y[i] = x[i/2]", KindError, "write `//`"),
    ("y = x//z", RangeError, "floor(a/b)"),
    ("y = x < 2", KindError, "1 if … else 0"),
    ("y = 1 if x else 0", KindError, "x != 0"),
    ("y = x if x > 0", FormulaSyntaxError, "expected `else`"),
    ("y == x", FormulaSyntaxError, "to define write `=`"),
    ("y = x = 2", FormulaSyntaxError, "to compare write `==`"),
    ("x^2 + 1", FormulaSyntaxError, "an equation, as in"),
    ("y =", FormulaSyntaxError, "the end of the statement"),
    ("y = (x", FormulaSyntaxError, "never closed"),
    ("y = x)", FormulaSyntaxError, "closes nothing"),
    ("y = (x]", FormulaSyntaxError, "write `)`"),
    ("y = f'(x)", FormulaSyntaxError, "no primes"),
    ("y = 1,5", FormulaSyntaxError, "found `,`"),
    ("y = 0x1F", FormulaSyntaxError, "only decimal numbers"),
    ("y = inf", FormulaSyntaxError, "only as a fill"),
    ("input x\ninput x", DefinitionError, "declared twice"),
    ("input x[N], N", DefinitionError, "N is a size"),
    ("input x[-1]", ShapeError, "negative size"),
    ("input x = 3", FormulaSyntaxError, "gives no value"),
    ("y = 2*x\noutput z", UnknownNameError, "nothing defines z"),
    ("inptu x", FormulaSyntaxError, "did you mean input?"),
    ("y[i] = x[i; pad 1, 2, 3 with 0]", ArityError, "one amount for each axis"),
    ("y = x１", FormulaSyntaxError, "U+FF11"),
    ("ｙ = x", FormulaSyntaxError, "write the plain `y`"),
    ("y = xᵢ", FormulaSyntaxError, "x[i]"),
    ("y = x\0", FormulaSyntaxError, "U+0000"),
    ("y = x \u202e+ 1", FormulaSyntaxError, "U+202E"),
    ("y = x # \u2066 hidden", FormulaSyntaxError, "U+2066"),
    ("().__class__", FormulaSyntaxError, "`.`"),
    ('__import__("os").system("id")', FormulaSyntaxError, '"'),
]


@pytest.mark.parametrize("text, error, says", SAYS)
def test_an_error_names_the_place_and_the_fix(text, error, says):
    with pytest.raises(error) as caught:
        parse(text)
    assert type(caught.value) is error
    assert caught.value.span is not None
    assert says in str(caught.value)


HOSTILE = {
    "parentheses": "y = " + "(" * 50_000 + "x" + ")" * 50_000,
    "ninety-nine parentheses too many": "y = " + "sin(" * 150 + "x" + ")" * 150,
    "minus signs": "y = " + "-" * 100_000 + "x",
    "a few minus signs": "y = " + "-" * 500 + "x",
    "powers": "y = " + "x^" * 500 + "x",
    "selections": "y = " + "x if x > 0 else " * 150 + "x",
    "nots": "y = 1 if " + "not " * 200 + "x > 0 else 0",
    "bars": "y = " + "|" * 300 + "x" + "|" * 300,
    "a long sum": "y = " + "+".join(["x"] * 900),
    "a million digits": "y = " + "9" * 10**6,
    "many digits": "y = " + "9" * 101,
    "a long fraction": "y = 0." + "1" * 101,
    "a huge exponent": "y = 1e999999",
    "a tower": "y = 9**9**9",
    "a tower of powers": "y = ((9^999)^999)^999",
    "a polynomial": "size a,b,c,d\ny = x[" + "*".join(["(a+b+c+d+1)"] * 60) + "]",
    "remainders": "size a\ny = x[" + "(" * 60 + "a" + " % 7 + 1) % 5)" * 30 + "]",
    "functions": "f(x) = x*x\ng(x) = f(f(f(x)))\nh(x) = g(g(g(x)))\ny = h(h(z))",
    "deep functions": "f(x) = " + "sin(" * 90 + "x" + ")" * 90 + "\ny = f(f(f(x)))",
    "statements": "a=1;" * 100_001,
    "axes": "y = x[" + ",".join(["1"] * 40) + "]",
    "unclosed declarations": "input x[\n" * 200_000,
    "subscripts": "y = " + "x[" * 300 + "0" + "]" * 300,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_text_is_refused_fast(what):
    begin = time.process_time()
    with pytest.raises(ChainruleError) as caught:
        parse(HOSTILE[what])
    assert time.process_time() - begin < 6
    assert type(caught.value) in (LimitError, FormulaSyntaxError)
    assert len(str(caught.value)) < 1000


def test_a_refusal_takes_little_memory():
    tracemalloc.start()
    with pytest.raises(LimitError):
        parse("y = " + "9" * 10**6)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * 2**20


def test_limits_leave_room_for_ordinary_long_formulas():
    parse("y = " + " + ".join(f"x{i}" for i in range(150)))
    parse("y = " + "(" * 90 + "x" + ")" * 90)


def test_a_long_program_parses_fast():
    text = "v0 = x\n" + "\n".join(f"v{i} = sin(v{i - 1})" for i in range(1, 20_000))
    begin = time.process_time()
    assert len(parse(text).equations) == 20_000
    assert time.process_time() - begin < 4


PROGRAMS = [
    "y = ln(x1) + x1*x2 - sin(x2)",
    "z[n,u] = sum(v) W[u,v]*x[n,v] + b[u]",
    "input x[N,C,H,W]\nparameter w[O,C,3,3]\n"
    "y[n,o,i,j] = sum(c,a,b) w[o,c,a,b]*x[n,c, i+a-1, j+b-1; pad 1 with 0]",
    "u[n,c,i,j] = max(a<2, b<2) x[n,c, 2*i+a, 2*j+b]",
    "p[i] = exp(z[i]) / sum(j) exp(z[j])\nL = -sum(i) t[i]*log(p[i])",
    "label y[N] < K; input p[N,K]; L[n] = -log(p[n, y[n]])",
    "input x[C,H,W]; f[(c*H + i)*W + j] = x[c,i,j]",
    "y[2*i+a] = x[i] with a < 2",
    "input x[N,D]; s[i] += x[i,j] with j <= i",
    "size N; y = sum(k <= N) 1/(k + 1)",
    "c[i] = a[i] with i < 3\nc[i + 3] = b[i] with i < 2",
    "f(x) = x*sigmoid(b*x)\ny[i] = f(2*z[i])",
    "parameter w; input m; w_new = w - 0.1*m; output w_new; update w = w_new",
    "y[i] = mean(j) x[i,j]",
]


@pytest.mark.parametrize("text", PROGRAMS)
def test_a_program_reads_back_as_itself(text):
    program = infer(parse(text))
    assert infer(parse(program_text(program))) == program


PIECES = [
    *"xyzijNKe0123.+-*/^%<>=()[]{},;:|#\\ \n\t'", "sum(", "max(", "argmax(i)", "sin", "f(x) = ",
    " if ", " else ", " and ", " or ", "not ", " with ", "pad ", "inf", "**", "//", "+=", "<=",
    "==", "x[", "i]",
    "input ", "label ", "size ", "output ", "update ", "²", "−", "·", "x̄", "１", "½",
    "\u202e", "₁", "ᵢ", "∑", "sum(i<3) ", "y[i] = ", "s += ", "1e9", "\0",
]  # fmt: skip


@settings(max_examples=400, deadline=2000)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_any_text_is_read_or_refused_with_a_place(text):
    try:
        parse("y = " + text)
    except ChainruleError as error:
        assert error.report()


def test_a_function_in_terms_of_itself_is_refused():
    with pytest.raises(DefinitionError, match="f cannot be defined in terms of itself") as caught:
        parse("f(x) = f(x - 1); y = f(x)")
    assert caught.value.span.excerpt() == "f"
    parse("sin(x) = 2*sin(x); y = sin(x)")  # that is the sine of before, doubled


@pytest.mark.parametrize("text", ["y = nan", "y = x + NaN"])
def test_nan_is_no_number(text):
    with pytest.raises(FormulaSyntaxError, match="NaN is no number to compute with"):
        parse(text)


@pytest.mark.parametrize("text, hint", [
    ("y = √x", "sqrt(x)"), ("y = 2√(x)", "sqrt(x)"), ("y = ∛x", "x^(1/3)"), ("y = ∞", "-inf"),
])
def test_signs_of_roots_and_infinity_get_a_hint(text, hint):
    with pytest.raises(FormulaSyntaxError) as caught:
        parse(text)
    assert hint in caught.value.hint
