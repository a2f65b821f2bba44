"""Learning from arrays with any network, and how often it is right afterwards."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import torch

from clicktrain.images.source import open_image
from clicktrain.inference.images.inspection import inspect_image, pooled_statistics
from clicktrain.inference.images.patches import opened
from clicktrain.inference.images.predict import score_image
from clicktrain.learning.images.epochs import TrainingSet, train
from clicktrain.learning.images.inner_steps import train_on_batch
from clicktrain.learning.images.state import Position, TrainingState
from clicktrain.models.layers.norm import measuring
from clicktrain.progress import run_to_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.config.images import ImageNetworkConfig, ImageTrainingConfig
    from clicktrain.models.images.image_net import ImageNet
    from clicktrain.types import AnyArray

_MEASURED_IMAGES = 16


class Trained(NamedTuple):
    """How a training went: share of right answers, and the seconds of training by the clock and by the processor."""

    accuracy: float
    seconds: float
    processor_s: float


def training_set(images: Sequence[object], targets: Tensor, config: ImageNetworkConfig, n_classes: int) -> TrainingSet:
    """Arrays or paths as what the library's training takes; targets are class indices."""
    inspected = [run_to_end(inspect_image(open_image(image, axes="YX"), config), None) for image in images]
    scales = [pooled_statistics(inspected)] * len(inspected)
    return TrainingSet(inspected, scales, targets, torch.ones(n_classes), range(len(inspected)), [])


def measure_statistics(net: ImageNet, data: TrainingSet) -> None:
    """Give the frozen normalisations the statistics of all patches of a few images."""
    images, scales = data.images[:_MEASURED_IMAGES], data.scales[:_MEASURED_IMAGES]
    with opened(images, scales) as reader, torch.no_grad(), measuring(net.encoder):
        net.encode(reader.read(reader.all_indices()))


def train_network(net: ImageNet, data: TrainingSet, config: ImageTrainingConfig, seed: int) -> tuple[float, float]:
    """Train in place; the seconds by the clock and by the processor."""
    measure_statistics(net, data)
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    state = TrainingState(net, optimizer, Position(sha256=""))
    start_s, processor_s = time.perf_counter(), time.process_time()
    for _ in train(state, data, config, seed=seed):
        pass
    return time.perf_counter() - start_s, time.process_time() - processor_s


def accuracy(net: ImageNet, images: TrainingSet, scales: TrainingSet) -> float:
    """Share of images that are answered rightly, scaled as the images that were trained on."""
    right = 0
    for image, target in zip(images.images, images.targets.tolist(), strict=True):
        scores = run_to_end(score_image(net, image, scales.scales[0], chunk_patches=64), None)
        right += int(scores.argmax()) == target
    return right / len(images.images)


def one_batch(net: ImageNet, data: TrainingSet, config: ImageTrainingConfig) -> None:
    """Everything that a training does with one batch but the optimizer's step."""
    with opened(data.images, data.scales) as reader:
        steps = train_on_batch(
            net, reader, data.answers(data.learned, torch.device("cpu")), config, lambda: None, place=(0,)
        )
        with closing(steps):
            for _ in steps:
                pass
    net.zero_grad()


def black(count: int, size_px: int) -> list[AnyArray]:
    """Images for which only their size matters."""
    return list(torch.zeros((count, size_px, size_px), dtype=torch.uint8).numpy())
