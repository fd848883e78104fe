r"""Factors: brackets, fractions and roots, names with their accents, functions with arguments."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from chainrule.errors import Span, UnknownNameError, did_you_mean, visible
from chainrule.lang.latex_cursor import is_condition, text_of
from chainrule.lang.latex_reductions import Reductions
from chainrule.lang.latex_tokens import GREEK, Token
from chainrule.lang.latex_tree import Apply, Item, Node, Number, Reduce, Symbol, walk
from chainrule.lang.latex_words import (
    COMMANDS,
    FENCES,
    FUNCTIONS,
    GREEK_CHARACTERS,
    MARKS,
    NO_MEANING,
    REDUCES,
    TRIGONOMETRY,
    TYPED,
)


class Factors(Reductions):
    """Reads factors, all but numbers and scripts."""

    def group(self) -> Node:
        t = self.token
        self.at += 1
        bars, self.bars = self.bars, 0
        closing = {"(": ")", "[": "]", "{": "}"}[t.kind]
        if self.is_(closing):
            raise self.fail("there is nothing between these brackets", start=t.start)
        inner = self.condition()
        self.bars = bars
        if self.is_(",") and t.kind != "{":
            raise self.fail("a comma stands between plain brackets",
                            "a function's arguments follow its name")
        self.expect(closing, closing, t.start)
        if is_condition(inner):
            if t.kind == "[":
                return Apply(t.start, self.tokens[self.at - 1].end, "truth", (inner,))
            return inner
        if t.kind == "{" or isinstance(inner, Symbol):
            # `{x_i}^2` and `(x_i)^2` alike; what follows must not look for another subscript
            return inner if not self.is_("_") else Apply(t.start, inner.end, "group", (inner,))
        return Apply(t.start, self.tokens[self.at - 1].end, "group", (inner,))

    def _bars(self, head: str, closing: str) -> Node:
        start = self.token.start
        self.at += 1
        self.bars += 1
        inner = self.sum()
        self.bars -= 1
        self.expect(closing, closing, start)
        return Apply(start, self.tokens[self.at - 1].end, head, (inner,))

    def _double_bars(self) -> Node:
        """`||x||`, a norm typed with plain bars."""
        start = self.token.start
        self.at += 2
        self.bars += 1
        inner = self.sum()
        self.bars -= 1
        self.expect("|", "||", start)
        self.expect("|", "||", start)
        return Apply(start, self.tokens[self.at - 1].end, "norm", (inner,))

    def _command(self, t: Token) -> Node:
        name = t.text
        if name in NO_MEANING and not (name == "mathbb" and self._one()):
            raise self.fail(f"\\{name} has no meaning in a formula here", NO_MEANING[name])
        if name in FENCES:
            head, closing = FENCES[name]
            self.at += 1
            bars, self.bars = self.bars, 0
            inner = self.sum()
            self.bars = bars
            self.expect(closing, "\\" + closing, t.start)
            return Apply(t.start, self.tokens[self.at - 1].end, head, (inner,))
        if name == "|":
            return self._bars("norm", "|")
        self.at += 1
        if name in ("sum", "argmax", "argmin") or (name in ("max", "min") and self.is_("_")
                                                     and not self.script):
            return self._reduction(name, t.start)
        if name == "arg" and self.is_("max", "min"):
            self.at += 1
            return self._reduction("arg" + self.tokens[self.at - 1].text, t.start)
        if name in FUNCTIONS:
            return self._function(name, t.start)
        if name in GREEK or name in ("ell", "imath", "jmath"):
            return self._named(t, {"imath": "i", "jmath": "j"}.get(name, name))
        if name == "frac" and self.claims and self.ahead(1).text == "partial":
            return self._named_derivative(t.start)
        if name == "frac":
            top, bottom = self._argument(), self._argument()
            self._no_derivative(top, bottom)
            return Apply(t.start, bottom.end, "frac", (top, bottom))
        if name == "sqrt":
            return self._root(t.start)
        if name in ("mathbf", "mathcal", "mathbb"):
            return self._styled(name, t.start)
        if name in MARKS:
            return self._accented(name, t.start)
        if name in ("underbrace", "overbrace", "boxed", "underline"):
            inner = self._argument()
            if self.is_("_", "^") and name.endswith("brace"):
                self.at += 1
                self._skip_argument()
            return Apply(t.start, inner.end, "group", (inner,))
        if name == "begincases":
            return self._cases(t.start)
        if name == "{":
            inner = self.condition()
            self.expect("}", "\\}", t.start)
            return Apply(t.start, self.tokens[self.at - 1].end, "group", (inner,))
        if name == "langle":
            return self._inner_product(t.start)
        self.at -= 1
        raise UnknownNameError(
            f"\\{visible(name[:40])} is not known here",
            Span(self.lexer.text, t.start, t.end, self.lexer.name),
            did_you_mean(name, COMMANDS) or "known are Greek letters, \\frac, \\sqrt, \\sum, "
            "\\max, \\log, \\exp, \\mathbf, \\operatorname and their kin")

    def _named_derivative(self, start: int) -> Node:
        r"""`\frac{\partial L}{\partial z_i}` as the cell i of dL_dz."""
        found = []
        for _ in range(2):
            opened = self.token.start
            self.expect("{", "{", start)
            if not self.take("partial"):
                raise self.fail("expected \\partial", "write \\frac{\\partial L}{\\partial z_i}")
            part = self.factor()
            if not isinstance(part, Symbol):
                raise self.fail("a derivative is taken of a name, by a name", start=part.start)
            self.expect("}", "}", opened)
            found.append(part)
        top, bottom = found
        if top.subs:
            raise self.fail("the derivative of a number, a loss, has a name; this is one of a cell",
                            "name the derivative of L alone: \\frac{\\partial L}{\\partial z_i}",
                            start)
        number = text_of(top.label) if top.label is not None else ""
        return replace(bottom, name=f"d{top.name}{number}_d{bottom.name}", start=start,
                       end=self.tokens[self.at - 1].end)

    def _one(self) -> bool:
        """Whether a blackboard 1, an indicator, follows."""
        return self.ahead().text == "1" or (self.ahead().kind == "{" and self.ahead(2).text == "1")

    def _no_derivative(self, top: Node, bottom: Node) -> None:
        first = [n.name for n in walk(top) if isinstance(n, Symbol)][:1]
        last = [n.name for n in walk(bottom) if isinstance(n, Symbol)][:1]
        if first == last == ["d"] and isinstance(bottom, Apply) and bottom.head == "product":
            raise self.lexer.fail("a derivative has no meaning in a formula here", top.start,
                                  bottom.end, NO_MEANING["partial"])

    def _root(self, start: int) -> Node:
        order: Node | None = None
        if self.take("["):
            opened = self.tokens[self.at - 1].start
            order = self.sum()
            self.expect("]", "]", opened)
        body = self._argument()
        if order is None or (isinstance(order, Number) and order.text == "2"):
            return Apply(start, body.end, "call:sqrt", (body,))
        one = Number(start, start, "1")
        return Apply(start, body.end, "power",
                     (body, Apply(order.start, order.end, "frac", (one, order))))

    def _inner_product(self, start: int) -> Node:
        left = self.sum()
        self.expect(",", ",", start)
        right = self.sum()
        self.expect("rangle", "\\rangle", start)
        return Apply(start, self.tokens[self.at - 1].end, "product", (left, right), ("", "dot"))

    # names


    def _letters(self) -> Node:
        """A letter; or letters in a row that are a function's name, or declared as a name."""
        t = self.token
        end = self.at
        while (self.tokens[end].kind == "letter"
               and (end == self.at or self.tokens[end - 1].end == self.tokens[end].start)):
            end += 1
        word = "".join(k.text for k in self.tokens[self.at : end])
        follows = self.tokens[end].kind
        if len(word) > 1 and (word in self.declared or (word in TYPED and follows == "(")):
            self.at = end
            return self._named(Token("word", word, t.start, self.tokens[end - 1].end), word)
        first = self.tokens[self.at - 1].kind != "letter" or self.tokens[self.at - 1].end != t.start
        if len(word) > 2 and (first or not self.at):
            self.remarks.append(f"{word} is read as {' times '.join(word)}; a name of several "
                                f"letters is written \\mathrm{{{word}}}")
        self.at += 1
        return self._named(t, t.text)

    def _named(self, t: Token, name: str) -> Node:
        """A name, which is a function's if it is known as one and brackets follow."""
        if t.kind in ("word", "prose"):
            if name in ("argmax", "argmin", "max", "min") and self.is_("_"):
                return self._reduction(name, t.start)
            if name.lower() in TYPED and name not in TYPED:
                name = name.lower()
            called = name in self.functions or name in TYPED or self.is_("(")
            if called and not self.script and name not in self.declared:
                return self._function(name, t.start)
        elif self.is_("(") and self._is_function(t, name):
            return self._function(name, t.start)
        plain = "".join(c if c.isalnum() or unicodedata.combining(c) else "_" for c in name)
        plain = plain.strip("_") or "x"
        if plain[0].isdigit():
            if plain.isascii() and plain.isdigit():
                return Number(t.start, t.end, plain)
            plain = "n" + plain
        return Symbol(t.start, t.end, plain)

    def _is_function(self, t: Token, name: str) -> bool:
        if name in self.functions:
            return True
        always = all(self.tokens[k + 1].kind == "(" for k, other in enumerate(self.tokens)
                     if other.kind == t.kind and other.text == t.text)
        if name in ("sigma", "H") and always:
            return True
        if name in ("f", "g", "phi", "psi") and always and not self.declared & {name}:
            raise self.lexer.fail(
                f"nothing says what {name} is", t.start, t.end,
                f"define it, as in {name}(x) = x^2; for a product write {name} \\cdot (…)")
        inner = self.ahead(1)
        if inner.kind == "letter" and self.ahead(2).kind == ")" and self.ahead(3).kind != "^":
            raise self.lexer.fail(
                f"{name}({inner.text}) can be read in two ways", t.start, self.ahead(2).end,
                f"define the function, as in {name}({inner.text}) = …; for a product write "
                f"{name} {inner.text}")
        return False

    def _function(self, name: str, start: int) -> Node:
        """A function with its argument, in brackets or not; `\\sin^2 x` and `\\log_2 x` too."""
        base: Node | None = None
        power: Node | None = None
        if self.script and (self.token.kind in ("}", ",", "end")):
            return Symbol(start, self.tokens[self.at - 1].end, name)  # x_{\max}
        while self.is_("_", "^"):
            raised = self.is_("^")
            self.at += 1
            if raised:
                power = self._argument()
            else:
                base = self._argument()
        args = self._arguments() if self.is_("(", "[", "{") else None
        if isinstance(args, Reduce):
            if name not in ("max", "min"):
                raise self.fail(f"{name} takes a whole vector", f"write {name}(z)", start)
            return replace(args, op=name)
        if args is None:
            args = (self._run(name, start),)
        end = self.tokens[self.at - 1].end
        return self._applied(name, args, base, power, start, end)

    def _applied(self, name: str, args: tuple[Node, ...], base: Node | None, power: Node | None,
                 start: int, end: int) -> Node:
        if power is not None and text_of(power) == "-1" and name in TRIGONOMETRY:
            name, power = "a" + name, None
        if base is not None and name == "log" and text_of(base) in ("2", "10"):
            name, base = f"log{text_of(base)}", None
        elif name == "log":
            name = "ln"
        found: Node = Apply(start, end, f"call:{name}", args)
        if base is not None:
            if name != "ln":
                raise self.lexer.fail(f"{name} has no subscript here", base.start, base.end)
            found = Apply(start, end, "frac", (found, Apply(start, end, "call:ln", (base,))))
        if power is not None:
            found = Apply(start, end, "power", (found, power))
        return found

    def _arguments(self) -> tuple[Node, ...] | Reduce:
        r"""The arguments in brackets; `\{z_1, \dots, z_K\}` is given back as a reduction."""
        t = self.token
        self.deeper()
        self.at += 1
        closing = {"(": ")", "[": "]", "{": "}"}[t.text]
        bars, self.bars = self.bars, 0
        script, self.script = self.script, 0
        args = [self.condition()]
        dots = False
        while self.take(",") or self.is_(";"):
            if self.is_(";"):
                self.at += 1
            if self.take("dots"):
                dots = True
                continue
            args.append(self.condition())
        self.bars, self.script = bars, script
        self.expect(closing, closing, t.start)
        self.depth -= 1
        if not dots:
            return tuple(args)
        first, last = args[0], args[-1]
        if not (isinstance(first, Symbol) and isinstance(last, Symbol) and first.name == last.name
                and len(first.subs) == len(last.subs) == 1):
            raise self.fail("these dots do not say how it goes on",
                            "write \\max_{k} z_k", t.start)
        letter = next(c for c in "kijlmnrstuvw" if c not in self.letters or c == "w")
        index = Symbol(first.start, first.end, letter)
        return Reduce(t.start, self.tokens[self.at - 1].end, "max",
                      (Item(index, first.subs[0], last.subs[0]),), replace(first, subs=(index,)))

    def _run(self, name: str, start: int) -> Node:
        """The argument of a function without brackets: factors side by side."""
        if not self.is_("-") and not self.starts():
            raise self.fail(f"{name} is a function and has no argument here",
                            f"write \\{name}(x)" if name in FUNCTIONS else f"write {name}(x)",
                            start)
        self.deeper()
        here = self.token.start
        negative = self._sign() == "-"
        factors = [self.factor()]
        while self.starts() and not self._ends_run(factors[-1]):
            factors.append(self.factor())
        self.depth -= 1
        found = factors[0] if len(factors) == 1 else Apply(
            here, factors[-1].end, "product", tuple(factors), ("",) * len(factors))
        return Apply(here, found.end, "sum", (found,), ("-",)) if negative else found

    def _ends_run(self, before: Node) -> bool:
        t = self.token
        if t.kind in ("(", "[", "|", "word", "prose") or t.text in ("{", "|", *FENCES):
            return not (isinstance(before, Number) and t.kind == "(") and t.kind != "{"
        return t.kind == "command" and (t.text in FUNCTIONS or t.text in REDUCES
                                        or t.text in ("begincases", "arg")
                                        or (t.text == "sigma" and self.ahead().kind == "("))

    def _styled(self, style: str, start: int) -> Node:
        if self.token.text == "1" or (self.token.kind == "{" and self.ahead().text == "1"
                                      and self.ahead(2).kind == "}"):
            self.at += 3 if self.token.kind == "{" else 1
            return self._indicator(start)
        inner = self._argument()
        while isinstance(inner, Apply) and inner.head == "group":
            inner = inner.args[0]
        if style == "mathcal" or not isinstance(inner, Symbol):
            return inner
        if style == "mathbb":
            raise self.fail("sets stand in declarations", "write x \\in \\mathbb{R}^{K}", start)
        found = replace(inner, bold=True, start=start, end=self.tokens[self.at - 1].end)
        if self.is_("(") and found.name in ("sigma", *self.functions):
            return self._function(found.name, start)
        return found

    def _indicator(self, start: int) -> Node:
        if self.is_("_"):
            self.at += 1
        if not (self.is_("[", "(", "{")):
            raise self.fail("an indicator needs its condition", "write \\mathbb{1}[i = y]", start)
        found = self._arguments()
        if not isinstance(found, tuple) or len(found) != 1 or not is_condition(found[0]):
            raise self.fail("an indicator needs one condition", "write \\mathbb{1}[i = y]", start)
        return Apply(start, self.tokens[self.at - 1].end, "truth", found)

    def _accented(self, kind: str, start: int) -> Node:
        inner = self._argument()
        while isinstance(inner, Apply) and inner.head == "group":
            inner = inner.args[0]
        if not isinstance(inner, Symbol):
            raise self.fail(f"\\{kind} stands over a name", start=start)
        letter = GREEK_CHARACTERS.get(inner.name, inner.name)
        name = (unicodedata.normalize("NFC", letter + MARKS[kind]) if len(letter) == 1
                else f"{inner.name}_{kind}")
        return replace(inner, name=name, start=start, end=self.tokens[self.at - 1].end)
