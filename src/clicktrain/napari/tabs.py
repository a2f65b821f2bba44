"""Pages side by side, of which one is shown; a page that is too tall for the window scrolls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QTabWidget, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtCore import QObject

__all__ = ["Tabs"]


class Tabs(QTabWidget):
    """Shows widgets on pages with titles.

    Parameters
    ----------
    pages : mapping of str to QWidget
        Title of every page, and what is on it.
    """

    def __init__(self, pages: Mapping[str, QWidget]) -> None:
        super().__init__()
        for title, widget in pages.items():
            self.addTab(_Page(widget), title)


class _Page(QScrollArea):
    """Scrolls up and down, and is never narrower than what is on it."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        inner = QWidget()
        layout = QVBoxLayout(inner)
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
