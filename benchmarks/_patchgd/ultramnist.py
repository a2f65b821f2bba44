"""Images of a few digits of very different sizes, whose label is the digits' sum: small things in large pictures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.errors import ClickTrainError, ImageError

if TYPE_CHECKING:
    from _patchgd.digits import Digits
    from clicktrain.types import AnyArray

__all__ = ["SCALE_WEIGHTS", "PlacedDigit", "UltraMnist", "UltraMnistImage", "Variant", "digit_combinations"]

# How often each scale is drawn, of 25.
SCALE_WEIGHTS = {1: 5, 2: 4, 3: 3, 4: 2, 5: 1, 6: 1, 7: 2, 8: 3, 9: 4}

# Sides of a digit at scale 1 and of one that is shrunk, in an image of the published size.
_PUBLISHED_PX, _DIGIT_PX, _SHRUNK_PX = 512, 28, 14
_LEAST_PX, _LARGEST_PX = 64, 8192
_SHRUNK_SHARE = 0.5
_TRIES = 2000


@dataclass(frozen=True)
class Variant:
    """Which digits are drawn, how many and how large.

    Parameters
    ----------
    size_px : int
        Side of the image, 64 to 8192; digits grow along with it.
    n_digits : tuple of int
        Numbers of digits that an image may have.
    sums : tuple of int
        Sums of digits that an image may have: the classes.
    scales : tuple of int
        Scales that a digit may have, of 1 to 9: at scale 1 its side is 28 px in an image of 512 px, or 14 px in half of
        the cases. Each is drawn as often, among those that are left, as published.

    Raises
    ------
    ClickTrainError
        If there are no such images.
    """

    size_px: int = 512
    n_digits: tuple[int, ...] = (3, 4, 5)
    sums: tuple[int, ...] = tuple(range(10))
    scales: tuple[int, ...] = tuple(SCALE_WEIGHTS)

    def __post_init__(self) -> None:
        if not _LEAST_PX <= self.size_px <= _LARGEST_PX:
            raise ClickTrainError(f"size_px must be {_LEAST_PX} to {_LARGEST_PX}, got {self.size_px}.")
        if not self.n_digits or min(self.n_digits) < 1:
            raise ClickTrainError(f"n_digits must be one or more numbers from 1 on, got {self.n_digits}.")
        if not self.scales or not set(self.scales) <= set(SCALE_WEIGHTS):
            raise ClickTrainError(f"scales must be among 1 to 9, got {self.scales}.")
        impossible = [number for number in self.sums if not digit_combinations(number, self.n_digits)]
        if not self.sums or impossible:
            raise ClickTrainError(
                f"sums must be sums of {self.n_digits} digits, got {impossible or self.sums}. Leave those out."
            )

    @property
    def scale_shares(self) -> AnyArray:
        """How often each of the scales is drawn; shape (S,), sums to 1."""
        weights = np.array([SCALE_WEIGHTS[scale] for scale in self.scales], float)
        shares: AnyArray = weights / weights.sum()
        return shares

    def side_px(self, scale: int, *, shrunk: bool = False) -> int:
        """Side of a digit in pixels."""
        side = _SHRUNK_PX if shrunk else _DIGIT_PX * scale
        return max(1, round(side * self.size_px / _PUBLISHED_PX))


@dataclass(frozen=True)
class PlacedDigit:
    """A digit in an image.

    Parameters
    ----------
    number : int
        0 to 9.
    bitmap : int
        Which of the bitmaps it is.
    y_px, x_px : int
        Its box's top left pixel.
    side_px : int
        Side of the box.
    """

    number: int
    bitmap: int
    y_px: int
    x_px: int
    side_px: int

    @property
    def window(self) -> tuple[slice, slice]:
        """The box's rows and columns."""
        return slice(self.y_px, self.y_px + self.side_px), slice(self.x_px, self.x_px + self.side_px)

    def overlaps(self, other: PlacedDigit) -> bool:
        """Say whether the boxes share a pixel."""
        return (
            self.y_px < other.y_px + other.side_px
            and other.y_px < self.y_px + self.side_px
            and self.x_px < other.x_px + other.side_px
            and other.x_px < self.x_px + self.side_px
        )


@dataclass(frozen=True, eq=False)
class UltraMnistImage:
    """An image, its label and what is in it.

    Parameters
    ----------
    pixels : ndarray of shape (Y, X), uint8
        Black where no digit is.
    label : int
        Sum of the digits.
    digits : tuple of PlacedDigit
        None overlaps another.
    """

    pixels: AnyArray
    label: int
    digits: tuple[PlacedDigit, ...]


