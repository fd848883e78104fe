"""One name for another: an index, a subscript, the value before a function for that after it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from chainrule.check.mistakes_bench import Bench, said
from chainrule.check.mistakes_edits import Edit
from chainrule.check.mistakes_trees import bare, outer, swapped
from chainrule.check.tree import Apply, Derivative, Node, Number, Reduce, Symbol, walk
from chainrule.check.values_functions import function_named
from chainrule.check.values_names import Form, form_of, full_name, key, plain_letter
from chainrule.check.values_subscripts import constant_index
from chainrule.lang import expr as expressions
from chainrule.lang.expr import walk as expression_walk
from chainrule.lang.program import Program

_MOST: Final = 60
_BIAS: Final = re.compile(r"^(b|bias|beta|c)(\d|_|$)|bias", re.IGNORECASE)
_DECAY: Final = re.compile(r"lambda|^(lam|wd|l2)(_|\d|$)|decay|regul", re.IGNORECASE)
_CHANNELS: Final = re.compile(r"channel|depth|^c_?in|^filters|^kernels", re.IGNORECASE)


def renamings(whole: Node, bench: Bench) -> list[Edit]:
    """Edits that put another name in the place of one."""
    found: list[Edit] = []
    sums = {plain_letter(i.index) for n in walk(whole) if isinstance(n, Reduce)
            for i in n.items if i.index is not None}
    met: set[object] = set()
    for node in outer(whole):
        if isinstance(node, Symbol) and key(node) not in met and plain_letter(node) not in sums:
            met.add(key(node))
            found += _index(node, bench, sums)
            found += _everywhere(whole, _other(node, bench))
        elif isinstance(node, Symbol) and node.subs and plain_letter(node) not in sums:
            found += _index(node, bench, sums)  # a name that stands there again
            found += [e for e in _other(node, bench) if e.kind == "index"]
    found += _letters(whole, bench)
    found.sort(key=lambda e: e.cost)
    return found[:_MOST]


def _everywhere(whole: Node, made: Iterator[Edit]) -> Iterator[Edit]:
    """Each edit where its name stands first, and where it stands at all."""
    for edit in made:
        yield edit
        places = [n for n in outer(whole) if key(n) == key(edit.before)]
        if len(places) > 1:
            after = whole
            for n in places:
                after = swapped(after, n, edit.after)
            yield replace(edit, before=whole, after=after)


def _letters(whole: Node, bench: Bench) -> Iterator[Edit]:
    """One index letter for another all over a factor."""
    letters = letters_of(bench)
    for k, one in enumerate(letters):
        for two in letters[k + 1 :]:
            after = whole
            for n in list(walk(whole)):
                if isinstance(n, Symbol) and not n.subs and key(n) in (key(one), key(two)):
                    other = two if key(n) == key(one) else one
                    after = swapped(after, n, replace(n, name=other.name))
            yield Edit("index", whole, after, 1.35,
                       f"the indices {said(one)} and {said(two)} are exchanged")
    for node in walk(whole):
        if not isinstance(node, Apply) or node.head not in ("product", "juxtaposed", "sum"):
            continue
        for factor in node.args:
            own = {plain_letter(n) for n in walk(factor) if isinstance(n, Symbol)}
            for old in letters:
                for new in letters:
                    if plain_letter(old) in own and plain_letter(new) != plain_letter(old):
                        after = factor
                        for n in list(walk(factor)):
                            if isinstance(n, Symbol) and key(n) == key(old):
                                after = swapped(after, n, replace(n, name=new.name))
                        yield Edit("index", factor, after, 1.6,
                                   f"the index of {said(factor)} has to be {said(new)}",
                                   hint=f"Check the indices of {said(factor)}.")


def letters_of(bench: Bench) -> list[Symbol]:
    """The free index letters of a claim."""
    found: dict[str, Symbol] = {}
    bound = bench.spots[0].place.bound if bench.spots else {}
    for side in (bench.left, bench.right):
        for n in walk(side):
            if isinstance(n, Symbol) and plain_letter(n) in bound:
                found.setdefault(plain_letter(n), n)
    return list(found.values())


def _index(node: Symbol, bench: Bench, sums: set[str]) -> Iterator[Edit]:
    """Indices exchanged, another letter, one more or one less."""
    form = form_of(node)
    subs = form.subs if form is not None else ()
    if len(subs) == 2 and key(subs[0]) != key(subs[1]):
        new = replace(node, subs=(subs[1], subs[0]))
        yield Edit("index", node, new, 1.3, f"the indices of {said(node)} are exchanged: it is "
                   f"{said(new)}", hint=f"Check the indices of {said(node)}.")
    if len(subs) == 1 and isinstance(subs[0], Number) and re.fullmatch(r"[1-9]{2}", subs[0].text):
        yield from _two_digits(node, subs[0], bench)
    for k, sub in enumerate(subs):
        options: list[Node] = []
        letter = plain_letter(sub)
        if letter:
            options = [s for s in letters_of(bench) if plain_letter(s) != letter]
            options += [Symbol(sub.start, sub.end, s) for s in sorted(sums) if s != letter]
        fixed = constant_index(sub)
        if fixed is not None and not other_names(node, form, bench):
            options = [Number(sub.start, sub.end, str(n)) for n in (fixed - 1, fixed + 1) if n >= 0]
        for other in options[:4]:
            new = replace(node, subs=(*subs[:k], other, *subs[k + 1 :]))
            yield Edit("index", node, new, 1.5, f"{said(node)} has the wrong index: it is "
                       f"{said(new)}", f"{said(new)} was taken for {said(node)}",
                       hint=f"Check the indices of {said(node)}.")


def _two_digits(node: Symbol, sub: Number, bench: Bench) -> Iterator[Edit]:
    """The two indices of a cell, written without a comma: x₁₂ for x₂₁, or for x₁₁."""
    form = form_of(node)
    found = bench.room.names.tensors(form) if form is not None else []
    if found and len(bench.room.world(0).cells.shape(found[0][0])) != 2:
        return
    a, b = sub.text[0], sub.text[1]
    others = [b + a, *(f"{n}{b}" for n in (int(a) - 1, int(a) + 1) if 0 < n < 10),
              *(f"{a}{n}" for n in (int(b) - 1, int(b) + 1) if 0 < n < 10)]
    for k, text in enumerate(o for o in others if o != sub.text):
        new = replace(node, subs=(replace(sub, text=text),))
        yield Edit("index", node, new, 1.3 if text == b + a else 1.5 + 0.01 * k,
                   f"{said(node)} has the wrong index: it is {said(new)}",
                   f"{said(new)} was taken for {said(node)}",
                   hint=f"Check the indices of {said(node)}.")


def other_names(node: Symbol, form: Form | None, bench: Bench) -> list[Symbol]:
    """Names that differ from this one in their subscripts alone: v₀ and v₂ for v₁."""
    if form is None:
        return []
    found: dict[object, Symbol] = {}
    for definitions in (bench.room.scope.definitions.get(form.head, ()),):
        for d in definitions:
            if isinstance(d.node, Symbol) and len(d.form.subs) == len(form.subs) and all(
                    constant_index(s) is not None for s in d.form.subs):
                found.setdefault(key(d.node), replace(d.node, start=node.start, end=node.end))
    if len(form.subs) == 1 and constant_index(form.subs[0]) is not None:
        stem = form.head[1]
        for name in bench.room.names.program.tensors:
            split = re.fullmatch(r"(.*?)_?(\d+)", full_name(name))
            if split is not None and split[1] == stem:
                sub = Number(node.start, node.end, split[2])
                found.setdefault(key(replace(node, subs=(sub,))), replace(node, subs=(sub,)))
    found.pop(key(node), None)
    return list(found.values())


def _other(node: Symbol, bench: Bench) -> Iterator[Edit]:
    """Another quantity: of the same family, on the other side of a function, of the same shape."""
    form = form_of(node)
    head = key(bench.case.head) if bench.case.head is not None else None
    itself = key(node) in (head, key(bench.left))
    for other in other_names(node, form, bench):
        kind = "self-reference" if itself else "index"
        text = (f"{said(node)} cannot stand on both sides: on the right it is {said(other)}"
                if itself else f"{said(other)} belongs here, not {said(node)}")
        yield Edit(kind, node, other, 1.2 if itself else 1.5, text,
                   f"{said(other)} was taken for {said(node)}")
    if form is None:
        return
    names = bench.room.names
    for tensor, uses in names.tensors(form)[:1]:
        subs = () if uses else node.subs
        for name, near in neighbours(tensor, bench, bool(subs)):
            new = spelled(bench, name, node, subs)
            if key(new) == key(bare(bench.left)):
                continue  # it would be defined by itself
            like = form_of(new)
            if like is not None and like.head == form.head and len(like.subs) == 1 and all(
                    constant_index(s) is not None for s in (*like.subs, *form.subs)):
                yield Edit("index", node, new, 1.5, f"{said(new)} belongs here, not {said(node)}",
                           f"{said(new)} was taken for {said(node)}")
            elif near:
                yield Edit("wrong-point", node, new, 1.2,
                           f"{said(new)}, {_side(tensor, name, bench)}, belongs here, not "
                           f"{said(node)}", f"{said(new)} was taken for {said(node)}")
            else:
                yield Edit("wrong-quantity", node, new, 2.1,
                           f"{said(new)} belongs here, not {said(node)}",
                           f"{said(new)} was taken for {said(node)}")


def _side(old: str, new: str, bench: Bench) -> str:
    reads = bench.room.made.graph.reads
    if new in reads.get(old, ()):
        return "the value that goes into the function"
    return "the value that comes out of the function"


def neighbours(tensor: str, bench: Bench, indexed: bool = False) -> list[tuple[str, bool]]:
    """Tensors of the same shape, and whether only a function lies between: those come first.

    Of an indexed name only the number of indices has to be the same.
    """
    graph = bench.room.made.graph
    cells = bench.room.world(0).cells
    near, far = [], []
    for other, t in graph.program.tensors.items():
        alike = cells.shape(other) == cells.shape(tensor) or (
            indexed and len(t.shape) == len(cells.shape(tensor)))
        if other == tensor or t.kind != "real" or not alike:
            continue
        between = {tensor, other}
        if graph.reads.get(other) == {tensor} or graph.reads.get(tensor) == {other}:
            near.append((other, True))
        elif between:
            far.append((other, False))
    return near + far[:8]


def spelled(bench: Bench, tensor: str, at: Node, subs: tuple[Node, ...] = ()) -> Symbol:
    """A tensor as the sheet says that papers write it."""
    for text in bench.room.part.names.get(tensor, ()):
        sides = bench.room.memory.sides(text)
        if sides and isinstance(sides[0], Symbol) and not sides[0].subs:
            return replace(sides[0], start=at.start, end=at.end, subs=subs)
    return symbol_of(tensor, at, subs)


def symbol_of(tensor: str, at: Node, subs: tuple[Node, ...] = ()) -> Symbol:
    """A tensor of the sheet as a paper would write it."""
    split = re.fullmatch(r"([A-Za-z]+?)_?(\d{1,2})", tensor)
    if split is not None and not subs:
        return Symbol(at.start, at.end, split[1], False, (Number(at.start, at.end, split[2]),))
    return Symbol(at.start, at.end, tensor, False, subs)


def summed_kind(bench: Bench) -> str:
    """What it is called that a sum is not complete: of which quantity's derivative it is one."""
    for node in (bench.left, bench.case.head):
        slope = bare(node) if node is not None else None
        if not isinstance(slope, Derivative) or len(slope.bottom) != 1:
            continue
        form = form_of(slope.bottom[0])
        program = bench.room.part.program
        tensors = bench.room.names.tensors(form) if form is not None else []
        if tensors and program is not None and tensors[0][0] in program.tensors and (
                program.tensors[tensors[0][0]].role == "parameter"):
            return "unsummed-parameter"
    return "missing-term"


