"""Layers that join or cut maps: all maps of an image begin at one pixel, so joining is cropping to the smallest."""

from __future__ import annotations

import operator
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import torch

from clicktrain.engine.grid import Grid
from clicktrain.engine.program import Window, Work
from clicktrain.engine.rules.layer import Attribute, PatchMap
from clicktrain.engine.rules.registry import function_rule, method_rule
from clicktrain.kernels.shapes import window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from clicktrain.engine.rules.layer import Layer

__all__ = ["common_grid", "concatenate", "crop_to_common", "join", "take"]


def crop_to_common(maps: Sequence[Tensor]) -> list[Tensor]:
    """Views of maps that begin at one pixel, all of the size of the smallest."""
    common = [min(sizes) for sizes in zip(*(m.shape[2:] for m in maps), strict=True)]
    return [window(m, (0,) * len(common), common) for m in maps]


def common_grid(layer: Layer, nodes: Sequence[PatchMap]) -> Grid:
    """Grid of maps taken together; they must lie on the patch alike."""
    grids = [node.grid for node in nodes]
    common = Grid(tuple(max(es) for es in zip(*(g.extent_px for g in grids), strict=True)), grids[0].dilation)
    if layer.builder.fov is None:
        # Without a field of view yet, the maps are taken to fit; the next walk checks it.
        return common
    counts = {layer.counts(node) for node in nodes}
    dilations = zip(*(g.dilation for g in grids), strict=True)
    # Where there is one value, the distance to the next means nothing.
    fits = all(n == 1 or len(set(ds)) == 1 for n, ds in zip(min(counts), dilations, strict=True))
    if len(counts) > 1 or not fits:
        layer.refuse(
            f"it joins maps of {sorted(counts)} values, {[g.dilation for g in grids]} px apart",
            "Join maps of one size that went through the same strides; crop the larger by a slice.",
        )
    return common


def _as_map(attribute: Attribute, ndim: int, flat: bool) -> Tensor:
    """Tensor of a parameter that broadcasts against (B, C, *spatial) as it does against the module's own map."""
    tensor = attribute.read()
    return tensor[(..., *(None,) * ndim)] if flat and tensor.ndim else tensor


def _combine(
    function: Callable[[Any, Any], Tensor], left: Any, right: Any, kwargs: dict[str, Any], spread: tuple[int, bool]
) -> Callable[..., Tensor]:
    """Bind constants, leaving a function of the maps alone."""

    def run(*maps: Tensor) -> Tensor:
        cropped = iter(crop_to_common(maps))
        pair = [
            next(cropped) if isinstance(v, PatchMap) else _as_map(v, *spread) if isinstance(v, Attribute) else v
            for v in (left, right)
        ]
        return function(*pair, **kwargs)

    return run


@function_rule(
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.iadd,
    operator.isub,
    operator.imul,
    operator.itruediv,
    torch.add,
    torch.sub,
    torch.mul,
    torch.div,
    torch.maximum,
    torch.minimum,
)
def join(layer: Layer, left: Any, right: Any, **kwargs: Any) -> Any:
    """Sum, difference, product or quotient of two maps, or of a map and a constant."""
    nodes = [v for v in (left, right) if isinstance(v, PatchMap)]
    if not nodes:
        return layer.target(left, right, **kwargs)
    for value in (left, right):
        _check_operand(layer, nodes[0], value)
    function = _OUT_OF_PLACE.get(layer.target, layer.target)
    if len({node.flat for node in nodes}) > 1:
        layer.refuse("it joins a map and a flattened map", "Flatten both, or neither.")
    if len(nodes) == 2 and nodes[0].flat and len({node.channels for node in nodes}) > 1:
        layer.refuse("it joins flattened maps of different length", "Join maps of one size.")
    if len({node.channels for node in nodes} - {1}) > 1:
        layer.refuse("it joins maps of different channels", "Join maps of one size.")
    return layer.emit(
        _combine(function, left, right, kwargs, (layer.ndim, nodes[0].flat)),
        nodes,
        grid=common_grid(layer, nodes),
        channels=max(node.channels for node in nodes),
    )


_OUT_OF_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}


@method_rule("add", "sub", "mul", "div", "add_", "sub_", "mul_", "div_")
def join_method(layer: Layer, left: PatchMap, right: Any, **kwargs: Any) -> Any:
    """Sum, difference, product or quotient, as a method."""
    return join(layer.with_target(getattr(torch, layer.target.rstrip("_"))), left, right, **kwargs)


def _check_operand(layer: Layer, node: PatchMap, value: Any) -> None:
    """Refuse a constant that differs from pixel to pixel of the patch."""
    if isinstance(value, PatchMap | bool | int | float):
        return
    if not isinstance(value, Attribute):
        layer.refuse(f"it takes a {type(value).__name__}", "Use maps, numbers, parameters or buffers.")
    shape = tuple(value.read().shape)
    spatial = shape[1:] if node.flat else shape[-layer.ndim :]
    rank = 2 if node.flat else layer.ndim + 2
    if node.flat and not layer.is_single(node) and prod(shape) > 1:
        layer.refuse("a constant along an axis that mixes channels and pixels", "Put it before the Flatten.")
    if len(shape) > rank or (not node.flat and prod(spatial) > 1) or (len(shape) == rank and shape[0] > 1):
        layer.refuse(
            f"a constant of shape {shape} differs from pixel to pixel of the patch, or from patch to patch",
            f"Use one value per channel, of shape (C{', 1' * layer.ndim}).",
        )


