"""Convolution at chosen positions only."""

from clicktrain.kernels.selected_conv.dispatch import selected_conv

__all__ = ["selected_conv"]
