"""Networks: the zoo, modules, and networks in TOML files."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
import chainrule.nn as nn
from chainrule.errors import (
    ChainruleError,
    DefinitionError,
    InputError,
    KindError,
    LimitError,
    ShapeError,
    UnknownNameError,
)
from chainrule.nn import functional, initial, zoo
from chainrule.nn.network import Network
from chainrule.nn.positions import positions
from chainrule.nn.spec import assemble, load, read

# trainable parameters as published, or counted by hand where nobody published them
PARAMETERS = {
    "toy": 4, "toy-prelu": 5, "digits-mlp": 256 * 10 + 10 * 10, "residual-scalar": 4,
    "course-cnn": 64 * 3 * 64 + 64 + 131_072 + 128, "two-branches": 135 + 450 + 750,
    "digits-cnn": 320 + 18_496 + 32_896 + 1_290, "lenet5": 61_706,
    "lenet": 320 + 18_496 + 204_928 + 1_290,
    "alexnet": 60_965_224, "alexnet-torchvision": 61_100_840,
    "vgg16": 138_357_544, "resnet18": 11_689_512, "resnet34": 21_797_672,
    "resnet50": 25_557_032, "resnet50-v1.5": 25_557_032, "mobilenet": 4_231_976,
    "unet": 31_030_658, "unet-small": 116_770,
    "gpt": 65 * 128 + 64 * 128 + 4 * (12 * 128**2 + 13 * 128) + 2 * 128,
    "vit": 48 * 64 + 64 + 64 + 65 * 64 + 4 * (12 * 64**2 + 13 * 64) + 2 * 64 + 64 * 10 + 10,
}  # fmt: skip
TINY: dict[str, dict[str, Any]] = {
    "digits-mlp": {"shape": (5,), "hidden": 3}, "digits-cnn": {"width": 2},
    "lenet": {"shape": (1, 14, 14)},
    "course-cnn": {"shape": (2, 28, 28)}, "two-branches": {"shape": (2, 8, 8)},
    "alexnet": {"shape": (2, 67, 67), "dense": 5, "classes": 3, "batch": 1},
    "alexnet-torchvision": {"shape": (2, 63, 63), "dense": 5, "classes": 3, "batch": 1},
    "vgg16": {"shape": (2, 32, 32), "width": 2, "dense": 4, "classes": 3},
    "resnet18": {"shape": (3, 32, 32), "width": 4, "classes": 3},
    "resnet34": {"shape": (3, 32, 32), "width": 4, "classes": 3},
    "resnet50": {"shape": (3, 32, 32), "width": 2, "classes": 3, "blocks": (1, 1, 2, 1)},
    "resnet50-v1.5": {"shape": (3, 32, 32), "width": 2, "classes": 3, "blocks": (1, 2, 1, 1)},
    "mobilenet": {"shape": (3, 32, 32), "width": 2, "classes": 3, "middle": 1},
    "unet": {"shape": (1, 60, 60), "width": 2, "depth": 2},
    "unet-small": {"shape": (1, 8, 8), "width": 2},
    "gpt": {"shape": (6,), "vocabulary": 7, "width": 8, "depth": 2, "heads": 2},
    "vit": {"shape": (3, 8, 8), "width": 8, "depth": 2, "heads": 2},
}


def count(network: Network) -> int:
    return sum(math.prod(axis.constant or 1 for axis in p.tensor.shape)
               for p in network.parameters())


def shape(network: Network, name: str) -> list[str]:
    return [str(axis) for axis in network.program.tensors[name].shape]


def some_values(network: Network, batch: int = 2) -> dict[str, Any]:
    """Parameters a little off their start, so that no unit is dead, and random data."""
    rng = np.random.default_rng(1)
    values = dict(network.initial(0))
    for p in network.parameters():
        own = values[p.tensor.name]
        values[p.tensor.name] = own + 0.02 * rng.standard_normal(np.shape(own))
    for name in network.program.inputs:
        tensor = network.program.tensors[name]
        if tensor.role == "data":
            axes = [axis.constant or batch for axis in tensor.shape]
            values[name] = (rng.integers(0, tensor.below.constant, axes)
                            if tensor.below is not None else rng.standard_normal(axes))
    return values


def check_gradient(network: Network, coordinates: int = 5) -> None:
    """Some coordinates of an adjoint against central differences."""
    f = cr.formula(network.program)
    values = some_values(network)
    rng = np.random.default_rng(2)
    out = f.run(values)
    seeds = {name: rng.standard_normal(np.shape(out[name])) for name in out}
    names = [p.tensor.name for p in network.parameters()]
    gradient = f.vjp(seeds, values, wrt=names)
    for name in rng.choice(names, min(coordinates, len(names)), replace=False):
        cell = tuple(rng.integers(0, n) for n in np.shape(values[name]))
        step = np.zeros(np.shape(values[name]))
        step[cell] = 1e-6
        up = f.run({**values, name: values[name] + step})
        down = f.run({**values, name: values[name] - step})
        change = sum(((up[k] - down[k]) * seeds[k]).sum() for k in out) / 2e-6
        assert np.asarray(gradient[name])[cell] == pytest.approx(change, rel=1e-5, abs=1e-6), name


# --- the zoo --------------------------------------------------------------------------------------


def test_every_network_of_the_zoo_has_a_count_to_be_checked() -> None:
    assert set(zoo.names()) == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_networks_have_the_published_number_of_parameters(name: str) -> None:
    assert count(zoo.load(name)) == PARAMETERS[name]


def test_vgg_without_biases() -> None:
    assert count(zoo.load("vgg16", bias=False)) == 138_344_128


def test_the_first_layer_of_alexnet_has_34944_parameters() -> None:
    first = [p for p in zoo.load("alexnet").parameters() if p.path.startswith("conv1.")]
    assert sum(math.prod(a.constant or 0 for a in p.tensor.shape) for p in first) == 34_944


@pytest.mark.parametrize("name", PARAMETERS)
def test_gradients_of_the_zoo_agree_with_differences(name: str) -> None:
    check_gradient(zoo.load(name, **TINY.get(name, {})))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet"])
def test_gradients_agree_where_batches_are_normalised_by_themselves(name: str) -> None:
    check_gradient(zoo.load(name, training=True, **TINY[name]), 3)


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_network_says_what_it_is(name: str) -> None:
    said = zoo.describe(name)
    assert said.title and said.source and said.about.endswith(".")
    assert said.title in str(said)


def test_wrong_names_and_options_of_the_zoo_are_answered() -> None:
    with pytest.raises(UnknownNameError, match="did you mean vgg16"):
        zoo.load("vgg61")
    with pytest.raises(InputError, match="did you mean classes"):
        zoo.load("vgg16", clases=3)
    with pytest.raises(InputError, match="did you mean classes"):
        zoo.load("resnet50", clases=3)
    with pytest.raises(ShapeError, match=r"pool\d: max_pool2d"):
        zoo.load("vgg16", shape=(3, 16, 16))


def test_running_statistics_are_no_parameters() -> None:
    network = zoo.load("resnet18", **TINY["resnet18"])
    roles = {p.tensor.name: p.tensor.role for p in network.everything()}
    assert roles["bn1_mu"] == "constant" and roles["bn1_gamma"] == "parameter"
    trained = zoo.load("resnet18", training=True, **TINY["resnet18"])
    assert len(trained.program.updates) == 2 * 20  # twenty normalisations, a mean and a variance


def test_the_course_networks_have_the_courses_shapes() -> None:
    cnn = zoo.load("course-cnn", batch=None)
    assert [shape(cnn, n) for n in ("first", "second", "third")] == [
        ["64", "125", "125"], ["64", "25", "25"], ["128", "24", "24"]]
    last = {p.path: math.prod(a.constant or 0 for a in p.tensor.shape) for p in cnn.parameters()}
    assert last["third.w"] == 131_072
    two = zoo.load("two-branches", batch=None)
    assert [shape(two, n) for n in "ABD"] == [
        ["5", "98", "98"], ["10", "96", "96"], ["10", "96", "96"]]


def test_the_toy_network_gives_the_worked_answers() -> None:
    network = zoo.load("toy")
    x = [[1, 8, 0.5, 6], [3, 1.1, -1, -8], [-0.5, -6, -3, -1.1], [-1, -8, -0.5, -6]]
    f = cr.formula(network.program)
    values = {"x": [x], **network.initial()}
    assert f(values)[0, 0] == pytest.approx(19.3)
    adjoints = f.vjp([[2.0]], values)
    assert adjoints["y_W"].round(12).tolist() == [[16, 12, -0.1, -0.1]]
    assert adjoints["x"][0].round(12).tolist() == [
        [0, 2, 0, 4], [0, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0.8, 0]]


def test_the_slope_of_the_prelu_collects_every_negative_cell() -> None:
    network = zoo.load("toy-prelu")
    f = cr.formula(network.program.with_outputs(["v"]))
    x = np.kron([[14.0, -4.0], [-6.0, 3.0]], np.ones((2, 2)))
    adjoints = f.vjp([[[2.0, -2.5], [1.5, 3.0]]], x=[x], v_alpha=0.3, y_W=[[1, 2, 10, 4]])
    assert adjoints["v_alpha"] == pytest.approx(1.0)


def test_the_residual_block_gives_the_worked_answers() -> None:
    network = zoo.load("residual-scalar", batch=None)
    f = cr.formula(network.program)
    value, gradient = f.value_and_gradient({"x0": 1.0, **network.initial()})
    assert value == pytest.approx(1.03)
    wanted = {"w0": -0.2, "w1": 0.6, "b0": -0.2, "b1": 1.0, "x0": 0.9}
    assert gradient == {name: pytest.approx(wanted[name]) for name in wanted}


def test_the_digits_network_starts_from_cosines_counted_through_both_layers() -> None:
    values = zoo.load("digits-mlp", hidden=7).initial()
    w1, w2 = values["z1_W"], values["z2_W"]
    assert w1.shape == (7, 256) and w2.shape == (10, 7)
    assert w1[3, 2] == pytest.approx(0.1 * math.cos(2 * 7 + 3))
    assert w2[1, 1] == pytest.approx(0.1 * math.cos(7 * 256 + 11))


def test_a_u_net_without_padding_gives_388_cells_for_572() -> None:
    assert shape(zoo.load("unet"), "last") == ["N", "2", "388", "388"]
    crops = [layer for layer in zoo.load("unet").program.layers if layer.formula == "crop2d"]
    assert [str(dict(layer.sizes)["p_1"]) for layer in crops] == ["4", "16", "40", "88"]


def test_gpt_reads_its_logits_off_the_table_of_tokens() -> None:
    tied, untied = (zoo.load("gpt", tied=tied) for tied in (True, False))
    assert count(untied) - count(tied) == 65 * 128
    assert tied.program.layers[-1].formula == "dense"
    assert dict(tied.program.layers[-1].tensors)["W"] == "embed_E"


def test_gpt_never_looks_ahead() -> None:
    network = zoo.load("gpt", **TINY["gpt"])
    f = cr.formula(network.program)
    values = some_values(network, 1)
    before = f(values)
    values["tokens"] = values["tokens"].copy()
    values["tokens"][0, 4] = (values["tokens"][0, 4] + 1) % 7
    after = f(values)
    assert np.array_equal(before[0, :4], after[0, :4])
    assert not np.allclose(before[0, 4], after[0, 4])


# --- modules --------------------------------------------------------------------------------------


class Twice(nn.Module):
    """One layer, used twice."""

    def __init__(self) -> None:
        self.dense = nn.Linear(4, 4)

    def forward(self, *inputs: Any) -> Any:
        (x,) = inputs
        return self.dense(cr.tanh(self.dense(x)))


def test_a_layer_used_twice_has_one_set_of_weights() -> None:
    network = Network(Twice(), (4,))
    assert count(network) == 20
    assert [layer.name for layer in network.program.layers] == ["dense", "dense_2"]
    check_gradient(network)


class Scaled(nn.Module):
    """A parameter of a module's own."""

    def __init__(self) -> None:
        self.scale = nn.Parameter(3, initial="ones")
        self.inner = nn.Sequential(nn.Linear(3, 3))

    def forward(self, *inputs: Any) -> Any:
        (x,) = inputs
        return self.inner(x * self.scale)


