"""A paper with marks in its margin: one HTML file that needs nothing else.

Above stands the report, below it the paper, line for line as it was handed in. Each claim is
marked where it stands, and what there is to say of it stands beside it. All text of the paper is
escaped, control characters and changes of writing direction are made visible, and there is no
script: a paper is a stranger's file.

Marks are told apart by their underline as well as by their colour: none but the eye is needed to
print them on paper without colours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from chainrule.check.report import report_document, verdict_words
from chainrule.check.report_findings import SIGNS, Audience, Findings
from chainrule.check.report_math import claim_math
from chainrule.check.verdicts import Judged, Report
from chainrule.document.blocks import Code, Emph, Inlines, Strong, inlines
from chainrule.document.mathtree import Math, mathml
from chainrule.render import to_html
from chainrule.render.to_html import escaped

_LOOKS: Final = """
.cr-paper { display: grid; grid-template-columns: max-content minmax(16rem, 3fr) minmax(14rem, 2fr);
  column-gap: 1rem; border-top: 1px solid var(--cr-rule); padding-top: .8em; }
.cr-line { display: contents; }
.cr-line > .cr-number { color: var(--cr-soft); text-align: right; font-size: .8em;
  font-variant-numeric: tabular-nums; user-select: none; }
.cr-line > .cr-source { white-space: pre-wrap; overflow-wrap: anywhere; min-height: 1.4em;
  font: .88em/1.5 ui-monospace, "Cascadia Mono", Menlo, "DejaVu Sans Mono", monospace; }
.cr-line > .cr-margin { font-size: .88em; line-height: 1.4; min-width: 0; overflow-x: auto; }
.cr-margin p { margin: 0 0 .3em; max-width: none; }
.cr-source mark { background: none; color: inherit; text-decoration-thickness: 2px;
  text-underline-offset: 3px; }
