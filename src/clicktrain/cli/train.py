"""`clicktrain train`."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from clicktrain.cli.options import Axes, Device  # noqa: TC001
from clicktrain.cli.outputs import check_model_output
from clicktrain.cli.shell import progress_bar
from clicktrain.config import PresetName, default_class
from clicktrain.errors import ClicksError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import ClassInfo
    from clicktrain.images.source import ImageSource

__all__ = ["train"]


def train(
    images: Annotated[
        list[str], typer.Argument(help="Images: files, folders or patterns; TIFF, OME-Zarr, NPY, PNG, JPEG.")
    ],
    clicks: Annotated[
        list[str],
        typer.Option(
            help="Labels images or CSV tables ([z,]y,x,class): one per image, in order, or a folder of same names."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write, ends in .clicktrain.")],
    axes: Axes = None,
    voxel_size: Annotated[
        tuple[float, float, float] | None,
        typer.Option(
            "--voxel-size",
            "--spacing",
            help="Distance of a volume's pixels along z, y and x, in any unit; by default all alike.",
        ),
    ] = None,
    preset: Annotated[PresetName, typer.Option(help="Size of the network.")] = "auto",
    position_encoding: Annotated[
        bool, typer.Option("--position-encoding", help="Where in the image a pixel lies counts as well.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same model.")] = 0,
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model file if it exists.")] = False,
    class_names: Annotated[
        str | None, typer.Option(help='Names of the classes, in the order of their numbers: "nucleus,background".')
    ] = None,
) -> None:
    """Train a model on clicked pixels."""
    from clicktrain.cli.pairs import pair_clicks
    from clicktrain.images.lists import expand_images

    check_model_output(output, overwrite=overwrite)
    found = expand_images(images)
    pairs = pair_clicks(found, clicks)
    examples = [_read_example(image, file, axes) for image, file in pairs]
    infos = _class_infos([part for _, part in examples], class_names)

    from clicktrain.api import PixelClassifier

    classifier = PixelClassifier(preset=preset, seed=seed, device=device, position_encoding=position_encoding)
    classifier.class_infos = infos
    start_s = time.perf_counter()
    with progress_bar("training") as show:
        classifier.fit(
            [image for image, _ in examples],
            [part for _, part in examples],
            voxel_size=voxel_size,
            progress=lambda step: show(step.fraction, step.stage),
        )
    seconds = time.perf_counter() - start_s
    classifier.save(output)
    _tell([part for _, part in examples], infos, len(found), seconds)
    typer.echo(f"model      {output}")


def _read_example(image_path: Path, clicks_path: Path, axes: str | None) -> tuple[ImageSource, Clicks]:
    from clicktrain.annotations.files import read_clicks
    from clicktrain.images.source import open_image

    image = open_image(image_path, axes=axes)
    shape_px = image.shape_px
    # As many files as one likes can be trained on, but not be open at once.
    image.close()
    return image, read_clicks(clicks_path, shape_px)


def _class_infos(clicks: Sequence[Clicks], class_names: str | None) -> list[ClassInfo]:
    infos = [default_class(number) for number in sorted({number for part in clicks for number in part.present})]
    if class_names is None:
        return infos
    names = [name.strip() for name in class_names.split(",")]
    if len(names) != len(infos) or not all(names):
        raise ClicksError(
            f"--class-names must be {len(infos)} names separated by commas, one per clicked class, got {class_names!r}."
        )
    return [info.model_copy(update={"name": name}) for info, name in zip(infos, names, strict=True)]


def _tell(clicks: Sequence[Clicks], infos: Sequence[ClassInfo], n_found: int, seconds: float) -> None:
    without = n_found - len(clicks)
    typer.echo(f"images     {len(clicks)}" + (f" ({without} more have no clicks and were left out)" if without else ""))
    for info in infos:
        n_px = sum(part.count(info.number) for part in clicks)
        typer.echo(f"class {info.number:<4} {info.name}: {n_px} clicked pixels")
    typer.echo(f"trained    in {seconds:.1f} s")
