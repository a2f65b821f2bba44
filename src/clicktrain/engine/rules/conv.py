"""Convolutions: taps move apart by the strides of the layers before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

import torch.nn.functional as F
from torch import nn

from clicktrain.engine.program import Work
from clicktrain.engine.rules.layer import Attribute, PatchMap
from clicktrain.engine.rules.registry import function_rule, module_rule
from clicktrain.kernels.regular_conv import regular_conv
from clicktrain.kernels.selected_conv import selected_conv
from clicktrain.kernels.shapes import per_axis

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.engine.rules.layer import Layer
    from clicktrain.kernels.taps import Taps

__all__ = ["conv", "conv_function"]


class _Weights(Protocol):
    """What a convolution reads, anew at each call: a module's parameters, or what is computed from some."""

    @property
    def weight(self) -> Tensor: ...

    @property
    def bias(self) -> Tensor | None: ...

    @property
    def groups(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Read:
    """Weights of a convolution that is called as a function."""

    weight_of: Attribute
    bias_of: Attribute | None
    groups: int

    @property
    def weight(self) -> Tensor:
        return self.weight_of.read()

    @property
    def bias(self) -> Tensor | None:
        return None if self.bias_of is None else self.bias_of.read()


def _convolve(weights: _Weights, image: Tensor, dilation: tuple[int, ...]) -> Tensor:
    # In fast precision a constant in between may have made the map float32 again.
    weight = weights.weight
    return regular_conv(image.to(weight.dtype), weight, weights.bias, dilation=dilation, groups=weights.groups)


def _convolve_selected(weights: _Weights, values: Tensor, taps: Taps) -> Tensor:
    return selected_conv(values, taps, weights.weight, weights.bias, groups=weights.groups)


@module_rule(nn.Conv2d, nn.Conv3d)
def conv(layer: Layer, module: nn.Conv2d | nn.Conv3d, node: PatchMap) -> PatchMap:
    """Convolution without padding."""
    return _conv(layer, module, node, module.stride, module.padding, module.dilation)


@function_rule(F.conv2d, F.conv3d)
def conv_function(
    layer: Layer,
    node: Any,
    weight: Any,
    bias: Any = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | str | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> PatchMap:
    """Convolution without padding, as a function."""
    if not isinstance(node, PatchMap) or not isinstance(weight, Attribute) or isinstance(bias, PatchMap):
        layer.refuse("its weight depends on the image", "Use a parameter, or what is computed from parameters.")
    return _conv(layer, _Read(weight, bias, groups), node, stride, padding, dilation)


def _conv(layer: Layer, weights: _Weights, node: PatchMap, stride: Any, padding: Any, dilation: Any) -> PatchMap:
    layer.require_map(node)
    out_channels, group_channels, *size = weights.weight.shape
    if len(size) != layer.ndim:
        layer.refuse(
            f"it has {len(size)} spatial axes, densify was told {layer.ndim}",
            f"Call densify(module, ndim={len(size)}).",
        )
    if padding not in (0, "valid", (0,) * layer.ndim):
        layer.refuse(
            f"padding={padding} invents pixels at the border of every patch",
            "Use padding=0 and a patch that is larger by the padding.",
        )
    in_channels = group_channels * weights.groups
    if node.channels != in_channels:
        layer.refuse(f"it takes {in_channels} channels and gets {node.channels}", "Check the layer before.")
    return layer.emit_window(
        partial(_convolve, weights),
        node,
        size=size,
        stride=per_axis(stride, layer.ndim, "stride"),
        dilation=per_axis(dilation, layer.ndim, "dilation"),
        channels=out_channels,
        work=Work(macs=out_channels * group_channels * prod(size)),
        run_selected=partial(_convolve_selected, weights),
        overwritable=True,
    )
