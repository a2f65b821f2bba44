"""The rival with little memory: the image is shrunk until a batch of it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from _patchgd.memory import activation_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _patchgd.setting import Setting
    from clicktrain.types import AnyArray


class Shrunk(NamedTuple):
    """Side of an image and of its patches, in pixels, and the memory of a batch."""

    size_px: int
    patch_px: int
    activation_bytes: int


def largest_that_fits(setting: Setting, cap_bytes: int, whole: Shrunk) -> Shrunk:
    """The largest image, cut into patches of about the usual side, of which a batch fits into the cap."""
    # Memory goes with the pixels, nearly: what is far too large is not tried.
    most_px = min(whole.size_px, int(1.15 * whole.size_px * (cap_bytes / whole.activation_bytes) ** 0.5))
    for size_px in range(most_px // 2 * 2, 15, -2):
        n_patches = max(1, round(size_px / setting.patch_px))
        if size_px % n_patches:
            continue
        needed = activation_bytes(setting, size_px, size_px // n_patches, 1)
        if needed <= cap_bytes:
            return Shrunk(size_px, size_px // n_patches, needed)
    raise ValueError(f"no image fits into {cap_bytes} bytes")


def shrink(images: Sequence[AnyArray], size_px: int) -> list[AnyArray]:
    """Mean of the pixels under each pixel; of the images' type."""
    pixels = torch.from_numpy(np.stack(images)).unsqueeze(1)
    parts = [F.interpolate(part.float(), (size_px, size_px), mode="area").round().byte() for part in pixels.split(64)]
    return list(torch.cat(parts).squeeze(1).numpy())
