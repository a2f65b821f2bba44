"""Answers about whole images."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from clicktrain.images.prefetch import prefetched
from clicktrain.inference.images.codes import CodeGrids, fill
from clicktrain.inference.images.inspection import check_channels, inspect_image
from clicktrain.inference.images.patches import in_chunks, opened
from clicktrain.progress import Progress, as_progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from clicktrain.images.source import ImageSource
    from clicktrain.inference.images.inspection import InspectedImage
    from clicktrain.models.images.fitted import FittedImageModel
    from clicktrain.models.images.image_net import ImageNet
    from clicktrain.models.pixels.normalise import ChannelStatistics
    from clicktrain.types import FloatArray

__all__ = ["encode_image", "inspected_for", "predict_images", "score_image"]


def predict_images(
    model: FittedImageModel, images: Sequence[ImageSource], *, chunk_patches: int
) -> Generator[Progress, None, FloatArray]:
    """Classify images one after the other; the answer does not depend on the chunks.

    Parameters
    ----------
    model : FittedImageModel
    images : sequence of ImageSource
    chunk_patches : int
        Patches in memory at once.

    Yields
    ------
    Progress
        One step per image; within an image the same step again.

    Returns
    -------
    ndarray of shape (N, K), float32
        Probabilities, which sum to 1 for every image.

    Raises
    ------
    StorageError
        If a file cannot be read.
    ImageError
        If an image cannot be used, has another number of channels, or is smaller than a patch.
    """
    probabilities = np.empty((len(images), len(model.classes)), np.float32)
    for n, image in enumerate(images):
        now = Progress("predicting", n, len(images))
        yield now
        inspected = yield from as_progress(now, inspected_for(model, image))
        scale = model.scale_for(inspected.own)
        scores = yield from as_progress(now, score_image(model.net, inspected, scale, chunk_patches=chunk_patches))
        probabilities[n] = F.softmax(scores[0], dim=0).cpu().numpy()
    yield Progress("predicting", len(images), len(images))
    return probabilities


def inspected_for(model: FittedImageModel, image: ImageSource) -> Generator[None, None, InspectedImage]:
    """Inspect an image as a model needs it."""
    inspected = yield from inspect_image(image, model.config, measured=model.config.scaling == "image")
    check_channels([inspected], model.n_channels, "for this model")
    return inspected


def score_image(
    net: ImageNet, image: InspectedImage, scale: ChannelStatistics, *, chunk_patches: int
) -> Generator[None, None, Tensor]:
    """Score one image.

    Yields
    ------
    None
        After every chunk of patches.

    Returns
    -------
    Tensor of shape (1, K)
    """
    codes = yield from encode_image(net, image, scale, chunk_patches=chunk_patches)
    with torch.no_grad():
        return net.score(codes.values, codes.mask)


def encode_image(
    net: ImageNet, image: InspectedImage, scale: ChannelStatistics, *, chunk_patches: int
) -> Generator[None, None, CodeGrids]:
    """Fill the grid of codes of one image.

    Yields
    ------
    None
        After every chunk of patches.

    Returns
    -------
    CodeGrids
        Of a batch of one.
    """
    codes = CodeGrids.empty(net, [image.grid])
    with opened([image], [scale]) as reader:
        chunks = in_chunks(reader.all_indices(), chunk_patches)
        with closing(prefetched(reader.read, chunks)) as patches:
            yield from fill(net, codes, chunks, patches)
    return codes
