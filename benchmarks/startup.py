"""How long `import clicktrain` takes: the median of fresh interpreters, less what the bare interpreter takes.

python benchmarks/startup.py --json OUT
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from _report import write_report

RUNS = 10


def interpreter_s(statement: str) -> float:
    """Seconds from the start to the end of an interpreter that runs `statement`."""
    begin_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - begin_s


def measure(runs: int) -> dict[str, float]:
    interpreter_s("import clicktrain")  # the first run reads from disk and compiles
    # In turn, so that a change in the machine's load falls on both alike.
    pairs = [(interpreter_s("pass"), interpreter_s("import clicktrain")) for _ in range(runs)]
    bare_s = median(bare for bare, _ in pairs)
    total_s = median(total for _, total in pairs)
    return {"startup.import_s": total_s - bare_s, "startup.interpreter_s": bare_s, "startup.total_s": total_s}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="three runs instead of ten")
    options = parser.parse_args()
    figures = measure(3 if options.quick else RUNS)
    for key, seconds in figures.items():
        print(f"{key:<24}{seconds:8.4f}")
    if options.json:
        write_report(options.json, figures)


if __name__ == "__main__":
    main()
