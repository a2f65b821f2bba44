"""The course of a training, in few enough points to be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clicktrain.progress import Progress

__all__ = ["CurveRecorder", "LearningCurve"]

_BINS = 100


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Loss and accuracy over the share of the planned steps that was done.

    Parameters
    ----------
    training : tuple of (float, float)
        Share done and training loss, as a mean over about a hundredth of all steps.
    validation : tuple of (float, float)
        Share done and loss on the validation images, one per epoch.
    accuracy : tuple of (float, float)
        Share done and share of right answers about the validation images, one per epoch.
    """

    training: tuple[tuple[float, float], ...] = ()
    validation: tuple[tuple[float, float], ...] = ()
    accuracy: tuple[tuple[float, float], ...] = ()

    @property
    def best_accuracy(self) -> float | None:
        """Accuracy in the epoch with the lowest validation loss, whose weights a training keeps."""
        losses = [loss for _, loss in self.validation]
        return self.accuracy[losses.index(min(losses))][1] if losses else None


class CurveRecorder:
    """Turns the progress of one training into its curve."""

    def __init__(self) -> None:
        self.curve = LearningCurve()
        self._done = 0.0
        self._last_step = 0
        self._losses: list[float] = []

    def add(self, progress: Progress) -> bool:
        """Take in a step; return whether the curve has a new point."""
        if progress.stage == "training":
            return self._add_training(progress)
        if progress.stage == "validating" and progress.accuracy is not None and progress.loss is not None:
            curve = self.curve
            self.curve = LearningCurve(
                curve.training,
                (*curve.validation, (self._done, progress.loss)),
                (*curve.accuracy, (self._done, progress.accuracy)),
            )
            return True
        return False

    def _add_training(self, progress: Progress) -> bool:
        # A step that is still at work is told several times.
        if progress.loss is None or progress.step == self._last_step:
            return False
        bins = [step * _BINS // progress.total for step in (self._last_step, progress.step)]
        self._last_step, self._done = progress.step, progress.fraction
        self._losses.append(progress.loss)
        if self.curve.training and bins[0] == bins[1]:
            return False
        point = self._done, sum(self._losses) / len(self._losses)
        self._losses = []
        self.curve = LearningCurve((*self.curve.training, point), self.curve.validation, self.curve.accuracy)
        return True
