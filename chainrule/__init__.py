"""chainrule: backpropagation that shows its work.

    >>> import chainrule as cr
    >>> cr.gradient("y = a*b", a=2, b=3)
    {'a': 3.0, 'b': 2.0}
    >>> a, b = cr.inputs("a b")
    >>> cr.formula(a * cr.sin(b))(a=2, b=0)
    0.0

`formula` makes a formula of text or of Python's operators; a formula runs, gives its derivatives
and its worked `trace`. The functions of the language (`cr.sin`, `cr.log`, `cr.sigmoid`, ...) take
and give variables. Names are looked up when they are first used, so importing this costs next to
nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_FRONTEND = "chainrule.frontend"
_VARIABLES = "chainrule.operators.variables"
_WHERE = {
    "ChainruleError": ("chainrule.errors", "ChainruleError"),
    "Condition": (_VARIABLES, "Condition"),
    "Formula": (_FRONTEND, "Formula"),
    "Variable": (_VARIABLES, "Variable"),
    "compile": (_FRONTEND, "compile_formula"),
    "concatenate": (_VARIABLES, "concatenate"),
    "derive": (_FRONTEND, "derive"),
    "expand_dims": (_VARIABLES, "expand_dims"),
    "formula": (_FRONTEND, "formula"),
    "gradcheck": ("chainrule.train.gradcheck", "gradcheck"),
    "gradient": (_FRONTEND, "gradient_of"),
    "index_number_matrix": ("chainrule.personal", "index_number_matrix"),
    "input": (_VARIABLES, "input"),
    "inputs": (_VARIABLES, "inputs"),
    "load": ("chainrule.spec", "load"),
    "matmul": (_VARIABLES, "matmul"),
    "parameter": (_VARIABLES, "parameter"),
    "prove": (_FRONTEND, "prove"),
    "read_specification": ("chainrule.spec", "read_specification"),
    "run": (_FRONTEND, "run"),
    "stack": (_VARIABLES, "stack"),
    "trace": (_FRONTEND, "trace"),
    "where": (_VARIABLES, "where"),
}
# NumPy's names for functions of the table
_AS_IN_NUMPY = {
    "maximum": "max", "minimum": "min", "absolute": "abs", "negative": "neg", "arctan2": "atan2",
    "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "power": "pow", "add": "add",
    "subtract": "sub", "multiply": "mul", "divide": "div",
}  # fmt: skip

__all__ = ["__version__", *sorted(_WHERE)]


def __getattr__(name: str) -> Any:
    """The public names, the functions of the table among them, imported when first used."""
    if name in _WHERE:
        module, attribute = _WHERE[name]
        found = getattr(import_module(module), attribute)
    elif name in ("nn", "train"):
        found = import_module(f"chainrule.{name}")
    elif name.startswith("_"):
        raise AttributeError(name)
    else:
        variables = import_module(_VARIABLES)
        if name == "pi":
            found = variables.pi()
        else:
            table = import_module("chainrule.lang.functions")
            spelling = _AS_IN_NUMPY.get(name, name)
            entry = table.FUNCTIONS.get(table.NAMES.get(spelling, ""))
            if entry is None or entry.boolean or not entry.arity:
                raise AttributeError(f"chainrule has no attribute {name!r}")
            found = variables.function(spelling)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    table = import_module("chainrule.lang.functions")
    functions = [n for n, e in table.NAMES.items() if not table.FUNCTIONS[e].boolean]
    return sorted({*__all__, *_AS_IN_NUMPY, *functions})
