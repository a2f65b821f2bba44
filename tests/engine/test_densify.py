"""The dense network is the patch scan, only faster."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from clicktrain import densify
from clicktrain.errors import BackendError, ImageError, ShapeError
from tests.engine.architectures import Example, patch_classifiers, plain_cnn_1
from tests.engine.comparing import assert_same, gradients, random_images

if TYPE_CHECKING:
    from collections.abc import Callable

    from clicktrain.engine.densify import DenseNetwork
    from clicktrain.engine.network import ForwardStrategy

sizes_beyond_fov = st.lists(st.integers(0, 4), min_size=3, max_size=3)


def densified(example: Example) -> DenseNetwork:
    return densify(example.module, ndim=example.ndim, fov=None if example.fov_is_told else example.fov)


@given(patch_classifiers())
def test_fov_follows_from_the_layers(example: Example) -> None:
    assert densified(example).fov == example.fov


@pytest.mark.parametrize("strategy", ["dense", "fragments", "selected"])
@given(patch_classifiers(), sizes_beyond_fov, st.integers(1, 2), st.sampled_from(["noise", "saturated"]))
def test_every_strategy_has_the_scores_and_gradients_of_the_patch_scan(
    strategy: ForwardStrategy, example: Example, beyond: list[int], batch: int, kind: str
) -> None:
    dense = densified(example)
    image = random_images(example, batch, beyond, kind).requires_grad_()
    before = image.detach().clone()
    scores, scan = dense(image, strategy), dense(image, "patches")
    assert scores.shape == (batch, scan.shape[1], *(n + 1 for n in beyond[: example.ndim]))
    assert_same(scores, scan, 1e-10)
    with torch.no_grad():
        assert_same(dense(image, strategy), scan, 1e-10)
    assert torch.equal(image, before)
    # Sums of other order may break the ties of a saturated image in another way.
    if kind == "noise":
        found, wanted = (gradients(s, example.module, image) for s in (scores, scan))
        for got, expected in zip(found, wanted, strict=True):
            assert_same(got, expected, 1e-10)


@settings(max_examples=8)
@given(patch_classifiers(), sizes_beyond_fov)
def test_float32_agrees_to_five_digits(example: Example, beyond: list[int]) -> None:
    example.module.float()
    dense = densified(example)
    image = random_images(example, 1, beyond, "noise").float().requires_grad_()
    scores, scan = dense(image, strategy="dense"), dense(image, strategy="patches")
    assert_same(scores, scan, 1e-5)
    by_dense, by_scan = (gradients(s, example.module, image) for s in (scores, scan))
    for got, expected in zip(by_dense, by_scan, strict=True):
        assert_same(got, expected, 1e-5)


def integer_net(*, stride: int, size: int) -> nn.Sequential:
    """Whole-number weights: sums are exact, so equal values stay equal in every order of summation."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(size, stride),
        nn.Conv2d(3, 2, 2), nn.ReLU(), nn.MaxPool2d(2, 1), nn.Flatten(), nn.Linear(8, 2),
    ).double()  # fmt: skip
    for parameter in net.parameters():
        parameter.data = (4 * parameter.data).round()
    return net.eval()


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (2, 3), (4, 1)])
@pytest.mark.parametrize("strategy", ["dense", "fragments", "selected"])
@pytest.mark.parametrize("kind", ["zeros", "ones", "saturated"])
def test_gradient_of_equal_pixels_goes_to_the_first(
    kind: str, size: int, stride: int, strategy: ForwardStrategy
) -> None:
    net = integer_net(stride=stride, size=size)
    dense = densify(net)
    shape = (1, 1, dense.fov[0] + 5, dense.fov[1] + 3)
    noise = torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(1)).double()
    image = {"zeros": torch.zeros_like(noise), "ones": torch.ones_like(noise), "saturated": noise}[
        kind
    ].requires_grad_()
    by_dense = gradients(dense(image, strategy), net, image)
    by_scan = gradients(dense(image, strategy="patches"), net, image)
    for got, expected in zip(by_dense, by_scan, strict=True):
        assert_same(got, expected, 1e-10)


