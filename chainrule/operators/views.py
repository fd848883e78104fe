def transpose(x: Variable, axes: Sequence[int] | None = None) -> Variable:
    """The axes in another order, reversed by default."""
    order = [normal_axis(a, x.ndim) for a in axes] if axes else list(range(x.ndim))[::-1]
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(f"{axes} does not name each of the {x.ndim} axes once")
    right = tuple(place(order.index(k)) for k in range(x.ndim))
    shape = tuple(x.shape[k] for k in order)
    return Moved(shape, [(x, tuple(map(place, range(x.ndim))), right, shape)])


def expand_dims(x: Variable, axis: int) -> Variable:
    """A new axis of size 1 in front of `axis`."""
    axis = normal_axis(axis, x.ndim + 1)
    return x[(slice(None),) * axis + (None,)]


def concatenate(parts: Sequence[Variable], axis: int = 0) -> Variable:
    """Arrays one behind the other along an axis; the other axes must be equal."""
    _check_parts(parts)
    axis = normal_axis(axis, parts[0].ndim)
    pieces: list[Piece] = []
    start = ZERO
    for part in parts:
        rest = part.shape[:axis] + part.shape[axis + 1 :]
        if part.ndim != parts[0].ndim or rest != parts[0].shape[:axis] + parts[0].shape[axis + 1 :]:
            raise ShapeError(f"concatenate: {_shape(parts[0])} and {_shape(part)} differ in more "
                             f"than axis {axis}")
        here = tuple(map(place, range(part.ndim)))
        left = (*here[:axis], here[axis] + start, *here[axis + 1 :])
        pieces.append((part, left, here, part.shape))
        start = start + part.shape[axis]
    shape = parts[0].shape
    return Moved((*shape[:axis], start, *shape[axis + 1 :]), pieces)


def stack(parts: Sequence[Variable], axis: int = 0) -> Variable:
    """Arrays of one shape beside each other along a new axis."""
    _check_parts(parts)
    axis = normal_axis(axis, parts[0].ndim + 1)
    shape = parts[0].shape
    pieces: list[Piece] = []
    for number, part in enumerate(parts):
        if part.shape != shape:
            raise ShapeError(f"stack: {_shape(parts[0])} and {_shape(part)} differ")
        here = tuple(map(place, range(part.ndim)))
        pieces.append((part, (*here[:axis], constant(number), *here[axis:]), here, shape))
    return Moved((*shape[:axis], constant(len(parts)), *shape[axis:]), pieces)


def _check_parts(parts: Sequence[Variable]) -> None:
    if not parts or not all(isinstance(p, Variable) for p in parts):
        raise InputError("a list of at least one variable is wanted")


def reshape(x: Variable, shape: Sequence[Any]) -> Variable:
    """The cells in row-major order under another shape; one size may be -1."""
    new = _filled(x, shape)
    groups = _groups(x.shape, new)
    if groups is None:  # no axes fit each other: through a flat list of all cells
        total = product(iter(x.shape))
        flat = Moved((total,), [(x, (_flat(x.shape, 0),), tuple(map(place, range(x.ndim))),
                                 x.shape)])
        here = tuple(map(place, range(len(new))))
        return Moved(new, [(flat, here, (_flat(new, 0),), new)])
    left: list[Integer] = []
    right: list[Integer] = []
    sizes: list[Integer] = []
    for old, fresh in groups:
        if len(fresh) == 1:  # several axes become one: a subscript on the left
            left.append(_flat(old, len(sizes)))
            right += [place(len(sizes) + k) for k in range(len(old))]
            sizes += old
        else:  # one axis becomes several: a subscript on the right
            right.append(_flat(fresh, len(sizes)))
            left += [place(len(sizes) + k) for k in range(len(fresh))]
            sizes += fresh
    return Moved(new, [(x, tuple(left), tuple(right), tuple(sizes))])


def getitem(x: Variable, key: Any) -> Variable:
    """Cells of a variable, as NumPy's basic indexing has it, or rows by an integer input."""
    if isinstance(key, Input) and key.tensor.kind == "integer":
        if not x.shape:
            raise ShapeError("a scalar has no rows")
        return Gathered(x, key)
    keys = list(key) if isinstance(key, tuple) else [key]
    used = sum(k is not None and k is not Ellipsis for k in keys)
    if used > x.ndim or sum(k is Ellipsis for k in keys) > 1:
        raise ShapeError(f"{used} subscripts for a variable of {x.ndim} axes")
    dots = next((n for n, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[dots : dots + 1] = [slice(None)] * (x.ndim - used)
    left: list[Integer] = []
    right: list[Integer] = []
    shape: list[Integer] = []
    sizes: list[Integer] = []
    for k in keys:
        if k is None:
            left.append(ZERO)
            shape.append(ONE)
            continue
        n = x.shape[len(right)]
        if isinstance(k, slice):
            start, step, cells = _slice(k, n, len(right))
            right.append(place(len(sizes)) * step + start)
            left.append(place(len(sizes)))
            sizes.append(cells)
            shape.append(cells)
        else:
            right.append(_subscript(k, n, len(right)))
    return Moved(tuple(shape), [(x, tuple(left), tuple(right), tuple(sizes))])
