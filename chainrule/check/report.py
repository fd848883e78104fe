"""A report: what was found in a paper, told as a good teacher would.

For each question: what is right, in a line; the first wrong step, quoted with its line, and why;
what follows from it; what could not be decided, and why not. At the end stands what nobody could
read. There are two versions. The teacher's has the right values and the reasons. The student's has
verdicts and hints, never an answer: a student is to find the mistake, and a report that says the
value would do the work instead.

`report_document` builds the neutral document; the renderers of `chainrule.render` show it.
`chainrule.check.report_html` puts the same remarks into the margin of the paper.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from chainrule.check.report_findings import (
    SIGNS,
    Audience,
    Findings,
    amount,
    first_wrong,
    hint,
    number,
    question_name,
    sentence,
    why,
)
from chainrule.check.report_math import claim_math, in_one, quoted, tall, with_values
from chainrule.check.rounding import printed
from chainrule.check.verdicts import Judged, Marked, Report
from chainrule.document.blocks import (
    Block,
    Code,
    Column,
    Document,
    Inlines,
    MathBlock,
    Paragraph,
    Prose,
    Text,
    heading,
    inlines,
    items,
    p,
    strong,
    table,
)
from chainrule.document.blocks import plain as plain_text

_NONE: Final = "no answer was found"
_PLAIN: Final = 4  # words of a reason that says no more than the verdict does
_END: Final = re.compile(r"(?<=[.?!]) ")  # between two sentences
_WIDE: Final = 48  # characters of a formula in the overview
_LINES: Final = 40  # lines that a sentence names
_SHOWN: Final = 12  # entries of a list in a short report


def report_document(report: Report, audience: Audience = "teacher",
                    every: bool = False) -> Document:
    """The report on one paper as a document.

    `audience` is "teacher" (values and reasons) or "student" (verdicts and hints). With `every`
    all claims are listed, and no list is cut.
    """
    found = Findings(report)
    limit = len(report.judged) + len(report.unread) + 1 if every else _SHOWN
    blocks: list[Block] = [p(*_summary(found))]
    if report.questions:
        blocks.append(_overview(found))
    for marked in report.questions:
        if every or _to_be_told(found, marked):
            blocks += _question(found, marked, audience, limit)
    blocks += _elsewhere(found, audience, limit)
    if every and report.judged:
        blocks += [heading(1, "Every claim"), _all_claims(found, audience)]
    blocks += _not_read(found, limit)
    if report.remarks or report.paper.remarks:
        blocks += [heading(1, "Remarks"), items(*report.remarks, *report.paper.remarks)]
    title = report.sheet if not report.student else f"{report.sheet}, {report.student}"
    return Document(title, tuple(blocks), {"for": audience, "paper": report.paper.name})


def _summary(found: Findings) -> list[Prose]:
    report, counts = found.report, found.counts
    said: list[Prose] = []
    if report.most:
        said.append(strong(f"{amount(report.points)} of {amount(report.most)} points"))
        if found.undecided_points:
            said.append(f", {amount(found.undecided_points)} more undecided")
        said.append(". ")
    total = sum(counts.values())
    if not total:
        return [*said, "Nothing was found that could be checked."]
    words = {"right": "right", "wrong": "wrong", "follows": "right but for an earlier mistake",
             "undecided": "undecided", "unread": "unread"}
    listed = [f"{counts[v]} {words[v]}" for v in words if counts[v]]
    said.append(f"{number(total, 'step')} checked: {', '.join(listed)}.")
    wrong = first_wrong(report.judged)
    if wrong is not None:
        said += [" The first wrong step is in ", strong(f"line {found.line_of(wrong)}"), "."]
    return said


def _overview(found: Findings) -> Block:
    rows: list[list[Prose]] = []
    for q in found.report.questions:
        points = f"{amount(q.points)} of {amount(q.most)}"
        rows.append([question_name(q), points, _standing(found, q)])
    return table(["question", Column(inlines("points"), "right"), "found"], rows)


def _standing(found: Findings, q: Marked) -> Inlines:
    """How a question stands; of one that is right, its last step."""
    words = standing(found, q)
    own = [j for j in found.by_question.get(q.question, ()) if j.verdict == "right"]
    if words != "right" or not own:
        return inlines(words)
    line = f"(line {found.line_of(own[-1])})"
    math = claim_math(own[-1].claim)
    if len(plain_text(math)) > _WIDE and not tall(math):
        return inlines(f"right {line}")
    return inlines("right: ", *math, f" {line}")


def _to_be_told(found: Findings, q: Marked) -> bool:
    """Whether there is more to say of a question than that it is right, or has no answer."""
    own = found.by_question.get(q.question, ())
    return any(j.verdict in ("wrong", "follows", "undecided", "unread") for j in own) or (
        bool(own) and q.points < q.most)


def standing(found: Findings, q: Marked) -> str:
    """How a question stands, in a few words."""
    own = found.by_question.get(q.question, ())
    wrong = first_wrong(own)
    if wrong is not None:
        what = "right, but for a slip" if q.most and q.points >= q.most else "first wrong step"
        return f"{what} in line {found.line_of(wrong)}"
    if q.undecided:
        return "for a person to decide"
    if not own and not q.points:
        return "no answer found" if q.why in ("", _NONE) else q.why
    if any(j.verdict == "follows" for j in own):
        return "right, but for an earlier mistake"
    if q.points >= q.most:
        return "right"
    if own and not q.points and q.why == _NONE:
        return "right, but not what was asked for"
    return q.why if own and not q.points and len(q.why.split()) > _PLAIN else "not complete"


def _question(found: Findings, q: Marked, audience: Audience, limit: int) -> list[Block]:
    own = found.by_question.get(q.question, ())
    title = question_name(q)
    if q.most:
        title += f": {amount(q.points)} of {amount(q.most)} points"
    if q.undecided:
        title += f", {amount(q.undecided)} undecided"
    blocks: list[Block] = [heading(1, title)]
    right = [j for j in own if j.verdict == "right"]
    wrong = first_wrong(own)
    if right:
        blocks.append(p(*_right(found, right, wrong is None)))
    blocks += _marks(found, own, audience, limit)
    if q.points < q.most and len(q.why.split()) > _PLAIN and audience == "teacher":
        blocks.append(p(sentence(q.why)))
    elif right and q.why == _NONE and not q.points and len(right) == len(own):
        blocks.append(p("This is right, but it is not what was asked for."))
    elif len(blocks) == 1:
        blocks.append(p("No answer was found."))
    return blocks


def _right(found: Findings, right: Sequence[Judged], all_right: bool) -> list[Prose]:
    """What is right, in one line: the last such step stands for those before it."""
    last = right[-1]
    line = f"line {found.line_of(last)}"
    math = claim_math(last.claim)
    shown: list[Prose] = [line] if tall(math) else [*math, f" ({line})"]
    if len(right) == 1:
        return ["Right: ", *shown, "."]
    if all_right:
        return ["Right: ", *shown, f" and {number(len(right) - 1, 'step')} before it."]
    return [f"Right: {len(right)} steps, the last ", "in " if tall(math) else "", *shown, "."]


def _marks(found: Findings, own: Sequence[Judged], audience: Audience, limit: int) -> list[Block]:
    """The first wrong step set off, then what else is wrong, what follows, what is open."""
    blocks: list[Block] = []
    wrong = [j for j in own if j.verdict == "wrong"]
    told: set[str] = set()
    if wrong:
        lead = (strong("First wrong step"), f", line {found.line_of(wrong[0])}: ")
        blocks += _told(found, wrong[0], audience, lead, told)
    follows = [j for j in own if j.verdict == "follows"]
    if limit == _SHOWN:
        plain = [j for j in follows if audience == "student" or not _tells_more(j)]
        blocks += [p(f"{_lines(found, plain)}: right but for an earlier mistake.")] if plain else []
        follows = [j for j in follows if j not in plain]
        for why, same in _alike(follows):
            blocks.append(p(f"{_lines(found, same)} from line "
                            f"{found.line_of(found.by_number[why[0]])}: {sentence(why[1], False)}"))
            follows = [j for j in follows if j not in same]
    undecided = [j for j in own if j.verdict == "undecided"]
    if undecided and audience == "student" and limit == _SHOWN:
        lines = [str(k) for k in dict.fromkeys(found.line_of(j) for j in undecided)]
        blocks.append(p(f"A person looks at {'line' if len(lines) == 1 else 'lines'} "
                        f"{_and(lines)}."))
        undecided = []
    for title, entries in (
        ("Also wrong:", wrong[1:]),
        ("What follows, from an earlier mistake:", follows),
        ("Not decided; a person has to look:", undecided),
        ("Not read:", [j for j in own if j.verdict == "unread"]),
    ):
        if entries:
            blocks += [p(title), *_list(found, entries, audience, limit, told)]
    return blocks


def _list(found: Findings, entries: Sequence[Judged], audience: Audience, limit: int,
          told: set[str]) -> list[Block]:
    """Remarks as points of a list; those with matrices in them between the points."""
    blocks: list[Block] = []
    points: list[Prose] = []
    for j in entries[:limit]:
        made = _told(found, j, audience, (f"Line {found.line_of(j)}: ",), told)
        if len(made) == 1 and isinstance(made[0], Paragraph):
            points.append(made[0].inlines)
            continue
        blocks += [items(*points), *made] if points else made
        points = []
    if len(entries) > limit:
        points.append(f"and {len(entries) - limit:,} more")
    return [*blocks, items(*points)] if points else blocks


def _told(found: Findings, judged: Judged, audience: Audience, lead: Sequence[Prose],
          told: set[str]) -> list[Block]:
    """A remark as a paragraph, or in lines of their own for what is tall; each reason once."""
    math = claim_math(judged.claim)
    words = verdict_words(found, judged, audience)
    reason = plain_text(inlines(*words[1:]))
    if judged.verdict == "wrong" and len(reason.split()) > _PLAIN and reason in told:
        words = [" is wrong for the same reason."]
    told.add(reason)
    if not tall(math):
        return _lines_apart(inlines(*lead, *math, *words))
    return [p(*lead), MathBlock(in_one(math)), *_lines_apart(inlines("This", *words))]


def _lines_apart(content: Inlines) -> list[Block]:
    """Running text; each sentence with a matrix in it on lines of its own."""
    if not tall(content):
        return [Paragraph(content)]
    sentences: list[list[Prose]] = [[]]
    for part in content:
        if not isinstance(part, Text):
            sentences[-1].append(part)
            continue
        pieces = _END.split(part.text)
        sentences[-1].append(pieces[0])
        sentences += [[piece] for piece in pieces[1:]]
    blocks: list[Block] = []
    prose: list[Prose] = []
    for said in sentences:
        if tall(inlines(*said)):
            blocks += [p(*prose)] if prose else []
            blocks.append(MathBlock(in_one(inlines(*said))))
            prose = []
        elif said and plain_text(inlines(*said)).strip():
            prose += [" " if prose else "", *said]
    return [*blocks, p(*prose)] if prose else blocks


def _tells_more(judged: Judged) -> bool:
    """Whether a claim that follows has a reason of its own: rounding, another case, a value."""
    return _off(judged) or (bool(judged.why) and not judged.why.startswith("follows"))


def _off(judged: Judged) -> bool:
    """Whether the number of a claim that follows is not the one that it ought to be."""
    return bool(judged.expected) and judged.expected != judged.found and (
        printed(judged.claim.right.node) is not None) and "own earlier value" in judged.why


def _alike(claims: Sequence[Judged]) -> list[tuple[tuple[int, str], list[Judged]]]:
    """Claims that follow from the same one for the same reason, where there are several."""
    found: dict[tuple[int, str], list[Judged]] = {}
    for j in claims:
        if j.first is not None and not _off(j):
            found.setdefault((j.first, j.why), []).append(j)
    return [(why, same) for why, same in found.items() if len(same) > 1]


def _lines(found: Findings, claims: Sequence[Judged]) -> str:
    """The lines of some claims with the verb: "Line 3 follows", "Lines 3, 5 and 8 follow"."""
    lines = [str(k) for k in dict.fromkeys(found.line_of(j) for j in claims)]
    return f"Line {lines[0]} follows" if len(lines) == 1 else f"Lines {_and(lines)} follow"


def verdict_words(found: Findings, judged: Judged, audience: Audience) -> list[Prose]:
    """The verdict with its reason, to stand behind a claim."""
    teacher = audience == "teacher"
    earlier = None if judged.first is None else found.by_number.get(judged.first)
    if judged.verdict == "wrong":
        if not teacher:
            return [" is wrong. ", hint(judged)]
        told = why(judged)
        said: list[Prose] = [" is wrong. ", *with_values(told)]
        if judged.expected and judged.expected not in told:
            said += [" Right is ", *with_values(f"{judged.expected}.")]
        return said
    if judged.verdict == "follows":
        tail = "" if earlier is None else f" from line {found.line_of(earlier)}"
        if earlier is None and "earlier value" in judged.why:
            tail = " from an earlier value"
        told = judged.why.strip() if teacher else ""
        if _off(judged) and teacher:
            return [f" follows{tail}; without the mistake it is ",
                    *with_values(f"{judged.expected}.")]
        if told.startswith("follows"):
            return [f" {sentence(told, False)}"]
        return [f" follows{tail}" + (f": {sentence(told, False)}" if told else ".")]
    if judged.verdict in ("undecided", "unread"):
        word = "is not decided" if judged.verdict == "undecided" else "was not read"
        told = f": {sentence(judged.why, False)}" if teacher and judged.why else "."
        return [f" {word}{told}"]
    return [" is right." + (f" {sentence(judged.why)}" if teacher and judged.why else "")]


def _elsewhere(found: Findings, audience: Audience, limit: int) -> list[Block]:
    """Claims that belong to no question of the sheet."""
    own = found.by_question.get("", ())
    if not any(j.verdict for j in own):
        return []
    head = "Beside the questions" if found.report.questions else "Steps"
    blocks: list[Block] = [heading(1, head)]
    right = sum(j.verdict == "right" for j in own)
    if right:
        blocks.append(p(f"{number(right, 'step')} right."))
    return [*blocks, *_marks(found, own, audience, limit)]


def _all_claims(found: Findings, audience: Audience) -> Block:
    rows: list[list[Prose]] = []
    for j in found.report.judged:
        verdict = f"{SIGNS.get(j.verdict, '')} {j.verdict}".strip()
        said = j.why if audience == "teacher" else hint(j) if j.verdict == "wrong" else ""
        rows.append([str(found.line_of(j)), claim_math(j.claim), j.kind, verdict, said])
    return table([Column(inlines("line"), "right"), "claim", "class", "verdict",
                  "why" if audience == "teacher" else "hint"], rows, row_header=False)


def _not_read(found: Findings, limit: int) -> list[Block]:
    """What nobody could read: formulas one by one, sentences by their lines in a short report."""
    if not found.unread:
        return []
    words = [u for u in found.unread if u.why == "words"] if limit == _SHOWN else []
    rest = [u for u in found.unread if u not in words]
    blocks: list[Block] = [heading(1, "Not read"),
                           p("These places are for a person. They count neither for nor against.")]
    if rest:
        shown: list[Prose] = [
            inlines(f"Line {found.line(u.place.start)}: ", Code(quoted(u.text) or "(nothing)"),
                    Text(f" ({u.why})" if u.why and u.why != "words" else ""))
            for u in rest[:limit]]
        if len(rest) > limit:
            shown.append(f"and {len(rest) - limit:,} more; --all lists them")
        blocks.append(items(*shown))
    if words:
        lines = list(dict.fromkeys(found.line(u.place.start) for u in words))
        told = _and([str(k) for k in lines[:_LINES]] + (
            [f"{len(lines) - _LINES:,} more"] if len(lines) > _LINES else []))
        blocks.append(p(f"Sentences in {'line' if len(lines) == 1 else 'lines'} {told}."))
    return blocks


def _and(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    >>> _and(["1"]), _and(["1", "2", "3"])
    ('1', '1, 2 and 3')
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
