"""Integer polynomials: what a subscript, a size and a range are made of.

`2*i + a - p` is a polynomial over *atoms*: index variables (`i`, `a`), names of sizes (`p`, `N`),
floors (`(N - k)//s`) and integers read from a tensor (`y[n]`, a gather). One type serves subscripts
(affine in the indices), sizes (no indices) and ranges, so that one normal form decides whether two
of them are equal. Terms keep the order in which they were written, for printing; equality does not
depend on it.

    >>> i, a = index("i"), index("a")
    >>> 2*i + a == a + i + i
    True
    >>> str((2*i + a) // 2)
    'i + a//2'
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol


class Atom(Protocol):
    """What a polynomial is built from: hashable, with a rank and a key that order a product."""

    @property
    def key(self) -> tuple[int, str]: ...


@dataclass(frozen=True, slots=True)
class Size:
    """A size that is not known yet, by name; a non-negative integer."""

    name: str

    @property
    def key(self) -> tuple[int, str]:
        return (0, self.name)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Index:
    """An index variable."""

    name: str

    @property
    def key(self) -> tuple[int, str]:
        return (1, self.name)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Floor:
    """The floor of a quotient, `numerator // denominator`, with a positive denominator."""

    numerator: Integer
    denominator: Integer

    @property
    def key(self) -> tuple[int, str]:
        return (2, str(self))

    def __str__(self) -> str:
        return f"{_bracketed(self.numerator)}//{_bracketed(self.denominator)}"


Monomial = tuple[Atom, ...]


class Integer:
    """A polynomial with integer coefficients over atoms; immutable.

    `terms` maps a product of atoms (sorted, repeated for powers; empty for the constant) to its
    coefficient. Two are equal if their terms are, whatever the order.
    """

    __slots__ = ("_constant", "_hash", "_plain", "terms")

    terms: tuple[tuple[Monomial, int], ...]

    def __init__(self, terms: tuple[tuple[Monomial, int], ...]) -> None:
        self.terms = terms
        self._hash = hash(frozenset(terms))
        plain = number = None
        if len(terms) == 1:
            monomial, coefficient = terms[0]
            if not monomial:
                number = coefficient
            elif coefficient == 1 and len(monomial) == 1 and type(monomial[0]) is Index:
                plain = monomial[0].name
        elif not terms:
            number = 0
        self._plain = plain
        self._constant = number

    @staticmethod
    def collect(terms: Iterator[tuple[Monomial, int]]) -> Integer:
        """The polynomial with these terms, like ones added up and zeros dropped."""
        total: dict[Monomial, int] = {}
        for monomial, coefficient in terms:
            total[monomial] = total.get(monomial, 0) + coefficient
        return Integer(tuple((m, c) for m, c in total.items() if c))

    @property
    def plain(self) -> str | None:
        """The name of the index if this is nothing but an index variable, else None."""
        return self._plain

    @property
    def constant(self) -> int | None:
        """The value if this is a constant, else None."""
        return self._constant

    def atoms(self) -> Iterator[Atom]:
        """All atoms, those inside floors included, in the order written, with repetitions."""
        for monomial, _ in self.terms:
            for atom in monomial:
                yield atom
                if isinstance(atom, Floor):
                    yield from atom.numerator.atoms()
                    yield from atom.denominator.atoms()

    def indices(self) -> list[str]:
        """The index variables, each once; those inside a gather included."""
        if self._plain is not None:
            return [self._plain]
        found: dict[str, None] = {}
        for atom in self.atoms():
            if isinstance(atom, Index):
                found[atom.name] = None
            elif not isinstance(atom, Size | Floor):
                for name in atom.indices():  # type: ignore[attr-defined]
                    found[name] = None
        return list(found)

    def sizes(self) -> list[str]:
        """The names of the sizes, each once."""
        found: dict[str, None] = {}
        for atom in self.atoms():
            if isinstance(atom, Size):
                found[atom.name] = None
            elif not isinstance(atom, Index | Floor):
                for name in atom.sizes():  # type: ignore[attr-defined]
                    found[name] = None
        return list(found)

    def coefficient(self, atom: Atom) -> Integer:
        """What multiplies `atom` in the terms that hold it once."""
        terms = []
        for monomial, c in self.terms:
            if atom in monomial:
                rest = list(monomial)
                rest.remove(atom)
                terms.append((tuple(rest), c))
        return Integer.collect(iter(terms))

    def without(self, atom: Atom) -> Integer:
        """The terms that do not hold `atom`."""
        return Integer(tuple((m, c) for m, c in self.terms if atom not in m))

    def substitute(self, replace: Callable[[Atom], Integer | None]) -> Integer:
        """The polynomial with each atom replaced where `replace` gives something, floors redone."""
        total = ZERO
        changed = False
        for monomial, c in self.terms:
            product = constant(c)
            for atom in monomial:
                new = replace(atom)
                if new is None and isinstance(atom, Floor):
                    top = atom.numerator.substitute(replace)
                    bottom = atom.denominator.substitute(replace)
                    if top is not atom.numerator or bottom is not atom.denominator:
                        new = top // bottom
                changed = changed or new is not None
                product = product * (Integer((((atom,), 1),)) if new is None else new)
            total = total + product
        return total if changed else self

    def evaluate(self, value: Callable[[Atom], Any]) -> Any:
        """The number (or array of numbers) it has where `value` gives those of its atoms."""
        total: Any = 0
        for monomial, c in self.terms:
            product: Any = c
            for atom in monomial:
                if isinstance(atom, Floor):
                    top = atom.numerator.evaluate(value)
                    product = product * (top // atom.denominator.evaluate(value))
                else:
                    product = product * value(atom)
            total = total + product
        return total

    def __add__(self, other: Integer | int) -> Integer:
        other = integer(other)
        if not self.terms:
            return other
        if not other.terms:
            return self
        a, b = self._constant, other._constant
        if a is not None and b is not None:
            return constant(a + b)
        return Integer.collect(iter(self.terms + other.terms))

    __radd__ = __add__

    def __neg__(self) -> Integer:
        return Integer(tuple((m, -c) for m, c in self.terms))

    def __sub__(self, other: Integer | int) -> Integer:
        other = integer(other)
        a, b = self._constant, other._constant
        if a is not None and b is not None:
            return constant(a - b)
        return self + (-other)

    def __rsub__(self, other: int) -> Integer:
        return integer(other) - self

    def __mul__(self, other: Integer | int) -> Integer:
        other = integer(other)
        a, b = self._constant, other._constant
        if a is not None and b is not None:
            return constant(a * b)
        if a == 1:
            return other
        if b == 1:
            return self
        return Integer.collect(
            (tuple(sorted(m + n, key=lambda atom: atom.key)), c * d)
            for m, c in self.terms
            for n, d in other.terms
        )

    __rmul__ = __mul__

    def __floordiv__(self, other: Integer | int) -> Integer:
        """The floor of the quotient; whole parts leave the floor, so (i*2 + a)//2 is i + a//2."""
        divisor = integer(other)
        number = divisor.constant
        if number is not None and number <= 0:
            raise ZeroDivisionError("the divisor of a floor must be positive")
        if number == 1:
            return self
        if number is not None and self._constant is not None:
            return constant(self._constant // number)
        whole: list[tuple[Monomial, int]] = []
        rest: list[tuple[Monomial, int]] = []
        for monomial, c in self.terms:
            quotient, remainder = _divide(monomial, c, divisor)
            if quotient is not None:
                whole.append(quotient)
            if remainder is not None:
                rest.append(remainder)
        top = Integer(tuple(rest))
        if top.constant is not None and number is not None:
            return Integer.collect(iter([*whole, ((), top.constant // number)]))
        if not top.terms:
            return Integer.collect(iter(whole))
        if len(rest) == 1 and number is not None and rest[0][1] == 1 and len(rest[0][0]) == 1:
            inner = rest[0][0][0]  # floor(floor(x/a)/b) is floor(x/(a b))
            if isinstance(inner, Floor):
                nested = Floor(inner.numerator, inner.denominator * divisor)
                return Integer.collect(iter([*whole, ((nested,), 1)]))
        return Integer.collect(iter([*whole, ((Floor(top, divisor),), 1)]))

    def __mod__(self, other: Integer | int) -> Integer:
        """The remainder, which is nothing new: e - k*(e//k)."""
        divisor = integer(other)
        return self - divisor * (self // divisor)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, int):
            return self.constant == other
        if not isinstance(other, Integer) or self._hash != other._hash:
            return False
        return frozenset(self.terms) == frozenset(other.terms)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Integer({self})"

    def __str__(self) -> str:
        return _text(self)


def _divide(
    monomial: Monomial, c: int, divisor: Integer
) -> tuple[tuple[Monomial, int] | None, tuple[Monomial, int] | None]:
    """The part of one term that `divisor` divides, and the part that stays under the floor."""
    number = divisor.constant
    if number is not None:
        if not monomial:
            q, r = divmod(c, number)
            return ((), q) if q else None, ((), r) if r else None
        if c % number == 0:
            return (monomial, c // number), None
        return None, (monomial, c)
    if len(divisor.terms) == 1:
        atoms, d = divisor.terms[0]
        rest = list(monomial)
        for atom in atoms:
            if atom not in rest:
                return None, (monomial, c)
            rest.remove(atom)
        if c % d == 0:
            return (tuple(rest), c // d), None
    return None, (monomial, c)


def constant(value: int) -> Integer:
    """The constant polynomial."""
    return _constant(value) if -64 <= value <= 1024 else Integer((((), value),))


@lru_cache(maxsize=2048)
def _constant(value: int) -> Integer:
    return Integer((((), value),)) if value else Integer(())


@lru_cache(maxsize=4096)
def index(name: str) -> Integer:
    """The polynomial that is just the index variable `name`."""
    return Integer((((Index(name),), 1),))


@lru_cache(maxsize=4096)
def size(name: str) -> Integer:
    """The polynomial that is just the size `name`."""
    return Integer((((Size(name),), 1),))


def atom(a: Atom) -> Integer:
    """The polynomial that is just this atom."""
    return Integer((((a,), 1),))


def integer(value: Integer | int) -> Integer:
    """An integer polynomial from an int, or itself."""
    return value if isinstance(value, Integer) else constant(value)


ZERO = constant(0)
ONE = constant(1)


def product(factors: Iterator[Integer]) -> Integer:
    """The product of some polynomials; 1 for none."""
    total = ONE
    for factor in factors:
        total = total * factor
    return total


def known(p: Integer, sizes: Mapping[str, int]) -> Integer:
    """`p` with the sizes that have values replaced by them."""
    if p.constant is not None or p.plain is not None or not sizes:
        return p
    return p.substitute(
        lambda a: constant(sizes[a.name]) if isinstance(a, Size) and a.name in sizes else None
    )


def _bracketed(p: Integer) -> str:
    text = _text(p)
    number = p.constant
    single = len(p.terms) == 1 and p.terms[0][1] == 1 and len(p.terms[0][0]) == 1
    plain = single if number is None else number >= 0
    return text if plain and "/" not in text else f"({text})"


def _text(p: Integer) -> str:
    parts: list[str] = []
    for monomial, c in p.terms:
        factors = [f"({a})" if isinstance(a, Floor) and len(monomial) > 1 else str(a)
                   for a in monomial]
        signed = c < 0 and not parts and factors[:1] and factors[0][0].isdigit()
        if len(monomial) == 1 and isinstance(monomial[0], Floor) and (abs(c) != 1 or signed):
            factors = [f"({monomial[0]})"]
        if abs(c) != 1 or not monomial:
            factors.insert(0, str(abs(c)))
        body = "*".join(factors)
        if not parts:
            parts.append(f"-{body}" if c < 0 else body)
        else:
            parts.append(f" - {body}" if c < 0 else f" + {body}")
    return "".join(parts) or "0"
