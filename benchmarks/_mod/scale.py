"""How much is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Findings:
    """Figures by key, and rows that are too many to be figures."""

    figures: dict[str, float] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Scale:
    """Sizes of a run.

    Parameters
    ----------
    seeds : int
    repeats : int
        Of what is timed; the shortest counts.
    epochs : int
        Over the digits.
    patch_px : int
        Side of the patches that encoders are timed on.
    """

    seeds: int
    repeats: int
    epochs: int
    patch_px: int


SCALES = {False: Scale(3, 9, 12, 224), True: Scale(1, 3, 3, 96)}
