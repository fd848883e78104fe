"""`chainrule conv`: the layers that take one size to another, or the size that a layer gives."""

from __future__ import annotations

import re
from typing import Any, Final

import click

from chainrule.cli import common
from chainrule.errors import InputError, did_you_mean

_KINDS: Final = {"conv": "convolution", "convolution": "convolution", "pool": "pooling",
                 "pooling": "pooling", "transposed": "transposed"}
_LONG: Final = {"kernel": "k", "stride": "s", "padding": "p", "dilation": "d",
                "output-padding": "q", "output_padding": "q"}
_ALL: Final = 10_000  # solutions that --all lists
_LISTED: Final = 50


@click.command("conv")
@click.option("--in", "inside", required=True, metavar="SIZE", help="The input, 64 or 64x48.")
@click.option("--out", "outside", metavar="SIZE",
              help="The output that is wanted; without it, the layer's output is worked out.")
@click.option("--kernel", "-k", "k", metavar="K", help="Cells of the kernel: 3, or 1..7.")
@click.option("--stride", "-s", "s", metavar="S", help="2, or 1..4, or k for the kernel's length.")
@click.option("--padding", "-p", "p", metavar="P",
              help="On each side, 1 or 0..3; or 1:2 for one cell before and two after.")
@click.option("--dilation", "-d", "d", metavar="D", help="1 for none; or 1..4.")
@click.option("--output-padding", "-q", "q", metavar="Q",
              help="Of a transposed convolution.  [default: 0]")
@click.option("--kind", type=click.Choice(["conv", "pool", "transposed"]), default="conv",
              show_default=True, help="What slides.")
@click.option("--layer", "layers", multiple=True, metavar="'[pool] k=5 s=5'",
              help="A layer of a chain; the options above hold where it says nothing.")
@click.option("--asymmetric", is_flag=True, help="Allow one cell more of padding at the end.")
@click.option("--square", is_flag=True, help="One configuration for all axes, or none.")
@click.option("--most", type=click.IntRange(1, _ALL), help="Solutions to list.  [default: 50]")
@click.option("--all", "every", is_flag=True, help=f"List all solutions, up to {_ALL:,}.")
@common.output_options()
def command(inside: str, outside: str | None, k: str | None, s: str | None, p: str | None,
            d: str | None, q: str | None, kind: str, layers: tuple[str, ...], asymmetric: bool,
            square: bool, most: int | None, every: bool, format: str | None,
            output: str | None) -> int:
    """Find all kernels, strides, paddings and dilations that give a size.

    \b
    chainrule conv --in 64 --out 32 --kernel 8
    chainrule conv --in 32 --out 8 --kind pool --stride k --padding 0
    chainrule conv --in 32 --kernel 8 --stride 4
    chainrule conv --in 256 --out 24 --layer 'k=8 s=2' --layer 'pool k=5 s=5' --layer 'k=4 p=1'
    """
    from chainrule.count.configurations import Solutions, size
    from chainrule.count.known import layer, sizes
    from chainrule.explain import configurations as explain

    i = sizes(_sizes(inside, "--in"), "input")
    options = {"k": k, "s": s, "p": p, "d": d, "q": q}
    if layers:
        return _chain(i, outside, [_layer(text, kind, options, asymmetric) for text in layers],
                      _ALL if every else most, format, output)
    known = layer(_KINDS[kind], k=k, s=s, p=p, d=d, q=q, asymmetric=asymmetric)  # type: ignore[arg-type]
    as_data = common.chosen_format(format, output) == "json"
    if outside is None:
        c = size(known, i)
        if as_data:
            common.emit_data({"in": list(c.i), "out": list(c.o), **_data(c)}, output)
        else:
            common.emit_document(explain.forward(c), format, output)
        return 0
    found = Solutions(known, i, sizes(_sizes(outside, "--out"), "output"))
    found.check_fit()
    listed = _ALL if every else most or _LISTED
    if as_data:
        common.emit_data(_found(found, listed), output)
    else:
        several = len(set(zip(found.i, found.o, strict=True))) > 1 and not square
        tell = explain.per_axis if several else explain.document
        common.emit_document(tell(found, listed), format, output)
    return 0 if found.count else 1


def _layer(text: str, kind: str, options: dict[str, str | None], asymmetric: bool) -> Any:
    """A layer of a chain from `pool k=5 s=5`, with the command's options where it is silent."""
    from chainrule.count.known import layer

    given = dict(options)
    for word in re.split(r"[\s,;]+", text.strip()):
        name, equals, value = word.partition("=")
        name = _LONG.get(name, name)
        if not equals and name in _KINDS:
            kind = name
        elif equals and name in given:
            given[name] = value
        else:
            hint = did_you_mean(name, [*_KINDS, *_LONG])
            raise InputError(f"--layer {text!r:.60}: {word!r:.30} is not understood", hint=hint or
                             "write what is known, as in 'k=5 s=1..2' or 'pool k=2 s=2'")
    if _KINDS[kind] != "transposed" and "q" not in text:
        given["q"] = None
    return layer(_KINDS[kind], **given, asymmetric=asymmetric)  # type: ignore[arg-type]


def _chain(i: tuple[int, ...], outside: str | None, layers: list[Any], most: int | None,
           format: str | None, output: str | None) -> int:
    """Solve a chain of layers, for one axis or several of one size."""
    from chainrule.count.chains import Chains
    from chainrule.explain import configurations as explain

    if outside is None:
        raise click.UsageError("A chain needs --out, the size after its last layer.")
    o = _sizes(outside, "--out")
    if len(set(i)) > 1 or len(set(o)) > 1:
        raise InputError("a chain is solved for one axis, or for a square",
                         hint="ask for each axis apart, as in --in 64 --out 16")
    found = Chains(layers, i[0], o[0])
    if common.chosen_format(format, output) == "json":
        chains = [[{"in": list(c.i), "out": list(c.o), **_data(c)} for c in chain]
                  for chain in found.best(most or _LISTED)]
        common.emit_data({"in": i[0], "out": o[0], "count": found.count, "solutions": chains},
                         output)
    else:
        common.emit_document(explain.chain(found, most or explain.CHAINS), format, output)
    return 0 if found.count else 1


def _sizes(text: str, option: str) -> list[int]:
    """`64` or `64x48` as numbers."""
    words = re.split(r"[x×*,]", text.strip().lower())
    numbers = []
    for word in words:
        if not re.fullmatch(r"\s*-?[0-9]{1,12}\s*", word):
            raise InputError(f"{option} is {text!r:.60}, not a size",
                             hint="write 64, or 64x48 for two axes")
        numbers.append(int(word))
    return numbers


def _data(c: Any) -> dict[str, Any]:
    return {"k": c.k, "s": c.s, "p": [c.before, c.after], "d": c.d, "exact": c.exact,
            ("q" if c.kind == "transposed" else "rest"): list(c.rests)}


def _found(found: Any, most: int) -> dict[str, Any]:
    from chainrule.count.impossible import why

    data: dict[str, Any] = {
        "kind": found.known.kind, "in": list(found.i), "out": list(found.o), "count": found.count,
        "exact": found.exact_count, "solutions": [_data(c) for c in found.best(most)]}
    if not found.count:
        data["reason"] = why(found).reason
    return data
