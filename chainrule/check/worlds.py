"""Worlds: a part of a sheet with a value for everything in it, and what a paper has defined.

A claim has to hold in every world of its part. Where a sheet gives all numbers there is one; where
it leaves inputs free, values and sizes are drawn, differently each time. `Scope` holds what a paper
adds while it is read: definitions, and a student's own values in the place of right ones.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from chainrule.check.sheet import Free, Part
from chainrule.check.tree import Node, Symbol
from chainrule.check.values import Numbers, Unknown, Value, array
from chainrule.check.values_cells import Cells, Graph
from chainrule.check.values_names import Definition, Form, Head, Key, full_name, key
from chainrule.check.values_subscripts import constant_index
from chainrule.errors import ChainruleError
from chainrule.evaluate.values import Sizes
from chainrule.lang.expr import Expr
from chainrule.lang.program import Program
from chainrule.literals import value as literal_value

FREE_WORLDS: Final = 4
_EMPTY: Final = Program({}, (), (), ())


class Names:
    """How a part's tensors and sizes may be spelled; made once for a part.

    `exact` maps forms without their arguments to tensors, `loose` the same without regard to case.
    """

    def __init__(self, part: Part, forms: Mapping[str, Iterable[Form]],
                 squares: Mapping[str, Iterable[Form]] | None = None) -> None:
        self.part = part
        self.squares = {(form.head, tuple(map(key, form.subs))): name for name, found in
                        (squares or {}).items() for form in found}
        program = part.program or _EMPTY
        self.program = program
        self.sizes = {full_name(s): s for s in program.size_names()}
        self.exact: dict[str, str] = {}
        self.spelled: dict[tuple[Head, Key], str] = {}
        self.further = {name: name for name in part.adjoints}  # quantities beyond the program
        self.respelled: dict[tuple[Head, tuple[Key, ...]], str] = {}  # d_k for the size d
        for name in program.tensors:
            self.exact.setdefault(full_name(name), name)
            self.exact.setdefault(full_name(name).replace("_", ""), name)
        for name, spellings in forms.items():
            for form in spellings:
                if name in self.sizes.values() and name not in program.tensors:
                    self.respelled[form.head, tuple(map(key, form.subs))] = name
                    continue
                if name not in program.tensors:
                    self.further[form.head[1]] = name
                    continue
                self.spelled.setdefault((form.head, tuple(map(key, form.subs))), name)
        self.loose: dict[str, str] = {}
        for spelled, name in self.exact.items():
            self.loose.setdefault(spelled.lower(), name)
        self._found: dict[tuple[Head, tuple[Key, ...]], list[tuple[str, bool]]] = {}

    def tensors(self, form: Form) -> list[tuple[str, bool]]:
        """Tensors that a name may be, likeliest first, and whether its subscripts belong to it."""
        subs = tuple(map(key, form.subs))
        at = (form.head, subs)
        if at not in self._found:
            self._found[at] = self._search(form, subs)
        return self._found[at]

    def _search(self, form: Form, subs: tuple[Key, ...]) -> list[tuple[str, bool]]:
        kind, name, *rest = form.head
        label = rest[0] if rest else ""
        found: dict[str, bool] = {}
        if (form.head, subs) in self.spelled:
            found[self.spelled[form.head, subs]] = bool(subs)
        if (form.head, ()) in self.spelled:
            found.setdefault(self.spelled[form.head, ()], False)
        if kind == "call" and (("name", name, ""), ()) in self.spelled:
            found.setdefault(self.spelled[("name", name, ""), ()], False)
        digits = "_".join(str(s[1]) for s in subs if s and s[0] in ("n", "s"))
        whole = len(digits) > 0 and all(s and s[0] in ("n", "s") for s in subs)
        below = [digits, digits.replace("_", "")] if len(subs) > 1 else [digits]  # h1 of net_{h1}
        stems = [f"{name}{label}", f"{name}_{label}"] if label else [name]
        for table, fold in ((self.exact, False), (self.loose, True)):
            for stem in stems:
                for spelled, uses in (
                        *((f"{stem}{mid}{under}", True) for under in below if whole
                          for mid in ("", "_")),
                        (stem, False)):
                    tensor = table.get(spelled.lower() if fold else spelled)
                    if tensor is not None:
                        found.setdefault(tensor, uses)
            if found or name in ("e", "d"):  # Euler's number is not the loss E
                break
            if not (label or subs) and name in self.sizes:  # nor is the size m the mean M
                break
        if not found:
            family = [t for s, t in self.exact.items()
                      if s.rstrip("0123456789_") == name and s != name and not label]
            family += [t for (h, s), t in self.spelled.items()
                       if h[:2] == (kind, name) and not label and not s]
            found.update(dict.fromkeys((t for t in family if self._has(t, form.subs)), False))
        plain = [s for s in form.subs if constant_index(s) is not None or (
            isinstance(s, Symbol) and len(s.name) == 1)]
        if len(plain) == len(form.subs) > 0:  # J_1 is no cell of the number J, but a new name
            rank = {t: len(self.program.tensors[t].shape) for t in found}
            alone = [constant_index(s) for s in form.subs] == [0]
            found = {t: uses for t, uses in found.items() if uses or rank[t] >= len(form.subs) or (
                alone and not rank[t])}
        return list(found.items())

    def _has(self, tensor: str, subs: tuple[Node, ...]) -> bool:
        """Whether a numbered tensor may have these subscripts: v_0 is no v1, which is a number."""
        numbers = [constant_index(s) for s in subs]
        return len(subs) <= len(self.program.tensors[tensor].shape) and all(
            k is None or k > 0 for k in numbers)

    def size_of(self, form: Form) -> str | None:
        """The size that the sheet spells so, as d_k for d."""
        return self.respelled.get((form.head, tuple(map(key, form.subs))))

    def size(self, name: str) -> str | None:
        """The size of that name; the case may differ where that leaves no doubt."""
        if name in self.sizes or (("name", name, ""), ()) in self.respelled:
            return self.sizes.get(name) or self.respelled[("name", name, ""), ()]
        fits = [s for n, s in self.sizes.items() if n.lower() == name.lower()]
        return fits[0] if len(fits) == 1 else None


@dataclass(frozen=True, slots=True)
class Own:
    """A student's own value in the place of a right one.

    `tensor` is the tensor it is for, `top` the quantity whose derivative by it it is (empty for
    the tensor itself), `subs` its subscripts, `node` the value as written.
    """

    tensor: str
    top: str
    subs: tuple[Node, ...]
    node: Node
    claim: int
    place: int


@dataclass(slots=True)
class Scope:
    """What a paper has said so far: definitions by their heads, values put in place of right ones.

    `own` are a student's own values, oldest first, `own_names` those of names that the paper
    itself defined. `via` are other definitions that the paper gave for tensors of the program.
    `seeds` are the tangents and adjoints that it sets: by accent, a name and its number.
    """

    definitions: dict[Head, list[Definition]] = field(default_factory=dict)
    own: list[Own] = field(default_factory=list)
    own_names: dict[Head, list[Definition]] = field(default_factory=dict)
    via: dict[str, list[Definition]] = field(default_factory=dict)
    seeds: dict[str, dict[Any, tuple[Node, Fraction]]] = field(default_factory=dict)
    adjoints: dict[Key, list[tuple[int, int]]] = field(default_factory=dict)  # rows of v̄, places
    flat: set[str] = field(default_factory=set)  # matrices that the paper writes as vectors
    version: int = 0
    zero: frozenset[str] = frozenset()  # names whose cells the paper counts from 0: out[0, 0]

    def add(self, found: Definition) -> None:
        """One more definition; the latest of the same name counts."""
        self.definitions.setdefault(found.form.head, []).insert(0, found)

    def put(self, own: Own) -> None:
        """A student's own value; an earlier one of the same cells goes."""
        self.drop(own.tensor, own.top, own.subs)
        self.own.append(own)

    def drop(self, tensor: str, top: str, subs: tuple[Node, ...]) -> None:
        """Forget a student's own value of some cells."""
        mine = tuple(map(key, subs))
        self.own = [o for o in self.own if (o.tensor, o.top, tuple(map(key, o.subs))) !=
                    (tensor, top, mine)]
        self.version += 1


