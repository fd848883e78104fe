"""Claims as they are typed: definitions, then one statement that is true or not.

    input x[K], c; softmax(x + c) == softmax(x)
    lim(k -> inf) sigmoid(k*x) == heaviside(x)
    integral(u, -inf, x) heaviside(u) == x*heaviside(x)
    input p; -ln(p) is decreasing in p
    (y - t)^2 is minimal at y = t

Definitions are a program. The names `dL_dz` or ∂L/∂z stand for the derivative of L by z where the
program has L and z. Letters in subscripts that nothing binds stand for any index.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chainrule.algebra.plain import plain
from chainrule.algebra.products import mentions
from chainrule.algebra.terms import replaced
from chainrule.errors import ChainruleError, FormulaSyntaxError, InputError, RangeError, Span
from chainrule.explain.derivations import Derivation
from chainrule.explain.derive import derive
from chainrule.explain.givens import given
from chainrule.formulas.calls import LIBRARY_CALLS, read
from chainrule.lang.expr import ZERO, Expr, Range, Ref, transform
from chainrule.lang.functions import NAMES
from chainrule.lang.integers import index
from chainrule.lang.latex import from_latex, is_latex
from chainrule.lang.printing import expression_text
from chainrule.lang.program import Equation, Program, fresh

RELATIONS: Final = ("==", "!=", "<=", ">=", "<", ">", "≤", "≥", "≠")
_SAME: Final = {"≤": "<=", "≥": ">=", "≠": "!="}
_OPERATOR: Final = re.compile(r"\s*(lim|integral)\s*(?=\()")
_WORDS: Final = re.compile(
    r"\s+is\s+(increasing|decreasing|non-increasing|non-decreasing|constant)\s+in\s+(\w+)\s*$")
_LEAST: Final = re.compile(r"\s+is\s+(minimal|maximal)\s+at\s+(\w+)\s*=\s*(.+)$", re.DOTALL)
_DERIVATIVE: Final = re.compile(r"∂\s*(\w+)\s*/\s*∂\s*(\w+)")
_OPENING: Final = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Operator:
    """What stands in front of a side: a limit (`point`, `sign`) or an integral (`low`, `high`)."""

    kind: str
    variable: str
    points: tuple[Expr | str, ...]
    side: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a claim: an expression, and the operators in front of it, the first outermost.

    `value` is "inf" or "-inf" for a side that is nothing but that.
    """

    body: Expr
    operators: tuple[Operator, ...] = ()
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement about a program's tensors; `ranges` are the indices that stand for any.

    `kind` is a relation, or "increasing", "decreasing", "constant", "minimal", "maximal"; then
    `variable` is the name meant, and `right` the place of the extremum, its axes called by
    `letters`. `last` is the statement as it was typed; `lemmas` are the derivations of the
    derivatives that it names.
    """

    text: str
    last: str
    kind: str
    program: Program
    left: Side
    right: Side | None
    ranges: tuple[Range, ...]
    variable: str = ""
    letters: tuple[str, ...] = ()
    lemmas: tuple[Derivation, ...] = ()


def statements(text: str) -> list[tuple[int, int]]:
    """The places of the statements of a text: split at `;` and line ends outside brackets."""
    found, depth, start, at = [], 0, 0, 0
    while at < len(text):
        c = text[at]
        if c == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        depth += c in _OPENING
        depth -= c in _OPENING.values()
        if (c == ";" and depth <= 0) or (c == "\n" and depth <= 0):
            found.append((start, at))
            start = at + 1
        at += 1
    found.append((start, len(text)))
    return [(a, b) for a, b in found if text[a:b].split("#")[0].strip()]


def relation(text: str) -> tuple[int, str] | None:
    """The first relation outside brackets, and where it stands; a chain is refused elsewhere."""
    depth = 0
    for at, c in enumerate(text):
        depth += c in _OPENING
        depth -= c in _OPENING.values()
        if depth == 0:
            for sign in RELATIONS:
                if text.startswith(sign, at) and not (sign == ">" and text[at - 1 : at] == "-"):
                    return at, sign
    return None


def read_claim(text: str, name: str = "claim", givens: Sequence[str] = ()) -> Claim:
    """The claim that a text ends with; `givens` may shorten the derivatives that it names.

    Raises `FormulaSyntaxError` for a text without one, and what reading a program raises.

    >>> claim = read_claim("input x[K]; sum(i) exp(x[i])/sum(k) exp(x[k]) == 1")
    >>> claim.kind, [r.name for r in claim.ranges]
    ('==', [])
    """
    if is_latex(text):
        text = from_latex(text, name, claim=True)
    text = text.strip().rstrip(".;").strip()
    places = statements(text)
    if not places:
        raise FormulaSyntaxError("there is no claim", None, "write one, such as 'x*x == x^2'")
    start, end = places[-1]
    base, last = text[:start].rstrip("; \n"), text[start:end]
    last = _DERIVATIVE.sub(r"d\1_d\2", last)
    base, lemmas = with_derivatives(base, last, givens)
    reader = _Reader(base, text, start, name, lemmas)
    words = _WORDS.search(last)
    if words:
        return reader.about(last[: words.start()], words[1], words[2])
    least = _LEAST.search(last)
    if least:
        return reader.extremum(last[: least.start()], least[1], least[2], least[3])
    found = relation(last)
    if found is None and (alone := equals_sign(base, last)) is not None:
        last = f"{last[:alone]}=={last[alone + 1 :]}"
        found = (alone, "==")
    if found is None and any(last.count(a) > last.count(b) for a, b in _OPENING.items()):
        raise FormulaSyntaxError("a bracket is not closed", Span(text, start, end, name))
    if found is None:
        raise FormulaSyntaxError(
            "the last statement claims nothing", Span(text, start, end, name),
            "a claim is `a == b`, `a <= b`, or such as `f is increasing in x`; a single = defines")
    at, sign = found
    rest = last[at + len(sign) :]
    if relation(rest) is not None:
        raise FormulaSyntaxError("one claim at a time: found two relations",
                                 Span(text, start, end, name), "split it into two claims")
    return reader.compared(last[:at], _SAME.get(sign, sign), rest)


def equals_sign(base: str, last: str) -> int | None:
    """Where a claim has = for ==: what stands before it is no name that could be defined."""
    depth, places = 0, []
    for at, c in enumerate(last):
        depth += (c in _OPENING) - (c in _OPENING.values())
        if c == "=" and depth == 0 and last[at - 1 : at] not in ("+", "="):
            places.append(at)
    if len(places) != 1:
        return None
    left = last[: places[0]].strip()
    name = re.match(r"[^\W\d]\w*", left)
    if name is None or not left:
        return places[0] if left else None
    rest = left[name.end() :].strip()
    called = re.fullmatch(r"\([\w\s,]*\)", rest) is not None
    defines = not rest or re.fullmatch(r"\[[^\]]*\]", rest) is not None or (
        called and name[0] not in NAMES and not LIBRARY_CALLS.knows(name[0]))
    if not defines:
        return places[0]
    defined = re.search(rf"(?<![\w.]){re.escape(name[0])}\s*(\[[^\]]*\])?\s*=(?!=)", base)
    return places[0] if defined else None


def with_derivatives(
    base: str, last: str, givens: Sequence[str]
) -> tuple[str, tuple[Derivation, ...]]:
    """The definitions and those of the derivatives that a claim names, each derived."""
    asked = dict.fromkeys(re.findall(r"\bd(\w+?)_d(\w+)\b", last))
    if not asked or not base.strip():
        return base, ()
    program = read(base)
    lemmas, lines = [], [base]
    known = set(program.tensors)
    for of, by in asked:
        if of not in known or by not in known or f"d{of}_d{by}" in known:
            continue
        assumed = []
        for text in givens:
            try:
                assumed.append(given(text, program))
            except ChainruleError:
                continue  # of another kind: the proof uses it
        found = derive(program, of, (by,), assumed)
        lemmas.append(found)
        for name, one in found.found.items():
            own = found.name(name)
            if own not in known:
                known.add(own)
                on = (*found.outer, *one.indices)
                shape = (*program.tensors[of].shape, *program.tensors[name].shape)
                left = f"{own}[{','.join(on)}]" if on else own
                ending = ", ".join(f"{i} < {size}" for i, size in zip(on, shape, strict=True))
                lines.append(f"{left} = {expression_text(plain(one.result))}"
                             + (f" with {ending}" if ending else ""))
    return "; ".join(lines), tuple(lemmas)


class _Reader:
    """Reads the sides of one claim against its definitions."""

    def __init__(
        self, base: str, text: str, start: int, name: str, lemmas: tuple[Derivation, ...] = ()
    ) -> None:
        self.base = base
        self.text = text
        self.last = text[start:].strip()
        self.lemmas = lemmas
        self.start = start
        self.name = name
        self.ranges: dict[str, Range] = {}
        self.indices: frozenset[str] = frozenset()  # letters that are indices on the other side
        self.program: Program | None = None

    def compared(self, left: str, kind: str, right: str) -> Claim:
        one, other = self.side(left, "lhs"), self.side(right, "rhs")
        assert self.program is not None
        clash = [n for n in self.ranges if n in self.program.inputs]
        if clash:  # an index here, a number there
            self.program, self.indices = None, frozenset(clash)
            other, one = self.side(right, "rhs"), self.side(left, "lhs")
        return self.claim(kind, one, other)

    def about(self, left: str, kind: str, variable: str) -> Claim:
        side = self.side(left, "lhs")
        self._scalar(variable)
        return self.claim(kind, side, None, variable)

    def extremum(self, left: str, kind: str, variable: str, place: str) -> Claim:
        side = self.side(left, "lhs")
        outer = dict(self.ranges)
        self.ranges = {}
        at = self.side(place, "rhs")
        letters, self.ranges = tuple(self.ranges), outer
        self._input(variable)
        assert self.program is not None
        axes = len(self.program.tensors[variable].shape)
        if len(letters) != axes:
            raise InputError(f"{variable} has {axes} axes and its place {len(letters)}", None,
                             f"name a place of the shape of {variable}")
        return self.claim(kind, side, at, variable, letters)

    def claim(
        self, kind: str, left: Side, right: Side | None, variable: str = "",
        letters: tuple[str, ...] = (),
    ) -> Claim:
        assert self.program is not None
        return Claim(self.text, self.last, kind, self.program, left, right,
                     tuple(self.ranges.values()), variable, letters, self.lemmas)

    def _input(self, name: str) -> None:
        assert self.program is not None
        if name not in self.program.inputs:
            raise InputError(f"the claim does not depend on {name}", None,
                             f"declare `input {name}` and use it")

    def _scalar(self, name: str) -> None:
        assert self.program is not None
        known = self.program.tensors.get(name)
        if known is None or known.shape or name not in self.program.inputs:
            raise InputError(f"{name} is no number that the claim depends on", None,
                             f"declare `input {name}` and use it")

    def side(self, text: str, role: str) -> Side:
        """One side, operators first."""
        operators = []
        at = self.text.find(text.strip(), self.start)
        place = Span(self.text, max(at, 0), max(at, 0) + len(text.strip()), self.name)
        while (found := _OPERATOR.match(text)) is not None:
            end = _closing(text, found.end())
            if end is None:
                raise FormulaSyntaxError(f"a bracket after {found[1]} is not closed", place)
            operators.append(self.operator(found[1], text[found.end() + 1 : end], place))
            text = text[end + 1 :]
        bare = text.strip().replace("∞", "inf")
        if bare.lstrip("+-") == "inf" and not operators:
            return Side(ZERO, (), "-inf" if bare.startswith("-") else "inf")
        if not text.strip():
            raise FormulaSyntaxError("a side of the claim is empty", place,
                                     "write both sides, as in `a == b`")
        return Side(self.expression(text, role), tuple(operators))

    def operator(self, kind: str, inside: str, place: Span) -> Operator:
        """`c -> 0+` of a limit, `u, a, b` of an integral."""
        if kind == "lim":
            name, arrow, point = inside.partition("->")
            point = point.strip()
            if not arrow or not name.strip().isidentifier() or not point:
                raise FormulaSyntaxError("a limit is written lim(x -> 0)", place)
            side = point[-1] if point[-1] in "+-" and point not in ("+", "-") else ""
            return Operator("lim", name.strip(), (self.point(point.removesuffix(side)),), side)
        parts = [part.strip() for part in inside.split(",")]
        if len(parts) != 3 or not parts[0].isidentifier():
            raise FormulaSyntaxError("an integral is written integral(u, a, b)", place)
        return Operator("integral", parts[0], (self.point(parts[1]), self.point(parts[2])))

    def point(self, text: str) -> Expr | str:
        """A number or expression, or ±inf."""
        bare = text.strip().replace("∞", "inf")
        if bare.lstrip("+-") in ("inf", "infinity", "oo"):
            return "-inf" if bare.startswith("-") else "inf"
        return self.expression(text, "place")

    def expression(self, text: str, role: str) -> Expr:
        """An expression, its loose letters made indices; its definitions join the program's."""
        taken = set() if self.program is None else set(self.program.tensors)
        name = fresh(role, taken)
        bounds = [f"{n} < {r.size}" for n, r in self.ranges.items() if re.search(
            rf"\b{re.escape(n)}\b", text)]
        ending = f" with {', '.join(bounds)}" if bounds else ""
        try:
            if any(f"{n} <" in ending for n in self.indices):
                raise RangeError("an index is loose")
            found = self._read(f"{self.base}\n{name} = {text.strip()}", text)
        except RangeError:
            found = self._read(f"{self.base}\n{name}[0] += {text.strip()}{ending}", text)
        return self._taken(found, name)

    def _read(self, whole: str, text: str) -> Program:
        """A program, errors placed in the claim's own text."""
        try:
            return read(whole.lstrip("; \n"))
        except ChainruleError as error:
            span = error.span
            own = whole.lstrip("; \n")
            offset = own.rfind(text.strip())
            at = self.text.find(text.strip(), self.start)
            if span is not None and span.start >= offset and at >= 0:
                error.span = Span(self.text, at + span.start - offset, at + span.end - offset,
                                  self.name)
            raise

    def _taken(self, found: Program, name: str) -> Expr:
        """The body of the equation that was added; the rest of it joins the definitions."""
        own = next(e for e in reversed(found.equations) if e.target == name)
        body = inlined(found, own.body, f"{name}_")
        ranges = {r.name: r for r in own.ranges}
        if not own.accumulate and own.ranges:  # whole tensors: axes have letters by their place
            wanted = list(self.ranges.values())
            if wanted and len(wanted) == len(own.ranges):
                order = [s.plain or "" for s in own.subscripts]
                places = dict(zip(order, (index(r.name) for r in wanted), strict=True))
                body = replaced(body, places)
                ranges = {w.name: Range(w.name, ranges[o].size)
                          for w, o in zip(wanted, order, strict=True)}
        for n, r in ranges.items():
            known = self.ranges.setdefault(n, r)
            if known.size != r.size:
                raise InputError(
                    f"the two sides differ in shape: {n} goes to {known.size} on the left and to "
                    f"{r.size} on the right", Span(self.text, self.start, len(self.text)))
        own_inputs = [n.removeprefix(f"{name}_") for n in found.inputs
                      if n.startswith(f"{name}_")]
        if own_inputs:
            raise InputError(
                f"a call in the claim has parameters of its own ({', '.join(own_inputs)}), which "
                "nothing else can name", Span(self.text, self.start, len(self.text)),
                "give them as arguments, or define the tensor before the claim")
        self.program = self._joined(found, own, f"{name}_")
        return body

    def _joined(self, found: Program, own: Equation, made: str) -> Program:
        """The definitions so far, and those that came with one more side."""
        equations = tuple(e for e in found.equations
                          if e is not own and not e.target.startswith(made))
        tensors = {n: t for n, t in found.tensors.items()
                   if n != own.target and not n.startswith(made)}
        if self.program is not None:
            before = self.program
            equations = before.equations + tuple(
                e for e in equations if e not in before.equations)
            tensors = {**before.tensors, **tensors}
            inputs = tuple(dict.fromkeys((*before.inputs, *found.inputs)))
        else:
            inputs = found.inputs
        outputs = tuple(dict.fromkeys(e.target for e in equations))[-1:]
        return Program(tensors, inputs, equations, outputs, (), found.assumptions)


def inlined(program: Program, e: Expr, made: str) -> Expr:
    """An expression without the tensors that calls made for their arguments: these put in."""
    for equation in reversed(program.equations):
        if not equation.target.startswith(made) or not mentions(e, equation.target):
            continue
        names = [s.plain or "" for s in equation.subscripts]

        def leaf(node: Expr, q: Equation = equation, letters: list[str] = names) -> Expr | None:
            if isinstance(node, Ref) and node.tensor == q.target:
                return replaced(q.body, dict(zip(letters, node.subscripts, strict=True)))
            return None

        e = transform(e, leaf)
    return e


def _closing(text: str, start: int) -> int | None:
    depth = 0
    for at in range(start, len(text)):
        depth += text[at] in _OPENING
        depth -= text[at] in _OPENING.values()
        if depth == 0:
            return at
    return None
