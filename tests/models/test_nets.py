from __future__ import annotations

import pytest
import torch
from torch import nn

from clicktrain.config import NetworkConfig, preset
from clicktrain.engine.densify import densify
from clicktrain.models.pixels.nets import LocalNet, build_network

TINY = NetworkConfig(sigmas_px=(0.7, 1.0), components=5, width=4, levels=3, members=2)


def tiny_network(feature_stride: int) -> torch.nn.Module:
    config = TINY.model_copy(update={"feature_stride": feature_stride})
    net = build_network(config, in_channels=2, n_classes=3, seed=1).eval()
    net.components.measure([net.stem(torch.rand(1, 2, 40, 40))[0]])
    for member in net.members:
        torch.nn.init.normal_(member.skip.weight)
    return net


@pytest.mark.parametrize("feature_stride", [1, 2])
def test_the_default_network_is_one_exact_patch_classifier(feature_stride: int) -> None:
    net = tiny_network(feature_stride)
    dense = densify(net, ndim=2, fov=net.fov)
    assert dense.fov == (net.stem.exact_fov[0] + 14 * feature_stride,) * 2
    image = torch.rand(1, 2, dense.fov[0] + 6, dense.fov[1] + 3)
    torch.testing.assert_close(dense(image, strategy="dense"), dense(image, strategy="patches"), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["fast", "auto", "wide"])
def test_field_of_view_of_the_context_network_follows_from_its_levels(name: str) -> None:
    config = preset(name).network
    net = build_network(config, in_channels=1, n_classes=2)
    member = net.members[0]
    assert member.fov_px == 2 ** (config.levels + 1) - 1
    assert net.local_fov == ((member.fov_px - 1) * config.feature_stride + 1,) * 2
    patch = torch.rand(1, len(net.components.weight), member.fov_px, member.fov_px)
    assert member(patch).shape == (1, 2, 1, 1)


def test_one_seed_gives_one_network_and_leaves_the_global_state_alone() -> None:
    state = torch.random.get_rng_state()
    one, same, other = (build_network(TINY, in_channels=1, n_classes=2, seed=s).state_dict() for s in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("ndim", [2, 3])
def test_gradients_by_patches_are_those_of_the_dense_pass(ndim: int) -> None:
    net = LocalNet(3, 2, width=4, levels=2, ndim=ndim).double().train()
    dense = densify(net, ndim=ndim, fov=net.fov_px)
    nn.init.normal_(net.skip.weight)
    image = torch.rand(1, 3, *(net.fov_px + n for n in (2, 1, 3)[:ndim]), dtype=torch.double)
    found = []
    for strategy in ("patches", "dense"):
        scores = dense(image, strategy=strategy)
        weights = torch.arange(scores.numel(), dtype=torch.double).view(scores.shape)
        found.append((scores, *torch.autograd.grad((scores * weights).sum(), list(net.parameters()))))
    for by_patches, by_maps in zip(*found, strict=True):
        torch.testing.assert_close(by_patches, by_maps)
