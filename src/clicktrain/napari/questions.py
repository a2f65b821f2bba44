"""What the widget asks people in a dialog: yes or no, and where a model is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QMessageBox

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["confirmed", "path_to_load", "path_to_save"]

_SUFFIX = ".clicktrain"
_FILTER = f"ClickTrain model (*{_SUFFIX})"


def confirmed(parent: QWidget, title: str, question: str) -> bool:
    """Ask whether to do something."""
    return bool(QMessageBox.question(parent, title, question) == QMessageBox.StandardButton.Yes)


def path_to_save(parent: QWidget, name: str) -> str:
    """Ask where to write a model that `name` is proposed for; empty if nowhere."""
    path, _ = QFileDialog.getSaveFileName(parent, "Save model", f"{name}{_SUFFIX}", _FILTER)
    if not path or path.endswith(_SUFFIX):
        return str(path)
    path += _SUFFIX
    # The dialog asked about the name as it was typed.
    replaces = Path(path).exists()
    return path if not replaces or confirmed(parent, "Save model", f"Replace {Path(path).name}?") else ""


def path_to_load(parent: QWidget) -> str:
    """Ask which model to read; empty if none."""
    path, _ = QFileDialog.getOpenFileName(parent, "Load model", "", _FILTER)
    return str(path)
