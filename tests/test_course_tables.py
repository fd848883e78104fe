"""The course sheets' tables and networks, row by row, against independently computed answers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest

from chainrule.document.blocks import Table, plain
from chainrule.explain.trace import Trace, trace
from chainrule.frontend import trace as trace_of
from chainrule.lang.ranges import program
from chainrule.personal import index_number_matrix
from chainrule.spec import load

EXAMPLES = Path(__file__).parent.parent / "examples"

FIRST = "y = ln(x1) + x1*x2 - sin(x2)"
SECOND = "y = 1/(x1+x2) + x2^2 + cos(x1)"
COMPOSITE = """v1 = 1/(x1 + x2)
v2 = x2^2
v3 = v1 + v2
v4 = cos(x1)
v5 = v4 + v3
y = v5"""


def told(content: Any) -> str:
    """A cell as text; accents composed, as they are typed below."""
    return normalize("NFC", plain(content.content))


def rows(t: Trace, group: str) -> list[list[str]]:
    """The cells of the first table's columns under a group's title, rows without any left out."""
    for block in t.document.blocks:
        if isinstance(block, Table):
            start = 0
            for g in block.groups:
                if group in plain(g.title):
                    found = [[told(c) for c in r[start : start + g.span]]
                             for r in block.rows]
                    return [r for r in found if any(r)]
                start += g.span
    raise AssertionError(f"no group {group}")


def numbers(cells: Any) -> Any:
    return [numbers(c) for c in cells] if isinstance(cells, list) else float(cells)


def test_table_1_forward_evaluation_and_derivative_level_by_level() -> None:
    t = trace(program(FIRST), {"x1": 2, "x2": 5}, mode="forward", wrt=["x1"], order="level")
    assert rows(t, "Forward evaluation") == [
        ["v₋₁", "= x₁", "", "= 2"],
        ["v₀", "= x₂", "", "= 5"],
        ["v₁", "= ln(v₋₁)", "= ln(2)", "≈ 0.6931"],
        ["v₂", "= v₋₁ · v₀", "= 2 · 5", "= 10"],
        ["v₃", "= sin(v₀)", "= sin(5)", "≈ -0.9589"],
        ["v₄", "= v₁ + v₂", "= 0.6931 + 10", "≈ 10.6931"],
        ["v₅", "= v₄ - v₃", "= 10.6931 - (-0.9589)", "≈ 11.6521"],
        ["y", "= v₅", "", "≈ 11.6521"],
    ]
    assert rows(t, "Forward derivative") == [
        ["v̇₋₁", "= ẋ₁", "", "= 1"],
        ["v̇₀", "= ẋ₂", "", "= 0"],
        ["v̇₁", "= v̇₋₁/v₋₁", "= 1/2", "= 0.5"],
        ["v̇₂", "= v̇₋₁ · v₀ + v₋₁ · v̇₀", "= 1 · 5 + 2 · 0", "= 5"],
        ["v̇₃", "= cos(v₀) · v̇₀", "= cos(5) · 0", "= 0"],
        ["v̇₄", "= v̇₁ + v̇₂", "= 0.5 + 5", "= 5.5"],
        ["v̇₅", "= v̇₄ - v̇₃", "= 5.5 - 0", "= 5.5"],
        ["ẏ", "= v̇₅", "", "= 5.5"],
    ]


def test_table_2_adjoints_accumulated_use_by_use() -> None:
    t = trace(program(FIRST), {"x1": 2, "x2": 5}, mode="reverse", order="level",
              fanout="accumulate")
    assert [[r[0], r[1], r[4]] for r in rows(t, "Reverse adjoint")] == [
        ["x̄₁", "= v̄₋₁", "= 5.5"],
        ["x̄₂", "= v̄₀", "≈ 1.7163"],
        ["v̄₋₁", "= v̄₋₁ + v̄₁ · ∂v₁/∂v₋₁", "= 5.5"],
        ["v̄₀", "= v̄₀ + v̄₂ · ∂v₂/∂v₀", "≈ 1.7163"],
        ["v̄₋₁", "= v̄₂ · ∂v₂/∂v₋₁", "= 5"],
        ["v̄₀", "= v̄₃ · ∂v₃/∂v₀", "≈ -0.2837"],
        ["v̄₂", "= v̄₄ · ∂v₄/∂v₂", "= 1"],
        ["v̄₁", "= v̄₄ · ∂v₄/∂v₁", "= 1"],
        ["v̄₃", "= v̄₅ · ∂v₅/∂v₃", "= -1"],
        ["v̄₄", "= v̄₅ · ∂v₅/∂v₄", "= 1"],
        ["v̄₅", "= ȳ", "= 1"],
        ["ȳ", "", "= 1"],
    ]


def test_table_3_with_the_composite_rows_that_the_user_wrote() -> None:
    t = trace(program(COMPOSITE), {"x1": 3, "x2": 6}, mode="forward", wrt=["x1"],
              granularity="layer")
    assert [(r[0], r[1], r[3]) for r in rows(t, "Forward evaluation")] == [
        ("x₁", "", "= 3"), ("x₂", "", "= 6"),
        ("v₁", "= 1/(x₁ + x₂)", "= 1/9 ≈ 0.1111"),
        ("v₂", "= x₂²", "= 36"),
        ("v₃", "= v₁ + v₂", "= 325/9 ≈ 36.1111"),
        ("v₄", "= cos(x₁)", "≈ -0.9900"),
        ("v₅", "= v₄ + v₃", "≈ 35.1211"),
        ("y", "= v₅", "≈ 35.1211"),
    ]
    assert [(r[0], r[3]) for r in rows(t, "Forward derivative")] == [
        ("ẋ₁", "= 1"), ("ẋ₂", "= 0"), ("v̇₁", "= -1/81 ≈ -0.0123"), ("v̇₂", "= 0"),
        ("v̇₃", "= -1/81 ≈ -0.0123"), ("v̇₄", "≈ -0.1411"), ("v̇₅", "≈ -0.1535"),
        ("ẏ", "≈ -0.1535"),
    ]


def test_table_4_adjoints_summed_over_their_uses() -> None:
    t = trace(program(SECOND), {"x1": 3, "x2": 6}, mode="reverse")
    assert [(r[0], r[1], r[4]) for r in rows(t, "Reverse adjoint")] == [
        ("x̄₁ = v̄₋₁", "= v̄₁ · ∂v₁/∂v₋₁ + v̄₅ · ∂v₅/∂v₋₁", "≈ -0.1535"),
        ("x̄₂ = v̄₀", "= v̄₁ · ∂v₁/∂v₀ + v̄₃ · ∂v₃/∂v₀", "= 971/81 ≈ 11.9877"),
        ("v̄₁", "= v̄₂ · ∂v₂/∂v₁", "= -1/81 ≈ -0.0123"),
        ("v̄₂", "= v̄₄ · ∂v₄/∂v₂", "= 1"),
        ("v̄₃", "= v̄₄ · ∂v₄/∂v₃", "= 1"),
        ("v̄₄", "= v̄₆ · ∂v₆/∂v₄", "= 1"),
        ("v̄₅", "= v̄₆ · ∂v₆/∂v₅", "= 1"),
        ("v̄₆", "= ȳ", "= 1"),
        ("ȳ", "", "= 1"),
    ]


@pytest.mark.parametrize("order", ["written", "level"])
@pytest.mark.parametrize("fanout", ["sum", "accumulate"])
@pytest.mark.parametrize(("formula", "at", "y", "dy"), [
    (FIRST, (2, 5), 11.652071455223084, (5.5, 1.7163378145367738)),
    (SECOND, (3, 6), 35.12111861451067, (-0.1534656870722129, 11.987654320987655)),
    (COMPOSITE, (3, 6), 35.12111861451067, (-0.1534656870722129, 11.987654320987655)),
])
def test_values_and_derivatives_do_not_depend_on_how_they_are_laid_out(
    order: str, fanout: str, formula: str, at: tuple[int, int], y: float, dy: tuple[float, float]
) -> None:
    t = trace(program(formula), {"x1": at[0], "x2": at[1]}, order=order, fanout=fanout)
    assert float(t.values["y"].nested()) == pytest.approx(y, rel=1e-15)
    for k, name in enumerate(("x1", "x2")):
        assert float(t.gradient[name].nested()) == pytest.approx(dy[k], rel=1e-14)
        assert float(t.tangent[name]["y"].nested()) == pytest.approx(dy[k], rel=1e-14)


def work(name: str, **more: Any) -> Trace:
    return trace_of(load(EXAMPLES / f"{name}.toml"), **more)


def test_the_toy_network_forward_and_backward() -> None:
    t = work("toy", wrt=["X", "U", "V", "W", "y"])
    assert numbers(t.values["U"].nested()) == [[8, 6], [-0.5, -0.5]]
    assert numbers(t.values["V"].nested()) == [[8, 6], [-0.05, -0.05]]
    assert t.values["y"].nested() == Fraction(193, 10)
    assert numbers(t.gradient["V"].nested()) == [[2, 4], [20, 8]]
    assert numbers(t.gradient["U"].nested()) == [[2, 4], [2, 0.8]]
    assert numbers(t.gradient["X"].nested()) == [
        [0, 2, 0, 4], [0, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0.8, 0]]
    assert numbers(t.gradient["W"].nested()) == [16, 12, -0.1, -0.1]
    assert numbers(t.gradient["y"].nested()) == 2


def test_the_index_number_rule() -> None:
    assert numbers(index_number_matrix("180631")) == [
        [1, 8, 0.5, 6], [3, 1.1, -1, -8], [-0.5, -6, -3, -1.1], [-1, -8, -0.5, -6]]
    assert numbers(index_number_matrix("180577X"))[:2] == [[1, 8, 0.5, 5], [7, 7.1, -1, -8]]
    assert numbers(index_number_matrix("000000"))[0] == [0.5, 0.6, 0.7, 0.8]
    assert numbers(index_number_matrix("111111"))[:2] == [[1, 1.1, 1.2, 1.3], [1.4, 1.5, -1, -1.1]]


def test_prelu_with_its_parameter_left_a_symbol() -> None:
    from chainrule.lang.printing import expression_text

    t = work("prelu", wrt=["U", "alpha"])
    shown = [[c if isinstance(c, Fraction) else expression_text(c) for c in line]
             for line in t.values["V"].nested()]
    assert shown == [[14, "-4*alpha"], ["-6*alpha", 3]]
    assert t.gradient["alpha"].nested() == 1


def test_the_residual_block() -> None:
    t = work("residual")
    assert {n: float(t.values[n].nested()) for n in ("x1", "y1", "z")} == {
        "x1": 0.6, "y1": 0.03, "z": 1.03}
    assert {n: float(t.gradient[n].nested()) for n in t.gradient} == {
        "w0": -0.2, "w1": 0.6, "b0": -0.2, "b1": 1.0, "x0": 0.9}
