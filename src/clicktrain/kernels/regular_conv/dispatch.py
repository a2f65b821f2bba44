"""The d-regularly sparse convolution: one name, several implementations."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from clicktrain.errors import ShapeError
from clicktrain.kernels.backends import resolve_backend
from clicktrain.kernels.measured import fastest_way, is_worth_measuring, problem_key
from clicktrain.kernels.regular_conv.activations import activate
from clicktrain.kernels.regular_conv.aten import regular_conv_aten
from clicktrain.kernels.regular_conv.reference import regular_conv_reference
from clicktrain.kernels.shapes import per_axis, valid_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.kernels.backends import Backend
    from clicktrain.kernels.regular_conv.activations import Activation

__all__ = ["regular_conv"]


def regular_conv(
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    dilation: int | Sequence[int],
    groups: int = 1,
    activation: Activation = "none",
    backend: Backend = "auto",
) -> Tensor:
    """Convolve with taps `dilation` apart, so that one pass scores every pixel.

    Parameters
    ----------
    image : Tensor of shape (B, C, [Z,] Y, X)
    weight : Tensor of shape (K, C / groups, [u,] v, w)
    bias : Tensor of shape (K,), optional
    dilation : int or sequence of int
        Distance between neighbouring taps, in pixels, for all axes or one per axis; 1 is an ordinary convolution.
    groups : int
        Number of channel groups that do not see each other.
    activation : {"none", "relu", "tanh"}
        What the scores go through; Triton does it while it still holds them.
    backend : {"auto", "aten", "reference", "triton"}

    Returns
    -------
    Tensor of shape (B, K, [Z - d (u - 1),] Y - d (v - 1), X - d (w - 1)), with d = dilation

    Raises
    ------
    ShapeError
        If the kernel reaches beyond the image, or channels do not fit.
    BackendError
        If a backend was asked for that cannot run here.

    References
    ----------
    Li, Zhao, Wang 2014, arXiv 1412.4526, section 3: d-regularly sparse kernels.
    """
    ndim = weight.ndim - 2
    if ndim not in (2, 3) or image.ndim != weight.ndim:
        raise ShapeError(
            f"image and weight must both have 2 or both 3 spatial axes, got shapes {tuple(image.shape)} and "
            f"{tuple(weight.shape)}. Give images as (B, C, [Z,] Y, X)."
        )
    if image.shape[1] != groups * weight.shape[1] or weight.shape[0] % groups:
        raise ShapeError(
            f"image must have {groups * weight.shape[1]} channels for a weight of shape {tuple(weight.shape)} in "
            f"{groups} groups, got {image.shape[1]}."
        )
    dilation = per_axis(dilation, ndim, "dilation")
    valid_shape(image, weight.shape[2:], dilation)

    def run(way: str, image: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if way == "triton":
            # Triton is an optional package, so its kernels are imported only when asked for.
            from clicktrain.kernels.regular_conv.autograd import regular_conv_triton

            return regular_conv_triton(image, weight, bias, dilation, groups, activation)
        convolve = regular_conv_reference if way == "reference" else regular_conv_aten
        return activate(convolve(image, weight, bias, dilation, groups), activation)

    def measured() -> str:
        operation = f"regular_conv {activation} in {groups} groups"
        key = problem_key(operation, image, (image.shape[1], weight.shape[0]), weight.shape[2:], dilation)
        return fastest_way(key, run, inputs)

    inputs = (image, weight, bias)
    worth = is_worth_measuring(macs=len(image) * prod(image.shape[2:]) * weight.numel(), inputs=inputs[:2])
    return run(resolve_backend(backend, image.device, ndim, measured if worth else None), *inputs)
