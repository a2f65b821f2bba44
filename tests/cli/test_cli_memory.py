"""How much memory a command may take, and that it gives back what it does not use."""

from __future__ import annotations

import subprocess
import sys

FREED_MEMORY = """
import sys
import numpy as np
import psutil
from clicktrain.cli.memory import give_back_freed_memory

if sys.argv[1] == "given back":
    give_back_freed_memory()
np.ones(20_000_000, np.uint8)
kept, freed = [], []
for _ in range(40):
    freed.append(np.ones(5_000_000, np.uint8))
    kept.append(np.ones(90_000, np.uint8))
freed.clear()
print(psutil.Process().memory_info().rss)
"""


def test_freed_arrays_go_back_to_the_system_although_small_ones_lie_between_them():
    def kept_bytes(how: str) -> int:
        return int(subprocess.run([sys.executable, "-c", FREED_MEMORY, how], check=True, capture_output=True).stdout)

    assert kept_bytes("kept") - kept_bytes("given back") > 100_000_000
