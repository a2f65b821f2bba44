"""Say of many image files what each is; one that cannot be done does not stop the others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from clicktrain.batch.attempts import attempt
from clicktrain.batch.done import are_done, are_made_alike, made_by, made_otherwise, origin
from clicktrain.batch.plan import (
    refuse_existing,
    refuse_one_output_twice,
    refuse_skipping_and_overwriting,
    refuse_to_replace_inputs,
)
from clicktrain.batch.run import BatchProgress
from clicktrain.errors import LabelsError
from clicktrain.images.discovery import image_stem
from clicktrain.stores.answer_table import AnswerTable
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
    skipped : bool
        Whether it was done already; then its answer is in the table alone.
    """

    path: Path
    label: str = ""
    probabilities: FloatArray | None = None
    error: str | None = None
    skipped: bool = False


def plan_heat_maps(
    inputs: Sequence[Path], out_dir: Path, *, overwrite: bool = False, skip_existing: bool = False
) -> list[ImageJob]:
    """Name the heat map of every input: `STEM_heat.tif` in a folder that need not exist; STEM of `a.ome.zarr` is `a`.

    Parameters
    ----------
    inputs : sequence of Path
    out_dir : Path
    overwrite, skip_existing : bool
        As for `clicktrain.batch.plan.plan_outputs`.

    Raises
    ------
    StorageError
        If two inputs would write the same file, if a heat map would replace an input, if one exists and is to be
        neither replaced nor skipped, or if it is to be both.
    """
    refuse_skipping_and_overwriting(skip_existing=skip_existing, overwrite=overwrite)
    outputs = [out_dir / f"{image_stem(path)}_heat.tif" for path in inputs]
    refuse_one_output_twice(inputs, outputs)
    refuse_to_replace_inputs(inputs, outputs)
    if not (overwrite or skip_existing):
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
    table: Path | None = None,
    skip_existing: bool = False,
) -> list[ImageAnswer]:
    """Say what images are, and write the answers and heat maps that are wanted.

    Parameters
    ----------
    classifier : ImagePredictor
    jobs : sequence of ImageJob
    on_progress : callable, optional
        Called within and after each image; if it raises, the work stops, and what is written stays whole.
    axes : str, optional
        Axes of all images, where the files do not tell them.
    heat_maps : HeatMaps
    table : Path, optional
        CSV file that gets the answers; while it is not finished they are kept beside it.
    skip_existing : bool
        Leave images as they are of which the table, finished or not, has an answer and of which the heat map is there.
        Both know the model, the image's name and size and the options that they were made with.

    Returns
    -------
    list of ImageAnswer
        One per job, in their order.

    Raises
    ------
    CancelledError
        If `on_progress` raises it.
    StorageError
        If the table cannot be written, or if `skip_existing` meets answers or heat maps that were made otherwise;
        nothing is computed then.
    """
    question = _Question(classifier.fingerprint(), axes, heat_maps)
    names = [str(label) for label in classifier.classes_.tolist()]
    kept = None if table is None else AnswerTable(table, names, keep=skip_existing)
    done = _done(kept, jobs, question) if kept is not None and skip_existing else set()

    def report(count: int, path: Path, share: float) -> None:
        if on_progress is not None:
            on_progress(BatchProgress(path, count, len(jobs), (count + share) / len(jobs)))

    answers = []
    for count, job in enumerate(jobs):
        on_share = partial(report, count, job.input)
        on_share(0.0)
        answer = (
            ImageAnswer(job.input, skipped=True) if job.input in done else _try(classifier, job, question, on_share)
        )
        if kept is not None and answer.probabilities is not None:
            kept.add(job.input, answer.label, answer.probabilities, question.origin_of_answer(job.input))
        answers.append(answer)
        report(count + 1, job.input, 0.0)
    if kept is not None:
        kept.finish([job.input for job in jobs])
    return answers


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of every image: of which model, and how."""

    model: str
    axes: str | None
    heat_maps: HeatMaps

    def made(self, found: str) -> bool:
        """Tell whether an answer of this origin, about any image, is one to this question."""
        return are_made_alike(found, made_by(self.model, axes=self.axes))

    def origin_of_answer(self, image: Path) -> str:
        return origin(self.model, image, axes=self.axes)

    def origin_of_heat_map(self, image: Path) -> str:
        return origin(self.model, image, axes=self.axes, label=self.heat_maps.label, method=self.heat_maps.method)


def _done(table: AnswerTable, jobs: Sequence[ImageJob], question: _Question) -> set[Path]:
    """Find the images whose answers and heat maps are there, and refuse any that were made otherwise."""
    asked = {table.name_of(job.input): job.input for job in jobs}
    for name, found in table.origins.items():
        # Answers about other images stay in the table, so they must be of the same model.
        image = asked.get(name)
        right = question.made(found) if image is None else found == question.origin_of_answer(image)
        if not right:
            raise made_otherwise(table.path)
    done = set()
    for job in jobs:
        mapped = job.heat_map is None or are_done([job.heat_map], partial(question.origin_of_heat_map, job.input))
        if mapped and table.name_of(job.input) in table.origins:
            done.add(job.input)
    return done


def _try(
    classifier: ImagePredictor, job: ImageJob, question: _Question, report: Callable[[float], None]
) -> ImageAnswer:
    answer, error = attempt(job.input, partial(_answer, classifier, job, question, report))
    return answer or ImageAnswer(job.input, error=error)


def _answer(
    classifier: ImagePredictor, job: ImageJob, question: _Question, report: Callable[[float], None]
) -> ImageAnswer:
    # The heat map goes through all patches once more.
    answer_share = 1.0 if job.heat_map is None else 0.5
    axes, heat_maps = question.axes, question.heat_maps

    def answering(now: Progress) -> None:
        report(answer_share * now.fraction)

    def heating(now: Progress) -> None:
        report(answer_share + (1 - answer_share) * now.fraction)

    shares = classifier.predict_proba(job.input, axes=axes, progress=answering)[0]
    best = classifier.classes_.tolist()[int(shares.argmax())]
    if job.heat_map is not None:
        wanted = HeatMaps(best if heat_maps.label is None else heat_maps.label, heat_maps.method)
        values = classifier.heatmap(job.input, label=wanted.label, method=wanted.method, axes=axes, progress=heating)
        made_of = question.origin_of_heat_map(job.input)
        _write_heat_map(job.heat_map, values, classifier.grid(job.input, axes=axes), wanted, made_of)
    return ImageAnswer(job.input, str(best), shares)


def _write_heat_map(output: Path, values: FloatArray, grid: PatchGrid, what: HeatMaps, made_of: str) -> None:
    place = {"patch_px": grid.patch_px, "scale_px": grid.scale_px, "translate_px": grid.translate_px}
    write_tiff(output, values, "YX", {"label": what.label, "method": what.method, **place, "origin": made_of})
