"""The library's table: formulas by name, and by the name of their layer."""

from __future__ import annotations

from typing import Final

from chainrule.errors import UnknownNameError, did_you_mean
from chainrule.formulas import (
    attention,
    convolution,
    elementwise,
    linear,
    losses,
    normalisation,
    pooling,
    recurrent,
)
from chainrule.formulas.entry import Entry

FAMILIES: Final = {
    "linear": linear.ENTRIES,
    "convolution": convolution.ENTRIES,
    "pooling": pooling.ENTRIES,
    "elementwise": elementwise.ENTRIES,
    "normalisation": normalisation.ENTRIES,
    "attention": attention.ENTRIES,
    "recurrent": recurrent.ENTRIES,
    "losses": losses.ENTRIES,
}
LIBRARY: Final[dict[str, Entry]] = {e.name: e for family in FAMILIES.values() for e in family}
LAYERS: Final[dict[str, Entry]] = {e.layer: e for e in LIBRARY.values()}
ALIASES: Final = {alias: e for e in LIBRARY.values() for alias in e.aliases}


def find(name: str) -> Entry:
    """The formula of that name, or of the layer of that name; raises `UnknownNameError`.

    >>> find("Conv2d").name
    'conv2d'
    """
    entry = LIBRARY.get(name) or LAYERS.get(name) or ALIASES.get(name)
    if entry is None:
        known = [*LAYERS, *LIBRARY, *ALIASES] if name[:1].isupper() else [*LIBRARY, *ALIASES]
        raise UnknownNameError(f"the library has no formula {name!r:.60}", None,
                               did_you_mean(name, known) or "see `chainrule formulas`")
    return entry
