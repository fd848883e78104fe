r"""From the tree of a LaTeX text to chainrule's own text, a statement a line.

What a name is has been found out before (`chainrule.lang.latex_names`); here it is written down: a
cell with its subscripts counted from 0, a name with its subscripts joined to it, an index as a
number. Ranges are written where the LaTeX gives limits; all others are left for the reader of the
result to infer, as in any formula.

In an equation of whole tensors, `\mathbf{W} \mathbf{x}` is a product of matrices. Whether a factor
is a number, a column, a row or a matrix follows from declarations, from equations above, or from
bold letters: small ones are columns, capitals matrices.
"""

from __future__ import annotations

from typing import Final

from chainrule.errors import RangeError
from chainrule.lang.integers import Integer, constant
from chainrule.lang.latex_cells import (
    AND,
    ATOM,
    NOT,
    NUMBER,
    OR,
    POWER,
    PRODUCT,
    RELATION,
    SELECT,
    SUM,
    Cells,
    Written,
    bare,
    largest,
    letter_of,
)
from chainrule.lang.latex_names import Scope, Space, Variable
from chainrule.lang.latex_tree import (
    Apply,
    Choice,
    Item,
    Node,
    Number,
    Reduce,
    Statement,
    Symbol,
    walk,
)

_LEVELS: Final = {"or": OR, "and": AND}
_WHOLE: Final = frozenset({"softmax", "log_softmax", "diag"})  # give a tensor of the same axes



