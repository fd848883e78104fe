"""The Python face: a formula that can be called, differentiated, traced and shown.

    >>> import chainrule as cr
    >>> f = cr.formula("y = ln(x1) + x1*x2 - sin(x2)")
    >>> round(f(x1=2, x2=5), 4)
    11.6521
    >>> f.gradient(x1=2, x2=5)["x1"]
    5.5

A formula comes from text or from Python's operators. Values are numbers, nested lists or arrays;
results are floats where a tensor is a scalar and NumPy arrays elsewhere. Derivatives are programs,
made once and kept. Nothing is stored on the values: gradients are returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from chainrule.algebra.stable import stabilise
from chainrule.diff.forward import hvp, jvp
from chainrule.diff.reverse import Derivative, gradient, jacobian, vjp
from chainrule.document.blocks import MathBlock
from chainrule.errors import (
    DerivativeError,
    InputError,
    KindError,
    MissingExtraError,
    UnknownNameError,
    did_you_mean,
)
from chainrule.formulas.calls import read as program
from chainrule.lang.printing import program_text
from chainrule.lang.program import Program, fresh
from chainrule.nn.network import Network
from chainrule.operators.build import in_order, program_of
from chainrule.operators.nodes import Node
from chainrule.operators.variables import Variable, variable
from chainrule.spec import Specification

if TYPE_CHECKING:
    from chainrule.explain.trace import Trace
    from chainrule.native.calls import CompiledFormula
    from chainrule.render import Page

TRACE_OPTIONS = frozenset({
    "mode", "of", "wrt", "seed", "tangent", "digits", "granularity", "order", "fanout", "title",
    "graph",
})  # fmt: skip
_DTYPES = ("float64", "float32")


class Formula:
    """A program with a Python face.

    Values are given by name, `f(x1=2, x2=5)`, or as a mapping, `f({"lambda": 2})`, where a name is
    no Python identifier or is an option's. `dtype` is "float64" or "float32".

    `program` is the formula as it was written, and is what is printed and traced. What is run and
    differentiated is its stable form (`chainrule.algebra.stable`); with `stable=False` it is the
    formula as it stands, which may overflow.

    >>> formula("p[i] = exp(z[i])/sum(k) exp(z[k])")(z=[1000, 1000]).tolist()
    [0.5, 0.5]
    """

    __slots__ = ("_derivatives", "_stabilised", "dtype", "program", "stable")

    def __init__(self, program: Program, dtype: str = "float64", stable: bool = True) -> None:
        if dtype not in _DTYPES:
            raise KindError(f"the dtype is one of {', '.join(_DTYPES)}, not {dtype!r:.40}")
        self.program = program
        self.dtype = dtype
        self.stable = stable
        self._derivatives: dict[tuple[Any, ...], Derivative] = {}
        self._stabilised: dict[tuple[tuple[str, ...], ...], Program] = {}

    # --- values

    def __call__(self, values: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """The output's value; a dictionary by name where there are several.

        Raises `MissingValueError`, `ShapeError`, `DomainError` and what else evaluation raises.
        """
        return self._single(self.run(values, **named))

    def run(self, values: Mapping[str, Any] | None = None, /, **named: Any) -> dict[str, Any]:
        """All outputs by name."""
        found = self._run(self._runnable(), _merged(values, named))
        return {name: found[name] for name in self.program.outputs}

    # --- derivatives

    def gradient(self, values: Mapping[str, Any] | None = None, /, *, of: str | None = None,
                 wrt: str | Sequence[str] | None = None, **named: Any) -> dict[str, Any]:
        """The gradient of a scalar output with respect to each of `wrt`, in the shape of each.

        Raises `DerivativeError` where the output is no scalar, or there are several and `of` does
        not say which.
        """
        return self.value_and_gradient(values, of=of, wrt=wrt, **named)[1]

    def value_and_gradient(
        self, values: Mapping[str, Any] | None = None, /, *, of: str | None = None,
        wrt: str | Sequence[str] | None = None, **named: Any,
    ) -> tuple[Any, dict[str, Any]]:
        """The value of a scalar output, and its gradient."""
        d = self._derivative(gradient, of, _names(wrt))
        found = self._run(d.program, _merged(values, named))
        return found[self.only(of)], {name: found[d.names[name]] for name in d.names}

    def jacobian(self, values: Mapping[str, Any] | None = None, /, *, of: str | None = None,
                 wrt: str | Sequence[str] | None = None, **named: Any) -> dict[str, Any]:
        """All partial derivatives of an output: its axes first, then those of each of `wrt`."""
        d = self._derivative(jacobian, of, _names(wrt))
        found = self._run(d.program, _merged(values, named))
        return {name: found[d.names[name]] for name in d.names}

    def hessian(self, values: Mapping[str, Any] | None = None, /, *, of: str | None = None,
                wrt: str | Sequence[str] | None = None, **named: Any) -> Any:
        """The second derivatives of a scalar output.

        `hessian(wrt="w")` is one array whose axes are those of w twice; without a single name it
        is a dictionary of dictionaries, `h["a"]["b"]` being the derivative by a, then by b.
        """
        first = self._derivative(gradient, of, _names(wrt))
        given = _merged(values, named)
        table = {}
        for a in first.names:
            make = partial(jacobian, first.program, first.names[a], list(first.names))
            d = self._cached(("second", of, _names(wrt), a), make)
            found = self._run(d.program, given)
            table[a] = {b: found[d.names[b]] for b in d.names}
        return table[wrt][wrt] if isinstance(wrt, str) else table

    def jvp(self, tangents: Mapping[str, Any], values: Mapping[str, Any] | None = None, /, *,
            of: str | Sequence[str] | None = None, **named: Any) -> Any:
        """The Jacobian-vector product: how the outputs move where the inputs move by `tangents`.

        Inputs without a tangent stand still.
        """
        d = self._derivative(jvp, _names(of), tuple(tangents))
        seeds = {d.seeds[name]: tangents[name] for name in d.seeds}
        found = self._run(d.program, {**_merged(values, named), **seeds})
        return self._single({name: found[d.names[name]] for name in d.names})

    def vjp(self, seeds: Any, values: Mapping[str, Any] | None = None, /, *,
            wrt: str | Sequence[str] | None = None, **named: Any) -> dict[str, Any]:
        """The vector-Jacobian product: adjoints of the inputs for given adjoints of the outputs.

        `seeds` maps outputs to their adjoints; where there is one output it may be its adjoint.
        """
        given = seeds if isinstance(seeds, Mapping) else {self.only(None): seeds}
        return self.value_and_vjp(given, values, wrt=wrt, **named)[1]

    def value_and_vjp(
        self, seeds: Mapping[str, Any], values: Mapping[str, Any] | None = None, /, *,
        wrt: str | Sequence[str] | None = None, **named: Any,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The values of the seeded outputs, and the adjoints of the inputs."""
        d = self._derivative(vjp, tuple(seeds), _names(wrt))
        adjoints = {d.seeds[name]: seeds[name] for name in d.seeds}
        found = self._run(d.program, {**_merged(values, named), **adjoints})
        return ({name: found[name] for name in seeds},
                {name: found[d.names[name]] for name in d.names})

    def hvp(self, vectors: Mapping[str, Any], values: Mapping[str, Any] | None = None, /, *,
            of: str | None = None, **named: Any) -> dict[str, Any]:
        """The Hessian of a scalar output times a vector, by input; no Hessian is formed."""
        d = self._derivative(hvp, of, tuple(vectors))
        seeds = {d.seeds[name]: vectors[name] for name in d.seeds}
        found = self._run(d.program, {**_merged(values, named), **seeds})
        return {name: found[d.names[name]] for name in d.names}

    # --- explanations

    def trace(self, values: Mapping[str, Any] | None = None, /, **named: Any) -> Trace:
        """The formula worked by hand: options and values by name; see `chainrule.explain.trace`.

        A name that is an option's and an input's is the option; give the value in the mapping.
        """
        from chainrule.explain.trace import by_layers, trace  # lazily: only explanations need it

        options = {k: v for k, v in named.items() if k in TRACE_OPTIONS}
        given = _merged(values, {k: v for k, v in named.items() if k not in TRACE_OPTIONS})
        if isinstance(options.get("wrt"), str):
            options["wrt"] = [options["wrt"]]
        reason = by_layers(self.program, given, options.get("granularity"))
        if reason is not None:
            from chainrule.explain.layer_trace import trace_layers  # lazily: it needs NumPy

            options.pop("granularity", None)
            return trace_layers(self.program, given, reason=reason, **options)
        return trace(self.program, given, **options)

    def graph(self, values: Mapping[str, Any] | None = None, /, **named: Any) -> Page:
        """The computation graph as a document that notebooks draw, with values where given."""
        from chainrule.document.blocks import Figure
        from chainrule.render import Page  # lazily: only showing needs it

        blocks = self.trace(values, mode="forward", graph=True, **named).document.blocks
        figures = tuple(block for block in blocks if isinstance(block, Figure))
        return Page("Computation graph", figures)

    def document(self) -> Page:
        """The equations, typeset."""
        from chainrule.document.notation import Notation  # lazily: only showing needs them
        from chainrule.explain.work import equation_math
        from chainrule.render import Page

        notation = Notation(self.program.tensors)
        blocks = tuple(MathBlock(equation_math(notation, e)) for e in self.program.equations)
        return Page("", blocks)

    def __str__(self) -> str:
        return program_text(self.program)

    def __repr__(self) -> str:
        return f"<Formula of {', '.join(self.program.inputs)}>\n{self}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_latex_(self) -> str:
        from chainrule.document.mathtree import latex

        lines = [latex(block.math) for block in self.document().blocks
                 if isinstance(block, MathBlock)]
        body = " \\\\\n".join(lines)
        return f"$$\\begin{{gathered}}\n{body}\n\\end{{gathered}}$$"

    def _repr_html_(self) -> str:
        from chainrule.render.to_html import fragment

        return fragment(self.document())

    # --- within

    def only(self, of: str | None = None) -> str:
        """The output that is meant: `of`, or the only one there is."""
        outputs = self.program.outputs
        if of is not None:
            if of not in self.program.tensors:
                raise UnknownNameError(f"the program computes nothing called {of}", None,
                                       did_you_mean(of, list(self.program.tensors))
                                       or f"its outputs are {', '.join(outputs)}")
            return of
        if len(outputs) == 1:
            return outputs[0]
        raise DerivativeError(f"there are {len(outputs)} outputs: say which one is meant", None,
                              f"one of {', '.join(outputs)}")

    def _single(self, found: dict[str, Any]) -> Any:
        return next(iter(found.values())) if len(found) == 1 else found

    def _derivative(self, make: Callable[..., Derivative], of: Any, wrt: Any) -> Derivative:
        if isinstance(of, str):
            self.only(of)
        inputs = () if wrt is None else wrt
        return self._cached((make.__name__, of, wrt), lambda: make(
            self._runnable((of,) if isinstance(of, str) else of or (), inputs),
            list(of) if isinstance(of, tuple) else of, None if wrt is None else list(wrt)))

    def _runnable(self, of: Sequence[str] = (), wrt: Sequence[str] = ()) -> Program:
        """The program to run, which has the tensors `of`, and in which `wrt` can be moved."""
        if not self.stable:
            return self.program
        tensors, inputs = self.program.tensors, self.program.inputs
        more = tuple(n for n in of if n in tensors and n not in self.program.outputs)
        inner = tuple(n for n in wrt if n in tensors and n not in inputs)
        if (more, inner) not in self._stabilised:
            self._stabilised[more, inner] = stabilise(self.program, inner, more)
        return self._stabilised[more, inner]

    def _cached(self, key: tuple[Any, ...], make: Callable[[], Derivative]) -> Derivative:
        if key not in self._derivatives:
            self._derivatives[key] = make()
        return self._derivatives[key]

    def _run(self, program: Program, values: Mapping[str, Any]) -> dict[str, Any]:
        """All tensors of a program; scalars as Python floats."""
        from chainrule.evaluate.reference import run  # lazily: it needs NumPy

        found = run(program, values, dtype=self.dtype)
        return {name: array if array.ndim else array.item() for name, array in found.items()}


