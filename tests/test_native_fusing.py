"""Equations joined, moved, split and shared out still compute what the reference computes.

Each program here is the smallest for which one of the native backend's rewrites has to hold back.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from chainrule.diff.reverse import vjp
from chainrule.evaluate.reference import run
from chainrule.lang.expr import Number, Reduce, walk
from chainrule.lang.program import Program
from chainrule.lang.ranges import program as parsed
from chainrule.native import machine, runtime
from chainrule.native.kernels import Kernel
from chainrule.native.layout import jumps
from chainrule.native.runtime import Machinery
from chainrule.native.winners import lands


def values(p: Program, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Random inputs."""
    rng = np.random.default_rng(7)
    found: dict[str, np.ndarray] = {}
    for name in p.inputs:
        t = p.tensors[name]
        shape = tuple(a.evaluate(lambda atom: sizes[atom.name]) for a in t.shape)
        found[name] = rng.uniform(-1, 1, shape)
        if t.kind == "integer":
            below = 2 if t.below is None else t.below.evaluate(lambda atom: sizes[atom.name])
            found[name] = rng.integers(0, below, shape)
    return found


def agree(p: Program, *, threads: int = 1, steps: int = 1, dtype: str = "float64",
          **sizes: int) -> Machinery:
    """Machine code against the reference: outputs and states, step by step."""
    state = values(p, sizes)
    code = Machinery(p, {n: sizes[n] for n in p.size_names()}, dtype, threads=threads)
    for name in p.inputs:
        code.arrays[name][1][...] = state[name]
    news = tuple(new for _, new in p.updates)
    whole = p.with_outputs(dict.fromkeys((*p.outputs, *news)))
    tolerance = 1e-10 if dtype == "float64" else 2e-4
    for _ in range(steps):
        wanted = run(whole, state, keep="outputs", dtype=dtype)
        after = {**state, **wanted}
        state |= {old: after[new] for old, new in p.updates}
        assert code.run(np.zeros(1, np.int64))
        for name in p.outputs:
            np.testing.assert_allclose(
                code.arrays[name][1], wanted[name], tolerance, tolerance, err_msg=name)
        for old, _ in p.updates:
            np.testing.assert_allclose(
                code.arrays[old][1], state[old], tolerance, tolerance, err_msg=old)
    return code


def gradients(text: str) -> Program:
    """A program with the adjoints of its inputs."""
    return vjp(parsed(text)).program


