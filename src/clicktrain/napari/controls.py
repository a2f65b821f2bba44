"""The buttons, the progress bar and the status line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from clicktrain.progress import Progress

__all__ = ["Controls"]


class Controls(QWidget):
    """Start and stop work, and see how far it is.

    Attributes
    ----------
    train, predict, live, cancel, save, load : QPushButton
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.train = _button("Train", "Learn from the clicks, then classify the whole image")
        self.predict = _button("Predict", "Classify the whole image with the classifier as it is")
        self.live = _button("Live", "Go on learning and classify again after every stroke")
        self.live.setCheckable(True)
        self.cancel = _button("Cancel", "Stop the running work; nothing that was clicked or trained is lost")
        self.save = _button("Save model…", "Write the trained classifier to a file")
        self.load = _button("Load model…", "Replace the classifier by one from a file")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._status = QLabel()
        self._status.setWordWrap(True)
        # The text may take more lines, but must not make the dock wider.
        policy = self._status.sizePolicy()
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
        self._status.setSizePolicy(policy)
        self._status.setMinimumHeight(2 * self._status.fontMetrics().lineSpacing())
        self._lay_out()
        self.set_busy(False)

    @property
    def status(self) -> str:
        """Text of the status line."""
        return str(self._status.text())

    @property
    def details(self) -> str:
        """What the status line's tooltip adds."""
        return str(self._status.toolTip())

    def say(self, text: str, details: str = "") -> None:
        """Show `text` in the status line, and what it leaves out in its tooltip."""
        self._status.setText(text)
        self._status.setToolTip(details)

    def set_busy(self, busy: bool) -> None:
        """Show whether work is going on."""
        self.cancel.setEnabled(busy)
        if busy:
            # No steps are known yet, so the bar only moves.
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 1)
            self._bar.reset()

    def show_progress(self, progress: Progress) -> None:
        """Show how far the work is."""
        self._bar.setRange(0, max(progress.total, 1))
        self._bar.setValue(progress.step)
        loss = "" if progress.loss is None else f" · loss {progress.loss:.3f}"
        self.say(f"{progress.stage.capitalize()}: {progress.step} of {progress.total}{loss}")

    def _lay_out(self) -> None:
        work = QGridLayout()
        for column, button in enumerate((self.train, self.predict, self.live)):
            work.addWidget(button, 0, column)
        files = QHBoxLayout()
        files.addWidget(self.save)
        files.addWidget(self.load)
        running = QHBoxLayout()
        running.addWidget(self._bar, 1)
        running.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(work)
        layout.addLayout(running)
        layout.addWidget(self._status)
        layout.addLayout(files)


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button
