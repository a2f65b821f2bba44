"""Answers to clicks before any training: an image is taken in once, and after that answers at once."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from clicktrain.inference.pixels.summaries import class_numbers, confidence
from clicktrain.project.values import Prediction

if TYPE_CHECKING:
    from clicktrain.annotations.clicks import Clicks
    from clicktrain.project.protocol import Classifier, Look
    from clicktrain.project.runner import Task
    from clicktrain.project.values import ImageInput

__all__ = ["FirstAnswers"]


class FirstAnswers:
    """What is known of the open image: how it was taken in, and the last prediction."""

    def __init__(self) -> None:
        self._taken_in: tuple[tuple[Any, ...], Look | None] | None = None
        self._last: Prediction | None = None

    def forget(self) -> None:
        """Let go of the image; what is known of one can be as large as a gigabyte."""
        self._last = None
        self.forget_look()

    def forget_look(self) -> None:
        """Take the image in anew the next time, as another model may see it otherwise."""
        self._taken_in = None

    def remember(self, prediction: Prediction) -> None:
        """Keep a prediction for the pixels that a first answer leaves open."""
        self._last = prediction

    def answer(self, task: Task, classifier: Classifier, image: ImageInput, clicks: Clicks) -> Prediction | None:
        """Answer the clicks at once; None where the classifier cannot do that.

        Parameters
        ----------
        task : Task
        classifier : Classifier
            Need not be trained.
        image : ImageInput
            Taken in the first time only.
        clicks : Clicks
        """
        # All presets take an image in alike; settings of one's own may do it otherwise.
        key = image, classifier.position_encoding, classifier.preset == "custom"
        taken_in = self._taken_in
        if taken_in is None or taken_in[0] != key:
            taken_in = key, classifier.embed(image.array, axes=image.axes, progress=task.report)
            # An image that was closed meanwhile is not kept.
            task.check()
            # Without an answer nothing is known: another classifier may have one.
            self._taken_in = None if taken_in[1] is None else taken_in
        if taken_in[1] is None:
            return None
        # Read once: the image may be closed meanwhile.
        last = self._last
        before = last if last is not None and last.image is image else None
        return _answered(task, taken_in[1], image, clicks, before)


def _answered(task: Task, look: Look, image: ImageInput, clicks: Clicks, before: Prediction | None) -> Prediction:
    """Answer the clicks; what the look does not answer stays as it was before."""
    start = perf_counter()
    proba = look.segment(clicks)
    classes, sure = class_numbers(proba, np.array(clicks.present, np.int64)), confidence(proba)
    # Of a volume, slices without clicks are not looked at.
    known = sure > 0
    classes = np.where(known, classes, classes.dtype.type(0) if before is None else before.classes)
    if before is not None:
        sure = np.where(known, sure, before.confidence)
    return Prediction(image, classes, sure, task.generation, perf_counter() - start)
