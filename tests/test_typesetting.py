"""What is printed as LaTeX compiles, where the tools to see that are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from chainrule.document.blocks import Chain, Document, MathBlock, Table
from chainrule.document.mathtree import Math, latex
from chainrule.frontend import trace
from chainrule.render import render
from chainrule.spec import load

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.toml"))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_a_trace_compiles_with_pdflatex(path: Path, tmp_path: Path) -> None:
    document = trace(load(path), graph=True).document
    (tmp_path / "trace.tex").write_text(render(document, "latex"), encoding="utf-8")
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "trace.tex"],
                          cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


def formulas(document: Document) -> list[Math]:
    found: list[Math] = []
    for block in document.blocks:
        if isinstance(block, MathBlock):
            found.append(block.math)
        elif isinstance(block, Chain):
            found += [block.lhs, *(link.math for link in block.links)]
        elif isinstance(block, Table):
            found += [m for r in block.rows for c in r for m in c.content if isinstance(m, Math)]
    return found


@pytest.mark.skipif(shutil.which("katex") is None, reason="KaTeX's command line is not installed")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_katex_accepts_the_formulas_in_strict_mode(path: Path) -> None:
    lines = [latex(m) for m in formulas(trace(load(path)).document)]
    text = r"\begin{gathered}" + r" \\ ".join(lines) + r"\end{gathered}"
    done = subprocess.run(["katex", "--strict", "--display-mode"], input=text.encode(),
                          capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]


def test_latex_holds_no_character_outside_ascii() -> None:
    for path in EXAMPLES:
        for m in formulas(trace(load(path)).document):
            assert latex(m).isascii(), latex(m)
