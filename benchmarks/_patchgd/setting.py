"""What is learned, from how much, and for how long: the same for every way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clicktrain.config.images import ImageNetworkConfig, ImageTrainingConfig

if TYPE_CHECKING:
    from _patchgd.ultramnist import Variant
    from clicktrain.config.images import Scaling


@dataclass(frozen=True)
class Setting:
    """One benchmark.

    Parameters
    ----------
    variant : Variant
    n_train, n_validation : int
        Images of each class.
    epochs : int
    seeds : int
        How often everything is done with other images, weights and orders.
    shares : tuple of int
        One over the sampling of PatchGD; the first of them is compared in the figures.
    patch_px, batch_images : int
    learning_rate : float
    scaling : str
        See `ImageNetworkConfig`.
    """

    variant: Variant
    n_train: int
    n_validation: int
    epochs: int
    seeds: int
    shares: tuple[int, ...]
    patch_px: int = 64
    batch_images: int = 4
    learning_rate: float = 1e-3
    scaling: Scaling = "model"

    @property
    def n_classes(self) -> int:
        return len(self.variant.sums)

    def network(self, patch_px: int | None = None) -> ImageNetworkConfig:
        """Settings of the images' grids, with patches of another side where the images are shrunk."""
        return ImageNetworkConfig(patch_px=patch_px or self.patch_px, scaling=self.scaling)

    def training(self, share: int, epochs: int | None = None) -> ImageTrainingConfig:
        """Settings of PatchGD at a sampling of 1 / share; 1 is gradient descent on whole images."""
        epochs = epochs or self.epochs
        return ImageTrainingConfig(
            sampling=1 / share,
            epochs=epochs,
            batch_images=self.batch_images,
            learning_rate=self.learning_rate,
            warm_up_epochs=epochs / 20,
            symmetries=False,
            class_weights=False,
            validation_share=0,
        )

    def in_words(self) -> str:
        """What a reader has to know of the images."""
        variant = self.variant
        digits = " or ".join(map(str, variant.n_digits)) + (" digit" if variant.n_digits == (1,) else " digits")
        scales = ", ".join(map(str, variant.scales))
        sides = sorted({variant.side_px(scale) for scale in variant.scales} | _shrunk(variant))
        return (
            f"UltraMNIST of {variant.size_px} x {variant.size_px} px, lighter than the published one: "
            f"{digits} per image, sums {variant.sums[0]} to {variant.sums[-1]}, "
            f"scales {scales} (sides of {', '.join(map(str, sides))} px), "
            f"{self.n_train} training and {self.n_validation} validation images per class with different bitmaps"
        )


def _shrunk(variant: Variant) -> set[int]:
    return {variant.side_px(1, shrunk=True)} if 1 in variant.scales else set()
