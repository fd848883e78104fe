"""Papers that say the same in other words, drawn from a seed.

A form (`forms`) changes one formula; a layout changes how the paper is written down. A new formula
that the small reader can read is verified to hold still; the others are changes of notation alone.
"""

from __future__ import annotations

import itertools
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mutations.forms import FORMS
from mutations.mistakes import SHIPPED, groups, sound, students
from mutations.papers import MATH, Chain, Script, chains, links, own_sheets, script
from mutations.surgery import FAILS, Edit, applied, holding, moved, worlds_of

UNCHECKED = frozenset(
    {
        "∂ with a slash",
        "d for ∂",
        "nabla",
        "boxed",
        "shapes of brackets",
        "space",
        "signs of transposition",
        "sum called Q",
        "kinds of matrices",
        "2.0 for 2",
        "sum written out",
        "index renamed",
        "dfrac",
    }
)
Layout = Callable[[Script, random.Random], "str | None"]


@dataclass(frozen=True)
class Rewriting:
    """A paper that is right, and the model answer that it says the same as."""

    sheet: str
    student: str
    kind: str
    text: str
    right: str


# --- layouts


def displays(text: str) -> list[re.Match[str]]:
    return [m for m in MATH.finditer(text) if m.group(1)]


def put(text: str, m: re.Match[str], new: str) -> str:
    return text[: m.start()] + new + text[m.end() :]


def top_level(source: str) -> list[str]:
    """The sides of a chain of equalities, as texts."""
    from mutations.latex import sides_of

    sides, signs = sides_of(source, 0, len(source))
    if any(s[0] != "=" for s in signs):
        return []
    return [source[a:b].strip() for a, b in sides]


def on_lines(paper: Script, rng: random.Random) -> str | None:
    """A chain on several lines: aligned, or one formula after the other."""
    found = [
        m
        for m in displays(paper.text)
        if "aligned" not in m.group(1)
        and "\\quad" not in m.group(1)
        and "\\begin" not in m.group(1)
        and len(top_level(m.group(1))) > 2
    ]
    if not found:
        return None
    m = found[rng.randrange(len(found))]
    sides = top_level(m.group(1))
    how = rng.randrange(4)
    if how == 0:
        rows = " \\\\\n".join(f"&= {s}" for s in sides[1:])
        return put(paper.text, m, f"$$\\begin{{aligned}}\n{sides[0]} {rows}\n\\end{{aligned}}$$")
    if how == 1:
        first = f"$$ {sides[0]} = {sides[1]} $$\n\n"
        return put(paper.text, m, first + "\n\n".join(f"$$ = {s} $$" for s in sides[2:]))
    if how == 2:
        return put(paper.text, m, "\n\n".join(f"$$ {sides[0]} = {s} $$" for s in sides[1:]))
    rows = " \\\\\n".join(f"= {s}" for s in sides[1:])
    return put(paper.text, m, f"$$\n{sides[0]} {rows}\n$$")


def aligned_apart(paper: Script, rng: random.Random) -> str | None:
    """An aligned block as formulas of their own."""
    found = [
        m
        for m in displays(paper.text)
        if "\\begin{aligned}" in m.group(1)
        and "cases" not in m.group(1)
        and "matrix" not in m.group(1)
    ]
    if not found:
        return None
    m = found[rng.randrange(len(found))]
    rows = m.group(1).replace("\\begin{aligned}", "").replace("\\end{aligned}", "").split("\\\\")
    return put(
        paper.text, m, "\n\n".join(f"$${r.replace('&', '').strip()}$$" for r in rows if r.strip())
    )


PROSE = (
    "So we get",
    "It follows that",
    "By the chain rule,",
    "Therefore",
    "Next,",
    "Putting everything together,",
    "After simplification this is",
    "We find",
    "Hence",
    "From the lecture we know how to do this:",
)


def prose(paper: Script, rng: random.Random) -> str | None:
    """Words before a formula, or behind it."""
    found = displays(paper.text)
    if not found:
        return None
    m = found[rng.randrange(len(found))]
    if rng.random() < 0.6:
        return put(paper.text, m, f"{PROSE[rng.randrange(len(PROSE))]}\n\n{m.group()}")
    return put(paper.text, m, f"{m.group()}\n\nwhich is what was to be found.")


