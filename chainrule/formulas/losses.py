"""Losses: one number an example, then the mean over the examples.

Each stands here as it is defined; programs run the forms that neither overflow nor cancel, which
the named rewrites of `chainrule.algebra.stable` make of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chainrule.formulas.entry import Entry, Setting


def _pairwise(
    name: str, layer: str, cell: str, title: str, purpose: str, source: str,
    constants: Mapping[str, tuple[str, float]] | None = None, over: str = "mean",
    draws: Mapping[str, str] | None = None,
) -> Entry:
    """A loss that compares numbers with targets, cell by cell."""
    chosen = constants or {}
    letters = ", ".join(letter for letter, _ in chosen.values())
    return Entry(
        name, layer,
        f"input y[...], t[...]\n{f'constant {letters}' if letters else ''}\nL = {over}(...) {cell}",
        title, purpose, source,
        tuple(Setting(key, letter, default, within="(0, inf)")
              for key, (letter, default) in chosen.items()),
        kind="loss", label="loss", draws=draws or {},
    )


def _on_classes(
    name: str, layer: str, declarations: str, example: str, title: str, purpose: str, source: str,
    settings: tuple[Setting, ...] = (), more: tuple[Mapping[str, object], ...] = (),
    share: str = "",
) -> Entry:
    """A loss on K classes along an axis, the mean over all examples and positions.

    With `share`, the mean in which each example has that weight.
    """
    mean = "mean(..., {j}) l[..., {j}]"
    if share:
        mean = f"(sum(..., {{j}}) l[..., {{j}}])/sum(... < ..., {{j < J}}) {share}"
    text = f"{declarations}\nl[..., {{j}}] = {example}\nL = {mean}"
    return Entry(name, layer, text, title, purpose, source,
                 (*settings, Setting("axis", "", -1)), axes="axis", kind="loss", label="loss",
                 more=more, absent={"c": 1} if share else {},
                 draws={"c": "positive", **dict.fromkeys("pqt", "probabilities")})


_LOGITS: Final = "input z[..., K, {J}]"
_LABELS: Final = f"{_LOGITS}\nlabel y[..., {{J}}] < K\ninput c[K]"
_SHARE: Final = "c[y[..., {j}]]"
_SOFTMAX: Final = "exp(z[..., k, {j}])/sum(r) exp(z[..., r, {j}])"
_AT_LABEL: Final = "exp(z[..., y[..., {j}], {j}])/sum(r) exp(z[..., r, {j}])"

ENTRIES: Final = (
    _pairwise("half_squared_error", "HalfSquaredError", "1/2*(y[...] - t[...])^2",
              "half squared error", "half the squared distance, so that its gradient is y - t",
              "Bishop 2006, equation 5.11", over="sum"),
    _pairwise("mse", "MSELoss", "(y[...] - t[...])^2", "mean squared error",
              "the mean of squared differences", "Goodfellow, Bengio and Courville 2016, eq. 5.4"),
    _pairwise("l1", "L1Loss", "abs(y[...] - t[...])", "mean absolute error",
              "the mean of absolute differences, which outliers pull less", "Huber 1964"),
    _pairwise("huber", "HuberLoss",
              "(1/2*(y[...] - t[...])^2 if abs(y[...] - t[...]) <= d "
              "else d*(abs(y[...] - t[...]) - d/2))",
              "Huber loss", "squared near the target, absolute far from it", "Huber 1964",
              {"delta": ("d", 1.0)}),
    _pairwise("smooth_l1", "SmoothL1Loss",
              "((y[...] - t[...])^2/(2*b) if abs(y[...] - t[...]) < b "
              "else abs(y[...] - t[...]) - b/2)",
              "smooth L1 loss", "the Huber loss over its delta: absolute with slope 1 far away",
              "Girshick 2015, equation 3", {"beta": ("b", 1.0)}),
    _pairwise("hinge", "HingeLoss", "max(0, 1 - t[...]*y[...])", "hinge loss",
              "asks for a margin; targets are -1 and 1", "Cortes and Vapnik 1995",
              draws={"t": "signs"}),
    _pairwise("binary_cross_entropy", "BCELoss",
              "(-xlogy(t[...], y[...]) - xlogy(1 - t[...], 1 - y[...]))",
              "binary cross-entropy", "how surprised a probability is by yes or no",
              "Good 1952; Bishop 2006, equation 5.21",
              draws=dict.fromkeys("yt", "probabilities")),
    _pairwise("binary_cross_entropy_with_logits", "BCEWithLogitsLoss",
              "(-t[...]*ln(sigmoid(y[...])) - (1 - t[...])*ln(1 - sigmoid(y[...])))",
              "binary cross-entropy from logits", "the same from the number before the sigmoid",
              "Bishop 2006, section 5.2", draws={"t": "probabilities"}),
    _on_classes("cross_entropy", "CrossEntropy", "input p[..., K, {J}], t[..., K, {J}]",
                "-sum(k) xlogy(t[..., k, {j}], p[..., k, {j}])",
                "cross-entropy", "how surprised probabilities are by a distribution of targets",
                "Good 1952; Goodfellow, Bengio and Courville 2016, equation 3.51"),
    _on_classes("nll", "NLLLoss", _LABELS, f"-{_SHARE}*z[..., y[..., {{j}}], {{j}}]",
                "negative log-likelihood",
                "picks the label's log-probability; classes may have weights c", "Fisher 1922",
                share=_SHARE),
    _on_classes("cross_entropy_with_logits", "CrossEntropyLoss",
                f"{_LABELS}\nconstant epsilon",
                f"-(1 - epsilon)*{_SHARE}*ln({_AT_LABEL}) - epsilon/K*sum(k) c[k]*ln({_SOFTMAX})",
                "cross-entropy from logits with integer labels",
                "softmax and cross-entropy in one, with label smoothing and class weights c where "
                "wanted",
                "Bridle 1990; Szegedy et al. 2016, section 7",
                (Setting("label_smoothing", "epsilon", 0.0, within="[0, 1]"),),
                ({"label_smoothing": 0.1},), share=_SHARE),
    _on_classes("soft_cross_entropy_with_logits", "SoftCrossEntropyLoss",
                f"{_LOGITS}, t[..., K, {{J}}]",
                f"-sum(k) t[..., k, {{j}}]*ln({_SOFTMAX})",
                "cross-entropy from logits with target probabilities",
                "softmax and cross-entropy in one, for one-hot or soft targets", "Bridle 1990"),
    _on_classes("kl", "KLDivLoss", "input q[..., K, {J}], t[..., K, {J}]",
                "sum(k) (xlogy(t[..., k, {j}], t[..., k, {j}]) "
                "- xlogy(t[..., k, {j}], q[..., k, {j}]))",
                "Kullback-Leibler divergence",
                "what it costs to take one distribution for another",
                "Kullback and Leibler 1951, equation 2.4"),
)
