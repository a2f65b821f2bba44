from __future__ import annotations

import pytest
import torch

from clicktrain.models.pixels.stem import ScaleSpaceStem
from clicktrain.models.pixels.volume_stem import FEATURES_PER_SCALE, VolumeStem, eigenvalues

STEM = VolumeStem(2, (0.7, 1.6))


def features_of(stem: VolumeStem, volume: torch.Tensor) -> torch.Tensor:
    """Of shape (B, S, 9, C, z, y, x)."""
    return stem(volume).unflatten(1, (len(stem.sigmas_px), FEATURES_PER_SCALE, stem.in_channels))


def test_a_patch_gives_the_values_of_the_whole_volume() -> None:
    volume = torch.rand(1, 2, 30, 50, 28)
    whole = STEM(volume)
    d, h, w = STEM.exact_fov
    for z, y, x in [(0, 0, 0), (3, 11, 5), (30 - d, 50 - h, 28 - w)]:
        patch = STEM(volume[:, :, z : z + d, y : y + h, x : x + w])
        torch.testing.assert_close(patch[0, :, 0, 0, 0], whole[0, :, z, y, x], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("axes", [(3, 4), (2, 4), (2, 3)])
def test_features_of_a_turned_volume_are_turned_features(axes: tuple[int, int]) -> None:
    volume = torch.rand(1, 2, 24, 24, 24)
    torch.testing.assert_close(STEM(volume.rot90(1, axes)), STEM(volume).rot90(1, axes), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(STEM(volume.flip(axes[0])), STEM(volume).flip(axes[0]), atol=1e-3, rtol=1e-3)


def test_features_are_linear_in_contrast() -> None:
    volume = torch.rand(1, 2, 24, 24, 24)
    torch.testing.assert_close(STEM(volume * 10), STEM(volume) * 10, atol=1e-2, rtol=1e-2)


def test_flat_ground_has_no_features_but_its_value() -> None:
    features = features_of(STEM, torch.full((1, 2, 24, 24, 24), 3.0))
    torch.testing.assert_close(features[:, :, 0], torch.full_like(features[:, :, 0], 3.0))
    assert features[:, :, 1:].abs().max() < 2e-3  # what the roots make of float32 rounding


def test_what_does_not_change_along_z_has_the_features_of_its_slice() -> None:
    slice_ = torch.rand(1, 2, 40, 36)
    flat = ScaleSpaceStem(2, STEM.sigmas_px)(slice_).unflatten(1, (2, 7, 2))
    deep = features_of(STEM, slice_[:, :, None].expand(-1, -1, 30, -1, -1))[:, :, :, :, 0]
    torch.testing.assert_close(deep[:, :, :3], flat[:, :, :3], atol=1e-4, rtol=1e-3)
    hessian, tensor = deep[:, :, 3:6], deep[:, :, 6:]
    with_nothing_along_z = torch.cat((flat[:, :, 3:5], torch.zeros_like(flat[:, :, :1])), 2)
    torch.testing.assert_close(hessian, with_nothing_along_z.sort(2, descending=True)[0], atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(tensor[:, :, :2], flat[:, :, 5:], atol=5e-3, rtol=1e-2)


def test_a_bright_sheet_has_one_large_negative_hessian_eigenvalue_whichever_way_it_lies() -> None:
    for axis in (2, 3, 4):
        volume = torch.zeros(1, 2, 24, 24, 24)
        volume.select(axis, 12).fill_(1)
        margin = STEM.margins_px[0]
        found = features_of(STEM, volume)[0, 1, 3:6, 0].select(axis - 1, 12 - margin)
        assert (found[2] < -0.1).all()
        assert found[:2].abs().max() < 1e-3


def test_slices_far_apart_are_measured_on_the_scale_of_the_slices() -> None:
    """A blob twice as long in pixels of y and x as in slices looks the same from all sides."""
    z, y, x = torch.meshgrid(torch.arange(-20.0, 21) * 2, *[torch.arange(-30.0, 31)] * 2, indexing="ij")
    blob = torch.exp(-(z**2 + y**2 + x**2) / (2 * 6.0**2))[None, None]
    stem = VolumeStem(1, (3.0,), anisotropy=2.0)
    found = features_of(stem, blob)[0, 0, :, 0]
    middle = found[(slice(None), *(n // 2 for n in found.shape[1:]))]
    torch.testing.assert_close(middle[3:6], middle[3:6].mean().expand(3), atol=2e-3, rtol=0.02)
    assert middle[3] < -0.1


@pytest.mark.parametrize("anisotropy", [0.1, 8.0, 100.0])
def test_slices_may_lie_far_apart_or_close_together(anisotropy: float) -> None:
    stem = VolumeStem(1, (0.7, 1.0), anisotropy=anisotropy)
    assert stem(torch.rand(1, 1, *stem.exact_fov)).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_eigenvalues_are_those_of_the_matrices(dtype: torch.dtype) -> None:
    rng = torch.Generator().manual_seed(0)
    entries = torch.randn(6, 500, generator=rng, dtype=torch.float64)
    entries[3:, :100] = 0  # diagonal
    entries[:, 100] = 0
    entries[:3, 101] = 5.0
    entries[3:, 101] = 0
    entries[:3, 102] = torch.tensor([1.0, 1.0, 3.0])
    entries[3:, 102] = 0
    zz, yy, xx, zy, zx, yx = entries
    matrices = torch.stack((zz, zy, zx, zy, yy, yx, zx, yx, xx), -1).view(-1, 3, 3)
    expected = torch.linalg.eigvalsh(matrices).flip(-1).T
    tolerance = 1e-3 if dtype == torch.float32 else 1e-7
    torch.testing.assert_close(eigenvalues(entries.to(dtype)).double(), expected, atol=tolerance, rtol=tolerance)


def test_weights_of_the_stem_are_fixed_and_not_saved() -> None:
    assert list(STEM.parameters()) == []
    assert STEM.state_dict() == {}
