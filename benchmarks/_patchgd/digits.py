"""Bitmaps of handwritten digits: scikit-learn's, or from files in the formats that MNIST comes in."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.errors import ClickTrainError, ImageError, LabelsError, StorageError

if TYPE_CHECKING:
    from os import PathLike

    from clicktrain.types import AnyArray

__all__ = ["Digits", "bundled_digits", "read_digits"]

_IDX_BYTES = b"\x00\x00\x08"


@dataclass(frozen=True, eq=False)
class Digits:
    """Bitmaps and what they show.

    Parameters
    ----------
    bitmaps : ndarray of shape (N, Y, X), uint8
        White on black.
    numbers : ndarray of shape (N,), integer
        0 to 9.

    Raises
    ------
    ImageError
        If the bitmaps have another shape or type.
    LabelsError
        If the numbers are not one per bitmap or not digits.
    """

    bitmaps: AnyArray
    numbers: AnyArray

    def __post_init__(self) -> None:
        if self.bitmaps.ndim != 3 or self.bitmaps.dtype != np.uint8 or 0 in self.bitmaps.shape:
            raise ImageError(
                f"bitmaps must be uint8 of shape (N, Y, X), got {self.bitmaps.dtype} of shape {self.bitmaps.shape}."
            )
        if self.numbers.shape != self.bitmaps.shape[:1] or not np.isin(self.numbers, np.arange(10)).all():
            raise LabelsError(
                f"numbers must be one of 0 to 9 for each of {len(self.bitmaps)} bitmaps, "
                f"got shape {self.numbers.shape}. Give the labels of the same images."
            )

    def __len__(self) -> int:
        return len(self.numbers)

    def split(self, share: float, *, seed: int) -> tuple[Digits, Digits]:
        """Keep a share of the bitmaps of every digit apart; no bitmap is in both parts.

        Bitmaps that are equal pixel by pixel count once.

        Parameters
        ----------
        share : float
            Between 0 and 1; at least one bitmap of each digit goes to either part, if there are two.
        seed : int

        Returns
        -------
        rest, apart : Digits

        Raises
        ------
        ClickTrainError
            If the share is not between 0 and 1.
        """
        if not 0 < share < 1:
            raise ClickTrainError(f"share must be between 0 and 1, got {share}.")
        random = np.random.default_rng(seed)
        different = np.array(sorted({bitmap.tobytes(): i for i, bitmap in enumerate(self.bitmaps)}.values()))
        rest: list[int] = []
        apart: list[int] = []
        for number in range(10):
            members = random.permutation(different[self.numbers[different] == number])
            n_apart = min(max(round(share * len(members)), 1), len(members) - 1) if len(members) > 1 else 0
            apart += members[:n_apart].tolist()
            rest += members[n_apart:].tolist()
        return self._chosen(rest), self._chosen(apart)

    def _chosen(self, positions: list[int]) -> Digits:
        order = sorted(positions)
        return Digits(self.bitmaps[order], self.numbers[order])


def bundled_digits() -> Digits:
    """Return the 1,797 digits of 8 x 8 pixels that come with scikit-learn.

    References
    ----------
    Alpaydin, Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository.
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    brightest = 16
    return Digits(np.rint(found.images * (255 / brightest)).astype(np.uint8), found.target.astype(np.int64))


def read_digits(images: str | PathLike[str], labels: str | PathLike[str]) -> Digits:
    """Read digits from two files, such as MNIST's.

    Parameters
    ----------
    images : path
        NPZ with one array of shape (N, Y, X), or with one called "images"; or IDX, also gzipped.
    labels : path
        Likewise of shape (N,), "labels". It may be the same NPZ.

    Returns
    -------
    Digits

    Raises
    ------
    StorageError
        If a file cannot be read.
    ImageError
        If it is neither NPZ nor IDX, or its arrays are no bitmaps.
    LabelsError
        If the labels do not fit.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner 1998, Proc. IEEE 86(11): MNIST, which comes as IDX.
    """
    return Digits(_read_array(Path(images), "images"), _read_array(Path(labels), "labels").astype(np.int64))


def _read_array(path: Path, name: str) -> AnyArray:
    try:
        if zipfile.is_zipfile(path):
            return _from_npz(path, name)
        content = path.read_bytes()
        return _from_idx(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, gzip.BadGzipFile) as error:
        raise ImageError(f"`{path}` must be an NPZ or IDX file of bytes, got: {error}.") from error
    except OSError as error:
        raise StorageError(f"`{path}` must be a readable file, got: {error.strerror or error}.") from error


def _from_npz(path: Path, name: str) -> AnyArray:
    with np.load(path, allow_pickle=False) as arrays:
        only = arrays.files[0] if len(arrays.files) == 1 else name
        if only not in arrays.files:
            raise ValueError(f'no array "{name}" among {", ".join(arrays.files)}')
        values: AnyArray = arrays[only]
        return values


def _from_idx(content: bytes) -> AnyArray:
    if len(content) < 4 or content[:3] != _IDX_BYTES:
        raise ValueError("another beginning")
    n_axes = content[3]
    shape = np.frombuffer(content, ">u4", n_axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_axes).reshape(shape)
