"""`chainrule plot`: a function and its derivative over a range of one input."""

from __future__ import annotations

import io
import math
import os
import re
from typing import Any

import click

from chainrule.cli import common
from chainrule.errors import ChainruleError, DomainError, InputError
from chainrule.literals import number

_POINTS = 401
_KINDS = (".svg", ".png", ".pdf")


@click.command("plot", cls=common.FormulaCommand)
@common.formula_arguments
@click.option("--over", required=True, metavar="NAME=FROM:TO", help="What runs, such as x=-3:3.")
@click.option("--of", metavar="NAME", help="The output to draw, where there are several.")
@click.option("--output", "-o", required=True, metavar="FILE", help="An .svg, .png or .pdf file.")
def command(formula: tuple[str, ...], at: tuple[str, ...], index_number: str | None, over: str,
            of: str | None, output: str) -> None:
    """Draw a function and its derivative over a range of one input.

    Other inputs take their values from --at. Where the function is not defined, nothing is drawn.
    """
    suffix = os.path.splitext(output)[1].lower()
    if suffix not in _KINDS:
        raise InputError(f"a picture is written to one of {', '.join(_KINDS)}, not {suffix!r:.20}")
    name, start, stop = _range(over)
    found = common.source(formula, at, index_number, floats=True)
    common.check_of(found.program, of)
    figure_class = _matplotlib()
    with found.placed():
        curves = _curves(found.program, found.values, name, start, stop, of)
    common.write_file(output, _picture(figure_class, curves, name, suffix[1:]))


def _range(over: str) -> tuple[str, float, float]:
    """`x=-3:3` as ("x", -3.0, 3.0)."""
    match = re.fullmatch(r"\s*([^\W\d]\w*)\s*=([^:]+):([^:]+)", over)
    if match is None:
        raise InputError(f"--over wants NAME=FROM:TO, found {over!r:.60}", hint="--over x=-3:3")
    start, stop = float(number(match[2])), float(number(match[3]))
    if not start < stop:
        raise InputError(f"--over runs upwards: {start:g} is not below {stop:g}")
    return match[1], start, stop


def _matplotlib() -> Any:
    try:
        from matplotlib.figure import Figure  # lazily: an extra, and slow to load
    except ImportError:
        raise InputError("plots need matplotlib, which is not installed",
                         hint="pip install 'chainrule[plot]'") from None
    return Figure


def _curves(program: Any, values: Any, name: str, start: float, stop: float,
            of: str | None) -> dict[str, Any]:
    """The points, the function's values there and its derivative's; NaN where undefined."""
    from chainrule.frontend import Formula  # lazily: `plot --help` evaluates nothing

    if name not in program.inputs:
        from chainrule.errors import UnknownNameError, did_you_mean

        raise UnknownNameError(f"the program has no input called {name}", None,
                               did_you_mean(name, list(program.inputs)))
    face = Formula(program)
    output = face.only(of)
    points = [start + (stop - start) * k / (_POINTS - 1) for k in range(_POINTS)]
    heights, slopes = [], []
    failure: ChainruleError | None = None
    for x in points:
        try:
            y, slope = face.value_and_gradient({**values, name: x}, of=output, wrt=name)
            heights.append(y)
            slopes.append(slope[name])
        except DomainError as error:
            failure = error
            heights.append(float("nan"))
            slopes.append(float("nan"))
    if failure is not None and all(y != y for y in heights):
        raise failure
    return {"x": points, output: heights, "derivative": slopes, "of": output}


def _limits(heights: list[float]) -> tuple[float, float] | None:
    """Limits that leave out a pole's last few points, where those would flatten all the rest."""
    finite = sorted(y for y in heights if math.isfinite(y))
    if not finite:
        return None
    low, high = finite[len(finite) // 50], finite[-1 - len(finite) // 50]
    margin = 0.15 * (high - low)
    if finite[-1] - finite[0] <= 3 * (high - low) or not margin:
        return None
    return low - margin, high + margin


def _picture(figure_class: Any, curves: dict[str, Any], name: str, kind: str) -> bytes:
    """The figure's file, the same bytes for the same curves."""
    import matplotlib

    of = curves["of"]
    with matplotlib.rc_context({"svg.hashsalt": "chainrule", "svg.fonttype": "none"}):
        figure = figure_class(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.add_subplot()
        axes.axhline(0, color="0.8", linewidth=0.8)
        axes.plot(curves["x"], curves[of], label=of)
        axes.plot(curves["x"], curves["derivative"], linestyle="--", label=f"d{of}/d{name}")
        axes.set_xlabel(name)
        limits = _limits([*curves[of], *curves["derivative"]])
        if limits is not None:
            axes.set_ylim(*limits)
        axes.legend()
        file = io.BytesIO()
        figure.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return file.getvalue()
