"""Data for training: every form read back as it was written, and what is wrong named in place."""

from __future__ import annotations

import gzip
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainrule.errors import (
    ChainruleError,
    DomainError,
    InputError,
    LimitError,
    ShapeError,
)
from chainrule.train import data as data_module
from chainrule.train import data_images, data_split
from chainrule.train.data import Data, Examples, load, one_hot, permutation
from chainrule.train.data_files import part_of
from chainrule.train.data_scale import measure

USPS = Path(__file__).parent.parent.parent / "shared" / "data" / "usps"
FASHION = Path("/usr/share/datasets/fashion-mnist")
FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
RNG = np.random.default_rng(5)
IMAGES = RNG.integers(0, 256, (6, 4, 3), dtype=np.uint8)
LABELS = np.array([2, 0, 1, 1, 0, 2], np.uint8)


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    head = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def idx_folder(folder: Path, packed: bool = False) -> Path:
    folder.mkdir(exist_ok=True)
    for part, rows in (("train", slice(0, 4)), ("t10k", slice(4, 6))):
        for kind, array in (("images-idx3", IMAGES), ("labels-idx1", LABELS)):
            content = idx(array[rows])
            name = f"{part}-{kind}-ubyte"
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
    return folder


def table(folder: Path, text: str, name: str = "a.csv", **options: Any) -> Data:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load(path, **options)


def says(error: pytest.ExceptionInfo[ChainruleError], *words: str) -> None:
    for word in words:
        assert word in str(error.value), f"{word!r} is missing in: {error.value}"


# the digits that come with the package


def test_the_digits_are_the_1797_of_uci_with_a_split_that_never_changes() -> None:
    data = load("digits")
    assert [len(p) for p in data.parts().values()] == [1257, 180, 360]
    assert data.shape == (1, 8, 8) and data.classes == tuple("0123456789")
    assert data.digest() == (
        "329106a1f86428313c3b75d0e8f9b8b02c332eafde70c199907136641703f513")
    assert load("digits", seed=7).digest() == data.digest()
    assert "CC BY 4.0" in data.about


def test_the_digits_are_those_that_were_published() -> None:
    parts = load("digits").parts().values()
    pixels = np.concatenate([p.flat().inputs for p in parts]) * 16
    labels = np.concatenate([p.labels for p in parts if p.labels is not None])
    assert pixels.shape == (1797, 64) and (pixels == np.round(pixels)).all()
    # counts of the classes as the authors give them in optdigits.names for the test set
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert len({row.tobytes() for row in pixels}) == 1797


def test_the_fixed_split_has_every_class_in_proportion() -> None:
    for part in load("digits").parts().values():
        counts = np.array(list(part.counts().values()))
        assert np.abs(counts - len(part) / 1797 * np.array(
            [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])).max() < 1.5


def test_the_digits_are_in_the_wheel() -> None:
    from importlib.resources import files

    packed = files("chainrule.train").joinpath("digits.csv.gz").read_bytes()
    text = gzip.decompress(packed).decode("ascii")
    assert text.startswith("# Optical Recognition of Handwritten Digits, E. Alpaydin")
    assert "creativecommons.org/licenses/by/4.0" in text


# splits


@FEW
@given(st.lists(st.integers(0, 4), min_size=3, max_size=60), st.integers(0, 2**70),
       st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 9)))
def test_a_split_deals_every_example_once_and_each_class_in_proportion(
    labels: list[int], seed: int, shares: tuple[int, int, int]
) -> None:
    numbers = data_split.sizes([s / sum(shares) for s in shares], len(labels)) if (
        shares[0] / sum(shares) * len(labels) >= 1) else (len(labels), 0, 0)
    parts = data_split.stratified(np.array(labels), numbers, seed)
    assert [p.size for p in parts] == list(numbers)
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))
    for part, number in zip(parts, numbers, strict=True):
        for c in set(labels):
            ideal = labels.count(c) * number / len(labels)
            assert abs((np.array(labels)[part] == c).sum() - ideal) < 2


def test_the_generator_is_splitmix64() -> None:
    golden = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        found = data_split._mixed(golden * np.arange(1, 4, dtype=np.uint64))
    # the first outputs of java.util.SplittableRandom's mix for seed 0, published widely
    assert [hex(int(k)) for k in found] == [
        "0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]


def test_permutations_differ_by_seed_and_by_stream_and_do_not_touch_numpys_state() -> None:
    np.random.seed(3)
    before = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]
    orders = [permutation(50, s, t).tolist() for s in (0, 1, 2**64 - 1) for t in (0, 1, -1)]
    assert len(set(map(tuple, orders))) == 9 and all(sorted(o) == list(range(50)) for o in orders)
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]


def test_a_place_in_a_permutation_is_uniform() -> None:
    first = np.array([permutation(4, seed).tolist() for seed in range(4000)])
    for column in range(4):
        counts = np.bincount(first[:, column], minlength=4)
        assert np.abs(counts - 1000).max() < 120  # more than four standard deviations


@pytest.mark.parametrize(("split", "count", "wanted"), [
    ("0.8/0.1/0.1", 1797, (1437, 180, 180)),
    ("0.8/0.1/0.1", 10, (8, 1, 1)),
    ("1.0/0", 7, (7, 0)),
    ("rest/0.25", 8, (6, 2)),
    ("rest/5/10", 100, (85, 5, 10)),
    ((0.7, 0.1, 0.2), 10, (7, 1, 2)),
    ((1 / 3, 2 / 3), 9, (3, 6)),
    ([6, 4], 10, (6, 4)),
])
def test_a_split_is_fractions_or_counts(split: Any, count: int, wanted: tuple[int, ...]) -> None:
    assert data_split.sizes(split, count) == wanted


@pytest.mark.parametrize(("split", "words"), [
    ("80/10/10", ["add up to 100", "there are 50", "0.8/0.1/0.1"]),
    ("0.8/0.1", ["add up to 0.9", "expected 1"]),
    ("0.8/0.1/0.1/0", ["4 parts", "2 or 3"]),
    ("rest/rest", ["add up to 0"]),
    ("rest/51", ["add up to 51"]),
    ("0.5/half", ["'half'", "neither a number"]),
    ("-0.5/1.5", ["negative"]),
    ("1e1/rest", ["'1e1'"]),
    ("0.0/1.0", ["no example of 50 to learn from"]),
    ("nan/rest", ["'nan'"]),
    ("", ["1 part"]),
    ("9" * 50 + "/rest", ["neither a number"]),
])
def test_a_split_that_does_not_add_up_says_so(split: str, words: list[str]) -> None:
    with pytest.raises(InputError) as error:
        data_split.sizes(split, 50)
    says(error, *words)


