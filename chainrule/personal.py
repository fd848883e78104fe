"""A matrix of one's own: the numbers of the toy network's input, from an index number.

So that no two students work the same numbers, an assignment takes them from the digits of each
student's index number. The rule, for a number such as 180577X:

1. Take the first six digits: 1 8 0 5 7 7. What follows them (a letter, more digits) is not used.
2. Make the six unique. The second 7 becomes 7.1, a third one would be 7.2, and so on to 7.5.
3. Replace zeros: the first by 0.5, the next by 0.6, then 0.7, ...
4. Write the six down row by row into a matrix of 4 columns. The next six cells are the same six
   times -1, and the last row is the first row times -1.

The six are always different: a digit d becomes at most d + 0.5, and more than five zeros, which
would reach 1, leave no room for a digit 1.
"""

from __future__ import annotations

from fractions import Fraction

from chainrule.errors import InputError, Span

DIGITS = 6
COLUMNS = 4
_TENTH = Fraction(1, 10)
_FOR_ZERO = Fraction(1, 2)


def index_number_matrix(number: str) -> list[list[Fraction]]:
    """The 4 x 4 matrix, exact, of an index number.

    Raises `InputError` where the first six characters are not all digits 0 to 9.

    >>> for row in index_number_matrix("180631"):
    ...     print(*map(float, row))
    1.0 8.0 0.5 6.0
    3.0 1.1 -1.0 -8.0
    -0.5 -6.0 -3.0 -1.1
    -1.0 -8.0 -0.5 -6.0
    """
    six = unique_digits(_first_digits(number))
    negative = [-value for value in six]
    cells = six + negative + negative[:COLUMNS]
    return [cells[k : k + COLUMNS] for k in range(0, len(cells), COLUMNS)]


def unique_digits(digits: list[int]) -> list[Fraction]:
    """Each digit, made unique by tenths: repeated ones go up by 0.1, zeros start at 0.5.

    >>> list(map(float, unique_digits([7, 0, 7, 0])))
    [7.0, 0.5, 7.1, 0.6]
    """
    met = dict.fromkeys(digits, 0)
    values = []
    for digit in digits:
        start = Fraction(digit) if digit else _FOR_ZERO
        values.append(start + met[digit] * _TENTH)
        met[digit] += 1
    return values


def _first_digits(number: str) -> list[int]:
    """The first six digits, blanks around the number left out."""
    if not isinstance(number, str):
        raise InputError(
            f"an index number is text, found {type(number).__name__}",
            hint='put it in quotes, as in "180631": leading zeros count',
        )
    text = number.strip()
    for place, character in enumerate(text[:DIGITS]):
        if not ("0" <= character <= "9"):
            raise InputError(
                f"an index number starts with {DIGITS} digits; character {place + 1} is no digit",
                Span(text, place, place + 1, "index number"),
                "it is written without blanks or dashes, as in 180577X",
            )
    if len(text) < DIGITS:
        raise InputError(
            f"an index number has at least {DIGITS} digits; found {len(text)}",
            Span(text, 0, len(text), "index number"),
            "the rule needs six: leading zeros count, so write 001234 for 1234",
        )
    return [int(character) for character in text[:DIGITS]]