def _names(names: str | Sequence[str] | None) -> tuple[str, ...] | None:
    return (names,) if isinstance(names, str) else None if names is None else tuple(names)


def _merged(values: Mapping[str, Any] | None, named: Mapping[str, Any]) -> dict[str, Any]:
    if values is not None and not isinstance(values, Mapping):
        raise InputError(f"values are given by name, found a {type(values).__name__}", None,
                         "write f(x1=2, x2=5), or f({'x1': 2})")
    return {**(values or {}), **named}


def formula(text: str | Program | Variable | Network | None = None, /, *more: Variable,
            dtype: str = "float64", stable: bool = True, **outputs: Variable) -> Formula:
    """A formula from text, variables (`formula(y)`, `formula(y=y, z=z)`), a program or a network.

    With `stable=False` it runs as written, not in its stable form. Raises what parsing and
    verification raise.

    >>> print(formula("y = a*sin(b)"))
    input a
    input b
    y = a*sin(b)
    output y
    """
    if isinstance(text, Network):
        text = text.program
    if isinstance(text, str | Program):
        if more or outputs:
            raise InputError("a formula from text takes no variables beside it")
        return Formula(program(text) if isinstance(text, str) else text, dtype, stable)
    found = _outputs([] if text is None else [text, *more])
    found.update({name: variable(v).node for name, v in outputs.items()})
    if not found:
        raise InputError("a formula needs a text or a variable")
    return Formula(program_of(found), dtype, stable)


