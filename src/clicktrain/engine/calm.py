"""Whether this process has the processor to itself: times measured beside other work mislead."""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F

__all__ = ["is_calm"]

_REPEATS = 10
# A thread that waits for another one counts as busy, so of an idle machine a process gets all it asks for.
_LEAST_SHARE = 0.9


def is_calm() -> bool:
    """Whether the threads of torch get nearly all of the processor time they ask for, in some 50 ms of work."""
    image, weight = torch.ones(1, 48, 44, 164), torch.ones(48, 48, 5, 5)
    image = image.contiguous(memory_format=torch.channels_last)
    F.conv2d(image, weight)
    wall_s, used_s = time.perf_counter(), time.process_time()
    for _ in range(_REPEATS):
        F.conv2d(image, weight)
    wall_s, used_s = time.perf_counter() - wall_s, time.process_time() - used_s
    return used_s >= _LEAST_SHARE * torch.get_num_threads() * wall_s
