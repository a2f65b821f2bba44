"""`position_encoding=True`: where a pixel lies counts, exactly, and costs nothing when it is not asked for."""

from __future__ import annotations

from copy import copy

import numpy as np
import pytest
import torch
from _organ import organ_section
from hypothesis import given
from hypothesis import strategies as st

from clicktrain import PixelClassifier
from clicktrain.annotations.clicks import Clicks
from clicktrain.config import NetworkConfig, preset
from clicktrain.errors import ClickTrainError
from clicktrain.images.source import open_image
from clicktrain.inference.pixels import constants
from clicktrain.inference.pixels.constants import measure_constants
from clicktrain.models.pixels.position_codes import PositionCodes
from clicktrain.models.pixels.pretrained import EmbeddedHead
from clicktrain.progress import drained
from tests.textures import strokes, two_textures, two_textures_in_depth

CPU = torch.device("cpu")


def fast(position_encoding: bool) -> PixelClassifier:
    return PixelClassifier(device="cpu", preset="fast", position_encoding=position_encoding)


@pytest.fixture(scope="module")
def organ() -> tuple[np.ndarray, np.ndarray]:
    return organ_section(3, side_px=512)


@pytest.fixture(scope="module")
def drawn(organ) -> np.ndarray:
    """Short strokes of every class all over the section."""
    labels = np.zeros_like(organ[1])
    random = np.random.default_rng(0)
    for number in (1, 2, 3):
        places = np.argwhere(organ[1][:, :-12] == number)
        for row, column in places[random.choice(len(places), 12, replace=False)]:
            stroke = np.s_[row, column : column + 12]
            labels[stroke] = np.where(organ[1][stroke] == number, number, 0)
    return labels


def accuracy(model: PixelClassifier, image: np.ndarray, truth: np.ndarray) -> float:
    """Share of the pixels of shell and core that are told apart."""
    inside = truth > 1
    return float((model.predict(image) == truth)[inside].mean())


def test_layers_that_look_alike_are_told_apart_by_where_they_lie(organ, drawn):
    local, told = (fast(position_encoding).fit(organ[0], drawn) for position_encoding in (False, True))
    elsewhere = organ_section(4, side_px=512)
    assert accuracy(told, *organ) > 0.9 > 0.85 > accuracy(local, *organ)
    assert accuracy(told, *elsewhere) > accuracy(local, *elsewhere) + 0.1


def test_an_embedding_knows_it_as_well(organ, drawn):
    clicks = Clicks.of(drawn, organ[1].shape)
    right = {}
    for position_encoding in (False, True):
        answer = fast(position_encoding).embed(organ[0]).segment(clicks)
        right[position_encoding] = float((answer.argmax(0) + 1 == organ[1])[organ[1] > 1].mean())
    assert right[True] > right[False] + 0.1


@pytest.fixture(scope="module")
def fitted() -> tuple[PixelClassifier, np.ndarray]:
    image, truth = two_textures(160)
    return fast(True).fit(image, strokes(truth)), image


def test_a_saved_model_gives_the_same_answer(fitted, tmp_path):
    classifier, image = fitted
    classifier.save(tmp_path / "model.clicktrain")
    again = PixelClassifier.load(tmp_path / "model.clicktrain")
    assert again.position_encoding
    np.testing.assert_array_equal(again.predict_proba(image), classifier.predict_proba(image))


def test_going_on_keeps_it(fitted):
    image, truth = fitted[1], two_textures(160)[1]
    again = copy(fitted[0]).continue_fit(image, strokes(truth, rows=(20, 60, 100)))
    assert again.summary().architecture.position_encoding
    assert (again.predict(image) == truth).mean() > 0.9


def test_without_it_nothing_is_looked_at_and_nothing_is_larger(monkeypatch):
    def never(*arguments: object) -> None:
        raise AssertionError("codes were made")

    monkeypatch.setattr(constants, "_position_codes", never)
    image, truth = two_textures(96)
    model = fast(False).fit(image, strokes(truth))
    model.predict(image)
    assert model._model.net.code_channels == 0
    assert model._model.embedded.coefficients.shape[1] == 48 + 1


class TestCodes:
    """Codes on a coarse grid, read off at pixels."""

    CODES = PositionCodes(torch.randn(1, 5, 13, 9, generator=torch.Generator().manual_seed(0)), (300, 210))

    @given(st.tuples(st.integers(-12, 330), st.integers(-12, 250)), st.tuples(st.integers(1, 40), st.integers(1, 40)))
    def test_a_pixel_has_the_same_codes_in_every_region(self, start, shape):
        whole = self.CODES.region((-12, -12), (390, 310))
        rows, columns = (slice(first + 12, first + 12 + n) for first, n in zip(start, shape, strict=True))
        assert torch.equal(self.CODES.region(start, shape), whole[:, :, rows, columns])
        second = self.CODES.region(start, [-(-n // 2) for n in shape], stride=2)
        assert torch.equal(second, whole[:, :, rows, columns][:, :, ::2, ::2])

    def test_single_pixels_have_the_codes_of_their_regions(self):
        places = torch.tensor([[0, 0], [299, 209], [17, 100], [17, 3], [200, 100]])
        whole = self.CODES.region((0, 0), (300, 210))[0]
        torch.testing.assert_close(self.CODES.at(places), whole[:, places[:, 0], places[:, 1]].T)

    def test_they_are_interpolated_as_torch_does(self):
        expected = torch.nn.functional.interpolate(self.CODES.codes, (300, 210), mode="bilinear", align_corners=False)
        torch.testing.assert_close(self.CODES.region((0, 0), (300, 210)), expected, atol=1e-4, rtol=1e-4)


def codes_of(*levels: np.ndarray) -> PositionCodes:
    config = NetworkConfig(sigmas_px=(1.0,), width=1, levels=1, members=1, pretrained=True, position_encoding=True)
    source = open_image(levels, axes="CYX", multiscale=True)
    return drained(measure_constants(source, config, head=EmbeddedHead.packaged(CPU))).codes


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    ("shape_px", "grid"), [((300, 210), (93, 65)), ((9, 5), (9, 5)), ((1, 4000), (1, 93)), ((2, 2), (2, 2))]
)
def test_the_grid_has_the_proportions_of_the_image_and_a_small_one_is_not_enlarged(shape_px, grid):
    codes = codes_of(noise(2, *shape_px))
    assert codes.codes.shape == (1, 48, *grid)
    assert codes.shape_px == shape_px


def test_a_coarser_resolution_gives_the_codes_of_the_whole():
    image = noise(1, 744, 744) + np.linspace(0, 20, 744, dtype=np.float32)
    halves = image.reshape(1, 372, 2, 372, 2).mean(axis=(2, 4))
    torch.testing.assert_close(codes_of(image, halves).codes, codes_of(image).codes, atol=1e-3, rtol=1e-3)


def test_volumes_are_refused():
    volume, truth = two_textures_in_depth()
    with pytest.raises(ClickTrainError, match="position_encoding must be off for volumes"):
        fast(True).fit(volume, truth, axes="ZYX")


def test_it_cannot_be_had_without_the_pretrained_part():
    with pytest.raises(ClickTrainError, match="position_encoding must be"):
        PixelClassifier(pretrained=False, position_encoding=True)


def test_settings_of_ones_own_may_have_it():
    settings = preset("fast", position_encoding=True)
    assert PixelClassifier(preset=settings)._settings.network.position_encoding
