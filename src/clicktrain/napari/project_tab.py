"""What the tabs of the dock have in common: each shows the work of one of a project's classifiers."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from clicktrain.errors import ClickTrainError
from clicktrain.napari.notices import Notices
from clicktrain.napari.questions import path_to_load, path_to_save

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clicktrain.napari.bridge import ProjectBridge
    from clicktrain.napari.work_status import WorkStatus
    from clicktrain.progress import Progress
    from clicktrain.project import Project, TrainingReport
    from clicktrain.project.values import ModelKind

__all__ = ["ProjectTab"]


class ProjectTab(QWidget):
    """Repeats what a project says of one of its classifiers in a status line.

    Attributes
    ----------
    project : Project
    model : {"pixels", "images"}
    """

    model: ModelKind

    def __init__(self, project: Project, bridge: ProjectBridge, status: WorkStatus) -> None:
        super().__init__()
        self.project = project
        self._status = status
        self._notices = Notices()
        self._problem = ""
        self._n_problems = 0
        self._is_busy = False
        bridge.busy_changed.connect(self._on_busy_changed)
        bridge.progressed.connect(self._on_progressed)
        bridge.trained.connect(self._on_trained)
        bridge.failed.connect(self._on_failed)
        bridge.cancelled.connect(self._on_cancelled)
        bridge.saved.connect(self._on_saved)
        bridge.loaded.connect(self._on_loaded)
        status.cancel.clicked.connect(self._cancel)

    @property
    def kept(self) -> str:
        """What a cancel leaves as it was."""
        return "all is as it was"

    def show_trained(self, report: TrainingReport) -> None:
        """Show what the classifier is after a training."""

    def show_loaded(self) -> None:
        """Show what the classifier is after it was loaded."""

    def show_busy(self, busy: bool) -> None:
        """Show whether work is going on."""
        self._status.set_busy(busy)

    def notify(self, text: str) -> None:
        """Show a sentence in the status line and as napari's notification."""
        self._status.say(text)
        self._problem = text
        self._n_problems += 1
        self._notices.show(text)

    def settle(self) -> None:
        """Take away the last problem, as something was done since."""
        self._notices.take_back()
        if self._problem and self._status.text == self._problem:
            self._status.say("")
        self._problem = ""

    @contextmanager
    def failures_notified(self) -> Iterator[None]:
        """Notify of what cannot be done; what can be done settles an earlier problem."""
        # Counted, not compared: the same problem may come again.
        earlier = self._n_problems
        try:
            yield
        except ClickTrainError as error:
            self.notify(str(error))
        if self._n_problems == earlier:
            self.settle()

    def save(self, name: str) -> None:
        """Ask where to write the model, and write it."""
        path = path_to_save(self, name)
        if path:
            self.project.save_model(path, self.model)

    def load(self) -> None:
        """Ask for a model file, and read it."""
        path = path_to_load(self)
        if path:
            self.project.load_model(path, self.model)

    def _cancel(self) -> None:
        self.project.cancel(self.model)

    def _on_busy_changed(self, model: str) -> None:
        if model != self.model:
            return
        was_busy, self._is_busy = self._is_busy, self.project.is_busy(self.model)
        self.show_busy(self._is_busy)
        if self._is_busy and not was_busy:
            self.settle()
        if self.project.is_waiting(self.model):
            self._status.say("Waiting until the work of the other tab has ended.", passing=True)

    def _on_progressed(self, model: str, progress: Progress) -> None:
        if model == self.model:
            self._status.show_progress(progress)

    def _on_trained(self, report: TrainingReport) -> None:
        if report.model == self.model:
            self._status.say(f"{report.text}.")
            self.show_trained(report)

    def _on_failed(self, model: str, text: str) -> None:
        if model == self.model:
            self.notify(text)

    def _on_cancelled(self, model: str) -> None:
        if model == self.model:
            self._status.say(f"Cancelled; {self.kept}.")

    def _on_saved(self, model: str, path: str) -> None:
        if model == self.model:
            self._status.say(f"Saved {Path(path).name}")

    def _on_loaded(self, model: str, path: str) -> None:
        if model == self.model:
            self._status.say(f"Loaded {Path(path).name}")
            self.show_loaded()
