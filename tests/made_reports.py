"""Reports made by hand, and judges that say what a submission tells them to, for tests."""

from __future__ import annotations

import os
import time
from pathlib import Path

from chainrule.check.claims import Claim, Context, Reading, Side, Unread
from chainrule.check.paper import Paper, Place
from chainrule.check.tree import Number, Symbol
from chainrule.check.verdicts import Judged, Marked, Mistake, Report
from chainrule.errors import InputError

SIGN = Mistake("sign", "a minus was lost: it is -4, not 4", "look at the sign")


def side(text: str, whole: str, start: int) -> Side:
    at = whole.index(text, start)
    place = Place(at, at + len(text))
    node = None
    if text.isdigit():
        node = Number(place.start, place.end, text)
    elif text.isalpha() and len(text) == 1:
        node = Symbol(place.start, place.end, text)
    return Side(place, text, node)


def claim(whole: str, text: str, link: int = 0, chain: int = 0) -> Claim:
    """The claim `left = right` that stands in a text."""
    start = whole.index(text)
    left, right = text.split(" = ")
    sign = whole.index("=", start)
    return Claim(Place(sign, sign + 1), "=", side(left, whole, start), side(right, whole, sign),
                 "claim", Context(), chain, link)


def report(text: str, claims: list[tuple], questions: list[Marked] = (), name: str = "paper.md",
           student: str = "s1", unread: tuple[tuple[str, str], ...] = ()) -> Report:
    """A report; a claim is (its text, verdict, question, and a dictionary of the rest)."""
    judged = []
    for number, (written, verdict, question, *rest) in enumerate(claims, 1):
        more = {"kind": "claim", "question": question, **(rest[0] if rest else {})}
        judged.append(Judged(number, claim(text, written), verdict=verdict, **more))
    left = tuple(Unread(Place(text.index(u), text.index(u) + len(u)), u, why) for u, why in unread)
    return Report("a-sheet", student, Paper(name, text, ()),
                  Reading(tuple(j.claim for j in judged), (), left), tuple(judged),
                  tuple(questions), left)


TEXT = """Question 1

$$y = 3$$

so a = 4 and then b = 8 holds

c = 5 <script>alert(1)</script> "quoted" & more

the end ### ???
"""


def small() -> Report:
    """A right claim, a wrong one, one that follows from it, one undecided, one unread piece."""
    return report(TEXT, [
        ("y = 3", "right", "1"),
        ("a = 4", "wrong", "2", {"expected": "-4", "found": "4", "mistakes": (SIGN,),
                                 "why": "a is 4 here, and -4 in truth"}),
        ("b = 8", "follows", "2", {"first": 2, "expected": "-8", "why": "twice a"}),
        ("c = 5", "undecided", "3", {"why": "nothing says what c is"}),
    ], [Marked("1", "The value of y", 2, 2, claims=(1,)),
        Marked("2", "The slope", 1, 3, claims=(2, 3)),
        Marked("3", "A sketch", 0, 1, undecided=1, claims=(4,)),
        Marked("4", "Not done", 0, 2)],
        unread=(("### ???", "this is no formula"),))


class Stub:
    """A judge of papers of one line: how many points, and what happens on the way."""

    def __init__(self, fail: str = "") -> None:
        self.fail = fail

    def __call__(self, data: bytes, name: str, student: str) -> Report:
        text = data.decode()
        word = text.split()[0] if text.split() else ""
        if word == "error":
            raise InputError("this paper is no paper")
        if word == "bug":
            raise ZeroDivisionError("oh")
        if word == "die":
            os._exit(3)
        if word == "loop":
            time.sleep(600)
        if word == "slow":
            time.sleep(0.01)
        points = float(sum(map(ord, text)) % 5)
        verdict = "right" if points == 4 else "wrong" if points else "undecided"
        extra = {"mistakes": (SIGN,)} if verdict == "wrong" else {}
        return report(f"{text}\ny = 3\n", [("y = 3", verdict, "1", extra)],
                      [Marked("1", "One", points, 4, 0 if points else 4, claims=(1,))], name,
                      student)


def stub() -> Stub:
    return Stub()


def broken() -> Stub:
    raise InputError("there is no such sheet")


def run_class(folder: str, journal: str, gradebook: str, resume: bool, jobs: int = 2) -> None:
    """Check a folder by the stub: what a process of its own is started for, to be killed."""
    from chainrule.check.class_files import submissions
    from chainrule.check.classroom import check_class

    room = check_class(folder, submissions(folder), stub, sheet="a-sheet", questions=[("1", 4.0)],
                       key="k", jobs=jobs, journal=journal, resume=resume)
    Path(gradebook).write_text(room.gradebook(), encoding="utf-8")
