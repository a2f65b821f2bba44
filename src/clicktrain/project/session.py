"""The state of one sitting: an image, its clicks, the classes, and a classifier that learns in the background."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clicktrain.annotations.clicks import Clicks
from clicktrain.errors import ClicksError, ClickTrainError, ImageError
from clicktrain.project.classes import ClassTable
from clicktrain.project.classifier_in_use import ClassifierInUse
from clicktrain.project.first_answers import FirstAnswers
from clicktrain.project.runner import Runner
from clicktrain.project.signals import SessionSignals
from clicktrain.project.values import ImageInput, LoadReport, same_clicks
from clicktrain.project.work import classify, label_classes, learn, options_for, trainable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from numpy.typing import ArrayLike

    from clicktrain.project.protocol import Classifier
    from clicktrain.project.runner import Task
    from clicktrain.project.values import ClassifierOptions, Prediction
    from clicktrain.types import IntArray, LabelArray

__all__ = ["Session"]

# Training, predicting and loading replace each other; saving waits its turn.
_CLASSIFY, _SAVE = "classify", "save"


class Session:
    """An interactive sitting with one image at a time, without any user interface.

    Setters raise `ClickTrainError` at once. Work (`train`, `predict`, `train_and_predict`, `save_model`,
    `load_model`) returns at once, runs on a background thread and answers through `events`.

    Parameters
    ----------
    classifier : Classifier, optional
        A trained classifier to go on with; by default a new `PixelClassifier`, made when it is first needed.

    Attributes
    ----------
    events : SessionSignals
    classes : ClassTable
    """

    def __init__(self, classifier: Classifier | None = None) -> None:
        self.events = SessionSignals()
        self._in_use = ClassifierInUse(classifier)
        self.classes = ClassTable(classifier.class_infos if classifier is not None and self.fitted else ())
        self._image: ImageInput | None = None
        self._clicks: Clicks | None = None
        self._first_answers = FirstAnswers()
        self._runner = Runner()
        self._forward_signals()

    @property
    def image(self) -> ImageInput | None:
        """The open image."""
        return self._image

    @property
    def clicks(self) -> Clicks | None:
        """Labelled pixels of the open image."""
        return self._clicks

    @property
    def fitted(self) -> bool:
        """Whether there is a trained classifier to predict with or to save."""
        return self._in_use.fitted

    @property
    def options(self) -> ClassifierOptions:
        """What the next training makes a classifier with; the present one is gone on with if it has the same."""
        return self._in_use.wanted

    @property
    def busy(self) -> bool:
        """Whether anything is running or waiting to run."""
        return self._runner.busy

    @property
    def generation(self) -> int:
        """Number of the newest request."""
        return self._runner.generation

    def count(self, number: int) -> int:
        """Number of clicks of class `number`."""
        return self._clicks.count(number) if self._clicks is not None else 0

    def pixels_of(self, number: int) -> tuple[IntArray, ...]:
        """Return the array indices of the clicks of class `number`, one array per axis."""
        if self._clicks is None:
            return ()
        return tuple(self._clicks.positions_px[self._clicks.classes == number].T)

    def blank_labels(self) -> LabelArray:
        """Return an empty labels image for the open image."""
        return np.zeros(self._open_image().shape_px, np.uint8)

    def set_image(
        self, array: Any, axes: str, name: str = "image", *, voxel_size: tuple[float, ...] | None = None
    ) -> None:
        """Open an image; work for the one before stops, its clicks are put away.

        Parameters
        ----------
        array : array_like of shape (Y, X), (Y, X, C), (C, Y, X), (Z, Y, X), (Z, Y, X, C) or (C, Z, Y, X)
            Kept by reference; lazy arrays are read when work starts.
        axes : str
            One letter per axis, of "Z", "Y", "X" and "C".
        name : str
            Name to show to people.
        voxel_size : tuple of float, optional
            Distance of a volume's neighbouring pixels along z, y and x, in any unit.

        Raises
        ------
        ImageError
            If `axes` does not fit the array.
        """
        image = ImageInput(array, axes, name, voxel_size)
        self.clear_image()
        self._image = image

    def clear_image(self) -> None:
        """Close the image; work for it stops."""
        self.cancel()
        self._image = None
        self._first_answers.forget()
        self.set_clicks(None)

    def set_options(self, options: ClassifierOptions) -> None:
        """Choose what the next training makes a classifier with; the present one is used until that has succeeded.

        A model that is loaded brings its own options along. In volumes, the context is local whatever was chosen.
        """
        self._in_use.wanted = options

    def set_clicks(self, clicks: Clicks | None) -> None:
        """Replace the clicks; a class that is new in them joins the table, `clicks_changed` tells if they differ."""
        if same_clicks(clicks, self._clicks):
            return
        self._clicks = clicks
        if clicks is not None:
            self.classes.ensure(clicks.present)
        self.events.clicks_changed.emit()

    def set_labels(self, labels: ArrayLike) -> None:
        """Take the clicks from a labels image, 0 = unlabelled; the array is read now and not kept.

        Raises
        ------
        ClickTrainError
            If no image is open or the labels do not fit it.
        """
        self.set_clicks(Clicks.from_labels(labels, self._open_image().shape_px))

    def set_points(self, points: ArrayLike, classes: ArrayLike) -> None:
        """Take the clicks from points of shape (N, ndim) in pixels and their class numbers.

        Raises
        ------
        ClickTrainError
            If no image is open, a point lies outside it or a class number is below 1.
        """
        self.set_clicks(Clicks.from_points(points, classes, self._open_image().shape_px))

    def remove_class(self, number: int) -> None:
        """Drop a class that has no clicks.

        Clicks belong to whoever painted them, so a class that has some stays until they are erased. If an undo
        brings them back, the class comes back with the name and colour it had.

        Raises
        ------
        ClickTrainError
            If there is no such class or it still has clicks.
        """
        name = self.classes[number].name
        if self.count(number):
            raise ClicksError(
                f"class {name!r} must have no clicks to be removed, got {self.count(number)}. Erase its clicks first."
            )
        self.classes.remove(number)

    def train(self) -> None:
        """Learn from the clicks; `trained` or `failed` answers."""
        self._submit_training(resume=False, then_classify=False)

    def train_and_predict(self, *, resume: bool = False) -> None:
        """Learn from the clicks, then classify the image; `trained` and `predicted` answer, or `failed`.

        Parameters
        ----------
        resume : bool
            Go on from what the classifier knows if the classes are still the same, as after one more stroke.
        """
        self._submit_training(resume=resume, then_classify=True)

    def predict(self) -> None:
        """Classify the image; `predicted` or `failed` answers."""
        with self._telling_failure():
            image = self._open_image()
            self._in_use.check_fitted()
            self._runner.submit(_CLASSIFY, lambda task: classify(task, self._in_use.trained(), image), self._publish)

    def save_model(self, path: str | PathLike[str]) -> None:
        """Write the classifier with the table's names and colours to a model file; `saved` or `failed` answers."""

        def job(task: Task) -> str:
            classifier = self._in_use.trained()
            label_classes(classifier, self.classes)
            classifier.save(Path(path))
            return str(path)

        with self._telling_failure():
            self._in_use.check_fitted()
            self._runner.submit(_SAVE, job, self.events.saved.emit)

    def load_model(self, path: str | PathLike[str]) -> None:
        """Replace the classifier by that of a model file; `loaded` or `failed` answers."""

        def job(task: Task) -> Classifier:
            return self._in_use.kind().load(Path(path))

        def publish(classifier: Classifier) -> None:
            self._in_use.load(classifier)
            self._first_answers.forget_look()
            self.classes.update(classifier.class_infos)
            self.events.loaded.emit(LoadReport(str(path), classifier.summary()))

        self._runner.submit(_CLASSIFY, job, publish)

    def cancel(self) -> None:
        """Stop training, predicting or loading at its next step; nothing that was trained or clicked is lost."""
        self._runner.cancel(_CLASSIFY)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until nothing runs any more; return whether that came within `timeout_s`."""
        return self._runner.wait(timeout_s)

    def close(self) -> None:
        """Stop all work and end the background thread."""
        self._runner.close()

    def _submit_training(self, *, resume: bool, then_classify: bool) -> None:
        with self._telling_failure():
            image = self._open_image()
            clicks, options = trainable(self._clicks, image, self.classes), options_for(image, self.options)

            def job(task: Task) -> Prediction | None:
                classifier = self._in_use.to_train(options)
                if then_classify:
                    self._glimpse(task, classifier, image, clicks)
                report = learn(task, classifier, image, clicks, resume=resume)
                task.check()
                label_classes(classifier, self.classes)
                self._in_use.take(classifier)
                self.events.trained.emit(report)
                return classify(task, classifier, image) if then_classify else None

            self._runner.submit(_CLASSIFY, job, self._publish)

    def _glimpse(self, task: Task, classifier: Classifier, image: ImageInput, clicks: Clicks) -> None:
        first = self._first_answers.answer(task, classifier, image, clicks)
        task.check()
        if first is not None:
            self.events.preview_ready.emit(first)

    def _publish(self, prediction: Prediction | None) -> None:
        if prediction is not None:
            self._first_answers.remember(prediction)
            self.events.predicted.emit(prediction)

    def _open_image(self) -> ImageInput:
        if self._image is None:
            raise ImageError("an image must be open, got none. Choose an image layer first.")
        return self._image

    @contextmanager
    def _telling_failure(self) -> Iterator[None]:
        try:
            yield
        except ClickTrainError as error:
            self.events.failed.emit(str(error))

    def _forward_signals(self) -> None:
        self._runner.progressed.connect(self.events.progressed.emit)
        self._runner.failed.connect(self.events.failed.emit)
        self._runner.cancelled.connect(self.events.cancelled.emit)
        self._runner.busy_changed.connect(self.events.busy_changed.emit)
        self.classes.changed.connect(self.events.classes_changed.emit)