def test_a_module_may_have_parameters_of_its_own() -> None:
    model = nn.Sequential(Scaled(), Scaled())
    network = Network(model, (3,))
    paths = {p.path: p.tensor.name for p in network.parameters()}
    assert paths["scaled2.scale"] == "scaled2_scale"
    assert network.initial()["scaled1_scale"].tolist() == [1, 1, 1]
    check_gradient(network)
    assert count(Network(model, (3,))) == count(network)  # built again from the same modules


def test_a_function_takes_its_weights_by_name() -> None:
    x, weights = cr.input("x", ("N", 3)), cr.parameter("V", (2, 3))
    y = functional.linear(x, W=weights, bias=False)
    assert str(y.shape[1]) == "2"
    with pytest.raises(InputError, match=r"dense needs its W"):
        functional.linear(x, out_features=2)
    with pytest.raises(UnknownNameError, match="no input Q"):
        functional.linear(x, Q=weights)


def test_errors_name_the_layer() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(4, 8, 3))
    with pytest.raises(ShapeError, match="conv2: conv2d: in_channels should be 8"):
        Network(model, (3, 8, 8))
    inner = nn.Sequential(nn.Residual(nn.Conv2d(3, 4, 1)))
    with pytest.raises(ShapeError, match=r"residual1: "):
        Network(inner, (3, 8, 8))


