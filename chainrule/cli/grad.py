"""`chainrule grad`: derivatives at a point, in plain numbers."""

from __future__ import annotations

from typing import Any

import click

from chainrule.cli import common
from chainrule.errors import InputError
from chainrule.literals import assignments


@click.command("grad", cls=common.FormulaCommand)
@common.formula_arguments
@click.option("--wrt", multiple=True, metavar="NAMES", help="The inputs to differentiate by.")
@click.option("--of", metavar="NAME", help="The output to differentiate, where there are several.")
@click.option("--seed", multiple=True, metavar="NAME=VALUE ...",
              help="Given adjoints of outputs, such as y=2.0 for dL/dy.")
@click.option("--jacobian", "kind", flag_value="jacobian", help="All partial derivatives.")
@click.option("--hessian", "kind", flag_value="hessian", help="Second derivatives of a scalar.")
@click.option("--dtype", type=click.Choice(["float64", "float32"]), default="float64",
              show_default=True, help="The width of the numbers.")
@common.output_options()
def command(formula: tuple[str, ...], at: tuple[str, ...], index_number: str | None,
            seed: tuple[str, ...], wrt: tuple[str, ...], of: str | None, kind: str | None,
            dtype: str, format: str | None, output: str | None) -> None:
    """Differentiate a formula at a point.

    JSON has "value", and "gradient" by input: numbers, or nested lists of the input's shape. With
    --jacobian the axes of the output come first; with --hessian, "hessian"[a][b] is the derivative
    by a, then by b.
    """
    from chainrule.cli import results  # lazily: `grad --help` differentiates nothing
    from chainrule.document.mathtree import Fraction, Math, Num, Op, Power, Row
    from chainrule.document.notation import Notation, symbol
    from chainrule.frontend import Formula

    found = common.source(formula, at, index_number, floats=True)
    by = common.names(wrt)
    if kind is not None and seed:
        raise InputError(f"--seed and --{kind} do not go together",
                         hint=f"a {kind} is of the output alone")
    given = assignments(seed, "--seed", floats=True)
    common.check_names("--seed", given, list(found.program.tensors), "output",
                       found.program.outputs)
    seeds = {**found.seed, **given}
    if kind is not None or not seeds:
        common.check_of(found.program, of)
    with found.placed():
        face = Formula(found.program, dtype)
        value, derivative = _derivative(face, found.values, seeds, kind, of, by)
    values = value if isinstance(value, dict) else {face.only(of): value}
    word = kind or "gradient"
    data: dict[str, Any]
    if kind == "hessian":
        data = {a: {b: results.plain(d) for b, d in inner.items()}
                for a, inner in derivative.items()}
        flat = {f"{word}[{a},{b}]": d for a, inner in derivative.items() for b, d in inner.items()}
    else:
        data = {name: results.plain(d) for name, d in derivative.items()}
        flat = {f"{word}[{name}]": d for name, d in derivative.items()}

    def typeset(notation: Notation, what: str) -> Math:
        """∂y/∂a, or ∂²y/∂a∂b; with given adjoints, of the loss that they belong to."""
        inputs = what[len(word) + 1 : -1].split(",")
        top = symbol("L") if kind is None and seeds else notation.tensor(face.only(of))
        below = [m for name in inputs for m in (Op("∂"), notation.tensor(name))]
        power = Power(Op("∂"), Num("2")) if kind == "hessian" else Op("∂")
        return Fraction(Row((power, top)), Row(tuple(below)))

    groups: list[results.Group] = [("Values", values, Notation.tensor),
                                   (word.capitalize(), flat, typeset)]
    shown = ({n: results.plain(v) for n, v in value.items()} if isinstance(value, dict)
             else results.plain(value))
    results.emit(found.title or "Derivatives", groups, {"value": shown, word: data},
                 found.program.tensors, format, output)


def _derivative(face: Any, values: Any, seeds: Any, kind: str | None, of: str | None,
                by: list[str] | None) -> tuple[Any, dict[str, Any]]:
    """The value of what is differentiated, and its derivatives."""
    if kind is None and seeds:
        if of is not None:
            seeds = {of: seeds.get(of, 1)}
        value, adjoints = face.value_and_vjp(seeds, values, wrt=by)
        return (next(iter(value.values())) if len(value) == 1 else value), adjoints
    if kind is None:
        return face.value_and_gradient(values, of=of, wrt=by)  # type: ignore[no-any-return]
    result = getattr(face, kind)(values, of=of, wrt=by)
    return face.run(values)[face.only(of)], result
