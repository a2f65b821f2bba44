"""What all classifiers share: parameters and copies, as scikit-learn expects them, and model files."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

from pydantic import BaseModel

from clicktrain.errors import ClickTrainError, NotFittedError, StorageError
from clicktrain.models.files import pack, unpack
from clicktrain.stores.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    import torch
    from torch import Tensor

    from clicktrain.config import DeviceName

__all__ = ["Classifier", "check_seed", "read_bytes"]

_SUFFIX = ".clicktrain"


class Fitted(Protocol):
    """A trained network with all that its answers depend on."""

    @property
    def classes(self) -> tuple[Any, ...]:
        """In the order of the scores."""

    def weights(self) -> dict[str, Tensor]:
        """All numbers that a model file keeps, by name."""


M = TypeVar("M", bound=Fitted)
S = TypeVar("S", bound=BaseModel)


class Classifier(ABC, Generic[M, S]):
    """Base of the classifiers.

    The arguments of a constructor are checked there and kept as attributes of the same names. What a model was trained
    with is kept beside them: they can be changed without a change to the model, and count from the next `fit` on.
    """

    seed: int
    device: DeviceName

    _summary_type: ClassVar[type[BaseModel]]
    # Names of earlier versions, and what they are called now.
    _renamed: ClassVar[Mapping[str, str]] = {}

    # Of the model or, without one, of the parameters.
    _settings: Any
    _device: torch.device
    _model: M | None = None
    # Name of the preset and seed that the model was trained with.
    _trained_as: tuple[Any, int]

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        changed = {name: value for name, value in self.get_params().items() if value != defaults[name].default}
        shown = ", ".join(f"{name}={_short(value)}" for name, value in changed.items())
        state = f"{len(self._model.classes)} classes" if self._model is not None else "not fitted"
        return f"{type(self).__name__}({shown}): {state}"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters that the classifier was made with, or that were set since.

        Parameters
        ----------
        deep : bool
            Without a meaning here, as no parameter is a classifier itself.
        """
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change parameters, for the next `fit`; a model that was trained stays as it is, and moves to a new device.

        Returns
        -------
        Classifier
            Itself.

        Raises
        ------
        ClickTrainError
            If there are no such parameters or they cannot have these values; nothing is changed then.
        """
        changed = self.clone(**params)
        if self._model is None:
            self._settings = changed._settings
        elif changed._device != self._device:
            summary, weights = self.summary(), self._model.weights()
            self._model = self._restored(summary, weights, changed.device, repr(self))._model
        self._device = changed._device
        vars(self).update(params)
        return self

    def clone(self, **params: Any) -> Self:
        """Return a new classifier with the same parameters but for those that are given; it is not trained.

        Raises
        ------
        ClickTrainError
            If there are no such parameters or they cannot have these values.
        """
        same = self.get_params()
        for name in params:
            if name not in same:
                raise ClickTrainError(f"parameters must be among {', '.join(same)}, got {name!r}.")
        return type(self)(**(same | params))

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the model into one file, whole or not at all.

        Parameters
        ----------
        path : path
            A name without an ending gets `.clicktrain`.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        NotFittedError
            If the classifier was not trained yet.
        StorageError
            If the file cannot be written.
        """
        content = pack(self.summary(), self._fitted().weights())
        place = Path(path)
        if place.name and not place.suffix:
            place = place.with_name(f"{place.name}{_SUFFIX}")
        write_whole(place, lambda beside: beside.write_bytes(content))
        return place

    @classmethod
    def load(cls, path: str | PathLike[str], *, device: DeviceName = "auto") -> Self:
        """Read a model from a file.

        Parameters
        ----------
        path : path
        device : {"auto", "cpu", "cuda", "mps"}
            Where to compute.

        Raises
        ------
        StorageError
            If the file cannot be read.
        ModelFileError
            If it is no model file of this kind of classifier, is damaged, or was written by another version.
        """
        summary, weights = unpack(read_bytes(path), str(path), cls._summary_type)
        return cls._restored(summary, weights, device, str(path))

    def fingerprint(self) -> str:
        """Tell the trained model from all others: the same for the same settings, numbers and class names.

        Returns
        -------
        str
            SHA-256 of what its file holds, but for the versions of the libraries that wrote it.

        Raises
        ------
        NotFittedError
            If the classifier was not trained yet.
        """
        summary = self.summary().model_copy(update={"versions": {}})
        return sha256(pack(summary, self._fitted().weights())).hexdigest()

    @abstractmethod
    def summary(self) -> S:
        """Say what the trained model is, as its file will.

        Raises
        ------
        NotFittedError
            If the classifier was not trained yet.
        """

    @classmethod
    @abstractmethod
    def _restored(cls, summary: Any, weights: dict[str, Tensor], device: DeviceName, name: str) -> Self:
        """Make the classifier whose model has this summary and these weights."""

    def _fitted(self) -> M:
        if self._model is None:
            raise NotFittedError(
                "the classifier must be trained before it is used, got no training yet. Call fit first."
            )
        return self._model

    def __sklearn_is_fitted__(self) -> bool:
        return self._model is not None

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            transformer_tags=None,
            classifier_tags=ClassifierTags(),
            regressor_tags=None,
        )

    if not TYPE_CHECKING:  # or every name would seem to be there

        def __getattr__(self, name: str) -> Any:
            if name in self._renamed:
                raise AttributeError(f"`{name}` is now `{self._renamed[name]}`")
            # Python also asks here when a property, such as `classes_`, raised an AttributeError, which it does again.
            return object.__getattribute__(self, name)


def check_seed(seed: int) -> int:
    """Refuse a seed that torch or NumPy would not take.

    Raises
    ------
    ClickTrainError
        If it is not a whole number from 0 to 2**32 - 1.
    """
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ClickTrainError(f"seed must be a whole number from 0 to {2**32 - 1}, got {seed!r}. Give for example 0.")
    return seed


def read_bytes(path: str | PathLike[str]) -> bytes:
    """Read a model file whole.

    Raises
    ------
    StorageError
        If it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise StorageError(f"`{path}` must be a readable model file, got: {error.strerror}. Check the path.") from error


def _short(value: Any) -> str:
    return f"{type(value).__name__}(...)" if isinstance(value, BaseModel) else repr(value)
