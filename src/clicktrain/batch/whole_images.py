"""Say of many image files what each is; one that cannot be done does not stop the others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from clicktrain.batch.attempts import attempt
from clicktrain.batch.plan import refuse_existing, refuse_one_output_twice, refuse_to_replace_inputs
from clicktrain.batch.run import BatchProgress
from clicktrain.errors import LabelsError
from clicktrain.images.discovery import image_stem
from clicktrain.stores.tiff import write_tiff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from clicktrain.geometry.patch_grid import PatchGrid
    from clicktrain.inference.images.attribution import HeatMethod
    from clicktrain.inference.protocols import ImagePredictor
    from clicktrain.progress import Progress
    from clicktrain.types import FloatArray

__all__ = ["HeatMaps", "ImageAnswer", "ImageJob", "answer_files", "class_of", "plan_heat_maps"]


@dataclass(frozen=True, slots=True)
class ImageJob:
    """One image to answer about.

    Parameters
    ----------
    input : Path
    heat_map : Path or None
        Where its heat map goes; None if none is wanted.
    """

    input: Path
    heat_map: Path | None = None


@dataclass(frozen=True, slots=True)
class HeatMaps:
    """What heat maps show.

    Parameters
    ----------
    label : str or int, optional
        The class; of each image its most probable one if not given.
    method : {"gradient", "leave_one_out"}
    """

    label: str | int | None = None
    method: HeatMethod = "gradient"


@dataclass(frozen=True, slots=True, eq=False)
class ImageAnswer:
    """What became of one image.

    Parameters
    ----------
    path : Path
    label : str
        The most probable class; empty if the image could not be done.
    probabilities : ndarray of shape (K,), or None
    error : str or None
        Why it could not be done.
    """

    path: Path
    label: str = ""
    probabilities: FloatArray | None = None
    error: str | None = None


def plan_heat_maps(inputs: Sequence[Path], out_dir: Path, *, overwrite: bool = False) -> list[ImageJob]:
    """Name the heat map of every input: `STEM_heat.tif` in a folder that need not exist; STEM of `a.ome.zarr` is `a`.

    Raises
    ------
    StorageError
        If two inputs would write the same file, if a heat map would replace an input, or if one exists and `overwrite`
        is off.
    """
    outputs = [out_dir / f"{image_stem(path)}_heat.tif" for path in inputs]
    refuse_one_output_twice(inputs, outputs)
    refuse_to_replace_inputs(inputs, outputs)
    if not overwrite:
        refuse_existing(outputs)
    return [ImageJob(path, output) for path, output in zip(inputs, outputs, strict=True)]


def class_of(classifier: ImagePredictor, name: str) -> Any:
    """Find the class that is written like this, which may be a number.

    Raises
    ------
    LabelsError
        If there is no such class.
    """
    classes = classifier.classes_.tolist()
    for label in classes:
        if str(label) == name:
            return label
    raise LabelsError(f"label must be one of {', '.join(map(str, classes))}, got {name!r}.")


def answer_files(
    classifier: ImagePredictor,
    jobs: Sequence[ImageJob],
    on_progress: Callable[[BatchProgress], None] | None = None,
    *,
    axes: str | None = None,
    heat_maps: HeatMaps = HeatMaps(),
) -> list[ImageAnswer]:
    """Say what images are, and write the heat maps that are wanted.

    Parameters
    ----------
    classifier : ImagePredictor
    jobs : sequence of ImageJob
    on_progress : callable, optional
        Called within and after each image; if it raises, the work stops, and heat maps that are written stay whole.
    axes : str, optional
        Axes of all images, where the files do not tell them.
    heat_maps : HeatMaps

    Returns
    -------
    list of ImageAnswer
        One per job, in their order.

    Raises
    ------
    CancelledError
        If `on_progress` raises it.
    """

    def report(done: int, path: Path, share: float) -> None:
        if on_progress is not None:
            on_progress(BatchProgress(path, done, len(jobs), (done + share) / len(jobs)))

    answers = []
    for done, job in enumerate(jobs):
        report(done, job.input, 0.0)
        work = partial(_answer, classifier, job, axes, heat_maps, partial(report, done, job.input))
        answer, error = attempt(job.input, work)
        answers.append(answer or ImageAnswer(job.input, error=error))
        report(done + 1, job.input, 0.0)
    return answers


def _answer(
    classifier: ImagePredictor, job: ImageJob, axes: str | None, heat_maps: HeatMaps, report: Callable[[float], None]
) -> ImageAnswer:
    # The heat map goes through all patches once more.
    answer_share = 1.0 if job.heat_map is None else 0.5

    def answering(now: Progress) -> None:
        report(answer_share * now.fraction)

    def heating(now: Progress) -> None:
        report(answer_share + (1 - answer_share) * now.fraction)

    shares = classifier.predict_proba(job.input, axes=axes, progress=answering)[0]
    best = classifier.classes_.tolist()[int(shares.argmax())]
    if job.heat_map is not None:
        wanted = HeatMaps(best if heat_maps.label is None else heat_maps.label, heat_maps.method)
        values = classifier.heatmap(job.input, label=wanted.label, method=wanted.method, axes=axes, progress=heating)
        _write_heat_map(job.heat_map, values, classifier.grid(job.input, axes=axes), wanted)
    return ImageAnswer(job.input, str(best), shares)


def _write_heat_map(output: Path, values: FloatArray, grid: PatchGrid, what: HeatMaps) -> None:
    place = {"patch_px": grid.patch_px, "scale_px": grid.scale_px, "translate_px": grid.translate_px}
    write_tiff(output, values, "YX", {"label": what.label, "method": what.method, **place})
