"""Calls: f(x) as a definition, a function, a tensor that is written like one, or a product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.tree import Apply, Derivative, Node, Number, Symbol, walk
from chainrule.check.values import Array, Dual, Unknown, Value, cells_of, shape_of
from chainrule.check.values_frames import Frame, Need
from chainrule.check.values_matrices import TRACES
from chainrule.check.values_names import (
    Form,
    form_of,
    key,
    plain_letter,
    spread,
)
from chainrule.check.values_subscripts import flattened
from chainrule.check.values_tensors import cellwise, diagonal, transposed
from chainrule.check.values_units import columns_first
from chainrule.lang.expr import Reduce
from chainrule.lang.functions import FUNCTIONS, NAMES

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

Thunk = Callable[[], Value]
_TERMS: Final = frozenset({"sum", "product", "neg", "frac", "power", "juxtaposed"})
_SAME: Final = {
    "lg": "log10", "log_10": "log10", "log10": "log10", "log_2": "log2", "log2": "log2",
    "log_e": "ln", "lb": "log2", "arctg": "atan", "tg": "tan", "sgn": "sign", "sig": "sigmoid",
    "relu": "relu", "heaviside": "heaviside", "softplus": "softplus", "theta": "heaviside",
    "sigmoid": "sigmoid", "logistic": "sigmoid", "logsigmoid": "logsigmoid",
}  # fmt: skip
_NOT: Final = frozenset({"add", "sub", "mul", "div", "neg", "pow", "and", "or", "not", "lt", "le",
                         "gt", "ge", "eq", "ne", "pi", "max", "min"})


def function_named(name: str, arguments: int) -> str | None:
    """The function of chainrule's table that a name means."""
    found = NAMES.get(name) or _SAME.get(name) or _SAME.get(name.lower()) or NAMES.get(name.lower())
    if found is None or found in _NOT or found not in FUNCTIONS:
        return None
    return found if FUNCTIONS[found].arity == arguments else None


