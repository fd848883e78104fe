"""The sheet's own definitions as formulas, so that they can be taken apart like a student's."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Final

from chainrule.check.judge_rooms import Room
from chainrule.check.mistakes_names import symbol_of
from chainrule.check.mistakes_trees import apply as operation
from chainrule.check.mistakes_trees import swapped
from chainrule.check.tree import Apply, Item, Node, Number, Reduce, Symbol, walk
from chainrule.check.values_functions import function_named
from chainrule.check.values_names import form_of, full_name, plain_letter
from chainrule.lang import expr as e
from chainrule.lang.integers import Integer

_NODES: Final = 80
_BASES: Final = ("call:log_2", "call:log_10")


class _Foreign(Exception):
    """Something that papers do not write, or not like that."""


def formula_of(room: Room, name: Node) -> Node | None:
    """What the sheet says that a quantity is, as a paper would write it; None where it cannot be.

    A name with index letters gets the definition of its cells.
    """
    form = form_of(name)
    if form is None or form.args is not None:
        return None
    tensors = room.names.tensors(form)
    if not tensors:
        return None
    tensor, uses = tensors[0]
    equations = room.made.graph.equations.get(tensor, [])
    if len(equations) != 1 or equations[0].accumulate or equations[0].condition is not None:
        return None
    equation = equations[0]
    subs = () if uses else form.subs
    own = [s.plain for s in equation.subscripts]
    letters = [plain_letter(s) for s in subs]
    if len(own) != len(subs) or None in own or not all(letters):
        return None
    renamed = dict(zip([o or "" for o in own], letters, strict=True))
    try:
        return _tree(equation.body, name, renamed, [0])
    except _Foreign:
        return None


def _tree(body: e.Expr, at: Node, letters: dict[str, str], count: list[int]) -> Node:
    count[0] += 1
    if count[0] > _NODES:
        raise _Foreign

    def down(part: e.Expr) -> Node:
        return _tree(part, at, letters, count)

    apply = partial(operation, at)
    if isinstance(body, e.Number):
        return _number(body.value, at)
    if isinstance(body, e.Ref):
        if body.outside is not None:
            raise _Foreign
        subs = tuple(_letter(s, at, letters) for s in body.subscripts)
        return symbol_of(body.tensor, at, subs)
    if isinstance(body, e.Reduce):
        if body.op != "sum" or body.condition is not None or len(body.indices) != 1:
            raise _Foreign
        name = body.indices[0].name
        inner = dict(letters)
        inner[name] = name if name not in letters.values() else name + "'"
        made = _tree(body.body, at, inner, count)
        return Reduce(at.start, at.end, "sum", (Item(Symbol(at.start, at.end, inner[name])),), made)
    if not isinstance(body, e.Apply):
        raise _Foreign
    args = tuple(map(down, body.args))
    binary = {"add": ("sum", ("+", "+")), "sub": ("sum", ("+", "-")), "mul": ("product", ("", ""))}
    if body.function in binary:
        head, signs = binary[body.function]
        return apply(head, *args, signs=signs)
    if body.function == "div":
        return apply("frac", *args)
    if body.function == "neg":
        return apply("neg", *args)
    if body.function == "pow":
        return apply("power", *args)
    if body.function == "square":
        return apply("power", *args, Number(at.start, at.end, "2"))
    if function_named(body.function, 1) and len(args) == 1:
        return apply(f"call:{body.function}", *args)
    raise _Foreign


def _number(value: int | float | Fraction, at: Node) -> Node:
    exact = Fraction(str(value)) if isinstance(value, float) else Fraction(value)
    size = abs(exact)
    if exact.denominator == 1:
        node: Node = Number(at.start, at.end, str(size))
    else:
        parts = (Number(at.start, at.end, str(size.numerator)),
                 Number(at.start, at.end, str(size.denominator)))
        node = Apply(at.start, at.end, "frac", parts)
    return node if exact >= 0 else Apply(at.start, at.end, "neg", (node,))


def _letter(subscript: Integer, at: Node, letters: dict[str, str]) -> Node:
    plain = subscript.plain
    if plain is not None:
        return Symbol(at.start, at.end, letters.get(plain, plain))
    if subscript.constant is not None:
        return Number(at.start, at.end, str(subscript.constant + 1))
    raise _Foreign


def as_products(node: Node, room: Room) -> Node:
    """The formula with B(o − d) read as a product, where B is no function but a quantity.

    A logarithm whose base is a subscript is called log2 or log10, as others write it.
    """
    for call in list(walk(node)):
        if isinstance(call, Apply) and call.head in _BASES:
            new = replace(call, head=call.head.replace("_", ""))
            new = replace(new, args=tuple(as_products(a, room) for a in call.args))
            node = swapped(node, call, new)
    for call in list(walk(node)):
        if not isinstance(call, Apply) or not call.head.startswith("call:") or len(call.args) != 1:
            continue
        name = Symbol(call.start, call.end, call.head[5:])
        form = form_of(name)
        arg = call.args[0]
        whole = isinstance(arg, Symbol)  # y(x) says what y depends on
        named = ("call", full_name(call.head[5:])) in room.scope.definitions or any(
            isinstance(n, Apply) and n.head in ("such", "compare") for n in walk(arg))
        if form is None or whole or named or function_named(call.head[5:], 1):
            continue
        if not room.names.tensors(form):
            continue
        product = Apply(call.start, call.end, "product", (name, arg), ("", ""))
        node = swapped(node, call, product)
    return node


__all__ = ["as_products", "formula_of"]
