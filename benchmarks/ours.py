"""The jobs done by chainrule: equations turned into machine code.

Training goes by the runner that `chainrule train` uses. What has no public name yet is called below
it: a program with large inputs that stay where they are, by `Machinery`, whose arrays are filled
once, as a peer's tensors are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jobs import NETS, Array, Net, Work, attention, cells, net_of

from chainrule import nn
from chainrule.algebra.stable import stabilise
from chainrule.diff.reverse import vjp
from chainrule.evaluate.memory import placed
from chainrule.formulas.optimisers import OPTIMISERS
from chainrule.lang.program import Program
from chainrule.lang.ranges import program as read
from chainrule.native.runtime import Machinery
from chainrule.native.training import make_runner
from chainrule.train.step import Step, training_step


def network(net: Net) -> nn.Network:
    """The network; with its loss if it is to be trained."""
    made: list[Any] = []
    for kind, *of in net.layers:
        made.append({
            "linear": lambda i=0, o=0, bias=True: nn.Linear(i, o, bias=bias),
            "conv": lambda i=0, o=0, k=1, s=1, p=0: nn.Conv2d(i, o, k, stride=s, padding=p),
            "pool": nn.MaxPool2d, "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "flatten": nn.Flatten,
        }[kind](*of))
    if net.seeded:
        return nn.Network(nn.Sequential(*made), net.shape, batch=net.batch)
    return nn.Network(nn.Sequential(*made), net.shape, loss="CrossEntropyLoss", training=True)


def step_of(net: Net) -> Step:
    """A training step: forward, backward, momentum."""
    return training_step(network(net), OPTIMISERS["momentum"], {"momentum": net.momentum},
                         right=False)


def training(net: str | dict[str, Any], threads: int) -> Work:
    """Steps of momentum, all in one call."""
    job = net_of(net)
    step = step_of(job)
    runner = make_runner(step.program, job.batch, dtype="float32", threads=threads)
    x, y = job.data()
    data, starts = {"x": placed(x), "y": y}, job.starts()  # as `chainrule train` does
    scalars = {step.rate: np.full(job.steps, job.rate, np.float32)}

    def run() -> dict[str, Array]:
        return runner.run(data, starts, None, scalars)

    def answer() -> dict[str, Array]:
        for state in runner.state.values():
            state[...] = 0
        for name, value in zip(step.parameters, job.weights(), strict=True):
            runner.state[name][...] = value
        loss = run()[step.loss]
        return {"loss": loss, **{f"w{k}": np.array(runner.state[name])
                                 for k, name in enumerate(step.parameters)}}

    return Work(run, answer, job.steps)


def compiling(net: str, threads: int) -> Work:
    """Turning a training step into machine code; the time before that is told."""
    import time

    start = time.perf_counter()
    step = step_of(NETS[net])
    took = time.perf_counter() - start
    return Work(lambda: make_runner(step.program, NETS[net].batch, dtype="float32",
                                    threads=threads), dict, told={"differentiate": took})


def standing(program: Program, values: Mapping[str, Array], threads: int,
             names: Mapping[str, str]) -> Work:
    """A program on arrays that stay in its memory; `names` are its outputs as answers call them."""
    machinery = Machinery(program, {}, "float32", threads=threads)
    for name, value in values.items():
        machinery.arrays[name][1][...] = value
    once = np.zeros(1, np.int64)

    def run() -> None:
        machinery.run(once)

    def answer() -> dict[str, Array]:
        run()
        return {told: np.array(machinery.arrays[name][1]) for told, name in names.items()}

    return Work(run, answer)


def seeded(net: str, threads: int) -> Work:
    """A network forward, and backward from an adjoint of its output to all parameters."""
    job = net_of(net)
    made = network(job)
    names = [p.tensor.name for p in made.parameters()]
    return _gradients(made, {"x": job.data()[0], **dict(zip(names, job.weights(), strict=True))},
                      job.seed(), {name: f"w{k}" for k, name in enumerate(names)}, threads)


def _gradients(made: nn.Network, values: Mapping[str, Array], seed: Array,
               told: Mapping[str, str], threads: int) -> Work:
    program = stabilise(made.program)
    derivative = vjp(program, wrt=list(told))
    (output,) = program.outputs
    given = {**values, derivative.seeds[output]: seed}
    names = {"y": output, **{told[name]: of for name, of in derivative.names.items()}}
    return standing(derivative.program, given, threads, names)


class Block(nn.Module):
    """The attention block as a network's part."""

    def __init__(self, width: int, heads: int) -> None:
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.gelu = nn.GELU()
        self.down = nn.Linear(4 * width, width)

    def forward(self, *inputs: Any) -> Any:
        """x + attention(norm(x)), and the same with the perceptron."""
        (x,) = inputs
        x = x + self.attention(self.norm1(x))
        return x + self.down(self.gelu(self.up(self.norm2(x))))


def attention_block(threads: int) -> Work:
    """The attention block, forward, and backward to all parameters."""
    drawn = attention()
    x, seed = drawn.pop("x"), drawn.pop("seed")
    made = nn.Network(Block(drawn["bo"].size, len(drawn["Wq"])), x.shape, batch=None)
    own = {p.tensor.name: p.tensor.name.removeprefix("attention_") for p in made.parameters()}
    values = {name: drawn[told] for name, told in own.items()}
    return _gradients(made, {"x": x, **values}, seed, own, threads)


def elementwise(text: str, count: int, threads: int) -> Work:
    """y[i] from x[i]."""
    x = cells(count)
    program = read(f"input x[{count}]; y[i] = {text.replace('x', 'x[i]').replace('ex[i]p', 'exp')}")
    return standing(program, {"x": x}, threads, {"y": "y"})
