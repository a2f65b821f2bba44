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
    """Embed every pixel of images (B, 1, Y, X); the outermost ones see zeros beyond the border."""
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
    """Add to scores (K, Y, X) what their surroundings tell, given the embedding (1, D, Y, X)."""
    look = refiner.look(embedding).expand(len(scores), -1, -1, -1)
    others = torch.stack([torch.cat((scores[:k], scores[k + 1 :])).amax(0) for k in range(len(scores))])
    known = torch.full_like(scores, evidence)
    values = torch.cat((torch.stack((scores, others, known), 1), look), 1)
    added = scores[:, None]
    for level, (conv, head) in enumerate(zip(refiner.convs, refiner.heads, strict=True)):
        values = refiner.activation(_spaced(conv, values, 2**level))
        added = added + head(values)
    return added[:, 0]


def _spaced(conv: nn.Module, values: Tensor, spacing_px: int) -> Tensor:
    weight, bias = conv.weight, conv.bias
    return F.conv2d(values, weight, bias, padding=spacing_px, dilation=spacing_px)  # type: ignore[arg-type]
