"""The questions of a sheet: a TOML block each, and the prose behind it.

    ```question 1.b.ii
    title = "Through the activation"
    ask = "value"
    of = 'V'
    points = 2
    ```
    Send U through the activation. Give V.

The labels that a paper puts above the answer follow from the name: digits first are the question,
then letters are parts, roman numbers items, digits numbers of a list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from chainrule.check.sheet import Part, Question, Rounding
from chainrule.check.sheet_blocks import Block, Cut, Places, tables
from chainrule.diff.reverse import real_inputs, real_outputs
from chainrule.errors import did_you_mean

ASKS: Final = ("value", "closed", "table", "derivation", "proof", "configuration", "choice",
               "text")
_KEYS: Final = ("title", "ask", "of", "part", "target", "points", "path", "phrases", "rounding",
                "options", "accept", "quantity", "work", "template")
_ROMAN: Final = re.compile(r"x{0,3}(ix|iv|v?i{0,3})")
_LABELS: Final = ("question", "part", "item", "number", "answer")
_ROUNDING: Final = ("decimals", "significant", "absolute", "relative")
_DRESS: Final = re.compile(
    r"\\(?:mathbf|boldsymbol|mathrm|vec|bm|displaystyle|left|right)\b|[{}\s]")
_NAMED: Final = re.compile(r"\\(alpha|beta|gamma|theta|lambda|omega|eta|mu|sigma)(?![a-z])")
_RATIO: Final = re.compile(
    r"(?:\\frac\s*)?\\?(?:partial|d)\s*(\w+)\s*/?\s*\\?(?:partial|d)\s*(\w+)")

_FRACTION: Final = re.compile(r"\\[dt]?frac\s*\{\s*(?:\\partial|d)\s*([^/]+)\}\s*"
                              r"\{\s*(?:\\partial|d)\s*([^/]+)\}")
_LONGEST: Final = 200  # characters of what is asked for that may name it


def read_question(whole: Cut, block: Block, text: str, part: str,
                  parts: Mapping[str, Part]) -> Question:
    """A question; `part` is the one that it stands under where it names none.

    Raises `InputError` for a key or a value that is not known, each at its place.
    """
    data, places = tables(whole, block)
    for key in data:
        if key not in _KEYS:
            raise places.fail(f"a question has no key {key!r:.40}", key, hint=did_you_mean(
                key, list(_KEYS)) or f"its keys are {', '.join(_KEYS)}")
    ask = data.get("ask", "value")
    if ask not in ASKS:
        raise places.fail(f"ask is {ask!r:.40}", "ask", hint=f"it is one of {', '.join(ASKS)}")
    part = _text(data, "part", places) or part
    if part not in parts:
        raise places.fail(f"there is no part {part!r:.40}", "part",
                          hint=did_you_mean(part, list(parts)) or "the parts are " +
                          (", ".join(parts) or "not there: add a block ```program NAME"))
    of = _text(data, "of", places)
    quantity = _text(data, "quantity", places) or (
        guessed(of, parts[part]) if ask in ("value", "closed") else "")
    if ask == "table" and not quantity:
        quantity = guessed(of, parts[part]) or _ending(data, parts[part])
    return Question(
        id=block.name, title=_text(data, "title", places), part=part, ask=ask, of=of,
        target=_text(data, "target", places), points=_points(data, places),
        path=_path(data, block.name, places), phrases=_texts(data, "phrases", places),
        rounding=read_rounding(data.get("rounding"), places, "rounding"),
        options=_table(data, "options", places), text=text.strip(),
        accept=_texts(data, "accept", places), quantity=quantity, work=_work(data, places),
        template=data.get("template"), start=block.head)


def _ending(data: Mapping[str, Any], part: Part) -> str:
    """What a table of derivatives ends with: the output's derivative by the last input."""
    options = data.get("options", {})
    program = part.program
    if program is None or not isinstance(options, dict) or not real_outputs(program):
        return ""
    wrt = options.get("wrt", "")
    names = wrt if isinstance(wrt, list) else str(wrt).split(",")
    found = [n.strip() for n in map(str, names) if n.strip()] or real_inputs(program)
    return f"d{real_outputs(program)[0]}/d{found[-1]}" if found else ""


def guessed(of: str, part: Part) -> str:
    r"""What is asked for, in chainrule's language, where LaTeX says it plainly; else nothing.

    >>> from chainrule.formulas.calls import read
    >>> guessed(r"\frac{\partial L}{\partial \mathbf{V}}", Part("a", read("L = V^2")))
    'dL/dV'
    >>> guessed(r"\hat{y}", Part("a", read("p = x^2"), names={"p": (r"\hat y",)}))
    'p'
    """
    if part.program is None:
        return ""
    plain = _NAMED.sub(r" \1 ", of)
    plain = " ".join(_DRESS.sub(lambda m: "" if m[0] not in "{}" else " ", plain).split())
    known = {*part.program.tensors, *part.adjoints}
    for spelled in (plain, plain.replace("_", "")):
        if spelled in known:
            return spelled
        ratio = _RATIO.fullmatch(spelled)
        if ratio and ratio[1] in known and ratio[2] in known:
            return f"d{ratio[1]}/d{ratio[2]}"
    return _other_spelling(of, part)


