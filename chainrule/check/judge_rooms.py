"""A sheet's parts made ready for judging: names, notation, worlds; and which part a claim is of.

A `Room` is a part with what a paper has said in it. `Memory` keeps what does not depend on the
student, such as the notation's trees, so that a class is checked quickly; it may be kept between
papers, by one process.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.claims import Claim, Context
from chainrule.check.read import read_formula
from chainrule.check.sheet import Part, Question, Sheet
from chainrule.check.tree import Apply, Node, Number, Symbol, parts
from chainrule.check.values import Numbers
from chainrule.check.values_cells import Graph
from chainrule.check.values_functions import function_named
from chainrule.check.values_laid import is_divergence
from chainrule.check.values_names import (
    Definition,
    Form,
    definition,
    form_of,
    full_name,
    key,
    names_in,
    spelling,
)
from chainrule.check.values_slices import by_example, without_parameter
from chainrule.check.values_subscripts import constant_index
from chainrule.check.worlds import FREE_WORLDS, Names, Scope, World
from chainrule.check.worlds_kinks import drawn
from chainrule.lang.expr import Expr
from chainrule.lang.parse import parse_expression
from chainrule.lang.program import Program

_KEPT: Final = 20_000  # outcomes of tests
_KEPT_PARTS: Final = 200
_LETTERS: Final = frozenset("ijklmnabcuvxyzt")
_WHOLE: Final = frozenset({"max", "min", "softmax", "diag", "tr", "trace", "sum", "norm", "vec",
                           "det", "mean", "flatten", "logsumexp"})  # functions of whole tensors
_COMMON: Final = frozenset({"e", "pi", "d", "T", "dots", "infty"})


@dataclass(slots=True, eq=False)
class _Made:
    """What a part has whatever its values are."""

    program: Program
    graph: Graph
    names: Names
    notation: tuple[Definition, ...]
    given: str = ""


class Memory:
    """What is worked out once for a sheet; good for any number of papers."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self._parts: dict[Any, _Made] = {}
        self._nodes: dict[str, tuple[Node | None, ...]] = {}
        self._expressions: dict[str, Expr] = {}
        self.outcomes: dict[Any, Any] = {}
        self.worlds: dict[Any, World] = {}
        self.stated: dict[str, frozenset[frozenset[str]]] = {}  # what a sheet's text says itself
        self.ways: dict[tuple[str, str], dict[str, str]] = {}  # which way its vectors lie

    def remember(self, what: Any, outcome: Any) -> None:
        """Keep what a test came to; everything is forgotten when there is too much of it."""
        if len(self.outcomes) >= _KEPT:
            self.outcomes.clear()
        self.outcomes[what] = outcome

    def sides(self, source: str) -> tuple[Node | None, ...]:
        """The sides of a formula of a sheet."""
        if source not in self._nodes:
            pieces = read_formula(source)
            self._nodes[source] = tuple(_as_cell(s.node) for s in pieces[0].sides) if (
                pieces) else ()
        return self._nodes[source]

    def expression(self, text: str) -> Expr:
        """An expression in chainrule's language."""
        if text not in self._expressions:
            self._expressions[text] = parse_expression(text, "sheet")
        return self._expressions[text]

    def part(self, part: Part) -> _Made:
        """The names, the graph and the notation of a part."""
        at = (part.name, id(part.program), part.notation, _written(part))
        made = self._parts.get(at)
        if made is None or part.program is not made.program:
            if len(self._parts) >= _KEPT_PARTS:
                self._parts.clear()
            program = part.program or Program({}, (), (), ())
            names = Names(part, self._forms(part.names), self._squares(part.names))
            made = _Made(program, Graph(program), names, self._notation(part, names))
            self._parts[at] = made
        return made

    def _forms(self, names: Mapping[str, tuple[str, ...]]) -> dict[str, list[Form]]:
        found: dict[str, list[Form]] = {}
        for name, spellings in names.items():
            for text in spellings:
                sides = self.sides(text)
                form = form_of(sides[0]) if sides and sides[0] is not None else None
                if form is not None:
                    found.setdefault(name, []).append(form)
        return found

    def _squares(self, names: Mapping[str, tuple[str, ...]]) -> dict[str, list[Form]]:
        """The names that are given as squares, as σ_B of σ_B^2."""
        found: dict[str, list[Form]] = {}
        for name, spellings in names.items():
            for text in spellings:
                sides = self.sides(text)
                node = sides[0] if sides else None
                if isinstance(node, Apply) and node.head == "power" and isinstance(
                        node.args[1], Number) and node.args[1].text == "2":
                    form = form_of(node.args[0])
                    found.setdefault(name, []).extend([form] if form is not None else [])
        return found

    def _notation(self, part: Part, names: Names) -> tuple[Definition, ...]:
        found = []
        for text in part.notation:
            sides = self.sides(text)
            if len(sides) < 2 or sides[0] is None or sides[1] is None:
                continue
            head, body = _as_call(sides[0]), sides[1]
            form = form_of(head)
            if form is not None and form.args is None and _is_tensor(names, form) and not any(
                    constant_index(s) is not None for s in form.subs):
                continue  # the program says it already, and knows how it depends on the rest
            made = definition(head, body)
            if made is not None:
                found.append(made)
        return tuple(found)


