"""`chainrule doctor`: what is installed, what is missing, and whether a trace comes out right."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from typing import Any

import click

from chainrule.cli import FINDINGS, OK, common

_CORE = ("numpy", "mpmath", "click")
_EXTRAS = {
    "native": ("llvmlite", "scipy", "threadpoolctl"),
    "plot": ("matplotlib",),
    "train": ("safetensors", "rich"),
}
_FOR = {"native": "compiled training", "plot": "pictures", "train": "checkpoints and progress"}


@click.command("doctor")
@common.output_options()
@click.pass_context
def command(ctx: click.Context, format: str | None, output: str | None) -> int:
    """Say what is installed, what is missing, and whether a trace comes out right.

    The exit code is 1 where a required package is missing or the trace is wrong.
    """
    packages = {name: _version(name) for name in _CORE}
    extras = {extra: {name: _version(name) for name in names} for extra, names in _EXTRAS.items()}
    test = _self_test()
    healthy = all(packages.values()) and test == "right"
    data = {
        "chainrule": _version("chainrule") or _source_version(), "python": _python(),
        "platform": f"{platform.system()} {platform.machine()}", "packages": packages,
        "extras": extras, "self-test": test, "healthy": healthy,
    }
    if common.chosen_format(format, output) == "json":
        common.emit_data(data, output)
    else:
        common.emit_document(_document(data), format, output)
    return OK if healthy else FINDINGS


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _source_version() -> str:
    import chainrule

    return f"{chainrule.__version__} (not installed)"


def _python() -> str:
    return f"{platform.python_version()} ({sys.implementation.name})"


def _self_test() -> str:
    """Work a formula whose derivative is known: "right", or what went wrong."""
    try:
        from chainrule.explain.trace import trace  # lazily, and inside: it may be what is broken
        from chainrule.lang.ranges import program

        worked = trace(program("y = ln(x1) + x1*x2 - sin(x2)"), {"x1": 2, "x2": 5})
        found = worked.gradient["x1"].cells[0]
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    return "right" if found * 2 == 11 else f"dy/dx1 is {found}, not 11/2"


def _document(data: dict[str, Any]) -> Any:
    from chainrule.document.blocks import Document, code, p, table

    rows: list[list[Any]] = [["chainrule", data["chainrule"], ""], ["Python", data["python"], ""],
                             ["platform", data["platform"], ""]]
    for name, version in data["packages"].items():
        rows.append([name, version or "missing", "" if version else f"pip install {name}"])
    for extra, found in data["extras"].items():
        for name, version in found.items():
            todo = "" if version else code(f"pip install 'chainrule[{extra}]'")
            what = f"{name} ({_FOR[extra]})"
            rows.append([what, version or "not installed", todo])
    test = data["self-test"]
    verdict = "A worked trace comes out right." if test == "right" else f"A trace fails: {test}"
    return Document("Chainrule's health",
                    (table(["what", "version", "to install"], rows), p(verdict)))
