"""What is done with clicked pixels on the worker thread, and what is checked beforehand."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from clicktrain.api.inputs import check_fits
from clicktrain.errors import ClicksError
from clicktrain.inference.pixels.summaries import ClassSink, ConfidenceSink, class_dtype
from clicktrain.project.values import ClassifierOptions, Prediction, TrainingReport
from clicktrain.stores.sinks import ArraySink, SeveralSinks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.inference.protocols import PixelPredictor
    from clicktrain.progress import Progress
    from clicktrain.project.classes import ClassList
    from clicktrain.project.protocols import TrainablePixelClassifier
    from clicktrain.project.runner import Task
    from clicktrain.project.state import ProjectImage, State

__all__ = [
    "check_clicked",
    "classifier_to_train",
    "clicked_classes",
    "clicked_like",
    "known_classes",
    "learn_pixels",
    "name_classes",
    "predict_pixels",
]

# Of a pixel: the number of its class, and how sure it is in single precision.
_ANSWER_BYTES = 5


def check_clicked(state: State, image: ProjectImage) -> tuple[ProjectImage, ...]:
    """Return the clicked images that are learned from for `image`: those that are like it, itself first.

    Raises
    ------
    ClicksError
        If there are no clicks, or they are of one class only.
    """
    examples = clicked_like(state, image)
    present = clicked_classes(examples)
    if not present:
        raise ClicksError("clicks must be there to learn from, got none. Click or paint some pixels of each class.")
    if len(present) < 2:
        name = state.classes[present[0]].name
        raise ClicksError(f"clicks must be of two classes or more, got only {name!r}. Click some of another class.")
    return examples


def clicked_like(state: State, image: ProjectImage) -> tuple[ProjectImage, ...]:
    """Return the images with clicks that are like `image`, itself first."""
    clicked = [other for other in state.images if other.clicks is not None and len(other.clicks)]
    return tuple(sorted((other for other in clicked if other.is_like(image)), key=lambda other: other.id != image.id))


def clicked_classes(images: Sequence[ProjectImage]) -> tuple[int, ...]:
    """Return the class numbers that have clicks in some image, ascending."""
    return tuple(sorted({number for image in images if image.clicks is not None for number in image.clicks.present}))


def known_classes(classifier: PixelPredictor | None) -> tuple[int, ...]:
    """Return the class numbers that a classifier has learned, none before training."""
    # An untrained classifier raises NotFittedError, an AttributeError, as scikit-learn's do.
    return tuple(int(number) for number in getattr(classifier, "classes_", ()))


def name_classes(classifier: TrainablePixelClassifier, classes: ClassList) -> None:
    """Give the classifier's classes the names and colours of the project."""
    classifier.class_infos = classes.named(known_classes(classifier))


def classifier_to_train(
    present: TrainablePixelClassifier | None, options: ClassifierOptions, image: ProjectImage
) -> TrainablePixelClassifier:
    """Return the present classifier if it has the options for `image`, else a new one.

    Raises
    ------
    ClickTrainError
        If a new one cannot have them.
    """
    if image.is_volume:
        options = replace(options, position_encoding=False)
    # The classifier itself refuses what is no preset, in a clear sentence.
    changes: dict[str, Any] = {"preset": options.preset, "position_encoding": options.position_encoding}
    if present is None:
        # Loading torch takes seconds, so it is left to the worker thread.
        from clicktrain.api import PixelClassifier

        return PixelClassifier(**changes)
    made_with = ClassifierOptions.of(present)
    # Settings of its own cannot be had anew with another position encoding.
    if options == made_with or options.preset == made_with.preset == "custom":
        return present
    return present.clone(**changes)


def learn_pixels(
    task: Task, classifier: TrainablePixelClassifier, examples: Sequence[ProjectImage], *, resume: bool
) -> TrainingReport:
    """Train on clicked images, from what the classifier knows if `resume` and the classes are still the same."""
    losses: list[float] = []

    def on_progress(progress: Progress) -> None:
        if progress.loss is not None:
            losses.append(progress.loss)
        task.report(progress)

    start_s = perf_counter()
    clicks = [image.clicks for image in examples if image.clicks is not None]
    go_on = resume and known_classes(classifier) == clicked_classes(examples)
    fit = classifier.continue_fit if go_on else classifier.fit
    sources = [image.source for image in examples]
    fit(sources, clicks, voxel_size=examples[0].voxel_size, progress=on_progress)
    n_clicks = sum(len(part) for part in clicks)
    return TrainingReport("pixels", len(examples), n_clicks, perf_counter() - start_s, losses[-1] if losses else None)


def predict_pixels(task: Task, classifier: PixelPredictor, image: ProjectImage) -> Prediction:
    """Classify every pixel of an image."""
    start_s = perf_counter()
    numbers = np.asarray(classifier.classes_)
    check_fits(image.shape_px, _ANSWER_BYTES, image.source.name)
    classes = np.zeros(image.shape_px, class_dtype(numbers))
    sure = np.zeros(image.shape_px, np.float32)
    sink = SeveralSinks([ClassSink(ArraySink(classes), numbers), ConfidenceSink(ArraySink(sure))])
    classifier.predict_to(image.source, sink, progress=task.report)
    return Prediction(image.id, classes, sure, perf_counter() - start_s)
