"""The changes that a project's state can undergo, each a small frozen value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from clicktrain.errors import ClicksError, ImageError
from clicktrain.project.state import ProjectImage
from clicktrain.project.values import ClassifierOptions

if TYPE_CHECKING:
    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import ClassInfo
    from clicktrain.images.lists import LabelledPath
    from clicktrain.project.protocols import TrainableImageClassifier, TrainablePixelClassifier
    from clicktrain.project.state import State

__all__ = [
    "AddFiles",
    "AddImage",
    "ChooseImage",
    "Edit",
    "RemoveClass",
    "RemoveImages",
    "SetClicks",
    "SetLabel",
    "SetOptions",
    "UpdateClasses",
    "UseImageClassifier",
    "UsePixelClassifier",
]


class Edit(Protocol):
    """A change of the state."""

    def applied_to(self, state: State) -> State:
        """Return the state after the change; raises ClickTrainError if it cannot be made."""


@dataclass(frozen=True, slots=True)
class AddImage:
    """Add an image."""

    image: ProjectImage

    def applied_to(self, state: State) -> State:
        """Give the image its id."""
        image = replace(self.image, id=state.next_id)
        return replace(state, images=(*state.images, image), next_id=state.next_id + 1)


@dataclass(frozen=True, slots=True)
class AddFiles:
    """Add files with the labels of whole images; one that is there already takes the label that is given."""

    rows: tuple[LabelledPath, ...]

    def applied_to(self, state: State) -> State:
        """Find files again by their resolved paths."""
        known = {image.path.resolve(): image.id for image in state.images if image.path is not None}
        for row in self.rows:
            key = row.path.resolve()
            if key not in known:
                known[key] = state.next_id
                state = AddImage(ProjectImage(row.path.name, path=row.path, label=row.label)).applied_to(state)
            elif row.label or state.image(known[key]).label is None:
                state = state.with_changed([known[key]], label=row.label)
        return state


@dataclass(frozen=True, slots=True)
class RemoveImages:
    """Remove images with their clicks."""

    image_ids: tuple[int, ...]

    def applied_to(self, state: State) -> State:
        """Leave none chosen if the chosen one is among them."""
        chosen_id = None if state.chosen_id in self.image_ids else state.chosen_id
        images = tuple(image for image in state.images if image.id not in self.image_ids)
        return replace(state, images=images, chosen_id=chosen_id)


@dataclass(frozen=True, slots=True)
class ChooseImage:
    """Choose the image that is clicked and predicted."""

    image_id: int | None

    def applied_to(self, state: State) -> State:
        """Refuse an image that cannot be shown."""
        if self.image_id is not None and state.image(self.image_id).pixels is None:
            raise ImageError(
                f"image must be added with `add_image` to be chosen, got `{state.image(self.image_id).name}`, of which "
                "the project has no pixels. Add it again."
            )
        return replace(state, chosen_id=self.image_id)


@dataclass(frozen=True, slots=True)
class SetClicks:
    """Replace the clicks of an image."""

    image_id: int
    clicks: Clicks | None

    def applied_to(self, state: State) -> State:
        """Add classes that are new in the clicks; clicks that are the same change nothing."""
        if _same_clicks(self.clicks, state.image(self.image_id).clicks):
            return state
        if self.clicks is not None:
            new = state.classes.named(number for number in self.clicks.present if number not in state.classes)
            state = replace(state, classes=state.classes.updated(new))
        return state.with_changed([self.image_id], clicks=self.clicks)


@dataclass(frozen=True, slots=True)
class SetLabel:
    """Say what whole images are."""

    image_ids: tuple[int, ...]
    label: str

    def applied_to(self, state: State) -> State:
        """Set the label."""
        return state.with_changed(self.image_ids, label=self.label)


@dataclass(frozen=True, slots=True)
class UpdateClasses:
    """Add classes, or replace those of the same number."""

    infos: tuple[ClassInfo, ...]

    def applied_to(self, state: State) -> State:
        """Update the classes."""
        return replace(state, classes=state.classes.updated(self.infos))


@dataclass(frozen=True, slots=True)
class RemoveClass:
    """Remove a class that has no clicks."""

    number: int

    def applied_to(self, state: State) -> State:
        """Refuse to remove one with clicks: they belong to whoever made them."""
        name = state.classes[self.number].name
        count = sum(image.clicks.count(self.number) for image in state.images if image.clicks is not None)
        if count:
            raise ClicksError(f"class {name!r} must have no clicks to be removed, got {count}. Erase its clicks first.")
        return replace(state, classes=state.classes.without(self.number))


@dataclass(frozen=True, slots=True)
class SetOptions:
    """Choose what the next training of pixels makes a classifier with."""

    options: ClassifierOptions

    def applied_to(self, state: State) -> State:
        """Set the options."""
        return replace(state, options=self.options)


@dataclass(frozen=True, slots=True)
class UsePixelClassifier:
    """Use a classifier of pixels, trained here or `loaded` from a file, which brings its options and classes along."""

    classifier: TrainablePixelClassifier
    loaded: bool = False

    def applied_to(self, state: State) -> State:
        """Replace the one in use."""
        state = replace(state, pixel_classifier=self.classifier)
        if not self.loaded:
            return state
        options = ClassifierOptions(self.classifier.preset, self.classifier.position_encoding)
        return replace(state, options=options, classes=state.classes.updated(self.classifier.class_infos))


@dataclass(frozen=True, slots=True)
class UseImageClassifier:
    """Use a classifier of whole images."""

    classifier: TrainableImageClassifier

    def applied_to(self, state: State) -> State:
        """Replace the one in use."""
        return replace(state, image_classifier=self.classifier)


def _same_clicks(one: Clicks | None, other: Clicks | None) -> bool:
    """Tell whether both hold the same pixels with the same classes, in the same order."""
    if one is None or other is None:
        return one is other
    return (
        one.shape_px == other.shape_px
        and np.array_equal(one.positions_px, other.positions_px)
        and np.array_equal(one.classes, other.classes)
    )
