"""The library as the language sees it: formulas called on whole tensors, `p = softmax(z)`.

`read` makes a program of a text that may call them:

    >>> print(read("input z[3]; p = softmax(z)"))
    input z[3]
    p[i] = exp(z[i])/sum(k) exp(z[k])
    output p
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.errors import ArityError, InputError, UnknownNameError, did_you_mean
from chainrule.formulas.entry import Entry
from chainrule.formulas.instance import Instance, instantiate
from chainrule.formulas.library import ALIASES, LAYERS, LIBRARY, find
from chainrule.formulas.renaming import apart, renamed_equation
from chainrule.formulas.template import declared_inputs, declared_parameters
from chainrule.lang.latex import from_latex, is_latex
from chainrule.lang.program import Layer, Program, Tensor, fresh
from chainrule.lang.ranges import program
from chainrule.lang.whole import Call, Expansion


class _Library:
    """The library behind the interface that `chainrule.lang.whole` asks for."""

    @property
    def names(self) -> tuple[str, ...]:
        return (*LIBRARY, *LAYERS, *ALIASES)

    def knows(self, name: str) -> bool:
        return name in LIBRARY or name in LAYERS or name in ALIASES

    def expand(self, call: Call, target: str, args: tuple[str, ...],
               tensors: Mapping[str, Tensor], taken: set[str]) -> Expansion:
        entry = find(call.name)
        given, settings = _sorted(entry, call, args)
        shapes = {}
        for local, name in given.items():
            if name in tensors:
                shapes[local] = tensors[name].shape
            elif local in declared_inputs(entry.text):
                raise UnknownNameError(
                    f"{call.name} needs the shape of {name}", None,
                    did_you_mean(name, list(tensors)) or f"declare it: `input {name}[…]`")
        instance = instantiate(entry, shapes, settings)
        return _expansion(entry, instance, target, given, tensors, taken)


LIBRARY_CALLS = _Library()


def read(text: str, name: str = "formula") -> Program:
    """The program of a text that may call the library's formulas on whole tensors.

    A text in LaTeX is translated first; errors of what comes out show chainrule's own notation.
    """
    if is_latex(text):
        return program(from_latex(text, name), f"{name} as read from LaTeX", LIBRARY_CALLS)
    return program(text, name, LIBRARY_CALLS)


def _sorted(
    entry: Entry, call: Call, args: tuple[str, ...]
) -> tuple[dict[str, str], dict[str, Any]]:
    """The tensors by the formula's names, and the settings."""
    names = [*declared_inputs(entry.text), *declared_parameters(entry.text)]
    if len(args) > len(names):
        raise ArityError(f"{call.name} takes {', '.join(names)}, found {len(args)} tensors")
    given = dict(zip(names, args, strict=False))
    settings: dict[str, Any] = {}
    for key, value in call.named:
        if key in names and isinstance(value, str):
            if key in given:
                raise ArityError(f"{call.name}: {key} is given twice")
            given[key] = value
        else:
            settings[key] = value
    for local in declared_inputs(entry.text):
        if local not in given and local not in entry.absent:
            raise InputError(f"{call.name} needs {local}", None,
                             f"write {call.name}({', '.join(declared_inputs(entry.text))})")
    return given, settings


def _expansion(
    entry: Entry, instance: Instance, target: str, given: Mapping[str, str],
    tensors: Mapping[str, Tensor], taken: set[str],
) -> Expansion:
    """The instance under the program's names; parameters that nobody gave are new inputs."""
    table = dict(given)
    output = instance.outputs[0]
    table[output] = target
    new: dict[str, Tensor] = {}
    inputs: list[str] = []
    used = set(taken)
    for local, tensor in instance.tensors.items():
        name = table.get(local)
        if name is None:
            name = table[local] = fresh(f"{target}_{local}", used)
        used.add(name)
        if name in tensors and local != output:
            continue
        new[name] = Tensor(name, tensor.shape, tensor.kind, tensor.role, below=tensor.below)
        if local in instance.inputs:
            inputs.append(name)
    names = {*used, *(s for t in new.values() for n in t.shape for s in n.sizes())}
    equations = tuple(apart(renamed_equation(e, table, target), names)
                      for e in instance.equations)
    layer = Layer(target, entry.name, target, tuple(table.items()),
                  tuple(instance.sizes.items()), instance.formula.tensors[output].shape)
    updates = tuple((table[a], table[b]) for a, b in instance.updates)
    return Expansion(new, tuple(inputs), equations, updates, layer)
