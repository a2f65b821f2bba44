"""One region is classified as it is within the whole image, whatever it is cut out of."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clicktrain.config import PostprocessConfig
from clicktrain.engine.border import reflect_pad, same_size_margins
from clicktrain.engine.densify import densify
from clicktrain.geometry.region import Region
from clicktrain.inference.pixels import members
from clicktrain.inference.pixels.region import predict_region, region_to_read
from tests.pixel_models import (
    ALL,
    BOTH,
    LOCAL,
    WatchedSource,
    constants_of,
    noise_source,
    pixel_model,
    with_postprocess,
)

if TYPE_CHECKING:
    from clicktrain.models.pixels.fitted import PixelModel

FLAT = st.tuples(st.integers(1, 60), st.integers(1, 60))
# A stack of one plane is a plane.
DEEP = st.tuples(st.integers(2, 9), st.integers(1, 24), st.integers(1, 24))


@st.composite
def regions(draw: st.DrawFn, shape_px: tuple[int, ...]) -> Region:
    """Any box inside an image."""
    starts = [draw(st.integers(0, n - 1)) for n in shape_px]
    stops = [draw(st.integers(start + 1, n)) for start, n in zip(starts, shape_px, strict=True)]
    return Region(tuple(starts), tuple(stops))


def assert_part_of_whole(model: PixelModel, shape_px: tuple[int, ...], region: Region) -> None:
    """A region alone is what it is in the whole image, to rounding."""
    source = noise_source(*shape_px)
    constants = replace(constants_of(model, source), class_weights=(1.0, 0.4, 2.0))
    whole = predict_region(model, source, constants, Region.whole(shape_px))
    part = predict_region(model, source, constants, region)
    apart = np.abs(part - whole[(slice(None), *region.slices)])
    # Trees decide by thresholds: what rounding moves across one changes by a leaf of one tree.
    assert model.forest is not None or apart.max() < 2e-5
    assert (apart > 2e-5).mean() < 1e-2


SMOOTHING = st.builds(
    PostprocessConfig,
    output_stride=st.sampled_from([1, 2]),
    guided_px=st.sampled_from([0, 2]),
    smoothing_px=st.sampled_from([0, 0.8]),
)


@given(st.data(), FLAT, SMOOTHING, st.booleans())
def test_a_region_of_an_image_is_as_in_the_whole(
    data: st.DataObject, shape_px: tuple[int, ...], postprocess: PostprocessConfig, position_encoding: bool
) -> None:
    model = replace(pixel_model(BOTH, position_encoding=position_encoding), postprocess=postprocess)
    assert_part_of_whole(model, shape_px, data.draw(regions(shape_px)))


@given(st.data(), DEEP, SMOOTHING, st.sampled_from([0.4, 1.0, 3.3]))
def test_a_region_of_a_volume_is_as_in_the_whole(
    data: st.DataObject, shape_px: tuple[int, ...], postprocess: PostprocessConfig, anisotropy: float
) -> None:
    model = replace(pixel_model(BOTH, ndim=3, anisotropy=anisotropy), postprocess=postprocess)
    assert_part_of_whole(model, shape_px, data.draw(regions(shape_px)))


@settings(max_examples=10)
@given(st.data(), st.one_of(FLAT, DEEP), st.sampled_from([1, 2]))
def test_trees_answer_alike_in_every_region(data: st.DataObject, shape_px: tuple[int, ...], stride: int) -> None:
    model = with_postprocess(pixel_model(ALL, ndim=len(shape_px)), output_stride=stride)
    assert_part_of_whole(model, shape_px, data.draw(regions(shape_px)))


@pytest.mark.parametrize("shape_px", [(50, 41), (9, 20, 24)])
def test_the_parts_that_members_work_in_change_nothing(
    monkeypatch: pytest.MonkeyPatch, shape_px: tuple[int, ...]
) -> None:
    ndim = len(shape_px)
    model, source = with_postprocess(pixel_model(BOTH, ndim=ndim), output_stride=2), noise_source(*shape_px)
    constants, whole = constants_of(model, source), Region.whole(shape_px)
    expected = predict_region(model, source, constants, whole)
    monkeypatch.setitem(members._PART_PX, ndim, (3, 13, 17)[-ndim:])
    np.testing.assert_allclose(predict_region(model, source, constants, whole), expected, atol=1e-5)


def test_an_answer_is_the_patch_scan_of_the_reflected_image() -> None:
    model, source = pixel_model(LOCAL), noise_source(9, 6)
    constants, whole = constants_of(model, source), Region.whole((9, 6))
    image = constants.scale.apply(source.read(whole))[None]
    scan = densify(model.net, ndim=2, fov=model.net.fov)(
        reflect_pad(image, same_size_margins(model.fov)), strategy="patches"
    )
    found = predict_region(model, source, constants, whole)
    np.testing.assert_allclose(found, scan[0].softmax(dim=0).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_only_what_is_told_is_read(stride: int) -> None:
    model = with_postprocess(pixel_model(BOTH), output_stride=stride, guided_px=1)
    watched = WatchedSource(noise_source(300, 300))
    constants, region = constants_of(model, watched), Region((120, 130), (136, 150))
    watched.read_regions.clear()
    predict_region(model, watched, constants, region)
    (read,) = watched.read_regions
    assert read == region_to_read(model, region, (300, 300))
    assert all(read_side < side + 150 for read_side, side in zip(read.shape_px, region.shape_px, strict=True))


def at_stride(stride: int, members_: tuple[str, ...]) -> np.ndarray:
    source, model = noise_source(40, 30), with_postprocess(pixel_model(members_), output_stride=stride)
    return predict_region(model, source, constants_of(model, source), Region.whole((40, 30)))


def test_every_second_pixel_is_answered_as_if_all_were() -> None:
    every, second = (at_stride(stride, ALL) for stride in (1, 2))
    np.testing.assert_allclose(second[:, ::2, ::2], every[:, ::2, ::2], atol=1e-4)
    assert np.abs(second - every).max() > 1e-3


@pytest.mark.parametrize("members_", [LOCAL, ALL])
def test_every_second_pixel_is_answered_as_it_is_among_all(members_: tuple[str, ...]) -> None:
    every, second = (at_stride(stride, members_) for stride in (1, 2))
    apart = np.abs(second - every)
    assert apart[:, ::2, ::2].mean() < 1e-5
    assert apart[:, 1::2, 1::2].max() > 1e-3
    between = (second[:, :-2:2] + second[:, 2::2]) / 2
    np.testing.assert_allclose(second[:, 1:-1:2], between, atol=1e-5)


def test_another_process_gives_the_same_bytes() -> None:
    work = []
    for model, shape_px in (
        (with_postprocess(pixel_model(ALL, position_encoding=True), output_stride=2, guided_px=2), (40, 30)),
        (with_postprocess(pixel_model(ALL, ndim=3, anisotropy=2.0), smoothing_px=1), (4, 20, 18)),
    ):
        source = noise_source(*shape_px)
        work.append((model, source, constants_of(model, source), Region.whole(shape_px)))
    # What was used is sent as well as what was not.
    here = [predict_region(*one).tobytes() for one in work]
    with ProcessPoolExecutor(
        1, get_context("spawn"), initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),)
    ) as pool:
        there = [future.result().tobytes() for future in [pool.submit(predict_region, *one) for one in work]]
    assert here == there
