"""Programs as readable source files for NumPy, PyTorch and JAX."""

from chainrule.emit.source import TARGETS, emit

__all__ = ["TARGETS", "emit"]
