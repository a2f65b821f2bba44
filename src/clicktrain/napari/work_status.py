"""How far work is: a progress bar, a button that stops it, and a line of text."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from clicktrain.progress import Progress

__all__ = ["WorkStatus", "button"]

# Progress of one stage is shown this often at most.
_SHOWN_S = 0.1


class WorkStatus(QWidget):
    """Shows how far work is.

    Parameters
    ----------
    cancel_tooltip : str
    before_bar : QWidget, optional
        Put into the line of the bar, at its left.

    Attributes
    ----------
    cancel : QPushButton
    """

    def __init__(self, cancel_tooltip: str, before_bar: QWidget | None = None) -> None:
        super().__init__()
        self.cancel = button("Cancel", cancel_tooltip)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._text = QLabel()
        # Names of layers are not to be read as markup.
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        # The text may take more lines, but must not make the dock wider.
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._text.setMinimumHeight(2 * self._text.fontMetrics().lineSpacing())
        line = QHBoxLayout()
        if before_bar is not None:
            line.addWidget(before_bar)
        line.addWidget(self._bar, 1)
        line.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(line)
        layout.addWidget(self._text)
        self._is_passing = False
        # Stage of the progress that was shown last, and when that was.
        self._shown = "", 0.0
        self.set_busy(False)

    @property
    def text(self) -> str:
        """The line of text."""
        return str(self._text.text())

    def say(self, text: str, *, passing: bool = False) -> None:
        """Show a line of text; one that is `passing` is taken away when the work ends."""
        self._text.setText(text)
        self._is_passing = passing

    def set_busy(self, busy: bool) -> None:
        """Show whether work is going on; when it begins, what was said before is taken away."""
        begins, ends = busy and not self.cancel.isEnabled(), not busy
        if begins or (ends and self._is_passing):
            self.say("")
            self._shown = "", 0.0
        self.cancel.setEnabled(busy)
        if busy:
            # No steps are known yet, so the bar only moves.
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 1)
            self._bar.reset()

    def show_progress(self, progress: Progress) -> None:
        """Show how far the work is; the bar does not jump back while a training validates.

        Steps that follow too soon are passed over: each repaints the window with its canvas, which takes longer than a
        step where no GPU does it.
        """
        stage, now_s = progress.stage, perf_counter()
        if stage == self._shown[0] and now_s < self._shown[1] + _SHOWN_S and progress.step < progress.total:
            return
        self._shown = stage, now_s
        loss = ""
        if progress.stage != "validating":
            self._bar.setRange(0, max(progress.total, 1))
            self._bar.setValue(progress.step)
            loss = "" if progress.loss is None else f" · loss {progress.loss:.3f}"
        self.say(f"{progress.stage.capitalize()}: {progress.step} of {progress.total}{loss}", passing=True)


def button(text: str, tooltip: str) -> QPushButton:
    """Return a button that explains itself."""
    made = QPushButton(text)
    made.setToolTip(tooltip)
    return made