def _written(part: Part) -> str:
    """What is given in a part, as text: parts with the same text have the same worlds."""
    return repr((part.given, part.free, part.sizes, part.adjoints, part.names))


def _as_call(node: Node) -> Node:
    """S_c(x) on the left of a sheet's notation is a call, though it looks like a product."""
    if isinstance(node, Apply) and node.head == "product" and len(node.args) == 2:
        base, arg = node.args
        if isinstance(base, Symbol) and base.subs and node.signs[-1] == "":
            below = "".join(full_name(s.name) for s in base.subs if isinstance(s, Symbol))
            return Apply(node.start, node.end, f"call:{base.name}_{below}", (arg,))
    return node


def _as_cell(node: Node | None) -> Node | None:
    """S_c(x)_i of a sheet is a cell of a call, though it looks like S_c times x_i, x in bold."""
    if isinstance(node, Apply) and node.head == "product" and node.signs == ("", ""):
        base, arg = node.args
        if isinstance(base, Symbol) and isinstance(arg, Symbol) and base.subs and arg.subs and (
                arg.bold and not base.bold):
            call = _as_call(replace(node, args=(base, replace(arg, subs=()))))
            return Apply(node.start, node.end, "cell", (call, *arg.subs))
    return node


def _is_tensor(names: Names, form: Form) -> bool:
    return any(not _word_subs(form) or uses for _, uses in names.tensors(form))


def _word_subs(form: Form) -> bool:
    return any(isinstance(s, Symbol) and len(full_name(s.name)) > 1 and not s.name.endswith("'")
               for s in form.subs)


