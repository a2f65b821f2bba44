"""The paper's layers as one would write them today: dilated convolutions and pools of PyTorch, channels last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

MAPS = torch.channels_last


def dilated_scores(module: nn.Sequential, image: Tensor) -> Tensor:
    """Scores of all patches by a sequence of convolutions, max pools, activations and linear layers.

    Parameters
    ----------
    module : Sequential
        Patch classifier; the gradient reaches its parameters.
    image : Tensor of shape (B, C, Y, X)

    References
    ----------
    Li, Zhao, Wang 2014, arXiv 1412.4526, section 3.
    """
    values, dilation, flat = image.contiguous(memory_format=MAPS), 1, False
    for layer in module:
        if isinstance(layer, nn.Conv2d):
            values = _conv(values, layer.weight, layer.bias, dilation)
        elif isinstance(layer, nn.MaxPool2d):
            values = F.max_pool2d(values, layer.kernel_size, stride=1, dilation=dilation)
            dilation *= layer.stride
        elif isinstance(layer, nn.Flatten):
            flat = True
        elif isinstance(layer, nn.Linear):
            side = round((layer.in_features / values.shape[1]) ** 0.5) if flat else 1
            values = _conv(values, layer.weight.view(-1, values.shape[1], side, side), layer.bias, dilation)
            flat = False
        else:
            values = layer(values)
    return values


def _conv(values: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    return F.conv2d(values, weight.contiguous(memory_format=MAPS), bias, dilation=dilation)
