"""Where to compute."""

from __future__ import annotations

import atexit
from functools import cache
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.store import load_record, save_record
from clicktrain.errors import BackendError
from clicktrain.kernels.measured import MEASURED

if TYPE_CHECKING:
    from clicktrain.config import DeviceName

__all__ = ["pick_device"]

# Raise when a kernel becomes faster: which way was the fastest is measured anew.
_KERNELS_VERSION = 3


def pick_device(name: DeviceName = "auto") -> torch.device:
    """Device of a name; "auto" is the fastest that is there.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda", "mps"}
        On CUDA, TF32 is switched off for the process, and the kernels measured faster before are remembered.

    Raises
    ------
    BackendError
        If the device was asked for by name and is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if there[kind])
    if name not in there:
        raise BackendError(f"device must be 'auto', 'cpu', 'cuda' or 'mps', got {name!r}.")
    if not there[name]:
        raise BackendError(f"device must be one that PyTorch finds here, got {name!r}. Use the device 'auto'.")
    if name == "cuda":
        _prepare_cuda()
    return torch.device(name)


@cache
def _prepare_cuda() -> None:
    """Compute in float32 where float32 is asked for, and keep from run to run which kernel was the fastest."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    key = f"v{_KERNELS_VERSION}, torch {torch.__version__}"
    MEASURED.load(load_record("kernels", key) or {})
    atexit.register(lambda: save_record("kernels", key, dict(MEASURED.snapshot())))
