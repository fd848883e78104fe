"""Jupyter notebooks as papers: the text of their cells and of what they printed, never executed.

A notebook is JSON. Its nesting is counted before it is read, so that a file of fifty thousand
brackets costs nothing. The paper's text is the cells' text, joined by blank lines.
"""

from __future__ import annotations

import json
from typing import Any, Final

from chainrule.check.paper import Paper
from chainrule.check.read.markdown import read_markdown
from chainrule.errors import InputError, LimitError

DEPTH: Final = 60  # brackets inside each other in a notebook
_OUTPUT: Final = 20_000  # characters of one output that are kept


def read_notebook(text: str, name: str) -> Paper:
    """A notebook as a paper.

    Raises `InputError` where it is no notebook, `LimitError` where it is nested too deeply.
    """
    found = parsed(text, name)
    cells = found.get("cells") if isinstance(found, dict) else None
    if cells is None and isinstance(found, dict):  # version 3 has worksheets
        sheets = found.get("worksheets")
        if isinstance(sheets, list) and sheets and isinstance(sheets[0], dict):
            cells = sheets[0].get("cells")
    if not isinstance(cells, list):
        raise InputError(f"{name} is no notebook: it has no list of cells",
                         hint="a notebook is a JSON file with \"cells\"")
    pieces: list[str] = []
    code: list[tuple[int, int]] = []
    at = 0
    for cell in cells:
        if not isinstance(cell, dict):
            continue
        is_code = cell.get("cell_type") == "code"
        source = _joined(cell.get("source", cell.get("input", "")))
        parts = [(source, is_code)]
        if is_code:
            parts += [(output, True) for output in _outputs(cell.get("outputs"))]
        for part, program in parts:
            if not part.strip():
                continue
            if program:
                code.append((at, at + len(part)))
            pieces.append(part)
            at += len(part) + 2
    joined = "\n\n".join(pieces)
    remarks = () if joined else ("the notebook has no text in its cells",)
    return read_markdown(joined, name, remarks, code)


def parsed(text: str, name: str) -> Any:
    """JSON, after a look at how deep it is."""
    if _depth(text) > DEPTH:
        raise LimitError(f"{name} is nested more than {DEPTH} brackets deep: it was not read")
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError) as slip:
        raise InputError(f"{name} is no JSON: {slip}") from None


def _depth(text: str) -> int:
    """How deeply brackets are nested outside of strings."""
    deepest = depth = 0
    quoted = escaped = False
    for c in text:
        if quoted:
            if escaped:
                escaped = False
            elif c == "\\":
                escaped = True
            elif c == '"':
                quoted = False
        elif c == '"':
            quoted = True
        elif c in "[{":
            depth += 1
            if depth > deepest:
                deepest = depth
                if deepest > DEPTH:
                    return deepest
        elif c in "]}":
            depth -= 1
    return deepest


def _joined(source: Any) -> str:
    if isinstance(source, str):
        return source
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return ""


def _outputs(outputs: Any) -> list[str]:
    """The text that a cell printed or showed; pictures and scripts are left out."""
    found: list[str] = []
    if not isinstance(outputs, list):
        return found
    for output in outputs:
        if not isinstance(output, dict):
            continue
        text = _joined(output.get("text", ""))
        data = output.get("data")
        if isinstance(data, dict):
            text = text or _joined(data.get("text/plain", ""))
        if text.strip():
            found.append(text[:_OUTPUT])
    return found