class Idioms(nn.Module):
    """What people write in a forward: functions, methods, views, slices with steps, constants, in-place layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3)
        self.second = nn.Conv2d(4, 4, 3, stride=2)
        self.scale = nn.Parameter(torch.linspace(0.5, 2, 4))
        self.register_buffer("offset", torch.tensor(0.25))
        self.act = nn.ReLU(inplace=True)
        self.prelu = nn.PReLU(4)
        self.hidden = nn.Linear(4 * 3 * 3, 5)
        self.norm = nn.BatchNorm1d(5)
        self.out = nn.Linear(5, 3)
        self.shift = nn.Parameter(torch.linspace(-1, 1, 3))

    def forward(self, patch: Tensor) -> Tensor:
        values = self.first(patch)
        overwritten = self.act(values)
        values = values * self.scale.view(1, -1, 1, 1) + overwritten / 2 - self.offset
        values = self.prelu(self.second(values))
        values = F.max_pool2d(values, 2, stride=1)
        values = torch.cat([values[:, 2:], values[:, :2].clamp(min=-0.1)], dim=-3)
        values = values[:, :, ::2, 1:6:2].contiguous()
        values = self.norm(torch.sigmoid(self.hidden(values.view(values.size(0), -1))))
        return F.log_softmax(self.out(F.dropout(values, training=self.training)) * 2.0 + self.shift, dim=-1)


def test_idioms_of_a_forward_are_exact() -> None:
    torch.manual_seed(0)
    net = Idioms().double().eval()
    dense = densify(net, fov=(16, 17))
    image = torch.randn(2, 2, 22, 20, dtype=torch.double, requires_grad=True)
    scores, scan = dense(image, strategy="dense"), dense(image, strategy="patches")
    assert_same(scores, scan, 1e-10)
    for got, expected in zip(gradients(scores, net, image), gradients(scan, net, image), strict=True):
        assert_same(got, expected, 1e-10)


class Stem(nn.Module):
    """Translation equivariant, but not made of layers that densify knows."""

    exact_fov = (3, 3)
    in_channels = 1

    def forward(self, image: Tensor) -> Tensor:
        if image.shape[-1] < 3:
            raise RuntimeError("image is smaller than the stem")
        windows = image.unfold(2, 3, 1).unfold(3, 3, 1)
        return torch.cat([windows.std((-1, -2)), windows.amax((-1, -2))], dim=1)


def test_exact_leaf_is_run_as_it_is() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(Stem(), nn.Conv2d(2, 3, 2, stride=2), nn.Conv2d(3, 2, 2)).double()
    dense = densify(net)
    assert dense.fov == (6, 6)
    image = torch.randn(1, 1, 9, 11, dtype=torch.double)
    assert_same(dense(image, strategy="dense"), dense(image, strategy="patches"), 1e-10)


def test_taps_lie_apart_by_the_product_of_the_strides_before() -> None:
    dense = densify(nn.Sequential(nn.Conv2d(1, 1, 2, 2), nn.MaxPool2d(2, 3), nn.Conv2d(1, 1, 2, 5), nn.Conv2d(1, 1, 2)))
    assert [step.grid.dilation[0] for step in dense.program.steps] == [2, 6, 30, 30]
    assert dense.fov == (1 + 1 + 2 + 6 + 30,) * 2


def test_fov_of_the_network_of_the_paper() -> None:
    assert densify(plain_cnn_1()).fov == (133, 133)


def test_fov_of_n4() -> None:
    convs = [nn.Conv2d(1, 48, 4), nn.Conv2d(48, 48, 5), nn.Conv2d(48, 48, 4), nn.Conv2d(48, 48, 4)]
    layers = [layer for conv in convs for layer in (conv, nn.MaxPool2d(2))]
    dense = densify(nn.Sequential(*layers, nn.Flatten(), nn.Linear(48 * 9, 200), nn.Linear(200, 2)))
    assert dense.fov == (95, 95)


def test_parameters_are_shared_and_stored_once() -> None:
    net = plain_cnn_1()
    before = copy.deepcopy(net.state_dict())
    dense = densify(net)
    assert list(net.state_dict()) == list(before)
    assert all(torch.equal(net.state_dict()[key], before[key]) for key in before)
    assert len(dense.state_dict()) == len(before)
    assert {p.data_ptr() for p in dense.parameters()} == {p.data_ptr() for p in net.parameters()}


def test_dense_network_follows_an_update_of_the_module() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(8, 2)).double()
    dense = densify(net)
    image = torch.randn(1, 1, 6, 6, dtype=torch.double)
    with torch.no_grad():
        net[0].weight.mul_(2)
        net[2].weight = nn.Parameter(net[2].weight + 1)
    assert_same(dense(image, strategy="dense"), dense(image, strategy="patches"), 1e-10)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda dense: pickle.loads(pickle.dumps(dense))])
def test_copy_follows_its_own_parameters(clone: Callable[[DenseNetwork], DenseNetwork]) -> None:
    net = Idioms().double().eval()
    dense = densify(net, fov=(16, 17))
    image = torch.randn(1, 2, 20, 20, dtype=torch.double)
    before = dense(image, strategy="dense")
    other = clone(dense)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.5)
    assert_same(other(image, strategy="dense"), other(image, strategy="patches"), 1e-10)
    assert torch.equal(dense(image, strategy="dense"), before)


def test_function_with_a_mode_follows_train_and_eval() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 4, 2)

        def forward(self, patch: Tensor) -> Tensor:
            return F.dropout(self.conv(patch), 0.5, self.training)

    dense = densify(Noisy().train())
    image = torch.randn(1, 1, 30, 30)
    assert (dense(image, "dense") == 0).any()
    dense.eval()
    assert not (dense(image, "dense") == 0).any()


@pytest.mark.parametrize("with_gradient", [False, True])
@pytest.mark.parametrize("extra_px", [(0, 0), (0, 7), (12, 0)])
def test_auto_gives_the_scores_of_either_strategy(extra_px: tuple[int, int], with_gradient: bool) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 4), nn.MaxPool2d(4), nn.Conv2d(4, 2, 3)).double()
    dense = densify(net)
    image = torch.randn(1, 1, *(f + n for f, n in zip(dense.fov, extra_px, strict=True)), dtype=torch.double)
    with torch.set_grad_enabled(with_gradient):
        assert_same(dense(image), dense(image, strategy="dense"), 1e-10)


def test_image_smaller_than_the_fov_is_refused() -> None:
    dense = densify(nn.Sequential(nn.Conv2d(1, 2, 5)))
    with pytest.raises(ShapeError, match=r"at least \(5, 5\) px, the field of view, got \(5, 4\)"):
        dense(torch.zeros(1, 1, 5, 4))


@pytest.mark.parametrize("shape", [(1, 2, 9, 9), (1, 9, 9), (1, 1, 9, 9, 9)])
def test_image_of_other_channels_or_axes_is_refused(shape: tuple[int, ...]) -> None:
    dense = densify(nn.Sequential(nn.Conv2d(1, 2, 5)))
    with pytest.raises(ShapeError, match=r"image must be \(B, 1, Y, X\), got shape"):
        dense(torch.zeros(shape))


def test_unknown_strategy_is_refused() -> None:
    dense = densify(nn.Sequential(nn.Conv2d(1, 2, 5)))
    with pytest.raises(
        BackendError, match="strategy must be one of auto, dense, fragments, selected, patches, got 'magic'"
    ):
        dense(torch.zeros(1, 1, 9, 9), strategy="magic")


@pytest.mark.parametrize("strategy", ["auto", "dense", "fragments", "selected", "patches"])
@pytest.mark.parametrize("net", [plain_cnn_1(), nn.Sequential(nn.Conv2d(3, 2, 3))])
def test_no_images_give_no_scores_with_a_gradient_of_zero(net: nn.Sequential, strategy: ForwardStrategy) -> None:
    dense = densify(net)
    scores = dense(torch.zeros(0, 3, *(n + 4 for n in dense.fov)), strategy)
    assert scores.shape == (0, len(net[-1].weight), 5, 5)
    assert not any(grad.any() for grad in torch.autograd.grad(scores.sum(), list(net.parameters())))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float64])
@pytest.mark.parametrize("strategy", ["auto", "dense", "selected", "patches"])
def test_image_of_another_number_type_is_refused(dtype: torch.dtype, strategy: ForwardStrategy) -> None:
    dense = densify(nn.Sequential(nn.Conv2d(1, 2, 3)))
    with pytest.raises(ImageError, match=f"number type, torch.float32, got {dtype}"):
        dense(torch.zeros(1, 1, 9, 9, dtype=dtype), strategy)


def test_dense_network_follows_a_layer_that_is_replaced() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Conv2d(2, 2, 2))
    dense, image = densify(net), torch.randn(1, 1, 20, 20)
    dense(image)
    net[0] = nn.Conv2d(1, 2, 3)
    assert_same(dense(image, "dense"), dense(image, "patches"), 1e-5)
