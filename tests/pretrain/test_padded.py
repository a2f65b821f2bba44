from __future__ import annotations

import torch

from clicktrain.engine.densify import densify
from clicktrain.models.trunk import Refiner, Trunk
from clicktrain.pretrain.padded import embed, refine
from tests.engine.comparing import assert_same

EVIDENCE = -0.7


def noise(*shape: int, seed: int = 5) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def trained_refiner() -> Refiner:
    """A refiner as if it were trained: new ones add nothing."""
    refiner = Refiner(embedding=5, width=4, levels=3).double()
    for head in refiner.heads:
        torch.nn.init.normal_(head.weight)
    return refiner


def test_padded_trunk_equals_patch_scan_inside_the_border() -> None:
    trunk = Trunk(width=4, levels=3, out_channels=5).double()
    dense = densify(trunk, ndim=2, fov=trunk.fov_px)
    image = noise(2, 1, trunk.fov_px + 4, trunk.fov_px + 2)
    half_px = trunk.fov_px // 2
    whole = embed(trunk, image)
    assert whole.shape == (2, 5, *image.shape[2:])
    inside = whole[..., half_px:-half_px, half_px:-half_px]
    assert_same(inside, dense(image, strategy="patches"), 1e-9)
    assert_same(inside, dense(image, strategy="dense"), 1e-9)


def test_padded_refiner_equals_strides_in_a_patch() -> None:
    refiner = trained_refiner()
    scores, embedding = noise(3, 20, 19), noise(1, 5, 20, 19, seed=6)
    others = torch.stack([torch.stack([s for i, s in enumerate(scores) if i != k]).amax(0) for k in range(3)])
    told = torch.stack((scores, others, torch.full_like(scores, EVIDENCE)), 1)
    values = torch.cat((told, refiner.look(embedding).expand(3, -1, -1, -1)), 1)
    # The patch of three levels is 15 wide; each level halves it, and its head sees the centre.
    y, x = 9, 8
    values = values[..., y - 7 : y + 8, x - 7 : x + 8]
    expected = scores[:, y, x].clone()
    for conv, head in zip(refiner.convs, refiner.heads, strict=True):
        values = torch.relu(conv(values))
        middle = values.shape[-1] // 2
        expected = expected + head(values)[:, 0, middle, middle]
    assert_same(refine(refiner, scores, embedding, EVIDENCE)[:, y, x], expected, 1e-9)


def test_a_new_refiner_adds_nothing() -> None:
    scores = noise(3, 12, 12)
    refined = refine(Refiner(embedding=5).double(), scores, noise(1, 5, 12, 12), EVIDENCE)
    torch.testing.assert_close(refined, scores)


def test_the_order_of_classes_is_free() -> None:
    refiner = trained_refiner()
    scores, embedding = noise(4, 12, 12), noise(1, 5, 12, 12, seed=6)
    order = torch.tensor([2, 0, 3, 1])
    refined = refine(refiner, scores, embedding, EVIDENCE)
    assert_same(refine(refiner, scores[order], embedding, EVIDENCE), refined[order], 1e-9)
