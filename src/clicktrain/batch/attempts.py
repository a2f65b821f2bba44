"""Work on one file of many, whose failure does not stop the others."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from clicktrain.errors import CancelledError, ClickTrainError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    T = TypeVar("T")

__all__ = ["attempt"]

logger = logging.getLogger(__name__)


def attempt(path: Path, work: Callable[[], T]) -> tuple[T | None, str | None]:
    """Do the work for one image.

    Parameters
    ----------
    path : Path
        The image, for the log.
    work : callable

    Returns
    -------
    result : what `work` returns, or None if it failed
    error : str or None
        Why it failed.

    Raises
    ------
    CancelledError
        If the work raises it.
    """
    try:
        return work(), None
    except CancelledError:
        raise
    except ClickTrainError as error:
        return None, str(error)
    except (MemoryError, RuntimeError) as error:
        # torch tells a lack of memory as RuntimeError; the next image may be smaller.
        return None, f"it could not be classified: {' '.join(str(error).split()) or 'not enough memory'}"
    except Exception as error:
        # A mistake of ours with one image must not cost the report on all others.
        logger.exception("%s could not be classified", path)
        return None, f"ClickTrain met a problem it did not expect ({type(error).__name__}: {error}). Please report it."
