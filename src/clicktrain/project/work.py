"""What the jobs of a session do with a classifier, and what they check beforehand."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.errors import ClicksError
from clicktrain.inference.pixels.summaries import class_numbers, confidence
from clicktrain.project.values import ClassifierOptions, Prediction, TrainingReport

if TYPE_CHECKING:
    from clicktrain.annotations.clicks import Clicks
    from clicktrain.progress import Progress
    from clicktrain.project.classes import ClassTable
    from clicktrain.project.protocol import Classifier
    from clicktrain.project.runner import Task
    from clicktrain.project.values import ImageInput

__all__ = ["classify", "known_classes", "label_classes", "learn", "options_for", "options_of", "trainable"]


def learn(task: Task, classifier: Classifier, image: ImageInput, clicks: Clicks, *, resume: bool) -> TrainingReport:
    """Train `classifier`, from what it knows if `resume` and the classes are still the same."""
    losses: list[float] = []

    def on_progress(progress: Progress) -> None:
        if progress.loss is not None:
            losses.append(progress.loss)
        task.report(progress)

    start = perf_counter()
    go_on = resume and known_classes(classifier) == clicks.present
    fit = classifier.continue_fit if go_on else classifier.fit
    fit(image.array, clicks, axes=image.axes, voxel_size=image.voxel_size, progress=on_progress)
    seconds = perf_counter() - start
    return TrainingReport(len(clicks), seconds, losses[-1] if losses else None, classifier.summary())


def classify(task: Task, classifier: Classifier, image: ImageInput) -> Prediction:
    """Classify every pixel of `image`."""
    start = perf_counter()
    proba = classifier.predict_proba(image.array, axes=image.axes, progress=task.report)
    classes = class_numbers(proba, np.asarray(classifier.classes_))
    return Prediction(image, classes, confidence(proba), task.generation, perf_counter() - start)


def known_classes(classifier: Classifier) -> tuple[int, ...]:
    """Return the class numbers that `classifier` has learned, none before training."""
    # An untrained classifier raises NotFittedError, an AttributeError, as scikit-learn's do.
    return tuple(int(number) for number in getattr(classifier, "classes_", ()))


def trainable(clicks: Clicks | None, image: ImageInput, table: ClassTable) -> Clicks:
    """Return the clicks if a classifier can learn from them.

    Raises
    ------
    ClicksError
        If there are none, they were made for an image of another shape, or are of one class only.
    """
    if clicks is None or not len(clicks):
        raise ClicksError("clicks must be there to learn from, got none. Click or paint some pixels of each class.")
    if clicks.shape_px != image.shape_px:
        raise ClicksError(
            f"clicks must be made for an image of shape {image.shape_px}, got {clicks.shape_px}. "
            "Use a clicks layer made for this image."
        )
    if len(clicks.present) < 2:
        name = table[clicks.present[0]].name
        raise ClicksError(f"clicks must be of two classes or more, got only {name!r}. Click some of another class.")
    return clicks


def options_of(classifier: Classifier) -> ClassifierOptions:
    """Return what `classifier` was made with."""
    return ClassifierOptions(classifier.preset, classifier.position_encoding)


def options_for(image: ImageInput, wanted: ClassifierOptions) -> ClassifierOptions:
    """Return the options that are used for `image`: where in a volume a pixel lies cannot count."""
    return replace(wanted, position_encoding=False) if image.is_volume else wanted


def label_classes(classifier: Classifier, table: ClassTable) -> None:
    """Give the classifier's classes the names and colours of the table."""
    classifier.class_infos = table.named(known_classes(classifier))
