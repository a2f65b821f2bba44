"""The classifier of whole images, with the manners of scikit-learn."""

from __future__ import annotations

import numbers
from operator import eq
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np

from clicktrain.api.base import Classifier, check_seed
from clicktrain.api.inputs import listed
from clicktrain.config.images import ImageModelSummary, ImagePreset, ImagePresetName, image_preset
from clicktrain.engine.device import pick_device
from clicktrain.errors import ClickTrainError, LabelsError
from clicktrain.images.source import open_image
from clicktrain.inference.images.attribution import heat
from clicktrain.inference.images.inspection import grid_of
from clicktrain.inference.images.predict import predict_images
from clicktrain.learning.images.fit import fit_images
from clicktrain.models.images.fitted import FittedImageModel
from clicktrain.models.images.summary import summarise_images
from clicktrain.progress import run_to_end
from clicktrain.stores.whole_files import ensure_writable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.config import DeviceName
    from clicktrain.geometry.patch_grid import PatchGrid
    from clicktrain.images.source import ImageSource
    from clicktrain.inference.images.attribution import HeatMethod
    from clicktrain.progress import ProgressCallback
    from clicktrain.types import AnyArray, FloatArray

    ImageLike = AnyArray | str | PathLike[str] | ImageSource
    Label = str | int

__all__ = ["ImageClassifier"]

_METHODS = ("gradient", "leave_one_out")


