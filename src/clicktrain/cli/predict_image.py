"""`clicktrain predict-image`."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from clicktrain.cli.options import Axes, Device, Overwrite, SkipExisting  # noqa: TC001
from clicktrain.cli.outputs import check_answers_output
from clicktrain.cli.shell import SOME_FAILED, complain, progress_bar, tell_done
from clicktrain.errors import StorageError

if TYPE_CHECKING:
    from clicktrain.batch.whole_images import ImageAnswer

__all__ = ["predict_image"]


def predict_image(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    inputs: Annotated[list[str], typer.Argument(help="Images, folders or patterns: TIFF, OME-Zarr, NPY, PNG, JPEG.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV table to write: path, label, p_CLASS, origin.")],
    heat_maps: Annotated[
        Path | None,
        typer.Option(help="Folder for STEM_heat.tif, one value per patch; it is made if need be."),
    ] = None,
    heat_label: Annotated[
        str | None, typer.Option(help="Class of the heat maps; by default the most probable one.")
    ] = None,
    heat_method: Annotated[
        Literal["gradient", "leave_one_out"],
        typer.Option(help="leave_one_out takes one answer per patch and is the plainer measure."),
    ] = "gradient",
    overwrite: Overwrite = False,
    skip_existing: SkipExisting = False,
    axes: Axes = None,
    device: Device = "auto",
) -> None:
    """Say of whole images what they are.

    The exit code is 0 if every image was done, 1 if some were not, 2 if nothing could be started.
    """
    from clicktrain.batch.whole_images import HeatMaps, ImageJob, answer_files, class_of, plan_heat_maps
    from clicktrain.images.lists import expand_images

    if heat_label is not None and heat_maps is None:
        raise StorageError("--heat-maps must be a folder for the heat maps of --heat-label, got none. Give one.")
    check_answers_output(output, overwrite=overwrite, skip_existing=skip_existing)
    paths = expand_images(inputs)
    jobs = [ImageJob(path) for path in paths]
    if heat_maps is not None:
        jobs = plan_heat_maps(paths, heat_maps, overwrite=overwrite, skip_existing=skip_existing)

    from clicktrain.api import ImageClassifier
    from clicktrain.stores.whole_files import make_folder

    classifier = ImageClassifier.load(model, device=device)
    wanted = HeatMaps(None if heat_label is None else class_of(classifier, heat_label), heat_method)
    if heat_maps is not None:
        make_folder(heat_maps)
    start_s = time.perf_counter()
    with progress_bar("predicting") as show:
        answers = answer_files(
            classifier,
            jobs,
            lambda now: show(now.fraction, f"{now.done}/{now.total} {now.path.name}"),
            axes=axes,
            heat_maps=wanted,
            table=output,
            skip_existing=skip_existing,
        )
    _summarise(answers, output, time.perf_counter() - start_s)


def _summarise(answers: list[ImageAnswer], output: Path, seconds: float) -> None:
    failed = [each for each in answers if each.error is not None]
    n_skipped = sum(each.skipped for each in answers)
    n_done = len(answers) - len(failed) - n_skipped
    tell_done(len(answers), n_skipped, n_done, seconds, f", answers in {output}" if n_done or n_skipped else "")
    for each in failed:
        named = "" if str(each.path) in str(each.error) else f"`{each.path}`: "
        complain(f"not done: {named}{each.error}")
    if failed:
        raise typer.Exit(SOME_FAILED)