class UltraMnist:
    """A set of such images, with as many of each class; each is drawn anew whenever it is asked for.

    Parameters
    ----------
    digits : Digits
        Give training and validation different ones, see `Digits.split`.
    variant : Variant
    n_per_class : int
    seed : int
        Seed and place in the set determine an image.

    Raises
    ------
    ImageError
        If there is no bitmap of a digit that may be needed.

    References
    ----------
    Gupta et al. 2023, arXiv 2301.13817, and Gupta et al. 2024, Sci Data 11, doi 10.1038/s41597-024-03587-4: UltraMNIST.
    Here digits of training and validation differ, and an image of another size is drawn in it, not resampled.

    Examples
    --------
    >>> from _patchgd.digits import bundled_digits
    >>> train, validation = bundled_digits().split(0.2, seed=0)
    >>> images = UltraMnist(train, Variant(size_px=512), n_per_class=3, seed=0)
    >>> len(images), images[7].label, images[7].pixels.shape
    (30, 7, (512, 512))
    """

    def __init__(self, digits: Digits, variant: Variant | None = None, *, n_per_class: int, seed: int) -> None:
        self.digits = digits
        self.variant = variant or Variant()
        self.n_per_class = n_per_class
        self.seed = seed
        self._combinations = {total: digit_combinations(total, self.variant.n_digits) for total in self.variant.sums}
        self._bitmaps = {number: np.flatnonzero(digits.numbers == number) for number in range(10)}
        needed = {number for found in self._combinations.values() for each in found for number in each}
        missing = sorted(number for number in needed if len(self._bitmaps[number]) == 0)
        if missing:
            raise ImageError(f"digits must have a bitmap of every digit that is drawn, got none of {missing}.")

    def __len__(self) -> int:
        return self.n_per_class * len(self.variant.sums)

    def __getitem__(self, index: int) -> UltraMnistImage:
        """Draw image number `index`; its class is the next one each time."""
        if not 0 <= index < len(self):
            raise IndexError(f"index must be below {len(self)}, got {index}.")
        random = np.random.default_rng([self.seed, index])
        label = self.variant.sums[index % len(self.variant.sums)]
        choices = self._combinations[label]
        numbers = choices[random.integers(len(choices))]
        placed = self._placed(random, [(n, int(random.choice(self._bitmaps[n]))) for n in numbers])
        return UltraMnistImage(self._painted(placed), label, placed)

    @property
    def labels(self) -> AnyArray:
        """Label of every image; shape (N,), int64."""
        return np.tile(np.array(self.variant.sums, np.int64), self.n_per_class)

    def arrays(self) -> tuple[list[AnyArray], AnyArray]:
        """Draw all images: list of N arrays of shape (Y, X), and labels of shape (N,)."""
        return [self[i].pixels for i in range(len(self))], self.labels

    def _placed(self, random: np.random.Generator, chosen: list[tuple[int, int]]) -> tuple[PlacedDigit, ...]:
        """Draw sizes and places of all digits until no two overlap."""
        for _ in range(_TRIES):
            placed = tuple(self._thrown(random, number, bitmap) for number, bitmap in chosen)
            if not any(a.overlaps(b) for a, b in combinations(placed, 2)):
                return placed
        raise ClickTrainError(
            f"{len(chosen)} digits of scales {self.variant.scales} must fit into the image without overlap, "
            f"got none that did in {_TRIES} tries. Choose fewer digits or smaller scales."
        )

    def _thrown(self, random: np.random.Generator, number: int, bitmap: int) -> PlacedDigit:
        variant = self.variant
        scale = int(random.choice(variant.scales, p=variant.scale_shares))
        side = variant.side_px(scale, shrunk=scale == 1 and random.random() < _SHRUNK_SHARE)
        y, x = random.integers(0, variant.size_px - side, size=2, endpoint=True).tolist()
        return PlacedDigit(number, bitmap, y, x, side)

    def _painted(self, placed: tuple[PlacedDigit, ...]) -> AnyArray:
        pixels = np.zeros((self.variant.size_px, self.variant.size_px), np.uint8)
        for digit in placed:
            pixels[digit.window] = _nearest(self.digits.bitmaps[digit.bitmap], digit.side_px)
        return pixels


def digit_combinations(total: int, n_digits: tuple[int, ...]) -> list[tuple[int, ...]]:
    """List all sorted multisets of so many digits with a sum.

    Parameters
    ----------
    total : int
    n_digits : tuple of int

    Returns
    -------
    list of tuple of int
    """
    every = (each for n in sorted(set(n_digits)) for each in combinations_with_replacement(range(10), n))
    return [each for each in every if sum(each) == total]


def _nearest(bitmap: AnyArray, side_px: int) -> AnyArray:
    """Resample a bitmap of shape (Y, X) to a square by the nearest pixel's centre."""
    rows, columns = ((2 * np.arange(side_px) + 1) * size // (2 * side_px) for size in bitmap.shape)
    resampled: AnyArray = bitmap[rows[:, np.newaxis], columns]
    return resampled
