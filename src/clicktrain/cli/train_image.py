"""`clicktrain train-image`."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from clicktrain.cli.options import Axes, Device  # noqa: TC001
from clicktrain.cli.shell import progress_bar
from clicktrain.config_images import ImagePreset, ImagePresetName, image_preset
from clicktrain.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.config_images import ImageModelSummary
    from clicktrain.io.image_lists import LabelledPath

__all__ = ["train_image"]

_SUFFIX = ".clicktrain"


def train_image(
    images: Annotated[
        Path,
        typer.Argument(
            help="CSV table with the columns path and label, or a folder with a folder of images per label."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help=f"Model file to write, ends in {_SUFFIX}.")],
    preset: Annotated[ImagePresetName, typer.Option(help="Which network.")] = "small",
    patch: Annotated[int | None, typer.Option(help="Side of a patch in pixels; the preset's if not given.")] = None,
    sampling: Annotated[
        float | None, typer.Option(help="Share of an image's patches in memory at once: less needs less memory.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Times that every image is learned from, at most.")] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of each class kept to tell when to stop; 0 for none.")
    ] = None,
    axes: Axes = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same model.")] = 0,
    device: Device = "auto",
    checkpoint: Annotated[
        Path | None, typer.Option(help="File to keep the training in; if it exists, training goes on from it.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model file if it exists.")] = False,
) -> None:
    """Train a model that says what whole images are."""
    from clicktrain.io.files import ensure_writable
    from clicktrain.io.image_lists import read_class_folders, read_image_table

    changes = {"patch_px": patch, "sampling": sampling, "epochs": epochs, "validation_share": validation}
    settings = _settings(preset, {name: value for name, value in changes.items() if value is not None})
    _check_files(output, checkpoint, overwrite=overwrite)
    rows = read_class_folders(images) if images.is_dir() else read_image_table(images)
    ensure_writable(output)

    from clicktrain.api import ImageClassifier

    classifier = ImageClassifier(preset=settings, seed=seed, device=device)
    start_s = time.perf_counter()
    with progress_bar("training") as show:
        classifier.fit(
            [row.path for row in rows],
            [row.label for row in rows],
            axes=axes,
            progress=lambda step: show(step.fraction, step.stage),
            checkpoint=checkpoint,
        )
    seconds = time.perf_counter() - start_s
    classifier.save(output)
    _tell(rows, classifier.summary(), seconds)
    typer.echo(f"model      {output}")


def _settings(preset: ImagePresetName, changes: dict[str, object]) -> ImagePresetName | ImagePreset:
    return image_preset(preset).with_changes(**changes) if changes else preset


def _check_files(output: Path, checkpoint: Path | None, *, overwrite: bool) -> None:
    if output.suffix != _SUFFIX:
        raise StorageError(f"--output must end in {_SUFFIX}, got `{output}`.")
    if output.exists() and not overwrite:
        raise StorageError(f"--output must be a new file, got `{output}`. Give --overwrite to replace it.")
    if checkpoint is not None and checkpoint.resolve() == output.resolve():
        raise StorageError(f"--checkpoint must be another file than --output, got `{output}` for both.")


def _tell(rows: Sequence[LabelledPath], summary: ImageModelSummary, seconds: float) -> None:
    typer.echo(f"images     {len(rows)} ({summary.images.validated} of them to tell when to stop)")
    for label, count in sorted(Counter(row.label for row in rows).items()):
        typer.echo(f"class      {label}: {count} images")
    typer.echo(f"trained    {summary.epochs_run} epochs in {seconds:.1f} s, best after {summary.best_epoch}")