def test_tokens_have_to_be_integers_within_the_table() -> None:
    with pytest.raises(KindError, match="embedding1: Embedding: y holds integers"):
        Network(nn.Sequential(nn.Embedding(5, 2)), (3,))
    tokens = cr.input("tokens", ("N", 3), kind="integer", below=9)
    with pytest.raises(ShapeError, match="may be up to 8"):
        Network(nn.Sequential(nn.Embedding(5, 2)), tokens=tokens)


def test_unrolled_cells_share_their_weights() -> None:
    for cell in (nn.RNNCell(3, 4), nn.LSTMCell(3, 4), nn.GRUCell(3, 4)):
        network = Network(nn.Sequential(nn.Unroll(cell), nn.Linear(4, 2)), (5, 3))
        assert len([p for p in network.parameters() if p.path.startswith("unroll1")]) == 4
        assert shape(network, network.output) == ["N", "5", "2"]
        check_gradient(network)


def test_an_input_that_is_not_used_is_named() -> None:
    with pytest.raises(DefinitionError, match="does not use its input y"):
        Network(FirstOnly(), x=(3,), y=(3,))


class FirstOnly(nn.Module):
    """Takes two inputs and looks at one."""

    def forward(self, *inputs: Any) -> Any:
        return cr.relu(inputs[0])


