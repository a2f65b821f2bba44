"""The definition of the largest tap at chosen positions, in plain torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.kernels.taps import Taps

__all__ = ["selected_max_reference"]


def selected_max_reference(values: Tensor, taps: Taps) -> Tensor:
    """Largest tap (M, C) of values (N, C), the first of equals; see `selected_max`."""
    gathered = values[taps.index()]
    # argmax promises no order among equals; the first True of a 0/1 tensor has the largest rank counted from the end.
    rank = torch.arange(gathered.shape[1], 0, -1, device=values.device).view(1, -1, 1)
    wins = (gathered == gathered.amax(1, keepdim=True)) | gathered.isnan()
    first = (wins * rank).argmax(1, keepdim=True)
    return gathered.gather(1, first)[:, 0]
