"""The proof that a rewritten network has the same outputs: a lemma for each tensor, in order.

A lemma says how a tensor of the old network is an affine map of its counterpart, `h = (1 + g)/2`.
What was shown of the tensors before it is put into its equation, so that each lemma is about one
equation, whatever the depth: the proof goes by induction along the equations. That of an output is
that nothing has changed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from chainrule.errors import ChainruleError
from chainrule.evaluate.reference import run
from chainrule.explain.prove import BUDGET, Proof, prove
from chainrule.explain.swaps import Swap, read_swap
from chainrule.explain.transform import Change, Rewritten, rewrite
from chainrule.explain.transform_terms import Affine, filled
from chainrule.lang.expr import Expr, Range, Ref, transform, walk
from chainrule.lang.integers import Integer, Size, atom, index, known
from chainrule.lang.printing import expression_text, program_text
from chainrule.lang.program import Equation, Program, Tensor, fresh

_CLOSE: Final = 1e-9
_LETTERS: Final = "ijklmnrsuv"
_LARGE: Final = 6  # sizes from here on are proved as letters, where that is possible
_SIZES: Final = ((2, 3, 4), (5, 3, 2), (4, 4, 4), (8, 8, 8), (1, 2, 3))


@dataclass(frozen=True, slots=True)
class Lemma:
    """What is shown of one tensor, and its proof.

    `cells` are the subscripts of the cells that it is about; `put_in` says that the identity of the
    activations was put in beforehand.
    """

    change: Change
    proof: Proof
    cells: tuple[Integer, ...] = ()
    put_in: bool = False


@dataclass(frozen=True, slots=True)
class Transformed:
    """A network and its rewritten form, with the proof that their outputs are equal.

    `difference` is the largest one of the outputs, relative to their size, at random points; None
    where no point was found.
    """

    rewritten: Rewritten
    lemmas: tuple[Lemma, ...]
    difference: float | None

    @property
    def verdict(self) -> str:
        """ "proved", or "undecided" if a lemma was left so."""
        undecided = any(lemma.proof.verdict != "proved" for lemma in self.lemmas)
        return "undecided" if undecided else "proved"

    @property
    def program(self) -> Program:
        """The new network."""
        return self.rewritten.new


class UnsoundTransformError(ChainruleError):
    """A transformation that changes an output: a bug of chainrule's, never shown."""

    code = "unsound-transform"
    exit_code = 70


def transform_program(
    program: Program, swaps: Sequence[str], parameters: Sequence[str] = (), budget: float = BUDGET
) -> Transformed:
    """A network with other activations and the same outputs, with the proof.

    `swaps` name pairs of activations (`sigmoid=tanh`) or write an identity out; `parameters` name
    the weights, where the program does not declare them. Raises what `read_swap` and `rewrite` do.

    >>> from chainrule.formulas.calls import read
    >>> p = read("h[j] = sigmoid(sum(i) W[j,i]*x[i] + b[j]); y = sum(j) V[j]*h[j] + c")
    >>> found = transform_program(p, ["sigmoid=tanh"])
    >>> found.verdict, [lemma.proof.claim.last for lemma in found.lemmas]
    ('proved', ['h[j] == (1 + h_tanh[j])/2', 'y == y_tanh'])
    """
    done = rewrite(program, [read_swap(text) for text in swaps], parameters)
    difference = _difference(done)
    if difference is not None and not difference <= _CLOSE:
        raise UnsoundTransformError(f"an output differs by {difference:.3g}", None,
                                    "please report this")
    lemmas = []
    for change, cells in (found for each in done.changes for found in pieces(each)):
        lemma = _lemma(done, change, cells, budget)
        if lemma.proof.verdict == "refuted":
            raise UnsoundTransformError(f"{lemma.proof.claim.last} does not hold", None,
                                        "please report this")
        lemmas.append(lemma)
    return Transformed(done, tuple(lemmas), difference)


def pieces(change: Change) -> list[tuple[Change, tuple[Integer, ...]]]:
    """What is shown one after the other of a tensor, and of which cells: piece by piece, where it
    is defined in pieces or at compound subscripts."""
    first = change.before[0]
    if first.accumulate or (len(change.before) == 1 and first.plain):
        return [(change, first.subscripts if first.plain else ())]
    found = []
    for before, after in zip(change.before, change.after, strict=True):
        places = tuple(index(r.name) for r in before.ranges)
        own = (replace(before, subscripts=places),), (replace(after, subscripts=places),)
        found.append((replace(change, before=own[0], after=own[1]), before.subscripts))
    return found


