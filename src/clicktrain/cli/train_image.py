"""`clicktrain train-image`."""

from __future__ import annotations

import math
import time
from collections import Counter
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from clicktrain.cli.options import Axes, Device, Overwrite  # noqa: TC001
from clicktrain.cli.outputs import check_model_output
from clicktrain.cli.shell import progress_bar
from clicktrain.config.images import ImagePresetName  # noqa: TC001
from clicktrain.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clicktrain.config.images import ImageModelSummary, ImagePreset
    from clicktrain.images.lists import LabelledPath
    from clicktrain.progress import Progress

__all__ = ["train_image"]


def train_image(
    sources: Annotated[
        list[str],
        typer.Argument(help="CSV tables (path,label), folders named like the classes, or a folder of such folders."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write, ends in .clicktrain.")],
    axes: Axes = None,
    preset: Annotated[ImagePresetName, typer.Option(help="Kind of network.")] = "small",
    patch: Annotated[int | None, typer.Option(help="Side of a patch in pixels.")] = None,
    sampling: Annotated[
        float | None, typer.Option(help="Share of an image's patches in memory at once while learning, up to 1.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Times to go through the images, at most.")] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of each class kept to see when to stop; 0 for none.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same model.")] = 0,
    device: Device = "auto",
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="File to keep the training in; the same command goes on from there if it was stopped."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Train a model on whole images and what they are."""
    from clicktrain.cli.labelled import labelled_images

    check_model_output(output, overwrite=overwrite)
    if checkpoint is not None and checkpoint.resolve() == output.resolve():
        raise StorageError(f"--checkpoint must be another file than --output, got `{output}` for both.")
    images = labelled_images(sources)
    settings = _settings(preset, patch_px=patch, sampling=sampling, epochs=epochs, validation_share=validation)

    from clicktrain.api import ImageClassifier

    classifier = ImageClassifier(preset=settings, seed=seed, device=device)
    start_s = time.perf_counter()
    with progress_bar("reading") as show:
        classifier.fit(
            [image.path for image in images],
            [image.label for image in images],
            axes=axes,
            progress=_shown_by(show),
            checkpoint=checkpoint,
        )
    classifier.save(output)
    _tell(images, classifier.summary(), time.perf_counter() - start_s)
    typer.echo(f"model      {output}")


def _settings(preset: ImagePresetName, **changes: float | None) -> ImagePreset | ImagePresetName:
    from clicktrain.config.images import image_preset

    given = {name: value for name, value in changes.items() if value is not None}
    return image_preset(preset).with_changes(**given) if given else preset


def _shown_by(show: Callable[[float, str], None]) -> Callable[[Progress], None]:
    learned, loss = 0.0, ""

    def on_progress(now: Progress) -> None:
        nonlocal learned, loss
        if now.stage == "reading":
            show(0.0, f"reading {now.step}/{now.total}")
            return
        if now.stage == "training":
            learned = now.fraction
            loss = loss if now.loss is None else f", loss {now.loss:.3f}"
        # Validation comes after every epoch: the bar waits where the training is.
        show(learned, f"{now.stage}{loss}")

    return on_progress


def _tell(images: Sequence[LabelledPath], summary: ImageModelSummary, seconds: float) -> None:
    typer.echo(f"images     {len(images)}, of which {summary.images.validated} were kept to see when to stop")
    for label, count in sorted(Counter(image.label for image in images).items()):
        typer.echo(f"class      {label}: {count} images")
    typer.echo(f"epochs     {summary.epochs_run} in {seconds:.1f} s, kept the weights of epoch {summary.best_epoch}")
    if summary.validation_loss is not None:
        guessing = math.log(len(summary.classes))
        typer.echo(f"validation loss {summary.validation_loss:.3f}; to guess would be {guessing:.3f}")
