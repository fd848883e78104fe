"""Forward mode: one rule, from program to program.

Each equation `out[f] = Σ body` is followed by that of its tangent,

    ȯut[f] = Σ (Σ_r ∂body/∂r[g] * ṙ[g])

over the distinct references r[g] in its body; a maximum passes the tangent of its winner. What does
not depend on the inputs whose tangents are given has no tangent equation at all.
See Griewank and Walther, Evaluating Derivatives (2nd edition, 2008), chapter 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chainrule.diff.activity import active, check_names
from chainrule.diff.calculus import tangent, terms
from chainrule.diff.reverse import Derivative, gradient, real_inputs, real_outputs
from chainrule.diff.split import split
from chainrule.diff.winners import at_winner
from chainrule.lang.collector import uncollected
from chainrule.lang.expr import ZERO, Expr, Range, Reduce, Ref, add, mul
from chainrule.lang.integers import index
from chainrule.lang.program import Equation, Origin, Program, Tensor, fresh
from chainrule.lang.verify import verify


def jvp(program: Program, of: Sequence[str] | None = None,
        wrt: Sequence[str] | None = None) -> Derivative:
    """The Jacobian-vector product: tangents of `of` for given tangents of `wrt`.

    `of` defaults to the outputs, `wrt` to the real inputs. The tangent of an input x is a new
    input `x_dot` of x's shape; that of an output y is the new output `y_dot`.

    >>> from chainrule.lang.ranges import program
    >>> d = jvp(program("y = a*sin(b)"), wrt=["b"])
    >>> d.seeds, d.names
    ({'b': 'b_dot'}, {'y': 'y_dot'})
    """
    with uncollected():
        return _jvp(program, of, wrt)


def _jvp(program: Program, of: Sequence[str] | None, wrt: Sequence[str] | None) -> Derivative:
    outputs = real_outputs(program) if of is None else list(of)
    inputs = list(real_inputs(program) if wrt is None else wrt)
    check_names(program, outputs, inputs)
    program = split(program)
    moving = active(program, outputs, inputs) | set(inputs)
    tensors = dict(program.tensors)
    names: dict[str, str] = {}
    for name in [*inputs, *(n for n in program.tensors if n in moving and n not in inputs)]:
        dot = fresh(f"{name}_dot", tensors)
        role = "seed" if name in inputs else "computed"
        tensors[dot] = Tensor(dot, tensors[name].shape, role=role, tangent_of=name)
        names[name] = dot
    equations: list[Equation] = []
    for equation in program.equations:
        equations.append(equation)
        if equation.target in names and equation.target not in inputs:
            equations.extend(_tangent(equation, names, tensors))
    for name in outputs:
        if name not in names:
            names[name] = _zero(name, tensors, equations)
    result = replace(
        program,
        tensors=tensors,
        inputs=(*program.inputs, *(names[n] for n in inputs)),
        equations=tuple(equations),
        outputs=(*program.outputs, *(names[n] for n in outputs if names[n] not in program.outputs)),
    )
    return Derivative(verify(result), {n: names[n] for n in outputs}, {n: names[n] for n in inputs})


def _tangent(
    equation: Equation, names: dict[str, str], tensors: dict[str, Tensor]
) -> list[Equation]:
    """The tangent's equation, after those of the winners that it reads."""

    def dot(ref: Ref) -> Expr:
        outside = ref.outside
        if outside is not None:  # the pad is a constant: its tangent is 0
            outside = replace(outside, fill=ZERO)
        return Ref(names[ref.tensor], ref.subscripts, outside)

    made: list[Equation] = []
    new: Expr = ZERO
    for coefficient, term in terms(equation.body):
        if isinstance(term, Reduce) and term.op != "sum":
            d = tangent(at_winner(equation, term, tensors, made), dot, names)
        elif isinstance(term, Reduce):
            d = tangent(term.body, dot, names)
            d = d if d == ZERO else Reduce("sum", term.indices, term.condition, d)
        else:
            whole = term is equation.body and not equation.accumulate
            d = tangent(term, dot, names,
                        Ref(equation.target, equation.subscripts) if whole else None)
        new = add(new, mul(coefficient, d))
    origin = Origin("tangent", equation.target, span=equation.origin.span)
    return [*made, replace(equation, target=names[equation.target], body=new, origin=origin)]


def _zero(of: str, tensors: dict[str, Tensor], equations: list[Equation]) -> str:
    """The tangent of an output that depends on nothing that moves."""
    name = fresh(f"{of}_dot", tensors)
    shape = tensors[of].shape
    tensors[name] = Tensor(name, shape, tangent_of=of)
    loops = tuple(Range("i" * (k + 1), axis) for k, axis in enumerate(shape))
    here = tuple(index(r.name) for r in loops)
    equations.append(Equation(name, here, loops, ZERO, origin=Origin("tangent", of)))
    return name


def hvp(program: Program, of: str | None = None, wrt: Sequence[str] | None = None) -> Derivative:
    """The Hessian-vector product: the gradient's tangent along given tangents of `wrt`.

    Forward over reverse: no Hessian is ever formed. `names` maps each of `wrt` to its product.
    """
    inputs = list(real_inputs(program) if wrt is None else wrt)
    first = gradient(program, of, inputs)
    gradients = [first.names[n] for n in inputs]
    second = jvp(first.program, gradients, inputs)
    names = {n: second.names[first.names[n]] for n in inputs}
    return Derivative(second.program, names, second.seeds)
