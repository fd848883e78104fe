"""`chainrule transform`: a network with another activation, other weights and the same outputs."""

from __future__ import annotations

from typing import Any

import click

from chainrule.cli import UNDECIDED, common


@click.command("transform", cls=common.FormulaCommand)
@click.argument("formula", nargs=-1, metavar="FORMULA|NETWORK|FILE|-")
@click.option("--swap", "swaps", multiple=True, required=True, metavar="OLD=NEW",
              help="Two activations, such as sigmoid=tanh, or an identity "
                   "f(z) = a*g(b*z + c) + d, such as 'relu(z) = 2*relu(z/2)'.")
@click.option("--parameters", multiple=True, metavar="NAMES",
              help="Which inputs are weights, where none is declared.  [default: all but x, t, y]")
@click.option("--at", multiple=True, metavar="NAME=VALUE ...",
              help="Values of the inputs: the new weights in numbers, and both outputs.")
@click.option("--init", metavar="HOW", help="How a network's parameters begin, to show it in "
              "numbers: cosine, he_normal, ...")
@click.option("--rng", type=click.IntRange(0), default=0, show_default=True,
              help="The seed of a network's random parameters.")
@click.option("--budget", type=click.FloatRange(0.1, 3600.0), default=5.0, show_default=True,
              metavar="SECONDS", help="After that much time a claim is called undecided.")
@common.output_options()
@click.pass_context
def command(
    ctx: click.Context, formula: tuple[str, ...], swaps: tuple[str, ...],
    parameters: tuple[str, ...], at: tuple[str, ...], init: str | None, rng: int, budget: float,
    format: str | None, output: str | None,
) -> None:
    """Replace an activation by another one, and change the weights so that the outputs stay.

    The new weights are given as formulas, with --at as numbers; that the outputs are equal is
    proved, layer by layer. The exit code is 4 if a part of that is undecided.

    \b
    chainrule transform 'h[j] = sigmoid(sum(i) W[j,i]*x[i] + b[j]); y = sum(j) V[j]*h[j] + c' \\
        --swap sigmoid=tanh
    """
    from chainrule.cli import networks
    from chainrule.explain.transform_page import page
    from chainrule.explain.transform_proof import transform_program
    from chainrule.literals import assignments

    network = networks.find(formula)
    values: dict[str, Any] | None = None
    if network is not None:
        program = network.program
        if at or init is not None:
            values, _ = networks.values(network, at, rng, init)
    else:
        program = common.source(formula).program
        if at:
            values = assignments(at, "--at")
            common.check_names("--at", values, program.inputs, "input", program.inputs)
    found = transform_program(program, swaps, common.names(parameters) or (), budget)
    common.emit_document(page(found, values), format, output)
    if found.verdict != "proved":
        ctx.exit(UNDECIDED)