@dataclass(slots=True)
class Room:
    """A part while one paper is judged: its worlds and what the paper has said in it."""

    part: Part
    made: _Made
    memory: Memory
    scope: Scope = field(default_factory=Scope)
    worlds: list[World] = field(default_factory=list)
    own: bool = False
    lying: dict[str, str] = field(default_factory=dict)  # vectors that the paper has as columns

    @property
    def names(self) -> Names:
        """How the part's tensors may be spelled."""
        return self.made.names

    @property
    def drawn(self) -> bool:
        """Whether anything of the part has no value of its own, and is drawn."""
        given = self.part.given
        return any(n not in given for n in self.made.program.inputs)

    def world(self, k: int) -> World:
        """The k-th world."""
        while len(self.worlds) <= k:
            self.worlds.append(self._world(len(self.worlds)))
        return self.worlds[k]

    def _world(self, at: int) -> World:
        kept = self.memory.worlds
        if not self.own and (self.made, at) in kept:
            return kept[self.made, at].twin(at)
        if at and not self.drawn:
            made = self.worlds[0].twin(at)
        else:
            made = drawn(lambda again: World(
                self.part, self.names, self.made.graph, self.memory.numbers, at,
                self.memory.expression, again), self.worlds[:at],
                not self.drawn or self.made.graph.smooth)
        if not self.own:
            if len(kept) >= _KEPT_PARTS:
                kept.clear()
            kept[self.made, at] = made
        return made

    def nearby(self) -> Room | None:
        """The same part with other numbers close to the given ones; None where that is no use."""
        if self.drawn or self.own or self.part.program is None:
            return None
        draw = random.Random(self.part.name)

        def moved(value: Any) -> Any:
            if not isinstance(value, list | tuple):
                return Fraction(value) * Fraction(draw.randint(1001, 1019), 1010)
            near = [moved(v) for v in value]
            if any(isinstance(v, list) for v in near) or not sum(near):
                return near  # a list keeps its sum: probabilities stay probabilities
            return [v * sum(map(Fraction, value)) / sum(near) for v in near]

        given = {}
        for name, value in self.part.given.items():
            if isinstance(value, str) or self.part.program.tensors[name].kind != "real":
                return None
            given[name] = moved(value)
        part = replace(self.part, given=given)
        room = Room(part, self.memory.part(part), self.memory)
        for d in room.made.notation:
            room.scope.add(d)
        return room

    def steady(self, *nodes: Node) -> bool:
        """Whether formulas mean the same in every paper: only the sheet's own names are in them."""
        if self.own or self.scope.flat or self.scope.seeds:
            return False
        mine = {h[1] for h, found in self.scope.definitions.items()
                if any(d.after >= 0 for d in found)} | set(self.scope.via)
        return not mine or not any(names_in(n) & mine for n in nodes)

    def said(self, at: int, *nodes: Node) -> Any:
        """What the paper itself has defined that formulas at a place depend on; hashable.

        Formulas for which this is the same mean the same, in whatever paper they stand. None where
        that cannot be told.
        """
        if self.own or self.scope.flat or self.scope.seeds:
            return None
        theirs = {h: found for h, found in self.scope.definitions.items()
                  if any(d.after >= 0 for d in found)}
        if not theirs and not self.scope.via:
            return ()
        names = {name for n in nodes for name in names_in(n)}
        found: dict[Any, list[Definition]] = {}
        while True:
            new = {h: d for h, d in theirs.items() if h[1] in names and h not in found}
            if not new:
                break
            found |= new
            names |= {name for ds in new.values() for d in ds for name in d.names}
        if names & set(self.scope.via) or any(
                d.value is not None for ds in found.values() for d in ds):
            return None
        rows: list[tuple[int, int, Any, Node | None, Node | None]] = [
            (d.after, 1, h, d.node, d.body) for h, ds in found.items() for d in ds]
        rows += [(at, 0, None, None, None)] if rows else []
        return tuple((h, node and key(node), body and key(body)) for _, _, h, node, body in sorted(
            rows, key=lambda r: r[:2]))

    def knows(self, form: Form) -> bool:
        """Whether a name means something here, before the paper says what."""
        if self.scope.definitions.get(form.head) and any(
                d.after < 0 or self.own for d in self.scope.definitions[form.head]):
            return True
        _kind, name, *rest = form.head
        if form.args is None:
            if _is_tensor(self.names, form) or by_example(self.names, form) is not None:
                return True
            if self.names.size_of(form) is not None:
                return True
            plain = not form.subs and not (rest and rest[0])
            called = self.scope.definitions.get(("call", name.rstrip("'")), ())
            if plain and name.endswith("'") and any(d.after < 0 for d in called):
                return True  # σ' of the sheet's σ(z)
            return plain and (self.names.size(name) is not None or name in self.names.further
                              or name in _COMMON)
        whole = name.rpartition("_")[0]  # of S_i(z)
        if function_named(name, len(form.args)) or name.endswith("'") or whole in (
                "softmax", "sigma", "S") or without_parameter(self.names, name):
            return True
        return (name in self.names.exact or name in self.names.further
                or (("name", name, ""), ()) in self.names.spelled or is_divergence(name)
                or name in _WHOLE)

    def score(self, forms: list[Form]) -> float:
        """How well a claim's names fit: the share of them that this part knows."""
        if not forms:
            return 0.0
        mine = 0.0
        heads = {h[1] for h in self.scope.definitions}
        low = {h.lower() for h in heads}
        for form in forms:
            name = form.head[1]
            if self.names.tensors(form) or name in heads or name in self.names.further:
                mine += 1.0 if name in heads or self._exactly(form) else 0.7
            elif self.knows(form) or name.lower() in low:
                mine += 0.7
            elif len(name) == 1 and name in _LETTERS:
                mine += 0.1
        return mine / len(forms)

    def _exactly(self, form: Form) -> bool:
        """Whether a name is written as the sheet writes it, case and all."""
        name = form.head[1]
        tensor = self.names.tensors(form)
        return not tensor or name in self.names.exact or tensor[0][1] or any(
            h[1] == name for h, _ in self.names.spelled)


def weighty_forms(nodes: list[Node]) -> list[Form]:
    """The names in formulas that tell a part: all but functions and indices."""
    found: dict[object, Form] = {}
    stack = list(nodes)
    while stack:
        n = stack.pop()
        form = form_of(n) if isinstance(n, Symbol | Apply) else None
        if form is None:
            stack.extend(parts(n))
            continue
        name, _accent = spelling(form.head[1])
        if form.args is not None:
            stack.extend(form.args)
            if function_named(name, 1) is None and name not in ("max", "min", "softmax"):
                found[form.head] = form
        elif name not in _COMMON:
            plain = Form((form.head[0], name, *form.head[2:]), None, form.subs)
            numbered = all(constant_index(s) is not None for s in form.subs)
            kept = plain if numbered else Form(plain.head, None, ())
            found[kept.head, tuple(map(key, kept.subs))] = kept
    return list(found.values())


