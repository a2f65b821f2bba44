"""Trunk and refiner on whole images with zeros around them: quick to train, the same inside as patch by patch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor, nn

    from clicktrain.models.trunk import Refiner, Trunk

__all__ = ["embed", "refine"]


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
    gathered = trunk.taken[0](values)
    for level, (halving, taken) in enumerate(zip(trunk.halving, trunk.taken[1:], strict=True)):
        if level:
            values = values + trunk.activation(_spaced(trunk.keeping[level - 1], values, 2**level))
        values = trunk.activation(_spaced(halving, values, 2**level))
        gathered = gathered + taken(values)
    embedding: Tensor = trunk.mix(trunk.activation(gathered))
    return embedding


def refine(refiner: Refiner, scores: Tensor, embedding: Tensor, evidence: float) -> Tensor:
    """Add to the scores of an image what their surroundings tell.

    Parameters
    ----------
    refiner : Refiner
    scores : Tensor of shape (K, Y, X)
    embedding : Tensor of shape (1, D, Y, X)
    evidence : float
        How many clicks there were, see `evidence_of`.

    Returns
    -------
    Tensor of shape (K, Y, X)
    """
    # The classes are a batch: they take the same weights, so their number and order are free.
    look = refiner.look(embedding).expand(len(scores), -1, -1, -1)
    # For each class the best score of the others.
    others = torch.stack([torch.cat((scores[:k], scores[k + 1 :])).amax(0) for k in range(len(scores))])
    known = torch.full_like(scores, evidence)
    values = torch.cat((torch.stack((scores, others, known), 1), look), 1)
    added = scores[:, None]
    for level, (conv, head) in enumerate(zip(refiner.convs, refiner.heads, strict=True)):
        values = refiner.activation(_spaced(conv, values, 2**level))
        added = added + head(values)
    return added[:, 0]


def _spaced(conv: nn.Module, values: Tensor, spacing_px: int) -> Tensor:
    """Convolve with taps `spacing_px` apart, as strides of that product in all would in a patch."""
    weight, bias = conv.weight, conv.bias
    return F.conv2d(values, weight, bias, padding=spacing_px, dilation=spacing_px)  # type: ignore[arg-type]
