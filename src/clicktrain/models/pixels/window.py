"""A normalised part of an image, with the surroundings that patches on it see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.geometry.region import Region
    from clicktrain.models.pixels.nets import PixelNet
    from clicktrain.models.pixels.position_codes import PositionCodes

__all__ = ["ImageWindow", "stem_features"]


@dataclass(frozen=True, eq=False, slots=True)
class ImageWindow:
    """A part of an image as networks take it.

    Parameters
    ----------
    values : Tensor of shape (1, C, *region.shape_px), float32
        Normalised.
    region : Region
        Which part; what lies beyond the image's border is its reflection.
    shape_px : tuple of int
        ([Z,] Y, X) of the whole image.
    codes : PositionCodes, optional
        Tell where in the image a pixel lies, for classifiers that want to know.
    """

    values: Tensor
    region: Region
    shape_px: tuple[int, ...]
    codes: PositionCodes | None = None

    def seen(self, region: Region, fov_px: Sequence[int]) -> Tensor:
        """Cut out what patches centred on a region's pixels see, (1, C, *region.shape_px + fov_px - 1)."""
        return self.values[(slice(None), slice(None), *region.seen_by(fov_px).within(self.region))]

    def grey(self, mean: float, deviation: float) -> ImageWindow:
        """Put the channels together, for a network that takes one.

        Parameters
        ----------
        mean, deviation : float
            Of the channels' mean over the whole image.
        """
        if self.values.shape[1] == 1:
            return self
        return replace(self, values=(self.values.mean(dim=1, keepdim=True) - mean) / deviation)

    def with_codes(self, maps: Tensor, start: Sequence[int], *, stride: int = 1) -> Tensor:
        """Put position codes, if there are any, beside maps (1, F, [z,] y, x) of pixels from `start` on.

        Parameters
        ----------
        maps : Tensor of shape (1, F, [z,] y, x)
        start : sequence of int
        stride : int
            Distance of the maps' pixels.
        """
        if self.codes is None:
            return maps
        return torch.cat((maps, self.codes.region(start, maps.shape[2:], stride=stride)), dim=1)


def stem_features(net: PixelNet, window: ImageWindow, region: Region, *, stride: int = 1) -> Tensor:
    """Compute the stem's features of a region's pixels, the same values whatever region they are computed with.

    Parameters
    ----------
    net : PixelNet
    window : ImageWindow
    region : Region
    stride : int
        Distance of the pixels wanted, from the region's first on; 1 for volumes.

    Returns
    -------
    Tensor of shape (1, F, [z,] y, x)
        With position codes, if the window has them.
    """
    seen = window.seen(region, net.stem.exact_fov)
    features: Tensor = net.stem(seen) if stride == 1 else net.stem(seen, stride)
    return window.with_codes(features, region.start, stride=stride)