def small_cache(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    machine = replace(runtime.host(), cache_bytes=size)
    monkeypatch.setattr(runtime, "host", lambda: machine)


WINNERS = "input z[8], u[4]; k[i] = argmax(a<2) z[2*i+a]; zeros r[8]; r[2*i+k[i]] += u[i]; "


@pytest.mark.parametrize("text", [
    # a maximum that is computed only later is not read in the place of its winner
    WINNERS + "g[h] = r[h]*(1 if z[h] > 0 else 0); p[i] = max(a<2) z[2*i+a]; output g, p",
    # nor one that has fewer cells
    "input z[8], u[4]; p[i] = max(a<2) z[2*i+a] with i < 2; k[i] = argmax(a<2) z[2*i+a]; "
    "zeros r[8]; r[2*i+k[i]] += u[i]; g[h] = r[h]*(1 if z[h] > 0 else 0); output g, p",
    # the masked tensor has fewer cells than the winners may lie in
    WINNERS + "g[h] = r[h]*(1 if z[h] > 0 else 0) with h < 5; output g",
    # the mask has an index of the same name
    WINNERS.replace("u[4]", "u[4], w[8,6]")
    + "g[h] = r[h]*(1 if (sum(i<6) w[h,i]) > 0 else 0); output g",
])
def test_masks_move_to_the_winners_only_where_they_are_known(text: str) -> None:
    agree(parsed(text))


@pytest.mark.parametrize("text", [
    "input x[N]; y[i] = max(a<3, i+a < N) x[i+a] with i < N",
    "input x[N]; y[i] = max(a<3, i+a >= 1 and i+a < N+1) x[i+a-1] with i < N",
])
def test_a_window_that_ends_at_the_border_has_an_adjoint_that_stays_inside(text: str) -> None:
    agree(gradients(text), N=9)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("updates", [
    "c[i] = b[i] + x[i]; update b = c; update a = b",  # a register that is shifted
    "c[i] = b[i] + x[i]; update a = b; update b = c",
    "update a = b; update b = a",
    "c[i] = b[i] + x[i]; update a = c; update b = c",
])
def test_states_that_take_other_states_take_their_old_values(updates: str, threads: int) -> None:
    p = parsed("parameter a[5], b[5]; input x[5]; "
               f"{updates}; s = sum(i) a[i]*b[i]*x[i]; output s")
    agree(p, threads=threads, steps=3)


def test_a_turned_copy_of_a_state_is_made_before_the_state_is_changed() -> None:
    p = parsed(
        "parameter w[16,16,3]; input x[4,16,12], v[4,16,12]; "
        "y[n,o,i] = sum(c,k) w[o,c,k]*x[n,c,i+k]; z[n,c,i] = sum(o,k) w[o,c,k]*v[n,o,i+k]; "
        "w_new[o,c,k] = 0.5*w[o,c,k] + 0.01*w[c,o,k]; update w = w_new; output y, z")
    code = agree(p, steps=2)
    assert any("_turned" in name for name in code.slots)


@pytest.mark.parametrize("threads", [2, 3])
def test_a_thread_without_a_term_of_a_maximum_leaves_it_to_the_others(threads: int) -> None:
    agree(parsed("input x[N]; y = max(n, n > 13) x[n]"), threads=threads, N=16)


def test_a_first_slice_of_as_many_as_there_are_threads_is_no_thread_s_part() -> None:
    p = parsed("input x[N,U], y[N,V]; c[a,u,v] = sum(n) x[n,u]*y[n,v] with a < 1; "
               "c[a+1,u,v] = 3*x[0,u]*y[0,v] with a < 1; output c")
    agree(p, threads=2, N=4, U=9, V=9)


@pytest.mark.parametrize("threads", [2, 3])
def test_a_product_shared_by_columns_comes_before_all_that_read_it(
        threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    small_cache(monkeypatch, 20_000)
    p = gradients("input x[N,V], w[V,V]; h[n,u] = tanh(sum(v) w[u,v]*x[n,v]); "
                  "y[n,v] = 0.1*(sum(u) w[u,v]*h[n,u]); q = mean(n,v) (y[n,v]-x[n,v])^2")
    code = agree(p, threads=threads, N=3, V=90)
    assert any(share.how == "split" for share in code.plan.shared.shares)


def test_each_thread_writes_its_part_of_a_sum_over_large_examples(
        monkeypatch: pytest.MonkeyPatch) -> None:
    small_cache(monkeypatch, 1_000)
    p = gradients("input x[N,2,6]; parameter w[8,2,3]; "
                  "h[n,i,j] = sum(c,a) w[i,c,a]*x[n,c,j+a]; q = mean(n,i,j) h[n,i,j]^2")
    shared = agree(p, threads=2, N=4).plan.shared
    parts = [share for e, share in zip(shared.program.equations, shared.shares, strict=True)
             if e.target.endswith("_part")]
    assert parts and all(share.partial for share in parts)


@pytest.mark.parametrize("threads", [2, 3])
def test_what_is_added_to_later_is_not_each_thread_s_own(threads: int) -> None:
    p = gradients("input x[N,3]; h[n,i] = tanh(x[n,i]); m[i] = max(n) h[n,i]; "
                  "y[n,i] = h[n,i] - 2*m[i]; q = (mean(n,i) y[n,i]) + (mean(n,i) h[n,i])")
    agree(p, threads=threads, N=17)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_condition_that_all_lanes_share_guards_a_vector(dtype: str) -> None:
    p = parsed("input x[37], y[4,4]; zeros a[4,4,37]; a[t,u,n] += x[n]*y[t,u] with u <= t; "
               "a[t,u,2*m] += x[m]*y[t,u] with m < 18")
    agree(p, dtype=dtype)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("n", "u", "v"), [(1, 1, 64), (5, 3, 70), (13, 7, 256), (50, 37, 130),
                                           (33, 17, 96)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_along_the_vector_fold_every_point_of_a_tile(n, u, v, dtype, threads):
    text = parsed("input x[N,D], W[H,D], b[H]; h[i,j] = sigmoid(sum(k) W[j,k]*x[i,k] + b[j]); "
                  "e[i] = sum(j) exp(h[i,j])")
    agree(text.with_outputs(("h", "e")), dtype=dtype, threads=threads, N=n, H=u, D=v)


def test_a_formula_on_more_numbers_than_the_cache_holds_is_right_to_its_end():
    text = parsed("input x[N]; y[i] = tanh(x[i])*exp(-x[i]*x[i]) + 3*x[i]")
    agree(text, dtype="float32", threads=2, N=1_300_003)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="another processor")
def test_a_processor_with_nothing_but_sse2_computes_the_same(monkeypatch):
    old = replace(machine.host(), cpu="x86-64", features="", vector_bytes=16, registers=16)
    monkeypatch.setattr(machine, "host", lambda: old)
    monkeypatch.setattr(runtime, "host", lambda: old)
    monkeypatch.setenv("CHAINRULE_CACHE", "")
    p = parsed("input x[N,C,H,H]; parameter w[O,C,3,3], W[K,O]; "
               "z[n,o,i,j] = sum(c,a,b) w[o,c,a,b]*x[n,c,i+a,j+b]; "
               "m[n,o] = max(i,j) relu(z[n,o,i,j]); s[n,k] = tanh(sum(o) W[k,o]*m[n,o]); "
               "L = sum(n,k) s[n,k]*exp(-s[n,k])/N")
    for dtype in ("float64", "float32"):
        agree(vjp(p).program, dtype=dtype, threads=2, N=5, C=3, H=9, O=7, K=4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("n", "u", "v"), [
    (1, 3, 16), (2, 7, 64), (5, 8, 33), (4, 9, 100), (13, 17, 48), (3, 37, 40), (7, 24, 15),
    (6, 16, 130), (100, 7, 256),
])
def test_sums_along_the_vector_come_to_lie_side_by_side(
        n: int, u: int, v: int, threads: int, dtype: str) -> None:
    p = parsed("input x[N,V], W[U,V], b[U], s[N,U,T]; "
               "y[n,u] = sigmoid(b[u] + sum(v) W[u,v]*x[n,v]); "
               "z[n,u] = (sum(v) x[n,v]*W[u,v]/sqrt(V)) * (max(t) s[n,u,t]) + y[n,u] "
               "- (sum(v, v < u) W[u,v]); output y, z")
    agree(p, threads=threads, dtype=dtype, N=n, U=u, V=v, T=5)


def test_a_number_in_each_term_of_a_sum_is_multiplied_with_once() -> None:
    p = parsed("input q[I,E], k[J,E]; s[i,j] = sum(e) -q[i,e]*k[j,e]/sqrt(64); "
               "t[i] = sum(e) 3*q[i,e]; r[i,j] = (sum(e) q[i,e]*2)*s[i,j]; output s, t, r")
    code = agree(p, I=5, J=9, E=64)
    kernels = [k for phase in code.plan.phases for run_of in phase for k, _ in run_of.calls]
    sums = [n for k in kernels if isinstance(k, Kernel) for e in k.equations
            for n in walk(e.body) if isinstance(n, Reduce)]
    assert sums
    assert not any(isinstance(n, Number) for s in sums for n in walk(s.body))


def jumping(code: Machinery) -> bool:
    """Whether some sum reads at places that other tensors hold."""
    return any(map(jumps, code.plan.program.equations))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("activation", "sizes", "jumps"), [
    ("", {"C": 3, "H": 24, "O": 8, "P": 5, "K": 5}, True),
    ("y = relu(z)", {"C": 16, "H": 14, "O": 4, "P": 2, "K": 3}, False),  # of inputs in their order
    ("y = relu(z)", {"C": 2, "H": 13, "O": 5, "P": 3, "K": 5}, True),
    ("", {"C": 1, "H": 21, "O": 3, "P": 4, "K": 8}, True),
    ("y = z*z", {"C": 1, "H": 21, "O": 3, "P": 4, "K": 8}, False),  # the slope is wanted everywhere
])
def test_sums_before_a_pooling_go_over_the_winners(
        activation: str, sizes: dict[str, int], jumps: bool, threads: int) -> None:
    size, pool, kernel = sizes["H"], sizes["P"], sizes["K"]
    rows = (size - kernel + 1) // pool
    p = gradients(
        f"input x[N,C,{size},{size}], v[N,O,{rows},{rows}]; "
        f"parameter w[O,C,{kernel},{kernel}], b[O]; "
        f"z[n,o,i,j] = b[o] + sum(c,k,l) x[n,c,i+k,j+l]*w[o,c,k,l]; {activation}; "
        f"p[n,o,i,j] = max(a<{pool}, d<{pool}) "
        f"{'y' if activation else 'z'}[n,o,{pool}*i+a,{pool}*j+d] with i < {rows}, j < {rows}; "
        "L = sum(n,o,i,j) p[n,o,i,j]*v[n,o,i,j]; output L")
    code = agree(p.with_outputs(["L", *(n for n in p.outputs if "x" not in n)]),
                 threads=threads, N=3, C=sizes["C"], O=sizes["O"])
    assert jumping(code) == jumps


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("sizes", "found"), [
    ({"C": 32, "H": 8, "O": 4, "P": 2, "K": 3}, True),
    ({"C": 16, "H": 9, "O": 3, "P": 3, "K": 2}, True),
    ({"C": 21, "H": 12, "O": 2, "P": 5, "K": 2}, True),
    ({"C": 2, "H": 8, "O": 4, "P": 2, "K": 3}, False),  # too little lies side by side
])
def test_winners_alone_add_to_what_stands_before_a_convolution(
        sizes: dict[str, int], found: bool, threads: int) -> None:
    size, pool, kernel = sizes["H"], sizes["P"], sizes["K"]
    rows = (size - kernel + 1) // pool
    p = gradients(
        f"input s[N,C,{size},{size}], v[N,O,{rows},{rows}]; parameter w[O,C,{kernel},{kernel}]; "
        "x[n,c,i,j] = tanh(s[n,c,i,j]); "
        f"z[n,o,i,j] = sum(c,k,l) x[n,c,i+k,j+l]*w[o,c,k,l]; y = relu(z); "
        f"p[n,o,i,j] = max(a<{pool}, d<{pool}) y[n,o,{pool}*i+a,{pool}*j+d] "
        f"with i < {rows}, j < {rows}; L = sum(n,o,i,j) p[n,o,i,j]*v[n,o,i,j]; output L")
    for dtype in ("float64", "float32"):
        code = agree(p, threads=threads, dtype=dtype, N=3, C=sizes["C"], O=sizes["O"])
        assert any(map(lands, code.plan.program.equations)) == found


