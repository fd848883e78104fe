"""The formula of an output's size, in letters and with a solution's numbers put in."""

from __future__ import annotations

from chainrule.count.configurations import Configuration, Solutions
from chainrule.count.known import Bounds
from chainrule.document.mathtree import Fence, Fraction, Identifier, Math, Num, Row, row

I, O, K, S, P, D, Q, M = map(Identifier, "iokspdqm")  # noqa: E741


def formula(kind: str, uneven: bool = False) -> Math:
    """The output's size in letters."""
    if kind == "transposed":
        pad: list[Math | str] = ["-", *both_sides("-")] if uneven else ["-", twice(P)]
        return row(O, "=", Fence(row(I, "-", Num("1"))), "·", S, *pad, "+", D, "·",
                   Fence(row(K, "-", Num("1"))), "+", Num("1"), "+", Q)
    pad = ["+", *both_sides("+")] if uneven else ["+", twice(P)]
    top = row(I, *pad, "-", D, "·", Fence(row(K, "-", Num("1"))), "-", Num("1"))
    return row(O, "=", Fence(Fraction(top, S), "⌊", "⌋"), "+", Num("1"))


def worked(c: Configuration, axis: int) -> list[Math | str]:
    """The formula with a solution's numbers put in, to the output's size; without `o =`."""
    i, o, rest = c.i[axis], c.o[axis], c.rests[axis]
    sign = "-" if c.kind == "transposed" else "+"
    pad: list[Math | str] = [sign, Num("2"), "·", num(c.before)]
    if c.before != c.after:
        pad = [sign, num(c.before), sign, num(c.after)]
    kernel: list[Math | str] = [num(c.d), "·", Fence(row(num(c.k), "-", Num("1")))]
    if c.kind == "transposed":
        tail: list[Math | str] = ["+", num(rest)] if rest else []
        return [Fence(row(num(i), "-", Num("1"))), "·", num(c.s), *pad, "+", *kernel, "+",
                Num("1"), *tail, "=", num(o)]
    top = row(num(i), *pad, "-", *kernel, "-", Num("1"))
    return [floor(top, c.s), "+", Num("1"), "=", floor(num(i - 1 - c.shrink), c.s), "+",
            Num("1"), "=", num(o)]


def floor(top: Math, s: int) -> Math:
    """The floor of a quotient."""
    return Fence(Fraction(top, num(s)), "⌊", "⌋")


def num(n: int) -> Math:
    """An integer."""
    return Num(str(n))


def twice(m: Math) -> Math:
    """2p."""
    return Row((Num("2"), m))


def both_sides(sign: str) -> list[Math | str]:
    """The padding before the axis, the sign, and the padding after it."""
    return [Identifier("before"), sign, Identifier("after")]


def kernel_length() -> Math:
    """The length of the dilated kernel, d(k-1) + 1."""
    return row(D, "·", Fence(row(K, "-", Num("1"))), "+", Num("1"))


def definition(found: Solutions) -> Math:
    """m = d(k-1) - 2p, what a stride of one takes off the axis."""
    pad: list[Math | str] = ["-", *both_sides("-")] if uneven(found) else ["-", twice(P)]
    return row(M, "=", D, "·", Fence(row(K, "-", Num("1"))), *pad)


def uneven(found: Solutions) -> bool:
    """Whether the padding may differ at the two ends."""
    return found.space.step == 1


def listing(numbers: list[int]) -> str:
    """Integers with neighbours drawn together: 1 to 4, 7."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    told = [str(Bounds(*run)) for run in runs]
    if len(told) > 12:
        told = [*told[:6], f"… ({len(numbers):,} in all) …", *told[-5:]]
    return ", ".join(told)
