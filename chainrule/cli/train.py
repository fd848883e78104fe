"""`chainrule train`: a network trained on data, once or over a grid of settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from chainrule.cli import FINDINGS, INTERRUPTED, OK, common
from chainrule.errors import InputError

if TYPE_CHECKING:
    from chainrule.train.run import Run

_SWEPT: Final = "--sweep"
# options that are settings of training under the same name
_SETTINGS: Final = ("optimiser", "rate", "batch", "epochs", "iterations", "shuffle", "last",
                    "weight_decay", "decay_all", "clip", "clip_value", "schedule", "patience",
                    "augment", "evaluate_every", "seed", "initial", "dtype", "threads", "backend",
                    "momentum", "beta_1", "beta_2", "rho", "epsilon")
_DATA: Final = ("split", "standardise", "scale", "inputs", "label", "task", "classes", "header",
                "delimiter", "channels", "resize")


class TrainCommand(click.Command):
    """A command whose `--sweep` takes all the NAME=VALUES words that follow it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words: list[str] = []
        swept = own = False
        for word in args:
            if word == _SWEPT:
                swept = own = True
            elif own:
                own = False
            elif swept and "=" in word and not word.startswith("-"):
                words.append(_SWEPT)
            else:
                swept = False
            words.append(word)
        return super().parse_args(ctx, words)


def _settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how to train."""
    whole, many = click.IntRange(1), click.IntRange(0)
    for decorator in reversed((
        click.option("--optimiser", "--optimizer", metavar="NAME",
                     help="sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw.  "
                          "[default: sgd]"),
        click.option("--rate", type=float, help="The learning rate.  [default: what is usual]"),
        click.option("--momentum", type=float, help="How much of the velocity stays."),
        click.option("--beta1", "beta_1", type=float, help="Adam's decay of the mean."),
        click.option("--beta2", "beta_2", type=float, help="Adam's decay of the squares."),
        click.option("--rho", type=float, help="RMSProp's decay of the squares."),
        click.option("--epsilon", type=float, help="What keeps divisors above 0."),
        click.option("--batch", type=whole, help="Examples in a mini-batch.  [default: 32]"),
        click.option("--epochs", type=whole, help="How often all examples are seen.  "
                                                  "[default: 10]"),
        click.option("--iterations", type=whole, help="How many steps, instead of epochs."),
        click.option("--shuffle/--in-order", "shuffle", default=None,
                     help="The examples' order.  [default: shuffled in each epoch]"),
        click.option("--last", type=click.Choice(["keep", "drop"]),
                     help="What becomes of the rest that fills no batch.  [default: keep]"),
        click.option("--schedule", metavar="NAME[:K=V,…]",
                     help="constant, step, exponential, 1/t, cosine or warmup-cosine."),
        click.option("--weight-decay", type=float, metavar="LAMBDA",
                     help="Adds (λ/2)|w|² to the loss (AdamW: beside it)."),
        click.option("--decay-all", is_flag=True, default=None,
                     help="Decay biases and scales too."),
        click.option("--clip", type=float, help="Shorten gradients longer than this."),
        click.option("--clip-value", type=float, help="Cut off gradients beyond ± this."),
        click.option("--augment", metavar="K=V,…",
                     help="Change pictures before they are learnt from: shift=1,rotate=10,zoom=0.1,"
                          "flip=0.5."),
        click.option("--patience", type=whole, metavar="N",
                     help="Stop when the validation loss has not improved for N evaluations; keep "
                          "the best weights."),
        click.option("--evaluate-every", type=whole, metavar="STEPS",
                     help="Evaluate every so many steps.  [default: each epoch]"),
        click.option("--seed", type=many, help="Of weights, order and dropout.  [default: 0]"),
        click.option("--init", "initial", metavar="HOW",
                     help="How weights begin: cosine, he_normal, …  [default: the network's "
                          "choice]"),
        click.option("--dtype", type=click.Choice(["float32", "float64"]),
                     help="[default: float32]"),
        click.option("--threads", type=whole, help="Of the native backend.  "
                     "[default: as many as a step has work for]"),
        click.option("--backend", type=click.Choice(["native", "reference"]),
                     help="Compiled code, or NumPy step by step.  [default: native where it is "
                          "installed]"),
    )):
        function = decorator(function)
    return function


def _data(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what the data are."""
    for decorator in reversed((
        click.option("--data", "-d", "what", required=True, metavar="WHAT",
                     help="digits, fashion-mnist, a file (.npz, .mat, .csv, IDX), a folder, or "
                          "text:FILE."),
        click.option("--split", metavar="T/V/T", help="Train/validation/test: 0.8/0.1/0.1 or "
                                                      "counts."),
        click.option("--split-seed", type=click.IntRange(0), default=0, metavar="N",
                     help="Which split of that size.  [default: 0]"),
        click.option("--standardise", metavar="PER", help="Mean 0 and deviation 1, per feature, "
                                                          "channel or one for all."),
        click.option("--scale", metavar="PER", help="From 0 to 1, per feature, channel or one."),
        click.option("--label", metavar="NAME", help="Where the labels are, in a table."),
        click.option("--task", metavar="TASK", help="classify or regress."),
        click.option("--classes", metavar="NAMES", help="The classes' names, or how many."),
        click.option("--window", type=click.IntRange(1), metavar="N",
                     help="Characters of an example of a text.  [default: 64]"),
    )):
        function = decorator(function)
    return function


