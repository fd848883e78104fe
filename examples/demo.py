"""What `make demo` shows: formulas and networks worked by hand, derived, proved, sized, drawn.

The first formula's adjoints are summed and its rows go level by level; the second one's are added
up use by use. A gradient is derived, and a claim proved. The two small networks are TOML files in
this folder, LeNet-5 is in the zoo. Everything is printed here, and written as HTML files that open
in a browser.
"""

from pathlib import Path

import chainrule as cr
from chainrule.check.checking import Checker
from chainrule.check.report import report_document
from chainrule.check.sheet_reading import find_sheet
from chainrule.explain.convolve import convolve
from chainrule.explain.layers import picture
from chainrule.nn import zoo
from chainrule.render import Page, render

HERE = Path(__file__).parent
OUT = Path("chainrule-demo")


def main() -> None:
    """Work the examples, print them, write them, and say where."""
    first = cr.formula("y = ln(x1) + x1*x2 - sin(x2)")
    second = cr.formula("y = 1/(x1+x2) + x2^2 + cos(x1)")
    lenet = zoo.load("lenet5")
    summary = lenet.summary()
    checked = Checker(find_sheet("pattern-recognition"))
    paper = HERE / "answers.md"
    documents = {
        "formula-1": first.trace(x1=2, x2=5, order="level", graph=True).document,
        "formula-2": second.trace(x1=3, x2=6, fanout="accumulate", graph=True).document,
        "toy": cr.trace(cr.load(HERE / "toy.toml")).document,
        "prelu": cr.trace(cr.load(HERE / "prelu.toml")).document,
        "derivation": cr.derive(
            "input z[K], t[K]; p = softmax(z); L = -sum(i) t[i]*ln(p[i])",
            wrt="z", given=["sum(i) t[i] = 1"]),
        "proof": cr.prove("input x[K], c; softmax(x + c) == softmax(x)"),
        "convolution": convolve([1, 2, 3, 4], [1, 0, 2], mode="full", backward=True).document,
        "checked": report_document(checked(paper.read_bytes(), paper.name, ""), "teacher"),
        "lenet5": Page(summary.title, (picture(lenet.sizes(), "N"), *summary.blocks)),
    }
    OUT.mkdir(exist_ok=True)
    for name, document in documents.items():
        print(render(document, "terminal"))
        (OUT / f"{name}.html").write_text(render(document, "html"), encoding="utf-8")
    print(f"Written to {OUT.resolve()}: " + ", ".join(f"{name}.html" for name in documents))


if __name__ == "__main__":
    main()
