"""What a device can do, in the few numbers that the planner needs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Speeds"]


@dataclass(frozen=True, slots=True)
class Speeds:
    """Measured rates of one device, for one floating-point type and number of spatial axes.

    Parameters
    ----------
    conv_macs_per_s, spaced_conv_macs_per_s : float
        Multiply-accumulates of a convolution, with taps side by side and apart.
    conv_backward_macs_per_s, spaced_conv_backward_macs_per_s : float
        Multiply-accumulates of the gradients of image and weight together.
    product_macs_per_s, product_backward_macs_per_s : float
        The same of the matrix products of gathered taps.
    gather_per_s, scatter_per_s : float
        Elements of rows gathered, and added back.
    rows_per_s : float
        Rows looked up, whatever their length.
    patch_macs_per_s, patch_backward_macs_per_s : float
        Multiply-accumulates of a convolution on a batch of small patches, as the module itself runs.
    cached_per_s, memory_per_s : float
        Elements of an elementwise operation, where its operands are in the cache and where they are in new memory.
    call_s : float
        Cost of starting one operation.
    cache_bytes : int
        Size of the maps of a piece that count as cached.
    """

    conv_macs_per_s: float = 200e9
    spaced_conv_macs_per_s: float = 200e9
    conv_backward_macs_per_s: float = 190e9
    spaced_conv_backward_macs_per_s: float = 140e9
    product_macs_per_s: float = 190e9
    product_backward_macs_per_s: float = 150e9
    gather_per_s: float = 14e9
    scatter_per_s: float = 3.5e9
    rows_per_s: float = 300e6
    patch_macs_per_s: float = 60e9
    patch_backward_macs_per_s: float = 60e9
    cached_per_s: float = 12e9
    memory_per_s: float = 4e9
    call_s: float = 10e-6
    cache_bytes: int = 6 << 20
