"""The zoo: networks from papers and courses, each in a short file of its own.

    >>> from chainrule.nn import zoo
    >>> print(zoo.describe("vgg16"))
    VGG-16. Thirteen 3×3 convolutions in five stages, and three dense layers that hold most of the
    weights. Source: Simonyan and Zisserman 2015, Very Deep Convolutional Networks, table 1, column
    D. Options: classes = 1000, width = 64, dense = 4096, bias = True.
    >>> zoo.load("vgg16", shape=(3, 64, 64), classes=10)
    <Network vgg16: 39 layers, 32 parameter tensors>

A file is TOML where a list of layers says it all, and Python where it is shorter or clearer. It is
read when its network is asked for, not before.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from chainrule.errors import UnknownNameError, did_you_mean
from chainrule.nn.module import Module
from chainrule.nn.network import Network
from chainrule.nn.spec import NetworkSpec, assemble, read
from chainrule.nn.zoo.card import Card

_FILES: Final = {
    "toy": "toy.toml",
    "toy-prelu": "toy-prelu.toml",
    "digits-mlp": "digits-mlp.toml",
    "digits-cnn": "digits-cnn.toml",
    "course-cnn": "course-cnn.toml",
    "residual-scalar": "residual.py",
    "two-branches": "two-branches.toml",
    "lenet5": "lenet5.toml",
    "lenet": "lenet.toml",
    "alexnet": "alexnet.toml",
    "alexnet-torchvision": "alexnet-torchvision.toml",
    "vgg16": "vgg16.toml",
    "resnet18": "resnet.py",
    "resnet34": "resnet.py",
    "resnet50": "resnet.py",
    "resnet50-v1.5": "resnet.py",
    "mobilenet": "mobilenet.toml",
    "unet": "unet.py",
    "unet-small": "unet.py",
    "gpt": "transformers.py",
    "vit": "transformers.py",
}


@dataclass(frozen=True, slots=True)
class Description:
    """What a network is: title, source, a sentence, and its options with their usual values."""

    name: str
    title: str
    source: str
    about: str
    options: Mapping[str, Any]

    def __str__(self) -> str:
        options = ", ".join(f"{key} = {value}" for key, value in self.options.items())
        text = f"{self.title}. {self.about} Source: {self.source}."
        return textwrap.fill(text + (f" Options: {options}." if options else ""), 96)


def names() -> list[str]:
    """The names of all networks."""
    return list(_FILES)


def describe(name: str) -> Description:
    """What a network of the zoo is; raises `UnknownNameError` for a name that it has not."""
    found = _found(name)
    if isinstance(found, Card):
        return Description(name, found.title, found.source, found.about, found.all_options())
    return Description(name, found.title, found.origin, found.about, found.main.options)


def load(
    name: str, /, *, shape: Any = None, batch: str | int | None = "N", training: bool = False,
    loss: Module | None = None, **options: Any,
) -> Network:
    """A network of the zoo, for inputs of its usual shape or of another.

    `batch=None` is for a single example. Raises `UnknownNameError` for a network or an option that
    there is not, `ShapeError` for a shape that does not fit.
    """
    found = _found(name)
    if isinstance(found, Card):
        return found.network(shape, batch, training, loss, name, options)
    return assemble(found, shape=shape, batch=batch, training=training, loss=loss, name=name,
                    **options)


def _found(name: str) -> Card | NetworkSpec:
    file = _FILES.get(name)
    if file is None:
        raise UnknownNameError(f"the zoo has no network {name!r:.60}", None,
                               did_you_mean(name, names()) or f"it has {', '.join(names())}")
    stem, _, kind = file.rpartition(".")
    if kind == "toml":
        return read(Path(__file__).with_name(file).read_text(encoding="utf-8"), file)
    card: Card = import_module(f"chainrule.nn.zoo.{stem}").CARDS[name]
    return card
