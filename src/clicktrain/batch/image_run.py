"""Classify many whole images with one classifier; one that cannot be done does not stop the others."""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from clicktrain.batch.run import BatchProgress
from clicktrain.errors import CancelledError, ClickTrainError, LabelsError
from clicktrain.io.files import write_whole
from clicktrain.io.images import write_tiff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from clicktrain.batch.image_plan import AnswerJob
    from clicktrain.tiling.patch_grid import PatchGrid
    from clicktrain.types import AnyArray, FloatArray, Progress, ProgressCallback
    from clicktrain.whole_image.heatmap import HeatMethod

__all__ = ["AnswerResult", "HeatWanted", "WholeImageModel", "answer_files", "chosen_label", "write_answers"]

logger = logging.getLogger(__name__)


class WholeImageModel(Protocol):
    """What a classifier must have to be run over files; `clicktrain.ImageClassifier` has it."""

    @property
    def classes_(self) -> AnyArray:
        """Labels, sorted."""

    def predict_proba(
        self, images: Any, *, axes: str | None = None, progress: ProgressCallback | None = None
    ) -> FloatArray:
        """Return class probabilities of shape (N, K)."""

    def heatmap(
        self,
        image: Any,
        *,
        label: Any = None,
        method: HeatMethod = "gradient",
        axes: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> FloatArray:
        """Return one value per patch, of shape (m, n)."""

    def grid(self, image: Any, *, axes: str | None = None) -> PatchGrid:
        """Say where the values of a heat map lie."""


@dataclass(frozen=True, slots=True)
class HeatWanted:
    """What heat maps are to show.

    Parameters
    ----------
    label : str, int or None
        The class; of each image its own if None.
    method : {"gradient", "leave_one_out"}
    """

    label: str | int | None = None
    method: HeatMethod = "gradient"


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """What became of one image.

    Parameters
    ----------
    path : Path
    label : str or None
        The most probable class; None if it could not be done.
    probabilities : tuple of float
        One per class.
    error : str or None
        Why it could not be done.
    """

    path: Path
    label: str | None
    probabilities: tuple[float, ...]
    error: str | None = None


def answer_files(
    classifier: WholeImageModel,
    jobs: Sequence[AnswerJob],
    on_progress: Callable[[BatchProgress], None] | None = None,
    *,
    heat: HeatWanted | None = None,
    axes: str | None = None,
) -> list[AnswerResult]:
    """Say what many images are, and write their heat maps where they are wanted.

    Parameters
    ----------
    classifier : WholeImageModel
    jobs : sequence of AnswerJob
    on_progress : callable, optional
        Called within and after each image; if it raises, the batch stops, and heat maps that are written stay whole.
    heat : HeatWanted, optional
    axes : str, optional
        Axes of all images, where the files do not tell them.

    Returns
    -------
    list of AnswerResult
        One per job, in their order.

    Raises
    ------
    CancelledError
        If `on_progress` raises it.
    """

    def report(done: int, path: Path, fraction: float) -> None:
        if on_progress is not None:
            on_progress(BatchProgress(path, done, len(jobs), (done + fraction) / len(jobs)))

    results = []
    for index, job in enumerate(jobs):
        report(index, job.input, 0.0)
        results.append(_try(classifier, job, heat or HeatWanted(), axes, partial(report, index, job.input)))
        report(index + 1, job.input, 0.0)
    return results


def chosen_label(classifier: WholeImageModel, text: str | None) -> str | int | None:
    """Return the class that is written like `text`.

    Raises
    ------
    LabelsError
        If the classifier knows no such class.
    """
    if text is None:
        return None
    known: list[str | int] = classifier.classes_.tolist()
    found = next((label for label in known if str(label) == text), None)
    if found is None:
        raise LabelsError(f"label must be one of {', '.join(map(str, known))}, got {text!r}.")
    return found


def write_answers(path: Path, results: Sequence[AnswerResult], classes: Sequence[str]) -> None:
    """Write a CSV table of the images that were done, whole or not at all.

    Parameters
    ----------
    path : Path
    results : sequence of AnswerResult
    classes : sequence of str
        In the order of the probabilities.

    Raises
    ------
    StorageError
        If it cannot be written.
    """

    def write(target: Path) -> None:
        with target.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            table = csv.writer(file)
            table.writerow(["path", "label", *(f"probability of {name}" for name in classes)])
            for result in results:
                if result.error is None:
                    table.writerow([result.path, result.label, *(f"{share:.6f}" for share in result.probabilities)])

    write_whole(path, write)


def _try(
    classifier: WholeImageModel,
    job: AnswerJob,
    heat: HeatWanted,
    axes: str | None,
    on_fraction: Callable[[float], None],
) -> AnswerResult:
    try:
        return _answer(classifier, job, heat, axes, on_fraction)
    except CancelledError:
        raise
    except ClickTrainError as error:
        reason = str(error)
    except (MemoryError, RuntimeError) as error:
        # torch tells a lack of memory as RuntimeError; the next image may be smaller.
        reason = f"it could not be classified: {' '.join(str(error).split()) or 'not enough memory'}"
    except Exception as error:
        # A mistake of ours with one image must not cost the report on all others.
        logger.exception("%s could not be classified", job.input)
        reason = f"ClickTrain met a problem it did not expect ({type(error).__name__}: {error}). Please report it."
    return AnswerResult(job.input, None, (), reason)


def _answer(
    classifier: WholeImageModel,
    job: AnswerJob,
    heat: HeatWanted,
    axes: str | None,
    on_fraction: Callable[[float], None],
) -> AnswerResult:
    def progress(step: Progress) -> None:
        on_fraction(step.fraction if job.heat_map is None else step.fraction / 2)

    shares = classifier.predict_proba(job.input, axes=axes, progress=progress)[0]
    best = classifier.classes_.tolist()[int(shares.argmax())]
    if job.heat_map is not None:
        label = best if heat.label is None else heat.label
        values = classifier.heatmap(
            job.input,
            label=label,
            method=heat.method,
            axes=axes,
            progress=lambda step: on_fraction(0.5 + step.fraction / 2),
        )
        grid = classifier.grid(job.input, axes=axes)
        place = {"patch_px": grid.patch_px, "scale_px": grid.scale_px, "translate_px": grid.translate_px}
        write_tiff(job.heat_map, values, "YX", {"label": label, "method": heat.method, **place})
    return AnswerResult(job.input, str(best), tuple(float(share) for share in shares))