def _lemma(
    done: Rewritten, change: Change, cells: tuple[Integer, ...], budget: float
) -> Lemma:
    """What is claimed of a tensor, and the proof; the identity is put in first if that helps."""
    proof = prove(claim_of(done, change), (), budget)
    if proof.verdict != "proved" and change.activations:
        second = prove(claim_of(done, change, identities=True), (), budget)
        if second.verdict == "proved":
            return Lemma(change, second, cells, True)
    return Lemma(change, proof, cells)


def claim_of(done: Rewritten, change: Change, identities: bool = False) -> str:
    """The claim about a tensor: its equation with what is known put in, the new one, the relation.

    With `identities` activations are written by the new ones beforehand.
    """
    before = tuple(_put_in(e, done, change.activations if identities else ())
                   for e in change.before)
    read = {n.tensor for e in change.after for n in _nodes(e)}
    weights = [e for e in done.weights if e.target in read]
    equations = (*weights, *before, *change.after)
    targets = {e.target for e in equations}
    names = dict.fromkeys(n.tensor for e in equations for n in _nodes(e)
                          if n.tensor not in targets)
    tensors = {**done.old.tensors, **done.new.tensors}
    for name in names:
        if tensors[name].role == "computed":
            tensors[name] = replace(tensors[name], role="data")
    for e in weights:
        tensors.setdefault(e.target, Tensor(e.target, tuple(
            r.size for r in e.ranges if r.size is not None)))
    for e in (*before, *change.after):
        if not e.accumulate:  # a piece has its own shape
            sizes = {r.name: r.size for r in e.ranges}
            shape = [sizes[s.plain or ""] for s in e.subscripts]
            tensors[e.target] = Tensor(e.target, tuple(z for z in shape if z is not None))
    program = Program({n: tensors[n] for n in (*names, *targets)}, tuple(names), equations, ())
    program = widened(program)
    letters = _letters(change.before[0], program)
    places = tuple(index(n) for n in letters)
    right = change.relation.of(Ref(change.new, places))
    left = expression_text(Ref(change.old, places))
    return f"{program_text(program)}\n{left} == {expression_text(right)}"


def _nodes(e: Equation) -> list[Ref]:
    found = [n for n in walk(e.body) if isinstance(n, Ref)]
    if e.condition is not None:
        found += [n for n in walk(e.condition) if isinstance(n, Ref)]
    return found


def _put_in(e: Equation, done: Rewritten, swaps: Sequence[Swap]) -> Equation:
    """An old equation, with the tensors before it written by the new ones."""
    relations = {c.old: c for c in done.changes}

    def leaf(node: Expr) -> Expr | None:
        if isinstance(node, Ref) and node.tensor in relations:
            change = relations[node.tensor]
            outside = node.outside
            if outside is not None:
                outside = filled(outside, change.relation)
            return change.relation.of(Ref(change.new, node.subscripts, outside))
        for swap in swaps:
            inside = swap.old.inside(node)
            if inside is not None:
                new = swap.new.at(Affine(swap.b, swap.c).of(transform(inside, leaf)))
                return Affine(swap.a, swap.d).of(new)
        return None

    condition = None if e.condition is None else transform(e.condition, leaf)
    return replace(e, body=transform(e.body, leaf), condition=condition)


def _letters(e: Equation, program: Program) -> list[str]:
    names = [s.plain for s in e.subscripts]
    if None not in names and len(set(names)) == len(names):
        return [n for n in names if n is not None]
    free = [c for c in _LETTERS if c not in program.tensors]
    return free[: len(names)]


