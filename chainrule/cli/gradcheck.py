"""`chainrule gradcheck`: somebody's gradients, checked and explained; the health of a network's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli import FINDINGS, common
from chainrule.errors import InputError

if TYPE_CHECKING:
    from chainrule.document.blocks import Document
    from chainrule.lang.program import Program
    from chainrule.nn.network import Network


@click.command("gradcheck", cls=common.FormulaCommand)
@common.formula_arguments
@click.option("--gradients", "-g", metavar="FILE",
              help="An .npz file with the gradients to check, an array a tensor.")
@click.option("--values", "-v", metavar="FILE", help="An .npz file with values of inputs.")
@click.option("--of", metavar="NAME", help="The scalar that is differentiated.")
@click.option("--tolerance", type=float, metavar="NUMBER",
              help="The relative error that passes.  [default: 1e-6; 1e-4 in single precision]")
@click.option("--stencil", type=click.Choice(["2", "4", "6", "8"]), default="8",
              show_default=True, help="Points of the differences.")
@click.option("--step", type=float, default=1e-2, show_default=True, metavar="NUMBER",
              help="How far these are apart.")
@click.option("--seconds", type=click.FloatRange(0), default=20.0, show_default=True,
              help="How long to look for what is wrong.")
@click.option("--health", is_flag=True,
              help="Norms of activations and gradients, and the first NaN or infinity.")
@click.option("--init", metavar="HOW", help="How a network's parameters begin.")
@click.option("--rng", type=click.IntRange(0), default=0, show_default=True,
              help="The seed of a network's random parameters.")
@click.option("--input", "-i", "shape", metavar="SHAPE",
              help="A network's input shape without the batch: 1x28x28.")
@click.option("--loss", metavar="LOSS", help="A network's loss, such as CrossEntropyLoss.")
@click.option("--data", "-d", metavar="WHAT",
              help="Examples for a network, as `chainrule train` reads them.")
@click.option("--examples", type=click.IntRange(1), metavar="N",
              help="How many, from the first on.  [default: 10]")
@common.output_options()
@click.pass_context
def command(
    ctx: click.Context, formula: tuple[str, ...], at: tuple[str, ...], index_number: str | None,
    gradients: str | None, values: str | None, of: str | None, tolerance: float | None,
    stencil: str, step: float, seconds: float, health: bool, init: str | None, rng: int,
    shape: str | None, loss: str | None, data: str | None, examples: int | None,
    format: str | None, output: str | None,
) -> None:
    """Check gradients, and say which term is wrong.

    The gradients come from a file, each under the name of its tensor (W1) or with a mark (dW1,
    W1_grad). They are compared with the formula's. Those of tensors on the way (dz1) help to find
    mistakes. Without a file the formula's own gradients are held against differences.

    \b
    chainrule gradcheck mlp.txt --values point.npz --gradients mine.npz
    chainrule gradcheck 'y = x^2*ln(x)' --at x=3
    chainrule gradcheck lenet5 --loss CrossEntropyLoss --health
    chainrule gradcheck digits-mlp --data digits

    The exit code is 0 if they agree, 1 if they do not.
    """
    program, point, notes = _point(formula, at, index_number, values, shape, loss, init, rng,
                                   data, examples)
    if health:
        if gradients is not None:
            raise InputError("--health looks at the formula's own numbers", None,
                             "leave out --gradients")
        from chainrule.train.gradcheck_health import health_page  # lazily: it needs NumPy
        from chainrule.train.health import health as looked_over

        found = looked_over(program, point, of)
        _emit(health_page(found), notes, format, output)
        if not found.well:
            ctx.exit(FINDINGS)
        return
    from chainrule.train.gradcheck import gradcheck

    if gradients is None:
        from chainrule.train.gradcheck_program import own_gradients

        function, given, moved = own_gradients(program, point, of)
        checked = gradcheck(function, given, moved, tolerance=tolerance, stencil=int(stencil),
                            step=step)
    else:
        checked = gradcheck(program, gradients, point, of=of, tolerance=tolerance,
                            stencil=int(stencil), step=step, seconds=seconds)
    _emit(checked, notes, format, output)
    if not checked.agrees:
        ctx.exit(FINDINGS)


def _emit(document: Document, notes: list[str], format: str | None, output: str | None) -> None:
    """The document, with what there is to say of its numbers in front."""
    from chainrule.document.blocks import Document, p

    blocks = (p(" ".join(notes)), *document.blocks) if notes else document.blocks
    common.emit_document(Document(document.title, blocks, document.meta), format, output)


def _point(
    words: tuple[str, ...], at: tuple[str, ...], index_number: str | None, path: str | None,
    shape: str | None, loss: str | None, init: str | None, rng: int, data: str | None,
    examples: int | None,
) -> tuple[Program, dict[str, Any], list[str]]:
    """The program, values for its inputs, and what is to be said about them."""
    from chainrule.cli import networks

    network = networks.find(words, shape, loss)
    if network is not None:
        if examples is not None and data is None:
            raise InputError("--examples says how many of --data are taken")
        if data is not None:
            network, shown = _examples(network, data, examples or 10, loss, words, shape)
        given, notes = networks.values(network, at, rng, init)
        if data is not None:
            given |= shown
            notes = [n for n in notes if not n.startswith(tuple(shown))]
            count = len(next(iter(shown.values())))
            notes.append(f"{' and '.join(shown)} are the first {count:,} training examples of "
                         f"{data}.")
        stored = _stored(path, network.program)
        return network.program, {**given, **stored}, notes if not stored else [
            n for n in notes if not n.startswith(tuple(stored))]
    for option, word in (("--init", init), ("--input", shape), ("--loss", loss),
                         ("--data", data)):
        if word is not None:
            raise InputError(f"{option} is for networks, and this is a formula",
                             hint="give a network of the zoo, or a TOML file with layers")
    found = common.source(words, at, index_number, floats=True)
    found = replace(found, values={**_stored(path, found.program), **found.values})
    return found.program, dict(found.values), []


def _examples(network: Network, what: str, count: int, loss: str | None, words: tuple[str, ...],
              shape: str | None) -> tuple[Network, dict[str, Any]]:
    """The network, built for the data's inputs, and the first examples that are learnt from."""
    from chainrule.cli import networks
    from chainrule.train.data import load  # lazily: it needs NumPy
    from chainrule.train.feed import feed

    part = load(what).train
    part = part.select(slice(0, count))
    cells = part.flat().shape[0]
    wanted = next(iter(network.inputs.values())).shape[1:]
    if shape is None and cells != math.prod(axis.constant or 1 for axis in wanted):
        axes = (cells,) if len(wanted) == 1 else part.shape
        network = networks.find(words, "x".join(map(str, axes)), loss) or network
    return network, dict(feed(network, part, "float64").arrays)


def _stored(path: str | None, program: Program) -> Mapping[str, Any]:
    """The values of inputs and sizes that a file holds; other arrays in it are left aside."""
    if path is None:
        return {}
    from chainrule.train.gradcheck_compare import load

    known = {*program.inputs, *program.size_names()}
    stored = {}
    for name, array in load(path).items():
        if name in known:
            stored[name] = array if array.ndim else array.item()
    if not stored:
        raise InputError(f"{path:.200} holds no value of an input", None,
                         f"the inputs are {', '.join(program.inputs)}")
    return stored
