"""`chainrule formulas`: the library of layers, activations and losses."""

from __future__ import annotations

from typing import Any

import click

from chainrule.cli import common


@click.command("formulas")
@click.argument("name", required=False)
@common.output_options()
def command(name: str | None, format: str | None, output: str | None) -> None:
    """List the formulas of the library, or show one with its derivative.

    \b
    chainrule formulas
    chainrule formulas conv2d
    """
    from chainrule.explain.formula_page import catalogue, page  # lazily: `--help` needs none
    from chainrule.formulas.library import FAMILIES, find

    entries = [find(name)] if name is not None else [e for f in FAMILIES.values() for e in f]
    if common.chosen_format(format, output) == "json":
        common.emit_data({"formulas": [_data(e) for e in entries]}, output)
    elif name is not None:
        common.emit_document(page(entries[0]), format, output)
    else:
        common.emit_document(catalogue(list(FAMILIES.items())), format, output)


def _data(e: Any) -> dict[str, Any]:
    import inspect

    return {
        "name": e.name, "layer": e.layer, "title": e.title, "purpose": e.purpose,
        "source": e.source, "kind": e.kind, "text": inspect.cleandoc(e.text),
        "training": inspect.cleandoc(e.training) if e.training else None,
        "settings": [{"name": s.name, "stands_for": s.stands_for,
                      "default": None if s.default == "needed" else s.default,
                      "needed": s.default == "needed", "words": list(s.words)}
                     for s in e.settings],
        "absent": dict(e.absent), "initial": dict(e.initial), "aliases": list(e.aliases),
    }