def test_initialisers_by_name_and_by_parameter() -> None:
    network = Network(nn.Sequential(nn.Linear(3, 2)), (3,))
    assert not network.initial(how={"dense1.W": "zeros"})["dense1_W"].any()
    assert network.initial(how="cosine")["dense1_b"] == pytest.approx(
        initial.cosine((2,), first=6))
    with pytest.raises(UnknownNameError, match="no initialiser"):
        network.initial(how="xavierr")


# --- TOML -----------------------------------------------------------------------------------------

HEAD = "[input]\nx = [3, 32, 32]\n"
RESNET50 = """
options = { classes = 1000, width = 64 }
layers = [
  { name = "conv1", Conv2d = { out_channels = "width", kernel_size = 7, stride = 2, padding = 3, \
bias = false } },
  "BatchNorm2d", "ReLU",
  { MaxPool2d = { kernel_size = 3, stride = 2, padding = 1 } },
  { block = "stage", width = "width", more = 2, stride = 1 },
  { block = "stage", width = "2*width", more = 3 },
  { block = "stage", width = "4*width", more = 5 },
  { block = "stage", width = "8*width", more = 2 },
  "GlobalAvgPool",
  { Linear = { out_features = "classes" } },
]
[input]
x = [3, 224, 224]

[blocks.stage]
options = ["width", "more", { stride = 2 }]
layers = [
  { block = "first", width = "width", stride = "stride" },
  { block = "bottleneck", width = "width", repeat = "more" },
]

[blocks.first]
options = ["width", "stride"]
layers = [
  { name = "body", block = "body", width = "width", stride = "stride" },
  { Conv2d = { out_channels = "4*width", kernel_size = 1, stride = "stride", bias = false }, \
from = "x" },
  { name = "shortcut", BatchNorm2d = {} },
  { Add = {}, from = ["shortcut", "body"] },
  "ReLU",
]

[blocks.bottleneck]
options = ["width"]
layers = [
  { name = "body", block = "body", width = "width" },
  { Add = {}, from = ["x", "body"] },
  "ReLU",
]

[blocks.body]
options = ["width", { stride = 1 }]
layers = [
  { Conv2d = { out_channels = "width", kernel_size = 1, stride = "stride", bias = false } },
  "BatchNorm2d", "ReLU",
  { Conv2d = { out_channels = "width", kernel_size = 3, padding = 1, bias = false } },
  "BatchNorm2d", "ReLU",
  { Conv2d = { out_channels = "4*width", kernel_size = 1, bias = false } },
  "BatchNorm2d",
]
"""
UNET = """
options = { width = 64, classes = 2 }
layers = [
  { name = "one", block = "double", width = "width" },
  { name = "two", block = "down", width = "2*width" },
  { name = "three", block = "down", width = "4*width" },
  { name = "four", block = "down", width = "8*width" },
  { name = "five", block = "down", width = "16*width" },
  { block = "up", width = "8*width", crop = 4, from = ["five", "four"] },
  { name = "up2", block = "up", width = "4*width", crop = 16, from = ["up1", "three"] },
  { name = "up3", block = "up", width = "2*width", crop = 40, from = ["up2", "two"] },
  { name = "up4", block = "up", width = "width", crop = 88, from = ["up3", "one"] },
  { Conv2d = { out_channels = "classes", kernel_size = 1 } },
]
[input]
x = [1, 572, 572]

[blocks.double]
options = ["width"]
layers = [
  { Conv2d = { out_channels = "width", kernel_size = 3 } }, "ReLU",
  { Conv2d = { out_channels = "width", kernel_size = 3 } }, "ReLU",
]

[blocks.down]
options = ["width"]
layers = [{ MaxPool2d = { kernel_size = 2 } }, { block = "double", width = "width" }]

[blocks.up]
options = ["width", "crop"]
inputs = ["x", "kept"]
layers = [
  { name = "larger", ConvTranspose2d = { out_channels = "width", kernel_size = 2, stride = 2 } },
  { name = "cut", Crop2d = { cropping = "crop" }, from = "kept" },
  { Concat = {}, from = ["cut", "larger"] },
  { block = "double", width = "width" },
]
"""


