"""From the graph that operators built to a program: one walk, one equation a node.

The walk is iterative, so a loop of 100,000 operations is as good as ten. Names come from
`.named("h")`, from the outputs, or are t1, t2, ...; indices take letters that are no names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from chainrule.errors import DefinitionError
from chainrule.formulas.renaming import apart
from chainrule.lang.naming import natural_order
from chainrule.lang.program import Equation, Layer, Program, Tensor
from chainrule.lang.verify import verify
from chainrule.limits import NESTING
from chainrule.operators.layers import Formed
from chainrule.operators.nodes import Elementwise, Input, Node, Operand, Where
from chainrule.operators.views import copy

_LETTERS: Final = "ijklmnpqrsuvw"


def program_of(outputs: Mapping[str, Node],
               updates: Mapping[Input, Node] | None = None,
               made: Iterable[Node] = ()) -> Program:
    """The verified program that computes some nodes, each under its name.

    `updates` maps inputs that are state to the nodes of their new values. `made` are nodes in the
    order in which they were made, which is then the equations' order too. Raises
    `DefinitionError` where two inputs share a name, and what the verifier raises.
    """
    states = updates or {}
    wanted = [*outputs.values(), *states.values()]
    nodes = in_order(wanted)
    if made:
        needed = set(map(id, nodes))
        nodes = in_order([*(node for node in made if id(node) in needed), *wanted])
    inputs = _inputs(nodes)
    sizes = {name for node in nodes if node.shape for n in node.shape for name in n.sizes()}
    clash = sizes & (inputs.keys() | outputs.keys())
    if clash:
        raise DefinitionError(f"{min(clash)} is a size, it cannot be a variable too")
    within = _within_branches(nodes, outputs)
    nodes = [node for node in nodes if id(node) not in within]
    names = _names(nodes, inputs, outputs, sizes)
    letters = _letters({*names.values(), *outputs, *sizes})
    tensors = {name: node.tensor for name, node in inputs.items()}
    taken = {*tensors, *names.values(), *sizes}
    equations: list[Equation] = []
    layers: list[Layer] = []
    for node in nodes:
        if not isinstance(node, Input):
            name = names[id(node)]
            tensors[name] = Tensor(name, node.shape)
            own = node.equations(name, names, letters)
            if isinstance(node, Formed):
                own = [apart(e, taken) for e in own]
                if node.last:
                    layers.append(node.use.layer(names))
            equations += own
    for name, node in outputs.items():
        if names[id(node)] != name:  # an input, or a node that is two outputs
            tensors[name] = Tensor(name, node.shape)
            equations += copy(node).equations(name, names, letters)
    order = tuple(natural_order(list(inputs), 0))  # x1 before x2, as in text
    return verify(Program(
        tensors, order, tuple(equations), tuple(outputs),
        tuple((node.tensor.name, names[id(new)]) for node, new in states.items()),
        layers=tuple(layers)))


def in_order(outputs: Iterable[Node]) -> list[Node]:
    """All nodes that the outputs need, operands first."""
    done: list[Node] = []
    met: set[int] = set()
    stack = [(node, False) for node in reversed(list(outputs))]
    while stack:
        node, ready = stack.pop()
        if ready:
            done.append(node)
        elif id(node) not in met:
            met.add(id(node))
            stack.append((node, True))
            stack.extend([(o, False) for o in reversed(node.operands) if id(o) not in met])
    return done


def _within_branches(nodes: Sequence[Node], outputs: Mapping[str, Node]) -> set[int]:
    """The nodes that one branch of a `where` alone uses, which are written into that branch.

    There they are looked at only where the branch is taken. What is used elsewhere too, or has a
    name, has an equation of its own.
    """
    if not any(isinstance(node, Where) for node in nodes):
        return set()
    uses: dict[int, int] = {id(node): 1 for node in outputs.values()}
    for node in nodes:
        for used in node.operands:
            uses[id(used)] = uses.get(id(used), 0) + 1
    depth: dict[int, int] = {}
    for node in reversed(nodes):  # users first
        here = depth.get(id(node), 0)
        if isinstance(node, Where):
            inner: Sequence[Operand] = node.branches
        elif here and isinstance(node, Elementwise):
            inner = node.args
        else:
            continue
        for operand in inner:
            if (
                isinstance(operand, Elementwise | Where)
                and uses[id(operand)] == 1
                and operand.name is None
                and operand.shape in ((), node.shape)
                and here < NESTING // 2
            ):
                depth[id(operand)] = here + 1
    return {id(node) for node in nodes if id(node) in depth}


def _inputs(nodes: Sequence[Node]) -> dict[str, Input]:
    inputs: dict[str, Input] = {}
    for node in nodes:
        if isinstance(node, Input) and inputs.setdefault(node.tensor.name, node) is not node:
            raise DefinitionError(f"two inputs are called {node.tensor.name}", None,
                                  "make an input once and use it wherever it is needed")
    return inputs


def _names(nodes: Sequence[Node], inputs: Mapping[str, Input], outputs: Mapping[str, Node],
           sizes: set[str]) -> dict[int, str]:
    """A name for each node: its own, its output's, or t1, t2, ..."""
    for name in inputs.keys() & outputs.keys():
        if outputs[name] is not inputs[name]:
            raise DefinitionError(f"{name} is the name of an input and of an output")
    names: dict[int, str] = {id(node): name for name, node in inputs.items()}
    for name, node in outputs.items():
        names.setdefault(id(node), name)
    taken = {*inputs, *outputs, *sizes}
    for node in nodes:
        if id(node) not in names and node.name is not None:
            if node.name in taken:
                raise DefinitionError(f"two variables are called {node.name}", None,
                                      "give each of them a name of its own")
            taken.add(node.name)
            names[id(node)] = node.name
    number = 0
    for node in nodes:
        if id(node) not in names:
            number += 1
            while f"t{number}" in taken:
                number += 1
            names[id(node)] = f"t{number}"
    return names


def _letters(taken: set[str]) -> list[str]:
    """Letters for indices that are no names of variables or sizes."""
    wanted = [*_LETTERS, *(f"{a}{n}" for n in range(1, 4) for a in _LETTERS)]
    return [name for name in wanted if name not in taken]
