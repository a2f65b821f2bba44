"""Fast precision: the same network in bfloat16, where AMX, AVX512-BF16 or tensor cores multiply that faster."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache, partial
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from clicktrain.engine.rules.exact_leaf import is_exact_leaf
from clicktrain.engine.state import with_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from torch import Tensor

__all__ = ["Precision", "autocast_as_now", "in_fast_type"]

Precision = Literal["exact", "fast"]

_NORMS = nn.modules.batchnorm._BatchNorm


def _fast_type(module: nn.Module, device: torch.device) -> torch.dtype:
    """Number type of fast precision: bfloat16 where the device multiplies it faster, else that of the module."""
    if _multiplies_bfloat16(device.type):
        return torch.bfloat16
    return next((tensor.dtype for tensor in _tensors(module) if tensor.is_floating_point()), torch.float32)


@cache
def _multiplies_bfloat16(kind: str) -> bool:
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind != "cpu":
        return True
    # Elsewhere bfloat16 is computed in float32 after all, or one number at a time.
    asks = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return torch.backends.mkldnn.is_available() and asks is not None and bool(asks())  # type: ignore[no-untyped-call]


def in_fast_type(module: nn.Module, image: Tensor, scores: Callable[[Tensor], Tensor]) -> Tensor:
    """Score an image with the parameters and maps of a module in the type of fast precision, sums in float32.

    Normalisation keeps its own type, and so does what calls itself an exact leaf.

    Parameters
    ----------
    module : Module
    image : Tensor
    scores : callable
        From the image to the scores; it is called while the module holds the other parameters.

    Returns
    -------
    Tensor
        With the type of the image.
    """
    dtype = _fast_type(module, image.device)
    kept = {
        id(t) for part in module.modules() if isinstance(part, _NORMS) or is_exact_leaf(part) for t in _tensors(part)
    }
    state = {
        name: tensor if id(tensor) in kept or not tensor.is_floating_point() else tensor.to(dtype)
        for name, tensor in (*module.named_parameters(), *module.named_buffers())
    }
    result: Tensor = with_state(module, state, lambda: scores(image.to(dtype)))
    return result.to(image.dtype)


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


def autocast_as_now(device: torch.device) -> Callable[[], AbstractContextManager[None]]:
    """Give what sets autocast, later and elsewhere, to what it is now.

    Weights that are converted meanwhile are not kept: those of a pass without gradients would do for no other.
    """
    kind = device.type
    if not torch.amp.is_autocast_available(kind):
        return nullcontext
    dtype, enabled = torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)
    return partial(torch.autocast, kind, dtype, enabled, cache_enabled=False)
