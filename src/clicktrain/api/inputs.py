"""What people hand to a classifier of pixels, checked and as tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from clicktrain.annotations.clicks import Clicks
from clicktrain.errors import ClicksError, ImageError
from clicktrain.images.axes import guess_axes, to_channels_first

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.models.pixels.fitted import FittedModel

__all__ = ["check_same_kind", "examples_of", "image_tensor", "kind_of", "listed"]


def image_tensor(image: Any, axes: str | None, device: torch.device) -> Tensor:
    """Read an image or a volume as a tensor of shape (C, [Z,] Y, X), float32.

    Raises
    ------
    ImageError
        If it cannot be used, or its axes do not fit.
    """
    array = np.asarray(image)
    return torch.from_numpy(to_channels_first(array, axes or guess_axes(array.shape))).to(device)


def examples_of(images: Any, labels: Any, axes: str | None, device: torch.device) -> tuple[list[Tensor], list[Clicks]]:
    """Read images, or one, and their labels or clicks.

    Raises
    ------
    ImageError
        If an image cannot be used, or they differ in axes or channels.
    ClicksError
        If there are not as many labels as images, or their shapes do not fit.
    """
    image_list, label_list = listed(images), listed(labels)
    if len(image_list) != len(label_list):
        raise ClicksError(
            f"labels must be one per image, got {len(image_list)} images and {len(label_list)} labels. "
            "Give an image without clicks labels that are all 0."
        )
    tensors = [image_tensor(image, axes, device) for image in image_list]
    if len({tensor.ndim for tensor in tensors}) > 1:
        raise ImageError("images must be all 2D or all volumes, got both. Train a classifier for each.")
    counts = {tensor.shape[0] for tensor in tensors}
    if len(counts) > 1:
        raise ImageError(f"images must have the same number of channels, got {sorted(counts)}. Train them apart.")
    clicks = [Clicks.of(part, tuple(tensor.shape[1:])) for part, tensor in zip(label_list, tensors, strict=True)]
    return tensors, clicks


def check_same_kind(tensors: Sequence[Tensor], model: FittedModel) -> None:
    """Refuse images with other axes or channels than those that a model was trained on.

    Raises
    ------
    ImageError
    """
    wanted = model.net.stem.in_channels
    for tensor in tensors:
        if tensor.ndim - 1 != model.ndim:
            raise ImageError(
                f"image must be {kind_of(model.ndim)} like the training images, got {kind_of(tensor.ndim - 1)}. "
                "Choose an image of the same kind or train anew."
            )
        if tensor.shape[0] != wanted:
            raise ImageError(
                f"image must have {wanted} channels like the training images, got {tensor.shape[0]}. "
                "Choose an image of the same kind or train anew."
            )


def kind_of(ndim: int) -> str:
    """Name what has so many spatial axes."""
    return "2D" if ndim == 2 else "a volume"


def listed(values: Any) -> list[Any]:
    """Make one thing a list of one."""
    return list(values) if isinstance(values, list | tuple) else [values]
