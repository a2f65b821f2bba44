"""Part (a): whole images, the 8 x 8 digits of scikit-learn, enlarged to 16 x 16."""

from __future__ import annotations

from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from _report import say
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from _mod.clock import shortest_s
from _mod.scale import Findings
from clicktrain.models.layers.channel_choice import kept_channels
from clicktrain.models.layers.mod import ModBlock

if TYPE_CHECKING:
    from _mod.scale import Scale

WIDTH, BLOCKS = 64, 4
# k = width / c.
RATIOS = (2, 4, 8, 16)
TWIN_RATIO = 4
PLACES = ("first", "last", "own")
BATCH, TIMED_BATCH = 64, 256


class Residual(nn.Module):
    """What a host network has in place of a Mixture-of-Depths block: the same, on all channels, at full weight."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, values: Tensor) -> Tensor:
        return values + self.block(values)


def body(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1, bias=False),
    )  # fmt: skip


def network(ratio: int, places: str = "first") -> nn.Sequential:
    """Pre-activation residual network; every second block is a Mixture-of-Depths block where the ratio is above 0."""
    blocks: list[nn.Module] = []
    for number in range(BLOCKS):
        if ratio and number % 2:
            k = kept_channels(WIDTH, ratio)
            blocks.append(ModBlock(body(k), WIDTH, k, places=places))
        else:
            blocks.append(Residual(body(WIDTH)))
    return nn.Sequential(
        nn.Conv2d(1, WIDTH, 3, stride=2, padding=1), *blocks, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(WIDTH, 10),
    )  # fmt: skip


def compare_digits(scale: Scale) -> Findings:
    """Accuracy, work and time of the plain network, of twins with several ratios, and of other places."""
    found = Findings()
    variants = {"plain": (0, "first")} | {f"c{ratio}": (ratio, "first") for ratio in RATIOS}
    variants |= {f"c{TWIN_RATIO}_{places}": (TWIN_RATIO, places) for places in PLACES[1:]}
    nets: dict[str, nn.Sequential] = {}
    for name, (ratio, places) in variants.items():
        accuracies = []
        for seed in range(scale.seeds):
            nets[name], accuracy = trained(partial(network, ratio, places), seed, scale.epochs)
            accuracies.append(accuracy)
            say(f"digits, {name}, seed {seed}: {accuracy:.4f}")
            found.rows.append({"part": "digits", "variant": name, "seed": seed, "accuracy": accuracy})
        found.figures[f"mod.digits.{name}.accuracy"] = fmean(accuracies)
        found.figures[f"mod.digits.{name}.parameters"] = sum(p.numel() for p in nets[name].parameters())
        found.figures[f"mod.digits.{name}.mmac"] = macs_of(nets[name], torch.zeros(1, 1, 16, 16)) / 1e6
    images = torch.rand(TIMED_BATCH, 1, 16, 16)
    with torch.inference_mode():
        seconds = shortest_s({name: partial(net, images) for name, net in nets.items()}, scale.repeats)
    for name, value in seconds.items():
        found.figures[f"mod.digits.{name}.ms"] = 1e3 * value
        found.figures[f"mod.digits.{name}.speedup"] = seconds["plain"] / value
    return found


def trained(make: partial[nn.Sequential], seed: int, epochs: int) -> tuple[nn.Sequential, float]:
    """A network of a seed, trained, and its accuracy on a quarter of the digits that it has not seen."""
    train_images, test_images, train_labels, test_labels = digits(seed)
    torch.manual_seed(seed)
    net = make()
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-2)
    batches = len(train_images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * batches)
    for _ in range(epochs):
        order = torch.randperm(len(train_images))
        for picked in order[: batches * BATCH].split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(net(train_images[picked]), train_labels[picked]).backward()
            optimizer.step()
            schedule.step()
    with torch.inference_mode():
        right = net.eval()(test_images).argmax(1) == test_labels
    return net, float(right.float().mean())


def digits(seed: int) -> list[Tensor]:
    """Images to train on and to test on, then their labels."""
    images, labels = load_digits(return_X_y=True)
    large = F.interpolate(torch.from_numpy(images.reshape(-1, 1, 8, 8) / 16).float(), scale_factor=2, mode="bilinear")
    parts = train_test_split(large.numpy(), labels.astype(np.int64), test_size=0.25, random_state=seed, stratify=labels)
    return [torch.from_numpy(part) for part in parts]


def macs_of(net: nn.Module, image: Tensor) -> int:
    """Multiply-accumulates of one image (1, C, Y, X), counted where they happen."""
    counted = 0

    def count(layer: nn.Module, _: object, out: Tensor) -> None:
        nonlocal counted
        counted += out[0].numel() * layer.weight[0].numel()

    hooks = [part.register_forward_hook(count) for part in net.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    with torch.inference_mode():
        net.eval()(image)
    for hook in hooks:
        hook.remove()
    return counted
