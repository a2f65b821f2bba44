from __future__ import annotations

import pytest

from clicktrain.config import PALETTE
from clicktrain.errors import ClassesError
from clicktrain.project.classes import ClassTable


@pytest.fixture
def table():
    table = ClassTable()
    table.add("cell")
    table.add("background")
    return table


def test_new_classes_get_the_smallest_free_number_and_a_colour_of_the_palette(table):
    table.remove(1)
    info = table.add()
    assert (info.number, info.name, info.color) == (1, "class 1", PALETTE[0])
    assert [info.number for info in table] == [1, 2]


def test_changes_are_announced_once_and_only_if_something_changed(table):
    changes = []
    table.changed.connect(lambda: changes.append(table.infos))
    table.edit(1, name="nucleus")
    table.edit(1, name="nucleus")
    table.ensure([1, 2])
    assert [infos[0].name for infos in changes] == ["nucleus"]


def test_ensured_numbers_join_the_table_in_order(table):
    table.ensure([7, 2])
    assert [info.number for info in table] == [1, 2, 7]
    assert 7 in table


def test_a_class_that_comes_back_keeps_its_name_and_colour(table):
    table.edit(2, color="#123456")
    table.remove(2)
    table.ensure([2])
    assert (table[2].name, table[2].color) == ("background", "#123456")


@pytest.mark.parametrize(("name", "color"), [("", None), ("   ", None), ("background", None), (None, "red")])
def test_bad_name_or_colour_is_refused_and_changes_nothing(table, name, color):
    before = table.infos
    with pytest.raises(ClassesError):
        table.edit(1, name=name, color=color)
    assert table.infos == before


def test_unknown_number_is_refused_with_the_known_ones(table):
    with pytest.raises(ClassesError, match="1, 2"):
        table.edit(3, name="other")


def test_named_fills_in_defaults(table):
    assert [info.name for info in table.named([1, 9])] == ["cell", "class 9"]
