"""Where the values of a feature map lie on the pixels of a patch: integers only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Grid"]


@dataclass(frozen=True, slots=True)
class Grid:
    """Extent and distance of the values that a layer gives on a patch, per axis.

    A patch must have `extent + (n - 1) * dilation` pixels for n values; value i depends on pixels
    `i * dilation .. i * dilation + extent - 1`. In the dense network a layer that reads them is dilated by as much,
    and a map of an image with N pixels has `N - extent + 1` values, of which number p belongs to the patch at p.

    Parameters
    ----------
    extent_px : tuple of int
    dilation : tuple of int
    """

    extent_px: tuple[int, ...]
    dilation: tuple[int, ...]

    @classmethod
    def of_pixels(cls, ndim: int) -> Grid:
        """Grid of the patch itself."""
        return cls((1,) * ndim, (1,) * ndim)

    def after_window(self, size: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Grid:
        """Grid after a convolution or a pool without padding."""
        extent = tuple(
            e + (k - 1) * step * d for e, d, k, step in zip(self.extent_px, self.dilation, size, dilation, strict=True)
        )
        return Grid(extent, tuple(d * s for d, s in zip(self.dilation, stride, strict=True)))

    def after_crop(self, before: Sequence[int], after: Sequence[int]) -> Grid:
        """Grid after dropping values at both ends; the pixels under them still belong to the patch."""
        extent = tuple(e + (a + b) * d for e, d, a, b in zip(self.extent_px, self.dilation, before, after, strict=True))
        return Grid(extent, self.dilation)

    def counts(self, patch_px: Sequence[int]) -> tuple[int, ...]:
        """Values per axis on a patch of `patch_px`; 0 or less where the patch is too small."""
        return tuple((n - e) // d + 1 for n, e, d in zip(patch_px, self.extent_px, self.dilation, strict=True))

    def patch_px(self, counts: Sequence[int]) -> tuple[int, ...]:
        """Smallest patch that has `counts` values per axis."""
        return tuple(e + (n - 1) * d for n, e, d in zip(counts, self.extent_px, self.dilation, strict=True))

    def dense_shape(self, image_px: Sequence[int]) -> tuple[int, ...]:
        """Spatial shape of the dense map of an image of `image_px`."""
        return tuple(n - e + 1 for n, e in zip(image_px, self.extent_px, strict=True))
