"""The public face: classifiers with the manners of scikit-learn."""

from clicktrain.api.images import ImageClassifier
from clicktrain.api.pixels import PixelClassifier
from clicktrain.inference.pixels.summaries import ClassSink, class_numbers, confidence

__all__ = ["ClassSink", "ImageClassifier", "PixelClassifier", "class_numbers", "confidence"]
