"""The size of a volume's voxels, as a setting of the network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from clicktrain.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.config import Preset

__all__ = ["with_voxel_size"]

_FARTHEST_PX = 100.0


def with_voxel_size(settings: Preset, voxel_size: Sequence[float] | None) -> Preset:
    """Return settings for volumes whose pixels lie so far apart.

    Parameters
    ----------
    settings : Preset
    voxel_size : sequence of three float, optional
        Along z, y and x, in any unit; the settings stay as they are without.

    Raises
    ------
    ImageError
        If the voxel size is not three positive numbers, the slices lie too far apart, or the settings are for images.
    """
    if voxel_size is None:
        return settings
    if settings.network.ndim == 2:
        raise ImageError(f"voxel_size must be left out for 2D images, got {tuple(voxel_size)}. It is for volumes.")
    if len(voxel_size) != 3 or not all(math.isfinite(step) and step > 0 for step in voxel_size):
        raise ImageError(
            f"voxel_size must be three positive numbers, along z, y and x, got {tuple(voxel_size)}. "
            "Give for example (2, 1, 1)."
        )
    z, y, x = voxel_size
    distance_px = z / math.sqrt(y * x)
    if not 1 / _FARTHEST_PX <= distance_px <= _FARTHEST_PX:
        raise ImageError(
            f"voxel_size must be at most {_FARTHEST_PX:.0f} times as wide along one axis as along another, "
            f"got {tuple(voxel_size)}. Check its units."
        )
    network = settings.network.model_copy(update={"anisotropy": distance_px})
    return settings.model_copy(update={"network": network})
