"""`clicktrain predict` on OME-Zarr of growing size: memory, speed, and where the time goes.

    python benchmarks/scale.py --json OUT [--quick] [--sizes 2048 8192] [--memory 1.5GB] [--preset fast]

Every size is a process of its own; its peak resident set is what the system says when it has ended (Linux, macOS).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _report import say, write_report
from _scale.slide import write_model, write_slide

from clicktrain.cli.memory import parse_bytes

HERE = Path(__file__).parent


def measure(folder: Path, side_px: int, model: Path, memory: str) -> dict[str, Any]:
    """Classify a slide of a side in a process of its own."""
    slide, told = write_slide(folder / f"{side_px}.ome.zarr", side_px), folder / f"{side_px}.json"
    command = [sys.executable, "-m", "_scale.child", told, "predict", model, slide, "-o", folder / "out"]
    command += ["--no-probabilities", "--memory", memory]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    child = subprocess.Popen([str(part) for part in command], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"clicktrain predict ended with {child.returncode}")
    seconds = json.loads(told.read_text())
    peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "side_px": side_px,
        "peak_rss_bytes": peak_bytes,
        "processor_s": usage.ru_utime + usage.ru_stime,
        "mpx_per_s": side_px**2 / 1e6 / seconds["total"],
        **{f"{name}_s": value for name, value in seconds.items()},
    }


def figures_of(rows: list[dict[str, Any]], budget_bytes: int) -> dict[str, float]:
    """What the documentation says: of the largest size, and how memory grows from the smallest to it."""
    peaks = [row["peak_rss_bytes"] for row in rows]
    last = rows[-1]
    return {
        "scale.mpx_per_s": last["mpx_per_s"],
        "scale.rss_growth": max(peaks) / min(peaks),
        "scale.rss_over_budget": max(peaks) / budget_bytes,
        "scale.io_share": (last["waiting_s"] + last["writing_s"]) / last["total_s"],
        "scale.largest_px": last["side_px"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True, metavar="OUT")
    parser.add_argument("--quick", action="store_true", help="sides of 1,024 and 2,048 px")
    parser.add_argument("--sizes", type=int, nargs="+", default=[2048, 8192], metavar="PX")
    parser.add_argument("--memory", default="1.5GB")
    parser.add_argument("--preset", default="fast")
    arguments = parser.parse_args()
    sizes = [1024, 2048] if arguments.quick else sorted(arguments.sizes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = write_model(folder / "m.clicktrain", arguments.preset)
        rows = []
        for side_px in sizes:
            rows.append(measure(folder, side_px, model, arguments.memory))
            say(json.dumps(rows[-1]))
    figures = figures_of(rows, parse_bytes(arguments.memory))
    write_report(arguments.json, figures, extra={"rows": rows, "preset": arguments.preset})
    for key, value in figures.items():
        print(f"{key:24s} {value:.3f}")


if __name__ == "__main__":
    main()
