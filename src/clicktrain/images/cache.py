"""Decoded blocks of an image that are kept for a while: neighbouring tiles need the same ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from clicktrain.types import AnyArray

__all__ = ["BlockCache"]


class BlockCache:
    """The blocks that were used last, up to a number of bytes; safe to use from several threads.

    Parameters
    ----------
    most_bytes : int
        Of a larger set of blocks that are read at once all are kept, until others are read: neighbours of a tile need
        the same ones, and without them each would be decoded again for every tile.
    """

    def __init__(self, most_bytes: int) -> None:
        self._least_bytes = self._most_bytes = most_bytes
        self._blocks: OrderedDict[Hashable, AnyArray] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def n_bytes(self) -> int:
        """What is kept now, in bytes."""
        return self._bytes

    def hold(self, n_bytes: int) -> None:
        """Keep at least so many bytes, those of the blocks that are read next."""
        with self._lock:
            self._most_bytes = max(self._least_bytes, n_bytes)

    def get(self, key: Hashable, read: Callable[[], AnyArray]) -> AnyArray:
        """Return a block, reading it if it is not kept.

        Parameters
        ----------
        key : hashable
        read : callable
            Two threads that want the same block at the same moment may both read it.
        """
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
                return self._blocks[key]
        block = read()
        with self._lock:
            if key not in self._blocks:
                self._blocks[key] = block
                self._bytes += block.nbytes
            while self._bytes > self._most_bytes and len(self._blocks) > 1:
                self._bytes -= self._blocks.popitem(last=False)[1].nbytes
        return block

    def clear(self) -> None:
        """Let go of all blocks."""
        with self._lock:
            self._blocks.clear()
            self._bytes = 0
