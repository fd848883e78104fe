"""Pictures that are changed before they are learnt from, and texts in windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.cli import main
from chainrule.errors import ChainruleError, InputError, LimitError, UnknownNameError
from chainrule.nn import zoo
from chainrule.train.augment import Augment
from chainrule.train.data_text import Text, load_text
from chainrule.train.sampling import continuation
from chainrule.train.study import sweep


def pictures(n: int = 3, channels: int = 2, side: int = 7) -> np.ndarray:
    return np.random.default_rng(0).random((n, channels, side, side))


# --- pictures -------------------------------------------------------------------------------------


def test_what_is_changed_by_nothing_stays_as_it_is() -> None:
    images = pictures()
    assert np.array_equal(Augment().pictures(images, np.zeros(2), 0, 0), images)


def test_a_mirror_is_exact() -> None:
    images = pictures()
    found = Augment(flip=1).pictures(images, np.zeros(2), 0, 0)
    np.testing.assert_allclose(found, images[..., ::-1], atol=1e-15)


def test_a_shift_is_that_of_scipy() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    images = pictures(4, 1)
    augment = Augment(shift=2)
    rows, columns = augment._places(4, 7, 7, seed=3, step=5)
    moved = augment.pictures(images, np.full(1, 0.25), 3, 5)
    for k in range(4):
        by = (-rows[k, 0, 0], -columns[k, 0, 0])
        # scipy drops to the constant at once beyond the last pixel; a frame makes it slope
        framed = np.pad(images[k, 0], 4, constant_values=0.25)
        wanted = ndimage.shift(framed, by, order=1, cval=0.25)[4:-4, 4:-4]
        np.testing.assert_allclose(moved[k, 0], wanted, atol=1e-12)


def test_a_quarter_turn_is_exact() -> None:
    images = pictures(1, 1)
    augment = Augment(rotate=90)
    for step in range(200):
        rows, columns = augment._places(1, 7, 7, 0, step)
        assert np.allclose((rows - 3) ** 2 + (columns - 3) ** 2,  # turned about the middle
                           (np.arange(7)[:, None] - 3) ** 2 + (np.arange(7)[None] - 3) ** 2)
    dot = np.zeros((1, 1, 7, 7))
    dot[0, 0, 3, 3] = 1
    assert augment.pictures(dot, np.zeros(1), 0, 1)[0, 0, 3, 3] == pytest.approx(1)
    assert images.max() <= 1


def test_what_comes_from_outside_is_background() -> None:
    images = np.ones((50, 2, 4, 4))
    found = Augment(shift=3).pictures(images, np.array([0.0, 0.5]), 0, 0)
    assert found[:, 0].min() == 0 and found[:, 1].min() == 0.5 and found.max() == 1


def test_what_is_drawn_hangs_on_the_seed_and_the_step_alone() -> None:
    images, augment = pictures(), Augment(shift=1, rotate=10, zoom=0.1, flip=0.5)
    first = augment.pictures(images, np.zeros(2), 1, 7)
    assert np.array_equal(first, augment.pictures(images, np.zeros(2), 1, 7))
    assert not np.array_equal(first, augment.pictures(images, np.zeros(2), 1, 8))
    assert not np.array_equal(first, augment.pictures(images, np.zeros(2), 2, 7))
    kept = augment.pictures(images.astype("float32"), np.zeros(2), 1, 7)
    assert kept.dtype == np.float32


@pytest.mark.parametrize(("text", "error"), [
    ("shift", InputError), ("shift=0", InputError), ("shift=nan", InputError), ("", ChainruleError),
    ("turn=3", UnknownNameError), ("zoom=1", InputError), ("shift=1,shift=2", InputError),
    ("flip=2", InputError), ("rotate=-5", InputError),
])  # fmt: skip
def test_augmentation_that_makes_no_sense_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Augment.read(text)


def test_augmentation_is_written_as_it_is_read() -> None:
    assert str(Augment.read("zoom=0.1, shift=1")) == "shift=1,zoom=0.1"


def images_run(**options: object) -> object:
    network = nn.Network(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(),
                                       nn.Linear(None, 10)), (1, 8, 8), loss="CrossEntropyLoss")
    return cr.train(network, "digits", backend="reference", iterations=30, batch=20, rate=0.1,
                    augment="shift=1,rotate=10", **options)


def test_a_run_on_changed_pictures_goes_on_bit_for_bit(tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("safetensors")
    whole = images_run()
    assert "pictures shifted up to 1 pixel, turned up to 10°" in str(whole.document())
    network = whole.network
    cr.train(network, "digits", backend="reference", iterations=11, batch=20, rate=0.1,
             augment="shift=1,rotate=10", checkpoint=tmp_path)
    again = cr.train(network, "digits", backend="reference", iterations=30, batch=20, rate=0.1,
                     augment="shift=1,rotate=10", checkpoint=tmp_path, resume=True)
    for name, value in whole.values.items():
        assert np.array_equal(value, again.values[name]), name
    with pytest.raises(ChainruleError, match="augment was shift=1,rotate=10"):
        cr.train(network, "digits", backend="reference", iterations=40, batch=20, rate=0.1,
                 checkpoint=tmp_path, resume=True)


def test_augmentation_wants_a_network_that_reads_pictures() -> None:
    with pytest.raises(InputError, match="that read a picture"):
        cr.train("digits-mlp", "digits", augment="shift=1", backend="reference", iterations=1)


def test_the_chance_of_dropout_may_be_an_option() -> None:
    run = cr.train("digits-cnn", "digits", network_options={"width": 2, "dropout": 0.25},
                   iterations=1, backend="reference")
    assert run.step == 1


# --- texts ----------------------------------------------------------------------------------------


def test_windows_are_moved_by_one_and_answers_are_one_further() -> None:
    text = Text.of("hello world", window=4)
    assert len(text.train) == 7
    for k in range(7):
        seen = "".join(text.alphabet[t] for t in text.train.tokens[k])
        asked = "".join(text.alphabet[t] for t in text.train.next[k])
        assert seen == "hello world"[k : k + 4] and asked == "hello world"[k + 1 : k + 5]


def test_a_split_cuts_the_text_and_no_window_crosses_the_cut() -> None:
    text = Text.of("abcdefghij" * 10, window=5, split="0.8/0.2")
    assert len(text.train) == 75 and text.validation is not None and len(text.validation) == 15
    assert text.test is None and list(text.parts()) == ["train", "validation"]


def test_in_a_long_text_windows_do_not_overlap() -> None:
    text = Text.of("ab" * 30_000, window=10)
    assert len(text.train) == 5_999  # nothing comes behind the last character


def test_texts_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too short for a window of 64"):
        Text.of("short")
    with pytest.raises(InputError, match="1 or more characters"):
        Text.of("abc", window=0)
    file = tmp_path / "latin.txt"
    file.write_bytes("naïve".encode("latin-1"))
    with pytest.raises(InputError, match="byte 2 is 0xef"):
        load_text(file)
    with pytest.raises(InputError, match="no such file"):
        load_text(f"text:{tmp_path / 'nothing.txt'}")
    with pytest.raises(InputError, match="`load_text` reads"):
        cr.train.load("text:poem.txt")
    with pytest.raises(UnknownNameError, match="character 3"):
        Text.of("abcab", window=2).encode("abx")


def counted() -> tuple[Text, nn.Network]:
    text = Text.of("abcde" * 8, window=6)
    network = zoo.load("gpt", shape=(6,), vocabulary=5, width=8, depth=1, heads=2,
                       loss=nn.CrossEntropyLoss())
    return text, network


def test_a_small_gpt_learns_the_alphabet_and_goes_on_with_it() -> None:
    text, network = counted()
    run = cr.train(network, text, optimiser="adam", rate=0.02, batch=17, epochs=40,
                   initial="normal 0.1", backend="reference", dtype="float64")
    assert run.scores["train"].right == run.scores["train"].answers
    assert continuation(run, text, "a", 12) == "bcdeabcdeabc"
    assert continuation(run, text, "cdeabcdeab", 3) == "cde"  # longer than a window
    with pytest.raises(UnknownNameError):
        continuation(run, text, "z", 1)
    with pytest.raises(LimitError):
        continuation(run, text, "a", 10_001)
    with pytest.raises(InputError, match="no characters"):
        continuation(run, text, "", 1)


def test_a_text_is_trained_on_by_one_command(tmp_path: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "abc.txt").write_text("abcde" * 8)
    words = ["train", "gpt", "--data", f"text:{tmp_path / 'abc.txt'}", "--window", "6", "--loss",
             "CrossEntropyLoss", "--option", "width=8", "--option", "depth=1", "--option",
             "heads=2", "--optimiser", "adam", "--rate", "0.02", "--batch", "17", "--init",
             "normal 0.1", "--epochs", "40", "--backend", "reference"]
    assert main([*words, "--prompt", "ab", "--characters", "6"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "an alphabet of 5" in out and "every one is the text's" in out and "abcdeabc" in out
    for more, said in ((["--prompt", "x"], "does not have"), (["--characters", "3"], "--prompt"),
                       (["--standardise", "one"], "no use for"),
                       (["--prompt", "a", "--sweep", "rate=0.1,1"], "writes no text")):
        assert main([*words, *more]) == 2
        assert said in capsys.readouterr().err
    assert main(["train", "digits-mlp", "--data", "digits", "--window", "3"]) == 2
    assert "--window is for a text" in capsys.readouterr().err


# --- studies over seeds, and their splits ---------------------------------------------------------


def test_seeds_share_a_split_and_their_mean_is_told() -> None:
    found = sweep("digits-mlp", "digits", {"rate": [0.1, 1.0], "seed": [0, 1]}, iterations=5,
                  initial="xavier_normal", backend="reference", dtype="float64")
    page = str(found.document())
    assert "Over the seeds" in page and "The least mean validation loss" in page
    losses = [t.run.scores["test"].loss for t in found.trials if t.chosen["rate"] == 1.0]
    mean, spread = np.mean(losses), np.std(losses, ddof=1)
    assert f"{mean:.6f} ± {spread:.6f}" in page


def test_the_split_hangs_on_its_own_seed(capsys: pytest.CaptureFixture[str]) -> None:
    def told(*words: str) -> str:
        assert main(["train", "digits-mlp", "--data", "digits", "--split", "100/100/rest",
                     "--iterations", "1", "--in-order", "--backend", "reference", *words]) == 0
        return capsys.readouterr().out

    assert told() == told("--split-seed", "0") == told("--seed", "4")  # which draws nothing here
    assert told() != told("--split-seed", "1")


def test_a_networks_gradients_are_checked_on_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gradcheck", "digits-mlp", "--data", "digits", "--examples", "3"]) == 0
    out = capsys.readouterr().out
    assert "x and t are the first 3 training examples of digits" in out
    assert "of 640" in out  # it is built for 64 pixels
    assert main(["gradcheck", "digits-mlp", "--examples", "3"]) == 2
    assert main(["gradcheck", "y = x^2", "--at", "x=3", "--data", "digits"]) == 2
