"""Memory that runs out makes tiles smaller, and no answer different."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from clicktrain.errors import ClickTrainError
from clicktrain.inference.pixels import stream
from tests.pixel_models import ALL, noise_source, pixel_model, whole, with_postprocess

if TYPE_CHECKING:
    from clicktrain.images.source import ImageSource
    from clicktrain.models.pixels.fitted import PixelModel

ERRORS = (torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("can't allocate memory"), MemoryError())
PLACES = (
    "members.stem_features",
    "members._softmax_of_members",
    "members._by_trees",
    "members._by_embedding",
    "members.blended",
    "stream.read_window",
    "region.smooth",
)


def fill(monkeypatch: pytest.MonkeyPatch, place: str, fails: range, error: Exception) -> count[int]:
    """Make the calls with these numbers of a function fail."""
    name = f"clicktrain.inference.pixels.{place}"
    module, attribute = name.rsplit(".", 1)
    run, calls = getattr(__import__(module, fromlist=[attribute]), attribute), count()

    def full(*args: Any, **kwargs: Any) -> Any:
        if next(calls) in fails:
            raise error
        return run(*args, **kwargs)

    monkeypatch.setattr(name, full)
    return calls


@pytest.fixture(scope="module")
def source() -> ImageSource:
    return noise_source(90, 70)


@pytest.fixture(scope="module")
def model() -> PixelModel:
    return with_postprocess(pixel_model(ALL), output_stride=2, smoothing_px=0.5, prior=1.0)


@pytest.fixture(scope="module")
def expected(model: PixelModel, source: ImageSource) -> np.ndarray:
    return whole(model, source)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("first", "last"), [(0, 1), (0, 3), (1, 2), (3, 4)])
def test_wherever_and_whenever_it_runs_out(
    monkeypatch: pytest.MonkeyPatch,
    model: PixelModel,
    source: ImageSource,
    expected: np.ndarray,
    place: str,
    first: int,
    last: int,
) -> None:
    calls = fill(monkeypatch, place, range(first, last), ERRORS[(first + last) % 3])
    found = whole(model, source, tile_px=(48, 48))
    assert next(calls) > last
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_in_the_squares_that_tell_the_shares(
    monkeypatch: pytest.MonkeyPatch, model: PixelModel, source: ImageSource
) -> None:
    monkeypatch.setattr(stream, "_WHOLE_PX", 1)
    expected = whole(model, source)
    fill(monkeypatch, "members.stem_features", range(2), MemoryError())
    np.testing.assert_allclose(whole(model, source), expected, atol=1e-4)


@pytest.mark.parametrize("place", PLACES)
def test_where_it_stays_full_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, model: PixelModel, source: ImageSource, place: str
) -> None:
    fill(monkeypatch, place, range(10**9), MemoryError())
    with pytest.raises(ClickTrainError, match="memory must hold one tile of"):
        whole(model, source)


def test_other_errors_are_no_reason_for_smaller_tiles(
    monkeypatch: pytest.MonkeyPatch, model: PixelModel, source: ImageSource
) -> None:
    calls = fill(monkeypatch, "members.stem_features", range(1), RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        whole(model, source)
    assert next(calls) == 1
