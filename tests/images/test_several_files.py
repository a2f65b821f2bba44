"""Images that are kept in several files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from clicktrain.errors import ImageError
from clicktrain.geometry.region import Region
from clicktrain.images.source import open_image

if TYPE_CHECKING:
    from pathlib import Path

VALUES = np.random.default_rng(0).integers(0, 255, (2, 20, 30)).astype(np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """An OME-TIFF of two channels, each in a file of its own that names both."""
    uuids = [f"urn:uuid:1111111{channel}-1111-1111-1111-111111111111" for channel in range(2)]
    paths = [tmp_path / f"f{channel}.ome.tif" for channel in range(2)]
    data = "".join(
        f'<TiffData FirstC="{channel}" FirstZ="0" FirstT="0" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{path.name}">{uuid}</UUID></TiffData>'
        for channel, (path, uuid) in enumerate(zip(paths, uuids, strict=True))
    )
    channels = "".join(f'<Channel ID="Channel:0:{channel}" SamplesPerPixel="1"/>' for channel in range(2))
    size = 'SizeX="30" SizeY="20" SizeC="2" SizeZ="1" SizeT="1"'
    for path, uuid, values in zip(paths, uuids, VALUES, strict=True):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}"><Image ID="Image:0">'
            f'<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" {size}>{channels}{data}</Pixels></Image></OME>'
        )
        tifffile.imwrite(path, values, description=xml, metadata=None, photometric="minisblack")
    return paths


def test_all_files_of_an_image_are_read(files: list[Path]) -> None:
    np.testing.assert_array_equal(open_image(files[0]).read(Region.whole((20, 30))), VALUES)


def test_an_image_of_which_a_file_is_missing_is_refused(files: list[Path]) -> None:
    files[1].unlink()
    with pytest.raises(ImageError, match=r"f0\.ome\.tif"):
        open_image(files[0]).read(Region.whole((20, 30)))
