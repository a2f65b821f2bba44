"""Every error a user can cause, each with one sentence that says what must be, what was got and what to do."""

from __future__ import annotations

__all__ = [
    "BackendError",
    "CancelledError",
    "ClassesError",
    "ClickTrainError",
    "ClicksError",
    "DensifyError",
    "ImageError",
    "LabelsError",
    "ModelFileError",
    "NotFittedError",
    "ShapeError",
    "StorageError",
    "is_out_of_memory",
]


class ClickTrainError(Exception):
    """Base of all errors that ClickTrain raises on purpose; its text is fit to be shown to a user."""


class ImageError(ClickTrainError, ValueError):
    """An image that cannot be used: empty, constant, not finite, wrong axes or channels."""


class ClicksError(ClickTrainError, ValueError):
    """Labelled pixels that cannot be learned from: none, one class only, another shape than the image."""


class LabelsError(ClickTrainError, ValueError):
    """Labels of whole images that cannot be learned from: not one per image, one class only, no class names."""


class ClassesError(ClickTrainError, ValueError):
    """A class that is not in the table, or a name or colour that a class cannot have."""


class ShapeError(ClickTrainError, ValueError):
    """A tensor whose shape does not fit the operation."""


class NotFittedError(ClickTrainError, AttributeError):
    """A classifier that was asked for an answer before it was trained."""


class DensifyError(ClickTrainError, TypeError):
    """A patch classifier that has no exact dense form."""


class BackendError(ClickTrainError, RuntimeError):
    """A kernel backend or device that was asked for and is not there."""


class ModelFileError(ClickTrainError, OSError):
    """A model file that is not one, is damaged, or is from a newer version."""


class StorageError(ClickTrainError, OSError):
    """A file that cannot be read or written."""


class CancelledError(ClickTrainError):
    """Work that was stopped on request; nothing was changed."""


# PyTorch raises a bare RuntimeError with these words when the processor's or an accelerator's memory is full.
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether `error` says that memory ran out, as Python or as PyTorch says it."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _MEMORY_WORDS)