class World:
    """A part with values: sizes, inputs, and the program's cells over them."""

    def __init__(self, part: Part, names: Names, graph: Graph, numbers: Numbers, seed: int,
                 expression: Callable[[str], Expr] | None = None, again: int = 0) -> None:
        self.part = part
        self.names = names
        self.numbers = numbers
        self.seed = seed
        self.again = again  # how often it was drawn before
        self.random = random.Random(f"{part.name}/{seed}" + f"/{again}" * bool(again))
        self.expression = expression
        program = graph.program
        self.inputs: dict[str, Any] = {}
        self.sizes = self._sizes(program)
        self.cells = Cells(graph, self.sizes, self.inputs, numbers)
        for name in program.inputs:
            self._input(name)
        self.invented: dict[str, Fraction] = {}
        self.cache: dict[Any, Any] = {}

    # --- sizes

    def _sizes(self, program: Program) -> Sizes:
        sizes = Sizes()
        for name, wanted in self.part.sizes.items():
            if isinstance(wanted, int):
                sizes[name] = wanted
            else:
                low, high = wanted
                sizes[name] = low + (self.seed + len(sizes) + 1) % max(high - low + 1, 1)
        for name in program.inputs:  # a given value tells the sizes of its axes
            value = self.part.given.get(name)
            for axis, size in zip(program.tensors[name].shape, nested_shape(value), strict=False):
                plain = axis.sizes()
                if axis.constant is None and str(axis) == plain[0]:
                    sizes.setdefault(plain[0], size)
        for k, name in enumerate(program.size_names()):
            if name not in sizes:
                sizes[name] = 3 + (k + self.seed) % 3
        return sizes

    # --- inputs

    def _input(self, name: str) -> None:
        tensor = self.names.program.tensors[name]
        shape = self.cells.shape(name)
        count = 1
        for n in shape:
            count *= n
        if count > 20_000:
            raise Unknown(f"{name} is too large to be checked cell by cell", "budget")
        if name in self.part.given:
            given = self.part.given[name]
            self.inputs[name] = lambda: self._given(name, given, shape)
            return
        free = self.part.free.get(name, Free())
        below = self.sizes.of(tensor.below) if tensor.below is not None else None
        if tensor.kind == "integer":
            top = below if below is not None else 5
            drawn = tuple(Fraction(self.random.randrange(max(top, 1))) for _ in range(count))
            if not shape and self.seed < 2:  # the first class and the last one: a sum may miss one
                drawn = (Fraction(0 if self.seed == 0 else max(top, 1) - 1),)
        else:
            drawn = self._drawn(free, shape, count)
        self.inputs[name] = array(shape, drawn)

    def _drawn(self, free: Free, shape: tuple[int, ...], count: int) -> tuple[Any, ...]:
        last = shape[-1] if shape else 1
        if free.onehot or free.simplex:
            cells: list[Fraction] = []
            for _ in range(count // max(last, 1)):
                if free.onehot:
                    hot = self.random.randrange(max(last, 1))
                    cells += [Fraction(int(k == hot)) for k in range(last)]
                else:
                    weights = [self.random.randint(1, 20) for _ in range(last)]
                    cells += [Fraction(w, sum(weights)) for w in weights]
            return tuple(cells)
        low, high = Fraction(str(free.low)), Fraction(str(free.high))
        if free == Free() and self.again > 1:  # how large it is, is not said: look further
            low, high = low * self.again, high * self.again
        found: set[Fraction] = set()
        ordered = []
        # a lone number is positive in one of the first two worlds and negative in the other one:
        # what is wrong on one side of 0 has to show
        sided = count == 1 and low < 0 < high and self.seed < 2
        positive = bool((len(self.inputs) + self.seed) % 2)
        for _ in range(count):
            for _ in range(20):
                drawn = low + (high - low) * Fraction(self.random.randint(1, 999), 1000)
                if drawn not in found and (drawn or free.low == 0) and not (
                        sided and (drawn > 0) is not positive):
                    break
            found.add(drawn)
            ordered.append(drawn)
        return tuple(ordered)

    def _given(self, name: str, given: Any, shape: tuple[int, ...]) -> Value:
        if isinstance(given, str):
            try:
                given = literal_value(given)
            except ChainruleError:
                return self._worked(name, given)
        cells = flat(given)
        if len(cells) == 1 and shape:
            size = 1
            for n in shape:
                size *= n
            cells = cells * size
        return array(shape, tuple(cells))

    def _worked(self, name: str, text: str) -> Value:
        """A given value that is an expression of other tensors."""
        if self.expression is None:
            raise Unknown(f"{name} is given by an expression", "name")
        try:
            return self.cells.value(self.expression(text), {})
        except ChainruleError as error:
            raise Unknown(error.message, "name") from None

    def twin(self, seed: int) -> World:
        """The same world with other numbers for letters that nothing defines."""
        other = World.__new__(World)
        other.__dict__.update(self.__dict__)
        other.seed, other.invented = seed, {}
        other.cache = {k: v for k, v in self.cache.items() if k[0] != "student"}
        return other

    # --- names that nothing defines

    def invent(self, name: str) -> Fraction:
        """A number for a name that is only a letter: the same for the whole world."""
        if name not in self.invented:
            draw = random.Random(hashlib.sha256(f"{name}/{self.seed}".encode()).digest())
            size = Fraction(draw.randint(31, 270), 100)
            self.invented[name] = -size if self.seed and draw.random() < 0.5 else size
        return self.invented[name]

    def invented_function(self, name: str, args: list[Any]) -> Any:
        """A smooth positive function that is no known one, for a name that is only a function."""
        n = self.numbers
        draw = random.Random(hashlib.sha256(f"f {name}/{self.seed}".encode()).digest())
        phase: Any = Fraction(draw.randint(1, 300), 100)
        for x in args:
            phase = n.add(phase, n.mul(Fraction(draw.randint(40, 160), 100), x))
        return n.add(Fraction(draw.randint(15, 30), 10), n.apply("sin", phase))


def nested_shape(value: Any) -> tuple[int, ...]:
    """The shape of nested lists."""
    shape = []
    while isinstance(value, list | tuple) and value:
        shape.append(len(value))
        value = value[0]
    return tuple(shape)


def flat(value: Any) -> list[Fraction]:
    """All numbers of nested lists, exactly."""
    if isinstance(value, list | tuple):
        return [x for v in value for x in flat(v)]
    if isinstance(value, str):
        return flat(literal_value(value))
    return [Fraction(str(value)) if isinstance(value, float) else Fraction(value)]


__all__ = ["FREE_WORLDS", "Names", "Own", "Scope", "World", "flat", "nested_shape"]
