"""`clicktrain predict`."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from clicktrain.batch.plan import OutputFormat  # noqa: TC001
from clicktrain.cli.options import Axes, Device, Overwrite, SkipExisting  # noqa: TC001
from clicktrain.cli.shell import SOME_FAILED, complain, progress_bar, tell_done

if TYPE_CHECKING:
    from clicktrain.batch.run import FileResult

__all__ = ["predict"]


def predict(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    inputs: Annotated[
        list[str], typer.Argument(help="Images: files, folders or patterns; TIFF, OME-Zarr, NPY, PNG, JPEG.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results; it is made if need be.")],
    probabilities: Annotated[bool, typer.Option(help="Write STEM_probabilities, a channel per class.")] = True,
    classes: Annotated[bool, typer.Option(help="Write STEM_classes, class numbers.")] = True,
    overwrite: Overwrite = False,
    skip_existing: SkipExisting = False,
    file_format: Annotated[
        OutputFormat,
        typer.Option(
            "--format", help='Of the results; "auto" is OME-Zarr for what is OME-Zarr, and TIFF for all else.'
        ),
    ] = "auto",
    axes: Axes = None,
    device: Device = "auto",
    memory: Annotated[
        str | None,
        typer.Option(help='What the program may take, such as "2GB"; by default half of what is free.'),
    ] = None,
) -> None:
    """Classify every pixel of images.

    The exit code is 0 if every image was done, 1 if some were not, 2 if nothing could be started.
    """
    from clicktrain.batch.plan import plan_outputs, refuse_results_among_inputs
    from clicktrain.cli.memory import give_back_freed_memory, parse_bytes, room_for_work
    from clicktrain.images.lists import expand_images

    give_back_freed_memory()
    most_bytes = None if memory is None else parse_bytes(memory)
    refuse_results_among_inputs(inputs, output)
    jobs = plan_outputs(
        expand_images(inputs),
        output,
        classes=classes,
        probabilities=probabilities,
        overwrite=overwrite,
        skip_existing=skip_existing,
        file_format=file_format,
    )

    from clicktrain.api import PixelClassifier
    from clicktrain.batch.run import predict_files
    from clicktrain.inference.pixels.stream import LEAST_MEMORY_BYTES
    from clicktrain.stores.whole_files import make_folder

    classifier = PixelClassifier.load(model, device=device)
    room_bytes = room_for_work(most_bytes, LEAST_MEMORY_BYTES)
    make_folder(output)
    start_s = time.perf_counter()
    with progress_bar("predicting") as show:
        results = predict_files(
            classifier,
            jobs,
            lambda step: show(step.fraction, f"{step.done}/{step.total} {step.path.name}"),
            axes=axes,
            memory_bytes=room_bytes,
            skip_existing=skip_existing,
        )
    _summarise(results, output, time.perf_counter() - start_s)


def _summarise(results: list[FileResult], output: Path, seconds: float) -> None:
    failed = [result for result in results if result.error is not None]
    n_skipped = sum(result.skipped for result in results)
    n_done = len(results) - len(failed) - n_skipped
    tell_done(len(results), n_skipped, n_done, seconds, f", results in {output}" if n_done or n_skipped else "")
    for result in failed:
        named = "" if str(result.path) in str(result.error) else f"`{result.path}`: "
        complain(f"not done: {named}{result.error}")
    if failed:
        raise typer.Exit(SOME_FAILED)
