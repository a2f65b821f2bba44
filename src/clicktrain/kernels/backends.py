"""Which implementations of a kernel there are, and why one may be missing."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

import torch

from clicktrain.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Backend", "resolve_backend", "runs_triton_natively", "why_no_triton"]

Backend = Literal["auto", "aten", "reference", "triton"]

# Asked at every call: to look for a package takes longer than to start several kernels.
find_spec = cache(importlib.util.find_spec)


def why_no_triton(device: torch.device, ndim: int = 2) -> str | None:
    """Say why Triton kernels cannot run on `device`, or None if they can."""
    if ndim != 2:
        return f"its kernels are written for 2 spatial axes, not {ndim}"
    if find_spec("triton") is None:
        return "the package triton is not installed"
    if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return f"it needs a CUDA tensor (got one on {device.type}) or TRITON_INTERPRET=1"
    return None


def runs_triton_natively(device: torch.device, ndim: int = 2) -> bool:
    """Whether Triton kernels run on `device` itself: their interpreter is for tests, never a faster way."""
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    return device.type == "cuda" and not interpreted and why_no_triton(device, ndim) is None


def resolve_backend(backend: Backend, device: torch.device, ndim: int, fastest: Callable[[], str] | None = None) -> str:
    """Turn a wish into an implementation that can run: "aten", "reference" or "triton".

    Parameters
    ----------
    backend : {"auto", "aten", "reference", "triton"}
    device : torch.device
    ndim : int
        Number of spatial axes.
    fastest : callable, optional
        Measures which implementation is fastest here, and names it. Asked for "auto" where Triton runs natively;
        without it "auto" is "aten".

    Raises
    ------
    BackendError
        If the backend is unknown, or was asked for by name and cannot run here.
    """
    if backend not in get_args(Backend):
        raise BackendError(f"backend must be one of {', '.join(get_args(Backend))}, got {backend!r}.")
    if backend == "triton" and (reason := why_no_triton(device, ndim)):
        raise BackendError(f"backend 'triton' must be able to run here, got: {reason}. Use backend='auto'.")
    if backend != "auto":
        return backend
    # Under autocast PyTorch's way computes in another number type than the one that is given.
    if fastest is None or not runs_triton_natively(device, ndim) or torch.is_autocast_enabled(device.type):
        return "aten"
    return fastest()
