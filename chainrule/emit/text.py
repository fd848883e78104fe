"""The plan as Python text: what the three libraries share, and lines that fit.

A `Printer` writes every node of the plan with as few brackets as Python needs. What a library
spells in its own way is a method that its printer overrides; the spellings of the functions are a
table. Lines longer than `WIDTH` are broken inside brackets, at the weakest operator first.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import ClassVar, Final

from chainrule.emit.lines import broken, comment, placed
from chainrule.emit.names import plain_comment
from chainrule.emit.plan import (
    ALL,
    NEW,
    Assign,
    At,
    Basic,
    Choice,
    Comment,
    Convert,
    Counter,
    Define,
    Demand,
    Einsum,
    Elementwise,
    Fancy,
    Flip,
    Fold,
    For,
    Grid,
    InRange,
    Literal,
    Matmul,
    Name,
    Node,
    Padded,
    Permute,
    Put,
    Repeat,
    Reshape,
    SizeValue,
    Slice,
    Spread,
    Statement,
    Windows,
    Zeros,
    nodes,
)
from chainrule.emit.scope import Scope
from chainrule.lang.integers import ONE, ZERO, Atom, Floor, Integer, Size

# how strongly a text binds, as in Python's grammar
IF, OR, AND, NOT, COMPARE, BIT_OR, BIT_AND, SUM, PRODUCT, SIGN, POWER, ATOM = range(12)
_INFIX: Final = {
    "add": ("+", SUM), "sub": ("-", SUM), "mul": ("*", PRODUCT), "div": ("/", PRODUCT),
    "//": ("//", PRODUCT), "%": ("%", PRODUCT),
    "lt": ("<", COMPARE), "le": ("<=", COMPARE), "gt": (">", COMPARE), "ge": (">=", COMPARE),
    "eq": ("==", COMPARE), "ne": ("!=", COMPARE),
}
_WILD: Final = frozenset({
    "ln", "log2", "log10", "log1p", "sqrt", "exp", "expm1", "pow", "asin", "acos", "atanh",
    "acosh", "xlogy", "sinh", "cosh", "tan",
})
_LARGE: Final = 2**53  # whole numbers beyond are written as floats
Text = tuple[str, int]


class Printer:
    """Python text of plans; `spellings` writes a function of the table around its arguments."""

    spellings: ClassVar[Mapping[str, str]] = {}
    static_spellings: ClassVar[Mapping[str, str]] = {
        "sqrt": "math.sqrt({})", "exp": "math.exp({})", "ln": "math.log({})", "pi": "math.pi",
        "log2": "math.log2({})", "log10": "math.log10({})", "max": "max({}, {})",
        "min": "min({}, {})", "abs": "abs({})", "floor": "math.floor({})",
        "ceil": "math.ceil({})", "sin": "math.sin({})", "cos": "math.cos({})",
        "tanh": "math.tanh({})", "square": "({}) ** 2", "stop_gradient": "({})",
    }
    helpers: ClassVar[Mapping[str, str]] = {}  # functions that the file defines where it uses them

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.needs: dict[str, None] = {}  # helpers and imports that the text uses
        self.model = ""  # the tensor whose dtype and device new arrays take, once one is asked for

    @property
    def like(self) -> str:
        """The variable of a real tensor that the function has; nothing where there is none."""
        tensors = self.scope.program.tensors
        reals = [n for n in (*self.scope.used, *self.scope.program.inputs)
                 if tensors[n].kind == "real" and n not in self.scope.written]
        self.model = reals[0] if reals else ""
        return self.scope.variable(self.model) if reals else ""

    # --- statements

    def lines(self, statements: list[Statement], indent: int = 1) -> list[str]:
        """Lines of text, indented by four blanks a level."""
        found: list[str] = []
        for s in statements:
            found += self.statement(s, indent)
        return found

    def statement(self, s: Statement, indent: int) -> list[str]:
        """The lines of one statement."""
        pad = "    " * indent
        if isinstance(s, Comment):
            return comment(plain_comment(s.text), pad)
        if isinstance(s, For):
            head = f"{pad}for {s.name} in range({self.size(s.size)}):"
            return [head, *self.lines(list(s.body), indent + 1)]
        if isinstance(s, Assign):
            pad, ahead = self.quiet(s.value, pad)
            return [*ahead, *broken(f"{pad}{s.name} = ", self.text(s.value))]
        if isinstance(s, Put):
            pad, ahead = self.quiet(s.value, pad)
            return [*ahead, *self.put(s, pad)]
        if isinstance(s, Grid):
            return broken(f"{pad}{', '.join(s.names)} = ", self.grid(s))
        if isinstance(s, Define):
            text = self.integer(s.value)[0] if s.floor else self._terms(s.value)[0]
            return broken(f"{pad}{s.name} = ", f"max(0, {text})" if s.floor else text)
        if isinstance(s, Demand):
            left, right = self.size(s.left), self.size(s.right)
            return broken(f"{pad}assert ", f"{left} {s.relation} {right}")
        assert isinstance(s, InRange)
        return self.in_range(s, pad)

    def quiet(self, value: Node, pad: str) -> tuple[str, list[str]]:
        """The indentation of a line, and what stands before it: warnings are off where branches
        that are not taken may cause them."""
        return pad, []

    def in_range(self, s: InRange, pad: str) -> list[str]:
        """An assertion about integers."""
        text = self.at(s.of, BIT_AND)
        return broken(f"{pad}assert ", f"((0 <= {text}) & ({text} < {self.size(s.below)})).all()")

    def put(self, s: Put, pad: str) -> list[str]:
        """A write of some cells, in place."""
        sign = "+=" if s.add else "="
        if s.items == (ALL,):
            return broken(f"{pad}{s.name} {sign} ", self.text(s.value))
        if not s.once:
            return self.add_at(s, pad)
        return placed(pad, s.name, self.items(s.items), f" {sign} ", self.text(s.value))

    def add_at(self, s: Put, pad: str) -> list[str]:
        """An addition at arrays of integers, some of which may be equal."""
        raise NotImplementedError

    def grid(self, s: Grid) -> str:
        """Open index arrays."""
        raise NotImplementedError

    # --- expressions

    def text(self, node: Node) -> str:
        """A node without brackets around it."""
        return self.write(node)[0]

    def at(self, node: Node, power: int) -> str:
        """A node in brackets unless it binds at least as strongly as `power`."""
        text, binding = self.write(node)
        return text if binding >= power else f"({text})"

    def write(self, node: Node) -> Text:
        """A node's text, and how strongly it binds."""
        if isinstance(node, Name):
            return node.text, ATOM
        if isinstance(node, Literal):
            return self.literal(node.value)
        if isinstance(node, SizeValue):
            return self.integer(node.value)
        if isinstance(node, Elementwise):
            return self.elementwise(node)
        if isinstance(node, Choice):
            return self.choice(node)
        if isinstance(node, Basic):
            return self.basic(node)
        if isinstance(node, Matmul):
            return f"{self.at(node.left, PRODUCT)} @ {self.at(node.right, POWER)}", PRODUCT
        return self.array(node), ATOM

    def array(self, node: Node) -> str:
        """A node that is a call or a subscript."""
        if isinstance(node, Fancy):
            items = [":" if item == ALL else self.text(item)  # type: ignore[arg-type]
                     for item in node.items]
            return f"{self.at(node.of, ATOM)}[{', '.join(items)}]"
        if isinstance(node, Fold):
            return self.fold(node)
        if isinstance(node, Reshape):
            return f"{self.at(node.of, ATOM)}.reshape({self.sizes(node.shape)})"
        if isinstance(node, Permute):
            return self.permute(node)
        if isinstance(node, Counter):
            return self.counter(node.size, False)
        if isinstance(node, Convert):
            if isinstance(node.of, Counter) and node.kind == "real":
                return self.counter(node.of.size, True)
            return self.convert(node)
        if isinstance(node, Einsum):
            return self.einsum(node)
        if isinstance(node, Spread):
            return self.spread(node)
        if isinstance(node, Repeat):
            return self.repeat(node)
        if isinstance(node, Padded):
            return self.padded(node)
        if isinstance(node, Windows):
            return self.sliding(node)
        if isinstance(node, Flip):
            return self.flip(node)
        assert isinstance(node, Zeros)
        return self.zeros(node)

    def literal(self, value: int | Fraction | float) -> Text:
        """A number, exactly where Python can."""
        if isinstance(value, Fraction):
            bottom = value.denominator
            while bottom % 2 == 0:
                bottom //= 2
            while bottom % 5 == 0:
                bottom //= 5
            if bottom == 1 or max(abs(value.numerator), value.denominator) >= _LARGE:
                return self.literal(float(value))
            return f"{value.numerator} / {value.denominator}", PRODUCT
        if value != value:
            return f"{self.infinity} * 0", PRODUCT
        if value in (float("inf"), float("-inf")):
            sign = "-" if value < 0 else ""
            return f"{sign}{self.infinity}", SIGN if sign else ATOM
        if isinstance(value, int) and abs(value) >= _LARGE:
            value = float(value)
        return repr(value), SIGN if value < 0 else ATOM

    infinity: ClassVar[str] = "math.inf"

    # --- integers

    def size(self, p: Integer) -> str:
        """A size without brackets."""
        return self.integer(p)[0]

    def at_size(self, p: Integer) -> str:
        """A size in brackets unless it is a name or a number."""
        text, binding = self.integer(p)
        return text if binding == ATOM else f"({text})"

    def sizes(self, shape: tuple[Integer, ...]) -> str:
        """Sizes with commas."""
        return ", ".join(self.size(n) for n in shape)

    def shape(self, shape: tuple[Integer, ...]) -> str:
        """A shape as a tuple."""
        return f"({self.sizes(shape)}{',' * (len(shape) == 1)})"

    def integer(self, p: Integer) -> Text:
        """An integer made of sizes."""
        number = p.constant
        if number is not None:
            return str(number), SIGN if number < 0 else ATOM
        if p in self.scope.compound:
            return self.scope.compound[p], ATOM
        for known, name in self.scope.compound.items():
            found = _multiple(p, known)
            if found is not None:
                factor, rest = found
                head = name if factor == ONE else f"{self._terms(factor)[0]}*{name}"
                if rest == ZERO:
                    return head, ATOM if factor == ONE else PRODUCT
                tail = self.size(rest)
                if tail.startswith("-"):
                    return f"{head} - {tail[1:]}", SUM
                return f"{head} + {tail}", SUM
        return self._terms(p)

    def _terms(self, p: Integer) -> Text:
        text = ""
        terms = sorted(p.terms, key=lambda term: term[1] < 0)  # what is added first
        for monomial, c in terms:
            factors = [self._atom(a) for a in monomial]
            if abs(c) != 1 or not factors:
                factors.insert(0, str(abs(c)))
            body = "*".join(f"({f})" if "//" in f and len(factors) > 1 else f for f in factors)
            if not text:
                text = f"-{body}" if c < 0 else body
            else:
                text += f" - {body}" if c < 0 else f" + {body}"
        if len(terms) > 1:
            return text, SUM
        return text, SIGN if text.startswith("-") else (
            ATOM if text.isidentifier() else PRODUCT)

    def _atom(self, a: object) -> str:
        if isinstance(a, Size):
            if a.name in self.scope.margins:
                return self.scope.margins[a.name]
            self.scope.sizes_used[a.name] = None
            return self.scope.names.size(a.name)
        assert isinstance(a, Floor)
        top, over = self.integer(a.numerator)
        bottom, under = self.integer(a.denominator)
        top = top if over >= ATOM else f"({top})"
        return f"{top} // {bottom}" if under >= ATOM else f"{top} // ({bottom})"

    # --- cell by cell

    def elementwise(self, node: Elementwise) -> Text:
        """A function of the table."""
        name, args = node.function, node.args
        if name == "pow" and all(isinstance(a, Literal) for a in args):
            return self.constant_power(*(a.value for a in args))  # type: ignore[attr-defined]
        if node.static and name in self.static_spellings:
            spelling = self.static_spellings[name]
            if "math." in spelling:
                self.needs["math"] = None
            return spelling.format(*map(self.text, args)), ATOM
        if name in _INFIX:
            return self.infix(node)
        if name == "neg":
            plain = isinstance(args[0], Matmul) or (
                isinstance(args[0], Elementwise) and args[0].function in ("mul", "div"))
            return f"-{self.at(args[0], PRODUCT if plain else SIGN)}", PRODUCT if plain else SIGN
        if name == "square":
            return f"{self.at(args[0], ATOM)} ** 2", POWER
        if name == "pow":
            return f"{self.at(args[0], ATOM)} ** {self.at(args[1], SIGN)}", POWER
        if name in ("and", "or", "not"):
            return self.logic(node)
        return self.call(name, args), ATOM

    def constant_power(self, base: float, exponent: float) -> Text:
        """A power of two numbers; one beyond all floats is infinite, as it is where it is run."""
        try:
            value = float(base) ** float(exponent)
        except OverflowError:
            value = float("-inf") if base < 0 and exponent % 2 else float("inf")
        except ZeroDivisionError:
            value = float("inf")
        if isinstance(value, complex) or abs(value) >= _LARGE:
            return self.literal(float("nan") if isinstance(value, complex) else value)
        left = self.at(Literal((), "real", True, base), ATOM)
        right = self.at(Literal((), "real", True, exponent), SIGN)
        return f"{left} ** {right}", POWER

    def infix(self, node: Elementwise) -> Text:
        """`a + b` and its like."""
        sign, power = _INFIX[node.function]
        left, right = node.args
        if power == COMPARE:  # no chains, and & and | would bind first
            return f"{self.at(left, SUM)} {sign} {self.at(right, SUM)}", power
        first = self.at(left, power)
        tight = node.kind == "integer" and node.function == "mul" and _short(first)
        second = self.at(right, power + 1)
        return f"{first}*{second}" if tight else f"{first} {sign} {second}", power

    def logic(self, node: Elementwise) -> Text:
        """Conditions joined."""
        words = {"and": (" and ", AND, "&", BIT_AND), "or": (" or ", OR, "|", BIT_OR)}
        if node.function == "not":
            if node.static:
                return f"not {self.at(node.args[0], NOT)}", NOT
            return self.negation(node.args[0])
        word, weak, sign, strong = words[node.function]
        if node.static:
            return word.join(self.at(a, weak + k) for k, a in enumerate(node.args)), weak
        return f" {sign} ".join(self.at(a, strong + k) for k, a in enumerate(node.args)), strong

    def negation(self, node: Node) -> Text:
        """Where a condition does not hold."""
        if node.dims:
            return f"~{self.at(node, SIGN)}", SIGN
        return self.call("not", (node,)), ATOM

    def call(self, function: str, args: tuple[Node, ...]) -> str:
        """A function in the library's spelling."""
        if function in self.helpers:
            self.needs[function] = None
        pattern = self.spellings[function]
        return pattern.format(*(self.text(a) for a in args))

    def choice(self, node: Choice) -> Text:
        """`where`, or Python's own `if` where only sizes decide."""
        if node.condition.static:
            then, other = self.at(node.then, OR), self.at(node.otherwise, IF)
            return f"{then} if {self.at(node.condition, OR)} else {other}", IF
        return self.where(node), ATOM

    def where(self, node: Choice) -> str:
        """A choice cell by cell."""
        raise NotImplementedError

    # --- subscripts

    def basic(self, node: Basic) -> Text:
        """Slices; no text at all where there are none.

        Two whole axes or more before single cells or new axes are `...`: `p_max[..., None]`.
        """
        if all(item == ALL for item in node.items):
            return self.write(node.of)
        items = self.items(node.items)
        whole = next(k for k, item in enumerate(node.items) if item != ALL)
        if whole > 1 and all(item == NEW or isinstance(item, At) for item in node.items[whole:]):
            items = f"..., {', '.join(map(self.item, node.items[whole:]))}"
        return f"{self.at(node.of, ATOM)}[{items}]", ATOM

    def items(self, items: tuple[Slice | At | Node | str, ...]) -> str:
        """What stands in the brackets, without whole axes at the end."""
        found = list(items)
        while len(found) > 1 and found[-1] == ALL:
            found.pop()
        return ", ".join(map(self.item, found))

    def item(self, item: Slice | At | Node | str) -> str:
        """One subscript."""
        if item == ALL:
            return ":"
        if item == NEW:
            return "None"
        if isinstance(item, At):
            return self.size(item.place)
        if isinstance(item, Node):
            return self.text(item)
        assert isinstance(item, Slice)
        start = "" if item.start == ZERO else self.size(item.start)
        stop = "" if item.stop is None else self.size(item.stop)
        step = "" if item.step == ONE else f":{self.size(item.step)}"
        simple = all(p.replace("_", "").isalnum() or not p for p in (start, stop, step[1:]))
        text = f"{start}:{stop}{step}" if simple else f"{start} : {stop}".strip()
        if not simple and step:
            text += f" : {step[1:]}" if stop else f": {step[1:]}"
        return text

    # --- what each library spells in its own way

    def fold(self, node: Fold) -> str:
        """A sum, maximum, mean or position over axes."""
        raise NotImplementedError

    def axes(self, node: Fold) -> str:
        """The axes of a fold; nothing where all go."""
        if len(node.gone) == len(node.of.dims) and not node.op.startswith("arg"):
            return ""
        return str(node.gone[0]) if len(node.gone) == 1 else str(node.gone)

    def permute(self, node: Permute) -> str:
        """`.T`, the last two axes swapped, or a transposition in full."""
        count = len(node.order)
        if node.order == (1, 0):
            return f"{self.at(node.of, ATOM)}.T"
        if node.order == (*range(count - 2), count - 1, count - 2):
            return self.swapped(node)
        return self.transposed(node)

    def swapped(self, node: Permute) -> str:
        """The last two axes swapped."""
        return f"{self.at(node.of, ATOM)}.swapaxes(-1, -2)"

    def transposed(self, node: Permute) -> str:
        """The axes in another order."""
        return f"{self.at(node.of, ATOM)}.transpose({', '.join(map(str, node.order))})"

    def counter(self, size: Integer, real: bool) -> str:
        """0, 1, ..., size - 1."""
        raise NotImplementedError

    def convert(self, node: Convert) -> str:
        """Reals from integers or conditions, or integers from reals."""
        raise NotImplementedError

    def einsum(self, node: Einsum) -> str:
        """A contraction by letters."""
        raise NotImplementedError

    def spread(self, node: Spread) -> str:
        """An array broadcast to a shape."""
        raise NotImplementedError

    def repeat(self, node: Repeat) -> str:
        """Each cell several times in a row."""
        return f"{self.at(node.of, ATOM)}.repeat({self.size(node.count)}, axis={node.axis})"

    def padded(self, node: Padded) -> str:
        """A padded copy."""
        raise NotImplementedError

    def sliding(self, node: Windows) -> str:
        """All windows of an array."""
        raise NotImplementedError

    def flip(self, node: Flip) -> str:
        """Some axes reversed."""
        reversed_ = ", ".join("::-1" if k in node.places else ":"
                              for k in range(max(node.places) + 1))
        return f"{self.at(node.of, ATOM)}[{reversed_}]"

    def zeros(self, node: Zeros) -> str:
        """An array of zeros."""
        raise NotImplementedError


