"""Why no configuration gives a shape: the proofs of `count.impossible` in words and formulas."""

from __future__ import annotations

from dataclasses import replace

from chainrule.count.configurations import Solutions
from chainrule.count.impossible import Case, Impossible, nearest, size_of
from chainrule.count.known import Bounds
from chainrule.document.blocks import Block, Column, MathBlock, Prose, cell, inlines, p, table
from chainrule.document.mathtree import Fence, Fraction, Math, Num, row
from chainrule.explain.configuration_formulas import (
    D,
    I,
    M,
    O,
    P,
    Q,
    S,
    definition,
    floor,
    kernel_length,
    listing,
    num,
    twice,
)

_CASES = 40  # cases of a proof that are listed


def proof(none: Impossible) -> list[Block]:
    """In words and formulas, why there is no solution."""
    found = none.solutions
    if none.reason == "axes":
        return _no_common(none)
    tell = {"rest": _rest, "padding": _padded, "fit": _unfit, "most": _bounded, "least": _bounded,
            "cases": _by_cases}[none.reason]
    blocks = tell(none)
    near = nearest(found)
    if near:
        blocks.append(p("Within the same bounds the nearest output", "s are " if len(near) > 1 else
                        " is ", " and ".join(f"{o:,}" for o in near), "."))
    if not (found.known.asymmetric or found.known.sides):
        blocks += _one_side(found)
    return blocks


def _one_side(found: Solutions) -> list[Block]:
    """What one cell more at the end would do."""
    other = Solutions(replace(found.known, asymmetric=True), found.i, found.o)
    if not other.count:
        return []
    best = other.best(1)[0]
    return [p("With one cell more of padding after the axis than before it there is a solution: ",
              f"{best}.")]


def _rest(none: Impossible) -> list[Block]:
    return [p("The output padding has to be less than the larger of ", S, " and ", D,
              f", which is at most {none.reached:,} within the bounds; and it is to be at least "
              f"{none.solutions.known.q.low:,}. ∎")]


def _padded(none: Impossible) -> list[Block]:
    return [p("The padding may be at most half of the dilated kernel, ",
              row(twice(P), "≤", kernel_length()), f". The padding has {none.padding:,} cells "
              "on both sides together, and the longest dilated kernel within the bounds only "
              f"{none.kernel:,}. ∎")]


def _unfit(none: Impossible) -> list[Block]:
    i = none.solutions.i[0]
    return [p("A window has to fit into the padded input. That has at most ",
              row(I, "+", twice(P), "=", num(i), "+", num(none.padding), "=",
                  num(i + none.padding)),
              " cells, and the shortest dilated kernel within the bounds has ",
              row(kernel_length(), "=", num(none.kernel)), ". ∎")]


def _bounded(none: Impossible) -> list[Block]:
    """The wanted size is beyond what the most favourable stride and m give."""
    found = none.solutions
    transposed = found.known.kind == "transposed"
    up = none.reason == "most"
    lean = up != transposed  # the favourable end: small m and s, or large ones
    extreme, word = ("smallest", "at least") if lean else ("largest", "at most")
    blocks: list[Block] = [
        p("Put ", definition(found), "; then ", _in_terms_of_m(transposed), ". It is ",
          "largest" if up else "smallest", " where ", S, " and ", M,
          f" are {extreme}. The stride is {word} {none.stride:,}. ", *_why_shrink(none, word))]
    i = found.i[0]
    relation = "≤" if up else "≥"
    if transposed:
        rest = none.reached - (i - 1) * none.stride - none.shrink - 1
        value = [Fence(row(num(i), "-", Num("1"))), "·", num(none.stride),
                 *_plus(none.shrink), "+", Num("1"), *_plus(rest, True), "=", num(none.reached)]
    else:
        value = [floor(row(num(i), "-", Num("1"), *_plus(-none.shrink)), none.stride), "+",
                 Num("1"), "=", num(none.reached)]
    blocks += [MathBlock(row(O, relation, *value)),
               p(f"but {found.o[0]:,} {'is' if found.o[0] == 1 else 'are'} wanted. ∎")]
    return blocks


def _plus(n: int, quiet: bool = False) -> list[Math | str]:
    if n == 0 and quiet:
        return []
    return ["-" if n < 0 else "+", num(abs(n))]


def _why_shrink(none: Impossible, word: str) -> list[Prose]:
    """Why m is not beyond its most favourable value."""
    found = none.solutions
    if none.shrink == -1 and word == "at least" and found.space.half:
        return ["And ", row(M, "≥", num(-1)), ", as the padding is at most half of the dilated "
                "kernel, ", row(twice(P), "≤", kernel_length()), ". So"]
    k, d, before, after = _witness(found, none.shrink)
    pad = str(before) if before == after else f"{before}:{after}"
    sign = "≥" if word == "at least" else "≤"
    fits = " where a window fits and" if none.reason == "least" and sign == "≤" else ""
    return ["And ", row(M, sign, num(none.shrink)),
            f"{fits} within the bounds (it is {none.shrink:,} for k = {k}, d = {d}, p = {pad}). So"]


def _witness(found: Solutions, m: int) -> tuple[int, int, int, int]:
    """A kernel, dilation and padding with this m; the smallest kernel that has one."""
    for k in range(found.space.k.low, found.space.k.high + 1):
        dilations = found.space.dilations(k)
        for d in range(dilations.low, dilations.high + 1):
            for padding in found.space.paddings(d * (k - 1), m, m):
                return (k, d, *found.space.split(padding))
    raise ValueError(f"nothing within the bounds has m = {m}")


