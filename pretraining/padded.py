"""The trunk on whole images with zeros around them: quick to train, the same inside as patch by patch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor, nn

    from clicktrain.models.pixels.trunk import Trunk

__all__ = ["embed"]


def embed(trunk: Trunk, image: Tensor) -> Tensor:
    """Embed every pixel of images.

    Parameters
    ----------
    trunk : Trunk
    image : Tensor of shape (B, 1, Y, X)
        Grey values of mean 0 and deviation 1; sides larger than the inlet's margin.

    Returns
    -------
    Tensor of shape (B, D, Y, X)
        Those nearer to the border than half the field of view see zeros beyond it.
    """
    m = trunk.inlet.margin_px
    views = trunk.inlet(F.pad(image, (m, m, m, m), mode="reflect"))
    values = trunk.activation(_spaced(trunk.first, views.contiguous(memory_format=torch.channels_last), 1))
    gathered = [trunk.taken[0](values)]
    for level, (halving, taken) in enumerate(zip(trunk.halving, trunk.taken[1:], strict=True)):
        if level:
            values = values + trunk.activation(_spaced(trunk.keeping[level - 1], values, 2**level))
        values = trunk.activation(_spaced(halving, values, 2**level))
        gathered.append(taken(values))
    embedding: Tensor = trunk.mix(trunk.activation(torch.cat(gathered, dim=1)))
    return embedding


def _spaced(conv: nn.Module, values: Tensor, spacing_px: int) -> Tensor:
    """Convolve with taps `spacing_px` apart, as strides of that product in all would in a patch."""
    weight, bias = conv.weight, conv.bias
    return F.conv2d(values, weight, bias, padding=spacing_px, dilation=spacing_px)  # type: ignore[arg-type]
