"""Largest tap at chosen positions only."""

from clicktrain.kernels.selected_pool.aten import selected_max

__all__ = ["selected_max"]
