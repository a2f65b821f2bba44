"""The definition of pooling with dilated taps, in plain torch."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import torch

from clicktrain.kernels.shapes import valid_shape, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["avg_pool_reference", "max_pool_reference"]


def _shifted_copies(image: Tensor, size: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """One shifted copy of the image per tap, in row-major order, as (taps, B, C, *spatial)."""
    shape_px = valid_shape(image, size, dilation)
    starts = ([t * d for t, d in zip(tap, dilation, strict=True)] for tap in product(*(range(k) for k in size)))
    return torch.stack([window(image, start_px, shape_px) for start_px in starts])


def max_pool_reference(image: Tensor, size: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Largest tap, the first of equals in row-major order; see `regular_max_pool`."""
    copies = _shifted_copies(image, size, dilation)
    wins = (copies == copies.amax(0)) | copies.isnan()
    # argmax promises no order among equals; the first True of a 0/1 image has the largest rank counted from the end.
    rank = torch.arange(len(copies), 0, -1, device=image.device).view(-1, *[1] * image.ndim)
    first = (wins * rank).argmax(0, keepdim=True)
    return copies.gather(0, first)[0]


def avg_pool_reference(image: Tensor, size: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Mean of the taps; see `regular_avg_pool`."""
    return _shifted_copies(image, size, dilation).mean(0)
