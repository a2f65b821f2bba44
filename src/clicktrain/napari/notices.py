"""Problems as napari's notifications, which are taken away once they are settled."""

from __future__ import annotations

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QApplication, QDialog, QLabel

__all__ = ["Notices"]


class Notices:
    """Shows notifications, and takes back those that it has shown."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def show(self, text: str) -> None:
        """Notify of a problem."""
        self._shown.add(text)
        show_error(text)

    def take_back(self) -> None:
        """Close what is still to be seen: napari keeps notifications while its window is not the active one."""
        if not self._shown:
            return
        focused = QApplication.focusWidget()
        for each in QApplication.allWidgets():
            if isinstance(each, QDialog) and _message(each) in self._shown:
                each.close()
        self._shown.clear()
        # To close one gives the canvas the focus.
        if focused is not None:
            focused.setFocus()


def _message(dialog: QDialog) -> str | None:
    """What a notification says; None for any other dialog."""
    label = getattr(dialog, "message", None)
    return str(label.text()) if isinstance(label, QLabel) else None
