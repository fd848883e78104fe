"""What a paper's names may stand for: spelling, definitions as patterns, trees without places.

A `Definition` is what a paper or a sheet says a name is: `z = x_1 - x_2`, `S(x)_i = …`,
`P(y=j) = p_j`. Its left side is a pattern: single letters as arguments and subscripts are what it
is defined for. `matched` says whether a name in use is an instance of it, and of what.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

from chainrule.check.tree import Apply, Matrix, Node, Number, Reduce, Remark, Symbol, walk

_MARKS: Final = {"\u0304": "bar", "\u0305": "bar", "\u0307": "dot", "\u0303": "tilde",
                 "\u0302": "hat"}
_GREEK: Final = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ϵ": "epsilon",
    "ζ": "zeta", "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu",
    "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
    "ϕ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
    "Θ": "Theta", "Λ": "Lambda", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "ℓ": "l",
}  # fmt: skip
GREEK: Final = frozenset(_GREEK.values())
_WORDS: Final = ("tilde", "hat", "bar", "dot")


@lru_cache(maxsize=4096)
def spelling(name: str) -> tuple[str, str]:
    """A name without its accent, Greek letters by name; and the accent: bar, dot, tilde, hat.

    >>> spelling("v̄"), spelling("ω̃"), spelling("v_dot"), spelling("y'")
    (('v', 'bar'), ('omega', 'tilde'), ('v', 'dot'), ("y'", ''))
    """
    accent = ""
    letters = []
    for c in name if name.isascii() else unicodedata.normalize("NFD", name):
        if c in _MARKS:
            accent = _MARKS[c]
        else:
            letters.append(_GREEK.get(c, c))
    plain = "".join(letters)
    for word in _WORDS:
        if plain.endswith("_" + word) and len(plain) > len(word) + 1:
            return plain[: -len(word) - 1], word
    if len(plain) > 3 and plain[1:] in _WORDS and plain.isascii():  # yhat
        return plain[0], plain[1:]
    return plain, accent


@lru_cache(maxsize=4096)
def full_name(name: str) -> str:
    """One spelling for all ways to write a name: the accent as a word behind it."""
    plain, accent = spelling(name)
    return f"{plain}_{accent}" if accent else plain


Key = tuple[Any, ...]


def key(node: Node | None) -> Key:
    """A tree without its places, to compare."""
    if node is None:
        return ()
    if isinstance(node, Symbol):
        return ("s", full_name(node.name), tuple(map(key, node.subs)), key(node.label))
    if isinstance(node, Number):
        return ("n", node.text)
    if isinstance(node, Apply):
        if node.head == "sum" and len(node.args) == 1 and node.signs[:1] in ((), ("+",)):
            return key(node.args[0])
        return (node.head, node.signs, *map(key, node.args))
    if isinstance(node, Remark):
        return key(node.body)
    from_fields = []
    for name in node.__slots__:
        from_fields.append(_field_key(getattr(node, name)))
    if isinstance(node, Reduce | Matrix):
        return (type(node).__name__, *from_fields)
    return (type(node).__name__, *from_fields)


def _field_key(part: Any) -> Any:
    if isinstance(part, Node):
        return key(part)
    if isinstance(part, tuple):
        return tuple(map(_field_key, part))
    if hasattr(part, "__slots__") and not isinstance(part, str):
        return tuple(_field_key(getattr(part, name)) for name in part.__slots__)
    return part


def plain_letter(node: Node | None) -> str:
    """The letter that a node is, without subscripts or a label; empty for anything else."""
    if isinstance(node, Remark):
        node = node.body
    if isinstance(node, Symbol) and not node.subs and node.label is None:
        return full_name(node.name)
    return ""


def label_of(symbol: Symbol) -> str:
    """The label of a name as text: 2 of w^{(2)}, l-1 of y^{(l-1)}."""
    return label_text(symbol.label)


def label_text(node: Node | None) -> str:
    """A label as text."""
    if node is None:
        return ""
    if isinstance(node, Number):
        return node.text
    if isinstance(node, Symbol):
        return full_name(node.name)
    if isinstance(node, Apply):
        signs = [s or "" for s in node.signs] or [""]
        signs += [""] * len(node.args)
        return "".join(s.replace("+", "", 1 - bool(k)) + label_text(a)
                       for k, (s, a) in enumerate(zip(signs, node.args, strict=False)))
    return "?"


Head = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """How something is called: its head, its arguments (None: no brackets), its subscripts."""

    head: Head
    args: tuple[Node, ...] | None
    subs: tuple[Node, ...]


def form_of(node: Node) -> Form | None:
    """The form of a name, a cell of one, a call; None for anything else."""
    if isinstance(node, Remark):
        node = node.body
    if isinstance(node, Symbol):
        return Form(("name", full_name(node.name), label_of(node)), None, spread(node.subs))
    if isinstance(node, Apply) and node.head == "cell":
        inner = form_of(node.args[0])
        if inner is None or inner.subs:
            return None
        return Form(inner.head, inner.args, spread(node.args[1:]))
    if isinstance(node, Apply) and node.head.startswith("call:"):
        name = full_name(node.head[5:])
        args: tuple[Node, ...] = node.args
        if len(args) == 1 and isinstance(args[0], Matrix) and args[0].bracket == ",":
            args = tuple(p for row in args[0].rows for p in row)
        return Form(("call", name), args, ())
    return None


def spread(subs: tuple[Node, ...]) -> tuple[Node, ...]:
    """Subscripts one by one: `kj` written together is k, j; `j0` is j, 0; 2i, 2j are two."""
    found: list[Node] = []
    for sub in subs:
        if len(subs) > 1 and isinstance(sub, Apply) and isinstance(sub.args[0], Number):
            found.append(sub)
        elif isinstance(sub, Apply) and sub.head in ("product", "juxtaposed") and all(
                s == "" for s in sub.signs):
            found.extend(sub.args)
        elif isinstance(sub, Matrix):
            found.extend(p for row in sub.rows for p in row)
        else:
            found.append(sub)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Definition:
    """What a name stands for: `form` is the pattern of its left side, `body` what it is.

    `after` is the place in the paper behind which it holds (-1 for a sheet's own).
    """

    form: Form
    body: Node
    after: int = -1
    node: Node | None = None
    value: Any = None  # a student's own value, where that replaces the body
    names: frozenset[str] = field(default=frozenset())


def definition(left: Node, body: Node, after: int = -1) -> Definition | None:
    """The definition that an equation makes; None where its left side is no name."""
    form = form_of(left)
    if form is None:
        return None
    return Definition(form, body, after, left, None, names_in(body))


def names_in(node: Node) -> frozenset[str]:
    """The names that stand in a tree, calls included."""
    found = set()
    for n in walk(node):
        if isinstance(n, Symbol):
            found.add(full_name(n.name))
        elif isinstance(n, Apply) and n.head.startswith("call:"):
            found.add(full_name(n.head[5:]))
    return frozenset(found)


def defines_itself(left: Node, body: Node) -> bool:
    """Whether what stands on the left stands on the right too."""
    mine = key(left)
    form = form_of(left)
    for n in walk(body):
        if key(n) == mine:
            return True
        if form is not None and (other := form_of(n)) is not None:
            bare = not other.subs or not form.subs
            if other.head == form.head and (form.args is None) and bare:
                return True
    return False


def primed_apart(*sides: Node) -> tuple[Node, ...]:
    """y' ≠ y for each primed letter below a name: that is what the prime is for."""
    found: dict[str, Node] = {}
    for n in (n for side in sides for n in walk(side)):
        if isinstance(n, Symbol) and not n.subs:
            name = plain_letter(n)
            if name.endswith("'") and len(name.rstrip("'")) == 1:
                base = replace(n, name=name.rstrip("'"))
                found[name] = Apply(n.start, n.end, "compare", (n, base), ("!=",))
    return tuple(found.values())


__all__ = [
    "Definition",
    "Form",
    "Head",
    "defines_itself",
    "definition",
    "form_of",
    "full_name",
    "key",
    "label_of",
    "names_in",
    "plain_letter",
    "primed_apart",
    "spelling",
    "spread",
]
