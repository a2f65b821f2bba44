"""Peak memory of a pass."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from _engine.bench import Bench


class LiveStorages(TorchDispatchMode):
    """Adds up the storages that operations return, for as long as they live.

    Memory that an operation takes and gives back inside itself is not seen.

    Parameters
    ----------
    given : sequence of Tensor
        What is there already and does not count.
    """

    def __init__(self, given: Sequence[Tensor]) -> None:
        super().__init__()
        self.live_bytes = self.peak_bytes = 0
        self._sizes: dict[int, int] = {}
        self._given = {tensor.untyped_storage()._cdata for tensor in given}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._see(leaf.untyped_storage())
        return result

    def _see(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._sizes or key in self._given:
            return
        self._sizes[key] = storage.nbytes()
        self.live_bytes += storage.nbytes()
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.live_bytes -= self._sizes.pop(key)


def peak_bytes(bench: Bench, work: Callable[[], object], given: Sequence[Tensor]) -> int:
    """Most memory that tensors of a pass take at one time, beside what is given."""
    work()
    if bench.device.type == "cuda":
        bench.wait()
        before = torch.cuda.memory_allocated(bench.device)
        torch.cuda.reset_peak_memory_stats(bench.device)
        work()
        bench.wait()
        return torch.cuda.max_memory_allocated(bench.device) - before
    with LiveStorages(given) as live:
        work()
    return live.peak_bytes
