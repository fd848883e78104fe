"""The page of a worked convolution: what is said, in which order.

The numbers come from the program and from its adjoint program, evaluated exactly; the windows are
read off their equations. Here stand the sections around them and the words between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.diff.reverse import Derivative, vjp
from chainrule.document.blocks import Block, MathBlock, code, heading, note, p
from chainrule.document.mathtree import Matrix, Words, row
from chainrule.document.notation import Notation, is_exact
from chainrule.errors import InputError, ShapeError
from chainrule.evaluate.cells import Cells, evaluate_cells
from chainrule.evaluate.values import CellArray
from chainrule.explain.convolve_sizes import Size, sizes_worked
from chainrule.explain.convolve_values import read, symbols
from chainrule.explain.windows import Sliding, sliding
from chainrule.explain.windows_drawn import Drawing
from chainrule.explain.work import equation_math, tensor_math
from chainrule.lang.expr import Expr, Range, Reduce, Ref, mul
from chainrule.lang.integers import index
from chainrule.lang.program import Equation, Program, fresh
from chainrule.limits import WORKED_CELLS

_WHOLE = 400  # cells of a tensor that is written out


@dataclass(frozen=True, slots=True)
class Names:
    """What the tensors and indices are called; symbols among the values may take the usual ones."""

    x: str = "x"
    w: str = "w"
    y: str = "y"
    outer: tuple[str, ...] = ("i", "j")
    inner: tuple[str, ...] = ("a", "b")

    @staticmethod
    def beside(taken: Sequence[str]) -> Names:
        """Names that are not among the symbols."""
        used = set(taken)

        def free(*wanted: str) -> str:
            name = next((n for n in wanted if n not in used), None) or fresh(wanted[0], used)
            used.add(name)
            return name

        return Names(free("x", "X"), free("w", "W"), free("y", "Y"),
                     (free("i", "m", "p"), free("j", "n", "q")),
                     (free("a", "u", "r"), free("b", "v", "t")))


class Numbers:
    """The program evaluated, with its adjoints where they are asked for."""

    def __init__(self, written: Program, x: CellArray, w: CellArray, names: Names, seed: Any,
                 digits: int, backward: bool) -> None:
        self.written = written
        self.names = names
        self.derivative: Derivative | None = None
        self.program = written
        given: dict[str, Any] = {}
        if names.x in written.inputs:
            given = {names.x: x, names.w: w}
        symbolic = [name for name in written.inputs if name not in given]
        if backward:
            self.derivative = vjp(written, [names.y], [names.x, names.w])
            self.program = self.derivative.program
            shape = tuple(axis.constant or 0 for axis in written.tensors[names.y].shape)
            given[self.derivative.seeds[names.y]] = _adjoint(seed, shape)
        self.cells: Cells = evaluate_cells(self.program, given, symbolic=symbolic,
                                           digits=digits + 20, most=4 * WORKED_CELLS)
        self.notation = Notation(self.program.tensors, digits)

    def equation(self, target: str) -> Equation:
        """The equation of a tensor, the last if there are several."""
        return next(e for e in reversed(self.program.equations) if e.target == target)

    def adjoint_name(self, of: str) -> str:
        """The tensor that holds the adjoint of another."""
        assert self.derivative is not None
        return self.derivative.names[of]

    def adjoint(self, of: str) -> CellArray:
        """The adjoint of a tensor."""
        return self.cells[self.adjoint_name(of)]

    def sliding(self, target: str) -> Sliding:
        """The windows of a tensor's equation."""
        return sliding(self.program, self.equation(target))

    def windows(self) -> dict[str, Sliding]:
        """The windows of the output, and of the gradients where they are asked for."""
        found = {"output": self.sliding(self.names.y)}
        if self.derivative is not None:
            found["input"] = self.sliding(self.adjoint_name(self.names.x))
            found["kernel"] = self.sliding(self.adjoint_name(self.names.w))
        return found

    def seed_name(self) -> str:
        """The tensor that holds the output's adjoint."""
        return next(n for n, t in self.program.tensors.items()
                    if t.adjoint_of == self.names.y and t.role != "seed")


def _adjoint(seed: Any, shape: tuple[int, ...]) -> CellArray:
    """The output's adjoint: all ones, or as given."""
    if seed is None:
        return CellArray(shape, [1] * math.prod(shape))
    found = read("the seed", seed)
    if found.shape != shape:
        raise ShapeError(f"the seed's shape is {by(found.shape)}, the output's {by(shape)}", None,
                         "the adjoint of the output has the output's shape")
    if symbols(found):
        raise InputError(f"the seed has the symbol {symbols(found)[0]:.40}", None,
                         "its cells are numbers")
    return found


# --- the document ---------------------------------------------------------------------------------


