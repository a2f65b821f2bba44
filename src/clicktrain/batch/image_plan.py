"""Which heat map belongs to which whole image, settled before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clicktrain.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["AnswerJob", "plan_answers"]


@dataclass(frozen=True, slots=True)
class AnswerJob:
    """One whole image to classify.

    Parameters
    ----------
    input : Path
    heat_map : Path or None
        Where its heat map goes; None if it is not wanted.
    """

    input: Path
    heat_map: Path | None


def plan_answers(
    inputs: Sequence[Path], table: Path, heat_maps: Path | None, *, overwrite: bool = False
) -> list[AnswerJob]:
    """Name the heat map of every input: `STEM_heat.tif` in one folder.

    Parameters
    ----------
    inputs : sequence of Path
    table : Path
        CSV table of the answers.
    heat_maps : Path or None
        Folder of the heat maps; it need not exist.
    overwrite : bool
        Whether outputs that exist may be replaced.

    Returns
    -------
    list of AnswerJob
        One per input, in their order.

    Raises
    ------
    StorageError
        If the table is no CSV, if two inputs would write the same file, if an output would replace an input, or if one
        exists and `overwrite` is off.
    """
    if table.suffix.lower() != ".csv":
        raise StorageError(f"--output must end in .csv, got `{table}`.")
    jobs = [AnswerJob(path, None if heat_maps is None else heat_maps / f"{_stem(path)}_heat.tif") for path in inputs]
    outputs = [table, *(job.heat_map for job in jobs if job.heat_map is not None)]
    _refuse_one_output_twice(jobs)
    sources = {path.resolve() for path in inputs}
    for output in outputs:
        if output.resolve() in sources:
            raise StorageError(f"outputs must not replace inputs, got `{output}` as both. Choose another folder.")
        if output.exists() and not overwrite:
            raise StorageError(
                f"outputs must not exist yet, got `{output}`. Allow to overwrite, or choose another name."
            )
    return jobs


def _stem(path: Path) -> str:
    return path.stem.removesuffix(".ome")


def _refuse_one_output_twice(jobs: Sequence[AnswerJob]) -> None:
    first: dict[str, AnswerJob] = {}
    for job in jobs:
        # Some file systems take "A" and "a" for one name.
        other = first.setdefault(str(job.heat_map).casefold(), job)
        if job.heat_map is not None and other is not job:
            raise StorageError(
                f"inputs must have different names, got `{other.input}` and `{job.input}`, which have one heat map. "
                "Rename one, or write them to different folders."
            )
