"""What a pass costs, counted exactly from the layers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.engine.program import Program

__all__ = ["dense_cost", "dense_macs", "patch_cost", "patch_macs"]

# What one element costs in multiply-accumulates of a convolution (2 CPU cores, float32): an activation where the map
# was just written, and a copy out of an image that lies in memory.
_MACS_PER_ELEMENT = 16
_MACS_PER_COPY = 64


def dense_macs(program: Program, outputs_px: Sequence[int]) -> int:
    """Multiply-accumulates of a dense pass that gives `outputs_px` scores per axis."""
    image_px = _image_px(program, outputs_px)
    return sum(step.work.macs * prod(step.grid.dense_shape(image_px)) for step in program.steps)


def patch_macs(program: Program) -> int:
    """Multiply-accumulates of the module on one patch."""
    return sum(step.work.macs * prod(step.grid.counts(program.fov)) for step in program.steps)


def dense_cost(program: Program, outputs_px: Sequence[int]) -> int:
    """Multiply-accumulates of a dense pass, with memory traffic and the gathering of its input counted in."""
    image_px = _image_px(program, outputs_px)
    elements = sum(step.work.dense_elements * prod(step.grid.dense_shape(image_px)) for step in program.steps)
    copied = _MACS_PER_COPY * program.in_channels * prod(image_px)
    return dense_macs(program, outputs_px) + _MACS_PER_ELEMENT * elements + copied


def patch_cost(program: Program) -> int:
    """Multiply-accumulates of one patch, with memory traffic and the gathering of its pixels counted in."""
    elements = sum(step.work.patch_elements * prod(step.grid.counts(program.fov)) for step in program.steps)
    copied = _MACS_PER_COPY * program.in_channels * prod(program.fov)
    return patch_macs(program) + _MACS_PER_ELEMENT * elements + copied


def _image_px(program: Program, outputs_px: Sequence[int]) -> tuple[int, ...]:
    return tuple(n + f - 1 for n, f in zip(outputs_px, program.fov, strict=True))
