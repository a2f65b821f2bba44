from __future__ import annotations

import numpy as np
import pytest
import torch
from clicktrain.learning.pixels.clicked import Example
from clicktrain.learning.pixels.embedded import embed_clicks

from clicktrain import PixelClassifier
from clicktrain.annotations.clicks import Clicks
from clicktrain.inference.pixels.strided import read_off
from clicktrain.learning.pixels import embedded, seen
from clicktrain.models.pixels.normalise import ChannelStatistics
from clicktrain.models.pixels.pretrained import EmbeddedHead, Embedding
from clicktrain.models.pixels.trunk import Trunk
from tests.learning.pixels.test_training import drained
from tests.textures import strokes, two_textures

HEAD = EmbeddedHead.of(Embedding(Trunk(width=4, levels=2, out_channels=6)), torch.empty(0))


def clicked(shape_px: tuple[int, ...], count: int) -> tuple[Example, Clicks]:
    rng = np.random.default_rng(3)
    image = torch.from_numpy(rng.normal(size=(1, *shape_px))).float()
    positions = np.column_stack([rng.integers(0, n, count) for n in shape_px])
    clicks = Clicks(positions, rng.integers(1, 3, count), shape_px)
    return Example(image, clicks, ChannelStatistics.of(image)), clicks


@pytest.mark.parametrize("sides_px", [(8,), (16, 64), (256,)])
@pytest.mark.parametrize("shape_px", [(41, 50), (7, 90), (3, 20, 31)])
def test_clicks_are_embedded_as_the_whole_image_whatever_the_windows(
    monkeypatch: pytest.MonkeyPatch, shape_px: tuple[int, ...], sides_px: tuple[int, ...]
) -> None:
    monkeypatch.setattr(embedded, "_SIDES_PX", sides_px)
    example, clicks = clicked(shape_px, 30)
    found = drained(embed_clicks(HEAD, example, clicks, 2))
    maps = HEAD.embed(example.prepared(HEAD.fov_among(len(shape_px))).padded, output_stride=2)[0]
    maps = maps.reshape(len(maps), -1, *maps.shape[-2:])
    for code, position in zip(found, clicks.positions_px, strict=True):
        number = position[0] if len(shape_px) == 3 else 0
        torch.testing.assert_close(code[None], read_off(maps[:, number], position[None, -2:], 2), atol=1e-4, rtol=0)


def test_pixels_that_are_looked_at_have_their_own_embedding() -> None:
    example, clicks = clicked((60, 50), 20)
    even = Clicks(clicks.positions_px // 2 * 2, clicks.classes, clicks.shape_px)
    exact, between = (drained(embed_clicks(HEAD, example, even, output_stride)) for output_stride in (1, 2))
    torch.testing.assert_close(between, exact, atol=1e-4, rtol=0)


def test_an_image_that_keeps_no_click_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MOST_EXAMPLES", 2)
    image, truth = two_textures()
    many, few = strokes(truth), np.zeros_like(truth)
    few[5, 5], few[5, 90] = 1, 2
    model = PixelClassifier(preset="fast").fit([image, image], [many, few])
    assert set(np.unique(model.predict(image))) == {1, 2}
