from __future__ import annotations

import multiprocessing
import subprocess
import sys
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pretraining.pool import Pool, draw_pair
from tests.test_imports import ROOT, modules_after

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE, SIDE_PX, SEED = 10, 40, 5


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(SIZE, SIDE_PX, SEED) as pool:
        pool.fill(SIZE)
        yield pool


def turned(values: np.ndarray) -> list[np.ndarray]:
    """The eight ways in which a pair can be turned and mirrored."""
    mirrored = (values, values[..., ::-1])
    return [np.rot90(way, turns, (1, 2)) for way, turns in product(mirrored, range(4))]


def test_the_pool_makes_as_many_pairs_as_were_asked_for(pool: Pool) -> None:
    pool.fill(SIZE + 100)
    assert pool.made == SIZE


def test_draws_are_turned_copies_of_the_pairs_with_the_classes_turned_alike(pool: Pool) -> None:
    pairs = [draw_pair(seed, SIDE_PX) for seed in range(SEED, SEED + SIZE)]
    copies = [(i, way) for i, pair in enumerate(pairs) for way in enumerate(zip(*map(turned, pair), strict=True))]
    found = set()
    rng = np.random.default_rng(0)
    for _ in range(60):
        images, shown = pool.draw(rng)
        assert images.dtype == np.float32
        assert shown.dtype == np.int64
        same = [
            (i, number, sign)
            for i, (number, (image, classes)) in copies
            for sign in (1, -1)
            if np.array_equal(images, sign * image.astype(np.float32)) and np.array_equal(shown, classes)
        ]
        assert len(same) == 1
        found.update(same)
    for part, count in zip(zip(*found, strict=True), (SIZE, 8, 2), strict=True):
        assert len(set(part)) == count


def test_one_seed_draws_one_sequence(pool: Pool) -> None:
    once, again = ([pool.draw(rng)[0] for _ in range(4)] for rng in (np.random.default_rng(3) for _ in range(2)))
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))


def test_the_first_draw_waits_for_the_first_pairs_and_the_worker_ends_with_the_block() -> None:
    before = set(multiprocessing.active_children())
    with Pool(1, SIDE_PX, SEED) as pool:
        images, _ = pool.draw(np.random.default_rng(0))
        assert np.isfinite(images).all()
        assert set(multiprocessing.active_children()) > before
    assert set(multiprocessing.active_children()) == before


def test_what_fails_in_the_worker_is_raised_here() -> None:
    with Pool(2, SIDE_PX, seed=-1) as pool, pytest.raises(ValueError, match="non-negative"):
        pool.fill(1)


def test_the_worker_ends_when_its_parent_is_killed() -> None:
    code = (
        "from pretraining.pool import Pool\n"
        f"with Pool(2000, {SIDE_PX}, 1) as pool:\n"
        "    pool.fill(1)\n"
        "    print('filled', flush=True)\n"
        "    input()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, text=True, **pipes) as parent:
        assert parent.stdout.readline() == "filled\n"
        parent.kill()
        # The worker holds the other end as well: it is closed once both are gone.
        assert parent.communicate(timeout=60)[0] == ""


def test_the_worker_needs_no_torch() -> None:
    assert "torch" not in modules_after("import pretraining.pool, pretraining.__main__")
