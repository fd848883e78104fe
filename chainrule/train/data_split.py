"""Splits: which examples are learnt from, which choose the settings, which are kept for the end.

A split is written as fractions, `0.8/0.1/0.1`, or as counts, `rest/5000/10000`, always in the order
train/validation/test. It is *stratified*: every part has each class in the proportion in which the
data have it, to within rounding. It depends on the seed and the labels and on nothing else: the
order comes from a counter-based generator (SplitMix64), so that example 17 draws the same key on
every machine, with every version of NumPy, whatever was drawn before.

    >>> permutation(5, seed=0).tolist()
    [2, 0, 3, 1, 4]

How the examples are dealt: they are laid out class by class, in the drawn order within a class;
each part's places are spread evenly over that row. So each part gets exactly the number that it
should, and from each class the share that it should, give or take one or two.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from chainrule.errors import InputError
from chainrule.train.data_examples import PARTS, Array, Data, Examples

Split = str | Sequence[float | int | str]

_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio, odd: SplitMix64's increment
_MASK = 2**64 - 1
_SPLITS = -1  # the stream that no epoch has
_HINT = "write train/validation/test, such as 0.8/0.1/0.1, or counts, such as rest/200/360"


def keys(count: int, seed: int, stream: int = 0) -> Array:
    """The random 64-bit numbers of cells 0 .. count - 1, each a function of (seed, stream, cell).

    Seeds and streams count modulo 2**64. Stream -1 is that of the splits.

    Source: G. Steele, D. Lea and C. Flood, "Fast Splittable Pseudorandom Number Generators",
    OOPSLA 2014 (SplitMix64, as in `java.util.SplittableRandom`).

    >>> [hex(k) for k in keys(2, seed=0)]
    ['0xa706dd2f4d197e6f', '0xb382a305f4414f5e']
    """
    start = _mixed(np.array([seed & _MASK], np.uint64))
    start = _mixed(start ^ np.uint64((stream + 1) * _GOLDEN & _MASK))
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64 is what is meant
        return _mixed(start + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN))


def _mixed(z: Array) -> Array:
    """SplitMix64's finaliser: each bit of the result depends on all bits of `z`."""
    with np.errstate(over="ignore"):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = z ^ (z >> np.uint64(31))
    return mixed


def permutation(count: int, seed: int, stream: int = 0) -> Array:
    """The numbers 0 .. count - 1 in a random order that depends on (seed, stream) alone.

    `stream` tells several orders of one seed apart, such as the epochs of a run.
    """
    return np.argsort(keys(count, seed, stream), kind="stable")


def sizes(split: Split, count: int) -> tuple[int, ...]:
    """How many of `count` examples go to each part of a split of two or three numbers.

    Fractions add up to 1; what rounding leaves over goes to the parts that lost most. Counts add
    up to `count`; one of them may be the word rest. Raises `InputError` for anything else.

    >>> sizes("0.8/0.1/0.1", 1797)
    (1437, 180, 180)
    >>> sizes("rest/500", 1797)
    (1297, 500)
    """
    words = [w.strip() for w in split.split("/")] if isinstance(split, str) else list(
        map(str, split))
    text = "/".join(words)[:80]
    if not 2 <= len(words) <= len(PARTS):
        raise InputError(f"the split {text!r} has {len(words)} part{'s' * (len(words) != 1)}, "
                         "expected 2 or 3", None, _HINT)
    numbers = [None if word == "rest" else _number(word, text) for word in words]
    given = [number for number in numbers if number is not None]
    if any(n.denominator > 1 for n in given) or any("." in word for word in words):
        found = _from_fractions(numbers, count, text)
    else:
        found = _from_counts(numbers, count, text)
    if not found[0]:
        raise InputError(f"the split {text!r} leaves no example of {count} to learn from", None,
                         _HINT)
    return found


def _number(word: str, text: str) -> Fraction:
    try:
        if len(word) > 30 or "/" in word or "e" in word.lower() or "_" in word:
            raise ValueError
        number = Fraction(word)
    except ValueError:
        raise InputError(f"the split {text!r} holds {word[:40]!r}, which is neither a number nor "
                         "the word rest", None, _HINT) from None
    if number < 0:
        raise InputError(f"the split {text!r} holds {word}: a part cannot be negative", None,
                         _HINT)
    return number


