"""Points: what each question earned, from the verdicts on the claims that answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chainrule.check.paper import Paper
from chainrule.check.rounding import printed_cells
from chainrule.check.sheet import Question, Sheet
from chainrule.check.verdicts import Judged, Marked


def marked(sheet: Sheet, paper: Paper, judged: Sequence[Judged],
           asked: Mapping[int, list[tuple[Question, str]]]) -> tuple[Marked, ...]:
    """Every question of a sheet with its points."""
    by_number = {j.number: j for j in judged}
    answers: dict[str, list[tuple[Judged, str]]] = {}
    for number, found in sorted(asked.items()):
        for question, verdict in found:
            answers.setdefault(question.id, []).append((by_number[number], verdict))
    return tuple(_question(q, answers.get(q.id, []), judged) for q in sheet.questions)


def _question(question: Question, answers: list[tuple[Judged, str]],
              judged: Sequence[Judged]) -> Marked:
    under = [j for j in judged if j.kind == "claim" and _under(j, question)]
    numbers = tuple(j.number for j, _ in answers) or tuple(j.number for j in under)
    place = answers[-1][0].claim.place if answers else under[0].claim.place if under else None
    made = Marked(question.id, question.title, 0.0, question.points, claims=numbers, place=place)
    if question.ask in ("text", "choice"):
        return _with(made, 0.0, question.points, "for a person to read")
    real = _own(question, [(j, v) for j, v in answers if "vacuous" not in j.why])
    if question.ask == "table":
        links = [j for j in under if j.verdict in ("right", "follows", "wrong")]
        if links:
            good = sum(j.verdict != "wrong" for j in links)
            return _with(made, round(question.points * good / len(links), 2), 0.0,
                         f"{good} of {len(links)} entries are right")
    if question.ask in ("derivation", "proof"):
        return _worked(question, made, real, under)
    if not real:
        open_ = any(j.verdict in ("undecided", "unread") for j in under)
        return _with(made, 0.0, question.points if open_ else 0.0,
                     "undecided" if open_ else "no answer was found")
    verdict = real[-1][1]
    if verdict == "right":
        return _with(made, question.points, 0.0, "right")
    if verdict == "follows":
        return _with(made, question.points, 0.0, "right, given an earlier mistake")
    if verdict == "coarse":
        return _with(made, question.points / 2, 0.0, "right, but rounded too coarsely")
    return _with(made, 0.0, 0.0, "wrong")


def _own(question: Question, answers: list[tuple[Judged, str]]) -> list[tuple[Judged, str]]:
    """The answers in the question's own place, if there are any; of them numbers and matrices."""
    here = [a for a in answers if _under(a[0], question)] or answers
    if question.ask != "value":
        return here
    shown = [a for a in here if printed_cells(a[0].claim.right.node) is not None]
    return shown or here


def _worked(question: Question, made: Marked, answers: list[tuple[Judged, str]],
            under: list[Judged]) -> Marked:
    """A derivation or a proof: the end has to be reached, and every wrong step costs its share."""
    links = [j for j in under if j.verdict and "vacuous" not in j.why]
    own = {j.number for j, _ in answers}
    if not answers and not links:
        return _with(made, 0.0, 0.0, "no answer was found")
    good = sum(j.verdict in ("right", "follows") for j in links)
    bad = sum(j.verdict == "wrong" for j in links)
    reached = any(v in ("right", "follows") for _, v in answers) and own
    if not reached:
        open_ = any(j.verdict in ("undecided", "unread") for j in links)
        share = good / (2 * max(len(links), 1))
        return _with(made, round(question.points * share, 2),
                     question.points / 2 if open_ else 0.0, "the end is not reached")
    share = good / (good + bad) if good + bad else 1.0
    why = "right" if not bad else f"{bad} of {good + bad} steps are wrong"
    return _with(made, round(question.points * share, 2), 0.0, why)


def _under(judged: Judged, question: Question) -> bool:
    mine = [k for _, k in judged.claim.context.path]
    asked = [k for _, k in question.path]
    return bool(asked) and mine[: len(asked)] == asked


def _with(made: Marked, points: float, undecided: float, why: str) -> Marked:
    return Marked(made.question, made.title, points, made.most, undecided, why, made.claims,
                  made.place)


__all__ = ["marked"]
