"""Binning: squares of pixels put together, so that a network of the same size sees further."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from clicktrain.annotations.clicks import Clicks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from clicktrain.types import FloatArray, IntArray

__all__ = ["binned", "binned_clicks", "binned_shape", "unbinning"]


def binned(image: Tensor, binning: int) -> Tensor:
    """Average squares of pixels.

    Parameters
    ----------
    image : Tensor of shape (C, Y, X)
        Of any shape if the binning is 1.
    binning : int
        Pixels along a side of a square. The last squares are averages of what there is of them.

    Returns
    -------
    Tensor of shape (C, Y / binning, X / binning), rounded up
        The image itself if the binning is 1.
    """
    if binning == 1:
        return image
    return F.avg_pool2d(image[None], binning, ceil_mode=True, count_include_pad=False)[0]


def binned_shape(shape_px: Sequence[int], binning: int) -> tuple[int, ...]:
    """Shape of an image after binning.

    Parameters
    ----------
    shape_px : sequence of int
        Spatial shape of the image.
    binning : int

    Returns
    -------
    tuple of int
        In squares, rounded up.
    """
    return tuple(-(-side // binning) for side in shape_px)


def binned_clicks(clicks: Clicks, binning: int) -> tuple[Clicks, IntArray]:
    """Click the squares that pixels lie in, once for each class that is clicked there.

    Parameters
    ----------
    clicks : Clicks
    binning : int

    Returns
    -------
    clicks : Clicks
        On the binned image; as they are if the binning is 1.
    first : ndarray of shape (M,), int64
        For each of them, the first of the given clicks that lies there.
    """
    if binning == 1:
        return clicks, np.arange(len(clicks))
    shape_px = binned_shape(clicks.shape_px, binning)
    squares = clicks.positions_px // binning
    numbers = np.ravel_multi_index(tuple(squares.T), shape_px) + clicks.classes * np.prod(shape_px)
    first = np.sort(np.unique(numbers, return_index=True)[1])
    return Clicks(squares[first], clicks.classes[first], shape_px), first


def unbinning(answers: FloatArray, binning: int, target: FloatArray) -> Iterator[None]:
    """Fill in what lies between the answers of a binned image, linearly between the middles of the squares.

    Parameters
    ----------
    answers : ndarray of shape (K, y, x), float32
    binning : int
        2 or more.
    target : ndarray of shape (K, Y, X), float32
        Is filled, class by class.

    Yields
    ------
    None
        Before every class.
    """
    for coarse, fine in zip(answers, target, strict=True):
        yield
        spread = F.interpolate(torch.from_numpy(coarse)[None, None], scale_factor=binning, mode="bilinear")
        fine[:] = spread[0, 0, : fine.shape[0], : fine.shape[1]].numpy()
