"""Transformers: a small GPT that goes on with a text, and a small ViT that names an image.

Both are stacks of one block: attention, where tokens look at each other, and a small dense network
for each token alone; both add to what they are given, and normalise it first.
"""

from __future__ import annotations

from typing import Any, Final

import chainrule.nn as nn
from chainrule.nn import functional
from chainrule.nn.zoo.card import Card


class Block(nn.Module):
    """Attention, then a dense network for each token; each on the normalised tokens, and added."""

    def __init__(self, width: int, attention: nn.Module, activation: nn.Module) -> None:
        self.norm1 = nn.LayerNorm(width)
        self.attention = attention
        self.add1 = nn.Add()
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential({
            "widen": nn.Linear(width, 4 * width),
            "gelu": activation,
            "narrow": nn.Linear(4 * width, width),
        })
        self.add2 = nn.Add()

    def forward(self, *inputs: Any) -> Any:
        """The tokens after both."""
        (x,) = inputs
        x = self.add1(x, self.attention(self.norm1(x)))
        return self.add2(x, self.mlp(self.norm2(x)))


class GPT(nn.Module):
    """Tokens and where they stand, blocks whose attention looks back only, a logit for each word.

    `tied` reads the logits off the table of the tokens, as GPT-2 does.
    """

    def __init__(self, vocabulary: int, width: int, depth: int, heads: int, tied: bool) -> None:
        self.embed = nn.Embedding(vocabulary, width)
        self.positions = nn.Positions()
        self.blocks = [Block(width, nn.CausalSelfAttention(width, heads), nn.TanhGELU())
                       for _ in range(depth)]
        self.norm = nn.LayerNorm(width)
        self.head = None if tied else nn.Linear(width, vocabulary, bias=False)

    def forward(self, *inputs: Any) -> Any:
        """The logits of the next token at each place."""
        (tokens,) = inputs
        x = self.positions(self.embed(tokens))
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        if self.head is not None:
            return self.head(x)
        return functional.linear(x, W=self.embed.parameter("E"), bias=False).named("logits")


class ViT(nn.Module):
    """Patches as tokens, a class token in front of them, blocks, and the class token's logits."""

    def __init__(self, channels: int, patch: int, width: int, depth: int, heads: int,
                 classes: int) -> None:
        self.patches = nn.Patches(patch)
        self.embed = nn.Linear(channels * patch * patch, width)
        self.token = nn.ClassToken()
        self.positions = nn.Positions()
        self.blocks = [Block(width, nn.MultiheadAttention(width, heads), nn.GELU())
                       for _ in range(depth)]
        self.norm = nn.LayerNorm(width)
        self.select = nn.Select(axis=-2, index=0)
        self.head = nn.Linear(width, classes)

    def forward(self, *inputs: Any) -> Any:
        """The logits of an image."""
        (x,) = inputs
        x = self.positions(self.token(self.embed(self.patches(x))))
        for block in self.blocks:
            x = block(x)
        return self.head(self.select(self.norm(x)))


def _gpt(vocabulary: int = 65, width: int = 128, depth: int = 4, heads: int = 4,
         tied: bool = True) -> nn.Module:
    return GPT(vocabulary, width, depth, heads, tied)


def _vit(channels: int = 3, patch: int = 4, width: int = 64, depth: int = 4, heads: int = 4,
         classes: int = 10) -> nn.Module:
    return ViT(channels, patch, width, depth, heads, classes)


CARDS: Final = {
    "gpt": Card(
        "A small GPT", "Radford et al. 2019 (GPT-2); sizes as in Karpathy's nanoGPT on a CPU",
        "Predicts the next of 65 characters from 64: four blocks of causal attention, the logits "
        "read off the table of the tokens.", _gpt, (64,), name="tokens", below="vocabulary"),
    "vit": Card(
        "A small ViT", "Dosovitskiy et al. 2021, An Image is Worth 16×16 Words",
        "Names a 32×32 image from its 4×4 patches: four blocks of attention, read off a class "
        "token.", _vit, (3, 32, 32)),
}
