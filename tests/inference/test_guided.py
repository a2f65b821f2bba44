"""Answers are smoothed along the edges of the image, never across them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from clicktrain.config import NetworkConfig
from clicktrain.geometry.region import Region
from clicktrain.images.source import open_image
from clicktrain.inference.pixels.constants import measure_constants, read_window
from clicktrain.inference.pixels.guided_filter import GuidedFilter, guide_values, smooth_along_edges
from clicktrain.progress import drained

CONFIG = NetworkConfig(sigmas_px=(1.0,), width=1, levels=1, members=1)


def step_image(shape: tuple[int, ...]) -> np.ndarray:
    """Dark and bright halves along the last axis, of variance 1."""
    image = np.full(shape, -1.0, np.float32)
    image[..., shape[-1] // 2 :] = 1
    return image


def noisy_answer(truth: np.ndarray, noise: float) -> np.ndarray:
    score = 2 * truth - 1 + noise * np.random.default_rng(0).normal(size=truth.shape)
    second = 1 / (1 + np.exp(-2 * score))
    return np.stack([1 - second, second]).astype(np.float32)


def smoothed(
    probabilities: np.ndarray, guide: np.ndarray, radius_px: int = 3, voxel_size: tuple[float, ...] = ()
) -> np.ndarray:
    answer = probabilities.copy()
    smooth_along_edges(answer, guide, radius_px, voxel_size or (1.0,) * guide.ndim)
    return answer


def guide_to(*channels: np.ndarray, margin_px: int = 4) -> np.ndarray:
    shape = channels[0].shape
    source, whole = open_image(np.stack(channels), axes="C" + "ZYX"[-len(shape) :]), Region.whole(shape)
    constants = drained(measure_constants(source, CONFIG))
    window = read_window(source, constants, whole.grown((margin_px,) * len(shape)), torch.device("cpu"))
    return guide_values(window, constants.guide, whole, (1.0,) * len(shape))


@pytest.mark.parametrize("shape", [(40, 60), (6, 20, 30)])
def test_noise_goes_and_edges_stay(shape: tuple[int, ...]) -> None:
    image = step_image(shape)
    truth = image > 0
    answer = noisy_answer(truth, noise=1.5)
    along, blind = (smoothed(answer, guide) for guide in (image, np.zeros_like(image)))
    wrong, wrong_along = ((one.argmax(axis=0) != truth).mean() for one in (answer, along))
    assert wrong_along < 0.2 * wrong
    edge = np.abs(np.arange(shape[-1]) - shape[-1] // 2 + 0.5) < 2
    right_along, right_blind = (np.where(truth, one[1], one[0])[..., edge].mean() for one in (along, blind))
    assert right_along > right_blind + 0.1


@given(st.integers(2, 5), st.integers(1, 5), st.integers(0, 1000))
def test_probabilities_stay_probabilities_whatever_the_order_of_the_classes(k: int, radius_px: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    answer = rng.dirichlet(np.full(k, 0.3), size=(15, 12)).transpose(2, 0, 1).astype(np.float32)
    guide = rng.normal(size=(15, 12)).astype(np.float32)
    result = smoothed(answer, guide, radius_px)
    assert (result > 0).all()
    np.testing.assert_allclose(result.sum(axis=0), 1, atol=1e-5)
    order = rng.permutation(k)
    np.testing.assert_allclose(smoothed(answer[order], guide, radius_px), result[order], atol=1e-4)


def test_lines_in_the_guide_pass_unchanged_where_edges_are_strong() -> None:
    guide = 100 * np.random.default_rng(0).normal(size=(20, 20))
    np.testing.assert_allclose(GuidedFilter(guide, (2, 2))(3 * guide + 1), 3 * guide + 1, rtol=1e-3, atol=1e-2)


def test_slices_that_have_nothing_to_do_with_each_other_are_smoothed_apart() -> None:
    answer = noisy_answer(step_image((3, 20, 30)) > 0, noise=1.5)
    guide = np.random.default_rng(1).normal(size=(3, 20, 30)).astype(np.float32)
    together = smoothed(answer, guide, voxel_size=(np.inf, 1.0, 1.0))
    for number in range(3):
        np.testing.assert_allclose(together[:, number], smoothed(answer[:, number], guide[number]), atol=1e-5)


@pytest.mark.parametrize("shape", [(31, 44), (5, 20, 30)])
@pytest.mark.parametrize("margin_px", [0, 3, 16])
def test_the_guide_lies_on_the_image_whatever_is_read_around_it(shape: tuple[int, ...], margin_px: int) -> None:
    image = gaussian_filter(np.random.default_rng(0).normal(size=shape), 2)
    guide = guide_to(image, margin_px=margin_px)
    assert guide.shape == shape
    assert abs(np.corrcoef(guide.ravel(), image.ravel())[0, 1]) > 0.9


@pytest.mark.parametrize("shape", [(31, 44), (5, 20, 30)])
def test_the_guide_has_mean_0_and_variance_1_but_for_its_finest_noise(shape: tuple[int, ...]) -> None:
    image = 100 + 7 * gaussian_filter(np.random.default_rng(0).normal(size=shape), 3)
    guide = guide_to(image, image / 2)
    assert abs(guide.mean()) < 0.05
    assert guide.std() == pytest.approx(1, abs=0.1)


def test_one_bright_speck_does_not_make_a_thin_line_look_flat() -> None:
    image = 0.1 * np.random.default_rng(0).normal(size=(256, 256))
    line = np.zeros(image.shape, bool)
    line[100:103] = True
    image[line] += 1
    image[:10, :12] = 40
    answer = np.where(line, 0.9, 0.1).astype(np.float32)
    found = smoothed(np.stack([1 - answer, answer]), guide_to(image))[1] > 0.5
    assert (found & line).sum() > 0.95 * line.sum()


def test_edges_between_colours_of_the_same_brightness_are_seen() -> None:
    step, noise = step_image((40, 60)), np.random.default_rng(0).normal(scale=0.05, size=(2, 40, 60))
    guide = guide_to(step + noise[0], -step + noise[1])
    assert abs(np.corrcoef(guide.ravel(), step.ravel())[0, 1]) > 0.95


def test_flat_channels_are_a_flat_guide() -> None:
    np.testing.assert_allclose(guide_to(np.full((9, 11), 7.0), np.full((9, 11), 3.0)), 0, atol=1e-6)
