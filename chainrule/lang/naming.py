"""The order of inputs that a text does not declare."""

from __future__ import annotations

import re


def natural_order(names: list[str], declared: int) -> list[str]:
    """Undeclared inputs in the order met, but x1 before x2 where a family is numbered.

    >>> natural_order(["x2", "b", "x1"], 0)
    ['x1', 'b', 'x2']
    """
    kept, met = names[:declared], names[declared:]
    families: dict[str, list[tuple[int, str]]] = {}
    for name in met:
        match = re.fullmatch(r"(.*?)_?(\d{1,9})", name)
        if match:
            families.setdefault(match[1], []).append((int(match[2]), name))
    queues = {base: iter(sorted(members)) for base, members in families.items()}
    ordered = []
    for name in met:
        match = re.fullmatch(r"(.*?)_?(\d{1,9})", name)
        ordered.append(next(queues[match[1]])[1] if match else name)
    return kept + ordered
