"""Small worlds for tests of the checker: a part from text, its values, claims from text."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from chainrule.check.judge import Memory, judge
from chainrule.check.judge_rooms import House, Room
from chainrule.check.judge_trials import Outcome, Trials
from chainrule.check.read import read_claims, read_formula, read_paper
from chainrule.check.sheet import Part, Question, Rounding, Sheet
from chainrule.check.values import Array, Unknown
from chainrule.check.values_frames import Chooser, Need, readings
from chainrule.check.verdicts import Report
from chainrule.formulas.calls import read

TOY = """input X[4, 4]
parameter W[2, 2]
U[i,j] = max(a<2, b<2) X[2*i+a, 2*j+b]
V[i,j] = U[i,j] if U[i,j] >= 0 else 0.1*U[i,j]
y = sum(i, j) V[i,j]*W[i,j]"""
X = [[1, 8, "0.5", 6], [3, "1.1", -1, -8], ["-0.5", -6, -3, "-1.1"], [-1, -8, "-0.5", -6]]
SOFTMAX = """input z[K]
label y < K
p = softmax(z)
g[i] = 1 if i == y else 0 with i < K
L = -ln(p[y])
output p, g, L"""


def exact(value: Any) -> Any:
    if isinstance(value, list):
        return [exact(v) for v in value]
    return Fraction(str(value))


def toy() -> Part:
    return Part("toy", read(TOY), {"X": exact(X), "W": exact([[1, 2], [10, 4]])},
                names={"X": ("x",), "U": ("u",), "V": ("v",), "W": ("w",)},
                adjoints={"L": {"y": Fraction(2)}})


def softmax() -> Part:
    return Part("softmax", read(SOFTMAX), sizes={"K": (3, 5)},
                notation=(r"P(c=j) = p_j", r"H(u, v) = -\sum_x u(x) \log v(x)"))


def room(part: Part) -> Room:
    return next(iter(House(Sheet("s", "", {part.name: part}, ()), Memory()).rooms.values()))


def holds(part: Part, text: str, *conditions: str, rule: Rounding | None = None) -> Outcome:
    """What a test of `a = b` in a part comes to."""
    piece = read_formula(text)[0]
    nodes = [read_formula(c)[0] for c in conditions]
    made = [_condition(n) for n in nodes]
    signs = {"==": "=", "!=": "≠"}
    sign = piece.signs[0].relation if hasattr(piece.signs[0], "relation") else "="
    return Trials(room(part), rule=rule).test(piece.sides[0].node, signs.get(sign, sign),
                                              piece.sides[1].node, made)


def _condition(piece: Any) -> Any:
    from chainrule.check.tree import Apply

    names = {"=": "==", "≠": "!=", "≥": ">=", "≤": "<=", "<": "<", ">": ">"}
    return Apply(0, 0, "compare", tuple(s.node for s in piece.sides),
                 tuple(names[s.relation] for s in piece.signs))


def values(part: Part, text: str, most: int = 8) -> list[Any]:
    """All values that a formula may have in the first world, likeliest first."""
    node = read_formula(text)[0].sides[0].node
    trials = Trials(room(part))

    def run() -> Any:
        e = trials.evaluator(trials.room.world(0), chooser, False)
        try:
            return e.value(node, e.frame())
        except Need as need:
            raise Unknown(f"{need.letter} is free") from None

    chooser = Chooser()
    return [plain(v) for _, v in readings(chooser, run, most)]


def plain(value: Any) -> Any:
    if isinstance(value, Array):
        return [plain(c) for c in value.cells]
    if isinstance(value, Unknown):
        return value.kind
    return value if isinstance(value, bool) else round(float(value), 9)


def judged(part: Part, text: str, *questions: Question, rounding: Rounding | None = None) -> Report:
    """The report on a paper against a sheet of one part."""
    sheet = Sheet("s", "", {part.name: part}, questions, rounding or Rounding())
    paper = read_paper(text, "paper.md")
    return judge(sheet, paper, read_claims(paper))


def verdicts(report: Report) -> list[str]:
    return [j.verdict for j in report.judged if j.kind == "claim"]
