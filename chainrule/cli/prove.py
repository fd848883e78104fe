"""`chainrule prove`: a claim proved by named steps, refuted by a point, or left undecided."""

from __future__ import annotations

import re
from typing import Final

import click

from chainrule.cli import FINDINGS as REFUTED
from chainrule.cli import UNDECIDED, common

_NAME: Final = re.compile(r"[a-z]\w*(-[a-z0-9]\w*)+|im2col")


class _Command(click.Command):
    """A command whose claim may begin with a minus sign."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [
            f" {word}" if word.startswith("-") and any(c in word for c in " <>≤≥≠(") else word
            for word in args])


@click.command("prove", cls=_Command)
@click.argument("claim", metavar="CLAIM|NAME|FILE|-", required=False)
@click.option("--list", "listed", is_flag=True, help="List the identities that have a name.")
@click.option("--given", "givens", multiple=True, metavar="ASSUMPTION",
              help="An assumption, such as 'sum(i) t[i] = 1', 'x > 0', 't is one-hot'.")
@click.option("--budget", type=click.FloatRange(0.1, 3600.0), default=5.0, show_default=True,
              metavar="SECONDS", help="After that much time the claim is called undecided.")
@click.option("--at", multiple=True, metavar="NAME=VALUE",
              help="Show both sides in numbers too: in float32, in float64, and exactly.")
@common.output_options()
@click.pass_context
def command(
    ctx: click.Context, claim: str | None, listed: bool, givens: tuple[str, ...], budget: float,
    at: tuple[str, ...], format: str | None, output: str | None,
) -> None:
    """Prove a claim, or refute it by a counterexample, or say that it is undecided.

    Definitions come first, the claim last. The exit code is 0 if it is proved, 1 if it is refuted,
    4 if it is undecided.

    \b
    chainrule prove 'input x[K], c; softmax(x + c) == softmax(x)'
    chainrule prove 'lim(k -> inf) sigmoid(k*x) == heaviside(x)'
    chainrule prove 'sqrt(x^2) == x' --given 'x >= 0'

    Some identities have a name, which stands for the claim:

    \b
    chainrule prove --list
    chainrule prove softmax-shift
    """
    from chainrule.explain.identities import identity, listing
    from chainrule.explain.proof_page import page
    from chainrule.explain.prove import prove
    from chainrule.literals import assignments

    if listed or claim is None:
        if not listed:
            raise click.UsageError("Missing argument 'CLAIM|NAME|FILE|-'.", ctx)
        common.emit_document(listing(), format, output)
        return
    if _NAME.fullmatch(claim):
        known = identity(claim)
        text, givens = known.claim, (*known.givens, *givens)
    else:
        text, _ = common.read(claim)
    found = prove(text, givens, budget)
    values = assignments(at, "--at", floats=True) if at else None
    common.emit_document(page(found, values), format, output)
    if found.verdict != "proved":
        ctx.exit(REFUTED if found.verdict == "refuted" else UNDECIDED)