.cr-source mark.right { text-decoration: underline #2a7d4f; }
.cr-source mark.wrong { text-decoration: underline wavy #c2321a; background: var(--cr-mark); }
.cr-source mark.follows { text-decoration: underline dashed #b06a00; }
.cr-source mark.undecided, .cr-source mark.unread { text-decoration: underline dotted #5b6470; }
.cr-sign { display: inline-block; min-width: 1.2em; font-weight: 700; }
.cr-sign.right { color: #2a7d4f; } .cr-sign.wrong { color: #c2321a; }
.cr-sign.follows { color: #b06a00; } .cr-sign.undecided, .cr-sign.unread { color: var(--cr-soft); }
@media (prefers-color-scheme: dark) { .cr-sign.right { color: #6cc793; }
  .cr-sign.wrong { color: #f3937b; } .cr-sign.follows { color: #e5ae5c; } }
.cr-gap { grid-column: 1 / -1; color: var(--cr-soft); text-align: center; padding: .4em; }
@media (max-width: 60rem) { .cr-paper { grid-template-columns: max-content 1fr; }
  .cr-line > .cr-margin { grid-column: 2; } }
@media print { .cr-line > * { break-inside: avoid; } }
""".strip()
_LINES: Final = 20_000  # lines of a paper that are all shown; of a longer one those near marks
_NEAR: Final = 3
_WORST: Final = ("unread", "right", "undecided", "follows", "wrong")


def report_html(report: Report, audience: Audience = "teacher", every: bool = False) -> str:
    """The report and, below it, the paper with marks in its margin, as one HTML file."""
    found = Findings(report)
    page = to_html.render(report_document(report, audience, every))
    looks, body = _LOOKS, _paper(found, audience)
    page = page.replace("</style>\n</head>", f"{looks}\n</style>\n</head>", 1)
    return page.replace("\n</main>", f"\n<h2>The paper</h2>\n{body}\n</main>", 1)


def _paper(found: Findings, audience: Audience) -> str:
    """The paper's lines, with their numbers and what stands in the margin."""
    text, starts = found.report.paper.text, found.starts
    notes, marks, unread = _margin(found), _marks(found), _unread(found)
    rows, before = ['<div class="cr-paper">'], 0
    for line in _shown(len(starts), notes, marks):
        if line > before + 1:
            rows.append(f'<div class="cr-gap">{line - before - 1:,} lines left out</div>')
        before = line
        start = starts[line - 1]
        end = starts[line] - 1 if line < len(starts) else len(text)
        source = _source(text, start, end, marks.get(line, ()))
        said = "".join(_note(found, j, audience) for j in notes.get(line, ()))
        said += "".join(
            f'<p><span class="cr-sign unread">{SIGNS["unread"]}</span>not read'
            + (f": {escaped(why)}" if why else "") + "</p>" for why in unread.get(line, ())
        )
        rows.append(f'<div class="cr-line" id="line-{line}"><div class="cr-number">{line}</div>'
                    f'<div class="cr-source">{source}</div><div class="cr-margin">{said}</div>'
                    "</div>")
    if before < len(starts):
        rows.append(f'<div class="cr-gap">{len(starts) - before:,} lines left out</div>')
    return "\n".join([*rows, "</div>"])


def _shown(count: int, *marked: dict[int, list[Judged]] | dict[int, list[Mark]]) -> Iterator[int]:
    if count <= _LINES:
        yield from range(1, count + 1)
        return
    near = {1}
    for lines in marked:
        for line in lines:
            near.update(range(max(1, line - _NEAR), min(count, line + _NEAR) + 1))
    yield from sorted(near)[:_LINES]


def _margin(found: Findings) -> dict[int, list[Judged]]:
    """The claims with a verdict, by the line of their sign."""
    notes: dict[int, list[Judged]] = defaultdict(list)
    for judged in found.report.judged:
        if judged.verdict:
            notes[found.line_of(judged)].append(judged)
    return notes


def _unread(found: Findings) -> dict[int, list[str]]:
    lines: dict[int, list[str]] = defaultdict(list)
    for unread in found.unread:
        if unread.why != "words":  # sentences are underlined, and speak for themselves
            lines[found.line(unread.place.start)].append(unread.why)
    return lines


Mark = tuple[int, int, str]  # characters of the text and the verdict that marks them


def _marks(found: Findings) -> dict[int, list[Mark]]:
    """What is marked on each line; where marks meet, the worst verdict shows."""
    spans: list[Mark] = []
    for judged in found.report.judged:
        if judged.verdict:
            place = found.place(judged.claim)
            spans.append((place.start, place.end, judged.verdict))
    for unread in found.report.unread:
        spans.append((unread.place.start, min(unread.place.end, len(found.report.paper.text)),
                      "unread"))
    lines: dict[int, list[Mark]] = defaultdict(list)
    for start, end, verdict in _apart(spans):
        for line in range(found.line(start), found.line(end - 1) + 1):
            begin = found.starts[line - 1]
            stop = found.starts[line] - 1 if line < len(found.starts) else len(
                found.report.paper.text)
            if max(start, begin) < min(end, stop):
                lines[line].append((max(start, begin), min(end, stop), verdict))
    return lines


def _apart(spans: list[Mark]) -> Iterator[Mark]:
    """Spans that may overlap, cut so that they do not."""
    events = sorted([(start, 1, v) for start, end, v in spans if end > start]
                    + [(end, -1, v) for start, end, v in spans if end > start])
    open_now = dict.fromkeys(_WORST, 0)
    before, showing = 0, ""
    for at, change, verdict in events:
        if showing and at > before:
            yield before, at, showing
        open_now[verdict] = open_now.get(verdict, 0) + change
        before = at
        showing = next((v for v in reversed(_WORST) if open_now[v]), "")


def _source(text: str, start: int, end: int, marks: list[Mark] | tuple[()]) -> str:
    pieces, at = [], start
    for first, last, verdict in marks:
        pieces.append(escaped(text[at:first]))
        pieces.append(f'<mark class="{verdict}">{escaped(text[first:last])}</mark>')
        at = last
    return "".join([*pieces, escaped(text[at:end])])


def _note(found: Findings, judged: Judged, audience: Audience) -> str:
    """What stands in the margin beside a claim: short where it is right."""
    sign = f'<span class="cr-sign {judged.verdict}">{SIGNS[judged.verdict]}</span>'
    if judged.verdict == "right":
        return f'<p title="{escaped(judged.why if audience == "teacher" else "")}">{sign}</p>'
    said = inlines(*claim_math(judged.claim), *verdict_words(found, judged, audience))
    return f"<p>{sign}{_prose(said)}</p>"


def _prose(content: Inlines) -> str:
    pieces = []
    for part in content:
        if isinstance(part, Math):
            pieces.append(mathml(part))
            continue
        tag = {Code: "code", Strong: "strong", Emph: "em"}.get(type(part))
        said = escaped(part.text)
        pieces.append(f"<{tag}>{said}</{tag}>" if tag else said)
    return "".join(pieces)