def _outputs(variables: Iterable[Any]) -> dict[str, Node]:
    """Variables without a keyword: by their own names, else y, or y1, y2, ..., if that is free."""
    nodes = [variable(v).node for v in variables]
    taken = {node.name for node in in_order(nodes) if node.name is not None}
    plain = ["y"] if len(nodes) == 1 else [f"y{k + 1}" for k in range(len(nodes))]
    return {node.name or fresh(name, taken): node
            for node, name in zip(nodes, plain, strict=True)}


def trace(text: str | Program | Variable | Network | Formula | Specification,
          values: Mapping[str, Any] | None = None, /, **named: Any) -> Trace:
    """A formula worked by hand; options and values by name, as for `Formula.trace`.

    A specification brings its own values and options; what is given here comes before them. A
    network's parameters begin as `Network.initial` has them, unless they are given.
    """
    if isinstance(text, Network):
        given = _merged(values, {k: v for k, v in named.items() if k not in TRACE_OPTIONS})
        missing = any(p.tensor.name not in given for p in text.everything())
        values = {**(text.initial() if missing else {}), **given}
        named = {k: v for k, v in named.items() if k in TRACE_OPTIONS}
    if not isinstance(text, Specification):
        return _formula(text).trace(values, **named)
    own = {**text.options, "seed": text.seed or None, "tangent": text.tangent or None,
           "title": text.title}
    with text.placed():
        return Formula(text.program).trace({**text.values, **(values or {})}, **{**own, **named})


