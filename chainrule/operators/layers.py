"""Formulas of the library on variables: one node for each tensor that the formula defines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chainrule.formulas.entry import Entry, Value
from chainrule.formulas.instance import Instance, instantiate
from chainrule.formulas.renaming import renamed_equation
from chainrule.lang.expr import Ref, walk
from chainrule.lang.program import Equation, Layer, Shape, Tensor
from chainrule.operators.nodes import Input, Names, Node


@dataclass(eq=False, slots=True)
class Use:
    """One use of a formula: the instance, and the node of each of its tensors."""

    name: str
    instance: Instance
    nodes: dict[str, Node]

    @property
    def outputs(self) -> list[Node]:
        """The nodes of its outputs."""
        return [self.nodes[local] for local in self.instance.outputs]

    @property
    def updates(self) -> dict[Input, Node]:
        """Its state, and the nodes of the new values."""
        found = {}
        for old, new in self.instance.updates:
            state = self.nodes[old]
            assert isinstance(state, Input)
            found[state] = self.nodes[new]
        return found

    def label(self, names: Names) -> str:
        """Its name; without one, its output's."""
        return self.name or names[id(self.outputs[0])]

    def layer(self, names: Names) -> Layer:
        """What a program remembers of it."""
        instance = self.instance
        output = instance.outputs[0]
        return Layer(
            self.label(names), instance.entry.name, names[id(self.nodes[output])],
            tuple((local, names[id(node)]) for local, node in self.nodes.items()
                  if id(node) in names),
            tuple(instance.sizes.items()), instance.formula.tensors[output].shape,
        )


class Formed(Node):
    """A tensor that a formula of the library defines.

    `last` says that it is the one whose layer the program lists when it comes to it.
    """

    __slots__ = ("last", "local", "use")

    def __init__(self, use: Use, local: str, shape: Shape, operands: tuple[Node, ...]) -> None:
        super().__init__(shape, operands)
        self.use = use
        self.local = local
        self.last = local == use.instance.outputs[0]

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """Its equations in the formula, with the program's names."""
        table = {local: names[id(node)] for local, node in self.use.nodes.items()
                 if id(node) in names}
        table[self.local] = target
        return [renamed_equation(e, table, self.use.label(names))
                for e in self.use.instance.equations if e.target == self.local]


def form(
    entry: Entry, name: str, given: Mapping[str, Node], settings: Mapping[str, Value],
    make: Callable[[Tensor, Instance], Input], training: bool = False,
) -> Use:
    """A formula on nodes, whose outputs are called after `name`.

    `given` are the nodes of its inputs by the formula's names; `make` gives the node of each input
    that is not given, a parameter for instance.
    """
    instance = instantiate(entry, {k: node.shape for k, node in given.items()}, settings, training)
    use = Use(name, instance, dict(given))
    for local in instance.inputs:
        if local not in use.nodes:
            use.nodes[local] = make(instance.tensors[local], instance)
    reads: dict[str, dict[str, None]] = {}
    for e in instance.equations:
        found = reads.setdefault(e.target, {})
        for part in (e.body, e.condition):
            for node in walk(part) if part is not None else ():
                if isinstance(node, Ref):
                    found[node.tensor] = None
    for local, found in reads.items():
        operands = tuple(use.nodes[r] for r in found if r != local)
        formed = Formed(use, local, instance.tensors[local].shape, operands)
        if name:
            base = name_of(name)
            formed.name = base if local == instance.outputs[0] else f"{base}_{local}"
        use.nodes[local] = formed
    return use


def name_of(path: str) -> str:
    """What the tensors of a layer are called: `layer1.0.conv1` becomes `layer1_0_conv1`."""
    return path.replace(".", "_")
