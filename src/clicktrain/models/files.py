"""The model file `NAME.clicktrain`: a zip of safetensors weights and a JSON summary. No pickle, read or written."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from clicktrain.errors import ModelFileError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FORMAT_VERSION", "model_kind", "pack", "unpack"]

S = TypeVar("S", bound=BaseModel)

# 2 adds pretrained embedding, trees and what is done to a whole image; files of format 1 have none of these.
# 3 adds volumes and the kind of model; older files are models of pixels of images.
FORMAT_VERSION = 3
_PIXEL = "pixel"
_KINDS = {
    _PIXEL: "a model of pixels (PixelClassifier)",
    "image": "a model of whole images (ImageClassifier)",
    "image_training": "a checkpoint of an ImageClassifier's training",
}
_SUMMARY = "summary.json"
_WEIGHTS = "weights.safetensors"


def pack(summary: BaseModel, weights: dict[str, Tensor]) -> bytes:
    """Return the content of a model file.

    Parameters
    ----------
    summary : BaseModel
    weights : dict of str to Tensor
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        # A fixed time stamp: the same model gives the same bytes.
        archive.writestr(zipfile.ZipInfo(_SUMMARY), summary.model_dump_json(indent=2))
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        archive.writestr(zipfile.ZipInfo(_WEIGHTS), save_tensors(plain))
    return buffer.getvalue()


def unpack(content: bytes, name: str, summary_type: type[S]) -> tuple[S, dict[str, Tensor]]:
    """Read the content of a model file.

    Parameters
    ----------
    content : bytes
    name : str
        What to call the file in an error.
    summary_type : type
        Class of the summary; its field `kind` says what kind of model the file must hold.

    Returns
    -------
    summary : BaseModel
    weights : dict of str to Tensor

    Raises
    ------
    ModelFileError
        If it is no model file, is damaged, holds another kind of model, or was written by a newer version.
    """
    summary_text, tensors = _open(content, name)
    try:
        fields = json.loads(summary_text)
        _check_version(fields, name)
        _check_kind(fields, summary_type.model_fields["kind"].default, name)
        return summary_type.model_validate(fields), load_tensors(tensors)
    except (ValidationError, SafetensorError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise _damaged(name) from error


def model_kind(content: bytes, name: str) -> str:
    """Tell what kind of model a file holds: "pixel", "image", or "image_training" for a checkpoint.

    Raises
    ------
    ModelFileError
        If it is no model file, is damaged, or was written by a newer version.
    """
    try:
        fields = json.loads(_open(content, name)[0])
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise _damaged(name) from error
    _check_version(fields, name)
    return str(fields.get("kind", _PIXEL))


def _open(content: bytes, name: str) -> tuple[bytes, bytes]:
    if not content.startswith(b"PK"):
        raise ModelFileError(
            f"`{name}` must be a ClickTrain model file (NAME.clicktrain), got something else. "
            "Choose a file that ClickTrain saved."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(_SUMMARY), archive.read(_WEIGHTS)
    except KeyError as error:
        raise ModelFileError(
            f"`{name}` must be a ClickTrain model file (NAME.clicktrain), got another zip archive. "
            "Choose a file that ClickTrain saved."
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise _damaged(name) from error


def _check_version(fields: object, name: str) -> None:
    version = fields.get("format_version") if isinstance(fields, dict) else None
    if not isinstance(version, int):
        raise _damaged(name)
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"`{name}` must be of format {FORMAT_VERSION} or older, got format {version}. Update ClickTrain to read it."
        )


def _check_kind(fields: dict[str, object], wanted: str, name: str) -> None:
    kind = fields.get("kind", _PIXEL)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise _damaged(name)
    if kind != wanted:
        raise ModelFileError(f"`{name}` must be {_KINDS[wanted]}, got {_KINDS[kind]}. Choose another file.")


def _damaged(name: str) -> ModelFileError:
    return ModelFileError(f"`{name}` must be a whole model file, got a damaged one. Use a copy of it or train again.")
