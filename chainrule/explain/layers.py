"""A network as a picture: a block a layer, its size on every wire, skips beside the trunk.

Everything is read off the program: what a layer reads, whether it has parameters, whether it sums,
works cell by cell, or only moves cells about. The library is asked for nothing but how a layer's
settings are called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chainrule.count.memory import reads
from chainrule.count.sizes import Row, Sizes
from chainrule.document.blocks import Figure, Inlines, inlines
from chainrule.formulas.entry import NEEDED, Entry, Setting
from chainrule.formulas.library import LIBRARY
from chainrule.formulas.template import name_on_axis
from chainrule.lang.expr import Apply, ArgReduce, Expr, Reduce, Ref, walk
from chainrule.lang.integers import known
from chainrule.lang.program import Equation, Layer, Shape
from chainrule.render.tower import Block, Repeat, Tower, Wire
from chainrule.render.tower_svg import svg
from chainrule.render.tower_text import drawn

FOLDED: Final = 60  # layers beyond which stages that repeat are drawn once
_PERIOD: Final = 60  # layers of the longest stage that is looked for
_JOINS: Final = {"add": "+", "sub": "−", "mul": "×", "div": "÷"}
_SIZES_SAY: Final = ("out_", "in_", "num_embeddings", "embedding_dim", "hidden_size")


def picture(found: Sizes, batch: str | None = None, fold: bool | None = None) -> Figure:
    """The network that `count.sizes.sizes` measured, drawn from top to bottom.

    Sizes are without the axis of the `batch`. With `fold` stages that repeat are drawn once, with
    how often; by default in networks of more than 60 layers.

    Raises `LimitError` for more than `BLOCKS_DRAWN` blocks.
    """
    tower = tower_of(found, batch)
    layers = len(found.rows)
    if fold if fold is not None else layers > FOLDED:
        tower = folded(tower, [_signature(row) for row in found.rows])
    names = ", ".join(found.program.outputs)
    alt = f"The network of {names} from top to bottom: {layers} layers"
    return Figure(svg(tower, f"Network of {names}", alt), alt, _caption(tower, layers),
                  drawn(tower))


def _caption(tower: Tower, layers: int) -> Inlines:
    said = f"The network's {layers} layers, with what goes from one to the next"
    if tower.repeats:
        times = "; ".join(f"{r.first} to {r.last} ×{r.times}" for r in tower.repeats)
        said += (f". Stages that repeat are drawn once ({times}); fold=False, or --unfold, draws "
                 "every one")
    return inlines(said + ".")


# --- blocks and wires -----------------------------------------------------------------------------


def tower_of(found: Sizes, batch: str | None = None) -> Tower:
    """Every layer as a block, every tensor that one reads of another as a wire."""
    program = found.program
    rows = {row.name: row for row in found.rows}
    owner = {e.target: e.origin.layer or e.target for e in program.equations}
    equations: dict[str, list[Equation]] = {}
    for e in program.equations:
        equations.setdefault(owner[e.target], []).append(e)
    data = [n for n in program.inputs if program.tensors[n].role == "data"]
    ids = {n: n if n not in rows else f"input {n}" for n in data}
    place = {name: k for k, name in enumerate(program.tensors)}
    wires: dict[tuple[str, str, str], Wire] = {}
    kinds: dict[str, str] = {}
    for name, own in equations.items():
        read = sorted({t for e in own for t in reads(e)}, key=place.__getitem__)
        sources = {}
        for tensor in read:
            source = ids.get(tensor) or owner.get(tensor)
            if source is not None and source != name:
                sources[tensor] = source
        for tensor, source in sources.items():
            size = _size(program.tensors[tensor].shape, found.given, batch)
            wires[source, name, size] = Wire(source, name, size)
        learnt = any(program.tensors[t].role == "parameter" for t in read)
        kinds[name] = kind_of(own, learnt, len(set(sources.values())))
    blocks = [Block(ids[n], n, "input" if program.tensors[n].kind == "real" else "integer input",
                    kind="input") for n in data]
    blocks += [_block(row, kinds[row.name], equations[row.name]) for row in found.rows]
    read_inputs = {w.source for w in wires.values()}
    blocks = [b for b in blocks if b.kind != "input" or b.id in read_inputs]
    for name in sorted(program.outputs, key=place.__getitem__, reverse=True):
        source = owner.get(name)
        if source is not None:
            end = f"output {name}"
            alone = len(program.outputs) == 1
            blocks.append(Block(end, "output", "" if alone else name, kind="output"))
            size = _size(program.tensors[name].shape, found.given, batch)
            wires[source, end, size] = Wire(source, end, size)
    return Tower(tuple(_late_inputs(blocks, list(wires.values()))), tuple(wires.values()))


def _late_inputs(blocks: list[Block], wires: list[Wire]) -> list[Block]:
    """The blocks with each input after the first just above its first use."""
    first: dict[str, str] = {}
    for wire in wires:
        first.setdefault(wire.source, wire.target)
    place = {block.id: k for k, block in enumerate(blocks)}
    inputs = [b for b in blocks if b.kind == "input"]
    moved = {b.id for b in inputs[1:]}
    rank = {b.id: (place[first[b.id]] - 0.5 if b.id in moved else place[b.id]) for b in blocks}
    return sorted(blocks, key=lambda b: rank[b.id])


def _size(shape: Shape, given: Mapping[str, int], batch: str | None) -> str:
    """64 × 112 × 112, without the batch."""
    axes = shape[1:] if batch is not None and shape and str(shape[0]) == batch else shape
    return " × ".join(_axis(str(known(axis, given))) for axis in axes) or "1"


def _axis(said: str) -> str:
    return f"{int(said):,}" if said.isdigit() else said


def kind_of(equations: Sequence[Equation], learnt: bool, sources: int) -> str:
    """What a layer does, by its equations: one of the kinds of `render.tower`."""
    if learnt:
        return "weights"
    bodies = [e.body for e in equations]
    if any(isinstance(node, Reduce | ArgReduce) for b in bodies for node in walk(b)):
        return "reduces"
    if sources > 1:
        return "join"
    return "moves" if all(isinstance(b, Ref) for b in bodies) else "pointwise"


def _block(row: Row, kind: str, equations: Sequence[Equation]) -> Block:
    count = f"{row.parameters:,}" if isinstance(row.parameters, int) else str(row.parameters)
    if row.parameters == 0:
        count = "shared" if kind == "weights" else ""
    about = _about(row.layer) if row.layer is not None else _written(equations)
    if row.layer is not None and kind not in ("weights", "reduces") and (
            row.name.rpartition(".")[2].startswith(about)):
        about = ""  # relu1 is a relu
    name = row.name
    if row.layer is None and kind == "join" and about in _JOINS.values():
        name, about = about, row.name
    return Block(row.name, name, about, count, kind)


def _written(equations: Sequence[Equation]) -> str:
    """What an equation written by hand does, in a sign or a word."""
    body: Expr = equations[-1].body
    if isinstance(body, Apply):
        return _JOINS.get(body.function, body.function)
    if isinstance(body, Reduce):
        return body.op
    return "" if isinstance(body, Ref) else "written"


def _about(layer: Layer) -> str:
    """What a layer is, with the settings that its sizes do not show: conv2d 3×3, stride 2."""
    entry = LIBRARY.get(layer.formula)
    window, said = ("", []) if entry is None else settings(entry, layer)
    return ", ".join([f"{layer.formula} {window}".rstrip(), *said])


def settings(entry: Entry, layer: Layer) -> tuple[str, list[str]]:
    """A layer's window, as 3×3, and its other settings in words."""
    sizes = {name: size.constant for name, size in layer.sizes}
    numbers: dict[str, tuple[int, ...]] = {}
    for setting in entry.settings:
        found = _values(entry, setting, sizes)
        if found is not None:
            numbers[setting.name] = found
    window, said = "", []
    for setting in entry.settings:
        values = numbers.get(setting.name)
        if values is None or setting.name.startswith(_SIZES_SAY):
            continue
        shown = "×".join(map(str, values if len(set(values)) > 1 or setting.per_axis
                             else values[:1]))
        if setting.default == NEEDED:
            if setting.name in ("kernel_size", "patch_size"):
                window = shown
            else:
                said.append(_named(setting.name, shown, values))
        elif setting.name != "padding" and not _usual(setting, values, numbers):
            said.append(_named(setting.name, shown, values))
    return window, said


