"""The top of an emitted file: what it computes, in words and formulas, and what it imports."""

from __future__ import annotations

import textwrap
from typing import Final

from chainrule.emit.functions import File
from chainrule.emit.lines import WIDTH, wrapped
from chainrule.emit.names import plain_comment
from chainrule.emit.prepared import Prepared
from chainrule.emit.remarks import kinks
from chainrule.lang.printing import equation_text

_SHOWN: Final = 12  # equations that the docstring repeats
_TIE: Final = "\u2060"  # stands for a blank at which a line does not end
_RENAMED: Final = 12  # changed names that it explains


def heading(file: File, prepared: Prepared, title: str) -> str:
    """The module's docstring and its imports."""
    passes = "forward and backward pass" if prepared.gradients else "forward pass"
    title = plain_comment(title)[:WIDTH]
    what = f"{title}: the {passes} in {file.target.title}." if title else (
        f"The {passes} of a formula in {file.target.title}.")
    paragraphs = [textwrap.wrap(what, WIDTH - 3)]
    if len(prepared.written.equations) <= _SHOWN:
        shapes = {t.name: t.shape for t in prepared.written.tensors.values()}
        paragraphs.append([line for e in prepared.written.equations for line in wrapped(
            plain_comment(equation_text(e, shapes=shapes)), "    ", "        ")])
    paragraphs += [textwrap.wrap(text, WIDTH) for text in _sentences(file, prepared)]
    text = "\n\n".join("\n".join(lines) for lines in paragraphs).replace(_TIE, " ")
    return f'"""{text}\n"""\n\n' + "\n".join(_imports(file))


def _imports(file: File) -> list[str]:
    helpers = file.target.printer.helpers
    needs = file.needs
    lines = []
    if "math" in needs or any("math." in helpers.get(n, "") for n in needs):
        lines += ["import math", ""]
    lines.append(file.target.imports)
    if "F" in needs:
        lines.append("import torch.nn.functional as F")
    if "sliding_window_view" in needs:
        lines.append("from numpy.lib.stride_tricks import sliding_window_view")
    return lines


def _sentences(file: File, prepared: Prepared) -> list[str]:
    """Inputs and shapes, changed names, what _bar means, kinks."""
    found = [_inputs(file, prepared)]
    named = [(n, file.names.tensor(n)) for n in prepared.written.tensors]
    renamed = [f"{word} is {plain_comment(n)}" for n, word in named if word != n]
    if renamed:
        more = ", and so on" if len(renamed) > _RENAMED else ""
        found.append(f"Names changed for Python: {', '.join(renamed[:_RENAMED])}{more}.")
    if prepared.lost:
        lost = ", ".join(map(file.names.tensor, prepared.lost))
        found.append(f"Not computed, as no result needs it: {lost}.")
    if prepared.gradients:
        of = [file.names.tensor(n) for n in prepared.of]
        what = of[0] if len(of) == 1 else "the loss that the outputs lead to"
        if prepared.seeds and len(of) == 1:
            what = f"a number that {of[0]} leads to"
        found.append(f"A name that ends in _bar is an adjoint: the derivative of {what} by what "
                     "stands before it, in its shape.")
        found += kinks(prepared.program)
    if file.target.remark:
        sizes = ", ".join(f'"{file.names.size(n)}"' for n in file.sizes)
        found.append(file.target.remark.format(f" with static_argnames=[{sizes}]" if sizes else ""))
    return found


def _inputs(file: File, prepared: Prepared) -> str:
    words = []
    for n in prepared.written.inputs:
        t = prepared.written.tensors[n]
        kind = ""
        if t.kind == "integer":
            kind = "integers" if t.below is None else f"integers below {t.below}"
        shape = " × ".join(plain_comment(str(axis)) for axis in t.shape)
        about = ", ".join(filter(None, [shape or (kind and "") or "a number", kind]))
        words.append(f"{file.names.tensor(n)} ({about})")
    words += [f"{file.names.size(n)} (a size)" for n in file.sizes]
    words = [word.replace(" ", _TIE) for word in words]
    return f"Inputs: {', '.join(words)}." if words else "There are no inputs."


__all__ = ["heading"]
