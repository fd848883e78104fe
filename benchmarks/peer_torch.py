"""The jobs done by PyTorch: eager with each optimiser and layout, and compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jobs import Array, Net, Work, attention, cells, net_of
from torch import nn
from torch.nn import functional as F


def network(net: Net) -> nn.Sequential:
    """The network with its first weights."""
    kinds: dict[str, Any] = {
        "linear": lambda i, o, bias: nn.Linear(i, o, bias=bias), "pool": nn.MaxPool2d,
        "conv": lambda i, o, k, s, p: nn.Conv2d(i, o, k, stride=s, padding=p), "relu": nn.ReLU,
        "sigmoid": nn.Sigmoid, "flatten": nn.Flatten}
    made = nn.Sequential(*(kinds[kind](*of) for kind, *of in net.layers))
    set_weights(made, net)
    return made


def set_weights(made: nn.Sequential, net: Net) -> None:
    """Begin from the job's weights."""
    with torch.no_grad():
        for p, value in zip(made.parameters(), net.weights(), strict=True):
            p.copy_(torch.from_numpy(value))


def training(net: str | dict[str, Any], threads: int, optimiser: str = "foreach",
             channels_last: bool = False, compiled: bool = False,
             compiled_rule: bool = False) -> Work:
    """A plain loop over mini-batches; compiled may be the loss, and the optimiser's step."""
    torch.set_num_threads(threads)
    job = net_of(net)
    made: Any = network(job)
    x, y = (torch.from_numpy(a) for a in job.data())
    if channels_last:
        made = made.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    rule = torch.optim.SGD(made.parameters(), lr=job.rate, momentum=job.momentum,
                           **{optimiser: True})

    def objective(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(made(a), b)

    loss_of: Any = torch.compile(objective) if compiled else objective
    advance: Any = torch.compile(rule.step) if compiled_rule else rule.step
    starts = [int(s) for s in job.starts()]

    def run() -> list[torch.Tensor]:
        losses = []
        for s in starts:
            rule.zero_grad()
            loss = loss_of(x[s:s + job.batch], y[s:s + job.batch])
            loss.backward()
            advance()
            losses.append(loss.detach())
        return losses

    def answer() -> dict[str, Array]:
        run()  # the optimiser's state is made, and code compiled
        set_weights(made, job)
        for state in rule.state.values():
            state["momentum_buffer"].zero_()
        losses = np.array([float(v) for v in run()])
        return {"loss": losses, **{f"w{k}": p.detach().contiguous().numpy()
                                   for k, p in enumerate(made.parameters())}}

    return Work(run, answer, job.steps)


def first_steps(net: str, threads: int) -> Work:
    """Compiling a training step and doing it: `run` trains for the first time."""
    return training(net, threads, "fused", True, True)


def _backward(function: Any, leaves: dict[str, torch.Tensor], seed: torch.Tensor) -> Work:
    """Forward, and backward from `seed` to the leaves."""
    values = list(leaves.values())

    def run() -> tuple[Any, Any]:
        y = function()
        return y, torch.autograd.grad(y, values, seed)

    def answer() -> dict[str, Array]:
        y, gradients = run()
        found = {name: g.contiguous().numpy() for name, g in zip(leaves, gradients, strict=True)}
        return {"y": y.detach().contiguous().numpy(), **found}

    return Work(run, answer)


def seeded(net: str, threads: int, channels_last: bool = False, compiled: bool = False) -> Work:
    """A network forward and backward."""
    torch.set_num_threads(threads)
    job = net_of(net)
    made: Any = network(job)
    x, seed = torch.from_numpy(job.data()[0]), torch.from_numpy(job.seed())
    if channels_last:
        made = made.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
        seed = seed.to(memory_format=torch.channels_last)
    leaves = {f"w{k}": p for k, p in enumerate(made.parameters())}
    call = torch.compile(made) if compiled else made
    return _backward(lambda: call(x), leaves, seed)


def attention_block(threads: int, fused: bool = True, compiled: bool = False) -> Work:
    """The attention block, its softmax written out or by scaled_dot_product_attention."""
    torch.set_num_threads(threads)
    drawn = {name: torch.from_numpy(value) for name, value in attention().items()}
    x, seed = drawn.pop("x"), drawn.pop("seed")
    p = {name: value.requires_grad_() for name, value in drawn.items()}
    heads, inner, width = p["Wq"].shape

    def project(a: torch.Tensor, which: str) -> torch.Tensor:
        flat = F.linear(a, p[f"W{which}"].view(width, width), p[f"b{which}"].view(-1))
        return flat.view(-1, heads, inner).transpose(0, 1)

    def block() -> torch.Tensor:
        a = F.layer_norm(x, (width,), p["norm1_gamma"], p["norm1_beta"])
        q, k, v = project(a, "q"), project(a, "k"), project(a, "v")
        if fused:
            y = F.scaled_dot_product_attention(q[None], k[None], v[None])[0]
        else:
            y = torch.softmax(q @ k.transpose(1, 2) * inner**-0.5, -1) @ v
        y = y.transpose(0, 1).reshape(-1, width)
        b = x + F.linear(y, p["Wo"].view(width, width), p["bo"])
        c = F.layer_norm(b, (width,), p["norm2_gamma"], p["norm2_beta"])
        return b + F.linear(F.gelu(F.linear(c, p["up_W"], p["up_b"])), p["down_W"], p["down_b"])

    return _backward(torch.compile(block) if compiled else block, p, seed)


def elementwise(count: int, threads: int, compiled: bool = True) -> Work:
    """The formula of `elementwise.py`, compiled or with an array for each operation."""
    torch.set_num_threads(threads)
    x = torch.from_numpy(cells(count))

    y = torch.empty_like(x)

    def formula(x: torch.Tensor) -> torch.Tensor:
        return y.copy_(torch.tanh(0.5 * x + 0.1) * torch.exp(-x * x) + 0.3 * x - 0.2)

    call: Any = torch.compile(formula) if compiled else formula

    def run() -> Any:
        with torch.no_grad():
            return call(x)

    return Work(run, lambda: {"y": run().numpy()})
