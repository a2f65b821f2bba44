"""The report of where the time goes as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _markdown import machine_name, table

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPLANATION = """\
The demo's image ({example}), measured on {machine}, with {threads}.
Shares of the processor's seconds, those of all threads added up; means of {runs}, of the wait the median.
"""


def summary_text(report: Mapping[str, Any]) -> str:
    """One column per work, one row per part."""
    works = report["works"]
    rows = [[part, *(_share(work, part) for work in works)] for part in works[0]["parts_s"]]
    rows.append(["seconds of the processor", *(f"{work['processor_s']:.2g} s" for work in works)])
    rows.append(["seconds that one waits", *(f"{work['wall_s']:.2g} s" for work in works)])
    explanation = EXPLANATION.format(
        example=report["example"],
        machine=machine_name(report["machine"]),
        threads=_counted(report["threads"], "thread"),
        runs=_counted(report["repeats"], "run"),
    )
    return f"{explanation}\n{table(['Part', *(work['title'] for work in works)], rows)}"


def _share(work: Mapping[str, Any], part: str) -> str:
    seconds = work["parts_s"][part]
    return f"{seconds / work['processor_s']:.0%}" if seconds else ""


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
