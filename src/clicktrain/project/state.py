"""The state of a project: frozen values, which are replaced and never changed in place."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from clicktrain.errors import ImageError
from clicktrain.project.classes import ClassList
from clicktrain.project.values import ClassifierOptions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.images.source import ImageSource
    from clicktrain.project.protocols import TrainableImageClassifier, TrainablePixelClassifier
    from clicktrain.types import IntArray

__all__ = ["ProjectImage", "State"]


@dataclass(frozen=True, slots=True, eq=False)
class ProjectImage:
    """An image of a project, by reference: it is read only when work starts.

    Parameters
    ----------
    name : str
        Name to show to people.
    source : ImageSource
    voxel_size : tuple of float, optional
        Of a volume, along z, y and x.
    path : Path, optional
        Its file.
    clicks : Clicks, optional
        Its labelled pixels.
    label : str or None
        What the whole image is, empty where it is not known yet; None if whole images are not learned from it.
    is_lazy : bool
        Whether it is not in memory, and may be larger than that.
    id : int
        Given by the project, and not again to another image.
    """

    name: str
    source: ImageSource
    voxel_size: tuple[float, ...] | None = None
    path: Path | None = None
    clicks: Clicks | None = None
    label: str | None = None
    is_lazy: bool = False
    id: int = -1

    @property
    def shape_px(self) -> tuple[int, ...]:
        """([Z,] Y, X)."""
        return self.source.shape_px

    @property
    def is_volume(self) -> bool:
        """Whether it is classified in 3D."""
        return len(self.shape_px) == 3

    def is_like(self, other: ProjectImage) -> bool:
        """Tell whether one classifier of pixels can learn from both."""
        mine, others = self.source, other.source
        return len(mine.shape_px) == len(others.shape_px) and mine.n_channels == others.n_channels

    def pixels_of(self, number: int) -> tuple[IntArray, ...]:
        """Return the array indices of the clicks of class `number`, one array per axis."""
        if self.clicks is None:
            return ()
        return tuple(self.clicks.positions_px[self.clicks.classes == number].T)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything that a project knows at one moment.

    Parameters
    ----------
    images : tuple of ProjectImage
        In the order in which they were added.
    chosen_id : int or None
        The image that is clicked and predicted.
    classes : ClassList
        Of pixels.
    options : ClassifierOptions
        What the next training of pixels makes a classifier with; the present one is trained on if it has the same.
    pixel_classifier, image_classifier : optional
        In use; they need not be trained.
    next_id : int
        That of the next image.
    """

    images: tuple[ProjectImage, ...] = ()
    chosen_id: int | None = None
    classes: ClassList = field(default_factory=ClassList)
    options: ClassifierOptions = field(default_factory=ClassifierOptions)
    pixel_classifier: TrainablePixelClassifier | None = None
    image_classifier: TrainableImageClassifier | None = None
    next_id: int = 0

    @property
    def chosen(self) -> ProjectImage | None:
        """The chosen image."""
        return None if self.chosen_id is None else self.image(self.chosen_id)

    @property
    def labelled(self) -> tuple[ProjectImage, ...]:
        """The images that whole images are learned from, or shall be once they have a label."""
        return tuple(image for image in self.images if image.label is not None)

    @property
    def labels(self) -> dict[str, int]:
        """Number of images of each label, sorted; images without a label do not count."""
        return dict(sorted(Counter(image.label for image in self.labelled if image.label).items()))

    def image(self, image_id: int) -> ProjectImage:
        """Return an image by its id.

        Raises
        ------
        ImageError
            If there is none.
        """
        for image in self.images:
            if image.id == image_id:
                return image
        raise ImageError(f"image must be one of the project's, got the unknown id {image_id}. Add the image first.")

    def with_changed(self, image_ids: Sequence[int], **changes: Any) -> State:
        """Return this state with changes of some images."""
        changed = {image_id: replace(self.image(image_id), **changes) for image_id in image_ids}
        return replace(self, images=tuple(changed.get(image.id, image) for image in self.images))
