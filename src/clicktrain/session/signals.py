"""What a session tells the world."""

from __future__ import annotations

from psygnal import Signal, SignalGroup

from clicktrain.session.values import Prediction, TrainingReport
from clicktrain.types import Progress

__all__ = ["SessionSignals"]


class SessionSignals(SignalGroup):
    """Signals of a session.

    Those that tell of background work (`progressed`, `trained`, `predicted`, `failed`, `cancelled`, `busy_changed`,
    and after loading a model `classes_changed` and `model_changed`) are emitted on the worker thread. Values that can
    change again at once (`busy`, `classes`) are best read from the session when the signal arrives.
    """

    progressed = Signal(Progress)
    trained = Signal(TrainingReport)
    predicted = Signal(Prediction)
    failed = Signal(str)
    cancelled = Signal()
    busy_changed = Signal(bool)
    classes_changed = Signal()
    clicks_changed = Signal()
    model_changed = Signal()
    saved = Signal(str)