def test_two_numbers_leave_the_test_part_as_it_is_and_three_do_not() -> None:
    data = load("digits")
    two, three = load("digits", split="0.5/0.5"), load("digits", split="0.5/0.2/0.3")
    assert two.test is not None and data.test is not None and three.test is not None
    assert two.test.digest() == data.test.digest() and len(two.train) == 719
    assert len(three.train) == 899 and len(three.test) == 539
    assert sum(map(len, three.parts().values())) == 1797
    assert load("digits", split="0.5/0.5", seed=1).digest() != two.digest()


# standardisation


@pytest.mark.parametrize(("per", "axes"), [("feature", (0,)), ("channel", (0, 2, 3)),
                                           ("one", (0, 1, 2, 3))])
def test_standardising_gives_mean_0_and_deviation_1_on_the_training_part(
    per: str, axes: tuple[int, ...]
) -> None:
    inputs = RNG.normal(3, 7, (40, 2, 5, 4))
    e = Examples(inputs, labels=np.arange(40) % 2)
    scaling = measure(e, per)
    found = scaling.apply(e.inputs)
    assert np.allclose(found.mean(axis=axes), 0) and np.allclose(found.std(axis=axes), 1)
    assert np.allclose(found, (inputs - inputs.mean(axis=axes, keepdims=True))
                       / inputs.std(axis=axes, keepdims=True))
    assert np.allclose(scaling.undo(found), inputs)
    scaled = measure(e, per, "scale").apply(e.inputs)
    assert np.allclose(scaled.min(axis=axes), 0) and np.allclose(scaled.max(axis=axes), 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_feature_that_never_changes_becomes_0_though_its_deviation_is_rounding(
    dtype: Any
) -> None:
    inputs = np.full((7, 2), 0.1, dtype)  # the mean of seven tenths is not a tenth
    inputs[:, 1] = np.arange(7)
    found = measure(Examples(inputs, labels=np.zeros(7, int))).apply(inputs)
    assert (found[:, 0] == 0).all() and np.isfinite(found).all() and found.dtype == dtype


def test_the_test_part_has_no_say_in_the_scale(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x_train=np.array([[0.0], [2.0]]), y_train=[0, 1],
             x_test=np.array([[100.0]]), y_test=[1])
    data = load(tmp_path / "d.npz", standardise="feature")
    assert data.test is not None and data.scaling is not None
    assert data.train.inputs.tolist() == [[-1.0], [1.0]] and data.test.inputs.tolist() == [[99.0]]
    assert data.scaling.shift.tolist() == [1.0] and data.scaling.divisor.tolist() == [1.0]


def test_scales_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one of feature, channel, one"):
        load("digits", standardise="pixel")
    with pytest.raises(InputError, match="either standardise or scale"):
        load("digits", standardise="one", scale="one")
    with pytest.raises(ShapeError, match="no channels"):
        load("digits", shape="flat", standardise="channel")
    with pytest.raises(DomainError, match="too wide"):
        table(tmp_path, "1e308,0\n-1e308,1\n1e308,1\n", standardise="feature")


# examples and data


def test_examples_check_their_numbers_at_the_cell() -> None:
    x = np.zeros((3, 2, 2))
    x[1, 0, 1] = np.nan
    with pytest.raises(InputError, match=r"example 1 \(from 0\) has nan at \[0, 1\]"):
        Examples(x, labels=np.zeros(3, int))
    with pytest.raises(InputError, match=r"example 2 \(from 0\) has the label 5; there are 3"):
        Examples(np.zeros((3, 1)), labels=np.array([0, 1, 5]), classes=("a", "b", "c"))
    with pytest.raises(InputError, match="has the label -1"):
        Examples(np.zeros((1, 1)), labels=np.array([-1]))
    with pytest.raises(ShapeError, match="3 inputs and 2 labels"):
        Examples(np.zeros((3, 1)), labels=np.array([0, 1]))
    with pytest.raises(ShapeError, match="one whole number for each"):
        Examples(np.zeros((3, 1)), labels=np.array([0.5, 1, 1]))
    with pytest.raises(InputError, match="targets: example 0"):
        Examples(np.zeros((1, 1)), targets=np.array([np.inf]))
    with pytest.raises(InputError, match="no examples"):
        Examples(np.zeros((0, 4)), labels=np.zeros(0, int))
    with pytest.raises(InputError, match="either labels or targets"):
        Examples(np.zeros((1, 4)))
    with pytest.raises(ShapeError, match="an axis of examples"):
        Examples(np.zeros(4), labels=np.zeros(4, int))
    with pytest.raises(InputError, match="found an array of complex"):
        Examples(np.zeros((1, 4), complex), labels=np.zeros(1, int))


def test_examples_cannot_be_written_to() -> None:
    e = load("digits").train
    with pytest.raises(ValueError, match="read-only"):
        e.inputs[0, 0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        assert e.labels is not None
        e.labels[0] = 1


def test_select_shape_and_one_hot() -> None:
    e = load("digits").train
    few = e.select([5, 3])
    assert e.labels is not None and few.labels is not None
    assert few.labels.tolist() == [e.labels[5], e.labels[3]] and few.classes == e.classes
    assert len(e.select(3)) == 1 and len(e.select(e.labels == 0)) == 124
    assert e.flat().shape == (64,) and e.flat().image_shape is None
    assert e.flat().shaped((1, 8, 8)).digest() == e.digest() != e.flat().digest()
    assert (one_hot(e.labels, 10).argmax(axis=1) == e.labels).all()
    with pytest.raises(InputError, match="no such examples"):
        e.select([5000])
    with pytest.raises(ShapeError, match="does not hold them"):
        e.shaped((3, 3))
    with pytest.raises(InputError, match="do not fit 3 classes"):
        one_hot(np.array([0, 3]), 3)
    with pytest.raises(LimitError, match="one-hot"):
        one_hot(np.zeros(10**6, int), 10**6)


def test_a_digest_knows_content_and_not_origin() -> None:
    x = np.arange(6.0).reshape(3, 2)
    e = Examples(x, labels=np.array([0, 1, 1]), origin="here")
    assert e.digest() == Examples(x, labels=np.array([0, 1, 1]), origin="there").digest()
    assert e.digest() != Examples(x, labels=np.array([0, 1, 0])).digest()
    assert e.digest() != Examples(x.astype(np.float32), labels=np.array([0, 1, 1])).digest()
    assert e.digest() != Examples(x, labels=np.array([0, 1, 1]), classes=("a", "b")).digest()
    assert Data(e).digest() != Data(e, test=e).digest()


def test_parts_that_do_not_fit_together_are_refused() -> None:
    a = Examples(np.zeros((2, 3)), labels=np.array([0, 1]))
    with pytest.raises(ShapeError, match="the test part has inputs of 4"):
        Data(a, test=Examples(np.zeros((2, 4)), labels=np.array([0, 1])))
    with pytest.raises(ShapeError, match="the classes 0, 1, 2"):
        Data(a, validation=Examples(np.zeros((3, 3)), labels=np.array([0, 1, 2])))


# IDX files


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_of_idx_files_is_read_as_it_was_written(tmp_path: Path, packed: bool) -> None:
    data = load(idx_folder(tmp_path / "mnist", packed))
    assert data.test is not None and data.train.labels is not None
    assert (data.train.inputs == IMAGES[:4, None] / 255).all()
    assert (data.test.inputs == IMAGES[4:, None] / 255).all()
    assert data.train.labels.tolist() == [2, 0, 1, 1] and data.classes == ("0", "1", "2")
    narrow = load(tmp_path / "mnist", dtype="float32").train.inputs
    assert narrow.dtype == np.float32 and np.allclose(narrow, IMAGES[:4, None] / 255, atol=1e-7)
    name = "train-images-idx3-ubyte" + ".gz" * packed
    assert load(tmp_path / "mnist" / name).train.digest() == data.train.digest()


@pytest.mark.parametrize(("kind", "dtype"), [(8, "u1"), (9, "i1"), (0x0B, "i2"), (0x0C, "i4"),
                                             (0x0D, "f4"), (0x0E, "f8")])
def test_idx_files_of_every_type_of_number(tmp_path: Path, kind: int, dtype: str) -> None:
    array = np.array([[[1, 2], [3, 100]]], dtype)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(array, kind))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(1, np.uint8)))
    found = load(tmp_path).train.inputs[0, 0]
    assert found.tolist() == (array[0] / (255 if kind == 8 else 1)).tolist()


