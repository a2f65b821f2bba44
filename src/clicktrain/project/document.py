"""The state of a project, and every way to change it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from clicktrain.annotations.clicks import Clicks
from clicktrain.errors import ImageError
from clicktrain.images.source import open_image
from clicktrain.images.stored import StoredImage
from clicktrain.project import edits
from clicktrain.project.image_files import find_labelled
from clicktrain.project.pixel_jobs import clicked_classes, clicked_like
from clicktrain.project.signals import ProjectSignals
from clicktrain.project.state import ProjectImage, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from os import PathLike

    from numpy.typing import ArrayLike

    from clicktrain.config import ClassInfo
    from clicktrain.project.classes import ClassList
    from clicktrain.project.values import ClassifierOptions

__all__ = ["ProjectDocument"]

P = ParamSpec("P")


class ProjectDocument:
    """Images, clicks, labels, classes and options; changes that cannot be made raise `ClickTrainError` at once.

    Attributes
    ----------
    events : ProjectSignals
    """

    def __init__(self, state: State) -> None:
        self.events = ProjectSignals()
        self._lock = threading.Lock()
        self._state = state

    @property
    def state(self) -> State:
        """Everything that the project knows now."""
        return self._state

    @property
    def images(self) -> tuple[ProjectImage, ...]:
        """All images, in the order in which they were added."""
        return self._state.images

    @property
    def chosen(self) -> ProjectImage | None:
        """The image that is clicked and predicted."""
        return self._state.chosen

    @property
    def classes(self) -> ClassList:
        """The classes of pixels."""
        return self._state.classes

    @property
    def options(self) -> ClassifierOptions:
        """What the next training of pixels makes a classifier with."""
        return self._state.options

    def count(self, number: int) -> int:
        """Number of clicks of class `number` in the chosen image."""
        chosen = self.chosen
        return chosen.clicks.count(number) if chosen is not None and chosen.clicks is not None else 0

    @property
    def clicked_classes(self) -> tuple[int, ...]:
        """Class numbers with clicks among the images that a training would learn from, ascending."""
        chosen = self.chosen
        return clicked_classes(clicked_like(self._state, chosen)) if chosen is not None else ()

    def add_image(
        self,
        source: Any,
        *,
        axes: str | None = None,
        name: str | None = None,
        voxel_size: Sequence[float] | None = None,
    ) -> int:
        """Add an image, which is not chosen by that.

        Parameters
        ----------
        source : ImageSource, path, or array of shape (Y, X), (Y, X, C), (C, Y, X), (Z, Y, X), (Z, Y, X, C) or such
            An array is kept by reference; files and lazy arrays are read when work starts, as far as it needs them.
        axes : str, optional
            One letter per axis, of "Z", "Y", "X" and "C", where neither file nor shape tell.
        name : str, optional
            Name to show to people.
        voxel_size : sequence of float, optional
            Of a volume, along z, y and x, in any unit.

        Returns
        -------
        int
            The image's id.

        Raises
        ------
        ImageError
            If the axes do not fit.
        StorageError
            If a file cannot be read.
        """
        path = Path(source) if isinstance(source, str | Path) else None
        shown = name or (path.name if path is not None else "image")
        opened = open_image(source, axes=axes, name=None if path else f"`{shown}`")
        # What is wrong with it is told now, not when work starts.
        in_memory = isinstance(opened, StoredImage) and opened.in_memory
        size = opened.voxel_size if voxel_size is None else tuple(voxel_size)
        image = ProjectImage(shown, opened, size if len(opened.shape_px) == 3 else None, path, is_lazy=not in_memory)
        return self._apply(edits.add_image, image).images[-1].id

    def add_files(self, paths: Iterable[str | PathLike[str]]) -> int:
        """Add what files and folders stand for as images to learn whole images from, all of it or nothing.

        Parameters
        ----------
        paths : iterable of path
            As for `find_labelled`: images, folders of images, folders named like their class, OME-Zarr, CSV tables.

        Returns
        -------
        int
            Images that are new. Of one that is there already, a label that is given replaces the one it had.

        Raises
        ------
        ClickTrainError
            If a file cannot be read, is no image, or a table or folder names no images.
        """
        rows, before = find_labelled(paths), len(self.images)
        return len(self._apply(edits.add_files, rows).images) - before

    def remove_images(self, image_ids: Iterable[int]) -> None:
        """Remove images with their clicks; work for them stops, files stay where they are."""
        self._apply(edits.remove_images, tuple(image_ids))

    def choose_image(self, image_id: int | None) -> None:
        """Choose the image that is clicked and predicted, or none; work for the one before stops."""
        self._apply(edits.choose_image, image_id)

    def set_clicks(self, clicks: Clicks | ArrayLike | None, image: int | None = None) -> None:
        """Replace the clicks of an image; classes that are new in them are added.

        Parameters
        ----------
        clicks : Clicks, array_like of shape ([Z,] Y, X) or None
            An array holds a class number per pixel, 0 = unlabelled; it is read now and not kept.
        image : int, optional
            Id of the image; the chosen one by default.

        Raises
        ------
        ClickTrainError
            If there is no such image, or the clicks do not fit it.
        """
        target = self._chosen_image() if image is None else self._state.image(image)
        checked = None if clicks is None else Clicks.of(clicks, target.shape_px)
        self._apply(edits.set_clicks, target.id, checked)

    def set_label(self, image_ids: Iterable[int], label: str) -> None:
        """Say what whole images are; an empty label takes it away."""
        self._apply(edits.set_label, tuple(image_ids), label.strip())

    def add_class(self, name: str | None = None, color: str | None = None) -> ClassInfo:
        """Add a class with the smallest free number and return it."""
        info = self.classes.new(name, color)
        self.update_classes([info])
        return info

    def edit_class(self, number: int, *, name: str | None = None, color: str | None = None) -> None:
        """Give class `number` another name or colour (#rrggbb); raises ClassesError if it cannot have them."""
        self.update_classes([self.classes.edited(number, name, color)])

    def update_classes(self, infos: Iterable[ClassInfo]) -> None:
        """Add classes; those of the same number are replaced."""
        self._apply(edits.update_classes, tuple(infos))

    def remove_class(self, number: int) -> None:
        """Remove a class; raises ClickTrainError if there is none of that number, or it still has clicks."""
        self._apply(edits.remove_class, number)

    def set_options(self, options: ClassifierOptions) -> None:
        """Choose what the next training of pixels makes a classifier with; the present one is used until then."""
        self._apply(edits.set_options, options)

    def _apply(self, edit: Callable[Concatenate[State, P], State], *args: P.args, **kwargs: P.kwargs) -> State:
        """Make a change, one of `edits`, and return the state after; every change of the state goes through here."""
        with self._lock:
            before = self._state
            after = self._state = edit(before, *args, **kwargs)
        self._tell_changes(before, after)
        return after

    def _tell_changes(self, before: State, after: State) -> None:
        if [(image.id, image.label) for image in before.images] != [(image.id, image.label) for image in after.images]:
            self.events.images_changed.emit()
        if before.classes != after.classes:
            self.events.classes_changed.emit()
        if (before.chosen and before.chosen.clicks) is not (after.chosen and after.chosen.clicks):
            self.events.clicks_changed.emit()

    def _chosen_image(self) -> ProjectImage:
        image = self._state.chosen
        if image is None:
            raise ImageError("an image must be open, got none. Choose an image layer first.")
        return image
