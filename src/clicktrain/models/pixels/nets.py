"""The default patch classifier: scale-space stem, principal components of its features, local network."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from clicktrain.models.pixels.components import PrincipalComponents
from clicktrain.models.pixels.pretrained import CODE_CHANNELS
from clicktrain.models.pixels.stem import ScaleSpaceStem
from clicktrain.models.pixels.volume_stem import VolumeStem

if TYPE_CHECKING:
    from collections.abc import Callable

    from clicktrain.config import NetworkConfig

__all__ = ["LocalNet", "PixelNet", "build_network"]


class LocalNet(nn.Module):
    """Patch classifier on feature maps: what lies around a pixel, near and far.

    A 1x1 convolution mixes the features, then 3x3 convolutions halve the patch again and again; the value at the
    patch's centre after every level adds to the scores, and so do the features themselves. As a dense network the
    taps of the levels lie 1, 2, 4, ... pixels apart.

    Parameters
    ----------
    in_channels : int
    n_classes : int
    width : int
        Channels inside.
    levels : int
        Number of 3x3 convolutions.
    dropout : float
        Share of the heads' input channels left out in training.
    ndim : int
        Spatial axes, 2 or 3.

    Attributes
    ----------
    fov_px : int
        Side of the patch, 2 ** (levels + 1) - 1.

    References
    ----------
    Li, Zhao, Wang 2014, arXiv 1412.4526: strides as growing distances between taps. Bansal et al. 2017,
    arXiv 1702.06506: the values of one pixel at all levels as input of the head.
    """

    def __init__(
        self,
        in_channels: int,
        n_classes: int,
        *,
        width: int,
        levels: int,
        dropout: float = 0.0,
        ndim: int = 2,
    ) -> None:
        super().__init__()
        convolution, channel_dropout = (nn.Conv2d, nn.Dropout2d) if ndim == 2 else (nn.Conv3d, nn.Dropout3d)
        strides = [2] * (levels - 1) + [1]
        self.ndim, self.fov_px = ndim, 2 ** (levels + 1) - 1
        self.mix = convolution(in_channels, width, 1)
        self.activation = nn.ReLU()
        self.convs = nn.ModuleList([convolution(width, width, 3, stride=stride) for stride in strides])
        # Whole channels at a time: a mask of the size of the map would take longer to draw than a convolution takes.
        self.dropout = channel_dropout(dropout)
        self.heads = nn.ModuleList([convolution(width, n_classes, 1) for _ in range(levels + 1)])
        self.skip = convolution(in_channels, n_classes, 1)
        nn.init.zeros_(self.skip.weight)
        nn.init.zeros_(self.skip.bias)  # type: ignore[arg-type]
        self._centres_px = [2 ** (levels - level) - 1 for level in range(levels + 1)]

    def forward(self, features: Tensor) -> Tensor:
        """Score the patch's centre.

        Parameters
        ----------
        features : Tensor of shape (B, C, [fov,] fov, fov)

        Returns
        -------
        Tensor of shape (B, K, [1,] 1, 1)
        """
        values = middle = self.activation(self.mix(features))
        (first, *others), (head, *heads) = self._centres_px, self.heads
        scores = self._read(self.skip, features, first)
        if _on_patches(values):
            # It is mixed once more: to lead its gradient through a map of zeros would take longer.
            middle, first = self.activation(self.mix(_centre(features, first, self.ndim))), 0
        scores = scores + self._read(self._dropped(head), middle, first)
        for conv, head, centre_px in zip(self.convs, heads, others, strict=True):
            values = self.activation(conv(values))
            scores = scores + self._read(self._dropped(head), values, centre_px)
        return scores

    def _dropped(self, head: nn.Module) -> Callable[[Tensor], Tensor]:
        return lambda values: head(self.dropout(values))

    def _read(self, head: Callable[[Tensor], Tensor], values: Tensor, centre_px: int) -> Tensor:
        """Scores of the patch's centre, which on patches is cropped first.

        In the dense network heads come before crops: a crop of many channels would be a copy as large as the image.
        """
        if _on_patches(values):
            return head(_centre(values, centre_px, self.ndim))
        return _centre(head(values), centre_px, self.ndim)


def _on_patches(values: object) -> bool:
    """Whether a network runs on patches; its layers are recorded, for the dense form, with stand-ins for tensors."""
    return isinstance(values, Tensor)


def _centre(values: Tensor, margin_px: int, ndim: int) -> Tensor:
    if margin_px == 0:
        return values
    return values[(slice(None), slice(None), *(slice(margin_px, -margin_px),) * ndim)]


class PixelNet(nn.Module):
    """The whole patch classifier, from pixels to class scores.

    Parameters
    ----------
    stem : ScaleSpaceStem or VolumeStem
    components : PrincipalComponents
    members : list of LocalNet
        Their scores are averaged.
    feature_stride : int
        The members read features at every so many pixels from the patch's centre.

    Attributes
    ----------
    fov : tuple of int
        Sides of the patch, ([z,] y, x), in pixels.
    local_fov : tuple of int
        Sides of what the members see of the features, ([z,] y, x), in pixels.
    """

    def __init__(
        self,
        stem: ScaleSpaceStem | VolumeStem,
        components: PrincipalComponents,
        members: list[LocalNet],
        feature_stride: int = 1,
    ) -> None:
        super().__init__()
        self.stem = stem
        self.components = components
        self.feature_stride = feature_stride
        # A pool of single pixels is what the engine knows a stride by.
        self.sample = nn.MaxPool2d(1, feature_stride) if feature_stride > 1 else nn.Identity()
        self.members = nn.ModuleList(members)
        self.local_fov = ((members[0].fov_px - 1) * feature_stride + 1,) * members[0].ndim
        self.fov = tuple(a + b - 1 for a, b in zip(stem.exact_fov, self.local_fov, strict=True))

    @property
    def local_nets(self) -> list[LocalNet]:
        """The members, under their own type."""
        return [cast("LocalNet", member) for member in self.members]

    @property
    def feature_channels(self) -> int:
        """Features of a pixel: the stem's, and codes that tell where in the image it lies."""
        return len(self.components.mean)

    @property
    def code_channels(self) -> int:
        """Length of these codes; 0 for a network that is not told, and only that can be called with patches."""
        return self.feature_channels - self.stem.out_channels

    def forward(self, patch: Tensor) -> Tensor:
        """Score the patch's centre.

        Parameters
        ----------
        patch : Tensor of shape (B, C, [fov,] fov, fov)

        Returns
        -------
        Tensor of shape (B, K, [1,] 1, 1)
        """
        components = self.sample(self.components(self.stem(patch)))
        scores: Tensor = self.members[0](components)
        for member in list(self.members)[1:]:
            scores = scores + member(components)
        return scores / len(self.members)


def build_network(
    config: NetworkConfig, *, in_channels: int, n_classes: int, dropout: float = 0.0, seed: int = 0
) -> PixelNet:
    """Make a default network with seeded random weights.

    Parameters
    ----------
    config : NetworkConfig
    in_channels : int
        Channels of the images.
    n_classes : int
    dropout : float
    seed : int
        The same seed gives the same weights; the global random state is left alone.
    """
    stem = _stem(config, in_channels)
    features = stem.out_channels + (CODE_CHANNELS if config.position_encoding else 0)
    components = PrincipalComponents(features, min(config.components or features, features))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        members = [
            LocalNet(
                len(components.weight),
                n_classes,
                width=config.width,
                levels=config.levels,
                dropout=dropout,
                ndim=config.ndim,
            )
            for _ in range(config.members)
        ]
    return PixelNet(stem, components, members, config.feature_stride)


def _stem(config: NetworkConfig, in_channels: int) -> ScaleSpaceStem | VolumeStem:
    if config.ndim == 2:
        return ScaleSpaceStem(in_channels, config.sigmas_px)
    return VolumeStem(in_channels, config.sigmas_px, anisotropy=config.anisotropy)
