"""The classifier of pixels, with the manners of scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np

from clicktrain import config as presets
from clicktrain.annotations.clicks import check_any, check_trainable
from clicktrain.api.agreement import AgreementSink
from clicktrain.api.base import Classifier, check_seed
from clicktrain.api.inputs import (
    check_fits,
    check_same_kind,
    close_opened,
    examples_of,
    kind_of,
    listed,
    opened,
)
from clicktrain.api.voxel_size import with_voxel_size
from clicktrain.config import ClassInfo, DeviceName, Preset, PresetName, SettingsName, default_class
from clicktrain.config.summaries import ModelSummary, TrainedClicks
from clicktrain.engine.device import pick_device
from clicktrain.errors import ClassesError, ImageError
from clicktrain.images.source import open_image
from clicktrain.inference.pixels.constants import measure_constants
from clicktrain.inference.pixels.embedding import MOST_BYTES, embed_image, embedding_bytes
from clicktrain.inference.pixels.stream import predict_image, tile_shape
from clicktrain.inference.pixels.summaries import ClassSink, class_dtype
from clicktrain.learning.pixels.fit import continue_model, fit_model
from clicktrain.models.pixels.fitted import PixelModel
from clicktrain.models.pixels.pretrained import EmbeddedHead
from clicktrain.models.pixels.summary import count_clicks, summarise
from clicktrain.progress import Progress, as_progress, run_to_end
from clicktrain.stores.sinks import ArraySink
from clicktrain.workers import each_step_on_one_core

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from os import PathLike

    from torch import Tensor

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.images.source import ImageSource
    from clicktrain.inference.pixels.embedding import ImageEmbedding
    from clicktrain.progress import ProgressCallback
    from clicktrain.stores.sinks import RegionSink
    from clicktrain.types import AnyArray, FloatArray, IntArray

    T = TypeVar("T")

    ImageLike = AnyArray | str | PathLike[str] | ImageSource | Any

__all__ = ["PixelClassifier"]


class PixelClassifier(Classifier[PixelModel, ModelSummary]):
    """Learns from a few clicked pixels per class and classifies every pixel.

    A patch CNN is trained on exactly the patches around the clicked pixels and run on the whole image as one dense
    network, which gives the same scores as running it patch by patch. Trees on the same features and a head on a
    pretrained embedding answer beside it; the three are blended.

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

    _summary_type = ModelSummary
    _renamed: ClassVar = {"partial_fit": "continue_fit", "look": "embed", "remade": "clone"}

    def __init__(
        self,
        *,
        preset: PresetName | Preset = "auto",
        seed: int = 0,
        device: DeviceName = "auto",
        pretrained: bool = True,
        position_encoding: bool = False,
    ) -> None:
        self.preset, self.seed, self.device = preset, check_seed(seed), device
        self.pretrained, self.position_encoding = pretrained, position_encoding
        self._settings = presets.preset(preset, pretrained=pretrained, position_encoding=position_encoding)
        self._device = pick_device(device)
        self._infos: dict[int, ClassInfo] = {}
        self._trained_clicks = TrainedClicks(per_class={}, sha256="")

    def fit(
        self,
        images: ImageLike | Sequence[ImageLike],
        labels: AnyArray | Clicks | Sequence[AnyArray | Clicks],
        *,
        axes: str | None = None,
        voxel_size: Sequence[float] | None = None,
        progress: ProgressCallback | None = None,
    ) -> Self:
        """Train from nothing on the clicked pixels of one or several images, or volumes.

        Parameters
        ----------
        images : array, path or ImageSource of shape (Y, X), (Y, X, C), (C, Y, X), (Z, Y, X), (Z, Y, X, C) or
            (C, Z, Y, X), or list of such
            bool, integer or float; NumPy, memory-mapped, dask and zarr arrays, files of TIFF, OME-Zarr, NPY, PNG, JPEG.
            What lies around the clicks is read, and once all of it, or boxes all over it, for its statistics.
        labels : ndarray of shape ([Z,] Y, X), integer, or Clicks, or list of such
            0 is unlabelled, classes count from 1.
        axes : str, optional
            Axis names of the images, such as "CYX" or "ZYX". Not needed for (Y, X) and for (Y, X, 3) or (Y, X, 4).
        voxel_size : sequence of three float, optional
            Distance of a volume's neighbouring pixels along z, y and x, in any unit; volumes to predict should have the
            same. All axes alike by custom.
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
        The surroundings of the clicks are kept in memory, 1 GB at most: of images with labels everywhere a random part
        is learned from, spread evenly over the classes.
        """
        sources, clicks = examples_of(images, labels, axes)
        check_trainable(clicks)
        settings = with_voxel_size(self._settings_for(len(sources[0].shape_px)), voxel_size)
        steps = fit_model(sources, clicks, settings, seed=self.seed, device=self._device)
        try:
            model = _run(steps, progress)
        finally:
            close_opened(listed(images), sources)
        self._settings = settings
        self._trained_as = "custom" if isinstance(self.preset, Preset) else self.preset, self.seed
        self._keep(model, clicks)
        return self

    def continue_fit(
        self,
        images: ImageLike | Sequence[ImageLike],
        labels: AnyArray | Clicks | Sequence[AnyArray | Clicks],
        *,
        axes: str | None = None,
        voxel_size: Sequence[float] | None = None,
        progress: ProgressCallback | None = None,
    ) -> Self:
        """Go on training, with fewer steps than `fit`; the first call, and one that brings a new class, is a `fit`.

        Give all clicks that shall count, old and new: what is not given can be forgotten.

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
        sources, clicks = examples_of(images, labels, axes)
        present = {number for part in clicks for number in part.present}
        if self._model is None or not present <= set(self._model.classes):
            if voxel_size is None:
                voxel_size = self._trained_voxel_size(len(sources[0].shape_px))
            return self.fit(sources, clicks, voxel_size=voxel_size, progress=progress)
        check_trainable(clicks)
        check_same_kind(sources, self._model)
        seed = self.seed + sum(len(part) for part in clicks)
        steps = continue_model(self._model, sources, clicks, self._settings, seed=seed)
        try:
            self._keep(_run(steps, progress), clicks)
        finally:
            close_opened(listed(images), sources)
        return self

    def predict_proba(
        self, image: ImageLike, *, axes: str | None = None, progress: ProgressCallback | None = None
    ) -> FloatArray:
        """Return the probability of every class in every pixel.

        Parameters
        ----------
        image : array, path or ImageSource of shape (Y, X), (Y, X, C) or (C, Y, X), or a volume with a Z beside these
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
            If the image cannot be used, has another number of channels, is no volume where the model is for volumes, or
            the other way round, or if the answer does not fit into memory; `predict_to` is for such images.
        """
        model = self._fitted()
        with opened(image, axes) as source:
            check_same_kind([source], model)
            shape = (len(model.classes), *source.shape_px)
            check_fits(shape, 4, source.name)
            found: FloatArray = np.empty(shape, np.float32)
            self.predict_to(source, ArraySink(found), progress=progress)
        return found

    def predict(
        self, image: ImageLike, *, axes: str | None = None, progress: ProgressCallback | None = None
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
        model = self._fitted()
        with opened(image, axes) as source:
            check_same_kind([source], model)
            dtype = class_dtype(self.classes_)
            check_fits(source.shape_px, dtype.itemsize, source.name)
            found: AnyArray = np.empty(source.shape_px, dtype)
            self.predict_to(source, ClassSink(ArraySink(found), self.classes_), progress=progress)
        return found

    def predict_to(
        self,
        image: ImageLike,
        sink: RegionSink,
        *,
        axes: str | None = None,
        memory_bytes: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        """Classify an image of any size, tile by tile, straight into where the answers are kept.

        Parameters
        ----------
        image, axes, progress
            As for `predict_proba`.
        sink : RegionSink
            Gets the probabilities (K, *region.shape_px) of each tile once, and is left open. Put into a
            `clicktrain.ClassSink`, it gets class numbers instead.
        memory_bytes : int, optional
            What the work on a tile may take, 0.8 GB by default; tiles are as large as that allows, up to 1024 pixels a
            side in images and 32 x 192 x 192 in volumes.

        Raises
        ------
        NotFittedError, ImageError
            As for `predict_proba`.
        """
        model = self._fitted()
        with opened(image, axes) as source:
            check_same_kind([source], model)
            tile_px = tile_shape(model, source.shape_px, memory_bytes)
            _run(predict_image(model, source, self._settings.network, sink, tile_px=tile_px), progress)

    def score(
        self,
        images: ImageLike | Sequence[ImageLike],
        labels: AnyArray | Clicks | Sequence[AnyArray | Clicks],
        *,
        axes: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> float:
        """Return the accuracy: the share of labelled pixels whose most probable class is their label.

        Parameters
        ----------
        images, labels, axes
            As for `fit`; the labels of one class alone will do.
        progress : callable of one Progress, optional
            As for `fit`; told of one image after another.

        Returns
        -------
        float
            From 0 to 1, over the labelled pixels of all images together. A class that the model does not know is wrong.

        Raises
        ------
        NotFittedError
            If the classifier was not trained yet.
        ImageError
            As for `predict_proba`.
        ClicksError
            If no pixels are labelled, or labels are of another shape than the image.
        """
        model = self._fitted()
        sources, clicks = examples_of(images, labels, axes)
        check_same_kind(sources, model)
        check_any(clicks)
        sinks = [AgreementSink(part) for part in clicks]
        for image, source, sink, part in zip(listed(images), sources, sinks, clicks, strict=True):
            try:
                if len(part):
                    self.predict_to(source, ClassSink(sink, self.classes_), progress=progress)
            finally:
                close_opened([image], [source])
        return sum(sink.n_right for sink in sinks) / sum(map(len, clicks))

    def embed(
        self, image: ImageLike, *, axes: str | None = None, progress: ProgressCallback | None = None
    ) -> ImageEmbedding | None:
        """Embed an image, so that clicks segment it within a blink, before any training.

        Of a volume, slices are embedded when they are clicked, and only they are answered.

        Parameters
        ----------
        image, axes, progress
            As for `fit`.

        Returns
        -------
        ImageEmbedding or None
            `embedding.segment(clicks)` answers; None without a pretrained part, or where the embedding of all pixels
            of an image would take more than 1 GB.

        Raises
        ------
        ImageError
            As for `fit`.
        """
        if not self._settings.network.pretrained:
            return None
        source = open_image(image, axes=axes)
        return _run(self._embed(source, self._settings_for(len(source.shape_px))), progress)

    def _embed(self, source: ImageSource, settings: Preset) -> Generator[Progress, None, ImageEmbedding | None]:
        with_codes = settings.network.position_encoding
        flat = len(source.shape_px) == 2
        if flat and embedding_bytes(source.shape_px, with_position_codes=with_codes) > MOST_BYTES:
            return None
        head = EmbeddedHead.packaged(self._device)
        steps = measure_constants(source, settings.network, head=head)
        constants = yield from as_progress(Progress("features", 0, 1), steps)
        return (yield from embed_image(head, source, constants, settings.postprocess))

    def summary(self) -> ModelSummary:
        """Say what the trained model is, as its file will.

        Raises
        ------
        NotFittedError
            If the classifier was not trained yet.
        """
        model = self._fitted()
        preset, seed = self._trained_as
        infos, clicks = self.class_infos, self._trained_clicks
        return summarise(model, self._settings, preset=preset, seed=seed, classes=infos, clicks=clicks)

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
        for info in infos:
            if not isinstance(info, ClassInfo):
                raise ClassesError(
                    f"class_infos must be ClassInfo, got {info!r}. "
                    "Make them with `clicktrain.config.ClassInfo(number=1, name=..., color=...)`."
                )
        self._infos = {info.number: info for info in infos}

    @classmethod
    def _restored(cls, summary: ModelSummary, weights: dict[str, Tensor], device: DeviceName, name: str) -> Self:
        settings = Preset(network=summary.architecture, training=summary.training, postprocess=summary.postprocess)
        network = settings.network
        parts = {"pretrained": network.pretrained, "position_encoding": network.position_encoding}
        preset = _named(summary.preset, settings)
        classifier = cls(preset=preset, seed=summary.seed, device=device, **parts)
        classifier._model = PixelModel.restored(summary, weights, classifier._device, name)
        classifier._settings, classifier._trained_as = settings, (summary.preset, summary.seed)
        classifier._trained_clicks = summary.clicks
        classifier.class_infos = summary.classes
        return classifier

    def _settings_for(self, ndim: int) -> Preset:
        """Settings of a training from nothing, on images or on volumes; those of one's own are for one of them."""
        settings = presets.preset(
            self.preset, pretrained=self.pretrained, ndim=ndim, position_encoding=self.position_encoding
        )
        if settings.network.ndim != ndim:
            raise ImageError(
                f"image must be {kind_of(settings.network.ndim)} for these settings, got {kind_of(ndim)}. "
                f"Make settings for it with `clicktrain.config.preset(name, ndim={ndim})`."
            )
        return settings

    def _trained_voxel_size(self, ndim: int) -> tuple[float, ...] | None:
        """Voxel size of the volumes that the model was trained on; none for images."""
        return self._model.relative_voxel_size if self._model is not None and self._model.ndim == ndim == 3 else None

    def _keep(self, model: PixelModel, clicks: Sequence[Clicks]) -> None:
        self._model = model
        self._trained_clicks = count_clicks(clicks)


def _run(steps: Generator[Progress, None, T], progress: ProgressCallback | None) -> T:
    """Run to the end; what can be done side by side is, and nothing else waits for other cores."""
    return run_to_end(each_step_on_one_core(steps), progress)


def _named(name: SettingsName, settings: Preset) -> Any:
    """Return the name of a preset that has these settings in this version too, or else the settings."""
    network = settings.network
    if name == "custom":
        return settings
    parts = {"pretrained": network.pretrained, "position_encoding": network.position_encoding}
    now = presets.preset(name, ndim=network.ndim, **parts)
    now = now.model_copy(update={"network": now.network.model_copy(update={"anisotropy": network.anisotropy})})
    return name if now == settings else settings
