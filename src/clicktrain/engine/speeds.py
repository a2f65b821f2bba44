"""What a kind of device can do, in the few numbers that the planner needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["Speeds", "speeds_of"]


@dataclass(frozen=True, slots=True)
class Speeds:
    """Rates of one kind of device in float32.

    The planner compares ways with each other, so what matters is how the rates relate: a machine that does everything
    twice as fast has the same plans.

    Parameters
    ----------
    conv_macs_per_s, product_macs_per_s, patch_macs_per_s : float
        Multiply-accumulates of a convolution on whole maps, of a matrix product of gathered taps, and of a convolution
        on a batch of small patches, as the module itself runs.
    gather_per_s, scatter_per_s : float
        Elements of rows gathered, and added back.
    rows_per_s : float
        Rows looked up, whatever their length.
    cached_per_s, memory_per_s : float
        Elements of an elementwise operation, where its operands are in the cache and where they are in new memory.
    call_s : float
        Cost of starting one operation.
    always_fragments : bool
        Whether passes without gradient are faster in fragments, too.
    cache_bytes : int
        Size of the maps of a piece that count as cached.
    """

    conv_macs_per_s: float
    product_macs_per_s: float
    patch_macs_per_s: float
    gather_per_s: float
    scatter_per_s: float
    rows_per_s: float
    cached_per_s: float
    memory_per_s: float
    call_s: float
    always_fragments: bool = False
    cache_bytes: int = 6 << 20


# Geometric means of what two cores with AVX2 and two with AVX-512 do.
_CPU = Speeds(
    conv_macs_per_s=115e9,
    product_macs_per_s=108e9,
    patch_macs_per_s=104e9,
    gather_per_s=11e9,
    scatter_per_s=3.6e9,
    rows_per_s=320e6,
    cached_per_s=15e9,
    memory_per_s=3e9,
    call_s=2.6e-6,
)
# Those of an H100.
_CUDA = Speeds(
    conv_macs_per_s=16e12,
    product_macs_per_s=5.7e12,
    patch_macs_per_s=9.7e12,
    gather_per_s=75e9,
    scatter_per_s=130e9,
    rows_per_s=56e9,
    cached_per_s=470e9,
    memory_per_s=470e9,
    call_s=4.5e-6,
    always_fragments=True,
)
# Not measured: the relations of an H100 at the arithmetic and the memory of a laptop, where operations start slower.
_MPS = Speeds(
    conv_macs_per_s=2e12,
    product_macs_per_s=1e12,
    patch_macs_per_s=1.2e12,
    gather_per_s=10e9,
    scatter_per_s=15e9,
    rows_per_s=7e9,
    cached_per_s=50e9,
    memory_per_s=50e9,
    call_s=20e-6,
    always_fragments=True,
)
_SPEEDS = {"cpu": _CPU, "cuda": _CUDA, "mps": _MPS}


def speeds_of(device: torch.device) -> Speeds:
    """Speeds of the kind of a device; those of a processor where the kind is not known."""
    return _SPEEDS.get(device.type, _CPU)
