"""Feature maps of an image region, the same values whatever region they are computed with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.border import reflect_pad, same_size_margins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.models.pixels.nets import PixelNet
    from clicktrain.models.pixels.normalise import ChannelStatistics
    from clicktrain.models.pixels.overview import Overview

__all__ = ["PreparedImage", "grey_view", "prepare", "stem_features"]


@dataclass(frozen=True, eq=False, slots=True)
class PreparedImage:
    """A normalised image with the border that its outermost pixels' patches need.

    Parameters
    ----------
    padded : Tensor of shape (1, C, [Z + fov - 1,] Y + fov - 1, X + fov - 1)
    shape_px : tuple of int
        ([Z,] Y, X) of the image itself.
    fov : tuple of int
        Field of view that the border was made for, ([z,] y, x).
    overview : Overview, optional
        Tells where in the image a pixel lies, for classifiers that want to know.
    """

    padded: Tensor
    shape_px: tuple[int, ...]
    fov: tuple[int, ...]
    overview: Overview | None = None

    def window(self, origin: Sequence[int], size: Sequence[int], fov: Sequence[int]) -> Tensor:
        """Cut out what a patch network with a field of view up to `self.fov` needs for the outputs in a region.

        Parameters
        ----------
        origin : sequence of int
            First output pixel, along each axis.
        size : sequence of int
            Output pixels along each axis.
        fov : sequence of int

        Returns
        -------
        Tensor of shape (1, C, size + fov - 1)
        """
        starts = [o + (mine - its) // 2 for o, mine, its in zip(origin, self.fov, fov, strict=True)]
        parts = [slice(start, start + n + f - 1) for start, n, f in zip(starts, size, fov, strict=True)]
        return self.padded[(slice(None), slice(None), *parts)]

    def with_codes(self, maps: Tensor, origin: Sequence[int], *, output_stride: int = 1) -> Tensor:
        """Put the overview's codes, if there are any, beside maps of pixels from `origin` on.

        Parameters
        ----------
        maps : Tensor of shape (1, F, [Z,] Y, X)
        origin : sequence of int
        output_stride : int
            Distance of the maps' pixels.
        """
        if self.overview is None:
            return maps
        return torch.cat((maps, self.overview.region(origin, maps.shape[2:], output_stride=output_stride)), dim=1)

    def with_codes_at(self, values: Tensor, positions_px: Tensor) -> Tensor:
        """Put the overview's codes beside values (N, F) of single pixels, if there are any."""
        if self.overview is None:
            return values
        return torch.cat((values, self.overview.at(positions_px)), dim=1)


def prepare(
    image: Tensor,
    statistics: ChannelStatistics,
    fov: Sequence[int],
    *,
    least_px: Sequence[int] = (),
    overview: Overview | None = None,
) -> PreparedImage:
    """Normalise an image and reflect it at its border.

    Parameters
    ----------
    image : Tensor of shape (C, [Z,] Y, X)
    statistics : ChannelStatistics
    fov : sequence of int
        Field of view of the patch classifier, ([z,] y, x).
    least_px : sequence of int, optional
        Reflect further, at the far ends, so that at least so many outputs fit along each axis.
    overview : Overview, optional
        Of the same image.
    """
    shape = tuple(image.shape[1:])
    margins = [
        (before, after + max(0, least - size))
        for (before, after), size, least in zip(same_size_margins(fov), shape, least_px or shape, strict=True)
    ]
    return PreparedImage(reflect_pad(statistics.apply(image)[None], margins), shape, tuple(fov), overview)


def grey_view(prepared: PreparedImage) -> PreparedImage:
    """Put the channels of an image together, for a network that takes one: their mean, of deviation 1 in the image."""
    if prepared.padded.shape[1] == 1:
        return prepared
    grey = prepared.padded.mean(dim=1, keepdim=True)
    first, one = (0,) * len(prepared.shape_px), (1,) * len(prepared.shape_px)
    whole = PreparedImage(grey, prepared.shape_px, prepared.fov).window(first, prepared.shape_px, one)
    # Of the image without its border, so that it does not depend on how wide the border is.
    deviation, mean = torch.std_mean(whole, correction=0)
    return replace(prepared, padded=(grey - mean) / deviation.clamp_min(1e-6))


def stem_features(
    net: PixelNet, prepared: PreparedImage, origin: Sequence[int], size: Sequence[int], local_fov: Sequence[int]
) -> Tensor:
    """Compute the stem's features for the outputs in a region.

    Parameters
    ----------
    net : PixelNet
    prepared : PreparedImage
    origin : sequence of int
        First output pixel, along each axis.
    size : sequence of int
        Output pixels along each axis.
    local_fov : sequence of int
        Field of view of the context network, which needs that many features per output.

    Returns
    -------
    Tensor of shape (1, F, size + local_fov - 1)
        With the codes of the image's overview, if it has one.
    """
    fov = [its + context - 1 for its, context in zip(net.stem.exact_fov, local_fov, strict=True)]
    features: Tensor = net.stem(prepared.window(origin, size, fov))
    return prepared.with_codes(features, _corner(origin, local_fov))


def _corner(origin: Sequence[int], local_fov: Sequence[int]) -> list[int]:
    """First pixel of the features that the output at `origin` needs."""
    return [o - (n - 1) // 2 for o, n in zip(origin, local_fov, strict=True)]