class House:
    """All rooms of a sheet, and which of them a claim is made in."""

    def __init__(self, sheet: Sheet, memory: Memory) -> None:
        self.sheet = sheet
        self.memory = memory
        self.rooms: dict[str, Room] = {}
        for name, part in sheet.parts.items():
            room = Room(part, memory.part(part), memory)
            for d in room.made.notation:
                room.scope.add(d)
            self.rooms[name] = room
        for question in sheet.questions:
            if question.ask == "table" and question.part in self.rooms:
                self._seeds(self.rooms[question.part], question)
        self.last: Room | None = None
        self.current: Room | None = None  # what a definition said that the paper talks about now
        self.since: tuple[tuple[str, str], ...] = ()

    def _seeds(self, room: Room, question: Question) -> None:
        """What a table of derivatives is asked for: ẋ_1 = 1 and other tangents 0, or ȳ = 1."""
        program = room.made.program
        wrt = question.options.get("wrt", "")
        names = wrt.replace(",", " ").split() if isinstance(wrt, str) else list(wrt)
        spelled = {"dot": {n: Fraction(n == names[0]) for n in program.inputs} if names else {},
                   "bar": dict.fromkeys(program.outputs[:1], Fraction(1))}
        accent = "dot" if question.options.get("mode") == "forward" else "bar"
        for name, value in spelled[accent].items():
            if program.tensors[name].shape:
                continue
            base = Symbol(0, 0, name)
            digits = re.fullmatch(r"([A-Za-z]+)_?(\d+)", name)
            if digits:
                base = Symbol(0, 0, digits[1], False, (Number(0, 0, digits[2]),))
            room.scope.seeds.setdefault(accent, {})[key(base)] = (base, value)

    def top(self, context: Context) -> tuple[str, str]:
        """The outermost label above a place."""
        return context.path[0] if context.path else ("", "")

    def talks_of(self, room: Room, context: Context) -> None:
        """From here on, until the next question, a paper talks of one room."""
        self.current, self.last, self.since = room, room, context.path

    def open(self, context: Context) -> Room:
        """A new room for something of the paper's own, which the sheet does not have."""
        name = f"paper {len(self.rooms)}"
        part = Part(name, None)
        room = Room(part, self.memory.part(part), self.memory, own=True)
        self.rooms[name] = room
        self.talks_of(room, context)
        return room

    def questions(self, context: Context) -> list[Question]:
        """The questions that a place may belong to, by its labels: all that agree best."""
        mine = [k for _, k in context.path]
        best: list[Question] = []
        most = 0
        for question in self.sheet.questions:
            asked = [k for _, k in question.path]
            common = 0
            for a, b in zip(mine, asked, strict=False):
                if a != b:
                    break
                common += 1
            if common > most:
                best, most = [], common
            if common == most and common:
                best.append(question)
        return best

    def room(self, nodes: list[Node], context: Context) -> Room | None:
        """The room that formulas belong to: by the question's labels, by their names."""
        if not self.rooms:
            return None
        names = weighty_forms(nodes)
        questions = self.questions(context)
        near = list(dict.fromkeys(q.part for q in questions))
        deep = max((len(q.path) for q in questions), default=0) if len(near) == 1 else 0
        sure = 1.2 if deep and len(context.path) >= deep else 0.9  # more than names alone can weigh
        ranked = []
        for k, (name, room) in enumerate(self.rooms.items()):
            score = room.score(names)
            if name in near:
                score += sure if len(near) == 1 else 0.5
            if room is self.current and context.path[: len(self.since)] == self.since and (
                    deep <= len(self.since)):
                score += 1.5
            elif room is self.last:
                score += 0.15
            if room.own and room is not self.current:
                score -= 0.6
            ranked.append((score, -k, room))
        ranked.sort(key=lambda r: r[:2], reverse=True)
        self.last = ranked[0][2]
        return self.last


def sides_of(chain: list[Claim]) -> list[Node]:
    """The trees of all sides of a chain that could be read."""
    found = [chain[0].left.node, *(c.right.node for c in chain)]
    return [n for n in found if n is not None]


__all__ = ["FREE_WORLDS", "House", "Memory", "Room", "key", "sides_of", "weighty_forms"]
