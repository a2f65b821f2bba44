"""Convolution of chosen channels, added to the first ones."""

from clicktrain.kernels.mod_conv.dispatch import mod_conv

__all__ = ["mod_conv"]
