"""`chainrule show`: the program that a formula is, with what was inferred."""

from __future__ import annotations

from typing import Any

import click

from chainrule.cli import common


@click.command("show", cls=common.FormulaCommand)
@click.argument("formula", nargs=-1, metavar="FORMULA|FILE|-")
@common.layers_option
@common.output_options()
def command(formula: tuple[str, ...], format: str | None, output: str | None) -> None:
    """Show a program, or a network's, with its inputs, shapes and ranges.

    The terminal's text is a program again; the shapes of what is computed stand behind a #.
    """
    from chainrule.cli import networks  # lazily: `show --help` needs none
    from chainrule.spec import Specification

    network = networks.find(formula)
    found = (common.source(formula) if network is None
             else Specification(network.program, title=network.name))
    kind = common.chosen_format(format, output)
    if kind == "terminal":
        common.write(_text(found.program), output)
    elif kind == "json":
        common.emit_data(_data(found.program), output)
    else:
        common.emit_document(_document(found.program, found.title or "Program"), kind, output)


def _text(program: Any) -> str:
    """The program in the language, a shape behind each equation of an array."""
    from chainrule.lang.printing import program_text  # lazily: `show --help` prints no program

    lines = program_text(program).split("\n")
    first = next((k for k, line in enumerate(lines) if "=" in line), len(lines))
    width = max((len(line) for line in lines), default=0)
    for k, equation in enumerate(program.equations):
        shape = program.tensors[equation.target].shape
        if shape:
            note = f"{equation.target}[{', '.join(map(str, shape))}]"
            lines[first + k] = f"{lines[first + k]:<{min(width, 60)}}  # {note}"
    return "\n".join(lines) + "\n"


def _data(program: Any) -> dict[str, Any]:
    from chainrule.lang.printing import equation_text

    def tensor(name: str) -> dict[str, Any]:
        t = program.tensors[name]
        below = {} if t.below is None else {"below": str(t.below)}
        return {"name": name, "shape": [_size(n) for n in t.shape], "kind": t.kind,
                "role": t.role, **below}

    targets = dict.fromkeys(e.target for e in program.equations)
    return {
        "inputs": [tensor(name) for name in program.inputs],
        "computed": [tensor(name) for name in targets],
        "equations": [{
            "target": e.target,
            "text": equation_text(e),
            "ranges": {r.name: _size(r.size) for r in e.ranges},
        } for e in program.equations],
        "outputs": list(program.outputs),
        "updates": dict(program.updates),
        "sizes": program.size_names(),
    }


def _size(n: Any) -> int | str:
    """A size as a number, or as text where it has names."""
    number: int | None = n.constant
    return str(n) if number is None else number


def _document(program: Any, title: str) -> Any:
    from chainrule.document.blocks import Document, MathBlock, code, heading, table
    from chainrule.document.notation import Notation
    from chainrule.explain.work import equation_math

    notation = Notation(program.tensors)
    names = [*program.inputs, *dict.fromkeys(e.target for e in program.equations)]
    rows = []
    for name in names:
        t = program.tensors[name]
        shape = " × ".join(map(str, t.shape)) or "a number"
        role = "output" if name in program.outputs else t.role
        rows.append([notation.tensor(name), code(name), shape, role])
    equations = [MathBlock(equation_math(notation, e)) for e in program.equations]
    return Document(title, (heading(1, "Equations"), *equations, heading(1, "Tensors"),
                            table(["symbol", "name", "shape", "role"], rows)))
