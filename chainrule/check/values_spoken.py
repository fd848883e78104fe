"""What words among formulas say: that something is the class of the example."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from chainrule.check.tree import Symbol
from chainrule.check.values import Unknown
from chainrule.check.values_frames import Frame

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

CLASS: Final = re.compile(
    r"\b(\w'?)\s+(?:is|be|was|=)\s+(?:the\s+)?(?:(?:index|number|label)\s+of\s+(?:the\s+)?)?"
    r"(?:correct|true|right|actual|target|real|ground[- ]truth)\s+(?:class|label)|"
    r"(?:correct|true|right|actual|target)\s+(?:class|label)\s+"
    r"(?:is|=|be)\s+(?:class\s+)?(\w'?)\b|\bis\s+(?:of\s+|in\s+)?(?:the\s+)?class\s+(\w'?)\b",
    re.IGNORECASE)


class Spoken:
    """The part of the evaluator that understands a few words."""

    def spoken(self: Evaluator, said: str, frame: Frame) -> bool:
        """A condition in words: that something is the class of the example."""
        found = CLASS.search(said)
        if found is None:
            raise Unknown(f"the words {said[:40]!r} are no formula", "words")
        letter = next(g for g in found.groups() if g)
        mine = self.index_of(Symbol(0, 0, letter), lambda: self.common_size(frame), frame)
        return mine == self.true_class(frame)

    def true_class(self: Evaluator, frame: Frame) -> int:
        """The class of the example: the one label, or the one one-hot vector, of the part."""
        program = self.world.names.program
        for name, tensor in program.tensors.items():
            if tensor.kind == "integer" and not tensor.shape:
                return int(self.numbers.still(frame.cells.cell(name, ()))) + self.base
        for name, tensor in program.tensors.items():
            free = self.world.part.free.get(name)
            if free is not None and free.onehot and len(tensor.shape) == 1:
                return self._integer(frame.cells.tensor(name))
        raise Unknown("the part has no classes", "words")


__all__ = ["CLASS", "Spoken"]
