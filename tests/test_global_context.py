"""`position_encoding=True`: where a pixel lies counts, exactly, and costs nothing when it is not asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _organ import organ_section
from clicktrain.inference.pixels.predict import predict_tiles
from clicktrain.models.pixels.overview import overview_of

from clicktrain import PixelClassifier
from clicktrain.annotations.clicks import Clicks
from clicktrain.api import pixels
from clicktrain.api.inputs import image_tensor
from clicktrain.config import preset
from clicktrain.errors import ClickTrainError
from clicktrain.inference.pixels import predict
from clicktrain.models.pixels.pretrained import EmbeddedHead
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


def test_a_first_look_knows_it_as_well(organ, drawn):
    clicks = Clicks.of(drawn, organ[1].shape)
    right = {}
    for position_encoding in (False, True):
        answer = fast(position_encoding).embed(organ[0]).segment(clicks)
        right[position_encoding] = float((answer.argmax(0) + 1 == organ[1])[organ[1] > 1].mean())
    assert right[True] > right[False] + 0.1


@pytest.fixture(scope="module")
def told() -> tuple[PixelClassifier, np.ndarray]:
    image, truth = two_textures(160)
    return fast(True).fit(image, strokes(truth)), image


def test_the_answer_does_not_depend_on_the_tiles(told, monkeypatch):
    classifier, image = told
    monkeypatch.setitem(predict._PART_PX, 2, (61, 53))
    tensor = image_tensor(image, None, CPU)
    statistics = pixels.used_statistics(tensor, classifier._model.statistics, classifier._settings)
    answers = [
        pixels.run_to_end(predict_tiles(classifier._model, tensor, statistics, tile_px=tile_px), None)
        for tile_px in ((160, 160), (48, 56))
    ]
    np.testing.assert_allclose(answers[0], answers[1], atol=2e-5)


def test_a_saved_model_gives_the_same_answer(told, tmp_path):
    classifier, image = told
    classifier.save(tmp_path / "model.clicktrain")
    again = PixelClassifier.load(tmp_path / "model.clicktrain")
    assert again.position_encoding
    np.testing.assert_array_equal(again.predict_proba(image), classifier.predict_proba(image))


def test_going_on_keeps_it(told):
    image, truth = told[1], two_textures(160)[1]
    again = fast(True).fit(image, strokes(truth))
    again.continue_fit(image, strokes(truth, rows=(20, 60, 100)))
    assert again.summary().architecture.position_encoding
    assert (again.predict(image) == truth).mean() > 0.9


def test_without_it_nothing_is_looked_at_and_nothing_is_larger(monkeypatch):
    def never(*arguments: object) -> None:
        raise AssertionError("an overview was made")

    monkeypatch.setattr("clicktrain.models.pixels.fitted.overview_of", never)
    image, truth = two_textures(96)
    model = fast(False).fit(image, strokes(truth))
    model.predict(image)
    assert model._model.net.code_channels == 0
    assert model._model.embedded.coefficients.shape[1] == 48 + 1


class TestOverview:
    """Codes on a coarse grid, read off at pixels."""

    @pytest.fixture
    def overview(self):
        image = torch.from_numpy(organ_section(0, side_px=300)[0][:, :210].astype(np.float32))[None]
        return overview_of(image, EmbeddedHead.packaged(CPU))

    def test_the_grid_has_the_proportions_of_the_image(self, overview):
        assert overview.codes.shape == (1, 48, 93, 65)

    @pytest.mark.parametrize(("origin", "size"), [((0, 0), (7, 9)), ((130, 77), (64, 32)), ((-9, 190), (40, 50))])
    def test_a_pixel_has_the_same_codes_in_every_region(self, overview, origin, size):
        whole = overview.region((-10, -10), (330, 260))
        rows, columns = (slice(first + 10, first + 10 + n) for first, n in zip(origin, size, strict=True))
        assert torch.equal(overview.region(origin, size), whole[:, :, rows, columns])

    def test_single_pixels_have_the_codes_of_their_regions(self, overview):
        places = torch.tensor([[0, 0], [299, 209], [17, 100], [17, 3], [200, 100]])
        whole = overview.region((0, 0), (300, 210))[0]
        torch.testing.assert_close(overview.at(places), whole[:, places[:, 0], places[:, 1]].T)

    def test_it_interpolates_as_torch_does(self, overview):
        expected = torch.nn.functional.interpolate(overview.codes, (300, 210), mode="bilinear", align_corners=False)
        torch.testing.assert_close(overview.region((0, 0), (300, 210)), expected, atol=1e-4, rtol=1e-4)

    def test_a_small_image_is_not_enlarged(self):
        assert overview_of(torch.rand(2, 9, 5), EmbeddedHead.packaged(CPU)).codes.shape == (1, 48, 9, 5)

    def test_a_strip_keeps_one_row(self):
        assert overview_of(torch.rand(1, 1, 4000), EmbeddedHead.packaged(CPU)).codes.shape == (1, 48, 1, 93)


def test_volumes_are_refused():
    volume, truth = two_textures_in_depth()
    with pytest.raises(ClickTrainError, match="position_encoding must be off for volumes"):
        fast(True).fit(volume, truth, axes="ZYX")


@pytest.mark.parametrize("options", [{"pretrained": False, "position_encoding": True}])
def test_a_context_that_cannot_be_had_is_refused(options):
    with pytest.raises(ClickTrainError, match="position_encoding must be"):
        PixelClassifier(**options)


def test_settings_of_ones_own_may_have_it():
    settings = preset("fast", position_encoding=True)
    assert PixelClassifier(preset=settings)._settings.network.position_encoding
