"""The network of whole-image classification: an encoder of patches and a head on the grid of their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from clicktrain.models.images.encoders import build_encoder
from clicktrain.models.images.grid_head import GridHead
from clicktrain.models.images.mod_encoders import mod_twin

if TYPE_CHECKING:
    from clicktrain.config.images import ImageNetworkConfig
    from clicktrain.models.layers.blocks import BlockFactory

__all__ = ["ImageNet", "build_image_network"]


class ImageNet(nn.Module):
    """Encoder and head.

    Parameters
    ----------
    encoder : Module
        Maps patches (P, C, p, p) to codes (P, c), each patch by itself.
    head : Module
        Maps grids of codes (B, c, m, n) and their mask (B, m, n) to scores (B, K).
    code_channels : int
        Length c of a code.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, code_channels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.code_channels = code_channels

    def encode(self, patches: Tensor) -> Tensor:
        """Encode patches of shape (P, C, p, p) as (P, c)."""
        codes: Tensor = self.encoder(patches)
        return codes

    def score(self, codes: Tensor, mask: Tensor) -> Tensor:
        """Score grids of codes of shape (B, c, m, n), with mask (B, m, n), as (B, K)."""
        scores: Tensor = self.head(codes, mask)
        return scores


def build_image_network(
    config: ImageNetworkConfig,
    *,
    in_channels: int,
    n_classes: int,
    seed: int = 0,
    every_second: BlockFactory | None = None,
) -> ImageNet:
    """Make a network with seeded random weights.

    Parameters
    ----------
    config : ImageNetworkConfig
    in_channels : int
        Channels of the images.
    n_classes : int
    seed : int
        The same seed gives the same weights; the global random state is left alone.
    every_second : BlockFactory, optional
        Stands in for every second block of each stage, see `clicktrain.models.images.encoders.stages`; by default what
        the settings say.
    """
    if every_second is None and config.mod_ratio:
        every_second = mod_twin(config.encoder, config.mod_ratio)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = build_encoder(
            config.encoder,
            in_channels,
            config.code_channels,
            norm=config.norm,
            pools_maximum=config.pools_maximum,
            every_second=every_second,
        )
        head = GridHead(
            config.code_channels,
            n_classes,
            width=config.head_width,
            levels=config.head_levels,
            dropout=config.dropout,
        )
    return ImageNet(encoder, head, config.code_channels)
