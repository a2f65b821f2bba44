"""From a project's worker thread to the thread of the widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from clicktrain.project import Project

__all__ = ["ProjectBridge"]


class ProjectBridge(QObject):
    """Repeats a project's signals as Qt signals of the same names.

    Qt delivers a signal that another thread emits through the event loop of the receiver, so slots may touch widgets
    and layers. Slots must be methods of a QObject, or Qt cannot know their thread.
    """

    images_changed = Signal()
    clicks_changed = Signal()
    classes_changed = Signal()
    busy_changed = Signal(str)
    progressed = Signal(str, object)
    trained = Signal(object)
    failed = Signal(str, str)
    cancelled = Signal(str)
    saved = Signal(str, str)
    loaded = Signal(str, str)
    preview_ready = Signal(object)
    predicted = Signal(object)
    curve_changed = Signal(object)
    image_answered = Signal(object)
    heat_map_ready = Signal(object)

    def __init__(self, project: Project, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project = project
        project.events.connect(self._repeat)

    def close(self) -> None:
        """Stop listening to the project."""
        self._project.events.disconnect(self._repeat)

    def _repeat(self, info: Any) -> None:
        getattr(self, info.signal.name).emit(*info.args)
