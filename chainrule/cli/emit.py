"""`chainrule emit`: a formula or a network as a source file for NumPy, PyTorch or JAX."""

from __future__ import annotations

import click

from chainrule.cli import common

_TARGETS = ("numpy", "pytorch", "jax")


@click.command("emit")
@click.argument("formula", metavar="FORMULA|NETWORK|FILE|-")
@click.option("--target", "-t", type=click.Choice(_TARGETS), default="numpy", show_default=True,
              help="The library that the file is for.")
@click.option("--of", metavar="NAME", help="What to differentiate; the loss, or all outputs.")
@click.option("--wrt", multiple=True, metavar="NAME,...",
              help="What to differentiate by; the parameters, or all real inputs.")
@click.option("--forward-only", is_flag=True, help="Leave the backward pass out.")
@click.option("--loss", metavar="LAYER", help="A loss for a network, such as CrossEntropyLoss.")
@click.option("--input", "-i", "shape", metavar="SHAPE",
              help="The shape of a network's first input, without the batch: 3x224x224.")
@click.option("--training", is_flag=True, help="Build the network as it is in training.")
@common.layers_option
@click.option("--output", "-o", metavar="FILE", help="Write to a file.")
def command(
    formula: str, target: str, of: str | None, wrt: tuple[str, ...], forward_only: bool,
    loss: str | None, shape: str | None, training: bool, output: str | None,
) -> None:
    """Write the forward and backward pass as a Python file that needs one library alone.

    The file is meant to be read: each equation is a comment above the line that computes it. Run
    it, and it checks its derivatives on a small example. It agrees with chainrule's own values to
    rounding.

    \b
    chainrule emit 'z[n,u] = sum(v) W[u,v]*x[n,v] + b[u]' --target numpy
    chainrule emit lenet5 --loss CrossEntropyLoss --target jax -o lenet.py
    """
    from chainrule.cli import networks
    from chainrule.emit import emit  # lazily: it needs NumPy

    if forward_only and (of is not None or wrt):
        raise click.UsageError("--of and --wrt say what to differentiate, and --forward-only to "
                               "differentiate nothing: give one or the other")
    network = networks.find([formula], shape, loss, training=training)
    if network is None:
        if shape is not None or training or loss is not None:
            raise click.UsageError("--input, --loss and --training are for networks")
        found = common.source((formula,))
        program, title = found.program, found.title
    else:
        program, title = network.program, network.name
    names = common.names(wrt)
    text = emit(program, target, of=of, forward_only=forward_only, title=title or "",
                wrt=None if names is None else common.members(program, names))
    common.write(text, output)
