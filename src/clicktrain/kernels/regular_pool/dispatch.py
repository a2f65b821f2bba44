"""Pooling with dilated taps: one name each for maximum and mean, several implementations."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from clicktrain.errors import BackendError, ShapeError
from clicktrain.kernels.backends import resolve_backend
from clicktrain.kernels.measured import fastest_way, is_worth_measuring, problem_key
from clicktrain.kernels.regular_pool.aten import avg_pool_aten, max_pool_aten
from clicktrain.kernels.regular_pool.reference import avg_pool_reference, max_pool_reference
from clicktrain.kernels.shapes import per_axis, valid_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.kernels.backends import Backend

__all__ = ["regular_avg_pool", "regular_max_pool"]

_MOST_TAPS = 16


def regular_max_pool(
    image: Tensor, size: int | Sequence[int], *, dilation: int | Sequence[int], backend: Backend = "auto"
) -> Tensor:
    """Take the largest of taps `dilation` apart, at every pixel.

    Of equal taps the first in row-major order takes the gradient, as in `torch.nn.functional.max_pool2d`.

    Parameters
    ----------
    image : Tensor of shape (B, C, [Z,] Y, X)
    size : int or sequence of int
        Taps per axis.
    dilation : int or sequence of int
        Distance between neighbouring taps, in pixels; 1 is ordinary pooling with stride 1.
    backend : {"auto", "aten", "reference", "triton"}

    Returns
    -------
    Tensor of shape (B, C, [Z - d (k - 1),] Y - d (k - 1), X - d (k - 1)), with k = size and d = dilation

    Raises
    ------
    ShapeError
        If the taps reach beyond the image.
    BackendError
        If a backend was asked for that cannot run here.

    References
    ----------
    Li, Zhao, Wang 2014, arXiv 1412.4526, section 3: pooling with d-regularly sparse kernels.
    """
    taps, dilation = _checked(image, size, dilation)

    def run(way: str, image: Tensor) -> Tensor:
        if way == "triton":
            # Triton is an optional package, so its kernels are imported only when asked for.
            from clicktrain.kernels.regular_pool.autograd import max_pool_triton

            return max_pool_triton(image, taps, dilation)
        return (max_pool_reference if way == "reference" else max_pool_aten)(image, taps, dilation)

    def measured() -> str:
        return fastest_way(problem_key("regular_max_pool", image, image.shape[1:2], taps, dilation), run, (image,))

    # Of many taps the doubling reads a few, and the kernel all.
    worth = prod(taps) <= _MOST_TAPS and is_worth_measuring(compares=image.numel() * prod(taps), inputs=(image,))
    return run(resolve_backend(backend, image.device, len(taps), measured if worth else None), image)


def regular_avg_pool(
    image: Tensor, size: int | Sequence[int], *, dilation: int | Sequence[int], backend: Backend = "auto"
) -> Tensor:
    """Take the mean of taps `dilation` apart, at every pixel.

    Parameters
    ----------
    image : Tensor of shape (B, C, [Z,] Y, X)
    size : int or sequence of int
        Taps per axis.
    dilation : int or sequence of int
        Distance between neighbouring taps, in pixels; 1 is ordinary pooling with stride 1.
    backend : {"auto", "aten", "reference"}

    Returns
    -------
    Tensor of shape (B, C, [Z - d (k - 1),] Y - d (k - 1), X - d (k - 1)), with k = size and d = dilation

    Raises
    ------
    ShapeError
        If the taps reach beyond the image.
    BackendError
        If a backend was asked for that cannot run here.

    References
    ----------
    Li, Zhao, Wang 2014, arXiv 1412.4526, section 3: pooling with d-regularly sparse kernels.
    """
    taps, dilation = _checked(image, size, dilation)
    if backend == "triton":
        raise BackendError("backend must be 'auto', 'aten' or 'reference' for the mean, got 'triton'. Use 'auto'.")
    chosen = resolve_backend(backend, image.device, len(taps))
    return (avg_pool_reference if chosen == "reference" else avg_pool_aten)(image, taps, dilation)


def _checked(
    image: Tensor, size: int | Sequence[int], dilation: int | Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    ndim = image.ndim - 2
    if ndim not in (2, 3):
        raise ShapeError(f"image must be (B, C, [Z,] Y, X), got shape {tuple(image.shape)}.")
    taps, dilation = per_axis(size, ndim, "size"), per_axis(dilation, ndim, "dilation")
    valid_shape(image, taps, dilation)
    return taps, dilation
