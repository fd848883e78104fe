"""A network's sizes: for each layer its shape, parameters, operations and receptive field.

Everything is read off the program: a layer is the equations that came from one formula, and an
equation that came from none is a row of its own. The backward pass is the derivative program's,
with respect to the parameters (and the inputs where asked), after what nobody reads is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chainrule.count.memory import Memory, cells, memory, reads
from chainrule.count.operations import NONE, Count, Operations, of_program, plain, total
from chainrule.count.receptive import Axis, Field, fields, windowed
from chainrule.diff.reverse import vjp
from chainrule.errors import InputError, ShapeError, UnknownNameError, did_you_mean
from chainrule.formulas.library import LIBRARY
from chainrule.lang.expr import Apply, Expr, Ref, Select, children
from chainrule.lang.integers import known
from chainrule.lang.program import Equation, Layer, Program, Shape


@dataclass(frozen=True, slots=True)
class Row:
    """One layer: `layer` is the formula's use, None for an equation written by hand.

    `weights` and `biases` are numbers of parameters that this layer is the first to use.
    """

    name: str
    output: str
    layer: Layer | None
    shape: Shape
    weights: Count
    biases: Count
    forward: Operations
    backward: Operations
    fields: tuple[Field | None, ...]

    @property
    def parameters(self) -> Count:
        """Weights and biases."""
        return plain(self.weights + self.biases)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What `sizes` found; `axes` are the input's axes that the rows' fields are about."""

    program: Program
    given: dict[str, int]
    rows: tuple[Row, ...]
    axes: tuple[Axis, ...]
    memory: Memory
    padding: bool
    wanted: tuple[str, ...]

    @property
    def weights(self) -> Count:
        """Parameters that are no biases."""
        return _add(row.weights for row in self.rows)

    @property
    def biases(self) -> Count:
        """Parameters that are only added."""
        return _add(row.biases for row in self.rows)

    @property
    def parameters(self) -> Count:
        """All parameters."""
        return plain(self.weights + self.biases)

    @property
    def forward(self) -> Operations:
        """The operations of the forward pass."""
        return total(row.forward for row in self.rows)

    @property
    def backward(self) -> Operations:
        """The operations of the backward pass."""
        return total(row.backward for row in self.rows)


def _add(numbers: Iterable[Count]) -> Count:
    result: Count = 0
    for n in numbers:
        result = plain(result + n)
    return result


def sizes(
    program: Program, given: Mapping[str, int] | None = None, *, padding: bool = True,
    input_gradient: bool = False, of: str | None = None,
) -> Sizes:
    """The sizes of a program, layer by layer.

    `given` are values of sizes that are names (the batch, as a rule 1); others stay names. With
    `padding` False what is multiplied by padding is not counted. `of` is the output to go back
    from, the first by default; `input_gradient` counts the gradients of the data too.
    """
    values = _checked(program, given or {})
    wanted = _wanted(program, input_gradient)
    backward = _backward(program, of, wanted)
    where = _rows_of(program)
    forward = _grouped(program, program.equations, where, values, padding)
    back: dict[str, Operations] = {}
    later: list[Equation] = []
    if backward is not None:
        origin = _origins(backward, where)
        later = [e for e in backward.equations if e.origin.rule not in ("written", "part")]
        back = _grouped(backward, later, origin, values, padding)
    seen = fields(program, values)
    axes = tuple(windowed(seen[row] for row in dict.fromkeys(e.target for e in program.equations)))
    layers = {layer.name: layer for layer in program.layers}
    counted = _parameters(program, where, layers, values)
    rows = []
    for name, output in _outputs(program, where, layers).items():
        weights, biases = counted.get(name, (0, 0))
        rows.append(Row(
            name, output, layers.get(name),
            tuple(known(axis, values) for axis in program.tensors[output].shape),
            weights, biases, forward.get(name, NONE), back.get(name, NONE),
            tuple(seen[output].get(axis) for axis in axes),
        ))
    return Sizes(program, values, tuple(rows), axes, memory(program, later, values), padding,
                 wanted)


def _checked(program: Program, given: Mapping[str, int]) -> dict[str, int]:
    """The values of sizes, which have to exist and to leave every tensor a cell."""
    if not isinstance(program, Program):
        raise InputError(f"sizes are counted of a program, found a {type(program).__name__}", None,
                         "of a network it is network.program, of a formula formula.program")
    names = {n for t in program.tensors.values() for axis in t.shape for n in axis.sizes()}
    for name in given:
        if name not in names and name not in program.size_names():
            raise UnknownNameError(f"the program has no size {name!r:.40}", None,
                                   did_you_mean(name, sorted(names))
                                   or f"its sizes are {', '.join(sorted(names)) or 'all numbers'}")
    if given:
        for name, tensor in program.tensors.items():
            for axis, p in enumerate(tensor.shape):
                cells = known(p, given).constant
                if cells is not None and cells < 1:
                    raise ShapeError(f"axis {axis} of {name} would have {p} = {cells} cells", None,
                                     "a window is larger than its padded input: take larger sizes")
    return dict(given)


