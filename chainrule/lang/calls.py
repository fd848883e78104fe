"""What a name in an expression is: an index, a size, a tensor, a constant or a function's call."""

from __future__ import annotations

from typing import Final

from chainrule.errors import (
    ArityError,
    DefinitionError,
    FormulaSyntaxError,
    RangeError,
    UnknownNameError,
    did_you_mean,
    visible,
)
from chainrule.lang.cursor import BOOLEAN
from chainrule.lang.expr import Apply, Expr, IndexValue, Number, Ref
from chainrule.lang.functions import FUNCTIONS, NAMES
from chainrule.lang.integers import index, size
from chainrule.lang.macros import expand
from chainrule.lang.numerals import check_power
from chainrule.lang.reductions import REDUCTIONS, Reductions
from chainrule.lang.subscripts import subscripts

_ARITHMETIC: Final = frozenset({"add", "sub", "mul", "div", "neg"}) | BOOLEAN
CALLABLE: Final = {k: v for k, v in NAMES.items() if v not in _ARITHMETIC} | {
    "log_2": "log2", "log_10": "log10",
}  # fmt: skip
_LOOSE: Final = frozenset({"H", "step", "sigma", "σ"})  # functions whose names are also variables
_CONSTANTS: Final = frozenset({"e", "pi", "π"})
WHOLE: Final = {  # functions of whole tensors: what they are called inside, numbers of arguments
    "tr": ("@tr", (1,)), "trace": ("@tr", (1,)), "diag": ("@diag", (1,)),
    "transpose": ("@T", (1,)), "norm": ("@norm", (1,)),
    "dot": ("@dot", (2,)), "outer": ("@outer", (2,)),
    "eye": ("@eye", (1,)), "I": ("@eye", (1,)), "ones": ("@ones", (1, 2)),
}  # fmt: skip
_ABSENT: Final = {  # what matrix algebra has and the language does not
    "det": "determinants", "logdet": "determinants", "inv": "inverses", "pinv": "inverses",
    "solve": "inverses", "eig": "eigenvalues", "eigvals": "eigenvalues", "svd": "singular values",
    "rank": "ranks", "expm": "matrix exponentials", "logm": "matrix logarithms",
    "chol": "factorisations", "cholesky": "factorisations", "qr": "factorisations",
    "kron": "Kronecker products", "vec": "vectorisations",
}  # fmt: skip


