"""Optimisers: how a parameter θ moves, given the gradient g of the objective.

Each is a few textbook lines in the same language as the layers, with its state as `update`s:

    v_new[...] = mu*v[...] - g[...]               momentum: the velocity remembers old gradients
    theta_new[...] = theta[...] + eta*v_new[...]
    update theta = theta_new, v = v_new

`...` stands for the axes of the parameter. A training step writes these lines out for each of the
network's parameters, behind the adjoints (`chainrule.train.step`). What has no axes and hangs on
nothing that is the parameter's own (Adam's counter of steps) is there once for all parameters. The
rate η is an input of its own, so that a schedule may change it from step to step.

Beside the optimisers stand the other lines of a step: what clips gradients, what weights cost, how
many answers were right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chainrule.errors import UnknownNameError, did_you_mean
from chainrule.formulas.entry import Entry, Setting

_DECAY: Final = "[0, 1)"
_NOT_NEGATIVE: Final = "[0, inf)"
_POSITIVE: Final = "(0, inf)"


def _optimiser(
    name: str, layer: str, state: str, lines: str, title: str, purpose: str, source: str,
    constants: Mapping[str, tuple[str, float, str]], aliases: tuple[str, ...] = (),
) -> Entry:
    """An optimiser with its state; `constants` maps settings to letters, defaults and intervals."""
    letters = ", ".join(letter for letter, _, _ in constants.values())
    names = [part.split("[")[0] for part in state.split()]
    declared = f"constant {', '.join([*state.split(), *letters.split(', ')])}".rstrip(", ")
    updates = ", ".join(f"{n} = {n}_new" for n in ("theta", *names))
    text = (f"input g[...], eta\nparameter theta[...]\n"
            f"{declared if state or letters else ''}\n{lines}\noutput theta_new\nupdate {updates}")
    settings = tuple(Setting(key, letter, default, within=within)
                     for key, (letter, default, within) in constants.items())
    return Entry(name, layer, text, title, purpose, source, settings, kind="optimiser",
                 aliases=aliases, initial=dict.fromkeys(names, "zeros"))


_MOMENTS: Final = """
m_new[...] = beta_1*m[...] + (1 - beta_1)*g[...]
v_new[...] = beta_2*v[...] + (1 - beta_2)*g[...]^2
t_new = t + 1
c_1 = 1 - beta_1^t_new
c_2 = 1 - beta_2^t_new
"""
_ADAM_CONSTANTS: Final = {
    "beta_1": ("beta_1", 0.9, _DECAY), "beta_2": ("beta_2", 0.999, _DECAY),
    "epsilon": ("epsilon", 1e-8, _POSITIVE),
}  # fmt: skip
_ADAM_STEP: Final = "(m_new[...]/c_1)/(sqrt(v_new[...]/c_2) + epsilon)"

ENTRIES: Final = (
    _optimiser(
        "sgd", "SGD", "", "theta_new[...] = theta[...] - eta*g[...]",
        "stochastic gradient descent", "goes against the gradient, a mini-batch at a time",
        "Robbins and Monro 1951; Goodfellow, Bengio and Courville 2016, algorithm 8.1", {}),
    _optimiser(
        "momentum", "Momentum", "v[...]", """
v_new[...] = mu*v[...] - g[...]
theta_new[...] = theta[...] + eta*v_new[...]
""", "gradient descent with momentum (the heavy ball)",
        "keeps going where gradients agree, and damps where they alternate",
        "Polyak 1964; Rumelhart, Hinton and Williams 1986", {"momentum": ("mu", 0.9, _DECAY)}),
    _optimiser(
        "nesterov", "Nesterov", "v[...]", """
v_new[...] = mu*v[...] - g[...]
theta_new[...] = theta[...] + eta*(mu*v_new[...] - g[...])
""", "gradient descent with Nesterov's momentum",
        "looks at the gradient where momentum is about to carry it",
        "Nesterov 1983; Bengio, Boulanger-Lewandowski and Pascanu 2013, equation 7",
        {"momentum": ("mu", 0.9, _DECAY)}),
    _optimiser(
        "adagrad", "AdaGrad", "s[...]", """
s_new[...] = s[...] + g[...]^2
theta_new[...] = theta[...] - eta*g[...]/(sqrt(s_new[...]) + epsilon)
""", "AdaGrad", "gives each cell a rate of its own that falls with all gradients seen",
        "Duchi, Hazan and Singer 2011; Goodfellow, Bengio and Courville 2016, algorithm 8.4",
        {"epsilon": ("epsilon", 1e-10, _POSITIVE)}),
    _optimiser(
        "rmsprop", "RMSProp", "s[...]", """
