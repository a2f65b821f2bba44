"""Plain values that cross the layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    AnyArray: TypeAlias = NDArray[Any]
    FloatArray: TypeAlias = NDArray[np.float32]
    IntArray: TypeAlias = NDArray[np.int64]
    LabelArray: TypeAlias = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running computation is.

    Parameters
    ----------
    stage : str
        What is being done, fit to be shown: "features", "training", "predicting".
    step : int
        Steps done, from 0.
    total : int
        Steps in this stage.
    loss : float or None
        Training loss of the last step, where there is one; of the last step of a validation, its mean loss.
    accuracy : float or None
        Share of the validation's answers that are right, at its last step.
    """

    stage: str
    step: int
    total: int
    loss: float | None = None
    accuracy: float | None = None

    @property
    def fraction(self) -> float:
        """Share of the stage that is done, 0 to 1."""
        return self.step / self.total if self.total else 1.0


ProgressCallback: TypeAlias = Callable[[Progress], None]
