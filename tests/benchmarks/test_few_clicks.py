from __future__ import annotations

import json
from typing import TYPE_CHECKING

import few_clicks
import numpy as np
import pytest
from _few_clicks import rounds
from _few_clicks.methods import CLICKTRAIN, DEFAULTS, METHODS, ClickTrain
from _few_clicks.tables import report_text

from clicktrain import ClickTrainError
from clicktrain.config import preset
from clicktrain.models.pixels.nets import build_network
from tests.benchmarks.folders import save
from tests.textures import two_textures

if TYPE_CHECKING:
    from pathlib import Path

QUICK_PEER = "ilastik-rf"


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A command line for two small sets, one of them a volume."""
    image, truth = two_textures(32)
    for name in ("a.png", "b.png", "c.png"):
        save(tmp_path / "sets" / "flat", name, image, truth)
    save(tmp_path / "sets" / "stack", "only.tif", np.stack([image] * 16), np.stack([truth] * 16))
    data, out = str(tmp_path / "sets"), str(tmp_path / "out.json")
    return ["--data", data, "--json", out, "--methods", QUICK_PEER, "--budgets", "20", "50", "--choose-on", "flat"]


def test_run_gives_one_row_per_set_image_and_budget(words: list[str], tmp_path: Path) -> None:
    few_clicks.run(few_clicks.parse(words))
    report = json.loads((tmp_path / "out.json").read_text())
    found = [(row["set"], row["axes"], row["image"], row["budget"]) for row in report["rows"]]
    kinds = [("flat", "YX"), ("stack", "ZYX")]
    assert found == [(*kind, image, budget) for kind in kinds for image in (0, 1) for budget in (20, 50)]
    assert all(row["labelled_px"] == row["budget"] for row in report["rows"])
    assert all(row["ap"] > 0.9 and row["fit_s"] > row["prepare_s"] > 0 for row in report["rows"])
    assert str(tmp_path) not in json.dumps(report)
    assert "one by one" in report_text(report)


def test_resumed_run_does_only_what_is_missing(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_clicks.run(few_clicks.parse([*words, "--sets", "flat"]))
    before = json.loads((tmp_path / "out.json").read_text())["rows"]
    monkeypatch.setattr(few_clicks, "warm_up", lambda method: pytest.fail("nothing is missing"))
    few_clicks.run(few_clicks.parse([*words, "--sets", "flat", "--resume"]))
    assert json.loads((tmp_path / "out.json").read_text())["rows"] == before


def test_set_that_a_method_cannot_take_is_reported(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Flat:
        def prepare(self, picture: object) -> None:
            raise ClickTrainError("no stacks")

    monkeypatch.setattr(few_clicks, "warm_up", lambda method: None)
    monkeypatch.setitem(rounds.METHODS, QUICK_PEER, Flat)
    few_clicks.run(few_clicks.parse(words))
    report = json.loads((tmp_path / "out.json").read_text())
    assert [one["set"] for one in report["refused"]] == ["flat", "stack"]
    assert not report["rows"]


def test_defaults_are_among_the_methods() -> None:
    assert set(DEFAULTS) <= METHODS.keys()


def test_every_form_of_clicktrain_can_be_made() -> None:
    assert all(isinstance(METHODS[name](), ClickTrain) for name in METHODS if name.startswith("clicktrain"))


def test_a_level_more_doubles_the_field_of_view_of_the_local_network() -> None:
    default, deeper = preset("auto"), CLICKTRAIN["clicktrain-four-levels"]["preset"]
    fovs = [build_network(one.network, in_channels=1, n_classes=2).local_fov[0] for one in (default, deeper)]
    assert fovs == [29, 61]
    assert deeper.network.model_copy(update={"levels": default.network.levels}) == default.network


def test_margins_are_means_over_sets_and_the_worst_of_all() -> None:
    def row(name: str, method: str, iou: float) -> dict[str, object]:
        return {"set": name, "method": method, "budget": 50, "iou": iou, "ap": 0.9, "fit_s": 4.0, "predict_s": 1.0}

    rows = [row("a", "clicktrain", 0.7), row("a", "peer", 0.6), row("b", "clicktrain", 0.5), row("b", "peer", 0.6)]
    found = few_clicks.margins(rows)
    assert found["iou_margin_50"] == pytest.approx(0.0)
    assert (found["ap_margin_50"], found["fit_s"], found["predict_s"]) == (0.0, 4.0, 1.0)
    assert found["worst_margin"] == pytest.approx(-0.1)
