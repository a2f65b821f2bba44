"""Generated images at hand: pairs of one style, made side by side with training and turned at random when drawn."""

from __future__ import annotations

from concurrent.futures import Future, ProcessPoolExecutor
from typing import TYPE_CHECKING, Self

import numpy as np

from clicktrain.pretrain.scenes import random_style

if TYPE_CHECKING:
    from clicktrain.types import AnyArray

__all__ = ["Pool", "draw_pair"]

_CHUNK = 8


class Pool:
    """Makes `size` pairs of images in the background, and hands them out from the first on.

    Parameters
    ----------
    size : int
        Pairs that are kept.
    side_px : int
    seed : int
    """

    def __init__(self, size: int, side_px: int, seed: int) -> None:
        self.size, self.side_px, self.seed = size, side_px, seed
        self.images = np.zeros((size, 2, side_px, side_px), np.float16)
        self.shown = np.zeros((size, 2, side_px, side_px), np.uint8)
        self.made = 0

    def __enter__(self) -> Self:
        self._workers = ProcessPoolExecutor(1)
        self._asked = 0
        self._waiting = [self._ask() for _ in range(2)]
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.shutdown(cancel_futures=True)

    def _ask(self) -> Future[tuple[AnyArray, AnyArray]]:
        first = self.seed + self._asked * _CHUNK
        self._asked += 1
        return self._workers.submit(_chunk, first, self.side_px)

    def _take(self, future: Future[tuple[AnyArray, AnyArray]]) -> None:
        for pair in zip(*future.result(), strict=True):
            place = self.made % self.size
            self.images[place], self.shown[place] = pair
            self.made += 1
        self._waiting.remove(future)
        if self._asked * _CHUNK < self.size:
            self._waiting.append(self._ask())

    def fill(self, count: int) -> None:
        """Wait until there are `count` pairs."""
        while self.made < count:
            self._take(self._waiting[0])

    def draw(self, rng: np.random.Generator) -> tuple[AnyArray, AnyArray]:
        """Draw a pair, turned, mirrored and sometimes as a negative; images are of mean 0 and deviation 1."""
        for future in list(self._waiting):
            if future.done():
                self._take(future)
        index = int(rng.integers(min(self.made, self.size)))
        images, shown = self.images[index].astype(np.float32), self.shown[index].astype(np.int64)
        if rng.random() < 0.5:
            images, shown = images[..., ::-1], shown[..., ::-1]
        turns = int(rng.integers(4))
        images, shown = (np.ascontiguousarray(np.rot90(a, turns, (1, 2))) for a in (images, shown))
        return (-images if rng.random() < 0.3 else images), shown


def draw_pair(seed: int, side_px: int) -> tuple[AnyArray, AnyArray]:
    """Draw two images of the style of number `seed`, (2, Y, X), and what they show."""
    style = random_style(np.random.default_rng(seed))
    scenes = [style.draw((side_px, side_px), np.random.default_rng((seed, index))) for index in range(2)]
    images = np.stack([(s.image - s.image.mean()) / (s.image.std() + 1e-6) for s in scenes])
    return images.astype(np.float16), np.stack([s.classes for s in scenes]).astype(np.uint8)


def _chunk(first: int, side_px: int) -> tuple[AnyArray, AnyArray]:
    pairs = [draw_pair(seed, side_px) for seed in range(first, first + _CHUNK)]
    return np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])
