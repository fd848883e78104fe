"""The machine that code is made for: its vectors, the compiler's passes, the linker, the cache.

A module of LLVM IR becomes object code here, and object code becomes functions that can be called.
Object code is kept in a folder of the user's cache, under a name that is the hash of all that it
depends on: the IR's text or the program, the code generator, LLVM's version, the processor and its
features. A file is written under
another name first and then renamed, so that two processes never see half of one; it carries a
checksum, so that a damaged file is thrown away and made again.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from chainrule.errors import MissingExtraError

_MAGIC: Final = b"chainrule object 1\n"


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor: LLVM's names for it, bytes of its widest vectors and of a core's two caches."""

    cpu: str
    features: str
    vector_bytes: int
    registers: int
    cache_bytes: int = 1 << 20
    near_bytes: int = 1 << 15


def llvm() -> Any:
    """llvmlite's binding, set up; raises `MissingExtraError` where it is not installed."""
    try:
        import llvmlite.binding as binding
    except ImportError:
        raise MissingExtraError(
            "native code needs llvmlite, which is not installed", None,
            "pip install 'chainrule[native]'") from None
    _initialise()
    return binding


@lru_cache(maxsize=1)
def _initialise() -> None:
    import llvmlite.binding as binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


# Kernels are written with their vectors, tiles and unrolling. What is left to do is this much of
# LLVM's usual hundred passes: a fifth of their time, and code as fast.
_PASSES: Final = ("always_inliner", "sroa", "new_gvn", "instruction_combine", "sinking",
                  "simplify_cfg", "loop_simplify", "lcssa", "loop_rotate")


@lru_cache(maxsize=1)
def host() -> Machine:
    """The machine that this process runs on."""
    binding = llvm()
    features = binding.get_host_cpu_features()
    on = {name for name, given in features.items() if given}
    if "avx512f" in on and "avx512vl" in on:
        vector, registers = 64, 32
    elif "avx2" in on and "fma" in on:
        vector, registers = 32, 16
    else:
        vector, registers = 16, 16 if "sse2" in on else 32
    return Machine(binding.get_host_cpu_name(), features.flatten(), vector, registers,
                   _cache_bytes(2, 1 << 20), _cache_bytes(0, 1 << 15))


def _cache_bytes(number: int, usual: int) -> int:
    """The size of one of a core's caches, as Linux tells it; a usual one elsewhere."""
    try:
        text = Path(f"/sys/devices/system/cpu/cpu0/cache/index{number}/size").read_text().strip()
        return int(text.rstrip("K")) * (1024 if text.endswith("K") else 1)
    except (OSError, ValueError):
        return usual


def object_code(text: str) -> bytes:
    """The object code of a module's IR: from the cache, or compiled and put there."""
    return cached((text,), lambda: compiled(text, host()))


def cached(what: Iterable[str], make: Callable[[], bytes]) -> bytes:
    """Bytes that were made before from the same texts for the same machine, or made now."""
    folder = cache_folder()
    key = _key("\0".join(what), host())
    if folder is not None:
        found = _read(folder / key)
        if found is not None:
            return found
    made = make()
    if folder is not None:
        _write(folder / key, made)
    return made


@lru_cache(maxsize=1)
def version() -> str:
    """What the code generator is: the hash of its sources."""
    here = Path(__file__).parent
    total = hashlib.sha256()
    for path in sorted((*here.glob("*.py"), *(here.parent / "lang").glob("*.py"),
                        *(here.parent / "diff").glob("*.py"))):
        total.update(path.read_bytes())
    return total.hexdigest()


def compiled(text: str, machine: Machine) -> bytes:
    """The object code of a module's IR, optimised for the machine."""
    binding = llvm()
    module = binding.parse_assembly(text)
    module.verify()
    target = _target(machine)
    options = binding.create_pipeline_tuning_options(speed_level=2)
    builder = binding.create_pass_builder(target, options)
    passes = binding.create_new_module_pass_manager()
    for name in _PASSES:
        getattr(passes, f"add_{name}_pass")()
    passes.run(module, builder)
    return bytes(target.emit_object(module))


def _target(machine: Machine) -> Any:
    binding = llvm()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=3, reloc="pic", codemodel="small")


class Library:
    """Object code linked into this process; addresses of its functions by name."""

    def __init__(self, code: bytes, functions: Iterable[str], symbols: Mapping[str, int]) -> None:
        binding = llvm()
        self._jit = binding.create_lljit_compiler(_target(host()))
        builder = binding.JITLibraryBuilder().add_object_img(code)
        for name, address in symbols.items():
            builder.import_symbol(name, address)
        for name in functions:
            builder.export_symbol(name)
        self._tracker = builder.link(self._jit, "chainrule")

    def address(self, name: str) -> int:
        """Where a function is."""
        return int(self._tracker[name])


# --- the cache


def cache_folder() -> Path | None:
    """Where object code is kept: `CHAINRULE_CACHE`, or the user's cache; None if there is none."""
    given = os.environ.get("CHAINRULE_CACHE")
    if given == "":
        return None
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(given or os.path.join(base, "chainrule"))


def _key(text: str, machine: Machine) -> str:
    version = ".".join(map(str, llvm().llvm_version_info))
    parts = "\0".join((version, machine.cpu, machine.features, text))
    return hashlib.sha256(parts.encode()).hexdigest()


def _read(path: Path) -> bytes | None:
    """The code in a file of the cache, if it is whole."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head = len(_MAGIC) + 32
    if data[: len(_MAGIC)] == _MAGIC and hashlib.sha256(data[head:]).digest() == data[
            len(_MAGIC):head]:
        return data[head:]
    return None


def _write(path: Path, code: bytes) -> None:
    """Put code into the cache; where that is not possible, do without."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent)
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + hashlib.sha256(code).digest() + code)
        os.replace(name, path)
    except OSError:
        try:
            os.unlink(name)
        except OSError:
            return


@lru_cache(maxsize=1)
def c_symbols() -> dict[str, int]:
    """Addresses of the C library's functions that generated code calls."""
    found: dict[str, int] = {}
    for library in (None, ctypes.util.find_library("m")):
        handle = ctypes.CDLL(library)
        for name in ("sched_yield", "memcpy", "memset", "memmove"):
            function = getattr(handle, name, None)
            if function is not None:
                found.setdefault(name, ctypes.cast(function, ctypes.c_void_p).value or 0)
    return found
