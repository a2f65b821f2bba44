"""Dilated convolution."""

from clicktrain.kernels.regular_conv.dispatch import regular_conv

__all__ = ["regular_conv"]
