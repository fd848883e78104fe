"""`chainrule derive`: a gradient in closed form, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainrule.cli import common

if TYPE_CHECKING:
    from chainrule.document.blocks import Document
    from chainrule.lang.families import Family

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
@click.option("--order", type=click.IntRange(1, 2), default=1, show_default=True,
              help="First or second derivatives (the Hessian).")
@common.layers_option
@common.output_options()
def command(
    formula: str, wrt: tuple[str, ...], of: str | None, givens: tuple[str, ...], steps: str,
    layout: str, order: int, format: str | None, output: str | None,
) -> None:
    """Derive a gradient in closed form: each line with its rule and reason, and verified.

    With --order 2 the Hessian, a block for each pair of --wrt. Formulas for L layers, such as
    h(l) = tanh(w(l)*h(l-1)) for l = 1..L, are derived by induction, or with --layers for a number.

    \b
    chainrule derive 'input z[K], t[K]; p = softmax(z); L = -sum(i) t[i]*ln(p[i])' \\
        --wrt z --given 'sum(i) t[i] = 1'
    """
    from chainrule.cli import networks
    from chainrule.explain.derivation_page import page
    from chainrule.explain.derive import derive
    from chainrule.explain.givens import given
    from chainrule.explain.hessian import hessian
    from chainrule.explain.hessian_page import page as hessian_page

    network = networks.find([formula])
    family = None if network is not None else common.family(formula)
    if family is not None:
        if order != 1:
            raise click.UsageError("--order 2 needs a number of layers: give --layers 2.")
        document = _induction(family, of, wrt, givens, steps, layout)
        common.emit_document(document, format, output)
        return
    program = common.source((formula,)).program if network is None else network.program
    wanted = common.members(program, common.names(wrt) or ())
    assumed = [given(g, program) for g in givens]
    if order == 2:
        document = hessian_page(hessian(program, of, wanted, assumed), steps, layout=layout)
    else:
        document = page(derive(program, of, wanted, assumed), steps, layout=layout)
    common.emit_document(document, format, output)


def _induction(family: Family, of: str | None, wrt: tuple[str, ...], givens: tuple[str, ...],
               steps: str, layout: str) -> Document:
    """The derivation for a number of layers that is a symbol."""
    from chainrule.explain.induction_check import proved
    from chainrule.explain.induction_page import page

    return page(proved(family, of, common.names(wrt) or (), givens), steps, layout)