def widened(program: Program) -> Program:
    """The program with its large sizes as letters, where indices subscript plainly: what is shown
    then holds for every size."""
    large: dict[int, None] = {}
    kept: set[int] = set()
    for equation in program.equations:
        ranges = [*equation.ranges, *(r for n in walk(equation.body) for r in getattr(
            n, "indices", ()) if isinstance(r, Range))]
        sizes = {r.name: r.size.constant for r in ranges if r.size is not None}
        large.update(dict.fromkeys(s for s in sizes.values() if s is not None and s >= _LARGE))
        for node in (Ref(equation.target, equation.subscripts), *walk(equation.body)):
            if isinstance(node, Ref):
                shape = program.tensors[node.tensor].shape
                for place, axis in zip(node.subscripts, shape, strict=True):
                    if place.plain is None or node.outside is not None:
                        kept.update(c for n in place.indices() if (c := sizes.get(n)) is not None)
                        kept.update([] if axis.constant is None else [axis.constant])
            elif (value := getattr(node, "value", None)) is not None and isinstance(value, Integer):
                kept.update(c for n in value.indices() if (c := sizes.get(n)) is not None)
                kept.update([] if value.constant is None else [value.constant])
    taken = {*program.tensors, *program.size_names()}
    names: dict[int, str] = {}
    for size in large:
        if size not in kept:
            names[size] = fresh(f"D{size}", {*taken, *names.values()})
    return _resized(program, names) if names else program


def _resized(program: Program, names: Mapping[int, str]) -> Program:
    def size(s: Integer | None) -> Integer | None:
        name = None if s is None or s.constant is None else names.get(s.constant)
        return s if name is None else atom(Size(name))

    def leaf(node: Expr) -> Expr | None:
        own = getattr(node, "indices", ())
        if own:
            indices = tuple(Range(r.name, size(r.size)) for r in own)
            return replace(node, indices=indices, body=transform(node.body, leaf))  # type: ignore
        return None

    tensors = {n: replace(t, shape=tuple(size(s) or s for s in t.shape))
               for n, t in program.tensors.items()}
    equations = tuple(replace(e, ranges=tuple(Range(r.name, size(r.size)) for r in e.ranges),
                              body=transform(e.body, leaf)) for e in program.equations)
    return replace(program, tensors=tensors, equations=equations)


# --- numbers --------------------------------------------------------------------------------------


def new_weights(done: Rewritten, values: Mapping[str, Any]) -> dict[str, Any]:
    """The new parameters in numbers, from values of the old network's inputs."""
    program = done.old
    own = {e.target: Tensor(e.target, tuple(r.size for r in e.ranges if r.size is not None))
           for e in done.weights}
    whole = Program({**{n: program.tensors[n] for n in program.inputs}, **own}, program.inputs,
                    done.weights, tuple(own), (), program.assumptions)
    found = run(whole, values, keep="outputs")
    return {n: found[n] for n in own}


def both_outputs(done: Rewritten, values: Mapping[str, Any]) -> list[tuple[str, Any, str, Any]]:
    """Each output of the old network and of the new one: names and numbers."""
    old = run(done.old, values, keep="outputs", check=False)
    given = {**values, **new_weights(done, values)}
    new = run(done.new, {n: given[n] for n in done.new.inputs}, keep="outputs", check=False)
    return [(a, old[a], b, new[b]) for a, b in done.outputs]


def _difference(done: Rewritten) -> float | None:
    """The largest difference of outputs at a few random points, relative to their size."""
    worst: float | None = None
    for k, sizes in enumerate(_SIZES):
        rng = random.Random(k)
        names = done.old.size_names()
        chosen = {n: sizes[j % len(sizes)] for j, n in enumerate(names)}
        try:
            values = {n: _drawn(rng, done.old.tensors[n], chosen) for n in done.old.inputs}
            pairs = both_outputs(done, values)
        except ChainruleError:
            continue  # sizes that do not fit, or a point outside of a domain
        for _, a, _, b in pairs:
            size = max(1.0, float(abs(a).max()) if getattr(a, "size", 1) else 0.0)
            gap = float(abs(a - b).max()) if getattr(a, "size", 1) else 0.0
            if size == size and size != float("inf"):
                worst = max(worst or 0.0, gap / size)
        if worst is not None and not names:
            break  # nothing but the numbers would change
    return worst


def _drawn(rng: random.Random, tensor: Tensor, sizes: Mapping[str, int]) -> Any:
    shape = [known(n, sizes).constant or 1 for n in tensor.shape]
    below = known(tensor.below, sizes).constant if tensor.below is not None else 2

    def cells(rest: Sequence[int]) -> Any:
        if rest:
            return [cells(rest[1:]) for _ in range(rest[0])]
        return rng.randrange(below or 1) if tensor.kind == "integer" else rng.uniform(-1.5, 1.5)

    return cells(shape)


__all__ = ["Lemma", "Transformed", "both_outputs", "claim_of", "new_weights", "pieces",
           "transform_program"]
