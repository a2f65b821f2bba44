"""The pretrained embedding of a pixel's surroundings, and the head on it that is fitted at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import Tensor, nn

from clicktrain.engine.densify import densify
from clicktrain.models.pixels.ridge import evidence_of, ridge
from clicktrain.models.pixels.trunk import BehindHalving, Trunk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clicktrain.engine.densify import DenseNetwork

__all__ = ["CODE_CHANNELS", "EmbeddedHead", "Embedding"]

# Length of an embedding.
CODE_CHANNELS = 48

_WEIGHTS = "embedding.safetensors"


class Embedding(nn.Module):
    """The trunk, and how strongly a head on it is held back and sharpened for a number of clicks.

    Parameters
    ----------
    trunk : Trunk

    Attributes
    ----------
    penalty, sharpness : Tensor of shape (2,)
        Logarithms of the head's penalty and of the scale of its scores: offset, and slope over the evidence.
    """

    penalty: Tensor
    sharpness: Tensor

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.register_buffer("penalty", torch.tensor([-4.0, 0.0]))
        self.register_buffer("sharpness", torch.tensor([1.8, 0.0]))

    @classmethod
    def of(cls, weights: Mapping[str, Tensor]) -> Embedding:
        """Make an embedding with given weights, to be used and not trained."""
        # What is drawn at first is thrown away: the global random state is left alone.
        with torch.random.fork_rng(devices=[]):
            embedding = cls(Trunk(out_channels=CODE_CHANNELS))
        embedding.load_state_dict(weights)
        return embedding.eval().requires_grad_(False)

    def at_evidence(self, clicks: int) -> tuple[float, float]:
        """Penalty and scale of the scores for a number of clicks."""
        evidence = evidence_of(clicks)
        penalty, sharpness = (math.exp(float(line[0] + line[1] * evidence)) for line in (self.penalty, self.sharpness))
        return penalty, sharpness


def _slices(grey: Tensor) -> Tensor:
    """An image as it is; of a volume (1, 1, Z, Y, X) its slices, (Z, 1, Y, X)."""
    return grey if grey.ndim == 4 else grey[0].transpose(0, 1)


@dataclass(frozen=True, eq=False, slots=True)
class EmbeddedHead:
    """Classifies pixels by their embedding.

    Parameters
    ----------
    embedding : Embedding
    trunk : DenseNetwork
        Dense form of the trunk.
    behind : DenseNetwork
        Dense form of what lies behind the trunk's first halving.
    coefficients : Tensor of shape (K, D + 1)
        Of the scores, which are linear in the embedding; the last column is the offset.
    """

    embedding: Embedding
    trunk: DenseNetwork
    behind: DenseNetwork
    coefficients: Tensor

    @classmethod
    def of(cls, embedding: Embedding, coefficients: Tensor) -> EmbeddedHead:
        """Make the dense forms and put everything together."""
        trunk = densify(embedding.trunk, ndim=2, fov=embedding.trunk.fov_px)
        behind = densify(BehindHalving(embedding.trunk), ndim=2, fov=embedding.trunk.behind_px)
        return cls(embedding, trunk, behind, coefficients)

    @classmethod
    def packaged(cls, device: torch.device) -> EmbeddedHead:
        """Load the embedding that comes with the package, with a head that is yet to be fitted."""
        embedding = Embedding.of(load((files("clicktrain.data") / _WEIGHTS).read_bytes()))
        return cls.of(embedding.to(device), torch.empty(0, device=device))

    @property
    def fov(self) -> tuple[int, int]:
        """Field of view, (y, x), in pixels."""
        return self.trunk.fov[0], self.trunk.fov[1]

    def fov_among(self, ndim: int) -> tuple[int, ...]:
        """Field of view, ([z,] y, x), in pixels; of a volume it sees one slice at a time."""
        return (*(1,) * (ndim - 2), *self.fov)

    def fitted(self, clicked: Tensor, targets: Tensor, n_classes: int) -> EmbeddedHead:
        """Fit the head to clicked pixels, in closed form.

        Parameters
        ----------
        clicked : Tensor of shape (N, D)
            Embeddings of the clicked pixels, with or without codes that tell where in the image they lie.
        targets : Tensor of shape (N,), int64
            Class index of each, 0 to K - 1.
        n_classes : int
        """
        penalty, sharpness = self.embedding.at_evidence(len(clicked))
        # On the CPU, as some GPUs know no doubles.
        coefficients = ridge(clicked.cpu().double(), targets.cpu(), n_classes, penalty)
        return replace(self, coefficients=(sharpness * coefficients).to(clicked))

    def embed(self, grey: Tensor, *, output_stride: int = 1) -> Tensor:
        """Embed pixels of an image, or of each slice of a volume.

        Parameters
        ----------
        grey : Tensor of shape (1, 1, [Z,] Y + fov - 1, X + fov - 1)
        output_stride : {1, 2}
            2 for rows and columns 0, 2, 4, ... alone, in about a quarter of the time.

        Returns
        -------
        Tensor of shape (1, D, [Z,] Y / output_stride, X / output_stride), rounded up
        """
        slices = _slices(grey)
        maps: Tensor = self.trunk(slices) if output_stride == 1 else self._every_second(slices)
        return maps if grey.ndim == 4 else maps.transpose(0, 1)[None]

    def _every_second(self, slices: Tensor) -> Tensor:
        sides = [n - (n - fov) % 2 for n, fov in zip(slices.shape[2:], self.fov, strict=True)]
        near, values = self.embedding.trunk.halved(slices[:, :, : sides[0], : sides[1]])
        return self.embedding.trunk.mixed(near, self.behind(values))

    def probabilities_of(self, maps: Tensor) -> Tensor:
        """Classify pixels, (K, [Z,] Y, X), by their embeddings (1, D, [Z,] Y, X)."""
        weight, offset = self.coefficients[:, :-1, None, None], self.coefficients[:, -1]
        if maps.ndim == 4:
            return F.softmax(F.conv2d(maps, weight, offset)[0], dim=0)
        return F.softmax(F.conv2d(maps[0].transpose(0, 1), weight, offset).transpose(0, 1), dim=0)
