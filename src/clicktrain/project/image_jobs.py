"""What is done with whole images on the worker thread, and what is checked beforehand."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.config.images import image_preset
from clicktrain.errors import LabelsError, StorageError
from clicktrain.project.learning_curve import CurveRecorder
from clicktrain.project.values import HeatMap, ImageAnswer, TrainingReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clicktrain.config.images import ImagePreset, ImagePresetName
    from clicktrain.inference.images.attribution import HeatMethod
    from clicktrain.inference.protocols import ImagePredictor
    from clicktrain.progress import Progress
    from clicktrain.project.learning_curve import LearningCurve
    from clicktrain.project.protocols import TrainableImageClassifier
    from clicktrain.project.runner import Task
    from clicktrain.project.state import ProjectImage, State

__all__ = ["check_labelled", "explain_image", "identify_image", "known_labels", "learn_images", "named_preset"]


def check_labelled(state: State) -> tuple[ProjectImage, ...]:
    """Return the labelled images, if they can be learned from.

    Raises
    ------
    LabelsError
        If there are no images, one has no label, or all have the same.
    StorageError
        If an image is not there any more.
    """
    images = state.labelled
    if not images:
        raise LabelsError("images must be there to learn from, got none. Add images of two classes or more.")
    for image in images:
        if not image.label:
            raise LabelsError(f"every image must have a label, got none for `{image.name}`. Type one.")
        if image.path is not None and not image.path.exists():
            raise StorageError(
                f"`{image.path}` must be an image, got nothing of that name. Remove it or bring it back."
            )
    if len(state.labels) < 2:
        raise LabelsError(
            f"images must be of two classes or more, got only {images[0].label!r}. Add images of another class."
        )
    return images


def learn_images(
    task: Task,
    classifier: TrainableImageClassifier,
    images: Sequence[ProjectImage],
    on_curve: Callable[[LearningCurve], None],
) -> TrainingReport:
    """Train on whole images; `on_curve` gets the curve whenever it has grown."""
    recorder = CurveRecorder()
    on_curve(recorder.curve)

    def on_progress(progress: Progress) -> None:
        task.report(progress)
        if recorder.add(progress):
            on_curve(recorder.curve)

    start_s = perf_counter()
    classifier.fit([image.source for image in images], [image.label or "" for image in images], progress=on_progress)
    curve = recorder.curve
    loss = curve.training[-1][1] if curve.training else None
    return TrainingReport("images", len(images), 0, perf_counter() - start_s, loss, curve.best_accuracy)


def identify_image(task: Task, classifier: ImagePredictor, image: ProjectImage) -> ImageAnswer:
    """Say what an image is."""
    shares = classifier.predict_proba(image.source, progress=task.report)[0]
    order = np.argsort(-shares, kind="stable")
    labels = known_labels(classifier)
    return ImageAnswer(image.id, tuple((labels[i], float(shares[i])) for i in order))


def explain_image(
    task: Task, classifier: ImagePredictor, image: ProjectImage, label: str, method: HeatMethod
) -> HeatMap:
    """Say which patches of an image speak for a class."""
    labels = known_labels(classifier)
    if label not in labels:
        raise LabelsError(f"label must be a class that the model knows, got {label!r}. Choose another.")
    target = classifier.classes_.tolist()[labels.index(label)]
    values = classifier.heatmap(image.source, label=target, method=method, progress=task.report)
    grid = classifier.grid(image.source)
    return HeatMap(image.id, label, values, float(np.abs(values).max()), grid)


def known_labels(classifier: ImagePredictor | None) -> tuple[str, ...]:
    """Return the classes that a classifier has learned as text, none before training."""
    # An untrained classifier raises NotFittedError, an AttributeError, as scikit-learn's do.
    return tuple(str(label) for label in getattr(classifier, "classes_", ()))


def named_preset(preset: ImagePresetName | ImagePreset) -> ImagePresetName | ImagePreset:
    """Give settings that are those of a preset its name, which the model file then has."""
    names: tuple[ImagePresetName, ...] = ("small", "resnet", "mobilenet")
    return next((name for name in names if preset == image_preset(name)), preset)
