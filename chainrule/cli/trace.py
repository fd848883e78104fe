"""`chainrule trace`: a formula worked by hand, forward and backward."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

import click

from chainrule.cli import common
from chainrule.errors import InputError
from chainrule.literals import assignments

_ROW: Final = re.compile(r"v_?\d+", re.ASCII)  # the names of the rows of a trace


@click.command("trace", cls=common.FormulaCommand)
@common.formula_arguments
@click.option("--mode", type=click.Choice(["both", "forward", "reverse"]),
              help="Tangents, adjoints, or both.  [default: both]")
@click.option("--wrt", multiple=True, metavar="NAMES", help="The inputs to differentiate by.")
@click.option("--of", metavar="NAME", help="The output to differentiate.")
@click.option("--seed", multiple=True, metavar="NAME=VALUE ...",
              help="Given adjoints of outputs, such as y=2.0 for dL/dy.")
@click.option("--tangent", multiple=True, metavar="NAME=VALUE ...",
              help="Given tangents of inputs.")
@click.option("--digits", type=click.IntRange(0, 30), help="Decimal places.  [default: 4]")
@click.option("--granularity", type=click.Choice(["elementary", "layer"]),
              help="A row for each elementary function, or for each equation.")
@click.option("--order", type=click.Choice(["written", "level"]),
              help="Rows as written, or level by level.  [default: written]")
@click.option("--fanout", type=click.Choice(["sum", "accumulate"]),
              help="Adjoints as one sum, or use by use.  [default: sum]")
@click.option("--graph", is_flag=True, help="Draw the computation graph too.")
@click.option("--title", help="The document's title.")
@common.output_options()
def command(formula: tuple[str, ...], at: tuple[str, ...], index_number: str | None,
            seed: tuple[str, ...], tangent: tuple[str, ...], wrt: tuple[str, ...],
            title: str | None, format: str | None, output: str | None, graph: bool,
            **given: Any) -> None:
    """Work a formula by hand at a point: values, tangents and adjoints, step by step.

    Inputs without a value stay symbols.
    """
    from chainrule.frontend import trace  # lazily: `trace --help` works nothing out

    given.update(wrt=common.names(wrt), title=title, graph=graph or None)
    options = {k: v for k, v in given.items() if v is not None}
    found = common.source(formula, at, index_number)
    mode = options.get("mode", found.options.get("mode"))
    _check_mode(mode, seed, tangent)
    seeds, tangents = assignments(seed, "--seed"), assignments(tangent, "--tangent")
    program = found.program
    rows = [name for name in seeds if _ROW.fullmatch(name)]  # a row of the table to start from
    common.check_names("--seed", seeds, [*program.tensors, *rows], "output", program.outputs)
    common.check_names("--tangent", tangents, program.inputs, "input", program.inputs)
    found = replace(found, seed={**found.seed, **seeds}, tangent={**found.tangent, **tangents})
    result = trace(found, **options)
    common.emit_document(result.document, format, output)


def _check_mode(mode: str | None, seed: tuple[str, ...], tangent: tuple[str, ...]) -> None:
    """Refuse what the mode would not use: adjoints run in reverse, tangents forward."""
    for option, given, unused, wanted in (("--seed", seed, "forward", "reverse"),
                                          ("--tangent", tangent, "reverse", "forward")):
        if given and mode == unused:
            raise InputError(f"{option} is of no use in {unused} mode",
                             hint=f"leave it out, or write --mode {wanted} or --mode both")
