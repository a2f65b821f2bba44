"""How much memory there is for new tensors."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["default_budget_bytes", "free_bytes"]

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
# Names of a group's limit, of what it uses, and of what of that is files, which give way: versions 1 and 2.
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = ("memory.max", "memory.current", "inactive_file")


def free_bytes(device: torch.device) -> int:
    """Memory that new tensors on a device can have now.

    What containers and job schedulers allow (control groups) counts as well. On macOS it is all memory of the machine,
    as nothing in Python tells how much of it is free.
    """
    if device.type == "cuda":
        # What PyTorch holds and no tensor uses is free as well.
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    return max(0, min(_system_bytes(), *_group_bytes(), sys.maxsize))


def default_budget_bytes(device: torch.device) -> int:
    """Half of the free memory of a device; the rest is for the result and other programs."""
    return free_bytes(device) // 2


def _system_bytes() -> int:
    if sys.platform == "win32":
        return _windows_bytes()
    try:
        return 1024 * _numbers((_PROC / "meminfo").read_text().replace(":", ""))["MemAvailable"]
    except (OSError, KeyError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _windows_bytes() -> int:
    import ctypes

    # MEMORYSTATUSEX: two 32-bit numbers, the first its own length, then seven of 64 bits: all memory, free memory, ...
    status = (ctypes.c_uint64 * 8)()
    status[0] = ctypes.sizeof(status)
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined,unused-ignore]
    return int(status[2])


def _group_bytes() -> Iterator[int]:
    """What every control group that this process is in leaves to it; nothing where there are none."""
    try:
        lines = (_PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for _, controllers, path in (line.split(":", 2) for line in lines):
        if controllers and "memory" not in controllers.split(","):
            continue
        root, names = (_CGROUPS / "memory", _V1) if controllers else (_CGROUPS, _V2)
        parts = [part for part in path.split("/") if part]
        for depth in range(len(parts) + 1):
            yield from _room(root.joinpath(*parts[:depth]), *names)


def _room(folder: Path, limit: str, usage: str, files: str) -> Iterator[int]:
    try:
        allowed, used = (int((folder / name).read_text()) for name in (limit, usage))
        yield allowed - used + _numbers((folder / "memory.stat").read_text()).get(files, 0)
    except (OSError, ValueError):
        # The group is outside what this process sees, or it has no limit ("max").
        return


def _numbers(text: str) -> dict[str, int]:
    return {words[0]: int(words[1]) for words in map(str.split, text.splitlines()) if len(words) > 1}