@click.command("train", cls=TrainCommand)
@click.argument("network", metavar="NETWORK|FILE.toml")
@_data
@_settings
@click.option("--loss", metavar="LOSS", help="The loss, such as CrossEntropyLoss.")
@click.option("--input", "-i", "shape", metavar="SHAPE",
              help="The network's input shape without the batch: 1x28x28.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE",
              help="An option of the network, such as hidden=37.")
@click.option(_SWEPT, "swept", multiple=True, metavar="NAME=V,V …",
              help="Train for each combination: --sweep rate=0.01,0.1 momentum=0,0.9.")
@click.option("--checkpoint", metavar="FOLDER", help="Write checkpoints.")
@click.option("--checkpoint-every", type=click.IntRange(1), metavar="STEPS",
              help="How often.  [default: every 30 seconds]")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint.")
@click.option("--log", metavar="FILE", help="Write JSON lines, one for each evaluation.")
@click.option("--log-steps", is_flag=True, help="And one for each step.")
@click.option("--prompt", metavar="TEXT",
              help="When trained on a text, go on with this one.")
@click.option("--characters", type=click.IntRange(1), metavar="N",
              help="How far.  [default: to the text's length]")
@click.option("--plot", metavar="FOLDER", help="Draw learning curves, confusion, weights.")
@common.output_options()
def command(network: str, what: str, shape: str | None, options: tuple[str, ...],
            swept: tuple[str, ...], loss: str | None, checkpoint: str | None,
            checkpoint_every: int | None, resume: bool, log: str | None, log_steps: bool,
            split_seed: int, window: int | None, prompt: str | None, characters: int | None,
            plot: str | None, format: str | None, output: str | None, **given: Any) -> int:
    """Train a network of the zoo, or from a TOML file, on data.

    \b
    chainrule train digits-mlp --data digits --rate 0.5 --momentum 0.9
    chainrule train net.toml --data folder --optimiser adam --epochs 20 \\
        --checkpoint run --log run.jsonl --plot pictures
    chainrule train digits-mlp --data digits --sweep rate=0.05,0.5 momentum=0,0.9

    Ctrl-C saves, where there is a folder for checkpoints, and says how to go on.
    """
    from chainrule.train.study import read_number  # lazily: `train --help` needs no NumPy

    common.chosen_format(format, output)  # a wrong suffix is said before anything is done
    settings = {name: given[name] for name in _SETTINGS if given.get(name) is not None}
    reading = {name: given[name] for name in _DATA if given.get(name) is not None}
    chosen: dict[str, Any] = {}
    for word in options:
        name, equals, text = (part.strip() for part in word.partition("="))
        if not equals:
            raise InputError(f"--option is NAME=VALUE, not {word!r:.60}")
        chosen[name] = read_number(name, text)
    own = {"loss": loss, "network_options": chosen,
           "shape": None if shape is None else _shape(shape)}
    data = _loaded(what, settings.get("dtype", "float32"), split_seed, window, reading)
    tale = _Tale.of(data, prompt, characters)
    source = _network(network)
    if swept:
        if checkpoint or resume or log or log_steps:
            raise InputError("a sweep writes no checkpoints and no log",
                             hint="leave out --checkpoint, --resume and --log")
        if tale is not None:
            raise InputError("a sweep writes no text", hint="leave out --prompt")
        return _sweep(source, data, swept, {**settings, **own}, plot, format, output)
    return _train(source, data, {**settings, **own, "checkpoint": checkpoint, "resume": resume,
                                 "checkpoint_every": checkpoint_every, "log": log,
                                 "log_steps": log_steps, "plot": plot}, tale, format, output)


def _loaded(what: str, dtype: str, seed: int, window: int | None,
            reading: Mapping[str, Any]) -> Any:
    """The data: a text in windows, or anything else."""
    from chainrule.train.data import load
    from chainrule.train.data_text import WINDOW, is_text, load_text

    if not is_text(what):
        if window is not None:
            raise InputError("--window is for a text", hint="such as --data text:poem.txt")
        return load(what, dtype=dtype, seed=seed, **reading)
    for name in reading:
        if name != "split":
            raise InputError(f"a text has no use for --{name}", hint="it has --split and --window")
    return load_text(what, WINDOW if window is None else window, reading.get("split"))


