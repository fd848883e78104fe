"""The catalogue of mistakes: what people do wrong in backpropagation, by name.

Each entry says what the mistake is, and has a hint that sends a student back to the right place
without saying what should stand there. The modules `mistakes_…` recognise them in a paper: they
look for the small change that makes a wrong claim right, or for the known mistake that gives
exactly the wrong value. Where nothing fits, no mistake is named.

    >>> entry("transpose").title
    'Transpose'
    >>> named("sign", "the second term needs a minus").hint
    'Check the signs, one term at a time.'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chainrule.check.verdicts import Mistake


@dataclass(frozen=True, slots=True)
class Entry:
    """A kind of mistake: its name, a title, what happens in it, and a hint for whoever made it."""

    name: str
    title: str
    explanation: str
    hint: str


CATALOGUE: Final = (
    Entry("sign", "Sign", "A term, a factor or the whole result has the wrong sign.",
          "Check the signs, one term at a time."),
    Entry("transpose", "Transpose",
          "A matrix stands where its transpose belongs, or rows and columns are exchanged.",
          "Write the shape of every factor below it: do the inner sizes meet?"),
    Entry("wrong-axis", "Wrong axis", "A sum or an index runs over the wrong axis.",
          "Which index is summed over, and which one is left?"),
    Entry("inner-derivative", "Dropped inner derivative",
          "The chain rule stopped one step early: the derivative of the inner function is missing.",
          "Something inside a function depends on the variable too: has its derivative been "
          "multiplied on?"),
    Entry("wrong-point", "Derivative at the wrong point",
          "A derivative is taken at the output of a function instead of at its input, or the other "
          "way round.",
          "At which quantity is that derivative to be taken: before or after the function?"),
    Entry("unsummed-parameter", "Unsummed shared parameter",
          "A parameter that is used in several places got the contribution of each by itself, or "
          "of one alone; they have to be added.",
          "In how many places is this parameter used, and what shape must its derivative have?"),
    Entry("unsummed-fan-out", "Unsummed fan-out",
          "A quantity goes several ways, and only some of the ways were added up.",
          "Follow every arrow that leaves this quantity: are all of them counted?"),
    Entry("pool-cell", "Gradient to the wrong cell",
          "The gradient of a maximum went to another cell than the one that was the maximum.",
          "Look up again which cell of the window was the largest."),
    Entry("kernel-not-flipped", "Kernel not flipped",
          "The kernel was slid along as it stands (a correlation); a convolution flips it first.",
          "Is it a convolution or a correlation that is asked for?"),
    Entry("size-plus-one", "Missing + 1 in a size",
          "The number of places of a window is the number of steps plus one.",
          "Try the formula for the size on a case small enough to count."),
    Entry("size-floor", "Rounding of a size",
          "A size was not rounded down, or was rounded the wrong way.",
          "Can a window stand at a fraction of a place?"),
    Entry("wrong-size", "Size of another layer",
          "The size of one layer was used where that of another belongs.",
          "Which layer's size counts here: what goes in or what comes out?"),
    Entry("input-channels", "Missing input channels",
          "A kernel reaches through all channels of its input; their number is missing as a "
          "factor.",
          "Through how many channels of its input does one kernel reach?"),
    Entry("biases", "Biases", "The biases are left out, or counted where they should not be.",
          "Do the biases belong here?"),
    Entry("mac-flop", "Multiplications for operations",
          "A multiplication with an addition counts as one or as two: here it was counted the "
          "other way.",
          "What is to be counted: multiplications, or all operations?"),
    Entry("softmax-diagonal", "Softmax's diagonal only",
          "Each output of softmax depends on every input; only the diagonal of its Jacobian was "
          "used.",
          "On which inputs does one output of softmax depend?"),
    Entry("batch-mean", "Forgotten 1/m",
          "The mean over the examples, and the factor 1/m that comes with it, was forgotten, or "
          "taken twice.",
          "Is the loss a sum over the examples or their mean?"),
    Entry("weight-decay", "Forgotten λ", "The term of the weight decay is missing or incomplete.",
          "Does the loss have a term that depends on the weights alone?"),
    Entry("log-base", "Base of the logarithm",
          "The logarithm was taken to another base; in derivatives log is the natural one.",
          "To which base is this logarithm taken?"),
    Entry("degrees", "Degrees for radians",
          "The calculator was set to degrees; angles in calculus are in radians.",
          "Check the angle mode of your calculator."),
    Entry("early-rounding", "Rounded too early",
          "Intermediate results were rounded before going on, and the error shows in the result.",
          "Keep more digits on the way, and round at the end."),
    Entry("truncation", "Cut off, not rounded",
          "Further digits were cut off where they should have been rounded.",
          "Look at the first digit that you left out."),
    Entry("rounding", "Rounded the wrong way", "The last digit is off by one.",
          "Check the last digit."),
    Entry("too-few-decimals", "Too few decimals", "The number is given to fewer digits than asked.",
          "How many decimals are asked for?"),
    Entry("decimal-point", "Decimal point", "The digits are right; the decimal point is not.",
          "Estimate the size of the result."),
    Entry("swapped-digits", "Swapped digits", "Two digits of the number changed places.",
          "Compare the number with your calculator, digit by digit."),
    Entry("copied", "Value of another quantity",
          "The number is the value of another quantity, copied from the wrong place.",
          "Look up again which quantity has this value."),
    Entry("case-labels", "Cases swapped",
          "What is written holds in another case than the one that is named.",
          "Put a small example into the case: does what you wrote hold in it?"),
    Entry("kink", "Where the cases meet",
          "The case with equality belongs to the other side.",
          "What happens exactly where the cases meet?"),
    Entry("lost-bound", "Bound or limit",
          "A sum, an integral or a limit lost its bound, or has a wrong one.",
          "From where to where does it go?"),
    Entry("product-rule", "Product rule",
          "Both factors depend on the variable; the derivative of a product has a term for each.",
          "How many factors depend on the variable, and how many terms must there be?"),
    Entry("quotient-rule", "Quotient rule",
          "The derivative of a quotient was put together wrongly.",
          "Write the quotient rule down before using it."),
    Entry("power-rule", "Power rule",
          "The derivative of a power has the old exponent as a factor and an exponent one lower.",
          "Which factor comes down, and which exponent is left?"),
    Entry("derivative-table", "Wrong derivative of a function",
          "The derivative of a known function was taken from memory, and is another one.",
          "Look the derivative of this function up."),
    Entry("not-differentiated", "Not differentiated",
          "The function itself stands where its derivative belongs, or the other way round.",
          "Has the derivative been taken here, and taken once?"),
    Entry("exponent", "Exponent", "An exponent is wrong, missing or too many.",
          "Check the exponents."),
    Entry("index", "Index", "An index is wrong, or two indices are exchanged.",
          "Check every index against the definition."),
    Entry("wrong-quantity", "Another quantity", "One quantity stands where another belongs.",
          "Is each letter the quantity that you mean?"),
    Entry("wrong-function", "Another function",
          "A function stands where another one belongs, or one was left out.",
          "Which function is it that the sheet gives here?"),
    Entry("self-reference", "Defined by itself",
          "A quantity that is being defined stands on its own right-hand side.",
          "Can this be computed? Look at the name on both sides."),
    Entry("upside-down", "Upside down",
          "Numerator and denominator are exchanged, or a division is a multiplication.",
          "What is divided by what?"),
    Entry("brackets", "Brackets", "A factor was multiplied with only a part of a bracket.",
          "Which parts of the bracket does the factor multiply?"),
    Entry("missing-term", "Missing term", "A term of the sum is missing.",
          "Count the terms: is each of them there?"),
    Entry("extra-term", "Term too many", "A term stands there that does not belong.",
          "Count the terms: does each of them belong?"),
    Entry("factor", "Factor", "A factor is missing, or one is too many.",
          "Check the factors one by one."),
    Entry("order", "Order of a matrix product", "The factors of a matrix product are exchanged.",
          "Write the shape of every factor below it: do the inner sizes meet?"),
    Entry("swapped-cells", "Swapped entries", "Two entries changed places.",
          "Check the place of each entry."),
    Entry("entry", "Wrong entry", "Some entries are wrong, and all others are right.",
          "Check the entries one by one."),
    Entry("wrong-number", "Wrong number",
          "One number in the formula is wrong, and all else is right.",
          "Check the numbers that you put in."),
    Entry("arithmetic", "Slip in arithmetic", "The formula is right, and worked out wrongly.",
          "Work the numbers out again."),
)  # fmt: skip


def entry(name: str) -> Entry:
    """The entry of that name."""
    return next(e for e in CATALOGUE if e.name == name)


def named(name: str, why: str, hint: str = "") -> Mistake:
    """A mistake of the catalogue as found: why, and the catalogue's hint unless there is a better.

    >>> named("copied", "0.6 is the value of x₁").kind
    'copied'
    """
    return Mistake(name, why, hint or entry(name).hint)


def table() -> str:
    """The catalogue as a table in Markdown, for the documentation."""
    rows = [f"| `{e.name}` | {e.title} | {e.explanation} | {e.hint} |" for e in CATALOGUE]
    head = ["| Name | Mistake | What happens | Hint |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


__all__ = ["CATALOGUE", "Entry", "entry", "named", "table"]