def compile_formula(
    text: str | Program | Variable | Network | Formula, /, *, of: str | None = None,
    wrt: str | Sequence[str] | None = None, dtype: str | None = None, check: bool = True,
    threads: int = 1, sizes: Mapping[str, int] | None = None,
) -> CompiledFormula:
    """A formula as machine code, with the face of a `Formula`, for many calls.

    `of` and `wrt` say what the gradient is of and by, as in `Formula.gradient`; `sizes` are those
    that no value's shape tells. Where a result is infinite or not a number, the reference is asked
    what happened, and mostly raises a `DomainError` with the place; with `check=False` the result
    comes as it is. See docs/compile.md. Needs the extra `native` (else `MissingExtraError`).

    >>> f = compile_formula("y = a*b", wrt="a")
    >>> f(2.0, 3.0), f.gradient(a=2.0, b=3.0)
    (6.0, {'a': 3.0})
    """
    try:
        from chainrule.native.calls import CompiledFormula  # lazily: it needs llvmlite
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "llvmlite":
            raise
        raise MissingExtraError("machine code needs llvmlite, which is not installed", None,
                                "pip install 'chainrule[native]'") from None

    own = _formula(text)
    if dtype is not None:
        own = Formula(own.program, dtype, own.stable)
    if of is not None:
        own.only(of)
    names = _names(wrt)
    if of is not None or names is not None:
        own._derivative(gradient, of, names)  # now, so that a wrong name is told here
    return CompiledFormula(
        own.program, own._runnable(), partial(own.only, of),
        partial(own._derivative, gradient, of, names), dtype=own.dtype, check=check,
        threads=threads, sizes=sizes)


