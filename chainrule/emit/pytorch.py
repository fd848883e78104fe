"""PyTorch's spelling of plans: operations on tensors, no autograd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from chainrule.emit.lines import broken
from chainrule.emit.plan import (
    Choice,
    Convert,
    Einsum,
    Elementwise,
    Flip,
    Fold,
    Grid,
    Node,
    Padded,
    Permute,
    Put,
    Repeat,
    Spread,
    Windows,
    Zeros,
)
from chainrule.emit.text import ATOM, SIGN, Printer, Text
from chainrule.lang.integers import ZERO, Integer

_FOLDS: Final = {"max": "amax", "min": "amin"}
_SCALARS: Final = frozenset({"xlogy", "clip"})  # functions that take plain numbers


class TorchPrinter(Printer):
    """Text that needs PyTorch alone; new tensors take dtype and device of an input."""

    infinity = "torch.inf"
    spellings: ClassVar[Mapping[str, str]] = {
        **{name: f"torch.{name}({{}})" for name in (
            "exp", "log2", "log10", "log1p", "expm1", "sqrt", "abs", "sign", "floor", "ceil",
            "relu", "sigmoid", "tanh", "erf", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
            "cosh", "asinh", "acosh", "atanh")},
        "ln": "torch.log({})", "max": "torch.maximum({}, {})", "min": "torch.minimum({}, {})",
        "xlogy": "torch.xlogy({}, {})", "atan2": "torch.atan2({}, {})",
        "softplus": "F.softplus({}, threshold=40)", "clip": "torch.clamp({}, {}, {})",
        "heaviside": "torch.heaviside({}, {})", "stop_gradient": "{}.detach()", "pi": "math.pi",
    }
    static_spellings: ClassVar[Mapping[str, str]] = {
        **Printer.static_spellings, "clip": "min(max({}, {}), {})",
    }
    helpers: ClassVar[Mapping[str, str]] = {
        "grids": '''def grids(*sizes, device):
    """Open index tensors, one for each size, that broadcast against each other."""
    count = len(sizes)
    return [
        torch.arange(n, device=device).reshape((1,) * k + (n,) + (1,) * (count - k - 1))
        for k, n in enumerate(sizes)
    ]
''',
    }

    def tensor(self, text: str) -> str:
        """A plain number as a tensor."""
        if self.like:
            return f"{self.like}.new_tensor({text})"
        return f"torch.tensor({text}, dtype=torch.float64)"

    @property
    def dtype(self) -> str:
        return f"{self.like}.dtype" if self.like else "torch.float64"

    @property
    def device(self) -> str:
        return f", device={self.like}.device" if self.like else ""

    def call(self, function: str, args: tuple[Node, ...]) -> str:
        texts = [self.text(a) for a in args]
        if function in ("max", "min") and any(a.static for a in args):
            one, bound = (args[0], texts[1]) if args[1].static else (args[1], texts[0])
            if not one.static:
                word = "min" if function == "max" else "max"
                return f"{self.at(one, ATOM)}.clamp({word}={bound})"
        if function not in _SCALARS:
            texts = [self.tensor(t) if a.static else t for a, t in zip(args, texts, strict=True)]
        if function == "softplus":
            self.needs["F"] = None
        if function == "heaviside":
            texts.append(self.tensor("0.5"))
        if function == "stop_gradient":
            texts = [self.at(args[0], ATOM)]
        return self.spellings[function].format(*texts)

    def negation(self, node: Node) -> Text:
        return f"~{self.at(node, SIGN)}", SIGN

    def grid(self, s: Grid) -> str:
        self.needs["grids"] = None
        device = f"{self.like}.device" if self.like else '"cpu"'
        return f"grids({self.sizes(s.sizes)}, device={device})"

    def add_at(self, s: Put, pad: str) -> list[str]:
        places = f"({self.items(s.items)}{',' * (len(s.items) == 1)})"
        value = self.tensor(self.text(s.value)) if s.value.static else self.text(s.value)
        return broken(pad, f"{s.name}.index_put_({places}, {value}, accumulate=True)")

    def where(self, node: Choice) -> str:
        condition = self.text(node.condition)
        then, other = self.text(node.then), self.text(node.otherwise)
        if node.then.static and node.otherwise.static:
            then = self.tensor(then)
        return f"torch.where({condition}, {then}, {other})"

    def fold(self, node: Fold) -> str:
        axes = self.axes(node)
        words = [f"dim={axes}"] if axes else []
        if node.keep:
            words.append("keepdim=True")
        op = _FOLDS.get(node.op, node.op)
        return f"{self.at(node.of, ATOM)}.{op}({', '.join(words)})"

    def swapped(self, node: Permute) -> str:
        return f"{self.at(node.of, ATOM)}.mT"

    def transposed(self, node: Permute) -> str:
        return f"{self.at(node.of, ATOM)}.permute({', '.join(map(str, node.order))})"

    def counter(self, size: Integer, real: bool) -> str:
        kind = f", dtype={self.dtype}" if real else ""
        return f"torch.arange({self.size(size)}{kind}{self.device})"

    def convert(self, node: Convert) -> str:
        if node.kind == "integer":
            return f"torch.round({self.text(node.of)}).long()"
        return f"{self.at(node.of, ATOM)}.to({self.dtype})"

    def einsum(self, node: Einsum) -> str:
        return f'torch.einsum("{node.letters}", {", ".join(map(self.text, node.operands))})'

    def spread(self, node: Spread) -> str:
        if node.of.static:
            return self.full(node.shape, self.text(node.of))
        return f"torch.broadcast_to({self.text(node.of)}, {self.shape(node.shape)})"

    def full(self, shape: tuple[Integer, ...], value: str) -> str:
        """A tensor of one number."""
        if value in ("0", "0.0"):
            return self.zeros(Zeros(kind="real", shape=shape))
        if self.like:
            return f"{self.like}.new_full({self.shape(shape)}, {value})"
        return f"torch.full({self.shape(shape)}, {value}, dtype=torch.float64)"

    def repeat(self, node: Repeat) -> str:
        count = self.size(node.count)
        return f"{self.at(node.of, ATOM)}.repeat_interleave({count}, dim={node.axis})"

    def padded(self, node: Padded) -> str:
        self.needs["F"] = None
        amounts = list(node.amounts)
        while amounts and amounts[0] == (ZERO, ZERO):
            amounts.pop(0)  # F.pad counts axes from the last one
        words = [self.size(n) for pair in reversed(amounts) for n in pair]
        array = self.text(node.of)
        if node.kind == "integer" and not isinstance(node.fill, int):
            array = f"{self.at(node.of, ATOM)}.to({self.dtype})"
        fill = "" if node.fill == 0 else f", value={self.literal(node.fill)[0]}"
        return f"F.pad({array}, ({', '.join(words)}){fill})"

    def sliding(self, node: Windows) -> str:
        text = self.at(node.of, ATOM)
        for place, length in zip(node.places, node.lengths, strict=True):
            text += f".unfold({place}, {self.size(length)}, 1)"
        return text

    def flip(self, node: Flip) -> str:
        return f"{self.at(node.of, ATOM)}.flip({', '.join(map(str, node.places))})"

    def zeros(self, node: Zeros) -> str:
        if node.like:
            return f"torch.zeros_like({node.like})"
        if node.kind == "integer":
            return f"torch.zeros({self.shape(node.shape)}, dtype=torch.long{self.device})"
        if self.like:
            return f"{self.like}.new_zeros({self.shape(node.shape)})"
        return f"torch.zeros({self.shape(node.shape)}, dtype=torch.float64)"

    def item(self, item: object) -> str:
        if isinstance(item, Node) and item.static:
            return f"torch.tensor({self.text(item)})"
        return super().item(item)  # type: ignore[arg-type]

    def elementwise(self, node: Elementwise) -> Text:
        if node.function == "pow" and node.args[0].static and not node.args[1].static:
            return f"{self.tensor(self.text(node.args[0]))} ** {self.at(node.args[1], SIGN)}", SIGN
        return super().elementwise(node)


__all__ = ["TorchPrinter"]
