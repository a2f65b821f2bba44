"""From a session's worker thread to the thread of the widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from clicktrain.project import Session, WholeImageSession

__all__ = ["SessionBridge", "WholeImageBridge"]


class Bridge(QObject):
    """Repeats a session's signals as the Qt signals of the same names that a subclass has.

    Qt delivers a signal that another thread emits through the event loop of the receiver, so slots may touch widgets
    and layers. Slots must be methods of a QObject, or Qt cannot know their thread.
    """

    def __init__(self, session: Session | WholeImageSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        session.events.connect(self._repeat)

    def close(self) -> None:
        """Stop listening to the session."""
        self._session.events.disconnect(self._repeat)

    def _repeat(self, info: Any) -> None:
        name = info.signal.name
        getattr(self, name).emit(*(() if name == "busy_changed" else info.args))


class SessionBridge(Bridge):
    """Repeats the signals of a session of pixels."""

    progressed = Signal(object)
    trained = Signal(object)
    preview_ready = Signal(object)
    predicted = Signal(object)
    saved = Signal(str)
    loaded = Signal(object)
    failed = Signal(str)
    cancelled = Signal()
    busy_changed = Signal()
    classes_changed = Signal()
    clicks_changed = Signal()


class WholeImageBridge(Bridge):
    """Repeats the signals of a session of whole images."""

    table_changed = Signal()
    progressed = Signal(object)
    curve_changed = Signal(object)
    trained = Signal(object)
    answered = Signal(object)
    heated = Signal(object)
    failed = Signal(str)
    cancelled = Signal()
    busy_changed = Signal()
    saved = Signal(str)
    loaded = Signal(str)
