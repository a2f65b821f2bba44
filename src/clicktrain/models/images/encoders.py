"""Encoders of patches: a patch of any size becomes one vector, its code."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from clicktrain.models.layers.blocks import BasicBlock, Bottleneck, InvertedResidual, conv_norm
from clicktrain.models.layers.norm import FrozenBatchNorm, norm_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clicktrain.config.images import EncoderName, NormName
    from clicktrain.models.layers.blocks import BlockFactory

    NormFactory = Callable[[int], nn.Module]

__all__ = ["PatchEncoder", "Stage", "build_encoder", "stages"]


class Stage(NamedTuple):
    """Blocks of one width.

    Parameters
    ----------
    block : BlockFactory
    out_channels : int
    depth : int
        Number of blocks.
    stride : int
        Of the first block.
    """

    block: BlockFactory
    out_channels: int
    depth: int
    stride: int


class PatchEncoder(nn.Module):
    """Convolutions, then the mean (and maximum) over the patch, then a linear layer whose outputs are standardised.

    The patches of an image resemble each other much more than the random weights tell them apart: without the
    standardisation, whose statistics are measured once before training, what differs between codes would at first be
    lost beside what they share.

    Parameters
    ----------
    trunk : Module
        Maps (P, C, p, p) to (P, trunk_channels, y, x).
    trunk_channels : int
    code_channels : int
        Length c of the code.
    pools_maximum : bool
        Whether the maximum over the patch goes into the code as well. In the mean a thing that is small beside the
        patch is lost at first, and learning starts late; in noise the maximum says little.
    """

    def __init__(
        self, trunk: nn.Module, trunk_channels: int, code_channels: int, *, pools_maximum: bool = False
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.pools_maximum = pools_maximum
        self.to_code = nn.Linear(trunk_channels * (2 if pools_maximum else 1), code_channels)
        self.standardise = FrozenBatchNorm(code_channels)

    def forward(self, patches: Tensor) -> Tensor:
        """Encode patches of shape (P, C, p, p) as (P, c)."""
        maps = self.trunk(patches)
        pooled = maps.mean(dim=(2, 3))
        if self.pools_maximum:
            pooled = torch.cat([pooled, maps.amax(dim=(2, 3))], dim=1)
        code: Tensor = self.standardise(self.to_code(pooled))
        return code


def stages(
    plan: Sequence[Stage], in_channels: int, *, norm: NormFactory, every_second: BlockFactory | None = None
) -> nn.Sequential:
    """Chain the blocks of all stages.

    Parameters
    ----------
    plan : sequence of Stage
    in_channels : int
    norm : callable
    every_second : BlockFactory, optional
        What makes every second block of a stage instead of the stage's own; a stage begins with its own.
    """
    blocks: list[nn.Module] = []
    for stage in plan:
        for i in range(stage.depth):
            make = every_second if every_second is not None and i % 2 else stage.block
            stride = stage.stride if i == 0 else 1
            blocks.append(make(in_channels, stage.out_channels, stride=stride, norm=norm))
            in_channels = stage.out_channels
    return nn.Sequential(*blocks)


def build_encoder(
    name: EncoderName,
    in_channels: int,
    code_channels: int,
    *,
    norm: NormName = "frozen_batch",
    pools_maximum: bool = False,
    every_second: BlockFactory | None = None,
) -> PatchEncoder:
    """Make an encoder with random weights.

    Parameters
    ----------
    name : {"small", "resnet", "mobilenet"}
        A small residual network; like ResNet-50; like MobileNetV2.
    in_channels : int
        Channels of the images.
    code_channels : int
    norm : {"group", "frozen_batch"}
    pools_maximum : bool
        See `PatchEncoder`.
    every_second : BlockFactory, optional
        See `stages`.

    References
    ----------
    He et al. 2016, arXiv 1512.03385, table 1 (the stride in the 3x3 convolution). Sandler et al. 2018,
    arXiv 1801.04381, table 2.
    """
    makers = {"small": _small, "resnet": _resnet, "mobilenet": _mobilenet}
    trunk, channels = makers[name](in_channels, norm_layer(norm), every_second)
    return PatchEncoder(trunk, channels, code_channels, pools_maximum=pools_maximum)


def _small(in_channels: int, norm: NormFactory, every_second: BlockFactory | None) -> tuple[nn.Module, int]:
    plan = [Stage(BasicBlock, 32, 1, 2), Stage(BasicBlock, 64, 1, 2), Stage(BasicBlock, 128, 1, 2)]
    stem = nn.Sequential(conv_norm(in_channels, 16, 3, norm=norm, stride=2), nn.ReLU())
    return nn.Sequential(stem, stages(plan, 16, norm=norm, every_second=every_second)), 128


def _resnet(in_channels: int, norm: NormFactory, every_second: BlockFactory | None) -> tuple[nn.Module, int]:
    plan = [
        Stage(Bottleneck, width, depth, stride)
        for width, depth, stride in [(256, 3, 1), (512, 4, 2), (1024, 6, 2), (2048, 3, 2)]
    ]
    stem = nn.Sequential(
        conv_norm(in_channels, 64, 7, norm=norm, stride=2), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1)
    )
    return nn.Sequential(stem, stages(plan, 64, norm=norm, every_second=every_second)), 2048


def _mobilenet(in_channels: int, norm: NormFactory, every_second: BlockFactory | None) -> tuple[nn.Module, int]:
    first = partial(InvertedResidual, expansion=1)
    table = [(24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)]
    plan = [Stage(first, 16, 1, 1), *(Stage(InvertedResidual, *row) for row in table)]
    stem = nn.Sequential(conv_norm(in_channels, 32, 3, norm=norm, stride=2), nn.ReLU6())
    last = nn.Sequential(conv_norm(320, 1280, 1, norm=norm), nn.ReLU6())
    return nn.Sequential(stem, stages(plan, 32, norm=norm, every_second=every_second), last), 1280
