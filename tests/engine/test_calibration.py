"""Speeds are measured once the machine is calm, per device and library, and a lost file costs no more than that."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, replace
from math import inf

import pytest
import torch

from clicktrain.engine import calibration
from clicktrain.engine.calibration import device_key, measure_speeds, speeds_of
from clicktrain.engine.speeds import Speeds
from clicktrain.engine.store import cache_folder, load_record, save_record

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CLICKTRAIN_CACHE", str(tmp_path / "cache"))
    calibration._speeds_of.cache_clear()
    yield tmp_path / "cache"
    calibration._speeds_of.cache_clear()


def alone(monkeypatch, calm=lambda: True):
    """One round per process, beside other work or not."""
    monkeypatch.setattr(calibration, "_ROUNDS", 1)
    monkeypatch.setattr(calibration, "_CALM_ROUNDS", 1)
    monkeypatch.setattr(calibration, "is_calm", calm)


@pytest.fixture
def measured(monkeypatch):
    """Counts measurements instead of making them."""
    calls = []

    def measure(*arguments):
        calls.append(arguments)
        return Speeds(call_s=float(len(calls)))

    monkeypatch.setattr(calibration, "measure_speeds", measure)
    alone(monkeypatch)
    return calls


@pytest.mark.parametrize("ndim", [2, 3])
def test_measured_speeds_are_positive_and_finite(ndim):
    for name, value in asdict(measure_speeds(CPU, torch.float32, ndim)).items():
        assert 0 < value < 1e18, name


def convolved_for(monkeypatch, sizes, ndim):
    """Input sides and multiply-accumulates of the convolutions that are timed, on tensors without values."""
    work = []

    def note(bench, convolve, image, weight):
        work.append((tuple(image.shape[2:]), convolve(image, weight).numel() * weight[0].numel()))
        return 1.0, 1.0

    monkeypatch.setattr(calibration, "_SIZES", sizes)
    monkeypatch.setattr(calibration._Bench, "_conv_rates", note)
    monkeypatch.setattr(calibration._Bench, "_noise", lambda bench, *shape: torch.empty(shape, device="meta"))
    bench = calibration._Bench(torch.device("meta"), torch.float32, ndim)
    bench.conv(1), bench.conv(4), bench.patches()
    return work


@pytest.mark.parametrize(
    ("ndim", "sides"), [(2, [(44, 164), (56, 176), (24, 24)]), (3, [(26, 26, 26), (32, 32, 32), (10, 10, 10)])]
)
def test_what_a_processor_is_timed_with_stays_as_it_is(monkeypatch, ndim, sides):
    assert [px for px, _ in convolved_for(monkeypatch, calibration._SIZES, ndim)] == sides


@pytest.mark.parametrize("ndim", [2, 3])
def test_convolutions_on_a_gpu_take_many_times_their_start(monkeypatch, ndim):
    assert min(macs for _, macs in convolved_for(monkeypatch, calibration._CUDA_SIZES, ndim)) > 4e9


def test_taps_are_those_of_rows_that_there_are():
    for sizes in (calibration._SIZES, calibration._CUDA_SIZES):
        assert sizes.positions + 15 * 1200 <= sizes.places
        assert sizes.looked_up + 15 * 1200 <= sizes.looked_in


def test_a_gpu_has_a_version_of_its_own_so_that_processors_keep_their_speeds(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    assert device_key(CPU, torch.float32, 2).startswith("v4, ")
    assert device_key(torch.device("cuda"), torch.float32, 2) == f"v5, torch {torch.__version__}, a GPU, float32, 2D"


def test_long_work_is_not_timed_again_where_time_is_limited(monkeypatch):
    bench = calibration._Bench(CPU, torch.float32, 2)
    clock = itertools.count(step=1.0)
    monkeypatch.setattr(calibration.time, "perf_counter", lambda: next(clock))
    # The first run is not timed.
    for most_s, times in ((inf, 6), (2.5, 4), (0.03, 2)):
        bench.sizes = replace(bench.sizes, most_s=most_s)
        runs = []
        assert bench.seconds(lambda runs=runs: runs.append(None)) == 1.0
        assert len(runs) == times


def ask_in_new_processes(times):
    for _ in range(times):
        calibration._speeds_of.cache_clear()
        speeds = speeds_of(CPU, torch.float32, 2)
    return speeds


def test_one_process_measures_once(measured):
    assert speeds_of(CPU, torch.float32, 2) == speeds_of(CPU, torch.float32, 2)
    assert len(measured) == 1


def test_speeds_are_measured_once_and_kept_on_disk(measured):
    ask_in_new_processes(9)
    assert len(measured) == 1


def test_beside_other_work_every_process_measures_and_the_fastest_counts(measured, monkeypatch):
    monkeypatch.setattr(calibration, "is_calm", lambda: False)
    assert ask_in_new_processes(5) == Speeds(call_s=1.0)
    assert len(measured) == 5


def test_a_measurement_on_a_busy_machine_is_outdone_once_it_is_calm(monkeypatch):
    calm = Speeds()
    busy = replace(calm, conv_macs_per_s=calm.conv_macs_per_s / 8, gather_per_s=calm.gather_per_s / 99, call_s=1.0)
    runs = iter([busy, calm])
    monkeypatch.setattr(calibration, "measure_speeds", lambda *_: next(runs))
    alone(monkeypatch, lambda: False)
    assert ask_in_new_processes(1) == busy
    alone(monkeypatch)
    assert ask_in_new_processes(9) == calm


def test_another_type_library_or_thread_count_is_measured_anew(measured, monkeypatch):
    keys = {device_key(CPU, torch.float32, 2), device_key(CPU, torch.float64, 2), device_key(CPU, torch.float32, 3)}
    monkeypatch.setattr(torch, "get_num_threads", lambda: 99)
    keys.add(device_key(CPU, torch.float32, 2))
    monkeypatch.setattr(torch, "__version__", "99.0")
    keys.add(device_key(CPU, torch.float32, 2))
    assert len(keys) == 5


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"broken', json.dumps({"key": 3})])
def test_broken_file_is_measured_anew_and_made_whole(measured, own_folder, content):
    own_folder.mkdir(parents=True)
    (own_folder / "speeds.json").write_text(content)
    speeds_of(CPU, torch.float32, 2)
    assert len(measured) == 1
    assert load_record("speeds", device_key(CPU, torch.float32, 2)) == {**asdict(Speeds(call_s=1.0)), "final": True}


def test_record_with_other_fields_is_measured_anew(measured):
    save_record("speeds", device_key(CPU, torch.float32, 2), {"conv_macs_per_s": 1.0})
    speeds_of(CPU, torch.float32, 2)
    assert len(measured) == 1


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "fast", None, [1.0]])
def test_record_with_a_speed_that_is_none_is_measured_anew(measured, value):
    save_record("speeds", device_key(CPU, torch.float32, 2), {**asdict(Speeds()), "gather_per_s": value})
    assert speeds_of(CPU, torch.float32, 2) == Speeds(call_s=1.0)


def test_another_thread_count_is_measured_in_the_same_process(measured, monkeypatch):
    speeds_of(CPU, torch.float32, 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 99)
    speeds_of(CPU, torch.float32, 2)
    assert len(measured) == 2


def test_one_slow_round_does_not_count(monkeypatch):
    calm = Speeds()
    runs = iter([replace(calm, gather_per_s=1.0), calm, replace(calm, memory_per_s=1.0)])
    monkeypatch.setattr(calibration, "measure_speeds", lambda *_: next(runs))
    assert speeds_of(CPU, torch.float32, 2) == calm


@pytest.mark.parametrize("final", ["yes", None, 1, [True]])
def test_record_that_may_not_be_final_is_measured_anew(measured, final):
    save_record("speeds", device_key(CPU, torch.float32, 2), {**asdict(Speeds()), "final": final})
    assert speeds_of(CPU, torch.float32, 2) == Speeds(call_s=1.0)


def test_record_that_cannot_take_its_place_leaves_nothing_behind(own_folder):
    (own_folder / "things.json").mkdir(parents=True)
    save_record("things", "a", {"value": 1})
    assert [path.name for path in own_folder.iterdir()] == ["things.json"]


def test_folder_that_cannot_be_made_keeps_nothing_and_breaks_nothing(measured, own_folder):
    own_folder.write_text("a file in the way")
    assert speeds_of(CPU, torch.float32, 2).call_s == 1.0
    assert load_record("speeds", device_key(CPU, torch.float32, 2)) is None


def test_records_of_one_file_stand_beside_each_other():
    save_record("things", "a", {"value": 1})
    save_record("things", "b", {"value": 2})
    assert load_record("things", "a") == {"value": 1}
    assert [path.name for path in cache_folder().iterdir()] == ["things.json"]
