"""Convolutions: taps move apart by the strides of the layers before."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING

from torch import nn

from clicktrain.engine.program import Work
from clicktrain.engine.rules.registry import module_rule
from clicktrain.kernels.regular_conv import regular_conv
from clicktrain.kernels.selected_conv import selected_conv

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.engine.rules.layer import Layer, PatchMap
    from clicktrain.kernels.selected_conv import Taps

__all__ = ["conv"]


def _convolve(module: nn.Conv2d | nn.Conv3d, image: Tensor, spacing_px: tuple[int, ...]) -> Tensor:
    # In fast precision a constant in between may have made the map float32 again.
    image = image.to(module.weight.dtype)
    return regular_conv(image, module.weight, module.bias, spacing_px=spacing_px, groups=module.groups)


def _convolve_selected(module: nn.Conv2d | nn.Conv3d, values: Tensor, taps: Taps) -> Tensor:
    return selected_conv(values, taps, module.weight, module.bias, groups=module.groups)


@module_rule(nn.Conv2d, nn.Conv3d)
def conv(layer: Layer, module: nn.Conv2d | nn.Conv3d, node: PatchMap) -> PatchMap:
    """Convolution without padding."""
    layer.require_map(node)
    if len(module.kernel_size) != layer.ndim:
        layer.refuse(
            f"it has {len(module.kernel_size)} spatial axes, densify was told {layer.ndim}",
            f"Call densify(module, ndim={len(module.kernel_size)}).",
        )
    if module.padding not in (0, "valid", (0,) * layer.ndim):
        layer.refuse(
            f"padding={module.padding} invents pixels at the border of every patch",
            "Use padding=0 and a patch that is larger by the padding.",
        )
    if node.channels != module.in_channels:
        layer.refuse(f"it takes {module.in_channels} channels and gets {node.channels}", "Check the layer before.")
    macs = module.out_channels * module.in_channels // module.groups * prod(module.kernel_size)
    return layer.emit_window(
        partial(_convolve, module),
        node,
        size=module.kernel_size,
        stride=module.stride,
        dilation=module.dilation,
        channels=module.out_channels,
        work=Work(macs=macs),
        run_selected=partial(_convolve_selected, module),
        overwritable=True,
    )
