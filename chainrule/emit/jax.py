"""JAX's spelling of plans: pure functions, no array changed in place, ready for `jax.jit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from chainrule.emit.lines import broken
from chainrule.emit.numpy import NumpyPrinter
from chainrule.emit.plan import (
    ALL,
    Convert,
    Einsum,
    Elementwise,
    InRange,
    Node,
    Padded,
    Permute,
    Put,
    Spread,
    Zeros,
    nodes,
)
from chainrule.emit.plan import Name as Variable
from chainrule.emit.text import ATOM, Printer, Text
from chainrule.lang.integers import Integer


class JaxPrinter(NumpyPrinter):
    """Text that needs JAX alone; NumPy's in most places, with jnp for np."""

    infinity = "jnp.inf"
    spellings: ClassVar[Mapping[str, str]] = {
        **{name: text.replace("np.", "jnp.") for name, text in NumpyPrinter.spellings.items()},
        "relu": "jax.nn.relu({})", "sigmoid": "jax.nn.sigmoid({})",
        "softplus": "jax.nn.softplus({})", "erf": "jax.scipy.special.erf({})",
        "xlogy": "jax.scipy.special.xlogy({}, {})", "stop_gradient": "jax.lax.stop_gradient({})",
        "pi": "math.pi",
    }
    static_spellings: ClassVar[Mapping[str, str]] = {
        **Printer.static_spellings, "clip": "min(max({}, {}), {})",
    }
    helpers: ClassVar[Mapping[str, str]] = {}

    @property
    def dtype(self) -> str:
        return f"{self.like}.dtype" if self.like else "float"

    def quiet(self, value: Node, pad: str) -> tuple[str, list[str]]:
        return pad, []

    def in_range(self, s: InRange, pad: str) -> list[str]:
        names = [n.text for n in nodes(s.of) if isinstance(n, Variable)]
        head = f"{pad}if not isinstance({names[0]}, jax.core.Tracer):  # jit knows no values"
        return [head, *super().in_range(s, f"{pad}    ")]

    def put(self, s: Put, pad: str) -> list[str]:
        value = self.text(s.value)
        if s.items == (ALL,):
            return broken(f"{pad}{s.name} {'+=' if s.add else '='} ", value)
        word = "add" if s.add else "set"
        return broken(f"{pad}{s.name} = ", f"{s.name}.at[{self.items(s.items)}].{word}({value})")

    def where(self, node: object) -> str:
        return super().where(node).replace("np.where(", "jnp.where(", 1)  # type: ignore[arg-type]

    def grid(self, s: object) -> str:
        return f"j{super().grid(s)}"  # type: ignore[arg-type]

    def swapped(self, node: Permute) -> str:
        return f"{self.at(node.of, ATOM)}.mT"

    def counter(self, size: Integer, real: bool) -> str:
        return f"jnp.arange({self.size(size)}{f', dtype={self.dtype}' if real else ''})"

    def convert(self, node: Convert) -> str:
        if node.kind == "integer":
            return f"jnp.rint({self.text(node.of)}).astype(int)"
        return f"{self.at(node.of, ATOM)}.astype({self.dtype})"

    def infix(self, node: Elementwise) -> Text:
        return Printer.infix(self, node)

    def einsum(self, node: Einsum) -> str:
        return f'jnp.einsum("{node.letters}", {", ".join(map(self.text, node.operands))})'

    def spread(self, node: Spread) -> str:
        if node.of.static:
            value, shape = self.text(node.of), self.lengths(node.shape)
            if value in ("0", "0.0"):
                return f"jnp.zeros({shape}, {self.dtype})"
            return f"jnp.full({shape}, {value}, {self.dtype})"
        return f"jnp.broadcast_to({self.text(node.of)}, {self.shape(node.shape)})"

    def padded(self, node: Padded) -> str:
        return super().padded(node).replace("np.pad(", "jnp.pad(", 1)

    def zeros(self, node: Zeros) -> str:
        if node.like:
            return f"jnp.zeros_like({node.like})"
        kind = "int" if node.kind == "integer" else self.dtype
        return f"jnp.zeros({self.lengths(node.shape)}, {kind})"


__all__ = ["JaxPrinter"]
