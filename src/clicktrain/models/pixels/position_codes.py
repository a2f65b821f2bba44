"""Where in the image a pixel lies: codes of a coarse view of the whole image, the same for every tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["PositionCodes"]


@dataclass(frozen=True, eq=False, slots=True)
class PositionCodes:
    """Codes on a coarse grid over an image, read off between the grid's points.

    Parameters
    ----------
    codes : Tensor of shape (1, D, m, n)
    shape_px : tuple of int
        (Y, X) of the image.

    References
    ----------
    Gupta et al. 2023, PatchGD, arXiv 2301.13817, section 3: the grid of codes of a whole image, there filled patch by
    patch. Here the codes come from one look at the shrunk image and are read pixel by pixel.
    """

    codes: Tensor
    shape_px: tuple[int, ...]

    def region(self, start: Sequence[int], shape: Sequence[int], *, stride: int = 1) -> Tensor:
        """Interpolate linearly at pixels of a region, which may reach over the image's border.

        Parameters
        ----------
        start, shape : sequence of int
            First pixel and number of pixels wanted, (y, x).
        stride : int
            Distance of the pixels wanted.

        Returns
        -------
        Tensor of shape (1, D, *shape)
            The same for a pixel whatever region it is asked in; beyond the border, that of the border.
        """
        values = self.codes
        for axis, (first, count) in enumerate(zip(start, shape, strict=True), start=2):
            places = torch.arange(first, first + count * stride, stride, device=values.device)
            values = self._between(values, axis, places)
        return values

    def at(self, positions_px: Tensor) -> Tensor:
        """Interpolate linearly at single pixels.

        Parameters
        ----------
        positions_px : Tensor of shape (N, 2), int64
            Rows and columns.

        Returns
        -------
        Tensor of shape (N, D)
        """
        rows, columns = positions_px.T
        # Strokes are few rows wide: of each row that has clicks all columns are made at once.
        wanted, owner = torch.unique(rows, return_inverse=True)
        lines = self._between(self.codes, 2, wanted)[0]
        before, after, share = self._neighbours(3, columns)
        return (lines[:, owner, before] * (1 - share) + lines[:, owner, after] * share).T

    def _between(self, values: Tensor, axis: int, places: Tensor) -> Tensor:
        before, after, share = self._neighbours(axis, places)
        share = share.view(-1, *(1,) * (values.ndim - 1 - axis))
        return values.index_select(axis, before) * (1 - share) + values.index_select(axis, after) * share

    def _neighbours(self, axis: int, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Grid points before and after each pixel, and how far it lies on the way between them."""
        length, points = self.shape_px[axis - 2], self.codes.shape[axis]
        # Twice the distance from the first point, in units of 1 / length: whole numbers, exact in images of any size.
        way = ((2 * places + 1) * points - length).clamp(0, 2 * length * (points - 1))
        before = way // (2 * length)
        share = (way % (2 * length)).to(self.codes.dtype) / (2 * length)
        return before, (before + 1).clamp_max(points - 1), share
