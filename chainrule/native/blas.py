"""Matrix products by the BLAS that SciPy brings: which equations are one, and the call.

`z[n,u] = sum(v) W[u,v]*x[n,v]` is a matrix product: its indices fall into those of one factor and
the target (n), of the other factor and the target (u), and of both factors (v). Several indices
are one where they lie behind each other in memory in both tensors, so that
`sum(n,i,j) ȳ[n,i,j,o]*x[n,i,j,c]` is a product as well. Where they do not, the outer ones count a
product each, and so do indices that occur in all three tensors. BLAS wants one of a matrix's two
strides to be 1; whether it is the first or the second says if it is transposed.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from llvmlite import ir

from chainrule.errors import MissingExtraError
from chainrule.lang.expr import Apply, Expr, Number, Reduce, Ref, mul, transform
from chainrule.lang.program import Equation
from chainrule.native.emitter import I8, I32, I64, POINTER, REAL, Emitter
from chainrule.native.kernels import Form, Storage, form

LEAST: Final = 1 << 13  # multiplications below which a call costs more than it gains
GEMM: Final = {"float32": "sgemm", "float64": "dgemm"}


@dataclass(frozen=True, slots=True)
class Group:
    """Indices that together are one dimension of a matrix, outermost first; their extents."""

    names: tuple[str, ...]
    extents: tuple[int, ...]

    @property
    def extent(self) -> int:
        """How many values they take together."""
        total = 1
        for n in self.extents:
            total *= n
        return total


@dataclass(slots=True)
class Product:
    """An equation as a matrix product times `scale`, added to its target or written to it.

    There is one for each value of the indices in `each`, and one for each of those in `over`, which
    are added up.
    """

    equation: Equation
    left: Ref
    right: Ref
    scale: float
    rows: Group
    columns: Group
    inner: Group
    each: Group
    over: Group
    accumulate: bool
    shard: str | None = None
    name: str = ""
    extent: int = 1

    def references(self) -> list[Ref]:
        """All cells that it touches, those that it writes first."""
        return [Ref(self.equation.target, self.equation.subscripts), self.left, self.right]

    def tensors(self) -> list[str]:
        """The tensors that it touches, the target first."""
        return list(dict.fromkeys(r.tensor for r in self.references()))


def product(e: Equation, stored: Mapping[str, Storage], shard: str | None = None) -> Product | None:
    """The matrix product that an equation is, if it is one of a size worth the call."""
    if not e.plain or e.condition is not None or e.dropping:
        return None
    found = factors(e.body)
    if found is None:
        return None
    scale, reduction, left, right = found
    forms = [form(r.subscripts, stored[r.tensor])
             for r in (Ref(e.target, e.subscripts), left, right)]
    if any(f is None for f in forms) or any(
            stored[n].kind != "real" for n in (e.target, left.tensor, right.tensor)):
        return None
    c, a, b = (f for f in forms if f is not None)
    if not all(_plain(r) for r in (left, right)):
        return None
    extents = {r.name: r.size.constant or 0 for r in (*e.ranges, *reduction.indices)
               if r.size is not None}
    groups: dict[str, list[str]] = {"rows": [], "columns": [], "inner": [], "each": []}
    for r in e.ranges:
        in_a, in_b = bool(a.slope(r.name)), bool(b.slope(r.name))
        kind = "each" if in_a and in_b else "rows" if in_a else "columns" if in_b else None
        if kind is None:
            if extents[r.name] == 1:
                continue
            return None
        groups[kind].append(r.name)
    for r in reduction.indices:
        if not (a.slope(r.name) and b.slope(r.name)):
            if extents[r.name] == 1:
                continue
            return None
        groups["inner"].append(r.name)
    made, over = {}, list[str]()
    for kind, pair in (("rows", (c, a)), ("columns", (c, b)), ("inner", (a, b))):
        outer, made[kind] = _group(groups[kind], extents, pair, shard)
        if kind == "inner":
            over = outer
        else:
            groups["each"] += outer
    if shard in over or shard in made["inner"].names[1:]:
        return None
    work = made["rows"].extent * made["columns"].extent * made["inner"].extent
    if work < LEAST or not _fits(made, c, a, b):
        return None
    each, added = (Group(tuple(names), tuple(extents[n] for n in names))
                   for names in (groups["each"], over))
    return Product(e, left, right, scale, made["rows"], made["columns"], made["inner"], each,
                   added, e.accumulate, shard)


def scaled(e: Expr) -> Expr:
    """With the numbers that all terms of a sum are multiplied by in front of it.

    >>> from chainrule.lang.expr import Range, Reduce, Ref, div
    >>> scaled(Reduce("sum", (Range("i"),), None, div(Ref("x"), Number(4)))).args[1]
    Number(value=0.25)
    """
    def inner(node: Expr) -> Expr | None:
        if not (isinstance(node, Reduce) and node.op == "sum" and node.condition is None):
            return None
        found = _product(node.body)
        if found is None or found[0] in (0.0, 1.0) or not math.isfinite(found[0]) or not found[1]:
            return None
        body = found[1][0]
        for part in found[1][1:]:
            body = mul(body, part)
        return mul(replace(node, body=body), Number(found[0]))

    return transform(e, inner)


def factors(body: Expr) -> tuple[float, Reduce, Ref, Ref] | None:
    """A sum of products of two references, and a number that it is multiplied by."""
    outside = _product(body)
    if outside is None:
        return None
    scale, whole = outside
    if len(whole) != 1 or not (isinstance(whole[0], Reduce) and whole[0].op == "sum"
                               and whole[0].condition is None):
        return None
    inside = _product(whole[0].body)
    if inside is None:
        return None
    times, parts = inside
    if len(parts) == 2 and isinstance(parts[0], Ref) and isinstance(parts[1], Ref):
        return scale * times, whole[0], parts[0], parts[1]
    return None


def _product(e: Expr) -> tuple[float, list[Expr]] | None:
    """An expression as a number times the factors that are none."""
    value = number(e)
    if value is not None:
        return value, []
    if isinstance(e, Apply) and e.function in ("mul", "div", "neg"):
        parts = [_product(a) for a in e.args]
        found: list[Expr] = []
        scale = 1.0
        for k, part in enumerate(parts):
            if part is None:
                return None
            if k and e.function == "div":
                if part[1] or not part[0]:
                    return 1.0, [e]
                scale /= part[0]
            else:
                scale *= part[0]
                found += part[1]
        return (-scale if e.function == "neg" else scale), found
    return 1.0, [e]


def number(e: Expr) -> float | None:
    """The value of an expression of numbers only."""
    if isinstance(e, Number):
        return float(e.value)
    if isinstance(e, Apply) and e.function == "sqrt":
        value = number(e.args[0])
        return None if value is None or value < 0 else math.sqrt(value)
    return None


def _plain(r: Ref) -> bool:
    names = [s.plain for s in r.subscripts if s.constant is None]
    return r.outside is None and None not in names and len(set(names)) == len(names)


def _group(names: list[str], extents: Mapping[str, int], pair: tuple[Form, Form],
           shard: str | None) -> tuple[list[str], Group]:
    """Indices as one dimension of both tensors; those outside it that do not lie so."""
    order = sorted((n for n in names if extents[n] > 1 or n == shard),
                   key=lambda n: (-pair[0].slope(n), n != shard))
    first = 0
    for f in pair:
        for k, (outer, inner) in enumerate(pairwise(order)):
            if f.slope(outer) != f.slope(inner) * extents[inner]:
                first = max(first, k + 1)
    if shard in order[first + 1:]:
        first = order.index(shard)
    left = order[first:]
    return order[:first], Group(tuple(left), tuple(extents[n] for n in left))


def stride(f: Form, group: Group) -> int:
    """How far apart neighbours along a dimension are."""
    return f.slope(group.names[-1]) if group.names else 1


def _fits(groups: Mapping[str, Group], c: Form, a: Form, b: Form) -> bool:
    """Whether each matrix has a stride of 1, and no dimension a stride of 0 or below."""
    for f, one, two in ((c, "rows", "columns"), (a, "rows", "inner"), (b, "inner", "columns")):
        first, second = stride(f, groups[one]), stride(f, groups[two])
        if min(first, second) < 1:
            return False
        free = [s for s, g in ((first, one), (second, two)) if groups[g].extent > 1]
        if len(free) == 2 and 1 not in free:
            return False
        if len(free) == 1 and free[0] != 1:
            pass  # one row or column: its stride is the leading dimension
    return True


def rest_of(body: Expr, part: Expr) -> Expr | None:
    """What is added to one term of a sum; None where the term is all there is."""
    if body is part:
        return None
    if isinstance(body, Apply) and body.function == "add":
        for k in (0, 1):
            if body.args[k] is part:
                return body.args[1 - k]
        left = rest_of(body.args[0], part)
        if left is not None:
            return Apply("add", (left, body.args[1]))
    return None


class ProductCode:
    """The LLVM function of one product: it finds the matrices and calls BLAS."""

    def __init__(self, module: ir.Module, p: Product, stored: Mapping[str, Storage],
                 dtype: str) -> None:
        self.p, self.stored, self.dtype = p, stored, dtype
        self.tensors = p.tensors()
        arguments = [*[POINTER] * len(self.tensors), I64, I64, POINTER]
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), p.name)
        self.function.attributes.add("noinline")
        self.pointers = dict(zip(self.tensors, self.function.args, strict=False))
        self.low, self.high = self.function.args[-3:-1]
        self.module = module
        self.e = Emitter(module, self.function, REAL[dtype])

    def emit(self) -> ir.Function:
        """Write the function: a loop over the products, if there are several, around the call."""
        groups = (self.p.each, self.p.over)
        self.each([pair for g in groups for pair in zip(g.names, g.extents, strict=True)], {})
        self.e.builder.ret_void()
        return self.function

    def each(self, loops: list[tuple[str, int]], at: dict[str, ir.Value]) -> None:
        if not loops:
            self.call(at)
            return
        name, extent = loops[0]
        sharded = name == self.p.shard
        self.e.loop(self.low if sharded else 0, self.high if sharded else extent, 1,
                    lambda i: self.each(loops[1:], {**at, name: i}))

    def matrix(self, r: Ref, one: Group, two: Group,
               at: Mapping[str, ir.Value]) -> tuple[ir.Value, int, int]:
        """Where a matrix begins, and its strides along two groups."""
        f = form(r.subscripts, self.stored[r.tensor])
        assert f is not None
        cells: ir.Value = self.e.integer(f.constant)
        for name, i in at.items():
            cells = self.e.add(cells, self.e.mul(i, self.e.integer(f.slope(name))))
        if self.p.shard is not None and self.p.shard not in at:
            cells = self.e.add(cells, self.e.mul(self.low, self.e.integer(f.slope(self.p.shard))))
        pointer = self.e.at(self.pointers[r.tensor], cells, self.e.real)
        return pointer, stride(f, one), stride(f, two)

    def count(self, g: Group) -> ir.Value:
        """How long a dimension is: of the shard, this thread's part."""
        if self.p.shard not in g.names:
            return ir.Constant(I32, g.extent)
        part = self.e.builder.sub(self.high, self.low)
        whole = self.e.builder.mul(part, self.e.integer(g.extent // g.extents[0]))
        return self.e.builder.trunc(whole, I32)

    def call(self, at: Mapping[str, ir.Value]) -> None:
        """The call, in BLAS's terms: columns first, so the product of the transposes."""
        p = self.p
        c = self.matrix(Ref(p.equation.target, p.equation.subscripts), p.rows, p.columns, at)
        a = self.matrix(p.left, p.rows, p.inner, at)
        b = self.matrix(p.right, p.inner, p.columns, at)
        rows, columns = p.rows, p.columns
        if not (c[2] == 1 or (columns.extent == 1 and p.shard not in columns.names)):
            # the target lies the other way round: its transpose is the product of the others
            rows, columns = columns, rows
            c = (c[0], c[2], c[1])
            a, b = (b[0], b[2], b[1]), (a[0], a[2], a[1])
        ones = {"a": a, "b": b}
        letters, leads = {}, {}
        for key, (_, first, second) in ones.items():
            outer = rows if key == "a" else p.inner
            within = p.inner if key == "a" else columns
            plain = second == 1 and (first != 1 or within.extent >= 1)
            if second != 1 or (within.extent == 1 and first == 1 and second != 1):
                plain = False
            letters[key] = "N" if plain else "T"
            lead = first if plain else second
            leads[key] = max(lead, within.extent if plain else outer.extent, 1)
        lead_c = max(c[1], columns.extent, 1)
        slots = [self.letter(letters["b"]), self.letter(letters["a"]),
                 self.slot(self.count(columns)), self.slot(self.count(rows)),
                 self.slot(self.count(p.inner)),
                 self.slot(self.e.number(p.scale)), b[0], self.slot(ir.Constant(I32, leads["b"])),
                 a[0], self.slot(ir.Constant(I32, leads["a"])),
                 self.slot(self.kept(at)),
                 c[0], self.slot(ir.Constant(I32, lead_c))]
        name = f"chainrule_{GEMM[self.dtype]}"
        gemm = self.module.globals.get(name) or ir.Function(
            self.module, ir.FunctionType(ir.VoidType(), [POINTER] * 13), name)
        self.e.builder.call(gemm, slots)

    def kept(self, at: Mapping[str, ir.Value]) -> ir.Value:
        """1 where the product is added to what is there, else 0."""
        kept: ir.Value = self.e.number(1.0 if self.p.accumulate else 0.0)
        for name in self.p.over.names:
            begun = self.e.compare("gt", at[name], self.e.integer(0))
            kept = self.e.select(begun, self.e.number(1.0), kept)
        return kept

    def slot(self, value: ir.Value) -> ir.Value:
        slot = self.e.slot(value.type)
        self.e.builder.store(value, slot)
        return slot

    def letter(self, text: str) -> ir.Value:
        return self.slot(ir.Constant(I8, ord(text)))


@lru_cache(maxsize=1)
def symbols() -> dict[str, int]:
    """The addresses of BLAS's matrix products, its own threads held at one.

    Raises `MissingExtraError` where SciPy or threadpoolctl is not installed.
    """
    try:
        capsules = _capsules()  # before its threads are limited, or it escapes
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingExtraError(f"native code needs {error.name}, which is not installed", None,
                                "pip install 'chainrule[native]'") from None
    threadpool_limits(1, user_api="blas")
    return {f"chainrule_{name}": _address(capsules[name]) for name in GEMM.values()}


def _capsules() -> Mapping[str, Any]:
    """What `scipy.linalg.cython_blas` exports: that one file, without the rest of its package.

    The whole of `scipy.linalg` takes 0.2 s to import, more than all else that a program from the
    cache needs. Whoever imports it later finds this module where it belongs.
    """
    name = "scipy.linalg.cython_blas"
    known = sys.modules.get(name)
    if known is None:
        scipy = find_spec("scipy")
        for folder in (scipy.submodule_search_locations or ()) if scipy is not None else ():
            for suffix in EXTENSION_SUFFIXES:
                file = Path(folder, "linalg", f"cython_blas{suffix}")
                if known is None and file.is_file():
                    loader = ExtensionFileLoader(name, str(file))
                    spec = spec_from_file_location(name, file, loader=loader)
                    assert spec is not None
                    known = module_from_spec(spec)
                    loader.exec_module(known)
    if known is None:
        known = import_module(name)
    found: Mapping[str, Any] = known.__pyx_capi__
    return found


def _address(capsule: Any) -> int:
    """The function that a capsule holds."""
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))