@dataclass(frozen=True)
class _Tale:
    """What a network is to write when it has learnt a text."""

    text: Any
    prompt: str
    count: int

    @classmethod
    def of(cls, data: Any, prompt: str | None, characters: int | None) -> _Tale | None:
        """What the options ask for; None for nothing. Checked before anything is trained."""
        from chainrule.train.data_text import Text
        from chainrule.train.sampling import CHARACTERS

        if prompt is None:
            if characters is not None:
                raise InputError("--characters says how far a --prompt is gone on with")
            return None
        if not isinstance(data, Text):
            raise InputError("--prompt is for a network that is trained on a text",
                             hint="such as --data text:poem.txt")
        data.encode(prompt)
        rest = len(data.text) - len(prompt)
        return cls(data, prompt, characters or max(1, min(rest, CHARACTERS)))

    def told(self, run: Run) -> Any:
        """The run's page, and what the network writes."""
        from chainrule.document.blocks import CodeBlock, Document, heading, p
        from chainrule.train.sampling import continuation

        page = run.document()
        written = continuation(run, self.text, self.prompt, self.count)
        whole = self.prompt + written
        said = (f"Behind “{self.prompt}” the network puts, taking the likeliest character each "
                f"time, {self.count:,} characters")
        start = self.text.text.find(self.prompt)
        if start >= 0:
            wanted = self.text.text[start + len(self.prompt):][: self.count]
            same = sum(a == b for a, b in zip(wanted, written, strict=False))
            said += (", and every one is the text's" if written == wanted else
                     f"; {same:,} of {len(wanted):,} are the text's at that place")
        more = (heading(2, "Going on with the text"), p(said + "."), CodeBlock(whole))
        return Document(page.title, (*page.blocks, *more), page.meta)


def _train(source: Any, data: Any, options: Mapping[str, Any], tale: _Tale | None,
           format: str | None, output: str | None) -> int:
    """One run, and its page."""
    from chainrule.train.api import Interrupted, train
    from chainrule.train.checkpoint import CheckpointError

    if options["log_steps"] and options["log"] is None:
        raise InputError("--log-steps says what goes into the log: give --log FILE too")
    if options["plot"] is not None:
        from chainrule.train.plots import check_installed

        check_installed()  # before the training, not after it
    try:
        run = train(source, data, progress=True, **options)
    except Interrupted as stop:
        print(f"{stop}", file=sys.stderr)
        return INTERRUPTED
    except CheckpointError as error:
        ended: Run | None = getattr(error, "run", None)
        if ended is not None:  # what was learnt is told, though it could not be saved
            common.emit_document(ended.document(), format, output)
        raise
    common.emit_document(run.document() if tale is None else tale.told(run), format, output)
    return OK


def _sweep(source: Any, data: Any, swept: Sequence[str], options: Mapping[str, Any],
           plot: str | None, format: str | None, output: str | None) -> int:
    """A study, and its page; findings where no trial came to an end."""
    from chainrule.train.api import Interrupted
    from chainrule.train.plots import check_installed, save_sweep
    from chainrule.train.study import read_grid, sweep

    if plot is not None:
        check_installed()
    grid = read_grid(swept)
    try:
        found = sweep(source, data, grid, told=_told if sys.stderr.isatty() else None, **options)
    except Interrupted:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    if plot is not None:
        save_sweep(found, plot)
    common.emit_document(found.document(), format, output)
    return OK if found.best() is not None else FINDINGS


def _told(number: int, count: int, chosen: Mapping[str, Any]) -> None:
    """A line that says which trial is on, over the one before."""
    words = ", ".join(f"{name} {value}" for name, value in chosen.items())
    end = "\r" if number + 1 < count else "\r\x1b[K"
    print(f"\r\x1b[Ktrial {number + 1} of {count}: {words}", end=end, file=sys.stderr, flush=True)


def _network(word: str) -> Any:
    """What a word names: a file's specification, or a name of the zoo."""
    from chainrule.errors import UnknownNameError, did_you_mean
    from chainrule.nn import zoo
    from chainrule.nn.spec import read

    if word == "-" or word.endswith(".toml") or os.path.exists(word):
        return read(*common.read(word))
    if word not in zoo.names():
        raise UnknownNameError(f"there is no network {word!r:.60}", None,
                               did_you_mean(word, zoo.names())
                               or "give a name of the zoo, or a TOML file with layers")
    return word


def _shape(word: str) -> tuple[int, ...]:
    from chainrule.cli.networks import sizes

    return sizes("--input", word)
