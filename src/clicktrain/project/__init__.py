"""An interactive sitting without a user interface: image, clicks, classes, a classifier learning in the background."""

from __future__ import annotations

from clicktrain.project.session import Session
from clicktrain.project.values import ClassifierOptions, ImageInput, LoadReport, Prediction, TrainingReport
from clicktrain.project.whole_images import WholeImageSession

__all__ = [
    "ClassifierOptions",
    "ImageInput",
    "LoadReport",
    "Prediction",
    "Session",
    "TrainingReport",
    "WholeImageSession",
]
