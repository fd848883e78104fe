"""Inference: from parsed text to a program in which every index has a range, every tensor a shape.

An index takes the size of the axis that it subscripts plainly. From a compound subscript the range
of its one unknown index follows from the axis's bounds (`bounds.solve_range`). A tensor that is
read and never defined is an input; axes of inputs that nothing declares get names of their own,
after the index that runs over them (`x[n]` has N cells). The ranges are then carried in the
program: they cannot be inferred again from an adjoint.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from chainrule.errors import (
    ChainruleError,
    DefinitionError,
    KindError,
    RangeError,
    ShapeError,
    Span,
)
from chainrule.lang.bounds import extent, larger, solve_range
from chainrule.lang.collector import uncollected
from chainrule.lang.endings import filled, wanted
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Range,
    Read,
    Reduce,
    Ref,
    children,
    walk,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import ZERO, Floor, Integer, Size, size
from chainrule.lang.matrices import expanded
from chainrule.lang.naming import natural_order
from chainrule.lang.parse import Parsed, parse
from chainrule.lang.program import Equation, Layer, Origin, Program, Shape, Tensor, fresh
from chainrule.lang.verify import arity_error, verify
from chainrule.lang.whole import Call, Library


def program(text: str, name: str = "formula", library: Library | None = None) -> Program:
    """The program that a text describes, with shapes and ranges inferred, verified.

    `library` says what formulas the text may call on whole tensors.

    Raises `FormulaSyntaxError`, `UnknownNameError`, `ShapeError`, `RangeError`, `DefinitionError`
    or another `ChainruleError`, each with the place in the text.

    >>> p = program("z[n,u] = sum(v) W[u,v]*x[n,v] + b[u]")
    >>> [str(axis) for axis in p.tensors["z"].shape]
    ['N', 'U']
    """
    with uncollected():
        return infer(parse(text, name, library), library)


@dataclass(slots=True)
class _Variable:
    """An index variable in one scope, and the axes that it subscripts plainly."""

    name: str
    size: Integer | None
    explicit: bool
    plain: list[tuple[Ref, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Scope:
    """All index variables of one equation, in the order met, and its compound subscripts."""

    variables: list[_Variable] = field(default_factory=list)
    compound: list[tuple[Ref, int, dict[str, _Variable]]] = field(default_factory=list)
    compared: list[tuple[_Variable, _Variable]] = field(default_factory=list)


def infer(parsed: Parsed, library: Library | None = None) -> Program:
    """The verified program of a parsed text."""
    return _Inference(parsed, library).run()


@dataclass(frozen=True, slots=True)
class _Around:
    """Inference as the expansion of one equation's whole tensors sees it."""

    inference: _Inference
    number: int
    target: str

    def look(self, ref: Ref) -> Tensor | None:
        found = self.inference
        late = found.defined_at.get(ref.tensor, -1) >= self.number
        if ref.tensor in found.tensors and not (late and ref.tensor == self.target):
            tensor = found.tensors[ref.tensor]
            return replace(tensor, shape=tuple(map(found.resolve, tensor.shape)))
        return found.first_met(ref, self.number, "real") if late else None

    def same(self, a: Integer, b: Integer) -> bool:
        found = self.inference
        a, b = found.resolve(a), found.resolve(b)
        if a == b or found.unify(a, b) or found.unify(b, a):
            return True
        floors = any(isinstance(x, Floor) for s in (a, b) for x in s.atoms())
        if floors:
            found.assumptions.append((a, b))
        return floors

    def hoisted(self, call: Call) -> str:
        return self.inference.part(self.number, self.target, call, call.span)


