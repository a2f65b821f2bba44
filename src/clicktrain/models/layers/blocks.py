"""Residual blocks of patch encoders: each made from input channels, output channels, stride and norm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable

    NormFactory = Callable[[int], nn.Module]

__all__ = ["BasicBlock", "BlockFactory", "Bottleneck", "InvertedResidual", "conv_norm"]

_BOTTLENECK = 4


class BlockFactory(Protocol):
    """Makes a block; what stands in for every second block of a stage is called with equal widths and stride 1."""

    def __call__(self, in_channels: int, out_channels: int, *, stride: int, norm: NormFactory) -> nn.Module:
        """Make a block."""
        ...


def conv_norm(
    in_channels: int, out_channels: int, kernel: int, *, norm: NormFactory, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution that keeps the size but for its stride, then normalisation."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, norm(out_channels))


class _Residual(nn.Module):
    """Adds its input, brought to the right shape, to what `body` makes of it."""

    def __init__(self, body: nn.Module, in_channels: int, out_channels: int, *, stride: int, norm: NormFactory) -> None:
        super().__init__()
        self.body = body
        same = in_channels == out_channels and stride == 1
        self.skip = nn.Identity() if same else conv_norm(in_channels, out_channels, 1, norm=norm, stride=stride)
        self.activation = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, in_channels, Y, X) to (B, out_channels, Y / stride, X / stride)."""
        summed: Tensor = self.body(maps) + self.skip(maps)
        activated: Tensor = self.activation(summed)
        return activated


class BasicBlock(_Residual):
    """Two 3x3 convolutions.

    References
    ----------
    He et al. 2016, arXiv 1512.03385, section 3.3.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int, norm: NormFactory) -> None:
        body = nn.Sequential(
            conv_norm(in_channels, out_channels, 3, norm=norm, stride=stride),
            nn.ReLU(),
            conv_norm(out_channels, out_channels, 3, norm=norm),
        )
        super().__init__(body, in_channels, out_channels, stride=stride, norm=norm)


class Bottleneck(_Residual):
    """1x1, 3x3 and 1x1 convolutions, the first two with a quarter of the channels; the stride is in the 3x3.

    References
    ----------
    He et al. 2016, arXiv 1512.03385, section 4.1.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int, norm: NormFactory) -> None:
        width = max(1, out_channels // _BOTTLENECK)
        body = nn.Sequential(
            conv_norm(in_channels, width, 1, norm=norm),
            nn.ReLU(),
            conv_norm(width, width, 3, norm=norm, stride=stride),
            nn.ReLU(),
            conv_norm(width, out_channels, 1, norm=norm),
        )
        super().__init__(body, in_channels, out_channels, stride=stride, norm=norm)


class InvertedResidual(nn.Module):
    """1x1 convolution to more channels, 3x3 on each channel, 1x1 back; added to the input where shapes agree.

    Parameters
    ----------
    in_channels, out_channels : int
    stride : int
    norm : callable
    expansion : int
        Times as many channels inside.

    References
    ----------
    Sandler et al. 2018, arXiv 1801.04381, section 3.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int, norm: NormFactory, expansion: int = 6
    ) -> None:
        super().__init__()
        width = in_channels * expansion
        wider = [conv_norm(in_channels, width, 1, norm=norm), nn.ReLU6()] if expansion > 1 else []
        self.body = nn.Sequential(
            *wider,
            conv_norm(width, width, 3, norm=norm, stride=stride, groups=width),
            nn.ReLU6(),
            conv_norm(width, out_channels, 1, norm=norm),
        )
        self.adds = in_channels == out_channels and stride == 1

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, in_channels, Y, X) to (B, out_channels, Y / stride, X / stride)."""
        changed: Tensor = self.body(maps)
        return maps + changed if self.adds else changed
