"""The jobs of a session: functions that run on the worker thread and touch a classifier."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.inference.summaries import class_numbers, confidence
from clicktrain.session.values import Prediction, TrainingReport

if TYPE_CHECKING:
    from clicktrain.clicks import Clicks
    from clicktrain.session.classes import ClassTable
    from clicktrain.session.protocol import Classifier, Look
    from clicktrain.session.runner import Task
    from clicktrain.session.values import ImageInput
    from clicktrain.types import Progress

__all__ = ["classify", "glimpse", "known_classes", "label_classes", "learn"]


def learn(task: Task, classifier: Classifier, image: ImageInput, clicks: Clicks, *, resume: bool) -> TrainingReport:
    """Train `classifier`, from what it knows if `resume` and the classes are still the same."""
    losses: list[float] = []

    def on_progress(progress: Progress) -> None:
        if progress.loss is not None:
            losses.append(progress.loss)
        task.report(progress)

    start = perf_counter()
    go_on = resume and known_classes(classifier) == clicks.present
    fit = classifier.partial_fit if go_on else classifier.fit
    fit(image.array, clicks, axes=image.axes, spacing=image.spacing, progress=on_progress)
    return TrainingReport(len(clicks), perf_counter() - start, losses[-1] if losses else None)


def glimpse(task: Task, look: Look, image: ImageInput, clicks: Clicks, before: Prediction | None) -> Prediction:
    """Answer the clicks at once, from an image that was taken in; what it does not answer stays as it was before."""
    start = perf_counter()
    proba = look.predict_proba(clicks)
    classes, sure = class_numbers(proba, np.array(clicks.present, np.int64)), confidence(proba)
    # Of a volume, slices without clicks are not looked at.
    known = sure > 0
    classes = np.where(known, classes, classes.dtype.type(0) if before is None else before.classes)
    if before is not None:
        sure = np.where(known, sure, before.confidence)
    return Prediction(image, classes, sure, task.generation, perf_counter() - start)


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


def label_classes(classifier: Classifier, table: ClassTable) -> None:
    """Give the classifier's classes the names and colours of the table."""
    classifier.class_infos = table.named(known_classes(classifier))