def outputs(network: Network, values: list[Any], x: Any) -> Any:
    """The output for parameters given in the order of the layers, by shape."""
    own = [p.tensor for p in network.everything()]
    named = {t.name: v for t, v in zip(own, values, strict=True)}
    return cr.formula(network.program)({**named, "x": x})


@pytest.mark.parametrize(("text", "name", "tiny"), [
    (RESNET50, "resnet50", {"shape": (3, 32, 32), "width": 2, "classes": 3}),
    (UNET, "unet", {"shape": (1, 188, 188), "width": 1}),
])
def test_deep_networks_are_the_same_in_toml_and_python(
    text: str, name: str, tiny: dict[str, Any]
) -> None:
    assert count(assemble(read(text))) == PARAMETERS[name]
    one, other = assemble(read(text), **tiny), zoo.load(name, **tiny)
    tensors = [p.tensor for p in one.everything()]
    assert [t.shape for t in tensors] == [p.tensor.shape for p in other.everything()]
    rng = np.random.default_rng(0)
    values = [abs(rng.standard_normal([a.constant or 1 for a in t.shape])) + 0.1 for t in tensors]
    x = rng.standard_normal((1, *tiny["shape"]))
    assert outputs(one, values, x) == pytest.approx(outputs(other, values, x), rel=1e-9)


