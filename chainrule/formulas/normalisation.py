"""Normalisation and dropout."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chainrule.formulas.entry import NEEDED, Entry, Setting, family

_BATCH_NORM: Final = Entry(
    "batch_norm", "BatchNorm", """
    input x[..., C, {I}]
    parameter gamma[C], beta[C]
    constant mu[C], v[C], epsilon
    y[..., c, {i}] = gamma[c]*(x[..., c, {i}] - mu[c])/sqrt(v[c] + epsilon) + beta[c]
    """, "batch normalisation",
    "centres and scales each channel, in training by the batch's own mean and variance",
    "Ioffe and Szegedy 2015, algorithm 1",
    (Setting("num_features", "C"), Setting("eps", "epsilon", 1e-5, within="[0, inf)"),
     Setting("momentum", "momentum", 0.1, within="[0, 1]"), Setting("affine", "gamma, beta", True)),
    label="norm", kind="normalisation", absent={"gamma": 1, "beta": 0},
    initial={"gamma": "ones", "beta": "zeros", "mu": "zeros", "v": "ones"},
    draws={"v": "positive"},
    training="""
    input x[N, C, {I}]
    parameter gamma[C], beta[C]
    constant mu[C], v[C], epsilon, momentum
    m[c] = mean(n, {i}) x[n, c, {i}]
    s[c] = mean(n, {i}) (x[n, c, {i}] - m[c])^2
    y[n, c, {i}] = gamma[c]*(x[n, c, {i}] - m[c])/sqrt(s[c] + epsilon) + beta[c]
    cells = sum(n < N, {i < I}) 1
    mu_new[c] = (1 - momentum)*mu[c] + momentum*m[c]
    v_new[c] = (1 - momentum)*v[c] + momentum*s[c]*cells/(cells - 1)
    output y
    update mu = mu_new, v = v_new
    """,
)

ENTRIES: Final = (
    _BATCH_NORM,
    replace(family(_BATCH_NORM)[0], axes=(1, 0)),  # (N, C) too, as frameworks have it
    *family(_BATCH_NORM)[1:],
    Entry("layer_norm", "LayerNorm", """
        input x[..., {I}]
        parameter gamma[{I}], beta[{I}]
        constant epsilon
        m[...] = mean({i}) x[..., {i}]
        v[...] = mean({i}) (x[..., {i}] - m[...])^2
        y[..., {i}] = gamma[{i}]*(x[..., {i}] - m[...])/sqrt(v[...] + epsilon) + beta[{i}]
        """, "layer normalisation", "centres and scales each example (each token) by itself",
          "Ba, Kiros and Hinton 2016, equation 4",
          (Setting("normalized_shape", "{I}"), Setting("eps", "epsilon", 1e-5, within="[0, inf)"),
           Setting("elementwise_affine", "gamma, beta", True), Setting("bias", "beta", True)),
          axes="normalized_shape", label="norm", kind="normalisation",
          absent={"gamma": 1, "beta": 0}, initial={"gamma": "ones", "beta": "zeros"}),
    Entry("group_norm", "GroupNorm", """
        input x[..., G*C, {I}]
        parameter gamma[G*C], beta[G*C]
        constant epsilon
        m[..., g] = mean(c < C, {i}) x[..., g*C + c, {i}] with g < G
        v[..., g] = mean(c < C, {i}) (x[..., g*C + c, {i}] - m[..., g])^2
        y[..., g*C + c, {i}] = gamma[g*C + c]*(x[..., g*C + c, {i}] - m[..., g])\
/sqrt(v[..., g] + epsilon) + beta[g*C + c] with c < C
        """, "group normalisation",
          "centres and scales groups of channels of each example",
          "Wu and He 2018, equation 7",
          (Setting("num_groups", "G", NEEDED), Setting("num_channels", "G*C"),
           Setting("eps", "epsilon", 1e-5, within="[0, inf)"),
           Setting("affine", "gamma, beta", True), Setting("axis", "", 1)),
          axes="axis", label="norm", kind="normalisation", absent={"gamma": 1, "beta": 0},
          initial={"gamma": "ones", "beta": "zeros"}, sample={"num_groups": 2}),
    Entry("instance_norm", "InstanceNorm", """
        input x[..., C, {I}]
        parameter gamma[C], beta[C]
        constant epsilon
        m[..., c] = mean({i}) x[..., c, {i}]
        v[..., c] = mean({i}) (x[..., c, {i}] - m[..., c])^2
        y[..., c, {i}] = gamma[c]*(x[..., c, {i}] - m[..., c])/sqrt(v[..., c] + epsilon) + beta[c]
        """, "instance normalisation", "centres and scales each channel of each example",
          "Ulyanov, Vedaldi and Lempitsky 2016, equation 4",
          (Setting("num_features", "C"), Setting("eps", "epsilon", 1e-5, within="[0, inf)"),
           Setting("affine", "gamma, beta", False), Setting("axis", "", 1)),
          axes="axis", label="norm", kind="normalisation", absent={"gamma": 1, "beta": 0},
          initial={"gamma": "ones", "beta": "zeros"}),
    Entry("rms_norm", "RMSNorm", """
        input x[..., {I}]
        parameter gamma[{I}]
        constant epsilon
        s[...] = sqrt(mean({i}) x[..., {i}]^2 + epsilon)
        y[..., {i}] = gamma[{i}]*x[..., {i}]/s[...]
        """, "root mean square normalisation", "scales each example by itself, without centring",
          "Zhang and Sennrich 2019, equation 4",
          (Setting("normalized_shape", "{I}"), Setting("eps", "epsilon", 1e-5, within="[0, inf)"),
           Setting("elementwise_affine", "gamma", True)),
          axes="normalized_shape", label="norm", kind="normalisation", absent={"gamma": 1},
          initial={"gamma": "ones"}),
    Entry("local_response_norm", "LocalResponseNorm", """
        input x[..., C, {I}]
        constant a, b, k
        size S
        s[..., c, {i}] = sum(q < S) x[..., c + q - S//2, {i}; \
pad ..., S//2:(S - 1)//2, {0} with 0]^2
        y[..., c, {i}] = x[..., c, {i}]/(k + a/S*s[..., c, {i}])^b
        """, "local response normalisation", "lets neighbouring channels compete",
          "Krizhevsky, Sutskever and Hinton 2012, section 3.3",
          (Setting("size", "S", NEEDED), Setting("alpha", "a", 1e-4), Setting("beta", "b", 0.75),
           Setting("k", "k", 1.0), Setting("axis", "", 1)), axes="axis", label="norm",
          kind="normalisation", sample={"size": 3}, more=({"size": 4, "alpha": 0.5},)),
    Entry("dropout", "Dropout", """
        input x[...]
        y[...] = x[...]
        """, "dropout", "in training, silences units at random; a mask says which",
          "Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014",
          (Setting("p", "p", 0.5, within="[0, 1)"),), kind="noise", draws={"mask": "bits"},
          training="""
        input x[...], mask[...]
        constant p
        y[...] = mask[...]*x[...]/(1 - p)
        """),
)
