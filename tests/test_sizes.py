"""Sizes against published numbers, against brute force, and against what cells really depend on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn
from chainrule.cli import main
from chainrule.count.compare import compare
from chainrule.count.operations import Operations, of_equation, of_program, total
from chainrule.count.receptive import fields
from chainrule.count.sizes import Sizes, sizes
from chainrule.document.mathtree import text
from chainrule.errors import ChainruleError, MissingValueError, ShapeError
from chainrule.explain.shapes import worked
from chainrule.lang.expr import Apply, ArgReduce, Expr, IndexValue, Number, Reduce, Ref, Select
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import Index
from chainrule.lang.program import Equation, Program
from chainrule.lang.ranges import program
from chainrule.nn import zoo


def sized(name: str, **options: Any) -> Sizes:
    return sizes(zoo.load(name).program, {"N": 1}, **options)


# --- published numbers ----------------------------------------------------------------------------


def test_vgg16_has_the_published_parameters_and_macs() -> None:
    found = sized("vgg16")
    assert found.parameters == 138_357_544
    assert found.weights == 138_344_128
    assert found.forward.macs == 15_470_264_320


def test_alexnets_first_layer_has_34944_parameters() -> None:
    assert sized("alexnet").rows[0].parameters == 34_944


@pytest.mark.parametrize(("name", "parameters", "field", "macs"), [
    ("resnet50", 25_557_032, 483, 3_857_973_248),
    ("resnet50-v1.5", 25_557_032, 427, 4_089_184_256),
    ("resnet18", 11_689_512, 435, 1_814_073_344),
    ("resnet34", 21_797_672, 899, 3_663_761_408),
])
def test_residual_networks_have_the_published_sizes(
    name: str, parameters: int, field: int, macs: int
) -> None:
    found = sized(name)
    last = [r for r in found.rows if r.fields[0] is not None and r.fields[0].along is not None][-1]
    seen = last.fields[0]
    assert seen is not None
    assert (found.parameters, seen.size, seen.jump) == (parameters, field, 32)
    assert found.forward.macs == macs


def test_vgg16s_last_pooling_sees_212_cells_32_apart() -> None:
    row = next(r for r in sized("vgg16").rows if r.name == "pool5")
    for seen in row.fields:
        assert seen is not None
        assert (seen.size, seen.jump, seen.first, seen.centre) == (212, 32, -90, 15.5)


def test_the_course_cnn_has_the_sheets_sizes() -> None:
    found = sizes(zoo.load("course-cnn").program, {"N": 1})
    shapes = [[n.constant for n in r.shape[1:]] for r in found.rows
              if r.layer is not None and r.layer.formula in ("conv2d", "max_pool2d")]
    assert shapes == [[64, 125, 125], [64, 25, 25], [128, 24, 24]]
    assert np.prod(shapes[-1]) == 73_728
    assert [r.weights for r in found.rows if r.weights][-1] == 131_072


def test_the_course_block_has_the_right_multiplies_and_weights() -> None:
    model = nn.Sequential({"A": nn.Conv2d(3, 5, 3, bias=False),
                           "B": nn.Conv2d(5, 10, 3, bias=False)})
    found = sizes(nn.Network(model, (3, 100, 100)).program, {"N": 1})
    branch = nn.Network(nn.Sequential({"D": nn.Conv2d(3, 10, 5, bias=False)}), (3, 100, 100))
    rows = [*found.rows, *sizes(branch.program, {"N": 1}).rows]
    assert [[n.constant for n in r.shape[1:]] for r in rows] == [
        [5, 98, 98], [10, 96, 96], [10, 96, 96]]
    assert [r.forward.multiplies for r in rows] == [1_296_540, 4_147_200, 6_912_000]
    assert [r.weights for r in rows] == [135, 450, 750]


def test_other_tools_are_met_exactly() -> None:
    """torchinfo 1.8.0 and ptflops 0.7.5 gave these numbers for torchvision's networks.

    torchvision's VGG-16 has an adaptive pooling from 7×7 to 7×7, which ptflops counts twice.
    """
    vgg, resnet = sized("vgg16"), sized("resnet50-v1.5")
    assert compare("torchinfo", vgg).number == 15_483_821_032
    assert compare("torchinfo", resnet).number == 4_089_238_376
    assert compare("ptflops", resnet).number == 4_132_436_968
    assert compare("ptflops", vgg).number == 15_523_225_576 - 2 * 512 * 7 * 7


# --- operations, by walking every index -----------------------------------------------------------


class Walk:
    """Counts by visiting every value of every index; nothing is solved for."""

    def __init__(self, p: Program, padding: bool) -> None:
        self.p = p
        self.padding = padding
        self.done: set[tuple[Any, ...]] = set()
        self.counts = dict.fromkeys(
            ("multiplies", "additions", "divisions", "comparisons", "functions"), 0)

    def equation(self, e: Equation) -> None:
        cells: set[tuple[int, ...]] = set()
        names = [r.name for r in e.ranges]
        for place in product(*(range(r.size.constant or 0) for r in e.ranges if r.size)):
            at = dict(zip(names, place, strict=True))
            if e.condition is not None and not self.holds(e.condition, at):
                continue
            self.visit(e.body, at, 0)
            cell = tuple(self.index(IndexValue(s), at) for s in e.subscripts)
            if e.accumulate:
                self.counts["additions"] += cell in cells
                cells.add(cell)

    def holds(self, e: Expr, at: dict[str, int]) -> bool:
        assert isinstance(e, Apply)
        if e.function == "and":
            return all(self.holds(arg, at) for arg in e.args)
        a, b = (self.index(arg, at) for arg in e.args)
        return {"lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b, "eq": a == b}[e.function]

    def index(self, e: Expr, at: dict[str, int]) -> int:
        if isinstance(e, Number):
            return int(e.value)
        assert isinstance(e, IndexValue)
        return int(e.value.evaluate(lambda a: at[a.name]))

    def names(self, e: Expr) -> set[str]:
        if isinstance(e, Ref):
            return {i for s in e.subscripts for i in s.indices()}
        if isinstance(e, IndexValue):
            return set(e.value.indices())
        if isinstance(e, Apply):
            return set().union(*(self.names(a) for a in e.args))
        if isinstance(e, Reduce | ArgReduce):
            own = self.names(e.body) | (self.names(e.condition) if e.condition else set())
            return own - {r.name for r in e.indices}
        if isinstance(e, Select):
            return self.names(e.condition) | self.names(e.then) | self.names(e.otherwise)
        return set()

    def reads(self, e: Expr) -> bool:
        if isinstance(e, Ref):
            return True
        if isinstance(e, Apply):
            return any(self.reads(a) for a in e.args)
        if isinstance(e, Reduce | ArgReduce):
            return self.reads(e.body)
        return isinstance(e, Select) and (self.reads(e.condition) or self.reads(e.then)
                                          or self.reads(e.otherwise))

    def outside(self, e: Expr, at: dict[str, int]) -> bool:
        """Whether a read of padding stands in a product or alone."""
        if isinstance(e, Ref):
            if e.outside is None:
                return False
            shape = self.p.tensors[e.tensor].shape
            places = [int(s.evaluate(lambda a: at[a.name])) for s in e.subscripts]
            return any(not 0 <= k < (n.constant or 0) for k, n in zip(places, shape, strict=True))
        return isinstance(e, Apply) and any(self.outside(a, at) for a in e.args)

    def visit(self, e: Expr, at: dict[str, int], depth: int) -> None:
        key = (id(e), tuple(sorted((n, at[n]) for n in self.names(e))))
        if key in self.done:
            return
        self.done.add(key)
        if isinstance(e, Apply):
            for a in e.args:
                self.visit(a, at, depth + 1)
            cost = FUNCTIONS[e.function].cost
            kind = {"add": "additions", "multiply": "multiplies", "divide": "divisions",
                    "compare": "comparisons", "function": "functions"}.get(cost)
            if self.reads(e) and kind is not None:
                self.counts[kind] += 1
            elif self.reads(e) and cost == "power":
                exponent = e.args[1]
                n = exponent.value if isinstance(exponent, Number) else None
                if n in (2, 3):
                    self.counts["multiplies"] += n - 1
                else:
                    self.counts["functions"] += 1
        elif isinstance(e, Reduce | ArgReduce):
            terms = 0
            names = [r.name for r in e.indices]
            for place in product(*(range(r.size.constant or 0) for r in e.indices if r.size)):
                inner = {**at, **dict(zip(names, place, strict=True))}
                if e.condition is not None and not self.holds(e.condition, inner):
                    continue
                if not self.padding and self.outside(e.body, inner):
                    continue
                self.visit(e.body, inner, depth + 1)
                terms += 1
            if self.reads(e.body):
                self.counts["additions" if e.op == "sum" else "comparisons"] += max(terms - 1, 0)


def by_walking(p: Program, padding: bool) -> dict[str, int]:
    walk = Walk(p, padding)
    for e in p.equations:
        walk.done.clear()
        walk.equation(e)
    return walk.counts


PROGRAMS = [
    "input x[2,3,7], w[4,3,3], b[4]\n"
    "y[n,o,i] = sum(c,k) w[o,c,k]*x[n,c,2*i+2*k-2; pad 0, 0, 2 with 0] + b[o]",
    "input x[5,6], w[3,2]\n"
    "y[i,j] = sum(a,b) w[a,b]*x[i+a-1, 2*j+b-1; pad 1, 1:2 with 0]",
    "input z[3,5]; p[n,i] = exp(z[n,i])/sum(k) exp(z[n,k])",
    "input s[6,6]; a[i] = sum(j<=i) exp(s[i,j])*s[j,i]",
    "input x[4,9]; y[c,i] = mean(k<9, k >= i*9//4, k < ((i+1)*9 + 3)//4) x[c,k] with i < 4",
    "input x[3,8], g[3], v[3]; y[c,i] = g[c]*(x[c,i] - v[c])/sqrt(v[c] + 0.1)^3",
    "input x[7]; y[i] = max(k<3) x[2*i+k-1; pad 1 with -inf]; z = sum(i) y[i]^2",
    "input x[4,5]; y[i] = sum(j) x[i,j]*x[i,j]*x[i,j]/2 - ln(x[i,0])",
    "input x[4], y[5]\nz[i+j] += x[i]*y[j]",
    "input x[4,3]\nz[j] += x[i,j]*x[i,j]",
]


@pytest.mark.parametrize("written", PROGRAMS)
@pytest.mark.parametrize("padding", [True, False], ids=["with padding", "without"])
def test_counts_agree_with_walking_every_index(written: str, padding: bool) -> None:
    p = program(written)
    found = total(of_program(p, {}, padding))
    walked = by_walking(p, padding)
    assert {key: getattr(found, key) for key in walked} == walked


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3),
       st.integers(0, 3), st.integers(1, 3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_convolutions_counts_agree_with_walking(
    i: int, k: int, s: int, p: int, q: int, d: int, padding: bool
) -> None:
    if i + p + q < d * (k - 1) + 1:
        return
    text_ = (f"input x[2,{i}], w[2,{k}]\n"
             f"y[i] = sum(c,k) w[c,k]*x[c,{s}*i+{d}*k-{p}; pad 0,{p}:{q} with 0]")
    found = program(text_)
    assert {key: getattr(total(of_program(found, {}, padding)), key)
            for key in ("multiplies", "additions")} == {
        key: by_walking(found, padding)[key] for key in ("multiplies", "additions")}


def test_a_size_that_is_a_name_stays_in_the_count() -> None:
    p = program("input x[N,V], W[U,V]; z[n,u] = sum(v) W[u,v]*x[n,v]")
    found = of_equation(p.equations[0], p, {})
    assert str(found.multiplies) == "N*U*V"
    assert str(found.additions) == "N*U*V - N*U"


def test_what_needs_numbers_asks_for_them() -> None:
    p = program("input x[N], w[3]; y[i] = sum(k) w[k]*x[i+k-1; pad 1 with 0]")
    assert str(total(of_program(p)).multiplies) == "3*N"
    with pytest.raises(MissingValueError, match="needs the number"):
        of_program(p, {}, padding=False)


def test_the_backward_pass_of_a_dense_chain_costs_twice_the_forward_pass() -> None:
    model = nn.Sequential(*(nn.Linear(16, 16, bias=False) for _ in range(4)))
    net = nn.Network(model, (16,))
    only, both = (sizes(net.program, {"N": 1}, input_gradient=flag) for flag in (False, True))
    assert only.forward.macs == 4 * 256
    assert only.backward.macs == (2 * 4 - 1) * 256  # the input's own gradient is not wanted
    assert both.backward.macs == 2 * 4 * 256


def test_operations_add_up() -> None:
    one = Operations(multiplies=2, additions=1, comparisons=4)
    assert (one + one).flops == 14


# --- receptive fields -----------------------------------------------------------------------------

WINDOWS = st.tuples(st.sampled_from(["conv", "pool", "up", "transposed"]), st.integers(1, 4),
                    st.integers(1, 3), st.integers(0, 2), st.integers(1, 2))


@given(st.lists(WINDOWS, min_size=1, max_size=4), st.integers(12, 20))
@settings(max_examples=40, deadline=None)
def test_a_receptive_field_is_what_a_cell_depends_on(layers: list[Any], cells: int) -> None:
    built: list[Any] = []
    for kind, k, s, p, d in layers:
        if kind == "conv":
            built.append(nn.Conv1d(1, 1, k, stride=s, padding=p, dilation=d, bias=False))
        elif kind == "pool":
            built.append(nn.AvgPool1d(k, s, min(p, k // 2)))
        elif kind == "up":
            built.append(nn.Upsample1d(k))
        elif kind == "transposed":
            built.append(nn.ConvTranspose1d(1, 1, k, stride=s, padding=min(p, k - 1), bias=False))
    try:
        net = nn.Network(nn.Sequential(*built), (1, cells), batch=None)
    except ShapeError:
        return
    output = net.output
    field = fields(net.program)[output]["x", 1]
    values = {n: np.ones([a.constant for a in t.shape]) for n, t in net.program.tensors.items()
              if n in net.program.inputs}
    jacobian = cr.formula(net.program).jacobian(values, wrt="x")["x"][0, :, 0, :]
    for i, row in enumerate(jacobian):
        seen = np.flatnonzero(row)
        low, high = field.span(i)
        if low > high:
            assert len(seen) == 0
            continue
        assert len(seen) == 0 or (low <= seen[0] and seen[-1] <= high)
        if field.along is not None and all(p == 0 for _, _, _, p, _ in layers):
            for cell in (low, high):  # and not larger than it needs to be
                assert not 0 <= cell < cells or row[cell] != 0


def test_branches_meet_in_their_hull() -> None:
    p = program("input x[20]; a[i] = sum(k<3) x[i+k-1; pad 1 with 0] with i < 20\n"
                "b[i] = sum(k<7) x[i+k-3; pad 3 with 0] with i < 20\ny[i] = a[i] + b[i]")
    seen = fields(p)["y"]["x", 0]
    assert (seen.size, seen.first) == (7, -3)


def test_a_flattened_image_still_sees_its_window_and_a_dense_layer_sees_all() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(out_features=2))
    found = sizes(nn.Network(model, (1, 8, 8)).program, {"N": 1})
    assert [f.size for f in found.rows[1].fields if f is not None] == [3, 3]
    assert [f.size for f in found.rows[2].fields if f is not None] == [8, 8]


# --- shapes worked --------------------------------------------------------------------------------


def test_shapes_are_worked_with_their_floor() -> None:
    net = nn.Network(nn.Conv2d(3, 8, 7, stride=2, padding=3), (3, 224, 224))
    (one,) = worked(net.program.layers[0], 1)
    assert text(one.formula) == "⌊(H + 2 · p - d · (K - 1) - 1)/s⌋ + 1"
    assert text(one.numbers) == "⌊(224 + 2 · 3 - 1 · (7 - 1) - 1)/2⌋ + 1"
    assert (one.axes, one.result) == ((2, 3), 112)


def test_axes_that_differ_are_worked_apart() -> None:
    net = nn.Network(nn.MaxPool2d((3, 2), stride=2), (3, 9, 10))
    found = worked(net.program.layers[0], 1)
    assert [(w.axes, w.result.constant) for w in found] == [((2,), 4), ((3,), 5)]


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4), st.integers(0, 3),
       st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_the_worked_numbers_give_the_result(i: int, k: int, s: int, p: int, d: int) -> None:
    if i + 2 * p < d * (k - 1) + 1:
        return
    net = nn.Network(nn.Conv1d(1, 1, k, stride=s, padding=p, dilation=d), (1, i))
    (one,) = worked(net.program.layers[0], 1)
    assert one.result == (i + 2 * p - d * (k - 1) - 1) // s + 1
    line = text(one.numbers).replace(" · ", "*").replace("⌊", "(").replace("⌋", ")")
    assert cr.run(f"y = floor({line.removesuffix(' + 1')}) + 1") == one.result.constant


# --- the command ----------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["size", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_prints_the_published_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "vgg16")
    assert code == 0
    assert "138,357,544 parameters with biases, 138,344,128 without." in out
    code, out, _ = run(capsys, "resnet50", "--format", "json")
    data = json.loads(out)
    assert data["schema"] == 1 and data["parameters"] == 25_557_032


@pytest.mark.parametrize("format", ["markdown", "latex", "html"])
def test_every_format_shows_the_totals(capsys: pytest.CaptureFixture[str], format: str) -> None:
    code, out, _ = run(capsys, "lenet5", "--format", format, "--compare", "fvcore")
    assert code == 0 and "61,706" in out and "fvcore" in out


@pytest.mark.parametrize(("words", "message"), [
    (["vgg61"], "did you mean vgg16"),
    (["lenet5", "--input", "1x3x3"], "larger than the padded input"),
    (["lenet5", "--input", "32"], "wants at least"),
    (["vgg16", "--input", "3x0x224"], "is no shape"),
    (["vgg16", "--input", "wide"], "is no shape"),
    (["input x[N]; y[i] = x[i]", "--size", "M=3"], "no such size"),
])
def test_bad_input_says_what_to_do(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    code, _, err = run(capsys, *words)
    assert code in (2, 3) and message in err


BAD = {
    "kernel larger than the input": lambda: nn.Network(nn.Conv2d(1, 1, 9), (1, 4, 4)),
    "stride of zero": lambda: nn.Network(nn.Conv2d(1, 1, 3, stride=0), (1, 9, 9)),
    "groups that do not divide": lambda: nn.Network(nn.Conv2d(6, 6, 3, groups=4), (6, 9, 9)),
    "channels that do not fit": lambda: nn.Network(nn.Conv2d(3, 6, 3), (4, 9, 9)),
    "branches that do not fit": lambda: nn.Network(
        nn.Residual(nn.Conv2d(3, 3, 3)), (3, 9, 9)),
    "dilation beyond the input": lambda: nn.Network(
        nn.MaxPool2d(3, dilation=9), (1, 9, 9)),
    "an axis that is not there": lambda: nn.Network(nn.Softmax(5), (3,)),
    "a word that is no padding": lambda: nn.Network(
        nn.Conv2d(1, 1, 3, padding="smae"), (1, 9, 9)),
    "a size beyond all numbers": lambda: nn.Network(nn.Linear(out_features=10**30), (3,)),
    "one axis too few": lambda: nn.Network(nn.Conv2d(3, 4, 3), (9, 9), batch=None),
}


@pytest.mark.parametrize("what", BAD)
def test_a_network_that_cannot_be_is_refused(what: str) -> None:
    with pytest.raises(ChainruleError) as caught:
        BAD[what]()
    assert caught.value.exit_code in (2, 3)
    assert len(caught.value.message) > 20


def test_labels_out_of_range_are_refused() -> None:
    net = nn.Network(nn.Linear(3, 4), (3,), loss=nn.CrossEntropyLoss())
    values = {**net.initial(0), "x": np.zeros((2, 3))}
    with pytest.raises(ChainruleError, match="4"):
        cr.formula(net.program).run({**values, "y": np.array([0, 4])})


def test_sizes_beyond_any_memory_are_counted_and_not_allocated() -> None:
    net = nn.Network(nn.Linear(out_features=2**40, bias=False), (2**40,))
    assert net.sizes().parameters == 2**80
    with pytest.raises(ChainruleError, match="GiB"):
        net.initial()


# --- speed, with room for a busy machine ----------------------------------------------------------


def test_resnet50_is_summed_up_quickly_from_a_cold_shell() -> None:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "chainrule", "size", "resnet50"], check=True,
                   capture_output=True)
    assert time.perf_counter() - start < 5  # benchmarks/sizes.py prints what it really takes


def test_a_thousand_layers_are_counted_in_time_and_exactly() -> None:
    model = nn.Sequential(*(nn.Conv2d(4, 4, 3, padding=1) for _ in range(1000)))
    start = time.perf_counter()
    found = sizes(nn.Network(model, (4, 8, 8)).program, {"N": 1})
    assert time.perf_counter() - start < 5
    assert found.parameters == 1000 * (4 * 4 * 9 + 4)
    seen = found.rows[-1].fields[0]
    assert seen is not None and seen.size == 2001


def test_index_atoms_are_what_the_walk_thinks_they_are() -> None:
    """The brute-force walk reads indices by name; this is what it relies on."""
    p = program("input x[4]; y[i] = x[i]")
    assert [type(a) for a in p.equations[0].subscripts[0].atoms()] == [Index]


# --- with sizes as names --------------------------------------------------------------------------

LAYERS_SIZED: list[tuple[str, Any, tuple[int, ...]]] = [
    ("linear", lambda: nn.Linear(4, 3), (4,)),
    ("pool", lambda: nn.MaxPool2d(2), (2, 8, 8)),
    ("overlapping pool", lambda: nn.AvgPool2d(3, 2, 1), (2, 7, 7)),
    ("leaky", lambda: nn.LeakyReLU(), (4,)),
    ("prelu", lambda: nn.PReLU(), (4,)),
    ("elu", lambda: nn.ELU(), (4,)),
    ("transposed", lambda: nn.ConvTranspose2d(3, 4, 3, 2, 1, 1), (3, 6, 6)),
    ("norm", lambda: nn.BatchNorm2d(3), (3, 5, 5)),
    ("attention", lambda: nn.MultiheadAttention(8, 2), (5, 8)),
    ("softmax", lambda: nn.Softmax(), (5,)),
    ("select", lambda: nn.Select(), (5, 3)),
    ("gru", lambda: nn.GRU(3, 4), (2, 3)),
]


@pytest.mark.parametrize(("make", "shape"), [(m, s) for _, m, s in LAYERS_SIZED],
                         ids=[name for name, _, _ in LAYERS_SIZED])
@pytest.mark.parametrize("batch", [2, 3])
def test_a_batch_that_is_a_name_gives_the_same_numbers(make: Any, shape: Any, batch: int) -> None:
    net = nn.Network(make(), shape)
    symbolic, numeric = net.sizes(None, input_gradient=True), net.sizes(batch, input_gradient=True)

    def at(n: Any) -> Any:
        return n if isinstance(n, int) else n.evaluate(lambda a: batch)

    for one, other in ((symbolic.forward, numeric.forward), (symbolic.backward, numeric.backward)):
        for key in ("multiplies", "additions", "divisions", "comparisons", "functions", "macs"):
            assert at(getattr(one, key)) == getattr(other, key), key
    assert at(symbolic.memory.training) == numeric.memory.training
    if symbolic.memory.inference is not None:
        assert at(symbolic.memory.inference) == numeric.memory.inference


def test_a_peak_that_depends_on_the_sizes_is_not_guessed() -> None:
    p = program("input x[N], w[M]; a[i] = x[i]; s = sum(i) a[i]; b[j] = w[j]*s; t = sum(j) b[j]")
    assert sizes(p).memory.inference is None
    assert sizes(p, {"N": 3, "M": 5}).memory.inference == 11


def test_a_window_larger_than_a_size_given_later_is_refused() -> None:
    net = nn.Network(nn.Conv2d(1, 1, 9), (1, "H", "W"))
    with pytest.raises(ShapeError, match="would have"):
        net.sizes(given={"H": 2, "W": 20})


def test_a_layer_on_names_of_sizes_sees_everything_where_it_sums_over_everything() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.GlobalAvgPool())
    page = str(nn.Network(model, (3, "H", "W")).summary(only=["layers"]))
    assert "all" in next(line for line in page.splitlines() if line.startswith("pool1"))


def test_a_token_sees_its_patch() -> None:
    rows = zoo.load("vit").sizes().rows
    seen = next(r for r in rows if r.layer is not None and r.layer.formula == "patches").fields
    assert [f.size for f in seen if f is not None] == [4, 4]


@pytest.mark.parametrize(("make", "shape", "multiplies", "additions"), [
    (lambda: nn.Conv1d(2, 1, 1, padding=[(0, 2)], bias=False), (2, 4), 8, 4),
    (lambda: nn.Conv2d(2, 1, (3, 1), padding=[(1, 1), (0, 2)], bias=False), (2, 4, 4), 80, 64),
    (lambda: nn.Conv1d(2, 1, 1, stride=3, padding=[(1, 3)], bias=False), (2, 3), 2, 1),
    (lambda: nn.Conv2d(2, 1, 2, padding=3, stride=2, bias=False), (2, 4, 4), 32, 23),
    (lambda: nn.Conv1d(1, 1, 1, stride=3, padding=3, bias=False), (1, 3), 1, 0),
], ids=["one side", "two axes", "strides", "all sides", "beyond"])
def test_padding_left_out_window_by_window(
    make: Any, shape: Any, multiplies: int, additions: int
) -> None:
    found = nn.Network(make(), shape).sizes(padding=False).forward
    assert (found.multiplies, found.additions) == (multiplies, additions)


def test_a_sum_of_one_product_is_one_mac() -> None:
    assert nn.Network(nn.Linear(1, 8), (1,)).sizes().forward.macs == 8
    grouped = nn.Network(nn.Conv2d(4, 4, 1, groups=4), (4, 4, 4)).sizes()
    assert grouped.forward.macs == 64
    assert compare("torchinfo", grouped).number == 128


def test_holes_between_a_transposed_convolutions_cells_are_no_first_writes() -> None:
    net = nn.Network(nn.ConvTranspose1d(1, 1, 3, stride=4, dilation=2, bias=False), (1, 10))
    found = net.sizes().forward
    assert (found.multiplies, found.additions) == (30, 9)
    spans = fields(nn.Network(nn.ConvTranspose1d(1, 1, 3, stride=2, dilation=2, bias=False),
                              (1, 10), batch=None).program)["up"]["x", 1]
    assert [spans.span(k)[0] > spans.span(k)[1] for k in range(4)] == [False, True, False, True]