def _usual(setting: Setting, values: tuple[int, ...], numbers: Mapping[str, tuple[int, ...]]
           ) -> bool:
    """Whether a setting is what it is when nothing is said."""
    if isinstance(setting.default, int):
        return set(values) == {setting.default}
    if setting.name == "stride":  # of a pool: its window
        return values == numbers.get("kernel_size")
    return True


def _named(name: str, shown: str, values: tuple[int, ...]) -> str:
    if name.startswith("num_"):
        return f"{shown} {name[4:]}"
    if len(set(values)) == 1:
        shown = str(values[0])
    return f"{name.replace('_', ' ')} {shown}"


def _values(entry: Entry, setting: Setting, sizes: Mapping[str, int | None]
            ) -> tuple[int, ...] | None:
    """A setting's numbers, one an axis; None where it stands for no sizes of the layer."""
    if setting.default is not None and isinstance(setting.default, bool | float):
        return None
    part = setting.parts[0]
    if not part.isidentifier():
        return None
    names = [part]
    if setting.per_axis:
        if not isinstance(entry.axes, int):
            return None
        names = [name_on_axis(part, axis, entry.axes) for axis in range(entry.axes)]
    found = [sizes.get(name) for name in names]
    whole = tuple(n for n in found if n is not None)
    return whole if whole and len(whole) == len(found) else None


