"""Programs from text: declarations, equations, outputs, a statement at a time.

    input x[N, V], t              data; `parameter W[U, V]` and `constant k` alike
    label y[N] < K                integers 0, ..., K - 1; `integer y[N]` without a bound
    size N, K                     sizes that stand in no declared shape
    f(x) = x*sigmoid(b*x)         a function, written out where it is called
    z[n,u] = sum(v) W[u,v]*x[n,v] + b[u]
    y = W @ x + b                 the same of whole tensors, a shorter way to write it
    g[y[n]] += w[n] with n < N    adds up over the indices that stand only on the right
    zeros g[K]                    the shape that a tensor added to starts with, where it is larger
    output z
    update w = w_new

The words are keywords only where a name follows, so that `size = 2*x` defines a variable. What the
names stand for in an expression is settled here (an index, a size, a tensor); shapes and ranges
that the text does not spell out are inferred afterwards, by `chainrule.lang.ranges`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Final

from chainrule.errors import (
    DefinitionError,
    FormulaSyntaxError,
    LimitError,
    RangeError,
    ShapeError,
    Span,
    UnknownNameError,
    did_you_mean,
)
from chainrule.lang.cursor import Names
from chainrule.lang.expr import Expr, Range, free_indices
from chainrule.lang.grammar import Grammar
from chainrule.lang.integers import Integer
from chainrule.lang.macros import DEPTH, Macro, check_depth
from chainrule.lang.program import Equation, Origin, Tensor
from chainrule.lang.subscripts import subscript, subscripts
from chainrule.lang.tokens import WORDS, Tokenizer, Tokens, no_primes
from chainrule.lang.whole import Call, Library, read_call, whole_call
from chainrule.limits import TENSOR_AXES

_ROLES: Final = {
    "input": "data", "parameter": "parameter", "param": "parameter", "constant": "constant",
    "const": "constant", "label": "data", "integer": "data", "zeros": "computed",
}  # fmt: skip
_KEYWORDS: Final = frozenset({*_ROLES, "size", "output", "update"})
_DECLARATION: Final = re.compile(
    r"(?:^|;)[ \t]*(input|parameter|param|constant|const|label|integer|size)[ \t]+"
    r"(?=[^\W\d])((?:\[[^\]\[]*\]|[^\n;#\[])*)",
    re.MULTILINE,
)
_WORD: Final = re.compile(r"[^\W\d]\w*")
_BOUNDS: Final = re.compile(r"\[([^\]]*)\]|<\s*([^,]*)")
_LETTER: Final = re.compile(r"(?:^|;)[ \t]*(e|pi|π)[ \t]*(?:\[|\+?=(?!=))", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A program's text as it was understood; ranges and shapes are still to be inferred.

    `outputs` is None where the text declares none. `Range.size` is None where it gives no bound.
    `whole` holds the places of the equations in which whole tensors stand.
    """

    declared: tuple[Tensor, ...]
    sizes: tuple[str, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[str, ...] | None
    updates: tuple[tuple[str, str], ...]
    text: str
    name: str
    whole: frozenset[int] = frozenset()


def parse(text: str, name: str = "formula", library: Library | None = None) -> Parsed:
    """The statements of a text.

    Raises `FormulaSyntaxError`, `UnknownNameError`, `ArityError`, `KindError`, `RangeError`,
    `ShapeError` or `DefinitionError` with the place, and `LimitError` for text that is too large.

    >>> parse("y = x^2").equations[0].body
    Apply(function='pow', args=(Ref(tensor='x', subscripts=(), outside=None), Number(value=2)))
    """
    reader = _Reader(text, name, library)
    return reader.read()


def parse_expression(
    text: str, name: str = "formula", indices: Collection[str] = (), sizes: Collection[str] = ()
) -> Expr:
    """One expression alone, in which `indices` and `sizes` are the names of such.

    >>> from chainrule.lang.expr import free_indices
    >>> free_indices(parse_expression("sum(k) a[i,k]*b[k]", indices="i"))
    ['i']
    """
    tokenizer = Tokenizer(text, name)
    tokens = tokenizer.statement()
    if tokens is None:
        tokens = Tokens(["end"], [""], [(0, 0)])
    grammar = Grammar(tokens, text, name, Names(sizes=dict.fromkeys(sizes)))
    grammar.bound.update(dict.fromkeys(indices))
    body = grammar.expression(0)
    grammar.finish(len(grammar.kinds) - 1)
    grammar.settle()
    if tokenizer.statement() is not None:
        raise grammar.fail("one expression is wanted here, not several")
    if grammar.whole:
        raise FormulaSyntaxError("whole tensors stand in equations only", grammar.span(0),
                                 "here write indices, as in sum(i) x[i]*y[i]")
    check_depth(body, grammar.span(0))
    return body


class _Reader:
    """Reads statement after statement and keeps what they declare."""

    def __init__(self, text: str, name: str, library: Library | None) -> None:
        self.text = text
        self.name = name
        self.names = Names()
        self.library = library
        self.ranked: set[str] = set()  # tensors that have axes
        if library is not None:
            self.names.formulas = library.knows
            self.names.formula_names = library.names
        self.declared: dict[str, Tensor] = {}
        self.sizes: dict[str, Span] = {}
        self.equations: list[Equation] = []
        self.whole: set[int] = set()  # the equations in which whole tensors stand
        self.outputs: dict[str, Span] | None = None
        self.updates: dict[str, tuple[str, Span]] = {}

    def read(self) -> Parsed:
        """All statements, in order."""
        tokenizer = Tokenizer(self.text, self.name)
        self._look_ahead()
        while (tokens := tokenizer.statement()) is not None:
            self._statement(tokens)
        self._check_names()
        return Parsed(
            tuple(self.declared.values()),
            tuple(self.sizes),
            tuple(self.equations),
            None if self.outputs is None else tuple(self.outputs),
            tuple((old, new) for old, (new, _) in self.updates.items()),
            self.text,
            self.name,
            frozenset(self.whole),
        )

    def _look_ahead(self) -> None:
        """Sizes may be declared below their use; `e` is no constant in a text that defines it."""
        for match in _DECLARATION.finditer(self.text):
            if match[1] == "size":
                names = _WORD.findall(match[2])
            else:
                bounds = _BOUNDS.findall(match[2])
                names = [n for pair in bounds for part in pair for n in _WORD.findall(part)]
                for name in _WORD.findall(re.sub(r"\[[^\]]*\]|<[^,]*", "", match[2])):
                    if name in ("e", "pi", "π"):
                        self.names.tensors[name] = ""
            self.names.sizes.update(dict.fromkeys(names))
        for match in _LETTER.finditer(self.text):
            self.names.tensors[match[1]] = ""

    def _statement(self, tokens: Tokens) -> None:
        grammar = Grammar(tokens, self.text, self.name, self.names)
        kinds = tokens.kinds
        if kinds[0] != "name":
            raise grammar.fail(
                f"expected a name at the start of a statement, found {grammar.found_here()}",
                "a reserved word cannot be a name" if kinds[0] in WORDS else _ADVICE,
            )
        follows = kinds[1]
        if follows == "name" and tokens.texts[0] in _KEYWORDS:
            grammar.at = 1
            word = tokens.texts[0]
            if word == "size":
                self._size(grammar)
            elif word == "output":
                self._output(grammar)
            elif word == "update":
                self._update(grammar)
            else:
                self._declare(grammar, word)
            grammar.finish(len(kinds) - 1)
        elif follows == "(" and kinds[tokens.closes[1] + 1] == "=":
            self._function(grammar)
        else:
            self._equation(grammar)

    # declarations

    def _declare(self, g: Grammar, word: str) -> None:
        """`input x[N, V], t` and its kin, after the keyword."""
        g.loose = "size"
        while True:
            start = g.at
            name = self._new_name(g, word)
            shape: tuple[Integer, ...] = ()
            if g.kinds[g.at] == "[":
                shape, outside = subscripts(g)
                if outside is not None:
                    raise g.fail("a declared shape has no padding", at=start)
            below = None
            if g.kinds[g.at] == "<" and word == "label":
                g.at += 1
                below = subscript(g)
            span = g.span(start)
            for axis in (*shape, *([] if below is None else [below])):
                if axis.constant is not None and axis.constant < 0:
                    raise ShapeError(f"{name} has a negative size", span)
            kind = "integer" if word in ("label", "integer") else "real"
            self.declared[name] = Tensor(name, shape, kind, _ROLES[word], below=below, span=span)
            self.names.tensors[name] = kind
            if shape:
                self.ranked.add(name)
                self.names.ranked.add(name)
            if g.kinds[g.at] == "=":
                raise g.fail(
                    "a declaration gives no value",
                    f"values are given when the program is run, or define `{name} = …` instead",
                )
            if g.kinds[g.at] != ",":
                return
            g.at += 1
            if g.texts[g.at] in _ROLES and g.kinds[g.at + 1] == "name":
                word = g.texts[g.at]  # `input x[N], parameter W[K, N]`
                g.at += 1

    def _new_name(self, g: Grammar, word: str) -> str:
        start = g.at
        if g.kinds[start] != "name":
            raise g.fail(f"expected a name after `{word}`, found {g.found_here()}")
        name = g.texts[start]
        g.at += 1
        span = g.span(start, g.at)
        if name in self.declared or name in self.sizes:
            raise DefinitionError(f"{name} is declared twice", span)
        if word != "size" and name in self.names.sizes:
            raise DefinitionError(f"{name} is a size, it cannot be a tensor too", span)
        if self.names.tensors.get(name):
            raise DefinitionError(f"{name} is defined above", span, "declare inputs first")
        return name

    def _size(self, g: Grammar) -> None:
        while True:
            start = g.at
            name = self._new_name(g, "size")
            self.sizes[name] = g.span(start)
            self.names.sizes[name] = None
            if g.kinds[g.at] != ",":
                return
            g.at += 1

    def _known_name(self, g: Grammar) -> tuple[str, Span]:
        if g.kinds[g.at] != "name":
            raise g.fail(f"expected a tensor's name, found {g.found_here()}")
        g.at += 1
        return g.texts[g.at - 1], g.span(g.at - 1)

    def _output(self, g: Grammar) -> None:
        self.outputs = self.outputs or {}
        while True:
            name, span = self._known_name(g)
            self.outputs.setdefault(name, span)
            if g.kinds[g.at] != ",":
                return
            g.at += 1

    def _update(self, g: Grammar) -> None:
        while True:
            old, span = self._known_name(g)
            g.expect("=", "after the state's name")
            new, _ = self._known_name(g)
            if old in self.updates:
                raise DefinitionError(f"{old} is updated twice", span)
            self.updates[old] = (new, g.span(g.at - 1))
            if g.kinds[g.at] != ",":
                return
            g.at += 1

    def _check_names(self) -> None:
        """Outputs and new states have to be declared or defined somewhere."""
        wanted = list((self.outputs or {}).items()) + list(self.updates.values())
        for name, span in wanted:
            if self.names.tensors.get(name, "") == "" and name not in self.declared:
                raise UnknownNameError(
                    f"nothing defines {name}", span, did_you_mean(name, list(self.names.tensors))
                )

    # equations

    def _function(self, g: Grammar) -> None:
        """`f(x, y) = body`."""
        name = g.texts[0]
        end = g.closes[1]
        g.at = 2
        parameters: list[str] = []
        while True:
            if g.kinds[g.at] != "name":
                raise g.fail(
                    f"expected the name of an argument, found {g.found_here()}",
                    "a function is defined as `f(x) = …`",
                )
            if g.texts[g.at] in parameters:
                raise g.fail("two arguments of the same name")
            parameters.append(g.texts[g.at])
            g.at += 1
            if g.at == end:
                break
            g.expect(",", "between arguments")
        if name in self.names.macros or name in self.names.tensors:
            raise DefinitionError(f"{name} is defined twice", g.span(0, 1))
        g.at = end + 2
        g.parameters, g.defining = tuple(parameters), name
        start = g.at
        body = g.value()
        g.finish(len(g.kinds) - 1)
        g.settle()
        self._check_depth(g, body, start)
        if g.whole:
            self.names.whole_macros.add(name)
        self.names.macros[name] = Macro(g.parameters, body)

    def _equation(self, g: Grammar) -> None:
        kinds = g.kinds
        target = g.texts[0]
        left: tuple[Integer, ...] = ()
        dropping = False
        if kinds[1] == "[":
            left, dropping = self._left(g)
        else:
            g.at = 1
        accumulate = kinds[g.at] == "+="
        if not accumulate and kinds[g.at] != "=":
            raise self._no_equation(g)
        if target in self.names.sizes or target in self.names.macros:
            what = "size" if target in self.names.sizes else "function"
            raise DefinitionError(f"{target} is a {what}, it cannot be defined too", g.span(0, 1))
        g.at += 1
        end = len(kinds) - 1
        call = None
        if self.library is not None and kinds[1] == "=":
            g.inner_call = partial(read_call, g, self.library)
            call = whole_call(g, end, self.library, self.ranked)
        if call is not None:
            self._whole(g, target, call)
            return
        if left:
            self.ranked.add(target)
            self.names.ranked.add(target)
        body, ranges, condition = self._right(g, accumulate, left)
        self._check_depth(g, body, 0)
        if g.whole:
            self.whole.add(len(self.equations))
            self.names.ranked.add(target)
        self.equations.append(
            Equation(
                target, left, ranges, body, accumulate, condition, dropping,
                Origin("written", span=g.span(0)),
            )
        )  # fmt: skip
        if not self.names.tensors.get(target):
            self.names.tensors[target] = "computed"

    def _whole(self, g: Grammar, target: str, call: Call) -> None:
        """`target = formula(tensors)`."""
        g.finish(len(g.kinds) - 1)
        self.ranked.add(target)
        self.names.ranked.add(target)
        self.equations.append(
            Equation(target, (), (), call, origin=Origin("written", span=g.span(0))))
        if not self.names.tensors.get(target):
            self.names.tensors[target] = "computed"

    def _left(self, g: Grammar) -> tuple[tuple[Integer, ...], bool]:
        """The subscripts of the left-hand side, whose indices come into scope."""
        g.at = 1
        g.loose = "index"
        end = g.closes[1]
        # a plain letter is an index here even where a scalar has the same name
        scalars = {
            g.texts[k]: self.names.tensors.pop(g.texts[k])
            for k in range(2, end)
            if g.kinds[k] == "name" and g.kinds[k + 1] != "["
            and self.names.tensors.get(g.texts[k], "integer") != "integer"
        }  # fmt: skip
        dropping = g.kinds[end - 2 : end] == [";", "name"] and g.texts[end - 1] == "drop"
        if dropping:
            g.closes[1] = end - 2
        left, outside = subscripts(g)
        self.names.tensors.update(scalars)
        if dropping:
            g.at = end + 1
        if outside is not None:
            raise g.fail("there is no padding on the left-hand side", at=1)
        g.loose = "error"
        return left, dropping

    def _right(
        self, g: Grammar, accumulate: bool, places: tuple[Integer, ...]
    ) -> tuple[Expr, tuple[Range, ...], Expr | None]:
        """The body, the ranges of the loop and its condition."""
        start = g.at
        end = len(g.kinds) - 1
        split = _with(g, start, end)
        left = dict.fromkeys(name for place in places for name in place.indices())
        own: dict[str, Integer | None] = {}
        while True:
            own = dict.fromkeys({**left, **own})
            g.restart(own)
            condition = None
            if split < end:
                g.at = split + 1
                condition = g.binders(end, own, more=False)
                g.finish(end)
                self._no_more(g, split, [] if accumulate else [i for i in own if i not in left])
            g.loose = "index" if accumulate else "error"
            g.at = start
            body = g.value()
            g.finish(split)
            own.update((name, None) for name in g.found if name not in own)
            if not g.values & g.found.keys():
                break
            # in `i*x[i]` the letter stood as a value before it was known for an index: once more
        g.settle()
        g.at = end
        if condition is not None:
            for name in free_indices(condition):
                own.setdefault(name, None)
        if len(own) > TENSOR_AXES:
            raise LimitError(f"more than {TENSOR_AXES} indices", g.span(0))
        return body, tuple(Range(name, bound) for name, bound in own.items()), condition

    def _no_more(self, g: Grammar, split: int, extra: list[str]) -> None:
        """Complain about indices in the `with` of a `=` that do not stand on the left."""
        if extra:
            raise RangeError(
                f"{extra[0]} does not stand on the left", g.span(split),
                f"`=` writes each cell once; add up with `+=` or `sum({extra[0]})`",
            )  # fmt: skip

    def _check_depth(self, g: Grammar, body: Expr, start: int) -> None:
        if len(g.kinds) > DEPTH or g.expanded:
            check_depth(body, g.span(start))

    def _no_equation(self, g: Grammar) -> Exception:
        """The error for a statement that is neither an equation nor a declaration."""
        found, kind = g.found_here(), g.kinds[g.at]
        if g.texts[g.at] == "'":
            return no_primes(g.span(g.at, g.at + 1))
        if kind == "==":
            return g.fail("`==` compares", "to define write `=`")
        if kind == "end" and g.at == 1 and g.texts[0] in _KEYWORDS:
            return g.fail(f"expected a name after `{g.texts[0]}`")
        if kind == "name" and g.at == 1:
            hint = did_you_mean(g.texts[0], sorted(_KEYWORDS)) or _ADVICE
            return g.fail(f"expected `=` after {g.texts[0]}, found {found}", hint)
        if "=" in g.kinds:
            return g.fail(
                f"expected `=` after the name on the left, found {found}",
                "on the left stands one name, with subscripts in square brackets",
            )
        if kind == "(" and g.texts[0] not in self.names.tensors:
            g.at = 0
            g.value()  # an unknown function is the better complaint
        return g.fail(f"expected `=`, found {found}", _ADVICE)


_ADVICE: Final = "a statement is an equation, as in `y = 2*x`"


def _with(g: Grammar, start: int, end: int) -> int:
    """The place of the `with` that ends an equation's body, or `end`."""
    at = start
    while at < end:
        if g.kinds[at] == "with":
            return at
        at = g.closes.get(at, at) + 1
    return end
