"""What a command refuses to write, found out before it computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clicktrain.batch.plan import refuse_existing, refuse_skipping_and_overwriting
from clicktrain.errors import StorageError
from clicktrain.stores.answer_table import unfinished_table
from clicktrain.stores.whole_files import ensure_writable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_answers_output", "check_model_output", "check_output"]

_MODEL_SUFFIX = ".clicktrain"


def check_output(output: Path, suffix: str, *, overwrite: bool) -> None:
    """Refuse an output file of another ending, one that exists, or one that could not be written.

    Raises
    ------
    StorageError
        With the reason; nothing was changed.
    """
    _check_suffix(output, suffix)
    if output.exists() and not overwrite:
        raise StorageError(f"--output must be a new file, got `{output}`. Give --overwrite to replace it.")
    ensure_writable(output)


def check_model_output(output: Path, *, overwrite: bool) -> None:
    """Do so for a model file."""
    check_output(output, _MODEL_SUFFIX, overwrite=overwrite)


def check_answers_output(output: Path, *, overwrite: bool, skip_existing: bool) -> None:
    """Do so for a table of answers, finished or not, which may also be gone on with."""
    refuse_skipping_and_overwriting(skip_existing=skip_existing, overwrite=overwrite)
    _check_suffix(output, ".csv")
    if not (overwrite or skip_existing):
        refuse_existing([output, unfinished_table(output)])
    ensure_writable(output)


def _check_suffix(output: Path, suffix: str) -> None:
    if output.suffix != suffix:
        raise StorageError(f"--output must end in {suffix}, got `{output}`.")
