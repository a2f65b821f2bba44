"""From any exception to one sentence that can be shown to a user."""

from __future__ import annotations

from clicktrain.errors import ClickTrainError

__all__ = ["explain"]

# PyTorch raises a bare RuntimeError with these words when the processor's or an accelerator's memory is full.
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


def explain(error: Exception) -> str:
    """Return one sentence about `error`, without a traceback."""
    if isinstance(error, ClickTrainError):
        return str(error)
    if is_out_of_memory(error):
        return "There was not enough memory for this image. Close other programs or crop the image, then try again."
    first_line = str(error).strip().partition("\n")[0]
    what = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    return f"ClickTrain met a problem it did not expect ({what}). Please report it."


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether `error` says that memory ran out, as Python or as PyTorch says it."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _MEMORY_WORDS)