def inline(paper: Script, rng: random.Random) -> str | None:
    """A formula within a sentence."""
    found = [
        m for m in displays(paper.text) if "\\begin" not in m.group(1) and "\n" not in m.group(1)
    ]
    if not found:
        return None
    m = found[rng.randrange(len(found))]
    return put(paper.text, m, f"{PROSE[rng.randrange(len(PROSE))]} ${m.group(1)}$.")


def other_order(paper: Script, rng: random.Random) -> str | None:
    """Two formulas of a question the other way round."""
    found = displays(paper.text)
    pairs = [
        (a, b)
        for a, b in itertools.pairwise(found)
        if paper.text[a.end() : b.start()].strip() == ""
    ]
    if not pairs:
        return None
    a, b = pairs[rng.randrange(len(pairs))]
    return (
        paper.text[: a.start()]
        + b.group()
        + paper.text[a.end() : b.start()]
        + a.group()
        + paper.text[b.end() :]
    )


def tabs(paper: Script, rng: random.Random) -> str | None:
    """Tables with tabs."""
    if "|---" not in paper.text:
        return None
    lines = []
    for line in paper.text.split("\n"):
        if re.fullmatch(r"\|(?:-+\|)+", line):
            continue
        lines.append(
            "\t".join(c.strip() for c in line.strip("|").split("|"))
            if line.startswith("|")
            else line
        )
    return "\n".join(lines)


def array(paper: Script, rng: random.Random) -> str | None:
    """A table in LaTeX."""
    rows = [m for m in re.finditer(r"(?:^\|.*\n?)+", paper.text, re.M)]
    if not rows:
        return None
    m = rows[rng.randrange(len(rows))]
    found = []
    for line in m.group().strip().split("\n"):
        if re.fullmatch(r"\|(?:-+\|)+", line):
            continue
        cells = [c.strip() for c in line.strip("|").split("|")]
        found.append(
            " & ".join(
                c.strip("$") if c.startswith("$") else (f"\\text{{{c}}}" if c else "")
                for c in cells
            )
        )
    width = found[0].count("&") + 1
    body = " \\\\ \\hline\n".join(found)
    new = f"$$\\begin{{array}}{{{'|c' * width}|}} \\hline\n{body} \\\\ \\hline \\end{{array}}$$\n"
    return paper.text[: m.start()] + new + paper.text[m.end() :]


def bare_cells(paper: Script, rng: random.Random) -> str | None:
    """Tables without dollar signs and equals signs in the cells that hold numbers."""
    if "|---" not in paper.text:
        return None
    return re.sub(r"\| \$= (-?[\d.]+)\$ (?=\|)", r"| \1 ", paper.text)


def grid(paper: Script, rng: random.Random) -> str | None:
    """A matrix as a table."""
    found = [
        m
        for m in displays(paper.text)
        if re.search(r"= \\begin\{bmatrix\}[-\d. &\\]*\\end\{bmatrix\}$", m.group(1))
        and m.group(1).count("\\begin{bmatrix}") == 1
    ]
    if not found:
        return None
    m = found[rng.randrange(len(found))]
    left, _, inside = m.group(1).partition("\\begin{bmatrix}")
    rows = [r.split("&") for r in inside.replace("\\end{bmatrix}", "").split("\\\\")]
    if rng.random() < 0.5:
        lines = ["| " + " | ".join(c.strip() for c in r) + " |" for r in rows]
        lines.insert(1, "|" + "---|" * len(rows[0]))
    else:
        lines = ["\t".join(c.strip() for c in r) for r in rows]
    return put(paper.text, m, f"$${left.strip()}$$\n\n" + "\n".join(lines) + "\n")


def commas(paper: Script, rng: random.Random) -> str | None:
    """Decimal commas throughout."""
    if re.search(r"\d,\d|\[[^\]]*,", paper.text) or not re.search(r"\d\.\d", paper.text):
        return None
    new = ("{,}", ",")[rng.randrange(2)]
    return re.sub(r"(?<=\d)\.(?=\d)", new, paper.text)


SUBS = str.maketrans("0123456789ij", "₀₁₂₃₄₅₆₇₈₉ᵢⱼ")
SUPS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "lambda": "λ",
    "mu": "μ",
    "sigma": "σ",
    "times": "·",
    "cdot": "·",
    "partial": "∂",
    "log": "log",
    "ln": "ln",
    "exp": "exp",
    "sin": "sin",
    "cos": "cos",
    "tanh": "tanh",
    "geq": "≥",
    "neq": "≠",
}


