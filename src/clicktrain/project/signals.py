"""What a session tells the world."""

from __future__ import annotations

from psygnal import Signal, SignalGroup

from clicktrain.progress import Progress
from clicktrain.project.values import LoadReport, Prediction, TrainingReport

__all__ = ["SessionSignals"]


class SessionSignals(SignalGroup):
    """Signals of a session.

    Those that tell of background work (`progressed`, `preview_ready`, `trained`, `predicted`, `saved`, `loaded`,
    `failed`, `cancelled`, the end of `busy_changed`, and `classes_changed` after a model was loaded) are emitted on the
    worker thread. What can change again at once (`busy`, `classes`) is best read when the signal arrives.
    `preview_ready` brings a first answer to the clicks; `predicted` follows when the training has ended.
    """

    progressed = Signal(Progress)
    trained = Signal(TrainingReport)
    preview_ready = Signal(Prediction)
    predicted = Signal(Prediction)
    failed = Signal(str)
    cancelled = Signal()
    busy_changed = Signal(bool)
    classes_changed = Signal()
    clicks_changed = Signal()
    saved = Signal(str)
    loaded = Signal(LoadReport)
