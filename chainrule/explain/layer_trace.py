"""A network's trace, layer by layer: what goes forward, what comes back, what is learnt from it.

A LeNet has a hundred thousand cells, and nobody works those one by one. Here every layer is one
step. Forward, each shows its formula in index notation, with the numbers of its sizes in it, and
what it gives. Backward, from the last to the first, each shows the adjoint that it is given, the
equations by which the adjoints of what it reads follow from it, and its parameters' gradients.
The equations are those of the differentiated program; the values are NumPy's, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from chainrule.algebra.stable import stabilise
from chainrule.count.memory import reads
from chainrule.count.sizes import sizes as measured
from chainrule.diff.reverse import Derivative, real_outputs, vjp
from chainrule.document.blocks import (
    Block,
    Column,
    MathBlock,
    Prose,
    cell,
    heading,
    inlines,
    note,
    p,
    table,
)
from chainrule.document.mathtree import Identifier, Math, Num, row, separated
from chainrule.document.notation import Notation, symbol
from chainrule.errors import DerivativeError, InputError, LimitError, did_you_mean
from chainrule.evaluate.reference import run
from chainrule.explain.arrays import Shown, amount, dimensions, norm, share, zeros
from chainrule.explain.layers import picture
from chainrule.explain.trace import MODES, Trace
from chainrule.explain.work import equation_math, winner_names
from chainrule.lang.expr import Read, Reduce, walk
from chainrule.lang.program import Equation, Layer, Program
from chainrule.limits import LOOP_BYTES
from chainrule.render import Page

_DEAD: Final = 0.9  # of a layer's cells zero: worth a remark
_SATURATED: Final = 0.01  # of an adjoint's norm let through: worth a remark
_CELLS_ONLY: Final = ("tangent", "order", "fanout")  # options of a trace cell by cell


def trace_layers(
    program: Program,
    values: Mapping[str, Any],
    *,
    mode: str = "both",
    of: str | None = None,
    wrt: Sequence[str] | None = None,
    seed: Mapping[str, Any] | None = None,
    digits: int = 4,
    title: str | None = None,
    graph: bool = False,
    reason: str = "",
    **others: Any,
) -> Trace:
    """The program worked layer by layer at a point; an equation without a layer is one by itself.

    `values` gives every input. `of` is the output to go back from (a scalar one by default), `wrt`
    the inputs to differentiate by: parameters and data by default. `seed` gives adjoints of
    outputs; without it that of a scalar is 1, and that of each cell of a tensor is 1 too. `reason`
    says why the trace is by layers.

    The trace's values and gradients are arrays. Raises `InputError` for an option that is about
    cells, and what evaluation and differentiation raise.
    """
    for name, value in others.items():
        if name in _CELLS_ONLY and value not in (None, "written", "sum"):
            raise InputError(f"a trace by layers has no {name}", None,
                             "leave it out, or use smaller sizes and the granularity elementary")
    if mode not in MODES:
        raise InputError(f"mode {mode!r} is not one of {', '.join(MODES)}", None,
                         did_you_mean(mode, list(MODES)))
    work = _Work(program, dict(values), of, wrt, dict(seed or {}), digits, mode != "forward")
    blocks = work.opening(reason)
    if graph:
        batch = work.batch()
        blocks.append(picture(measured(program, work.sizes()), batch))
    blocks += work.forward()
    gradient: dict[str, Any] = {}
    if work.derivative is not None:
        blocks += [*work.backward(), *work.result()]
        names = work.derivative.names
        gradient = {name: work.found[names[name]] for name in work.wrt}
    own = {name: work.found[name] for name in program.tensors if name in work.found}
    heading_text = title or f"Trace of {', '.join(program.outputs)}, layer by layer"
    return Trace(Page(heading_text, tuple(blocks)), own, gradient, {}, program)


class _Work:
    """One trace in the making: the program by layers, its derivative, and all their arrays."""

    def __init__(self, program: Program, values: dict[str, Any], of: str | None,
                 wrt: Sequence[str] | None, seed: dict[str, Any], digits: int,
                 reverse: bool) -> None:
        self.program = program
        self.digits = digits
        self.layers = {layer.name: layer for layer in program.layers}
        self.owner = {e.target: e.origin.layer or e.target for e in program.equations}
        self.own: dict[str, list[Equation]] = {}
        for e in program.equations:
            self.own.setdefault(self.owner[e.target], []).append(e)
        self.inputs = {name: k for k, name in enumerate(program.inputs)}
        self.learnt = self._learnt()
        self.of = self._chosen(of, seed)
        self.wrt = self._wanted(wrt)
        self.seed = seed
        # run in its stable form, in which every tensor that is shown is still there
        shown = [self.output(name) for name in self.own]
        running = stabilise(program, shown, [n for n in shown if n not in program.outputs])
        self.stable = running is not program
        self.derivative: Derivative | None = None
        if reverse and self.of and self.wrt:
            self.derivative = vjp(running, self.of, self.wrt)
            running = self.derivative.program
            self._check_sizes(running)
        self.part_of = {e.target: e.origin.of for e in running.equations
                        if e.origin.rule == "part" and e.origin.of is not None}
        self.found = self._evaluated(running, values)

    @staticmethod
    def _check_sizes(program: Program) -> None:
        """Refuse gradients that could not be computed, before anything is."""
        for tensor in program.tensors.values():
            cells = math.prod(axis.constant or 1 for axis in tensor.shape)
            if tensor.adjoint_of is not None and cells * 8 > LOOP_BYTES:
                raise LimitError(
                    f"the adjoint of {tensor.adjoint_of} would take {cells * 8:,} bytes; at most "
                    f"{LOOP_BYTES:,} are allowed", None,
                    "differentiate by other inputs (--wrt), or only go forward (--mode forward)")

    def _chosen(self, of: str | None, seed: Mapping[str, Any]) -> list[str]:
        """The outputs to go back from: those with seeds; else `of`; else a scalar, the last one."""
        for name in [*seed, *filter(None, [of])]:
            if name not in self.program.tensors:
                raise DerivativeError(
                    f"there is no {name:.60} to differentiate", None,
                    did_you_mean(name, list(self.program.tensors))
                    or f"the outputs are {', '.join(self.program.outputs)}")
        if seed:
            return list(seed)
        if of is not None:
            return [of]
        real = real_outputs(self.program)
        scalars = [name for name in real if not self.program.tensors[name].shape]
        return scalars[-1:] or real[:1]

    def _wanted(self, wrt: Sequence[str] | None) -> list[str]:
        tensors = self.program.tensors
        if wrt is None:
            return [n for n in self.program.inputs
                    if tensors[n].kind == "real" and tensors[n].role in ("parameter", "data")]
        for name in wrt:
            if name not in tensors:
                raise DerivativeError(f"there is no {name:.60} to differentiate by", None,
                                      did_you_mean(name, list(tensors)))
        return list(wrt)

    def _evaluated(self, running: Program, values: dict[str, Any]) -> dict[str, Any]:
        """All arrays of the program that is run."""
        given = dict(values)
        if self.derivative is not None:
            found = run(self.program.with_outputs(self.of), values, keep="outputs") \
                if self._tensor_seeds() else {}
            for name, own in self.derivative.seeds.items():
                given[own] = self.seed.get(name, found[name] * 0 + 1 if name in found else 1)
        return run(running, given)

    def _tensor_seeds(self) -> list[str]:
        """The tensors whose adjoint was not given."""
        return [n for n in self.of if n not in self.seed and self.program.tensors[n].shape]

    def output(self, name: str) -> str:
        """The tensor that a row gives."""
        layer = self.layers.get(name)
        return layer.output if layer is not None else name

    def sizes(self) -> dict[str, int]:
        """The sizes that were names, as the arrays have them."""
        found: dict[str, int] = {}
        for name in self.program.inputs:
            for axis, size in zip(self.program.tensors[name].shape, self.found[name].shape,
                                  strict=True):
                if str(axis) in axis.sizes():  # a name and nothing else
                    found.setdefault(str(axis), size)
        return found

    def batch(self) -> str | None:
        """The name of the size that the first axis of all data has, if it has one."""
        fronts = {str(t.shape[0]) if t.shape else "" for t in map(
            self.program.tensor, self.program.inputs) if t.role == "data"}
        (name,) = fronts if len(fronts) == 1 else ("",)
        return name if name in self.program.size_names() else None

    # --- how names are written

    def notation(self, program: Program, layer: Layer | None = None) -> Notation:
        """Layers by their names, a layer's own parameters by their letters in its formula."""
        names: dict[str, Math] = winner_names(program)
        for one in self.program.layers:
            for letter, own in one.tensors:
                if own in self.inputs and (
                        self.program.tensors[own].role in ("parameter", "constant")):
                    names.setdefault(own, _name(f"{one.name}.{letter}"))
        for name in self.own:
            names.setdefault(self.output(name), _name(name))
        for name, tensor in program.tensors.items():
            if tensor.adjoint_of is None:
                names.setdefault(name, _name(name))
        if layer is not None:
            names |= self.letters(program, layer)
        return Notation(program.tensors, self.digits, "partial", self.loss(), names)

    def letters(self, program: Program, layer: Layer) -> dict[str, Math]:
        """What is a layer's own, its parameters and what it computes on the way, by its letters."""
        read = {t for e in self.own[layer.name] for t in reads(e)}
        taken = {t for t in read if self.owner.get(t, layer.name) != layer.name}
        found: dict[str, Math] = {}
        for letter, tensor in layer.tensors:
            role = self.program.tensors[tensor].role if tensor in self.program.tensors else ""
            if role in ("parameter", "constant") and letter not in taken:
                found[tensor] = symbol(letter)
        front = f"{layer.output}_"
        for tensor in program.tensors:
            inner = tensor.removeprefix(front)
            if inner != tensor and inner not in taken and tensor not in found and (
                    program.tensors[tensor].adjoint_of is None):
                found[tensor] = symbol(inner)
        return found

    def loss(self) -> Math:
        """What is differentiated: a scalar by its name, else some L."""
        alone = self.of[0] if len(self.of) == 1 else ""
        if alone and alone not in self.seed and not self.program.tensors[alone].shape:
            return _name(alone)
        return Identifier("L")

    def title(self, name: str) -> str:
        """conv1, conv2d."""
        layer = self.layers.get(name)
        formula = layer.formula if layer is not None else ""
        return name if not formula or name.startswith(formula) else f"{name}, {formula}"

    # --- the three parts

    def opening(self, reason: str) -> list[Block]:
        """How to read it, and the inputs."""
        said = ["Values are computed in float64. "
                f"A value after ≈ is rounded to {self.digits} decimal places, one after = is not."]
        if self.derivative is not None and self.stable:
            said.append(" Formulas stand here as they were written; what comes back is worked out "
                        "from their stable forms, which do not overflow.")
        blocks: list[Block] = [p(*([reason, " "] if reason else []), *said)]
        notation = self.notation(self.program)
        data = [n for n in self.program.inputs if self.program.tensors[n].role == "data"]
        if data:
            blocks.append(heading(1, "Given"))
        for name in data:
            blocks += self.value(notation.tensor(name), self.found[name])
        for name, size in self.sizes().items():
            blocks.append(MathBlock(row(symbol(name), "=", Num(str(size)))))
        return blocks

    def value(self, left: Math, array: Any) -> list[Block]:
        """An array: its numbers, or a part of them and what they come to."""
        shown = Shown(array, self.digits)
        blocks: list[Block] = [MathBlock(row(shown.left(left), shown.relation, shown.math))]
        if not shown.whole:
            blocks.append(p(shown.words()))
        return blocks

    def forward(self) -> list[Block]:
        """Each layer's formula and what it gives."""
        heads: list[Prose | Column] = ["layer", "cells", *_right(
            "smallest", "largest", "mean", "norm", "zeros")]
        lines = []
        for name in self.own:
            array = self.found[self.output(name)]
            shown = Shown(array, self.digits)
            lines.append([cell(name), cell(dimensions(array)), *map(cell, shown.summary()),
                          cell(f"{zeros(array):,}" if zeros(array) else "")])
        blocks: list[Block] = [heading(1, "Forward pass"), table(heads, lines, caption=(
            f"What each layer gives, rounded to {self.digits} decimal places"))]
        for name, equations in self.own.items():
            notation = self.notation(self.program, self.layers.get(name))
            blocks.append(heading(2, self.title(name)))
            blocks += [MathBlock(equation_math(notation, e)) for e in equations]
            output = self.output(name)
            blocks += self.value(notation.tensor(output), self.found[output])
            blocks += self.idle(name, self.found[output])
        return blocks

    def idle(self, name: str, array: Any) -> list[Block]:
        """A remark where nearly all that a layer gives is zero."""
        none, cells = zeros(array), int(array.size)
        if cells < 2 or none <= _DEAD * cells:
            return []
        if none == cells:
            return [note(f"All {cells:,} cells of {name} are 0: nothing of the input gets "
                           "through it.", kind="warning")]
        return [note(f"{none:,} of the {cells:,} cells of {name} are 0 "
                       f"({share(none, cells)}): the units there do nothing at this point.",
                       kind="warning")]

    def backward(self) -> list[Block]:
        """Each layer from the last to the first: its adjoint, the rule, its gradients."""
        assert self.derivative is not None
        program = self.derivative.program
        adjoints: dict[str, str] = {t.adjoint_of: n for n, t in program.tensors.items()
                    if t.adjoint_of is not None and t.role != "seed"}
        rules: dict[str, list[Equation]] = {}
        parts: dict[str, list[Equation]] = {}
        for e in program.equations:
            if e.origin.rule == "part":
                parts.setdefault(self.row_of(e.target), []).append(e)
            if e.origin.rule == "adjoint":
                rules.setdefault(self.row_of(e.origin.of or ""), []).append(e)
        order = [name for name in reversed(self.own)
                 if self.output(name) in adjoints and adjoints[self.output(name)] in self.found]
        blocks: list[Block] = [heading(1, "Backward pass"), self.start(), self.summary(
            order, adjoints)]
        for name in order:
            layer = self.layers.get(name)
            notation = self.notation(program, layer)
            adjoint = adjoints[self.output(name)]
            blocks.append(heading(2, self.title(name)))
            blocks += self.value(notation.tensor(adjoint), self.found[adjoint])
            blocks += self.stuck(name, rules.get(name, []), adjoints)
            if rules.get(name):
                blocks.append(p("From this follow, by the chain rule:"))
            blocks += [MathBlock(equation_math(notation, e)) for e in rules.get(name, [])]
            blocks += self.where(notation, rules.get(name, []), parts.get(name, []))
            blocks += self.winners(notation, rules.get(name, []))
            for tensor in self.learnt.get(name, ()):
                if tensor in adjoints:
                    own = adjoints[tensor]
                    blocks += self.value(notation.tensor(own), self.found[own])
        return blocks

    def where(self, notation: Notation, rules: Sequence[Equation],
              parts: Sequence[Equation]) -> list[Block]:
        """The parts of a layer's formula that its rules read, each defined."""
        needed = {t for e in rules for t in reads(e)}
        for e in reversed(parts):  # a part may read parts above it
            if e.target in needed:
                needed |= reads(e)
        found = [MathBlock(equation_math(notation, e)) for e in parts if e.target in needed]
        return [p("where"), *found] if found else []

    def winners(self, notation: Notation, rules: Sequence[Equation]) -> list[Block]:
        """What the position of a maximum is, where one is read."""
        read = {a.ref.tensor for e in rules for s in e.subscripts for a in s.atoms()
                if isinstance(a, Read) and a.ref.tensor in winner_names(self.derived())}
        if not read:
            return []
        listed = separated((notation.tensor(n) for n in sorted(read)), ", ")
        return [p("where ", *listed, " is the position of the winner: nothing else in its window "
                  "receives a derivative.")]

    def derived(self) -> Program:
        """The program with the adjoints."""
        assert self.derivative is not None
        return self.derivative.program

    def row_of(self, tensor: str) -> str:
        """The row of a tensor of the derived program: that of the equation that it is part of."""
        while tensor not in self.owner and tensor in self.part_of:
            tensor = self.part_of[tensor]
        return self.owner.get(tensor, tensor)

    def _learnt(self) -> dict[str, list[str]]:
        """For each row the parameters that it is the first to use."""
        met: set[str] = set()
        found: dict[str, list[str]] = {}
        for name, equations in self.own.items():
            read = {t for e in equations for t in reads(e)} - met
            own = [t for t in read if self.program.tensors[t].role == "parameter"]
            found[name] = sorted(own, key=self.inputs.__getitem__)
            met.update(own)
        return found

    def start(self) -> Block:
        """Where the way back begins."""
        notation = self.notation(self.program)
        listed = separated((notation.tensor(n) for n in self.of), ", ")
        if self.seed:
            return p("It begins at ", *listed, ", whose adjoint is given.")
        if any(self.found[name].size != 1 for name in self._tensor_seeds()):
            return p("It begins at ", *listed, ", which is no single number: L stands for the sum "
                     "of its cells, so each of them has the adjoint 1.")
        return p("It begins at ", *listed, ", a number, whose derivative by itself is 1.")

    def summary(self, order: Sequence[str], adjoints: Mapping[str, str]) -> Block:
        """All adjoints and gradients at a glance."""
        heads: list[Prose | Column] = ["layer", "cells", *_right(
            "smallest", "largest", "norm", "zeros"), "gradients' norms"]
        lines = []
        for name in order:
            layer = self.layers.get(name)
            letters = {} if layer is None else {t: letter for letter, t in layer.tensors}
            array = self.found[adjoints[self.output(name)]]
            least, most, _, size = Shown(array, self.digits).summary()
            said = [f"{letters.get(t, t)} {amount(norm(self.found[adjoints[t]]), self.digits)}"
                    for t in self.learnt.get(name, ()) if t in adjoints]
            lines.append([cell(name), cell(dimensions(array)), cell(least), cell(most), cell(size),
                          cell(f"{zeros(array):,}" if zeros(array) else ""),
                          cell(", ".join(said))])
        return table(heads, lines, caption=(
            "The adjoint of what each layer gives, and of its parameters, rounded to "
            f"{self.digits} decimal places"))

    def stuck(self, name: str, rules: Sequence[Equation],
              adjoints: Mapping[str, str]) -> list[Block]:
        """A remark where nothing comes back, or a function's slope lets hardly anything through."""
        array = self.found[adjoints[self.output(name)]]
        if not zeros(array) < array.size:
            return [note(f"All {array.size:,} cells of this adjoint are 0: nothing is learnt "
                           f"through {name} at this point.", kind="warning")]
        bodies = [e.body for e in self.own[name]]
        plain = len(bodies) == 1 and not any(isinstance(n, Reduce) for n in walk(bodies[0]))
        targets = {e.target for e in rules}
        if not plain or len(targets) != 1:
            return []
        (target,) = targets
        written = [e for e in self.derived().equations if e.target == target]
        if len(written) != len(rules) or self.found[target].size != array.size:
            return []
        before, after = norm(array), norm(self.found[target])
        if after >= _SATURATED * before:
            return []
        return [note(f"{name} lets only {amount(100 * after / before, 2)} % of this norm "
                       "through: its cells stand where it is nearly flat (saturated).",
                       kind="warning")]

    def result(self) -> list[Block]:
        """The gradients in one place."""
        assert self.derivative is not None
        names = self.derivative.names
        notation = self.notation(self.derivative.program)
        heads: list[Prose | Column] = ["", "cells", *_right("smallest", "largest", "mean", "norm"),
                                       Column(inlines("zeros"), "right")]
        lines = []
        for name in self.wrt:
            array = self.found[names[name]]
            lines.append([cell(notation.tensor(names[name])), cell(dimensions(array)),
                          *map(cell, Shown(array, self.digits).summary()),
                          cell(f"{zeros(array):,}" if zeros(array) else "")])
        blocks: list[Block] = [heading(1, "Result")]
        for name in self.of:
            if self.found[name].size == 1:
                blocks += self.value(notation.tensor(name), self.found[name])
        blocks.append(table(heads, lines, caption=(
            f"The gradient, rounded to {self.digits} decimal places")))
        for name in self.wrt:
            if self.program.tensors[name].role != "parameter":
                blocks += self.value(notation.tensor(names[name]), self.found[names[name]])
        return blocks


def _name(name: str) -> Math:
    """A name as it is: no letter of it is a subscript."""
    return Identifier(name, upright=len(name) > 1)


def _right(*heads: str) -> list[Column]:
    return [Column(inlines(head), "right") for head in heads]


__all__ = ["trace_layers"]
