"""What is known of an image before its patches are read: its grid, its channels and how its intensities are scaled."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clicktrain.errors import ImageError
from clicktrain.geometry.patch_grid import PatchGrid, plan_patch_grid
from clicktrain.geometry.region import Region
from clicktrain.images.axes import count_channels
from clicktrain.images.statistics import measure
from clicktrain.models.pixels.normalise import ChannelStatistics

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from clicktrain.config.images import ImageNetworkConfig
    from clicktrain.images.source import ImageSource
    from clicktrain.images.statistics import ImageStatistics

__all__ = ["InspectedImage", "check_channels", "grid_of", "inspect_image", "plan_grid", "pooled_statistics"]


@dataclass(frozen=True, eq=False)
class InspectedImage:
    """An image, closed again.

    Parameters
    ----------
    image : ImageSource
    grid : PatchGrid
    n_channels : int
    own : ChannelStatistics
        Of its own values, or of its number type where these scale it.
    fingerprint : bytes
        Of its shape, number type and three of its patches.
    """

    image: ImageSource
    grid: PatchGrid
    n_channels: int
    own: ChannelStatistics
    fingerprint: bytes


def inspect_image(
    image: ImageSource, config: ImageNetworkConfig, *, measured: bool = True
) -> Generator[None, None, InspectedImage]:
    """Open an image, plan its grid and, where the settings ask for it, look through it once.

    Parameters
    ----------
    image : ImageSource
    config : ImageNetworkConfig
    measured : bool
        Whether the image's own statistics will be used, if its type does not scale it.

    Yields
    ------
    None
        After every block that was looked through.

    Returns
    -------
    InspectedImage

    Raises
    ------
    StorageError
        If the file cannot be read.
    ImageError
        If it is no 2D image of finite real numbers, or is smaller than a patch.
    """
    shape = _plane_shape(image)
    grid = plan_grid(shape, config, image.name)
    if config.scaling == "type" or not measured:
        own = _of_number_type(image.dtype, image.n_channels)
    else:
        own = _scale_of((yield from measure(image)))
    found = InspectedImage(image, grid, image.n_channels, own, _fingerprint(image, grid))
    # Thousands of images may be inspected before the first patch is read.
    image.close()
    return found


def _scale_of(statistics: ImageStatistics) -> ChannelStatistics:
    return ChannelStatistics(tuple(statistics.mean.tolist()), tuple(statistics.deviation.tolist()))


def _plane_shape(image: ImageSource) -> tuple[int, int]:
    if len(image.shape_px) != 2:
        raise ImageError(
            f"{image.name} must be one 2D image, got a volume of shape {image.shape_px}. Give one plane of it."
        )
    rows, columns = image.shape_px
    return rows, columns


def _of_number_type(dtype: np.dtype[Any], n_channels: int) -> ChannelStatistics:
    """Return the scale that brings the largest whole number of a type to 1; floats stay as they are."""
    largest = float(np.iinfo(dtype).max) if dtype.kind in "ui" else 1.0
    return ChannelStatistics((0.0,) * n_channels, (largest,) * n_channels)


def plan_grid(shape_px: tuple[int, int], config: ImageNetworkConfig, name: str) -> PatchGrid:
    """Plan the grid of patches of an image.

    Raises
    ------
    ImageError
        If the image is smaller than a patch.
    """
    if min(shape_px) < config.patch_px:
        raise ImageError(
            f"{name} must be at least {config.patch_px} px high and wide, the side of a patch, "
            f"got {shape_px[0]} x {shape_px[1]}. Leave it out, or train with smaller patches."
        )
    return plan_patch_grid(shape_px, config.patch_px, config.distance_px)


def check_channels(images: Sequence[InspectedImage], wanted: int, why: str = "like the first image") -> None:
    """Refuse images of another number of channels.

    Parameters
    ----------
    images : sequence of InspectedImage
    wanted : int
    why : str
        For the message.

    Raises
    ------
    ImageError
        If there are such.
    """
    for each in images:
        if each.n_channels != wanted:
            raise ImageError(
                f"{each.image.name} must have {count_channels(wanted)} {why}, got {each.n_channels}. "
                "Choose images of the same kind."
            )


def pooled_statistics(images: Sequence[InspectedImage]) -> ChannelStatistics:
    """Combine the statistics of images, each counting alike."""
    return ChannelStatistics.pooled([each.own for each in images])


def _fingerprint(image: ImageSource, grid: PatchGrid) -> bytes:
    digest = hashlib.sha256(repr((image.shape_px, image.n_channels, image.dtype.str)).encode())
    for index in sorted({0, len(grid) // 2, len(grid) - 1}):
        patch = image.read(Region.at(grid.corner_px(index), (grid.patch_px, grid.patch_px)))
        digest.update(np.ascontiguousarray(patch).tobytes())
    return digest.digest()


def grid_of(image: ImageSource, config: ImageNetworkConfig) -> PatchGrid:
    """Plan the grid of patches of an image that need not be read."""
    return plan_grid(_plane_shape(image), config, image.name)
