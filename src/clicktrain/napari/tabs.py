"""Pages side by side, of which one is shown; a page that is too tall for the window scrolls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QTabWidget, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        self.setDocumentMode(True)
        for title, widgets in pages.items():
            self.addTab(_page(widgets), title)


def _page(widgets: Sequence[QWidget]) -> QScrollArea:
    inner = QWidget()
    layout = QVBoxLayout(inner)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(1)
    area = QScrollArea()
    area.setWidget(inner)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setMinimumWidth(inner.minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width())
    return area
