"""Records kept between runs: one beside the other, whole or not at all, and a lost file breaks nothing."""

from __future__ import annotations

import pytest

from clicktrain.engine.store import cache_folder, load_record, save_record


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CLICKTRAIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_records_of_one_file_stand_beside_each_other():
    save_record("things", "a", {"value": 1})
    save_record("things", "b", {"value": 2})
    assert load_record("things", "a") == {"value": 1}
    assert load_record("things", "b") == {"value": 2}
    assert [path.name for path in cache_folder().iterdir()] == ["things.json"]


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"a": 1}'])
def test_file_that_holds_no_records_is_as_good_as_none(own_folder, text):
    own_folder.mkdir()
    (own_folder / "things.json").write_text(text)
    assert load_record("things", "a") is None
    save_record("things", "a", {"value": 1})
    assert load_record("things", "a") == {"value": 1}


def test_record_that_cannot_take_its_place_leaves_nothing_behind(own_folder):
    (own_folder / "things.json").mkdir(parents=True)
    save_record("things", "a", {"value": 1})
    assert [path.name for path in own_folder.iterdir()] == ["things.json"]


def test_folder_that_cannot_be_made_keeps_nothing_and_breaks_nothing(own_folder):
    own_folder.write_text("a file in the way")
    save_record("things", "a", {"value": 1})
    assert load_record("things", "a") is None


def test_cache_folder_is_that_of_the_system(monkeypatch, tmp_path):
    monkeypatch.delenv("CLICKTRAIN_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "clicktrain"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder() == tmp_path / "local" / "clicktrain"
