"""Whole-image labels with PatchGD: images that do not fit are learned from a few patches at a time."""
