"""The model file by itself: what is put in comes out, and nothing else is taken for one."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save

from clicktrain.errors import ModelFileError
from clicktrain.learning.images.state import Position
from clicktrain.models.files import FORMAT_VERSION, model_kind, pack, sealed, unpack

if TYPE_CHECKING:
    from pathlib import Path

SUMMARY = Position(sha256='äöü " \\ checksum', best_loss=0.1)
WEIGHTS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, -1], dtype=torch.int16)}
CONTENT = pack(SUMMARY, WEIGHTS)


def with_fields(**changes: Any) -> bytes:
    return sealed(json.dumps(SUMMARY.model_dump() | changes), WEIGHTS)


def test_what_was_put_in_comes_out() -> None:
    summary, weights = unpack(CONTENT, "m", Position)
    assert summary == SUMMARY
    assert weights.keys() == WEIGHTS.keys()
    assert all(torch.equal(weights[name], WEIGHTS[name]) for name in WEIGHTS)
    assert pack(summary, dict(reversed(weights.items()))) == CONTENT


def test_it_is_a_safetensors_file_with_a_summary_in_json(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(CONTENT)
    with safe_open(tmp_path / "m", "pt") as file:
        summary = json.loads(file.metadata()["clicktrain"])
        assert set(file.keys()) == {"a", "b"}
    assert summary.items() >= SUMMARY.model_dump().items()


def test_it_tells_its_kind() -> None:
    assert model_kind(CONTENT, "m") == "image_training"


@given(st.integers(0, len(CONTENT) - 1))
def test_a_file_that_was_cut_is_refused(length: int) -> None:
    with pytest.raises(ModelFileError, match="`m` must be a"):
        unpack(CONTENT[:length], "m", Position)


@given(st.integers(0, len(CONTENT) - 1), st.binary(min_size=1, max_size=9))
def test_a_file_with_other_bytes_in_it_is_refused(start: int, other: bytes) -> None:
    content = CONTENT[:start] + other + CONTENT[start + len(other) :]
    if content != CONTENT:
        with pytest.raises(ModelFileError, match="`m` must be a"):
            unpack(content, "m", Position)


@given(st.binary())
def test_a_file_of_anything_is_refused(content: bytes) -> None:
    for made in (content, CONTENT[:8] + content, b"PK" + content):
        with pytest.raises(ModelFileError, match="`m` must be a"):
            unpack(made, "m", Position)


@pytest.mark.parametrize("content", [b"", b"hello", save(WEIGHTS), save(WEIGHTS, {"clicktrain": "{}"})])
def test_a_file_of_something_else_says_so(content: bytes) -> None:
    with pytest.raises(ModelFileError, match=r"must be a ClickTrain model file .*, got something else"):
        unpack(content, "m", Position)


def test_a_file_of_version_0_1_says_what_to_do() -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("summary.json", json.dumps(SUMMARY.model_dump() | {"format_version": 3}))
    with pytest.raises(ModelFileError, match=r"got a zip archive, as ClickTrain 0\.1 wrote\. Train again with its cl"):
        unpack(buffer.getvalue(), "m", Position)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": FORMAT_VERSION + 1}, "must be of format 5, got format 6. Update ClickTrain"),
        ({"format_version": 4}, "must be of format 5, got format 4, as versions in development wrote. Train again"),
        ({"kind": "pixel"}, r"must be a checkpoint .*, got a model of pixels \(PixelClassifier\)"),
        ({"kind": "other"}, "damaged"),
        ({"kind": None}, "damaged"),
        ({"format_version": None}, "damaged"),
        ({"epoch": -1}, "damaged"),
        ({"unknown": 1}, "damaged"),
    ],
)
def test_a_summary_that_cannot_be_read_says_so(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        unpack(with_fields(**changes), "m", Position)


@pytest.mark.parametrize("summary", ['{"a"', '{"a": ' + "[" * 100_000, '{"a": 1}'])
def test_a_summary_that_is_none_is_refused(summary: str) -> None:
    with pytest.raises(ModelFileError, match="damaged"):
        unpack(sealed(summary, WEIGHTS), "m", Position)
