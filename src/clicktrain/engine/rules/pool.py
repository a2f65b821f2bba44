"""Pools: taps move apart as those of convolutions do."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from clicktrain.engine.program import Work
from clicktrain.engine.rules.registry import function_rule, method_rule, module_rule
from clicktrain.kernels.regular_pool import regular_avg_pool, regular_max_pool
from clicktrain.kernels.selected_pool import selected_max

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.engine.rules.layer import Layer, PatchMap
    from clicktrain.kernels.taps import Taps

__all__ = ["adaptive_pool", "avg_pool", "max_pool", "mean"]

_Ints = int | tuple[int, ...]


def _tuple(layer: Layer, value: _Ints | Sequence[int]) -> tuple[int, ...]:
    values = (value,) * layer.ndim if isinstance(value, int) else tuple(value)
    return values * layer.ndim if len(values) == 1 else values


def _pool_work(channels: int, size: Sequence[int]) -> Work:
    # Doubling reads both halves once per step; a patch reads every tap.
    steps = sum((k - 1).bit_length() for k in size)
    return Work(dense_elements=2 * channels * steps, patch_elements=channels * prod(size))


def _check_pool(layer: Layer, node: PatchMap, size: Sequence[int], padding: Any, ceil_mode: bool) -> None:
    layer.require_map(node)
    if len(size) != layer.ndim:
        layer.refuse(f"it has {len(size)} spatial axes, densify was told {layer.ndim}", "Give the right ndim.")
    if set(_tuple(layer, padding)) != {0}:
        layer.refuse(
            f"padding={padding} invents pixels at the border of every patch",
            "Use padding=0 and a patch that is larger by the padding.",
        )
    if ceil_mode:
        layer.refuse("ceil_mode=True pools over a window that leaves the patch", "Use ceil_mode=False.")


def _max_of_taps(size: tuple[int, ...], image: Tensor, dilation: tuple[int, ...]) -> Tensor:
    return regular_max_pool(image, size, dilation=dilation)


@function_rule(F.max_pool2d, F.max_pool3d, torch.max_pool2d, torch.max_pool3d)
def max_pool(
    layer: Layer,
    node: PatchMap,
    kernel_size: _Ints,
    stride: _Ints | None = None,
    padding: _Ints = 0,
    dilation: _Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> PatchMap:
    """Maximum over a window."""
    size = _tuple(layer, kernel_size)
    _check_pool(layer, node, size, padding, ceil_mode)
    if return_indices:
        layer.refuse("return_indices=True gives positions inside the patch", "Use return_indices=False.")
    return layer.emit_window(
        partial(_max_of_taps, size),
        node,
        size=size,
        stride=_tuple(layer, stride or size),
        dilation=_tuple(layer, dilation),
        work=_pool_work(node.channels, size),
        run_selected=selected_max,
    )


@module_rule(nn.MaxPool2d, nn.MaxPool3d)
def max_pool_module(layer: Layer, module: nn.MaxPool2d | nn.MaxPool3d, node: PatchMap) -> PatchMap:
    """Maximum over a window, as a module."""
    return max_pool(
        layer,
        node,
        module.kernel_size,
        module.stride,
        module.padding,
        module.dilation,
        module.ceil_mode,
        module.return_indices,
    )


def _mean_of_taps(size: tuple[int, ...], divisor: int | None, image: Tensor, dilation: tuple[int, ...]) -> Tensor:
    mean_ = regular_avg_pool(image, size, dilation=dilation)
    return mean_ if divisor is None else mean_ * (prod(size) / divisor)


def _selected_mean(divisor: int | None, values: Tensor, taps: Taps) -> Tensor:
    mean_ = F.embedding_bag(taps.index(), values, mode="mean")
    return mean_ if divisor is None else mean_ * (prod(taps.size) / divisor)


@function_rule(F.avg_pool2d, F.avg_pool3d)
def avg_pool(
    layer: Layer,
    node: PatchMap,
    kernel_size: _Ints,
    stride: _Ints | None = None,
    padding: _Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> PatchMap:
    """Mean over a window."""
    size = _tuple(layer, kernel_size)
    _check_pool(layer, node, size, padding, ceil_mode)
    return layer.emit_window(
        partial(_mean_of_taps, size, divisor_override),
        node,
        size=size,
        stride=_tuple(layer, stride or size),
        work=_pool_work(node.channels, size),
        run_selected=partial(_selected_mean, divisor_override),
    )


@module_rule(nn.AvgPool2d, nn.AvgPool3d)
def avg_pool_module(layer: Layer, module: nn.AvgPool2d | nn.AvgPool3d, node: PatchMap) -> PatchMap:
    """Mean over a window, as a module."""
    return avg_pool(
        layer,
        node,
        module.kernel_size,
        module.stride,
        module.padding,
        module.ceil_mode,
        module.count_include_pad,
        module.divisor_override,
    )


def _pool_all(layer: Layer, node: PatchMap, run: Any, run_selected: Any) -> PatchMap:
    """Pool over everything that the patch holds, which is a window of as many taps."""
    size = layer.counts(node)
    work = _pool_work(node.channels, size)
    return layer.emit_window(partial(run, size), node, size=size, work=work, run_selected=run_selected)


def _mean_of_all(size: tuple[int, ...], image: Tensor, dilation: tuple[int, ...]) -> Tensor:
    return regular_avg_pool(image, size, dilation=dilation)


@function_rule(F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
def adaptive_pool(layer: Layer, node: PatchMap, output_size: Any, *, largest: bool = False) -> PatchMap:
    """Adaptive mean to one value."""
    layer.require_map(node)
    counts = layer.counts(node)
    wanted = tuple(n if w is None else w for n, w in zip(counts, _tuple(layer, output_size), strict=True))
    if wanted == counts:
        return node
    if set(wanted) != {1}:
        layer.refuse(
            f"adaptive pooling of {counts} values to {wanted} uses windows of unequal size",
            "Pool to 1, or use a pool with kernel_size and stride.",
        )
    return _pool_all(
        layer, node, *((_max_of_taps, selected_max) if largest else (_mean_of_all, partial(_selected_mean, None)))
    )


@module_rule(nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
def adaptive_avg_pool_module(layer: Layer, module: nn.AdaptiveAvgPool2d, node: PatchMap) -> PatchMap:
    """Adaptive mean to one value, as a module."""
    return adaptive_pool(layer, node, module.output_size)


@function_rule(F.adaptive_max_pool2d, F.adaptive_max_pool3d)
def adaptive_max_pool(layer: Layer, node: PatchMap, output_size: Any, return_indices: bool = False) -> PatchMap:
    """Adaptive maximum to one value."""
    if return_indices:
        layer.refuse("return_indices=True gives positions inside the patch", "Use return_indices=False.")
    return adaptive_pool(layer, node, output_size, largest=True)


@module_rule(nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
def adaptive_max_pool_module(layer: Layer, module: nn.AdaptiveMaxPool2d, node: PatchMap) -> PatchMap:
    """Adaptive maximum to one value, as a module."""
    return adaptive_max_pool(layer, node, module.output_size, module.return_indices)


@function_rule(torch.mean)
@method_rule("mean")
def mean(layer: Layer, node: PatchMap, dim: Any = None, keepdim: bool = False) -> PatchMap:
    """Mean over all spatial axes."""
    layer.require_map(node)
    axes = () if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if sorted(a % (layer.ndim + 2) for a in axes) != list(range(2, layer.ndim + 2)):
        layer.refuse(f"a mean over axes {dim} is not one over all spatial axes", "Take the mean over all spatial axes.")
    pooled = _pool_all(layer, node, _mean_of_all, partial(_selected_mean, None))
    return pooled if keepdim else layer.rename(pooled, flat=True)
