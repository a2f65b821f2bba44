"""Which output belongs to which input, settled before anything runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from clicktrain.errors import StorageError
from clicktrain.images.discovery import image_stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "OutputFormat",
    "PredictJob",
    "plan_outputs",
    "refuse_existing",
    "refuse_one_output_twice",
    "refuse_results_among_inputs",
    "refuse_skipping_and_overwriting",
    "refuse_to_replace_inputs",
]

OutputFormat = Literal["auto", "tiff", "ome-zarr"]


@dataclass(frozen=True, slots=True)
class PredictJob:
    """One image to classify.

    Parameters
    ----------
    input : Path
    classes, probabilities : Path or None
        Where the results go; None for a result that is not wanted.
    """

    input: Path
    classes: Path | None
    probabilities: Path | None

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The files this job writes."""
        return tuple(path for path in (self.probabilities, self.classes) if path is not None)


def plan_outputs(
    inputs: Sequence[Path],
    out_dir: Path,
    *,
    classes: bool = True,
    probabilities: bool = True,
    overwrite: bool = False,
    skip_existing: bool = False,
    file_format: OutputFormat = "auto",
) -> list[PredictJob]:
    """Name the outputs of every input: `STEM_classes.tif` and `STEM_probabilities.tif` in one folder.

    STEM of `a.ome.tif` and of `a.ome.zarr` is `a`.

    Parameters
    ----------
    inputs : sequence of Path
    out_dir : Path
        It need not exist.
    classes, probabilities : bool
        Which results are wanted.
    overwrite : bool
        Whether outputs that exist may be replaced.
    skip_existing : bool
        Whether outputs may exist, as `predict_files(skip_existing=True)` leaves out what is done.
    file_format : {"auto", "tiff", "ome-zarr"}
        "auto" writes OME-Zarr for what is Zarr and TIFF for all else.

    Returns
    -------
    list of PredictJob
        One per input, in their order.

    Raises
    ------
    StorageError
        If nothing is wanted, if two inputs would write the same file, if an output would replace an input, if one
        exists and is to be neither replaced nor skipped, or if it is to be both.
    """
    refuse_skipping_and_overwriting(skip_existing=skip_existing, overwrite=overwrite)
    if not (classes or probabilities):
        raise StorageError("classes, probabilities or both must be written, got neither. Switch one of them on.")
    refuse_one_output_twice(inputs, [image_stem(path) for path in inputs])
    endings = [_ending(path, file_format) for path in inputs]
    jobs = [
        PredictJob(
            path,
            out_dir / f"{image_stem(path)}_classes{ending}" if classes else None,
            out_dir / f"{image_stem(path)}_probabilities{ending}" if probabilities else None,
        )
        for path, ending in zip(inputs, endings, strict=True)
    ]
    outputs = [output for job in jobs for output in job.outputs]
    refuse_to_replace_inputs(inputs, outputs)
    if not (overwrite or skip_existing):
        refuse_existing(outputs)
    return jobs


def refuse_one_output_twice(inputs: Iterable[Path], outputs: Iterable[str | Path]) -> None:
    """Raise a StorageError if two inputs have one output."""
    first: dict[str, Path] = {}
    for path, output in zip(inputs, outputs, strict=True):
        # Some file systems take "A" and "a" for one name.
        other = first.setdefault(str(output).casefold(), path)
        if other is not path:
            raise StorageError(
                f"inputs must have different names, got `{other}` and `{path}`, which have one output. "
                "Rename one, or write them to different folders."
            )


def refuse_results_among_inputs(inputs: Iterable[str | Path], out_dir: Path) -> None:
    """Raise a StorageError if results would lie in a folder of inputs: the next run would take them for images."""
    for given in inputs:
        if os.path.isdir(given) and Path(given).resolve() == out_dir.resolve():
            raise StorageError(
                f"outputs must not lie among the inputs, got the folder `{out_dir}` for both. "
                "Choose another folder for the outputs."
            )


def refuse_to_replace_inputs(inputs: Iterable[Path], outputs: Iterable[Path]) -> None:
    """Raise a StorageError if an output is one of the inputs."""
    sources = {path.resolve() for path in inputs}
    for output in outputs:
        if output.resolve() in sources:
            raise StorageError(
                f"outputs must not replace inputs, got `{output}` as both. Choose another folder for the outputs."
            )


def refuse_existing(outputs: Iterable[Path]) -> None:
    """Raise a StorageError if an output exists."""
    existing = [output for output in outputs if output.exists()]
    if existing:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise StorageError(
            f"outputs must not exist yet, got `{existing[0]}`{more}. "
            "Go on with what is missing (--skip-existing), do all again (--overwrite), or choose another place."
        )


def refuse_skipping_and_overwriting(*, skip_existing: bool, overwrite: bool) -> None:
    """Raise a StorageError if results that exist shall be both kept and replaced."""
    if skip_existing and overwrite:
        raise StorageError(
            "results that exist must be either skipped or overwritten, got both. Choose --skip-existing or --overwrite."
        )


def _ending(path: Path, file_format: OutputFormat) -> str:
    as_zarr = path.is_dir() if file_format == "auto" else file_format == "ome-zarr"
    return ".ome.zarr" if as_zarr else ".tif"
