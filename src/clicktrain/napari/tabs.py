"""Pages side by side, of which one is shown; a page that is too tall for the window scrolls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QTabWidget, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qtpy.QtCore import QObject

__all__ = ["Tabs"]


class Tabs(QTabWidget):
    """Shows widgets below each other on pages with titles.

    Parameters
    ----------
    pages : mapping of str to sequence of QWidget
        Title of every page, and what is on it.
    """

    def __init__(self, pages: Mapping[str, Sequence[QWidget]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        for title, widgets in pages.items():
            self.addTab(_Page(widgets), title)


class _Page(QScrollArea):
    """Scrolls up and down, and is never narrower than what is on it."""

    def __init__(self, widgets: Sequence[QWidget]) -> None:
        super().__init__()
        inner = QWidget()
        layout = QVBoxLayout(inner)
        for widget in widgets:
            layout.addWidget(widget)
        layout.addStretch(1)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def minimumSizeHint(self) -> QSize:
        """Return the width of the contents and of the scroll bar."""
        width = self.widget().minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width()
        return QSize(width, super().minimumSizeHint().height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the contents, whose width is not known before napari's style is theirs."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))