def risky(value: Node) -> bool:
    """Whether a branch that is not taken may divide by zero or leave a function's domain."""
    return any(isinstance(n, Choice) and not n.condition.static and any(
        isinstance(m, Elementwise) and _wild(m)
        for branch in (n.then, n.otherwise) for m in nodes(branch)) for n in nodes(value))


def _wild(e: Elementwise) -> bool:
    """Whether an operation has no value at some numbers, or none that a float can hold."""
    if e.static:
        return False
    if e.function == "div":
        return not e.args[1].static
    if e.function == "pow" and isinstance(e.args[1], Literal):
        return e.args[1].value < 0 or e.args[1].value % 1 != 0
    return e.function in _WILD


def _short(text: str) -> bool:
    return text.isalnum() or text.isidentifier()


def _multiple(p: Integer, known: Integer) -> tuple[Integer, Integer] | None:
    """`(k, rest)` with p = k*known + rest, k one monomial, and a rest that is shorter than p."""
    best: tuple[Integer, Integer] | None = None
    for monomial, c in known.terms:
        for own, d in p.terms if monomial else ():
            factor = _quotient(own, monomial)
            if factor is None or d % c or d // c <= 0:
                continue
            times = Integer(((factor, d // c),))
            rest = p - times * known
            if len(rest.terms) < len(p.terms) and (best is None
                                                   or len(rest.terms) < len(best[1].terms)):
                best = (times, rest)
    return best


def _quotient(a: tuple[Atom, ...], b: tuple[Atom, ...]) -> tuple[Atom, ...] | None:
    """The factors of a monomial that another one lacks, if it has all of the other's."""
    left = list(a)
    for atom in b:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)
