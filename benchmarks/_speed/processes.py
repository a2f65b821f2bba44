"""Processes of their own, and the environment that they and the benchmark run in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1]
# What tells libraries how many threads to take and how these wait. Users have none of it.
RULES_THREADS = ("GOMP_", "KMP_", "MKL_", "OMP_", "OPENBLAS_")


def forget_rules() -> None:
    """Remove from the environment what rules threads; libraries that are loaded already have read it."""
    for name in [name for name in os.environ if name.startswith(RULES_THREADS)]:
        del os.environ[name]


def started(module: str, *words: str) -> subprocess.Popen[str]:
    """Run a module of the benchmarks in a process that one can talk to, line by line."""
    path = os.pathsep.join([str(BENCHMARKS), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", module, *words],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def told(process: subprocess.Popen[str]) -> str:
    """Wait for the next line that a process writes."""
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a process of the benchmark ended with {process.wait()}")
    return line
