"""Values against ONNX: its node cases, its reference evaluator, and the page that counts them."""

import itertools
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx_cases import OPERATORS, LeftOut, cases, judged, nodes, table, worked

from chainrule.formulas import LIBRARY


def evaluated(model: object, given: list) -> list:
    """The outputs by ONNX's reference evaluator."""
    fed = dict(zip([i.name for i in model.graph.input], given, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ReferenceEvaluator(model).run(None, fed)


def agree(found: list, expected: list, of: str) -> None:
    assert len(found) == len(expected), of
    for mine, theirs in zip(found, expected, strict=True):
        theirs = np.asarray(theirs)
        assert np.shape(mine) == theirs.shape, of
        np.testing.assert_allclose(mine, theirs.astype(float), 2e-5, 2e-6, err_msg=of)


@pytest.mark.parametrize("op", OPERATORS)
def test_the_node_cases_of(op):
    assert cases()[op]
    for case, node, outcome in judged(op):
        if isinstance(outcome, LeftOut):
            assert str(outcome)
            continue
        for given, expected in case.data_sets:
            agree(outcome, expected, case.name)
            if op != "Dropout":  # whose mask the evaluator draws anew
                agree(outcome, evaluated(case.model, given), case.name)
            assert node.op == op


def test_the_page_says_what_is_so():
    page = (Path(__file__).parent.parent / "docs" / "onnx.md").read_text(encoding="utf-8")
    if f"ONNX {onnx.__version__}:" not in page:
        pytest.skip("the page was made with another version of ONNX, whose cases differ")
    assert page == table(), "run python tests/onnx_cases.py > docs/onnx.md"


# --- more attributes than the cases have ----------------------------------------------------------


def model_of(op: str, given: list, **attributes: object) -> object:
    """A model of one node on these inputs."""
    names = [f"x{k}" if a is not None else "" for k, a in enumerate(given)]
    node = helper.make_node(op, names, ["y"], **attributes)
    inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
              for name, a in zip(names, given, strict=True) if a is not None]  # fmt: skip
    outputs = [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)]
    return helper.make_model(helper.make_graph([node], op, inputs, outputs))


def same(op: str, *given: object, **attributes: object) -> None:
    """The formula's values are the reference evaluator's."""
    arrays = [None if a is None else np.asarray(a) for a in given]
    model = model_of(op, arrays, **attributes)
    fed = [a for a in arrays if a is not None]
    expected = evaluated(model, fed)
    found = worked(nodes(model, fed, expected))
    assert found[0].shape == expected[0].shape, attributes
    np.testing.assert_allclose(found[0], expected[0], 1e-6, 1e-6, err_msg=str(attributes))


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(list(shape)).normal(size=shape)


WINDOWS = list(itertools.product((1, 2, 3), ((0, 0), (1, 1), (2, 1)), (1, 2)))


@pytest.mark.parametrize(("stride", "pads", "dilation"), WINDOWS)
def test_convolutions(stride, pads, dilation):
    x, w, b = normal(2, 4, 9), normal(6, 2, 3), normal(6)
    same("Conv", x, w, b, strides=[stride], pads=pads, dilations=[dilation], group=2)
    square = {"strides": [stride, 1], "dilations": [1, dilation], "pads": [*pads, *pads[::-1]]}
    same("Conv", normal(1, 2, 6, 7), normal(3, 2, 2, 3), None, **square)
    same("Conv", normal(1, 4, 6, 7), normal(4, 1, 2, 3), normal(4), group=4, **square)


@pytest.mark.parametrize(("stride", "pads", "dilation"), WINDOWS)
def test_transposed_convolutions(stride, pads, dilation):
    x, w, b = normal(2, 2, 4), normal(2, 3, 3), normal(3)
    more = {"strides": [stride], "dilations": [dilation]}
    same("ConvTranspose", x, w, b, pads=pads, output_padding=[stride - 1], **more)
    square = {"strides": [stride, 2], "dilations": [1, dilation], "pads": [pads[0], 1, pads[1], 0]}
    same("ConvTranspose", normal(1, 2, 3, 4), normal(2, 3, 3, 2), None, **square)


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize(("stride", "pads", "dilation"), WINDOWS)
def test_pools(stride, pads, dilation, ceil):
    x = normal(2, 3, 10)
    window = {"kernel_shape": [3], "strides": [stride], "pads": pads}
    if stride > 1 or dilation > 1 or pads == (0, 0):  # else the evaluator miscounts the windows
        same("MaxPool", x, dilations=[dilation], ceil_mode=ceil, **window)
    if dilation == 1 and not ceil:  # with ceil_mode the evaluator pads in front, too
        same("AveragePool", x, **window)
        same("AveragePool", x, count_include_pad=1, **window)


@pytest.mark.parametrize("axis", [-1, 0, 1, 2])
def test_softmax_along_an_axis(axis):
    same("Softmax", normal(2, 3, 4), axis=axis)
    same("LogSoftmax", normal(2, 3, 4), axis=axis)
    same("Flatten", normal(2, 3, 4), axis=axis)
    same("Concat", normal(2, 3, 4), normal(2, 3, 4), axis=axis)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_local_response_normalisation(size):
    # as many examples as channels: the evaluator's loop over channels has the batch's size
    same("LRN", normal(6, 6, 2, 3), size=size, alpha=0.5, beta=0.6, bias=2.0)


@pytest.mark.parametrize("reset", [0, 1])
def test_gated_units_that_reset_before_and_behind_the_product(reset):
    x, w, r, b = normal(3, 2, 4), normal(1, 9, 4), normal(1, 9, 3), normal(1, 18)
    same("GRU", x, w, r, b, None, normal(1, 2, 3), hidden_size=3, linear_before_reset=reset)


@pytest.mark.parametrize("start", [False, True])
def test_recurrent_cells_whose_gates_have_weights_of_their_own(start):
    # in the node cases all weights of a gate are one number, so that gates could be confused
    for op, gates, states in (("RNN", 1, 1), ("LSTM", 4, 2)):
        x, w, r, b = (normal(3, 2, 4), normal(1, 3 * gates, 4), normal(1, 3 * gates, 3),
                      normal(1, 6 * gates))  # fmt: skip
        begin = [None, *[normal(1, 2, 3) + k for k in range(states)]] if start else []
        same(op, x, w, r, b, *begin, hidden_size=3)


def test_hard_sigmoid_with_the_slope_of_frameworks():
    same("HardSigmoid", np.linspace(-5, 5, 21), alpha=1 / 6, beta=0.5)


@pytest.mark.parametrize("factor", [2, 3])
def test_resizing_by_whole_factors(factor):
    scales = np.array([1, 1, factor, 1], np.float32)
    for mode in ("nearest", "linear"):
        same("Resize", normal(1, 2, 3, 4), None, scales, mode=mode)
        same("Resize", normal(1, 2, 3, 4), None, scales[[0, 1, 2, 2]], mode=mode)


def test_the_table_names_formulas():
    named = {part.format(k) for names, _ in OPERATORS.values() for part in names.split(", ")
             for k in (1, 2, 3)}  # fmt: skip
    assert named <= set(LIBRARY)
