"""Images are scored tile by tile within a budget, with smaller tiles where memory runs out all the same."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.engine import memory
from clicktrain.engine.densify import densify
from clicktrain.engine.memory import largest_tile, pass_bytes, run_tiled
from clicktrain.engine.precision import fast_type
from clicktrain.engine.shrinking import even_tile
from clicktrain.errors import ClickTrainError, ShapeError
from tests.engine.architectures import Example, patch_classifiers, plain_cnn_1
from tests.engine.comparing import assert_same
from tests.learning.pixels.test_training import drained

NEVER = 10**9
OUT_OF_MEMORY = {
    "accelerator": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "processor": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."),
    "windows": RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
    "python": MemoryError(),
}


def told_budget(error: pytest.ExceptionInfo[ClickTrainError]) -> int:
    return int(re.search(r"at least ([\d,]+)", str(error.value))[1].replace(",", ""))


def image_of(example: Example, sizes: list[int]) -> torch.Tensor:
    shape = [f + n - 1 for f, n in zip(example.fov, sizes, strict=False)]
    return torch.randn(2, example.in_channels, *shape, dtype=torch.double, generator=torch.Generator().manual_seed(5))


def count_areas_as_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tiles depend on the budget alone: the real bytes depend on plans, and those on how fast the machine is."""
    monkeypatch.setattr(memory, "pass_bytes", lambda network, image, scores_px, *choice: scores_px[0] * scores_px[1])


class Failing:
    """Runs a network, but raises at some of its calls."""

    def __init__(self, network: torch.nn.Module, error: Exception, *, fails: int, after: int = 0) -> None:
        self._run, self._error, self._fails, self._after = network.forward, error, fails, after
        self.tried: list[tuple[int, ...]] = []
        self.done: list[tuple[int, ...]] = []

    def __call__(self, image: torch.Tensor, *args: object) -> torch.Tensor:
        self.tried.append(tuple(image.shape[2:]))
        if self._after < len(self.tried) <= self._after + self._fails:
            raise self._error
        scores = self._run(image, *args)
        self.done.append(tuple(scores.shape[2:]))
        return scores


@given(
    patch_classifiers(), st.lists(st.integers(1, 12), min_size=3, max_size=3), st.floats(1, 8),
    st.sampled_from(["auto", "dense", "fragments", "selected", "patches"]),
)  # fmt: skip
def test_tiled_equals_whole_for_any_budget(example: Example, sizes: list[int], share: float, strategy: str) -> None:
    dense = densify(example.module, ndim=example.ndim, fov=example.fov)
    image = image_of(example, sizes)
    with torch.no_grad():
        whole = dense(image, strategy="dense")
    with pytest.raises(ClickTrainError, match="budget_bytes must be at least") as error:
        drained(run_tiled(dense, image, budget_bytes=0, strategy=strategy))
    tiled = drained(run_tiled(dense, image, budget_bytes=int(share * told_budget(error)), strategy=strategy))
    assert_same(tiled, whole, 1e-10)


@given(
    st.lists(st.integers(1, 300), min_size=2, max_size=2), st.lists(st.integers(1, 20), min_size=2, max_size=2),
    st.integers(0, 100_000),
)  # fmt: skip
def test_largest_tile_fits_and_the_next_does_not(scores_px: list[int], multiple_px: list[int], budget: int) -> None:
    def predict(px: tuple[int, ...]) -> int:
        return (px[0] + 5) * (px[1] + 3)

    def tile(count: int) -> tuple[int, ...]:
        return even_tile(scores_px, [count * m for m in multiple_px], multiple_px)

    tiles = [tile(count) for count in range(1, 301)]
    expected = [px for px in tiles if predict(px) <= budget]
    if expected:
        assert largest_tile(scores_px, multiple_px, budget, predict) == expected[-1]
    else:
        with pytest.raises(ClickTrainError, match=f"at least {predict(tiles[0]):,}"):
            largest_tile(scores_px, multiple_px, budget, predict)


def test_largest_tile_plans_nothing_that_is_much_too_large() -> None:
    tried: list[int] = []

    def predict(px: tuple[int, ...]) -> int:
        tried.append(px[0])
        return px[0]

    assert largest_tile([10**6], [1], 1000, predict) == (1000,)
    assert max(tried) < 4000