class Functions:
    """The part of the evaluator that knows functions and calls."""

    def call(self: Evaluator, node: Apply, frame: Frame) -> Value:
        """f(x): a definition, a function, a tensor written like one, or a product."""
        form = form_of(node)
        assert form is not None and form.args is not None
        name = form.head[1]
        if len(form.args) == 1 and any(plain_letter(n) == name for n in walk(form.args[0])):
            whole = self.of_itself(name, frame)  # σ(1 - σ) is a product
            if whole is not None:
                return self.times(node, 0, "", whole, self.value(form.args[0], frame))
        for d in self.definitions(form):
            fits = self.fitted(d, form, frame)
            if fits is not None:
                return self._of_component(form, fits, frame)
        meant = self.of_quantity(name, form.args, frame)
        if meant is None:
            meant = self.component(name, form.args, frame)
        if meant is not None:
            return meant
        if len(form.args) == 1 and name in ("softmax", "Softmax", "S") and self._component(
                form) and not self._is_vector(form.args[0]):
            arg = form.args[0]
            assert isinstance(arg, Symbol)
            whole = self.value(replace(arg, subs=()), frame)
            return self.indexed(self.softmax(whole), tuple(form_of(arg).subs), frame)  # type: ignore[union-attr]
        special = self._special(name.lower(), form.args, frame)
        if special is not None:
            return special()
        function = function_named(name, len(form.args))
        tensor = self._as_tensor(name, form, frame, function is not None)
        if tensor is not None:
            return tensor()
        if function is not None:
            values = [self.value(a, frame) for a in form.args]
            if any(isinstance(v, bool) for v in values):
                raise Unknown("a condition stands where a number is wanted")
            if name == "sigma" and self.is_softmax(values[0], frame) and not self.chooser.choose(
                    ("name", "softmax"), 2):
                return self.softmax(values[0])
            if len(values) == 1:
                return self._map(function, values[0])
            return cellwise(lambda a, b: self.numbers.apply(function, a, b), *values)
        if name.endswith("'") and len(form.args) == 1:
            return self.primed(node, name[:-1], form.args[0], frame)
        spread_out = self.of_distribution(name, form.args, frame)
        if spread_out is not None:
            return spread_out()
        values = [self.value(a, frame) for a in form.args]
        if name in ("S", "s") and len(values) == 1 and self.is_softmax(values[0], frame):
            return self.softmax(values[0])
        if any(isinstance(v, Array | bool) for v in values) or len(name) > 2:
            raise Unknown(f"the function {name} is not known", "name")
        self.functions.add(name)
        return self.world.invented_function(name, values)

    def _component(self, form: Form) -> bool:
        return bool(form.args and isinstance(form.args[0], Symbol) and form.args[0].subs)

    def _is_vector(self: Evaluator, node: Node) -> bool:
        """Whether a name with its subscripts is a vector of the sheet: z_2 of the second layer."""
        form = form_of(node)
        tensors = self.world.names.tensors(form) if form is not None else []
        return any(uses and self.world.names.program.tensors[t].shape for t, uses in tensors[:1])

    def _of_component(self: Evaluator, form: Form, fits: Thunk, frame: Frame) -> Value:
        """softmax(z_i) for component i of softmax(z), where f of the number has no value."""
        if not self._component(form) or form.args is None or len(form.args) != 1:
            return fits()
        try:
            return fits()
        except Unknown:
            arg = form.args[0]
            assert isinstance(arg, Symbol)
            inner = form_of(arg)
            whole = Form(form.head, (replace(arg, subs=()),), ())
            for d in self.definitions(form):
                again = self.fitted(d, whole, frame)
                if again is not None and inner is not None:
                    return self.indexed(again(), inner.subs, frame)
            raise

    def _as_tensor(self: Evaluator, name: str, form: Form, frame: Frame,
                   function: bool) -> Thunk | None:
        """A quantity that is written like a function: g(1), L(g, p), α_0(4), x(y + 1)."""
        symbol = Symbol(0, 0, name)
        if name in frame.params:
            base: Thunk = lambda: frame.params[name]  # noqa: E731
        else:
            bare = form_of(symbol)
            assert bare is not None
            options = self.meanings(bare, frame)
            if not options or (function and not self.world.names.exact.get(name)):
                return None
            base = options[0]
        args = form.args or ()
        quantities = [self._is_quantity(a, frame) for a in args]
        if quantities and all(quantities):
            return base

        moved = self._of_moved(name, args) if name not in frame.params else ""
        tensor = self.world.names.tensors(Form(("name", name, ""), None, ()))[0][0] if moved else ""

        def one() -> Value:
            if moved and self.chooser.choose(("moved", name, args[0].start), 2):
                here = self.value(args[0], frame)
                if shape_of(here) == frame.cells.shape(moved):
                    return frame.cells.under({moved: here}).tensor(tensor)
            value = base()
            if isinstance(value, Array) and len(args) == len(value.shape) and not any(
                    self._has_quantities(a, frame) for a in args):
                try:
                    return self.indexed(value, args, frame)
                except Unknown as unknown:
                    if unknown.kind not in ("form", "shape"):
                        raise
            if len(args) == 1:
                factors = Apply(args[0].start - 1, args[0].end, "product", (
                    Symbol(args[0].start - 1, args[0].start - 1, name), args[0]), ("", ""))
                return self._product(factors, frame)
            return value

        return one

    def _of_moved(self: Evaluator, name: str, args: tuple[Node, ...]) -> str:
        """The input that f(x + c) takes at another place, where f is computed from it."""
        bare = form_of(Symbol(0, 0, name))
        tensors = self.world.names.tensors(bare) if bare is not None else []
        program = self.world.names.program
        if len(args) != 1 or not tensors or not isinstance(args[0], Apply) or (
                tensors[0][0] in program.inputs):
            return ""
        inputs = {found[0][0] for n in walk(args[0]) if isinstance(n, Symbol)
                  and (form := form_of(n)) is not None and not form.subs
                  and (found := self.world.names.tensors(form))}
        free = [t for t in inputs if t in program.inputs and t not in self.world.part.given]
        return free[0] if len(free) == len(inputs) == 1 else ""

    def factor_before(self: Evaluator, node: Node, frame: Frame) -> tuple[Symbol, Node] | None:
        """The p and the 1 - p of p(1 - p), no call: what stands behind is the bracket's."""
        form = form_of(node) if isinstance(node, Apply) else None
        if form is None or form.args is None or len(form.args) != 1:
            return None
        name, arg = form.head[1], form.args[0]
        if not isinstance(arg, Apply) or arg.head not in _TERMS or self.scope.definitions.get(
                form.head) or name.endswith("'") or name.lower() in ("max", "min", "softmax"):
            return None
        exact = bool(self.world.names.exact.get(name)) or name in frame.params
        if function_named(name, 1) is not None and not exact:
            return None
        bare = Symbol(node.start, node.start, name)
        symbol = form_of(bare)
        assert symbol is not None
        if name not in frame.params and not self.meanings(symbol, frame):
            return None
        value = self.value(bare, frame)
        if isinstance(value, Array) and len(value.shape) == 1:
            try:
                self.indexed(value, (arg,), frame)
                return None  # x(y + 1) is a cell of x
            except (Unknown, Need):
                pass
        return bare, arg

    def _is_quantity(self: Evaluator, node: Node, frame: Frame) -> bool:
        """Whether an argument names a whole quantity, or a function, or all parameters."""
        letter = plain_letter(node)
        if not letter or letter in frame.bound:
            return False
        if function_named(letter, 1) or letter in ("Theta", "theta", "Theta'"):
            return True
        form = form_of(node)
        assert form is not None
        found = self.world.names.tensors(form)
        if found:
            return self.world.names.program.tensors[found[0][0]].kind != "integer"
        return bool(self.scope.definitions.get(form.head))

    def _has_quantities(self: Evaluator, node: Node, frame: Frame) -> bool:
        """Whether real quantities stand in an argument, which is no index then."""
        for n in walk(node):
            form = form_of(n) if isinstance(n, Symbol) else None
            if form is None or form.head[1] in frame.bound or form.head[1] in frame.params:
                continue
            tensors = self.world.names.tensors(form)
            if tensors and self.world.names.program.tensors[tensors[0][0]].kind == "real" and (
                    self._whole_number(n, form.head[1], frame) is None):
                return True
        return False

    def cell_of_call(self: Evaluator, node: Apply, frame: Frame) -> Value:
        """S(x)_i, or a bracket with a subscript."""
        norm = self.marked_norm(node, frame)
        if norm is not None:
            return norm
        if isinstance(node.args[0], Number) and node.args[0].text == "0":
            zeros = self.filled(0, node.args[1:], frame)
            return Fraction(0) if zeros is None else zeros
        form = form_of(node)
        if form is not None and form.args is not None:
            for d in self.definitions(form):
                fits = self.fitted(d, form, frame)
                if fits is not None:
                    return fits()
        return self.indexed(self.value(node.args[0], frame), spread(node.args[1:]), frame)

    # --- functions of whole tensors

    def _special(self: Evaluator, name: str, args: tuple[Node, ...], frame: Frame) -> Thunk | None:
        if name in ("max", "min"):
            return lambda: self.extreme(name, args, frame)
        if name in TRACES and len(args) == 1:
            return lambda: self.trace(args[0], frame)
        one: dict[str, Callable[[Value], Value]] = {
            "softmax": self.softmax, "diag": diagonal, "transpose": transposed,
            "sum": self.total, "norm": self.norm, "vec": columns_first,
            "flatten": flattened, "det": self.determinant,
            "mean": lambda v: self.numbers.div(self.total(v), Fraction(len(cells_of(v)))),
            "logsumexp": lambda v: self.numbers.apply("ln", self.total(self._map("exp", v))),
            "logsoftmax": lambda v: self._map("ln", self.softmax(v)),
            "swish": self._swish, "silu": self._swish,
            "tanh'": lambda v: self._map("tanh", v),
        }
        one.pop("tanh'")
        one["log_softmax"] = one["logsoftmax"]
        if name in ("sum", "mean") and len(args) == 1:
            return lambda: one[name](self._each(args[0], frame))
        if name in one and len(args) == 1:
            return lambda: one[name](self.value(args[0], frame))
        return None

    def _each(self: Evaluator, node: Node, frame: Frame) -> Value:
        """What a sum in words adds up: sum(x_i) is over all i, unless i is one number here."""
        try:
            return self.value(node, frame)
        except Need:
            over = self.over_letters(node, frame)
            if over is None:
                raise
            return over

    def _swish(self: Evaluator, v: Value) -> Value:
        return cellwise(self.numbers.mul, v, self._map("sigmoid", v))

    def total(self: Evaluator, value: Value) -> Any:
        """The sum of all cells."""
        total: Any = Fraction(0)
        for cell in cells_of(value):
            total = self.numbers.add(total, cell)
        return total

    def norm(self: Evaluator, value: Value) -> Any:
        """The Euclidean norm of all cells."""
        squares = [self.numbers.mul(c, c) for c in cells_of(value)]
        return self.numbers.apply("sqrt", self.total(Array((len(squares),), tuple(squares))))

    def softmax(self: Evaluator, value: Value) -> Value:
        """exp(x_i)/Σ exp(x_j), along the last axis."""
        if not isinstance(value, Array) or not value.shape:
            raise Unknown("softmax wants a vector", "shape")
        n = value.shape[-1]
        cells: list[Any] = []
        for start in range(0, len(value.cells), n):
            top = [self.numbers.apply("exp", c) for c in value.cells[start : start + n]]
            below = self.total(Array((n,), tuple(top)))
            cells += [self.numbers.div(t, below) for t in top]
        return Array(value.shape, tuple(cells))

    def extreme(self: Evaluator, name: str, args: tuple[Node, ...], frame: Frame) -> Value:
        """max or min of several numbers, of all cells, or over a letter that only it knows."""
        if len(args) == 1 and isinstance(args[0], Apply) and args[0].head == "set":
            args = args[0].args
        if len(args) == 1:
            windows = self._windows(name, args[0], frame)
            if windows and self.chooser.choose(("windows", name, key(args[0])), 2):
                return frame.cells.tensor(windows)
            over = self.over_letters(args[0], frame)
            values = list(cells_of(over if over is not None else self.value(args[0], frame)))
        else:
            listed = [self.value(a, frame) for a in args] if not any(
                isinstance(a, Apply) and a.head == "dots" for a in args) else [
                self.listed(args, frame)]
            if any(isinstance(v, Array) for v in listed):
                if len(listed) == 2:
                    return cellwise(lambda a, b: self._better(name, a, b), *listed)
                values = [c for v in listed for c in cells_of(v)]
            else:
                values = listed
        if not values:
            raise Unknown("an extreme of nothing", "domain")
        best = values[0]
        for v in values[1:]:
            best = self._better(name, best, v)
        return best

    def _windows(self: Evaluator, op: str, node: Node, frame: Frame) -> str:
        """The tensor that the program makes of another by maxima over windows of it."""
        form = form_of(node)
        tensors = self.world.names.tensors(form) if form is not None else []
        graph = self.world.cells.graph
        for name, equations in graph.equations.items():
            body = equations[0].body
            if tensors and isinstance(body, Reduce) and body.op == op and (
                    graph.reads[name] == {tensors[0][0]}) and frame.cells.shape(name):
                return name
        return ""

    def _better(self: Evaluator, name: str, a: Any, b: Any) -> Any:
        order = self.numbers.order(b, a)
        return b if (order > 0 if name == "max" else order < 0) else a

    def over_letters(self: Evaluator, node: Node, frame: Frame) -> Array | None:
        """All values of an expression over a letter that stands below a name in it."""
        for n in walk(node):
            form = form_of(n) if isinstance(n, Symbol) else None
            for sub in form.subs if form else ():
                letter = plain_letter(sub)
                if not letter or self._whole_number(sub, letter, frame) is not None:
                    continue
                try:
                    self.value(node, frame.with_index(letter, None))
                except Need as need:
                    if need.letter == letter:
                        cells = [self.value(node, frame.with_index(letter, k + self.base))
                                 for k in range(need.size)]
                        return Array((need.size,), tuple(cells))
        return None

    def primed(self: Evaluator, node: Apply, name: str, arg: Node, frame: Frame) -> Value:
        """f'(x): the derivative of f at x; L'(z): of a quantity by what it is computed from."""
        form = form_of(Symbol(node.start, node.end, name))
        if form is not None and not self.scope.definitions.get(("call", name)) and (
                function_named(name, 1) is None) and self.world.names.tensors(form) and (
                self._is_quantity(arg, frame)):
            top = Symbol(node.start, node.end, name)
            return self.slope(Derivative(node.start, node.end, top, (arg,)), frame)
        at = self.value(arg, frame)

        def one(x: Any) -> Any:
            level = self.numbers.new_level()
            moved = Dual(x, Fraction(1), level, self.numbers)
            inner = frame.with_params({"#": moved}, {})
            call = Apply(node.start, node.end, f"call:{name}",
                         (Symbol(arg.start, arg.end, "#"),))
            return self.numbers.tangent(self.value(call, inner), level)

        return at.map(one) if isinstance(at, Array) else one(at)


__all__ = ["Functions", "function_named"]
