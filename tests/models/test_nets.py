from __future__ import annotations

import pytest
import torch
from torch import nn

from clicktrain.config import NetworkConfig, preset
from clicktrain.engine.densify import densify
from clicktrain.models.pixels.nets import LocalNet, Standardise, build_network

TINY = NetworkConfig(sigmas_px=(0.7, 1.0), width=4, levels=3, members=2)


def tiny_network() -> torch.nn.Module:
    net = build_network(TINY, in_channels=2, n_classes=3, seed=1).eval()
    net.standardise.measure(net.stem(torch.rand(1, 2, 40, 40)))
    for member in net.members:
        torch.nn.init.normal_(member.skip.weight)
    return net


def test_the_default_network_is_one_exact_patch_classifier() -> None:
    net = tiny_network()
    dense = densify(net, ndim=2, fov=net.fov)
    assert dense.fov == (net.stem.exact_fov[0] + 14,) * 2
    image = torch.rand(1, 2, dense.fov[0] + 6, dense.fov[1] + 3)
    torch.testing.assert_close(dense(image, strategy="dense"), dense(image, strategy="patches"), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["fast", "auto", "wide"])
def test_field_of_view_of_the_context_network_follows_from_its_levels(name: str) -> None:
    config = preset(name).network
    net = build_network(config, in_channels=1, n_classes=2)
    member = net.members[0]
    assert member.fov_px == 2 ** (config.levels + 1) - 1
    patch = torch.rand(1, net.stem.out_channels, member.fov_px, member.fov_px)
    assert member(patch).shape == (1, 2, 1, 1)


@pytest.mark.parametrize("choice", [{"mod_channels": 5}, {"mod_channels": 2, "levels": 1}, {"mod_channels": -1}])
def test_settings_that_no_block_could_follow_are_refused(choice: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="mod_channels"):
        NetworkConfig(**{"sigmas_px": (0.7,), "width": 4, "levels": 3, "members": 1, **choice})


@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_network_that_chooses_channels_is_one_exact_patch_classifier(k: int, levels: int) -> None:
    config = TINY.model_copy(update={"mod_channels": k, "levels": levels, "members": 1})
    member = build_network(config, in_channels=2, n_classes=3, seed=1).local_nets[0].double().eval()
    dense = densify(member, fov=member.fov_px)
    features = torch.randn(1, 28, dense.fov[0] + 4, dense.fov[1] + 3).double()
    for strategy in ("dense", "fragments"):
        torch.testing.assert_close(dense(features, strategy), dense(features, "patches"), atol=1e-10, rtol=0)


def test_plain_network_has_the_weights_that_it_had_without_the_choice() -> None:
    names = build_network(TINY, in_channels=1, n_classes=2).members[0].state_dict()
    assert not [name for name in names if "selector" in name or "branch" in name]


def test_one_seed_gives_one_network_and_leaves_the_global_state_alone() -> None:
    state = torch.random.get_rng_state()
    one, same, other = (build_network(TINY, in_channels=1, n_classes=2, seed=s).state_dict() for s in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_standardised_features_have_mean_0_and_deviation_1() -> None:
    features = torch.randn(2, 5, 30, 30) * 7 + 3
    features[:, 2] = 4
    layer = Standardise(5)
    layer.measure(features)
    deviation, mean = torch.std_mean(layer(features), dim=(0, 2, 3), correction=0)
    torch.testing.assert_close(mean, torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(deviation, torch.tensor([1.0, 1, 0, 1, 1]), atol=1e-5, rtol=0)


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
