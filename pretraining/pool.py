"""Generated images at hand: pairs of one style, made side by side with training and turned at random when drawn."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TYPE_CHECKING, Self

import numpy as np

from pretraining.scenes import random_style

if TYPE_CHECKING:
    from clicktrain.types import AnyArray, IntArray

__all__ = ["Pool", "draw_pair"]

_CHUNK = 8


class Pool:
    """Makes pairs of images in a process of its own while the `with` block runs, and hands them out from the first on.

    What goes wrong in that process is raised by the next `fill` or `draw`.

    Parameters
    ----------
    size : int
        Pairs that are made and kept, at least 1.
    side_px : int
    seed : int
        The pairs are those of the seeds `seed` to `seed + size - 1`.

    Attributes
    ----------
    made : int
        Pairs that are there.
    """

    def __init__(self, size: int, side_px: int, seed: int) -> None:
        self.size, self.side_px, self.seed = size, side_px, seed
        self.made = 0
        # Half precision: thousands of pairs are kept.
        self._images = np.zeros((size, 2, side_px, side_px), np.float16)
        self._shown = np.zeros((size, 2, side_px, side_px), np.uint8)
        # Not forked: the threads of torch would be missing in the copy, and the locks they hold would stay shut.
        context = multiprocessing.get_context("spawn")
        self._worker = ProcessPoolExecutor(1, mp_context=context, initializer=_follow_parent)
        self._waiting: deque[Future[tuple[AnyArray, AnyArray]]] = deque()

    def __enter__(self) -> Self:
        for first in range(0, self.size, _CHUNK):
            seeds = range(self.seed + first, self.seed + min(first + _CHUNK, self.size))
            self._waiting.append(self._worker.submit(_draw_pairs, seeds, self.side_px))
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.shutdown(cancel_futures=True)

    def fill(self, count: int) -> None:
        """Wait until there are `count` pairs, or all."""
        while self.made < min(count, self.size):
            self._take()

    def draw(self, rng: np.random.Generator) -> tuple[AnyArray, IntArray]:
        """Draw a pair of those that are there, turned, mirrored and sometimes as a negative.

        Parameters
        ----------
        rng : Generator

        Returns
        -------
        images : ndarray of shape (2, Y, X), float32
            Of mean 0 and deviation 1.
        shown : ndarray of shape (2, Y, X), int64
            What their pixels show, from 0.
        """
        self.fill(1)
        while self._waiting and self._waiting[0].done():
            self._take()
        index = int(rng.integers(self.made))
        images, shown = self._images[index].astype(np.float32), self._shown[index].astype(np.int64)
        if rng.random() < 0.5:
            images, shown = images[..., ::-1], shown[..., ::-1]
        turns = int(rng.integers(4))
        images, shown = (np.ascontiguousarray(np.rot90(a, turns, (1, 2))) for a in (images, shown))
        return (-images if rng.random() < 0.3 else images), shown

    def _take(self) -> None:
        """Wait for the next pairs."""
        images, shown = self._waiting.popleft().result()
        places = slice(self.made, self.made + len(images))
        self._images[places], self._shown[places] = images, shown
        self.made += len(images)


def draw_pair(seed: int, side_px: int) -> tuple[AnyArray, AnyArray]:
    """Draw two images of one style.

    Parameters
    ----------
    seed : int
        Of the style and of both images, at least 0.
    side_px : int

    Returns
    -------
    images : ndarray of shape (2, Y, X), float16
        Of mean 0 and deviation 1.
    shown : ndarray of shape (2, Y, X), uint8
        What their pixels show, from 0.
    """
    style = random_style(np.random.default_rng(seed))
    scenes = [style.draw((side_px, side_px), np.random.default_rng((seed, index))) for index in range(2)]
    images = np.stack([(s.image - s.image.mean()) / (s.image.std() + 1e-6) for s in scenes])
    return images.astype(np.float16), np.stack([s.classes for s in scenes]).astype(np.uint8)


def _draw_pairs(seeds: range, side_px: int) -> tuple[AnyArray, AnyArray]:
    images, shown = zip(*(draw_pair(seed, side_px) for seed in seeds), strict=True)
    return np.stack(images), np.stack(shown)


def _follow_parent() -> None:
    # Ctrl-C reaches both processes; the parent ends this one, and one message is enough.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        # It was killed, and nobody takes what is made here.
        os._exit(1)
