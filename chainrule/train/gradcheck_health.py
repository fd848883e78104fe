"""The health of a network's numbers as a document: what is ill in words, then the norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chainrule.document.blocks import (
    Block,
    Column,
    MathBlock,
    Prose,
    code,
    heading,
    inlines,
    items,
    note,
    p,
    strong,
    table,
)
from chainrule.render import Page
from chainrule.train.gradcheck_nonfinite import NonFinite, cell_text, written
from chainrule.train.gradcheck_words import Words
from chainrule.train.health import FLAT, VANISHING, Health, LayerHealth, ParameterHealth

_ROWS: Final = 40  # of a table: of more, those with the largest and smallest gradients
_ILL: Final = 8  # findings of one kind told one by one
_MANY: Final = 0.5  # the share of flat cells, or of dead units, from which it is told


def health_page(found: Health) -> Page:
    """The health as a page that prints, and that notebooks draw."""
    words = Words(found.worked, found.loss)
    blocks: list[Block] = []
    if found.nonfinite is not None:
        blocks += _nonfinite(found, words, found.nonfinite)
    if found.well:
        said = _findings(found, words)
        if said:
            blocks.append(p(strong("What stands out:")))
            blocks.append(items(*said))
        else:
            lead = "Nothing else stands out." if found.stable else "Nothing stands out."
            blocks.append(p(strong(lead), " All numbers that are run are finite, no activation is "
                            "mostly flat, and the gradients of all weights are of comparable "
                            "size."))
    if found.layers:
        blocks += [heading(1, "Activations and their gradients"), _layers(found, words)]
    if found.parameters:
        blocks += [heading(1, "Parameters and their gradients"), _parameters(found, words)]
    blocks.append(p("Norms are root mean squares over all cells. The rank is that of the gradient, "
                    "1 being the largest; of the next says what share of the next row's gradient "
                    "comes back."))
    meta = {"verdict": "finite" if found.well else "not finite"}
    return Page(f"Health of {found.loss}", tuple(blocks), meta)


def short(value: float) -> str:
    """Three digits: 0.0123, 4.56e-09."""
    return f"{value:.3g}"


def percent(share: float) -> str:
    """A share in percent; never 0 or 100 of what is neither.

    >>> percent(0.0), percent(0.001), percent(0.5), percent(0.9999)
    ('0', 'under 1', '50', 'over 99')
    """
    if 0 < share < 0.01:
        return "under 1"
    return "over 99" if 0.99 < share < 1 else f"{100 * share:.0f}"


def count(number: int, word: str) -> str:
    """3 cells"""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


# --- NaN and infinity -----------------------------------------------------------------------------


def _nonfinite(found: Health, words: Words, first: NonFinite) -> list[Block]:
    """Where it arose, and out of what."""
    what = "not a number" if first.value != first.value else "infinite"
    blocks: list[Block] = []
    where = code(cell_text(first.tensor, first.cell))
    if first.equation is None:
        return [p(strong("An input is not finite."), " ", where, f" is {written(first.value)}.")]
    made = words.worked.program.tensors.get(first.tensor)
    stage = "the backward pass" if made is not None and made.adjoint_of else "the forward pass"
    rest = first.count - 1
    others = f", and so are {count(rest, 'other cell')} of it" if rest else ""
    blocks.append(p(strong(f"The first number that is none is in {stage}:"), " ", where,
                    f" is {what}{others}. Its equation is"))
    blocks.append(MathBlock(words.equation(first.equation)))
    if first.operation:
        blocks.append(p("There ", code(first.operation), f" is {_result(first)}",
                        ", since" if first.causes else "."))
        if first.causes:
            blocks.append(items(*[inlines(code(c)) for c in first.causes]))
    if found.stable:
        blocks.append(note("That is the formula as it is written. Its stable form, which chainrule "
                           "runs, is finite everywhere; the norms below are of that form."))
    else:
        blocks.append(note("All that follows from it is of no use, the norms included.",
                           kind="warning"))
    return blocks


def _result(first: NonFinite) -> str:
    name = first.operation.partition("(")[0]
    if name in ("exp", "expm1") or "overflows" in first.operation:
        return "beyond the largest number"
    if name in ("ln", "log2", "log10", "log1p", "xlogy") and first.operation.endswith("(0)"):
        return "minus infinity"
    return "no finite number"


# --- what is ill ----------------------------------------------------------------------------------


def _findings(found: Health, words: Words) -> list[Prose]:
    said: list[Prose] = []
    said += _dead(found.layers, words)
    said += _flat(found.layers, words)
    said += _without(found.parameters, words)
    said += _on_the_way(found.layers, words) or _spread(found.parameters, words)
    return said


def _dead(layers: Sequence[LayerHealth], words: Words) -> list[Prose]:
    """Units whose derivative is zero for every example."""
    ill = [layer for layer in layers if layer.dead]
    said: list[Prose] = []
    for layer in ill[:_ILL]:
        all_of = layer.dead == layer.units
        verb = "is" if layer.dead == 1 else "are"
        said.append(inlines(
            words.whole(layer.tensor), f": {layer.dead:,} of {count(layer.units, 'unit')} "
            f"{verb} dead. The derivative of {layer.function} is 0 for every example, so nothing "
            f"comes back through {'them' if layer.dead > 1 else 'it'}"
            + (", and nothing at all reaches what is below." if all_of else ".")))
    return said


def _flat(layers: Sequence[LayerHealth], words: Words) -> list[Prose]:
    """Activations of which most cells are flat."""
    said: list[Prose] = []
    ill = [x for x in layers if x.flat >= _MANY and 2 * x.dead <= x.units]
    for layer in ill[:_ILL]:
        said.append(inlines(
            words.whole(layer.tensor), f": {percent(layer.flat)} % of its cells are saturated. The "
            f"slope of {layer.function} there is below {percent(FLAT)} % of the steepest."))
    return said


def _without(parameters: Sequence[ParameterHealth], words: Words) -> list[Prose]:
    """Parameters whose gradient is exactly zero."""
    said: list[Prose] = []
    for own in [x for x in parameters if x.gradient.largest == 0][:_ILL]:
        said.append(inlines(words.adjoint(own.tensor), " is zero everywhere: it does not learn "
                            "from these examples."))
    return said


def _on_the_way(layers: Sequence[LayerHealth], words: Words) -> list[Prose]:
    """Gradients that shrink or grow from one layer with weights to the next."""
    known = [x for x in layers if x.weighted and x.gradient is not None and x.gradient.rms > 0]
    if len(known) < 2:
        return []
    first, last = known[0], known[-1]
    assert first.gradient is not None and last.gradient is not None
    ratio = first.gradient.rms / last.gradient.rms
    if VANISHING <= ratio <= 1 / VANISHING:
        return []
    each = max(ratio, 1 / ratio) ** (1 / (len(known) - 1))
    said = "vanishes" if ratio < 1 else "explodes"
    return [inlines(
        f"The gradient {said} on the way back: ", words.adjoint(last.tensor), " has the norm "
        f"{short(last.gradient.rms)}, ", words.adjoint(first.tensor),
        f" {short(first.gradient.rms)}. On average it {'shrinks' if ratio < 1 else 'grows'} by a "
        f"factor of {short(each)} a layer.")]


def _spread(parameters: Sequence[ParameterHealth], words: Words) -> list[Prose]:
    """Weights whose gradients are out of proportion."""
    weights = [x for x in parameters if len(x.shape) > 1 and x.gradient.rms > 0]
    if len(weights) < 2:
        return []
    large = max(weights, key=lambda x: x.gradient.rms)
    small = min(weights, key=lambda x: x.gradient.rms)
    ratio = small.gradient.rms / large.gradient.rms
    if ratio >= VANISHING:
        return []
    return [inlines(words.adjoint(small.tensor), f" has the norm {short(small.gradient.rms)}, and ",
                    words.adjoint(large.tensor), f" {short(large.gradient.rms)}: a step that "
                    "suits one of them hardly moves the other.")]


# --- tables ---------------------------------------------------------------------------------------


def _right(word: str) -> Column:
    return Column(inlines(word), "right")


def _ranks(norms: Sequence[float]) -> list[int]:
    """The rank of each, 1 for the largest."""
    order = sorted(range(len(norms)), key=lambda k: -norms[k])
    ranks = [0] * len(norms)
    for rank, k in enumerate(order):
        ranks[k] = rank + 1
    return ranks


def _kept(ranks: Sequence[int]) -> list[int]:
    """The rows of a table that is not too long: those with the largest and smallest norms."""
    if len(ranks) <= _ROWS:
        return list(range(len(ranks)))
    half = _ROWS // 2
    return [k for k, r in enumerate(ranks) if r <= half or r > len(ranks) - half]


def _layers(found: Health, words: Words) -> Block:
    """The layers in the order of the forward pass."""
    norms = [x.gradient.rms if x.gradient is not None else 0.0 for x in found.layers]
    ranks = _ranks(norms)
    kept = _kept(ranks)
    rows: list[list[Prose]] = []
    before: float | None = None
    ratios: dict[int, str] = {}
    for k in reversed(range(len(found.layers))):
        if before and norms[k]:
            ratios[k] = short(norms[k] / before)
        before = norms[k] or before
    for k in kept:
        x = found.layers[k]
        flat = f"{percent(x.flat)} %" if x.function else ""
        dead = f"{x.dead} of {x.units}" if x.units else ""
        rows.append([words.whole(x.tensor), " × ".join(map(str, x.shape)), short(x.value.rms),
                     short(x.value.largest), f"{percent(x.value.zeros)} %", flat, dead,
                     short(norms[k]) if x.gradient is not None else "", ratios.get(k, ""),
                     str(ranks[k]) if x.gradient is not None else ""])
    caption = f"{len(found.layers) - len(kept)} more lie between." if len(kept) < len(ranks) else ""
    return table(["tensor", "shape", _right("norm"), _right("largest"), _right("zeros"),
                  _right("flat"), _right("dead"), _right("gradient"),
                  _right("of the next"), _right("rank")], rows, caption)


def _parameters(found: Health, words: Words) -> Block:
    """The parameters in the order of the forward pass."""
    ranks = _ranks([x.gradient.rms for x in found.parameters])
    kept = _kept(ranks)
    rows: list[list[Prose]] = []
    for k in kept:
        x = found.parameters[k]
        relative = short(x.gradient.rms / x.value.rms) if x.value.rms else ""
        rows.append([words.whole(x.tensor), " × ".join(map(str, x.shape)), short(x.value.rms),
                     short(x.gradient.rms), short(x.gradient.largest), relative, str(ranks[k])])
    caption = f"{len(ranks) - len(kept)} more lie between." if len(kept) < len(ranks) else ""
    return table(["parameter", "shape", _right("norm"), _right("gradient"), _right("largest"),
                  _right("gradient / norm"), _right("rank")], rows, caption)
