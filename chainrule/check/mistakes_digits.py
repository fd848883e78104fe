"""The digits of a wrong number: rounded, cut off, exchanged, one of them wrong, the point moved.

A number is compared with the right one as it would be printed, digit by digit. A number that
stands in a formula is compared with the one that would make the formula right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.judge_words import number_text
from chainrule.check.mistakes_bench import Bench, Found, said
from chainrule.check.mistakes_trees import bare, swapped, terms
from chainrule.check.rounding import COARSE, CUT, Printed, printed
from chainrule.check.tree import Matrix, Number, walk
from chainrule.check.values import Array

_LEAVES: Final = 10  # numbers of a formula that are looked at
_FAR: Final = 10**6


def digits(bench: Bench) -> Iterator[Found]:
    """What may have happened to the digits of a number, or of one in a formula."""
    shown = printed(bench.right)
    true = bench.value(bench.left)
    exact = None if true is None or isinstance(true, Array | bool) else (
        bench.numbers.exactly(true))
    if exact is None:
        return
    if shown is None:
        yield from _leaves(bench, exact)
        return
    yield from _rounded(bench, exact, shown)
    yield from _compared(bench, exact, shown, said(bench.right))
    yield from _one_digit(exact, shown, said(bench.right))


def entry_digits(bench: Bench, true: Any, shown: Printed, where: str) -> Iterator[Found]:
    """What may have happened to one number of a list or a matrix."""
    exact = bench.numbers.exactly(true)
    if exact is None:
        return
    text = f"{rounded_text(shown.value, shown.decimals)} in {where}"
    if shown.decimals and _cut(exact, shown):
        yield Found("truncation", f"{text} was cut off: rounded it is "
                    f"{rounded_text(exact, shown.decimals)}", 0.4, True)
        return
    for found in _compared(bench, exact, shown, text):
        yield replace(found, sure=True)


# --- rounded

def _rounded(bench: Bench, true: Fraction, shown: Printed) -> Iterator[Found]:
    asked = bench.case.trials.rule.decimals
    text = said(bench.right)
    rounding = bench.case.outcome.rounding
    unit = Fraction(1, 10**shown.decimals)
    gap = abs(true - shown.value)
    fewer = _padded(true, shown)
    if rounding == COARSE:
        have = f"{shown.decimals} decimal{'s' * (shown.decimals != 1)}"
        want = f"; {asked} are asked for" if asked is not None and asked > shown.decimals else ""
        yield Found("too-few-decimals", f"{text} has {have}{want}", 0.1, True)
    elif rounding == CUT or (shown.decimals and _cut(true, shown)):
        yield Found("truncation", f"the further digits of {number_text(true)} were cut off; "
                    f"rounded it is {rounded_text(true, shown.decimals)}", 0.1, True)
    elif shown.decimals and asked is not None and shown.decimals < asked and gap <= unit:
        yield Found("too-few-decimals", f"{text} has {shown.decimals} decimals; {asked} are asked "
                    "for", 0.9, True)
    elif fewer is not None:
        places = f"{fewer} decimal{'s' * (fewer != 1)}" if fewer else "a whole number"
        yield Found("early-rounding", f"{number_text(true)} was rounded to {places} first, and "
                    "zeros were put behind", 0.3 if shown.value else 1.5, bool(shown.value))
    elif shown.decimals >= 2 and gap < unit:
        yield Found("rounding", f"{number_text(true)} rounds to "
                    f"{rounded_text(true, shown.decimals)}", 0.2, True)


def _padded(true: Fraction, shown: Printed) -> int | None:
    """The decimals that a number was rounded to before zeros were put behind: 35.1200 of 35.1211.
    """
    if shown.decimals < 2 or abs(true) > _FAR:
        return None
    for fewer in range(shown.decimals - 1, -1, -1):
        if Fraction(round(true * 10**fewer), 10**fewer) == shown.value:
            return fewer
    return None


def rounded_text(value: Fraction, decimals: int) -> str:
    """A number rounded to some decimals, as text.

    >>> rounded_text(Fraction(2, 3), 2)
    '0.67'
    """
    return number_text(Fraction(round(value * 10**decimals), 10**decimals))


def _cut(true: Fraction, shown: Printed) -> bool:
    scale: int = 10**shown.decimals
    if true * shown.value < 0 or true == shown.value or shown.digits < 2:
        return False
    return int(abs(true) * scale) == abs(shown.value) * scale


# --- compared digit by digit

def _compared(bench: Bench, true: Fraction, shown: Printed, text: str) -> Iterator[Found]:
    """A wrong sign, two digits exchanged, the decimal point elsewhere, one over the number."""
    value = shown.value
    slack = shown.half * Fraction(101, 100) if shown.decimals else Fraction(0)
    if not true or not value:
        return
    if abs(true + value) <= slack:
        yield Found("sign", f"{text} has the wrong sign", 0.7, shown.digits > 1)
        return
    mine = _digits(value, shown.decimals)
    plain = _digits(true, shown.decimals)
    moved = _moved(true, shown, bench.case.trials.rule.decimals)
    if true * value > 0 and exchanged(plain, mine) and not (moved and _across(plain, mine, shown)):
        firm = shown.digits >= 3
        yield Found("swapped-digits", f"two digits of {text} changed places", 0.8 + 0.1 *
                    (not firm), firm)
        return
    if moved:
        where = "right" if moved > 0 else "left"
        yield Found("decimal-point", f"the decimal point of {text} belongs {abs(moved)} "
                    f"place{'s' * (abs(moved) > 1)} further to the {where}", 0.8,
                    len(mine.strip("0")) >= 2)
    if abs(1 / true - value) <= slack and shown.digits >= 2:
        yield Found("upside-down", f"{text} is one over the right value", 1.2, False)


def _digits(value: Fraction, decimals: int) -> str:
    """The digits of a number with so many decimals, without its sign and its point."""
    return str(abs(round(value * 10**decimals))).rjust(decimals + 1, "0")


def exchanged(a: str, b: str) -> bool:
    """Whether two digits changed places.

    >>> exchanged("3060", "3600"), exchanged("12", "13")
    (True, False)
    """
    if len(a) != len(b) or len(a) < 2:
        return False
    other = [k for k in range(len(a)) if a[k] != b[k]]
    return len(other) == 2 and a[other[0]] == b[other[1]] and a[other[1]] == b[other[0]]


def _across(a: str, b: str, shown: Printed) -> bool:
    """Whether exchanged digits are no neighbours, or the zero before the point is one of them."""
    first, last = (k for k in range(len(a)) if a[k] != b[k])
    return last - first > 1 or (first == len(a) - 1 - shown.decimals and "0" in (a[first],
                                                                                 b[first]))


def _moved(true: Fraction, shown: Printed, asked: int | None) -> int:
    """How many places the decimal point belongs further to the right; 0 where it is right."""
    several = len(_digits(shown.value, shown.decimals).strip("0")) >= 2
    for k in (1, -1, 2, -2, 3, -3):
        scaled = shown.value * Fraction(10) ** k
        if scaled == true and (several or shown.decimals):
            return k
        for places in {shown.decimals, shown.decimals - k, asked or 0} if several else ():
            if places > 0 and Fraction(round(true * 10**places), 10**places) == scaled:
                return k
    return 0


def _one_digit(true: Fraction, shown: Printed, text: str) -> Iterator[Found]:
    """One digit that is another one, or a carry that was forgotten or made up."""
    unit = Fraction(1, 10**shown.decimals)
    off = round(abs(true - shown.value) / unit)
    plain, mine = _digits(true, shown.decimals), _digits(shown.value, shown.decimals)
    wrong = [k for k in range(len(mine)) if mine[k] != plain[k]] if len(plain) == len(mine) else []
    carry = off >= 10 and str(off).strip("0") == "1"
    if true * shown.value > 0 and shown.digits >= 3 and shown.decimals and (
            carry or (len(wrong) == 1 and shown.digits >= 4 and wrong[0] < len(mine) - 1)):
        yield Found("arithmetic", f"one digit of {text} is wrong", 1.7, shown.digits >= 4)


# --- numbers in formulas

def _leaves(bench: Bench, true: Fraction) -> Iterator[Found]:
    """One number of a formula with two digits exchanged, or with the decimal point elsewhere."""
    if isinstance(bare(bench.right), Matrix):
        return
    leaves = [n for n in walk(bench.right) if isinstance(n, Number)
              and len(n.text.replace(".", "")) > 1 and printed(n) is not None][:_LEAVES]
    mine = _number(bench, bench.value(bench.right)) if leaves else None
    for leaf in leaves:
        shown = printed(leaf)
        if shown is None or mine is None:
            return
        more = replace(leaf, text=_text(shown.value + Fraction(1, 10**shown.decimals),
                                        shown.decimals))
        up = _number(bench, bench.value(swapped(bench.right, leaf, more)))
        if up is None or up == mine:
            continue
        needed = shown.value + (true - mine) / (up - mine) / 10**shown.decimals
        if not 0 < needed < _FAR * 10**3:
            continue
        for found, decimals in ((f, d) for d in
                                range(shown.decimals + 3 if shown.decimals else 1)
                                for f in _of_leaf(bench, needed, shown, d, said(leaf))):
            put = replace(leaf, text=_text(needed, decimals))
            new = swapped(bench.right, leaf, put)
            if bench.fits(bench.left, new) and bench.holds(bench.left, new):
                yield found
                return


def _of_leaf(bench: Bench, needed: Fraction, shown: Printed, decimals: int,
             text: str) -> Iterator[Found]:
    near = Fraction(round(needed * 10**decimals), 10**decimals)
    if abs(near - needed) > abs(needed) / 500 or near == shown.value:
        return
    alone = len(terms(bench.right)) == 1  # a product lacks a power of ten in any of its factors
    for found in _compared(bench, near, shown, text):
        if found.kind == "swapped-digits":
            yield replace(found, sure=True)
        elif found.kind == "decimal-point" and shown.decimals:
            yield replace(found, sure=not alone, cost=1.6 if alone else found.cost)


def _text(value: Fraction, decimals: int) -> str:
    plain = _digits(value, decimals)
    return f"{plain[: len(plain) - decimals]}.{plain[len(plain) - decimals :]}" if decimals else (
        plain)


def _number(bench: Bench, value: Any) -> Fraction | None:
    return None if value is None or isinstance(value, Array | bool) else (
        bench.numbers.exactly(value))


__all__ = ["digits", "entry_digits", "exchanged", "rounded_text"]
