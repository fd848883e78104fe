"""What `make demo` shows: two formulas and two small networks, worked by hand.

The first formula's adjoints are summed and its rows go level by level; the second one's are added
up use by use. The networks are TOML files in this folder. Everything is printed here, and written
as HTML files that open in a browser.
"""

from pathlib import Path

import chainrule as cr
from chainrule.render import render

HERE = Path(__file__).parent
OUT = Path("chainrule-demo")


def main() -> None:
    """Work the examples, print them, write them, and say where."""
    first = cr.formula("y = ln(x1) + x1*x2 - sin(x2)")
    second = cr.formula("y = 1/(x1+x2) + x2^2 + cos(x1)")
    traces = {
        "formula-1": first.trace(x1=2, x2=5, order="level", graph=True),
        "formula-2": second.trace(x1=3, x2=6, fanout="accumulate", graph=True),
        "toy": cr.trace(cr.load(HERE / "toy.toml")),
        "prelu": cr.trace(cr.load(HERE / "prelu.toml")),
    }
    OUT.mkdir(exist_ok=True)
    for name, trace in traces.items():
        print(render(trace.document, "terminal"))
        (OUT / f"{name}.html").write_text(render(trace.document, "html"), encoding="utf-8")
    print(f"Written to {OUT.resolve()}: " + ", ".join(f"{name}.html" for name in traces))


if __name__ == "__main__":
    main()
