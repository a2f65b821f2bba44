"""Fully connected layers: the first is a convolution over all values that the patch holds, later ones are 1 x 1."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from clicktrain.engine.program import Work
from clicktrain.engine.rules.layer import PATCHES
from clicktrain.engine.rules.registry import function_rule, method_rule, module_rule
from clicktrain.kernels.regular_conv import regular_conv
from clicktrain.kernels.selected_conv import selected_conv

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.engine.rules.layer import Layer, PatchMap
    from clicktrain.kernels.taps import Taps

__all__ = ["flatten", "linear", "reshape", "squeeze"]


@function_rule(torch.flatten)
@method_rule("flatten")
def flatten(layer: Layer, node: PatchMap, start_dim: int = 0, end_dim: int = -1) -> PatchMap:
    """Flatten of everything but the batch."""
    rank = 2 if node.flat else layer.ndim + 2
    if (start_dim % rank, end_dim % rank) != (1, rank - 1):
        layer.refuse(
            f"flattening axes {start_dim}..{end_dim} mixes patches, or keeps an axis", "Use flatten(start_dim=1)."
        )
    return layer.rename(node, flat=True)


@module_rule(nn.Flatten)
def flatten_module(layer: Layer, module: nn.Flatten, node: PatchMap) -> PatchMap:
    """Flatten, as a module."""
    return flatten(layer, node, module.start_dim, module.end_dim)


@function_rule(torch.reshape)
@method_rule("view", "reshape")
def reshape(layer: Layer, node: PatchMap, *shape: Any) -> PatchMap:
    """Reshape to (B, everything), which is a flatten."""
    wanted = list(shape[0] if len(shape) == 1 else shape)
    if len(wanted) == 2 and wanted[0] in (PATCHES, -1):
        if wanted[1] == -1 and wanted[0] != -1:
            return layer.rename(node, flat=True)
        if wanted[1] == prod(layer.shape(node)[1:]):
            return layer.rename(node, flat=True)
    if layer.builder.fov and tuple(wanted) == layer.shape(node):
        return node
    layer.refuse("a reshape other than to (B, -1) mixes channels and pixels", "Use nn.Flatten().")


@function_rule(torch.squeeze)
@method_rule("squeeze")
def squeeze(layer: Layer, node: PatchMap, dim: Any = None) -> PatchMap:
    """Drop of size-1 spatial axes."""
    if not layer.is_single(node):
        layer.refuse(f"it squeezes a map of {layer.counts(node)} values", "Use nn.Flatten().")
    spatial = set(range(2, layer.ndim + 2))
    axes = spatial if dim is None else {a % (layer.ndim + 2) for a in ((dim,) if isinstance(dim, int) else dim)}
    if axes != spatial or (dim is None and node.channels == 1):
        layer.refuse("it does not drop all spatial axes and nothing else", "Use nn.Flatten().")
    return layer.rename(node, flat=True)


def _as_kernel(module: nn.Linear, channels: int, size: tuple[int, ...]) -> Tensor:
    return module.weight.view(module.out_features, channels, *size)


def _connect(
    module: nn.Linear, channels: int, size: tuple[int, ...], values: Tensor, dilation: tuple[int, ...]
) -> Tensor:
    return regular_conv(values, _as_kernel(module, channels, size), module.bias, dilation=dilation)


def _connect_selected(module: nn.Linear, channels: int, size: tuple[int, ...], values: Tensor, taps: Taps) -> Tensor:
    return selected_conv(values, taps, _as_kernel(module, channels, size), module.bias)


@module_rule(nn.Linear)
def linear(layer: Layer, module: nn.Linear, node: PatchMap) -> PatchMap:
    """Fully connected layer over a flattened map."""
    if not node.flat:
        layer.refuse("a Linear before a Flatten runs along the last image axis", "Put nn.Flatten() before it.")
    size = _values_per_axis(layer, module, node)
    return layer.emit_window(
        partial(_connect, module, node.channels, size),
        node,
        size=size,
        channels=module.out_features,
        work=Work(macs=module.in_features * module.out_features),
        run_selected=partial(_connect_selected, module, node.channels, size),
        overwritable=True,
    )


def _values_per_axis(layer: Layer, module: nn.Linear, node: PatchMap) -> tuple[int, ...]:
    """How many values per axis enter; where the field of view is not known yet, this settles it."""
    if layer.builder.fov is None:
        layer.builder.fov = _fov_from_features(layer, module, node)
    size = layer.counts(node)
    if node.channels * prod(size) != module.in_features:
        layer.refuse(
            f"it takes {module.in_features} features, and patches of {layer.builder.fov} px give "
            f"{node.channels} x {size}",
            "Give fov= as the side of the training patches.",
        )
    return size


def _fov_from_features(layer: Layer, module: nn.Linear, node: PatchMap) -> tuple[int, ...]:
    """Patch with as many values as the layer takes: the square one, or the one with equally many values per axis."""
    found: set[tuple[int, ...]] = set()
    values = module.in_features // node.channels
    for n in range(1, values + 1):
        equal = (n,) * layer.ndim
        square = node.grid.counts((max(node.grid.extent_px) + n - 1,) * layer.ndim)
        found |= {counts for counts in (equal, square) if prod(counts) * node.channels == module.in_features}
    if len(found) != 1:
        layer.refuse(
            f"its {module.in_features} features of {node.channels} channels do not tell the side of a patch",
            "Give fov= as the side of the training patches.",
        )
    return node.grid.patch_px(found.pop())