SCATTER = "input z[40], u[4], x[60]; k[i] = argmax(a<10) z[10*i+a]; zeros r[40]; "
PLACED = SCATTER + "r[10*i+k[i]] += u[i]; "


@pytest.mark.parametrize(("text", "jumps"), [
    (PLACED + "s[a] = sum(h) r[h]*x[h+a] with a < 16; output s", True),
    (PLACED + "s = sum(h) r[h]; output s", False),  # it reads in order
    (PLACED + "s = sum(h) r[h]*r[h]; output s", False),  # the tensor twice
    (PLACED + "s[a] = sum(h<39) r[h]*x[h+a] with a < 16; output s", False),  # not all of it
    (PLACED + "s[a] = sum(h) r[h]*x[h+3*a] with a < 6; output s", False),  # nothing side by side
    (SCATTER + "r[8*i+k[i]] += u[i]; s[a] = sum(h) r[h]*x[h+a] with a < 16; output s", True),
    (SCATTER + "r[k[i]] += u[i]; r[i] += u[i]; s[a] = sum(h) r[h]*x[h+a] with a < 16; output s",
     False),  # written in two places
    (PLACED + "s[h] = r[h]*z[h]; t[a] = sum(h) r[h]*x[h+a] with a < 16; output s, t", True),
])
def test_sums_go_over_the_winners_only_where_that_is_the_same(text: str, jumps: bool) -> None:
    assert jumping(agree(parsed(text))) == jumps


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_with_room_behind_them_hold_what_they_should(threads: int) -> None:
    p = gradients("input x[N,V]; parameter W[U,V], R[K,U]; h[n,u] = tanh(sum(v) W[u,v]*x[n,v]); "
                  "g[u,n] = h[n,u]*h[n,u]; y[n,k] = sum(u) R[k,u]*g[u,n]; "
                  "L = sum(n,k) y[n,k]*y[n,k]; output L")
    code = agree(p, threads=threads, N=5, V=7, U=512, K=3)
    assert code.slots["h"].strides[0] > 512
    assert code.slots["W_bar"].strides[0] == 7


