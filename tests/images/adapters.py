"""One image in every kind of storage that an image source reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import tifffile
import zarr
from PIL import Image

from clicktrain.geometry.region import Region
from clicktrain.images.source import open_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from clicktrain.images.source import ImageSource

GREY = np.random.default_rng(0).integers(0, 60000, (75, 62)).astype(np.uint16)
COLOUR = np.random.default_rng(1).integers(0, 255, (75, 62, 3)).astype(np.uint8)
VOLUME = np.random.default_rng(2).integers(0, 60000, (6, 40, 37)).astype(np.uint16)


def written(path: Path, write: Callable[[Path], object]) -> Path:
    write(path)
    return path


def tiff(path: Path, array: Any, **options: Any) -> Path:
    return written(path, lambda target: tifffile.imwrite(target, array, **options))


def pyramid_tiff(path: Path) -> Path:
    with tifffile.TiffWriter(path) as file:
        file.write(GREY, tile=(16, 32), subifds=1)
        file.write(GREY[::2, ::2], tile=(16, 32), subfiletype=1)
    return path


def zarr_array(path: Path, array: Any, chunks: tuple[int, ...], **options: Any) -> Path:
    return written(path, lambda target: zarr.create_array(target, data=array, chunks=chunks, **options))


def ome_zarr(
    path: Path, levels: Sequence[Any], axes: str, *, version: str = "0.5", scale: Sequence[float] = ()
) -> Path:
    """Write an OME-Zarr image as the specification has it."""
    group = zarr.create_group(path, zarr_format=3 if version == "0.5" else 2)
    datasets = []
    for number, level in enumerate(levels):
        group.create_array(f"s{number}", data=level, chunks=tuple(min(16, n) for n in level.shape))
        steps = [step * 2**number for step in scale or [1.0] * level.ndim]
        datasets.append({"path": f"s{number}", "coordinateTransformations": [{"type": "scale", "scale": steps}]})
    kinds = {"t": "time", "c": "channel"}
    named = [{"name": name, "type": kinds.get(name, "space")} for name in axes]
    multiscales = [{"axes": named, "datasets": datasets} | ({"version": "0.4"} if version == "0.4" else {})]
    found = {"multiscales": multiscales}
    group.attrs.update({"ome": {"version": "0.5"} | found} if version == "0.5" else found)
    return path


def npy(path: Path, array: Any) -> Path:
    return written(path, lambda target: np.save(target, array))


def png(path: Path, array: Any) -> Path:
    return written(path, lambda target: Image.fromarray(array).save(target))


def pages_of(volume: Any) -> Any:
    """Five axes, as microscopes write them."""
    return volume[np.newaxis, np.newaxis]


GREYS: dict[str, Callable[[Path], Any]] = {
    "array": lambda folder: GREY,
    "list": lambda folder: GREY.tolist(),
    "big-endian array": lambda folder: GREY.astype(">u2"),
    "array with gaps": lambda folder: np.repeat(GREY, 2, axis=1)[:, ::2],
    "memory map": lambda folder: np.load(npy(folder / "m.npy", GREY), mmap_mode="r"),
    "dask array": lambda folder: da.from_array(GREY, chunks=(20, 31)),
    "dask array of uneven chunks": lambda folder: da.from_array(GREY, chunks=((3, 40, 32), (61, 1))),
    "open Zarr array": lambda folder: zarr.create_array(folder / "b.zarr", data=GREY, chunks=(32, 16)),
    "contiguous TIFF": lambda folder: tiff(folder / "a.tif", GREY),
    "big-endian TIFF": lambda folder: tiff(folder / "a.tif", GREY, byteorder=">"),
    "stripped TIFF": lambda folder: tiff(folder / "a.tif", GREY, rowsperstrip=7, compression="zlib"),
    "TIFF of one strip": lambda folder: tiff(folder / "a.tif", GREY, rowsperstrip=75, compression="zlib"),
    "big-endian tiled TIFF": lambda folder: tiff(
        folder / "a.tif", GREY, byteorder=">", tile=(32, 48), compression="zlib"
    ),
    "uncompressed tiled TIFF": lambda folder: tiff(folder / "a.tif", GREY, tile=(32, 48)),
    "pyramid TIFF": lambda folder: pyramid_tiff(folder / "a.tif"),
    "OME-TIFF": lambda folder: tiff(folder / "a.ome.tif", GREY),
    "NPY": lambda folder: npy(folder / "a.npy", GREY),
    "NPY in Fortran order": lambda folder: npy(folder / "a.npy", np.asfortranarray(GREY)),
    "PNG": lambda folder: png(folder / "a.png", GREY),
    "Zarr": lambda folder: zarr_array(folder / "a.zarr", GREY, (32, 16)),
    "sharded Zarr": lambda folder: zarr_array(folder / "a.zarr", GREY, (16, 16), shards=(32, 32)),
    "OME-Zarr 0.5": lambda folder: ome_zarr(folder / "a.ome.zarr", [GREY[None, None, None]], "tczyx"),
    "OME-Zarr 0.4": lambda folder: ome_zarr(folder / "a.ome.zarr", [GREY], "yx", version="0.4"),
}
COLOURS: dict[str, Callable[[Path], Any]] = {
    "array": lambda folder: COLOUR,
    "dask array": lambda folder: da.from_array(COLOUR, chunks=(20, 31, 2)),
    "PNG": lambda folder: png(folder / "a.png", COLOUR),
    "PNG with transparency": lambda folder: png(folder / "a.png", np.dstack([COLOUR, COLOUR[..., :1]])),
    "NPY": lambda folder: npy(folder / "a.npy", COLOUR),
    "TIFF": lambda folder: tiff(folder / "a.tif", COLOUR, photometric="rgb"),
    "planar tiled TIFF": lambda folder: tiff(
        folder / "a.tif", COLOUR.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", tile=(32, 32)
    ),
    "TIFF with transparency": lambda folder: tiff(
        folder / "a.tif", np.dstack([COLOUR, COLOUR[..., :1]]), photometric="rgb", extrasamples=["unassalpha"]
    ),
    "tiled TIFF with transparency": lambda folder: tiff(
        folder / "a.tif",
        np.dstack([COLOUR, COLOUR[..., :1]]),
        photometric="rgb",
        extrasamples=["unassalpha"],
        tile=(32, 32),
        compression="zlib",
    ),
    "channels TIFF": lambda folder: tiff(
        folder / "a.tif", COLOUR.transpose(2, 0, 1), photometric="minisblack", metadata={"axes": "CYX"}
    ),
    "OME-Zarr": lambda folder: ome_zarr(folder / "a.ome.zarr", [COLOUR.transpose(2, 0, 1)], "cyx"),
}
VOLUMES: dict[str, Callable[[Path], ImageSource]] = {
    "array": lambda folder: open_image(VOLUME, axes="ZYX"),
    "array with axes of length 1": lambda folder: open_image(pages_of(VOLUME), axes="ZYX"),
    "array of columns": lambda folder: open_image(VOLUME.T, axes="XYZ"),
    "dask array": lambda folder: open_image(da.from_array(VOLUME, chunks=(4, 16, 16)), axes="ZYX"),
    "NPY": lambda folder: open_image(npy(folder / "a.npy", VOLUME), axes="zyx"),
    "ImageJ TIFF": lambda folder: open_image(tiff(folder / "a.tif", VOLUME, imagej=True, metadata={"axes": "ZYX"})),
    "compressed TIFF": lambda folder: open_image(
        tiff(folder / "a.tif", VOLUME, compression="zlib", metadata={"axes": "ZYX"})
    ),
    "OME-TIFF": lambda folder: open_image(tiff(folder / "a.ome.tif", VOLUME, ome=True, metadata={"axes": "ZYX"})),
    "OME-Zarr 0.5": lambda folder: open_image(ome_zarr(folder / "a.ome.zarr", [VOLUME], "zyx")),
    "OME-Zarr 0.4": lambda folder: open_image(
        ome_zarr(folder / "a.ome.zarr", [pages_of(VOLUME)], "tczyx", version="0.4")
    ),
    "frame of an array": lambda folder: open_image(np.stack([VOLUME[::-1], VOLUME]), axes="TZYX", frame=1),
    "frame of an OME-Zarr": lambda folder: open_image(
        ome_zarr(folder / "a.ome.zarr", [np.stack([VOLUME[::-1], VOLUME])], "tzyx"), frame=1
    ),
    "frame of a TIFF": lambda folder: open_image(
        tiff(folder / "a.tif", np.stack([VOLUME[::-1], VOLUME]), imagej=True, metadata={"axes": "TZYX"}), frame=1
    ),
}


def whole(source: ImageSource) -> Any:
    """All of an image, (C, [Z,] Y, X)."""
    return source.read(Region.whole(source.shape_px))
