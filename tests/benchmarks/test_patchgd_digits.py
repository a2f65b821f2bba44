from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import pytest
from _patchgd.digits import Digits, bundled_digits, read_digits

from clicktrain.errors import ClickTrainError, ImageError, LabelsError, StorageError

if TYPE_CHECKING:
    from pathlib import Path


def some(n: int = 40) -> Digits:
    bitmaps = np.random.default_rng(0).integers(0, 256, (n, 5, 4)).astype(np.uint8)
    return Digits(bitmaps, np.arange(n) % 10)


def idx(array: np.ndarray) -> bytes:
    return b"\x00\x00\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def seen(digits: Digits) -> set[bytes]:
    return {bitmap.tobytes() for bitmap in digits.bitmaps}


def test_bundled_digits_use_the_whole_range_and_all_numbers() -> None:
    digits = bundled_digits()
    assert (digits.bitmaps.min(), digits.bitmaps.max()) == (0, 255)
    assert set(digits.numbers) == set(range(10))


@pytest.mark.parametrize("share", [0.01, 0.3, 0.99])
def test_no_bitmap_is_in_both_parts_of_a_split(share: float) -> None:
    rest, apart = bundled_digits().split(share, seed=1)
    assert not seen(rest) & seen(apart)
    assert len(rest) + len(apart) == len(seen(bundled_digits()))
    assert set(rest.numbers) == set(apart.numbers) == set(range(10))


def test_equal_bitmaps_stay_on_one_side_of_a_split() -> None:
    once = some()
    twice = Digits(np.concatenate([once.bitmaps, once.bitmaps]), np.concatenate([once.numbers, once.numbers]))
    rest, apart = twice.split(0.5, seed=0)
    assert not seen(rest) & seen(apart)
    assert len(rest) + len(apart) == len(once)


def test_a_split_keeps_each_bitmap_with_its_number() -> None:
    digits = some()
    numbers = {bitmap.tobytes(): number for bitmap, number in zip(digits.bitmaps, digits.numbers, strict=True)}
    for part in digits.split(0.3, seed=0):
        assert [numbers[bitmap.tobytes()] for bitmap in part.bitmaps] == part.numbers.tolist()


def test_a_split_depends_on_the_seed_alone() -> None:
    first, again, other = (some().split(0.5, seed=seed)[1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.bitmaps, again.bitmaps)
    assert seen(first) != seen(other)


def test_files_of_mnist_give_what_is_in_them(tmp_path: Path) -> None:
    digits = some()
    numbers = digits.numbers.astype(np.uint8)
    np.savez(tmp_path / "both.npz", images=digits.bitmaps, labels=numbers)
    np.savez(tmp_path / "images.npz", x=digits.bitmaps)
    (tmp_path / "labels.idx1").write_bytes(idx(numbers))
    (tmp_path / "images.gz").write_bytes(gzip.compress(idx(digits.bitmaps)))
    for images, labels in [("both.npz", "both.npz"), ("images.npz", "labels.idx1"), ("images.gz", "labels.idx1")]:
        found = read_digits(tmp_path / images, tmp_path / labels)
        np.testing.assert_array_equal(found.bitmaps, digits.bitmaps)
        np.testing.assert_array_equal(found.numbers, digits.numbers)


# Without the time of day, so that all processes name the same tests.
GZIPPED = gzip.compress(idx(some().bitmaps), mtime=0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00\x08",
        b"no digits at all",
        idx(some().bitmaps)[:-1],
        GZIPPED[:-30],
        GZIPPED[:10] + b"\xff" * 40,
        GZIPPED[:2] + bytes(9),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(ImageError, match="NPZ or IDX"):
        read_digits(tmp_path / "bad", tmp_path / "bad")


def test_a_damaged_npz_is_refused(tmp_path: Path) -> None:
    digits = some()
    np.savez_compressed(tmp_path / "both.npz", images=digits.bitmaps, labels=digits.numbers)
    content = bytearray((tmp_path / "both.npz").read_bytes())
    content[150:170] = bytes(20)
    (tmp_path / "both.npz").write_bytes(content)
    with pytest.raises(ImageError, match="NPZ or IDX"):
        read_digits(tmp_path / "both.npz", tmp_path / "both.npz")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="readable"):
        read_digits(tmp_path / "none", tmp_path / "none")


def test_arrays_that_are_no_digits_are_refused() -> None:
    with pytest.raises(ImageError, match="uint8"):
        Digits(np.zeros((2, 3, 3)), np.zeros(2, int))
    with pytest.raises(LabelsError, match="0 to 9"):
        Digits(some().bitmaps, some().numbers + 1)
    with pytest.raises(LabelsError, match="0 to 9"):
        Digits(some().bitmaps, some().numbers[1:])
    with pytest.raises(ClickTrainError, match="share"):
        some().split(1.0, seed=0)