@pytest.mark.parametrize(("text", "error", "line", "said"), [
    (HEAD + "[[layers]]\nConv2D = {}", UnknownNameError, 4, "did you mean Conv2d"),
    (HEAD + "[[layers]]\nConv2d = { out_channel = 3 }", UnknownNameError, 4,
     "did you mean out_channels"),
    (HEAD + "[[layers]]\nConv2d = { out_channels = 3, kernel_size = 'three' }", UnknownNameError,
     4, "no option three"),
    (HEAD + "[[layers]]\nConv2d = { out_channels = 3, kernel_size = 3, padding = 'sam' }",
     UnknownNameError, 4, "did you mean same"),
    (HEAD + "[[layers]]\nConv2d = { out_channels = 3.5, kernel_size = 3 }", InputError, 4,
     "whole number, not 3.5"),
    (HEAD + "[[layers]]\nConv2d = { out_channels = 3 }", InputError, 4, "needs kernel_size"),
    (HEAD + "[[layers]]\nReLU = {}\n\n[[layers]]\nConv2d = { out_channels = 3, kernel_size = 40 }",
     ShapeError, 7, "conv1: "),
    (HEAD + "[[layers]]\nReLU = {}\nTanh = {}", InputError, 3, "found ReLU, Tanh"),
    (HEAD + "[[layers]]\nReLU = {}\nfrom = 'y'", UnknownNameError, 5, "called y"),
    (HEAD + "[[layers]]\nReLU = {}\nfrom = 'tanh1'\n[[layers]]\nTanh = {}", UnknownNameError, 5,
     "comes later"),
    (HEAD + "[[layers]]\nReLU = {}\n[[layers]]\nTanh = {}\nfrom = 'x'", InputError, 3,
     "nothing uses relu1"),
    (HEAD + "[[layer]]\nReLU = {}", UnknownNameError, 3, "did you mean layers"),
    (HEAD + "[[layers]]\nReLU = {}\nrepeat = -1", InputError, 5, "repeat is a whole number"),
    (HEAD + "[[layers]]\nReLU = {}\nname = 'x'", InputError, 5, "the name x is taken"),
    (HEAD + "[[layers]]\nblock = 'a'\n[blocks.a]\nlayers = ['b']\n[blocks.b]\nlayers = ['a']",
     InputError, 5, "a → b → a"),
    (HEAD + "[[layers]]\nblock = 'a'\n[blocks.a]\noptions = ['w']\nlayers = ['ReLU']", InputError,
     4, "needs the option w"),
    (HEAD + "[[layers]]\nblock = 'a'\nv = 2\n[blocks.a]\nlayers = ['ReLU']", UnknownNameError, 5,
     "no option 'v'"),
    (HEAD + "[[layers]]\nLinear = { out_features = 'N/2' }", InputError, 4, "no whole number"),
    ("loss = 'ReLU'\nlayers = ['ReLU']\n" + HEAD, InputError, 1, "no loss"),
    ("layers = ['ReLU']\n[input]\nx = [0]", ShapeError, 3, "at least 1"),
    ("layers = ['ReLU']\n[input]\nx = [2]\ny = [2]", InputError, 4, "nothing uses the input y"),
    ("layers = ['ReLU']\n[input]\nx = { shap = [2] }", UnknownNameError, 3, "did you mean shape"),
    (HEAD + "[[layers]]\nLinear = { out_features = 2 }\n[values]\n'dense1.b' = [1]", ShapeError, 6,
     "has the shape"),
    (HEAD + "[[layers]]\nLinear = { out_features = 2 }\n[values]\n'dens1.b' = [1]",
     UnknownNameError, 6, "did you mean dense1.b"),
    ("layers = ['ReLU']\n[input\n", InputError, 2, "not TOML"),
])  # fmt: skip
def test_mistakes_in_a_file_are_told_with_their_line(
    text: str, error: type[ChainruleError], line: int, said: str
) -> None:
    with pytest.raises(error) as caught:
        assemble(read(text, "net.toml"))
    assert f"net.toml, line {line}: " in caught.value.report()
    assert said in caught.value.report()


def test_a_file_without_an_input_is_told_so() -> None:
    with pytest.raises(InputError, match="has no input"):
        read("layers = ['ReLU']")


