"""Previews: an image is embedded once, and after that its clicks are answered at once, before any training."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from clicktrain.inference.pixels.summaries import class_numbers, confidence
from clicktrain.project.values import Prediction

if TYPE_CHECKING:
    from clicktrain.project.protocols import Embedding, TrainablePixelClassifier
    from clicktrain.project.runner import Task
    from clicktrain.project.state import ProjectImage

__all__ = ["Previews"]


class Previews:
    """What is known of the chosen image: its embedding, and its last prediction."""

    def __init__(self) -> None:
        self._embedded: tuple[tuple[Any, ...], Embedding] | None = None
        self._last: Prediction | None = None

    def forget(self) -> None:
        """Let go of the image; what is known of one can be as large as a gigabyte."""
        self._last = None
        self.forget_embedding()

    def forget_embedding(self) -> None:
        """Embed the image anew the next time, as another model may do it otherwise."""
        self._embedded = None

    def remember(self, prediction: Prediction) -> None:
        """Keep a prediction for the pixels that a preview leaves open."""
        self._last = prediction

    def preview(self, task: Task, classifier: TrainablePixelClassifier, image: ProjectImage) -> Prediction | None:
        """Answer the image's clicks at once; None where the classifier or the clicks do not allow it.

        Parameters
        ----------
        task : Task
        classifier : TrainablePixelClassifier
            Need not be trained.
        image : ProjectImage
            Embedded the first time only.
        """
        if image.clicks is None or len(image.clicks.present) < 2:
            return None
        embedding = self._embedding_of(task, classifier, image)
        if embedding is None:
            return None
        start_s = perf_counter()
        proba = embedding.segment(image.clicks)
        classes, sure = class_numbers(proba, np.array(image.clicks.present, np.int64)), confidence(proba)
        # Read once: the image may be left meanwhile.
        last = self._last
        before = last if last is not None and last.image_id == image.id else None
        # Of a volume, slices without clicks are left open.
        known = sure > 0
        classes = np.where(known, classes, classes.dtype.type(0) if before is None else before.classes)
        if before is not None:
            sure = np.where(known, sure, before.confidence)
        return Prediction(image.id, classes, sure, perf_counter() - start_s)

    def _embedding_of(self, task: Task, classifier: TrainablePixelClassifier, image: ProjectImage) -> Embedding | None:
        # All presets embed an image alike; settings of one's own may do it otherwise.
        key = image.id, classifier.position_encoding, not isinstance(classifier.preset, str)
        embedded = self._embedded
        if embedded is not None and embedded[0] == key:
            return embedded[1]
        embedding = classifier.embed(image.source, progress=task.report)
        # An image that was left meanwhile is not kept.
        task.check()
        self._embedded = None if embedding is None else (key, embedding)
        return embedding
