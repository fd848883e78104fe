"""`chainrule trace`: a formula worked by hand, forward and backward."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from chainrule.cli import common
from chainrule.errors import InputError
from chainrule.literals import assignments

if TYPE_CHECKING:
    from chainrule.document.blocks import Document
    from chainrule.lang.program import Program
    from chainrule.nn.network import Network

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
              help="A row for each elementary function, or for each equation; of a network, a "
                   "section for each layer.")
@click.option("--order", type=click.Choice(["written", "level"]),
              help="Rows as written, or level by level.  [default: written]")
@click.option("--fanout", type=click.Choice(["sum", "accumulate"]),
              help="Adjoints as one sum, or use by use.  [default: sum]")
@click.option("--graph", is_flag=True, help="Draw the computation graph too.")
@click.option("--title", help="The document's title.")
@click.option("--init", metavar="HOW", help="How a network's parameters begin: cosine, he_normal, "
              "...  [default: its own choice]")
@click.option("--rng", type=click.IntRange(0), default=0, show_default=True,
              help="The seed of a network's random parameters.")
@click.option("--input", "-i", "shape", metavar="SHAPE",
              help="A network's input shape without the batch: 1x28x28.")
@click.option("--loss", metavar="LOSS", help="A network's loss, such as CrossEntropyLoss.")
@common.output_options()
def command(formula: tuple[str, ...], at: tuple[str, ...], index_number: str | None,
            seed: tuple[str, ...], tangent: tuple[str, ...], wrt: tuple[str, ...],
            title: str | None, format: str | None, output: str | None, graph: bool,
            init: str | None, rng: int, shape: str | None, loss: str | None,
            **given: Any) -> None:
    """Work a formula by hand at a point: values, tangents and adjoints, step by step.

    Inputs without a value stay symbols. A network, by its name in the zoo or from a TOML file, gets
    numbers for whatever is not given, and is worked layer by layer if it is large:

    \b
    chainrule trace lenet5 --loss CrossEntropyLoss --at y=3
    """
    from chainrule.cli import networks  # lazily: `trace --help` works nothing out
    from chainrule.frontend import trace

    network = networks.find(formula, shape, loss)
    if network is not None:
        document = _network(network, at, rng, init, _seeds(network.program, seed), {
            **given, "wrt": common.names(wrt), "title": title or f"Trace of {network.name}",
            "tangent": assignments(tangent, "--tangent") or None, "graph": graph})
        common.emit_document(document, format, output)
        return
    for option, word in (("--init", init), ("--input", shape), ("--loss", loss)):
        if word is not None:
            raise InputError(f"{option} is for networks, and this is a formula",
                             hint="give a network of the zoo, or a TOML file with layers")
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


def _seeds(program: Program, seed: tuple[str, ...]) -> dict[str, Any]:
    """The given adjoints of a network's outputs."""
    from chainrule.cli import networks

    seeds = assignments(seed, "--seed")
    common.check_names("--seed", seeds, list(program.tensors), "output", program.outputs)
    return {name: networks.of_batch(program, name, value) for name, value in seeds.items()}


def _network(network: Network, at: tuple[str, ...], rng: int, init: str | None,
             seeds: dict[str, Any], given: dict[str, Any]) -> Document:
    """The document of a network's trace, which says where its numbers come from."""
    from chainrule.cli import networks
    from chainrule.document.blocks import p
    from chainrule.frontend import trace

    values, notes = networks.values(network, at, rng, init)
    options = {k: v for k, v in given.items() if v is not None}
    found = trace(network.program, values, seed=seeds or None, **options).document
    if not notes:
        return found
    return replace(found, blocks=(p(" ".join(notes)), *found.blocks))


def _check_mode(mode: str | None, seed: tuple[str, ...], tangent: tuple[str, ...]) -> None:
    """Refuse what the mode would not use: adjoints run in reverse, tangents forward."""
    for option, given, unused, wanted in (("--seed", seed, "forward", "reverse"),
                                          ("--tangent", tangent, "reverse", "forward")):
        if given and mode == unused:
            raise InputError(f"{option} is of no use in {unused} mode",
                             hint=f"leave it out, or write --mode {wanted} or --mode both")
