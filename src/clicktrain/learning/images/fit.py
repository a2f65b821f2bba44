"""From images and labels to a trained model."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch

from clicktrain.inference.images.inspection import check_channels, inspect_image, pooled_statistics
from clicktrain.inference.images.patches import PatchIndex, opened
from clicktrain.learning.images.epochs import TrainingSet, train
from clicktrain.learning.images.seeds import generator
from clicktrain.learning.images.split import balancing_weights, split_images
from clicktrain.learning.images.state import Position, TrainingState, read_state
from clicktrain.models.images.fitted import FittedImageModel, TrainingRecord
from clicktrain.models.images.image_net import build_image_network
from clicktrain.models.layers.norm import measuring
from clicktrain.progress import Progress, as_progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from clicktrain.config.images import ImagePreset
    from clicktrain.images.source import ImageSource
    from clicktrain.inference.images.inspection import InspectedImage
    from clicktrain.models.images.image_net import ImageNet
    from clicktrain.models.pixels.normalise import ChannelStatistics

__all__ = ["fit_images"]

# Patches by which fixed statistics are measured: of so many images, so many each.
_MEASURED_IMAGES, _MEASURED_PATCHES = 32, 8
_MEASURING = 2**31 + 1


def fit_images(
    images: Sequence[ImageSource],
    targets: Sequence[int],
    classes: tuple[int, ...] | tuple[str, ...],
    settings: ImagePreset,
    *,
    seed: int,
    device: torch.device,
    checkpoint: Path | None = None,
) -> Generator[Progress, None, FittedImageModel]:
    """Train a network from nothing, or from where a checkpoint left it.

    Parameters
    ----------
    images : sequence of ImageSource
    targets : sequence of int, one per image
        Class index of every image.
    classes : tuple of int or tuple of str
    settings : ImagePreset
    seed : int
    device : torch.device
    checkpoint : Path, optional
        Written while training; if it is there already, training goes on from it.

    Yields
    ------
    Progress
        Stages "reading", "training" and "validating".

    Returns
    -------
    FittedImageModel

    Raises
    ------
    StorageError
        If a file cannot be read or the checkpoint cannot be written.
    ImageError
        If an image cannot be used.
    ModelFileError
        If the checkpoint is of another training.
    """
    inspected = yield from _inspect_all(images, settings)
    pooled = pooled_statistics(inspected)
    data = _training_set(inspected, targets, pooled, len(classes), settings, seed)
    net = build_image_network(
        settings.network, in_channels=inspected[0].n_channels, n_classes=len(classes), seed=seed
    ).to(device)
    _measure(net, data, seed)
    fingerprint = _fingerprint(inspected, targets, classes, settings, seed)
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=settings.training.learning_rate, weight_decay=settings.training.weight_decay
    )
    state = TrainingState(net, optimizer, Position(sha256=fingerprint))
    if checkpoint is not None:
        read_state(checkpoint, state)
    yield from train(state, data, settings.training, seed=seed, checkpoint=checkpoint)
    return FittedImageModel(net, settings.network, classes, pooled, _record(state, data, len(classes)))


def _inspect_all(
    images: Sequence[ImageSource], settings: ImagePreset
) -> Generator[Progress, None, list[InspectedImage]]:
    inspected = []
    for n, image in enumerate(images):
        now = Progress("reading", n, len(images))
        yield now
        inspected.append((yield from as_progress(now, inspect_image(image, settings.network))))
    yield Progress("reading", len(images), len(images))
    check_channels(inspected, inspected[0].n_channels)
    return inspected


def _training_set(
    images: Sequence[InspectedImage],
    targets: Sequence[int],
    pooled: ChannelStatistics,
    n_classes: int,
    settings: ImagePreset,
    seed: int,
) -> TrainingSet:
    numbers = torch.tensor(targets)
    learned, validated = split_images(numbers, settings.training.validation_share, seed)
    balanced = settings.training.class_weights
    weights = balancing_weights(numbers[learned], n_classes) if balanced else torch.ones(n_classes)
    scales = [pooled if settings.network.scaling == "model" else image.own for image in images]
    return TrainingSet(images, scales, numbers, weights, learned, validated)


def _measure(net: ImageNet, data: TrainingSet, seed: int) -> None:
    """Set the fixed statistics of normalisation layers by some patches of the training images."""
    random = generator(seed, _MEASURING)
    picked = [data.learned[i] for i in torch.randperm(len(data.learned), generator=random)[:_MEASURED_IMAGES]]
    patches = []
    for i in picked:
        with opened([data.images[i]], [data.scales[i]]) as reader:
            order = torch.randperm(len(data.images[i].grid), generator=random)
            patches.append(reader.read([PatchIndex(0, int(patch)) for patch in order[:_MEASURED_PATCHES]]))
    with torch.no_grad(), measuring(net.encoder):
        net.encode(torch.cat(patches).to(next(net.parameters())))


def _fingerprint(
    images: Sequence[InspectedImage],
    targets: Sequence[int],
    classes: Sequence[int | str],
    settings: ImagePreset,
    seed: int,
) -> str:
    digest = hashlib.sha256(repr((list(targets), list(classes), seed, settings.model_dump_json())).encode())
    for image in images:
        digest.update(image.fingerprint)
    return digest.hexdigest()


def _record(state: TrainingState, data: TrainingSet, n_classes: int) -> TrainingRecord:
    position = state.position
    return TrainingRecord(
        per_class=tuple(torch.bincount(data.targets, minlength=n_classes).tolist()),
        validated=len(data.validated),
        sha256=position.sha256,
        epochs_run=position.epoch,
        best_epoch=position.best_epoch,
        validation_loss=position.best_loss,
    )
