"""What a session tells the world."""

from __future__ import annotations

from psygnal import Signal, SignalGroup

from clicktrain.session.values import LoadReport, Prediction, TrainingReport
from clicktrain.types import Progress

__all__ = ["SessionSignals"]


class SessionSignals(SignalGroup):
    """Signals of a session.

    Those that tell of background work (`progressed`, `glimpsed`, `trained`, `predicted`, `saved`, `loaded`, `failed`,
    `cancelled`, the end of `busy_changed`, and `classes_changed` after loading a model) are emitted on the worker
    thread. What can change again at once (`busy`, `classes`) is best read from the session when the signal arrives.
    `glimpsed` brings a first answer to the clicks; `predicted` follows when the training has ended.
    """

    progressed = Signal(Progress)
    trained = Signal(TrainingReport)
    glimpsed = Signal(Prediction)
    predicted = Signal(Prediction)
    failed = Signal(str)
    cancelled = Signal()
    busy_changed = Signal(bool)
    classes_changed = Signal()
    clicks_changed = Signal()
    saved = Signal(str)
    loaded = Signal(LoadReport)
