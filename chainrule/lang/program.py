"""Programs: declared inputs, equations in order, outputs; immutable, with every shape a field.

`y[n,u] = sum(v) W[u,v]*x[n,v] + b[u]` is an `Equation`: its `target` y, its `subscripts`, the
`ranges` of the indices that it loops over, and its `body`. With `+=` (`accumulate`) every pass of
the loop is added to a tensor that starts from zero, so that an index that stands only on the right
is summed over: that is what an adjoint is.

A pass takes a program and returns another; `Origin` remembers, for each equation, where it came
from, so that whoever explains the program can say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from chainrule.errors import Span
from chainrule.lang.expr import ArgReduce, Expr, IndexValue, Range, Reduce, Ref, walk
from chainrule.lang.integers import Integer
from chainrule.lang.printing import program_text

Shape = tuple[Integer, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array of reals or integers.

    `role` is "data", "parameter" or "constant" for inputs, "seed" for a given adjoint or tangent,
    else "computed". `adjoint_of` and `tangent_of` name the tensor that this is a derivative of or
    for (x̄, ẋ). `below` bounds the values of an integer tensor: labels are 0, ..., below - 1.
    """

    name: str
    shape: Shape = ()
    kind: str = "real"
    role: str = "computed"
    adjoint_of: str | None = None
    tangent_of: str | None = None
    below: Integer | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an equation comes from: the `rule` that made it, and of which tensor's equation.

    Rules: "written" (by the user), "part" (a piece of a longer equation), "adjoint" and "tangent"
    (of the equation of `of`; an adjoint also names the reference that it differentiates by),
    "winner" (the position that a maximum of `of` takes), "seed". `layer` names the layer of the
    program that a written equation belongs to.
    """

    rule: str = "written"
    of: str | None = None
    through: Ref | None = None
    layer: str | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


WRITTEN = Origin()


@dataclass(frozen=True, slots=True)
class Equation:
    """`target[subscripts] = body` or `+= body`, for all values of the indices in `ranges`.

    `condition` guards the loop (`with j <= i`); where it fails nothing is written. `dropping` says
    that a write outside the target is left out: the adjoint of a padded read.
    """

    target: str
    subscripts: tuple[Integer, ...]
    ranges: tuple[Range, ...]
    body: Expr
    accumulate: bool = False
    condition: Expr | None = None
    dropping: bool = False
    origin: Origin = WRITTEN

    @property
    def plain(self) -> bool:
        """Whether each axis of the target has its own index, so that each cell is written once."""
        names = [s.plain for s in self.subscripts]
        return None not in names and len(set(names)) == len(names)


@dataclass(frozen=True, slots=True)
class Layer:
    """A formula of the library where a program uses it.

    `name` is its path (`layer1.0.conv1`), `formula` the entry's name, `tensors` maps the names of
    the formula's text to those in the program, `sizes` what the formula's sizes are here, `shape`
    the output's shape in the formula's own sizes, as `floor((H + 2p - K)/s) + 1`.
    """

    name: str
    formula: str
    output: str
    tensors: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[str, Integer], ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Program:
    """Inputs, equations in order, outputs.

    `updates` pairs a state tensor with the tensor that holds its new value. `assumptions` are
    equalities of sizes that were needed and could not be decided; they are checked when run.
    `layers` says which formulas of the library its equations were made from.
    """

    tensors: Mapping[str, Tensor]
    inputs: tuple[str, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[str, ...]
    updates: tuple[tuple[str, str], ...] = ()
    assumptions: tuple[tuple[Integer, Integer], ...] = ()
    source: str = field(default="", compare=False, repr=False)
    layers: tuple[Layer, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        return program_text(self)

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name."""
        return self.tensors[name]

    def size_names(self) -> list[str]:
        """The names of all sizes: of shapes first, then of ranges, subscripts and values."""
        found: dict[str, None] = {}
        for tensor in self.tensors.values():
            for axis in (*tensor.shape, *filter(None, [tensor.below])):
                found.update(dict.fromkeys(axis.sizes()))
        for equation in self.equations:
            polynomials = [*equation.subscripts, *_known_sizes(equation.ranges)]
            for part in (equation.condition, equation.body):
                for node in walk(part) if part is not None else ():
                    if isinstance(node, Ref):
                        polynomials += node.subscripts
                        pads = node.outside.pads if node.outside is not None else None
                        polynomials += [p for pair in pads or () for p in pair]
                    elif isinstance(node, IndexValue):
                        polynomials.append(node.value)
                    elif isinstance(node, Reduce | ArgReduce):
                        polynomials += _known_sizes(node.indices)
            for p in polynomials:
                if p.plain is None:
                    found.update(dict.fromkeys(p.sizes()))
        return list(found)

    def definitions(self) -> dict[str, list[Equation]]:
        """The equations of each tensor that is not an input, in order."""
        found: dict[str, list[Equation]] = {}
        for equation in self.equations:
            found.setdefault(equation.target, []).append(equation)
        return found

    def with_outputs(self, outputs: Iterable[str]) -> Program:
        """The same program with other outputs."""
        return replace(self, outputs=tuple(outputs))


def _known_sizes(ranges: tuple[Range, ...]) -> list[Integer]:
    return [r.size for r in ranges if r.size is not None]


def fresh(base: str, taken: Mapping[str, object] | set[str]) -> str:
    """`base`, or `base` with underscores and a number so that it is not in `taken`.

    >>> fresh("t", {"t": 1})
    't_2'
    """
    if base not in taken:
        return base
    number = 2
    while f"{base}_{number}" in taken:
        number += 1
    return f"{base}_{number}"