def _other_spelling(of: str, part: Part) -> str:
    """What is asked for where the part's names say how it is spelled: `ŷ`."""
    names: dict[str, str] = {}
    for name, spellings in part.names.items():
        for spelling in spellings:
            names.setdefault(_undressed(spelling), name)
    tensors = part.program.tensors if part.program is not None else {}
    names |= {_undressed(n): n for n in (*part.adjoints, *tensors)}
    whole = names.get(_undressed(of))
    if whole is not None:
        return whole
    ratio = _FRACTION.fullmatch(of.strip()) if len(of) <= _LONGEST else None
    top, bottom = (names.get(_undressed(r)) for r in ratio.groups()) if ratio else (None, None)
    return f"d{top}/d{bottom}" if top and bottom else ""


def _undressed(source: str) -> str:
    """A name without fonts, brackets and spaces."""
    return "".join(_DRESS.sub("", source).split())


def path_of(name: str) -> tuple[tuple[str, str], ...]:
    """The labels that a question's name stands for.

    >>> path_of("1.b.ii"), path_of("7.1.a")[1:], path_of("T2.x")[:1]
    ((('question', '1'), ('part', 'b'), ('item', 'ii')), (('number', '1'), ('part', 'a')), \
(('question', '2'),))
    """
    found: list[tuple[str, str]] = []
    for k, word in enumerate(name.lower().split(".")):
        if k == 0:
            digits = re.sub(r"\D", "", word).lstrip("0")
            found.append(("question", digits or word))
        elif word.isdigit():
            found.append(("number", word))
        elif _ROMAN.fullmatch(word) and any(kind == "part" for kind, _ in found):
            found.append(("item", word))
        elif len(word) == 1:
            found.append(("part", word))
    return tuple(found)


def read_rounding(given: Any, places: Places, *path: str) -> Rounding | None:
    """A rule for numbers: a table with one of decimals, significant, absolute, relative."""
    if given is None:
        return None
    if not isinstance(given, dict) or any(k not in _ROUNDING for k in given):
        raise places.fail(f"rounding is a table with one of {', '.join(_ROUNDING)}", *path,
                          hint="for instance {decimals = 4}")
    for key, value in given.items():
        whole = key in ("decimals", "significant")
        if (whole and (type(value) is not int or not 0 <= value <= 30)) or (
                not whole and (isinstance(value, bool)
                               or not isinstance(value, int | Fraction) or value < 0)):
            raise places.fail(f"{key} is no number that could be meant", *path, key)
    close = {k: float(given[k]) if k in given else None for k in ("absolute", "relative")}
    return Rounding(given.get("decimals"), given.get("significant"), close["absolute"],
                    close["relative"])


def _text(data: Mapping[str, Any], key: str, places: Places) -> str:
    found = data.get(key, "")
    if not isinstance(found, str):
        raise places.fail(f"{key} is text", key, hint="put it in quotes")
    return found


def _texts(data: Mapping[str, Any], key: str, places: Places) -> tuple[str, ...]:
    found = data.get(key, [])
    if not isinstance(found, list) or not all(isinstance(s, str) for s in found):
        raise places.fail(f"{key} is a list of strings", key)
    return tuple(found)


def _table(data: Mapping[str, Any], key: str, places: Places) -> dict[str, Any]:
    found = data.get(key, {})
    if not isinstance(found, dict):
        raise places.fail(f"{key} is a table", key)
    return found


def _points(data: Mapping[str, Any], places: Places) -> float:
    found = data.get("points", 0)
    if isinstance(found, str):
        raise places.fail(f"points is a number, and {found!r:.40} is text", "points",
                          hint="for instance points = 2")
    if isinstance(found, bool) or not isinstance(found, int | Fraction) or not 0 <= found <= 10_000:
        raise places.fail("points is a number that is not negative", "points")
    return float(found)


def _work(data: Mapping[str, Any], places: Places) -> tuple[dict[str, Any], ...]:
    found = data.get("work", [])
    if not isinstance(found, list) or not all(isinstance(w, dict) for w in found):
        raise places.fail("work is a list of tables", "work",
                          hint='for instance work = [{trace = "U"}]')
    return tuple(found)


def _path(data: Mapping[str, Any], name: str, places: Places) -> tuple[tuple[str, str], ...]:
    if "path" not in data:
        return path_of(name)
    found = data["path"]
    if isinstance(found, str):
        return path_of(found)
    if isinstance(found, list) and all(
            isinstance(p, list) and len(p) == 2 and p[0] in _LABELS and isinstance(p[1], str)
            for p in found):
        return tuple((kind, key) for kind, key in found)
    raise places.fail("path is text such as 1.b.ii, or pairs of a kind and a label", "path",
                      hint=f"the kinds are {', '.join(_LABELS)}")