@pytest.mark.parametrize(("change", "words"), [
    (lambda b: b[:-1], ["the header promises 4 × 4 × 3", "can hold", "cut short"]),
    (lambda b: b + b"x", ["goes on after its 4 × 4 × 3 numbers", "byte 64"]),
    (lambda b: b"", ["ends at byte 0"]),
    (lambda b: b"\x01" + b[1:], ["starts with the bytes 01 00 08 03"]),
    (lambda b: b[:3] + b"\0" + b[4:], ["has 0 axes"]),
    (lambda b: b[:3] + b"\xff" + b[4:], ["has 255 axes"]),
    (lambda b: b[:4] + b"\xff" * 12 + b[16:], ["more than 4 GiB"]),
    (lambda b: b[:4] + struct.pack(">I", 5) + b[8:], ["5 × 4 × 3", "byte 76"]),
], ids=["short", "long", "empty", "magic", "no-axes", "many-axes", "huge", "lie"])
def test_an_idx_file_that_is_not_one_says_where(
    tmp_path: Path, change: Callable[[bytes], bytes], words: list[str]
) -> None:
    path = idx_folder(tmp_path) / "train-images-idx3-ubyte"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ChainruleError) as error:
        load(tmp_path)
    says(error, "train-images-idx3-ubyte", *words)


def test_a_packed_idx_file_that_is_cut_short_or_damaged(tmp_path: Path) -> None:
    path = idx_folder(tmp_path, packed=True) / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    for content in (whole[:-9], whole[:30], b"not gzip", whole[:40] + b"\0\0\0" + whole[43:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"cannot be unpacked|ends at byte"):
            load(tmp_path)


def test_idx_files_that_do_not_belong_together(tmp_path: Path) -> None:
    folder = idx_folder(tmp_path)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    with pytest.raises(InputError, match="6 labels for the 4 images"):
        load(folder)
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match="the labels that belong to it are missing"):
        load(folder)
    with pytest.raises(InputError, match="the labels that belong to it are missing"):
        load(folder / "train-images-idx3-ubyte")
    (folder / "train-images-idx3-ubyte").unlink()
    with pytest.raises(InputError, match="no training part"):
        load(folder)


def test_labels_of_idx_files_are_held_against_the_number_of_classes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"example 0 \(from 0\) has the label '2'; there are 2"):
        load(idx_folder(tmp_path), classes=2)
    assert load(tmp_path, classes="coat, hat, shoe").classes == ("coat", "hat", "shoe")


def test_fashion_mnist_that_is_absent_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(data_module, "FASHION", tmp_path / "fashion-mnist")
    with pytest.raises(InputError, match="apt install dataset-fashion-mnist"):
        load("fashion-mnist")
    folder = idx_folder(tmp_path / "fashion-mnist")
    assert load("fashion-mnist").classes[9] == "Ankle boot"
    assert "1708.07747" in load(folder).about


