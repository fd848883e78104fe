"""The library of formulas: every layer, activation and loss, each as a textbook writes it."""

from chainrule.formulas.entry import Entry, Setting
from chainrule.formulas.instance import Instance, instantiate
from chainrule.formulas.library import LAYERS, LIBRARY, find
from chainrule.formulas.template import program_of, written_out

__all__ = ["LAYERS", "LIBRARY", "Entry", "Instance", "Setting", "find", "instantiate",
           "program_of", "written_out"]
