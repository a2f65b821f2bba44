"""Convolutions: taps move apart by the strides of the layers before."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING

from torch import nn

from clicktrain.engine.program import Work
from clicktrain.engine.rules.registry import module_rule
from clicktrain.kernels.regular_conv import regular_conv

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.engine.rules.layer import Layer, PatchMap

__all__ = ["conv"]


def _convolve(module: nn.Conv2d | nn.Conv3d, spacing_px: tuple[int, ...], image: Tensor) -> Tensor:
    return regular_conv(image, module.weight, module.bias, spacing_px=spacing_px, groups=module.groups)


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
    spacing_px = tuple(d * step for d, step in zip(node.grid.spacing_px, module.dilation, strict=True))
    macs = module.out_channels * module.in_channels // module.groups * prod(module.kernel_size)
    return layer.emit(
        partial(_convolve, module, spacing_px),
        [node],
        grid=node.grid.after_window(module.kernel_size, module.stride, module.dilation),
        channels=module.out_channels,
        work=Work(macs=macs),
        overwritable=True,
    )
