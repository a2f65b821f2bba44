"""What a project tells the world."""

from __future__ import annotations

from psygnal import Signal, SignalGroup

from clicktrain.progress import Progress
from clicktrain.project.learning_curve import LearningCurve
from clicktrain.project.values import HeatMap, ImageAnswer, Prediction, TrainingReport

__all__ = ["ProjectSignals"]


class ProjectSignals(SignalGroup):
    """Signals of a project.

    Those that tell of background work are emitted on the worker thread, and so is `classes_changed` after a model was
    loaded. Where both classifiers have such work, the first argument says which: "pixels" or "images". What can change
    again at once (`Project.is_busy`, `classes`, `images`) is best read when the signal arrives.
    """

    images_changed = Signal()
    clicks_changed = Signal()
    classes_changed = Signal()
    busy_changed = Signal(str)
    progressed = Signal(str, Progress)
    trained = Signal(TrainingReport)
    failed = Signal(str, str)
    cancelled = Signal(str)
    saved = Signal(str, str)
    loaded = Signal(str, str)
    preview_ready = Signal(Prediction)
    predicted = Signal(Prediction)
    curve_changed = Signal(LearningCurve)
    image_answered = Signal(ImageAnswer)
    heat_map_ready = Signal(HeatMap)
