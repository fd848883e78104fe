"""`chainrule run`: a formula's value, in plain numbers."""

from __future__ import annotations

import click

from chainrule.cli import common


@click.command("run", cls=common.FormulaCommand)
@common.formula_arguments
@click.option("--dtype", type=click.Choice(["float64", "float32"]), default="float64",
              show_default=True, help="The width of the numbers.")
@common.output_options()
def command(formula: tuple[str, ...], at: tuple[str, ...], index_number: str | None, dtype: str,
            format: str | None, output: str | None) -> None:
    """Evaluate a formula at a point.

    JSON has "value" where there is one output, and "values" by name always.
    """
    from chainrule.cli import results  # lazily: `run --help` evaluates nothing
    from chainrule.document.notation import Notation
    from chainrule.frontend import Formula

    found = common.source(formula, at, index_number, floats=True)
    with found.placed():
        values = Formula(found.program, dtype).run(found.values)
    data = {name: results.plain(value) for name, value in values.items()}
    single = {"value": next(iter(data.values()))} if len(data) == 1 else {}
    results.emit(found.title or "Values", [("Values", values, Notation.tensor)],
                 {**single, "values": data}, found.program.tensors, format, output)
