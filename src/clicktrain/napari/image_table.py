"""The table of whole images and what they are: files are dragged in, labels are edited in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from clicktrain.napari.work_status import button

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from clicktrain.project import State

__all__ = ["ImageTableWidget"]

_IMAGE, _LABEL = range(2)
_ROWS_SHOWN = 4
_EMPTY = "Drag images, folders named like their class, or a CSV table (path, label) here."


class ImageTableWidget(QWidget):
    """Shows images with their labels and tells what the user wants of them; it changes nothing by itself.

    Signals: `dropped(paths)`, `files_asked()`, `folder_asked()`, `table_asked()`, `relabelled(image_id, label)`,
    `label_asked(image_ids)`, `remove_asked(image_ids)`.
    """

    dropped = Signal(list)
    files_asked = Signal()
    folder_asked = Signal()
    table_asked = Signal()
    relabelled = Signal(int, str)
    label_asked = Signal(list)
    remove_asked = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image_ids: list[int] = []
        self.setAcceptDrops(True)
        self._table = _new_table()
        self._files = button("Images…", "Add image files; their labels are typed in the table")
        self._folder = button("Folder…", "Add an OME-Zarr, a folder named like its class, or a folder of such")
        self._csv = button("CSV…", "Add the images of a table with the columns path and label")
        self._relabel = button("Label selected…", "Give all selected images one label")
        self._remove = button("Remove", "Take the selected images off the table; the files stay where they are")
        self._summary = QLabel(_EMPTY)
        self._summary.setWordWrap(True)
        # The text may take more lines, but must not make the dock wider.
        self._summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._lay_out()
        self._table.itemChanged.connect(self._on_item_changed)
        self._table.itemSelectionChanged.connect(self._on_selected)
        self._files.clicked.connect(lambda: self.files_asked.emit())
        self._folder.clicked.connect(lambda: self.folder_asked.emit())
        self._csv.clicked.connect(lambda: self.table_asked.emit())
        self._relabel.clicked.connect(lambda: self.label_asked.emit(self.selected))
        self._remove.clicked.connect(lambda: self.remove_asked.emit(self.selected))
        self._on_selected()

    @property
    def selected(self) -> list[int]:
        """Ids of the selected images."""
        rows = sorted(index.row() for index in self._table.selectionModel().selectedRows())
        return [self._image_ids[row] for row in rows]

    def show_images(self, state: State) -> None:
        """Show all images that whole images are learned from."""
        images = state.labelled
        self._image_ids = [image.id for image in images]
        self._table.blockSignals(True)
        self._table.setRowCount(len(images))
        for position, image in enumerate(images):
            name = QTableWidgetItem(image.name)
            name.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            name.setToolTip(str(image.path or image.name))
            label = QTableWidgetItem(image.label)
            label.setToolTip("Double-click to type a label")
            self._table.setItem(position, _IMAGE, name)
            self._table.setItem(position, _LABEL, label)
        self._table.blockSignals(False)
        self._summary.setText(_summary(len(images), state.labels) if images else _EMPTY)
        self._on_selected()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Tell which files were dropped."""
        paths = [url.toLocalFile() for url in event.mimeData().urls()]
        event.acceptProposedAction()
        self.dropped.emit([path for path in paths if path])

    def _on_item_changed(self, item: QTableWidgetItem) -> None:
        if item.column() == _LABEL:
            self.relabelled.emit(self._image_ids[item.row()], item.text())

    def _on_selected(self) -> None:
        for each in (self._relabel, self._remove):
            each.setEnabled(bool(self.selected))

    def _lay_out(self) -> None:
        adding, editing = QHBoxLayout(), QHBoxLayout()
        adding.addWidget(QLabel("Add"))
        for each in (self._files, self._folder, self._csv):
            adding.addWidget(each, 1)
        for each in (self._relabel, self._remove):
            editing.addWidget(each, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        layout.addWidget(self._summary)
        layout.addLayout(adding)
        layout.addLayout(editing)


def _summary(n_images: int, labels: Mapping[str, int]) -> str:
    counts = [f"{label} {count}" for label, count in labels.items()]
    unlabelled = n_images - sum(labels.values())
    if unlabelled:
        counts.append(f"without a label {unlabelled}")
    return f"{n_images} image{'s' if n_images > 1 else ''}: {', '.join(counts)}"


class _Table(QTableWidget):
    def sizeHint(self) -> QSize:
        """Ask for no more than a few rows: the page scrolls if it is higher than the window."""
        return QSize(super().sizeHint().width(), self.minimumHeight())


def _new_table() -> QTableWidget:
    table = _Table(0, 2)
    table.setHorizontalHeaderLabels(["Image", "Label"])
    table.verticalHeader().hide()
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    table.setShowGrid(False)
    header = table.horizontalHeader()
    header.setSectionResizeMode(_IMAGE, QHeaderView.ResizeMode.Stretch)
    header.setSectionResizeMode(_LABEL, QHeaderView.ResizeMode.Stretch)
    table.setMinimumHeight(header.sizeHint().height() + _ROWS_SHOWN * table.verticalHeader().defaultSectionSize())
    return table
