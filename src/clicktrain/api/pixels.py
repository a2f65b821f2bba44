"""The classifier of pixels, with the manners of scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from clicktrain import config as presets
from clicktrain.annotations.clicks import check_trainable
from clicktrain.api.inputs import check_same_kind, examples_of, image_tensor, kind_of
from clicktrain.api.steps import check_seed, read_bytes, write_bytes
from clicktrain.api.voxel_size import with_voxel_size
from clicktrain.config import (
    ClassInfo,
    DeviceName,
    Preset,
    PresetName,
    SettingsName,
    default_class,
)
from clicktrain.config.summaries import ModelSummary, TrainedClicks
from clicktrain.engine.device import pick_device
from clicktrain.errors import ImageError, NotFittedError
from clicktrain.inference.pixels.first_look import MOST_BYTES, FirstLook, embedded_bytes, look_at
from clicktrain.inference.pixels.predict import predict_tiles
from clicktrain.inference.pixels.summaries import class_numbers
from clicktrain.inference.pixels.volume_look import VolumeLook, look_into
from clicktrain.learning.pixels.fit import continue_model, fit_model
from clicktrain.learning.pixels.seen import used_statistics
from clicktrain.models.files import pack, unpack
from clicktrain.models.pixels.binning import binned
from clicktrain.models.pixels.fitted import FittedModel
from clicktrain.models.pixels.overview import overview_of
from clicktrain.models.pixels.pretrained import EmbeddedHead
from clicktrain.models.pixels.summary import count_clicks, summarise
from clicktrain.progress import run_to_end
from clicktrain.stores.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from torch import Tensor

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.progress import ProgressCallback
    from clicktrain.types import AnyArray, FloatArray, IntArray

__all__ = ["PixelClassifier"]


class PixelClassifier:
    """Learns from a few clicked pixels per class and classifies every pixel.

    A patch CNN is trained on exactly the patches around the clicked pixels and run on the whole image as one dense
    network, which gives the same scores as running it patch by patch. Where clicks tell that what they show is large,
    these are patches of the binned image: squares of pixels seen as one.

    Parameters
    ----------
    preset : {"auto", "fast", "wide"} or Preset
        Size of the network: the default, a smaller and quicker one, one with a wider field of view; or settings of
        one's own, made from `clicktrain.config.preset(name)`.
    seed : int
        The same seed, image and clicks give the same answer.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute; "auto" takes a GPU if there is one.
    pretrained : bool
        Whether to add what was learned beforehand, from generated images.
    position_encoding : bool
        Judge pixels also by where in the image they lie, as a coarse view of the whole image shows it: for images in
        which the same looks are of another class elsewhere. Not for volumes, and not without the pretrained part.

    Attributes
    ----------
    classes_ : ndarray of shape (K,), int64
        Class numbers, ascending; known after `fit`.
    class_infos : tuple of ClassInfo
        Names and colours of the classes; may be set, and is saved with the model.

    Raises
    ------
    BackendError
        If the device was asked for and is not there.
    ClickTrainError
        If the seed is not a whole number from 0 to 2**32 - 1, or the position encoding cannot be had.

    References
    ----------
    Li, Zhao, Wang 2014, arXiv 1412.4526, sections 3 and 4: the dense pass and training at chosen pixels.

    Examples
    --------
    >>> from clicktrain import PixelClassifier
    >>> from clicktrain.data.samples import immunohistochemistry
    >>> sample = immunohistochemistry()
    >>> model = PixelClassifier(preset="fast").fit(sample.image, sample.clicks)
    >>> model.predict(sample.image).shape
    (512, 512)
    """

    def __init__(
        self,
        *,
        preset: PresetName | Preset = "auto",
        seed: int = 0,
        device: DeviceName = "auto",
        pretrained: bool = True,
        position_encoding: bool = False,
    ) -> None:
        self.preset: SettingsName = "custom" if isinstance(preset, Preset) else preset
        self.seed = check_seed(seed)
        self.device = device
        self.pretrained = pretrained
        self._settings = presets.preset(preset, pretrained=pretrained, position_encoding=position_encoding)
        self.position_encoding: bool = self._settings.network.position_encoding
        self._device = pick_device(device)
        self._model: FittedModel | None = None
        self._infos: dict[int, ClassInfo] = {}
        self._trained_clicks = TrainedClicks(per_class={}, sha256="")

    def __repr__(self) -> str:
        state = f"{len(self._model.classes)} classes" if self._model else "not fitted"
        return f"PixelClassifier(preset={self.preset!r}, seed={self.seed}, device={self.device!r}): {state}"

    def clone(self, *, preset: PresetName | Preset, position_encoding: bool) -> Self:
        """Return a new, untrained classifier of another preset with the same seed, device and pretraining.

        Parameters
        ----------
        preset, context
            As for the class.

        Raises
        ------
        ClickTrainError
            If they cannot be had.
        """
        options = {"seed": self.seed, "device": self.device, "pretrained": self.pretrained}
        return type(self)(preset=preset, position_encoding=position_encoding, **options)  # type: ignore[arg-type]

    def fit(
        self,
        images: AnyArray | Sequence[AnyArray],
        labels: AnyArray | Clicks | Sequence[AnyArray | Clicks],
        *,
        axes: str | None = None,
        voxel_size: Sequence[float] | None = None,
        progress: ProgressCallback | None = None,
    ) -> Self:
        """Train from nothing on the clicked pixels of one or several images, or volumes.

        Parameters
        ----------
        images : ndarray of shape (Y, X), (Y, X, C), (C, Y, X), (Z, Y, X), (Z, Y, X, C) or (C, Z, Y, X), or list of such
            bool, integer or float.
        labels : ndarray of shape ([Z,] Y, X), integer, or Clicks, or list of such
            0 is unlabelled, classes count from 1.
        axes : str, optional
            Axis names of the images, such as "CYX" or "ZYX". Not needed for (Y, X) and for (Y, X, 3) or (Y, X, 4).
        voxel_size : sequence of three float, optional
            Size of a voxel along z, y and x, in any unit; volumes to predict should have the
            same. All axes alike by default.
        progress : callable of one Progress, optional
            Called between all steps. If it raises, training stops and the classifier is as it was before.

        Returns
        -------
        PixelClassifier
            Itself.

        Raises
        ------
        ImageError
            If an image is empty, constant, not finite, or its axes or channels do not fit.
        ClicksError
            If there are no clicks, clicks of only one class, or labels of another shape than the image.

        Notes
        -----
        The surroundings of the clicks are kept in memory, 1 GB at most, and twice that while it is decided how coarsely
        to look: of images with labels everywhere a random part is learned from, spread evenly over the classes.
        """
        tensors, clicks = examples_of(images, labels, axes, self._device)
        check_trainable(clicks)
        settings = with_voxel_size(self._settings_for(tensors[0].ndim - 1), voxel_size)
        model = run_to_end(fit_model(tensors, clicks, settings, seed=self.seed), progress)
        self._settings = settings
        self._keep(model, clicks)
        return self

    def continue_fit(
        self,
        images: AnyArray | Sequence[AnyArray],
        labels: AnyArray | Clicks | Sequence[AnyArray | Clicks],
        *,
        axes: str | None = None,
        voxel_size: Sequence[float] | None = None,
        progress: ProgressCallback | None = None,
    ) -> Self:
        """Go on training, with fewer steps than `fit`; the first call, and one that brings a new class, is a `fit`.

        Give all clicks that shall count, old and new: what is not given can be forgotten. Where these clicks tell that
        images should be looked at more coarsely or finely than so far, it trains from nothing too.

        Parameters
        ----------
        images, labels, axes, voxel_size, progress
            As for `fit`; the voxel size stays that of the `fit` which is gone on from.

        Returns
        -------
        PixelClassifier
            Itself.

        Raises
        ------
        ImageError, ClicksError
            As for `fit`.
        """
        tensors, clicks = examples_of(images, labels, axes, self._device)
        present = {number for part in clicks for number in part.present}
        if self._model is None or not present <= set(self._model.classes):
            return self.fit(images, labels, axes=axes, voxel_size=voxel_size, progress=progress)
        check_trainable(clicks)
        check_same_kind(tensors, self._model)
        seed = self.seed + sum(len(part) for part in clicks)
        steps = continue_model(self._model, tensors, clicks, self._settings, seed=seed)
        self._keep(run_to_end(steps, progress), clicks)
        return self

    def predict_proba(
        self, image: AnyArray, *, axes: str | None = None, progress: ProgressCallback | None = None
    ) -> FloatArray:
        """Return the probability of every class in every pixel.

        Parameters
        ----------
        image : ndarray of shape (Y, X), (Y, X, C) or (C, Y, X), or a volume with a Z beside these
            With as many axes and channels as the training images.
        axes, progress
            As for `fit`.

        Returns
        -------
        ndarray of shape (K, [Z,] Y, X), float32
            In the order of `classes_`; sums to 1 in every pixel.

        Raises
        ------
        NotFittedError
            If the classifier was not trained yet.
        ImageError
            If the image cannot be used, has another number of channels, or is no volume where the model is for
            volumes, or the other way round.
        """
        model = self._fitted()
        tensor = image_tensor(image, axes, self._device)
        check_same_kind([tensor], model)
        statistics = used_statistics(binned(tensor, model.binning), model.statistics, self._settings)
        return run_to_end(predict_tiles(model, tensor, statistics), progress)

    def predict(
        self, image: AnyArray, *, axes: str | None = None, progress: ProgressCallback | None = None
    ) -> AnyArray:
        """Return the most probable class of every pixel.

        Parameters
        ----------
        image, axes, progress
            As for `predict_proba`.

        Returns
        -------
        ndarray of shape ([Z,] Y, X), uint8 or uint16
            Class numbers.

        Raises
        ------
        NotFittedError, ImageError
            As for `predict_proba`.
        """
        return class_numbers(self.predict_proba(image, axes=axes, progress=progress), self.classes_)

    def embed(
        self, image: AnyArray, *, axes: str | None = None, progress: ProgressCallback | None = None
    ) -> FirstLook | VolumeLook | None:
        """Embed an image, so that its clicks can be answered within a blink, before any training.

        Of a volume, slices are embedded when they are clicked, and only they are answered in.

        Parameters
        ----------
        image, axes, progress
            As for `fit`.

        Returns
        -------
        FirstLook, VolumeLook or None
            `embedding.segment(clicks)` answers; None without a pretrained part, or where the embedding of all pixels
            of an image would take more than 1 GB.

        Raises
        ------
        ImageError
            As for `fit`.
        """
        if not self._settings.network.pretrained:
            return None
        tensor = image_tensor(image, axes, self._device)
        settings = self._settings_for(tensor.ndim - 1)
        statistics, postprocess = used_statistics(tensor, None, settings), settings.postprocess
        head = EmbeddedHead.packaged(self._device)
        if tensor.ndim == 4:
            return look_into(head, tensor, statistics, postprocess)
        told = self._settings.network.position_encoding
        if embedded_bytes(tensor, told=told) > MOST_BYTES:
            return None
        overview = overview_of(tensor, head) if told else None
        return run_to_end(look_at(head, tensor, statistics, postprocess, overview=overview), progress)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model into one file, whole or not at all.

        Parameters
        ----------
        path : path
            By custom `NAME.clicktrain`.

        Raises
        ------
        NotFittedError
            If the classifier was not trained yet.
        StorageError
            If the file cannot be written.
        """
        content = pack(self.summary(), self._fitted().weights())
        write_whole(Path(path), lambda beside: write_bytes(beside, content))

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
            If it is no model file of pixels, is damaged, or was written by a newer version.
        """
        summary, weights = unpack(read_bytes(path), str(path), ModelSummary)
        return cls._restored(summary, weights, device, str(path))

    def summary(self) -> ModelSummary:
        """Say what the trained model is, as its file will.

        Raises
        ------
        NotFittedError
            If the classifier was not trained yet.
        """
        return summarise(
            self._fitted(),
            self._settings,
            preset=self.preset,
            seed=self.seed,
            classes=self.class_infos,
            clicks=self._trained_clicks,
        )

    @property
    def classes_(self) -> IntArray:
        """Class numbers, ascending, in the order of the probabilities; shape (K,), int64."""
        return np.array(self._fitted().classes, np.int64)

    @property
    def class_infos(self) -> tuple[ClassInfo, ...]:
        """Names and colours: of the trained classes in their order or, before training, those that were set."""
        if self._model is None:
            return tuple(info for _, info in sorted(self._infos.items()))
        return tuple(self._infos.get(number, default_class(number)) for number in self._model.classes)

    @class_infos.setter
    def class_infos(self, infos: Sequence[ClassInfo]) -> None:
        self._infos = {info.number: info for info in infos}

    @classmethod
    def _restored(cls, summary: ModelSummary, weights: dict[str, Tensor], device: DeviceName, name: str) -> Self:
        settings = Preset(network=summary.architecture, training=summary.training, postprocess=summary.postprocess)
        pretrained = settings.network.pretrained
        position_encoding = settings.network.position_encoding
        classifier = cls(
            preset=settings,
            seed=summary.seed,
            device=device,
            pretrained=pretrained,
            position_encoding=position_encoding,
        )
        classifier.preset = summary.preset
        classifier._model = FittedModel.restored(summary, weights, classifier._device, name)
        classifier._trained_clicks = summary.clicks
        classifier.class_infos = summary.classes
        return classifier

    def _settings_for(self, ndim: int) -> Preset:
        """Settings for images or for volumes; those of one's own are for one of them."""
        if self._settings.network.ndim == ndim:
            return self._settings
        if self.preset == "custom":
            raise ImageError(
                f"image must be {kind_of(self._settings.network.ndim)} for these settings, got {kind_of(ndim)}. "
                f"Make settings for it with `clicktrain.config.preset(name, ndim={ndim})`."
            )
        return presets.preset(
            self.preset, pretrained=self.pretrained, ndim=ndim, position_encoding=self.position_encoding
        )

    def _fitted(self) -> FittedModel:
        if self._model is None:
            raise NotFittedError(
                "the classifier must be trained before it is used, got no training yet. Call fit first."
            )
        return self._model

    def _keep(self, model: FittedModel, clicks: Sequence[Clicks]) -> None:
        self._model = model
        self._trained_clicks = count_clicks(clicks)
