"""Names and calls: what a symbol with its subscripts, or f(x), is in a world."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.tree import Apply, Node, Symbol, walk
from chainrule.check.values import Array, Unknown, Value
from chainrule.check.values_frames import Frame, Need
from chainrule.check.values_names import (
    Definition,
    Form,
    form_of,
    key,
    plain_letter,
    spelling,
    spread,
)
from chainrule.check.values_slices import is_all
from chainrule.check.values_subscripts import constant_index, is_word

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

_SMALL: Final = frozenset({"epsilon", "eps", "varepsilon"})
_LAYER: Final = re.compile(r"([a-z])([-+]\d)?")
Thunk = Callable[[], Value]


class Calls:
    """The part of the evaluator that knows names."""

    # --- symbols

    def symbol(self: Evaluator, node: Symbol, frame: Frame) -> Value:
        """What a name is, with its subscripts."""
        form = form_of(node)
        assert form is not None
        if form.head[2]:
            form = self.labelled(form, frame)
        meant = self.as_meant(form)
        if meant is not form:
            form, node = meant, replace(node, subs=meant.subs, label=None)
        if any(map(is_all, form.subs)):
            return self.sliced(node, form, frame)
        if self.rows and (row := self.row_of_all(form, frame)) is not None:
            return row
        _, name, label = form.head
        if not label:
            if not form.subs and name in frame.bound:
                index = frame.bound[name]
                if index is None:
                    raise Unknown("an index stands as a value while its range is sought", "probe")
                return Fraction(index)
            if name in frame.params:
                return self.indexed(frame.params[name], form.subs, frame)
        self.spot = node.start
        options = self.meanings(form, frame)
        if options and label and node.label is not None:
            options = [*options, *self.of_example(form, node.label, frame)]
        if options:
            marks = tuple(map(key, form.subs)) if name.endswith("bar") else ()
            what: tuple[Any, ...] = ("name", form.head, marks)
            if name.endswith("_bar"):
                what = (*what, node.start)
            return options[self.chooser.choose(what, len(options))]()
        if label and node.label is not None and not form.subs:  # y^{(c)} for y_c
            inner = Form((form.head[0], name, ""), None, spread((node.label,)))
            options = [] if is_word(node.label) else self.meanings(inner, frame)
            if options:
                return options[self.chooser.choose(("name", inner.head, ()), len(options))]()
        if name == "e" and node.label is not None and not form.subs:  # e^{(-2)} is no layer of e
            return self._map("exp", self.value(node.label, frame))
        return self.letter(node, form, frame)

    def labelled(self: Evaluator, form: Form, frame: Frame) -> Form:
        """W^{(l)} and y^{(l-1)} with their letter replaced by the layer that it stands for."""
        found = _LAYER.fullmatch(form.head[2]) if len(form.head) == 3 else None
        if found is None or self.scope.definitions.get(form.head) or self.world.names.tensors(form):
            return form
        letter = found[1]
        if frame.bound.get(letter) is None:
            names, layers = self.world.names, 0
            while names.tensors(Form((*form.head[:2], str(layers + 1)), None, ())):
                layers += 1
            if layers < 2:
                return form
            raise Need(letter, layers)
        return Form((*form.head[:2], str((frame.bound[letter] or 0) + int(found[2] or 0))),
                    None, form.subs)

    def known(self: Evaluator, node: Node, frame: Frame) -> bool:
        """Whether a name is anything but a letter."""
        form = form_of(node)
        if form is None:
            return True
        name = form.head[1]
        if name in frame.bound or name in frame.params:
            return True
        return bool(self.scope.definitions.get(form.head) or self.world.names.tensors(form))

    def meanings(self: Evaluator, form: Form, frame: Frame) -> list[Thunk]:
        """All that a name may stand for, likeliest first."""
        found: list[Thunk] = []
        squared = self.world.names.squares.get((form.head, tuple(map(key, form.subs))))
        if squared is not None:  # σ_B, where the sheet says what σ_B^2 is
            return [lambda: self._map("sqrt", frame.cells.tensor(squared))]
        spelled = self.world.names.size_of(form)
        if spelled is not None and not any(d.after >= 0 for d in self.definitions(form)):
            return [lambda: Fraction(self.world.sizes[spelled])]
        whole = self.world.names.squares.get((form.head, ())) if form.subs else None
        if whole is not None and not self.definitions(form):  # σ_d of a vector σ^2
            return [lambda: self._map("sqrt", self.tensor_cells(whole, form.subs, frame))]
        marks = tuple(map(key, form.subs))
        for d in sorted(self.definitions(form), key=lambda d: bool(marks) and (
                tuple(map(key, d.form.subs)) != marks)):  # d_k is not the d of d = 2
            fits = self.fitted(d, form, frame)
            if fits is not None:
                found.append(fits)
                if d.form.head == form.head:
                    break
        _, name, *rest = form.head
        plain, accent = spelling(name)
        if accent in ("dot", "bar") and not found:
            found += self.moving(plain, accent, form, frame)
        tensors = self.world.names.tensors(form)
        if any(is_word(sub) for sub in form.subs):
            tensors = [t for t in tensors if t[1]]
        for tensor, uses in tensors:
            subs = () if uses else form.subs
            if subs and name in self.scope.zero and all(
                    constant_index(sub) is not None for sub in subs):
                found.append(lambda t=tensor, s=subs: self._from_zero(t, s, frame))
                continue
            found.append(lambda t=tensor, s=subs: self.tensor_cells(t, s, frame))
        label = rest[0] if rest else ""
        if not tensors and not form.subs and not label and form.args is None:
            size = self.world.names.size(name)
            if size is not None:
                found.append(lambda: Fraction(self.world.sizes[size]))
            elif name == "e":  # Euler's number below an exponent; alone, a letter like others
                self.invented.add(name)
                found.append(lambda: self.world.invent("e"))
                found.append(lambda: self.numbers.apply("exp", Fraction(1)))
            elif name == "pi":
                found.append(lambda: self.numbers.apply("pi"))
            elif name in ("infty", "∞", "infinity"):
                found.append(lambda: self.numbers.high.inf)
        return found

    def _from_zero(self: Evaluator, tensor: str, subs: tuple[Node, ...], frame: Frame) -> Value:
        """A cell of a tensor that the paper counts from 0."""
        base: int = self.base
        self.base = 0
        try:
            return self.tensor_cells(tensor, subs, frame)
        finally:
            self.base = base

    def definitions(self: Evaluator, form: Form) -> list[Definition]:
        """Definitions of that head: what the paper says before this place first, the last first."""
        found = self.scope.definitions.get(form.head)
        if found is None:
            found = self._other_case(form)
        if self.student and form.head in self.scope.own_names:
            found = [*self.scope.own_names[form.head], *found]
        if len(found) < 2:
            return found
        here = self.place
        before = sorted((d for d in found if d.after <= here), key=lambda d: -d.after)
        return before + sorted((d for d in found if d.after > here), key=lambda d: d.after)

    def _other_case(self: Evaluator, form: Form) -> list[Definition]:
        """Definitions of a name that differs in case alone, where nothing has the name itself."""
        kind, name, *rest = form.head
        if name in self.world.names.exact:
            return []
        low = name.lower()
        for head, found in self.scope.definitions.items():
            if head[1].lower() == low and head[0] == kind and list(head[2:]) == rest:
                return found
        if rest == [""] and not self.world.names.tensors(form):  # a label left out
            return [d for head, found in self.scope.definitions.items()
                    if head[:2] == (kind, name) for d in found]
        return []

    def letter(self: Evaluator, node: Symbol, form: Form, frame: Frame) -> Value:
        """A letter that nothing defines stands for any number; Ax is a product of what is known."""
        _, name, label = form.head
        if not label and self._run_of_names(name):
            letters: list[Node] = [replace(node, name=c, subs=()) for c in name]
            letters[-1] = replace(node, name=name[-1])
            return self.value(Apply(node.start, node.end, "product", tuple(letters),
                                    ("",) * len(letters)), frame)
        bare = self.of_itself(name, frame) if not label and not form.subs else None
        if bare is not None:
            return bare
        own = any(head[1] == name for head in self.scope.definitions)
        if name == "delta" and len(form.subs) == 2 and not own and not any(
                constant_index(s) is not None for s in form.subs):
            a, b = (self.index_of(s, lambda: self.common_size(frame), frame) for s in form.subs)
            return Fraction(int(a == b))
        if name in ("e", "1") and len(form.subs) == 1 and not label:  # a unit vector
            vector = self.unit_vector(node, form.subs[0], name == "1", frame)
            if vector is not None:
                return vector
        if name in ("0", "1"):  # a vector of ones goes with every cell as the number does
            return Fraction(int(name))
        if name == "I" and not label and (unit := self.unit(form, frame)) is not None:
            return unit
        spelled = name + (f"^{label}" if label else "")
        if any(len(plain_letter(s).rstrip("'")) > 1 for s in form.subs):
            self.invented.add(name)
            return self.world.invent(spelled + str(tuple(map(key, form.subs))))
        for s in form.subs:
            index = frame.bound.get(plain_letter(s))
            spelled += f"_{index if index is not None else key(s)}"
        self.invented.add(name)
        if name in _SMALL and self.below and not self.chooser.choose(("small", name), 2):
            return Fraction(0)  # the ε that only keeps a denominator from being 0
        if len(name) > 12:
            raise Unknown(f"{name} is not known", "name")
        return self.world.invent(spelled)

    def denominator(self: Evaluator, node: Node, frame: Frame) -> Value:
        """What stands below a line of a fraction."""
        self.below += 1
        try:
            return self.value(node, frame)
        finally:
            self.below -= 1

    def of_itself(self: Evaluator, name: str, frame: Frame) -> Value | None:
        """σ, or σ', without its argument: of the quantity that the sheet defines σ for."""
        base = name.rstrip("'")
        for d in self.scope.definitions.get(("call", base), ()):
            args = d.form.args or ()
            if d.after < 0 and len(args) == 1 and self.known(args[0], frame) and form_of(args[0]):
                return self.value(Apply(self.spot, self.spot, f"call:{name}", args), frame)
        return None

    def _run_of_names(self: Evaluator, name: str) -> bool:
        """Whether each letter of a name is a quantity of the sheet, as in QK and Ax."""
        return 2 <= len(name) <= 4 and name.isascii() and name.isalpha() and all(
            c in self.world.names.exact or any(h[1] == c for h, _ in self.world.names.spelled)
            for c in name)

    def common_size(self: Evaluator, frame: Frame) -> int:
        """The size that most axes of the part have."""
        sizes = [n for t in self.world.names.program.tensors for n in frame.cells.shape(t)]
        if not sizes:
            raise Unknown("the range of an index is not known", "range")
        return max(set(sizes), key=sizes.count)

    # --- definitions

    def fitted(self: Evaluator, d: Definition, form: Form, frame: Frame) -> Thunk | None:
        """What an instance of a definition is worth; None where it is no instance."""
        if (d.form.args is None) != (form.args is None):
            return None
        params: dict[str, Value] = {}
        bound: dict[str, int | None] = {}
        waiting: list[tuple[str, Node]] = []
        if d.form.args is not None and form.args is not None:
            if len(d.form.args) != len(form.args):
                return None
            for pattern, arg in zip(d.form.args, form.args, strict=True):
                if not self._argument(d, pattern, arg, frame, params, waiting):
                    return None
        patterns = d.form.subs
        if len(patterns) == len(form.subs):
            for pattern, sub in zip(patterns, form.subs, strict=True):
                letter = self._variable(pattern)
                if letter:
                    waiting.append((letter, sub))
                elif not self._same_index(pattern, sub, frame):
                    return None
            return lambda: self.inside(d, params, bound, waiting, frame)
        if not patterns:
            return lambda: self.indexed(self.inside(d, params, bound, waiting, frame), form.subs,
                                        frame)
        if not form.subs and all(map(self._variable, patterns)):
            return lambda: self.whole(d, params, bound, waiting, frame)
        return None

    def _variable(self: Evaluator, pattern: Node) -> str:
        """The letter that a subscript of a definition is for; empty for a fixed one."""
        letter = plain_letter(pattern)
        if len(letter.rstrip("'")) != 1 or letter.isdigit():
            return ""
        form = form_of(pattern)
        assert form is not None
        for tensor, _ in self.world.names.tensors(form):
            if self.world.names.program.tensors[tensor].kind == "integer":
                return ""
        return letter

    def _same_index(self: Evaluator, pattern: Node, sub: Node, frame: Frame) -> bool:
        if key(pattern) == key(sub):
            return True
        fixed = constant_index(pattern)
        if fixed is None:
            return False
        letter = plain_letter(sub)
        if letter:
            return frame.bound.get(letter) == fixed
        return constant_index(sub) == fixed

    def _argument(self: Evaluator, d: Definition, pattern: Node, arg: Node, frame: Frame,
                  params: dict[str, Value], waiting: list[tuple[str, Node]]) -> bool:
        if isinstance(pattern, Apply) and pattern.head in ("compare", "such"):
            if not (isinstance(arg, Apply) and arg.head in ("compare", "such")):
                return False
            inner, used = pattern.args[-1], arg.args[-1]
            if key(pattern.args[0]) != key(arg.args[0]):
                return False
            if self._variable(inner):
                waiting.append((plain_letter(inner), self._class(used, frame)))
                return True
            return key(inner) == key(used)
        letter = plain_letter(pattern)
        if not letter or len(letter.rstrip("'")) > 1 or letter.endswith("'"):
            return key(pattern) == key(arg)
        used_letter = plain_letter(arg)
        index = used_letter and used_letter not in frame.params and not self.known(arg, frame)
        if used_letter and (used_letter in frame.bound or (index and _below(d.body, letter))):
            waiting.append((letter, arg))
            return True
        if letter in d.names:
            params[letter] = self.value(arg, frame)
        return True

    def _class(self: Evaluator, node: Node, frame: Frame) -> Node:
        """The class of P(y = z_j) is j where z is nothing that is known."""
        if isinstance(node, Symbol) and len(node.subs) == 1 and not self.known(
                replace(node, subs=()), frame):
            return node.subs[0]
        if isinstance(node, Symbol) and len(node.subs) == 1 and not node.label:
            return node.subs[0]
        return node

    def inside(self: Evaluator, d: Definition, params: dict[str, Value],
               bound: dict[str, int | None], waiting: list[tuple[str, Node]],
               frame: Frame) -> Value:
        """The body of a definition with its letters bound."""
        if id(d) in frame.via and id(frame.via[id(d)]) not in frame.active:
            d = frame.via[id(d)]
        if id(d) in frame.active or len(frame.active) > 40:
            raise Unknown("a name is defined by itself", "form")
        bound = dict(bound)
        for letter, sub in waiting:
            bound[letter] = self.index_of(sub, lambda x=letter: self.range_of(
                d, x, params, bound, frame), frame)
        if id(d) in frame.over:
            moved = frame.over[id(d)]
            places = tuple(bound[plain_letter(s)] for s in d.form.subs if self._variable(s))
            if places and isinstance(moved, Array):
                return self._at(moved, [k for k in places if k is not None])
            return moved
        if d.value is not None:
            return d.value
        if not params and not bound and d.names.isdisjoint(frame.bound) and d.names.isdisjoint(
                frame.params):
            kept = frame.memo.get(id(d))  # with d itself, whose number no other has then
            if kept is None:
                kept = frame.memo[id(d)] = d, self._body(d, params, bound, frame)
            return kept[1]
        return self._body(d, params, bound, frame)

    def _body(self: Evaluator, d: Definition, params: dict[str, Value],
              bound: dict[str, int | None], frame: Frame) -> Value:
        inner = frame.with_params(params, bound)
        for letter in params:
            inner.bound.pop(letter, None)
        for letter in bound:
            if letter not in params:
                inner.params.pop(letter, None)
        inner.active = (*frame.active, id(d))
        here: int = self.place
        self.place = max(here, d.after)
        try:
            return self.value(d.body, inner)
        finally:
            self.place = here

    def range_of(self: Evaluator, d: Definition, letter: str, params: dict[str, Value],
                 bound: dict[str, int | None], frame: Frame) -> int:
        """How many values a letter of a definition takes."""
        if id(d) in frame.over and isinstance(frame.over[id(d)], Array):
            letters = [plain_letter(s) for s in d.form.subs]
            return int(frame.over[id(d)].shape[letters.index(letter)])
        inner = frame.with_params(params, {**bound, letter: None})
        inner.active = (*frame.active, id(d))
        try:
            self.value(d.body, inner)
        except Need as need:
            if need.letter == letter:
                return need.size
            raise
        except Unknown:
            pass
        return self.common_size(frame)

    def whole(self: Evaluator, d: Definition, params: dict[str, Value],
              bound: dict[str, int | None], waiting: list[tuple[str, Node]],
              frame: Frame) -> Value:
        """A definition for each i as the array of them all."""
        if id(d) in frame.over:
            return frame.over[id(d)]
        letters = [plain_letter(s) for s in d.form.subs]
        inner = frame.with_params({}, {})
        for letter in letters:
            inner.bound.pop(letter, None)
        sizes = [self.range_of(d, x, params, bound, inner) for x in letters]
        cells = []
        for place in itertools.product(*(range(1, n + 1) for n in sizes)):
            at = {**bound, **dict(zip(letters, place, strict=True))}
            cells.append(self.inside(d, params, at, waiting, frame))
        if any(isinstance(c, Array) for c in cells):
            raise Unknown("the cells of a definition are arrays", "shape")
        return Array(tuple(sizes), tuple(cells))


def _below(body: Node, letter: str) -> bool:
    """Whether a letter stands as a subscript in a formula."""
    return any(plain_letter(s) == letter for n in walk(body) if isinstance(n, Symbol)
               for s in (form_of(n) or Form(("", ""), None, ())).subs)


__all__ = ["Calls", "Thunk"]
