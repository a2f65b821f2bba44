"""A process that learns from one batch of images in a file and prints how much memory that took, in bytes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch

from _patchgd.network import build_network
from _patchgd.training import one_batch, training_set
from clicktrain.config.images import ImageNetworkConfig, ImageTrainingConfig, image_preset
from clicktrain.models.images.image_net import build_image_network

if TYPE_CHECKING:
    from clicktrain.models.images.image_net import ImageNet

_N_CLASSES = 2


def memory_bytes(name: str) -> int:
    """An entry of the kernel's status of this process, such as VmRSS or VmHWM."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


def network(name: str, config: ImageNetworkConfig) -> ImageNet:
    """The benchmark's network, or the one of a preset."""
    if name == "benchmark":
        return build_network(_N_CLASSES, 0)
    return build_image_network(config, in_channels=1, n_classes=_N_CLASSES)


def written(path: Path, size_px: int) -> Path:
    """Write an image of noise strip by strip."""
    stored = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(size_px, size_px))
    random = np.random.default_rng(0)
    for start in range(0, size_px, 256):
        stored[start : start + 256] = random.integers(0, 256, stored[start : start + 256].shape, np.uint8)
    stored.flush()
    return path


def main() -> None:
    name, size_px, patch_px, share, batch_images = json.loads(sys.argv[1])
    config = ImageNetworkConfig() if name == "benchmark" else image_preset(name).network
    config = config.model_copy(update={"patch_px": patch_px, "scaling": "type"})
    with TemporaryDirectory() as folder:
        paths = [written(Path(folder) / f"{i}.npy", size_px) for i in range(batch_images)]
        before = memory_bytes("VmRSS")
        net = network(name, config)
        data = training_set(paths, torch.arange(batch_images) % _N_CLASSES, config, _N_CLASSES)
        one_batch(net, data, ImageTrainingConfig(sampling=1 / share, symmetries=False))
        print(memory_bytes("VmHWM") - before)


if __name__ == "__main__":
    main()
