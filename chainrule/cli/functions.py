"""`chainrule functions`: the table of functions, generated from the table itself."""

from __future__ import annotations

from typing import Any

import click

from chainrule.cli import common

_ARGUMENTS = (), ("x",), ("a", "b")


@click.command("functions")
@click.argument("name", required=False)
@common.output_options()
def command(name: str | None, format: str | None, output: str | None) -> None:
    """List the functions of the language with derivatives, domains and kinks, or one of them."""
    from chainrule.errors import UnknownNameError, did_you_mean
    from chainrule.lang.functions import FUNCTIONS, NAMES  # lazily: `--help` needs no table

    entries = list(FUNCTIONS.values())
    if name is not None:
        if name not in NAMES:
            raise UnknownNameError(f"there is no function {name!r:.60}", None,
                                   did_you_mean(name, list(NAMES)))
        entries = [FUNCTIONS[NAMES[name]]]
    if common.chosen_format(format, output) == "json":
        common.emit_data({"functions": [_data(e) for e in entries]}, output)
    else:
        common.emit_document(_document(entries), format, output)


def _arguments(entry: Any) -> tuple[Any, ...]:
    from chainrule.lang.expr import Ref

    return tuple(Ref(name) for name in _ARGUMENTS[entry.arity])


def _partials(entry: Any) -> list[Any]:
    """The partial derivatives as expressions of the arguments and of the function itself."""
    from chainrule.lang.expr import Apply

    arguments = _arguments(entry)
    return [d(*arguments, Apply(entry.name, arguments)) for d in entry.partials]


def _data(entry: Any) -> dict[str, Any]:
    from chainrule.lang.printing import expression_text

    arguments = _ARGUMENTS[entry.arity]
    return {
        "name": entry.name,
        "aliases": list(entry.aliases),
        "arguments": list(arguments),
        "derivatives": {a: expression_text(d)
                        for a, d in zip(arguments, _partials(entry), strict=False)},
        "domain": entry.needs or None,
        "kinks": [{
            "where": f"{expression_text(k.where(*_arguments(entry)))} = 0",
            "by": arguments[k.argument],
            "chosen": str(k.chose), "from": [str(k.low), str(k.high)],
        } for k in entry.kinks],
        "condition": entry.boolean,
        "rule": entry.why,
    }


def _document(entries: list[Any]) -> Any:
    from chainrule.document.blocks import Document, code, table

    rows = [_row(entry) for entry in entries]
    written = [code(" ".join((e.name, *e.aliases))) for e in entries]
    body = [[name, *row] for name, row in zip(written, rows, strict=True)]
    head = ["name", "written", "derivative", "defined for", "at a kink"]
    return Document("Functions", (table(head, body),))


def _row(entry: Any) -> list[Any]:
    from chainrule.document.notation import Notation
    from chainrule.lang.expr import Apply

    notation = Notation({})
    arguments = _arguments(entry)
    derivatives: list[Any] = []
    for name, d in zip(_ARGUMENTS[entry.arity], _partials(entry), strict=False):
        derivatives += [", "] if derivatives else []
        derivatives += [f"by {name}: "] if entry.arity > 1 else []
        derivatives.append(notation.expression(d))
    kinks: list[Any] = []
    for kink in entry.kinks:
        if not kinks:
            where = notation.expression(kink.where(*arguments))
            kinks = ["where ", where, f" is 0: {kink.chose}, from {kink.low} to {kink.high}"]
    if entry.jumps and not kinks and entry.name != "stop_gradient":
        kinks = ["jumps; 0 there too"]
    return [[notation.expression(Apply(entry.name, arguments))],
            derivatives or ["none: a condition" if entry.boolean else "none: a constant"],
            entry.needs or "all numbers", kinks]
