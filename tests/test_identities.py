"""The identities with a name: each is proved when it is asked for."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from chainrule.cli import cli
from chainrule.errors import UnknownNameError
from chainrule.explain.identities import IDENTITIES, Identity, identity
from chainrule.explain.prove import prove


@pytest.mark.parametrize("known", IDENTITIES, ids=lambda i: i.name)
def test_each_identity_is_proved(known: Identity) -> None:
    assert prove(known.claim, known.givens, 30.0).verdict == "proved"


@pytest.mark.parametrize(("name", "old", "new"), [
    ("softmax-shift", "== softmax(x)", "== softmax(c*x)"),
    ("sigmoid-tanh", "tanh(x/2)", "tanh(x)"),
    ("convolution-matrix", "w[j-i]", "2*w[j-i]"),
    ("mean-variance", "- m^2", "- m"),
    ("layer-norm-scale", "n = sum(i) c*x[i]/N", "n = sum(i) x[i]/N"),
])
def test_an_identity_with_a_mistake_is_refuted(name: str, old: str, new: str) -> None:
    known = identity(name)
    assert old in known.claim
    assert prove(known.claim.replace(old, new), known.givens).verdict == "refuted"


def test_names_are_told_apart_and_sentences_end() -> None:
    assert len({i.name for i in IDENTITIES}) == len(IDENTITIES) >= 30
    assert all(i.about.endswith(".") for i in IDENTITIES)


def test_an_unknown_name_is_told_with_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError) as found:
        identity("sofmax-shift")
    assert "softmax-shift" in (found.value.hint or "")


def test_prove_looks_names_up_and_lists_them() -> None:
    runner = CliRunner()
    shown = runner.invoke(cli, ["prove", "softmax-two-class"])
    assert shown.exit_code == 0 and "Proved" in shown.output
    listed = runner.invoke(cli, ["prove", "--list"])
    assert all(i.name in listed.output for i in IDENTITIES)
