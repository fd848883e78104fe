"""Convolutions worked by hand: the numbers, the windows that are drawn, the words, the refusals."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.cli import main
from chainrule.document.blocks import Chain, MathBlock, Table, plain
from chainrule.document.mathtree import display_width
from chainrule.errors import (
    ChainruleError,
    FormulaSyntaxError,
    InputError,
    KindError,
    LimitError,
    ShapeError,
)
from chainrule.evaluate.values import CellArray
from chainrule.explain.convolve import Convolution, convolve
from chainrule.explain.convolve_sizes import Size
from chainrule.explain.windows import Sliding, sliding
from chainrule.lang.integers import Size as SizeName
from chainrule.lang.ranges import program
from chainrule.render import FORMATS, render

SMALL = st.integers(-4, 4)
MODES = ("full", "valid", "same")


def cells(array: CellArray) -> Any:
    return np.array([float(c) for c in array.cells]).reshape(array.shape)


def by_definition(x: Any, w: Any, pads: list[tuple[int, int]], strides: list[int],
                  dilations: list[int], flip: bool) -> Any:
    """The sum of products at every position, in loops over a padded copy."""
    x, w = np.array(x, object), np.array(w, object)
    padded = np.pad(x, pads, constant_values=0)
    if flip:
        w = np.flip(w)
    shape = [(n - d * (k - 1) - 1) // s + 1
             for n, k, s, d in zip(padded.shape, w.shape, strides, dilations, strict=True)]
    y = np.zeros(shape, object)
    for at in itertools.product(*map(range, shape)):
        for a in itertools.product(*map(range, w.shape)):
            place = tuple(s * i + d * b for s, i, d, b in
                          zip(strides, at, dilations, a, strict=True))
            y[at] += w[a] * padded[place]
    return y


def added_up(slide: Sliding, still: CellArray, moving: CellArray) -> list[Any]:
    """What the windows that are drawn come to."""
    return [sum((moving[t.moving] * still[t.still] for t in slide.window(place)
                 if t.still is not None), Fraction(0)) for place in slide.places()]


def page(c: Convolution, format: str = "terminal") -> str:
    return render(c.document, format)


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "wanted"), [
    ("full", [1, 2, 5, 8, 6, 8]), ("same", [2, 5, 8, 6]), ("valid", [5, 8])])
def test_the_course_sheet_s_three_answers(mode: str, wanted: list[int]) -> None:
    assert convolve([1, 2, 3, 4], [1, 0, 2], mode).result.cells == wanted


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("flip", [True, False], ids=["flipped", "as it is"])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
@given(x=st.lists(SMALL, min_size=4, max_size=7), data=st.data())
@settings(max_examples=6)
def test_one_axis_agrees_with_numpy(x: list[int], data: Any, k: int, mode: str, flip: bool) -> None:
    w = data.draw(st.lists(SMALL, min_size=k, max_size=k))
    oracle = np.convolve if flip else np.correlate
    assert convolve(x, w, mode, flip, most=0).result.cells == oracle(x, w, mode).tolist()


@st.composite
def settings_of_axes(draw: Any, axes: int) -> dict[str, Any]:
    """Sizes, values and options of a convolution that fits."""
    most = 7 if axes == 1 else 4
    found: dict[str, Any] = {"shape": [], "kernel": [], "pads": [], "strides": [], "dilations": []}
    for _ in range(axes):
        n, k = draw(st.integers(1, most)), draw(st.integers(1, 3))
        d = draw(st.integers(1, 3))
        missing = max(0, d * (k - 1) + 1 - n)
        before = draw(st.integers(0, 3))
        after = draw(st.integers(max(0, missing - before), missing + 3))
        for name, value in zip(found, (n, k, (before, after), draw(st.integers(1, 4)), d),
                               strict=True):
            found[name].append(value)
    for name, shape in (("x", found["shape"]), ("w", found["kernel"])):
        flat = draw(st.lists(SMALL, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
        found[name] = np.array(flat).reshape(shape).tolist()
    return {**found, "flip": draw(st.booleans())}


def worked(s: dict[str, Any], x: Any = None, w: Any = None, **more: Any) -> Convolution:
    return convolve(s["x"] if x is None else x, s["w"] if w is None else w, flip=s["flip"],
                    stride=s["strides"], dilation=s["dilations"], padding=s["pads"], **more)


@pytest.mark.parametrize("axes", [1, 2])
@given(data=st.data())
@settings(max_examples=60)
def test_values_gradients_and_windows_agree_with_the_definition(axes: int, data: Any) -> None:
    s = data.draw(settings_of_axes(axes))
    wanted = by_definition(s["x"], s["w"], s["pads"], s["strides"], s["dilations"], s["flip"])
    rng = np.random.default_rng(len(str(s)))
    seed = rng.integers(-3, 4, wanted.shape)
    c = worked(s, backward=True, seed=seed.tolist(), most=2)
    assert c.result.shape == wanted.shape
    assert c.result.cells == wanted.ravel().tolist()

    # y is linear in x and in w, so each derivative is a difference
    for role, name in (("input", "x"), ("kernel", "w")):
        base = np.array(s[name])
        for at in itertools.product(*map(range, base.shape)):
            moved = base.copy()
            moved[at] += 1
            both = {"x": s["x"], "w": s["w"], name: moved.tolist()}
            there = by_definition(both["x"], both["w"], s["pads"], s["strides"], s["dilations"],
                                  s["flip"])
            assert c.gradient[role][at] == ((there - wanted) * seed).sum()

    # and what is drawn adds up to what was computed
    x, w = CellArray(np.shape(s["x"]), np.ravel(s["x"]).tolist()), CellArray(
        np.shape(s["w"]), np.ravel(s["w"]).tolist())
    adjoint = CellArray(seed.shape, seed.ravel().tolist())
    assert added_up(c.windows["output"], x, w) == c.result.cells
    assert added_up(c.windows["input"], adjoint, w) == c.gradient["input"].cells
    assert added_up(c.windows["kernel"], x, adjoint) == c.gradient["kernel"].cells


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 4), st.integers(0, 4),
       st.integers(1, 4), st.integers(1, 3))
@settings(max_examples=100)
def test_the_size_s_formula_is_the_one_that_the_language_infers(
    n: int, k: int, p: int, q: int, s: int, d: int
) -> None:
    inferred = program("size s, d, p, q; input x[N], w[K]; "
                       "y[i] = sum(a) w[a]*x[s*i - d*a + d*(K - 1) - p; pad p:q with 0]")
    values = {"N": n, "K": k, "p": p, "q": q, "s": s, "d": d}

    def value(atom: Any) -> int:
        assert isinstance(atom, SizeName)
        return values[atom.name]

    size = Size(n, k, p, q, s, d)
    if size.padded >= size.reach:
        assert inferred.tensors["y"].shape[0].evaluate(value) == size.output


def test_values_are_exact() -> None:
    c = convolve("[1/3, 0.1]", "[3, 1e-3]")
    assert c.result.cells == [1, Fraction(3, 10) + Fraction(1, 3000), Fraction(1, 10000)]


def test_a_float32_means_what_it_prints() -> None:
    assert convolve(np.array([0.1], "float32"), [1]).result.cells == [Fraction(1, 10)]
    assert convolve([np.float32(0.1), np.int64(2)], [1]).result.cells == [Fraction(1, 10), 2]


def test_symbols_stay_symbols() -> None:
    text = page(convolve("[a, b]", "[u, v]", backward=True))
    assert "y = [a·u b·u+a·v b·v]" in text
    assert "x̄ = [u+v u+v]" in text


def test_symbols_may_have_the_names_that_the_formula_uses() -> None:
    c = convolve("[x, y, i]", "[w, a]", "valid", backward=True)
    assert c.text.endswith("; Y[m] = sum(u) W[u]*X[m - u + 1]")
    assert "Y = [w·y+a·x i·w+a·y]" in page(c)


# --- what is drawn --------------------------------------------------------------------------------


def table_of(c: Convolution, which: int = 0) -> list[list[str]]:
    table = [b for b in c.document.blocks if isinstance(b, Table)][which]
    head = [plain(column.header) for column in table.columns]
    return [head, *([plain(cell.content) for cell in row] for row in table.rows)]


def test_the_kernel_stands_under_the_cells_that_it_touches() -> None:
    assert table_of(convolve([1, 2, 3, 4], [1, 0, 2], "same")) == [
        ["x", "(0)", "1", "2", "3", "4", "(0)", "products and sum"],
        ["y₀", "2", "0", "1", "", "", "", "2 · (0) + 0 · 1 + 1 · 2 = 2"],
        ["y₁", "", "2", "0", "1", "", "", "2 · 1 + 0 · 2 + 1 · 3 = 5"],
        ["y₂", "", "", "2", "0", "1", "", "2 · 2 + 0 · 3 + 1 · 4 = 8"],
        ["y₃", "", "", "", "2", "0", "1", "2 · 3 + 0 · 4 + 1 · (0) = 6"]]


def sum_of(products: str) -> Fraction:
    """What a line such as `2 · (0) + (-1 · 3)` comes to."""
    factors = (term.split(" · ") for term in products.replace("(", "").replace(")", "")
               .split(" + "))
    return sum((Fraction(a) * Fraction(b) for a, b in factors), Fraction(0))


@pytest.mark.parametrize("axes", [1, 2])
@given(data=st.data())
@settings(max_examples=25)
def test_what_is_printed_adds_up(axes: int, data: Any) -> None:
    s = data.draw(settings_of_axes(axes))
    c = worked(s, backward=True, most=100)
    lines = []
    for block in c.document.blocks:
        if isinstance(block, Table):
            lines += [plain(row[-1].content) for row in block.rows if " · " in plain(
                row[-1].content)]
        elif isinstance(block, MathBlock) and " · " in plain((block.math,)):
            line = plain((block.math,))
            if "Σ" not in line and "+=" not in line:
                lines.append(line.partition("→ " if "→" in line else " = ")[2])
        elif isinstance(block, Chain) and plain((block.links[0].math,)).startswith("Σ"):
            lines += [f"{plain((block.links[-2].math,))} = {plain((block.links[-1].math,))}"
                      for _ in block.links[2:]]
    assert lines or len(s["kernel"]) == 2  # a 1 × 1 kernel has no sums to print
    for line in lines:
        if "more product" in line:  # cut, with a count
            continue
        products, value = line.rsplit(" = ", 1)
        assert sum_of(products) == Fraction(value)


def test_a_correlation_s_kernel_stands_there_as_it_is() -> None:
    drawn = table_of(convolve([1, 2, 3, 4], [1, 0, 2], "valid", flip=False))
    assert drawn[1] == ["y₀", "1", "0", "2", "", "1 · 1 + 0 · 2 + 2 · 3 = 7"]


def test_gaps_of_a_dilated_kernel_are_dots_and_strides_are_jumps() -> None:
    drawn = table_of(convolve([1, 2, 3, 4, 5], [1, 2], "valid", dilation=2, stride=2))
    assert drawn[1][1:6] == ["2", "·", "1", "", ""]
    assert drawn[2][1:6] == ["", "", "2", "·", "1"]


def test_the_adjoint_of_a_strided_convolution_is_spread_out() -> None:
    drawn = table_of(convolve([1, 2, 3, 4, 5], [1, 2], "valid", stride=2, backward=True,
                              seed=[7, 8]), 1)
    assert drawn[0][1:-1] == ["(0)", "7", "(0)", "8", "(0)", "(0)"]


def test_cells_that_are_touched_are_emphasised_and_padding_is_not() -> None:
    table = next(b for b in convolve([1, 2], [3, 4]).document.blocks if isinstance(b, Table))
    assert [cell.emphasis for cell in table.rows[0]] == [False, False, True, False, False, False]


def test_two_axes_show_the_window_the_products_and_the_sum() -> None:
    c = convolve([[1, 2, 0], [3, 1, 2]], [[1, 0], [0, -1]], "valid")
    chains = [b for b in c.document.blocks if isinstance(b, Chain)][2:]
    assert [plain((link.math,)) for link in chains[0].links] == [
        "Σ [-1 0; 0 1] ⊙ [1 2; 3 1]", "-1 · 1 + 0 · 2 + 0 · 3 + 1 · 1", "0"]
    assert any("‹1›  ‹2›  0" in line for line in page(c).split("\n"))


def test_what_is_left_out_is_counted() -> None:
    text = page(convolve(list(range(9)), [1, 1], most=3))
    assert "7 more positions are not shown." in text
    assert "1 more position is not shown." in page(convolve([1, 2], [1], most=1))
    assert "not shown" not in page(convolve([1, 2], [1], most=2))
    assert "4 positions are not shown." in page(convolve([[1, 2], [3, 4]], [[1]], most=0))


def test_long_rows_get_a_line_each_and_very_long_sums_are_cut_with_a_count() -> None:
    text = page(convolve(list(range(1000, 1040)), [1, 2], "valid"))
    assert "y₀ = [2 1] ⊙ [1000 1001] → 2 · 1000 + 1 · 1001 = 3001" in text
    assert "(16 more products)" in page(convolve([1] * 40, [1] * 40, "valid"))


def test_only_a_part_of_a_long_input_is_marked_as_going_on() -> None:
    assert table_of(convolve(list(range(60)), [1, 2, 3], "valid", most=2))[0] == [
        "x", "0", "1", "2", "3", "…", "products and sum"]


def test_rounded_numbers_say_so() -> None:
    text = page(convolve(["1/1234567"], [1]))
    assert "x ≈" in text and "y ≈" in text


@pytest.mark.parametrize("flip", [True, False])
def test_the_page_says_which_of_the_two_it_is(flip: bool) -> None:
    text = page(convolve([1, 2], [3, 4], flip=flip))
    assert text.startswith("Convolution" if flip else "Correlation")
    assert ("turned round" in text.split("Size of")[1]) == flip


def test_the_floor_is_worked() -> None:
    text = page(convolve([1, 2, 3, 4, 5, 6], [1, 2, 3], "valid", stride=2))
    assert "⌊(6 + 0 + 0 - 1 · (3 - 1) - 1)/2⌋ + 1" in text
    assert "⌊3/2⌋ + 1" in text
    assert "the last cell of the padded input" in text.replace("\n", " ")


def test_same_tells_what_it_does_with_an_odd_zero_a_stride_and_a_long_kernel() -> None:
    assert "the side before the input, as in numpy" in " ".join(
        page(convolve([1, 2, 3], [1, 1], "same")).split())
    assert "every stride-th cell" in " ".join(
        page(convolve([1, 2, 3], [1, 1, 1], "same", stride=2)).split())
    assert "keeps the size of the input" in page(convolve([1], [1, 1, 1], "same"))


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_the_drawing(format: str) -> None:
    for c in (convolve([1, 2, 3], [1, -2], backward=True, stride=2),
              convolve([[1, 2], [3, 4]], [[1, 2]], "same", backward=True)):
        assert len(page(c, format)) > 500


def test_no_line_of_the_terminal_is_wider_than_the_page() -> None:
    for n, k in ((4, 3), (9, 5), (25, 2), (12, 7)):
        c = convolve([n * k] * n, [k] * k, "same", backward=True)
        assert max(map(display_width, page(c).split("\n"))) <= 100


def test_an_equation_that_is_no_sum_of_products_has_no_windows() -> None:
    for text in ("y[i] = sum(a) x[i + a] with i < 2", "y[i] = sum(a) w[a]*x[a + 1] with i < 2"):
        p = program(f"input x[4]; {text}")
        with pytest.raises(InputError):
            sliding(p, p.equations[0])


def test_the_program_that_is_shown_gives_the_same_values() -> None:
    import chainrule as cr

    c = convolve([1, 2, 3, 4, 5], [1, 0, 2], "same", stride=2)
    assert cr.run(c.text, x=[1, 2, 3, 4, 5], w=[1, 0, 2]).tolist() == [float(v) for v in
                                                                      c.result.cells]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x", "w", "options", "error", "said"), [
    ([1, 2], [1, 2, 3], {"mode": "valid"}, ShapeError, "covers 3 cells"),
    ([1, 2], [1, 2], {"mode": "valid", "dilation": 2}, ShapeError, "dilated by 2"),
    ([[1, 2], [1, 2]], [[1, 2, 3]], {"mode": "valid"}, ShapeError, "in the columns"),
    ([1, 2], [1], {"stride": 0}, InputError, "stride is 0"),
    ([1, 2], [1], {"dilation": -1}, InputError, "dilation is -1"),
    ([1, 2], [1], {"stride": 1.5}, InputError, "not a whole number"),
    ([1, 2], [1], {"stride": "2,2"}, ShapeError, "2 numbers"),
    ([1, 2], [1], {"padding": -1}, InputError, "negative"),
    ([1, 2], [1], {"padding": "1:2:3"}, InputError, "3 numbers"),
    ([1, 2], [1], {"padding": ""}, InputError, "not a whole number"),
    ([1, 2], [1], {"mode": "ful"}, InputError, "no mode"),
    ([1, 2], [1], {"most": -1}, InputError, "0 or more"),
    ([1, 2], [1], {"digits": 99}, InputError, "digits"),
    ([[1, 2], [3]], [[1]], {}, InputError, "differ in length"),
    ([[1], 2], [[1]], {}, InputError, "differ in length"),
    ([1, [2]], [1], {}, InputError, "differ in length"),
    ([[1, 2]], [1], {}, ShapeError, "2 axes"),
    ([[[1]]], [[[1]]], {}, ShapeError, "more than 2 axes"),
    (3, [1], {}, ShapeError, "single value"),
    ([], [1], {}, InputError, "empty"),
    ([1, float("nan")], [1], {}, InputError, "not a finite number"),
    ("[1, inf]", [1], {}, InputError, "not a finite number"),
    (np.array([1, np.inf], "float32"), [1], {}, InputError, "not a finite number"),
    ([1, True], [1], {}, KindError, "not a number"),
    ([1, None], [1], {}, KindError, "not a number"),
    ([1, np.bool_(True)], [1], {}, KindError, "not a number"),
    ([1, np.float64("nan")], [1], {}, InputError, "not a finite number"),
    ([1, 2j], [1], {}, KindError, "not a number"),
    ("[1, 2", [1], {}, InputError, "not closed"),
    ("[1,, 2]", [1], {}, InputError, "missing"),
    ("[1, 2] 3", [1], {}, InputError, "follows"),
    ("1, 2", [1], {}, InputError, "list is wanted"),
    ("", [1], {}, InputError, "empty"),
    ("[1, x[0]]", [1], {}, InputError, "comma"),
    ("[1, a; b = 2]", [1], {}, FormulaSyntaxError, "one expression"),
    ([1, 2], [1], {"backward": True, "seed": [1]}, ShapeError, "shape is 1, the output's 2"),
    ([1, 2], [1], {"backward": True, "seed": "[g, 1]"}, InputError, "symbol g"),
    ([1] * 20_001, [1], {}, LimitError, "at most 20,000"),
    ([1] * 2_000, [1] * 2_000, {}, LimitError, "at most 20,000"),
    ([f"a{i}" for i in range(300)], ["b"], {"backward": True}, LimitError, "300 terms"),
    ([f"a{i}" for i in range(300)], [f"b{i}" for i in range(300)], {"mode": "valid"}, LimitError,
     "with symbols"),
    (["+".join(f"a{i}" for i in range(30))], ["+".join(f"b{i}" for i in range(30))], {},
     LimitError, "900 terms"),
    ([1, 2], [1], {"padding": 10**9}, LimitError, "at most 20,000"),
    ([1, 2], [1, 1], {"dilation": 10**11}, LimitError, "at most 20,000"),
])
def test_what_cannot_be_worked_is_refused_with_the_reason(
    x: Any, w: Any, options: dict[str, Any], error: type[ChainruleError], said: str
) -> None:
    with pytest.raises(error) as caught:
        convolve(x, w, **options)
    assert said in caught.value.report()


# --- the command ----------------------------------------------------------------------------------


def test_the_command_prints_the_page(capsys: Any) -> None:
    assert main(["convolve", "[1,2,3,4]", "[1,0,2]", "--mode", "full"]) == 0
    assert "y = [1 2 5 8 6 8]" in capsys.readouterr().out


def test_json_holds_the_numbers_and_the_formula(capsys: Any) -> None:
    assert main(["convolve", "[1,2,3,4]", "[1,0,2]", "--mode", "valid", "--backward",
                 "--format", "json"]) == 0
    meta = json.loads(capsys.readouterr().out)["meta"]
    assert meta == {"formula": "input x[4], w[3]; y[i] = sum(a) w[a]*x[i - a + 2]",
                    "result": "[5, 8]", "input gradient": "[2, 2, 1, 1]",
                    "kernel gradient": "[7, 5, 3]"}


@pytest.mark.parametrize(("words", "code"), [
    (["[1]", "[1]", "--mode", "full", "--padding", "1"], 2),
    (["[1]", "[1]", "--seed", "[1]"], 2),
    (["[1]", "[1,2]", "--mode", "valid"], 2),
    (["[1]", "[1]", "--padding", "99999999"], 3),
    (["[1]"], 2),
    (["[1]", "[1]", "--padding", "1:2", "--no-flip", "--most", "0"], 0),
])
def test_exit_codes(words: list[str], code: int, capsys: Any) -> None:
    assert main(["convolve", *words]) == code
    capsys.readouterr()