s_new[...] = rho*s[...] + (1 - rho)*g[...]^2
theta_new[...] = theta[...] - eta*g[...]/(sqrt(s_new[...]) + epsilon)
""", "RMSProp", "divides by a running root mean square of the gradient",
        "Tieleman and Hinton 2012, lecture 6.5; Goodfellow, Bengio and Courville 2016, "
        "algorithm 8.5",
        {"rho": ("rho", 0.9, _DECAY), "epsilon": ("epsilon", 1e-8, _POSITIVE)}),
    _optimiser(
        "adam", "Adam", "m[...] v[...] t",
        f"{_MOMENTS}theta_new[...] = theta[...] - eta*{_ADAM_STEP}",
        "Adam", "momentum and a rate for each cell, both corrected for starting at zero",
        "Kingma and Ba 2015, algorithm 1", _ADAM_CONSTANTS),
    _optimiser(
        "adamw", "AdamW", "m[...] v[...] t",
        f"{_MOMENTS}theta_new[...] = theta[...] - eta*({_ADAM_STEP} + lambda*theta[...])",
        "AdamW", "Adam with weight decay beside the gradient instead of in it",
        "Loshchilov and Hutter 2019, algorithm 2",
        {**_ADAM_CONSTANTS, "weight_decay": ("lambda", 0.01, _NOT_NEGATIVE)}),
)
OPTIMISERS: Final[dict[str, Entry]] = {e.name: e for e in ENTRIES}

WEIGHT_DECAY: Final = Entry(
    "weight_decay", "WeightDecay",
    "input theta[...]\nconstant lambda\nd = lambda/2*(sum(...) theta[...]^2)",
    "weight decay", "makes large weights cost something: (λ/2)|θ|², added to the loss",
    "Hinton 1987; Goodfellow, Bengio and Courville 2016, section 7.1.1",
    (Setting("weight_decay", "lambda", 0.0, within=_NOT_NEGATIVE),), kind="step")
CLIP_BY_VALUE: Final = Entry(
    "clip_by_value", "ClipByValue",
    "input g[...]\nconstant limit\nh[...] = min(max(g[...], -limit), limit)",
    "gradient clipping by value", "cuts off what is beyond the limit, cell by cell",
    "Mikolov 2012; Goodfellow, Bengio and Courville 2016, section 10.11.1",
    (Setting("clip", "limit", 1.0, within=_POSITIVE),), kind="step")
CLIP_BY_NORM: Final = Entry(
    "clip_by_norm", "ClipByNorm", """
    input g[...], norm
    constant limit
    scale = limit/norm if norm > limit else 1
    h[...] = scale*g[...]
    output h
    """, "gradient clipping by the global norm",
    "shortens the gradient of all parameters together where it is longer than the limit",
    "Pascanu, Mikolov and Bengio 2013, algorithm 1",
    (Setting("clip", "limit", 1.0, within=_POSITIVE),), kind="step")
SQUARES: Final = Entry(
    "squares", "Squares", "input g[...]\ns = sum(...) g[...]^2",
    "sum of squares", "what one parameter adds to the square of the gradient's norm",
    "Pascanu, Mikolov and Bengio 2013", kind="step")
RIGHT_LABELS: Final = Entry(
    "right_labels", "RightLabels", """
    input z[..., K, {J}]
    label y[..., {J}] < K
    guess[..., {j}] = argmax(k) z[..., k, {j}]
    right = sum(..., {j}) (1 if guess[..., {j}] == y[..., {j}] else 0)
    """, "right answers", "counts where the largest output is the label's",
    "Goodfellow, Bengio and Courville 2016, section 5.1.2",
    (Setting("axis", "", -1),), axes="axis", kind="step")
RIGHT_TARGETS: Final = Entry(
    "right_targets", "RightTargets", """
    input z[..., K, {J}], t[..., K, {J}]
    guess[..., {j}] = argmax(k) z[..., k, {j}]
    wanted[..., {j}] = argmax(k) t[..., k, {j}]
    right = sum(..., {j}) (1 if guess[..., {j}] == wanted[..., {j}] else 0)
    """, "right answers", "counts where the largest output is the largest target's",
    "Goodfellow, Bengio and Courville 2016, section 5.1.2",
    (Setting("axis", "", -1),), axes="axis", kind="step")


def find_optimiser(name: str) -> Entry:
    """The optimiser of that name; raises `UnknownNameError`.

    >>> find_optimiser("Adam").source
    'Kingma and Ba 2015, algorithm 1'
    """
    word = name.lower().replace("-", "").replace("_", "")
    entry = OPTIMISERS.get(word)
    if entry is None:
        raise UnknownNameError(f"there is no optimiser {name!r:.60}", None,
                               did_you_mean(word, [*OPTIMISERS])
                               or f"one of {', '.join(OPTIMISERS)}")
    return entry
