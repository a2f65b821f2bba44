"""A project: images with clicks and labels, classes, and two classifiers that learn in the background."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clicktrain.errors import ClickTrainError, NotFittedError
from clicktrain.project import edits, image_jobs, pixel_jobs
from clicktrain.project.document import ProjectDocument
from clicktrain.project.previews import Previews
from clicktrain.project.runner import Runner, WorkKind
from clicktrain.project.state import State
from clicktrain.project.triton_guard import bind_triton_to_itself

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from os import PathLike
    from typing import TypeVar

    from clicktrain.config.images import ImagePreset, ImagePresetName
    from clicktrain.inference.images.attribution import HeatMethod
    from clicktrain.project.protocols import TrainableImageClassifier, TrainablePixelClassifier
    from clicktrain.project.runner import Publish, Task
    from clicktrain.project.state import ProjectImage
    from clicktrain.project.values import HeatMap, ImageAnswer, ModelKind, Prediction, TrainingReport

    T = TypeVar("T")

__all__ = ["Project"]

_UNTRAINED = "the classifier must be trained first, got none. Train it or load a model."

# Requests of one kind replace each other; saving waits its turn.
_PIXELS = WorkKind("pixels", "train or predict")
_IMAGES, _QUESTION = WorkKind("images", "train"), WorkKind("images", "answer")


class Project(ProjectDocument):
    """Images, clicks, classes and classifiers, without any user interface.

    Changes of the state raise `ClickTrainError` at once. Work (`train`, `predict`, `save_model` and so on) returns at
    once, runs on one background thread and answers through `events`; work that is cancelled or fails leaves the
    classifiers as they were.

    Parameters
    ----------
    pixel_classifier : TrainablePixelClassifier, optional
        To go on with; by default a new `clicktrain.PixelClassifier`, made when it is first needed.
    image_classifier : TrainableImageClassifier, optional
        The same for whole images; by default a `clicktrain.ImageClassifier`.
    """

    def __init__(
        self,
        pixel_classifier: TrainablePixelClassifier | None = None,
        image_classifier: TrainableImageClassifier | None = None,
    ) -> None:
        state = State(image_classifier=image_classifier)
        if pixel_classifier is not None:
            state = edits.use_loaded_pixel_classifier(state, pixel_classifier)
        super().__init__(state)
        self._previews = Previews()
        self._last_answer: tuple[TrainableImageClassifier, ImageAnswer] | None = None
        self._runner = Runner()
        self._forward_signals()

    @property
    def image_classes(self) -> tuple[str, ...]:
        """Classes that the classifier of whole images knows, none before training."""
        return image_jobs.known_labels(self._state.image_classifier)

    @property
    def busy(self) -> bool:
        """Whether anything is running or waiting to run."""
        return self._runner.busy

    def is_busy(self, model: ModelKind) -> bool:
        """Whether work with one of the classifiers is running or waiting to run."""
        return any(kind.model == model for kind in self._runner.kinds)

    def is_waiting(self, model: ModelKind) -> bool:
        """Whether work with one of the classifiers waits for the other's to end."""
        running = self._runner.running
        return self.is_busy(model) and running is not None and running.model != model

    def is_trained(self, model: ModelKind) -> bool:
        """Whether there is a trained classifier to predict with or to save."""
        known = pixel_jobs.known_classes(self._state.pixel_classifier) if model == "pixels" else self.image_classes
        return bool(known)

    def train(self) -> None:
        """Learn from the clicks of all images that are like the chosen one; `trained` or `failed` answers."""
        self._submit_training(resume=False, then_predict=False)

    def train_and_predict(self, *, resume: bool = False) -> None:
        """Train, then classify the chosen image; `preview_ready`, `trained` and `predicted` answer, or `failed`.

        Parameters
        ----------
        resume : bool
            Go on from what the classifier knows if the classes are still the same, as after one more stroke.
        """
        self._submit_training(resume=resume, then_predict=True)

    def predict(self) -> None:
        """Classify the chosen image; `predicted` or `failed` answers."""
        with self._failures_as_signal("pixels"):
            image = self._chosen_image()
            self._trained_pixel_classifier()

            def job(task: Task) -> Prediction:
                return pixel_jobs.predict_pixels(task, self._trained_pixel_classifier(), image)

            self._submit(_PIXELS, job, self._publish_prediction)

    def train_images(self, preset: ImagePresetName | ImagePreset = "small") -> None:
        """Learn from the labelled images; `curve_changed` and `trained` answer, or `failed`."""
        with self._failures_as_signal("images"):
            images, settings = image_jobs.check_labelled(self._state), image_jobs.named_preset(preset)

            def job(task: Task) -> tuple[TrainableImageClassifier, TrainingReport]:
                classifier = self._type_of("images")(preset=settings)
                return classifier, image_jobs.learn_images(task, classifier, images, self.events.curve_changed.emit)

            def publish(result: tuple[TrainableImageClassifier, TrainingReport]) -> None:
                self._apply(edits.use_image_classifier, result[0])
                self.events.trained.emit(result[1])

            self._submit(_IMAGES, job, publish)

    def answer_image(self, image_id: int) -> None:
        """Say what a whole image is; `image_answered` or `failed` answers."""
        with self._failures_as_signal("images"):
            image = self._askable(image_id)
            self._submit(_QUESTION, lambda task: self._answer(task, image), self.events.image_answered.emit)

    def heat_map(self, image_id: int, label: str | None = None, method: HeatMethod = "gradient") -> None:
        """Say which patches of an image speak for a class; `image_answered` and `heat_map_ready` answer, or `failed`.

        Parameters
        ----------
        image_id : int
        label : str, optional
            Which class; the most probable one if not given.
        method : {"gradient", "leave_one_out"}
            As for `clicktrain.ImageClassifier.heatmap`.
        """
        with self._failures_as_signal("images"):
            image = self._askable(image_id)

            def job(task: Task) -> HeatMap:
                last, classifier = self._last_answer, self._trained_image_classifier()
                # A large image need not be looked through once more to name its class.
                known = last is not None and last[0] is classifier and last[1].image_id == image_id
                answer = last[1] if last is not None and known else self._answer(task, image)
                self.events.image_answered.emit(answer)
                return image_jobs.explain_image(task, classifier, image, label or answer.label, method)

            self._submit(_QUESTION, job, self.events.heat_map_ready.emit)

    def drop_question(self) -> None:
        """Stop answering about a whole image, as nobody waits for it any more."""
        self._runner.cancel(_QUESTION, superseded=True)

    def save_model(self, path: str | PathLike[str], model: ModelKind = "pixels") -> None:
        """Write a classifier to a model file, that of pixels with names and colours; `saved` or `failed` answers."""

        def job(task: Task) -> Path:
            if model == "images":
                return self._trained_image_classifier().save(Path(path))
            classifier = self._trained_pixel_classifier()
            pixel_jobs.name_classes(classifier, self.classes)
            return classifier.save(Path(path))

        with self._failures_as_signal(model):
            if not self.is_trained(model):
                raise NotFittedError(_UNTRAINED)
            self._submit(WorkKind(model, "save"), job, lambda place: self.events.saved.emit(model, str(place)))

    def load_model(self, path: str | PathLike[str], model: ModelKind = "pixels") -> None:
        """Replace a classifier by that of a model file; `loaded` or `failed` answers."""

        def job(task: Task) -> Any:
            return self._type_of(model).load(Path(path))

        def publish(classifier: Any) -> None:
            use = edits.use_loaded_pixel_classifier if model == "pixels" else edits.use_image_classifier
            self._apply(use, classifier)
            self._previews.forget_embedding()
            self.events.loaded.emit(model, str(path))

        self._submit(_PIXELS if model == "pixels" else _IMAGES, job, publish)

    def cancel(self, model: ModelKind | None = None) -> None:
        """Stop training, predicting and loading, of one classifier or of both, at its next step; saving goes on."""
        for kind in (_PIXELS, _IMAGES, _QUESTION):
            if model in (None, kind.model):
                self._runner.cancel(kind)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until nothing runs any more; return whether that came within `timeout_s`."""
        return self._runner.wait(timeout_s)

    def close(self) -> None:
        """Stop all work and end the background thread."""
        self._runner.close()

    def _submit_training(self, *, resume: bool, then_predict: bool) -> None:
        with self._failures_as_signal("pixels"):
            image = self._chosen_image()
            examples, options = pixel_jobs.check_clicked(self._state, image), self.options

            def job(task: Task) -> Prediction | None:
                classifier = pixel_jobs.classifier_to_train(self._state.pixel_classifier, options, image)
                if then_predict:
                    self._preview(task, classifier, image)
                report = pixel_jobs.learn_pixels(task, classifier, examples, resume=resume)
                task.check()
                pixel_jobs.name_classes(classifier, self.classes)
                self._apply(edits.use_pixel_classifier, classifier)
                self.events.trained.emit(report)
                return pixel_jobs.predict_pixels(task, classifier, image) if then_predict else None

            self._submit(_PIXELS, job, self._publish_prediction)

    def _preview(self, task: Task, classifier: TrainablePixelClassifier, image: ProjectImage) -> None:
        preview = self._previews.preview(task, classifier, image)
        task.check()
        if preview is not None:
            self.events.preview_ready.emit(preview)

    def _publish_prediction(self, prediction: Prediction | None) -> None:
        if prediction is not None:
            self._previews.remember(prediction)
            self.events.predicted.emit(prediction)

    def _answer(self, task: Task, image: ProjectImage) -> ImageAnswer:
        classifier = self._trained_image_classifier()
        answer = image_jobs.identify_image(task, classifier, image)
        task.check()
        self._last_answer = classifier, answer
        return answer

    def _askable(self, image_id: int) -> ProjectImage:
        self._trained_image_classifier()
        return self._state.image(image_id)

    def _trained_pixel_classifier(self) -> TrainablePixelClassifier:
        classifier = self._state.pixel_classifier
        if classifier is None or not pixel_jobs.known_classes(classifier):
            raise NotFittedError(_UNTRAINED)
        return classifier

    def _trained_image_classifier(self) -> TrainableImageClassifier:
        classifier = self._state.image_classifier
        if classifier is None or not self.image_classes:
            raise NotFittedError(_UNTRAINED)
        return classifier

    def _type_of(self, model: ModelKind) -> type[Any]:
        # Loading torch takes seconds, so it is left to the worker thread.
        from clicktrain.api import ImageClassifier, PixelClassifier

        pixels, images = self._state.pixel_classifier, self._state.image_classifier
        if model == "pixels":
            return PixelClassifier if pixels is None else type(pixels)
        return ImageClassifier if images is None else type(images)

    def _tell_changes(self, before: State, after: State) -> None:
        if before.chosen_id != after.chosen_id:
            self._runner.cancel(_PIXELS)
            self._previews.forget()
        super()._tell_changes(before, after)

    def _submit(self, kind: WorkKind, job: Callable[[Task], T], publish: Publish[T]) -> None:
        def guarded(task: Task) -> T:
            # Before anything imports torch.
            bind_triton_to_itself()
            return job(task)

        self._runner.submit(kind, guarded, publish)

    @contextmanager
    def _failures_as_signal(self, model: ModelKind) -> Iterator[None]:
        try:
            yield
        except ClickTrainError as error:
            self.events.failed.emit(model, str(error))

    def _forward_signals(self) -> None:
        runner, events = self._runner, self.events
        runner.progressed.connect(lambda kind, progress: events.progressed.emit(kind.model, progress))
        runner.failed.connect(lambda kind, text: events.failed.emit(kind.model, text))
        runner.cancelled.connect(lambda kind: events.cancelled.emit(kind.model))
        runner.busy_changed.connect(lambda kind: events.busy_changed.emit(kind.model))
