from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
import torch

from clicktrain.kernels import backends, measured
from clicktrain.kernels.measured import MeasuredChoice, fastest_way, problem_key
from clicktrain.kernels.mod_conv import mod_conv
from clicktrain.kernels.regular_conv import dispatch as conv_dispatch
from clicktrain.kernels.regular_conv import regular_conv
from clicktrain.kernels.regular_pool import dispatch as pool_dispatch
from clicktrain.kernels.regular_pool import regular_max_pool
from clicktrain.kernels.selected_conv import selected_conv
from clicktrain.kernels.taps import Taps
from tests.kernels.cases import noise

if TYPE_CHECKING:
    from collections.abc import Callable


class FakeTimer:
    """Runs what it is given; the seconds are those that the candidate claims."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, function: Callable[[], object]) -> float:
        self.runs += 1
        return float(function())


def raising() -> float:
    raise RuntimeError("out of shared memory")


@pytest.mark.parametrize(("triton_s", "answer"), [(2.0, "aten"), (0.5, "triton"), (1.0, "aten")])
def test_triton_is_taken_only_where_it_measures_faster(triton_s: float, answer: str) -> None:
    assert MeasuredChoice().choose("key", {"aten": lambda: 1.0, "triton": lambda: triton_s}, FakeTimer()) == answer


def test_one_slow_measurement_does_not_decide() -> None:
    claims = iter([9.0, 0.5, 7.0, 0.5])  # warm-up, then three measurements
    candidates = {"aten": lambda: 1.0, "triton": lambda: next(claims)}
    assert MeasuredChoice().choose("key", candidates, FakeTimer()) == "triton"


def test_answer_is_remembered_per_key() -> None:
    choice, timer = MeasuredChoice(), FakeTimer()
    assert choice.choose("one", {"aten": lambda: 1.0, "triton": lambda: 0.5}, timer) == "triton"
    runs = timer.runs
    assert choice.choose("one", {"aten": raising, "triton": raising}, timer) == "triton"
    assert timer.runs == runs
    assert choice.choose("other", {"aten": lambda: 1.0, "triton": lambda: 2.0}, timer) == "aten"


def test_candidate_that_raises_is_not_taken_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger=measured.__name__):
        answer = MeasuredChoice().choose("key", {"aten": lambda: 1.0, "triton": raising}, FakeTimer())
    assert answer == "aten"
    assert "key: triton is not chosen, as it raised RuntimeError: out of shared memory" in caplog.messages


def test_where_no_candidate_runs_the_first_error_stands_and_nothing_is_remembered() -> None:
    choice = MeasuredChoice()
    with pytest.raises(RuntimeError, match="out of shared memory"):
        choice.choose("key", {"aten": raising, "triton": raising}, FakeTimer())
    assert choice.snapshot() == {}


def test_snapshot_survives_a_reload() -> None:
    first, second = MeasuredChoice(), MeasuredChoice()
    first.choose("key", {"aten": lambda: 1.0, "triton": lambda: 0.5}, FakeTimer())
    second.load(first.snapshot())
    assert second.choose("key", {"aten": raising, "triton": raising}, FakeTimer()) == "triton"
    second.load({"key": "aten"})
    assert first.snapshot() == {"key": "triton"}


def test_answer_that_is_no_candidate_any_more_is_measured_anew() -> None:
    choice = MeasuredChoice()
    choice.load({"key": "opencl"})
    assert choice.choose("key", {"aten": lambda: 1.0}, FakeTimer()) == "aten"


def test_key_says_what_the_answer_depends_on() -> None:
    image = noise(2, 3, 40, 50, dtype=torch.float32, device="cpu")
    key = problem_key("regular_conv relu", image, (3, 8), (3, 5), (2, 4))
    assert key == "regular_conv relu, cpu, float32, channels 3-8, kernel 3x5, dilation 2x4, 2^11 px"


def test_key_counts_pixels_by_their_power_of_two() -> None:
    keys = [problem_key("pool", torch.zeros(1, 1, 1, width), (1,), (1, 2), (1, 1)) for width in (64, 127, 128)]
    assert keys[0] == keys[1] != keys[2]


@pytest.fixture
def native_gpu(monkeypatch: pytest.MonkeyPatch) -> MeasuredChoice:
    """A machine where Triton seems to run natively, with nothing measured yet."""
    choice = MeasuredChoice()
    monkeypatch.setattr(backends, "runs_triton_natively", lambda device, ndim: True)
    monkeypatch.setattr(measured, "MEASURED", choice)
    monkeypatch.setattr(measured, "cuda_seconds", lambda function: 1.0)
    for least in ("_LEAST_MACS", "_LEAST_COMPARES"):
        monkeypatch.setattr(measured, least, 0)
    return choice


def test_auto_asks_the_measurements_once_per_kind_of_convolution(native_gpu: MeasuredChoice) -> None:
    image, weight = torch.zeros(1, 2, 9, 9), torch.zeros(3, 2, 2, 2)
    for activation in ("none", "relu", "relu"):
        regular_conv(image, weight, dilation=3, activation=activation)
    kinds = {key.split(", ")[0] for key in native_gpu.snapshot()}
    assert kinds == {"regular_conv none in 1 groups", "regular_conv relu in 1 groups"}


def test_auto_asks_the_measurements_for_a_pool(native_gpu: MeasuredChoice) -> None:
    regular_max_pool(torch.zeros(1, 2, 9, 9), (2, 3), dilation=3)
    (key,) = native_gpu.snapshot()
    assert key == "regular_max_pool, cpu, float32, channels 2, kernel 2x3, dilation 3x3, 2^6 px"


def index(image: torch.Tensor) -> Taps:
    """All values of an image (B, C, Y, X), and their left neighbours but for the first."""
    numbers = torch.arange(image[:, 0].numel())
    return Taps.of_index(torch.stack([(numbers - 1).clamp(min=0), numbers], 1), (1, 2))


def test_auto_measures_only_what_is_large_enough_to_gain(
    native_gpu: MeasuredChoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, weight = torch.zeros(1, 2, 9, 9), torch.zeros(2, 2, 1, 2)
    rows = image.movedim(1, -1).reshape(-1, 2)
    chosen, scores = torch.tensor([[0, 1]]), torch.ones(1, 2)

    def run_all() -> int:
        regular_conv(image, weight, dilation=1)
        selected_conv(rows, index(image), weight)
        regular_max_pool(image, (1, 2), dilation=1)
        mod_conv(image, chosen, scores, weight, dilation=2)
        return len(native_gpu.snapshot())

    # One more than the 81 places times 2 x 2 x 2 weights, and than the 162 values times two taps.
    monkeypatch.setattr(measured, "_LEAST_MACS", 649)
    monkeypatch.setattr(measured, "_LEAST_COMPARES", 325)
    assert run_all() == 0
    monkeypatch.setattr(measured, "_LEAST_MACS", 648)
    assert run_all() == 3
    monkeypatch.setattr(measured, "_LEAST_COMPARES", 324)
    assert run_all() == 4


@pytest.mark.usefixtures("native_gpu")
def test_a_known_answer_costs_no_question_to_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: names.append(device) or "a GPU")
    measured._key_of.cache_clear()
    kind = (torch.device("cuda", 0), torch.float32, (3, 8), (3, 5), (2, 4), 11, (False, False))
    keys = {measured._key_of("regular_conv relu", *kind) for _ in range(3)}
    assert keys == {"regular_conv relu, a GPU, float32, channels 3-8, kernel 3x5, dilation 2x4, 2^11 px"}
    assert len(names) == 1
    measured._key_of.cache_clear()


def test_a_way_that_is_none_is_not_taken_from_memory(native_gpu: MeasuredChoice) -> None:
    native_gpu.load({"key": "opencl"})
    assert fastest_way("key", lambda way: None, ()) == "aten"
    assert fastest_way("key", lambda way: raising(), ()) == "aten"


def test_where_gradients_are_wanted_they_are_timed_as_well(native_gpu: MeasuredChoice) -> None:
    leaf = torch.ones(3, requires_grad=True)
    gradients, noticed = [], []
    leaf.register_hook(noticed.append)

    def run(way: str, one: torch.Tensor, none: None, constant: torch.Tensor) -> torch.Tensor:
        out = one * constant
        if out.requires_grad:
            out.register_hook(gradients.append)
        return out

    inputs = (leaf, None, leaf.detach())
    fastest_way("key", run, inputs)
    assert gradients
    assert leaf.grad is None
    timed = len(gradients)
    with torch.no_grad():
        fastest_way("key", run, inputs)
    assert len(gradients) == timed
    assert not noticed
    assert set(native_gpu.snapshot()) == {"key", "key, gradients of 0"}


@pytest.mark.usefixtures("native_gpu")
def test_a_trial_saves_nothing_in_the_graph_of_the_caller() -> None:
    leaf = torch.ones(3, requires_grad=True)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor) or tensor, lambda tensor: tensor):
        fastest_way("key", lambda way, one: one * one, (leaf,))
    assert not saved


def test_what_was_the_fastest_while_memory_ran_out_is_not_remembered() -> None:
    def out_of_memory() -> float:
        raise torch.OutOfMemoryError

    choice = MeasuredChoice()
    assert choice.choose("key", {"aten": lambda: 1.0, "triton": out_of_memory}, FakeTimer()) == "aten"
    assert choice.snapshot() == {}


@pytest.mark.usefixtures("native_gpu")
@pytest.mark.parametrize("dispatch", [conv_dispatch, pool_dispatch], ids=["conv", "pool"])
def test_auto_runs_the_way_that_the_measurements_name(dispatch: object, monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise(1, 1, 5, 5, device="cpu").detach()
    unit = image.new_ones(1, 1, 1, 1)
    ways = []

    def name_the_reference(key: str, run: Callable[[str], torch.Tensor], inputs: object) -> str:
        ways.append(key)
        return "reference"

    monkeypatch.setattr(dispatch, "fastest_way", name_the_reference)
    reference = "regular_conv_reference" if dispatch is conv_dispatch else "max_pool_reference"
    monkeypatch.setattr(dispatch, reference, lambda *arguments: image + 1)
    call = regular_conv if dispatch is conv_dispatch else regular_max_pool
    got = call(image, unit if dispatch is conv_dispatch else 1, dilation=1)
    assert torch.equal(got, image + 1)
    assert len(ways) == 1


def test_auto_on_the_cpu_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "MEASURED", None)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    image = torch.zeros(1, 1, 5, 5)
    regular_conv(image, torch.zeros(1, 1, 2, 2), dilation=2)
    regular_max_pool(image, 2, dilation=2)


def test_interpreted_triton_is_not_native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: object())
    device = torch.device("cuda")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert backends.runs_triton_natively(device)
    assert not backends.runs_triton_natively(device, ndim=3)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert not backends.runs_triton_natively(device)