def plain(source: str, unicode: bool) -> str | None:
    """A formula as text, in Unicode or in ASCII; None where it does not go."""
    text = source
    if re.search(
        r"\\(?:sum|begin|bar|dot|tilde|lim|int|max|lfloor|text|operatorname|left|sqrt)", text
    ):
        return None
    text = re.sub(r"\\mathbf\{(\w)\}", r"\1", text)
    d = "∂" if unicode else "d"
    name = r"((?:\w|\\[a-z]+)(?:_\w|_\{\w+\})?)"
    for behind in (r"\\frac", r"[\w(]"):
        text = re.sub(
            rf"\\frac\{{\\partial {name}\}}\{{\\partial {name}\}}(?= *{behind})",
            rf"{d}\1/{d}\2 · " if unicode else rf"{d}\1/{d}\2 * ",
            text,
        )
    text = re.sub(
        rf"\\frac\{{(?:\\partial|d) ?{name}\}}\{{(?:\\partial|d) ?{name}\}}", rf"{d}\1/{d}\2", text
    )
    text = re.sub(
        r"\\frac\{(\d+)\}\{(\d+)\} *(?=[(\w])", r"(\1/\2)·" if unicode else r"(\1/\2)*", text
    )
    for _ in range(3):
        text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1)/(\2)", text)
    if "\\frac" in text:
        return None
    if unicode:
        text = re.sub(r"_\{?([0-9ij]+)\}?", lambda m: m.group(1).translate(SUBS), text)
        text = re.sub(r"\^\{?(-?\d+)\}?", lambda m: m.group(1).translate(SUPS), text)
    else:
        text = re.sub(r"(?<=[A-Za-z])_\{?(\d+)\}?", r"\1", text)
        text = re.sub(r"\^\{?(-?\d+)\}?", r"^\1", text)
    text = re.sub(r"e\^\{([^{}]*)\}", r"exp(\1)", text)
    words = (
        GREEK if unicode else {**{k: k for k in GREEK}, "times": "*", "cdot": "*", "partial": "d"}
    )
    text = re.sub(r"\\([a-z]+)", lambda m: words.get(m.group(1), "\\"), text)
    if "\\" in text or "{" in text or "^(" in text:
        return None
    text = re.sub(r"(?<=[\w)]) (?=[A-Za-z(])(?!d\w/)", "·" if unicode else " * ", text)
    return text.replace("-", "−") if unicode else text


def as_text(unicode: bool) -> Layout:
    def layout(paper: Script, rng: random.Random) -> str | None:
        found = []
        for m in displays(paper.text):
            new = plain(m.group(1), unicode)
            if new is not None and not re.search(
                r"(?:sin|cos|tanh|log|ln|exp|σ|sigma)( \*|·)", new
            ):
                found.append((m, new))
        if not found:
            return None
        m, new = found[rng.randrange(len(found))]
        return put(paper.text, m, new)

    return layout


def all_inline(paper: Script, rng: random.Random) -> str | None:
    """Single dollars and \\( \\) or \\[ \\] for double ones."""
    return re.sub(r"\$\$(.+?)\$\$", lambda m: f"\\[{m.group(1)}\\]", paper.text, flags=re.S)


TURNED = (
    (
        "\\frac{\\partial E}{\\partial \\mathbf{z}^{(2)}} = "
        "(\\mathbf{y}^{(2)} - \\mathbf{t})^\\top$$",
        "As a column,",
        "\\frac{\\partial E}{\\partial \\mathbf{z}^{(2)}} = \\mathbf{y}^{(2)} - \\mathbf{t}$$",
    ),
    (
        "\\frac{\\partial L}{\\partial \\mathbf{x}} = \\mathbf{A}^\\top \\mathbf{r} = ",
        "With gradients as rows,",
        "\\frac{\\partial L}{\\partial \\mathbf{x}} = \\mathbf{r}^\\top \\mathbf{A} = "
        "(\\mathbf{A} \\mathbf{x} - \\mathbf{b})^\\top \\mathbf{A}$$",
    ),
    (
        "\\frac{\\partial q}{\\partial \\mathbf{x}} = \\mathbf{A} \\mathbf{x} + ",
        "As a row,",
        "\\frac{\\partial q}{\\partial \\mathbf{x}} = "
        "\\mathbf{x}^\\top (\\mathbf{A} + \\mathbf{A}^\\top)$$",
    ),
)


