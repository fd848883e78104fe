"""Softmax and attention.

Softmax stands here as a textbook has it, and overflows as a textbook's does; programs run its
shifted form, which the named rewrites of `chainrule.algebra.stable` make of it.
"""

from __future__ import annotations

from typing import Final

from chainrule.formulas.entry import NEEDED, Entry, Setting

_PROJECTED: Final = """
    size H, E, D
    parameter Wq[H, E, D], bq[H, E], Wk[H, E, D], bk[H, E], Wv[H, E, D], bv[H, E]
    parameter Wo[D, H, E], bo[D]
    q[..., h, i, e] = sum(d) Wq[h, e, d]*x[..., i, d] + bq[h, e]
    k[..., h, j, e] = sum(d) Wk[h, e, d]*x[..., j, d] + bk[h, e]
    v[..., h, j, e] = sum(d) Wv[h, e, d]*x[..., j, d] + bv[h, e]
"""
_JOINED: Final = """
    o[..., h, i, e] = sum(j) a[..., h, i, j]*v[..., h, j, e]
    y[..., i, d] = sum(h, e) Wo[d, h, e]*o[..., h, i, e] + bo[d]
    output y
"""
_HEADS: Final = (
    Setting("embed_dim", "D"), Setting("num_heads", "H", NEEDED),
    Setting("bias", "bq, bk, bv, bo", True), Setting("head_dim", "E", "H*E = D"),
)
_WEIGHTS: Final = {
    **dict.fromkeys(("Wq", "Wk", "Wv", "Wo"), "xavier_uniform"),
    **dict.fromkeys(("bq", "bk", "bv", "bo"), "zeros"),
}
_BIASES: Final = dict.fromkeys(("bq", "bk", "bv", "bo"), 0)

ENTRIES: Final = (
    Entry("softmax", "Softmax", """
        input z[..., K, {J}]
        p[..., i, {j}] = exp(z[..., i, {j}])/sum(k) exp(z[..., k, {j}])
        """, "softmax",
          "turns K numbers into probabilities that sum to one",
          "Bridle 1990; Goodfellow, Bengio and Courville 2016, equation 6.29",
          (Setting("axis", "", -1),), axes="axis", kind="activation"),
    Entry("log_softmax", "LogSoftmax", """
        input z[..., K, {J}]
        y[..., i, {j}] = ln(exp(z[..., i, {j}])/sum(k) exp(z[..., k, {j}]))
        """, "logarithm of the softmax", "log-probabilities from K numbers",
          "Goodfellow, Bengio and Courville 2016, equation 6.30",
          (Setting("axis", "", -1),), axes="axis", kind="activation"),
    Entry("log_sum_exp", "LogSumExp", """
        input z[..., K, {J}]
        y[..., {j}] = ln(sum(k) exp(z[..., k, {j}]))
        """, "logarithm of a sum of exponentials", "a smooth maximum",
          "Boyd and Vandenberghe 2004, section 3.1.5",
          (Setting("axis", "", -1),), axes="axis"),
    Entry("attention", "Attention", """
        input Q[..., T, E], K[..., S, E], V[..., S, D], M[T, S], P[..., S]
        s[..., i, j] = sum(e) Q[..., i, e]*K[..., j, e]/sqrt(E) + M[i, j] + P[..., j]
        a[..., i, j] = exp(s[..., i, j])/sum(r) exp(s[..., i, r])
        y[..., i, d] = sum(j) a[..., i, j]*V[..., j, d]
        """, "scaled dot-product attention",
          "each query takes the mean of the values, weighed by how well their keys answer it; "
          "masks are added to the scores: M for pairs, P for the keys of each example",
          "Vaswani et al. 2017, equation 1", absent={"M": 0, "P": 0}, kind="attention"),
    Entry("causal_attention", "CausalAttention", """
        input Q[..., T, E], K[..., T, E], V[..., T, D]
        s[..., i, j] = sum(e) Q[..., i, e]*K[..., j, e]/sqrt(E)
        a[..., i, j] = exp(s[..., i, j])/sum(r <= i) exp(s[..., i, r]) if j <= i else 0
        y[..., i, d] = sum(j) a[..., i, j]*V[..., j, d]
        """, "causal attention", "attention in which no token sees a later one",
          "Vaswani et al. 2017, section 3.2.3", kind="attention"),
    Entry("multi_head_attention", "MultiheadAttention", f"""
    input x[..., T, D], M[T, T], P[..., T]
    {_PROJECTED}
    s[..., h, i, j] = sum(e) q[..., h, i, e]*k[..., h, j, e]/sqrt(E) + M[i, j] + P[..., j]
    a[..., h, i, j] = exp(s[..., h, i, j])/sum(r) exp(s[..., h, i, r])
    {_JOINED}""", "multi-head self-attention",
          "several attentions side by side, each in its own projection; masks are added to the "
          "scores: M for pairs, P for the keys of each example",
          "Vaswani et al. 2017, section 3.2.2", _HEADS,
          label="attn", absent={"M": 0, "P": 0, **_BIASES}, initial=_WEIGHTS, kind="attention",
          sample={"num_heads": 2, "embed_dim": 4}, more=({"head_dim": 3},)),
    Entry("cross_attention", "CrossAttention", f"""
    input x[..., T, D], z[..., S, D], M[T, S], P[..., S]
    {_PROJECTED.replace(
        "Wk[h, e, d]*x[..., j, d]", "Wk[h, e, d]*z[..., j, d]").replace(
        "Wv[h, e, d]*x[..., j, d]", "Wv[h, e, d]*z[..., j, d]")}
    s[..., h, i, j] = sum(e) q[..., h, i, e]*k[..., h, j, e]/sqrt(E) + M[i, j] + P[..., j]
    a[..., h, i, j] = exp(s[..., h, i, j])/sum(r) exp(s[..., h, i, r])
    {_JOINED}""", "multi-head cross-attention",
          "one sequence looks at another: queries from x, keys and values from z",
          "Vaswani et al. 2017, section 3.2.3", _HEADS,
          label="attn", absent={"M": 0, "P": 0, **_BIASES}, initial=_WEIGHTS, kind="attention",
          sample={"num_heads": 2, "embed_dim": 4}),
    Entry("causal_self_attention", "CausalSelfAttention", f"""
    input x[..., T, D]
    {_PROJECTED}
    s[..., h, i, j] = sum(e) q[..., h, i, e]*k[..., h, j, e]/sqrt(E)
    a[..., h, i, j] = exp(s[..., h, i, j])/sum(r <= i) exp(s[..., h, i, r]) if j <= i else 0
    {_JOINED}""", "causal multi-head self-attention",
          "multi-head attention in which no token sees a later one",
          "Radford, Narasimhan, Salimans and Sutskever 2018", _HEADS,
          label="attn", absent=_BIASES, initial=_WEIGHTS, kind="attention",
          sample={"num_heads": 2, "embed_dim": 4}, more=({"head_dim": 3},)),
)