@pytest.mark.parametrize("text", [
    "layers = [{ ReLU = {}, repeat = 10000000000 }]\n[input]\nx = [2]",
    "layers = ['b0']\n[input]\nx = [2]\n" + "".join(
        f"[blocks.b{k}]\nlayers = [{{ block = 'b{k + 1}', repeat = 9 }}]\n" for k in range(12))
    + "[blocks.b12]\nlayers = ['ReLU']",
    "layers = ['b0']\n[input]\nx = [2]\n" + "".join(
        f"[blocks.b{k}]\nlayers = ['b{k + 1}']\n" for k in range(40))
    + "[blocks.b40]\nlayers = ['ReLU']",
    "layers = [" + "[" * 5000 + "]" * 5000 + "]\n[input]\nx = [2]",
    "#" * 1_000_001,
], ids=["repeats", "blocks", "depth", "brackets", "characters"])
def test_too_much_is_refused_before_it_is_built(text: str) -> None:
    with pytest.raises(LimitError):
        assemble(read(text))


def test_a_setting_is_a_formula_in_the_options_and_never_code() -> None:
    text = ("options = {{ w = 6 }}\nlayers = [{{ Linear = {{ out_features = '{}' }} }}]\n"
            "[input]\nx = [2]")
    assert shape(assemble(read(text.format("2*w + w//4 - 1"))), "dense1") == ["N", "12"]
    assert shape(assemble(read(text.format("2*w")), w=5), "dense1") == ["N", "10"]
    for bad in ("__import__(w)", "w.real", "w if w else 2", "wide", "w*", "1/2", ""):
        with pytest.raises(ChainruleError):
            assemble(read(text.format(bad)))


def test_sizes_may_stay_names_in_a_file() -> None:
    network = assemble(read("batch = false\nlayers = [{ Linear = { out_features = 'K' } }]\n"
                            "[input]\nx = ['T', 'K']"))
    assert shape(network, "dense1") == ["T", "K"]
    assert shape(network, "dense1_W") == ["K", "K"]


def test_a_file_says_how_parameters_begin(tmp_path: Path) -> None:
    file = tmp_path / "net.toml"
    file.write_text("initial = { 'dense1.W' = 'zeros' }\n"
                    "layers = [{ Linear = { out_features = 2 } }]\n"
                    "[input]\nx = [3]\n[values]\n'dense1.b' = [1, '1/2']\n", encoding="utf-8")
    values = load(file).initial()
    assert values["dense1_W"].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert values["dense1_b"].tolist() == [1, 0.5]
    with pytest.raises(InputError, match="No such file"):
        load(tmp_path / "none.toml")


def test_an_input_may_be_called_like_an_option_of_the_network() -> None:
    network = assemble(read("layers = ['ReLU']\n[input]\nname = [2]"))
    assert network.program.inputs == ("name",)


def test_numbers_too_large_for_floats_are_refused_where_floats_are_wanted() -> None:
    with pytest.raises(InputError, match="too large"):
        assemble(read("layers = [{ Linear = { out_features = 1 } }]\n[input]\nx = [1]\n"
                      "[values]\n'dense1.b' = [1e400]"))
    with pytest.raises(InputError, match="whole number"):
        assemble(read("layers = [{ Linear = { out_features = 1e400 } }]\n[input]\nx = [1]"))


def test_a_join_of_three_and_a_repeated_layer() -> None:
    network = assemble(read("""
        layers = [
          { name = "wide", Linear = { out_features = 3 }, repeat = 2 },
          { name = "sum", Add = {}, from = ["x", "wide", "x"] },
        ]
        [input]
        x = [3]
        """))
    assert network.output == "sum"
    assert [layer.name for layer in network.program.layers] == ["wide.1", "wide.2", "sum.1", "sum"]
    values = {"x": [[1.0, 2, 3]], **{k: v * 0 for k, v in network.initial().items()}}
    assert cr.formula(network.program)(values).tolist() == [[2, 4, 6]]


