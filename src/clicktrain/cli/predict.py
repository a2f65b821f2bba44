"""`clicktrain predict`."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from clicktrain.cli.options import Axes, Device  # noqa: TC001
from clicktrain.cli.shell import SOME_FAILED, complain, progress_bar

if TYPE_CHECKING:
    from clicktrain.batch.run import FileResult

__all__ = ["predict"]


def predict(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    inputs: Annotated[list[str], typer.Argument(help="Image files, folders or patterns: PNG, JPEG, TIFF, NPY.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results; it is made if need be.")],
    probabilities: Annotated[
        bool, typer.Option(help="Write STEM_probabilities.tif, a page per class, or per class and slice.")
    ] = True,
    classes: Annotated[bool, typer.Option(help="Write STEM_classes.tif, class numbers.")] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")] = False,
    axes: Axes = None,
    device: Device = "auto",
) -> None:
    """Classify every pixel of images.

    The exit code is 0 if every image was done, 1 if some were not, 2 if nothing could be started.
    """
    from clicktrain.batch.plan import plan_outputs
    from clicktrain.images.discovery import expand_inputs

    paths = expand_inputs(inputs)
    jobs = plan_outputs(paths, output, classes=classes, probabilities=probabilities, overwrite=overwrite)

    from clicktrain.api import PixelClassifier
    from clicktrain.batch.run import predict_files
    from clicktrain.stores.whole_files import ensure_writable, make_folder

    classifier = PixelClassifier.load(model, device=device)
    make_folder(output)
    ensure_writable(jobs[0].outputs[0])
    start_s = time.perf_counter()
    with progress_bar("predicting") as show:
        results = predict_files(
            classifier, jobs, lambda step: show(step.fraction, f"{step.done}/{step.total} {step.path.name}"), axes=axes
        )
    _summarise(results, output, time.perf_counter() - start_s)


def _summarise(results: list[FileResult], output: Path, seconds: float) -> None:
    failed = [result for result in results if result.error is not None]
    n_done = len(results) - len(failed)
    typer.echo(f"{n_done} of {len(results)} images classified in {seconds:.1f} s, results in {output}")
    for result in failed:
        named = "" if str(result.path) in str(result.error) else f"`{result.path}`: "
        complain(f"not done: {named}{result.error}")
    if failed:
        raise typer.Exit(SOME_FAILED)
