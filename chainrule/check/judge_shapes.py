"""Formulas whose shapes do not fit, whatever they mean: a wrong order, a forgotten transpose.

Products of vectors and matrices can be read in many ways, and all of them are tried before a shape
is called wrong. Here it is decided whether nothing else can be the matter: every letter of the
formula is a quantity of the sheet, spelled as the sheet spells it, and only products, sums and
transposes stand between them. A paper that has a matrix the other way round all through, with its
examples in columns and not in rows, is left to a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from chainrule.check.judge_rooms import Room
from chainrule.check.tree import Apply, Derivative, Item, Node, Number, Remark, Symbol, walk
from chainrule.check.values import Unknown
from chainrule.check.values_differentials import is_d
from chainrule.check.values_names import Form, form_of, full_name
from chainrule.check.values_turns import ODD

_PLAIN: Final = frozenset({"product", "juxtaposed", "sum", "neg", "transpose", "frac"})
_TRACES: Final = frozenset({"call:tr", "call:trace", "call:Tr", "call:d"})
_CELLWISE: Final = frozenset({
    "call:tanh", "call:exp", "call:log", "call:ln", "call:sigmoid", "call:relu", "call:ReLU",
    "call:sqrt", "call:sigma"})
MISFIT: Final = "the shapes do not fit: "


def misfit(room: Room, side: Node, found: Sequence[Unknown]) -> str:
    """Why the shapes of a side do not fit, where nothing else can be the matter; else nothing."""
    if not found or any(u.kind not in ("shape", "unequal", "turn") for u in found):
        return ""
    if not plain(room, side):
        return ""
    why = next((u.why for u in found if u.kind != "turn"), found[0].why)
    if found[0].kind == "turn":
        return ODD
    if why.startswith("a product of ") and why.endswith(" does not fit"):
        return MISFIT + why[: -len(" does not fit")]
    return f"the {why}" if why.startswith("shapes ") and why.endswith(" do not fit") else ""


def plain(room: Room, node: Node) -> bool:
    """Whether a formula has only sums, products and transposes of the sheet's quantities."""
    if isinstance(node, Remark):
        return plain(room, node.body)
    if isinstance(node, Number):
        return True
    if isinstance(node, Symbol):
        return is_d(node) or _is_known(room, form_of(node), node)
    if isinstance(node, Derivative):
        return _is_gradient(room, node)
    if not isinstance(node, Apply):
        return False
    if not any(isinstance(n, Symbol | Derivative) for n in walk(node)):
        return True  # sqrt(2), 3^2
    if node.head == "power":
        mark = node.args[1]
        turned = isinstance(mark, Symbol) and mark.name == "T"
        return turned and plain(room, node.args[0])
    if node.head in _CELLWISE and len(node.args) == 1 and not _is_known(
            room, Form(("name", full_name(node.head[5:]), ""), None, ()), None):
        return plain(room, node.args[0])
    if node.head.startswith("call:") and node.head not in _TRACES:  # A(x - b) is a product
        form = Form(("name", full_name(node.head[5:]), ""), None, ())
        if len(node.args) != 1 or not _is_known(room, form, None):
            return False
        return plain(room, node.args[0])
    if node.head not in _PLAIN | _TRACES or "*" in node.signs:
        return False
    return all(plain(room, a) for a in node.args)


def _is_known(room: Room, form: Form | None, node: Node | None) -> bool:
    """Whether a name is a quantity of the sheet, written as the sheet writes it."""
    if form is None or any(d.after >= 0 for d in room.scope.definitions.get(form.head, ())):
        return False
    tensors = room.names.tensors(form)
    if len(tensors) != 1:
        return not tensors and form.head[1] in room.names.sizes
    name, uses = tensors[0]
    if name in room.scope.flat or (form.subs and not uses):
        return False
    spelled = form.head[1] in room.names.exact or any(
        head[1] == form.head[1] for head, _ in room.names.spelled)
    return spelled and not (isinstance(node, Symbol) and node.label is not None and not uses and (
        (form.head, ()) not in room.names.spelled))


def _is_gradient(room: Room, node: Derivative) -> bool:
    """Whether a derivative is of a number by a quantity of the sheet: it has that one's shape."""
    if node.top is None or len(node.bottom) != 1:
        return False
    top, bottom = form_of(node.top), form_of(node.bottom[0])
    above = room.names.tensors(top) if top is not None else []
    shapes = room.names.program.tensors
    return len(above) == 1 and not shapes[above[0][0]].shape and _is_known(
        room, bottom, node.bottom[0])


def turned_matrices(room: Room, *sides: Node) -> Iterator[tuple[str, tuple[Node, ...]]]:
    """The sides with one matrix of the sheet transposed wherever it stands, for each of them."""
    seen: set[str] = set()
    for node in (n for side in sides for n in walk(side)):
        form = _named(node)
        tensors = room.names.tensors(form) if form is not None else []
        if form is None or len(tensors) != 1 or tensors[0][0] in seen or len(
                room.names.program.tensors[tensors[0][0]].shape) != 2:
            continue
        seen.add(tensors[0][0])
        yield form.head[1], tuple(_turned(s, form) for s in sides)


def _named(node: Node) -> Form | None:
    """The name of a symbol, or of what stands before a bracket: the A of A(x - b)."""
    if isinstance(node, Symbol):
        return form_of(node)
    if isinstance(node, Apply) and node.head.startswith("call:") and len(node.args) == 1:
        return Form(("name", full_name(node.head[5:]), ""), None, ())
    return None


def _turned(node: Any, form: Form) -> Any:
    if isinstance(node, tuple):
        return tuple(_turned(n, form) for n in node)
    if not isinstance(node, Node | Item) or isinstance(node, Derivative):
        return node
    if isinstance(node, Symbol):
        return Apply(node.start, node.end, "transpose", (node,)) if _named(node) == form else node
    if isinstance(node, Apply) and _named(node) == form:
        matrix = Symbol(node.start, node.start + 1, node.head[5:])
        parts = (Apply(node.start, node.start + 1, "transpose", (matrix,)),
                 _turned(node.args[0], form))
        return Apply(node.start, node.end, "product", parts, ("", ""))
    return replace(node, **{f.name: _turned(getattr(node, f.name), form) for f in fields(node)
                            if not isinstance(getattr(node, f.name), int | str | bool)})


__all__ = ["MISFIT", "misfit", "plain", "turned_matrices"]
