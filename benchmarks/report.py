"""docs/benchmarks.md from what the benchmarks have left in benchmarks/results.

    python benchmarks/report.py [results] [page]

The bars come first, met or missed; then every table as it was printed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from processes import HERE
from reporting import RESULTS, markdown

PAGE = HERE.parent / "docs" / "benchmarks.md"
WHY = HERE / "why.md"  # written by hand, from profiles
ORDER = ("mlp", "wide", "lenet", "cnn256", "attention", "scalar", "elementwise", "scaling")

HEAD = """# Benchmarks

`make bench` measures machine code against other tools, on your machine, and builds this page.
`make bench BENCH=lenet` measures one job. It takes about a quarter of an hour, and installs the
other tools from PyPI into an environment of its own, `.venv-bench`.

How it is measured:

- All candidates of a job are measured in one run, in turn (A B C … A B C …), at least seven times
  after warming up. What is compared are medians; *spread* is from the least to the greatest sample,
  over the median.
- Each tool lives in a process of its own with 1 and with 2 threads, where it has the choice; the
  bars take each tool at its best. With one thread a process is held to one processor.
- Before anything is timed the answers are compared: losses and weights after some steps, or outputs
  and gradients. *Answer within* is the largest difference from ours over the largest number of the
  array. Whoever has another answer is not timed, and the table says so.
- *Of the limit* is the machine's own time for the job over the time taken: the operations of its
  matrix products at the rate of a large square product, plus the bytes that must be read and
  written at the rate of copying. The better of NumPy's and PyTorch's BLAS counts, in the same run.
- chainrule is called as `chainrule train` calls it, and `cr.compile` for scalar formulas. The
  256×256 network, the attention block and the formula on 16 million numbers go one level below the
  public names, so that inputs stay where they are, as the other tools' tensors do.
"""


def results(folder: Path) -> list[dict[str, Any]]:
    """What is kept, in the page's order."""
    paths = [folder / f"{name}.json" for name in ORDER]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def bars(found: list[dict[str, Any]]) -> Iterator[str]:
    """All bars in one table."""
    columns = ["job", "asked for", "measured", "verdict"]
    rows = [[bar["what"], bar["required"], bar["measured"], "met" if bar["met"] else "**missed**"]
            for result in found for bar in result["bars"]]
    met = sum(bar["met"] for result in found for bar in result["bars"])
    yield f"## What was asked for\n\n{met} of {len(rows)} bars are met.\n"
    yield markdown({"title": "", "columns": columns, "rows": rows})


def page(found: list[dict[str, Any]]) -> str:
    """The page's text."""
    parts = [HEAD, *bars(found), "\n" + WHY.read_text(encoding="utf-8")]
    for result in found:
        parts.append(f"\n## {result['title']}\n\n{result['about']}")
        quick = ", in a quick run, which says little" if result["how"]["quick"] else ""
        parts.append(f"\nMeasured on {result['date']}{quick}.")
        parts += [f"\n{markdown(part)}" for part in result["parts"]]
    machines = {json.dumps(result["machine"]) for result in found}
    for text in sorted(machines):
        rows = [[name, value] for name, value in json.loads(text).items()]
        parts.append("\n## The machine\n\n"
                     + markdown({"title": "", "columns": ["", "version"], "rows": rows}))
    return "\n".join(parts) + "\n"


def main(folder: str | Path = RESULTS, to: str | Path = PAGE) -> None:
    """Write the page."""
    found = results(Path(folder))
    Path(to).write_text(page(found), encoding="utf-8")
    print(f"{to}: {len(found)} benchmarks")


if __name__ == "__main__":
    main(*sys.argv[1:])
