"""Plain networks beside their Mixture-of-Depths twins: what the same answer costs in both.

python benchmarks/mod.py --json OUT [--parts NAME ...] [--quick]

The digits are those of scikit-learn.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _mod.digits import compare_digits
from _mod.encoders import time_encoders
from _mod.scale import SCALES
from _report import say, write_report

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = ("digits", "encoders")


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add: Any = parser.add_argument
    add("--json", type=Path, required=True, metavar="OUT")
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="measure only these")
    add("--quick", action="store_true", help="one seed, small patches, few epochs")
    return parser.parse_args(words)


def command_line(arguments: argparse.Namespace) -> str:
    """What was run, without where the files lie."""
    parts = ["--parts", *arguments.parts] if arguments.parts != list(PARTS) else []
    return " ".join(["mod.py", "--json", arguments.json.name, *parts, *["--quick"] * arguments.quick])


def main() -> None:
    arguments = parse()
    scale = SCALES[arguments.quick]
    rows: list[dict[str, Any]] = []
    figures: dict[str, float] = {}
    works = {
        "digits": lambda: compare_digits(scale),
        "encoders": lambda: time_encoders(scale),
    }
    for part in arguments.parts:
        say(part)
        found = works[part]()
        figures |= found.figures
        rows += found.rows
        # Anew after every part, so that a run which is stopped keeps what it has.
        write_report(arguments.json, figures, command_line(arguments), {"rows": rows})
    for key, value in figures.items():
        print(f"{key}: {value:.4g}")


if __name__ == "__main__":
    main()
