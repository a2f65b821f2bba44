"""What a session of whole images tells the world."""

from __future__ import annotations

from psygnal import Signal, SignalGroup

from clicktrain.progress import Progress
from clicktrain.project.learning_curve import LearningCurve
from clicktrain.project.whole_image_values import HeatMap, ImageAnswer, ImagesReport

__all__ = ["WholeImageSignals"]


class WholeImageSignals(SignalGroup):
    """Signals of a session of whole images.

    All but `table_changed` and the beginning of `busy_changed` are emitted on the worker thread.
    """

    table_changed = Signal()
    progressed = Signal(Progress)
    curve_changed = Signal(LearningCurve)
    trained = Signal(ImagesReport)
    answered = Signal(ImageAnswer)
    heated = Signal(HeatMap)
    failed = Signal(str)
    cancelled = Signal()
    busy_changed = Signal(bool)
    saved = Signal(str)
    loaded = Signal(str)
