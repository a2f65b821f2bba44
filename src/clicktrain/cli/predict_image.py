"""`clicktrain predict-image`."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from clicktrain.cli.options import Axes, Device  # noqa: TC001
from clicktrain.cli.shell import SOME_FAILED, complain, progress_bar
from clicktrain.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.batch.image_run import AnswerResult

__all__ = ["predict_image"]

HeatMethod: TypeAlias = Literal["gradient", "leave_one_out"]


def predict_image(
    model: Annotated[Path, typer.Argument(help="Model file of whole images.")],
    inputs: Annotated[
        list[str],
        typer.Argument(help="Image files, folders, patterns or OME-Zarr folders: PNG, JPEG, TIFF, NPY, Zarr."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV table to write, a row per image.")],
    heat_maps: Annotated[
        Path | None, typer.Option(help="Folder for STEM_heat.tif: which patches speak for the class, a pixel each.")
    ] = None,
    heat_label: Annotated[
        str | None, typer.Option(help="Class that the heat maps are about; of each image its own if not given.")
    ] = None,
    heat_method: Annotated[HeatMethod, typer.Option(help="How patches are judged.")] = "gradient",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")] = False,
    axes: Axes = None,
    device: Device = "auto",
) -> None:
    """Say what whole images are.

    The exit code is 0 if every image was done, 1 if some were not, 2 if nothing could be started.
    """
    from clicktrain.batch.image_plan import plan_answers
    from clicktrain.io.image_lists import expand_images

    if heat_label is not None and heat_maps is None:
        raise StorageError("--heat-maps must be a folder for the heat maps of --heat-label, got none. Give one.")
    jobs = plan_answers(expand_images(inputs), output, heat_maps, overwrite=overwrite)

    from clicktrain.api import ImageClassifier
    from clicktrain.batch.image_run import HeatWanted, answer_files, chosen_label, write_answers
    from clicktrain.io.files import ensure_writable, make_folder

    classifier = ImageClassifier.load(model, device=device)
    heat = HeatWanted(chosen_label(classifier, heat_label), heat_method)
    ensure_writable(output)
    if heat_maps is not None:
        make_folder(heat_maps)
        ensure_writable(jobs[0].heat_map or output)
    start_s = time.perf_counter()
    with progress_bar("predicting") as show:
        results = answer_files(
            classifier,
            jobs,
            lambda step: show(step.fraction, f"{step.done}/{step.total} {step.path.name}"),
            heat=heat,
            axes=axes,
        )
    write_answers(output, results, [str(label) for label in classifier.classes_])
    _summarise(results, output, time.perf_counter() - start_s)


def _summarise(results: Sequence[AnswerResult], output: Path, seconds: float) -> None:
    failed = [result for result in results if result.error is not None]
    n_done = len(results) - len(failed)
    typer.echo(f"{n_done} of {len(results)} images classified in {seconds:.1f} s, answers in {output}")
    for result in failed:
        named = "" if str(result.path) in str(result.error) else f"`{result.path}`: "
        complain(f"not done: {named}{result.error}")
    if failed:
        raise typer.Exit(SOME_FAILED)
