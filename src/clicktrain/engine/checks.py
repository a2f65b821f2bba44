"""What must hold before a dense network runs, said in the words of its caller."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from clicktrain.engine.meta import output_shape
from clicktrain.engine.rules.layer import PATCHES
from clicktrain.errors import BackendError, DensifyError, ImageError, ShapeError

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.engine.program import Program

__all__ = [
    "check_against_module",
    "check_choice",
    "check_number_type",
    "checked_scores_px",
    "refuse_batch_statistics",
    "with_batch",
]


def check_against_module(module: nn.Module, program: Program) -> None:
    """Compare with what the module itself gives for patches, so that no rule's mistake goes unseen."""
    shape = output_shape(module, (PATCHES, program.in_channels, *program.fov), type(module).__name__)
    expected = (PATCHES, program.classes)
    if shape[:2] != expected or prod(shape[2:]) != 1:
        raise DensifyError(
            f"module must give (B, K) scores for patches of {program.fov} px, got shape {shape}. "
            "Give fov= as the side of the patches that get one score."
        )


def refuse_batch_statistics(module: nn.Module) -> None:
    """Refuse BatchNorm in train mode."""
    for name, layer in module.named_modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.training:
            raise DensifyError(
                f"layer {name!r} must be in eval mode, got train mode, where its result depends on the other patches "
                "of the batch. Call its eval() before training, or use no BatchNorm."
            )


def check_number_type(module: nn.Module, image: Tensor, *, any_float: bool = False) -> None:
    """Refuse images of another number type than the module's, unless they are converted anyway."""
    kinds = {t.dtype for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()}
    any_float = any_float or not kinds or torch.is_autocast_enabled(image.device.type)
    if not image.is_floating_point() or not (any_float or image.dtype in kinds):
        raise ImageError(
            f"image must be of the module's number type, {' or '.join(sorted(map(str, kinds))) or 'a float'}, got "
            f"{image.dtype}. Convert it by its to()."
        )


def checked_scores_px(program: Program, image: Tensor) -> tuple[int, ...]:
    """Spatial shape of the scores of an image, if it has enough pixels and the right channels."""
    channels, ndim = program.in_channels, program.ndim
    if image.ndim != ndim + 2 or image.shape[1] != channels:
        raise ShapeError(f"image must be (B, {channels}, {'Z, ' * (ndim == 3)}Y, X), got shape {tuple(image.shape)}.")
    scores_px = program.scores_px(image.shape[2:])
    if min(scores_px) < 1:
        raise ShapeError(
            f"image must be at least {program.fov} px, the field of view, got {tuple(image.shape[2:])}. "
            "Pad it with clicktrain.engine.border.reflect_pad."
        )
    return scores_px


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not one of the choices."""
    if value not in choices:
        raise BackendError(f"{name} must be one of {', '.join(choices)}, got {value!r}.")


def with_batch(positions: Tensor, batch: int, scores_px: tuple[int, ...]) -> Tensor:
    """Positions with the batch index first, checked to have a patch each."""
    ndim = len(scores_px)
    if positions.ndim != 2 or positions.shape[1] not in (ndim, ndim + 1) or positions.is_floating_point():
        raise ShapeError(
            f"positions must be whole numbers of shape (N, {ndim}), or (N, {ndim + 1}) with the batch index first, "
            f"got {positions.dtype} of shape {tuple(positions.shape)}."
        )
    if positions.shape[1] == ndim:
        if batch != 1:
            raise ShapeError(
                f"positions must have the batch index first for a batch of {batch} images, got shape "
                f"{tuple(positions.shape)}. Give rows (b, [z,] y, x)."
            )
        positions = F.pad(positions, (1, 0))
    places = positions.long()
    outside = ((places < 0) | (places >= places.new_tensor([batch, *scores_px]))).any(1)
    if outside.any():
        raise ShapeError(
            f"positions must be below {(batch, *scores_px)} (batch, then the image less the field of view plus 1), "
            f"got {tuple(places[outside][0].tolist())}. Pad the image, or drop the position."
        )
    return places
