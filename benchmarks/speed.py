"""How long a user waits, on a quiet machine and on a busy one, beside what people would use instead, all in one run.

xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/speed.py --json OUT [--markdown OUT.md] [--quick]
                                                                   [--rounds N] [--data FOLDER] [--keep-environment]

All settings are the defaults, and variables that rule threads are removed from the environment, as users have none.
Without a display the window is left out. For Linux and macOS, as processes are stopped and go on.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _report import describe_machine, write_report
from _speed.processes import forget_rules
from _speed.rows import figures_of
from _speed.tables import report_text

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS = 5


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Write the report anew after every work, so that a run which is stopped keeps what it has."""
    # Here, as libraries read the environment when they are loaded.
    from _speed.run import measure

    for found in measure(arguments.data, arguments.rounds):
        write_report(arguments.json, figures_of(found["rows"]), command_line(arguments), found)
    return found


def command_line(arguments: argparse.Namespace) -> str:
    """What was run, without where the files lie."""
    words = ["speed.py", "--json", arguments.json.name, "--rounds", str(arguments.rounds)]
    words += ["--data", arguments.data.name] if arguments.data else []
    return " ".join([*words, *["--keep-environment"] * arguments.keep_environment])


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add: Any = parser.add_argument
    add("--json", type=Path, required=True, metavar="OUT")
    add("--markdown", type=Path, metavar="OUT", help="write the table as well")
    add("--quick", action="store_true", help="one round")
    add("--rounds", type=int, default=ROUNDS, metavar="N")
    add(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="set that the grey image is of, in place of the demo's without colour",
    )
    add("--keep-environment", action="store_true", help="keep variables such as OMP_NUM_THREADS")
    arguments = parser.parse_args(words)
    if arguments.quick:
        arguments.rounds = 1
    return arguments


def main() -> None:
    arguments = parse()
    # The processes that are stopped end with this one, also if it is asked to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not arguments.keep_environment:
        forget_rules()
    text = report_text({**run(arguments), "machine": describe_machine()})
    if arguments.markdown:
        arguments.markdown.parent.mkdir(parents=True, exist_ok=True)
        arguments.markdown.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
