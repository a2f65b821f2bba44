"""Boxes of pixels: integers only."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Region"]


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """A box of pixels of an image; it may reach beyond the image's border.

    Parameters
    ----------
    start : tuple of int
        First pixel along each spatial axis, ([z,] y, x).
    stop : tuple of int
        Pixel after the last one.
    """

    start: tuple[int, ...]
    stop: tuple[int, ...]

    @classmethod
    def whole(cls, shape_px: Sequence[int]) -> Region:
        """All pixels of an image of a shape."""
        return cls((0,) * len(shape_px), tuple(shape_px))

    @classmethod
    def at(cls, start: Sequence[int], shape_px: Sequence[int]) -> Region:
        """A box of a shape whose first pixel is `start`."""
        return cls(tuple(start), tuple(first + n for first, n in zip(start, shape_px, strict=True)))

    @property
    def shape_px(self) -> tuple[int, ...]:
        """Pixels along each axis."""
        return tuple(stop - start for start, stop in zip(self.start, self.stop, strict=True))

    @property
    def n_px(self) -> int:
        """Number of pixels."""
        return prod(self.shape_px)

    @property
    def slices(self) -> tuple[slice, ...]:
        """The box as an index of an array of the image's shape; for boxes inside the image."""
        return tuple(map(slice, self.start, self.stop))

    def grown(self, margins_px: Sequence[int]) -> Region:
        """The box with so many pixels more at both ends of each axis."""
        return Region(
            tuple(start - margin for start, margin in zip(self.start, margins_px, strict=True)),
            tuple(stop + margin for stop, margin in zip(self.stop, margins_px, strict=True)),
        )

    def seen_by(self, fov_px: Sequence[int]) -> Region:
        """What patches centred on the box's pixels see together.

        Parameters
        ----------
        fov_px : sequence of int
            Sides of a patch; of an even side one pixel less lies before the centre than behind it.
        """
        before = [(n - 1) // 2 for n in fov_px]
        grown = self.grown(before)
        return Region(grown.start, tuple(stop + (n - 1) % 2 for stop, n in zip(grown.stop, fov_px, strict=True)))

    def clipped(self, shape_px: Sequence[int]) -> Region:
        """The part that lies inside an image of a shape."""
        return Region(
            tuple(min(max(start, 0), n) for start, n in zip(self.start, shape_px, strict=True)),
            tuple(max(min(stop, n), 0) for stop, n in zip(self.stop, shape_px, strict=True)),
        )

    def common(self, other: Region) -> Region:
        """The part that two boxes, which touch, have in common."""
        return Region(tuple(map(max, self.start, other.start)), tuple(map(min, self.stop, other.stop)))

    def within(self, outer: Region) -> tuple[slice, ...]:
        """The box as an index of an array that holds a larger box."""
        return tuple(
            slice(start - first, stop - first)
            for start, stop, first in zip(self.start, self.stop, outer.start, strict=True)
        )
