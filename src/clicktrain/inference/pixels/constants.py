"""The few numbers of a whole image that each of its tiles is classified with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from clicktrain.engine.border import reflect_pad, same_size_margins
from clicktrain.geometry.region import Region
from clicktrain.images.statistics import measure
from clicktrain.models.pixels.normalise import ChannelStatistics
from clicktrain.models.pixels.position_codes import PositionCodes
from clicktrain.models.pixels.window import ImageWindow

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from clicktrain.config import NetworkConfig
    from clicktrain.images.source import ImageSource
    from clicktrain.images.statistics import ImageStatistics
    from clicktrain.models.pixels.pretrained import EmbeddedHead

__all__ = ["Guide", "ImageConstants", "image_constants", "measure_constants", "own_scale", "read_window"]

# Longer side of the view that position codes come from: as far as the embedding sees to each side, so that every code
# has seen all of it.
_OVERVIEW_PX = 93
# Percentiles of the image beyond which the guide is cut off: one bright speck must not make all else look flat.
_GUIDE_RANGE = (1.0, 99.0)


@dataclass(frozen=True, eq=False, slots=True)
class Guide:
    """How the channels of an image are put together so that as much as possible of what they show can be seen.

    Parameters
    ----------
    direction : tuple of float, one per channel
        First principal component of the normalised channels: their mean would hide red beside green.
    low, high : float
        What is beyond is cut off.
    mean, deviation : float
        Of what is left.
    """

    direction: tuple[float, ...]
    low: float
    high: float
    mean: float
    deviation: float


@dataclass(frozen=True, eq=False, slots=True)
class ImageConstants:
    """What a tile needs to know of the whole image; small, and made once.

    Parameters
    ----------
    scale : ChannelStatistics
        What intensities are normalised with.
    grey : tuple of float
        Mean and deviation of the normalised channels' mean.
    guide : Guide
    codes : PositionCodes, optional
        For classifiers that judge pixels also by where in the image they lie.
    class_weights : tuple of float, optional
        How common each class is in the image, as a factor of its probability.
    """

    scale: ChannelStatistics
    grey: tuple[float, float]
    guide: Guide
    codes: PositionCodes | None = None
    class_weights: tuple[float, ...] | None = None


def measure_constants(
    source: ImageSource,
    config: NetworkConfig,
    *,
    trained_on: ChannelStatistics | None = None,
    head: EmbeddedHead | None = None,
) -> Generator[None, None, ImageConstants]:
    """Look through an image once; see `image_constants`.

    Yields
    ------
    None
        After every block.

    Raises
    ------
    ImageError
        If the image shows nothing or cannot be read.
    """
    statistics = yield from measure(source)
    statistics.check_contrast(source.name)
    return image_constants(statistics, source, config, trained_on=trained_on, head=head)


def image_constants(
    statistics: ImageStatistics,
    source: ImageSource,
    config: NetworkConfig,
    *,
    trained_on: ChannelStatistics | None = None,
    head: EmbeddedHead | None = None,
) -> ImageConstants:
    """Put together what tiles need to know of an image.

    Parameters
    ----------
    statistics : ImageStatistics
    source : ImageSource
    config : NetworkConfig
        Says what intensities are normalised with and whether positions count.
    trained_on : ChannelStatistics, optional
        Of the training images; as long as there are none, the image's own stand for them.
    head : EmbeddedHead, optional
        Embeds the view of the whole image where positions count.
    """
    scale = _scale(statistics, config, trained_on)
    codes = _position_codes(source, head) if config.position_encoding and head is not None else None
    return ImageConstants(scale, _grey(statistics, scale), _guide(statistics, scale), codes)


def read_window(source: ImageSource, constants: ImageConstants, region: Region, device: torch.device) -> ImageWindow:
    """Read and normalise a part of an image, which may reach over its border."""
    values = constants.scale.apply(source.read(region))[None].to(device)
    return ImageWindow(values, region, source.shape_px, constants.codes)


def _scale(
    statistics: ImageStatistics, config: NetworkConfig, trained_on: ChannelStatistics | None
) -> ChannelStatistics:
    if config.normalisation == "model" and trained_on is not None:
        return trained_on
    if config.normalisation == "percentile":
        middle, distance = statistics.percentile_scale()
        return ChannelStatistics(tuple(middle.tolist()), tuple(distance.tolist()))
    return own_scale(statistics)


def own_scale(statistics: ImageStatistics) -> ChannelStatistics:
    """Mean and deviation of an image's channels."""
    return ChannelStatistics(tuple(statistics.mean.tolist()), tuple(statistics.deviation.tolist()))


