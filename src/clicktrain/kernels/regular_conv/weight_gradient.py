"""The weight gradient of a dilated convolution on processors for which oneDNN has none that is fast."""

from __future__ import annotations

import math
import platform
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    Convolve = Callable[[Tensor, Tensor, Tensor | None, Sequence[int]], Tensor]

__all__ = ["conv_with_own_weight_gradient", "gains_by_own_weight_gradient", "weight_gradient"]

# Below AVX-512 oneDNN copies all taps of a map side by side before it multiplies, which for images takes longer than
# what is done here. Where it would take 32 times the memory of the map it refuses, and a plain loop takes its place.
_MOST_TAPS = 30
# Pixels with their taps that are copied at a time: they should stay in the cache. In volumes, a slice at least.
_BLOCK_BYTES = 1 << 22


def gains_by_own_weight_gradient(image: Tensor, kernel: Sequence[int], dilation: Sequence[int], groups: int) -> bool:
    """Whether a convolution of an image (B, C, [Z,] Y, X) should be followed by `weight_gradient` on its way back."""
    apart = any(k > 1 and d > 1 for k, d in zip(kernel, dilation, strict=True))
    if groups > 1 or not apart or not _lacks_a_fast_one() or not _plain_cpu(image):
        return False
    sizes = list(image.shape[2:])
    made = math.prod(n - d * (k - 1) for n, k, d in zip(sizes, kernel, dilation, strict=True))
    return len(sizes) == 2 or math.prod(kernel) * made > _MOST_TAPS * math.prod(sizes)


@cache
def _lacks_a_fast_one() -> bool:
    on_x86 = platform.machine().lower() in ("x86_64", "amd64")
    return on_x86 and not torch.backends.cpu.get_cpu_capability().startswith("AVX512")


def _plain_cpu(image: Tensor) -> bool:
    return image.device.type == "cpu" and image.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")


def conv_with_own_weight_gradient(
    convolve: Convolve, image: Tensor, weight: Tensor, bias: Tensor | None, dilation: Sequence[int]
) -> Tensor:
    """Convolve with dilation, as ATen does, and come back by `weight_gradient`; that gradient has none of its own.

    Parameters
    ----------
    convolve : callable
        From image, weight, bias and dilation to the scores.
    image : Tensor of shape (B, C, [Z,] Y, X)
        Channels last in memory.
    weight : Tensor of shape (K, C, [u,] v, w)
    bias : Tensor of shape (K,), optional
    dilation : sequence of int

    Returns
    -------
    Tensor of shape (B, K, [z,] y, x)
    """
    scores: Tensor = _Conv.apply(convolve, image, weight, bias, tuple(dilation))  # type: ignore[no-untyped-call]
    return scores


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        convolve: Convolve,
        image: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        dilation: tuple[int, ...],
    ) -> Tensor:
        ctx.save_for_backward(image, weight)
        ctx.dilation = dilation
        return convolve(image, weight, bias, dilation)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        image, weight = ctx.saved_tensors
        _, needs_image, needs_weight, needs_bias, _ = ctx.needs_input_grad
        to_image = _image_gradient(grad, image, weight, ctx.dilation) if needs_image else None
        to_weight = weight_gradient(grad, image, weight.shape[2:], ctx.dilation) if needs_weight else None
        to_bias = grad.sum((0, *range(2, grad.ndim))) if needs_bias else None
        return None, to_image, to_weight, to_bias, None


def _image_gradient(grad: Tensor, image: Tensor, weight: Tensor, dilation: Sequence[int]) -> Tensor:
    ones, zeros = [1] * len(dilation), [0] * len(dilation)
    to_image: Tensor = torch.ops.aten.convolution_backward(
        grad, image, weight, None, ones, zeros, list(dilation), False, zeros, 1, [True, False, False]
    )[0]
    return to_image


def weight_gradient(grad: Tensor, image: Tensor, kernel: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Add up the products of scores' gradients and the pixels under every tap, a block of pixels at a time.

    Parameters
    ----------
    grad : Tensor of shape (B, K, [z,] y, x)
        Gradient at the scores.
    image : Tensor of shape (B, C, [Z,] Y, X)
    kernel : sequence of int
        Taps along each axis.
    dilation : sequence of int

    Returns
    -------
    Tensor of shape (K, C, *kernel)

    References
    ----------
    Li, Zhao, Wang 2014, arXiv 1412.4526, section 4: backward through d-regularly sparse kernels.
    """
    *outer, across = kernel
    channels, scores = image.shape[1], grad.shape[1]
    pixels, grads = image.movedim(1, -1), grad.movedim(1, -1)
    # Taps of one line side by side: larger matrices are multiplied at a higher rate.
    lines = pixels.unfold(-2, (across - 1) * dilation[-1] + 1, 1)[..., :: dilation[-1]].movedim(-1, -2)
    total = grad.new_zeros((math.prod(outer), scores, across * channels))
    for images, rows in _blocks(grads, across * channels):
        block = grads[images, rows].reshape(-1, scores).T
        for one, taps in zip(total, product(*map(range, outer)), strict=True):
            one.addmm_(block, lines[_shifted(images, rows, taps, grads.shape, dilation)].flatten(0, -3).flatten(1))
    return total.view(*outer, scores, across, channels).movedim((-3, -1), (0, 1))


def _blocks(grads: Tensor, values: int) -> Iterator[tuple[slice, slice]]:
    """Images, and rows along the first axis, that fit together into a block with so many values per pixel."""
    n_images, n_rows, *inner = grads.shape[:-1]
    row_bytes = grads.element_size() * values * math.prod(inner)
    rows = max(1, min(n_rows, _BLOCK_BYTES // row_bytes))
    images = max(1, _BLOCK_BYTES // (row_bytes * rows)) if rows == n_rows else 1
    for first, top in product(range(0, n_images, images), range(0, n_rows, rows)):
        yield slice(first, min(first + images, n_images)), slice(top, min(top + rows, n_rows))


def _shifted(
    images: slice, rows: slice, taps: Sequence[int], shape: Sequence[int], dilation: Sequence[int]
) -> tuple[slice, ...]:
    """Where the pixels under a line of taps lie for a block of scores."""
    first = taps[0] * dilation[0] if taps else 0
    within = [slice(t * d, t * d + n) for t, d, n in zip(taps[1:], dilation[1:-1], shape[2:-2], strict=True)]
    return (images, slice(rows.start + first, rows.stop + first), *within)
