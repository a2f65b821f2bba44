"""A project without a user interface: images, clicks, classes, classifiers that learn in the background."""

from __future__ import annotations

from clicktrain.project.project import Project
from clicktrain.project.state import ProjectImage, State
from clicktrain.project.values import ClassifierOptions, HeatMap, ImageAnswer, Prediction, TrainingReport

__all__ = [
    "ClassifierOptions",
    "HeatMap",
    "ImageAnswer",
    "Prediction",
    "Project",
    "ProjectImage",
    "State",
    "TrainingReport",
]
