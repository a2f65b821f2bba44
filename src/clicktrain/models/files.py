"""The model file `NAME.clicktrain`: safetensors weights, with a JSON summary as metadata. No pickle, read or written.

The summary begins with a checksum of all other bytes of the file, as safetensors has none.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from clicktrain.errors import ModelFileError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FORMAT_VERSION", "model_kind", "pack", "sealed", "unpack"]

S = TypeVar("S", bound=BaseModel)

# Up to 3, which ClickTrain 0.1 wrote, files were zip archives and held no trees but what to grow them from. No release
# wrote 4, whose networks read all features.
FORMAT_VERSION = 5
_KINDS = {
    "pixel": "a model of pixels (PixelClassifier)",
    "image": "a model of whole images (ImageClassifier)",
    "image_training": "a checkpoint of an ImageClassifier's training",
}
_SUMMARY, _CHECKSUM = "clicktrain", "checksum"
# As the summary begins where it stands, as text in the JSON of safetensors.
_BEGINNING = rb'"clicktrain":"{\"checksum\":\"'
_UNSEALED = "0" * 64


def pack(summary: BaseModel, weights: dict[str, Tensor]) -> bytes:
    """Return the content of a model file; the same for the same model.

    Parameters
    ----------
    summary : BaseModel
    weights : dict of str to Tensor
    """
    return sealed(summary.model_dump_json(), weights)


def sealed(summary: str, weights: dict[str, Tensor]) -> bytes:
    """Return the content of a file, given its summary as text of a JSON object.

    Parameters
    ----------
    summary : str
    weights : dict of str to Tensor
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    begun = f'{{"{_CHECKSUM}":"{_UNSEALED}",{summary.lstrip()[1:]}'
    content = bytearray(save_tensors(plain, metadata={_SUMMARY: begun}))
    place = _place_of_checksum(content)
    content[place] = _checksum(content, place)
    return bytes(content)


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
        If it is no model file, is damaged, holds another kind of model, or was written by an older or newer version.
    """
    fields = _summary_fields(content, name)
    _check_kind(fields, summary_type.model_fields["kind"].default, name)
    try:
        return summary_type.model_validate(fields), load_tensors(content)
    except (ValidationError, SafetensorError) as error:
        raise _damaged(name) from error


def model_kind(content: bytes, name: str) -> str:
    """Tell what kind of model a file holds: "pixel", "image", or "image_training" for a checkpoint.

    Raises
    ------
    ModelFileError
        If it is no model file, is damaged, or was written by an older or newer version.
    """
    return str(_summary_fields(content, name).get("kind"))


def _summary_fields(content: bytes, name: str) -> dict[str, object]:
    """Fields of the summary of a file that is whole and can be read by this version."""
    _check_is_whole(content, name)
    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        fields = json.loads(header["__metadata__"][_SUMMARY])
        del fields[_CHECKSUM]
        version = int(fields["format_version"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(name) from error
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"`{name}` must be of format {FORMAT_VERSION}, got format {version}. Update ClickTrain to read it."
        )
    if version < FORMAT_VERSION:
        raise ModelFileError(
            f"`{name}` must be of format {FORMAT_VERSION}, got format {version}, as versions in development wrote. "
            "Train again with its clicks."
        )
    return dict(fields)


def _check_is_whole(content: bytes, name: str) -> None:
    if content.startswith(b"PK"):
        raise ModelFileError(
            f"`{name}` must be a model file of format {FORMAT_VERSION}, got a zip archive, as ClickTrain 0.1 wrote. "
            "Train again with its clicks, or use ClickTrain 0.1."
        )
    place = _place_of_checksum(content)
    if not place.start:
        raise ModelFileError(
            f"`{name}` must be a ClickTrain model file (NAME.clicktrain), got something else. "
            "Choose a file that ClickTrain saved."
        )
    if content[place] != _checksum(content, place):
        raise _damaged(name)


def _place_of_checksum(content: bytes | bytearray) -> slice:
    """Where the checksum stands; begins at 0 if nowhere."""
    start = content.find(_BEGINNING)
    return slice(0, 0) if start < 0 else slice(start + len(_BEGINNING), start + len(_BEGINNING) + len(_UNSEALED))


def _checksum(content: bytes | bytearray, place: slice) -> bytes:
    """SHA-256 of all bytes but the checksum itself, as text."""
    view = memoryview(content)
    digest = sha256(view[: place.start])
    digest.update(view[place.stop :])
    return digest.hexdigest().encode()


def _check_kind(fields: dict[str, object], wanted: str, name: str) -> None:
    kind = fields.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise _damaged(name)
    if kind != wanted:
        raise ModelFileError(f"`{name}` must be {_KINDS[wanted]}, got {_KINDS[kind]}. Choose another file.")


def _damaged(name: str) -> ModelFileError:
    return ModelFileError(f"`{name}` must be a whole model file, got a damaged one. Use a copy of it or train again.")
