"""Random patch classifiers, drawn layer by layer, with their field of view counted beside them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from math import prod

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

__all__ = ["Example", "SideBySide", "patch_classifiers", "plain_cnn_1"]

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
MAX_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
AVG_POOL = {2: nn.AvgPool2d, 3: nn.AvgPool3d}
BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
ACTIVATIONS = (nn.ReLU, nn.Tanh, nn.LeakyReLU, nn.Sigmoid, nn.GELU, nn.ELU, nn.Identity, nn.Dropout)
LARGEST_FOV_PX = {2: 20, 3: 9}


@dataclass
class Example:
    """A patch classifier, its field of view, and whether the layers tell it."""

    module: nn.Module
    fov: tuple[int, ...]
    in_channels: int
    fov_is_told: bool

    @property
    def ndim(self) -> int:
        return len(self.fov)


class Branched(nn.Module):
    """A 3-wide convolution beside a shortcut that is cropped by one value at each end."""

    def __init__(self, conv: nn.Module, join: str, ndim: int) -> None:
        super().__init__()
        self.conv, self.join, self.ndim = conv, join, ndim

    def forward(self, values: Tensor) -> Tensor:
        shortcut = values[:, :, 1:-1, 1:-1] if self.ndim == 2 else values[..., 1:-1, 1:-1, 1:-1]
        # Before the convolution, as in pre-activation blocks: the crop above must not see it.
        branch = torch.tanh(self.conv(torch.relu(values)))
        if self.join == "cat":
            return torch.cat([branch, shortcut], dim=1)
        if self.join == "mul":
            return branch.mul(shortcut)
        return shortcut - branch if self.join == "sub" else branch + shortcut


class SideBySide(nn.Module):
    """Sum of two networks, the second of which begins at the image where the first has ended."""

    def __init__(self, one: nn.Module, other: nn.Module) -> None:
        super().__init__()
        self.one, self.other = one, other

    def forward(self, image: Tensor) -> Tensor:
        return torch.flatten(self.one(image), 1) + torch.flatten(self.other(image), 1)


class GlobalMean(nn.Module):
    """Mean over all spatial axes."""

    def __init__(self, ndim: int) -> None:
        super().__init__()
        self.axes = tuple(range(2, 2 + ndim))

    def forward(self, values: Tensor) -> Tensor:
        return values.mean(self.axes)


class _Sketch:
    """Layers drawn so far, with channels, extent and dilation after them."""

    def __init__(self, draw: st.DrawFn, ndim: int) -> None:
        self.draw, self.ndim = draw, ndim
        self.in_channels = self.channels = draw(st.integers(1, 3))
        self.classes = draw(st.integers(2, 3))
        self.layers: list[nn.Module] = []
        self.same_on_all_axes = draw(st.booleans())
        self.extent, self.dilation = [1] * ndim, [1] * ndim

    def per_axis(self, low: int, high: int) -> tuple[int, ...]:
        if self.same_on_all_axes:
            return (self.draw(st.integers(low, high)),) * self.ndim
        return tuple(self.draw(st.integers(low, high)) for _ in range(self.ndim))

    def see(self, size: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> bool:
        """Widen the field of view, unless it would become too large for a test."""
        extent = [e + (k - 1) * w * d for e, k, w, d in zip(self.extent, size, dilation, self.dilation, strict=True)]
        dense_dilation = [d * s for d, s in zip(self.dilation, stride, strict=True)]
        if max(extent) > LARGEST_FOV_PX[self.ndim] or max(dense_dilation) > 6:
            return False
        self.extent, self.dilation = extent, dense_dilation
        return True

    def conv(self) -> None:
        size, stride, dilation = self.per_axis(1, 5 - (self.ndim == 3)), self.per_axis(1, 3), self.per_axis(1, 2)
        if self.see(size, stride, dilation):
            groups = self.channels if self.draw(st.booleans()) else 1
            out = groups * self.draw(st.integers(1, 2))
            bias = self.draw(st.booleans())
            layer = CONV[self.ndim](self.channels, out, size, stride, 0, dilation, groups, bias)
            self.layers.append(layer)
            self.channels = out

    def max_pool(self) -> None:
        size, stride, dilation = self.per_axis(1, 4), self.per_axis(1, 3), self.per_axis(1, 2)
        if self.see(size, stride, dilation):
            self.layers.append(MAX_POOL[self.ndim](size, stride, 0, dilation))

    def avg_pool(self) -> None:
        size, stride = self.per_axis(1, 4), self.per_axis(1, 3)
        if self.see(size, stride, (1,) * self.ndim):
            self.layers.append(AVG_POOL[self.ndim](size, stride))

    def branch(self) -> None:
        ones = (1,) * self.ndim
        if self.see((3,) * self.ndim, ones, ones):
            join = self.draw(st.sampled_from(["add", "sub", "mul", "cat"]))
            self.layers.append(Branched(CONV[self.ndim](self.channels, self.channels, 3), join, self.ndim))
            self.channels *= 2 if join == "cat" else 1

    def norm(self) -> None:
        layer = BATCH_NORM[self.ndim](self.channels)
        layer.running_mean.uniform_(-0.5, 0.5)
        layer.running_var.uniform_(0.5, 2)
        self.layers.append(layer)

    def activation(self) -> None:
        self.layers.append(self.draw(st.sampled_from(ACTIVATIONS))())

    def head(self) -> tuple[tuple[int, ...], bool]:
        """Close with two or three classes; give the field of view and whether the layers tell it."""
        if not any(isinstance(layer, nn.Conv2d | nn.Conv3d | Branched) for layer in self.layers):
            self.layers.append(CONV[self.ndim](self.channels, self.channels, 1))
        classes = self.classes
        count = self.draw(st.integers(1, 3)) if max(self.dilation) <= 4 else 1
        counts = (count,) * self.ndim
        fov = tuple(e + (n - 1) * d for e, n, d in zip(self.extent, counts, self.dilation, strict=True))
        kind = self.draw(st.sampled_from(["conv", "linear", "mean", "deep"]))
        if kind == "conv":
            self.layers += [CONV[self.ndim](self.channels, classes, counts)]
        elif kind == "linear":
            self.layers += [nn.Flatten(), nn.Linear(self.channels * prod(counts), classes), nn.Softmax(-1)]
        elif kind == "deep":
            hidden = nn.Linear(self.channels * prod(counts), 4)
            self.layers += [nn.Flatten(), nn.ReLU(), hidden, nn.Tanh(), nn.Linear(4, classes)]
        else:
            self.layers += [CONV[self.ndim](self.channels, classes, 1), GlobalMean(self.ndim)]
        return fov, kind == "conv" or (kind != "mean" and self.same_on_all_axes)

    def beside(self, net: nn.Sequential, fov: tuple[int, ...], kind: str) -> nn.Module:
        """Add the scores of another network: the same layers once more, or one convolution of the whole patch."""
        if kind == "same":
            return SideBySide(net, deepcopy(net))
        return SideBySide(net, CONV[self.ndim](self.in_channels, self.classes, fov))


@st.composite
def patch_classifiers(draw: st.DrawFn, *, ndims: tuple[int, ...] = (2, 2, 3)) -> Example:
    """Patch classifiers in eval mode, float64, with weights of a drawn seed."""
    sketch = _Sketch(draw, draw(st.sampled_from(ndims)))
    kinds = [sketch.conv, sketch.conv, sketch.max_pool, sketch.avg_pool, sketch.branch, sketch.norm, sketch.activation]
    with torch.random.fork_rng():
        torch.manual_seed(draw(st.integers(0, 2**16)))
        for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=5)):
            kind()
        fov, fov_is_told = sketch.head()
        net: nn.Module = nn.Sequential(*sketch.layers)
        if kind := draw(st.sampled_from(["", "", "same", "conv"])):
            net = sketch.beside(net, fov, kind)
    return Example(net.double().eval(), fov, sketch.in_channels, fov_is_told)


def plain_cnn_1() -> nn.Sequential:
    """The network that Li, Zhao and Wang timed."""
    return nn.Sequential(
        nn.Conv2d(3, 50, 6), nn.MaxPool2d(8), nn.Tanh(),
        nn.Conv2d(50, 50, 3), nn.MaxPool2d(2), nn.Tanh(),
        nn.Conv2d(50, 32, 7),
    )  # fmt: skip
