"""Channels that a buffer or parameter chooses: a gather, and a sum into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from clicktrain.engine.program import Work
from clicktrain.engine.rules.join import common_grid, crop_to_common
from clicktrain.engine.rules.layer import Attribute, PatchMap
from clicktrain.engine.rules.registry import function_rule, method_rule
from clicktrain.kernels.channels import add_to_channels, add_to_first, gather_channels

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.engine.rules.layer import Layer

__all__ = ["add_channels", "select_channels"]


@function_rule(torch.index_select)
@method_rule("index_select")
def select_channels(layer: Layer, node: PatchMap, dim: int, index: Any) -> PatchMap:
    """Channels by their numbers, which are read anew at each call."""
    count = _checked_count(layer, node, dim, index)

    def run(values: Tensor) -> Tensor:
        return gather_channels(values, index.read())

    # Reading every fourth value of a row costs nearly what reading all of them does.
    work = Work(dense_elements=node.channels + count, patch_elements=count)
    return layer.with_name(index.name or layer.name).emit(run, [node], channels=count, work=work)


@function_rule(torch.index_add)
@method_rule("index_add")
def add_channels(layer: Layer, node: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> PatchMap:
    """Sum into some channels."""
    if not isinstance(node, PatchMap) or not isinstance(source, PatchMap) or alpha != 1:
        layer.refuse("it adds something other than a map to a map", "Use two maps and alpha=1.")
    layer.require_map(source)
    if source.channels != _checked_count(layer, node, dim, index):
        layer.refuse(f"it adds {source.channels} channels to others", "Give one number for every channel.")

    def run(*maps: Tensor) -> Tensor:
        values, added = crop_to_common(maps)
        return add_to_channels(values, index.read(), added)

    work = Work(dense_elements=2 * node.channels + source.channels, patch_elements=node.channels + source.channels)
    grid = common_grid(layer, [node, source])
    return layer.with_name(index.name or layer.name).emit(run, [node, source], grid=grid, work=work)


@function_rule(add_to_first)
def add_to_first_channels(layer: Layer, node: PatchMap, added: PatchMap) -> PatchMap:
    """Sum into the first channels."""
    for one in (node, added):
        layer.require_map(one)
    work = Work(dense_elements=2 * node.channels + added.channels, patch_elements=node.channels + added.channels)
    grid = common_grid(layer, [node, added])
    return layer.emit(lambda *maps: add_to_first(*crop_to_common(maps)), [node, added], grid=grid, work=work)


def _checked_count(layer: Layer, node: PatchMap, dim: int, index: Any) -> int:
    """Number of channels that an index names."""
    layer.require_map(node)
    if dim % (layer.ndim + 2) != 1:
        layer.refuse(f"it selects along axis {dim}", "Select channels, dim=1; use slices along the spatial axes.")
    if not isinstance(index, Attribute):
        layer.refuse("its index is neither a buffer nor a parameter", "Register the index as a buffer.")
    return index.read().numel()
