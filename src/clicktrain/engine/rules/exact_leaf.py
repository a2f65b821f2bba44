"""Modules that declare themselves exact: translation equivariant, unpadded, stride 1."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import nn

from clicktrain.engine.meta import output_shape
from clicktrain.engine.program import Work
from clicktrain.engine.rules.layer import PATCHES
from clicktrain.errors import DensifyError

if TYPE_CHECKING:
    from typing import TypeGuard

    from torch import Tensor

    from clicktrain.engine.rules.layer import Layer, PatchMap

__all__ = ["channels_of_leaf", "exact_leaf", "is_exact_leaf"]


def is_exact_leaf(module: object) -> TypeGuard[nn.Module]:
    """Whether the module carries `exact_fov`."""
    return isinstance(module, nn.Module) and hasattr(module, "exact_fov")


def channels_of_leaf(module: nn.Module, name: str) -> int:
    """Channels that the module says it takes."""
    channels = getattr(module, "in_channels", None)
    if not isinstance(channels, int):
        raise DensifyError(f"layer {name!r} must say how many channels it takes, got none. Give it in_channels.")
    return channels


def exact_leaf(layer: Layer, module: nn.Module, node: PatchMap) -> PatchMap:
    """Run the module as it is; its declared field of view says what it sees."""
    layer.require_map(node)
    ones = (1,) * layer.ndim
    if node.grid.dilation != ones:
        layer.refuse(
            f"an exact leaf must come before any stride, got values {node.grid.dilation} px apart",
            "Put it before the first stride or pool.",
        )
    fov = tuple(int(n) for n in module.exact_fov)  # type: ignore[union-attr]
    shape = output_shape(module, (PATCHES, node.channels, *fov), layer.name)
    if len(fov) != layer.ndim or shape[2:] != ones:
        layer.refuse(f"exact_fov={fov} must give one value, got {shape[2:]}", "Set exact_fov to its field of view.")
    return layer.emit_window(
        partial(_run_leaf, module),
        node,
        size=fov,
        channels=shape[1],
        work=Work(dense_elements=shape[1] * sum(fov), patch_elements=shape[1] * sum(fov)),
    )


def _run_leaf(module: nn.Module, image: Tensor, dilation: tuple[int, ...]) -> Tensor:
    # In fast precision the maps are bfloat16, and what a leaf computes from them may need more digits.
    own = next((t.dtype for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()), image.dtype)
    values: Tensor = module(image.to(own) if image.dtype == torch.bfloat16 else image)
    return values.to(image.dtype)
