"""Second derivatives: the gradient in closed form is a formula, and is differentiated once more.

The gradient ∂L/∂x that a derivation found becomes an equation of the program, under a name of its
own (g). Its Jacobian by w is the block ∂²L/∂x∂w of the Hessian, and is worked by the same engine,
so that every line is held against the derivative that runs; the result is held against the
derivative of the derivative of the program as it was written, too.

Where the output is half a squared error, L = ½ Σ (y - t)², or anything whose second derivatives by
y are numbers, and y is no linear function of the parameters, the Hessian has two parts:

    Σ_kl ∂²L/∂y_k∂y_l · ∂y_k/∂w_i · ∂y_l/∂w_j     the Gauss-Newton part: first derivatives alone
    Σ_k  ∂L/∂y_k · ∂²y_k/∂w_i∂w_j                 the residual part: small where y fits t
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from chainrule.algebra.fold import Given
from chainrule.algebra.terms import letter, replaced
from chainrule.diff.activity import active
from chainrule.diff.reverse import gradient, jacobian
from chainrule.errors import DerivativeError
from chainrule.explain.derivations import Derivation, Line
from chainrule.explain.derive import derive, simplify
from chainrule.lang.expr import Expr, Range, Reduce, Ref, mul, walk
from chainrule.lang.integers import index
from chainrule.lang.program import Equation, Program, Tensor

_NAMES: Final = "ghqrGHQR"
_SECOND: Final = "the second derivative"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the two parts of a Hessian: what it is in derivatives, and the lines worked out."""

    before: Expr
    lines: tuple[Line, ...]

    @property
    def result(self) -> Expr:
        return self.lines[-1].after if self.lines else self.before


@dataclass(frozen=True, slots=True)
class Split:
    """The two parts of a Hessian at `through`, y: `first` derives ∂y/∂x, and `second` that by w."""

    through: str
    first: Derivation
    second: Derivation
    gauss_newton: Part
    residual: Part
    derivatives: dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Block:
    """∂²L/∂x∂w: the Jacobian of the gradient by x, which is called `name` in its program."""

    of: str
    by: tuple[str, str]
    name: str
    derivation: Derivation | None
    split: Split | None = None


@dataclass(frozen=True, slots=True)
class Hessian:
    """The gradients, and a block of second derivatives for each pair of tensors."""

    gradient: Derivation
    blocks: tuple[Block, ...]


def hessian(
    program: Program, of: str | None = None, wrt: Sequence[str] = (),
    givens: Sequence[Given] = (), check: bool = True,
) -> Hessian:
    """The second derivatives of a number, in closed form, a block for each pair of `wrt`.

    Raises `DerivativeError` for an output that is no number, and as `derive` does.

    >>> from chainrule.formulas.calls import read
    >>> from chainrule.lang.printing import expression_text
    >>> p = read("input x[I], A[I,I]; L = sum(i,j) x[i]*A[i,j]*x[j]")
    >>> block = hessian(p, wrt=["x"]).blocks[0]
    >>> expression_text(block.derivation.found["x"].result)
    'A[i,j] + A[j,i]'
    """
    first = derive(program, of, wrt, givens, check, named=False)
    if program.tensors[first.of].shape:
        raise DerivativeError(f"{first.of} is an array: second derivatives are of a number", None,
                              "sum it, or derive its Jacobian with --order 1")
    names = list(first.wrt)
    pairs = [(a, b) for k, a in enumerate(names) for b in names[k:]]
    return Hessian(first, tuple(_block(first, a, b, givens, check) for a, b in pairs))


def _block(
    first: Derivation, a: str, b: str, givens: Sequence[Given], check: bool
) -> Block:
    """∂²L/∂a∂b."""
    name = next((n for n in _NAMES if not _taken(first.program, n)), f"gradient_{a}")
    if a not in first.found:
        return Block(first.of, (a, b), name, None)
    extended, earlier = with_derivatives(first, {a: name})
    found = derive(extended, name, [b], givens, check, earlier, [name], named=False)
    if b not in found.found:
        return Block(first.of, (a, b), name, None)
    _against_the_program(first, a, found, b)
    return Block(first.of, (a, b), name, found, _split(first, a, b, found, givens))


def _taken(program: Program, name: str) -> bool:
    """Whether a name means something in a program already."""
    indices = {r.name for e in program.equations for r in e.ranges}
    indices |= {r.name for e in program.equations for n in walk(e.body) if isinstance(n, Reduce)
                for r in n.indices}
    return name in program.tensors or name in program.size_names() or name in indices


def with_derivatives(
    found: Derivation, names: dict[str, str] | None = None
) -> tuple[Program, dict[str, tuple[str, str]]]:
    """The program with the derivatives found as equations of their own; and which they are.

    `names` gives some of them names.
    """
    tensors = dict(found.program.tensors)
    equations = list(found.program.equations)
    earlier = dict(found.earlier)
    for tensor, one in found.found.items():
        own = found.name(tensor)
        shape = found.program.tensors[found.of].shape + found.program.tensors[tensor].shape
        letters = (*found.outer, *one.indices)
        ranges = tuple(Range(n, size) for n, size in zip(letters, shape, strict=True))
        given = (names or {}).get(tensor, own)
        tensors[given] = Tensor(given, shape, adjoint_of=tensor if given == own else None)
        if given == own:
            earlier[own] = (found.of, tensor)
        equations.append(Equation(given, tuple(map(index, letters)), ranges, one.result))
    return replace(found.program, tensors=tensors, equations=tuple(equations)), earlier


