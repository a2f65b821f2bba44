"""The patch network that embeds a pixel's surroundings, one channel at a time; it is trained once, before any click."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clicktrain.models.pixels.stem import correlate_separably, gaussian_kernels

__all__ = ["BehindHalving", "Inlet", "Trunk"]


def centre(values: Tensor, margin_px: int) -> Tensor:
    """Cut `margin_px` off every side of (B, C, Y, X)."""
    if margin_px == 0:
        return values
    return values[:, :, margin_px:-margin_px, margin_px:-margin_px]


class Inlet(nn.Module):
    """Three views of a grey value: as it is, with a compressed range, and against its surroundings.

    The compressed range shows faint things beside bright ones; the local contrast does not care for uneven light.

    Parameters
    ----------
    sigma_px : float
        Size of the surroundings: standard deviation of a Gaussian.

    Attributes
    ----------
    margin_px : int
        How far the surroundings reach.
    exact_fov : tuple of int
        Field of view, (y, x), in pixels.
    """

    kernel: Tensor
    in_channels = 1
    out_channels = 3

    def __init__(self, sigma_px: float = 10.0) -> None:
        super().__init__()
        self.register_buffer("kernel", gaussian_kernels(sigma_px)[0].float(), persistent=False)
        self.margin_px = len(self.kernel) // 2
        side_px = 2 * self.margin_px + 1
        self.exact_fov = (side_px, side_px)

    def forward(self, image: Tensor) -> Tensor:
        """Compute the views.

        Parameters
        ----------
        image : Tensor of shape (B, 1, Y, X)
            Grey values of mean 0 and deviation 1.

        Returns
        -------
        Tensor of shape (B, 3, Y - fov + 1, X - fov + 1)
        """
        squashed = torch.asinh(3 * image)
        moments = torch.cat((squashed, squashed * squashed))[:, 0]
        mean, square = correlate_separably(moments, self.kernel)[:, None].chunk(2)
        m = self.margin_px
        inner, plain = squashed[..., m:-m, m:-m], image[..., m:-m, m:-m]
        local = (inner - mean) / ((square - mean * mean).clamp_min(0) + 0.01).sqrt()
        return torch.cat((plain.clamp(-6, 6), inner, local), dim=1)


class Trunk(nn.Module):
    """Patch network: pairs of 3 x 3 convolutions, the second of each pair halving the patch.

    The first convolution of every pair but one adds to what is there, as in a residual network.

    From the patch's centre after every level a few numbers are taken, all of them are put side by side and mixed once
    more, so the embedding tells what is at the pixel and what lies around it. Few, as the levels lie at different
    dilations in the dense pass, and what meets there has to be copied.

    Parameters
    ----------
    width : int
        Channels inside.
    levels : int
        Pairs of convolutions.
    out_channels : int
        Length of the embedding; every level gives its share of as many numbers, rounded down.

    Attributes
    ----------
    fov_px : int
        Side of the patch.
    behind_px : int
        Side of the patch after its first halving.

    References
    ----------
    Li, Zhao, Wang 2014, arXiv 1412.4526: strides as growing distances between taps. Bansal et al. 2017,
    arXiv 1702.06506: the values of one pixel at all levels as input of the head.
    """

    def __init__(self, width: int = 32, levels: int = 5, out_channels: int = 48) -> None:
        super().__init__()
        self.width, self.levels, self.out_channels = width, levels, out_channels
        self.inlet = Inlet()
        self.first = nn.Conv2d(self.inlet.out_channels, width, 3)
        self.keeping = nn.ModuleList([nn.Conv2d(width, width, 3) for _ in range(levels - 1)])
        self.halving = nn.ModuleList([nn.Conv2d(width, width, 3, stride=2) for _ in range(levels)])
        taken_channels = max(1, out_channels // (levels + 1))
        self.taken = nn.ModuleList([nn.Conv2d(width, taken_channels, 1) for _ in range(levels + 1)])
        self.mix = nn.Conv2d(taken_channels * (levels + 1), out_channels, 1)
        self.activation = nn.ReLU()
        # Halved `levels` times, from 2 ** (levels + 2) - 3 down to 1, after the inlet.
        self.fov_px = self.inlet.exact_fov[0] - 1 + 2 ** (levels + 2) - 3
        self.behind_px = 2 ** (levels + 1) - 3
        # What lies around the patch's centre after the first convolution, and after each that halves.
        self._centres_px = [2 ** (levels + 1) - 3, *(2 ** (levels - level) - 2 for level in range(levels))]

    def forward(self, patch: Tensor) -> Tensor:
        """Embed the patch's centre.

        Parameters
        ----------
        patch : Tensor of shape (B, 1, fov, fov)
            Grey values of one channel, of mean 0 and deviation 1 over the image.

        Returns
        -------
        Tensor of shape (B, out_channels, 1, 1)
        """
        values = self.activation(self.first(self.inlet(patch)))
        near = centre(self.taken[0](values), self._centres_px[0])
        return self.mixed(near, self.behind(self.activation(self.halving[0](values))))

    def behind(self, values: Tensor) -> Tensor:
        """What is taken from all levels but the first, (B, C, 1, 1), given the patch after its first halving."""
        gathered = [centre(self.taken[1](values), self._centres_px[1])]
        for level in range(1, self.levels):
            values = centre(values, 1) + self.activation(self.keeping[level - 1](values))
            values = self.activation(self.halving[level](values))
            gathered.append(centre(self.taken[level + 1](values), self._centres_px[level + 1]))
        return torch.cat(gathered, dim=1)

    def mixed(self, near: Tensor, far: Tensor) -> Tensor:
        """Mix what was taken from the first level, (B, C, y, x), and from the others, to (B, out_channels, y, x)."""
        embedding: Tensor = self.mix(self.activation(torch.cat((near, far), dim=1)))
        return embedding

    def halved(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Compute what the embedding of every second pixel needs of all pixels.

        Parameters
        ----------
        image : Tensor of shape (B, 1, 2 y + fov - 2, 2 x + fov - 2)

        Returns
        -------
        near : Tensor of shape (B, C, y, x)
            What is taken from the first level at pixels 0, 2, 4, ...
        values : Tensor of shape (B, width, y + f - 1, x + f - 1)
            After the first halving; f is `behind_px`.
        """
        values = self.activation(self.first(self.inlet(image)))
        centres = centre(values, self._centres_px[0])[:, :, ::2, ::2]
        return self.taken[0](centres), self.activation(self.halving[0](values))


class BehindHalving(nn.Module):
    """What a trunk does with a patch after its first halving, a patch network of its own.

    At every second pixel of an image the first halving is a stride as in the patch; behind it the patches lie side by
    side again.

    Parameters
    ----------
    trunk : Trunk
        Whose parameters it uses.
    """

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, values: Tensor) -> Tensor:
        """Return `trunk.behind(values)`."""
        return self.trunk.behind(values)
