"""The classifier of a session: the one in use, and what the next training makes one with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clicktrain.errors import NotFittedError
from clicktrain.project.triton_guard import bind_triton_to_itself
from clicktrain.project.values import ClassifierOptions
from clicktrain.project.work import known_classes, options_of

if TYPE_CHECKING:
    from clicktrain.project.protocol import Classifier

__all__ = ["ClassifierInUse"]

_UNFITTED = "the classifier must be trained first, got none. Train it or load a model."


class ClassifierInUse:
    """Holds a classifier until another one has taken its place by a training or from a file.

    Parameters
    ----------
    classifier : Classifier, optional
        To begin with; it need not be trained.

    Attributes
    ----------
    wanted : ClassifierOptions
        What the next training makes a classifier with, if the one in use was made otherwise.
    fitted : bool
        Whether the one in use is trained.
    """

    def __init__(self, classifier: Classifier | None = None) -> None:
        # Only the worker thread touches it from now on.
        self._classifier = classifier
        self.fitted = classifier is not None and bool(known_classes(classifier))
        self.wanted = ClassifierOptions() if classifier is None else options_of(classifier)

    def take(self, classifier: Classifier) -> None:
        """Use a classifier that has been trained from now on."""
        self._classifier, self.fitted = classifier, True

    def load(self, classifier: Classifier) -> None:
        """Use a classifier from a file from now on, and go on with it as it is."""
        self.take(classifier)
        self.wanted = options_of(classifier)

    def check_fitted(self) -> None:
        """Raise NotFittedError if there is nothing to predict with or to save."""
        if not self.fitted:
            raise NotFittedError(_UNFITTED)

    def trained(self) -> Classifier:
        """Return the classifier in use.

        Raises
        ------
        NotFittedError
            If it was not trained yet.
        """
        bind_triton_to_itself()
        if self._classifier is None or not self.fitted:
            raise NotFittedError(_UNFITTED)
        return self._classifier

    def to_train(self, options: ClassifierOptions) -> Classifier:
        """Return the classifier in use if it has these options, else a new one, which is not in use yet.

        Raises
        ------
        ClickTrainError
            If a new one cannot have them.
        """
        make, present = self.kind(), self._classifier
        if present is not None and _is_made_with(present, options):
            return present
        # The classifier itself refuses what is no preset, in a clear sentence.
        changes: dict[str, Any] = {"preset": options.preset, "position_encoding": options.position_encoding}
        return make(**changes) if present is None else present.clone(**changes)

    def kind(self) -> type[Classifier]:
        """Return the kind of classifier that new ones are of."""
        bind_triton_to_itself()
        if self._classifier is not None:
            return type(self._classifier)
        # Loading torch takes seconds, so it is left to the worker thread.
        from clicktrain.api import PixelClassifier

        return PixelClassifier


def _is_made_with(classifier: Classifier, options: ClassifierOptions) -> bool:
    made_with = options_of(classifier)
    # Settings of its own cannot be had anew with another context.
    return options == made_with or options.preset == made_with.preset == "custom"