def _wanted(program: Program, input_gradient: bool) -> tuple[str, ...]:
    """The inputs whose gradients are counted."""
    real = [n for n in program.inputs if program.tensors[n].kind == "real"]
    parameters = [n for n in real if program.tensors[n].role == "parameter"]
    data = [n for n in real if program.tensors[n].role == "data"]
    return tuple([*parameters, *data] if input_gradient or not parameters else parameters)


def _backward(program: Program, of: str | None, wanted: Sequence[str]) -> Program | None:
    """The program with the adjoints of what is wanted, for a given adjoint of the output."""
    target = of or program.outputs[-1 if not program.tensors[program.outputs[-1]].shape else 0]
    if program.tensors[target].kind != "real" or not wanted:
        return None
    return vjp(program, [target], list(wanted)).program


def _rows_of(program: Program) -> dict[str, str]:
    """For each tensor the row that it belongs to: its layer, or itself."""
    return {e.target: e.origin.layer or e.target for e in program.equations}


def _origins(derived: Program, where: Mapping[str, str]) -> dict[str, str]:
    """For each tensor of a derived program the row of what it was derived from."""
    found = dict(where)
    for e in derived.equations:
        if e.origin.rule == "part" and e.origin.of is not None:
            found.setdefault(e.target, found.get(e.origin.of, e.origin.of))
    return found


def _grouped(
    program: Program, equations: Sequence[Equation], where: Mapping[str, str],
    values: Mapping[str, int], padding: bool,
) -> dict[str, Operations]:
    """The operations of some equations by row."""
    found: dict[str, Operations] = {}
    chosen = {id(e) for e in equations}
    for e, count in zip(program.equations, of_program(program, values, padding), strict=True):
        if id(e) in chosen:
            name = where.get(e.target) or where.get(e.origin.of or "") or e.target
            found[name] = found.get(name, NONE) + count
    return found


def _outputs(
    program: Program, where: Mapping[str, str], layers: Mapping[str, Layer]
) -> dict[str, str]:
    """The rows in order, and the tensor that each of them gives."""
    found: dict[str, str] = {}
    for tensor, name in where.items():
        layer = layers.get(name)
        found[name] = layer.output if layer is not None else tensor
    return found


def _parameters(
    program: Program, where: Mapping[str, str], layers: Mapping[str, Layer],
    values: Mapping[str, int],
) -> dict[str, tuple[Count, Count]]:
    """Weights and biases of each row; a parameter counts where it is used first.

    A bias is what is 0 where it is left out, or what is only added in an equation by hand.
    """
    found: dict[str, tuple[Count, Count]] = {}
    met: set[str] = set()
    for e in program.equations:
        name = where[e.target]
        layer = layers.get(name)
        local = {} if layer is None else {here: own for own, here in layer.tensors}
        for read in sorted(reads(e)):
            tensor = program.tensors[read]
            if tensor.role != "parameter" or read in met:
                continue
            met.add(read)
            entry = LIBRARY.get(layer.formula) if layer is not None else None
            if entry is not None:
                bias = entry.absent.get(local.get(read, "")) == 0
            else:
                bias = added_only(e.body, read)
            weights, biases = found.get(name, (0, 0))
            count = cells(tensor.shape, values)
            found[name] = (weights, plain(biases + count)) if bias else (
                plain(weights + count), biases)
    return found


def added_only(e: Expr, name: str) -> bool:
    """Whether a tensor only stands as a term of a sum: that is what a bias is.

    >>> from chainrule.lang.ranges import program
    >>> body = program("z[u] = sum(v) W[u,v]*x[v] + b[u]").equations[0].body
    >>> added_only(body, "b"), added_only(body, "W")
    (True, False)
    """
    if isinstance(e, Ref):
        return False  # alone it is the value itself
    terms = [e]
    while terms:
        node = terms.pop()
        if isinstance(node, Ref):
            continue
        if isinstance(node, Apply) and node.function in ("add", "sub", "neg"):
            terms += node.args
        elif isinstance(node, Select):
            terms += [node.then, node.otherwise]
        elif _holds(node, name):
            return False
    return True


def _holds(e: Expr, name: str) -> bool:
    stack = [e]
    while stack:
        node = stack.pop()
        if isinstance(node, Ref) and node.tensor == name:
            return True
        stack += children(node)
    return False