def is_bias(node: Node) -> bool:
    """Whether a formula is a bias, by its name."""
    return any(_BIAS.search(full_name(n.name)) is not None for n in walk(node)
               if isinstance(n, Symbol))


def is_bias_name(name: str) -> bool:
    """Whether a tensor's name is one for biases."""
    return _BIAS.search(name) is not None


def is_channels_name(name: str) -> bool:
    """Whether a tensor's name is one for a number of channels."""
    return _CHANNELS.search(name) is not None


def is_decay_name(name: str) -> bool:
    """Whether a tensor's name is one for the factor of a weight decay."""
    return _DECAY.search(name) is not None


def is_penalty(name: str, program: Program) -> bool:
    """Whether a quantity is a weight decay: the squares of parameters, whatever the data are.

    Where all inputs are declared alike it has to have the factor λ.
    """
    made = program.definitions()
    left, met, squares = [name], {name}, False
    while left:
        equations = made.get(left.pop(), ())
        for n in (n for e in equations for n in expression_walk(e.body)):
            if isinstance(n, expressions.Ref) and n.tensor not in met:
                met.add(n.tensor)
                left.append(n.tensor)
            squares = squares or getattr(n, "function", "") in ("square", "pow")
    leaves = [n for n in met if n not in made]
    weights = all(program.tensors[n].role == "parameter" or is_decay_name(n) for n in leaves
                  if n in program.tensors)
    return name in made and squares and weights


def unsquared(node: Node, bench: Bench) -> Node:
    """A name that the sheet gives as a square, such as σ², as a name of the program."""
    if isinstance(node, Apply) and node.head == "power":
        base = form_of(node.args[0])
        name = None if base is None else bench.room.names.squares.get(
            (base.head, tuple(map(key, base.subs))))
        if name is not None and isinstance(node.args[1], Number) and node.args[1].text == "2":
            return symbol_of(name, node)
    return node


def functions_in(node: Node) -> list[Apply]:
    """The calls of known functions in a formula."""
    return [n for n in walk(node) if isinstance(n, Apply) and n.head.startswith("call:")
            and len(n.args) == 1 and function_named(n.head[5:], 1) is not None]


def variables(node: Node) -> list[Node]:
    """What a formula is differentiated by."""
    return [b for n in walk(node) if isinstance(n, Derivative) for b in n.bottom]


__all__ = ["functions_in", "is_bias", "is_bias_name", "is_channels_name", "is_decay_name",
           "is_penalty", "letters_of", "neighbours", "other_names", "renamings", "spelled",
           "summed_kind", "symbol_of", "unsquared", "variables"]
