"""The state of a sitting with whole images: a table of images and labels, an open image, a classifier."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clicktrain.config.images import ImagePreset, image_preset
from clicktrain.errors import ClickTrainError, ImageError, LabelsError, NotFittedError
from clicktrain.project.image_table import ImageTable
from clicktrain.project.learning_curve import CurveRecorder, LearningCurve
from clicktrain.project.runner import Runner
from clicktrain.project.triton_guard import bind_triton_to_itself
from clicktrain.project.values import ImageInput
from clicktrain.project.whole_image_signals import WholeImageSignals
from clicktrain.project.whole_image_work import answer_image, heat_image, labels_of, learn_images

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from clicktrain.config.images import ImagePresetName
    from clicktrain.inference.images.attribution import HeatMethod
    from clicktrain.project.runner import Task
    from clicktrain.project.whole_image_values import HeatMap, ImageAnswer, ImageModel, ImagesReport

__all__ = ["WholeImageSession"]

# Training and loading replace each other, and so do questions about the open image; saving waits its turn.
_LEARN, _ASK, _SAVE = "learn", "ask", "save"


class WholeImageSession:
    """An interactive sitting with whole images, without any user interface.

    Setters raise `ClickTrainError` at once. Work (`train`, `predict`, `heat_map`, `save_model`, `load_model`) returns
    at once, runs on a background thread and answers through `events`. A training that is cancelled or fails leaves the
    classifier as it was.

    Parameters
    ----------
    model_type : type of ImageModel, optional
        `clicktrain.ImageClassifier` if not given.

    Attributes
    ----------
    events : WholeImageSignals
    table : ImageTable
    """

    def __init__(self, model_type: type[ImageModel] | None = None) -> None:
        self.events = WholeImageSignals()
        self.table = ImageTable()
        self._model_type = model_type
        # Replaced whole on the worker thread, after a training or from a file.
        self._model: ImageModel | None = None
        self._image: ImageInput | None = None
        self._last_answer: tuple[ImageModel, ImageAnswer] | None = None
        self._runner = Runner()
        self._forward_signals()

    @property
    def image(self) -> ImageInput | None:
        """The open image."""
        return self._image

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that the classifier knows, none before training."""
        return labels_of(self._model) if self._model is not None else ()

    @property
    def fitted(self) -> bool:
        """Whether there is a trained classifier to ask or to save."""
        return self._model is not None

    @property
    def busy(self) -> bool:
        """Whether anything is running or waiting to run."""
        return self._runner.busy

    def set_image(self, array: Any, axes: str, name: str = "image") -> ImageInput:
        """Open an image; questions about the one before are dropped.

        Parameters
        ----------
        array : array_like of shape (Y, X), (Y, X, C) or (C, Y, X)
            Kept by reference; lazy arrays are read when work starts, patch by patch.
        axes : str
            One letter per axis, of "Y", "X" and "C".
        name : str
            Name to show to people.

        Returns
        -------
        ImageInput
            The open image, by which its answers are known.

        Raises
        ------
        ImageError
            If `axes` does not fit the array.
        """
        image = ImageInput(array, axes, name)
        self.clear_image()
        self._image = image
        return image

    def clear_image(self) -> None:
        """Close the image; questions about it are dropped."""
        self._runner.cancel(_ASK, superseded=True)
        self._image = self._last_answer = None

    def train(self, preset: ImagePresetName | ImagePreset = "small") -> None:
        """Learn from the images of the table; `curve_changed` tells how it goes, `trained` or `failed` answers."""
        with self._telling_failure():
            rows = self.table.checked()
            settings = _named(preset)

            def job(task: Task) -> tuple[ImageModel, ImagesReport]:
                model = self._get_type()(preset=settings)
                self.events.curve_changed.emit(LearningCurve())
                report = learn_images(task, model, rows, CurveRecorder(), self.events.curve_changed.emit)
                return model, report

            def publish(result: tuple[ImageModel, ImagesReport]) -> None:
                self._model = result[0]
                self.events.trained.emit(result[1])

            self._runner.submit(_LEARN, job, publish)

    def predict(self) -> None:
        """Say what the open image is; `answered` or `failed` tells."""
        with self._telling_failure():
            image = self._checked_image()
            self._runner.submit(_ASK, lambda task: self._answer(task, image), self.events.answered.emit)

    def heat_map(self, label: str | None = None, method: HeatMethod = "gradient") -> None:
        """Say which patches of the open image speak for a class; `answered` and `heated` tell, or `failed`.

        Parameters
        ----------
        label : str, optional
            Which class; the most probable one if not given.
        method : {"gradient", "leave_one_out"}
            As for `clicktrain.ImageClassifier.heatmap`.
        """
        with self._telling_failure():
            image = self._checked_image()

            def job(task: Task) -> HeatMap:
                answer = self._answer(task, image)
                task.check()
                self.events.answered.emit(answer)
                model = self._checked_model()
                wanted = answer.label if label is None else label
                if wanted not in labels_of(model):
                    raise LabelsError(f"label must be a class that the model knows, got {wanted!r}. Choose another.")
                return heat_image(task, model, image, wanted, method)

            self._runner.submit(_ASK, job, self.events.heated.emit)

    def save_model(self, path: str | PathLike[str]) -> None:
        """Write the classifier to a model file; `saved` or `failed` answers."""
        with self._telling_failure():
            model = self._checked_model()

            def job(task: Task) -> str:
                model.save(Path(path))
                return str(path)

            self._runner.submit(_SAVE, job, self.events.saved.emit)

    def load_model(self, path: str | PathLike[str]) -> None:
        """Replace the classifier by that of a model file; `loaded` or `failed` answers."""

        def publish(model: ImageModel) -> None:
            self._model = model
            self.events.loaded.emit(str(path))

        self._runner.submit(_LEARN, lambda task: self._get_type().load(Path(path)), publish)

    def cancel(self) -> None:
        """Stop training, loading and answering at the next step; nothing that was trained or added is lost."""
        self._runner.cancel(_LEARN)
        self._runner.cancel(_ASK)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until nothing runs any more; return whether that came within `timeout_s`."""
        return self._runner.wait(timeout_s)

    def close(self) -> None:
        """Stop all work and end the background thread."""
        self._runner.close()

    def _answer(self, task: Task, image: ImageInput) -> ImageAnswer:
        model = self._checked_model()
        last = self._last_answer
        # A heat map after a prediction need not look through a large image once more to name its class.
        if last is not None and last[0] is model and last[1].image is image:
            return last[1]
        answer = answer_image(task, model, image)
        task.check()
        self._last_answer = model, answer
        return answer

    def _get_type(self) -> type[ImageModel]:
        bind_triton_to_itself()
        if self._model_type is None:
            # Loading torch takes seconds, so it is left to the worker thread.
            from clicktrain.api import ImageClassifier

            self._model_type = ImageClassifier
        return self._model_type

    def _checked_model(self) -> ImageModel:
        if self._model is None:
            raise NotFittedError("the classifier must be trained first, got none. Train it or load a model.")
        return self._model

    def _checked_image(self) -> ImageInput:
        self._checked_model()
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
        self.table.changed.connect(self.events.table_changed.emit)


def _named(preset: ImagePresetName | ImagePreset) -> ImagePresetName | ImagePreset:
    """Give settings that are those of a preset its name, which the model file then has."""
    names: tuple[ImagePresetName, ...] = ("small", "resnet", "mobilenet")
    return next((name for name in names if preset == image_preset(name)), preset)
