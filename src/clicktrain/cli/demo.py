"""`clicktrain demo`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clicktrain.cli.shell import progress_bar
from clicktrain.errors import BackendError, StorageError

if TYPE_CHECKING:
    from clicktrain.api import PixelClassifier
    from clicktrain.data.samples import Sample
    from clicktrain.types import FloatArray, LabelArray

__all__ = ["demo"]


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write, ends in .png.")] = Path("demo.png"),
    window: Annotated[
        bool | None, typer.Option(help="Open napari afterwards; by default wherever there is a display.")
    ] = None,
) -> None:
    """Train on a real image and a file of clicks, classify it, and draw what came out."""
    from clicktrain.cli.viewer import load_viewer, why_no_window
    from clicktrain.stores.whole_files import ensure_writable

    obstacle = why_no_window()
    if window and obstacle:
        raise BackendError(f"--window must be left out here, as {obstacle}.")
    if output.suffix.lower() != ".png":
        raise StorageError(f"--output must end in .png, got `{output}`.")
    ensure_writable(output)

    from clicktrain.cli.picture import draw_overview
    from clicktrain.data.samples import immunohistochemistry

    sample = immunohistochemistry()
    classifier = _train(sample)
    classes, confidence = _predict(classifier, sample)
    draw_overview(output, sample, classes, confidence)
    typer.echo(f"picture     {output}")

    if obstacle:
        typer.echo(f"no window   {obstacle}")
    elif window is not False:
        load_viewer()(sample, classifier)


def _train(sample: Sample) -> PixelClassifier:
    from clicktrain.api import PixelClassifier

    n_px = sample.clicks.shape_px[0] * sample.clicks.shape_px[1]
    typer.echo(f"image       {sample.name}, {' x '.join(map(str, sample.clicks.shape_px))} pixels")
    typer.echo(f"clicked     {len(sample.clicks)} pixels, {100 * len(sample.clicks) / n_px:.2f} % of the image")
    classifier = PixelClassifier()
    classifier.class_infos = sample.class_infos
    start_s = time.perf_counter()
    with progress_bar("training") as show:
        classifier.fit(
            sample.image, sample.clicks, axes=sample.axes, progress=lambda step: show(step.fraction, step.stage)
        )
    typer.echo(f"trained     in {time.perf_counter() - start_s:.1f} s")
    return classifier


def _predict(classifier: PixelClassifier, sample: Sample) -> tuple[LabelArray, FloatArray]:
    from clicktrain.api import confidence

    start_s = time.perf_counter()
    with progress_bar("predicting") as show:
        probabilities = classifier.predict_proba(
            sample.image, axes=sample.axes, progress=lambda step: show(step.fraction, step.stage)
        )
    typer.echo(f"predicted   in {time.perf_counter() - start_s:.1f} s")
    classes: LabelArray = classifier.classes_[probabilities.argmax(axis=0)]
    right = classes[tuple(sample.held_back.positions_px.T)] == sample.held_back.classes
    typer.echo(f"agreement   {100 * right.mean():.1f} % of {len(right)} pixels clicked but held back")
    return classes, confidence(probabilities)
