"""NumPy's spelling of plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from chainrule.emit.lines import broken
from chainrule.emit.plan import (
    Choice,
    Convert,
    Einsum,
    Elementwise,
    Fold,
    Grid,
    Literal,
    Node,
    Padded,
    Put,
    Spread,
    Windows,
    Zeros,
)
from chainrule.emit.text import ATOM, Printer, Text, risky
from chainrule.lang.integers import Integer


class NumpyPrinter(Printer):
    """Text that needs NumPy alone."""

    infinity = "np.inf"
    spellings: ClassVar[Mapping[str, str]] = {
        "exp": "np.exp({})", "ln": "np.log({})", "log2": "np.log2({})", "log10": "np.log10({})",
        "log1p": "np.log1p({})", "expm1": "np.expm1({})", "xlogy": "xlogy({}, {})",
        "sqrt": "np.sqrt({})", "abs": "np.abs({})", "sign": "np.sign({})",
        "heaviside": "np.heaviside({}, 0.5)", "floor": "np.floor({})", "ceil": "np.ceil({})",
        "max": "np.maximum({}, {})", "min": "np.minimum({}, {})", "relu": "np.maximum({}, 0)",
        "sigmoid": "sigmoid({})", "softplus": "np.logaddexp(0, {})", "tanh": "np.tanh({})",
        "erf": "erf({})", "sin": "np.sin({})", "cos": "np.cos({})", "tan": "np.tan({})",
        "asin": "np.arcsin({})", "acos": "np.arccos({})", "atan": "np.arctan({})",
        "atan2": "np.arctan2({}, {})", "sinh": "np.sinh({})", "cosh": "np.cosh({})",
        "asinh": "np.arcsinh({})", "acosh": "np.arccosh({})", "atanh": "np.arctanh({})",
        "pi": "np.pi", "stop_gradient": "{}", "not": "np.logical_not({})",
        "clip": "np.clip({}, {}, {})",
    }
    static_spellings: ClassVar[Mapping[str, str]] = {
        "max": "max({}, {})", "min": "min({}, {})", "abs": "abs({})", "sqrt": "np.sqrt({})",
    }
    helpers: ClassVar[Mapping[str, str]] = {
        "sigmoid": '''def sigmoid(x):
    """1 / (1 + exp(-x)), computed so that nothing overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)
''',
        "erf": '''def erf(x):
    """The error function; NumPy has none, so each cell goes through math.erf."""
    return np.vectorize(math.erf, otypes=[float])(x)
''',
        "xlogy": '''def xlogy(x, y):
    """x * log(y), and 0 where x and y are both 0."""
    zero = (x == 0) & (y >= 0)
    return np.where(zero, 0.0, x * np.log(np.where(zero, 1.0, y)))
''',
    }

    def quiet(self, value: Node, pad: str) -> tuple[str, list[str]]:
        if not risky(value):
            return pad, []
        line = f'{pad}with np.errstate(all="ignore"):  # in branches that are not taken'
        return f"{pad}    ", [line]

    def grid(self, s: Grid) -> str:
        return f"np.ogrid[{', '.join(f':{self.size(n)}' for n in s.sizes)}]"

    def add_at(self, s: Put, pad: str) -> list[str]:
        items = self.items(s.items)
        places = f"({items})" if len(s.items) > 1 else items
        return broken(pad, f"np.add.at({s.name}, {places}, {self.text(s.value)})")

    def where(self, node: Choice) -> str:
        parts = (node.condition, node.then, node.otherwise)
        if isinstance(node.then, Literal) and isinstance(node.otherwise, Literal):
            values = [f"{float(p.value)!r}" if isinstance(p.value, int) else self.text(p)
                      for p in (node.then, node.otherwise)]
            return f"np.where({self.text(node.condition)}, {', '.join(values)})"
        return f"np.where({', '.join(self.text(p) for p in parts)})"

    def fold(self, node: Fold) -> str:
        axes = self.axes(node)
        words = [f"axis={axes}"] if axes else []
        if node.keep:
            words.append("keepdims=True")
        return f"{self.at(node.of, ATOM)}.{node.op}({', '.join(words)})"

    def counter(self, size: Integer, real: bool) -> str:
        return f"np.arange({self.size(size)}{', dtype=float' * real})"

    def infix(self, node: Elementwise) -> Text:
        if node.function not in ("//", "%"):  # NumPy makes reals of integers here
            args = tuple(a.of if isinstance(a, Convert) and a.kind == "real"
                         and a.of.kind == "integer" else a for a in node.args)
            node = replace(node, args=args)
        return super().infix(node)

    def convert(self, node: Convert) -> str:
        if node.kind == "integer":
            return f"np.rint({self.text(node.of)}).astype(int)"
        if node.of.kind == "boolean":
            return f"np.where({self.text(node.of)}, 1.0, 0.0)"
        if not node.dims:
            return f"float({self.text(node.of)})"
        return f"{self.at(node.of, ATOM)}.astype(float)"

    def einsum(self, node: Einsum) -> str:
        operands = ", ".join(map(self.text, node.operands))
        return f'np.einsum("{node.letters}", {operands}, optimize=True)'

    def spread(self, node: Spread) -> str:
        if node.of.static:
            value, shape = self.text(node.of), self.lengths(node.shape)
            return f"np.zeros({shape})" if value in ("0", "0.0") else f"np.full({shape}, {value})"
        return f"np.broadcast_to({self.text(node.of)}, {self.shape(node.shape)})"

    def padded(self, node: Padded) -> str:
        amounts = ", ".join(f"({self.size(a)}, {self.size(b)})" for a, b in node.amounts)
        amounts = f"(({amounts}),)" if len(node.amounts) == 1 else f"({amounts})"
        if len(node.amounts) == 1:
            a, b = node.amounts[0]
            amounts = f"({self.size(a)}, {self.size(b)})"
        fill = self.literal(node.fill)[0]
        text = "" if node.fill == 0 else f", constant_values={fill}"
        if node.kind == "integer" and not isinstance(node.fill, int):
            return f"np.pad({self.at(node.of, ATOM)}.astype(float), {amounts}{text})"
        return f"np.pad({self.text(node.of)}, {amounts}{text})"

    def sliding(self, node: Windows) -> str:
        self.needs["sliding_window_view"] = None
        if len(node.places) == 1:
            where = f"{self.size(node.lengths[0])}, axis={node.places[0]}"
        else:
            where = f"{self.shape(node.lengths)}, axis={node.places}"
        return f"sliding_window_view({self.text(node.of)}, {where})"

    def zeros(self, node: Zeros) -> str:
        if node.like:
            return f"np.zeros_like({node.like})"
        if not node.shape:
            return "0.0" if node.kind == "real" else "0"
        kind = ", dtype=int" if node.kind == "integer" else ""
        return f"np.zeros({self.lengths(node.shape)}{kind})"

    def lengths(self, shape: tuple[Integer, ...]) -> str:
        """A shape where NumPy also takes a plain number."""
        return self.size(shape[0]) if len(shape) == 1 else self.shape(shape)


__all__ = ["NumpyPrinter"]
