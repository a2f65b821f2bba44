"""The baseline: the module itself on batches of patches, at the batch size that suits it best."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from _engine.bench import Bench
    from _engine.networks import Case

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
LAYOUTS = {
    "own": (torch.contiguous_format, torch.contiguous_format),
    "channels last": (torch.channels_last, torch.channels_last_3d),
}
SAMPLE_S = 0.5


@dataclass(frozen=True, eq=False)
class PatchScan:
    """Patches of one image, batch after batch.

    Parameters
    ----------
    case : Case
    batch : int
    layout : {"own", "channels last"}
        Order of the patches in memory; "own" is that of the module's parameters.
    gradient : bool
        Whether the gradient of the mean score is added up as well, batch after batch.
    """

    case: Case
    batch: int
    layout: str
    gradient: bool

    def run(self, positions: Sequence[tuple[int, ...]]) -> None:
        """Score patches at top-left positions."""
        self.case.module.zero_grad(set_to_none=True)
        with torch.set_grad_enabled(self.gradient):
            for start in range(0, len(positions), self.batch):
                scores = self.case.module(self._cut(positions[start : start + self.batch]))
                if self.gradient:
                    (scores.sum() / len(positions)).backward()

    def _cut(self, positions: Sequence[tuple[int, ...]]) -> Tensor:
        image, fov = self.case.image[0], self.case.dense.fov
        boxes = [tuple(slice(p, p + n) for p, n in zip(position, fov, strict=True)) for position in positions]
        patches = torch.stack([image[(slice(None), *box)] for box in boxes])
        return patches.contiguous(memory_format=LAYOUTS[self.layout][image.ndim - 3])


@dataclass(frozen=True)
class TimedScan:
    """Seconds per patch of the best scan."""

    scan: PatchScan
    patch_s: float


def first_positions(case: Case, count: int) -> list[tuple[int, ...]]:
    """Positions in the order in which a scan visits them."""
    visits: Iterator[tuple[int, ...]] = product(*(range(n) for n in case.scores_px))
    return list(islice(visits, count))


def sample_of(case: Case, timed: TimedScan) -> list[tuple[int, ...]]:
    """Whole batches that take about half a second."""
    batches = max(1, round(SAMPLE_S / timed.patch_s / timed.scan.batch))
    return first_positions(case, batches * timed.scan.batch)


def best_scan(bench: Bench, case: Case, layout: str, *, gradient: bool) -> dict[int, TimedScan]:
    """Scan of every batch size, timed on a small sample; key 0 is the best."""
    found = {}
    for batch in BATCHES[3:6] if bench.quick else BATCHES:
        scan = PatchScan(case, batch, layout, gradient)
        positions = first_positions(case, max(batch, 8 if bench.quick else 32))
        seconds = bench.side_by_side({"scan": lambda s=scan, p=positions: s.run(p)}, rounds=2, least_s=0.1)
        found[batch] = TimedScan(scan, seconds["scan"] / len(positions))
    found[0] = min(found.values(), key=lambda timed: timed.patch_s)
    return found
