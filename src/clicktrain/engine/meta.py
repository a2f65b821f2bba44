"""Shapes without numbers: run a module on the meta device."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch.func import functional_call

from clicktrain.errors import DensifyError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["output_shape"]


def output_shape(module: nn.Module, input_shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    """Shape of what `module` gives for an input of `input_shape`.

    Raises
    ------
    DensifyError
        If it cannot take such an input.
    """
    tensors = chain(module.named_parameters(), module.named_buffers())
    state = {key: torch.empty_like(tensor, device="meta") for key, tensor in tensors}
    dtype = next((t.dtype for t in state.values() if t.is_floating_point()), torch.get_default_dtype())
    try:
        with torch.no_grad():
            out = functional_call(module, state, (torch.empty(input_shape, device="meta", dtype=dtype),))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise DensifyError(
            f"module {name!r} must run on patches of shape {input_shape}, got: {error} "
            "Give fov= as the side of the training patches; keep every tensor of the module a parameter or a buffer."
        ) from error
    return tuple(out.shape)
