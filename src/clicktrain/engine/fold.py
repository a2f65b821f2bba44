"""Folding: the shifts of a strided layer as a batch of smaller maps (fragments), and back.

A map folded by f holds f x f fragments of every image. Fragment (i, j) is the map at rows i, i + f, ... and columns
j, j + f, ...; taps f pixels apart are neighbours there. Fragments of an image follow each other in row-major order of
their shifts.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch.nn.functional as F

from clicktrain.kernels.shapes import window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["fold", "refold", "unfold"]


def fold(maps: Tensor, before: Sequence[int], after: Sequence[int]) -> Tensor:
    """Fold maps further.

    Parameters
    ----------
    maps : Tensor of shape (B * prod(before), C, *spatial)
    before, after : sequence of int
        Fold per axis that the maps have and shall have, a multiple of it.

    Returns
    -------
    Tensor of shape (B * prod(after), C, *(spatial // (after / before)))
        Values that do not fill all fragments are left out.

    References
    ----------
    Giusti et al. 2013, arXiv 1302.1700: max-pooling fragments.
    """
    if tuple(before) == tuple(after):
        return maps
    ndim = len(before)
    ratio = [a // b for a, b in zip(after, before, strict=True)]
    sides = [n // r for n, r in zip(maps.shape[2:], ratio, strict=True)]
    maps = window(maps, (0,) * ndim, [side * r for side, r in zip(sides, ratio, strict=True)])
    pairs = [n for pair in zip(sides, ratio, strict=True) for n in pair]
    # (B, f1.., q1, r1, q2, r2, .., C): place q r + r' of fragment f is place q of fragment f + before * r'.
    split = maps.movedim(1, -1).reshape(-1, *before, *pairs, maps.shape[1])
    shifts = [axis for i in range(ndim) for axis in (1 + ndim + 2 * i + 1, 1 + i)]
    places = [1 + ndim + 2 * i for i in range(ndim)]
    ordered = split.permute(0, *shifts, *places, split.ndim - 1)
    folded: Tensor = ordered.reshape(-1, *sides, maps.shape[1]).movedim(-1, 1)
    return folded


def unfold(maps: Tensor, folded: Sequence[int]) -> Tensor:
    """Put fragments back into whole maps.

    Parameters
    ----------
    maps : Tensor of shape (B * prod(folded), C, *spatial)
    folded : sequence of int
        Fold per axis.

    Returns
    -------
    Tensor of shape (B, C, *(spatial * folded))
    """
    if prod(folded) == 1:
        return maps
    ndim = len(folded)
    split = maps.movedim(1, -1).reshape(-1, *folded, *maps.shape[2:], maps.shape[1])
    axes = [axis for i in range(ndim) for axis in (1 + ndim + i, 1 + i)]
    shape_px = [n * f for n, f in zip(maps.shape[2:], folded, strict=True)]
    whole: Tensor = split.permute(0, *axes, split.ndim - 1).reshape(-1, *shape_px, maps.shape[1]).movedim(-1, 1)
    return whole


def refold(maps: Tensor, before: Sequence[int], after: Sequence[int], shape_px: Sequence[int]) -> Tensor:
    """Fold maps further, or put them back into whole maps first where `after` is no multiple of `before`.

    Parameters
    ----------
    maps : Tensor of shape (B * prod(before), C, *spatial)
    before, after : sequence of int
        Fold per axis that the maps have and shall have.
    shape_px : sequence of int
        Spatial shape of the whole maps.

    Returns
    -------
    Tensor of shape (B * prod(after), C, *(shape_px // after))
    """
    if all(a % b == 0 for a, b in zip(after, before, strict=True)):
        return fold(maps, before, after)
    whole = unfold(maps, before)
    # Values that did not fill all fragments were left out. No score reads them, but the maps must have their size.
    missing = [n - side for n, side in zip(shape_px, whole.shape[2:], strict=True)]
    filled = F.pad(whole, [n for side in reversed(missing) for n in (0, side)]) if any(missing) else whole
    return fold(filled, (1,) * len(after), after)
