"""Where to compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from clicktrain.errors import BackendError

if TYPE_CHECKING:
    from clicktrain.config import DeviceName

__all__ = ["pick_device"]


def pick_device(name: DeviceName = "auto") -> torch.device:
    """Device of a name; "auto" is the fastest that is there.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda", "mps"}

    Raises
    ------
    BackendError
        If the device was asked for by name and is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, present in there.items() if present))
    if name not in there:
        raise BackendError(f"device must be 'auto', 'cpu', 'cuda' or 'mps', got {name!r}.")
    if not there[name]:
        raise BackendError(f"device must be one that PyTorch finds here, got {name!r}. Use device='auto'.")
    return torch.device(name)
