"""`chainrule size`: shapes, parameters, operations, memory and receptive fields."""

from __future__ import annotations

import os
from typing import Any

import click

from chainrule.cli import common

_SECTIONS = ("layers", "shapes", "operations", "memory", "tools")
_TOOLS = ("torchinfo", "fvcore", "ptflops")


@click.command("size")
@click.argument("network", metavar="NETWORK|FILE|FORMULA|-")
@click.option("--input", "-i", "shape", metavar="SHAPE",
              help="The shape of a network's first input, without the batch: 3x224x224.")
@click.option("--batch", metavar="N", help="The size of a network's batch; 1 by default.")
@click.option("--size", "sizes", multiple=True, metavar="NAME=N",
              help="A value of a size that is a name.")
@click.option("--skip-padding", is_flag=True,
              help="Do not count products with padding.")
@click.option("--input-gradient", is_flag=True,
              help="Count the gradient of the data too.")
@click.option("--training", is_flag=True, help="Build the network as it is in training.")
@click.option("--compare", multiple=True, type=click.Choice(_TOOLS),
              help="Explain what another tool reports.")
@click.option("--only", multiple=True, type=click.Choice(_SECTIONS),
              help="Show this section alone; may be given several times.")
@click.option("--picture", is_flag=True, help="Draw the graph of the layers, with sizes.")
@click.option("--unfold", is_flag=True, help="Draw stages that repeat as often as they are there.")
@common.layers_option
@common.output_options()
def command(
    network: str, shape: str | None, batch: str | None, sizes: tuple[str, ...], skip_padding: bool,
    input_gradient: bool, training: bool, compare: tuple[str, ...], only: tuple[str, ...],
    picture: bool, unfold: bool, format: str | None, output: str | None,
) -> None:
    """Size a network: shapes with their formulas, parameters, operations, receptive fields.

    \b
    chainrule size vgg16
    chainrule size net.toml --input 3x224x224
    chainrule size 'y[i] = sum(k<3) w[k]*x[2*i + k]' --size I=64
    """
    from chainrule.count.compare import compare as compared
    from chainrule.count.sizes import sizes as count

    found = _program(network, shape, training)
    given = _given(found.program, sizes)
    if found.batch is None and batch is not None:
        raise click.UsageError("--batch is for networks; give sizes by --size NAME=N")
    if found.batch is not None and batch != found.batch and found.batch not in given:
        given[found.batch] = _whole("--batch", batch or "1")
    if only and set(only) == {"tools"} and not compare:
        raise click.UsageError("--only tools shows what --compare asks for")
    result = count(found.program, given, padding=not skip_padding, input_gradient=input_gradient)
    others = [compared(tool, result) for tool in compare]
    if common.chosen_format(format, output) == "json":
        common.emit_data(_data(result, others, found), output)
        return
    from chainrule.explain.size import describe

    document = describe(result, found.title, batch=found.batch, only=only or _SECTIONS,
                        compared=others, note_text="" if only else found.note)
    if picture:
        from dataclasses import replace

        from chainrule.explain.layers import picture as drawn

        document = replace(document, blocks=(
            drawn(result, found.batch, False if unfold else None), *document.blocks))
    common.emit_document(document, format, output)


class _Found:
    """The program that is meant, its title, the name of its batch."""

    def __init__(self, program: Any, title: str, batch: str | None, note: str = "") -> None:
        self.program = program
        self.title = title
        self.batch = batch
        self.note = note


def _program(word: str, shape: str | None, training: bool) -> _Found:
    """A network of the zoo, a file, or a formula."""
    from chainrule.cli import networks
    from chainrule.errors import UnknownNameError
    from chainrule.nn import zoo

    network = networks.find([word], shape, training=training)
    if network is None:
        if shape is not None or training:
            raise click.UsageError("--input and --training are for networks; the sizes of a "
                                   "formula are given by --size")
        if word != "-" and "=" not in word and not os.path.exists(word) and (
                not word.endswith((".toml", ".txt"))):
            raise UnknownNameError(f"there is no network {word!r:.60}", None,
                                   f"the zoo has {', '.join(zoo.names())}")
        found = common.source((word,))
        return _Found(found.program, found.title or "Sizes", None)
    title, about = network.name, ""
    if word in zoo.names():
        card = zoo.describe(word)
        title = card.title
        about = f"{card.about} Source: {card.source}." if card.source else card.about
    return _Found(network.program, title, network.batch, about)


def _whole(option: str, text: str) -> int:
    from chainrule.errors import InputError

    text = text.strip()
    if not text.isdigit() or len(text) > 15 or int(text) < 1:
        raise InputError(f"{option}: {text[:40]!r} is no size", None,
                         "a size is a whole number of at least 1")
    return int(text)


def _given(program: Any, words: tuple[str, ...]) -> dict[str, int]:
    from chainrule.errors import UnknownNameError, did_you_mean

    known = program.size_names()
    found = {}
    for word in words:
        name, _, text = word.partition("=")
        if name.strip() not in known:
            raise UnknownNameError(f"--size {name[:40]}: the program has no such size", None,
                                   did_you_mean(name, known)
                                   or f"its sizes are {', '.join(known) or 'all numbers'}")
        found[name.strip()] = _whole("--size", text)
    return found


def _data(result: Any, others: Any, found: _Found) -> dict[str, Any]:
    """Everything as plain data; a polynomial is its text."""
    def number(n: Any) -> Any:
        return n if isinstance(n, int) else str(n)

    def operations(o: Any) -> dict[str, Any]:
        keys = ("multiplies", "additions", "divisions", "comparisons", "functions", "macs",
                "flops")
        return {key: number(getattr(o, key)) for key in keys}

    def field(f: Any) -> Any:
        if f is None:
            return None
        return {"size": f.size, "jump": str(f.jump), "start": str(f.first),
                "end": str(f.last), "moves": f.along is not None}

    return {
        "title": found.title,
        "sizes": result.given,
        "padding_counted": result.padding,
        "layers": [{
            "name": r.name, "formula": None if r.layer is None else r.layer.formula,
            "output": r.output, "shape": [number(_constant(n)) for n in r.shape],
            "weights": number(r.weights), "biases": number(r.biases),
            "forward": operations(r.forward), "backward": operations(r.backward),
            "receptive": [field(f) for f in r.fields],
        } for r in result.rows],
        "parameters": number(result.parameters), "weights": number(result.weights),
        "biases": number(result.biases),
        "forward": operations(result.forward), "backward": operations(result.backward),
        "backward_to": list(result.wanted),
        "memory": {"inference": None if result.memory.inference is None
                   else number(result.memory.inference),
                   "training": number(result.memory.training)},
        "compare": [{"tool": o.tool, "word": o.word, "number": number(o.number),
                     "reasons": list(o.reasons)} for o in others],
    }


def _constant(n: Any) -> Any:
    return n if n.constant is None else n.constant
