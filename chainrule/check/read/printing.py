"""A tree in one line, for tests and messages: `shown`."""

from __future__ import annotations

from chainrule.check.tree import (
    Apply,
    Bar,
    Choice,
    Derivative,
    Integral,
    Item,
    Limit,
    Matrix,
    Node,
    Number,
    Reduce,
    Remark,
    Symbol,
)


def shown(node: Node | None) -> str:
    r"""A tree in compact prefix notation; symbols with their scripts are kept together.

    >>> from chainrule.check.read import read_formula
    >>> shown(read_formula(r"\frac{\partial L}{\partial z_i} = p_i - t_i")[0].sides[1].node)
    '(+ p_i (- t_i))'
    """
    if node is None:
        return "?"
    if isinstance(node, Number):
        return node.text
    if isinstance(node, Symbol):
        return _symbol(node)
    if isinstance(node, Apply):
        return _apply(node)
    if isinstance(node, Reduce):
        return f"({node.op} {' '.join(map(_item, node.items))} : {shown(node.body)})"
    if isinstance(node, Choice):
        rows = "; ".join(f"{shown(a)} if {shown(b)}" if b is not None else f"{shown(a)} else"
                         for a, b in node.rows)
        return "{" + rows + "}"
    return _extra(node)


def _extra(node: Node) -> str:
    if isinstance(node, Matrix):
        rows = "; ".join(", ".join(map(shown, row)) for row in node.rows)
        opened = node.bracket if node.bracket in ("[", "(", "|", "{") else "<"
        return f"{opened}{rows}{ {'[': ']', '(': ')', '|': '|', '{': '}', '<': '>'}[opened] }"
    if isinstance(node, Derivative):
        sign = "d" if node.total else "∂"
        return f"({sign} {shown(node.top)} / {' '.join(map(shown, node.bottom))})"
    if isinstance(node, Bar):
        return f"({shown(node.body)} at {shown(node.point)})"
    if isinstance(node, Limit):
        return f"(lim {shown(node.variable)}->{shown(node.point)}{node.side} : {shown(node.body)})"
    if isinstance(node, Integral):
        bounds = f"{shown(node.lower)}..{shown(node.upper)}"
        return f"(int {shown(node.variable)} {bounds} : {shown(node.body)})"
    if isinstance(node, Remark):
        claims = f" :: {shown(node.claims)}" if node.claims is not None else ""
        return f"(remark {shown(node.body)} {node.said!r}{claims})"
    return type(node).__name__


def _symbol(node: Symbol) -> str:
    name = f"*{node.name}" if node.bold else node.name
    if node.label is not None:
        name += f"^({shown(node.label)})"
    if node.subs:
        inside = ",".join(map(shown, node.subs))
        plain = len(node.subs) == 1 and isinstance(node.subs[0], (Symbol, Number))
        name += f"_{inside}" if plain else f"_{{{inside}}}"
    return name


def _apply(node: Apply) -> str:
    head = node.head
    if head == "sum":
        terms = [t if s == "+" else f"(- {t})"
                 for s, t in zip(node.signs, map(shown, node.args), strict=False)]
        return f"(+ {' '.join(terms)})"
    if head == "product":
        parts = [f"{s}{t}" if s else t
                 for s, t in zip(("", *node.signs[1:]), map(shown, node.args), strict=False)]
        return f"(· {' '.join(parts)})"
    if head in ("compare", "such", "in"):
        signs = node.signs or ("in",) * (len(node.args) - 1)
        parts = [shown(node.args[0])]
        for sign, arg in zip(signs, node.args[1:], strict=False):
            parts += [sign, shown(arg)]
        return f"({head} {' '.join(parts)})"
    if head.startswith("call:"):
        return f"{head[5:]}({', '.join(map(shown, node.args))})"
    if head == "dots":
        return "…"
    short = {"power": "^", "neg": "-", "frac": "/", "transpose": "T"}.get(head, head)
    return f"({' '.join([short, *map(shown, node.args)])})"


def _item(item: Item) -> str:
    parts = shown(item.index) if item.index is not None else ""
    if item.lower is not None:
        parts += f"={shown(item.lower)}"
    if item.upper is not None:
        parts += f"..{shown(item.upper)}"
    if item.condition is not None:
        parts += f"[{shown(item.condition)}]"
    return parts
