from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.geometry.region import Region
from clicktrain.geometry.schedule import TileSchedule, cut, cut_evenly, even_tile, strips

if TYPE_CHECKING:
    from collections.abc import Callable

axes = st.lists(st.tuples(st.integers(-3, 9), st.integers(1, 20), st.integers(1, 9)), min_size=1, max_size=3)
Axes = list[tuple[int, int, int]]


def box(sizes: Axes) -> tuple[Region, tuple[int, ...]]:
    starts, lengths, tile = zip(*sizes, strict=True)
    return Region.at(starts, lengths), tile


def times_covered(region: Region, tiles: list[Region]) -> np.ndarray:
    times = np.zeros(region.shape_px, int)
    for tile in tiles:
        times[tile.within(region)] += 1
    assert sum(tile.n_px for tile in tiles) == times.sum()
    return times


@given(axes)
def test_tiles_cover_a_box_once(sizes: Axes) -> None:
    region, tile = box(sizes)
    assert (times_covered(region, cut(region, tile)) == 1).all()


@given(axes)
def test_even_tiles_cover_a_box_once_and_are_no_more_than_others(sizes: Axes) -> None:
    region, tile = box(sizes)
    parts = cut_evenly(region, tile)
    assert (times_covered(region, parts) == 1).all()
    assert len(parts) == len(cut(region, tile))
    assert all(n <= largest for n, largest in zip(parts[0].shape_px, tile, strict=True))


@pytest.mark.parametrize("shape_px", [(300, 40), (5, 129, 7), (1, 1)])
def test_strips_cover_a_box_once(shape_px: tuple[int, ...]) -> None:
    region = Region.whole(shape_px)
    assert (times_covered(region, strips(region)) == 1).all()


@pytest.mark.parametrize("cover", [cut, cut_evenly])
def test_an_empty_box_has_no_tiles(cover: Callable[..., list[Region]]) -> None:
    assert cover(Region((0, 0), (0, 5)), (4, 4)) == []


@given(st.integers(1, 5000), st.integers(1, 40), st.integers(1, 16))
def test_an_even_tile_is_the_smallest_of_which_as_few_do(length: int, count: int, multiple: int) -> None:
    largest = count * multiple
    (side,) = even_tile((length,), (largest,), (multiple,))
    n_tiles = -(-length // largest)
    assert -(-length // side) == n_tiles
    assert side <= max(largest, 1)
    assert side == length or side % multiple == 0
    smaller = side - (multiple if side % multiple == 0 else side % multiple)
    assert smaller <= 0 or -(-length // smaller) > n_tiles


def work(schedule: TileSchedule, fails: Callable[[Region], bool] = lambda _: False) -> list[Region]:
    """Do all tiles in turn; those that fail are halved."""
    done: list[Region] = []
    while (tile := schedule.next()) is not None:
        if fails(tile) and schedule.halve(tile):
            continue
        done.append(tile)
        schedule.done(tile)
    return done


@given(axes, st.integers(1, 200), st.integers(1, 3))
def test_every_pixel_is_done_once_whatever_is_halved(sizes: Axes, most_px: int, least_px: int) -> None:
    region, tile = box(sizes)
    schedule = TileSchedule(region, tile, (least_px,) * len(tile))
    done = work(schedule, lambda part: part.n_px > most_px)
    assert (times_covered(region, done) == 1).all()
    assert schedule.fraction == 1
    assert not schedule
    small = [part for part in done if part.n_px > most_px]
    assert all(side <= least_px for part in small for side in part.shape_px)


def test_halves_are_multiples_of_the_least() -> None:
    schedule = TileSchedule(Region.whole((100, 60)), (100, 60), (16, 16))
    assert schedule.halve(schedule.next())
    assert {tile.shape_px for tile in work(schedule)} == {(64, 60), (36, 60)}


def test_all_tiles_that_are_as_long_are_halved_and_none_that_is_done() -> None:
    schedule = TileSchedule(Region.whole((64, 32)), (32, 32), (8, 8))
    schedule.done(first := schedule.next())
    assert schedule.halve(schedule.next())
    assert [first, *work(schedule)] == [
        Region((0, 0), (32, 32)),
        Region((32, 0), (48, 32)),
        Region((48, 0), (64, 32)),
    ]


def test_the_smallest_tile_cannot_be_halved() -> None:
    schedule = TileSchedule(Region.whole((16, 10)), (16, 16), (16, 16))
    assert not schedule.halve(schedule.next())
    assert len(schedule) == 1


@given(st.tuples(st.integers(0, 90), st.integers(0, 90)))
def test_tiles_come_from_the_middle_of_the_viewport_outwards(corner: tuple[int, int]) -> None:
    schedule = TileSchedule(Region.whole((100, 100)), (16, 16), (16, 16))
    viewport = Region.at(corner, (10, 10))
    schedule.put_first(viewport)
    middle = np.add(viewport.start, viewport.stop) / 2
    distances = [np.linalg.norm(np.add(tile.start, tile.stop) / 2 - middle) for tile in work(schedule)]
    np.testing.assert_array_equal(distances, np.sort(distances))
    assert len(distances) == 49


def test_the_tile_to_read_ahead_is_the_one_that_follows() -> None:
    schedule = TileSchedule(Region.whole((10, 30)), (10, 10), (1, 1))
    while (following := schedule.after()) is not None:
        schedule.done(schedule.next())
        assert schedule.next() == following
    assert len(schedule) == 1
