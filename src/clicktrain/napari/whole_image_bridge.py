"""From the worker thread of a session of whole images to the thread of the widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from clicktrain.session import WholeImageSession

__all__ = ["WholeImageBridge"]


class WholeImageBridge(QObject):
    """Repeats the session's signals as Qt signals, as `SessionBridge` does."""

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

    def __init__(self, session: WholeImageSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        session.events.connect(self._repeat)

    def close(self) -> None:
        """Stop listening to the session."""
        self._session.events.disconnect(self._repeat)

    def _repeat(self, info: Any) -> None:
        name = info.signal.name
        getattr(self, name).emit(*(() if name == "busy_changed" else info.args))
