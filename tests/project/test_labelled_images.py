from __future__ import annotations

import numpy as np
import pytest

from clicktrain.errors import ClickTrainError, LabelsError, StorageError
from clicktrain.project import Project
from clicktrain.project.image_jobs import check_labelled


@pytest.fixture
def files(tmp_path):
    """Files ill/a.png, ill/b.png, well/c.png and a table that calls a "bad"; nothing in the images is read."""
    for name in ("ill/a.png", "ill/b.png", "well/c.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "t.csv").write_text("path,label\nill/a.png,bad\n")
    return tmp_path


@pytest.fixture
def project(files):
    project = Project()
    project.add_files([files])
    return project


def names(project: Project) -> list[tuple[str, str]]:
    return [(image.name, image.label) for image in project.state.labelled]


def ids(project: Project, *positions: int) -> list[int]:
    return [project.images[position].id for position in positions]


def test_folders_give_labels_and_files_alone_do_not(files, project):
    assert names(project) == [("a.png", "ill"), ("b.png", "ill"), ("c.png", "well")]
    other = Project()
    assert other.add_files([files / "well", files / "ill/a.png"]) == 2
    assert names(other) == [("c.png", "well"), ("a.png", "")]
    assert other.state.labels == {"well": 1}


def test_an_image_is_there_once_and_takes_the_label_that_was_given_last(files, project):
    assert project.add_files([files / "ill/b.png", files / "t.csv"]) == 0
    assert names(project) == [("a.png", "bad"), ("b.png", "ill"), ("c.png", "well")]


def test_what_cannot_be_added_leaves_the_project_as_it_was(files, project):
    before = project.state
    (files / "new.png").touch()
    (files / "notes.txt").touch()
    for bad in ("gone.png", "notes.txt"):
        with pytest.raises(StorageError, match=bad):
            project.add_files([files / "new.png", files / bad])
    assert project.state is before


def test_labels_are_edited_and_images_removed(project):
    told = []
    project.events.images_changed.connect(lambda: told.append(len(project.images)))
    project.set_label(ids(project, 0, 2), " other ")
    project.set_label(ids(project, 0, 2), "other")
    project.remove_images(ids(project, 1))
    assert names(project) == [("a.png", "other"), ("c.png", "other")]
    assert told == [3, 2]


def test_an_image_of_pixels_is_learned_from_once_it_has_a_label(project):
    image = project.add_image(np.eye(9), name="eye")
    assert len(project.state.labelled) == 3
    project.set_label([image], "well")
    assert names(project)[-1] == ("eye", "well")


def test_images_that_cannot_be_learned_from_say_why(files, project):
    check_labelled(project.state)
    project.set_label(ids(project, 1), "")
    with pytest.raises(LabelsError, match=r"got none for `b\.png`"):
        check_labelled(project.state)
    project.set_label(ids(project, 0, 1), "well")
    with pytest.raises(LabelsError, match="got only 'well'"):
        check_labelled(project.state)
    project.set_label(ids(project, 1), "ill")
    (files / "ill/a.png").unlink()
    with pytest.raises(StorageError, match=r"a\.png"):
        check_labelled(project.state)
    with pytest.raises(ClickTrainError, match="got none"):
        check_labelled(Project().state)