class Calls(Reductions):
    """Reads names with what follows them: subscripts, arguments, a reduction's body."""

    def named(self) -> Expr:
        start = self.at
        name = self.texts[start]
        follows = self.kinds[start + 1]
        names = self.names
        self.at += 1
        if name in self.bound:
            if follows == "[":
                raise self.fail(f"{name} is an index here, it has no subscripts", at=start)
            return IndexValue(index(name), self.span(start))
        if name in self.parameters:
            return Ref("(" + name, (), None, self.span(start))
        if follows == "[" and (name in names.tensors or name not in REDUCTIONS):
            return self._reference(name, start)
        if follows in ("(", "{", "["):
            return self._call(name, start)
        if name in names.ranked:
            self.whole = True
        if name in names.tensors:
            return Ref(name, (), None, self.span(start))
        if name in names.sizes or self.loose == "size":
            names.sizes[name] = None
            return IndexValue(size(name), self.span(start))
        if self.inside:
            return self._loose(name, start)
        if name in _CONSTANTS:
            args = () if name != "e" else (Number(1),)
            return Apply("pi" if args == () else "exp", args, self.span(start))
        if name in CALLABLE or name in REDUCTIONS or name in names.macros or name == "inf":
            self._not_a_value(name, start)
        if name in ("nan", "NaN"):
            raise self.fail("NaN is no number to compute with", at=start)
        self.values.add(name)
        return Ref(name, (), None, self.span(start))

    def _reference(self, name: str, start: int) -> Expr:
        if name in self.names.sizes and name not in self.names.tensors:
            raise self.fail(f"{name} is a size, it has no subscripts", at=start)
        places, outside = subscripts(self)
        self.names.ranked.add(name)
        return Ref(name, places, outside, self.span(start))

    def _loose(self, name: str, start: int) -> Expr:
        if self.loose == "error":
            raise RangeError(
                f"{name} is not an index here", self.span(start, start + 1),
                f"sum over it (`sum({name}) …`), put it on the left, or declare `size {name}`",
            )  # fmt: skip
        if name in self.reduced:
            raise self.both_sides(name, start)
        self.found[name] = None
        return IndexValue(index(name), self.span(start))

    def _not_a_value(self, name: str, start: int) -> None:
        """Complain about a function's name without arguments, unless it is also a letter."""
        if name == "inf":
            raise self.fail("inf is a number only as a fill: `[…; pad with -inf]`", at=start)
        follows = self.kinds[self.at]
        if name in _LOOSE and follows not in ("name", "number"):
            return
        what = name
        if follows in ("name", "number"):
            argument = self.texts[self.at]
            if self.kinds[self.at + 1] in ("(", "["):
                closed = self.closes[self.at + 1]
                argument = self.text[self.places[self.at][0] : self.places[closed][1]]
            what = f"{name}({visible(argument[:40])})"
        elif follows in ("^", "superscript") and self.kinds[self.at + 1] in ("(", "number"):
            what = f"({name}(…))^2"
        elif name in REDUCTIONS:
            what = f"{name}(i) x[i]"
        else:
            what = f"{name}(…)"
        raise self.fail(f"{name} is a function and has no argument here", f"write {what}", start)

    def _call(self, name: str, start: int) -> Expr:
        names = self.names
        if name in names.tensors or name in names.sizes:
            argument = self.text[self.places[start + 1][0] : self.places[self.closes[start + 1]][1]]
            what = "size" if name in names.sizes else "tensor"
            raise self.fail(
                f"{name} is a {what} here, not a function",
                f"for a product write {name}*{visible(argument[:40])}", start,
            )  # fmt: skip
        if name in names.macros:
            return self._expanded(name, start)
        if name in ("sum", "mean") and self._sums_whole(start + 1):
            return self._whole("@" + name, (1,), start)
        if name in REDUCTIONS and (name not in CALLABLE or self.reduces(start + 1)):
            if "axis" in self.texts and self.texts[start + 3 : start + 6 : 2] == [",", "="]:
                raise self.fail(
                    "`axis` is not in the language: axes are subscripts", "write the index to "
                    f"reduce over, as in c[j] = {name}(i) A[i,j]", start + 4)
            return self.reduction(name, start)
        function = CALLABLE.get(name)
        if function is None:
            if name == self.defining:
                raise DefinitionError(
                    f"{name} cannot be defined in terms of itself", self.span(start, start + 1),
                    "a function is written out where it is called, so this would never end",
                )
            if name in WHOLE:
                return self._whole(*WHOLE[name], start)
            if names.formulas(name):
                if self.inner_call is not None and not self.bound:
                    self.whole, self.at = True, start
                    return self.inner_call()
                raise self.fail(
                    f"{name} is a formula of the library: it works on whole tensors",
                    f"give it an equation of its own: p = {name}(z)", start)
            if name in _ABSENT:
                raise FormulaSyntaxError(
                    f"{name} is not in the language: there are no {_ABSENT[name]}",
                    self.span(start, start + 1),
                    "formulas have sums and products over indices, and functions of one number")
            known = [*CALLABLE, *REDUCTIONS, *names.macros, *names.formula_names]
            raise UnknownNameError(
                f"{visible(name[:80])} is not a function", self.span(start, start + 1),
                did_you_mean(name, known) or f"for a product write {visible(name[:40])}*(…)",
            )  # fmt: skip
        args = self._arguments()
        arity = FUNCTIONS[function].arity
        if function in REDUCTIONS and len(args) > 2:
            first, *others = args
            for other in others:
                first = Apply(function, (first, other), self.span(start))
            return first
        if len(args) != arity:
            wants = "at least 2" if function in REDUCTIONS else str(arity)
            hint = f"over an index write `{name}(i) x[i]`" if function in REDUCTIONS else ""
            if function == "ln":
                hint = "the logarithm of x to the base b is ln(x)/ln(b)"
            raise ArityError(
                f"{name} takes {wants} argument{'' if wants == '1' else 's'}, not {len(args)}",
                self.span(start), hint or None,
            )  # fmt: skip
        if function == "pow":
            check_power(args[0], args[1], self.span(start))
        return Apply(function, tuple(args), self.span(start))

    def _whole(self, function: str, arities: tuple[int, ...], start: int) -> Expr:
        """A function of whole tensors, or one that makes them."""
        name = self.texts[start]
        args = self._arguments()
        self.whole = True
        if len(args) not in arities:
            wants = " or ".join(map(str, arities))
            raise ArityError(
                f"{name} takes {wants} argument{'' if arities == (1,) else 's'}, not {len(args)}",
                self.span(start))
        return Apply(function, tuple(args), self.span(start))

    def _sums_whole(self, bracket: int) -> bool:
        """Whether `sum(…)` at this bracket adds up a whole tensor: no index, nothing to reduce."""
        end = self.closes[bracket]
        follows = self.kinds[end + 1]
        if follows in ("name", "number", "(", "{", "‖") or (follows == "|" and not self.bars):
            return False
        inside = self.kinds[bracket + 1 : end]
        name = self.texts[bracket + 1]
        if inside == ["name"]:
            if follows not in ("-", "+"):
                return follows != "not"
            if any(  # a tensor's name may be an index's too
                k > end and self.kinds[k] == "[" and name in self.texts[k:closed]
                for k, closed in self.closes.items()
            ):
                return False
            return name in self.names.ranked or name in self.names.tensors
        at = bracket + 1
        while at < end:
            if self.kinds[at] in (",", "<", "<=", ">", ">=", "==", "!=", ";"):
                return False
            at = self.closes.get(at, at) + 1
        return bool(inside)

    def _arguments(self) -> list[Expr]:
        """The values between the brackets that begin here, and step over them."""
        start = self.at
        end = self.closes[start]
        self.deeper()
        bars, self.bars = self.bars, 0
        self.at += 1
        args: list[Expr] = []
        while self.at != end:
            args.append(self.value())
            if self.at == end:
                break
            self.expect(",", "between arguments")
        self.at = end + 1
        self.bars = bars
        self.depth -= 1
        return args

    def _expanded(self, name: str, start: int) -> Expr:
        args = self._arguments()
        macro = self.names.macros[name]
        if name in self.names.whole_macros:
            self.whole = True
        if len(args) != len(macro.parameters):
            raise ArityError(
                f"{name} takes {len(macro.parameters)} arguments, not {len(args)}",
                self.span(start),
            )
        body, nodes = expand(macro, tuple(args), set(self.bound), self.span(start), self.expanded)
        self.expanded = nodes
        return body
