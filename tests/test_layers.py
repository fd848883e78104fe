"""Networks layer by layer: their pictures, and their traces."""

from __future__ import annotations

import json
import random
import time
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import chainrule as cr
from chainrule import nn
from chainrule.cli import cli
from chainrule.count.sizes import sizes
from chainrule.document.mathtree import text
from chainrule.errors import DefinitionError, InputError, LimitError, MissingValueError
from chainrule.explain.arrays import Shown
from chainrule.explain.layer_trace import trace_layers
from chainrule.explain.layers import folded, picture, tower_of
from chainrule.nn import zoo
from chainrule.render import render
from chainrule.render.svg import Box
from chainrule.render.tower import Block, Tower, Wire, planned, rows_of
from chainrule.render.tower_svg import BLOCKS_DRAWN, svg
from chainrule.render.tower_text import drawn


def small(loss: bool = True, batch: int = 2) -> nn.Network:
    """A network small enough for finite differences, with a pool, a branch and a loss."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(),
        nn.Residual(nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.Tanh())),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3))
    return nn.Network(model, (1, 4, 4), batch=batch, loss=nn.CrossEntropyLoss() if loss else None)


def numbers(network: nn.Network, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    values = network.initial(seed)
    for name in network.program.inputs:
        tensor = network.program.tensors[name]
        if name not in values:
            shape = [axis.constant or 1 for axis in tensor.shape]
            values[name] = (rng.standard_normal(shape) if tensor.kind == "real"
                            else rng.integers(0, 3, shape))
    return values


def measured(network: nn.Network):
    return sizes(network.program, {"N": 1} if "N" in network.program.size_names() else {})


def command(*words: str) -> Any:
    return CliRunner().invoke(cli, list(words))


# --- pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "unet", "gpt", "vgg16", "two-branches"])
def test_a_picture_shows_every_layer_once(name):
    found = measured(zoo.load(name))
    figure = picture(found, "N", fold=False)
    root = ET.fromstring(figure.svg)
    said = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    for row in found.rows:
        assert any(word.startswith(row.name) or word.endswith(row.name) for word in said), row.name
        assert row.name in figure.text


def test_sizes_stand_on_the_wires_without_the_batch():
    figure = picture(measured(zoo.load("lenet5")), "N")
    for size in ("1 × 32 × 32", "6 × 28 × 28", "16 × 5 × 5"):
        assert size in figure.svg
        assert size in figure.text
    assert "1 × 6 × 28" not in figure.svg


def test_a_block_says_what_it_is_and_how_many_parameters_it_has():
    tower = tower_of(measured(zoo.load("resnet18")), "N")
    blocks = {block.id: block for block in tower.blocks}
    assert blocks["conv1"].about == "conv2d 7×7, stride 2"
    assert blocks["conv1"].count == "9,408"
    assert blocks["maxpool"].about == "max_pool2d 3×3, stride 2"
    assert blocks["layer1.0.add"].kind == "join"
    assert blocks["relu"].kind == "pointwise"
    assert blocks["fc"].kind == "weights"
    assert tower_of(measured(zoo.load("lenet5"))).blocks[3].about == "avg_pool2d 2×2"


def test_stages_that_repeat_are_drawn_once_and_said_to_be():
    found = measured(zoo.load("resnet50"))
    figure = picture(found, "N")
    assert "×5" in figure.svg
    assert "×5" in figure.text
    caption = "".join(getattr(part, "text", "") for part in figure.caption)
    assert "174 layers" in caption
    assert "layer3.1.conv1 to layer3.1.relu3 ×5" in caption
    assert "fold=False" in caption
    whole = tower_of(found, "N")
    short = folded(whole, [str(row.shape) + str(row.parameters) + str(row.layer and row.layer.sizes)
                           for row in found.rows])
    times = {repeat.first: repeat for repeat in short.repeats}
    order = [block.id for block in short.blocks]
    count = len(order) + sum(
        (repeat.times - 1) * (order.index(repeat.last) - order.index(repeat.first) + 1)
        for repeat in times.values())
    assert count == len(whole.blocks)


def test_stages_with_skips_out_of_their_middle_are_not_folded():
    found = measured(zoo.load("unet"))
    assert picture(found, "N", fold=True).text == picture(found, "N", fold=False).text


def test_a_shortcut_is_a_column_beside_the_trunk():
    tower = tower_of(measured(zoo.load("resnet18")), "N")
    plan = planned(tower)
    trunk = plan.boxes["layer2.0.conv1"].x
    assert plan.boxes["layer2.0.bn2"].x == trunk
    assert plan.boxes["layer2.0.downsample.0"].x > trunk + 100
    assert plan.boxes["layer2.0.downsample.0"].y == plan.boxes["layer2.0.conv1"].y


def test_the_text_of_a_network_has_its_branches_beside_it():
    assert picture(measured(zoo.load("two-branches")), "N").text.split("\n")[:4] == [
        "○      x       input            3 × 100 × 100",
        "├─╮",
        "● │    A       conv2d 3×3  135    5 × 98 × 98",
        "● │    B       conv2d 3×3  450   10 × 96 × 96",
    ]


def any_tower(seed: int) -> Tower:
    rng = random.Random(seed)
    count = rng.randint(2, 14)
    kinds = ["weights", "reduces", "pointwise", "moves", "join", "input", "output"]
    blocks = tuple(Block(str(k), f"layer{k}", "dense", "1,234", rng.choice(kinds))
                   for k in range(count))
    pairs = {(k - 1 if rng.random() < 0.7 else rng.randrange(k), k) for k in range(1, count)}
    pairs |= {(rng.randrange(k), k) for k in range(1, count) if rng.random() < 0.4}
    return Tower(blocks, tuple(Wire(str(a), str(b), "64 × 56 × 56") for a, b in sorted(pairs)))


@pytest.mark.parametrize("seed", range(60))
def test_no_blocks_overlap_and_no_wire_goes_through_one(seed):
    tower = any_tower(seed)
    plan = planned(tower)
    boxes = list(plan.boxes.items())
    for k, (_, box) in enumerate(boxes):
        assert not any(box.overlap(other) for _, other in boxes[k + 1 :])
    for wire, route in zip(tower.wires, plan.routes, strict=True):
        for (x0, y0), (x1, y1) in zip(route.points, route.points[1:], strict=False):
            way = Box.spanning(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)).grown(0.1)
            for name, box in boxes:
                assert name in (wire.source, wire.target) or not way.overlap(box)
    ET.fromstring(svg(tower, "any"))
    lines = drawn(tower).split("\n")
    assert all(any(f"layer{k}" in line for line in lines) for k in range(len(tower.blocks)))


def test_rows_follow_the_longest_path_and_inputs_stand_above_their_first_use():
    blocks = tuple(Block(name, name) for name in ("x", "f", "g", "y", "loss"))
    wires = tuple(Wire(*pair) for pair in (("x", "f"), ("f", "g"), ("g", "loss"), ("y", "loss")))
    assert rows_of(Tower(blocks, wires)) == {"x": 0, "f": 1, "g": 2, "y": 2, "loss": 3}


def test_hostile_names_stay_text():
    block = Block("a", '<script>"&', "</svg>", "<b>", "weights")
    drawing = svg(Tower((block,), ()), "<t>")
    ET.fromstring(drawing)
    assert "<script" not in drawing


def test_pictures_that_show_nothing_are_refused():
    many = tuple(Block(str(k), str(k)) for k in range(BLOCKS_DRAWN + 1))
    with pytest.raises(LimitError, match="401 blocks"):
        svg(Tower(many, ()), "many")
    with pytest.raises(DefinitionError, match="does not come after"):
        svg(Tower((Block("a", "a"), Block("b", "b")), (Wire("b", "a"),)), "up")


def test_a_deep_network_is_drawn_quickly_where_it_repeats():
    model = nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(400)])
    found = measured(nn.Network(model, (4,)))
    start = time.process_time()
    figure = picture(found, "N")
    assert "×400" in figure.text
    assert time.process_time() - start < 2


# --- arrays ---------------------------------------------------------------------------------------


def test_few_numbers_are_all_shown_and_many_by_their_corners():
    few = Shown(np.array([[0.5, 0.25], [1, 2]]), 4)
    assert few.whole
    assert few.relation == "="
    assert text(few.math) == "[0.5 0.25; 1 2]"
    many = Shown(np.arange(400.0).reshape(2, 10, 20) / 7, 2)
    assert not many.whole
    assert many.relation == "≈"
    assert "⋱" in text(many.math)
    assert many.words() == ("2 × 10 × 20 cells from 0 to 57, mean 28.5, norm ≈ 658.59; "
                            "1 of 400 are 0.")


def test_what_is_rounded_says_so():
    assert Shown(np.array([1 / 3]), 4).relation == "≈"
    assert Shown(np.array([0.1]), 4).relation == "≈"  # the float next to 0.1
    assert Shown(np.array([0.125]), 4).relation == "="
    assert Shown(np.array([3]), 4).relation == "="
    assert text(Shown(np.array([1e-9]), 4).math) == "[1.0000e-09]"
    assert text(Shown(np.array([-0.0]), 4).math) == "[0]"


def test_the_axes_shown_are_those_with_more_than_one_cell():
    shown = Shown(np.ones((1, 20, 1, 1)), 4)
    assert shown.axes == [1]
    assert "[1 1 1 ⋯ 1 1 1]" in text(shown.math)


# --- traces ---------------------------------------------------------------------------------------


def test_a_trace_by_layers_has_the_gradients_of_the_program():
    network = small()
    values = numbers(network)
    found = trace_layers(network.program, values)
    wanted = cr.formula(network.program).gradient(values, of="loss")
    for name, array in found.gradient.items():
        np.testing.assert_allclose(array, wanted[name], rtol=1e-12, atol=1e-14)
    assert found.values["loss"] == pytest.approx(cr.formula(network.program).run(values)["loss"])


def test_its_gradients_agree_with_finite_differences():
    network = small()
    values = numbers(network)
    f = cr.formula(network.program)
    gradient = trace_layers(network.program, values).gradient
    rng = np.random.default_rng(1)
    for name in ("conv1_w", "dense1_W", "dense1_b", "x"):
        place = tuple(rng.integers(0, n) for n in values[name].shape)
        sides = []
        for step in (1e-6, -1e-6):
            moved = values[name].copy()
            moved[place] += step
            sides.append(f.run({**values, name: moved})["loss"])
        assert gradient[name][place] == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=1e-6)


def page(network: nn.Network, values: dict[str, Any], **options: Any) -> str:
    return str(trace_layers(network.program, values, **options).document)


def test_every_layer_shows_its_formula_its_values_and_what_comes_back():
    network = small()
    said = page(network, numbers(network))
    for name in ("conv1", "relu1", "flatten1", "dense1", "loss"):
        assert said.count(f"\n{name}") >= 4  # two tables, two sections
    assert "Σ_v Wᵤᵥ · flatten1ₙᵥ + bᵤ" in said
    assert "∂loss/∂Wᵤᵥ = Σ_n ∂loss/∂dense1ₙᵤ · flatten1ₙᵥ" in said
    assert "nothing else in its window receives a derivative" in said
    assert "∂loss/∂conv1.w" in said


@pytest.mark.parametrize("format", ["terminal", "markdown", "latex", "html", "json"])
def test_a_trace_by_layers_is_shown_in_every_format(format):
    network = small()
    document = trace_layers(network.program, numbers(network), graph=True).document
    shown = render(document, format)
    assert "conv1" in shown
    if format == "json":
        json.loads(shown)


def test_layers_that_do_nothing_are_named_with_counts():
    network = nn.Network(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)), (3,), batch=1)
    values = {**network.initial(0), "x": [[1, 2, 3]]}
    values["dense1_W"] = values["dense1_W"] * 0
    values["dense1_b"] = values["dense1_b"] * 0 - 1
    said = page(network, values)
    assert "All 4 cells of relu1 are 0" in said
    assert "All 4 cells of this adjoint are 0: nothing is learnt through dense1" in said


def test_a_saturated_function_is_named_with_what_it_lets_through():
    network = nn.Network(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), (3,), batch=1)
    values = {**network.initial(0), "x": [[1, 2, 3]]}
    values["dense1_b"] = values["dense1_b"] * 0 + 20
    said = page(network, values)
    assert "tanh1 lets only" in said
    assert "saturated" in said
    assert "saturated" not in page(network, {**values, "dense1_b": values["dense1_b"] * 0})


def test_an_output_that_is_no_number_is_summed_and_that_is_said():
    network = small(loss=False)
    values = numbers(network)
    assert "L stands for the sum" in page(network, values).replace("\n", " ")
    found = trace_layers(network.program, values)
    np.testing.assert_allclose(found.gradient["dense1_b"], [2, 2, 2])


def test_given_adjoints_are_where_the_way_back_begins():
    network = small(loss=False)
    values = numbers(network)
    seed = [[1, 0, 0], [0, 0, -2]]
    found = trace_layers(network.program, values, seed={"dense1": seed}, wrt=["dense1_b"])
    np.testing.assert_allclose(found.gradient["dense1_b"], [1, 0, -2])
    assert list(found.gradient) == ["dense1_b"]
    assert "whose adjoint is given" in str(found)


def test_large_logits_do_not_overflow():
    network = nn.Network(nn.Sequential(nn.Linear(2, 3)), (2,), batch=1, loss=nn.CrossEntropyLoss())
    values = {"x": [[1000, 0]], "dense1_W": np.eye(3, 2), "dense1_b": [0, 0, 0], "y": [0]}
    found = trace_layers(network.program, values)
    assert found.values["loss"] == 0
    np.testing.assert_allclose(found.gradient["dense1_b"], [0, 0, 0])


def test_forward_mode_shows_values_only():
    network = small()
    found = trace_layers(network.program, numbers(network), mode="forward")
    assert found.gradient == {}
    assert "Backward" not in str(found)


@pytest.mark.parametrize("options", [
    {"tangent": {"x": 1}}, {"order": "level"}, {"fanout": "accumulate"}, {"mode": "sideways"}])
def test_options_about_cells_are_refused(options):
    network = small()
    with pytest.raises(InputError):
        trace_layers(network.program, numbers(network), **options)


def test_a_missing_input_is_named():
    network = small()
    values = numbers(network)
    del values["dense1_W"]
    with pytest.raises(MissingValueError, match="dense1_W"):
        trace_layers(network.program, values)


def test_large_networks_are_traced_by_layers_and_small_ones_by_cells():
    large = zoo.load("lenet5")
    said = str(cr.trace(large, x=np.ones((1, 1, 32, 32)), mode="forward"))
    assert "traced layer by layer" in said.replace("\n", " ")
    toy = zoo.load("toy")
    by_cells = str(cr.trace(toy, x=[[[1, 8, 0, 6], [3, 1, -1, -8], [0, -6, -3, -1],
                                     [-1, -8, 0, -6]]]))
    assert "max(1, ‹8›, 3, 1)" in by_cells
    by_layers = str(cr.trace(toy, {"x": np.ones((1, 4, 4))}, granularity="layer"))
    assert "From this follow, by the chain rule" in by_layers


def test_gradients_beyond_the_limit_are_refused_before_anything_is_computed():
    network = nn.Network(nn.Sequential(nn.Linear(10_000, 10_000)), (10_000,), batch=1)
    values = {name: np.broadcast_to(0.0, [axis.constant for axis in
                                          network.program.tensors[name].shape])
              for name in network.program.inputs}
    with pytest.raises(LimitError, match="the adjoint of dense1_W would take 800,000,000 bytes"):
        trace_layers(network.program, values)


def test_a_network_of_moderate_size_is_traced_by_layers_unless_every_cell_is_asked_for():
    network = zoo.load("digits-mlp")
    x = np.zeros((1, 256))
    assert "The granularity elementary works every cell" in str(
        cr.trace(network, {"x": x, "t": np.eye(1, 10)})).replace("\n", " ")


def test_a_network_brings_its_parameters():
    network = small()
    values = numbers(network)
    data = {name: values[name] for name in ("x", "y")}
    found = cr.trace(network, data, granularity="layer")
    wanted = cr.trace(network.program, {**network.initial(), **data}, granularity="layer")
    assert str(found) == str(wanted)


def test_programs_without_layers_are_traced_as_before():
    said = str(cr.trace("y = x^2", x=3, granularity="layer"))
    assert "layer by layer" not in said


# --- on the command line --------------------------------------------------------------------------


def test_a_network_of_the_zoo_is_traced_by_its_name():
    start = time.process_time()
    result = command("trace", "lenet5", "--loss", "CrossEntropyLoss", "--at", "y=3")
    assert result.exit_code == 0
    assert time.process_time() - start < 3
    said = " ".join(result.output.split())
    assert "random numbers from seed 0" in said
    assert "x is not given: it is the deterministic 0.1·cos(i)" in said
    assert "∂loss/∂c1.w" in said


def test_an_array_is_read_from_a_file(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.full((1, 32, 32), 0.5))
    result = command("trace", "lenet5", "--at", f"x={path}", "--mode", "forward")
    assert result.exit_code == 0
    assert "1 × 1 × 32 × 32 cells from 0.5 to 0.5" in result.output
    path.write_text("no array")
    result = command("trace", "lenet5", "--at", f"x={path}")
    assert "cannot be read as an array" in str(result.exception)


def test_a_network_in_a_file_is_traced(tmp_path):
    path = tmp_path / "net.toml"
    path.write_text('layers = [{ Linear = { out_features = 2 } }, "ReLU"]\n[input]\nx = [3]\n')
    result = command("trace", str(path), "--init", "cosine", "--granularity", "layer")
    assert result.exit_code == 0, result.output
    assert "Parameters begin by cosine." in result.output


@pytest.mark.parametrize(("words", "said"), [
    (("trace", "lenett5"), "lenet5"),
    (("trace", "lenet5", "--at", "z=1"), "there is no input called z"),
    (("trace", "lenet5", "--loss", "CrossEntropyLos"), "CrossEntropyLoss"),
    (("trace", "lenet5", "--input", "1xx2"), "is no shape"),
    (("trace", "lenet5", "--seed", "c99=1"), "c99"),
    (("trace", "lenet5", "--wrt", "q"), "no q to differentiate by"),
    (("trace", "lenet5", "--init", "cosin"), "cosine"),
    (("trace", "y = x", "--rng", "0", "--init", "cosine"), "--init is for networks"),
])
def test_what_does_not_fit_is_said(words, said):
    result = command(*words)
    assert result.exit_code != 0
    told = f"{result.output}{result.exception}{getattr(result.exception, 'hint', '')}"
    assert said in told
