"""The dense network as a list of steps on numbered tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clicktrain.kernels.shapes import window

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from clicktrain.engine.grid import Grid

__all__ = ["Program", "Step", "Work"]


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
class Step:
    """One layer of the dense network.

    Parameters
    ----------
    name : str
        The layer's name in the module, or the name of its node.
    run : callable
        From the input tensors, in their order, to the output tensor.
    inputs : tuple of int
        Numbers of the input tensors; 0 is the image, i the output of step i - 1.
    grid : Grid
        Grid of the output.
    work : Work
    run_in_place : callable, optional
        Same as `run`, but may overwrite its first input.
    overwritable : bool
        Whether the output is a tensor of its own that no backward pass reads.
    """

    name: str
    run: Callable[..., Tensor]
    inputs: tuple[int, ...]
    grid: Grid
    work: Work
    run_in_place: Callable[..., Tensor] | None = None
    overwritable: bool = False


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

    def run(self, image: Tensor) -> Tensor:
        """Score every patch of an image (B, C, *spatial) that holds at least one."""
        scores_px = tuple(n - f + 1 for n, f in zip(image.shape[2:], self.fov, strict=True))
        tensors: dict[int, Tensor] = {0: image}
        last_use = {number: i for i, step in enumerate(self.steps) for number in step.inputs}
        for i, step in enumerate(self.steps):
            # Maps are as large as the image: each goes, or is overwritten, as soon as nothing needs it any more.
            dying = {number for number in step.inputs if last_use[number] == i and number != self.output}
            run = step.run_in_place if step.run_in_place and self._may_overwrite(step.inputs[0], dying) else step.run
            tensors[i + 1] = run(*(tensors[number] for number in step.inputs))
            for number in dying:
                del tensors[number]
        return window(tensors[self.output], (0,) * len(scores_px), scores_px)

    def _may_overwrite(self, number: int, dying: set[int]) -> bool:
        # A crop shares its source's memory: what anything else reads, at whatever step, must stay.
        readers = sum(step.inputs.count(number) for step in self.steps)
        return number in dying and number > 0 and readers == 1 and self.steps[number - 1].overwritable
