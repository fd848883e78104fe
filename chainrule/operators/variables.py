class Variable:
    """A number or an array that a formula computes; operators on it make new ones.

    `shape` is a tuple of sizes; `name` what it is called in the program, or None for a fresh name.
    Comparisons give a `Condition` for `where`. A variable has no truth value and no number.
    """

    __slots__ = ("name", "operands", "shape")
    __array_ufunc__ = None  # NumPy's arrays leave `array * variable` to us

    def __init__(self, shape: Shape, operands: tuple[Variable, ...]) -> None:
        self.shape = shape
        self.operands = operands
        self.name: str | None = None

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """The equations that define this variable under the name `target`."""
        raise NotImplementedError

    def named(self, name: str) -> Variable:
        """The same variable, which the program will call `name`."""
        self.name = check_name(name)
        return self

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    def __repr__(self) -> str:
        shape = f" of shape ({', '.join(map(str, self.shape))})" if self.shape else ""
        return f"<{self.name or 'variable'}{shape}>"

    # arithmetic

    def __add__(self, other: object) -> Variable:
        return apply("add", self, other)

    def __radd__(self, other: object) -> Variable:
        return apply("add", other, self)

    def __sub__(self, other: object) -> Variable:
        return apply("sub", self, other)

    def __rsub__(self, other: object) -> Variable:
        return apply("sub", other, self)

    def __mul__(self, other: object) -> Variable:
        return apply("mul", self, other)

    def __rmul__(self, other: object) -> Variable:
        return apply("mul", other, self)

    def __truediv__(self, other: object) -> Variable:
        return apply("div", self, other)

    def __rtruediv__(self, other: object) -> Variable:
        return apply("div", other, self)

    def __pow__(self, other: object) -> Variable:
        return apply("pow", self, other)

    def __rpow__(self, other: object) -> Variable:
        return apply("pow", other, self)

    def __neg__(self) -> Variable:
        return apply("neg", self)

    def __pos__(self) -> Variable:
        return self

    def __abs__(self) -> Variable:
        return apply("abs", self)

    def __matmul__(self, other: object) -> Variable:
        return matmul(self, other)

    def __rmatmul__(self, other: object) -> Variable:
        return matmul(other, self)

    # comparisons

    def __lt__(self, other: object) -> Condition:
        return condition("lt", self, other)

    def __le__(self, other: object) -> Condition:
        return condition("le", self, other)

    def __gt__(self, other: object) -> Condition:
        return condition("gt", self, other)

    def __ge__(self, other: object) -> Condition:
        return condition("ge", self, other)

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return condition("eq", self, other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return condition("ne", self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise KindError("a variable has no truth value: its number is not known yet", None,
                        "choose between values with cr.where(condition, then, otherwise)")

    def __float__(self) -> float:
        raise KindError("a variable has no number yet", None,
                        "make a formula of it and give values: cr.formula(y)(x=2)")

    # arrays

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Variable:
        """The sum over some axes, all of them by default."""
        return Reduction("sum", self, axis, keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Variable:
        """The mean over some axes, all of them by default."""
        return Reduction("mean", self, axis, keepdims)

    def max(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Variable:
        """The largest number along some axes; its derivative goes to the first winner."""
        return Reduction("max", self, axis, keepdims)

    def min(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Variable:
        """The smallest number along some axes; its derivative goes to the first winner."""
        return Reduction("min", self, axis, keepdims)

    @property
    def T(self) -> Variable:
        """The axes in reverse order."""
        return transpose(self)

    def transpose(self, *axes: int) -> Variable:
        """The axes in another order."""
        return transpose(self, axes or None)

    def reshape(self, *shape: Any) -> Variable:
        """The same cells in row-major order under another shape; one size may be -1."""
        return reshape(self, shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list)
                       else shape)

    def __getitem__(self, key: Any) -> Variable:
        return getitem(self, key)

    def __iter__(self) -> Iterable[Variable]:  # type: ignore[misc]
        cells = self.shape[0].constant if self.shape else None
        if cells is None:
            raise ShapeError("only a variable whose first axis has a known size can be unpacked")
        return iter([self[k] for k in range(cells)])


def operand(value: object) -> Operand:
    """What stands for a Python value in an equation; the float 0.1 means one tenth.

    Raises `KindError` for a condition or a boolean, `InputError` for an array or an infinity.
    """
    if isinstance(value, Variable):
        return value.value if isinstance(value, Constant) else value
    if isinstance(value, int) and not isinstance(value, bool):
        return Number(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InputError(f"{value} is no number that a formula can hold")
        return exact(Fraction(repr(float(value))))
    if isinstance(value, Fraction | Decimal):
        return exact(Fraction(value))
    if isinstance(value, Condition | bool):
        raise KindError("a condition stands where a number is wanted", None,
                        "write cr.where(condition, 1, 0)")
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return operand(value.item())
    what = type(value).__name__
    raise InputError(f"a {what} cannot stand in a formula", None,
                     "numbers can; make an array an input, x = cr.input('x', shape=…), and give "
                     "its value when the formula is run")


def apply(function: str, *args: object) -> Variable:
    """A function of the table on variables and numbers, cell by cell."""
    parts = tuple([operand(a) for a in args])
    if function == "pow" and isinstance(parts[1], Number) and (
        abs(parts[1].value) > CONSTANT_EXPONENT
    ):
        raise LimitError(f"a constant power beyond {CONSTANT_EXPONENT:,}")
    return Elementwise(function, parts, broadcast(parts, function))


def condition(function: str, *args: object) -> Condition:
    """A comparison of numbers, or a junction of conditions."""
    if function in ("and", "or", "not"):
        for a in args:
            if not isinstance(a, Condition):
                raise KindError("a number stands where a condition is wanted", None,
                                "put brackets around comparisons: (x > 0) & (x < 1)")
        return Condition(function, args, broadcast(args, function))
    parts = tuple([operand(a) for a in args])
    return Condition(function, parts, broadcast(parts, function))


def where(condition: Condition, then: object, otherwise: object) -> Variable:
    """`then` where the condition holds, else `otherwise`; only the branch taken is looked at."""
    if not isinstance(condition, Condition):
        raise KindError("where wants a condition, such as x > 0")
    return Where(condition, operand(then), operand(otherwise))


def matmul(a: object, b: object) -> Variable:
    """The matrix product `a @ b`."""
    left, right = operand(a), operand(b)
    if not isinstance(left, Variable) or not isinstance(right, Variable):
        raise ShapeError("@ wants vectors or matrices", None, "multiply numbers with *")
    return Matmul(left, right)


def function(name: str) -> Callable[..., Variable]:
    """A function of the table, for variables: `function("log")(x)`."""
    entry = FUNCTIONS[NAMES[name]]

    def call(*args: object) -> Variable:
        if len(args) != entry.arity:
            raise ArityError(f"{name} takes {entry.arity} arguments, found {len(args)}")
        return apply(entry.name, *args)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{entry.why[0].upper()}{entry.why[1:]}."
    return call