@pytest.mark.skipif(not FASHION.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_fashion_mnist_as_debian_holds_it() -> None:
    data = load("fashion-mnist", dtype="float32")
    assert data.test is not None and len(data.train) == 60_000 and len(data.test) == 10_000
    assert set(data.train.counts().values()) == {6000}


# .npz files


def test_npz_files_with_parts_and_without(tmp_path: Path) -> None:
    x, y = RNG.normal(size=(9, 5)), np.arange(9) % 3
    np.savez(tmp_path / "one.npz", x=x, y=y)
    one = load(tmp_path / "one.npz")
    assert one.train.labels is not None
    assert (one.train.inputs == x).all() and (one.train.labels == y).all()
    assert list(one.parts()) == ["train"]
    np.savez_compressed(tmp_path / "parts.npz", train_images=x[:5], train_labels=y[:5],
                        val_images=x[5:7], val_labels=y[5:7], test_images=x[7:],
                        test_labels=y[7:])
    parts = load(tmp_path / "parts.npz")
    assert [len(p) for p in parts.parts().values()] == [5, 2, 2] and parts.classes == tuple("012")
    np.savez(tmp_path / "named.npz", pixels=np.asfortranarray(x), kind=y, other=np.zeros(3))
    assert load(tmp_path / "named.npz", inputs="pixels", label="kind").digest() == one.digest()


@pytest.mark.parametrize("dtype", ["u1", "i2", "<i8", ">i4", "f2", ">f4", "<f8", "?"])
def test_npz_files_of_every_type_of_number(tmp_path: Path, dtype: str) -> None:
    x = np.array([[0, 1], [1, 0]], dtype)
    np.savez(tmp_path / "a.npz", x=x, y=np.array([1, 0], dtype))
    data = load(tmp_path / "a.npz")
    assert data.train.labels is not None
    assert data.train.inputs.tolist() == x.tolist() and data.train.labels.tolist() == [1, 0]


def test_pictures_in_arrays_have_their_channels_first_and_pixels_from_0_to_1(
    tmp_path: Path
) -> None:
    x = RNG.integers(0, 256, (5, 8, 6, 3), dtype=np.uint8)
    np.savez(tmp_path / "colour.npz", x=x, y=[0, 1, 0, 1, 1])
    data = load(tmp_path / "colour.npz")
    assert data.shape == (3, 8, 6) and (data.train.inputs == x.transpose(0, 3, 1, 2) / 255).all()
    assert data.notes == ("bytes divided by 255", "channels moved to the front")
    np.savez(tmp_path / "bits.npz", x=(x[..., 0] > 99).astype(np.uint8), y=[0, 1, 0, 1, 1])
    assert load(tmp_path / "bits.npz").train.inputs.max() == 1
    np.savez(tmp_path / "odd.npz", x=x[:, :3], y=[0, 1, 0, 1, 1])
    with pytest.raises(InputError, match="either axis may be the channels"):
        load(tmp_path / "odd.npz")
    assert load(tmp_path / "odd.npz", channels="first").shape == (3, 6, 3)
    assert load(tmp_path / "odd.npz", channels="last").shape == (3, 3, 6)


def npz(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array))
    return stream.getvalue()


def header(text: str, body: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + body


@pytest.mark.parametrize(("x", "words"), [
    (header("{'descr': '<f8', 'fortran_order': False, 'shape': (9999999, 9999), }"),
     ["more than 4 GiB"]),
    (header("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }", b"12345678"),
     ["3 × 2 numbers by its header, 48 bytes; the archive holds 8"]),
    (header("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", b"x"),
     ["Python objects", "pickle", "refused"]),
    (header("{'descr': [('a', '<f8'), ('b', '<f8')], 'fortran_order': False, 'shape': (3,)}"),
     ["expected a simple type"]),
    (header("{'descr': '<c16', 'fortran_order': False, 'shape': (3,)}"), ["expected a simple"]),
    (header("{'descr': '<f7', 'fortran_order': False, 'shape': (3,)}"), ["type f7"]),
    (header("((((" * 100), ["has the header '(((("]),
    (b"\x93NUMPY\x01\x00\xff\xff", ["header of 65,535 bytes"]),
    (b"\x93NUMPY", ["ends at byte 6"]),
    (b"GIF89a..", ["starts with the bytes 47 49 46"]),
    (npy([[1.0, np.nan], [1, 2], [3, 4]]), ["example 0", "has nan at [1]"]),
    (npy([["a"], ["b"], ["c"]]), ["the inputs are of the type <U1"]),
    (npy(np.zeros((4, 2))), ["4 × 2", "no axis counts the examples in both"]),
], ids=["huge", "lie", "object", "structured", "complex", "no-type", "brackets", "long", "short",
        "gif", "nan", "text", "count"])
def test_a_hostile_array_in_an_npz_file_is_refused(
    tmp_path: Path, x: bytes, words: list[str]
) -> None:
    path = npz(tmp_path / "a.npz", x=x, y=npy([0, 1, 1]))
    with pytest.raises(ChainruleError) as error:
        load(path)
    says(error, "a.npz", *words)


def test_a_pickle_in_an_npz_file_is_never_run(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([[1], "b"], dtype=object), y=[0, 1])
    with pytest.raises(InputError, match="only pickle reads"):
        load(tmp_path / "a.npz")


def test_npz_archives_that_are_none_or_lack_names(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InputError, match="is not a zip archive"):
        load(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", weights=np.zeros((2, 2)), y=[0, 1])
    with pytest.raises(InputError, match=r"holds no inputs .*'weights', 'y'"):
        load(tmp_path / "a.npz")
    with pytest.raises(InputError, match="did you mean weights"):
        load(tmp_path / "a.npz", inputs="weight")
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 2)), data=np.zeros((2, 2)), y=[0, 1])
    with pytest.raises(InputError, match="holds both 'x' and 'data'"):
        load(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x_train=np.zeros((2, 2)), y_train=[0, 1], x_test=[[0, 0]])
    with pytest.raises(InputError, match="no labels that go with 'x_test'"):
        load(tmp_path / "a.npz")


def test_a_zip_directory_that_lies_about_a_size_is_found_out(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=npy(np.zeros((300, 300))), y=npy([0] * 300))
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, place + 24, 2**31)
    path.write_bytes(content)
    with pytest.raises(InputError, match="the archive holds"):
        load(path)


# .mat files


