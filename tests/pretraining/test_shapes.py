from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as ndi

from pretraining.shapes import Outline, cells, draw_outlines, fibres, random_points, regions

SHAPE_PX = (90, 110)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def disc(centre_px: tuple[float, float], radius_px: float, **how: float) -> Outline:
    how = {"elongation": 1.0, "angle": 0.0, "roughness": 0.0} | how
    return Outline(centre_px, radius_px, rng=rng(), **how)


@pytest.mark.parametrize("share", [0.15, 0.5, 0.7])
@pytest.mark.parametrize("roughness", [0.0, 0.4])
def test_regions_cover_the_asked_share(share: float, roughness: float) -> None:
    distance_px = regions(SHAPE_PX, rng(), scale_px=30, share=share, roughness=roughness)
    assert (distance_px > 0).mean() == pytest.approx(share, abs=2e-3)


def test_distance_to_regions_counts_pixels_from_the_border() -> None:
    distance_px = regions(SHAPE_PX, rng(), scale_px=40, share=0.5, roughness=0)
    inside = distance_px > 0
    border = inside & ~ndi.binary_erosion(inside, border_value=1)
    assert np.array_equal(distance_px[border], np.ones(border.sum()))
    assert distance_px[~inside].max() == -1
    assert not (np.abs(distance_px) < 1).any()


def test_larger_scale_makes_fewer_regions() -> None:
    fine, coarse = (ndi.label(regions(SHAPE_PX, rng(), s, 0.4, 0) > 0)[1] for s in (8, 60))
    assert coarse < fine / 3


@pytest.mark.parametrize("warp_px", [0.0, 4.0])
def test_every_border_between_cells_is_at_distance_about_0(warp_px: float) -> None:
    numbers, distance_px = cells(SHAPE_PX, rng(), spacing_px=25, warp_px=warp_px)
    assert distance_px.min() >= 0
    across = numbers[:, 1:] != numbers[:, :-1]
    # The nearer one of two neighbours is within half a step, or a little more where the warp stretches.
    assert np.minimum(distance_px[:, 1:], distance_px[:, :-1])[across].max() < (0.5 if warp_px == 0 else 1.5)


def test_cells_are_as_many_as_their_spacing_says() -> None:
    numbers, _ = cells((200, 200), rng(), spacing_px=20, warp_px=0)
    # Those at the edge are counted as well, though only in part there.
    assert 100 < len(np.unique(numbers)) < 170


@pytest.mark.parametrize(("angle", "axis"), [(0.0, 1), (np.pi / 2, 0)])
def test_a_fibre_without_curl_is_one_straight_line_through_the_image(angle: float, axis: int) -> None:
    on_it = fibres(SHAPE_PX, rng(), count=1, curl=0.0, angle=angle, spread=0.0) == 0
    assert on_it.sum() == SHAPE_PX[axis]
    assert on_it.all(axis=axis).sum() == 1


def test_every_fibre_is_in_the_image() -> None:
    one, many = ((fibres(SHAPE_PX, rng(), count, 0.05, 0.4, 2.0) == 0).sum() for count in (1, 12))
    assert one > 0
    assert many > 4 * one


def test_no_fibre_is_far_from_everywhere() -> None:
    assert fibres(SHAPE_PX, rng(), 0, 0.0, 0.0, 0.0).min() > max(SHAPE_PX)


@pytest.mark.parametrize("radius_px", [4.0, 11.5, 30.0])
def test_smooth_round_outline_is_a_disc_of_the_wanted_area(radius_px: float) -> None:
    numbers, _ = draw_outlines(SHAPE_PX, [disc((44.3, 51.8), radius_px)])
    y, x = np.indices(SHAPE_PX)
    assert np.array_equal(numbers > 0, np.hypot(y - 44.3, x - 51.8) < radius_px)
    assert (numbers > 0).sum() == pytest.approx(np.pi * radius_px**2, rel=0.06)


def test_elongation_keeps_the_area_and_points_along_the_angle() -> None:
    numbers, _ = draw_outlines(SHAPE_PX, [disc((45, 55), 14, elongation=3.0, angle=0.0)])
    assert (numbers > 0).sum() == pytest.approx(np.pi * 14**2, rel=0.03)
    rows, columns = (np.ptp(places) + 1 for places in np.nonzero(numbers))
    assert columns / rows == pytest.approx(3.0, rel=0.1)


def test_rough_outlines_differ_and_keep_a_body() -> None:
    how = {"elongation": 1.0, "angle": 0.0, "roughness": 0.6}
    one, other = (draw_outlines(SHAPE_PX, [Outline((45, 55), 20, rng=rng(s), **how)])[0] for s in (1, 2))
    assert not np.array_equal(one, other)
    y, x = np.indices(SHAPE_PX)
    core = np.hypot(y - 45, x - 55) < 0.25 * 20
    assert one[core].all()
    assert other[core].all()


def test_outlines_at_the_edge_are_those_of_a_larger_image_cut() -> None:
    centres = [(0.0, 5.0), (-6.0, 40.0), (88.0, 112.0), (-40.0, -40.0), (45.0, 300.0)]
    cut, _ = draw_outlines(SHAPE_PX, [disc((y, x), 12) for y, x in centres])
    larger, _ = draw_outlines((200, 400), [disc((y + 50, x + 50), 12) for y, x in centres])
    assert set(np.unique(cut)) == {0, 1, 2, 3}
    assert np.array_equal(cut, larger[50 : 50 + SHAPE_PX[0], 50 : 50 + SHAPE_PX[1]])


def test_the_last_outline_is_on_top_with_a_border_around_it() -> None:
    numbers, distance_px = draw_outlines(SHAPE_PX, [disc((45, 50), 15), disc((45, 62), 10)])
    assert (numbers == 2).sum() == pytest.approx(np.pi * 10**2, rel=0.05)
    assert np.array_equal(distance_px > 0, numbers > 0)
    seam = (numbers[:, 1:] == 2) & (numbers[:, :-1] == 1)
    assert seam.any()
    assert np.array_equal(distance_px[:, 1:][seam], np.full(seam.sum(), 0.5))


def test_no_outline_leaves_the_image_empty() -> None:
    numbers, _ = draw_outlines(SHAPE_PX, [])
    assert not numbers.any()


def test_random_points_lie_where_they_may() -> None:
    allowed = rng().random(SHAPE_PX) < 0.05
    points = random_points(allowed, 200, rng())
    assert points.shape == (200, 2)
    assert allowed[tuple(points.astype(int).T)].all()
    assert random_points(np.zeros(SHAPE_PX, bool), 200, rng()).shape == (0, 2)
