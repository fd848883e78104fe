"""Training by one call: a network and data by name, with everything that watches a run.

    >>> run = train("digits-mlp", "digits", rate=0.5, momentum=0.9, epochs=3, backend="reference")
    >>> run.scores["test"].count
    360

This is what `chainrule.train(…)` calls, and what the command line does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.errors import ChainruleError, InputError
from chainrule.nn import zoo
from chainrule.nn.module import Module
from chainrule.nn.network import Network
from chainrule.nn.spec import NetworkSpec, assemble, read_file
from chainrule.train.data import Data, Examples, load
from chainrule.train.data_examples import shown
from chainrule.train.data_text import Text, is_text, load_text
from chainrule.train.interrupts import Interrupted
from chainrule.train.job import settings_of
from chainrule.train.log import Log, Observer
from chainrule.train.loop import train as run_loop
from chainrule.train.plots import save_plots
from chainrule.train.progress import Progress, can_show
from chainrule.train.run import Run
from chainrule.train.settings import Settings

__all__ = ["Interrupted", "loaded", "network_for", "train"]


def train(
    network: Network | NetworkSpec | str | os.PathLike[str], data: Any, *,
    loss: Module | str | None = None, settings: Settings | None = None,
    checkpoint: str | os.PathLike[str] | None = None, resume: bool = False,
    checkpoint_every: int | None = None, log: str | os.PathLike[str] | None = None,
    log_steps: bool = False, plot: str | os.PathLike[str] | None = None, progress: bool = False,
    shape: Sequence[int] | None = None, network_options: Mapping[str, Any] | None = None,
    observers: Sequence[Observer] = (), **options: Any,
) -> Run:
    """Train a network on data; the `Run` has `values`, `history`, `scores` and `evaluate(data)`.

    - `network`: a `Network`, a name in the zoo, or a TOML file; of a name or a file, `shape` is
      that of one input and `network_options` are its options. Without `shape` it is built for the
      data's inputs where its own do not fit.
    - `data`: what `load` takes or gives, or arrays by the names of the network's inputs.
    - `options`: the fields of `Settings` (`optimiser`, `rate`, `batch`, `epochs`, …) and the
      optimiser's own (`momentum`, `beta_1`, …).
    - `checkpoint`: a folder for checkpoints, from which `resume` goes on. `log`: a file of JSON
      lines, one for each step with `log_steps`. `plot`: a folder for pictures. `progress` shows how
      it goes on standard error, where that is a terminal.

    Raises `InputError` and its relatives before anything is done; `NonFiniteError`,
    `CheckpointError`, `Interrupted` later.
    """
    chosen = settings if settings is not None else settings_of(options)
    if settings is not None and options:
        raise InputError("give settings, or options by name: not both")
    data = loaded(data, chosen.dtype)
    watching = list(observers)
    if log is not None:
        watching.append(Log(log, log_steps))
    if progress and can_show():
        watching.append(Progress())
    notes: list[str] = []
    built = network_for(network, data, shape, network_options or {}, notes)
    run = run_loop(built, data, loss=loss, settings=chosen, checkpoint=checkpoint, resume=resume,
                   checkpoint_every=checkpoint_every, observers=watching)
    run.notes = (*notes, *run.notes)
    if plot is not None:
        save_plots(run, data, plot)
    return run


def loaded(data: Any, dtype: str) -> Any:
    """Data by name, read; what is no name is given back."""
    if is_text(data):
        return load_text(data)
    return load(data, dtype=dtype) if isinstance(data, str | os.PathLike) else data


def network_for(
    network: Network | NetworkSpec | str | os.PathLike[str], data: Any,
    shape: Sequence[int] | None, options: Mapping[str, Any], notes: list[str],
) -> Network:
    """The network that is meant, built for the data's inputs; what was done about that is noted."""
    if isinstance(network, Network):
        if shape is not None or options:
            raise InputError("a shape and options are for networks by name or from a file")
        return network
    if isinstance(data, Text):
        return _for_text(network, data, shape, options, notes)
    built = _built(network, shape, options)
    size = _cells(built)
    if shape is not None or not isinstance(data, Data | Examples) or size is None:
        return built
    cells, axes = 1, data.shape
    for axis in axes:
        cells *= axis
    if cells == size[0]:
        return built
    wanted = (cells,) if size[1] == 1 else tuple(axes)
    told = shown(wanted)
    try:
        found = _built(network, wanted, options)
    except ChainruleError as error:
        error.message = f"{built.name} does not take inputs of {told}, as the data have them: " + (
            error.message)
        raise
    notes.append(f"{built.name} is built for inputs of {told}, as the data have them.")
    return found


def _for_text(network: NetworkSpec | str | os.PathLike[str], text: Text,
              shape: Sequence[int] | None, options: Mapping[str, Any],
              notes: list[str]) -> Network:
    """The network for the text's windows and alphabet, where it lets itself be told."""
    own = dict(options)
    letters = len(text.alphabet)
    if "vocabulary" not in own and "vocabulary" in _options(network):
        own["vocabulary"] = letters
    found = _built(network, (text.window,) if shape is None else shape, own)
    notes.append(f"{found.name} is built for windows of {text.window} characters and an alphabet "
                 f"of {letters}, as {text.name} has them.")
    return found


def _options(network: NetworkSpec | str | os.PathLike[str]) -> Mapping[str, Any]:
    """The options that a network has."""
    if isinstance(network, NetworkSpec):
        return network.main.options
    word = os.fspath(network)
    if word.endswith(".toml") and word not in zoo.names():
        return read_file(word).main.options
    return zoo.describe(word).options


def _built(network: NetworkSpec | str | os.PathLike[str], shape: Sequence[int] | None,
           options: Mapping[str, Any]) -> Network:
    if isinstance(network, NetworkSpec):
        return assemble(network, shape=shape, **options)
    word = os.fspath(network)
    if word.endswith(".toml") and word not in zoo.names():
        return assemble(read_file(word), shape=shape, **options)
    return zoo.load(word, shape=shape, **options)


def _cells(network: Network) -> tuple[int, int] | None:
    """How many cells the network's one input has, and on how many axes; None where unknown."""
    if len(network.inputs) != 1:
        return None
    axes = next(iter(network.inputs.values())).shape[1:]
    total = 1
    for axis in axes:
        number = axis.constant
        if number is None:
            return None
        total *= number
    return total, len(axes)
