"""From any exception to one sentence that can be shown to a user."""

from __future__ import annotations

from clicktrain.errors import ClickTrainError, is_out_of_memory

__all__ = ["explain"]


def explain(error: Exception) -> str:
    """Return one sentence about `error`, without a traceback."""
    if isinstance(error, ClickTrainError):
        return str(error)
    if is_out_of_memory(error):
        return "There was not enough memory for this image. Close other programs or crop the image, then try again."
    first_line = str(error).strip().partition("\n")[0]
    what = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    return f"ClickTrain met a problem it did not expect ({what}). Please report it."
