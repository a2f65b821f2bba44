from __future__ import annotations

import pytest
import torch

from clicktrain.models.pixels.components import PrincipalComponents


def correlated_features(sides: tuple[int, ...], seed: int) -> torch.Tensor:
    """Eight features that say three things, one of them constant, another on a scale of its own."""
    rng = torch.Generator().manual_seed(seed)
    mixing = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    features = (mixing @ torch.randn(3, 600, generator=rng)).view(8, *sides) + 3
    features[2] = 4
    features[5] *= 1000
    return features


SHAPES = [(20, 30), (6, 10, 10)]


@pytest.mark.parametrize("sides", SHAPES)
def test_components_are_uncorrelated_and_of_variance_1_on_average(sides: tuple[int, ...]) -> None:
    parts = [correlated_features(sides, seed) for seed in (1, 2)]
    layer = PrincipalComponents(8, 3)
    layer.measure(parts)
    found = torch.cat([layer(part[None])[0].flatten(1) for part in parts], dim=1).double()
    torch.testing.assert_close(found.mean(dim=1), torch.zeros(3).double(), atol=1e-4, rtol=0)
    covariance = found @ found.T / found.shape[1]
    torch.testing.assert_close(covariance.trace() / 3, torch.tensor(1.0).double(), atol=1e-3, rtol=0)
    assert (covariance - covariance.diagonal().diag()).abs().max() < 1e-3
    assert (covariance.diagonal().diff() < 0).all()


def test_no_more_components_than_things_to_say_lose_nothing() -> None:
    features = correlated_features((20, 30), 1)
    layer = PrincipalComponents(8, 3)
    layer.measure([features])
    found = layer(features[None])[0].flatten(1)
    varying = [0, 1, 3, 4, 5, 6, 7]
    wanted = features.flatten(1)[varying]
    design = torch.cat((found, torch.ones(1, 600))).T.double()
    residual = wanted.T.double() - design @ torch.linalg.lstsq(design, wanted.T.double()).solution
    assert (residual.std(dim=0) < 1e-3 * wanted.T.std(dim=0)).all()


def test_large_parts_count_more_than_small_ones() -> None:
    large, small = correlated_features((20, 30), 1), correlated_features((20, 30), 2)[:, :1, :1] * 9
    one, both = PrincipalComponents(8, 3), PrincipalComponents(8, 3)
    one.measure([torch.cat((large.flatten(1), small.flatten(1)), dim=1)[:, None]])
    both.measure([large, small])
    torch.testing.assert_close(both.mean, one.mean, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(both.weight, one.weight, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("sides", SHAPES)
def test_every_pixel_is_reduced_for_itself(sides: tuple[int, ...]) -> None:
    features = correlated_features(sides, 1)
    layer = PrincipalComponents(8, 3)
    layer.measure([features])
    pixel = (slice(None), slice(None), *(slice(n - 1, n) for n in sides))
    whole = layer(features[None])
    torch.testing.assert_close(layer(features[None][pixel].contiguous()), whole[pixel], atol=1e-5, rtol=1e-5)
