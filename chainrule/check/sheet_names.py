r"""How a sheet itself writes the names of a part: `p` as ŷ where its prose says \hat{y}.

A part's `[names]` lists the spellings that papers may use. The one that stands most often in the
sheet's own prose is the sheet's, and its keys and model answers use that one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from chainrule.check.sheet import Part, Sheet
from chainrule.check.sheet_typeset import typeset
from chainrule.document.mathnodes import Math, Row
from chainrule.document.mathtree import latex
from chainrule.document.notation import symbol

_MATH: Final = re.compile(r"\$\$?([^$]{1,4000})\$\$?")
_SPACE: Final = re.compile(r"\s+")


def spelled(part: Part, sheet: Sheet | None = None) -> Mapping[str, Math]:
    """Each name of a part as the sheet writes it there, or else anywhere, typeset."""
    if part.program is None:
        return {}
    near, far = ("", "") if sheet is None else _formulas(part, sheet)
    found: dict[str, Math] = {}
    for name in (*part.program.tensors, *part.adjoints):
        own = symbol(name)
        spellings = [*dict.fromkeys([name, latex(own), *part.names.get(name, ())])]
        counts = _counts(spellings, near)
        if not any(counts.values()):
            counts = _counts(spellings, far)
        best = max(spellings, key=lambda s: counts[s])
        if not counts[best] and len(name) > 1 and part.names.get(name) and not (
                name[0].isalpha() and name[1:].isdigit()):
            best = part.names[name][0]  # a program's word, where papers have a letter
        found[name] = own if best in (name, latex(own)) else _bare(typeset(best))
    return found


def _formulas(part: Part, sheet: Sheet) -> tuple[str, str]:
    """The formulas of what the sheet says about the part, and of all that it says."""
    asked = [f for q in sheet.questions if q.part == part.name for f in (q.of, q.target)]
    own = [f for piece in sheet.body if piece.part == part.name for f in _MATH.findall(piece.text)]
    every = [f for piece in sheet.body for f in _MATH.findall(piece.text)]
    near = _SPACE.sub(" ", " ".join([*asked, *own]))
    return near, _SPACE.sub(" ", " ".join([*asked, *every]))


def _counts(spellings: list[str], formulas: str) -> dict[str, int]:
    """How often each spelling stands in the formulas, a longer one before what it contains."""
    counts = dict.fromkeys(spellings, 0)
    for spelling in sorted(spellings, key=len, reverse=True):
        words = _SPACE.sub(" ", spelling.strip())
        if not words:
            continue
        start = r"(?<![A-Za-z\\])" if words[0].isalpha() else ""
        end = r"(?![A-Za-z])" if words[-1].isalpha() else ""
        pattern = re.compile(start + re.escape(words) + end)
        counts[spelling] = len(pattern.findall(formulas))
        formulas = pattern.sub(" ", formulas)
    return counts


def _bare(m: Math) -> Math:
    while isinstance(m, Row) and len(m.items) == 1:
        m = m.items[0]
    return m


__all__ = ["spelled"]