def _from_fractions(numbers: list[Fraction | None], count: int, text: str) -> tuple[int, ...]:
    total = sum((n for n in numbers if n is not None), Fraction(0))
    open_parts = numbers.count(None)
    short = abs(total - 1) > Fraction(1, 10**9) if not open_parts else total > 1
    if short or open_parts > 1:
        raise InputError(f"the fractions of the split {text!r} add up to {float(total):g}, "
                         "expected 1", None, _HINT)
    exact = [(1 - total if n is None else n) * count for n in numbers]
    whole = [int(e) for e in exact]
    by_loss = sorted(range(len(exact)), key=lambda k: (whole[k] - exact[k], k))
    for k in by_loss[: count - sum(whole)]:
        whole[k] += 1
    return tuple(whole)


def _from_counts(numbers: list[Fraction | None], count: int, text: str) -> tuple[int, ...]:
    total = sum(int(n) for n in numbers if n is not None)
    open_parts = numbers.count(None)
    if open_parts > 1 or (total > count if open_parts else total != count):
        raise InputError(f"the counts of the split {text!r} add up to {total}; there are {count} "
                         "examples", None, f"for percentages {_HINT[0].lower()}{_HINT[1:]}")
    return tuple(count - total if n is None else int(n) for n in numbers)


def divide(examples: Examples, split: Split, seed: int = 0) -> list[Examples | None]:
    """The parts of a stratified split, each in the order of the data; None for an empty part.

    >>> e = Examples(np.arange(10.0)[:, None], labels=np.arange(10) % 2)
    >>> train, test = divide(e, "0.6/0.4")
    >>> train.counts(), test.counts()
    ({'0': 3, '1': 3}, {'0': 2, '1': 2})
    """
    groups = np.zeros(len(examples), np.int64) if examples.labels is None else examples.labels
    rows = stratified(groups, sizes(split, len(examples)), seed)
    return [examples.select(part) if part.size else None for part in rows]


def stratified(labels: Array, numbers: Sequence[int], seed: int = 0) -> list[Array]:
    """The rows of each part of a split into these numbers, alike in every class.

    >>> [rows.tolist() for rows in stratified(np.array([0, 0, 0, 1, 1, 1]), [4, 2], seed=1)]
    [[1, 2, 4, 5], [0, 3]]
    """
    order = permutation(labels.size, seed, _SPLITS)
    order = order[np.argsort(labels[order], kind="stable")]  # class by class
    part = np.repeat(np.arange(len(numbers)), numbers)
    places = np.concatenate([(np.arange(n) + 0.5) / max(n, 1) for n in numbers])
    dealt = part[np.lexsort((part, places))]  # whose turn it is, along the row
    return [np.sort(order[dealt == k]) for k in range(len(numbers))]


def resplit(data: Data, split: Split, seed: int = 0) -> Data:
    """The data split anew.

    Two numbers divide what there is to learn from (the training and the validation part) into
    training and validation, and leave the test part as it is; three divide everything.
    """
    words = split.split("/") if isinstance(split, str) else split
    parts = data.parts()
    kept = parts.pop("test", None) if len(words) == 2 else None
    pool = joined(list(parts.values()))
    found = {name: part for name, part in zip(PARTS, divide(pool, split, seed), strict=False)
             if part is not None}
    if kept is not None:
        found["test"] = kept
    text = split if isinstance(split, str) else "/".join(map(str, split))
    return data.with_parts(found, f"split {text}, stratified, seed {seed}")


def joined(parts: Sequence[Examples]) -> Examples:
    """The examples of several parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    labels = [p.labels for p in parts if p.labels is not None]
    targets = [p.targets for p in parts if p.targets is not None]
    return Examples(np.concatenate([p.inputs for p in parts]),
                    np.concatenate(labels) if labels else None,
                    np.concatenate(targets) if targets else None, first.classes, first.origin)
