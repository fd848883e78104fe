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
              help="The input's shape without the batch: 3x224x224; NAME=SHAPE of several.",
              multiple=True)
@click.option("--batch", default="1", metavar="N", show_default=True,
              help="The size of the batch, a number or a name.")
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
@common.output_options()
def command(
    network: str, shape: tuple[str, ...], batch: str, sizes: tuple[str, ...], skip_padding: bool,
    input_gradient: bool, training: bool, compare: tuple[str, ...], only: tuple[str, ...],
    picture: bool, format: str | None, output: str | None,
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
    if found.batch is not None and batch.isdigit():
        given[found.batch] = _whole("--batch", batch)
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

        document = replace(document, blocks=(drawn(result, found.batch), *document.blocks))
    common.emit_document(document, format, output)


class _Found:
    """The program that is meant, its title, the name of its batch."""

    def __init__(self, program: Any, title: str, batch: str | None, note: str = "") -> None:
        self.program = program
        self.title = title
        self.batch = batch
        self.note = note


def _program(word: str, shape: tuple[str, ...], training: bool) -> _Found:
    """A network of the zoo, a file, or a formula."""
    from chainrule.nn import zoo

    if word in zoo.names():
        options: dict[str, Any] = {"training": True} if training else {}
        shapes = _shapes(shape)
        if shapes:
            options["shape"] = next(iter(shapes.values()))
        network = zoo.load(word, **options)
        about = zoo.describe(word)
        source = f" Source: {about.source}." if about.source else ""
        return _Found(network.program, about.title, "N", f"{about.about}{source}")
    if word.endswith(".toml") or os.path.exists(word):
        text, name = common.read(word)
        if _is_network(text):
            from chainrule.nn.spec import assemble, read

            wanted = next(iter(_shapes(shape).values()), None)
            network = assemble(read(text, name), shape=wanted, training=training)
            front = network.program.tensors[network.program.inputs[0]].shape[:1]
            names = front[0].sizes() if front else []
            return _Found(network.program, network.name, names[0] if names else None)
    elif word != "-" and "=" not in word and not word.endswith(".txt"):
        from chainrule.errors import UnknownNameError, did_you_mean

        raise UnknownNameError(f"there is no network {word!r:.60}", None,
                               did_you_mean(word, zoo.names())
                               or f"the zoo has {', '.join(zoo.names())}")
    found = common.source((word,))
    return _Found(found.program, found.title or "Sizes", None)


def _is_network(text: str) -> bool:
    """Whether a TOML file describes a network rather than a formula."""
    import tomllib

    try:
        return "layers" in tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return False


def _shapes(words: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """`3x224x224` or `x=3x224x224` as shapes by input."""
    from chainrule.errors import InputError

    found = {}
    for word in words:
        name, _, text = word.rpartition("=")
        parts = text.lower().replace("×", "x").replace(",", "x").split("x")
        if not all(part.strip().isdigit() for part in parts):
            raise InputError(f"--input {word[:60]!r} is no shape", None, "write 3x224x224")
        found[name.strip() or "x"] = tuple(_whole("--input", part) for part in parts)
    return found


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
        "memory": {"inference": number(result.memory.inference),
                   "training": number(result.memory.training)},
        "compare": [{"tool": o.tool, "word": o.word, "number": number(o.number),
                     "reasons": list(o.reasons)} for o in others],
    }


def _constant(n: Any) -> Any:
    return n if n.constant is None else n.constant
