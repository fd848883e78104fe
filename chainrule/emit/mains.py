"""The example at the end of a file: seeded inputs, and a check by central differences."""

from __future__ import annotations

from typing import ClassVar, Final

from chainrule.emit.example import Draw
from chainrule.emit.lines import broken, filled, listed
from chainrule.emit.target import Main
from chainrule.lang.integers import Integer

_ABREAST: Final = 8  # sizes on one line
_SHORT: Final = 60  # letters of the names of the results that leave room for a call


class NumpyMain:
    """The text of `main`, and what calls it; for NumPy, and where others differ by a method."""

    start: ClassVar[tuple[str, ...]] = ("rng = np.random.default_rng(0)",)
    total: ClassVar[str] = "np.sum({})"
    direction: ClassVar[str] = "rng.normal(size=np.shape(inputs[name]))"
    norm: ClassVar[str] = "np.linalg.norm"

    def __init__(self, m: Main) -> None:
        self.m = m

    def text(self) -> str:
        """All of it."""
        m = self.m
        what = ("Run a small example and compare each derivative with central differences."
                if self.compares() else "Run a small example.")
        lines = ["def main():", f'    """{what}"""', *(f"    {line}" for line in self.begun())]
        lines += [*self.sizes(), "    inputs = {"]
        for name in m.program.inputs:
            if name not in m.seeds.values():
                text = self.drawn(m.example.draws[name], m.program.tensors[name].shape)
                lines += broken(f'        "{m.names.tensor(name)}": ', f"{text},")
        lines.append("    }")
        if not any(n not in m.seeds.values() for n in m.program.inputs):
            lines[-2:] = ["    inputs = {}"]
        results = [m.names.tensor(n) for n in m.outputs] + ["cache"] * bool(m.gradients)
        short = bool(self.m.sizes) and len(", ".join(results)) < _SHORT
        lines += (filled(f"    {', '.join(results)} = forward", self.words("inputs"), "") if short
                  else listed("    ", results, f" = forward(**inputs{self.extra()})"))
        for name in m.outputs:
            word = m.names.tensor(name)
            tensor = m.program.tensors[name]
            plain = "int" if tensor.kind == "integer" else "float"
            shown = f"tuple({word}.shape)" if tensor.shape else f"{plain}({word})"
            label = f"{word}.shape" if tensor.shape else word
            lines.append(f'    print("{label} =", {shown})')
        if m.gradients:
            lines += self.check()
        return "\n".join([*lines, "", "", 'if __name__ == "__main__":', "    main()"])

    def begun(self) -> list[str]:
        """What comes first: the random numbers' source."""
        return list(self.start)

    def sizes(self) -> list[str]:
        """The sizes of the example."""
        every = list(self.m.example.sizes.items())
        lines = []
        for first in range(0, len(every), _ABREAST):
            some = every[first : first + _ABREAST]
            names = ", ".join(self.m.names.size(n) for n, _ in some)
            lines.append(f"    {names} = {', '.join(str(number) for _, number in some)}")
        return lines

    def words(self, inputs: str) -> list[str]:
        """The arguments of `forward`."""
        names = [self.m.names.size(n) for n in self.m.sizes]
        return [f"**{inputs}", *(f"{name}={name}" for name in names)]

    def extra(self) -> str:
        """The sizes among the arguments."""
        return "".join(f", {self.m.names.size(n)}={self.m.names.size(n)}" for n in self.m.sizes)

    def drawn(self, draw: Draw, shape: tuple[Integer, ...]) -> str:
        """Random numbers for an input."""
        printer = self.m.printer
        size = printer.shape(shape) if len(shape) != 1 else printer.size(shape[0])
        if draw.kind == "label":
            assert draw.below is not None
            return f"rng.integers({printer.size(draw.below)}{f', size={size}' if shape else ''})"
        if draw.kind in ("positive", "unit"):
            ends = "0.5, 1.5" if draw.kind == "positive" else "0.1, 0.9"
            return f"rng.uniform({ends}{f', size={size}' if shape else ''})"
        scale = "" if draw.scale == 1 else f"{draw.scale:g} * "
        return f"{scale}rng.normal({f'size={size}' if shape else ''})"

    def seed(self, of: str) -> str:
        """A random adjoint of an output."""
        if not self.m.program.tensors[of].shape:
            return self.drawn(Draw("normal"), ())
        return self.like(self.m.names.tensor(of))

    def like(self, array: str) -> str:
        """Random numbers in the shape of an array."""
        return f"rng.normal(size={array}.shape)"

    def compares(self) -> bool:
        """Whether all derivatives are of outputs by inputs, which can be moved."""
        m = self.m
        return (bool(m.gradients) and all(n in m.program.inputs for n in m.gradients)
                and set(m.of) <= set(m.outputs))

    def check(self) -> list[str]:
        """Each gradient along a random direction, against a difference quotient."""
        m = self.m
        seeds = [(m.names.tensor(n), m.names.tensor(m.seeds[n])) for n in m.of if n in m.seeds]
        lines = [f"    {m.names.tensor(m.seeds[n])} = {self.seed(n)}" for n in m.of
                 if n in m.seeds]
        given = "".join(f", {seed}" for _, seed in seeds)
        lines += broken("    ", f"gradients = backward(cache{given}{self.extra()})")
        if not self.compares():
            lines += [f'    print("{m.names.tensor(d)} =", gradients["{m.names.tensor(n)}"])'
                      for n, d in m.gradients.items()]
            return lines
        check = CHECK.format(value="\n".join(self.moved(seeds)), direction=self.direction,
                             norm=self.norm, exact=self.total.format("gradient * direction"))
        lines += check.strip("\n").split("\n")
        return lines

    def moved(self, seeds: list[tuple[str, str]]) -> list[str]:
        """The lines that compute the scalar at the moved point."""
        m = self.m
        pad = " " * 12
        call = f"forward(**moved{self.extra()})"
        places = {m.names.tensor(n): list(m.outputs).index(n) for n in m.of}
        if len(seeds) > 1:
            terms = [self.total.format(f"{seed} * values[{places[of]}]") for of, seed in seeds]
            return [*broken(pad, f"values = {call}"),
                    *broken(pad, f"ends.append({' + '.join(terms)})")]
        if seeds:
            of, seed = seeds[0]
            value = self.total.format(f"{seed} * {call}[{places[of]}]")
        else:
            value = f"{call}[{next(iter(places.values()))}]"
        return broken(pad, f"ends.append({value})")


