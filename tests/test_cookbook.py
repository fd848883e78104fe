"""The Matrix Cookbook's derivatives: as claimed, as run, and as derived line by line."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from cookbook import IDENTITIES, OUT_OF_SCOPE, Identity

from chainrule.diff.reverse import gradient
from chainrule.evaluate.reference import run
from chainrule.explain.derivations import Derivation
from chainrule.explain.derive import derive
from chainrule.formulas.calls import read
from chainrule.lang.integers import known
from chainrule.lang.program import Program

NO_MATRIX_FORM = 5  # of 77: a trace times I, a sum inside a sum, what structure leaves
SIZES = ({"N": 3, "M": 2, "K": 4, "P": 2}, {"N": 2, "M": 4, "K": 1, "P": 3})
NAMES = [f"{one.number}: {one.text} by {one.variable}" for one in IDENTITIES]


def program(identity: Identity, more: str = "output L") -> Program:
    return read(f"{identity.declared}\n{identity.text}\n{more}")


def drawn(p: Program, sizes: dict[str, int], seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {n: rng.normal(size=[known(s, sizes).constant for s in p.tensors[n].shape])
            for n in p.inputs}


@cache
def derivation(identity: Identity) -> Derivation:
    return derive(program(identity), "L", [identity.variable])


@pytest.mark.parametrize("identity", IDENTITIES, ids=NAMES)
def test_the_claimed_gradient_is_that_of_the_derivative_run(identity: Identity) -> None:
    claim = program(identity, f"claimed = {identity.gradient}\noutput claimed")
    p = program(identity)
    derivative = gradient(p, "L", [identity.variable])
    for seed, sizes in enumerate(SIZES):
        values = drawn(p, sizes, seed)
        slope = run(derivative.program, values)[derivative.names[identity.variable]]
        want = run(claim, values)["claimed"]
        assert np.shape(slope) == np.shape(want) == np.shape(values[identity.variable])
        np.testing.assert_allclose(slope, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("identity", IDENTITIES, ids=NAMES)
def test_the_gradient_is_derived_with_every_line_verified(identity: Identity) -> None:
    found = derivation(identity)  # a line that is not true at random points raises
    assert found.points is not None
    assert found.found[identity.variable].lines or found.found[identity.variable].uses


def test_derived_gradients_come_out_in_matrices() -> None:
    without = [name for name, one in zip(NAMES, IDENTITIES, strict=True)
               if derivation(one).found[one.variable].matrix is None]
    assert len(without) <= NO_MATRIX_FORM, without


def test_the_table_covers_the_cookbook() -> None:
    numbers = {one.number for one in IDENTITIES} - {"-"}
    assert len(numbers) >= 45
    assert len(IDENTITIES) >= len(numbers)
    assert all(reason for _, reason in OUT_OF_SCOPE)
