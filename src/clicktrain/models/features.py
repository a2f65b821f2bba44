"""Feature maps of an image region, the same values whatever region they are computed with."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.border import reflect_pad, same_size_margins

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.models.nets import PixelNet
    from clicktrain.models.normalise import ChannelStatistics

__all__ = ["PreparedImage", "grey_view", "prepare", "sample_features", "stem_features"]


# Patches per axis of a sample. More cost more than a selection of channels saves in a small image.
_SAMPLED = 3


@dataclass(frozen=True, eq=False, slots=True)
class PreparedImage:
    """A normalised image with the border that its outermost pixels' patches need.

    Parameters
    ----------
    padded : Tensor of shape (1, C, Y + fov - 1, X + fov - 1)
    shape_px : tuple of int
        (Y, X) of the image itself.
    fov : tuple of int
        Field of view that the border was made for, (y, x).
    """

    padded: Tensor
    shape_px: tuple[int, int]
    fov: tuple[int, int]

    def window(self, origin: tuple[int, int], size: tuple[int, int], fov: tuple[int, int]) -> Tensor:
        """Cut out what a patch network with a field of view up to `self.fov` needs for the outputs in a region.

        Parameters
        ----------
        origin : tuple of int
            First output row and column.
        size : tuple of int
            Output rows and columns.
        fov : tuple of int

        Returns
        -------
        Tensor of shape (1, C, size + fov - 1)
        """
        (y, x), (rows, columns) = (
            [o + (mine - its) // 2 for o, mine, its in zip(origin, self.fov, fov, strict=True)],
            [n + f - 1 for n, f in zip(size, fov, strict=True)],
        )
        return self.padded[:, :, y : y + rows, x : x + columns]


def prepare(image: Tensor, statistics: ChannelStatistics, fov: tuple[int, int], *, least_px: int = 1) -> PreparedImage:
    """Normalise an image and reflect it at its border.

    Parameters
    ----------
    image : Tensor of shape (C, Y, X)
    statistics : ChannelStatistics
    fov : tuple of int
        Field of view of the patch classifier, (y, x).
    least_px : int
        Reflect further, at the far ends, so that at least `least_px` outputs fit along each axis.
    """
    shape = (image.shape[1], image.shape[2])
    margins = [
        (before, after + max(0, least_px - size))
        for (before, after), size in zip(same_size_margins(fov), shape, strict=True)
    ]
    return PreparedImage(reflect_pad(statistics.apply(image)[None], margins), shape, fov)


def grey_view(prepared: PreparedImage) -> PreparedImage:
    """Put the channels of an image together, for a network that takes one: their mean, of deviation 1 in the image."""
    if prepared.padded.shape[1] == 1:
        return prepared
    grey = prepared.padded.mean(dim=1, keepdim=True)
    whole = PreparedImage(grey, prepared.shape_px, prepared.fov).window((0, 0), prepared.shape_px, (1, 1))
    # Of the image without its border, so that it does not depend on how wide the border is.
    deviation, mean = torch.std_mean(whole, correction=0)
    return PreparedImage((grey - mean) / deviation.clamp_min(1e-6), prepared.shape_px, prepared.fov)


def stem_features(
    net: PixelNet, prepared: PreparedImage, origin: tuple[int, int], size: tuple[int, int], context_fov: tuple[int, int]
) -> Tensor:
    """Compute the stem's features for the outputs in a region.

    Parameters
    ----------
    net : PixelNet
    prepared : PreparedImage
    origin : tuple of int
        First output row and column.
    size : tuple of int
        Output rows and columns.
    context_fov : tuple of int
        Field of view of the context network, which needs that many features per output.

    Returns
    -------
    Tensor of shape (1, F, size + context_fov - 1)
    """
    stem_y, stem_x = net.stem.exact_fov
    fov = (stem_y + context_fov[0] - 1, stem_x + context_fov[1] - 1)
    features: Tensor = net.stem(prepared.window(origin, size, fov))
    return features


def sample_features(net: PixelNet, prepared: PreparedImage, context_fov: tuple[int, int]) -> Tensor:
    """Compute the stem's features of a few patches on a regular grid all over an image, however large it is.

    Parameters
    ----------
    net : PixelNet
    prepared : PreparedImage
    context_fov : tuple of int

    Returns
    -------
    Tensor of shape (P, F, *context_fov)
        The same for one image whatever it is tiled into.
    """
    stem_y, stem_x = net.stem.exact_fov
    fov = (stem_y + context_fov[0] - 1, stem_x + context_fov[1] - 1)
    rows, columns = (sorted({(2 * i + 1) * n // (2 * _SAMPLED) for i in range(_SAMPLED)}) for n in prepared.shape_px)
    patches = torch.cat([prepared.window(place, (1, 1), fov) for place in product(rows, columns)])
    features: Tensor = net.stem(patches)
    return features
