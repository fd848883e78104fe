"""Which kernels, strides, paddings and dilations give a shape, told as a worked answer.

The numbers come from `count.configurations`; here they get their formula, each solution with its
own numbers put in, and what a reader should know about it: whether the division is exact, which
cells no window reads. Where there is no solution, the proof of `count.impossible` is put in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from chainrule.count.chains import Chains
from chainrule.count.configurations import Configuration, Solutions
from chainrule.count.impossible import why
from chainrule.count.known import Bounds
from chainrule.document.blocks import (
    Block,
    Cell,
    Column,
    Document,
    MathBlock,
    Prose,
    cell,
    heading,
    inlines,
    p,
    strong,
    table,
)
from chainrule.document.mathtree import Fence, Identifier, Math, Num, Row, row
from chainrule.explain.configuration_formulas import (
    D,
    I,
    K,
    M,
    O,
    P,
    Q,
    S,
    definition,
    formula,
    kernel_length,
    listing,
    num,
    twice,
    uneven,
    worked,
)
from chainrule.explain.impossible import proof

CHAINS = 10  # chains that are listed unless more are asked for
MOST = 50  # solutions that are listed unless more are asked for
LEVELS = 16  # intervals that are listed
_EACH = 10  # solutions of one axis that are listed beside those of others
_RUN = 100_000  # solutions that one row may stand for
_TITLES = {"convolution": "Convolution", "pooling": "Pooling",
           "transposed": "Transposed convolution"}


def document(found: Solutions, most: int = MOST) -> Document:
    """The solutions, best first, at most `most` of them; or the proof that there is none.

    >>> from chainrule.count.configurations import solve
    >>> document(solve(64, 32, k=8, d=1)).title
    'Convolution: 64 → 32'
    """
    blocks: list[Block] = [MathBlock(formula(found.known.kind, uneven(found))), p(*given(found))]
    if not found.count:
        blocks += [p(strong("There is no solution."), " Proof:"), *proof(why(found))]
        return Document(_title(found.known.kind, found.i, found.o), tuple(blocks))
    listed = list(islice(_runs(found), most))
    shown = sum(len(run) for run in listed)
    blocks.append(p(*_counted(found, shown)))
    blocks.append(_table(listed))
    if any(not run[0].exact for run in listed) and found.known.kind != "transposed":
        blocks.append(p("What the floor drops are the last cells of the padded input: no window "
                        "reads them."))
    if shown < found.count:
        blocks += _intervals(found)
    return Document(_title(found.known.kind, found.i, found.o), tuple(blocks))


def per_axis(found: Solutions, most: int = MOST) -> Document:
    """Solutions of several axes: those in common first, and how many each axis has of its own."""
    whole = document(found, most)
    alone = [Solutions(found.known, (i,), (o,))
             for i, o in zip(found.i, found.o, strict=True)]
    counts = [f"{one.count:,} for {one.i[0]:,} → {one.o[0]:,}" for one in alone]
    told = p("Each axis by itself has ", " and ".join(counts), ".")
    if found.count or not all(one.count for one in alone):
        return Document(whole.title, (*whole.blocks, told))
    blocks: list[Block] = [*whole.blocks, told, p("With a configuration for each axis:")]
    for one in alone:
        listed = document(one, min(most, _EACH)).blocks[2:]
        blocks += [heading(1, f"{one.i[0]:,} → {one.o[0]:,}"), *listed]
    return Document(whole.title, tuple(blocks))


def forward(c: Configuration) -> Document:
    """The size that comes out of a layer, worked."""
    blocks: list[Block] = [MathBlock(formula(c.kind, c.before != c.after))]
    for axis in _axes(c):
        blocks.append(MathBlock(row(O, "=", *worked(c, axis))))
    blocks.append(p("The output is ", strong(_sizes(c.o)), ": ", remark(c), "."))
    return Document(_title(c.kind, c.i, c.o), tuple(blocks))


def chain(found: Chains, most: int = CHAINS) -> Document:
    """Configurations of several layers in a row, best first; or what shows that there is none."""
    title = f"{len(found.layers)} layers: {found.i} → {found.o}"
    blocks: list[Block] = []
    for backwards in dict.fromkeys(known.kind == "transposed" for known in found.layers):
        blocks.append(MathBlock(formula("transposed" if backwards else "convolution")))
    if not found.count:
        return Document(title, (*blocks, *_broken_chain(found)))
    listed = found.best(most)
    shown = f". The first {len(listed):,}, those first that most people would take" if (
        len(listed) < found.count) else ""
    names = "solution" if found.count == 1 else "solutions"
    blocks.append(p(strong(f"{found.count:,} {names}"), f"{shown}."))
    between = [f"{listing(reached)} after layer {place}"
               for place, reached in enumerate(found.between()[1:], 1)]
    if between:
        blocks.append(p("Possible sizes: ", "; ".join(between), "."))
    rows: list[list[Prose]] = []
    for number, solution in enumerate(listed, 1):
        for place, c in enumerate(solution, 1):
            rows.append([f"{number}.{place}", num(c.k), str(c.s), c.p,
                         num(c.d), Row(tuple(row(*worked(c, 0)).items)), remark(c)])
    heads: list[Prose | Column] = [Column(inlines(name), "right") for name in (
        "layer", K, S, P, D)]
    told = p("Layer 1.2 is the second one of the first solution.")
    return Document(title, (*blocks, table([*heads, [O, " worked"], "remark"], rows), told))


def _broken_chain(found: Chains) -> list[Block]:
    """How far each layer gets: the sizes that can be reached, until the wanted one is not."""
    rows: list[list[Prose]] = []
    for place, step in enumerate(found.forward, 1):
        if not step:
            break
        last = place == len(found.layers)
        given = sorted({y for edges in step.values() for y in edges})
        said = listing(given) if given else f"never {found.o}" if last else "none"
        rows.append([str(place), listing(sorted(step)), said])
    return [p(strong("There is no solution."), " These are all the sizes that the layers can give "
              "within their bounds, from the input on:"),
            table([Column(inlines("layer"), "right"), "takes", "gives"], rows), p("∎")]


def _axes(c: Configuration) -> list[int]:
    """The axes to be worked: those that differ."""
    sizes = list(zip(c.i, c.o, strict=True))
    return [axis for axis, pair in enumerate(sizes) if pair not in sizes[:axis]]


def _title(kind: str, i: tuple[int, ...], o: tuple[int, ...]) -> str:
    return f"{_TITLES[kind]}: {_sizes(i)} → {_sizes(o)}"


def _sizes(sizes: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in sizes)


# --- what is given, what is found ----------------------------------------------------------------


def given(found: Solutions) -> list[Prose]:
    """The sizes and the bounds, in a sentence each."""
    space, known = found.space, found.known
    slides = "output" if known.kind == "transposed" else "input"
    parts: list[Prose] = ["with "]
    if len(set(zip(found.i, found.o, strict=True))) == 1:
        parts += [row(I, "=", num(found.i[0])), " and ", row(O, "=", num(found.o[0])), ". "]
    else:
        parts += [_sizes(found.i), " in and ", _sizes(found.o), " out. "]
    parts += ["Kernel ", *_bound(K, space.k), "; stride "]
    parts += [row(S, "=", K)] if known.tied else _bound(S, space.s)
    if known.sides:
        parts += [f"; padding {known.sides[0]} before and {known.sides[1]} after"]
    elif known.p:
        parts += ["; padding ", *_bound(P, known.p)]
    else:
        parts += ["; padding ", P]
    if known.asymmetric and not known.sides:
        parts += [", or one cell more after"]
    if space.half and not space.padding.single:
        parts += [", both sides together at most the dilated kernel, ",
                  row(twice(P), "≤", kernel_length())]
    parts += ["; dilation "]
    parts += _bound(D, known.d) if known.d else [
        D, " as long as the dilated kernel is at most twice as long as the ", slides]
    if known.kind == "transposed":
        parts += ["; output padding ", *_bound(Q, known.q)]
        if known.q.high:
            parts += [", less than the larger of ", S, " and ", D]
    return [*parts, "."]


def _bound(name: Math, bounds: Bounds) -> list[Prose]:
    if bounds.single:
        return [row(name, "=", num(bounds.low))]
    return [row(name, "=", num(bounds.low)), f" to {bounds.high}"]


def _counted(found: Solutions, shown: int) -> list[Prose]:
    count, exact = found.count, found.exact_count
    names = "solution" if count == 1 else "solutions"
    common = " in common" if len(set(zip(found.i, found.o, strict=True))) > 1 else ""
    parts: list[Prose] = [strong(f"{count:,} {names}{common}")]
    if found.known.kind == "transposed":
        if found.known.q.high:
            parts += [f": {exact:,} without output padding, {count - exact:,} with"]
    elif count == 1:
        parts += [", which divides exactly" if exact else ", which needs the floor"]
    elif exact in (0, count):
        parts += [": all divide exactly" if exact else ": all need the floor"]
    else:
        parts += [f": {_verb(exact, 'divides', 'divide')} exactly, "
                  f"{_verb(count - exact, 'needs', 'need')} the floor"]
    if shown < count:
        parts += [f". The first {shown:,}, those first that most people would take"]
    return [*parts, "."]


def _verb(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


def _runs(found: Iterable[Configuration]) -> Iterator[list[Configuration]]:
    """The solutions, those together that differ by the stride of a window that never moves."""
    run: list[Configuration] = []
    for c in found:
        same = run and c.alone and len(run) < _RUN and c.s == run[-1].s + 1 and (
            (c.k, c.d, c.before, c.after, c.exact)
            == (run[0].k, run[0].d, run[0].before, run[0].after, run[0].exact))
        if run and not same:
            yield run
            run = []
        run.append(c)
    if run:
        yield run


def _table(runs: list[list[Configuration]]) -> Block:
    rows: list[list[Cell]] = []
    for run in runs:
        c = run[0]
        strides = f"{c.s}" if len(run) == 1 else f"{c.s} to {run[-1].s}"
        for place, axis in enumerate(_axes(c)):
            head: list[Prose] = [num(c.k), strides, c.p, num(c.d), remark(c)]
            if place:
                head = [""] * 5
            rows.append([*map(cell, head[:4]), cell(Row(tuple(row(*worked(c, axis)).items))),
                         cell(head[4])])
    heads: list[Prose | Column] = [Column(inlines(name), "right") for name in (K, S, P, D)]
    return table([*heads, [O, " worked"], "remark"], rows)


def remark(c: Configuration) -> str:
    """What a reader should know about a solution: the remainder, cells that nobody reads.

    >>> from chainrule.count.configurations import solve
    >>> remark(solve(64, 32, k=3, d=1).best(1)[0])
    'drops 1 padding cell'
    """
    return "; ".join(_transposed_remarks(c) if c.kind == "transposed" else _remarks(c))


def _remarks(c: Configuration) -> list[str]:
    rest = max(c.rests)
    told = ["exact"]
    if rest:
        up_to = "up to " if len(set(c.rests)) > 1 else ""
        what = "padding cell" if rest <= c.after else "cell"
        told = [f"drops {up_to}{rest:,} {what}{'s' if rest > 1 else ''}"]
    if c.alone:
        return [*told, "one place"]
    if c.gap:
        told.append(f"gaps of {c.s - c.extent:,}")
    elif c.s == c.k and c.d == 1 and not c.before + c.after:
        told.append("tiles")
    if c.i == c.o and c.s == 1:
        told.append("same size")
    return told


def _transposed_remarks(c: Configuration) -> list[str]:
    rests = set(c.rests)
    told = [f"output padding {' and '.join(map(str, c.rests if len(rests) > 1 else rests))}"
            ] if any(rests) else []
    if c.gap:
        told.append("leaves gaps in the output")
    elif c.d == 1 and c.k % c.s == 0 and c.s > 1:
        told.append("tiles" if c.k == c.s else "even overlap")
    elif c.d == 1 and c.s > 1:
        told.append("uneven overlap")
    return told or ["exact"]


def _intervals(found: Solutions) -> list[Block]:
    """All solutions as intervals of strides, where that is a short list."""
    if found.known.tied or found.known.q.high:
        return []
    big, small = (O, I) if found.known.kind == "transposed" else (I, O)
    one = Num("1")
    blocks: list[Block] = [
        heading(1, "All of them, as intervals"),
        p(O, " depends on ", K, ", ", P, " and ", D, " only through ", definition(found),
          ", what a stride of one takes off the axis: ",
          row(big, "-", one, "=", M, "+", Fence(row(small, "-", one)), "·", S,
              *(() if found.known.kind == "transposed" else ("+", Identifier("r")))),
          "" if found.known.kind == "transposed" else " with ",
          "" if found.known.kind == "transposed" else row(
              Num("0"), "≤", Identifier("r"), "<", S), "."),
    ]
    levels = list(found.levels())
    rows: list[list[Cell]] = []
    for level in levels[:LEVELS]:
        strides = level.strides.high - level.strides.low + 1
        rows.append([cell(num(level.shrink)), cell(str(level.strides)), cell(f"{level.triples:,}"),
                     cell(f"{level.triples * strides:,}")])
    left = levels[LEVELS:]
    if left:
        rest = sum(v.triples * (v.strides.high - v.strides.low + 1) for v in left)
        rows.append([cell(f"{len(left):,} more"), cell("…"),
                     cell(f"{sum(v.triples for v in left):,}"), cell(f"{rest:,}")])
    heads: list[Prose | Column] = [
        Column(inlines(M), "right"), Column(inlines("strides ", S), "right"),
        Column(inlines("choices of ", K, ", ", P, ", ", D), "right"),
        Column(inlines("solutions"), "right")]
    return [*blocks, table(heads, rows)]
