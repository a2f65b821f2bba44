"""The buttons of the tab "Pixels", with the progress of its work."""

from __future__ import annotations

from qtpy.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from clicktrain.napari.work_status import WorkStatus, button

__all__ = ["Controls"]


class Controls(QWidget):
    """Start and stop work, and see how far it is.

    Attributes
    ----------
    train, predict, live, save, load : QPushButton
    status : WorkStatus
    """

    def __init__(self) -> None:
        super().__init__()
        self.train = button("Train", "Learn from the clicks of all images of this kind, then classify this image")
        self.predict = button("Predict", "Classify the whole image with the classifier as it is")
        self.live = button("Live", "Go on learning and classify again after every stroke")
        self.live.setCheckable(True)
        self.status = WorkStatus("Stop the running work; nothing that was clicked or trained is lost")
        self.save = button("Save model…", "Write the trained classifier to a file")
        self.load = button("Load model…", "Replace the classifier by one from a file")
        work, files = QGridLayout(), QGridLayout()
        for column, each in enumerate((self.train, self.predict, self.live)):
            work.addWidget(each, 0, column)
        for column, each in enumerate((self.save, self.load)):
            files.addWidget(each, 0, column)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(work)
        layout.addWidget(self.status)
        layout.addLayout(files)
