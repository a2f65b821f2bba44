"""How fast and how exact the engine is, each way beside the others, in one run on the CPU or on a GPU.

python benchmarks/engine.py --json OUT [--markdown OUT.md] [--quick] [--data FOLDER] [--parts NAME ...]

The patch scan, which is the truth and the baseline, is timed on a sample of patches and scaled to all of them. Times
are the shortest of several rounds in which everything that is compared runs in turn.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from _engine.bench import Bench, Findings
from _engine.choices import choices
from _engine.fast import fast
from _engine.floor import floor
from _engine.strokes import strokes
from _engine.tables import report_text
from _engine.whole import whole_images
from _report import describe_machine, write_report

from clicktrain.engine.device import pick_device

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS = ("whole", "floor", "strokes", "planner", "fast")


def measure(bench: Bench, parts: list[str], data: Path | None, found: Findings) -> Iterator[str]:
    """Add the figures of one part after the other to those found; yields the parts that are done."""
    works = {
        "whole": lambda: whole_images(bench),
        "floor": lambda: floor(bench),
        "strokes": lambda: strokes(bench),
        "planner": lambda: choices(bench),
        "fast": lambda: fast(bench, data),
    }
    found.figures["engine.threads"] = torch.get_num_threads()
    for part in parts:
        findings = works[part]()
        found.figures |= findings.figures
        found.rows += findings.rows
        yield part


def command_line(arguments: argparse.Namespace) -> str:
    """What was run, without where the files lie."""
    words = ["engine.py", "--json", arguments.json.name, *["--quick"] * arguments.quick]
    words += ["--data", arguments.data.name] if arguments.data else []
    words += ["--parts", *arguments.parts] if arguments.parts != list(PARTS) else []
    return " ".join(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True, metavar="OUT")
    parser.add_argument("--markdown", type=Path, metavar="OUT", help="write the tables as well")
    parser.add_argument("--quick", action="store_true", help="small images, few rows and few repeats")
    parser.add_argument("--data", type=Path, help="folder of sets SET/images, SET/labels for the agreement of classes")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="measure only these")
    arguments = parser.parse_args()
    pick_device("auto")
    bench = Bench(torch.device("cuda" if torch.cuda.is_available() else "cpu"), arguments.quick)
    found = Findings()
    extra = {"rows": found.rows}
    # Written after every part: a run that is stopped keeps what it has.
    for _ in measure(bench, arguments.parts, arguments.data, found):
        write_report(arguments.json, found.figures, command_line(arguments), extra)
    text = report_text({"figures": found.figures, "machine": describe_machine(), **extra})
    if arguments.markdown:
        arguments.markdown.parent.mkdir(parents=True, exist_ok=True)
        arguments.markdown.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
