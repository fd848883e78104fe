"""A network in a TOML file.

    title = "A perceptron"
    source = "Rosenblatt 1958"
    batch = "N"                           # the batch's size: a name, a number, or false for none
    options = { hidden = 10 }             # what whoever loads it may choose, with the usual value
    loss = "CrossEntropyLoss"
    initial = "cosine"                    # how weights begin, or a table { "dense1.W" = "zeros" }

    [input]
    x = [256]                             # or { shape = ["T"], kind = "integer", below = 65 }

    [[layers]]                            # one layer each, as in Python: nn.Linear(hidden)
    Linear = { out_features = "hidden" }
    name = "first"                        # else conv1, conv2, ..., by what they are

    [[layers]]
    Tanh = {}

    [[layers]]
    Linear = { out_features = 10 }
    from = "tanh1"                        # a name or a list of names; else the layer before
    repeat = 1                            # several times, one after the other

    [values]                              # numbers that parameters begin with
    "first.b" = [0, 0, 0]

A list `layers = ["Tanh", { Linear = { out_features = 10 } }]` says the same in fewer lines.
`[blocks.NAME]` has `options`, `inputs` and `layers` of its own, and stands where a layer may:
`{ block = "NAME", width = 64 }`. An option that has to be given stands in a list without a value,
`options = ["width", { stride = 1 }]`. A setting in quotes is a formula in the options: "4*width".
A cell such as `LSTMCell` is repeated along the axis before the last.

Nothing in a file names another file. Over 100,000 layers, or blocks inside each other more than 20
deep, are refused before anything is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Final

from chainrule.errors import (
    InputError,
    LimitError,
    UnknownNameError,
    did_you_mean,
)
from chainrule.formulas.entry import Entry
from chainrule.formulas.library import ALIASES, LAYERS, LIBRARY
from chainrule.nn.positions import Path, Source
from chainrule.spec import SPECIFICATION_CHARACTERS, toml_tables

LAYERS_AT_MOST: Final = 100_000
BLOCKS_DEEP: Final = 20
_TOP: Final = ("title", "source", "about", "batch", "options", "loss", "initial", "input", "layers",
               "blocks", "output", "values")
_BLOCK: Final = ("options", "inputs", "layers", "output")
_WORDS: Final = ("name", "from", "repeat")


@dataclass(frozen=True, slots=True)
class Line:
    """One layer, or one block, of a list: what it is, with its settings as they are written.

    `repeat` is None where the file does not say. `path` is its place in the file.
    """

    entry: Entry | None
    block: str
    settings: Mapping[str, Any]
    name: str | None
    sources: tuple[str, ...] | None
    repeat: int | str | None
    path: Path
    inner: Path


@dataclass(frozen=True, slots=True)
class Block:
    """A list of layers with its inputs and outputs; its options have a value, or None if needed."""

    name: str
    options: Mapping[str, Any]
    inputs: tuple[str, ...]
    lines: tuple[Line, ...]
    outputs: tuple[str, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """What a file says of a network; `chainrule.nn.spec.assemble` makes one of it."""

    source: Source
    title: str
    about: str
    origin: str
    batch: str | int | None
    main: Block
    inputs: Mapping[str, Any]
    blocks: Mapping[str, Block]
    loss: Line | None
    initial: str | Mapping[str, str] | None
    values: Mapping[str, Any]


def read(text: str, name: str = "network") -> NetworkSpec:
    """The network that a TOML text describes.

    Raises `InputError` for what is not of the form above, `UnknownNameError` for a layer, a setting
    or a name that there is not, `LimitError` for what is too large, each with its line.

    >>> spec = read("layers = ['ReLU', 'Softmax']\\n[input]\\nx = [4]")
    >>> [line.entry.name for line in spec.main.lines]
    ['relu', 'softmax']
    """
    text = text.replace("\r\n", "\n")
    data = toml_tables(text, name)
    return _Reader(data, Source(text, name)).network()


def read_file(path: str | PathLike[str]) -> NetworkSpec:
    """The network that a TOML file describes; see `read`."""
    name = str(path)
    try:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read(SPECIFICATION_CHARACTERS + 1)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8 text") from None
    return read(text, name)


class _Reader:
    """Checks what can be checked before sizes are known."""

    def __init__(self, data: Mapping[str, Any], source: Source) -> None:
        self.data = data
        self.source = source
        self.blocks: Mapping[str, Any] = {}

    def fail(self, path: Path, message: str, hint: str | None = None) -> InputError:
        return InputError(message, self.source.span(path), hint)

    def unknown(self, path: Path, message: str, word: str, known: list[str],
                what: str) -> UnknownNameError:
        listed = ", ".join(known[:30]) + ", …" * (len(known) > 30) or "none"
        return UnknownNameError(message, self.source.span(path),
                                did_you_mean(word, known) or f"{what} {listed}")

    def keys(self, data: Mapping[str, Any], known: tuple[str, ...], path: Path, where: str) -> None:
        for key in data:
            if key not in known:
                raise self.unknown((*path, key), f"{where} has no key {key!r:.60}", key,
                                   list(known), "its keys are")

    def network(self) -> NetworkSpec:
        """Everything, from the top."""
        data = self.data
        self.keys(data, _TOP, (), "a network")
        self.blocks = self.table(data.get("blocks", {}), ("blocks",), "blocks", "[blocks.NAME]")
        inputs = self.table(data.get("input", {}), ("input",), "input", "[input]")
        if not inputs:
            raise self.fail(("input",), f"{self.source.name} has no input",
                            "write [input] and a line such as x = [3, 32, 32]")
        main = self.block("", data, (), tuple(inputs))
        blocks = {name: self.block(name, self.table(b, ("blocks", name), f"blocks.{name}",
                                                    f"[blocks.{name}]"), ("blocks", name))
                  for name, b in self.blocks.items()}
        self.acyclic(main, blocks)
        return NetworkSpec(
            self.source, self.words("title"), self.words("about"), self.words("source"),
            self.batch(), main, inputs, blocks, self.loss(), self.initial(),
            self.table(data.get("values", {}), ("values",), "values", "[values]"))

    def table(self, given: Any, path: Path, what: str, write: str) -> Mapping[str, Any]:
        if not isinstance(given, dict):
            raise self.fail(path, f"{what} is a table, found {_kind(given)}", f"write {write}")
        return given

    def words(self, key: str) -> str:
        given = self.data.get(key, "")
        if not isinstance(given, str):
            raise self.fail((key,), f"{key} is text, found {_kind(given)}")
        return given

    def batch(self) -> str | int | None:
        given = self.data.get("batch", "N")
        if given is False:
            return None
        if isinstance(given, bool) or not isinstance(given, str | int) or given == "":
            raise self.fail(("batch",), "batch is a name, a number, or false for no batch axis")
        return given

    def initial(self) -> str | Mapping[str, str] | None:
        given = self.data.get("initial")
        if isinstance(given, dict):
            for key, value in given.items():
                if not isinstance(value, str):
                    raise self.fail(("initial", key), f"an initialiser is a word, found "
                                                      f"{_kind(value)}")
        elif given is not None and not isinstance(given, str):
            raise self.fail(("initial",), f"initial is a word or a table, found {_kind(given)}")
        return given

    def loss(self) -> Line | None:
        given = self.data.get("loss")
        if given is None:
            return None
        line = self.line(given, ("loss",))
        if line.entry is None or line.entry.kind != "loss":
            word = line.block if line.entry is None else line.entry.layer
            raise self.fail(("loss",), f"{word} is no loss", f"one of {', '.join(_losses())}")
        return line

    # --- blocks and their lines

    def block(self, name: str, data: Mapping[str, Any], path: Path,
              inputs: tuple[str, ...] = ()) -> Block:
        """A block, or the network itself."""
        where = f"block {name}" if name else "a network"
        if name:
            self.keys(data, _BLOCK, path, where)
            inputs = self.names(data.get("inputs", ["x"]), (*path, "inputs"), "inputs")
        layers = data.get("layers")
        if not isinstance(layers, list) or not layers:
            raise self.fail((*path, "layers"), f"{where} has no layers",
                            "write [[layers]], or layers = [ … ]" if not name else
                            f"write [[blocks.{name}.layers]], or layers = [ … ]")
        if len(layers) > LAYERS_AT_MOST:
            raise LimitError(f"more than {LAYERS_AT_MOST:,} layers",
                             self.source.span((*path, "layers")))
        lines = tuple(self.line(line, (*path, "layers", k)) for k, line in enumerate(layers))
        lines = self.named(lines, inputs)
        outputs: tuple[str, ...] = (str(lines[-1].name),)
        if "output" in data:
            outputs = self.names(data["output"], (*path, "output"), "output")
        self.wired(lines, inputs, outputs, path)
        return Block(name, self.options(data.get("options", {}), (*path, "options")), inputs,
                     lines, outputs, path)

    def options(self, given: Any, path: Path) -> Mapping[str, Any]:
        """Options with their usual values; a name alone, in a list, is one that has to be given."""
        if isinstance(given, list):
            found: dict[str, Any] = {}
            for k, part in enumerate(given):
                if isinstance(part, dict):
                    found.update(self.options(part, (*path, k)))
                elif isinstance(part, str):
                    found[part] = None
                else:
                    raise self.fail((*path, k), f"an option is a name, or a table with its usual "
                                                f"value, found {_kind(part)}")
            return found
        table = self.table(given, path, "options", "options = { width = 64 }")
        for key, value in table.items():
            if isinstance(value, dict | str) or not _is_name(key):
                raise self.fail((*path, key), f"option {key:.60} is a number, a truth value or a "
                                              f"list, found {_kind(value)}")
        return table

    def names(self, given: Any, path: Path, what: str) -> tuple[str, ...]:
        """A name or a list of names."""
        listed = [given] if isinstance(given, str) else given
        if not isinstance(listed, list) or not listed or not all(
                isinstance(n, str) for n in listed):
            raise self.fail(path, f"{what} is a name or a list of names, found {_kind(given)}")
        return tuple(listed)

    def line(self, given: Any, path: Path) -> Line:
        """One layer or block with its settings."""
        if isinstance(given, str):
            given = {"block": given} if given in self.blocks else {given: {}}
        if not isinstance(given, dict):
            raise self.fail(path, f"a layer is a table such as {{ ReLU = {{}} }}, found "
                                  f"{_kind(given)}")
        said = {key: given[key] for key in _WORDS if key in given}
        rest = {key: value for key, value in given.items() if key not in _WORDS}
        name, repeat, sources = said.get("name"), said.get("repeat"), None
        if name is not None and (not isinstance(name, str) or not _is_name(name)):
            raise self.fail((*path, "name"), "a layer's name is letters, digits and underscores, "
                            f"found {_kind(name)}")
        if "repeat" in said and (isinstance(repeat, bool) or not isinstance(repeat, int | str)):
            raise self.fail((*path, "repeat"), f"repeat is a whole number, found {_kind(repeat)}")
        if "from" in said:
            sources = self.names(said["from"], (*path, "from"), "from")
        if "block" in rest:
            block = rest.pop("block")
            if not isinstance(block, str) or block not in self.blocks:
                raise self.unknown((*path, "block"), f"there is no block {block!s:.60}",
                                   str(block), list(self.blocks), "the blocks are")
            return Line(None, block, rest, name, sources, repeat, path, (*path, "block"))
        if len(rest) != 1:
            found = ", ".join(rest) or "none"
            raise self.fail(path, f"a line of layers has one layer, found {found}",
                            "settings belong to the layer: Conv2d = { out_channels = 6, … }")
        ((word, settings),) = rest.items()
        entry = LIBRARY.get(word) or LAYERS.get(word) or ALIASES.get(word)
        if entry is None:
            known = [*LAYERS, *ALIASES, *LIBRARY, *self.blocks, *_WORDS]
            raise UnknownNameError(f"there is no layer {word!s:.60}",
                                   self.source.span((*path, word)),
                                   did_you_mean(word, known) or "`chainrule formulas` lists them")
        if not isinstance(settings, dict):
            raise self.fail((*path, word), f"the settings of {word} are a table, found "
                            f"{_kind(settings)}", f"write {word} = {{}}")
        for key in settings:
            if entry.setting(key) is None:
                raise self.unknown((*path, word, key), f"{word} has no setting {key!s:.60}", key,
                                   [s.name for s in entry.settings], "it has")
        return Line(entry, "", settings, name, sources, repeat, path, (*path, word))

    def named(self, lines: tuple[Line, ...], inputs: tuple[str, ...]) -> tuple[Line, ...]:
        """Every line with a name; those that the file does not name are conv1, conv2, ..."""
        taken = {line.name for line in lines} | set(inputs)
        met: set[str] = set(inputs)
        count: dict[str, int] = {}
        found = []
        for line in lines:
            name = line.name
            if name is None:
                base = line.entry.short if line.entry is not None else line.block
                while name is None or name in taken:
                    count[base] = count.get(base, 0) + 1
                    name = f"{base}{count[base]}"
            elif name in met:
                raise self.fail((*line.path, "name"), f"the name {name} is taken",
                                "names are unique among a list of layers and its inputs")
            met.add(name)
            found.append(replace(line, name=name))
        return tuple(found)

    def wired(self, lines: tuple[Line, ...], inputs: tuple[str, ...], outputs: tuple[str, ...],
              path: Path) -> None:
        """Refuse names that nothing before has, and layers that nothing uses."""
        known = list(inputs)
        used: set[str] = set(outputs)
        places = {}
        for k, line in enumerate(lines):
            for source in line.sources or ():
                if source not in known:
                    later = any(source == other.name for other in lines)
                    raise self.unknown(
                        (*line.path, "from"), f"nothing before it is called {source:.60}"
                        + (": that layer comes later" if later else ""), source, known,
                        "what is known there:")
            used.update(line.sources or ((inputs[0] if k == 0 else str(lines[k - 1].name)),))
            known.append(str(line.name))
            places[str(line.name)] = line
        for name in outputs:
            if name not in known:
                raise self.unknown((*path, "output"), f"there is no layer {name:.60}", name, known,
                                   "there are")
        for name, line in places.items():
            if name not in used:
                raise self.fail(line.path, f"nothing uses {name}",
                                "name it in `from` of a later layer, or in `output`")
        for name in inputs:
            if name not in used:
                raise self.fail((*path, "inputs") if path else ("input", name),
                                f"nothing uses the input {name}", "name it in `from` of a layer")

    def acyclic(self, main: Block, blocks: Mapping[str, Block]) -> None:
        """Refuse blocks that hold themselves, and blocks too deep inside each other."""
        deep: dict[str, int] = {}
        open_now: list[str] = []

        def depth(block: Block) -> int:
            if block.name in open_now:
                around = " → ".join([*open_now[open_now.index(block.name):], block.name])
                raise self.fail(block.path, f"block {block.name} holds itself: {around}")
            if block.name not in deep:
                if len(open_now) > BLOCKS_DEEP:
                    raise LimitError(f"blocks more than {BLOCKS_DEEP} deep inside each other",
                                     self.source.span(block.path))
                open_now.append(block.name)
                deep[block.name] = 1 + max(
                    (depth(blocks[line.block]) for line in block.lines if line.block), default=0)
                open_now.pop()
            return deep[block.name]

        if depth(main) > BLOCKS_DEEP + 1:
            raise LimitError(f"blocks more than {BLOCKS_DEEP} deep inside each other",
                             self.source.span(("blocks",)))
        for block in blocks.values():
            depth(block)


def _is_name(text: str) -> bool:
    return text.isidentifier() or text.isdecimal()


def _losses() -> list[str]:
    return [entry.layer for entry in LIBRARY.values() if entry.kind == "loss"]


def _kind(value: object) -> str:
    """What a TOML value is, in words."""
    if isinstance(value, bool):
        return "a truth value"
    for kind, word in ((dict, "a table"), (list, "a list"), (str, f"the text {value!r:.40}")):
        if isinstance(value, kind):
            return word
    return f"the number {value!s:.40}"
