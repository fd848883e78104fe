"""Pooling, padding and upsampling: windows without weights."""

from __future__ import annotations

from typing import Final

from chainrule.formulas.entry import NEEDED, Entry, Setting, family

_WINDOW: Final = (
    Setting("kernel_size", "{K}", NEEDED),
    Setting("stride", "{s}", "K"),
    Setting("padding", "{p:q}", 0, least=0, most="K - 1"),
)
_SAMPLE: Final = {"kernel_size": 2}
_MORE: Final = ({"kernel_size": 3, "stride": 2, "padding": 1},)
_AXIS: Final = (
    Setting("padding", "p:q", NEEDED, least=0),
    Setting("axis", "", -1),
)

ENTRIES: Final = (
    *family(Entry(
        "max_pool", "MaxPool", """
        input x[..., {I}]
        size {K}, {s}, {p}, {q}, {d}
        y[..., {i}] = max({k < K}) x[..., {s*i + d*k - p}; pad ..., {p:q} with -inf]
        """, "max-pooling", "keeps the strongest response of each window",
        "Yamaguchi et al. 1990; Scherer, Müller and Behnke 2010",
        (*_WINDOW[:2], Setting("padding", "{p:q}", 0, least=0, most="d*(K - 1)"),
         Setting("dilation", "{d}", 1)), label="pool", kind="pooling", sample=_SAMPLE,
        more=(*_MORE, {"stride": 1, "dilation": 2}),
    )),
    *family(Entry(
        "avg_pool", "AvgPool", """
        input x[..., {I}]
        size {K}, {s}, {p}, {q}
        y[..., {i}] = mean({k < K}) x[..., {s*i + k - p}; pad ..., {p:q} with 0]
        """, "average pooling", "averages each window, padding included",
        "LeCun, Bottou, Bengio and Haffner 1998", _WINDOW, label="pool",
        kind="pooling", sample=_SAMPLE, more=_MORE,
    )),
    *family(Entry(
        "avg_pool_inside", "AvgPoolInside", """
        input x[..., {I}]
        size {K}, {s}, {p}, {q}
        y[..., {i}] = mean({k < K}, {s*i + k >= p}, {s*i + k < p + I}) \
x[..., {s*i + k - p}; pad ..., {p:q} with 0]
        """, "average pooling of what is there",
        "averages the cells of each window that are not padding",
        "ONNX, AveragePool with count_include_pad = 0", _WINDOW, label="pool",
        kind="pooling", sample=_SAMPLE, more=_MORE,
    )),
    *family(Entry(
        "adaptive_avg_pool", "AdaptiveAvgPool", """
        input x[..., {I}]
        size {O}
        y[..., {i}] = mean({k < I}, {k >= i*I//O}, {k < ((i + 1)*I + O - 1)//O}) x[..., {k}] \
with {i < O}
        """, "adaptive average pooling", "averages windows chosen so that the output has this size",
        "He, Zhang, Ren and Sun 2014; PyTorch, AdaptiveAvgPool",
        (Setting("output_size", "{O}", NEEDED),), label="pool", kind="pooling",
        sample={"output_size": 2},
        more=({"output_size": 3},),
    )),
    *family(Entry(
        "adaptive_max_pool", "AdaptiveMaxPool", """
        input x[..., {I}]
        size {O}
        y[..., {i}] = max({k < I}, {k >= i*I//O}, {k < ((i + 1)*I + O - 1)//O}) x[..., {k}] \
with {i < O}
        """, "adaptive max-pooling", "the maxima of windows so that the output has this size",
        "He, Zhang, Ren and Sun 2014; PyTorch, AdaptiveMaxPool",
        (Setting("output_size", "{O}", NEEDED),), label="pool", kind="pooling",
        sample={"output_size": 2},
        more=({"output_size": 3},),
    )),
    Entry("global_avg_pool", "GlobalAvgPool", """
        input x[..., C, {I}]
        y[..., c] = mean({i}) x[..., c, {i}]
        """, "global average pooling", "one number a channel: the mean over all positions",
          "Lin, Chen and Yan 2014, section 3.2", (Setting("axis", "", 1),), axes="axis",
          label="pool", kind="pooling"),
    Entry("global_max_pool", "GlobalMaxPool", """
        input x[..., C, {I}]
        y[..., c] = max({i}) x[..., c, {i}]
        """, "global max-pooling", "one number a channel: the strongest response anywhere",
          "Oquab, Bottou, Laptev and Sivic 2015", (Setting("axis", "", 1),), axes="axis",
          label="pool", kind="pooling"),
    *family(Entry(
        "zero_pad", "ZeroPad", """
        input x[..., {I}]
        size {p}, {q}
        y[..., {i}] = x[..., {i - p}; pad ..., {p:q} with 0] with {i < I + p + q}
        """, "zero padding", "puts zeros around its input",
        "Dumoulin and Visin 2016, section 2.2",
        (Setting("padding", "{p:q}", NEEDED, least=0),), label="pad", sample={"padding": 1},
    )),
    *family(Entry(
        "crop", "Crop", """
        input x[..., {I}]
        size {p}, {q}
        y[..., {i}] = x[..., {i + p}] with {i < I - p - q}
        """, "cropping", "cuts off the edges of its input",
        "Ronneberger, Fischer and Brox 2015, section 2",
        (Setting("cropping", "{p:q}", NEEDED, least=0),), label="crop", sample={"cropping": 1},
    )),
    Entry("constant_pad", "ConstantPad", """
        input x[..., I, {J}]
        constant v
        size p, q
        y[..., i, {j}] = v with i < p, {j < J}, ... < ...
        y[..., i + p, {j}] = x[..., i, {j}]
        y[..., i + p + I, {j}] = v with i < q, {j < J}, ... < ...
        """, "padding by a constant", "puts a number in front of an axis and behind it",
          "ONNX, Pad", (*_AXIS, Setting("value", "v", 0)), axes="axis", label="pad",
          sample={"padding": (1, 2), "value": 0.5}),
    Entry("reflection_pad", "ReflectionPad", """
        input x[..., I, {J}]
        size p, q
        y[..., i, {j}] = x[..., p - i, {j}] with i < p
        y[..., i + p, {j}] = x[..., i, {j}]
        y[..., i + p + I, {j}] = x[..., I - 2 - i, {j}] with i < q
        """, "padding by reflection", "continues an axis by its mirror image, the edge once",
          "ONNX, Pad with mode reflect", _AXIS, axes="axis", label="pad",
          sample={"padding": (1, 2)}),
    Entry("replication_pad", "ReplicationPad", """
        input x[..., I, {J}]
        size p, q
        y[..., i, {j}] = x[..., 0, {j}] with i < p
        y[..., i + p, {j}] = x[..., i, {j}]
        y[..., i + p + I, {j}] = x[..., I - 1, {j}] with i < q
        """, "padding by the edge", "continues an axis by its first and last cell",
          "ONNX, Pad with mode edge", _AXIS, axes="axis", label="pad",
          sample={"padding": (1, 2)}),
    Entry("circular_pad", "CircularPad", """
        input x[..., I, {J}]
        size p, q
        y[..., i, {j}] = x[..., I - p + i, {j}] with i < p
        y[..., i + p, {j}] = x[..., i, {j}]
        y[..., i + p + I, {j}] = x[..., i, {j}] with i < q
        """, "padding around the circle", "continues an axis by its other end",
          "ONNX, Pad with mode wrap", _AXIS, axes="axis", label="pad",
          sample={"padding": (1, 2)}),
    *family(Entry(
        "upsample", "Upsample", """
        input x[..., {I}]
        size {f}
        y[..., {f*i + r}] = x[..., {i}] with {r < f}
        """, "upsampling, nearest", "repeats each cell",
        "Odena, Dumoulin and Olah 2016", (Setting("scale_factor", "{f}", NEEDED),), label="up",
        sample={"scale_factor": 2}, more=({"scale_factor": 3},),
    )),
    Entry("pixel_shuffle", "PixelShuffle", """
        input x[..., C*f*f, H, W]
        size f
        y[..., c, f*i + a, f*j + b] = x[..., c*f*f + f*a + b, i, j] with c < C, a < f, b < f
        """, "pixel shuffle", "trades channels for a finer image",
          "Shi et al. 2016, equation 4", (Setting("upscale_factor", "f", NEEDED),), label="up",
          kind="shape", sample={"upscale_factor": 2}),
    *family(Entry(
        "upsample_linear", "UpsampleLinear", """
        input x[..., {I}]
        size {f}
        y[..., {i}] = sum({k}) {*max(0, 1 - abs(min(max((2*i + 1 - f)/(2*f), 0), I - 1) - k))}\
*x[..., {k}] with {i < f*I}
        """,
        "upsampling, linear", "interpolates linearly between the cells' centres",
        "ONNX, Resize with half_pixel coordinates",
        (Setting("scale_factor", "{f}", NEEDED),), label="up", sample={"scale_factor": 2},
        more=({"scale_factor": 3},),
    )),
)