LABELLED = "input z[N,K]; label y[N]; l[n] = {}"


@pytest.mark.parametrize(("text", "chosen"), [
    (LABELLED.format("ln(sum(k) exp(z[n,k])) - z[n,y[n]]"), True),
    (LABELLED.format("3*z[n,y[n]] + sum(k) z[n,k]^2"), True),
    (LABELLED.format("z[n,y[n]]^2"), False),  # a few cells, and zeros for the rest
    (LABELLED.format("(0 if n > 1 else z[n,y[n]]) + sum(k) z[n,k]^2"), False)])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_label_is_a_choice_where_all_cells_get_an_adjoint(
        text: str, chosen: bool, threads: int) -> None:
    code = agree(gradients(text), threads=threads, N=5, K=4)
    scatters = [e for e in code.plan.program.equations if not e.plain]
    assert (not scatters) == chosen
    code.arrays["y"][1][1] = 4
    assert not code.run(np.zeros(1, np.int64))  # it says that something is outside


@pytest.mark.parametrize(("function", "kernels"), [("tanh", 1), ("erf", 2), ("sin", 2)])
def test_what_takes_long_does_not_hold_up_a_product(function: str, kernels: int) -> None:
    p = parsed(f"input W[37,64], x[9,64]; z[n,u] = sum(v) W[u,v]*x[n,v]; y[n,u] = {function}"
               "(z[n,u])")
    code = agree(p)
    assert sum(len(run.calls) for phase in code.plan.phases for run in phase) == kernels