def test_mat_files_are_read_as_scipy_reads_them(tmp_path: Path) -> None:
    io_ = pytest.importorskip("scipy.io")
    for compressed in (False, True):
        for dtype in ("f8", "f4", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"):
            x = RNG.integers(0, 100, (7, 5)).astype(dtype)
            y = np.array([[1, 2, 10, 1, 2, 10, 1]])
            io_.savemat(tmp_path / "a.mat", {"X": x, "y": y, "s": "text", "c": {"a": 1}},
                        do_compression=compressed)
            data = load(tmp_path / "a.mat")
            assert (data.train.inputs == io_.loadmat(tmp_path / "a.mat")["X"]).all()
            assert data.classes == ("1", "2", "10") and data.train.labels is not None
            assert data.train.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_mat_files_with_examples_in_columns(tmp_path: Path) -> None:
    io_ = pytest.importorskip("scipy.io")
    x, t = RNG.normal(size=(4, 6)), np.eye(3)[[0, 1, 2, 2, 1, 0]].T
    for part in ("train", "validation", "test"):
        io_.savemat(tmp_path / f"data_{part}.mat", {"inputs": x, "target": t.astype(np.uint8)})
    data = load(tmp_path)
    assert list(data.parts()) == ["train", "validation", "test"]
    assert (data.train.inputs == x.T).all() and data.train.labels is not None
    assert data.train.labels.tolist() == [0, 1, 2, 2, 1, 0] and data.classes == tuple("012")
    # a picture in each cell of the last axis, as SVHN has them
    io_.savemat(tmp_path / "v.mat", {"X": np.zeros((8, 9, 3, 6), np.uint8) + 7,
                                     "y": np.array([[1, 2, 1, 2, 1, 2]]).T})
    assert load(tmp_path / "v.mat").shape == (3, 8, 9)
    io_.savemat(tmp_path / "square.mat", {"x": np.zeros((3, 3)), "y": np.array([[0, 1, 1]])})
    with pytest.raises(InputError, match="either axis may count the examples"):
        load(tmp_path / "square.mat")
    assert len(load(tmp_path / "square.mat", examples="last").train) == 3


@pytest.mark.skipif(not USPS.is_dir(), reason="the USPS digits of the course are not here")
def test_the_usps_digits_of_the_course() -> None:
    io_ = pytest.importorskip("scipy.io")
    data = load(USPS)
    assert [len(p) for p in data.parts().values()] == [1000, 1000, 9000]
    for name, part in data.parts().items():
        wanted = io_.loadmat(USPS / f"data_{name}.mat")
        assert (part.inputs == wanted["inputs"].T).all()
        assert (part.one_hot() == wanted["target"].T).all()
        assert set(part.counts().values()) == {len(part) // 10}


def mat(*elements: bytes) -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"".join(elements)


def element(kind: int, content: bytes, length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return struct.pack("<II", kind, size) + content + b"\0" * (-len(content) % 8)


def matrix(name: str, shape: tuple[int, ...], body: bytes, kind: int = 6) -> bytes:
    parts = [element(6, struct.pack("<II", kind, 0)),
             element(5, struct.pack(f"<{len(shape)}i", *shape)), element(1, name.encode()), body]
    return element(14, b"".join(parts))


def squeezed(content: bytes) -> bytes:
    packed = zlib.compress(content)
    return struct.pack("<II", 15, len(packed)) + packed


Y = matrix("y", (1, 2), element(9, struct.pack("<2d", 0, 1)))


@pytest.mark.parametrize(("content", "words"), [
    (b"", ["0 bytes", "header of 128"]),
    (mat()[:126] + b"XX", ["'XX' at byte 126", "-v7"]),
    (b"\x89HDF\r\n\x1a\n".ljust(200), ["7.3", "HDF5", "'-v7'"]),
    (mat(matrix("x", (2, 9), element(9, b"\0" * 8)), Y), ["2 × 9 by its header", "8 bytes"]),
    (mat(matrix("x", (2**20, 2**20), b""), Y), ["more than 4 GiB"]),
    (mat(matrix("x", (2, -1), b""), Y), ["-1 cells"]),
    (mat(matrix("x", (2, 1), element(9, b"\0" * 16), kind=1), Y), ["a cell array"]),
    (mat(matrix("x", (2, 1), element(99, b"\0" * 16)), Y), ["type 99"]),
    (mat(Y)[:-20], ["has 72 bytes", "52 are left"]),
    (mat(squeezed(matrix("x", (2, 1), element(9, b"\0" * 8, 2**31))), Y), ["2,147,483,648"]),
    (mat(struct.pack("<II", 15, 8) + b"notzlib!", Y), ["cannot be unpacked"]),
    (mat(Y), ["no inputs", "'y'"]),
], ids=["empty", "mark", "hdf5", "short", "huge", "negative", "cell", "type", "cut", "bomb",
        "zlib", "names"])
def test_a_mat_file_that_is_not_as_it_says_is_refused(
    tmp_path: Path, content: bytes, words: list[str]
) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(ChainruleError) as error:
        load(tmp_path / "a.mat")
    says(error, "a.mat", *words)


# tables


def test_a_table_with_names_and_text_labels(tmp_path: Path) -> None:
    data = table(tmp_path, "\ufeffspecies,length,width\r\nsetosa,5.1,3.5\r\n\r\n"
                           '"virginica",6.3,"3.3"\r\nsetosa,4.9,3.0\r\n', label="species")
    assert data.train.inputs.tolist() == [[5.1, 3.5], [6.3, 3.3], [4.9, 3.0]]
    assert data.train.labels is not None
    assert data.train.labels.tolist() == [0, 1, 0] and data.classes == ("setosa", "virginica")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", " "])
def test_tables_are_written_back_and_read_again(tmp_path: Path, mark: str) -> None:
    x, y = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)
    lines = [mark.join([*map(repr, map(float, row)), str(label)])
             for row, label in zip(x, y, strict=True)]
    data = table(tmp_path, "\n".join(lines))
    assert data.train.labels is not None
    assert (data.train.inputs == x).all() and (data.train.labels == y).all()
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert load(packed).digest() == data.digest()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(tmp_path: Path, end: str) -> None:
    (tmp_path / "a.csv").write_bytes(end.join(["a,b", "# a comment", "1,2", "", "3,0"]).encode())
    assert load(tmp_path / "a.csv").train.inputs.tolist() == [[1], [3]]
    (tmp_path / "a.csv").write_bytes(end.join(["a,b", "# a comment", "1,2", "", "x,0"]).encode())
    with pytest.raises(InputError, match="line 5, 'a'"):
        load(tmp_path / "a.csv")


def test_a_header_is_told_from_numbers(tmp_path: Path) -> None:
    assert len(table(tmp_path, "a,b\n1,2\n3,0\n").train) == 2
    assert len(table(tmp_path, "1,2\n3,0\n").train) == 2
    assert len(table(tmp_path, "1,2,setosa\n3,0,virginica\n").train) == 2
    assert len(table(tmp_path, "0,1,label\n3,0,1\n4,4,0\n").train) == 2
    assert len(table(tmp_path, "1,2\n3,0\n0,1\n", header=True).train) == 2
    with pytest.raises(InputError, match="line 1, 'column 1': the field holds 'a'"):
        table(tmp_path, "a,b\n1,2\n", header=False)


def test_a_folder_of_tables_and_columns_as_real_targets(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b,c\n1,2,3\n4,5,6.5\n")
    (tmp_path / "test.csv").write_text("a,b,c\n7,8,9\n")
    data = load(tmp_path, label="b,c")
    assert data.train.targets is not None and data.test is not None
    assert data.train.targets.tolist() == [[2, 3], [5, 6.5]]
    assert data.test.one_hot().tolist() == [[8, 9]] and data.classes == ()
    assert load(tmp_path, label="0", task="regress").train.inputs.tolist() == [[2, 3], [5, 6.5]]
    (tmp_path / "train.npz").write_bytes(b"")
    with pytest.raises(InputError, match=r"two files for the train part: train\.csv and train"):
        load(tmp_path)


@pytest.mark.parametrize(("text", "words"), [
    ("a,b,y\n1,x,0\n", ["line 2, 'b'", "holds 'x'", "finite number"]),
    ("a,b,y\n1,2,0\n\n1,,0\n", ["line 4, 'b'", "is empty", "leave the line out"]),
    ("1,2,0\n1,NaN,0\n", ["line 2, 'column 2'", "'NaN'"]),
    ("1,2,0\n1,1e999,0\n", ["line 2", "1e999"]),
    ("1,2,0\n1,1_000,0\n", ["line 2", "1_000"]),
    ("1;2;0\n1,5;3;0\n", ["line 2", "'1,5'", "decimal comma"]),
    ("1,2,0\n1,2\n", ["line 2 has 2 columns, where the first has 3"]),
    ("1,2,0\n1,2,\n", ["line 2, 'column 3'", "label is missing"]),
    ("1,?,0\n1,2,1\n", ["line 1, 'column 2'", "'?'"]),
    ("", ["no line of numbers"]),
    ("a,b\n", ["no line of numbers below"]),
    ("1\n2\n", ["1 column"]),
    ('1,"2\n3,4\n', ["unexpected end"]),
    ("1,\x002\n", ["line 1: byte 2 is 0"]),
    ("x,y\n" + "".join(f"1,{k * 3}\n" for k in range(50)), ["50 different whole numbers",
                                                            "--task"]),
])
def test_a_table_that_is_not_numbers_says_where(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    with pytest.raises(InputError) as error:
        table(tmp_path, text)
    says(error, "a.csv", *words)


def test_more_faults_of_tables(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1,2\n3,\xff\n")
    with pytest.raises(InputError, match="line 2: byte 6 is not UTF-8"):
        load(tmp_path / "a.csv")
    with pytest.raises(InputError, match="did you mean species"):
        table(tmp_path, "a,b,species\n1,2,3\n", label="specis")
    with pytest.raises(InputError, match="no column 7; there are 3"):
        table(tmp_path, "1,2,3\n", label=7)
    with pytest.raises(InputError, match="all columns are labels"):
        table(tmp_path, "a,b\n1,2\n", label="a,b")
    with pytest.raises(InputError, match="more than one column 'a'"):
        table(tmp_path, "a,a,b\n1,2,3\n", label="a")
    with pytest.raises(InputError, match="cannot be divided by '::'"):
        table(tmp_path, "1::2\n", delimiter="::")
    with pytest.raises(InputError, match="digits has no use for header=True"):
        load("digits", header=True)
    with pytest.raises(InputError, match="did you mean delimiter"):
        load("digits", delimeter=",")


# what labels mean


@pytest.mark.parametrize(("labels", "classes", "numbers"), [
    ([0, 1, 2, 1], "012", [0, 1, 2, 1]),
    ([1, 2, 10, 1], ("1", "2", "10"), [0, 1, 2, 0]),
    ([-1, 1, 1, -1], ("-1", "1"), [0, 1, 1, 0]),
    ([0, 255, 0, 255], ("0", "255"), [0, 1, 0, 1]),
    ([0, 1, 3, 4], "01234", [0, 1, 3, 4]),
    ([0.0, 1.0, 1.0, 0.0], "01", [0, 1, 1, 0]),
    (["b", "a", "c", "b"], "abc", [1, 0, 2, 1]),
    ([[0, 1], [1, 0], [1, 0], [0, 1]], "01", [1, 0, 0, 1]),
    ([True, False, False, True], "01", [1, 0, 0, 1]),
])
def test_labels_become_numbers_of_classes(
    tmp_path: Path, labels: list[Any], classes: Any, numbers: list[int]
) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 1)), y=labels)
    data = load(tmp_path / "a.npz")
    assert data.train.labels is not None
    assert data.classes == tuple(classes) and data.train.labels.tolist() == numbers


@pytest.mark.parametrize(("labels", "options", "words"), [
    ([[1, 1], [1, 0], [0, 1], [1, 0]], {}, ["row 0", "[1, 1]", "exactly one 1", "regress"]),
    ([[0, 1], [1, 0], [0, 0], [1, 0]], {}, ["row 2", "[0, 0]"]),
    ([0, 1, 5, 1], {"classes": 3}, ["example 2", "'5'", "3 classes"]),
    ([0, 1.5, 5, 1], {"task": "classify"}, ["example 1", "label 1.5", "whole number"]),
    ([0, 1.5, np.nan, 1], {}, ["targets: example 2", "nan"]),
    (["a", "b", "c", "a"], {"task": "regress"}, ["'a'", "numbers"]),
    ([0, 1, 2, 1], {"task": "regres"}, ["did you mean regress"]),
    ([0, 1, 2, 1], {"classes": "a,a,b"}, ["same name"]),
    (["a", "b", "c", "a"], {"classes": "a,b"}, ["example 2", "'c'", "2 classes: a, b"]),
    ([0, 1, 2, 1], {"classes": 10**8}, ["more than 10,000"]),
    (np.zeros((4, 2, 2)), {}, ["3 axes"]),
])
def test_labels_that_cannot_be_are_named(
    tmp_path: Path, labels: Any, options: dict[str, Any], words: list[str]
) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 1)), y=labels)
    with pytest.raises(ChainruleError) as error:
        load(tmp_path / "a.npz", **options)
    says(error, *words)