@function_rule(torch.cat, torch.concat, torch.concatenate)
def concatenate(layer: Layer, tensors: Sequence[PatchMap], dim: int = 0) -> PatchMap:
    """Concatenation of channels."""
    nodes = list(tensors)
    if not all(isinstance(node, PatchMap) for node in nodes):
        layer.refuse("it joins a map and a parameter", "Add the parameter, or give it as a map of the image.")
    rank = 2 if nodes[0].flat else layer.ndim + 2
    if dim % rank != 1:
        layer.refuse(f"dim={dim} is not the channel axis", "Use dim=1.")
    if len({node.flat for node in nodes}) > 1:
        layer.refuse("it joins a map and a flattened map", "Flatten both, or neither.")
    channels = sum(node.channels for node in nodes)
    return layer.emit(
        lambda *maps: torch.cat(crop_to_common(maps), 1),
        nodes,
        grid=common_grid(layer, nodes),
        channels=channels,
        work=Work(dense_elements=channels, patch_elements=channels),
    )


@function_rule(operator.getitem)
def take(layer: Layer, node: Any, index: Any) -> Any:
    """Slices of channels and space, or one value of each spatial axis."""
    if not isinstance(node, PatchMap):
        return node[index]
    layer.require_map(node)
    items = _full_index(layer, index)
    if items[0] != slice(None):
        layer.refuse("it takes some patches of the batch", "Slice channels and space only.")
    singles = [isinstance(item, int) for item in items[2:]]
    if isinstance(items[1], int) or any(singles) != all(singles):
        layer.refuse("an index drops an axis", "Use slices, or an index for every spatial axis.")
    cuts = [_cut_of(layer, node, axis, item) for axis, item in enumerate(items[2:])]
    before, after, steps = zip(*cuts, strict=True)
    cropped = node.grid.after_crop(before, after)
    offset_px, unread_px = (
        tuple(n * d for n, d in zip(lost, node.grid.dilation, strict=True)) for lost in (before, after)
    )
    ones = (1,) * layer.ndim
    return layer.emit(
        partial(_take_channels, items[1]),
        [node],
        grid=Grid(cropped.extent_px, tuple(d * s for d, s in zip(cropped.dilation, steps, strict=True))),
        channels=len(range(node.channels)[items[1]]),
        flat=all(singles),
        work=Work(),
        window=Window(ones, ones, offset_px, unread_px),
    )


def _cut_of(layer: Layer, node: PatchMap, axis: int, item: slice | int) -> tuple[int, int, int]:
    """Values that an index drops before and after what it keeps, and the step between those."""
    if isinstance(item, slice):
        first, last, step = item.start or 0, item.stop, item.step or 1
        if first >= 0 and (last is None or last < 0) and step > 0:
            return first, -(last or 0), step
    elif layer.builder.fov is None:
        # Without a field of view yet, the value at the index is taken to be the only one; the next walk checks it.
        return (item, 0, 1) if item >= 0 else (0, -item - 1, 1)
    count = layer.counts(node)[axis]
    kept = range(count)[item] if isinstance(item, slice) else (range(count)[item],)
    if not kept or (isinstance(item, slice) and (item.step or 1) < 0):
        layer.refuse("a slice keeps nothing, or runs backwards", "Keep at least one value.")
    return kept[0], count - 1 - kept[-1], item.step or 1 if isinstance(item, slice) else 1


def _take_channels(channels: slice, image: Tensor, dilation: tuple[int, ...]) -> Tensor:
    return image[:, channels]


def _full_index(layer: Layer, index: Any) -> list[Any]:
    """One entry per axis of (B, C, *spatial)."""
    rank = layer.ndim + 2
    items = list(index) if isinstance(index, tuple) else [index]
    if items.count(Ellipsis) > 1 or not all(isinstance(i, slice | int) or i is Ellipsis for i in items):
        layer.refuse("it is indexed by something other than slices and whole numbers", "Use slices.")
    if Ellipsis in items:
        at = items.index(Ellipsis)
        items[at : at + 1] = [slice(None)] * (rank - len(items) + 1)
    return items + [slice(None)] * (rank - len(items))


@function_rule(getattr)
def attribute(layer: Layer, node: PatchMap, name: str) -> Any:
    """Shape of a map on the patch, a constant of the dense network."""
    if name == "shape":
        return layer.shape(node)
    if name == "ndim":
        return 2 if node.flat else layer.ndim + 2
    layer.refuse(f"it reads the attribute {name!r} of a tensor", "Use layers and functions of tensors.")


@method_rule("size")
def size(layer: Layer, node: PatchMap, dim: int | None = None) -> Any:
    """Shape of a map on the patch, a constant of the dense network."""
    return layer.shape(node) if dim is None else layer.shape(node)[dim]
