"""The changes that a project's state can undergo: each takes the state and what is new, and returns the state after."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.config import default_class
from clicktrain.errors import ClassesError, ClicksError
from clicktrain.images.source import open_image
from clicktrain.project.state import ProjectImage, State
from clicktrain.project.values import ClassifierOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import ClassInfo
    from clicktrain.images.lists import LabelledPath
    from clicktrain.project.protocols import TrainableImageClassifier, TrainablePixelClassifier

__all__ = [
    "add_files",
    "add_image",
    "choose_image",
    "remove_class",
    "remove_images",
    "set_clicks",
    "set_label",
    "set_options",
    "update_classes",
    "use_image_classifier",
    "use_loaded_pixel_classifier",
    "use_pixel_classifier",
]


def add_image(state: State, image: ProjectImage) -> State:
    """Add an image, which is given its id."""
    image = replace(image, id=state.next_id)
    return replace(state, images=(*state.images, image), next_id=state.next_id + 1)


def add_files(state: State, rows: Sequence[LabelledPath]) -> State:
    """Add files with the labels of whole images; one that is there already takes the label that is given."""
    known = {image.path.resolve(): image.id for image in state.images if image.path is not None}
    for row in rows:
        key = row.path.resolve()
        if key not in known:
            known[key] = state.next_id
            image = ProjectImage(row.path.name, open_image(row.path), path=row.path, label=row.label, is_lazy=True)
            state = add_image(state, image)
        elif row.label or state.image(known[key]).label is None:
            state = set_label(state, [known[key]], row.label)
    return state


def remove_images(state: State, image_ids: Sequence[int]) -> State:
    """Remove images with their clicks; none is chosen if the chosen one is among them."""
    images = tuple(image for image in state.images if image.id not in image_ids)
    return replace(state, images=images, chosen_id=None if state.chosen_id in image_ids else state.chosen_id)


def choose_image(state: State, image_id: int | None) -> State:
    """Choose the image that is clicked and predicted; raises ImageError if there is none."""
    if image_id is not None:
        state.image(image_id)
    return replace(state, chosen_id=image_id)


def set_clicks(state: State, image_id: int, clicks: Clicks | None) -> State:
    """Replace the clicks of an image and add classes that are new in them; the same clicks change nothing."""
    if _same_clicks(clicks, state.image(image_id).clicks):
        return state
    if clicks is not None:
        new = state.classes.named(number for number in clicks.present if number not in state.classes)
        state = update_classes(state, new)
    return state.with_changed([image_id], clicks=clicks)


def set_label(state: State, image_ids: Sequence[int], label: str) -> State:
    """Say what whole images are."""
    return state.with_changed(image_ids, label=label)


def update_classes(state: State, infos: Sequence[ClassInfo]) -> State:
    """Add classes; those of the same number are replaced."""
    return replace(state, classes=state.classes.updated(infos))


def remove_class(state: State, number: int) -> State:
    """Remove a class; one with clicks is refused with ClicksError, for they belong to whoever made them."""
    name = state.classes[number].name
    count = sum(image.clicks.count(number) for image in state.images if image.clicks is not None)
    if count:
        raise ClicksError(f"class {name!r} must have no clicks to be removed, got {count}. Erase its clicks first.")
    return replace(state, classes=state.classes.without(number))


def set_options(state: State, options: ClassifierOptions) -> State:
    """Choose what the next training of pixels makes a classifier with."""
    return replace(state, options=options)


def use_pixel_classifier(state: State, classifier: TrainablePixelClassifier) -> State:
    """Use a classifier of pixels that was trained."""
    return replace(state, pixel_classifier=classifier)


def use_loaded_pixel_classifier(state: State, classifier: TrainablePixelClassifier) -> State:
    """Use a classifier of pixels that comes from elsewhere and brings its options and classes along.

    Raises
    ------
    ClassesError
        If pixels are clicked as a class that has another name in the classifier: they would be learned as that one.
    """
    _check_clicked_names(state, classifier.class_infos)
    options = ClassifierOptions.of(classifier)
    state = update_classes(set_options(state, options), classifier.class_infos)
    return use_pixel_classifier(state, classifier)


def _check_clicked_names(state: State, infos: Sequence[ClassInfo]) -> None:
    clicked = {number for image in state.images if image.clicks is not None for number in image.clicks.present}
    for info in infos:
        if info.number not in clicked or info.number not in state.classes:
            continue
        name = state.classes[info.number].name
        # A name that nobody chose means nothing yet.
        if name not in (info.name, default_class(info.number).name):
            raise ClassesError(
                f"the model's class {info.number} must be {name!r}, as what was clicked is, got {info.name!r}. "
                "Rename the class if they are the same, or erase its clicks first."
            )


def use_image_classifier(state: State, classifier: TrainableImageClassifier) -> State:
    """Use a classifier of whole images."""
    return replace(state, image_classifier=classifier)


def _same_clicks(one: Clicks | None, other: Clicks | None) -> bool:
    """Tell whether both hold the same pixels with the same classes, in the same order."""
    if one is None or other is None:
        return one is other
    return (
        one.shape_px == other.shape_px
        and np.array_equal(one.positions_px, other.positions_px)
        and np.array_equal(one.classes, other.classes)
    )
