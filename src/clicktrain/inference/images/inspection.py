"""What is known of an image before its patches are read: its grid, its channels and how its intensities are scaled."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.errors import ImageError
from clicktrain.geometry.patch_grid import PatchGrid, plan_patch_grid
from clicktrain.inference.images.statistics import of_number_type, streamed
from clicktrain.models.pixels.normalise import ChannelStatistics

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from clicktrain.config.images import ImageNetworkConfig
    from clicktrain.images.regions import ImageRegions, LazyImage

__all__ = ["InspectedImage", "check_channels", "inspect_image", "plan_grid", "pooled_statistics"]


@dataclass(frozen=True, eq=False)
class InspectedImage:
    """An image, closed again.

    Parameters
    ----------
    image : LazyImage
    grid : PatchGrid
    n_channels : int
    own : ChannelStatistics
        Of its own values, or of its number type where these scale it.
    fingerprint : bytes
        Of its shape, number type and three of its patches.
    """

    image: LazyImage
    grid: PatchGrid
    n_channels: int
    own: ChannelStatistics
    fingerprint: bytes


def inspect_image(
    image: LazyImage, config: ImageNetworkConfig, *, measure: bool = True
) -> Generator[None, None, InspectedImage]:
    """Open an image, plan its grid and, where the settings ask for it, look through it once.

    Parameters
    ----------
    image : LazyImage
    config : ImageNetworkConfig
    measure : bool
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
    with image.opened() as regions:
        grid = plan_grid(regions.shape_px, config, image.name)
        if config.scaling == "type" or not measure:
            own = of_number_type(regions.dtype, regions.n_channels)
        else:
            own = yield from streamed(regions)
        return InspectedImage(image, grid, regions.n_channels, own, _fingerprint(regions, grid))


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
            f"got {shape_px[0]} x {shape_px[1]}. Choose a smaller patch_px."
        )
    return plan_patch_grid(shape_px, config.patch_px, config.spacing_px)


def check_channels(images: Sequence[InspectedImage], wanted: int) -> None:
    """Refuse images of another number of channels.

    Raises
    ------
    ImageError
        If there are such.
    """
    for each in images:
        if each.n_channels != wanted:
            raise ImageError(
                f"{each.image.name} must have {wanted} channels like the other training images, "
                f"got {each.n_channels}. Choose images of the same kind or train them apart."
            )


def pooled_statistics(images: Sequence[InspectedImage]) -> ChannelStatistics:
    """Combine the statistics of images, each counting alike."""
    return ChannelStatistics.pooled([each.own for each in images])


def _fingerprint(regions: ImageRegions, grid: PatchGrid) -> bytes:
    digest = hashlib.sha256(repr((regions.shape_px, regions.n_channels, regions.dtype.str)).encode())
    for index in sorted({0, len(grid) // 2, len(grid) - 1}):
        patch = regions.read(*grid.corner_px(index), grid.patch_px, grid.patch_px)
        digest.update(np.ascontiguousarray(patch).tobytes())
    return digest.digest()