class Explained:
    """The document in the making."""

    def __init__(self, work: Numbers, sizes: Sequence[Size], flip: bool, same: bool, most: int,
                 equation: str) -> None:
        self.work = work
        self.names = work.names
        self.notation = work.notation
        self.sizes = sizes
        self.flip = flip
        self.same = same
        self.most = most
        self.written = equation

    def blocks(self) -> list[Block]:
        found = self.opening()
        found += [heading(1, "Size of the output"), *self.size()]
        if self.flip:
            found += [heading(1, "The kernel, turned round"), *self.turned()]
        found += [heading(1, "The windows"), *self.windows(self.names.y)]
        found += [heading(1, "Result"), *self.tensor(self.names.y)]
        if self.work.derivative is not None:
            found += self.backward()
        return found

    def opening(self) -> list[Block]:
        """Which of the two it is, the formula, the given values."""
        if self.flip:
            said = p("True convolution: the kernel is turned round before it slides, as in "
                     "mathematics and in ", code("numpy.convolve"), ". Networks leave the turn "
                     "out and call that convolution too: ", code("--no-flip"), ".")
        else:
            said = p("Correlation: the kernel slides as it is written, which is what networks call "
                     "convolution. True convolution turns it round first: ", code("--flip"), ".")
        equation = self.work.equation(self.names.y)
        blocks: list[Block] = [said, MathBlock(equation_math(self.notation, equation))]
        zeros = _zeros([(s.before, s.after) for s in self.sizes])
        if zeros:
            blocks.append(p(f"Around the input stand zeros: {zeros}. They are drawn in brackets, "
                            "(0)."))
        blocks.append(p("As a program: ", code(self.written), "."))
        return [*blocks, *self.tensor(self.names.x), *self.tensor(self.names.w)]

    def size(self) -> list[Block]:
        shape = self.work.cells[self.names.y].shape
        blocks = sizes_worked(self.sizes, shape)
        for size in self.sizes:
            if self.same and size.reach % 2 == 0:
                blocks.append(note(
                    f"The kernel covers an even number of cells, {size.reach}, so one side gets "
                    "one zero more. Here it is the side before the input, as in numpy; PyTorch "
                    "and TensorFlow put it after."))
                break
        if self.same and any(size.stride > 1 for size in self.sizes):
            blocks.append(note(
                "With a stride, same pads as it would without: the result is every stride-th cell "
                "of the unstrided one. TensorFlow's SAME has the same size but may pad less."))
        if self.same and any(size.reach > size.cells for size in self.sizes):
            blocks.append(note("Same keeps the size of the input. numpy.convolve would keep the "
                               "larger of the two, here the kernel's."))
        return blocks

    def turned(self) -> list[Block]:
        """The kernel from the right to the left, as it will lie under the input."""
        kernel = self.work.cells[self.names.w]
        around = CellArray(kernel.shape, kernel.cells[::-1])
        said = ("from right to left" if len(kernel.shape) == 1
                else "on both axes, which is half a turn")
        math_ = row(tensor_math(self.notation, kernel), "→", tensor_math(self.notation, around))
        x, w = self.notation.tensor(self.names.x), self.notation.tensor(self.names.w)
        return [p("The subscript of ", x, " falls as that of ", w, " grows, so the kernel lies "
                  f"there {said}:"), MathBlock(math_)]

    def windows(self, target: str) -> list[Block]:
        return Drawing(self.notation, self.work.sliding(target), self.work.cells).blocks(self.most)

    def tensor(self, name: str) -> list[Block]:
        """A tensor by name, as a matrix; only the beginning of a very long one."""
        cells = self.work.cells[name]
        left = self.notation.tensor(name)
        exact = all(isinstance(c, Expr) or is_exact(c, self.notation.digits) for c in cells.cells)
        relation = "=" if exact else "≈"
        if len(cells.cells) <= _WHOLE:
            return [MathBlock(row(left, relation, tensor_math(self.notation, cells)))]
        some = Matrix((tuple(self.notation.cell(c) for c in cells.cells[:12]),))
        return [MathBlock(row(left, relation, some, "…")),
                p(f"The first 12 of {len(cells.cells):,} cells ({by(cells.shape)}).")]

    # the way back

    def backward(self) -> list[Block]:
        adjoint = self.work.seed_name()
        blocks: list[Block] = [heading(1, "Backward pass")]
        blocks.append(p("A loss ", self.notation.loss, " depends on ",
                        self.notation.tensor(self.names.y), " by the given adjoint"))
        blocks += self.tensor(adjoint)
        blocks.append(heading(2, "The gradient of the input"))
        blocks += self.input_gradient(adjoint)
        blocks.append(heading(2, "The gradient of the kernel"))
        blocks += self.kernel_gradient(adjoint)
        return blocks

    def input_gradient(self, adjoint: str) -> list[Block]:
        """Each cell sends its adjoint back along the kernel; collected, that is a convolution."""
        name = self.work.adjoint_name(self.names.x)
        slide = self.work.sliding(name)
        blocks: list[Block] = [
            p("Each product passes the adjoint of its cell on to the input's cell that it read:"),
            MathBlock(equation_math(self.notation, self.work.equation(name))),
            p("Collected for one cell of the input:"),
            MathBlock(self.collected(slide, name, adjoint))]
        turned = any(axis.turn < 0 for axis in slide.axes)
        kind = ("the convolution of the adjoint with the kernel, which lies there turned round"
                if turned else "the correlation of the adjoint with the kernel, which lies there "
                               "as it is written")
        apart = [f"{axis.spread - 1} {'zero' if axis.spread == 2 else 'zeros'} between the {noun}"
                 for axis, noun in zip(slide.axes, self.nouns(), strict=True) if axis.spread > 1]
        between = f" The stride puts {', '.join(apart)} of the adjoint." if apart else ""
        pads = [axis.padding() for axis in slide.axes]
        full = pads == [(size.reach - 1, size.reach - 1) for size in self.sizes]
        zeros = _zeros(pads)
        whole = all((axis.first_seen(), axis.last_seen()) == (0, axis.last())
                    for axis in slide.axes)
        mode = " (mode full)" if full else " (mode valid)" if whole else ""
        said = f" Around it stand zeros: {zeros}{mode}." if zeros else f" It is not padded{mode}."
        blocks.append(p(f"This is {kind}.", between, said))
        return [*blocks, *self.windows(name), *self.tensor(name)]

    def kernel_gradient(self, adjoint: str) -> list[Block]:
        """The adjoint slides over the input like a kernel."""
        name = self.work.adjoint_name(self.names.w)
        slide = self.work.sliding(name)
        blocks: list[Block] = [
            p("Each cell of the kernel collects, over all positions, the adjoint times what it "
              "was multiplied by:"),
            MathBlock(equation_math(self.notation, self.work.equation(name)))]
        apart = [f"its {noun} {axis.turn} apart"
                 for axis, noun in zip(slide.axes, self.nouns(), strict=True) if axis.turn > 1]
        spread = f", {', '.join(apart)} by the stride" if apart else ""
        way = "to the left" if len(slide.axes) == 1 else "up and to the left"
        back = (f" The windows move {way}, so the first cell of the kernel gets the last of them: "
                "the kernel was turned." if self.flip else "")
        blocks.append(p("This is the correlation of the input with the adjoint, which slides over "
                        f"it as a kernel would{spread}.", back))
        return [*blocks, *self.windows(name), *self.tensor(name)]

    def nouns(self) -> tuple[str, ...]:
        """What the parts of a tensor along each axis are called."""
        return ("cells",) if len(self.sizes) == 1 else ("rows", "columns")

    def collected(self, slide: Sliding, target: str, adjoint: str) -> Any:
        """The scatter solved for the cell that it adds to."""
        taken = {*self.names.inner, *self.names.outer, *self.work.program.tensors}
        cells = [fresh(n, taken) for n in ("m", "n")[: len(slide.axes)]]
        inner = self.names.inner[: len(slide.axes)]
        at = tuple(axis.step * index(m) + axis.turn * index(a) + axis.start
                   for axis, m, a in zip(slide.axes, cells, inner, strict=True))
        spread = any(axis.spread > 1 for axis in slide.axes)
        letter = fresh("z", taken) if spread else adjoint
        body = mul(Ref(slide.moving, tuple(map(index, inner))), Ref(letter, at))
        total = Reduce("sum", tuple(Range(a, None) for a in inner), None, body)
        left = self.notation.tensor(target, tuple(self.notation.integer(index(m)) for m in cells))
        items: list[Any] = [left, "=", self.notation.expression(total)]
        if spread:
            at_cells = tuple(self.notation.integer(axis.spread * index(i))
                             for axis, i in zip(slide.axes, self.names.outer, strict=False))
            plain = tuple(self.notation.integer(index(i)) for i in self.names.outer[: len(inner)])
            items += [",", self.notation.tensor(letter, at_cells), "=",
                      self.notation.tensor(adjoint, plain), Words(" and 0 elsewhere")]
        return row(*items)


def _zeros(pads: Sequence[tuple[int, int]]) -> str:
    """How many zeros stand where; nothing if there are none."""
    said = [f"{n} {where}" for pair, nouns in zip(
        pads, [("before", "after")] if len(pads) == 1 else [("above", "below"), ("left", "right")],
        strict=True) for n, where in zip(pair, nouns, strict=True) if n]
    return ", ".join(said)


def by(shape: Sequence[int]) -> str:
    """A shape in words: 3 × 4."""
    return " × ".join(map(str, shape))