def test_a_class_that_only_the_test_part_has_is_a_class(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=[[0], [1]], y_train=["b", "a"], x_test=[[0]],
             y_test=["c"])
    assert load(tmp_path / "a.npz").classes == ("a", "b", "c")
    assert load(tmp_path / "a.npz", classes="c,b,a").train.labels.tolist() == [1, 2]  # type: ignore[union-attr]


# pictures


def pgm(path: Path, pixels: np.ndarray, top: int = 255) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = b"P6" if pixels.ndim == 3 else b"P5"
    dtype = "u1" if top < 256 else ">u2"
    path.write_bytes(kind + b"\n# a comment\n%d %d\n%d\n" % (*pixels.shape[1::-1], top)
                     + pixels.astype(dtype).tobytes())


def test_a_folder_of_pictures_without_pillow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_pillow(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(data_images, "import_module", no_pillow)
    cats, dogs = IMAGES[:2], IMAGES[2:5]
    for k, picture in enumerate(cats):
        pgm(tmp_path / "pets" / "cat" / f"{k}.pgm", picture)
    for k, picture in enumerate(dogs):
        pgm(tmp_path / "pets" / "dog" / f"{k}.pgm", picture)
    (tmp_path / "pets" / ".DS_Store").write_bytes(b"x")
    data = load(tmp_path / "pets")
    assert data.train.labels is not None and data.classes == ("cat", "dog")
    assert (data.train.inputs == np.concatenate([cats, dogs])[:, None] / 255).all()
    assert data.train.labels.tolist() == [0, 0, 1, 1, 1]
    assert load(tmp_path / "pets", channels="3").shape == (3, 4, 3)
    (tmp_path / "pets" / "cat" / "z.png").write_bytes(b"\x89PNG")
    with pytest.raises(InputError, match=r"needs Pillow.*\n.*pip install 'chainrule\[data\]'"):
        load(tmp_path / "pets")


def test_pictures_in_parts_in_colour_and_in_16_bits(tmp_path: Path) -> None:
    colour = RNG.integers(0, 60_000, (4, 3, 3)).astype(np.uint16)
    for place in ("train/a", "train/b", "test/b"):
        pgm(tmp_path / place / "1.ppm", colour, 60_000)
    data = load(tmp_path)
    assert data.test is not None and data.test.labels is not None
    assert data.test.labels.tolist() == [1] and data.shape == (3, 4, 3)
    assert (data.train.inputs[0] == colour.transpose(2, 0, 1) / 60_000).all()


def test_pictures_as_text(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.pgm").write_text("P2\n# one\n3 2 # two\n4\n0 1 2\n3 4 # three\n0\n")
    assert load(tmp_path).train.inputs[0, 0].tolist() == [[0, 0.25, 0.5], [0.75, 1, 0]]


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp"])
def test_pictures_by_way_of_pillow(tmp_path: Path, suffix: str) -> None:
    image = pytest.importorskip("PIL.Image")
    colour = RNG.integers(0, 256, (5, 4, 3), dtype=np.uint8)
    (tmp_path / "a").mkdir()
    image.fromarray(colour).save(tmp_path / "a" / f"1.{suffix}", lossless=True)
    assert (load(tmp_path).train.inputs[0] == colour.transpose(2, 0, 1) / 255).all()
    grey = load(tmp_path, channels="1", resize="10x8").train
    assert grey.shape == (1, 10, 8)
    pgm(tmp_path / "a" / "2.ppm", np.repeat(np.repeat(colour, 2, 0), 2, 1))
    with pytest.raises(InputError, match=r"2.ppm: is 3 × 10 × 8, and .*\n.*resize"):
        load(tmp_path)
    assert load(tmp_path, resize="5x4").train.inputs.shape == (2, 3, 5, 4)


def test_grey_of_a_ppm_agrees_with_pillow(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    colour = RNG.integers(0, 256, (5, 4, 3), dtype=np.uint8)
    pgm(tmp_path / "a" / "1.ppm", colour)
    wanted = np.asarray(image.fromarray(colour).convert("L")) / 255
    assert np.abs(load(tmp_path, channels="1").train.inputs[0, 0] - wanted).max() < 1 / 255


@pytest.mark.parametrize(("content", "words"), [
    (b"P5 3 2 255\n12345", ["5 of the 6 numbers", "cut short"]),
    (b"P5 9999 9999 255\n", ["9,999 × 9,999 pixels are more than"]),
    (b"P5 0 2 255\n", ["nothing in it"]),
    (b"P5 3 2 0\n123456", ["largest value 0"]),
    (b"P5 3 2 100\n\xff\xff\xff\xff\xff\xff", ["a pixel of 255", "100 is the largest"]),
    (b"P2 3 1 9\n1 x 2", ["'x' among its pixels"]),
    (b"P2 4000 4000 9\n1 2", ["pixels as text"]),
    (b"P7 3 2 255\n123456", ["'P7 3 2 255", "P2, P3, P5 or P6"]),
    (b"P5" + b" " * 10_000, ["starts with 'P5"]),
    (b"", ["starts with ''"]),
])
def test_a_picture_that_is_not_one_is_refused(
    tmp_path: Path, content: bytes, words: list[str]
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.pgm").write_bytes(content)
    with pytest.raises(ChainruleError) as error:
        load(tmp_path)
    says(error, "1.pgm", *words)


def test_a_png_that_promises_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image")

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(
            ">I", zlib.crc32(kind + body))

    (tmp_path / "a").mkdir()
    for side in (5_000, 12_000, 60_000):
        (tmp_path / "a" / "1.png").write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b""))
        with pytest.raises(LimitError, match=r"1\.png"):
            load(tmp_path)


def test_damaged_pictures_and_what_is_no_picture(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "a").mkdir()
    image.new("RGBA", (3, 3), (1, 2, 3, 128)).save(tmp_path / "a" / "1.png")
    with pytest.raises(InputError, match="one can see through"):
        load(tmp_path)
    image.new("RGBA", (3, 3), (51, 0, 0, 255)).save(tmp_path / "a" / "1.png")
    assert load(tmp_path).train.inputs[0, :, 0, 0].tolist() == [0.2, 0, 0]
    whole = (tmp_path / "a" / "1.png").read_bytes()
    (tmp_path / "a" / "1.png").write_bytes(whole[:50])
    with pytest.raises(InputError, match="cannot be read as a picture"):
        load(tmp_path)
    (tmp_path / "a" / "1.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    with pytest.raises(InputError, match="cannot be read as a picture"):
        load(tmp_path)
    (tmp_path / "a" / "1.png").write_bytes(whole)
    (tmp_path / "a" / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"notes.txt: is not a picture by its name; .*\.png"):
        load(tmp_path)


def test_links_that_lead_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    pgm(tmp_path / "secret" / "1.pgm", IMAGES[0])
    pgm(tmp_path / "pets" / "cat" / "1.pgm", IMAGES[0])
    (tmp_path / "pets" / "cat" / "2.pgm").symlink_to("1.pgm")  # within: fine
    assert len(load(tmp_path / "pets").train) == 2
    (tmp_path / "pets" / "cat" / "3.pgm").symlink_to(tmp_path / "secret" / "1.pgm")
    with pytest.raises(InputError, match=r"3\.pgm: is a link that leads out"):
        load(tmp_path / "pets")
    (tmp_path / "pets" / "cat" / "3.pgm").unlink()
    (tmp_path / "pets" / "dog").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="dog: is a link that leads out"):
        load(tmp_path / "pets")
    idx_folder(tmp_path / "idx")
    (tmp_path / "idx" / "train-images-idx3-ubyte").rename(tmp_path / "elsewhere")
    (tmp_path / "idx" / "train-images-idx3-ubyte").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="leads out"):
        load(tmp_path / "idx")


# files that are none


def test_files_that_are_not_there_or_not_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean digits"):
        load("digit")
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "a.npz")
    with pytest.raises(InputError, match="no such file"):
        load("a\0b.csv")
    with pytest.raises(InputError, match="of no form that is known"):
        path = tmp_path / "a.docx"
        path.write_bytes(b"x")
        load(path)
    with pytest.raises(InputError, match="holds no data that are known"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="not an ordinary file"):
        load(tmp_path / "pipe.csv")


