"""The one form in which benchmarks write their figures: numbers, the machine, the command and the day."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def say(text: str) -> None:
    """Tell what goes on."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def processor() -> str:
    """Name of the processor, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def describe_machine() -> dict[str, Any]:
    """What a reader needs to judge a time: processor, cores in use, GPU, Python and torch."""
    try:
        torch_version = version("torch")
    except PackageNotFoundError:
        torch_version = "none"
    # Only where it is loaded anyway: its import would take longer than some benchmarks.
    torch = sys.modules.get("torch")
    device = {"cpu_capability": torch.backends.cpu.get_cpu_capability()} if torch else {}
    if torch and torch.cuda.is_available():
        device["gpu"] = torch.cuda.get_device_name()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor(),
        "cores": cores,
        **device,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch_version,
    }


def write_report(
    path: Path,
    figures: Mapping[str, float],
    command: Sequence[str] | str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write figures as JSON.

    Parameters
    ----------
    path : Path
        File to write; its folder is made where it is missing.
    figures : mapping of str to float
        Key, as `benchmark.figure_unit`, and number.
    command : str or sequence of str, optional
        What was run; this process's own command line by default.
    extra : mapping of str to any, optional
        What is no single number, such as rows of a table.
    """
    words = [Path(sys.argv[0]).name, *sys.argv[1:]] if command is None else command
    report = {
        "figures": dict(figures),
        "machine": describe_machine(),
        "command": words if isinstance(words, str) else " ".join(words),
        "date": datetime.now(UTC).date().isoformat(),
        **(extra or {}),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")
