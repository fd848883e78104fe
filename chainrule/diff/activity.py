"""Which tensors a derivative passes through: those between the inputs and the outputs named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chainrule.errors import DerivativeError, did_you_mean
from chainrule.lang.expr import Apply, Expr, Ref, children
from chainrule.lang.program import Equation, Program


def reads(e: Expr) -> Iterator[str]:
    """The tensors that a derivative of an expression passes to.

    Integers in subscripts are left out, and what is declared constant by `stop_gradient`.
    """
    if type(e) is Ref:
        yield e.tensor
        return
    stack = [e]
    while stack:
        node = stack.pop()
        if type(node) is Ref:
            yield node.tensor
        elif type(node) is not Apply or node.function != "stop_gradient":
            stack.extend(children(node))


def active(program: Program, of: Iterable[str], wrt: Iterable[str]) -> set[str]:
    """The real tensors on a path from `wrt` to `of`."""
    table: list[tuple[Equation, list[str]]] = []
    moving = set(wrt)
    for equation in program.equations:
        names = list(reads(equation.body))
        table.append((equation, names))
        if program.tensors[equation.target].kind == "real" and not moving.isdisjoint(names):
            moving.add(equation.target)
    needed = set(of)
    for equation, names in reversed(table):
        if equation.target in needed:
            needed.update(names)
    return moving & needed


def check_names(program: Program, of: Iterable[str], wrt: Iterable[str]) -> None:
    """Refuse to differentiate what does not exist, or by integers."""
    known = list(program.tensors)
    for what, names in (("differentiate", of), ("differentiate with respect to", wrt)):
        for name in names:
            if name not in program.tensors:
                raise DerivativeError(f"cannot {what} {name}: there is no such tensor", None,
                                      did_you_mean(name, known) or f"known: {', '.join(known[:8])}")
            if program.tensors[name].kind != "real":
                raise DerivativeError(f"cannot {what} {name}: its values are integers")
