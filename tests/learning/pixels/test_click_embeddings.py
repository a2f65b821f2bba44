from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from clicktrain import PixelClassifier
from clicktrain.annotations.clicks import Clicks
from clicktrain.geometry.region import Region
from clicktrain.inference.pixels.constants import read_window
from clicktrain.inference.pixels.strided import read_off
from clicktrain.learning.pixels import click_embeddings, extract
from clicktrain.learning.pixels.click_embeddings import embed_clicks
from clicktrain.learning.pixels.examples import Example
from clicktrain.progress import drained
from clicktrain.workers import Workers
from tests.pixel_models import BOTH, constants_of, noise_source, pixel_model
from tests.textures import strokes, two_textures

if TYPE_CHECKING:
    from clicktrain.models.pixels.pretrained import EmbeddedHead


def clicked(shape_px: tuple[int, ...], count: int, *, position_encoding: bool = False) -> tuple[EmbeddedHead, Example]:
    """An image of noise with clicks all over it, and what embeds them."""
    rng = np.random.default_rng(3)
    model = pixel_model(BOTH, ndim=len(shape_px), position_encoding=position_encoding)
    source = noise_source(*shape_px)
    positions = np.column_stack([rng.integers(0, n, count) for n in shape_px])
    clicks = Clicks(positions, rng.integers(1, 3, count), shape_px)
    return model.embedded, Example(source, clicks, constants_of(model, source))


def embedded(head: EmbeddedHead, image: Example, clicks: Clicks, stride: int) -> torch.Tensor:
    """Embeddings of clicks."""
    with Workers(torch.device("cpu")) as workers:
        return drained(embed_clicks(head, image, clicks, stride, workers))


@pytest.mark.parametrize("sides_px", [(8,), (16, 64), (256,)])
@pytest.mark.parametrize("shape_px", [(41, 50), (7, 90), (3, 20, 31)])
def test_clicks_are_embedded_as_in_the_whole_image_whatever_the_windows(
    monkeypatch: pytest.MonkeyPatch, shape_px: tuple[int, ...], sides_px: tuple[int, ...]
) -> None:
    monkeypatch.setattr(click_embeddings, "_SIDES_PX", sides_px)
    head, example = clicked(shape_px, 30)
    found = embedded(head, example, example.clicks, 2)
    seen = Region.whole(shape_px).seen_by(head.fov_among(len(shape_px)))
    grey = read_window(example.source, example.constants, seen, torch.device("cpu")).grey(*example.constants.grey)
    with torch.inference_mode():
        maps = head.embed(grey.values, output_stride=2)[0]
    maps = maps.reshape(len(maps), -1, *maps.shape[-2:])
    for code, position in zip(found, example.clicks.positions_px, strict=True):
        number = position[0] if len(shape_px) == 3 else 0
        torch.testing.assert_close(code[None], read_off(maps[:, number], position[None, -2:], 2), atol=1e-4, rtol=0)


def test_pixels_that_are_embedded_have_their_own_embedding() -> None:
    head, example = clicked((60, 50), 20)
    even = Clicks(example.clicks.positions_px // 2 * 2, example.clicks.classes, (60, 50))
    exact, between = (embedded(head, example, even, stride) for stride in (1, 2))
    torch.testing.assert_close(between, exact, atol=1e-4, rtol=0)


def test_position_codes_are_those_of_the_very_pixels() -> None:
    head, example = clicked((60, 50), 20, position_encoding=True)
    found = embedded(head, example, example.clicks, 2)
    codes = example.constants.codes.region((0, 0), (60, 50))[0]
    rows, columns = torch.from_numpy(example.clicks.positions_px).T
    torch.testing.assert_close(found[:, 48:], codes[:, rows, columns].T)


def test_an_image_that_keeps_no_click_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "MOST_EXAMPLES", 2)
    image, truth = two_textures()
    many, few = strokes(truth), np.zeros_like(truth)
    few[5, 5], few[5, 90] = 1, 2
    model = PixelClassifier(preset="fast").fit([image, image], [many, few])
    assert set(np.unique(model.predict(image))) == {1, 2}
