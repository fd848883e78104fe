"""A network with one activation, written as a network with another one and other weights.

    h[j] = sigmoid(sum(i) W[j,i]*x[i] + b[j])          g[j] = tanh(sum(i) W'[j,i]*x[i] + b'[j])
    y[k] = sum(j) V[k,j]*h[j] + c[k]                   y[k] = sum(j) V'[k,j]*g[j] + c'[k]

From f(z) = p·g(q·z + r) + s it follows what becomes of the weights: W' = q·W and b' = q·b + r
before the activation; and behind it, where h = p·g + s is read, V' = p·V and c' = c + s·Σ V.

The equations are walked in order. Each tensor of the old network is an affine map of its
counterpart in the new one, `old = scale·new + shift`, and how it is read says where the two numbers
go: into the parameters of an affine equation; through a maximum, a copy or an average, on to the
next equation; else they are written out where they stand, which is right everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import TooLargeError
from chainrule.algebra.signs import Facts
from chainrule.errors import InputError, UnknownNameError, did_you_mean
from chainrule.explain.swaps import Swap, over, plus, times
from chainrule.explain.transform_terms import (
    SAME,
    Affine,
    filled,
    is_average,
    is_linear_in,
    parted,
    summed,
    terms,
    without,
)
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Expr,
    Number,
    Range,
    Reduce,
    Ref,
    children,
    free_indices,
    neg,
    rebuild,
    walk,
)
from chainrule.lang.expr import (
    transform as mapped,
)
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import Equation, Program, Tensor, fresh
from chainrule.lang.verify import verify

_DATA: Final = frozenset("xtyXTY")  # names that are no weights, where none is declared
_DIGITS: Final = re.compile(r"\d+$")
_LETTERS: Final = "ijklmnrsuv"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one tensor: its equations before and after, and how the two are related.

    `activations` are the swaps that its equations use; `reads` are the related tensors, with which
    the old equations are to be read.
    """

    old: str
    new: str
    relation: Affine
    before: tuple[Equation, ...]
    after: tuple[Equation, ...]
    activations: tuple[Swap, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The old program and the new one, with the new parameters by the old ones, and each change.

    `old` is the program in which activations of weights have equations of their own; `weights` are
    the equations of the new parameters; `outputs` pairs each output with the new one; `guessed`
    says that nothing declares which inputs are weights; `stems` are new names without endings.
    """

    old: Program
    new: Program
    weights: tuple[Equation, ...]
    changes: tuple[Change, ...]
    outputs: tuple[tuple[str, str], ...]
    swaps: tuple[Swap, ...]
    parameters: tuple[str, ...]
    guessed: bool = False
    stems: Mapping[str, str] = field(default_factory=dict)

    def relation(self, name: str) -> Affine:
        """How a tensor of the old program is related to its counterpart."""
        return next((c.relation for c in self.changes if c.old == name), SAME)


def parameters_of(program: Program, named: Sequence[str] = ()) -> tuple[tuple[str, ...], bool]:
    """The inputs that are weights, and whether that was guessed: where nothing says it, all inputs
    are but x, t and y.

    Raises `UnknownNameError` for names of no real input.
    """
    real = [n for n in program.inputs if program.tensors[n].kind == "real"]
    for name in named:
        if name not in real:
            raise UnknownNameError(f"there is no input {name:.60}", None, did_you_mean(name, real))
    declared = tuple(n for n in real if program.tensors[n].role == "parameter")
    if named or declared:
        return tuple(named) or declared, False
    return tuple(n for n in real if n.rstrip("0123456789_") not in _DATA), True


def rewrite(program: Program, swaps: Sequence[Swap], parameters: Sequence[str] = ()) -> Rewritten:
    """The program with activations replaced, and its weights changed so that outputs stay.

    Raises `InputError` for a program in which none of the activations occurs, or with updates.

    >>> from chainrule.explain.swaps import read_swap
    >>> from chainrule.formulas.calls import read
    >>> from chainrule.lang.printing import equation_text
    >>> p = read("h[j] = sigmoid(sum(i) W[j,i]*x[i] + b[j]); y = sum(j) V[j]*h[j] + c")
    >>> for e in rewrite(p, [read_swap("sigmoid = tanh")]).weights:
    ...     print(equation_text(e))
    W_tanh[j,i] = W[j,i]/2 with j < J, i < I
    b_tanh[j] = b[j]/2 with j < J
    V_tanh[j] = V[j]/2 with j < J
    c_tanh = c + (sum(j<J) V[j])/2
    """
    if program.updates:
        raise InputError("a program with updates is not transformed", None,
                         "transform the network alone")
    for swap in swaps:
        if not any(swap.old.inside(n) is not None for e in program.equations
                   for n in walk(e.body)):
            raise InputError(f"{swap.old} does not occur in the program", None,
                             "replace an activation that it has")
    weights, guessed = parameters_of(program, parameters)
    return _Rewriter(parted(program, swaps, set(weights)), swaps, weights, guessed).run()


class _Rewriter:
    """Walks the equations of a program; `relations` says how each old tensor is related."""

    def __init__(self, program: Program, swaps: Sequence[Swap], weights: Sequence[str],
                 guessed: bool) -> None:
        self.program = program
        self.swaps = tuple(swaps)
        self.weights = tuple(weights)
        self.guessed = guessed
        self.tensors: dict[str, Tensor] = dict(program.tensors)
        news = list(dict.fromkeys(s.new.function for s in swaps))
        self.ending = news[0] if len(news) == 1 else "new"
        self.endings = {self.ending, *(s.old.function for s in swaps)}
        self.relations: dict[str, Affine] = {}
        self.names: dict[str, str] = {}
        self.stems: dict[str, str] = {}
        self.made: dict[tuple[str, Expr], str] = {}  # new parameters, by what they are
        self.defined: list[Equation] = []
        self.definitions = program.definitions()
        self.readers: dict[str, list[tuple[Equation, Ref]]] = {}
        for e in program.equations:
            for part in (e.body, e.condition):
                for n in walk(part) if part is not None else ():
                    if isinstance(n, Ref):
                        self.readers.setdefault(n.tensor, []).append((e, n))
        self.demands = self.demanded()

    def run(self) -> Rewritten:
        """The new program."""
        equations: list[Equation] = []
        changes: list[Change] = []
        done: set[str] = set()
        for equation in self.program.equations:
            name = equation.target
            if name in done:
                continue
            done.add(name)
            own = self.definitions[name]
            after, relation, used = self.tensor(name, own)
            if after == own:
                equations += own
                continue
            new = self.new_name(name)
            self.tensors[new] = replace(self.tensors[name], name=new)
            self.relations[name], self.names[name] = relation, new
            after = [replace(e, target=new) for e in after]
            equations += after
            changes.append(Change(name, new, relation, tuple(own), tuple(after), used))
        return self.rewritten(equations, changes)

    def rewritten(self, equations: list[Equation], changes: list[Change]) -> Rewritten:
        read = {n.tensor for e in equations for part in (e.body, e.condition) if part is not None
                for n in walk(part) if isinstance(n, Ref)}
        made = [e.target for e in self.defined]
        inputs = [n for n in self.program.inputs if n in read or n not in self.weights]
        inputs += [n for n in made if n in read]
        targets = {e.target for e in equations}
        outputs = tuple((o, self.names.get(o, o)) for o in self.program.outputs)
        tensors = {n: t for n, t in self.tensors.items() if n in inputs or n in targets}
        new = Program(tensors, tuple(inputs), tuple(equations), tuple(n for _, n in outputs), (),
                      self.program.assumptions)
        verify(new)
        return Rewritten(self.program, new, tuple(e for e in self.defined if e.target in read),
                         tuple(changes), outputs, self.swaps, self.weights, self.guessed,
                         self.stems)

    # what is asked of the tensors that stand right before an activation

    def demanded(self) -> dict[str, Affine]:
        """For each tensor that takes a scale and a shift into its weights: new = scale·old + shift.

        Those are read once, by an activation that is replaced, or by such a tensor.
        """
        found: dict[str, Affine] = {}
        for equation in self.program.equations:
            for node in walk(equation.body):
                for swap in self.swaps:
                    inside = swap.old.inside(node)
                    if isinstance(inside, Ref) and not (swap.b == ONE and swap.c == ZERO):
                        self.ask(inside, Affine(swap.b, swap.c), found)
        return found

    def ask(self, ref: Ref, wanted: Affine, found: dict[str, Affine]) -> bool:
        """Whether a tensor takes a scale and a shift; then it is noted."""
        name = ref.tensor
        own = self.definitions.get(name, [])
        if (len(own) != 1 or own[0].accumulate or own[0].condition is not None
                or name in self.program.outputs or len(self.readers.get(name, ())) != 1
                or ref.outside is not None):
            return False
        body = own[0].body
        if isinstance(body, Ref) and body.outside is None:
            taken = self.ask(body, wanted, found)
        else:
            taken = self.asked(body, wanted, found)
        if taken:
            found[name] = wanted
        return taken

    def asked(self, body: Expr, wanted: Affine, found: dict[str, Affine]) -> bool:
        parts = [t for _, t in terms(body)]
        inner = [t for t in parts if isinstance(t, Ref) and t.tensor in self.definitions]
        own = any(self.scaled(t, Number(2), dry=True) is not None for t in parts)
        if not own and len(inner) != 1:
            return False
        taken = [self.ask(t, Affine(wanted.scale, ZERO), found) for t in inner]
        return own or all(taken)

    # one tensor

    def tensor(
        self, name: str, own: list[Equation]
    ) -> tuple[list[Equation], Affine, tuple[Swap, ...]]:
        """The new equations of a tensor, how the old one is related to it, and the swaps used."""
        wanted = self.demands.get(name, SAME)
        used = tuple(dict.fromkeys(s for e in own for n in walk(e.body) for s in self.swaps
                                   if s.old.inside(n) is not None))
        one = own[0]
        alone = len(own) == 1 and not one.accumulate and one.condition is None
        if not used and wanted.same and not any(self.touched(e) for e in own):
            return own, SAME, ()
        if not alone:
            return [replace(e, body=self.written(e.body)) for e in own], SAME, used
        if name not in self.program.outputs and wanted.same:
            passed = self.activated(one) or self.passed(one)
            if passed is not None:
                body, relation = passed
                if self.fills(name, relation):
                    return [replace(one, body=body)], relation, used
        body = one.body
        active = self.activated(one)
        if active is not None:
            body = active[1].of(active[0])
        else:
            body = self.affine(body, wanted, one.ranges, name)
        back = over(ONE, wanted.scale)
        relation = Affine(back, neg(times(back, wanted.shift)))
        return [replace(one, body=body)], relation, used

    def touched(self, e: Equation) -> bool:
        return self.related(e.body) or (e.condition is not None and self.related(e.condition))

    def related(self, e: Expr) -> bool:
        """Whether an expression reads a tensor that has changed."""
        return any(isinstance(n, Ref) and n.tensor in self.names for n in walk(e))

    def activated(self, one: Equation) -> tuple[Expr, Affine] | None:
        """h = f(z) becomes g(b·z + c), and h is a of it plus d."""
        for swap in self.swaps:
            inside = swap.old.inside(one.body)
            if inside is not None:
                return (swap.new.at(self.argument(inside, swap, one)), Affine(swap.a, swap.d))
        return None

    def argument(self, z: Expr, swap: Swap, one: Equation) -> Expr:
        """b·z + c, with b and c in the weights where there are any."""
        if isinstance(z, Ref) and z.tensor in self.demands:
            return replace(z, tensor=self.names[z.tensor])
        return self.affine(z, Affine(swap.b, swap.c), one.ranges, one.target)

    def passed(self, one: Equation) -> tuple[Expr, Affine] | None:
        """A copy, a maximum or an average of a changed tensor is the same map of what is new."""
        body = one.body
        ref = body.body if isinstance(body, Reduce) and body.op in ("max", "min") else body
        if isinstance(ref, Ref) and ref.tensor in self.names:
            known = self.relations[ref.tensor]
            if known.same:
                return None
            new = self.moved(ref)
            if not isinstance(body, Reduce):
                return new, known
            if not isinstance(known.scale, Number) or body.condition is not None:
                return None
            op = body.op if known.scale.value > 0 else {"max": "min", "min": "max"}[body.op]
            return replace(body, op=op, body=new), known
        return self.averaged(one)

    def averaged(self, one: Equation) -> tuple[Expr, Affine] | None:
        """A linear equation without weights whose coefficients have a constant sum."""
        refs = [n for n in walk(one.body) if isinstance(n, Ref)]
        if len(refs) != 1 or refs[0].tensor not in self.names or not is_average(one.body):
            return None
        known = self.relations[refs[0].tensor]
        if known.same:
            return None
        ones = mapped(one.body, lambda n: ONE if isinstance(n, Ref) else None)
        sizes = {r.name: r.size for r in one.ranges if r.size is not None}
        try:
            poly = Normal(Facts(), sizes).poly(ones)
        except TooLargeError:
            return None
        if len(poly) != 1 or poly[0].factors or poly[0].sums or poly[0].guards:
            return None
        total = Number(poly[0].number)
        new = mapped(one.body, lambda n: self.moved(n) if isinstance(n, Ref) else None)
        return new, Affine(known.scale, times(total, known.shift))

    def fills(self, name: str, relation: Affine) -> bool:
        """Whether what is read outside of a tensor can be said of the new one too."""
        return all(filled(ref.outside, relation) is not None
                   for _, ref in self.readers.get(name, ()) if ref.outside is not None)

    def moved(self, ref: Ref) -> Ref:
        """The reference to the counterpart: outside of it stands what the map makes of the fill."""
        outside = ref.outside
        if outside is not None:
            outside = filled(outside, self.relations[ref.tensor])
        return Ref(self.names[ref.tensor], ref.subscripts, outside, ref.span)

    def written(self, e: Expr) -> Expr:
        """An expression where changed tensors and activations are written out by the new ones."""

        def leaf(node: Expr) -> Expr | None:
            if isinstance(node, Ref) and node.tensor in self.names:
                return self.relations[node.tensor].of(self.moved(node))
            for swap in self.swaps:
                inside = swap.old.inside(node)
                if inside is None:
                    continue
                if isinstance(inside, Ref) and inside.tensor in self.demands:
                    inner: Expr = replace(inside, tensor=self.names[inside.tensor])
                else:
                    inner = Affine(swap.b, swap.c).of(self.written(inside))
                return Affine(swap.a, swap.d).of(swap.new.at(inner))
            return None

        return mapped(e, leaf)

    # affine equations

    def affine(self, body: Expr, wanted: Affine, ranges: Sequence[Range], target: str) -> Expr:
        """scale·body + shift for the old body, by the new tensors and weights."""
        loops = {r.name: r.size for r in ranges}
        parts = self.spread(body)
        at = next((k for k, (sign, t) in enumerate(parts)
                   if sign > 0 and self.is_bias(t, loops)), None)
        kept: list[tuple[int, Expr]] = []
        shifts: list[tuple[Expr, Expr]] = []  # a number, and an expression of weights
        for k, (sign, term) in enumerate(parts):
            if k == at:
                kept.append((sign, term))
                continue
            new, shift = self.term(term, wanted.scale)
            kept.append((sign, new))
            if shift is not None:
                number, weights = shift
                number = times(wanted.scale, number)
                shifts.append((number if sign > 0 else neg(number), weights))
        if wanted.shift != ZERO:
            shifts.append((wanted.shift, ONE))
        if shifts:
            kept = self.biased(kept, at, wanted, shifts, loops, target)
        elif at is not None:
            kept[at] = (1, self.times(kept[at][1], wanted.scale))
        return summed(kept)

    def spread(self, body: Expr) -> list[tuple[int, Expr]]:
        """The terms of a body; sums over several terms that read changed tensors are split."""
        found = []
        for sign, term in terms(body):
            inner = terms(term.body) if isinstance(term, Reduce) and term.op == "sum" else []
            if len(inner) > 1 and self.related(term):
                found += [(sign * s, rebuild(term, (*children(term)[:-1], t))) for s, t in inner]
            else:
                found.append((sign, term))
        return found

    def term(self, t: Expr, scale: Expr) -> tuple[Expr, tuple[Expr, Expr] | None]:
        """scale·t by the new tensors, and what is to be added to it for the shift."""
        changed = [n for n in walk(t) if isinstance(n, Ref) and n.tensor in self.names]
        swapped = any(s.old.inside(n) is not None for n in walk(t) for s in self.swaps)
        if not changed and not swapped:
            return self.times(t, scale), None
        known = self.relations[changed[0].tensor] if len(changed) == 1 else SAME
        if isinstance(t, Ref) and self.demands.get(t.tensor) == Affine(scale, ZERO):
            return self.moved(t), None
        if swapped or len(changed) != 1 or not is_linear_in(t, changed[0]):
            return self.times(self.written(t), scale), None
        alone = without(t, changed[0])
        absorbed = isinstance(t, Ref) or (self.weights_only(alone) and self.weighty(t))
        if known.shift != ZERO and not absorbed:
            return self.times(self.written(t), scale), None
        new = mapped(t, lambda n: self.moved(changed[0]) if n is changed[0] else None)
        joint = times(scale, known.scale)
        return self.times(new, joint), None if known.shift == ZERO else (known.shift, alone)

    def weights_only(self, e: Expr) -> bool:
        return all(n.tensor in self.weights for n in walk(e) if isinstance(n, Ref))

    def weighty(self, e: Expr) -> bool:
        return any(isinstance(n, Ref) and n.tensor in self.weights for n in walk(e))

    def times(self, t: Expr, scale: Expr) -> Expr:
        """scale·t, the scale in a weight where there is one."""
        if scale == ONE:
            return t
        found = self.scaled(t, scale)
        return times(scale, t) if found is None else found

    def scaled(self, t: Expr, scale: Expr, dry: bool = False) -> Expr | None:
        """scale·t with the scale in one of its weights; None where it has none as a factor."""
        if isinstance(t, Ref):
            if t.tensor not in self.weights or (
                    t.outside is not None and t.outside.fill.value != 0):
                return None
            return t if dry else replace(t, tensor=self.weight(t, scale))
        if isinstance(t, Reduce) and t.op == "sum":
            body = self.scaled(t.body, scale, dry)
            return None if body is None else rebuild(t, (*children(t)[:-1], body))
        if isinstance(t, Apply) and t.function in ("mul", "div", "neg"):
            places = range(len(t.args)) if t.function == "mul" else (0,)
            for k in sorted(places, key=lambda k: not isinstance(t.args[k], Ref)):
                found = self.scaled(t.args[k], scale, dry)
                if found is not None:
                    return Apply(t.function, (*t.args[:k], found, *t.args[k + 1 :]))
        if isinstance(t, Apply) and t.function in ("add", "sub"):
            both = [self.scaled(a, scale, True) for a in t.args]
            if None not in both:
                return Apply(t.function, tuple(self.scaled(a, scale, dry) or a for a in t.args))
        return None

    def weight(self, ref: Ref, scale: Expr) -> str:
        """The new parameter that is a number times an old one."""
        tensor = self.program.tensors[ref.tensor]
        letters = [s.plain for s in ref.subscripts]
        if None in letters or len(set(letters)) < len(letters):
            letters = list(_LETTERS[: len(tensor.shape)])
        places = tuple(index(n or "") for n in letters)
        ranges = tuple(Range(n or "", s) for n, s in zip(letters, tensor.shape, strict=True))
        key = (ref.tensor, scale)
        if key not in self.made:
            body = times(scale, Ref(ref.tensor, places))
            self.made[key] = self.parameter(ref.tensor, places, ranges, body)
        return self.made[key]

    def parameter(self, base: str, places: tuple[Integer, ...], ranges: tuple[Range, ...],
                  body: Expr) -> str:
        name = self.new_name(base)
        shape = tuple(r.size for r in ranges if r.size is not None)
        self.tensors[name] = Tensor(name, shape, role="parameter")
        self.defined.append(Equation(name, places, ranges, body))
        return name

    def biased(
        self, kept: list[tuple[int, Expr]], at: int | None, wanted: Affine,
        shifts: list[tuple[Expr, Expr]], loops: Mapping[str, Integer | None], target: str,
    ) -> list[tuple[int, Expr]]:
        """The terms with a bias that takes the shifts: the old one, at a place, or a new one."""
        total: Expr = ZERO
        used = [n for _, e in shifts for n in free_indices(e)]
        if at is not None:
            old = kept[at][1]
            assert isinstance(old, Ref)
            total = times(wanted.scale, old)
            used += free_indices(old)
            base = old.tensor
        else:
            base = self.bias_of(target)
            own = {*self.weights, *self.made.values()}
            used = used or [n for _, t in kept for r in walk(t) if isinstance(r, Ref)
                            and r.tensor in own for n in free_indices(r)]
        names = [n for n in loops if n in used]
        for number, weights in shifts:
            total = plus(total, number if weights == ONE else times(number, weights))
        places = tuple(index(n) for n in names)
        ranges = tuple(Range(n, loops[n]) for n in names)
        key = (base if at is not None else target, total)
        if key not in self.made:
            self.made[key] = self.parameter(base, places, ranges, total)
        new = (1, Ref(self.made[key], places))
        if at is None:
            return [*kept, new]
        return [*kept[:at], new, *kept[at + 1 :]]

    def is_bias(self, t: Expr, loops: Mapping[str, Integer | None]) -> bool:
        if not isinstance(t, Ref) or t.tensor not in self.weights or t.outside is not None:
            return False
        names = [s.plain for s in t.subscripts]
        sizes = self.program.tensors[t.tensor].shape
        return len(set(names)) == len(names) and all(
            n is not None and loops.get(n) == size for n, size in zip(names, sizes, strict=True))

    def stem(self, name: str) -> str:
        """A name without the ending that an earlier transformation gave it."""
        for ending in self.endings:
            name = name.removesuffix(f"_{ending}")
        return name

    def new_name(self, name: str) -> str:
        stem = self.stem(name)
        new = fresh(f"{stem}_{self.ending}", self.tensors)
        self.stems[new] = stem if new == f"{stem}_{self.ending}" else new
        return new

    def bias_of(self, target: str) -> str:
        """What a new bias is called: b2 where it is that of z2, if no such name is taken."""
        digits = _DIGITS.search(self.stem(target))
        name = "b" + (digits[0] if digits else "")
        taken = {*self.program.tensors, *self.program.size_names(), *self.stems.values()}
        return name if name not in taken else f"b_{self.stem(target)}"


__all__ = ["Change", "Rewritten", "parameters_of", "rewrite"]
