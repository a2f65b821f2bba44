"""One background thread: the newest request wins, cancelled work stops at its next step, stale results are dropped."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from psygnal import Signal

from clicktrain.errors import CancelledError, ClickTrainError
from clicktrain.progress import Progress
from clicktrain.project.problems import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from clicktrain.project.values import ModelKind

    T = TypeVar("T")
    Job: TypeAlias = Callable[["Task"], T]
    Publish: TypeAlias = Callable[[T], object]

__all__ = ["Runner", "Task", "WorkKind"]

logger = logging.getLogger(__name__)


class WorkKind(NamedTuple):
    """What a request does.

    Parameters
    ----------
    model : {"pixels", "images"}
        With which of the two classifiers.
    work : str
        Such as "train" or "save".
    """

    model: ModelKind
    work: str


class Task:
    """A request: what a job sees of the world outside.

    Parameters
    ----------
    kind : WorkKind
        Requests of one kind replace each other.
    job : callable
        Does the work and returns its result.
    publish : callable
        Takes the result, unless the request was cancelled or replaced meanwhile.
    on_progress : callable
    """

    def __init__(
        self,
        kind: WorkKind,
        job: Job[Any],
        publish: Publish[Any],
        on_progress: Callable[[WorkKind, Progress], None],
    ) -> None:
        self.kind = kind
        self.superseded = False
        self._job = job
        self._publish = publish
        self._on_progress = on_progress
        self._cancelled = threading.Event()

    @property
    def cancelled(self) -> bool:
        """Whether the work is to stop."""
        return self._cancelled.is_set()

    def cancel(self, *, superseded: bool = False) -> None:
        """Ask the work to stop at its next step; `superseded` if a newer request takes its place."""
        self.superseded = superseded
        self._cancelled.set()

    def check(self) -> None:
        """Raise CancelledError if the work is to stop."""
        if self.cancelled:
            raise CancelledError("The work was stopped on request; nothing was changed.")

    def report(self, progress: Progress) -> None:
        """Tell how far the work is.

        Raises
        ------
        CancelledError
            If the work is to stop.
        """
        self.check()
        self._on_progress(self.kind, progress)

    def run(self) -> None:
        """Do the work and publish its result, unless it was cancelled meanwhile."""
        self.check()
        result = self._job(self)
        self.check()
        self._publish(result)


class Runner:
    """Runs jobs one after another on a daemon thread that starts with the first job.

    All signals carry the kind of the request, and all but that of a request that comes in are emitted on that thread. A
    request that is replaced by a newer one ends silently; `cancelled` tells of requests that were cancelled for good.
    """

    progressed = Signal(WorkKind, Progress)
    failed = Signal(WorkKind, str)
    cancelled = Signal(WorkKind)
    busy_changed = Signal(WorkKind)

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._queue: deque[Task] = deque()
        self._running: Task | None = None
        self._thread: threading.Thread | None = None
        self._busy = False
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a job is running or waiting."""
        return self._busy

    @property
    def running(self) -> WorkKind | None:
        """Kind of the job that is running."""
        running = self._running
        return None if running is None else running.kind

    @property
    def kinds(self) -> set[WorkKind]:
        """Kinds of the jobs that are running or waiting."""
        with self._wake:
            return {task.kind for task in self._unfinished()}

    def submit(self, kind: WorkKind, job: Job[T], publish: Publish[T]) -> None:
        """Ask for `job` to be run; it replaces every earlier request of its kind.

        Parameters
        ----------
        kind : WorkKind
            Requests of one kind replace each other.
        job : callable
            Takes a Task and returns a result. Calls `task.report` at least every 200 ms, so that cancelling works.
        publish : callable
            Takes the result, on the worker thread; not called for a cancelled or replaced request.

        Raises
        ------
        ClickTrainError
            If the runner was closed.
        """
        with self._wake:
            if self._closed:
                raise ClickTrainError("the project must be open to do work, got a closed one. Open a new one.")
            self._stop(kind, superseded=True)
            self._queue.append(Task(kind, job, publish, self.progressed.emit))
            self._busy = True
            self._start_thread()
            self._wake.notify_all()
        self.busy_changed.emit(kind)

    def cancel(self, kind: WorkKind, *, superseded: bool = False) -> None:
        """Stop the running request of `kind` at its next step, and those that wait before their first.

        `superseded` if nobody waits for them any more, so that they end silently.
        """
        with self._wake:
            self._stop(kind, superseded=superseded)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until nothing is running or waiting; return whether that came within `timeout_s`."""
        with self._wake:
            return self._wake.wait_for(lambda: not self._busy, timeout_s)

    def close(self, timeout_s: float = 10.0) -> None:
        """Stop everything and wait for the thread to end; calling it again does nothing."""
        with self._wake:
            self._closed = True
            for task in self._unfinished():
                task.cancel(superseded=True)
            self._wake.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="clicktrain-project", daemon=True)
            self._thread.start()

    def _unfinished(self) -> list[Task]:
        return [*self._queue] if self._running is None else [self._running, *self._queue]

    def _stop(self, kind: WorkKind, *, superseded: bool) -> None:
        for task in self._unfinished():
            if task.kind == kind and not task.cancelled:
                task.cancel(superseded=superseded)

    def _work(self) -> None:
        while (task := self._next()) is not None:
            self._run(task)
            self._rest(task.kind)

    def _next(self) -> Task | None:
        with self._wake:
            self._wake.wait_for(lambda: self._queue or self._closed)
            if not self._queue:
                return None
            self._running = self._queue.popleft()
            return self._running

    def _run(self, task: Task) -> None:
        try:
            task.run()
        except CancelledError:
            if not task.superseded:
                self.cancelled.emit(task.kind)
        except Exception as error:
            if not isinstance(error, ClickTrainError):
                logger.exception("%s %s failed", *task.kind)
            if not task.superseded:
                self.failed.emit(task.kind, explain(error))

    def _rest(self, kind: WorkKind) -> None:
        with self._wake:
            self._running = None
            self._busy = bool(self._queue)
            self._wake.notify_all()
        self.busy_changed.emit(kind)
