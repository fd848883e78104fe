"""Convolutions: cross-correlation as networks have it, the true convolution, the transposed one.

Output i sees inputs `s*i + d*k - p` for the kernel's cells k: stride s, dilation d, padding p in
front and q behind. The output's size, floor((I + p + q - d(K - 1) - 1)/s) + 1, is not written
anywhere: it follows from that subscript having to stay on the padded input.
"""

from __future__ import annotations

from typing import Final

from chainrule.formulas.entry import NEEDED, Entry, Setting, family

PADDINGS: Final = {
    "valid": "0",
    "same": "d*(K - 1)//2 : d*(K - 1) - d*(K - 1)//2",
    "full": "d*(K - 1)",
}

_SETTINGS: Final = (
    Setting("in_channels", "G*C"),
    Setting("out_channels", "G*O", NEEDED),
    Setting("kernel_size", "{K}", NEEDED),
    Setting("stride", "{s}", 1),
    Setting("padding", "{p:q}", 0, PADDINGS, least=0),
    Setting("dilation", "{d}", 1),
    Setting("groups", "G", 1),
    Setting("bias", "b", True),
)
_SAMPLE: Final = {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1}
_MORE: Final = ({"groups": 2}, {"dilation": 2, "stride": 1, "padding": 2}, {"kernel_size": 1})

_CORRELATION: Final = """
    input x[..., G*C, {I}]
    parameter w[G*O, C, {K}], b[G*O]
    size G, O, C, {s}, {p}, {q}, {d}
    y[..., g*O + o, {i}] = sum(c, {k}) w[g*O + o, c, {k}]*x[..., g*C + c, {s*i + d*k - p}; \
pad ..., 0, {p:q} with 0] + b[g*O + o] with g < G, o < O
    """

ENTRIES: Final = (
    *family(Entry(
        "conv", "Conv", _CORRELATION, "convolution",
        "slides a small kernel over its input and looks for one pattern everywhere",
        "LeCun, Bottou, Bengio and Haffner 1998; Dumoulin and Visin 2016, arXiv:1603.07285",
        _SETTINGS, absent={"b": 0}, initial={"w": "he_uniform", "b": "zeros"}, sample=_SAMPLE,
        more=_MORE,
    )),
    *family(Entry(
        "true_conv", "TrueConv", """
        input x[..., G*C, {I}]
        parameter w[G*O, C, {K}], b[G*O]
        size G, O, C, {s}, {p}, {q}, {d}
        y[..., g*O + o, {i}] = sum(c, {k}) w[g*O + o, c, {k}]*x[..., g*C + c, \
{s*i + d*(K - 1) - d*k - p}; pad ..., 0, {p:q} with 0] + b[g*O + o] with g < G, o < O
        """, "true convolution",
        "the convolution of mathematics and signal processing: the kernel is flipped",
        "Oppenheim and Schafer 2010, section 2.3", _SETTINGS, label="conv", absent={"b": 0},
        initial={"w": "he_uniform", "b": "zeros"}, sample=_SAMPLE, more=_MORE,
    )),
    *family(Entry(
        "conv_transpose", "ConvTranspose", """
        input x[..., G*C, {I}]
        parameter w[G*C, O, {K}], b[G*O]
        size G, O, C, {s}, {p}, {a}, {d}
        v[..., g*O + o, {s*i + d*k}] += sum(c) w[g*C + c, o, {k}]*x[..., g*C + c, {i}] \
with g < G, o < O
        y[..., o, {i}] = v[..., o, {i + p}; pad ..., 0, {0:a} with 0] + b[o] \
with {i < s*(I - 1) + d*(K - 1) + 1 - 2*p + a}
        """, "transposed convolution",
        "the adjoint of a convolution as a layer: it makes images larger",
        "Zeiler, Krishnan, Taylor and Fergus 2010; Dumoulin and Visin 2016, chapter 4",
        (Setting("in_channels", "G*C"), Setting("out_channels", "G*O", NEEDED),
         Setting("kernel_size", "{K}", NEEDED), Setting("stride", "{s}", 1),
         Setting("padding", "{p}", 0, least=0), Setting("output_padding", "{a}", 0, least=0),
         Setting("groups", "G", 1), Setting("bias", "b", True), Setting("dilation", "{d}", 1)),
        label="up", absent={"b": 0}, initial={"w": "he_uniform", "b": "zeros"}, sample=_SAMPLE,
        more=(*_MORE, {"output_padding": 1}),
    )),
)
