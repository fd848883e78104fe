"""The working of a model answer: chainrule's own explanations, made for one question.

A question's `work` is a list of tables; each names one explanation:

    {trace = "U"}                          a tensor worked cell by cell, "dL/dU" its derivative
    {trace = "reverse"}                    a whole trace: forward, reverse or both
    {derive = "z", of = "L", given = ["sum(i) t[i] = 1"], layout = "row"}
    {prove = "sigmoid(x) == (1 + tanh(x/2))/2", given = ["x > 0"]}
    {transform = "sigmoid=tanh"}
    {conv = {in = 64, out = 32, k = 8}}    configurations; without `out` the size that comes out
    {convolve = {x = "x", w = "w", mode = "full"}}
    {size = "…", sizes = {K = 3}}          shapes, parameters and operations

`program = "…"` gives it another program than the part's. Without `work`, a value is worked by the
part's equations (`chainrule.check.sheet_chain`), a derivative that is asked for in symbols is
derived, a configuration is the list of all configurations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from chainrule.check.sheet import Part, Question
from chainrule.check.sheet_chain import lines
from chainrule.check.sheet_questions import guessed
from chainrule.check.sheet_rows import blocks_of
from chainrule.check.sheet_text import Asked
from chainrule.check.sheet_values import DERIVATIVE, Values
from chainrule.count.configurations import Solutions, size
from chainrule.count.known import layer, sizes
from chainrule.count.sizes import sizes as count_sizes
from chainrule.document.blocks import (
    Block,
    Heading,
    ListBlock,
    Paragraph,
    Strong,
    Table,
    Text,
    plain,
)
from chainrule.document.mathnodes import Math
from chainrule.document.mathtree import text
from chainrule.document.notation import symbol
from chainrule.errors import ChainruleError, InputError, did_you_mean
from chainrule.explain import configurations
from chainrule.explain.convolve import convolve
from chainrule.explain.derivation_page import page as derivation_page
from chainrule.explain.derive import derive
from chainrule.explain.givens import given
from chainrule.explain.proof_page import page as proof_page
from chainrule.explain.prove import prove
from chainrule.explain.size import describe
from chainrule.explain.trace import trace
from chainrule.explain.transform_page import page as transform_page
from chainrule.explain.transform_proof import transform_program
from chainrule.formulas.calls import read
from chainrule.lang.program import Program

_DERIVATIVE: Final = re.compile(r"\s*[d∂](\w+)\s*/\s*[d∂](\w+)\s*(?:\[[^\]]*\])?\s*")
_INDEXED: Final = re.compile(r"_(?:[a-z]|\{[a-z]{1,3}\})")
_NAME: Final = re.compile(r"\s*(\w+)\s*(?:\[[^\]]*\])?\s*")
_FOR_ALL: Final = frozenset({"derive", "prove", "transform", "conv", "size"})
_MODES: Final = ("forward", "reverse", "both")
_LISTED: Final = 12  # configurations that a key lists
_CONV: Final = ("in", "out", "kind", "k", "s", "p", "d", "q")

Maker = Callable[[Part, Mapping[str, Any], Any, int], list[Block]]


def working(question: Question, part: Part, asked: Asked, values: Values,
            earlier: Sequence[Question] = (), names: Mapping[str, Math] | None = None,
            kept: dict[str, list[Block]] | None = None) -> list[Block]:
    """The blocks of a question's working; none where nothing can be worked.

    `asked` says how numbers are shown, `earlier` are the questions before this one, whose answers
    are known, `names` says how names are written. `kept` keeps what hangs on no
    student's numbers, proofs and derivations, for the next student.
    Raises `InputError` for work that is not known, and what the explanations raise.
    """
    found: list[Block] = []
    if question.ask == "table" and not question.work and not question.answer:
        return []  # the answer is the table
    for k, spec in enumerate(question.work or _usual(question, part)):
        kind = next((word for word in _MAKERS if word in spec), None)
        if kind is None:
            wrong = next(iter(spec), "")
            raise InputError(f"there is no explanation {wrong!r:.40}", None, did_you_mean(
                wrong, list(_MAKERS)) or f"there are {', '.join(_MAKERS)}")
        name = f"{question.id}/{k}"
        if kept is not None and name in kept:
            found += kept[name]
            continue
        if kind == "trace" and spec[kind] not in _MODES and "program" not in spec:
            found += blocks_of(lines(part, replace(question, quantity=str(spec[kind])), asked,
                                     values, earlier, names))
            continue
        try:
            made = _quiet(_MAKERS[kind](part, spec, spec[kind], asked.places))
        except ChainruleError:
            if question.work:
                raise
            continue  # nobody asked for it
        if kept is not None and kind in _FOR_ALL:
            kept[name] = made
        found += made
    return found


def _usual(question: Question, part: Part) -> list[Mapping[str, Any]]:
    """The working of a question that names none."""
    if question.ask == "configuration":
        known = dict(question.options.get("known", {}))
        return [{"conv": {**{k: question.options[k] for k in ("in", "out", "kind")
                             if k in question.options}, **known}}]
    if part.program is None:
        return []
    if question.ask == "table":
        return [{"trace": question.options.get("mode", "both"),
                 "wrt": question.options.get("wrt", "")}]
    wanted = _slope(question, part)
    if question.ask in ("derivation", "closed") and wanted is not None:
        return [{"derive": wanted[1], "of": wanted[0]}]
    if question.quantity and not open_sizes(part):
        return [{"trace": question.quantity}]
    return []


def derived(question: Question, part: Part, asked: Asked) -> list[Block]:
    """The derivations of a question alone, in the part's own letters.

    Raises what `derive` raises.
    """
    return [block for spec in question.work or _usual(question, part)
            if "derive" in spec and "program" not in spec
            for block in _derive(part, spec, spec["derive"], asked.places)]


def _slope(question: Question, part: Part) -> tuple[str, str] | None:
    """Of what a derivative is asked for in symbols, and by what."""
    for of in (question.quantity, question.of, _INDEXED.sub("", question.of)):
        ratio = DERIVATIVE.fullmatch(guessed(of, part) or of)
        if ratio is not None and part.program is not None and (
                {ratio[1], ratio[2]} <= set(part.program.tensors)):
            return ratio[1], ratio[2]
    return None


def open_sizes(part: Part) -> bool:
    """Whether the sizes of the part are left open, so that nothing can be worked by cells."""
    if part.program is None:
        return True
    return any(not isinstance(part.sizes.get(n), int) and not any(
        str(axis) == n for i in part.program.inputs if i in part.given
        for axis in part.program.tensors[i].shape) for n in part.program.size_names())


def _program(part: Part, spec: Mapping[str, Any]) -> Program:
    if isinstance(spec.get("program"), str):
        return read(spec["program"], "program")
    if part.program is None:
        raise InputError(f"the part {part.name} has no program to explain")
    return part.program


def _names(given: Any) -> list[str]:
    words = given if isinstance(given, list) else str(given).split(",")
    return [w.strip() for w in words if str(w).strip()]


# --- the explanations -----------------------------------------------------------------------------


def _trace(part: Part, spec: Mapping[str, Any], what: Any, digits: int) -> list[Block]:
    program = _program(part, spec)
    sizes = {n: s for n, s in part.sizes.items()
             if isinstance(s, int) and n in program.size_names()}
    values = {**sizes, **{n: v for n, v in part.given.items() if n in program.inputs}}
    what = str(what).strip()
    wrt = _names(spec.get("wrt", "")) or None
    if what in _MODES:
        found = trace(program, values, mode=what, wrt=wrt, digits=digits,
                      order=str(spec.get("order", "written")),
                      fanout=str(spec.get("fanout", "sum")))
        return list(found.document.blocks)
    ratio = _DERIVATIVE.fullmatch(what)
    if ratio is None:
        name = _NAME.fullmatch(what)
        whole = trace(program, values, mode="forward", wrt=[], digits=digits, tangent=None,
                      granularity="layer")
        title = text(symbol(name[1])) if name else what
        return _section(whole.document.blocks, title)
    top, bottom = ratio[1], ratio[2]
    adjoints = part.adjoints.get(top)
    if adjoints is not None and bottom in adjoints:
        return []
    if adjoints is None and program.tensors[top].shape:
        return []
    whole = trace(program, values, mode="reverse", of=None if adjoints else top,
                  wrt=[bottom], seed=adjoints, digits=digits, granularity="layer")
    # the trace is that of L, which it calls by its own name already
    return _section(whole.document.blocks, "With respect to " + text(symbol(bottom)))


def _section(blocks: Sequence[Block], title: str) -> list[Block]:
    """The blocks below one heading of the second level."""
    found: list[Block] = []
    inside = False
    for block in blocks:
        if isinstance(block, Heading):
            inside = block.level == 2 and plain(block.inlines) == title
        elif inside:
            found.append(block)
    return found


def _derive(part: Part, spec: Mapping[str, Any], what: Any, digits: int) -> list[Block]:
    program = _program(part, spec)
    assumed = [given(g, program) for g in spec.get("given", [])]
    found = derive(program, spec.get("of"), _names(what), assumed)
    return list(derivation_page(found, str(spec.get("steps", "all")),
                                layout=str(spec.get("layout", "column"))).blocks)


def _prove(part: Part, spec: Mapping[str, Any], what: Any, digits: int) -> list[Block]:
    found = prove(str(what), spec.get("given", []))
    if found.verdict != "proved":
        raise InputError(f"{str(what)[:80]!r} is {found.verdict}",
                         hint="work is to show what holds")
    return list(proof_page(found).blocks)


def _transform(part: Part, spec: Mapping[str, Any], what: Any, digits: int) -> list[Block]:
    return list(transform_page(transform_program(_program(part, spec), _names(what))).blocks)


def _conv(part: Part, spec: Mapping[str, Any], what: Any, digits: int) -> list[Block]:
    if not isinstance(what, Mapping) or "in" not in what:
        raise InputError("conv is a table with in, perhaps out, and k, s, p, d")
    for key in what:
        if key not in _CONV:
            raise InputError(f"conv has no key {key!r:.40}", None, did_you_mean(key, list(_CONV)))
    known = layer(what.get("kind", "convolution"), k=what.get("k"), s=what.get("s"),
                  p=what.get("p"), d=what.get("d"), q=what.get("q"))
    i = sizes(what["in"], "input")
    if "out" not in what:
        return list(configurations.forward(size(known, i)).blocks)
    found = Solutions(known, i, sizes(what["out"], "output"))
    found.check_fit()
    told: list[Block] = []
    for block in configurations.document(found, int(spec.get("most", _LISTED))).blocks:
        if isinstance(block, Heading):
            break  # behind the first solutions, what describes all of them
        told.append(block)
    return told


def _convolve(part: Part, spec: Mapping[str, Any], what: Any, digits: int) -> list[Block]:
    if not isinstance(what, Mapping):
        raise InputError("convolve is a table with x, w and perhaps mode and flip")
    values = Values(part)
    x, w = (values.value(str(what.get(k, k))).nested() for k in "xw")
    found = convolve(x, w, str(what.get("mode", "full")), bool(what.get("flip", True)),
                     digits=digits)
    return list(found.document.blocks)


def _size(part: Part, spec: Mapping[str, Any], what: Any, digits: int) -> list[Block]:
    program = read(str(what), "program")
    found = count_sizes(program, dict(spec.get("sizes", {})))
    only = spec.get("only", ["operations"])
    blocks: list[Block] = []
    for block in describe(found, "", only=only).blocks:
        backward = isinstance(block, Table) and plain(block.caption).startswith("backward")
        if not backward and not isinstance(block, ListBlock):  # and no legend each time
            blocks.append(block)
    return blocks


_MAKERS: Final[dict[str, Maker]] = {
    "trace": _trace, "derive": _derive, "prove": _prove, "transform": _transform, "conv": _conv,
    "convolve": _convolve, "size": _size,
}


def _quiet(blocks: Sequence[Block]) -> list[Block]:
    """Headings made into words, so that a question keeps the only ones."""
    found: list[Block] = []
    for block in blocks:
        if isinstance(block, Heading):
            block = Paragraph(tuple(Strong(i.text) if isinstance(i, Text) else i
                                    for i in block.inlines))
        found.append(block)
    return found
