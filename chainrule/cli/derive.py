"""`chainrule derive`: a gradient in closed form, step by step."""

from __future__ import annotations

import click

from chainrule.cli import common

_STEPS = ("all", "main", "result")


@click.command("derive")
@click.argument("formula", metavar="FORMULA|NETWORK|FILE|-")
@click.option("--wrt", multiple=True, metavar="NAME,...",
              help="What to differentiate by; all real inputs by default.")
@click.option("--of", metavar="NAME", help="The number to differentiate; the last output.")
@click.option("--given", "givens", multiple=True, metavar="EQUATION",
              help="An assumption, such as 'sum(i) t[i] = 1'.")
@click.option("--steps", type=click.Choice(_STEPS), default="all", show_default=True,
              help="How much to show.")
@click.option("--layout", type=click.Choice(("column", "row")), default="column",
              show_default=True, help="Whether the derivative by a vector is a column or a row.")
@common.output_options()
def command(
    formula: str, wrt: tuple[str, ...], of: str | None, givens: tuple[str, ...], steps: str,
    layout: str, format: str | None, output: str | None,
) -> None:
    """Derive a gradient in closed form: each line with its rule and reason, and verified.

    \b
    chainrule derive 'input z[K], t[K]; p = softmax(z); L = -sum(i) t[i]*ln(p[i])' \\
        --wrt z --given 'sum(i) t[i] = 1'
    """
    from chainrule.cli import networks
    from chainrule.explain.derivation_page import page
    from chainrule.explain.derive import derive
    from chainrule.explain.givens import given

    network = networks.find([formula])
    program = common.source((formula,)).program if network is None else network.program
    found = derive(program, of, common.names(wrt) or (), [given(g, program) for g in givens])
    common.emit_document(page(found, steps, layout=layout), format, output)