# --- stages that repeat ---------------------------------------------------------------------------


def _signature(row: Row) -> tuple[str, str, str, str]:
    """What two layers have in common that are drawn alike."""
    formula = row.layer.formula if row.layer is not None else ""
    settings_ = "" if row.layer is None else str(
        [(k, str(v)) for k, v in row.layer.sizes])
    return formula, settings_, str(row.parameters), str(row.shape)


@dataclass(frozen=True, slots=True)
class _Run:
    """`times` stages of `period` blocks, the first at `start`."""

    start: int
    period: int
    times: int

    @property
    def saved(self) -> int:
        return self.period * (self.times - 1)


def folded(tower: Tower, signatures: Sequence[object]) -> Tower:
    """The tower with stages that repeat drawn once.

    `signatures` tell layers apart. Stages are alike if their layers are, and are wired alike to
    each other and to what is above; what comes after reads only the last of them.
    """
    order = {block.id: k for k, block in enumerate(tower.blocks)}
    inputs = [k for k, b in enumerate(tower.blocks) if b.kind in ("input", "output")]
    signs: list[object] = list(signatures)
    for k in inputs:
        signs.insert(k, ("end", k))
    sources: list[list[int]] = [[] for _ in tower.blocks]
    targets: list[list[int]] = [[] for _ in tower.blocks]
    for wire in tower.wires:
        sources[order[wire.target]].append(order[wire.source])
        targets[order[wire.source]].append(order[wire.target])
    alike = [(sign, tuple(sorted(k - s for s in sources[k]))) for k, sign in enumerate(signs)]
    runs: list[_Run] = []
    at = 0
    while at < len(alike):
        best = _best_run(alike, sources, targets, at, [b.id for b in tower.blocks])
        if best is None:
            at += 1
            continue
        runs.append(best)
        at = best.start + best.period * best.times
    return _without(tower, runs)


def _best_run(alike: Sequence[object], sources: list[list[int]], targets: list[list[int]],
              at: int, names: Sequence[str]) -> _Run | None:
    """The repetition from here that saves most, the one with the shortest stages among equals.

    Where a stage begins is open, as in any ornament: best where its blocks' names begin alike.
    """
    best: _Run | None = None
    for period in range(1, min(_PERIOD, (len(alike) - at) // 2) + 1):
        end = at + period
        while end < len(alike) and alike[end] == alike[end - period]:
            end += 1
        if end - at < 2 * period or (best is not None and end - at - period <= best.saved):
            continue
        phases = []
        for start in range(at, at + period):
            run = _Run(start, period, (end - start) // period)
            while run.times > 1 and not _closed(run, sources, targets):
                run = _Run(run.start, run.period, run.times - 1)
            if run.times > 1 and run.saved > 2:
                phases.append(run)
        chosen = max(phases, default=None, key=lambda r: (
            _alike(names[r.start : r.start + r.period]), r.times))
        if chosen is not None and (best is None or chosen.saved > best.saved):
            best = chosen
    return best


def _alike(names: Sequence[str]) -> int:
    """How many parts of their paths some names have in common at the front."""
    count = 0
    for parts in zip(*(name.split(".") for name in names), strict=False):
        if len(set(parts)) > 1:
            break
        count += 1
    return count


def _closed(run: _Run, sources: list[list[int]], targets: list[list[int]]) -> bool:
    """Whether each stage reads only itself and the one before, and only the last is read below."""
    end = run.start + run.period * run.times
    for k in range(run.start, end):
        stage = (k - run.start) // run.period
        begin = run.start + stage * run.period
        if stage and any(s < begin - run.period for s in sources[k]):
            return False
        if any(t >= end for t in targets[k]) and begin + run.period != end:
            return False
    return True


def _without(tower: Tower, runs: Sequence[_Run]) -> Tower:
    """The tower with only the first stage of each run; what read the last now reads the first."""
    stands: dict[str, str] = {}
    repeats = []
    for run in runs:
        for k in range(run.start + run.period, run.start + run.period * run.times):
            own = run.start + (k - run.start) % run.period
            stands[tower.blocks[k].id] = tower.blocks[own].id
        repeats.append(Repeat(tower.blocks[run.start].id,
                              tower.blocks[run.start + run.period - 1].id, run.times))
    wires: dict[tuple[str, str], Wire] = {}
    for wire in tower.wires:
        if wire.target in stands:
            continue
        source = stands.get(wire.source, wire.source)
        wires.setdefault((source, wire.target), Wire(source, wire.target, wire.size))
    blocks = tuple(block for block in tower.blocks if block.id not in stands)
    return Tower(blocks, tuple(wires.values()), tuple(repeats))