class Writer(Cells):
    """Writes the statements of one text."""

    # statements

    def lines(self) -> list[str]:
        """Each statement's lines, in order."""
        found: list[str] = []
        above: Statement | None = None
        for s in self.names.statements:
            if s.kind == "condition" and s.body is not None:
                if above is None or above.params:
                    raise self.names.fail("a condition on its own says nothing", s,
                                          "bounds stand at the sums: \\sum_{i=1}^{n}")
                self.conditions.setdefault(above.start, []).append(s.body)
            above = s if s.kind == "define" else above
        for s in self.names.statements:
            if s.kind == "condition":
                continue
            text = self._one(s)
            found += [line for line in (*self.before, text) if line]
            self.before = []
        return found

    def _one(self, s: Statement) -> str:
        if s.kind == "raw":
            return s.text
        if s.kind == "space":
            return self._space(s)
        if s.kind == "run":
            return self._label(s)
        assert s.body is not None
        if s.kind == "claim" and self.claim:
            scope: Scope = {}
            for letter in self.names.left.get(s.start, ()):
                scope[letter] = (s.start, letter)
                self._left_bound(letter, scope)
            return self.top(s.body, scope)
        if s.kind == "claim":
            raise self.names.fail("expected a name on the left of the equals sign", s,
                                  _left_hint(s.body))
        return self._definition(s)

    def _space(self, s: Statement) -> str:
        listed = []
        for symbol in (s.target, *s.extra):
            assert symbol is not None
            name = self.names.plain(symbol)
            axes = self.names.spaces[name].axes
            if None in axes:
                raise self.names.fail("an axis is not a size", s, "write x \\in \\mathbb{R}^{n}")
            if name in self.names.defined or name in self.names.functions:
                continue
            listed.append(name + (f"[{', '.join(map(str, axes))}]" if axes else ""))
        return f"input {', '.join(listed)}" if listed else ""

    def _label(self, s: Statement) -> str:
        r"""`y \in \{1, \dots, K\}` declares a label, unless it says how far an index runs."""
        listed = []
        for symbol in (s.target, *s.extra):
            assert symbol is not None
            name = self.names.plain(symbol)
            stem = self.names.stem(symbol)
            if symbol.subs and stem in self.names.indexed:
                name = stem
            if name in self.indices or name in self.names.defined or s.upper is None:
                continue
            lower, upper = self._number(s.lower), self._number(s.upper)
            if lower is None or upper is None:
                raise self.names.fail(f"the bounds of {name} are no whole numbers", s)
            axes = self._label_axes(symbol)
            name += axes
            listed.append(f"{name} < {upper - lower + 1}")
            if lower != constant(0):
                self.names.remark(f"the label {name} counts from 0 here: the {lower} of the text "
                                  "is 0")
        return f"label {', '.join(listed)}" if listed else ""

    def _label_axes(self, symbol: Symbol) -> str:
        r"""The axes of labels: N for `y_n \in \{1, \dots, K\}`, by the index or its range."""
        found = []
        for sub in symbol.subs:
            letter = letter_of(sub)
            run = self.names.runs.get(letter)
            if not letter:
                raise self.names.fail("labels have plain indices", sub)
            bound = None
            if run is not None and run.upper is not None:
                lower, upper = self._number(run.lower), self._number(run.upper)
                bound = None if lower is None or upper is None else upper - lower + 1
            size = self.names.size_of(letter) if bound is None else bound
            found.append(str(size))
        return f"[{', '.join(found)}]" if found else ""

    def _number(self, node: Node | None) -> Integer | None:
        return None if node is None else self.names.whole(node, {}, {})

    def _definition(self, s: Statement) -> str:
        target, body = s.target, s.body
        assert target is not None and body is not None
        names = self.names
        scope: Scope = {}
        if s.params and names.plain(target) in names.called:
            params = ", ".join(names.plain(p) for p in s.params)
            return f"{names.plain(target)}({params}) = {self.top(body, scope)}"
        bounds = []
        for letter in names.left.get(s.start, ()):
            scope[letter] = (s.start, letter)
            bounds += self._left_bound(letter, scope)
        if s.params:
            names.remark(f"{names.plain(target)} is nowhere called: it is read as a name")
        bounds += [self._condition(c, scope) for c in self.conditions.get(s.start, ())]
        cell = names.is_cell(target, scope)
        left = self.cell(target, scope) if cell else names.plain(target, scope)
        if left in names.values:
            return ""  # n = 5, a size
        whole = self._whole_call(target, body, scope)
        if whole is not None:
            return whole
        text = self.top(body, scope)
        if not cell:
            self.shapes[left] = self.shape(body, scope)
        tail = f" with {', '.join(bounds)}" if bounds else ""
        return f"{left} {'+=' if s.adds else '='} {text}{tail}"

    def _condition(self, node: Node, scope: Scope) -> str:
        """A condition behind an equation, which compares numbers."""
        for n in walk(node):
            if isinstance(n, Apply) and (n.head in ("transpose", "norm") or n.head[5:] in _WHOLE):
                raise self.names.fail("a condition compares numbers", n)
        return self.top(node, scope)

    def _left_bound(self, letter: str, scope: Scope) -> list[str]:
        """The bound of an index on the left, where the text says how far it runs."""
        run = self.names.runs.get(letter)
        first = constant(self.names.base)
        bound: list[str] = []
        number: Integer | None = None
        if run is not None and run.upper is not None:
            first = self._number(run.lower) or first
            upper = self._number(run.upper)
            if upper is None:
                raise self.names.fail(f"{letter} runs up to no whole number", run)
            number = upper - first + 1
            bound = [f"{letter} < {number}"]
        self.variables[scope[letter]] = Variable(letter, first, number)
        return bound

    def _whole_call(self, target: Symbol, body: Node, scope: Scope) -> str | None:
        r"""`p_i = \mathrm{softmax}(z)_i` as p = softmax(z)."""
        if not (isinstance(body, Apply) and body.head == "cell"):
            return None
        mine = self.names.places(target, scope)
        if [letter_of(n) for n in body.args[1:]] != [letter_of(n) for n in mine] or not mine:
            return None
        self._declare_arguments(body)
        return f"{self.names.stem(target, scope)} = {self._write(body.args[0], scope)[0]}"

    def _declare_arguments(self, e: Apply) -> None:
        r"""What `\mathrm{softmax}(z)_i` reads has one axis, even if nothing else says so."""
        call, *places = e.args
        assert isinstance(call, Apply)
        for a in call.args:
            if not isinstance(a, Symbol) or len(places) != 1 or not isinstance(places[0], Symbol):
                continue
            name = self.names.plain(a)
            if name not in self.names.known() and name not in self.names.sizes:
                axis = self.names.size_of(places[0].name)
                self.names.spaces[name] = Space((axis,))
                self.before.append(f"input {name}[{axis}]")

    # expressions

    def top(self, node: Node, scope: Scope) -> str:
        return self._write(node, scope)[0]

    def at(self, node: Node, scope: Scope, level: int) -> str:
        """A part, in brackets where it binds more weakly than its surroundings."""
        text, binds = self._write(node, scope)
        return text if binds >= level else f"({text})"

    def _write(self, node: Node, scope: Scope) -> Written:
        if isinstance(node, Number):
            return (f"0{node.text}" if node.text.startswith(".") else node.text), ATOM
        if isinstance(node, Symbol):
            return self.symbol(node, scope)
        if isinstance(node, Reduce):
            return self._reduce(node, scope), PRODUCT
        if isinstance(node, Choice):
            return self._choice(node, scope), SELECT
        assert isinstance(node, Apply)
        return self._apply(node, scope)

    def _apply(self, e: Apply, scope: Scope) -> Written:
        head = e.head
        if head == "group":
            return self._write(e.args[0], scope)
        if head == "sum":
            return self._sum(e, scope), SUM
        if head == "product":
            return self._product(e, scope)
        if head == "frac":
            top = self.at(e.args[0], scope, PRODUCT)
            if isinstance(bare(e.args[0]), Reduce):
                top = f"({top})"
            return f"{top}/{self.at(e.args[1], scope, POWER)}", PRODUCT
        if head == "power":
            return self._power(e, scope)
        if head == "transpose":
            return f"{self.at(e.args[0], scope, ATOM)}.T", ATOM
        if head in ("abs", "norm", "floor", "ceil"):
            return f"{head}({self.top(e.args[0], scope)})", ATOM
        if head == "truth":
            return f"(1 if {self.top(e.args[0], scope)} else 0)", ATOM
        if head == "compare":
            return self._compare(e, scope), RELATION
        if head in _LEVELS:
            level = _LEVELS[head]
            return f" {head} ".join(self.at(a, scope, level + 1) for a in e.args), level
        if head == "not":
            return f"not {self.at(e.args[0], scope, NOT)}", NOT
        if head == "cell":
            return self._hoisted(e, scope), ATOM
        assert head.startswith("call:")
        inside = ", ".join(self.top(a, scope) for a in e.args)
        return f"{head[5:]}({inside})", ATOM

    def _hoisted(self, e: Apply, scope: Scope) -> str:
        r"""`\mathrm{softmax}(z)_i` as the cell of a tensor that gets an equation of its own."""
        call = e.args[0]
        self._declare_arguments(e)
        text = self.top(call, scope)
        name = "_".join(w for w in "".join(c if c.isalnum() else " " for c in text).split())
        line = f"{name} = {text}"
        if line not in self.names.hoisted:
            self.names.hoisted.add(line)
            self.before.append(line)
            self.names.remark(f"{text} is called {name}")
        return f"{name}[{','.join(self.counted(p, scope) for p in e.args[1:])}]"

    def _sum(self, e: Apply, scope: Scope) -> str:
        found = ""
        for k, (term, sign) in enumerate(zip(e.args, e.signs, strict=True)):
            level = SUM if sign == "+" and k == 0 else PRODUCT
            part = self.at(term, scope, level)
            if k == 0:
                found = part if sign == "+" else f"-{part}"
            else:
                found += f" {sign} {part}"
        return found

    def _power(self, e: Apply, scope: Scope) -> Written:
        base, exponent = e.args
        if isinstance(base, Symbol) and base.name == "e" and not base.subs and (
                "e" not in self.names.known()):
            return f"exp({self.top(exponent, scope)})", ATOM
        below = self.at(base, scope, ATOM)
        return f"{below}^{self.at(exponent, scope, ATOM)}", POWER

    def _product(self, e: Apply, scope: Scope) -> Written:
        """Factors from left to right; a sum stands in brackets, unless it is the last factor."""
        text, shape = "", NUMBER
        last = len(e.args) - 1
        for k, (factor, sign) in enumerate(zip(e.args, e.signs, strict=True)):
            own = self.shape(factor, scope)
            part, binds = self._write(factor, scope)
            reduces = isinstance(bare(factor), Reduce)
            if (reduces and (k < last or sign == "/")) or (
                    not reduces and binds < (POWER if k else PRODUCT)):
                part = f"({part})"
            if k == 0:
                text, shape = part, own
                continue
            operator, shape = self.operator(e, k, sign, shape, own)
            text = f"dot({text}, {part})" if operator == "dot" else text + operator + part
        return text, PRODUCT

    def _compare(self, e: Apply, scope: Scope) -> str:
        """Comparisons; one with a label counts from 0 on both sides."""
        points = any(self.points(a) for a in e.args)
        texts = [self.counted(a, scope) if points else self.at(a, scope, SUM) for a in e.args]
        found = texts[0]
        for sign, text in zip(e.signs, texts[1:], strict=True):
            found += f" {sign} {text}"
        return found

    def _choice(self, e: Choice, scope: Scope) -> str:
        found = ""
        for k, (value, condition) in enumerate(e.rows):
            text = self.at(value, scope, OR)
            if condition is None or (k == len(e.rows) - 1 and k):
                if condition is not None:
                    self.names.remark("the last of the cases stands for all that is left")
                return found + text
            found += f"{text} if {self.top(condition, scope)} else "
        raise self.names.fail("one case says nothing about the others", e,
                              "add a row: 0 & \\text{otherwise}")

    # reductions

    def _reduce(self, e: Reduce, scope: Scope) -> str:
        inner = dict(scope)
        written: list[str] = []
        conditions: list[str] = []
        pending: list[tuple[Item, Symbol]] = []
        for item in e.items:
            for symbol in self.names.introduced(item, e.body, inner):
                name = self.names.plain(symbol)
                if name in inner:
                    raise self.names.fail(f"the index {name} is bound already", symbol,
                                          "take another letter", RangeError)
                inner[name] = (e.start, name)
                self.variables[inner[name]] = Variable(name, constant(self.names.base))
                pending.append((item, symbol))
        for item, symbol in pending:
            bound, more = self._range(item, symbol, scope, inner)
            written.append(bound)
            conditions += more
        for item in e.items:
            if item.condition is not None:
                conditions.append(self.top(item.condition, inner))
        if not written:
            raise self.names.fail("nothing here is an index of its own", e,
                                  f"write \\{e.op}_{{j \\neq i}}, with a letter that is new")
        body = self.at(e.body, inner, PRODUCT)
        return f"{e.op}({', '.join(written + conditions)}) {body}"

    def _range(self, item: Item, symbol: Symbol, outer: Scope, inner: Scope
               ) -> tuple[str, list[str]]:
        """An index with its bound, and conditions for limits that other indices set."""
        name = self.names.plain(symbol)
        key = inner[name]
        variable = self.variables[key]
        if item.index is None:
            return name, []
        above = {k: v for k, v in inner.items() if k != name}
        lower = self._limit(item.lower, above)
        upper = self._limit(item.upper, above)
        conditions = []
        if lower is not None:
            if lower.indices():
                conditions.append(f"{name} >= {lower - variable.first}")
            else:
                variable.first = lower
        if upper is None:
            return name, conditions
        if upper.indices():
            variable.follows = True
            highest = self.highest(upper, {k: v for k, v in inner.items() if k != name})
            variable.size = None if highest is None else largest(
                [highest - variable.first + 1,
                 *(self.variables[inner[n]].size for n in upper.indices())])
            if lower is not None and lower.indices():
                return name, [*conditions, f"{name} <= {upper - variable.first}"]
            return f"{name} <= {upper - variable.first}", conditions
        variable.size = upper - variable.first + 1
        return f"{name} < {variable.size}", conditions

    def _limit(self, node: Node | None, scope: Scope) -> Integer | None:
        if node is None:
            return None
        for s in walk(node):
            inside = [n for sub in s.subs for n in walk(sub)] if isinstance(s, Symbol) else []
            if any(isinstance(n, Symbol) and n.name in self.indices for n in inside):
                raise self.names.fail("a limit that is read from a tensor has no meaning here", s,
                                      "sums have a size of their own, such as n, or end at an "
                                      "index", RangeError)
        found = self.names.whole(node, scope, self.variables)
        if found is None:
            raise self.names.fail("a limit of a sum is a whole number, a size or an index", node,
                                  "write \\sum_{i=1}^{n}", RangeError)
        return found


def _left_hint(claim: Node) -> str:
    """What to write instead of a left-hand side that is no name: `loss` may have been meant so."""
    left = claim.args[0] if isinstance(claim, Apply) else claim
    if isinstance(left, Apply) and left.head == "product" and not any(left.signs) and (
            all(isinstance(f, Symbol) and not f.subs for f in left.args)):
        word = "".join(f.name for f in left.args if isinstance(f, Symbol))
        return f"a name of several letters is written \\mathrm{{{word}}} = …"
    return "give the left-hand side a name, as in y = …"