def _against_the_program(first: Derivation, a: str, found: Derivation, b: str) -> None:
    """The block's closed form against the derivative of the derivative that runs."""
    if found.points is None:
        return
    one = found.found[b]
    running = gradient(first.program, first.of, [a])
    twice = jacobian(running.program, running.names[a], [b])
    shape = (*first.program.tensors[a].shape, *first.program.tensors[b].shape)
    found.points.extend(twice.program, {twice.names[b]: _SECOND}, shape)
    letters = (*found.outer, *one.indices)
    second = Ref(_SECOND, tuple(map(index, letters)))
    found.points.agree([one.result, second], dict(zip(letters, shape, strict=True)))


def _split(
    first: Derivation, a: str, b: str, found: Derivation, givens: Sequence[Given]
) -> Split | None:
    """The Gauss-Newton part and the residual part, where the output has them."""
    program = first.program
    moving = active(program, [first.of], [a, b])
    own = [e for e in program.equations if e.target == first.of]
    near = [n for n in dict.fromkeys(_read(own[-1].body)) if n in moving] if own else []
    if len(own) != 1 or len(near) != 1 or near[0] in (a, b) or near[0] not in first.found:
        return None
    y = near[0]
    inner = derive(program, y, [a] if a == b else [a, b], givens, found.points is not None,
                   named=False)
    if a not in inner.found or b not in inner.found:
        return None
    slope = inner.name(a)
    curved, earlier = with_derivatives(inner)
    if b not in active(curved, [slope], [b]):
        return None  # y is linear in the parameters: there is one part only
    upstream, names = with_derivatives(first, {y: "e"}) if not _taken(program, "e") else (
        with_derivatives(first, {y: f"gradient_{y}"}))
    loss = derive(upstream, "e" if "e" in upstream.tensors else f"gradient_{y}", [y], givens,
                  False, names)
    if y not in loss.found or {*moving, loss.of} & set(_read(loss.found[y].result)):
        return None
    second = derive(curved, slope, [b], givens, found.points is not None, earlier, named=False)
    if b not in second.found:
        return None
    return _parts(first, found, inner, loss, second, (a, b), y)


def _parts(
    first: Derivation, found: Derivation, inner: Derivation, loss: Derivation,
    second: Derivation, by: tuple[str, str], y: str,
) -> Split:
    """Both parts, worked out, and their sum held against the Hessian."""
    a, b = by
    rows, columns = found.outer, found.found[b].indices
    used = {*rows, *columns, *first.program.tensors, *first.program.size_names()}
    cell = _apart(inner.outer, used)
    other = _apart(inner.outer, used | set(cell))
    shape = first.program.tensors[y].shape
    sums = [tuple(Range(n, size) for n, size in zip(letters, shape, strict=True))
            for letters in (cell, other)]

    def ref(name: str, *letters: tuple[str, ...]) -> Ref:
        return Ref(name, tuple(index(n) for part in letters for n in part))

    def at(e: Expr, old: tuple[str, ...], new: tuple[str, ...]) -> Expr:
        return replaced(e, {o: index(n) for o, n in zip(old, new, strict=True)})

    slopes = inner.found
    left = at(slopes[a].result, (*inner.outer, *slopes[a].indices), (*cell, *rows))
    right = at(slopes[b].result, (*inner.outer, *slopes[b].indices), (*other, *columns))
    outer = at(loss.found[y].result, (*loss.outer, *loss.found[y].indices), (*cell, *other))
    sizes = dict(zip((*rows, *columns), (*first.program.tensors[a].shape,
                                         *first.program.tensors[b].shape), strict=True))
    program = first.program
    product = _summed((*sums[1], *sums[0]), mul(mul(outer, left), right))
    short = tuple(simplify(program, product, sizes))
    known = Line("put in", product, "what was found above, put in")
    symbols = mul(mul(outer, ref(inner.name(a), cell, rows)), ref(inner.name(b), other, columns))
    before = _summed((*sums[1], *sums[0]), symbols)
    tidy = simplify(program, before, sizes)
    gauss = Part(tidy[-1].after if tidy else before, _last(short, known))
    one = second.found[b]
    bent = at(one.result, (*second.outer, *one.indices), (*cell, *rows, *columns))
    slope = at(first.found[y].result, first.found[y].indices, cell)
    name = second.name(b)
    rest = _summed(sums[0], mul(slope, bent))
    lines = tuple(simplify(program, rest, sizes))
    residual = Part(_summed(sums[0], mul(slope, ref(name, cell, rows, columns))),
                    _last(lines, Line("put in", rest, f"the second derivatives of {y}, put in")))
    if found.points is not None:
        found.points.extend(second.program)
        total = ref(_SECOND, rows, columns)
        found.points.agree([gauss.result + residual.result, total], sizes)
    return Split(y, inner, second, gauss, residual,
                 {**second.derivatives(), **inner.derivatives()})


def _last(lines: Sequence[Line], first: Line) -> tuple[Line, ...]:
    """Where the lines come to, as one line with the reason of the first."""
    return (replace(lines[-1], why=first.why) if lines else first,)


def _summed(ranges: tuple[Range, ...], e: Expr) -> Expr:
    return Reduce("sum", ranges, None, e) if ranges else e


def _apart(letters: tuple[str, ...], used: set[str]) -> tuple[str, ...]:
    """The letters, those that are used replaced."""
    found: list[str] = []
    for name in letters:
        found.append(letter({*used, *found}) if name in used or name in found else name)
    return tuple(found)


def _read(e: Expr) -> list[str]:
    return [n.tensor for n in walk(e) if isinstance(n, Ref)]
