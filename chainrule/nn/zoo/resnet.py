"""Residual networks: each block adds a correction to what it is given.

The names of layers are those of torchvision's models, so that `layer1.0.conv1` is where one looks
for it.
"""

from __future__ import annotations

from typing import Any, Final

import chainrule.nn as nn
from chainrule.nn.zoo.card import Card


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(channels, width, stride)
        self.add = nn.Add()
        self.relu2 = nn.ReLU()

    def forward(self, *inputs: Any) -> Any:
        """The shortcut plus the correction, rectified."""
        (x,) = inputs
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu2(self.add(y, self.downsample(x) if self.downsample else x))


class Bottleneck(nn.Module):
    """A 1×1 convolution that narrows, a 3×3 one, and a 1×1 one that widens fourfold.

    `first` puts the stride on the first 1×1 convolution, else it is on the 3×3.
    """

    def __init__(self, channels: int, width: int, stride: int, first: bool) -> None:
        self.conv1 = nn.Conv2d(channels, width, 1, stride=stride if first else 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(
            width, width, 3, stride=1 if first else stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = _shortcut(channels, 4 * width, stride)
        self.add = nn.Add()
        self.relu3 = nn.ReLU()

    def forward(self, *inputs: Any) -> Any:
        """The shortcut plus the correction, rectified."""
        (x,) = inputs
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.relu2(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu3(self.add(y, self.downsample(x) if self.downsample else x))


def _shortcut(channels: int, out: int, stride: int) -> nn.Module | None:
    """A 1×1 convolution where the shortcut has to change its shape."""
    if channels == out and stride == 1:
        return None
    return nn.Sequential({
        "0": nn.Conv2d(channels, out, 1, stride=stride, bias=False), "1": nn.BatchNorm2d(out)})


class ResNet(nn.Module):
    """A 7×7 convolution, four stages of residual blocks, the mean over all places, a dense layer.

    `blocks` counts the blocks of each stage; a stage halves the image and doubles the channels.
    """

    def __init__(
        self, blocks: tuple[int, ...], bottleneck: bool, first: bool = True,
        classes: int = 1000, width: int = 64, channels: int = 3,
    ) -> None:
        self.conv1 = nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        stages = []
        channels = width
        for stage, count in enumerate(blocks):
            made: dict[str, nn.Module] = {}
            for k in range(count):
                stride = 2 if stage and not k else 1
                inner = width * 2**stage
                made[str(k)] = (Bottleneck(channels, inner, stride, first) if bottleneck
                                else BasicBlock(channels, inner, stride))
                channels = inner * 4 if bottleneck else inner
            stages.append(nn.Sequential(made))
        self.stages = stages
        self.avgpool = nn.GlobalAvgPool()
        self.fc = nn.Linear(channels, classes)

    def children(self) -> Any:
        """Its parts, the stages under torchvision's names."""
        for name, part in super().children():
            head, _, number = name.partition(".")
            yield (f"layer{int(number) + 1}" if head == "stages" else name), part

    def forward(self, *inputs: Any) -> Any:
        """The logits of an image."""
        (x,) = inputs
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in self.stages:
            x = stage(x)
        return self.fc(self.avgpool(x))


def _resnet(blocks: tuple[int, ...], bottleneck: bool, first: bool = True) -> Any:
    def make(classes: int = 1000, width: int = 64, blocks: tuple[int, ...] = blocks,
             channels: int = 3) -> nn.Module:
        return ResNet(tuple(blocks), bottleneck, first, classes, width, channels)

    return make


_PAPER: Final = "He, Zhang, Ren and Sun 2016, Deep Residual Learning for Image Recognition, table 1"
_IMAGE: Final = (3, 224, 224)

CARDS: Final = {
    "resnet18": Card(
        "ResNet-18", _PAPER, "Eighteen layers with weights, in residual blocks of two.",
        _resnet((2, 2, 2, 2), False), _IMAGE),
    "resnet34": Card(
        "ResNet-34", _PAPER, "Thirty-four layers with weights, in residual blocks of two.",
        _resnet((3, 4, 6, 3), False), _IMAGE),
    "resnet50": Card(
        "ResNet-50", _PAPER,
        "Fifty layers in bottleneck blocks, the stride on their first 1×1 convolution as in the "
        "paper.", _resnet((3, 4, 6, 3), True), _IMAGE),
    "resnet50-v1.5": Card(
        "ResNet-50 v1.5", f"{_PAPER}; torchvision, resnet50",
        "ResNet-50 with the stride on the 3×3 convolutions, as torchvision has it: the same "
        "parameters, more work, a smaller receptive field.",
        _resnet((3, 4, 6, 3), True, first=False), _IMAGE),
}
