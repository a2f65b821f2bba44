"""How far an answer agrees with labelled pixels, counted as the answer comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clicktrain.annotations.clicks import Clicks
    from clicktrain.geometry.region import Region
    from clicktrain.types import AnyArray

__all__ = ["AgreementSink"]


class AgreementSink:
    """Takes the class numbers of regions and keeps no more than at how many clicks they are right.

    Parameters
    ----------
    clicks : Clicks

    Attributes
    ----------
    n_right : int
    """

    def __init__(self, clicks: Clicks) -> None:
        self._clicks, self.n_right = clicks, 0

    def write(self, region: Region, values: AnyArray) -> None:
        """Count the clicks in a region whose class is right."""
        places = self._clicks.positions_px - np.array(region.start)
        here = ((places >= 0) & (places < np.array(region.shape_px))).all(axis=1)
        self.n_right += int((values[tuple(places[here].T)] == self._clicks.classes[here]).sum())

    def prepare(self) -> None:
        """Do nothing: it is all there."""

    def close(self) -> None:
        """Do nothing: it is all there."""

    def abort(self) -> None:
        """Do nothing: there is nothing to take away."""