def derive(
    text: str | Program | Variable | Network | Formula, *, wrt: str | Sequence[str] = (),
    of: str | None = None, given: Sequence[str] = (), order: int = 1, steps: str = "all",
    layout: str = "column",
) -> Page:
    """The derivation of a gradient (of a Hessian, with `order=2`) in closed form, as a page.

    `given` are assumptions such as "sum(i) t[i] = 1"; `steps` is "all", "main" or "result".

    >>> page = derive("input x[N], A[N,N]; f = dot(x, A @ x)", wrt="x", steps="result")
    >>> "A x + Aᵀ x" in str(page)
    True
    """
    from chainrule.explain import derivation_page, hessian_page  # lazily: as for traces
    from chainrule.explain.derive import derive as derivation
    from chainrule.explain.givens import given as assumption
    from chainrule.explain.hessian import hessian
    from chainrule.render import Page

    if order not in (1, 2):
        raise InputError(f"there is no order {order}", None, "1 is the gradient, 2 the Hessian")
    own = _formula(text).program
    names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    assumed = [assumption(g, own) for g in given]
    if order == 2:
        found = hessian_page.page(hessian(own, of, names, assumed), steps, layout=layout)
    else:
        found = derivation_page.page(derivation(own, of, names, assumed), steps, layout=layout)
    return Page(found.title, found.blocks, found.meta)


def prove(claim: str, *given: str, budget: float = 5.0) -> Page:
    """A claim proved, refuted or left undecided, as a page whose `meta` has the verdict.

    >>> prove("sqrt(x^2) == x").meta["verdict"], prove("sqrt(x^2) == x", "x >= 0").meta["verdict"]
    ('refuted', 'proved')
    """
    from chainrule.explain.proof_page import page  # lazily: as for traces
    from chainrule.explain.prove import prove as decided
    from chainrule.render import Page

    found = page(decided(claim, given, budget))
    return Page(found.title, found.blocks, found.meta)


def gradient_of(text: str | Program | Variable | Network | Formula,
                values: Mapping[str, Any] | None = None, /, **named: Any) -> dict[str, Any]:
    """The gradient of a formula at a point, as `Formula.gradient` gives it."""
    return _formula(text).gradient(values, **named)


def run(text: str | Program | Variable | Network | Formula,
        values: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
    """The value of a formula at a point, as calling a `Formula` gives it."""
    return _formula(text)(values, **named)


def _formula(text: str | Program | Variable | Network | Formula) -> Formula:
    return text if isinstance(text, Formula) else formula(text)
