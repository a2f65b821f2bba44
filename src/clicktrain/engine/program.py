"""The dense network as a list of steps on numbered tensors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import gcd, lcm
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from torch import Tensor

    from clicktrain.engine.grid import Grid
    from clicktrain.kernels.taps import Taps

__all__ = ["Program", "Step", "Window", "Work"]


@dataclass(frozen=True, slots=True)
class Work:
    """What one value of a map costs, all channels together.

    Parameters
    ----------
    macs : int
        Multiply-accumulates, the same in the dense network and on a patch.
    dense_elements, patch_elements : int
        Elements read by everything else (compares, additions, activations), in the dense network and on a patch.
    """

    macs: int = 0
    dense_elements: int = 0
    patch_elements: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """The values of its input that one value of a step reads, per axis: taps at offset + tap * dilation.

    Parameters
    ----------
    size : tuple of int
        Taps.
    dilation : tuple of int
        Distance between taps in the dense network.
    offset_px : tuple of int
        Where the first tap lies.
    unread_px : tuple of int
        Values behind the last tap that the patch holds and the step drops.
    """

    size: tuple[int, ...]
    dilation: tuple[int, ...]
    offset_px: tuple[int, ...]
    unread_px: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One layer of the dense network.

    Parameters
    ----------
    name : str
        The layer's name in the module, or the name of its node.
    run : callable
        From the input tensors, in their order, to the output tensor. With a window it takes one tensor that begins at
        the first tap, and the distance between the taps, which is smaller in a folded map and 1 in gathered taps.
    inputs : tuple of int
        Numbers of the input tensors; 0 is the image, i the output of step i - 1.
    grid : Grid
        Grid of the output.
    channels : int
        Channels of the output.
    work : Work
    window : Window, optional
        None where a value depends on the values at its own place alone.
    run_selected : callable, optional
        From rows of values (N, C) and the `Taps` to read of them to rows of the output; a faster form of gathering the
        taps and calling `run`.
    run_in_place : callable, optional
        Same as `run`, but may overwrite its first input.
    overwritable : bool
        Whether the output is a tensor of its own that no backward pass reads.
    random : bool
        Whether `run` draws random numbers, and so cannot be repeated.
    """

    name: str
    run: Callable[..., Tensor]
    inputs: tuple[int, ...]
    grid: Grid
    channels: int
    work: Work
    window: Window | None = None
    run_selected: Callable[[Tensor, Taps], Tensor] | None = None
    run_in_place: Callable[..., Tensor] | None = None
    overwritable: bool = False
    random: bool = False


@dataclass(frozen=True)
class Program:
    """Steps from an image to the scores of every patch in it.

    Parameters
    ----------
    steps : tuple of Step
    output : int
        Number of the tensor that holds the scores.
    fov : tuple of int
        Field of view in pixels, per axis.
    in_channels, classes : int
    """

    steps: tuple[Step, ...]
    output: int
    fov: tuple[int, ...]
    in_channels: int
    classes: int

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.fov)

    @cached_property
    def structure(self) -> Hashable:
        """All that a plan depends on: programs of equal structure have the same plans, whatever their parameters."""
        steps = tuple((s.inputs, s.grid, s.channels, s.work, s.window, s.random) for s in self.steps)
        return steps, self.output, self.fov, self.in_channels

    def scores_px(self, image_px: Sequence[int]) -> tuple[int, ...]:
        """Scores per axis of an image of `image_px`."""
        return tuple(n - f + 1 for n, f in zip(image_px, self.fov, strict=True))

    def image_px(self, scores_px: Sequence[int]) -> tuple[int, ...]:
        """Spatial shape of the image that has `scores_px` scores per axis."""
        return tuple(n + f - 1 for n, f in zip(scores_px, self.fov, strict=True))

    def extent_px(self, number: int) -> tuple[int, ...]:
        """Pixels that one value of tensor `number` sees, per axis."""
        return self.steps[number - 1].grid.extent_px if number else (1,) * self.ndim

    def channels(self, number: int) -> int:
        """Channels of tensor `number`."""
        return self.steps[number - 1].channels if number else self.in_channels

    @cached_property
    def largest_folds(self) -> tuple[tuple[int, ...], ...]:
        """Largest fold that each step may run at: it divides what its taps lie apart, and the folds of its readers."""
        folds: list[tuple[int, ...]] = []
        needed: dict[int, tuple[int, ...]] = {}
        strides = tuple(map(lcm, *(step.grid.dilation for step in self.steps), (1,) * self.ndim))
        for number in range(len(self.steps), 0, -1):
            step = self.steps[number - 1]
            folded = needed.get(number, strides)
            if (w := step.window) is not None:
                apart = (d if k > 1 else 0 for k, d in zip(w.size, w.dilation, strict=True))
                folded = tuple(map(gcd, folded, apart, w.offset_px, w.unread_px))
            needed |= {n: tuple(map(gcd, needed.get(n, folded), folded)) for n in step.inputs}
            folds.insert(0, folded)
        return tuple(folds)

    def live_after(self, stop: int) -> tuple[int, ...]:
        """Numbers of the tensors, made by the first `stop` steps or given, that later steps or the caller read."""
        later = {number for step in self.steps[stop:] for number in step.inputs} | {self.output}
        return tuple(sorted(number for number in later if number <= stop))
