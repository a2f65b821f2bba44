from __future__ import annotations

import gzip

import numpy as np
import pytest

from clicktrain.data.digits import Digits, bundled_digits, read_digits
from clicktrain.errors import ClickTrainError, ImageError, LabelsError, StorageError

BITMAPS = np.random.default_rng(0).integers(0, 256, (30, 6, 5)).astype(np.uint8)
NUMBERS = np.arange(30) % 10


def idx(values: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return header + values.astype(np.uint8).tobytes()


def test_bundled_digits_are_white_on_black_and_of_every_number():
    digits = bundled_digits()
    assert digits.bitmaps.shape == (1797, 8, 8)
    assert digits.bitmaps.dtype == np.uint8
    assert (digits.bitmaps.min(), digits.bitmaps.max()) == (0, 255)
    assert set(digits.numbers) == set(range(10))


@pytest.mark.parametrize("form", ["idx", "gzipped idx", "npz", "npz of one array", "one npz"])
def test_digits_are_read_from_the_formats_of_mnist(tmp_path, form):
    images, labels = tmp_path / "images", tmp_path / "labels"
    if form == "one npz":
        np.savez(tmp_path / "both.npz", images=BITMAPS, labels=NUMBERS)
        images = labels = tmp_path / "both.npz"
    elif "npz" in form:
        names = ("images", "labels") if form == "npz" else ("arr", "arr")
        for path, name, values in ((images, names[0], BITMAPS), (labels, names[1], NUMBERS)):
            with path.open("wb") as file:
                np.savez_compressed(file, **{name: values})
    else:
        pack = gzip.compress if "gzipped" in form else bytes
        images.write_bytes(pack(idx(BITMAPS)))
        labels.write_bytes(pack(idx(NUMBERS)))
    digits = read_digits(images, labels)
    np.testing.assert_array_equal(digits.bitmaps, BITMAPS)
    np.testing.assert_array_equal(digits.numbers, NUMBERS)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.99])
def test_a_split_has_every_bitmap_once_and_every_number_on_both_sides(share):
    rest, apart = Digits(BITMAPS, NUMBERS).split(share, seed=1)
    assert sorted(b.tobytes() for part in (rest, apart) for b in part.bitmaps) == sorted(b.tobytes() for b in BITMAPS)
    assert set(rest.numbers) == set(apart.numbers) == set(range(10))
    for part in (rest, apart):
        for bitmap, number in zip(part.bitmaps, part.numbers, strict=True):
            assert NUMBERS[(bitmap == BITMAPS).all(axis=(1, 2))] == [number]


def test_equal_bitmaps_never_come_on_both_sides():
    twice = Digits(np.concatenate([BITMAPS, BITMAPS]), np.concatenate([NUMBERS, NUMBERS]))
    rest, apart = twice.split(0.5, seed=0)
    assert not {b.tobytes() for b in rest.bitmaps} & {b.tobytes() for b in apart.bitmaps}


def test_the_seed_decides_the_split():
    digits = Digits(BITMAPS, NUMBERS)
    first, again, other = (digits.split(0.3, seed=seed)[1].bitmaps for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


class TestBadInput:
    @pytest.mark.parametrize("bitmaps", [BITMAPS[0], BITMAPS.astype(float), BITMAPS[:0]])
    def test_bitmaps_that_are_none(self, bitmaps):
        with pytest.raises(ImageError, match="bitmaps must be uint8 of shape"):
            Digits(bitmaps, NUMBERS[: len(bitmaps)])

    @pytest.mark.parametrize("numbers", [NUMBERS[:5], NUMBERS + 1])
    def test_numbers_that_do_not_fit(self, numbers):
        with pytest.raises(LabelsError, match="numbers must be one of 0 to 9"):
            Digits(BITMAPS, numbers)

    @pytest.mark.parametrize("share", [0, 1, -0.5])
    def test_a_share_of_none_or_all(self, share):
        with pytest.raises(ClickTrainError, match="share must be between 0 and 1"):
            Digits(BITMAPS, NUMBERS).split(share, seed=0)

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(StorageError, match="must be a readable file"):
            read_digits(tmp_path / "no", tmp_path / "no")

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"no digits",
            idx(BITMAPS)[:-1],
            gzip.compress(idx(BITMAPS))[:-30],
            b"\x1f\x8b" + bytes(9),
            gzip.compress(b"x")[:10] + b"\xff" * 40,
        ],
    )
    def test_a_damaged_file(self, tmp_path, content):
        (tmp_path / "images").write_bytes(content)
        (tmp_path / "labels").write_bytes(idx(NUMBERS))
        with pytest.raises(ImageError, match="must be an NPZ or IDX file"):
            read_digits(tmp_path / "images", tmp_path / "labels")

    def test_a_damaged_npz(self, tmp_path):
        np.savez_compressed(tmp_path / "both.npz", images=BITMAPS, labels=NUMBERS)
        content = bytearray((tmp_path / "both.npz").read_bytes())
        content[150:170] = bytes(20)
        (tmp_path / "both.npz").write_bytes(content)
        with pytest.raises(ImageError, match="must be an NPZ or IDX file"):
            read_digits(tmp_path / "both.npz", tmp_path / "both.npz")