class _Inference:
    """One run of inference; its tables grow as equations are met."""

    def __init__(self, parsed: Parsed, library: Library | None = None) -> None:
        self.parsed = parsed
        self.library = library
        self.done: list[tuple[Equation, _Scope | None]] = []
        self.layers: list[Layer] = []
        self.updates: list[tuple[str, str]] = [*parsed.updates]
        self.tensors: dict[str, Tensor] = {}
        self.bound: dict[str, Integer] = {}  # what an unknown size turned out to be
        self.wishes: dict[str, list[str]] = {}  # names that an unknown size might take
        self.inputs: list[str] = []
        self.defined_at: dict[str, int] = {}
        self.pieces: dict[str, list[Shape]] = {}
        self.assumptions: list[tuple[Integer, Integer]] = []
        for number, equation in enumerate(parsed.equations):
            self.defined_at[equation.target] = number
        self.size_names = set(parsed.sizes)
        self.zeros: dict[str, Tensor] = {}
        self.read: set[str] = set()
        for tensor in parsed.declared:
            if tensor.role == "computed":  # zeros, to be added to
                self.zeros[tensor.name] = tensor
                if tensor.name not in self.defined_at:
                    raise DefinitionError(f"nothing is added to {tensor.name}", tensor.span,
                                          "`zeros` gives the shape of a tensor that += adds to")
            else:
                self.tensors[tensor.name] = tensor
                self.inputs.append(tensor.name)
            for axis in tensor.shape:
                self.size_names.update(axis.sizes())

    def run(self) -> Program:
        for number, equation in enumerate(self.parsed.equations):
            if equation.target in self.inputs:
                self.refuse_target(equation)
            if isinstance(equation.body, Call):
                self.whole(number, equation, equation.body)
                continue
            if number in self.parsed.whole:
                equation = expanded(equation, _Around(self, number, equation.target), self.names())
            self.done.append((equation, self.equation(number, equation)))
        equations = self.finished(self.done)
        outputs = wanted(self.parsed.outputs, self.tensors, equations)
        result = Program(
            tensors=self.tensors,
            inputs=tuple(natural_order(
                self.inputs, len(self.parsed.declared) - len(self.zeros))),
            equations=equations,
            outputs=outputs,
            updates=tuple(self.updates),
            assumptions=tuple((self.resolve(a), self.resolve(b)) for a, b in self.assumptions),
            source=self.parsed.text,
            layers=tuple(self.layers),
        )
        return verify(result)

    def whole(self, number: int, equation: Equation, call: Call) -> None:
        """A formula of the library, called on whole tensors."""
        target = equation.target
        if self.defined_at[target] != number or target in self.pieces:
            raise DefinitionError(f"{target} is defined twice", equation.origin.span)
        self.called(number, target, call)

    def part(self, number: int, target: str, e: Expr, span: Span | None) -> str:
        """The name of a tensor that is this, in an equation of its own above that of `target`."""
        taken = self.names() | self.tensors.keys()
        name = fresh(f"{target}_{e.name}" if isinstance(e, Call) else f"{target}_in", taken)
        self.defined_at[name] = number
        if isinstance(e, Call):
            self.called(number, name, e)
        else:
            equation = Equation(name, (), (), e, origin=Origin("written", span=span))
            equation = expanded(equation, _Around(self, number, name), self.names())
            self.done.append((equation, self.equation(number, equation)))
        self.defined_at[name] = number - 1
        return name

    def called(self, number: int, target: str, call: Call) -> None:
        """The equations of a call, those of its arguments first."""
        assert self.library is not None
        args: list[str] = []
        for arg in call.args:
            if not isinstance(arg, str):
                args.append(self.part(number, target, arg, call.span))
                continue
            if arg not in self.tensors and self.defined_at.get(arg, -1) >= number:
                raise DefinitionError(f"{arg} is read before it is defined", call.span,
                                      "an equation may only read what stands above it: move it up")
            args.append(arg)
        taken = {*self.tensors, *self.defined_at, *self.size_names}
        try:
            found = self.library.expand(call, target, tuple(args), self.tensors, taken)
        except ChainruleError as error:
            raise error.with_span(call.span) from None
        for name, tensor in found.tensors.items():
            self.tensors[name] = replace(tensor, span=call.span)
            if name not in found.inputs:
                self.pieces[name] = [tensor.shape]
        self.inputs += found.inputs
        self.updates += found.updates
        self.layers.append(found.layer)
        self.done += [(replace(e, origin=replace(e.origin, span=call.span)), None)
                      for e in found.equations]

    def names(self) -> set[str]:
        """All names of the program, which new indices keep away from."""
        if not self.read:
            self.read = {n.tensor for e in self.parsed.equations for n in walk(e.body)
                         if isinstance(n, Ref)}
            self.read |= {*self.size_names, *self.tensors, *self.defined_at}
        return self.read

    def refuse_target(self, equation: Equation) -> None:
        name = equation.target
        declared = {t.name for t in self.parsed.declared}
        if name in declared:
            raise DefinitionError(f"{name} is declared as an input and defined by an equation",
                                  equation.origin.span, "drop one of the two")
        raise DefinitionError(f"{name} is read before it is defined", equation.origin.span,
                              "an equation may only read what stands above it: move this line up")

    # one equation: find its variables, give them ranges, find its target's shape

    def equation(self, number: int, equation: Equation) -> _Scope | None:
        scalar = not equation.ranges and not equation.subscripts
        scope = _Scope()
        env: dict[str, _Variable] = {}
        for r in equation.ranges:
            env[r.name] = self.variable(scope, r)
        for s in equation.subscripts:
            self.gathers(s, scope, env, number)
        if equation.condition is not None:
            self.collect(equation.condition, scope, env, number)
        self.collect(equation.body, scope, env, number)
        if scope.variables or scope.compound:
            self.solve(scope, equation)
        self.pieces.setdefault(equation.target, []).append(self.target_shape(equation, env))
        if self.defined_at[equation.target] == number:
            self.define(equation)
        return None if scalar and not scope.variables else scope

    def variable(self, scope: _Scope, r: Range) -> _Variable:
        variable = _Variable(r.name, r.size, r.size is not None)
        scope.variables.append(variable)
        return variable

    def collect(self, e: Expr, scope: _Scope, env: dict[str, _Variable], number: int) -> None:
        """Meet every reference and every reduction of an expression, in the order written."""
        if type(e) is Ref:
            self.reference(e, scope, env, number)
        elif isinstance(e, IndexValue):
            self.gathers(e.value, scope, env, number)
        else:
            if isinstance(e, Reduce | ArgReduce):
                env = dict(env)
                for r in e.indices:
                    env[r.name] = self.variable(scope, r)
            elif isinstance(e, Apply) and len(e.args) == 2:
                pair = [env.get(a.value.plain or "") for a in e.args if isinstance(a, IndexValue)]
                if FUNCTIONS[e.function].boolean and len(pair) == 2 and pair[0] and pair[1]:
                    scope.compared.append((pair[0], pair[1]))
            for part in children(e):
                self.collect(part, scope, env, number)

    def gathers(self, s: Integer, scope: _Scope, env: dict[str, _Variable], number: int) -> None:
        if s.plain is None and s.constant is None:
            for a in s.atoms():
                if isinstance(a, Read):
                    self.reference(a.ref, scope, env, number, "integer")

    def reference(
        self, ref: Ref, scope: _Scope, env: dict[str, _Variable], number: int, kind: str = "real"
    ) -> None:
        tensor = self.tensors.get(ref.tensor)
        if tensor is None or (ref.tensor in self.pieces and self.defined_at[ref.tensor] >= number):
            tensor = self.first_met(ref, number, kind)
        if len(tensor.shape) != len(ref.subscripts):
            raise arity_error(tensor, ref)
        if kind == "integer" and tensor.kind != "integer":
            if tensor.role != "data" or ref.tensor in {t.name for t in self.parsed.declared}:
                raise KindError(f"{ref.tensor} is a subscript here, and its values are reals",
                                ref.span, f"declare it as `integer {ref.tensor}[…]` or `label`")
            self.tensors[ref.tensor] = replace(tensor, kind="integer")
        for axis, s in enumerate(ref.subscripts):
            if s.plain is not None:
                variable = env.get(s.plain)
                if variable is None:
                    raise RangeError(f"{s.plain} is not an index here", ref.span)
                variable.plain.append((ref, axis))
            elif s.constant is None:
                scope.compound.append((ref, axis, env))
                self.gathers(s, scope, env, number)
                only = s.terms[0][0][0] if len(s.terms) == 1 and len(s.terms[0][0]) == 1 else None
                if isinstance(only, Read):
                    below = self.tensors[only.ref.tensor].below
                    if below is not None:  # an axis that nothing declares has a cell a label
                        self.unify(self.axis(ref, axis), below)

    def first_met(self, ref: Ref, number: int, kind: str) -> Tensor:
        """An input nobody declared; or a read that comes too early."""
        name = ref.tensor
        later = self.defined_at.get(name, -1)
        if later == number or name in self.pieces:
            raise DefinitionError(f"{name} is defined in terms of itself", ref.span,
                                  "give each new value a new name, such as "
                                  f"{name}_new; for state write `update {name} = {name}_new`")
        if later > number:
            target = self.parsed.equations[later]
            mutual = any(isinstance(n, Ref) and n.tensor == self.parsed.equations[number].target
                         for n in walk(target.body))
            if mutual:
                raise DefinitionError(
                    f"{name} and {self.parsed.equations[number].target} are defined in terms of "
                    "each other", ref.span, "break the circle: one of them must come first")
            raise DefinitionError(f"{name} is read before it is defined", ref.span,
                                  "an equation may only read what stands above it: move it up")
        unknown = tuple(size(f"?{name}.{axis}") for axis in range(len(ref.subscripts)))
        tensor = Tensor(name, unknown, kind, "data", span=ref.span)
        self.tensors[name] = tensor
        self.inputs.append(name)
        return tensor

    # ranges

    def solve(self, scope: _Scope, equation: Equation) -> None:
        waiting = [v for v in scope.variables if v.size is None]
        while waiting:
            rest = []
            for variable in waiting:
                variable.size = (self.from_plain(variable) or self.from_compound(variable, scope)
                                 or self.from_comparison(variable, scope))
                if variable.size is None:
                    rest.append(variable)
            if len(rest) == len(waiting):
                raise RangeError(
                    f"nothing says how far the index {rest[0].name} runs",
                    equation.origin.span,
                    f"give it a bound: sum({rest[0].name} < 3), or `with {rest[0].name} < N` where "
                    "N is a declared size",
                )
            waiting = rest
        for variable in scope.variables:
            for ref, axis in variable.plain:
                self.agree(variable, ref, axis, scope)

    def from_plain(self, variable: _Variable) -> Integer | None:
        sizes = [self.axis(r, axis) for r, axis in variable.plain if not _padded(r, axis)]
        for s in sizes:
            if not _unknown(s):
                return s
        return sizes[0] if sizes else None

    def from_compound(self, variable: _Variable, scope: _Scope) -> Integer | None:
        for ref, axis, env in scope.compound:
            s = ref.subscripts[axis]
            if env.get(variable.name) is not variable or variable.name not in s.indices():
                continue
            ranges = {n: v.size for n, v in env.items() if v.size is not None}
            if any(n not in ranges for n in s.indices() if n != variable.name):
                continue
            before = after = ZERO
            if ref.outside is not None:
                if ref.outside.pads is None:
                    continue
                before, after = ref.outside.pads[axis]
            found = solve_range(s, variable.name, self.axis(ref, axis), before, after, ranges)
            if found is not None:
                self.nonempty(found, variable, ref, axis)
                return found
        for ref, axis in variable.plain:  # plain, but padded: the axis and its pads
            if ref.outside is not None and ref.outside.pads is not None:
                before, after = ref.outside.pads[axis]
                return self.axis(ref, axis) + after
        return None

    def from_comparison(self, variable: _Variable, scope: _Scope) -> Integer | None:
        """An index that subscripts nothing runs as far as the one that it is compared with.

        So `s[i] = sum(j, j <= i) x[j]` has as many cells as x.
        """
        name = variable.name
        if variable.plain or any(
            env.get(name) is variable and name in ref.subscripts[axis].indices()
            for ref, axis, env in scope.compound
        ):
            return None
        for a, b in scope.compared:
            other = b if a is variable else a if b is variable else None
            if other is not None and other.size is not None:
                return other.size
        return None

    def nonempty(self, found: Integer, variable: _Variable, ref: Ref, axis: int) -> None:
        number = found.constant
        if number is not None and number < 1:
            raise RangeError(
                f"no value of {variable.name} keeps {ref.subscripts[axis]} on axis {axis} of "
                f"{ref.tensor}, which has {self.axis(ref, axis)} cells", ref.span,
                "the window is larger than what it slides over: pad it, or use a smaller window")

    def agree(self, variable: _Variable, ref: Ref, axis: int, scope: _Scope) -> None:
        """An index's range and the axis it subscripts plainly: equal, or bounded on purpose."""
        have, want = self.resolve(variable.size or ZERO), self.axis(ref, axis)
        if have == want or _padded(ref, axis):
            return
        if self.unify(want, have) or (not variable.explicit and self.unify(have, want)):
            return
        if variable.explicit:
            limit, cells = have.constant, want.constant
            if limit is not None and cells is not None and limit > cells:
                raise RangeError(
                    f"{variable.name} runs to {limit - 1}, and axis {axis} of {ref.tensor} has "
                    f"only {cells} cells", ref.span)
            return
        if any(isinstance(a, Floor) for s in (have, want) for a in s.atoms()):
            self.assumptions.append((have, want))  # floors may agree for every size: see when run
            return
        others = [f"axis {k} of {r.tensor}" for r, k in variable.plain
                  if self.axis(r, k) == have]
        raise ShapeError(
            f"the index {variable.name} runs over {have} cells ({', '.join(others) or 'here'}) and "
            f"over {want} (axis {axis} of {ref.tensor})", ref.span,
            "nothing broadcasts by itself: sizes must be equal, or the subscript be 0 "
            f"(as in {ref.tensor}[0])")

    def axis(self, ref: Ref, axis: int) -> Integer:
        return self.resolve(self.tensors[ref.tensor].shape[axis])

    def resolve(self, s: Integer) -> Integer:
        """A size with the unknown ones replaced by what they turned out to be."""
        if not self.bound or s.constant is not None:
            return s
        while any(isinstance(a, Size) and a.name in self.bound for a in s.atoms()):
            s = s.substitute(lambda a: self.bound.get(a.name) if isinstance(a, Size) else None)
        return s

    def unify(self, unknown: Integer, found: Integer) -> bool:
        """Set an unknown size, if it is one."""
        if not _unknown(unknown):
            return False
        atom = unknown.terms[0][0][0]
        if atom in list(found.atoms()):
            return False
        self.bound[atom.name] = found  # type: ignore[attr-defined]
        return True

    # targets

    def target_shape(self, equation: Equation, env: dict[str, _Variable]) -> Shape:
        zeros = self.zeros.get(equation.target)
        if zeros is not None:
            if not equation.accumulate:
                raise DefinitionError(f"{zeros.name} starts from zeros, and = would replace them",
                                      equation.origin.span, "write +=, or drop the `zeros` line")
            if len(zeros.shape) != len(equation.subscripts):
                raise arity_error(zeros, Ref(zeros.name, equation.subscripts,
                                             span=equation.origin.span))
            return zeros.shape
        if not equation.subscripts:
            return ()
        ranges = {n: v.size for n, v in env.items() if v.size is not None}
        shape = []
        for axis, s in enumerate(equation.subscripts):
            ends = extent(s, ranges)
            gathered = [a for a in s.atoms() if isinstance(a, Read)]
            if ends is None and len(s.terms) == 1 and gathered:
                below = self.tensors[gathered[0].ref.tensor].below
                if below is not None:
                    ends = ZERO, below - 1
            if ends is None:
                raise RangeError(
                    f"the size of axis {axis} of {equation.target} does not follow from {s}",
                    equation.origin.span,
                    "declare the labels' bound, as in `label y[N] < K`" if gathered else None)
            shape.append(self.resolve(ends[1]) + 1)
        return tuple(shape)

    def define(self, equation: Equation) -> None:
        """All pieces of a tensor are met: its shape is the hull of theirs."""
        shapes = self.pieces[equation.target]
        hull = [*shapes[0]]
        for shape in shapes[1:]:
            if len(shape) != len(hull):
                raise ShapeError(f"{equation.target} has {len(hull)} axes in one equation and "
                                 f"{len(shape)} in another", equation.origin.span)
            for axis, (a, b) in enumerate(zip(hull, shape, strict=True)):
                both = larger(self.resolve(a), self.resolve(b))
                if both is None and (self.unify(self.resolve(a), b) or self.unify(b, a)):
                    both = self.resolve(b)
                if both is None:
                    raise ShapeError(
                        f"axis {axis} of {equation.target} has {a} cells in one equation and {b} "
                        "in another", equation.origin.span)
                hull[axis] = both
        kind = "integer" if self.integral(equation.body) else "real"
        self.tensors[equation.target] = Tensor(equation.target, tuple(hull), kind,
                                               span=equation.origin.span)

    def integral(self, e: Expr) -> bool:
        """Whether a tensor defined by this holds integers: positions, and labels picked by them.

        Counts and sums stay reals: they may be differentiated.
        """
        if isinstance(e, ArgReduce):
            return True
        return isinstance(e, Ref) and self.tensors[e.tensor].kind == "integer"

    # the finished program

    def finished(self, done: list[tuple[Equation, _Scope | None]]) -> tuple[Equation, ...]:
        """Name the sizes that stayed unknown, and put shapes and ranges in their places."""
        self.name_sizes([scope for _, scope in done if scope is not None])
        if self.bound:
            for name, tensor in self.tensors.items():
                if tensor.shape:
                    self.tensors[name] = replace(
                        tensor, shape=tuple(self.resolve(s) for s in tensor.shape))
        equations = []
        for equation, scope in done:
            if scope is not None:
                equation = self.filled(equation, scope)
            equations.append(equation)
        return tuple(equations)

    def name_sizes(self, scopes: list[_Scope]) -> None:
        taken = {*self.tensors, *self.size_names}
        wishes: dict[str, str] = {}
        for scope in scopes:
            for variable in scope.variables:
                for ref, axis in variable.plain:
                    s = self.axis(ref, axis)
                    if _unknown(s):
                        wishes.setdefault(str(s), variable.name.upper())
        for name in self.inputs:
            for axis, s in enumerate(self.tensors[name].shape):
                s = self.resolve(s)
                for a in list(s.atoms()):
                    if isinstance(a, Size) and a.name.startswith("?") and a.name not in self.bound:
                        wish = wishes.get(a.name, f"{name}_{axis}")
                        if wish in taken:
                            wish = f"{name}_{axis}"
                        while wish in taken:
                            wish += "_"
                        taken.add(wish)
                        self.bound[a.name] = size(wish)

    def filled(self, equation: Equation, scope: _Scope) -> Equation:
        sizes = iter([Range(v.name, self.resolve(v.size or ZERO)) for v in scope.variables])
        ranges = tuple(next(sizes) for _ in equation.ranges)
        condition = equation.condition
        if condition is not None:
            condition = filled(condition, sizes)
        body = filled(equation.body, sizes)
        return replace(equation, ranges=ranges, condition=condition, body=body)


def _unknown(s: Integer) -> bool:
    """Whether a size is nothing but one that is not known yet."""
    if len(s.terms) != 1 or s.terms[0][1] != 1 or len(s.terms[0][0]) != 1:
        return False
    a = s.terms[0][0][0]
    return isinstance(a, Size) and a.name.startswith("?")


def _padded(ref: Ref, axis: int) -> bool:
    """Whether a reference may leave its tensor on this axis."""
    if ref.outside is None:
        return False
    return ref.outside.pads is None or ref.outside.pads[axis] != (ZERO, ZERO)
