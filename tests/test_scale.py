"""Long programs: no recursion, time and memory linear in their length."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from chainrule.diff.forward import hvp, jvp
from chainrule.diff.reverse import gradient
from chainrule.evaluate.reference import run
from chainrule.lang.program import Program
from chainrule.lang.ranges import program

SLOWEST = 2_500  # equations a second that even a slow machine manages; benchmarks print the rest


def chain(length: int) -> str:
    lines = ["v0 = x"]
    lines += [f"v{k} = sin(v{k - 1}) + 0.5" if k % 2 else f"v{k} = exp(-v{k - 1})"
              for k in range(1, length)]
    return "\n".join(lines)


def timed(work: object) -> float:
    start = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - start


@pytest.mark.parametrize("length", [1_000, 10_000, 100_000])
def test_a_chain_is_built_differentiated_and_run_in_linear_time(length: int) -> None:
    text = chain(length)
    start = time.process_time()
    p = program(text)
    assert length / (time.process_time() - start) > SLOWEST
    assert length / timed(lambda: gradient(p)) > SLOWEST
    assert length / timed(lambda: jvp(p)) > SLOWEST
    d, f = gradient(p), jvp(p)
    assert len(d.program.equations) == 2 * length + 1
    backward = run(d.program, {"x": 0.3}, keep="outputs")[d.names["x"]]
    forward = run(f.program, {"x": 0.3, "x_dot": 1.0}, keep="outputs")[f.names[p.outputs[0]]]
    assert backward == pytest.approx(forward, rel=1e-9, abs=1e-300)


def test_memory_is_linear_in_the_length() -> None:
    def kilobytes(p: Program) -> float:
        tracemalloc.start()
        kept = gradient(p)
        size = tracemalloc.get_traced_memory()[1] / 1000
        tracemalloc.stop()
        assert kept.names
        return size

    short, long = (kilobytes(program(chain(n))) for n in (1_000, 8_000))
    assert long < 8 * short * 1.3


def test_one_variable_used_ten_thousand_times_is_summed_once_a_use() -> None:
    text = "\n".join(f"v{k} = x*{k}" for k in range(10_000))
    p = program(text + "\ny = v0 + v9999\noutput y")
    d = gradient(p, "y")
    assert run(d.program, {"x": 2.0})["x_bar"] == 9999
    wide = program("\n".join([f"v{k} = x*{k}" for k in range(100)]
                             + ["s0 = v0"] + [f"s{k} = s{k - 1} + v{k}" for k in range(1, 100)]))
    assert run(gradient(wide).program, {"x": 1.0})["x_bar"] == sum(range(100))


def test_a_sum_of_ten_thousand_uses_has_one_adjoint() -> None:
    lines = ["s0 = x"] + [f"s{k} = s{k - 1} + x" for k in range(1, 10_000)]
    p = program("\n".join(lines))
    d = gradient(p)
    found = [e for e in d.program.equations if e.target == "x_bar"]
    assert len(found) == 10_000
    assert run(d.program, {"x": 1.0}, keep="outputs")["x_bar"] == 10_000


@pytest.mark.parametrize(
    ("formula", "second"),
    [
        ("*".join(["x"] * 190), 190 * 189),
        (" + ".join(f"x^{k}" for k in range(1, 190)), sum(k * (k - 1) for k in range(190))),
        ("exp(ln(" * 45 + "x" + "))" * 45, 0),
        ("1/(" * 90 + "x" + ")" * 90, 0),
        ("(" * 80 + "x" + "*x/x)" * 80, 0),
    ],
)
def test_one_very_deep_formula_has_second_derivatives(formula: str, second: float) -> None:
    h = hvp(program(f"y = {formula}"))
    found = run(h.program, {"x": 1.0, h.seeds["x"]: 1.0}, keep="outputs")[h.names["x"]]
    assert found == pytest.approx(second, abs=1e-9)
    assert str(h.program)
