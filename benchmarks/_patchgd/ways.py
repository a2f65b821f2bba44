"""The ways to learn from images under a memory cap, one after the other on the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from _report import say

from _patchgd.memory import activation_bytes
from _patchgd.network import build_network
from _patchgd.shrunk import Shrunk, largest_that_fits, shrink
from _patchgd.training import accuracy, train_network, training_set
from _patchgd.ultramnist import UltraMnist

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _patchgd.digits import Digits
    from _patchgd.setting import Setting
    from clicktrain.types import AnyArray

    Row = dict[str, Any]

WHOLE, PATCHGD, SHRUNK, SHRUNK_LONGER = "whole", "patchgd", "shrunk", "shrunk_longer"


class Way(NamedTuple):
    """How to learn.

    Parameters
    ----------
    name : {"whole", "patchgd", "shrunk", "shrunk_longer"}
    share : int
        One over the sampling of PatchGD; of shrunk images, over that whose memory they have to do with.
    images : Shrunk
        Sides of images and patches, and the memory of a batch.
    times_epochs : int
        How many times as many epochs as the others.
    """

    name: str
    share: int
    images: Shrunk
    times_epochs: int = 1

    @property
    def gradient_share(self) -> int:
        """One over the share of the patches that have a gradient at a time."""
        return self.share if self.name == PATCHGD else 1


class Examples(NamedTuple):
    """Drawn images and their classes' indices."""

    images: list[AnyArray]
    targets: torch.Tensor


def ways(setting: Setting) -> list[Way]:
    """Every way, with its memory; the shrunk images of each PatchGD have to do with its memory.

    Those of the first one are also learned from until as many pixels have been seen as there.
    """
    size_px, patch_px = setting.variant.size_px, setting.patch_px
    whole = Shrunk(size_px, patch_px, activation_bytes(setting, size_px, patch_px, 1))
    found = [Way(WHOLE, 1, whole)]
    for share in setting.shares:
        cap_bytes = activation_bytes(setting, size_px, patch_px, share)
        found.append(Way(PATCHGD, share, Shrunk(size_px, patch_px, cap_bytes)))
        shrunk = largest_that_fits(setting, cap_bytes, whole)
        found.append(Way(SHRUNK, share, shrunk))
        if share == setting.shares[0]:
            found.append(Way(SHRUNK_LONGER, share, shrunk, round((size_px / shrunk.size_px) ** 2)))
    return found


def rows(setting: Setting, digits: Digits, every: Sequence[Way], known: Sequence[Row]) -> Iterator[Row]:
    """Train each way with each seed, but for what is known: what is compared in the figures first, seed after seed."""
    done = {(row["way"], row["share"], row["seed"]) for row in known}
    first = [way for way in every if way.name == WHOLE or way.share == setting.shares[0]]
    others = [way for way in every if way not in first]
    for group in (first, others):
        for seed in range(setting.seeds):
            left = [way for way in group if (way.name, way.share, seed) not in done]
            if not left:
                continue
            train, validation = _examples(setting, digits, seed)
            for way in left:
                say(f"seed {seed}: {way.name}, 1/{way.share}, {way.images.size_px} px")
                yield row(setting, way, train, validation, seed)


def _examples(setting: Setting, digits: Digits, seed: int) -> tuple[Examples, Examples]:
    """Images to train on and to validate with, of different bitmaps."""
    train, validation = digits.split(0.2, seed=seed)
    return (
        drawn(UltraMnist(train, setting.variant, n_per_class=setting.n_train, seed=2 * seed)),
        drawn(UltraMnist(validation, setting.variant, n_per_class=setting.n_validation, seed=2 * seed + 1)),
    )


def drawn(images: UltraMnist) -> Examples:
    pixels, labels = images.arrays()
    return Examples(pixels, torch.from_numpy(labels) - min(images.variant.sums))


def row(setting: Setting, way: Way, train: Examples, validation: Examples, seed: int) -> Row:
    net = build_network(setting.n_classes, seed)
    learned, held_back = (_as_set(setting, way, examples) for examples in (train, validation))
    epochs = setting.epochs * way.times_epochs
    seconds, processor_s = train_network(net, learned, setting.training(way.gradient_share, epochs), seed)
    return {
        "way": way.name,
        "share": way.share,
        "seed": seed,
        "epochs": epochs,
        **way.images._asdict(),
        "accuracy": accuracy(net, held_back, learned),
        "seconds": seconds,
        "processor_s": processor_s,
    }


def _as_set(setting: Setting, way: Way, examples: Examples) -> Any:
    images = (
        shrink(examples.images, way.images.size_px) if way.images.size_px < setting.variant.size_px else examples.images
    )
    return training_set(images, examples.targets, setting.network(way.images.patch_px), setting.n_classes)
