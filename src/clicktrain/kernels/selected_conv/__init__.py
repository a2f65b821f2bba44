"""Convolution at chosen positions only."""

from clicktrain.kernels.selected_conv.dispatch import selected_conv
from clicktrain.kernels.taps import Taps

__all__ = ["Taps", "selected_conv"]
