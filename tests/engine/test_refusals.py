"""What has no exact dense form is refused by name, with the reason and the way out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clicktrain import densify
from clicktrain.errors import DensifyError


class Calling(nn.Module):
    """A convolution, then some function of its map."""

    def __init__(self, function: object) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.function = function

    def forward(self, patch: Tensor) -> Tensor:
        return self.function(self.conv(patch))


def hooked() -> nn.Module:
    layer = nn.Conv2d(4, 2, 3)
    layer.register_forward_hook(lambda module, args, out: out * 2)
    return layer


LAYERS = {
    "zero padding": (nn.Conv2d(4, 2, 3, padding=1), "padding=.1, 1. invents pixels.*Use padding=0"),
    "same padding": (nn.Conv2d(4, 2, 3, padding="same"), "padding=same invents pixels"),
    "padded pool": (nn.MaxPool2d(2, padding=1), "padding=1 invents pixels"),
    "padding layer": (nn.ReflectionPad2d(1), "padding invents pixels"),
    "ceil mode": (nn.AvgPool2d(2, ceil_mode=True), "ceil_mode=True pools over a window that leaves the patch"),
    "pool indices": (nn.MaxPool2d(2, return_indices=True), "return_indices=True"),
    "adaptive pool": (nn.AdaptiveAvgPool2d(2), "windows of unequal size.*Pool to 1"),
    "group norm": (nn.GroupNorm(2, 4), "mean and variance are those of one patch.*BatchNorm in eval mode"),
    "instance norm": (nn.InstanceNorm2d(4), "mean and variance are those of one patch"),
    "layer norm": (nn.LayerNorm(8), "mean and variance are those of one patch"),
    "batch norm without statistics": (nn.BatchNorm2d(4, track_running_stats=False), "without running statistics"),
    "upsampling": (nn.Upsample(scale_factor=2), "upsampled values lie between pixels.*remove the upsampling"),
    "transposed convolution": (nn.ConvTranspose2d(4, 2, 2), "upsampled values lie between pixels"),
    "attention": (nn.MultiheadAttention(4, 2), "as along a sequence"),
    "volume layer": (nn.Conv3d(4, 2, 3), r"3 spatial axes, densify was told 2.*ndim=3"),
    "linear without flatten": (nn.Linear(8, 2), "a Linear before a Flatten.*nn.Flatten"),
    "flatten of the batch": (nn.Flatten(0), "mixes patches"),
    "wrong channels": (nn.Conv2d(3, 2, 3), "takes 3 channels and gets 4"),
    "softmax along the image": (nn.Softmax(dim=-1), "dim=-1 is not the class axis.*Use dim=1"),
    "hook": (hooked(), "forward hooks"),
    "unknown module": (nn.Bilinear(2, 2, 2), "densify does not know it"),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_layer_is_refused_by_its_qualified_name(kind: str) -> None:
    layer, reason = LAYERS[kind]
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sequential(nn.ReLU(), layer))
    with pytest.raises(DensifyError, match=rf"layer '1\.1' has no exact dense form: .*{reason}"):
        densify(net, fov=10)


FUNCTIONS = {
    "interpolate": (lambda x: F.interpolate(x, scale_factor=2.0), "upsampled values"),
    "pad": (lambda x: F.pad(x, (1, 1)), "padding invents pixels"),
    "mean over channels": (lambda x: x.mean(1), "not one over all spatial axes"),
    "sum over the map": (lambda x: x.sum((2, 3)), "densify does not know it"),
    "permute": (lambda x: x.permute(0, 1, 3, 2), "densify does not know it"),
    "reshape": (lambda x: x.reshape(-1, 2, 8), "mixes channels and pixels"),
    "slices of unequal size": (lambda x: x[:, :, 1:] + x[:, :, :-2], "joins maps of"),
    "broadcast over the map": (lambda x: x * x.mean((2, 3), keepdim=True), "joins maps of"),
    "other strides": (lambda x: x[:, :, ::2, ::2] + x[:, :, :4, :4], "joins maps of"),
    "map and flattened map": (lambda x: torch.flatten(x, 1) + x, "a map and a flattened map"),
    "concatenation along the image": (lambda x: torch.cat([x, x], 2), "dim=2 is not the channel axis"),
    "constant per pixel": (lambda x: x + torch.ones(1, 1, 8, 8), "differs from pixel to pixel"),
    "slice of the batch": (lambda x: x[:1], "takes some patches of the batch"),
    "dropped axis": (lambda x: x[:, :, 0], "an index drops an axis"),
    "gathered index": (lambda x: x[:, [0, 1]], "other than slices"),
    "empty slice": (lambda x: x[:, :, 5:3], "a slice keeps nothing"),
    "in-place on a slice": (lambda x: F.relu(x[:, :2], inplace=True), "overwrites a tensor that is sliced"),
    "functional normalisation": (lambda x: F.group_norm(x, 2), "mean and variance are those of one patch"),
    "squeeze of a map": (lambda x: x.squeeze(), "it squeezes a map"),
    "tensor attribute": (lambda x: x.T, "reads the attribute 'T'"),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_function_is_refused_with_its_reason(kind: str) -> None:
    function, reason = FUNCTIONS[kind]
    with pytest.raises(DensifyError, match=rf"layer '\w+' has no exact dense form: .*{reason}"):
        densify(Calling(function), fov=10)


def test_exact_leaf_after_a_stride_is_refused() -> None:
    leaf = nn.Sequential(nn.Conv2d(1, 1, 3))
    leaf.exact_fov = (3, 3)
    with pytest.raises(DensifyError, match=r"layer '1'.*must come before any stride"):
        densify(nn.Sequential(nn.Conv2d(1, 1, 2, stride=2), leaf))


def test_exact_leaf_with_a_wrong_field_of_view_is_refused() -> None:
    leaf = nn.Conv2d(1, 1, 3)
    leaf.exact_fov = (5, 5)
    with pytest.raises(DensifyError, match=r"layer '0'.*exact_fov=\(5, 5\) must give one value"):
        densify(nn.Sequential(leaf))


def test_exact_leaf_at_the_front_must_say_its_channels() -> None:
    leaf = nn.Sequential(nn.Conv2d(1, 1, 3))
    leaf.exact_fov = (3, 3)
    with pytest.raises(DensifyError, match="layer '0' must say how many channels it takes"):
        densify(nn.Sequential(leaf))


def test_control_flow_on_values_is_refused() -> None:
    with pytest.raises(DensifyError, match=r"module must be traceable by torch\.fx"):
        densify(Calling(lambda x: x if x.sum() > 0 else -x))


def test_two_inputs_are_refused() -> None:
    class Two(nn.Module):
        def forward(self, left: Tensor, right: Tensor) -> Tensor:
            return left + right

    with pytest.raises(DensifyError, match="module must take one tensor, got 2 inputs"):
        densify(Two())


def test_several_outputs_are_refused() -> None:
    with pytest.raises(DensifyError, match="module must return one tensor of scores, got"):
        densify(Calling(lambda x: (x, x)))


def test_batch_norm_in_train_mode_is_refused_at_the_call() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).train()
    dense = densify(net)
    image = torch.zeros(1, 1, 5, 5)
    for call in (
        lambda: dense(image, "dense"),
        lambda: dense(image, "patches"),
        lambda: dense.at(image, torch.tensor([[0, 0]]), "patches"),
    ):
        with pytest.raises(DensifyError, match="layer '1' must be in eval mode, got train mode"):
            call()
    net.eval()
    assert dense(image, "dense").shape == (1, 2, 3, 3)


def test_patches_of_any_size_need_the_fov() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    with pytest.raises(DensifyError, match=r"fov must be given.*layer '1' takes patches of any size.*fov=\.\.\."):
        densify(net)
    assert densify(net, fov=7).fov == (7, 7)


def test_fov_with_several_scores_per_patch_is_refused() -> None:
    with pytest.raises(DensifyError, match=r"gives \(3, 3\) scores on a patch of \(5, 5\) px"):
        densify(nn.Sequential(nn.Conv2d(1, 2, 3)), fov=5)


def test_fov_too_small_for_a_layer_is_refused() -> None:
    with pytest.raises(DensifyError, match=r"fov must be at least \(3, 3\) px.*got \(2, 2\)"):
        densify(nn.Sequential(nn.Conv2d(1, 2, 3)), fov=2)


def test_fov_that_does_not_fit_the_linear_layer_is_refused() -> None:
    with pytest.raises(DensifyError, match=r"layer '2'.*it takes 18 features"):
        densify(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(18, 2)), fov=6)


@pytest.mark.parametrize("fov", [0, (3,), (3, 3, 3)])
def test_malformed_fov_is_refused(fov: object) -> None:
    with pytest.raises(DensifyError, match="fov must be one positive whole number, or one per spatial axis"):
        densify(nn.Sequential(nn.Conv2d(1, 2, 3)), fov=fov)


def test_other_numbers_of_axes_are_refused() -> None:
    with pytest.raises(DensifyError, match="ndim must be 2 or 3, got 1"):
        densify(nn.Sequential(nn.Conv1d(1, 2, 3)), ndim=1)