def _in_terms_of_m(transposed: bool) -> Math:
    one = Num("1")
    if transposed:
        return row(O, "=", Fence(row(I, "-", one)), "·", S, "+", M, "+", one, "+", Q)
    return row(O, "=", Fence(Fraction(row(I, "-", one, "-", M), S), "⌊", "⌋"), "+", one)


def _by_cases(none: Impossible) -> list[Block]:
    """A row a stride: the m that it wants, and the ones there are."""
    found = none.solutions
    transposed = found.known.kind == "transposed"
    blocks: list[Block] = [p("Put ", definition(found), "; then ", _in_terms_of_m(transposed),
                             ". So each stride wants certain ", M, ".", *_fits(found))]
    if none.modulus:
        blocks.append(p(*_congruence(none)))
    cases = none.cases[:_CASES]
    rows = [[cell(str(case.strides)), cell(_wanted(case)), cell(*_next_to(found, case))]
            for case in cases]
    heads: list[Prose | Column] = [
        Column(inlines("stride ", S), "right"),
        Column(inlines("wants ", M), "right"), inlines("but within the bounds")]
    blocks.append(table(heads, rows))
    more = len(none.cases) - len(cases)
    if more:
        blocks.append(p(f"{more:,} strides more fail in the same way."))
    blocks.append(p("That is every stride within the bounds, and none is left. ∎"))
    return blocks


def _fits(found: Solutions) -> list[Prose]:
    """That m has to leave room for a window, where that is a condition."""
    if found.known.kind == "transposed":
        return []
    return [" A window fits into the padded input where ", row(M, "≤", I, "-", Num("1")), "."]


def _congruence(none: Impossible) -> list[Prose]:
    space = none.solutions.space
    if none.modulus == 2:
        what = "odd" if none.residue else "even"
        tail: list[Prose] = [f"{what}, whatever the padding"]
    else:
        what = ""
        tail = [f"of the form {none.modulus}·n + {none.residue}"]
    d = space.dilations(space.k.low)
    if space.k.single and d.single and space.step == 2:
        extent = d.low * (space.k.low - 1)
        bracket = Fence(row(num(space.k.low), "-", Num("1")))
        return ["Here ", row(M, "=", num(d.low), "·", bracket, "-", twice(P), "=",
                             num(extent), "-", twice(P)), " is ", *tail, "."]
    return ["All ", M, " within the bounds are ", *tail, "."]


def _wanted(case: Case) -> str:
    if case.strides.low < case.strides.high:
        return "more" if case.above is None else "less"
    if case.needs.low > case.needs.high:
        return "none"
    return str(case.needs)


def _next_to(found: Solutions, case: Case) -> list[Prose]:
    """What the attainable m on both sides give."""
    if case.inside:
        return [f"{', '.join(map(str, case.inside[:4]))}: only with a dilation too small for the "
                "output padding"]
    if len(found.i) == 1 and case.needs.low > case.needs.high:
        return ["no output padding that is given is less than the larger of ", S, " and ", D]
    if case.below is None and case.above is None:
        return ["no padding lets this kernel fit"]
    if len(found.i) > 1:
        told = [f"{m}" for m in (case.below, case.above) if m is not None]
        return [M, " next to it: ", " and ".join(told)]
    parts: list[Prose] = []
    transposed = found.known.kind == "transposed"
    for m, end in ((case.below, case.strides.high), (case.above, case.strides.low)):
        if m is None:
            continue
        low, high = size_of(found, end, m)
        below = m is case.below
        o = low if below != transposed else high
        if transposed:
            o = high if below else low
        word = "at most" if (below == transposed) else "at least"
        only = case.below is None or case.above is None
        sign = ("≤" if below else "≥") if only else "="
        parts += ["; "] if parts else []
        bound = f"{word} " if only or found.known.q.high else ""
        parts += [row(M, sign, num(m)), f" gives {bound}{o:,}"]
    return parts


def _no_common(none: Impossible) -> list[Block]:
    """Each axis has solutions, but they share none."""
    found = none.solutions
    alone = [Solutions(found.known, (i,), (o,)) for i, o in zip(found.i, found.o, strict=True)]
    wide = found.space.most_dilated
    blocks: list[Block] = [p(
        "Put ", definition(found), ". All axes have the same ", M, " and ", S,
        ", and for a stride each axis wants ", M, " in an interval of its own.")]
    rows = []
    for case in none.cases:
        for s in range(case.strides.low, case.strides.high + 1):
            wants = [one.needs(s, wide) for one in alone]
            if all(w.low <= w.high and one.shrinks.number(w.low, w.high)
                   for w, one in zip(wants, alone, strict=True)):
                both = Bounds(max(w.low for w in wants), min(w.high for w in wants))
                said = "nothing in common" if both.low > both.high else (
                    f"in common {both}, which no kernel, dilation and padding gives")
                rows.append([cell(str(s)), *[cell(str(w)) for w in wants], cell(said)])
    if not rows:
        blocks.append(p("No stride does for all axes, even by themselves: ", "; ".join(
            f"{one.i[0]:,} → {one.o[0]:,} takes a stride of {_strides(one)}" for one in alone),
            ". ∎"))
        return blocks
    heads: list[Prose | Column] = [Column(inlines("stride ", S), "right"), *[
        Column(inlines(f"{one.i[0]:,} → {one.o[0]:,}"), "right") for one in alone], ""]
    blocks.append(table(heads, rows[:_CASES]))
    blocks.append(p("The other strides fail on one of the axes by itself. ∎"))
    return blocks


def _strides(found: Solutions) -> str:
    """The strides of an axis's solutions, as intervals."""
    wide = found.space.most_dilated
    strides = [s for s in found.strides
               if found.shrinks.number(found.needs(s, wide).low, found.needs(s, wide).high)]
    return listing(strides)
