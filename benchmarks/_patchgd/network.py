"""One encoder and head for every way: small enough for a processor, made of the project's layers."""

from __future__ import annotations

import torch
from torch import nn

from clicktrain.models.images.encoders import PatchEncoder, Stage, stages
from clicktrain.models.images.grid_head import GridHead
from clicktrain.models.images.image_net import ImageNet
from clicktrain.models.layers.blocks import BasicBlock, conv_norm
from clicktrain.models.layers.norm import FrozenBatchNorm

_WIDTH, _CODE = 8, 64


def build_network(n_classes: int, seed: int) -> ImageNet:
    """A stem and two residual blocks at strides of 2, codes of 64, a head of one convolution."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        plan = [Stage(BasicBlock, 2 * _WIDTH, 1, 2), Stage(BasicBlock, 4 * _WIDTH, 1, 2)]
        stem = nn.Sequential(conv_norm(1, _WIDTH, 3, norm=FrozenBatchNorm, stride=2), nn.ReLU())
        trunk = nn.Sequential(stem, stages(plan, _WIDTH, norm=FrozenBatchNorm))
        encoder = PatchEncoder(trunk, 4 * _WIDTH, _CODE, pools_maximum=True)
        return ImageNet(encoder, GridHead(_CODE, n_classes, width=64, levels=1), _CODE)
