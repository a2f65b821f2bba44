"""Steps at the places that the chosen patches need, nowhere else and none twice: tables of values instead of maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from clicktrain.kernels.taps import Taps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from clicktrain.engine.places import Places
    from clicktrain.engine.program import Program, Step, Window

__all__ = ["selected_scores"]


@dataclass(frozen=True, eq=False, slots=True)
class _Table:
    """Values of a map, one row per place.

    Parameters
    ----------
    values : Tensor of shape (N, C)
    grid : tuple of int
        (B, *spatial), which flat places count.
    places : Places or None
        The places that have a row; None where all of the grid have, in order.
    """

    values: Tensor
    grid: tuple[int, ...]
    places: Places | None

    @classmethod
    def of_map(cls, maps: Tensor) -> _Table:
        """All values of maps (B, C, *spatial); a view where channels lie innermost."""
        return cls(maps.movedim(1, -1).reshape(-1, maps.shape[1]), (len(maps), *maps.shape[2:]), None)

    def taps(self, at: Places, window: Window) -> Taps:
        """What windows at some places read."""
        rows = None if self.places is None else self.places.rows
        first = at.flat(self.grid, window.offset_px)
        return Taps(first, self._steps(window, first.device), rows, window.size)

    def _steps(self, window: Window, device: torch.device) -> Tensor:
        """Flat distance of every tap from the first; made where it is needed, as a list would have to be brought."""
        steps = torch.zeros(1, dtype=torch.int64, device=device)
        stride = 1
        for k, d, length in zip(*map(reversed, (window.size, window.dilation, self.grid[1:])), strict=True):
            along = torch.arange(0, k * d * stride, d * stride, device=device)
            steps = (along[:, None] + steps).flatten()
            stride *= length
        return steps

    def at(self, at: Places) -> Tensor:
        """Rows of some places."""
        if self.places is at:
            return self.values
        flat = at.flat(self.grid, (0,) * (len(self.grid) - 1))
        return self.values.index_select(0, flat if self.places is None else self.places.rows[flat])


def selected_scores(
    program: Program, start: int, maps: Mapping[int, Tensor], places: Mapping[int, Places], shape_px: Sequence[int]
) -> Tensor:
    """Score chosen patches, given whole maps up to a step.

    Parameters
    ----------
    program : Program
    start : int
        First step that is run at chosen places only.
    maps : mapping of int to Tensor of shape (B, C, *spatial)
        The tensors that later steps read, by number.
    places : mapping of int to Places
        What the patches need of every tensor from the step on, see `needed_places`.
    shape_px : sequence of int
        Spatial shape of the images.

    Returns
    -------
    Tensor of shape (N, K)
        In row-major order of the patches' positions, each once.
    """
    batch = len(next(iter(maps.values())))
    tables = {number: _Table.of_map(m) for number, m in maps.items()}
    grid = (batch, *shape_px)
    for i, step in enumerate(program.steps[start:], start):
        if i + 1 in places:
            values = _run(step, [tables[number] for number in step.inputs], places[i + 1])
            tables[i + 1] = _Table(values, grid, places[i + 1])
        _forget(program, tables, i + 1)
    return tables[program.output].at(places[program.output])


def _forget(program: Program, tables: dict[int, _Table], stop: int) -> None:
    for number in set(tables) - set(program.live_after(stop)):
        del tables[number]


def _run(step: Step, tables: Sequence[_Table], at: Places) -> Tensor:
    """Rows of a step's output at some places."""
    if step.window is None:
        maps = [_as_maps(table.at(at), (1,) * (len(table.grid) - 1)) for table in tables]
        return step.run(*maps).flatten(1)
    (table,) = tables
    taps = table.taps(at, step.window)
    if step.run_selected is not None:
        return step.run_selected(table.values, taps)
    gathered = table.values.index_select(0, taps.index().view(-1)).view(len(taps), -1)
    return step.run(_as_maps(gathered, step.window.size), (1,) * len(step.window.size)).flatten(1)


def _as_maps(rows: Tensor, size: tuple[int, ...]) -> Tensor:
    """Rows (n, prod(size) * C) as n maps (n, C, *size)."""
    return rows.view(len(rows), *size, -1).movedim(-1, 1)