def test_cells_in_a_file_are_unrolled() -> None:
    network = assemble(read("layers = [{ LSTMCell = { hidden_size = 4 } }]\n[input]\nx = [5, 3]"))
    assert shape(network, network.output) == ["N", "5", "4"]


@pytest.mark.parametrize(
    "file", sorted(Path(zoo.__file__).parent.glob("*.toml")), ids=lambda path: path.stem)
def test_every_key_of_a_file_is_found_in_its_place(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    where = positions(text)

    def walk(value: Any, path: tuple[str | int, ...]) -> None:
        if path and isinstance(path[-1], str):
            start, end = where[path]
            assert text[start:end].strip('"') == path[-1]
        inner = value.items() if isinstance(value, dict) else (
            enumerate(value) if isinstance(value, list) else ())
        for key, part in inner:
            walk(part, (*path, key))

    walk(tomllib.loads(text), ())


# --- what a newcomer does -------------------------------------------------------------------------


class Difference(nn.Module):
    def forward(self, x, y):
        return x - y


def test_inputs_are_bound_by_the_names_of_forwards_arguments() -> None:
    network = nn.Network(Difference(), y=(1,), x=(1,))
    assert cr.formula(network)(x=[[5]], y=[[1]]).tolist() == [[4]]
    with pytest.raises(UnknownNameError, match="no argument z"):
        nn.Network(Difference(), x=(1,), z=(1,))


@pytest.mark.parametrize(("make", "message"), [
    (lambda: nn.Network(nn.ReLU, (3,)), "with brackets"),
    (lambda: nn.Network(nn.Linear(3, 2), (3,), loss=nn.MSELoss), "with brackets"),
    (lambda: nn.Network(nn.Linear(3, 2), (3,), loss=nn.ReLU()), "a loss is a number"),
    (lambda: nn.Sequential({"a": nn.ReLU}), "with brackets"),
    (lambda: nn.Sequential([nn.ReLU()]), "unpack the list"),
    (lambda: nn.Network(nn.Linear(3, 2), (0, 3)), "at least 1"),
    (lambda: nn.Network(nn.MaxPool2d(2, 1, 2), (1, 8, 8)), "padding is at most"),
    (lambda: nn.Network(nn.Dropout(1.5), (3,), training=True), r"lies in \[0, 1\)"),
    (lambda: nn.Network(nn.Linear(3, 2), (3,)).initial(how={"dens.W": "ones"}), "dense.W"),
    (lambda: nn.Network(nn.Linear(3, 2), (3,)).initial(seed="a"), "a seed is"),
    (lambda: nn.Network(nn.Linear(3, 2), (3,)).summary(only=["laers"]), "layers"),
    (lambda: nn.functional.max_pool2d(cr.input("x", (1, 8, 8)), 2), "given by name"),
])
def test_a_newcomers_slip_is_answered_with_what_to_write(make, message) -> None:
    with pytest.raises(cr.ChainruleError, match=message):
        make()


def test_what_is_called_otherwise_elsewhere_is_named_here() -> None:
    with pytest.raises(AttributeError, match="reshape"):
        cr.input("x", (2, 3)).view(6)
    with pytest.raises(AttributeError, match="ReLU"):
        nn.Relu()


def test_recurrent_layers_are_their_cells_unrolled() -> None:
    network = nn.Network(nn.LSTM(3, 4), (5, 3))
    assert [str(axis) for axis in network.program.tensors[network.output].shape] == ["N", "5", "4"]


def test_class_weights_are_shares_in_the_mean() -> None:
    z, y, c = [[1.0, 2.0, 0.0], [0.5, 0.0, 0.0]], [0, 2], [1.0, 2.0, 5.0]
    text = "input z[2, 3], label y[2] < 3, input c[3]; L = cross_entropy_with_logits(z, y, c)"
    logs = [zi[k] - math.log(sum(map(math.exp, zi))) for zi, k in zip(z, y, strict=True)]
    assert cr.run(text, z=z, y=y, c=c) == pytest.approx(-(logs[0] + 5 * logs[1]) / 6)


def test_padding_of_nothing_is_nothing() -> None:
    assert str(nn.Network(nn.ReflectionPad(0), (4,))).splitlines()[1] == "pad[n,i] = x[n,i]"
