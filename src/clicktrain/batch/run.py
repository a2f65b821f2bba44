"""Classify many files with one classifier; a file that cannot be done does not stop the others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from clicktrain.batch.attempts import attempt
from clicktrain.batch.done import are_done, origin
from clicktrain.batch.outputs import open_outputs
from clicktrain.images.source import open_image
from clicktrain.stores.sinks import whole_or_absent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from clicktrain.batch.plan import PredictJob
    from clicktrain.inference.protocols import PixelPredictor

__all__ = ["BatchProgress", "FileResult", "predict_files"]


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch is.

    Parameters
    ----------
    path : Path
        The file being done, or just done.
    done, total : int
        Files.
    fraction : float
        Share of the whole batch, 0 to 1.
    """

    path: Path
    done: int
    total: int
    fraction: float


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file.

    Parameters
    ----------
    path : Path
    outputs : tuple of Path
        Its results; empty if it could not be done.
    error : str or None
        Why it could not be done.
    seconds : float
    skipped : bool
        Whether its results were there already.
    """

    path: Path
    outputs: tuple[Path, ...]
    error: str | None
    seconds: float
    skipped: bool = False


def predict_files(
    classifier: PixelPredictor,
    jobs: Sequence[PredictJob],
    on_progress: Callable[[BatchProgress], None] | None = None,
    *,
    axes: str | None = None,
    memory_bytes: int | None = None,
    skip_existing: bool = False,
) -> list[FileResult]:
    """Classify every pixel of many files.

    Parameters
    ----------
    classifier : PixelPredictor
    jobs : sequence of PredictJob
    on_progress : callable, optional
        Called within and after each file; if it raises, the batch stops, and what is written stays whole.
    axes : str, optional
        Axes of all images, where the files do not tell them.
    memory_bytes : int, optional
        What the work on an image may take.
    skip_existing : bool
        Leave images as they are whose results are all there. Results know the model, the image's name and content
        and the axes that they were made with.

    Returns
    -------
    list of FileResult
        One per job, in their order.

    Raises
    ------
    CancelledError
        If `on_progress` raises it.
    StorageError
        If `skip_existing` meets results that were made otherwise; nothing is computed then.
    """
    model = classifier.fingerprint()
    made_of = [partial(origin, model, job.input, axes=axes) for job in jobs]
    done = [skip_existing and are_done(job.outputs, wanted) for job, wanted in zip(jobs, made_of, strict=True)]

    def report(done: int, path: Path, fraction: float) -> None:
        if on_progress is not None:
            on_progress(BatchProgress(path, done, len(jobs), (done + fraction) / len(jobs)))

    results = []
    for index, job in enumerate(jobs):
        on_fraction = partial(report, index, job.input)
        on_fraction(0.0)
        if done[index]:
            results.append(FileResult(job.input, job.outputs, None, 0.0, skipped=True))
        else:
            metadata = {"origin": made_of[index]()}
            work = partial(_predict_file, classifier, job, axes, memory_bytes, metadata, on_fraction)
            results.append(_attempted(job, work))
        report(index + 1, job.input, 0.0)
    return results


def _attempted(job: PredictJob, work: Callable[[], None]) -> FileResult:
    start_s = time.perf_counter()
    _, error = attempt(job.input, work)
    return FileResult(job.input, () if error else job.outputs, error, time.perf_counter() - start_s)


def _predict_file(
    classifier: PixelPredictor,
    job: PredictJob,
    axes: str | None,
    memory_bytes: int | None,
    metadata: Mapping[str, str],
    on_fraction: Callable[[float], None],
) -> None:
    source = open_image(job.input, axes=axes)
    try:
        with whole_or_absent(open_outputs(job, source, classifier.class_infos, metadata)) as sink:
            classifier.predict_to(
                source, sink, memory_bytes=memory_bytes, progress=lambda step: on_fraction(step.fraction)
            )
    finally:
        source.close()
