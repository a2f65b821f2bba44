"""The jobs of a session of whole images: functions that run on the worker thread and touch a classifier."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.project.whole_image_values import HeatMap, ImageAnswer, ImagesReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clicktrain.images.lists import LabelledPath
    from clicktrain.inference.images.attribution import HeatMethod
    from clicktrain.progress import Progress
    from clicktrain.project.learning_curve import CurveRecorder, LearningCurve
    from clicktrain.project.runner import Task
    from clicktrain.project.values import ImageInput
    from clicktrain.project.whole_image_values import ImageModel

__all__ = ["answer_image", "heat_image", "labels_of", "learn_images"]


def learn_images(
    task: Task,
    model: ImageModel,
    rows: Sequence[LabelledPath],
    recorder: CurveRecorder,
    tell: Callable[[LearningCurve], None],
) -> ImagesReport:
    """Train `model`; `tell` gets the curve whenever it has grown."""

    def on_progress(progress: Progress) -> None:
        task.report(progress)
        if recorder.add(progress):
            tell(recorder.curve)

    start = perf_counter()
    model.fit([row.path for row in rows], [row.label for row in rows], progress=on_progress)
    return ImagesReport(len(rows), labels_of(model), perf_counter() - start, recorder.curve.best_accuracy)


def answer_image(task: Task, model: ImageModel, image: ImageInput) -> ImageAnswer:
    """Say what an image is."""
    shares = model.predict_proba(image.array, axes=image.axes, progress=task.report)[0]
    order = np.argsort(-shares, kind="stable")
    labels = labels_of(model)
    return ImageAnswer(image, tuple((labels[i], float(shares[i])) for i in order), task.generation)


def heat_image(task: Task, model: ImageModel, image: ImageInput, label: str, method: HeatMethod) -> HeatMap:
    """Say which patches of an image speak for a class."""
    known = model.classes_.tolist()
    target = known[labels_of(model).index(label)]
    values = model.heatmap(image.array, label=target, method=method, axes=image.axes, progress=task.report)
    grid = model.grid(image.array, axes=image.axes)
    return HeatMap(image, label, values, float(np.abs(values).max()), grid, task.generation)


def labels_of(model: ImageModel) -> tuple[str, ...]:
    """Return the classes of a model as text."""
    return tuple(str(label) for label in model.classes_.tolist())
