"""The inverse of sizes: what `solve` finds is what four nested loops find, and it is quick."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice, product
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chainrule.cli import main
from chainrule.count.chains import Chains
from chainrule.count.configurations import Solutions, size, solve
from chainrule.count.impossible import nearest, size_of, why
from chainrule.count.known import Kind, layer
from chainrule.errors import ChainruleError, InputError, LimitError, ShapeError
from chainrule.explain import configurations as explain
from chainrule.render import FORMATS, render


def windows(size: int, kind: Kind = "convolution", k: Any = None, s: Any = None, p: Any = None,
            d: Any = None, q: Any = None, asymmetric: bool = False) -> Iterator[tuple[int, ...]]:
    """All (k, s, before, after, d) within the bounds, by going through everything."""
    for k1 in numbers(k, 1, size):
        for d1 in numbers(d, 1, max(1, (2 * size - 1) // (k1 - 1)) if k1 > 1 else 1):
            if k1 == 1 and d1 != numbers(d, 1, 1)[0]:
                continue
            long = d1 * (k1 - 1) + 1
            for before in numbers(p, 0, long):
                for after in (before, before + 1) if asymmetric else (before,):
                    if (p is None or kind == "pooling") and before + after > long:
                        continue
                    for s1 in range(k1, k1 + 1) if s == "k" else numbers(s, 1, size):
                        yield k1, s1, before, after, d1


def numbers(given: Any, low: int, high: int) -> range:
    if isinstance(given, int):
        return range(given, given + 1)
    return range(low, high + 1) if given is None else given


def brute(i: tuple[int, ...], o: tuple[int, ...], **given: Any) -> set[tuple[int, ...]]:
    """The (k, s, before, after, d) that give the sizes, from the definitions alone."""
    kind = given.get("kind", "convolution")
    q = numbers(given.get("q"), 0, 0)
    return {(k, s, before, after, d)
            for k, s, before, after, d in windows(min(o if kind == "transposed" else i), **given)
            if all(y in outputs(x, k, s, before + after, d, kind, q)
                   for x, y in zip(i, o, strict=True))}


def outputs(i: int, k: int, s: int, pad: int, d: int, kind: Kind, q: range) -> set[int]:
    if kind == "transposed":
        return {(i - 1) * s - pad + d * (k - 1) + 1 + one for one in q if one < max(s, d)}
    padded = i + pad
    long = d * (k - 1) + 1
    return {(padded - long) // s + 1} if padded >= long else set()


def agree(i: tuple[int, ...], o: tuple[int, ...], **given: Any) -> None:
    found = Solutions(layer(**given), i, o)
    listed = list(found)
    wanted = brute(i, o, **given)
    assert {(c.k, c.s, c.before, c.after, c.d) for c in listed} == wanted
    assert found.count == len(listed) == len(wanted)
    assert found.exact_count == sum(c.exact for c in listed)
    keys = [c.key for c in listed]
    assert keys == sorted(keys)
    families = {(f.k, s, f.before, f.after, f.d) for f in found.families()
                for s in range(f.strides.low, f.strides.high + 1)}
    assert families == wanted
    if given.get("s") != "k" and given.get("q") is None:
        assert sum(v.triples * (v.strides.high - v.strides.low + 1)
                   for v in found.levels()) == len(wanted)


@pytest.mark.parametrize("kind", ["convolution", "pooling", "transposed"])
def test_it_finds_what_four_nested_loops_find(kind: Kind) -> None:
    for i, o in product(range(1, 12), repeat=2):
        agree((i,), (o,), kind=kind)


bound = st.one_of(st.none(), st.integers(1, 5),
                  st.tuples(st.integers(1, 4), st.integers(0, 6)).map(
                      lambda t: range(t[0], t[0] + t[1] + 1)))
padding = st.one_of(st.none(), st.integers(0, 5),
                    st.tuples(st.integers(0, 3), st.integers(0, 4)).map(
                        lambda t: range(t[0], t[0] + t[1] + 1)))


@settings(max_examples=300)
@given(st.sampled_from(["convolution", "pooling", "transposed"]),
       st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=2),
       bound, st.one_of(bound, st.just("k")), padding, bound, padding, st.booleans())
def test_bounds_axes_and_paddings_of_all_sorts_agree_with_the_loops(
        kind: Kind, axes: list[tuple[int, int]], k: Any, s: Any, p: Any, d: Any, q: Any,
        asymmetric: bool) -> None:
    i, o = (tuple(sizes) for sizes in zip(*axes, strict=True))
    agree(i, o, kind=kind, k=k, s=s, p=p, d=d, asymmetric=asymmetric,
          q=q if kind == "transposed" else None)


# --- the course's sheet: 64 -> 32 -> 8 -> 4 -------------------------------------------------------

SHEET = [  # i, o, the configuration of the answer, what the question fixes
    (64, 32, "k=8 s=2 p=3 d=1", {"k": 8, "d": 1}),
    (64, 32, "k=2 s=2 p=3 d=7", {"d": 7, "s": 2}),
    (32, 8, "k=4 s=4 p=0 d=1", {"p": 0, "d": 1, "s": "k", "kind": "pooling"}),
    (8, 4, "k=2 s=2 p=0 d=1", {"p": 0, "d": 1}),
    (8, 4, "k=5 s=1 p=2 d=2", {"d": 2, "p": 2}),
    (8, 4, "k=4 s=2 p=1 d=1", {"p": 1, "d": 1}),
    (32, 7, "k=8 s=4 p=0 d=1", {"p": 0, "d": 1}),
]


@pytest.mark.parametrize(("i", "o", "answer", "fixed"), SHEET)
def test_every_answer_of_the_sheet_is_found(i: int, o: int, answer: str, fixed: Any) -> None:
    assert answer in [str(c) for c in solve(i, o, **fixed)]
    assert answer in [str(c) for c in solve(i, o, kind=fixed.get("kind", "convolution"))]


def test_the_first_and_the_pooling_of_the_sheet_are_unique() -> None:
    for i, o, answer, fixed in (SHEET[0], SHEET[2]):
        assert [str(c) for c in solve(i, o, **fixed)] == [answer]


def test_the_second_part_of_the_sheet_asks_the_other_way_round() -> None:
    assert size(layer(k=8, s=4), (32,)).o == (7,)
    assert size(layer("pooling", k=4), (32,)).o == (8,)
    assert size(layer("transposed", k=4, s=2, p=1), (16, 8)).o == (32, 16)


def test_the_sheet_s_network_is_found_among_the_chains() -> None:
    layers = [layer(k=8, s=2), layer("pooling", k=5, s=5), layer(k=4, p=1)]
    first = Chains(layers, 256, 24).best(1)[0]
    assert [str(c) for c in first] == ["k=8 s=2 p=0 d=1", "k=5 s=5 p=0 d=1", "k=4 s=1 p=1 d=1"]
    assert [c.o[0] for c in first] == [125, 25, 24]


# --- order, intervals, bounds ---------------------------------------------------------------------


@pytest.mark.parametrize(("i", "o", "fixed", "first"), [
    (64, 64, {}, "k=3 s=1 p=1 d=1"),
    (64, 32, {}, "k=2 s=2 p=0 d=1"),
    (64, 32, {"k": 3}, "k=3 s=2 p=1 d=1"),
    (224, 112, {"k": 7}, "k=7 s=2 p=3 d=1"),
    (28, 24, {}, "k=5 s=1 p=0 d=1"),
    (32, 8, {"kind": "pooling"}, "k=4 s=4 p=0 d=1"),
    (7, 1, {}, "k=7 s=1 p=0 d=1"),
    (33, 33, {"k": 3, "d": 24}, "k=3 s=1 p=24 d=24"),  # longer than the input: d was asked for
    (16, 32, {"kind": "transposed", "k": 4}, "k=4 s=2 p=1 d=1"),
    (16, 32, {"kind": "transposed", "k": 3, "q": "0..1"}, "k=3 s=2 p=1 d=1 q=1"),
    (64, 64, {"k": 4, "asymmetric": True}, "k=4 s=1 p=1:2 d=1"),
    (64, 64, {"k": 4, "d": 1, "p": "2:1"}, "k=4 s=1 p=2:1 d=1"),
])
def test_what_most_people_would_take_comes_first(i: int, o: int, fixed: Any, first: str) -> None:
    assert str(solve(i, o, **fixed).best(1)[0]) == first


def test_padding_goes_up_to_half_of_the_dilated_kernel_and_further_only_when_asked() -> None:
    assert max(int(c.p) for c in solve(8, 9, k=2, s=1, d=1)) == 1
    assert solve(8, 10, k=2, s=1, d=1).count == 0
    assert [c.p for c in solve(8, 13, k=2, s=1, d=1, p="0..9")] == ["3"]
    assert solve(8, 13, k=2, s=1, d=1, p="0..9", kind="pooling").count == 0


def test_solutions_exist_in_numbers_that_nobody_lists() -> None:
    found = solve(1024, 3, k="1..64", d="1..64")
    total = sum(v.triples * (v.strides.high - v.strides.low + 1) for v in found.levels())
    assert found.count == total == 131_175_084
    assert len({str(c) for c in islice(found, 1000)}) == 1000


@pytest.mark.parametrize(("i", "o"), [(1024, 1024), (1024, 512), (1024, 3), (1024, 2), (1024, 1),
                                      (1000, 7), (3, 1024)])
@pytest.mark.parametrize("fixed", [{}, {"k": "1..64", "d": "1..64"}, {"p": 0},
                                   {"k": 3, "p": "0..500"}, {"kind": "transposed", "q": "0..9"}])
def test_the_count_and_the_best_take_no_time(i: int, o: int, fixed: Any) -> None:
    start = time.process_time()
    found = solve(i, o, **fixed)
    assert len(found.best(50)) == min(found.count, 50)
    assert time.process_time() - start < 1.5


def test_a_cold_start_answers_at_once() -> None:
    words = [sys.executable, "-m", "chainrule", "conv", "--in", "1024", "--out", "3",
             "-k", "1..64", "-d", "1..64"]
    times = []
    for _ in range(3):
        start = time.process_time()
        subprocess.run(words, capture_output=True, check=True)
        times.append(time.process_time() - start)
    assert min(times) < 1.5


# --- none -----------------------------------------------------------------------------------------


@given(st.sampled_from(["convolution", "pooling", "transposed"]), st.integers(1, 14),
       st.integers(1, 18), bound, st.one_of(bound, st.just("k")), padding, bound, padding)
@settings(max_examples=300)
def test_a_proof_says_nothing_but_the_truth(kind: Kind, i: int, o: int, k: Any, s: Any, p: Any,
                                            d: Any, q: Any) -> None:
    fixed = {"kind": kind, "k": k, "s": s, "p": p, "d": d,
             "q": q if kind == "transposed" else None}
    known = layer(**fixed)
    found = Solutions(known, (i,), (o,))
    assume(found.count == 0)
    none = why(found)
    assert explain.document(found).blocks
    sizes = {y for k1, s1, before, after, d1 in windows(o if kind == "transposed" else i, **fixed)
             for y in outputs(i, k1, s1, before + after, d1, kind, numbers(fixed["q"], 0, 0))}
    assert o not in sizes
    if none.reason == "most":
        assert none.reached < o and max(sizes, default=0) <= none.reached
        if kind != "transposed":
            assert max(sizes) == none.reached
    elif none.reason == "least":
        assert none.reached > o and min(sizes, default=none.reached) >= none.reached
    elif none.reason in ("rest", "padding", "fit"):
        assert not sizes
    else:
        _check_cases(none, found, sizes, o)
    assert all(brute((i,), (near,), **fixed) for near in nearest(found))


def _check_cases(none: Any, found: Solutions, sizes: set[int], o: int) -> None:
    """The attainable m of a case are attained; with them the sizes are off, on the right side."""
    covered = {s for case in none.cases for s in range(case.strides.low, case.strides.high + 1)}
    strides = found.space.s
    if found.known.tied:
        assert covered == set(range(found.space.k.low, found.space.k.high + 1))
        return
    assert covered == set(range(strides.low, strides.high + 1))
    larger = found.known.kind == "transposed"  # a larger m gives a larger size
    for case in none.cases:
        for m, end in ((case.below, case.strides.high), (case.above, case.strides.low)):
            if m is None:
                continue
            assert m in found.attained
            low, high = size_of(found, end, m)
            if not case.inside and not found.known.q.high:
                assert (high < o) if larger == (m is case.below) else (low > o)
    if none.modulus:
        assert {m % none.modulus for m in found.attained} == {none.residue}


def test_the_proofs_read_well(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in [
        ("--in 64 --out 66", "as the padding is at most half of the dilated kernel"),
        ("--in 64 --out 64 -k 4 -s 1 -d 1", "3 - 2p is odd, whatever the padding"),
        ("--in 64 --out 64 -k 4 -s 1 -d 1", "k=4 s=1 p=1:2 d=1"),
        ("--in 9 --out 9 --kind pool -k 3 -p 4 -d 1", "the longest dilated kernel within"),
        ("--in 5 --out 3 -k 9 -p 0..1 -d 1", "the padded input"),
        ("--in 4 --out 9 --kind transposed -k 2 -s 2 -d 1 -q 3", "is at most 2 within the bounds"),
        ("--in 64x48 --out 32x28 --square", "nothing in common"),
        ("--in 30 --out 11 -k 3..4 -p 0 -d 2", "the nearest outputs are 9 and 12"),
    ]:
        assert main(["conv", *words.split()]) == 1
        assert said in " ".join(capsys.readouterr().out.split())


# --- chains ---------------------------------------------------------------------------------------


small = st.one_of(st.none(), st.integers(1, 3), st.just(range(1, 4)))
one_layer = st.fixed_dictionaries({
    "kind": st.sampled_from(["convolution", "pooling"]), "k": small, "s": small,
    "p": st.sampled_from([None, 0, 1, range(2)]), "d": st.sampled_from([1, 2, range(1, 3)])})


@given(st.integers(1, 7), st.integers(1, 7), st.lists(one_layer, min_size=1, max_size=3))
@settings(max_examples=60)
def test_chains_agree_with_solving_layer_by_layer(i: int, o: int, known: list[Any]) -> None:
    layers = [layer(**one) for one in known]
    ways: dict[int, list[tuple[Any, ...]]] = {i: [()]}
    for place, one in enumerate(layers, 1):
        ends = range(1, 16) if place < len(layers) else (o,)
        ways = {y: [(*chain, c) for x, chains in ways.items()
                    for c in Solutions(one, (x,), (y,)) for chain in chains] for y in ends}
        assume(sum(map(len, ways.values())) < 3000)
    found = Chains(layers, i, o)
    listed = found.best(5000)
    assert found.count == len(listed) == len(ways[o])
    assert set(listed) == set(ways[o])
    keys = [tuple(map(sum, zip(*(c.key for c in chain), strict=True))) for chain in listed]
    assert keys == sorted(keys)


def test_a_chain_that_leads_nowhere_shows_how_far_it_gets(
        capsys: pytest.CaptureFixture[str]) -> None:
    words = ["conv", "--in", "25", "--out", "24", "--layer", "k=3 d=1 p=1"]
    assert main([*words, "--layer", "pool k=2 s=k d=1"]) == 1
    assert "never 24" in capsys.readouterr().out


# --- the command ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "code", "said"), [
    ("--in 0 --out 3", 2, "at least 1, found 0"),
    ("--in 64 --out 0", 2, "the output size has to be at least 1"),
    ("--in -64 --out 3", 2, "found -64"),
    ("--in 64 --out 3 -s 0", 2, "never move the window"),
    ("--in 5 --out 3 -k 9 -p 1 -d 1", 2, "9 cells, and the padded input only 5 + 2 = 7"),
    ("--in 5 -k 9", 2, "the padded input"),
    ("--in 64 --out 3 -s 4..2", 2, "write 2..4"),
    ("--in 64 --out 3 -k 3.5", 2, "not an integer"),
    ("--in 64 --out 3 -k ²", 2, "not an integer"),
    ("--in 64 --out 3 -p 1:x", 2, "not an integer"),
    ("--in 64 --out 3 -q 1", 2, "output padding"),
    ("--in 64x64 --out 3", 2, "2 axes and the output 1"),
    ("--in 64k --out 3", 2, "not a size"),
    ("--in 999999999999999 --out 3", 2, "not a size"),
    ("--in 64 -k 1..3", 2, "the kernel is 1 to 3"),
    ("--in 200000 --out 3", 3, "at most 100,000"),
    ("--in 64 --out 3 -k 99999999999999999999", 3, "at most 100,000"),
    ("--in 90000 --out 80000 -k 1..90000 -d 1..90000", 3, "too many kernels and dilations"),
    ("--in 64 --out 3 --layer kernl=3", 2, "did you mean kernel?"),
    ("--in 64 --layer k=3", 2, "--out"),
    ("--in 64x32 --out 8x4 --layer k=3", 2, "each axis apart"),
    ("--in 1024 --out 512 --layer k=3 --layer k=3 --layer k=3", 3, "pairs of sizes"),
])
def test_wrong_use_is_told_what_to_do(words: str, code: int, said: str,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    start = time.process_time()
    assert main(["conv", *words.split()]) == code
    assert said in capsys.readouterr().err
    assert time.process_time() - start < 5


def test_the_errors_have_types() -> None:
    for error, words in [(InputError, {"s": 0}), (InputError, {"k": "a"}), (InputError, {"k": 1.5}),
                         (InputError, {"k": True}), (InputError, {"kind": "dense"}),
                         (ShapeError, {"k": 65, "p": 0, "d": 1}), (LimitError, {"d": 10**6})]:
        with pytest.raises(error):
            solve(64, 32, **words)  # type: ignore[arg-type]
    with pytest.raises(ChainruleError):
        solve("64", 32)  # type: ignore[arg-type]


def test_json_is_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conv", "--in", "64", "--out", "32", "-k", "8", "--most", "2",
                 "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["count"], data["exact"], len(data["solutions"])) == (25, 16, 2)
    assert data["solutions"][0] == {"k": 8, "s": 2, "p": [3, 3], "d": 1, "exact": True,
                                    "rest": [0]}
    assert main(["conv", "--in", "64", "--out", "66", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "most"


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_shows_every_sort_of_document(format: str) -> None:
    pages = [explain.document(solve(64, 32, k=8)), explain.document(solve(64, 66)),
             explain.document(solve(64, 64, k=4, s=1)),
             explain.document(solve(7, 14, kind="transposed", q="0..2")),
             explain.document(solve(20, 1, p="0:1")),
             explain.per_axis(solve((64, 48), (32, 28))),
             explain.forward(size(layer(k=8, s=4, p="1:2"), (32, 30))),
             explain.chain(Chains([layer(k=3), layer("pooling", s="k")], 12, 4))]
    for page in pages:
        assert len(render(page, format)) > 100
