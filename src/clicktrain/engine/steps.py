"""Run consecutive steps of a program on maps that begin at one pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clicktrain.kernels.shapes import window

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from torch import Tensor

    from clicktrain.engine.program import Program, Step

__all__ = ["run_step", "run_steps"]


def run_step(step: Step, maps: Sequence[Tensor], folded: Sequence[int], *, may_overwrite: bool = False) -> Tensor:
    """Run one step on maps (B, C, *spatial) that are folded by `folded`."""
    if step.window is None:
        return (step.run_in_place if may_overwrite and step.run_in_place else step.run)(*maps)
    (values,) = maps
    step_window = step.window
    first = [offset_px // f for offset_px, f in zip(step_window.offset_px, folded, strict=True)]
    kept = [
        n - (offset_px + unread_px) // f
        for n, offset_px, unread_px, f in zip(
            values.shape[2:], step_window.offset_px, step_window.unread_px, folded, strict=True
        )
    ]
    values = window(values, first, kept)
    dilation = tuple(max(1, d // f) for d, f in zip(step_window.dilation, folded, strict=True))
    return step.run(values, dilation)


def run_steps(
    program: Program,
    start: int,
    stop: int,
    maps: Mapping[int, Tensor],
    folded: Sequence[int],
    wanted: Collection[int],
) -> dict[int, Tensor]:
    """Run steps `start` to `stop` of a program.

    Parameters
    ----------
    program : Program
    start, stop : int
    maps : mapping of int to Tensor of shape (B, C, *spatial)
        The tensors that these steps read and do not make, by number.
    folded : sequence of int
        Fold of all maps, per axis.
    wanted : collection of int
        Numbers of the tensors to give.
    """
    tensors = dict(maps)
    steps = program.steps[start:stop]
    last_use = {number: i for i, step in enumerate(steps, start) for number in step.inputs}
    for i, step in enumerate(steps, start):
        # Maps are large: each goes, or is overwritten, as soon as nothing needs it any more.
        dying = {n for n in step.inputs if last_use[n] == i and n not in wanted}
        overwrites = _may_overwrite(program, step.inputs[0], dying, start)
        tensors[i + 1] = run_step(step, [tensors[n] for n in step.inputs], folded, may_overwrite=overwrites)
        for number in dying:
            del tensors[number]
    return {number: tensors[number] for number in wanted}


def _may_overwrite(program: Program, number: int, dying: set[int], start: int) -> bool:
    # A crop shares its source's memory: what anything else reads, at whatever step, must stay.
    readers = sum(step.inputs.count(number) for step in program.steps)
    return number in dying and number > start and readers == 1 and program.steps[number - 1].overwritable