def test_a_large_file_is_refused_by_its_size(tmp_path: Path) -> None:
    for name in ("a.csv", "a.mat", "a.npz"):
        with (tmp_path / name).open("wb") as stream:
            stream.truncate(5 * 2**30)  # a hole: it takes no room
        with pytest.raises(LimitError, match="5,368,709,120 bytes are more than"):
            load(tmp_path / name)


def test_parts_are_told_by_words_and_not_by_letters() -> None:
    assert [part_of(n) for n in ("x_train", "t10k-images", "data.validation", "Test", "val_x")] == [
        "train", "test", "validation", "test", "validation"]
    assert [part_of(n) for n in ("trainer", "contest", "x", "train_test")] == [None] * 4


@pytest.mark.parametrize(("shape", "wanted"), [("flat", (64,)), ("64", (64,)), ("1x8x8", (1, 8, 8)),
                                               ("2×32", (2, 32)), ((8, 8), (8, 8))])
def test_the_shape_of_an_input_is_the_users_choice(shape: Any, wanted: tuple[int, ...]) -> None:
    assert load("digits", shape=shape).shape == wanted


@pytest.mark.parametrize("options", [{"shape": "8x"}, {"shape": "0x64"}, {"shape": "65"},
                                     {"dtype": "float16"}, {"seed": 1.5}, {"shape": "-1x64"}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ChainruleError):
        load("digits", **options)


# whatever the bytes, an error of ours or data


def survives(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        data = load(path)
    except ChainruleError as error:
        assert path.name[:5] in str(error)
    else:
        assert np.isfinite(data.train.inputs).all()


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """A file cut short, with bytes changed, or with numbers in it that lie."""
    def change(places: list[tuple[int, bytes]]) -> bytes:
        content = bytearray(whole)
        for place, piece in places:
            content[place : place + len(piece)] = piece
        return bytes(content)

    lies = st.sampled_from([b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0" * 8,
                            b"9", b"\x80", b"\x01"])
    spots = st.one_of(st.integers(0, min(len(whole), 200)), st.integers(0, len(whole)))
    return st.one_of(
        st.integers(0, len(whole)).map(lambda n: whole[:n]),
        st.lists(st.tuples(spots, st.one_of(lies, st.binary(max_size=4))), min_size=1,
                 max_size=4).map(change))


def whole_npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, x=np.arange(12.0).reshape(6, 2), y=np.array(list("abcabc")))
    return stream.getvalue()


FILES: dict[str, bytes] = {
    "fuzz1.npz": whole_npz(),
    "fuzz2.csv": b"a,b,label\n1,2.5,x\n-3,4e2,y\n5,6,x\n",
    "fuzz3.mat": mat(matrix("x", (2, 3), element(9, struct.pack("<6d", *range(6)))), Y),
    "fuzz4.mat": mat(squeezed(matrix("x", (2, 3), element(9, struct.pack("<6d", *range(6))))),
                     squeezed(Y)),
}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_gives_a_typed_error_or_finite_data(tmp_path: Path, name: str) -> None:
    assert len(load_bytes(tmp_path / name, FILES[name]).train) >= 2

    @settings(max_examples=250)
    @given(damaged(FILES[name]))
    def check(content: bytes) -> None:
        survives(tmp_path / name, content)

    check()


def load_bytes(path: Path, content: bytes) -> Data:
    path.write_bytes(content)
    return load(path)


@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_idx_file_gives_a_typed_error_or_finite_data(
    tmp_path: Path, packed: bool
) -> None:
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    whole = gzip.compress(idx(IMAGES), mtime=0) if packed else idx(IMAGES)
    path = tmp_path / ("train-images-idx3-ubyte" + ".gz" * packed)

    @settings(max_examples=250)
    @given(damaged(whole))
    def check(content: bytes) -> None:
        survives(path, content)

    check()


@settings(max_examples=300)
@given(st.text(alphabet="019.,;\n\t \"ae-_#x\r", max_size=60))
def test_any_text_as_a_table_gives_a_typed_error_or_finite_data(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        survives(Path(folder) / "table.csv", text.encode())


def test_a_damaged_picture_gives_a_typed_error_or_finite_data(tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    path = tmp_path / "class" / "1.pgm"
    pgm(path, IMAGES[0])
    whole = [path.read_bytes(), b"P2\n3 2\n4\n0 1 2\n3 4 0\n"]

    @settings(max_examples=250)
    @given(st.one_of(*map(damaged, whole)))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        try:
            load(tmp_path)
        except ChainruleError as error:
            assert "1.pgm" in str(error)

    check()
