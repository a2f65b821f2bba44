from __future__ import annotations

import pytest
import torch

from clicktrain.config.images import ImageNetworkConfig
from clicktrain.errors import ClickTrainError
from clicktrain.models.images.encoders import build_encoder
from clicktrain.models.images.image_net import build_image_network
from clicktrain.models.images.mod_encoders import mod_twin
from clicktrain.models.layers.mod import ModBlock


def mod_blocks(net: torch.nn.Module) -> list[ModBlock]:
    return [part for part in net.modules() if isinstance(part, ModBlock)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet", [(256, 4), (512, 8), (512, 8), (1024, 16), (1024, 16), (1024, 16), (2048, 32)]),
        ("mobilenet", [(24, 1), (32, 2), (64, 4), (64, 4), (96, 6), (160, 10)]),
    ],
)
def test_every_second_block_works_on_the_share_of_the_paper(name: str, expected: list[tuple[int, int]]) -> None:
    encoder = build_encoder(name, 2, 5, every_second=mod_twin(name))
    assert [(block.channels, block.k) for block in mod_blocks(encoder)] == expected


@pytest.mark.parametrize("norm", ["group", "frozen_batch"])
@pytest.mark.parametrize("name", ["resnet", "mobilenet"])
def test_gradient_reaches_every_selector_of_a_twin(name: str, norm: str) -> None:
    torch.manual_seed(0)
    encoder = build_encoder(name, 2, 5, norm=norm, every_second=mod_twin(name))
    encoder(torch.randn(2, 2, 64, 64)).square().sum().backward()
    blocks = mod_blocks(encoder)
    assert all(block.selector.excite.bias.grad.abs().max() > 0 for block in blocks)


def test_each_patch_of_a_batch_is_encoded_as_alone() -> None:
    torch.manual_seed(0)
    encoder = build_encoder("mobilenet", 2, 5, every_second=mod_twin("mobilenet")).eval()
    patches = torch.randn(3, 2, 64, 64)
    with torch.no_grad():
        alone = torch.cat([encoder(patch[None]) for patch in patches])
        torch.testing.assert_close(encoder(patches), alone, atol=1e-4, rtol=1e-4)


def test_settings_ask_for_a_twin() -> None:
    config = ImageNetworkConfig(encoder="mobilenet", mod_ratio=8)
    net = build_image_network(config, in_channels=1, n_classes=2)
    assert [block.k for block in mod_blocks(net)] == [3, 4, 8, 8, 12, 20]
    plain = build_image_network(ImageNetworkConfig(encoder="mobilenet"), in_channels=1, n_classes=2)
    assert mod_blocks(plain) == []


def test_encoder_without_second_blocks_is_refused() -> None:
    config = ImageNetworkConfig(encoder="small", mod_ratio=8)
    with pytest.raises(ClickTrainError, match=r"encoder must have stages of two blocks or more.*got 'small'"):
        build_image_network(config, in_channels=1, n_classes=2)


def test_ratio_that_leaves_a_block_without_channels_is_refused() -> None:
    config = ImageNetworkConfig(encoder="mobilenet", mod_ratio=25)
    with pytest.raises(ClickTrainError, match="c must be from 1 to the block's 24 channels"):
        build_image_network(config, in_channels=1, n_classes=2)