def test_smaller_budgets_give_smaller_tiles_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = densify(plain_cnn_1(), ndim=2)
    image = torch.randn(1, 3, 280, 240)
    with torch.no_grad():
        whole_bytes = pass_bytes(dense, image, (148, 108))
        whole = dense(image)
        for share in (1, 2, 3):
            run = Failing(dense, MemoryError(), fails=0)
            monkeypatch.setattr(dense, "forward", run)
            assert_same(drained(run_tiled(dense, image, budget_bytes=whole_bytes // share)), whole, 1e-5)
            monkeypatch.undo()
            assert all(pass_bytes(dense, image, px) <= whole_bytes // share for px in set(run.done))
            assert (len(run.done) == 1) == (share == 1)


@pytest.mark.parametrize("error", OUT_OF_MEMORY.values(), ids=OUT_OF_MEMORY)
@pytest.mark.parametrize("fails", [1, 2, 4])
def test_tiles_are_halved_when_memory_runs_out(monkeypatch: pytest.MonkeyPatch, error: Exception, fails: int) -> None:
    dense = densify(plain_cnn_1(), ndim=2)
    image = torch.randn(1, 3, 232, 212)
    with torch.no_grad():
        whole = dense(image)
    run = Failing(dense, error, fails=fails)
    monkeypatch.setattr(dense, "forward", run)
    assert_same(drained(run_tiled(dense, image)), whole, 1e-5)
    areas = [y * x for y, x in run.tried[: fails + 1]]
    assert areas == sorted(areas, reverse=True)
    assert len(set(areas)) == fails + 1


def test_finished_tiles_are_kept_when_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = densify(plain_cnn_1(), ndim=2)
    image = torch.randn(1, 3, 232, 212)
    with torch.no_grad():
        whole = dense(image)
    run = Failing(dense, MemoryError(), fails=1, after=3)
    count_areas_as_bytes(monkeypatch)
    monkeypatch.setattr(dense, "forward", run)
    assert_same(drained(run_tiled(dense, image, budget_bytes=48 * 48)), whole, 1e-5)
    # Six tiles cover the image; the three that are left when the fourth fails are cut in two.
    assert run.done == 3 * [(48, 48)] + 6 * [(32, 48)]


def test_memory_that_stays_full_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = densify(plain_cnn_1(), ndim=2)
    monkeypatch.setattr(dense, "forward", Failing(dense, MemoryError(), fails=NEVER))
    with pytest.raises(ClickTrainError, match=r"memory must hold one tile of \(1\d, 1\d\) px"):
        drained(run_tiled(dense, torch.randn(1, 3, 182, 165)))


def test_other_errors_are_not_taken_for_full_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = densify(plain_cnn_1(), ndim=2)
    monkeypatch.setattr(dense, "forward", Failing(dense, RuntimeError("device lost"), fails=NEVER))
    with pytest.raises(RuntimeError, match="device lost"):
        drained(run_tiled(dense, torch.randn(1, 3, 140, 140)))


def test_an_image_smaller_than_a_patch_is_refused() -> None:
    with pytest.raises(ShapeError, match="field of view"):
        drained(run_tiled(densify(plain_cnn_1(), ndim=2), torch.randn(1, 3, 100, 140)))


def test_budget_is_half_of_the_free_memory_where_it_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clicktrain.engine.free_memory.free_bytes", lambda device: 2001)
    assert memory.default_budget_bytes(torch.device("cpu")) == 1000
    with pytest.raises(ClickTrainError, match="got 1,000"):
        drained(run_tiled(densify(plain_cnn_1(), ndim=2), torch.randn(1, 3, 140, 140)))


def test_work_can_be_stopped_between_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = densify(plain_cnn_1(), ndim=2)
    image = torch.randn(1, 3, 196, 196)
    run = Failing(dense, MemoryError(), fails=0)
    count_areas_as_bytes(monkeypatch)
    monkeypatch.setattr(dense, "forward", run)
    tiles = run_tiled(dense, image, budget_bytes=16 * 16)
    steps = [next(tiles) for _ in range(3)]
    tiles.close()
    assert [step.step for step in steps] == [0, 2, 4]
    assert {step.total for step in steps} == {32}
    assert len(run.done) == 2


def test_fast_precision_needs_less_memory_where_it_has_a_type_of_its_own() -> None:
    dense = densify(plain_cnn_1(), ndim=2)
    image = torch.randn(1, 3, 182, 165)
    with torch.no_grad():
        exact, fast = (pass_bytes(dense, image, (50, 33), "dense", name) for name in ("exact", "fast"))
        if fast_type(dense.module, image.device) is torch.bfloat16:
            assert fast < exact
        else:
            assert fast == exact
        fast = dense(image, precision="fast")
    assert_same(drained(run_tiled(dense, image, precision="fast")), fast, 1e-2)