class TorchMain(NumpyMain):
    """PyTorch's words for the same."""

    start = ("torch.set_default_dtype(torch.float64)  # differences need the digits",
             "generator = torch.Generator().manual_seed(0)")
    total = "torch.sum({})"
    norm = "torch.linalg.norm"
    direction = "torch.randn(inputs[name].shape, generator=generator)"

    def drawn(self, draw: Draw, shape: tuple[Integer, ...]) -> str:
        size = self.m.printer.shape(shape)
        if draw.kind == "label":
            assert draw.below is not None
            below = self.m.printer.size(draw.below)
            return f"torch.randint({below}, {size}, generator=generator)"
        if draw.kind == "positive":
            return f"0.5 + torch.rand({size}, generator=generator)"
        if draw.kind == "unit":
            return f"0.1 + 0.8 * torch.rand({size}, generator=generator)"
        scale = "" if draw.scale == 1 else f"{draw.scale:g} * "
        return f"{scale}torch.randn({size}, generator=generator)"

    def like(self, array: str) -> str:
        return f"torch.randn({array}.shape, generator=generator)"


class JaxMain(NumpyMain):
    """JAX's words for the same."""

    total = "jnp.sum({})"
    norm = "jnp.linalg.norm"
    direction = "jax.random.normal(next(keys), inputs[name].shape)"

    def begun(self) -> list[str]:
        count = len(self.m.program.inputs) + len(self.m.gradients) + 1
        return ['jax.config.update("jax_enable_x64", True)  # differences need the digits',
                f"keys = iter(jax.random.split(jax.random.key(0), {count}))"]

    def drawn(self, draw: Draw, shape: tuple[Integer, ...]) -> str:
        size = self.m.printer.shape(shape)
        if draw.kind == "label":
            assert draw.below is not None
            return f"jax.random.randint(next(keys), {size}, 0, {self.m.printer.size(draw.below)})"
        if draw.kind in ("positive", "unit"):
            low, high = (0.5, 1.5) if draw.kind == "positive" else (0.1, 0.9)
            return f"jax.random.uniform(next(keys), {size}, minval={low}, maxval={high})"
        scale = "" if draw.scale == 1 else f"{draw.scale:g} * "
        return f"{scale}jax.random.normal(next(keys), {size})"

    def like(self, array: str) -> str:
        return f"jax.random.normal(next(keys), {array}.shape)"


CHECK: Final = '''
    step = 1e-6
    for name, gradient in gradients.items():
        direction = {direction}
        direction = direction / {norm}(direction)  # short, as there may be kinks nearby
        ends = []
        for sign in (1, -1):
            moved = {{**inputs, name: inputs[name] + sign * step * direction}}
{value}
        numeric = float(ends[0] - ends[1]) / (2 * step)
        exact = float({exact})
        print(f"{{name}}: {{exact:.8f}} along a random direction, by differences {{numeric:.8f}}")
        assert abs(exact - numeric) <= 1e-6 + 1e-5 * abs(exact)
'''

__all__ = ["JaxMain", "NumpyMain", "TorchMain"]
