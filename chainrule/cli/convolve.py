"""`chainrule convolve`: a convolution worked by hand, window by window."""

from __future__ import annotations

import sys

import click

from chainrule.cli import common


@click.command("convolve")
@click.argument("x", metavar="INPUT|-")
@click.argument("w", metavar="KERNEL")
@click.option("--mode", type=click.Choice(["full", "valid", "same"]),
              help="How far the kernel may reach over the edge.  [default: full]")
@click.option("--padding", metavar="N|A:B",
              help="Zeros around the input instead of a mode: 1, 1:2, or 1,2 for rows and columns.")
@click.option("--flip/--no-flip", default=True,
              help="Turn the kernel round (true convolution), or not (correlation, what networks "
                   "call convolution).  [default: flip]")
@click.option("--stride", default="1", metavar="N",
              help="Cells from one position to the next: 2, or 2,1.")
@click.option("--dilation", default="1", metavar="N",
              help="Cells from one cell of the kernel to the next.")
@click.option("--backward", is_flag=True, help="Work the gradients of input and kernel too.")
@click.option("--seed", metavar="LIST", help="The output's adjoint.  [default: all ones]")
@click.option("--most", type=click.IntRange(0), default=16, show_default=True,
              help="Positions that are drawn.")
@click.option("--digits", type=click.IntRange(0, 30), default=4, show_default=True,
              help="Decimal places.")
@common.output_options()
def command(x: str, w: str, mode: str | None, padding: str | None, flip: bool, stride: str,
            dilation: str, backward: bool, seed: str | None, most: int, digits: int,
            format: str | None, output: str | None) -> None:
    """Work a convolution by hand: its size, every window, the result.

    INPUT and KERNEL are lists such as '[1, 2, 3]', or matrices such as '[[1, 2], [3, 4]]'. Cells
    are numbers, fractions, or symbols.

    \b
    chainrule convolve '[1,2,3,4]' '[1,0,2]' --mode same
    chainrule convolve '[[1,2,0],[3,1,2],[0,1,1]]' '[[1,0],[0,-1]]' --mode valid --backward
    """
    from chainrule.explain.convolve import convolve  # lazily: `--help` works nothing out

    if mode is not None and padding is not None:
        raise click.UsageError("--mode and --padding both say how the input is padded: give one.")
    if seed is not None and not backward:
        raise click.UsageError("--seed is for the backward pass: add --backward.")
    given = _standard_input() if x == "-" else x
    found = convolve(given, w, mode or "full", flip, stride, dilation, padding=padding,
                     backward=backward, seed=seed, most=most, digits=digits)
    common.emit_document(found.document, format, output)


def _standard_input() -> str:
    """The input from standard input, read no further than a value may be long."""
    from chainrule.literals import VALUE_CHARACTERS

    if sys.stdin is None:
        raise click.UsageError("Standard input is closed: give the input instead of -.")
    return sys.stdin.buffer.read(VALUE_CHARACTERS + 1).decode("utf-8", "replace").strip()