def _grey(statistics: ImageStatistics, scale: ChannelStatistics) -> tuple[float, float]:
    """Mean and deviation of the normalised channels' mean, by the channels' covariance."""
    mean, deviation = _arrays(scale)
    weights = 1 / deviation / len(mean)
    variance = float(weights @ statistics.covariance @ weights)
    return float(weights @ (statistics.mean - mean)), max(variance**0.5, 1e-6)


def _guide(statistics: ImageStatistics, scale: ChannelStatistics) -> Guide:
    mean, deviation = _arrays(scale)
    covariance = statistics.covariance / np.outer(deviation, deviation)
    direction = np.linalg.eigh(covariance).eigenvectors[:, -1]
    sample = direction @ ((statistics.sample - mean[:, np.newaxis]) / deviation[:, np.newaxis])
    low, high = np.percentile(sample, _GUIDE_RANGE)
    np.clip(sample, low, high, out=sample)
    spread = max(float(sample.std()), 1e-6)
    return Guide(tuple(direction.tolist()), float(low), float(high), float(sample.mean()), spread)


def _arrays(scale: ChannelStatistics) -> tuple[np.ndarray, np.ndarray]:
    deviation = np.array(scale.deviation)
    return np.array(scale.mean), np.where(deviation > 0, deviation, 1.0)


def _position_codes(source: ImageSource, head: EmbeddedHead) -> PositionCodes:
    """Shrink an image and embed every pixel of what is left."""
    small = _shrunk(source)
    mean, deviation = small.double().mean(dim=(1, 2)), small.double().std(dim=(1, 2), correction=0)
    scale = ChannelStatistics(tuple(mean.tolist()), tuple(deviation.tolist()))
    normalised = scale.apply(small.numpy())
    grey = normalised.mean(dim=0, keepdim=True)
    if len(normalised) > 1:
        grey = (grey - grey.mean()) / grey.std(correction=0).clamp_min(1e-6)
    with torch.inference_mode():
        codes = head.embed(reflect_pad(grey[None], same_size_margins(head.fov)).to(head.coefficients.device))
    # Usable where gradients are computed as well.
    return PositionCodes(codes.clone(), source.shape_px)


def _shrunk(source: ImageSource) -> Tensor:
    """Means of an image's pixels on a coarse grid, (C, m, n), of the coarsest resolution that will do, in strips."""
    shape = source.shape_px
    shrinking = max(1.0, max(shape) / _OVERVIEW_PX)
    grid = [max(1, round(side / shrinking)) for side in shape]
    level = max(number for number, at in enumerate(source.shapes_px) if number == 0 or _covers(at, grid))
    rows, columns = source.shapes_px[level]
    strips = []
    for row in range(grid[0]):
        first, last = row * rows // grid[0], -(-(row + 1) * rows // grid[0])
        strip = torch.from_numpy(source.read(Region((first, 0), (last, columns)), level=level).astype(np.float32))
        strips.append(F.interpolate(strip[None], (1, grid[1]), mode="area")[0])
    return torch.cat(strips, dim=1)


def _covers(shape_px: Sequence[int], grid: Sequence[int]) -> bool:
    return all(side >= 2 * cells for side, cells in zip(shape_px, grid, strict=True))