def row_for_column(paper: Script, rng: random.Random) -> str | None:
    """A gradient laid out the other way, and said so."""
    for begins, words, new in TURNED:
        at = paper.text.find("$$" + begins)
        if at >= 0:
            end = paper.text.index("$$", at + 2) + 2
            words = (words, words.replace(",", ""), f"{words} we find that")[rng.randrange(3)]
            return f"{paper.text[:at]}{words}\n\n$${new}{paper.text[end:]}"
    return None


LAYOUTS: dict[str, Layout] = {
    "a chain on lines": on_lines,
    "an aligned block apart": aligned_apart,
    "words around": prose,
    "a formula in a sentence": inline,
    "formulas in another order": other_order,
    "a table with tabs": tabs,
    "a table in LaTeX": array,
    "bare cells": bare_cells,
    "a matrix as a table": grid,
    "decimal commas": commas,
    "Unicode": as_text(True),
    "plain text": as_text(False),
    "square brackets for dollars": all_inline,
    "a row for a column": row_for_column,
}
SEVERAL = "several forms at once"
KINDS = (*FORMS, *LAYOUTS, SEVERAL)


def several(paper: Script, rng: random.Random) -> str | None:
    """Three formulas in other forms, and often another layout."""
    kinds = [k for k in FORMS if k != "sum called Q"]
    now = paper
    for _ in range(3):
        there = [c for c in chains(now) if worlds_of(now, c) and holding(now, c)]
        if not there:
            return None
        chain = there[rng.randrange(len(there))]
        edits = _edits(now, chain, kinds[rng.randrange(len(kinds))], rng)
        now = applied(now, edits) if edits else now
    if now is paper:
        return None
    layout = list(LAYOUTS.values())[rng.randrange(len(LAYOUTS))]
    return (layout(now, rng) if rng.random() < 0.5 else None) or now.text


def reformed(paper: Script, chain: Chain, kind: str, rng: random.Random) -> str | None:
    """The paper with one formula in another form; None where that does not go."""
    edits = _edits(paper, chain, kind, rng)
    return applied(paper, edits).text if edits else None


def _edits(paper: Script, chain: Chain, kind: str, rng: random.Random) -> list[Edit] | None:
    """Edits that bring a formula into another form, verified to hold still."""
    edits = FORMS[kind](paper, chain, rng)
    if not edits or kind in UNCHECKED:
        return edits
    new = applied(paper, edits)
    start = moved([e for e in edits if e[1] <= chain.start], chain.start)
    near = [c for c in chains(new) if abs(c.start - start) <= 1 or c.start == chain.start]
    if len(near) != 1:
        return None
    found = links(near[0], worlds_of(new, near[0]))
    if found[0] is None:
        found = found[1:]
    return edits if found and all(found) else None


def rewritings(
    count: int, seed: int = 0, pupils: int = 10, without: Sequence[str] = ()
) -> Iterator[Rewriting]:
    """So many rewritings, their kinds in turn, none twice, from all sheets but those left out."""
    rng = random.Random(seed)
    papers: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for name in (n for n in [*SHIPPED, *own_sheets()] if n not in without):
        for student in students(name, pupils):
            for ids in groups(name):
                if sound(name, student, ids):
                    papers[name].append((student, ids))
    names = sorted(papers)
    seen: set[str] = set()
    made = 0
    tired = dict.fromkeys(KINDS, 0)
    while made < count and tired:
        for kind in list(tired):
            found = _one(kind, names, papers, rng, seen)
            if found is None:
                tired[kind] += 1
                if tired[kind] > 3:
                    del tired[kind]
                continue
            seen.add(found.text)
            made += 1
            yield found
            if made == count:
                return


def _one(
    kind: str, names: list[str], papers: dict, rng: random.Random, seen: set[str]
) -> Rewriting | None:
    for _ in range(60):
        name = names[rng.randrange(len(names))]
        student, ids = papers[name][rng.randrange(len(papers[name]))]
        paper = script(name, student, ids)
        try:
            if kind == SEVERAL:
                with np.errstate(all="ignore"):
                    text = several(paper, rng)
            elif kind in LAYOUTS:
                text = LAYOUTS[kind](paper, rng)
            else:
                there = sound(name, student, ids)
                with np.errstate(all="ignore"):
                    text = reformed(paper, there[rng.randrange(len(there))], kind, rng)
        except FAILS:
            continue
        if text is not None and text != paper.text and text not in seen:
            return Rewriting(name, student, kind, text, paper.text)
    return None


__all__ = ["KINDS", "Rewriting", "rewritings"]
