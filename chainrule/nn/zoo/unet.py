"""U-Net: down to see what there is, up again to say where.

Each level's image is kept on the way down and put beside the one that comes up. In the paper no
convolution pads, so the kept image is larger and is cropped; the padded form has nothing to crop.
"""

from __future__ import annotations

from typing import Any, Final

import chainrule.nn as nn
from chainrule.nn.zoo.card import Card


class DoubleConv(nn.Module):
    """Two 3×3 convolutions, each rectified."""

    def __init__(self, channels: int, width: int, padding: int) -> None:
        self.conv1 = nn.Conv2d(channels, width, 3, padding=padding)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=padding)
        self.relu2 = nn.ReLU()

    def forward(self, *inputs: Any) -> Any:
        """The image after both."""
        (x,) = inputs
        return self.relu2(self.conv2(self.relu1(self.conv1(x))))


class Down(nn.Module):
    """Half the size, twice the channels."""

    def __init__(self, channels: int, padding: int) -> None:
        self.pool = nn.MaxPool2d(2)
        self.double = DoubleConv(channels, 2 * channels, padding)

    def forward(self, *inputs: Any) -> Any:
        """The smaller image."""
        (x,) = inputs
        return self.double(self.pool(x))


class Up(nn.Module):
    """Twice the size, half the channels, with the kept image beside it.

    `crop` is by how much the kept image is larger on each side.
    """

    def __init__(self, channels: int, padding: int, crop: int) -> None:
        self.up = nn.ConvTranspose2d(channels, channels // 2, 2, stride=2)
        self.crop = nn.Crop2d(crop) if crop else None
        self.concat = nn.Concat()
        self.double = DoubleConv(channels, channels // 2, padding)

    def forward(self, *inputs: Any) -> Any:
        """The larger image, from the one below and the one that was kept."""
        x, kept = inputs
        kept = self.crop(kept) if self.crop else kept
        return self.double(self.concat(kept, self.up(x)))


class UNet(nn.Module):
    """`depth` times down and up again; a 1×1 convolution gives each place its classes."""

    def __init__(self, channels: int, classes: int, width: int, depth: int, padding: int) -> None:
        self.first = DoubleConv(channels, width, padding)
        self.down = [Down(width * 2**k, padding) for k in range(depth)]
        self.up = [Up(width * 2**k, padding, 0 if padding else _crop(depth - k))
                   for k in range(depth, 0, -1)]
        self.last = nn.Conv2d(width, classes, 1)

    def forward(self, *inputs: Any) -> Any:
        """The logits of each place."""
        (x,) = inputs
        x = self.first(x)
        kept = []
        for down in self.down:
            kept.append(x)
            x = down(x)
        for up in self.up:
            x = up(x, kept.pop())
        return self.last(x)


def _crop(above: int) -> int:
    """How many cells a kept image loses on each side, `above` levels over the lowest.

    Two 3×3 convolutions take 2 cells from each side. Below the kept image that happens on each
    level once down and once up, the lowest once, and a cell there is two cells one level higher.
    """
    crop = 4
    for _ in range(above):
        crop = 2 * (crop + 4)
    return crop


def _unet(channels: int = 1, classes: int = 2, width: int = 64, depth: int = 4,
          padding: int = 0) -> nn.Module:
    return UNet(channels, classes, width, depth, padding)


_PAPER: Final = "Ronneberger, Fischer and Brox 2015, U-Net, figure 1"

CARDS: Final = {
    "unet": Card(
        "U-Net", _PAPER,
        "Segments an image; without padding, so that 572 cells go in and 388 come out.",
        _unet, (1, 572, 572)),
    "unet-small": Card(
        "U-Net, small and padded", _PAPER,
        "Three levels of 16, 32 and 64 channels; padded, so that each cell of the input has its "
        "classes.", _unet, (1, 64, 64), {"width": 16, "depth": 2, "padding": 1}),
}
