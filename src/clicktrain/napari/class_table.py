"""The table of classes: colour, name, number of clicks; one row is the class that is being clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clicktrain.config import ClassInfo

__all__ = ["ClassTableWidget"]

_COLOR, _NAME, _CLICKS = range(3)
_SWATCH_PX = 18
_ROWS_SHOWN = 5


class ClassTableWidget(QWidget):
    """Shows classes and tells what the user wants of them; it changes nothing by itself.

    Signals carry class numbers: `activated(number)`, `renamed(number, name)`, `recolored(number, color)`,
    `add_asked()`, `remove_asked(number)`.
    """

    activated = Signal(int)
    renamed = Signal(int, str)
    recolored = Signal(int, str)
    add_asked = Signal()
    remove_asked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._numbers: list[int] = []
        self._table = _new_table()
        self._add = QPushButton("Add class")
        self._remove = QPushButton("Remove class")
        self._remove.setToolTip("Remove the selected class; its clicks are erased after asking")
        self._lay_out()
        self._table.itemChanged.connect(self._on_item_changed)
        self._table.itemSelectionChanged.connect(self._on_selected)
        self._table.cellClicked.connect(self._on_cell_clicked)
        self._add.clicked.connect(lambda: self.add_asked.emit())
        self._remove.clicked.connect(self._on_remove)

    @property
    def active(self) -> int | None:
        """Number of the selected class."""
        row = self._table.currentRow()
        return self._numbers[row] if 0 <= row < len(self._numbers) else None

    def activate(self, number: int) -> None:
        """Select the class `number`, if the table has it."""
        if number in self._numbers and number != self.active:
            self._table.selectRow(self._numbers.index(number))

    def show_classes(self, infos: Iterable[ClassInfo], count: Callable[[int], int]) -> None:
        """Show the classes; `count` gives the number of clicks of each."""
        infos = list(infos)
        active = self.active
        self._table.blockSignals(True)
        self._table.setRowCount(len(infos))
        self._numbers = [info.number for info in infos]
        for row, info in enumerate(infos):
            self._show_row(row, info, count(info.number))
        self._table.blockSignals(False)
        self._remove.setEnabled(bool(infos))
        if infos and active not in self._numbers:
            self._table.selectRow(0)
        elif active is not None and active in self._numbers:
            self._table.selectRow(self._numbers.index(active))

    def _show_row(self, row: int, info: ClassInfo, clicks: int) -> None:
        swatch = QTableWidgetItem(_swatch(info.color), "")
        swatch.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        swatch.setToolTip(f"Colour {info.color}: click to change it")
        swatch.setData(Qt.ItemDataRole.UserRole, info.color)
        name = QTableWidgetItem(info.name)
        name.setToolTip(f"Class {info.number}: double-click to rename it")
        number = QTableWidgetItem(f"{clicks:,}")
        number.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        number.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for column, item in ((_COLOR, swatch), (_NAME, name), (_CLICKS, number)):
            self._table.setItem(row, column, item)

    def _on_item_changed(self, item: QTableWidgetItem) -> None:
        if item.column() == _NAME:
            self.renamed.emit(self._numbers[item.row()], item.text())

    def _on_selected(self) -> None:
        if self.active is not None:
            self.activated.emit(self.active)

    def _on_cell_clicked(self, row: int, column: int) -> None:
        if column != _COLOR:
            return
        old = QColor(self._table.item(row, _COLOR).data(Qt.ItemDataRole.UserRole))
        color = QColorDialog.getColor(old, self, "Colour of the class")
        if color.isValid():
            self.recolored.emit(self._numbers[row], color.name())

    def _on_remove(self) -> None:
        if self.active is not None:
            self.remove_asked.emit(self.active)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self._add)
        buttons.addWidget(self._remove)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        layout.addLayout(buttons)


def _new_table() -> QTableWidget:
    table = QTableWidget(0, 3)
    table.setHorizontalHeaderLabels(["", "Class", "Clicks"])
    table.verticalHeader().hide()
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setShowGrid(False)
    table.setIconSize(QSize(_SWATCH_PX, _SWATCH_PX))
    table.setToolTip("The selected class is the one that the next click or stroke is of")
    header = table.horizontalHeader()
    header.setSectionResizeMode(_COLOR, QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
    header.setSectionResizeMode(_CLICKS, QHeaderView.ResizeMode.ResizeToContents)
    table.setMinimumHeight(header.sizeHint().height() + _ROWS_SHOWN * table.verticalHeader().defaultSectionSize())
    return table


def _swatch(color: str) -> QIcon:
    pixmap = QPixmap(_SWATCH_PX, _SWATCH_PX)
    pixmap.fill(QColor(color))
    icon = QIcon(pixmap)
    # Qt would tint the colour of the selected row.
    icon.addPixmap(pixmap, QIcon.Mode.Selected)
    return icon