class ImageClassifier(Classifier[FittedImageModel, ImageModelSummary]):
    """Learns what whole images are, also of images that do not fit into memory.

    An image is cut into patches, each is encoded as a short vector, and a head answers from the grid of these. Training
    is PatchGD: at any time only a share of the patches is read and encoded with gradient, so memory grows with that
    share and with the number of patches times the length of a code, not with the pixels.

    Parameters
    ----------
    preset : {"small", "resnet", "mobilenet"} or ImagePreset
        Which network; or settings of one's own, made from `clicktrain.config.images.image_preset(name)`.
    seed : int
        The same seed, images and labels give the same answer.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute; "auto" takes a GPU if there is one.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The different labels, sorted; known after `fit`.

    Raises
    ------
    BackendError
        If the device was asked for and is not there.
    ClickTrainError
        If there is no such preset, or the seed is not a whole number from 0 to 2**32 - 1.

    References
    ----------
    Gupta et al. 2023, arXiv 2301.13817: Patch Gradient Descent.

    Examples
    --------
    >>> import numpy as np
    >>> from clicktrain import ImageClassifier
    >>> from clicktrain.config.images import image_preset
    >>> images = [np.random.default_rng(n).normal(n % 2, 1, size=(64, 128)) for n in range(4)]
    >>> quick = image_preset("small").with_changes(epochs=1)
    >>> model = ImageClassifier(preset=quick).fit(images, ["dark", "bright", "dark", "bright"])
    >>> model.predict_proba(images).shape
    (4, 2)
    """

    _summary_type = ImageModelSummary

    def __init__(
        self, *, preset: ImagePresetName | ImagePreset = "small", seed: int = 0, device: DeviceName = "auto"
    ) -> None:
        self.preset, self.seed, self.device = preset, check_seed(seed), device
        self._settings = image_preset(preset)
        self._device = pick_device(device)

    def fit(
        self,
        images: Sequence[ImageLike],
        labels: Sequence[Label] | AnyArray,
        *,
        axes: str | None = None,
        progress: ProgressCallback | None = None,
        checkpoint: str | PathLike[str] | None = None,
    ) -> Self:
        """Train from nothing, or from where a checkpoint left it.

        Parameters
        ----------
        images : list of ndarray of shape (Y, X), (Y, X, C) or (C, Y, X), or of path
            Of any sizes from a patch on. Patches are read from TIFF, OME-Zarr and NPY files as they are needed; PNG and
            JPEG are decoded whole while they are in use. Zarr and dask arrays are read lazily as well.
        labels : sequence of str or of int, one per image
        axes : str, optional
            Axis names of the images, such as "CYX", where neither file nor shape tell.
        progress : callable of one Progress, optional
            Called between all steps. If it raises, training stops and the classifier is as it was before.
        checkpoint : path, optional
            File that the training is kept in while it runs. If it exists and is of the same images, labels, settings
            and seed, training goes on from it and ends as if it had never stopped; of a training that had ended, it
            gives the model at once.

        Returns
        -------
        ImageClassifier
            Itself.

        Raises
        ------
        LabelsError
            If labels are not one per image, neither text nor whole numbers, or all the same.
        ImageError
            If an image is smaller than a patch, not finite, or its axes or channels do not fit.
        StorageError
            If a file cannot be read, or the checkpoint cannot be written.
        ModelFileError
            If the checkpoint is damaged or of another training.
        """
        sources = _sources(images, axes)
        classes, targets = _classes_and_targets(labels, len(sources))
        path = None if checkpoint is None else Path(checkpoint)
        if path is not None:
            ensure_writable(path)
        settings = image_preset(self.preset)
        steps = fit_images(sources, targets, classes, settings, seed=self.seed, device=self._device, checkpoint=path)
        self._model = run_to_end(steps, progress)
        name = "custom" if isinstance(self.preset, ImagePreset) else self.preset
        self._settings, self._trained_as = settings, (name, self.seed)
        return self

    def predict_proba(
        self,
        images: ImageLike | Sequence[ImageLike],
        *,
        axes: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> FloatArray:
        """Return the probability of every class for every image.

        Parameters
        ----------
        images : array, path, or list of such
        axes, progress
            As for `fit`.

        Returns
        -------
        ndarray of shape (N, K), float32
            In the order of `classes_`; sums to 1 for every image. N is 1 for a single image.

        Raises
        ------
        NotFittedError
            If the classifier was not trained yet.
        ImageError, StorageError
            As for `fit`.
        """
        model = self._fitted()
        chunk_patches = self._settings.training.chunk_patches
        return run_to_end(predict_images(model, _sources(images, axes), chunk_patches=chunk_patches), progress)

    def predict(
        self,
        images: ImageLike | Sequence[ImageLike],
        *,
        axes: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> AnyArray:
        """Return the most probable class of every image.

        Parameters
        ----------
        images, axes, progress
            As for `predict_proba`.

        Returns
        -------
        ndarray of shape (N,)
            Labels, of the type they were given in.

        Raises
        ------
        NotFittedError, ImageError, StorageError
            As for `predict_proba`.
        """
        best: AnyArray = self.classes_[self.predict_proba(images, axes=axes, progress=progress).argmax(axis=1)]
        return best

    def score(
        self,
        images: ImageLike | Sequence[ImageLike],
        labels: Label | Sequence[Label] | AnyArray,
        *,
        axes: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> float:
        """Return the accuracy: the share of images whose most probable class is their label.

        Parameters
        ----------
        images : array, path, or list of such
        labels : str or int, or sequence of such, one per image
        axes, progress
            As for `fit`.

        Returns
        -------
        float
            From 0 to 1. A label that the model does not know is wrong.

        Raises
        ------
        NotFittedError
            If the classifier was not trained yet.
        LabelsError
            If labels are not one per image, or not text where the model's are, or there are none.
        ImageError, StorageError
            As for `predict_proba`.
        """
        known = self._fitted().classes
        wanted = _plain_labels(labels, len(listed(images)))
        if not wanted:
            raise LabelsError("labels must name at least one image's class, got none. Give images and their labels.")
        if type(wanted[0]) is not type(known[0]):
            raise LabelsError(f"labels must be such as {known[0]!r}, as in training, got {wanted[0]!r}.")
        found = self.predict(images, axes=axes, progress=progress).tolist()
        n_right: int = sum(map(eq, found, wanted))
        return n_right / len(wanted)

    def heatmap(
        self,
        image: ImageLike,
        *,
        label: Label | None = None,
        method: HeatMethod = "gradient",
        axes: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> FloatArray:
        """Say of every patch of an image how much it speaks for a class.

        Parameters
        ----------
        image : array or path
        label : str or int, optional
            Which class; the most probable one if not given.
        method : {"gradient", "leave_one_out"}
            How the log-odds of the class against all others depend on a patch: by integrated gradients from the image's
            mean code to the patch's own, which takes 32 passes of the head; or by how much they fall when the patch is
            left out, which takes one pass of the head per patch.
        axes, progress
            As for `fit`.

        Returns
        -------
        ndarray of shape (m, n), float32
            One value per patch, in the grid that `grid` describes; positive where a patch speaks for the class.

        Raises
        ------
        LabelsError
            If there is no such class.
        ClickTrainError
            If there is no such method.
        NotFittedError, ImageError, StorageError
            As for `predict_proba`.
        """
        model = self._fitted()
        if method not in _METHODS:
            raise ClickTrainError(f"method must be one of {', '.join(_METHODS)}, got {method!r}.")
        if label is not None and label not in model.classes:
            known = ", ".join(map(repr, model.classes))
            raise LabelsError(f"label must be one of {known}, got {label!r}.")
        target = None if label is None else model.classes.index(label)
        steps = heat(
            model,
            open_image(image, axes=axes),
            target,
            method=method,
            chunk_patches=self._settings.training.chunk_patches,
        )
        return run_to_end(steps, progress)

    def grid(self, image: ImageLike, *, axes: str | None = None) -> PatchGrid:
        """Say where the cells of a heat map lie over an image.

        Parameters
        ----------
        image : array or path
        axes : str, optional
            As for `fit`.

        Returns
        -------
        PatchGrid
            With the number of cells and, as a viewer needs them, `scale_px` and `translate_px`.

        Raises
        ------
        ImageError, StorageError
            As for `fit`.
        """
        return grid_of(open_image(image, axes=axes), self._settings.network)

    def summary(self) -> ImageModelSummary:
        """Say what the trained model is, as its file will.

        Raises
        ------
        NotFittedError
            If the classifier was not trained yet.
        """
        model = self._fitted()
        preset, seed = self._trained_as
        return summarise_images(model, self._settings, preset=preset, seed=seed)

    @property
    def classes_(self) -> AnyArray:
        """The different labels, sorted, in the order of the probabilities; shape (K,)."""
        return np.array(self._fitted().classes)

    @classmethod
    def _restored(cls, summary: ImageModelSummary, weights: dict[str, Tensor], device: DeviceName, name: str) -> Self:
        settings = ImagePreset(network=summary.architecture, training=summary.training)
        classifier = cls(preset=_named(summary.preset, settings), seed=summary.seed, device=device)
        classifier._model = FittedImageModel.restored(summary, weights, classifier._device, name)
        classifier._settings, classifier._trained_as = settings, (summary.preset, summary.seed)
        return classifier


def _named(name: str, settings: ImagePreset) -> Any:
    """Return the name of a preset that has these settings in this version too, or else the settings."""
    names = get_args(ImagePresetName)
    return next((known for known in names if known == name and image_preset(known) == settings), settings)


def _sources(images: Any, axes: str | None) -> list[ImageSource]:
    given = listed(images)
    return [open_image(image, axes=axes, name=_name_of(image, number)) for number, image in enumerate(given, start=1)]


def _name_of(image: Any, number: int) -> str | None:
    return None if isinstance(image, str | PathLike) else f"image {number}"


def _plain_labels(labels: Any, n_images: int) -> list[Any]:
    """All of them as `str`, or all as `int`."""
    given = np.asarray(labels).tolist() if isinstance(labels, np.ndarray) else listed(labels)
    if len(given) != n_images:
        raise LabelsError(f"labels must be one per image, got {n_images} images and {len(given)} labels.")
    texts = all(isinstance(label, str) for label in given)
    if not texts and not all(isinstance(label, numbers.Integral) for label in given):
        raise LabelsError("labels must be all text or all whole numbers, got others. Name every image's class.")
    return [str(label) if texts else int(label) for label in given]


def _classes_and_targets(labels: Any, n_images: int) -> tuple[tuple[int, ...] | tuple[str, ...], list[int]]:
    plain = _plain_labels(labels, n_images)
    classes: Any = tuple(sorted(set(plain)))
    if len(classes) < 2:
        raise LabelsError(f"labels must name at least two classes, got {len(classes)}. Add images of another class.")
    return classes, [classes.index(label) for label in plain]
