"""One entry is all that a new layer takes: what the library's tests ask of its formulas, asked of
an activation, a pooling and a loss that were made up here."""

from __future__ import annotations

import pytest
import test_formulas
from formula_cases import plain_cases

import chainrule as cr
from chainrule import nn
from chainrule.cli import main
from chainrule.count.sizes import sizes
from chainrule.formulas import LIBRARY
from chainrule.formulas.entry import NEEDED, Entry, Setting, family
from chainrule.formulas.library import LAYERS

BENT = Entry(
    "bent_identity", "BentIdentity", """
    input x[...]
    y[...] = (sqrt(x[...]^2 + 1) - 1)/2 + x[...]
    """, "bent identity", "bends a line gently", "Godfrey and Gashler 2015", kind="activation")

POOL = family(Entry(
    "power_pool", "PowerPool", """
    input x[..., {I}]
    size {K}
    y[..., {i}] = sqrt(1 + sum({k < K}) x[..., {K*i + k}]^2)
    """, "power-average pooling", "the root of a window's summed squares",
    "Gulcehre, Cho, Pascanu and Bengio 2014", (Setting("kernel_size", "{K}", NEEDED),),
    kind="pooling", sample={"kernel_size": 2}))[1]

LOSS = Entry(
    "log_cosh", "LogCoshLoss", """
    input y[...], t[...]
    L = mean(...) ln(cosh(y[...] - t[...]))
    """, "log-cosh loss", "squared near the target, absolute far from it",
    "Chen, Chen and Wang 2019", kind="loss")

NEW = (BENT, POOL, LOSS)


@pytest.fixture(autouse=True)
def in_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for entry in NEW:
        monkeypatch.setitem(LIBRARY, entry.name, entry)
        monkeypatch.setitem(LAYERS, entry.layer, entry)


@pytest.mark.parametrize("entry", NEW, ids=lambda e: e.name)
def test_the_librarys_own_tests_pass(entry: Entry) -> None:
    cases = list(plain_cases(entry))
    assert cases
    test_formulas.test_an_entry_is_complete(entry.name)
    for case in cases:
        test_formulas.test_a_formula_reads_and_prints(case)
        test_formulas.test_values_are_those_of_the_cell_by_cell_evaluator(case)
        test_formulas.test_gradients_agree_with_differences(case)
        test_formulas.test_second_derivatives_agree_with_differences_of_gradients(case)


def test_networks_texts_sizes_and_pages_know_them(capsys: pytest.CaptureFixture[str]) -> None:
    model = nn.Sequential(nn.PowerPool2d(2), nn.BentIdentity())
    network = nn.Network(model, (1, 6, 6), loss=nn.LogCoshLoss())
    rows = sizes(network.program, {"N": 1}).rows
    assert [str(axis) for axis in rows[0].shape] == ["1", "1", "3", "3"]
    assert rows[0].forward.functions == 9
    text = cr.formula("input x[4, 4]; y = power_pool2d(x, kernel_size=2); z = bent_identity(y)")
    assert text(x=[[3, 4, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]).shape == (2, 2)
    assert main(["formulas", "power_pool2d", "--format", "latex"]) == 0
    page = capsys.readouterr().out
    assert "\\sqrt" in page and "backward pass" in page
