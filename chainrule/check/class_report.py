"""The report on a class: how each question went, which mistakes were made how often, a plot.

The numbers are over the submissions that could be checked. A kind of mistake counts once a paper
and question, however often the paper makes it.
"""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import Any, Final

from chainrule.check.classroom import Classroom
from chainrule.check.report_findings import amount, number
from chainrule.document.blocks import (
    Block,
    Column,
    Document,
    Figure,
    Prose,
    heading,
    inlines,
    items,
    p,
    strong,
    table,
)
from chainrule.errors import visible

_KINDS: Final = 6  # kinds of mistakes that a question's list shows
_BARS: Final = 14  # bars of the plot
_PROBLEMS: Final = 40
_WIDTH: Final = 30  # characters of the longest bar in text


def class_document(room: Classroom, every: bool = False) -> Document:
    """The report on a class as a document; with `every` no list is cut."""
    limit = len(room.rows) + 1 if every else _PROBLEMS
    blocks: list[Block] = [p(*_summary(room))]
    if room.checked and room.questions:
        blocks += [_questions(room), heading(1, "Mistakes"), *_mistakes(room, every)]
    waiting = room.waiting()
    if waiting:
        papers = number(len({w.student for w in waiting}), "paper")
        blocks += [heading(1, "For a person"), p(
            f"{number(len(waiting), 'step')} in {papers}"
            " could not be decided. With --decisions FILE they are listed there, to be decided.")]
    problems = [r for r in room.rows if r.get("problem")]
    if problems:
        shown: list[Prose] = [f"{visible(r['file'])}: {visible(r['problem'])}"
                              for r in problems[:limit]]
        if len(problems) > limit:
            shown.append(f"and {len(problems) - limit:,} more")
        blocks += [heading(1, "Problems"), items(*shown)]
    if room.remarks:
        blocks += [heading(1, "Remarks"), items(*room.remarks)]
    return Document(f"{room.sheet}: the class", tuple(blocks))


def class_data(room: Classroom) -> dict[str, Any]:
    """The report on a class as data, for JSON."""
    return {
        "sheet": room.sheet,
        "questions": [_numbers(room, name, most) for name, most in room.questions],
        "submissions": [dict(r) for r in room.rows],
    }


def _summary(room: Classroom) -> list[Prose]:
    checked = room.checked
    failed = len(room.rows) - len(checked)
    said: list[Prose] = [strong(number(len(checked), "submission")), " checked"]
    if failed:
        said.append(f", {failed:,} could not be")
    said.append(".")
    most = sum(points for _, points in room.questions)
    if checked and most:
        scores = sorted(r["points"] for r in checked)
        middle = scores[len(scores) // 2] if len(scores) % 2 else (
            scores[len(scores) // 2 - 1] + scores[len(scores) // 2]) / 2
        mean = sum(scores) / len(scores)
        said.append(f" Of {amount(most)} points, the mean is {amount(mean)}, the median "
                    f"{amount(middle)}, from {amount(scores[0])} to {amount(scores[-1])}.")
    return said


def _numbers(room: Classroom, name: str, most: float) -> dict[str, Any]:
    """What there is to say of a question, over all papers that were checked."""
    own = [r["questions"][name] for r in room.checked if name in r["questions"]]
    mistakes = room.mistakes().get(name, Counter())
    return {
        "question": name,
        "of": most,
        "mean": round(sum(m["points"] for m in own) / len(own), 6) if own else 0.0,
        "full": sum(m["points"] >= most for m in own),
        "wrong": sum("line" in m for m in own),
        "undecided": sum(m["undecided"] > 0 for m in own),
        "unanswered": sum(not m["answered"] for m in own),
        "mistakes": dict(sorted(mistakes.items(), key=lambda kv: (-kv[1], kv[0]))),
    }


def _questions(room: Classroom) -> Block:
    rows: list[list[Prose]] = []
    for name, most in room.questions:
        n = _numbers(room, name, most)
        rows.append([name, f"{amount(n['mean'])} of {amount(most)}",
                     *(str(n[k]) if n[k] else "" for k in
                       ("full", "wrong", "undecided", "unanswered"))])
    heads = [Column(inlines(h), "right") for h in
             ("mean", "full points", "with a mistake", "undecided", "no answer")]
    return table(["question", *heads], rows)


def _mistakes(room: Classroom, every: bool) -> list[Block]:
    total: Counter[str] = Counter()
    rows: list[list[Prose]] = []
    found = room.mistakes()
    for name, _ in room.questions:
        kinds = sorted(found.get(name, Counter()).items(), key=lambda kv: (-kv[1], kv[0]))
        total.update(dict(kinds))
        for kind, count in kinds if every else kinds[:_KINDS]:
            rows.append([name, kind, str(count)])
    if not rows:
        return [p("No mistakes were found.")]
    ranked = sorted(total.items(), key=lambda kv: (-kv[1], kv[0]))
    return [_plot(ranked[:_BARS]),
            table(["question", "mistake", Column(inlines("papers"), "right")], rows)]


def _plot(ranked: list[tuple[str, int]]) -> Figure:
    """How often each kind of mistake was made, as bars."""
    longest = max(len(kind) for kind, _ in ranked)
    most = ranked[0][1]
    lines = [f"{visible(kind):<{longest}}  {'█' * max(1, round(_WIDTH * count / most))} {count}"
             for kind, count in ranked]
    left, step = 8.0 * min(longest, 40) + 12, 26.0
    height = step * len(ranked) + 10
    bars = []
    for k, (kind, count) in enumerate(ranked):
        y, width = 5 + step * k, max(2.0, 300 * count / most)
        bars.append(f'<text x="{left - 8:g}" y="{y + 16:g}" text-anchor="end" '
                    f'fill="currentColor">{escape(visible(kind)[:40])}</text>'
                    f'<rect x="{left:g}" y="{y + 3:g}" width="{width:g}" height="{step - 8:g}" '
                    'fill="currentColor" fill-opacity="0.55"/>'
                    f'<text x="{left + width + 6:g}" y="{y + 16:g}" fill="currentColor">{count}'
                    "</text>")
    alt = "How many papers made each kind of mistake: " + ", ".join(
        f"{visible(kind)} {count}" for kind, count in ranked)
    svg = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + 360:g} {height:g}" '
           f'width="{left + 360:g}" height="{height:g}" role="img" aria-label="{escape(alt)}" '
           f'font-family="system-ui, sans-serif" font-size="14">{"".join(bars)}</svg>')
    return Figure(svg, alt, inlines("How many papers made each kind of mistake"), "\n".join(lines))
