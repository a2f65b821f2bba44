from __future__ import annotations

import pytest

from clicktrain.config import PALETTE
from clicktrain.errors import ClassesError
from clicktrain.project import Project


@pytest.fixture
def project():
    project = Project()
    project.add_class("cell")
    project.add_class("background")
    return project


def test_new_classes_get_the_smallest_free_number_and_a_colour_of_the_palette(project):
    project.remove_class(1)
    info = project.add_class()
    assert (info.number, info.name, info.color) == (1, "class 1", PALETTE[0])
    assert [info.number for info in project.classes] == [1, 2]


def test_changes_are_announced_once_and_only_if_something_changed(project):
    changes = []
    project.events.classes_changed.connect(lambda: changes.append(project.classes))
    project.edit_class(1, name="nucleus")
    project.edit_class(1, name="nucleus")
    project.update_classes(project.classes.named([1, 2]))
    assert [classes[1].name for classes in changes] == ["nucleus"]


def test_a_class_that_comes_back_keeps_its_name_and_colour(project):
    project.edit_class(2, color="#123456")
    project.remove_class(2)
    (info,) = project.classes.named([2])
    assert (info.name, info.color) == ("background", "#123456")


@pytest.mark.parametrize(("name", "color"), [("", None), ("   ", None), ("background", None), (None, "red")])
def test_bad_name_or_colour_is_refused_and_changes_nothing(project, name, color):
    before = project.classes
    with pytest.raises(ClassesError):
        project.edit_class(1, name=name, color=color)
    assert project.classes is before


def test_unknown_class_is_refused_with_the_known_ones(project):
    with pytest.raises(ClassesError, match=r"\(1, 2\), got 7"):
        project.edit_class(7, name="debris")


def test_named_fills_in_defaults(project):
    assert [info.name for info in project.classes.named([1, 9])] == ["cell", "class 9"]
