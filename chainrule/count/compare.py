"""What other tools would report for a network, and why it differs.

Their rules, as their sources have them (torchinfo 1.8, ptflops 0.7.5, fvcore 0.1.5): each counts
MACs for what multiplies by weights, and they differ in biases, in what has no weights, and in
whether positions are counted. The numbers are made from our own counts by those rules, and from
what each formula's entry says it is: an activation, a pooling, a normalisation or another layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chainrule.count.memory import cells
from chainrule.count.operations import Count, plain
from chainrule.count.sizes import Row, Sizes
from chainrule.errors import UnknownNameError, did_you_mean
from chainrule.formulas.library import LIBRARY


@dataclass(frozen=True, slots=True)
class Compared:
    """A tool's number, what it calls it, and in words how it comes about."""

    tool: str
    word: str
    number: Count
    reasons: tuple[str, ...]


def compare(tool: str, found: Sizes) -> Compared:
    """What a tool would report; raises `UnknownNameError` for one that is not known here."""
    make = _TOOLS.get(tool)
    if make is None:
        raise UnknownNameError(f"nothing is known here of {tool!r:.40}", None,
                               did_you_mean(tool, list(_TOOLS)) or f"one of {', '.join(_TOOLS)}")
    return make(found)


def _kind(r: Row) -> str:
    entry = LIBRARY.get(r.layer.formula) if r.layer is not None else None
    return "" if entry is None else entry.kind


def _output(found: Sizes, r: Row) -> Count:
    return cells(found.program.tensors[r.output].shape, found.given)


def _input(found: Sizes, r: Row) -> Count:
    """The cells of a layer's first data input."""
    assert r.layer is not None
    for _, name in r.layer.tensors:
        tensor = found.program.tensors.get(name)
        if tensor is not None and tensor.role in ("data", "computed"):
            return cells(tensor.shape, found.given)
    return 0


def _sum(found: Sizes, one: Callable[[Row], Count]) -> Count:
    result: Count = 0
    for r in found.rows:
        result = plain(result + one(r))
    return result


def _bias_additions(found: Sizes) -> Count:
    """One addition for each output of a layer that has both products and a bias."""
    return _sum(found, lambda r: _output(found, r) if r.biases != 0 and r.forward.macs != 0 else 0)


def _torchinfo(found: Sizes) -> Compared:
    norms = _sum(found, lambda r: r.parameters if _kind(r) == "normalisation" else 0)
    number = plain(found.forward.macs + _bias_additions(found) + norms)
    return Compared("torchinfo", "mult-adds", number, (
        f"It counts a mult-add for each weight and each output position: our "
        f"{_said(found.forward.macs)} MACs.",
        f"A bias counts as one more mult-add at each position: {_said(_bias_additions(found))}.",
        f"A normalisation counts its parameters once, whatever the image's size: {_said(norms)}.",
        "Activations, pooling, sums of branches and attention's own products (queries by keys, "
        "weights by values) count nothing, and a dense layer on tokens counts once, not once a "
        "token.",
        "Mult-adds are MACs: about half of our FLOPs.",
    ))


def _ptflops(found: Sizes) -> Compared:
    def extra(r: Row) -> Count:
        kind = _kind(r)
        if kind == "activation":
            return plain(2 * _output(found, r))
        if kind == "pooling":
            return plain(2 * _input(found, r))
        if kind == "normalisation":
            return plain(_input(found, r) * (2 if r.weights != 0 else 1))
        return 0

    rest = _sum(found, extra)
    number = plain(found.forward.macs + _bias_additions(found) + rest)
    return Compared("ptflops", "MACs", number, (
        f"It counts our {_said(found.forward.macs)} MACs and one for each addition of a bias, "
        f"{_said(_bias_additions(found))}.",
        f"It adds two for each output of an activation and each input of a pooling (one for the "
        f"module, one for the function that the module calls), and two for each input of a "
        f"normalisation with weights: {_said(rest)}.",
        "Sums of branches count nothing.",
        "It calls the sum MACs, though only a part of it are products that are added.",
    ))


def _fvcore(found: Sizes) -> Compared:
    norms = _sum(found, lambda r: plain(_input(found, r) * (2 if r.weights != 0 else 1))
                 if _kind(r) == "normalisation" else 0)
    number = plain(found.forward.macs + norms)
    return Compared("fvcore", "flops", number, (
        f"What it calls a flop is a MAC, one fused multiply-add: our {_said(found.forward.macs)}. "
        "Other tools and papers count two.",
        f"A batch normalisation in inference counts two for each of its inputs: {_said(norms)}.",
        "Biases, activations, pooling and sums of branches count nothing; it lists them as "
        "unsupported operators.",
    ))


def _said(n: Count) -> str:
    return f"{n:,}" if isinstance(n, int) else str(n)


_TOOLS: Final = {"torchinfo": _torchinfo, "fvcore": _fvcore, "ptflops": _ptflops}
TOOLS: Final = tuple(_TOOLS)
