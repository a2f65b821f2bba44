"""What a pass costs: work counted exactly from the layers, seconds by the speeds of the device."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.engine.program import Program, Step
    from clicktrain.engine.speeds import Speeds

__all__ = ["Costs", "dense_macs", "patch_macs"]

# Processors take channels in vectors of 16; a group of 50 costs as much as one of 64.
_LANES = 16
# Operations started per step, where they count: on small maps.
_DENSE_CALLS, _SELECTED_CALLS, _PATCH_CALLS = 10, 60, 10
# Passes over memory of a gradient, in units of the forward pass.
_BACKWARD = 2
# Time of the two products of a gradient (with respect to values and weights), in units of the forward product.
_BACKWARD_PRODUCTS = 2.5


def dense_macs(program: Program, outputs_px: Sequence[int]) -> int:
    """Multiply-accumulates of a dense pass that gives `outputs_px` scores per axis."""
    image_px = program.image_px(outputs_px)
    return sum(step.work.macs * prod(step.grid.dense_shape(image_px)) for step in program.steps)


def patch_macs(program: Program) -> int:
    """Multiply-accumulates of the module on one patch."""
    return sum(step.work.macs * prod(step.grid.counts(program.fov)) for step in program.steps)


@dataclass(frozen=True)
class Costs:
    """Predicted seconds of steps.

    Parameters
    ----------
    speeds : Speeds
    gradient : bool
        Whether the backward pass is counted in.
    """

    speeds: Speeds
    gradient: bool

    def dense_s(self, step: Step, values: float, *, pieces: int, cached: bool, repeated: bool) -> float:
        """Seconds of a step on whole maps.

        Parameters
        ----------
        step : Step
        values : float
            Values of the output, all channels as one.
        pieces : int
            Number of parts that the map is cut into.
        cached : bool
            Whether its maps stay in the cache.
        repeated : bool
            Whether the backward pass runs it again.
        """
        s = self.speeds
        product_s = padded_macs(step) * values / s.conv_macs_per_s
        touched = (step.work.dense_elements + (step.channels if step.work.macs else 0)) * values
        moved_s = touched / (s.cached_per_s if cached else s.memory_per_s) + pieces * _DENSE_CALLS * s.call_s
        if not self.gradient:
            return product_s + moved_s
        return (1 + repeated) * (product_s + moved_s) + _BACKWARD_PRODUCTS * product_s + _BACKWARD * moved_s

    def selected_s(self, step: Step, values: float, read_channels: int) -> float:
        """Seconds of a step at chosen places: gather, multiply, and add back in the backward pass."""
        s = self.speeds
        taps = prod(step.window.size) if step.window else 0
        looked_up_s = taps * values / s.rows_per_s
        gathered = taps * read_channels * values
        product_s = padded_macs(step) * values / s.product_macs_per_s
        # A maximum compares tap by tap; with gradient it also notes which tap won.
        rest = (0 if step.work.macs else taps * (1 + 2 * self.gradient) + 1) * step.channels * values
        # Tables are new memory; so are their gradients, which are cleared before they are added to.
        written_s = step.channels * values * (1 + 2 * self.gradient) / s.memory_per_s
        forward_s = looked_up_s + gathered / s.gather_per_s + product_s + rest / s.cached_per_s
        total_s = forward_s + written_s + _SELECTED_CALLS * s.call_s
        if not self.gradient:
            return total_s
        again_s = looked_up_s + gathered / s.gather_per_s if step.work.macs else 0.0
        backward_s = _BACKWARD_PRODUCTS * product_s + gathered / s.scatter_per_s + again_s
        return total_s + backward_s + _BACKWARD * rest / s.cached_per_s + _SELECTED_CALLS * s.call_s

    def patch_s(self, program: Program) -> float:
        """Seconds of one patch in a large batch."""
        s = self.speeds
        macs = sum(padded_macs(step) * prod(step.grid.counts(program.fov)) for step in program.steps)
        elements = sum(
            (step.work.patch_elements + (step.channels if step.work.macs else 0)) * prod(step.grid.counts(program.fov))
            for step in program.steps
        )
        product_s, moved_s = macs / s.patch_macs_per_s, elements / s.cached_per_s
        total_s = product_s + moved_s
        if self.gradient:
            total_s += _BACKWARD_PRODUCTS * product_s + _BACKWARD * moved_s
        return total_s + program.in_channels * prod(program.fov) / s.gather_per_s

    def least_s(self, program: Program, outputs_px: Sequence[int]) -> float:
        """Seconds that a dense pass takes at least: those of its arithmetic."""
        return dense_macs(program, outputs_px) * (1 + 2 * self.gradient) / self.speeds.conv_macs_per_s

    def patch_calls_s(self, program: Program) -> float:
        """Seconds of starting the layers on one batch of patches."""
        return len(program.steps) * _PATCH_CALLS * (1 + 2 * self.gradient) * self.speeds.call_s


def padded_macs(step: Step) -> float:
    """Multiply-accumulates of one value, with the output channels filled up to whole vectors."""
    return step.work.macs * (-(-step.channels // _LANES) * _LANES) / step.channels
