"""Activations: one line each, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chainrule.formulas.entry import Entry, Setting


def _activation(
    name: str, layer: str, line: str, title: str, purpose: str, source: str,
    constants: Mapping[str, tuple[str, float]] | None = None, aliases: tuple[str, ...] = (),
    within: str = "",
) -> Entry:
    """`y[...] = f(x[...])`; `constants` maps settings to their letters and defaults.

    All of them lie `within` an interval.
    """
    chosen = constants or {}
    letters = ", ".join(letter for letter, _ in chosen.values())
    text = f"input x[...]\n{f'constant {letters}' if letters else ''}\ny[...] = {line}"
    settings = tuple(Setting(key, letter, default, within=within)
                     for key, (letter, default) in chosen.items())
    return Entry(name, layer, text, title, purpose, source, settings, kind="activation",
                 aliases=aliases)


ENTRIES: Final = (
    _activation("relu", "ReLU", "relu(x[...])", "rectified linear unit",
                "keeps what is positive and stops the rest",
                "Nair and Hinton 2010; Glorot, Bordes and Bengio 2011"),
    _activation("leaky_relu", "LeakyReLU", "x[...] if x[...] >= 0 else a*x[...]",
                "leaky ReLU", "lets a little of what is negative through, so that no unit dies",
                "Maas, Hannun and Ng 2013", {"negative_slope": ("a", 0.01)}),
    Entry("prelu", "PReLU", """
        input x[...]
        parameter alpha
        y[...] = x[...] if x[...] >= 0 else alpha*x[...]
        """, "parametric ReLU", "a leaky ReLU whose one slope is learnt",
          "He, Zhang, Ren and Sun 2015, equation 1", kind="activation",
          initial={"alpha": "constant 0.25"}),
    Entry("prelu_channels", "ChannelPReLU", """
        input x[..., C, {I}]
        parameter alpha[C]
        y[..., c, {i}] = x[..., c, {i}] if x[..., c, {i}] >= 0 else alpha[c]*x[..., c, {i}]
        """, "parametric ReLU, a slope a channel", "a leaky ReLU that learns each channel's slope",
          "He, Zhang, Ren and Sun 2015, equation 1",
          (Setting("num_parameters", "C"), Setting("axis", "", 1)), axes="axis",
          initial={"alpha": "constant 0.25"}, kind="activation"),
    _activation("elu", "ELU", "x[...] if x[...] > 0 else a*(exp(x[...]) - 1)",
                "exponential linear unit", "is smooth below zero and has a mean nearer to zero",
                "Clevert, Unterthiner and Hochreiter 2016, equation 15", {"alpha": ("a", 1.0)}),
    _activation("selu", "SELU", "s*x[...] if x[...] > 0 else s*a*(exp(x[...]) - 1)",
                "scaled exponential linear unit",
                "keeps mean 0 and variance 1 from layer to layer",
                "Klambauer, Unterthiner, Mayr and Hochreiter 2017, equation 2",
                {"alpha": ("a", 1.6732632423543772), "scale": ("s", 1.0507009873554805)}),
    _activation("gelu", "GELU", "x[...]*(1 + erf(x[...]/sqrt(2)))/2",
                "Gaussian error linear unit",
                "weighs its input by the chance that a standard normal is smaller",
                "Hendrycks and Gimpel 2016, section 2"),
    _activation("gelu_tanh", "TanhGELU",
                "x[...]/2*(1 + tanh(sqrt(2/pi)*(x[...] + 0.044715*x[...]^3)))",
                "Gaussian error linear unit by tanh", "GELU as BERT and GPT-2 compute it",
                "Hendrycks and Gimpel 2016, section 2"),
    _activation("silu", "SiLU", "x[...]*sigmoid(x[...])", "sigmoid linear unit, swish",
                "a smooth ReLU that dips below zero",
                "Elfwing, Uchibe and Doya 2018; Ramachandran, Zoph and Le 2017",
                aliases=("swish",)),
    _activation("mish", "Mish", "x[...]*tanh(softplus(x[...]))", "mish",
                "a smooth ReLU that dips below zero", "Misra 2019, equation 2"),
    _activation("softplus", "Softplus", "softplus(b*x[...])/b", "softplus", "a smooth ReLU",
                "Dugas, Bengio, Bélisle, Nadeau and Garcia 2001", {"beta": ("b", 1)},
                within="(0, inf)"),
    _activation("celu", "CELU", "x[...] if x[...] > 0 else a*(exp(x[...]/a) - 1)",
                "continuously differentiable exponential linear unit",
                "an ELU without a kink, whatever its scale", "Barron 2017",
                {"alpha": ("a", 1.0)}, within="(0, inf)"),
    _activation("identity", "Identity", "x[...]", "identity", "changes nothing", "Halmos 1958"),
    _activation("softsign", "Softsign", "x[...]/(1 + abs(x[...]))", "softsign",
                "squashes to (-1, 1) more slowly than tanh", "Glorot and Bengio 2010"),
    _activation("sigmoid", "Sigmoid", "sigmoid(x[...])", "logistic function",
                "squashes to (0, 1), a probability", "Rumelhart, Hinton and Williams 1986",
                aliases=("logistic",)),
    _activation("log_sigmoid", "LogSigmoid", "ln(sigmoid(x[...]))",
                "logarithm of the logistic function", "a probability's logarithm from its logit",
                "Goodfellow, Bengio and Courville 2016, section 6.2.2.2"),
    _activation("tanh", "Tanh", "tanh(x[...])", "hyperbolic tangent",
                "squashes to (-1, 1), odd around zero", "LeCun, Bottou, Orr and Müller 1998"),
    _activation("hardtanh", "Hardtanh", "min(max(x[...], a), b)", "hard tanh",
                "cuts off what leaves an interval", "Collobert 2004",
                {"min_val": ("a", -1), "max_val": ("b", 1)}),
    _activation("relu6", "ReLU6", "min(max(x[...], 0), 6)", "ReLU up to six",
                "a ReLU that stays small enough for few bits", "Krizhevsky 2010"),
    _activation("hardsigmoid", "Hardsigmoid", "min(max(x[...]/6 + 1/2, 0), 1)", "hard sigmoid",
                "a logistic function of straight lines", "Howard et al. 2019, section 5.2"),
    _activation("hardswish", "Hardswish", "x[...]*min(max(x[...]/6 + 1/2, 0), 1)", "hard swish",
                "a swish of straight lines", "Howard et al. 2019, section 5.2"),
)
