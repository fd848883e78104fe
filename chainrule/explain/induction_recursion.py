"""The recursion in one formula, and as a product of matrices, one for each layer.

A step may go by way of two quantities: ∂E/∂y(l) from ∂E/∂z(l+1), and ∂E/∂z(l) from ∂E/∂y(l). With
the first put into the second there is one formula, from layer l+1 to layer l. Where a layer is one
vector, that formula is a product with a Jacobian, ∂z(l+1)/∂z(l), and going down all layers is a
product of all of them. A layer that adds to its input, h(l) = h(l-1) + f(h(l-1)), has the Jacobian
I + A, and the product multiplied out has a term for each path: through a layer, or around it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from chainrule.algebra.matrix import Form, NoMatrixForm, matrix_form, reads_back
from chainrule.algebra.terms import replaced, terms_of, written
from chainrule.explain.derivation_notation import PartialNotation
from chainrule.explain.derivations import Derivation, Derived, Use
from chainrule.explain.induction import Induction, Part, Result
from chainrule.explain.induction_names import HELD
from chainrule.lang.expr import Expr, Ref, transform, walk
from chainrule.lang.integers import index

_PUT_IN = 2  # how many quantities are put in before a formula is too long to be read


@dataclass(frozen=True, slots=True)
class Factor:
    """The Jacobian of `top` by `by` as a product of matrices; if it is I + A, `beside` is A."""

    top: str
    by: str
    forms: tuple[Form, ...]
    beside: Form | None = None


def below(part: Part) -> list[str]:
    """The tensors whose derivatives a result reads."""
    return list(dict.fromkeys(n.tensor[1:] for n in walk(part.derived.result)
                              if isinstance(n, Ref) and n.tensor.startswith("∂")))


def steps(found: Induction) -> dict[str, Result]:
    """The results of the step that are for a run of layers, by the name of the tensor at l."""
    return {one.parts[0].derived.tensor: one for one in found.step
            if one.first != one.last and len(one.parts) == 1 and one.parts[0].over is None}


def ahead(found: Induction) -> list[str]:
    """The tensors at other layers whose derivatives the step takes as given: z(l+1)."""
    names = [name for one in steps(found).values() for name in below(one.parts[0])]
    return [n for n in dict.fromkeys(names) if n.endswith(")") and n not in steps(found)
            and n[n.rindex("(") + 1 :].startswith((f"{found.letter}+", f"{found.letter}-"))]


def recursion(found: Induction) -> Result | None:
    """The formula from one layer to the next, where the step has it in two; else None.

    >>> from chainrule.explain.induction import induct
    >>> from chainrule.lang.families import read_family
    >>> from chainrule.lang.printing import expression_text
    >>> text = '''input x; parameter w(l) for l = 1..L; y(0) = x; z(l) = w(l)*y(l-1) for l = 1..L
    ... y(l) = tanh(z(l)) for l = 1..L-1; E = z(L)^2'''
    >>> expression_text(recursion(induct(read_family(text))).parts[0].derived.result)
    '∂z(l+1)*w(l+1)*(1 - y(l)^2)'
    """
    chain = _chain(found)
    if len(chain) < 2:
        return None
    last, *others = chain[::-1]
    part = last.parts[0]
    result = part.derived.result
    tensors, derivatives = part.found.tensors(), part.found.derivatives()
    for one in others:
        inner = one.parts[0].derived
        tensors |= one.parts[0].found.tensors()
        derivatives |= one.parts[0].found.derivatives()
        result = transform(result, lambda n, d=inner: replaced(  # type: ignore[misc]
            d.result, dict(zip(d.indices, n.subscripts, strict=True)))
            if isinstance(n, Ref) and n.tensor == f"∂{d.tensor}" else None)
    if len(terms_of(result)) > len(terms_of(part.derived.result)):
        return None
    result = _plain(result)
    form = None
    with suppress(NoMatrixForm):
        form = matrix_form(result, part.derived.indices, PartialNotation(tensors, derivatives))
    merged = Derivation(replace(part.found.program, tensors=tensors), found.of, (),
                        (), earlier=derivatives)
    derived = Derived(part.derived.tensor, part.derived.indices, (), (), result, form)
    return replace(last, parts=(Part(merged, derived),))


def _plain(e: Expr) -> Expr:
    """A single term with what does not depend on a sum in front of it."""
    terms = terms_of(e)
    return written(terms) if len(terms) == 1 else e


def _chain(found: Induction) -> list[Result]:
    """The results from the one given at l+1 down to the same family at l, each read by the next."""
    table, given = steps(found), ahead(found)
    if len(given) != 1:
        return []
    family = given[0][: given[0].rindex("(")]
    goal = next((one for one in table.values() if one.family == family), None)
    if goal is None:
        return []
    chain, want = [goal], below(goal.parts[0])
    while want != given:
        names = [n for n in want if n in table]
        if len(want) != 1 or not names or table[names[0]] in chain or len(chain) > _PUT_IN:
            return []
        one = table[names[0]]
        if (one.first, one.last) != (goal.first, goal.last):
            return []
        chain.append(one)
        want = below(one.parts[0])
    return chain[::-1]


def product(found: Induction) -> Factor | None:
    """The Jacobian from one layer to the next, as matrices; None where a layer is no one vector."""
    chain = _chain(found)
    forms: list[Form] = []
    for one in chain:
        part = one.parts[0]
        form = jacobian(part, part.derived.uses[0]) if len(part.derived.uses) == 1 else None
        if form is None:
            return None
        forms.append(form)
    if not forms:
        return None
    top = chain[0].parts[0].derived.uses[0].target
    only = chain[0].parts[0] if len(chain) == 1 else None
    return Factor(top, chain[-1].parts[0].derived.tensor, tuple(forms),
                  None if only is None else _branch(only))


def jacobian(part: Part, use: Use) -> Form | None:
    """The derivative of one vector by another as a matrix, checked; None where there is none."""
    derived, derivation = part.derived, part.found
    if len(use.indices) != 1 or len(derived.indices) != 1 or use.target == derivation.of:
        return None
    on = (use.indices[0], derived.indices[0])
    notation = PartialNotation(derivation.tensors(), derivation.derivatives())
    try:
        form = matrix_form(use.result, on, notation)
    except NoMatrixForm:
        return None
    held = any(name.startswith(HELD) for name in derivation.program.tensors)
    if derivation.points is not None and not held:
        sizes = {on[0]: derivation.program.tensors[use.target].shape[0],
                 on[1]: derivation.program.tensors[derived.tensor].shape[0]}
        derivation.points.agree([reads_back(form, on), use.result], sizes)
    return form


def _branch(part: Part) -> Form | None:
    """A, where the Jacobian is I + A."""
    use = part.derived.uses[0]
    on = (use.indices[0], part.derived.indices[0])
    sides = {index(i) for i in on}
    terms = terms_of(use.result)
    rest = [t for t in terms if not (
        t.number == 1 and not t.factors and not t.sums and not t.guards and len(t.deltas) == 1
        and {t.deltas[0].left, t.deltas[0].right} == sides)]
    if len(rest) != len(terms) - 1 or not rest:
        return None
    notation = PartialNotation(part.found.tensors(), part.found.derivatives())
    try:
        return matrix_form(written(rest), on, notation)
    except NoMatrixForm:
        return None


__all__ = ["Factor", "ahead", "below", "jacobian", "product", "recursion", "steps"]
