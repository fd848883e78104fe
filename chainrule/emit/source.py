"""A program as a source file: docstring, forward pass, backward pass, a check that runs.

The forward function returns the outputs and a cache of what the backward function reads; that one
returns the derivatives by name. The file ends with a small example, whose derivatives it compares
with central differences. It needs the one library and nothing of ours.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from chainrule.emit.example import Example, example
from chainrule.emit.functions import File, body, untold
from chainrule.emit.heading import heading
from chainrule.emit.jax import JaxPrinter
from chainrule.emit.lines import WIDTH, broken, filled, listed
from chainrule.emit.mains import JaxMain, NumpyMain, TorchMain
from chainrule.emit.names import Names
from chainrule.emit.numpy import NumpyPrinter
from chainrule.emit.prepared import Prepared, prepared
from chainrule.emit.pytorch import TorchPrinter
from chainrule.emit.scope import Sample
from chainrule.emit.target import Main, Target
from chainrule.errors import InputError, LimitError, did_you_mean
from chainrule.lang.program import Program
from chainrule.limits import EMITTED_EQUATIONS

TARGETS: Final = {
    "numpy": Target("NumPy", "import numpy as np", "strided", NumpyPrinter, NumpyMain),
    "pytorch": Target("PyTorch", "import torch", "unfold", TorchPrinter, TorchMain),
    "jax": Target("JAX", "import jax\nimport jax.numpy as jnp", "grid", JaxPrinter, JaxMain,
                  "Both functions are pure and can be given to jax.jit{}."),
}


def emit(program: Program, target: str = "numpy", *, of: str | None = None,
         wrt: Sequence[str] | None = None, forward_only: bool = False, title: str = "") -> str:
    """A program and its derivatives as the text of a Python file.

    `target` is "numpy", "pytorch" or "jax". `of` is the output to differentiate: a scalar has a
    gradient, for an array the backward function takes its adjoint. `wrt` are the tensors to
    differentiate by: the parameters where there are any, else the real inputs.

    Raises `InputError` for a target that there is not, `DerivativeError` where nothing can be
    differentiated as asked, `LimitError` for a program of too many equations.

    >>> from chainrule.lang.ranges import program
    >>> print(emit(program("y = a*sin(b)"), forward_only=True).split("\\n\\n\\n")[1])
    def forward(a, b):
        \"\"\"The value of y.\"\"\"
        # y = a*sin(b)
        y = a * np.sin(b)
    <BLANKLINE>
        return y
    """
    found = TARGETS.get(target)
    if found is None:
        raise InputError(f"there is no target {target!r:.40}", None,
                         did_you_mean(target, list(TARGETS)) or f"one of {', '.join(TARGETS)}")
    if len(program.equations) > EMITTED_EQUATIONS:
        raise LimitError(
            f"{len(program.equations):,} equations; at most {EMITTED_EQUATIONS:,} are written",
            hint="a person reads the file: emit a part of the network")
    ready = prepared(program, of, wrt, forward_only)
    names = Names()
    for name in ready.program.tensors:
        names.tensor(name)
    for name in ready.program.size_names():
        names.size(name)
    file = File(ready.program, names, Sample(ready.program), found, untold(program), {}, {})
    functions = _functions(file, ready)
    end = found.main(Main(ready.program, names, _example(file, ready), ready.outputs, ready.of,
                          ready.seeds, ready.gradients, file.sizes, file.printer())).text()
    helpers = [found.printer.helpers[n] for n in file.needs if n in found.printer.helpers]
    parts = [heading(file, ready, title), *helpers, *functions, end]
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def _functions(file: File, ready: Prepared) -> list[str]:
    """The forward and, where it is wanted, the backward function."""
    forward = body(file, ready.forward, ready.inputs, ())
    if not ready.gradients:
        return [_forward(file, ready, forward.lines, None)]
    known = [*ready.inputs, *(e.target for e in ready.forward)]
    given = list(ready.seeds.values())
    backward = body(file, ready.backward, given, known)
    cache = [n for n in dict.fromkeys(known) if n in backward.reads]
    return [_forward(file, ready, forward.lines, cache),
            _backward(file, ready, backward.lines, cache)]


def _forward(file: File, ready: Prepared, lines: list[str], cache: list[str] | None) -> str:
    """`def forward(...)`."""
    arguments = [*map(file.names.tensor, ready.inputs), *map(file.names.size, file.sizes)]
    results = [file.names.tensor(n) for n in ready.outputs]
    words = f"The value{'s' * (len(results) > 1)} of {_listed(results)}"
    if cache is not None:
        words += ", and what the backward pass needs"
        kept = [file.names.tensor(n) for n in cache]
        lines = [*lines, "", *filled("    cache = ", kept, "")]
        results.append("cache")
    else:
        lines = [*lines, ""]
    return "\n".join([*filled("def forward", arguments, ":"),
                      *_docstring(f"{words}."), *lines, *listed("    return ", results, "")])


def _backward(file: File, ready: Prepared, lines: list[str], cache: list[str]) -> str:
    """`def backward(...)`."""
    names = file.names
    seeds = [names.tensor(n) for n in ready.seeds.values()]
    arguments = ["cache", *seeds, *map(names.size, file.sizes)]
    of = _listed([names.tensor(n) for n in ready.of if n in ready.seeds or not seeds])
    by = _listed([names.tensor(n) for n in ready.gradients])
    words = f"The derivative{'s' * (len(ready.gradients) > 1)} of {of} by {by}."
    if seeds:
        words = (f"The adjoint{'s' * (len(ready.gradients) > 1)} of {by}, given {_listed(seeds)}, "
                 f"the adjoint{'s' * (len(seeds) > 1)} of {of}.")
    unpacked: list[str] = []
    if cache:
        kept = [names.tensor(n) for n in cache]
        unpacked = listed("    ", kept, " = cache") if len(kept) > 1 else [
            f"    ({kept[0]},) = cache"]
        if lines and lines[0].startswith("    #"):
            unpacked.append("")
    pairs = [f'"{names.tensor(n)}": {names.tensor(d)}' for n, d in ready.gradients.items()]
    return "\n".join([*filled("def backward", arguments, ":"), *_docstring(words),
                      *unpacked, *lines, "", *broken("    return ", f"{{{', '.join(pairs)}}}")])


def _example(file: File, ready: Prepared) -> Example:
    """Sizes and random numbers for which the forward pass runs."""
    forward = ready.forward
    targets = {*ready.inputs, *(e.target for e in forward)}
    return example(replace(
        ready.program, equations=tuple(forward), inputs=tuple(ready.inputs),
        outputs=tuple(ready.outputs), updates=(), tensors={
            n: t for n, t in ready.program.tensors.items() if n in targets}), file.sample.points)


def _listed(words: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _docstring(text: str) -> list[str]:
    pad = "    "
    if len(pad) + len(text) + 6 <= WIDTH:
        return [f'{pad}"""{text}"""']
    first, *rest = textwrap.wrap(text, WIDTH - len(pad) - 3)
    return [f'{pad}"""{first}', *(f"{pad}{line}" for line in rest), f'{pad}"""']


__all__ = ["TARGETS", "emit"]
