"""The convolution of chosen channels: one name, several implementations."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from clicktrain.errors import ShapeError
from clicktrain.kernels.backends import resolve_backend
from clicktrain.kernels.measured import fastest_way, is_worth_measuring, problem_key
from clicktrain.kernels.mod_conv.aten import mod_conv_aten
from clicktrain.kernels.mod_conv.reference import mod_conv_reference
from clicktrain.kernels.mod_conv.shapes import margins_px
from clicktrain.kernels.shapes import per_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.kernels.backends import Backend
    from clicktrain.kernels.regular_conv.activations import ModActivation

__all__ = ["mod_conv"]


def mod_conv(
    image: Tensor,
    channels: Tensor,
    scores: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    dilation: int | Sequence[int] = 1,
    padding_px: Sequence[int] | None = None,
    activation: ModActivation = "none",
    backend: Backend = "auto",
) -> Tensor:
    """Convolve the chosen channels of every image and add the result, times its scores, to the first channels.

    Parameters
    ----------
    image : Tensor of shape (B, C, [Z,] Y, X)
    channels : Tensor of shape (B, k), int64
        Different ones for an image; 0 to C - 1.
    scores : Tensor of shape (B, k)
    weight : Tensor of shape (k, k, [u,] v, w)
        Odd sizes, or even ones with an even dilation, so that the result lies in the middle of the image.
    bias : Tensor of shape (k,), optional
    dilation : int or sequence of int
        Distance between taps.
    padding_px : sequence of int, optional
        Zeros on every side, per axis, at most half of what the kernel reaches; none by default.
    activation : {"none", "relu"}
        What the convolution goes through before its scores.
    backend : {"auto", "aten", "reference", "triton"}

    Returns
    -------
    Tensor of shape (B, C, [Z',] Y', X')
        The middle of the image, its first k channels with the sum; Y' = Y + 2 padding - (v - 1) dilation.

    Raises
    ------
    ShapeError
        If shapes do not fit, or the result would not lie in the middle.
    BackendError
        If a backend was asked for that cannot run here.

    References
    ----------
    Cakaj, Mehnert, Yang 2024, arXiv 2409.17016: the block, and that its slices and sums cost time.
    """
    ndim = weight.ndim - 2
    dilation = per_axis(dilation, ndim, "dilation")
    padding = (0,) * ndim if padding_px is None else tuple(padding_px)
    _check_channels(image, channels, scores, weight)
    _check_space(image, weight, dilation, padding)

    def run(way: str, image: Tensor, scores: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if way == "triton":
            # Triton is an optional package, so its kernels are imported only when asked for.
            from clicktrain.kernels.mod_conv.autograd import mod_conv_triton as convolve
        else:
            convolve = mod_conv_reference if way == "reference" else mod_conv_aten
        return convolve(image, channels, scores, weight, bias, dilation, padding, activation)

    def measured() -> str:
        operation = f"mod_conv {activation} padding {padding}"
        key = problem_key(operation, image, (image.shape[1], len(weight)), weight.shape[2:], dilation)
        return fastest_way(key, run, inputs)

    inputs = (image, scores, weight, bias)
    worth = is_worth_measuring(macs=len(image) * prod(image.shape[2:]) * weight.numel(), inputs=(image, weight))
    return run(resolve_backend(backend, image.device, ndim, measured if worth else None), *inputs)


def _check_channels(image: Tensor, channels: Tensor, scores: Tensor, weight: Tensor) -> None:
    k = channels.shape[-1]
    wanted = (image.shape[0], k)
    fits = image.ndim == weight.ndim and tuple(weight.shape[:2]) == (k, k) and 1 <= k <= image.shape[1]
    if not fits or tuple(channels.shape) != wanted or tuple(scores.shape) != wanted:
        raise ShapeError(
            f"channels and scores must be of shape (B, k) and weight of (k, k, ...), with k at most the image's "
            f"channels, got {tuple(channels.shape)}, {tuple(scores.shape)} and {tuple(weight.shape)} for an image of "
            f"{tuple(image.shape)}."
        )


def _check_space(image: Tensor, weight: Tensor, dilation: Sequence[int], padding: Sequence[int]) -> None:
    reach = [(n - 1) * d for n, d in zip(weight.shape[2:], dilation, strict=True)]
    margins = margins_px(weight.shape[2:], dilation, padding)
    if any(r % 2 for r in reach) or min(padding) < 0 or min(margins) < 0:
        raise ShapeError(
            f"the kernel must reach evenly to both sides, and as far as padding_px at least, got {tuple(reach)} px and "
            f"padding_px={tuple(padding)}. Use odd kernels."
        )
    if any(n <= 2 * m for n, m in zip(image.shape[2:], margins, strict=True)):
        raise ShapeError(
            f"image must be larger than {tuple(2 * m for m in margins)} px, got {tuple(image.shape[2:])}. "
            "Use a larger image or a smaller dilation."
        )
