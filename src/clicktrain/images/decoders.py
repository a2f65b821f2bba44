"""One reader per file format: arrays as the file holds them, and the axes as far as the format tells them."""

from __future__ import annotations

import struct
import tokenize
import warnings
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tifffile
from PIL import Image

from clicktrain.errors import ImageError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PIL.ImageFile import ImageFile

    from clicktrain.types import AnyArray

__all__ = ["RawImage", "check_readable", "check_whole_tiff", "ends_in_alpha", "explained", "read_raw"]


class RawImage(NamedTuple):
    """What a file holds.

    Parameters
    ----------
    array : ndarray
    axes : str or None
        One letter per axis; None where the format does not tell.
    """

    array: AnyArray
    axes: str | None


# What the decoders raise on damaged files, found by cutting and overwriting good ones.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    Image.DecompressionBombError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
)


def read_raw(path: Path, *, palette: bool = True) -> RawImage:
    """Read a PNG, JPEG, TIFF or NPY file.

    Parameters
    ----------
    path : Path
        The ending tells the format.
    palette : bool
        Whether a PNG with a palette is read as its colours (True) or as its palette numbers (False).

    Raises
    ------
    StorageError
        If the file is not there or the system does not let it be read.
    ImageError
        If the file is empty, damaged, or of another format than its ending says.
    """
    kind, reader = _reader(path)
    check_readable(path)
    # Readers warn about odd but usable files; what is not usable raises.
    try:
        with explained(path, kind), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return reader(path, palette)
    except MemoryError as error:
        raise ImageError(f"`{path}` must fit into memory, got a larger image. Cut it into pieces first.") from error


@contextmanager
def explained(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever decoders raise on damaged files of a kind into an ImageError; smaller regions may help memory."""
    try:
        yield
    except (ImageError, MemoryError):
        raise
    except _DAMAGE as error:
        raise _unreadable(path, kind, error) from error


def _reader(path: Path) -> tuple[str, Callable[[Path, bool], RawImage]]:
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        return "TIFF", _read_tiff
    if suffix in (".png", ".jpg", ".jpeg"):
        return "PNG or JPEG", _read_picture
    if suffix == ".npy":
        return "NPY", _read_npy
    raise ImageError(f"`{path}` must be a PNG, JPEG, TIFF or NPY file, got the ending {path.suffix!r}.")


def check_readable(path: Path) -> None:
    """Refuse a file that is not there, may not be read or is empty."""
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise StorageError(f"`{path}` could not be read: {error.strerror or error}.") from error
    if empty:
        raise ImageError(f"`{path}` must hold an image, got an empty file.")


def _unreadable(path: Path, kind: str, error: BaseException) -> ImageError:
    detail = " ".join(str(error).split()) or type(error).__name__
    if "imagecodecs" in detail:
        return ImageError(
            f"`{path}` must have a compression that can be read here: {detail}. "
            "Save it uncompressed or with deflate, or install imagecodecs."
        )
    return ImageError(f"`{path}` must be a whole {kind} file, got one that is damaged or of another kind ({detail}).")


def _read_npy(path: Path, palette: bool) -> RawImage:
    # A memory map never unpickles and checks the length before anything is allocated.
    return RawImage(np.array(np.lib.format.open_memmap(path, mode="r")), None)


def _read_picture(path: Path, palette: bool) -> RawImage:
    with Image.open(path, formats=("PNG", "JPEG")) as picture:
        if picture.mode == "P" and not palette:
            return RawImage(np.asarray(picture), "YX")
        array = _deep_values(path, picture) if _is_deep(picture) else np.asarray(_plain(picture))
    if array.ndim == 2:
        return RawImage(array, "YX")
    return RawImage(np.ascontiguousarray(array[..., :3]), "YXC")


def _plain(picture: Image.Image) -> Image.Image:
    if picture.mode in ("LA", "La"):
        return picture.getchannel(0)
    grey = picture.mode in ("1", "L", "I", "F") or picture.mode.startswith("I;16")
    return picture if grey or picture.mode == "RGB" else picture.convert("RGB")


def _is_deep(picture: ImageFile) -> bool:
    return picture.mode.startswith(("RGB", "LA")) and any(";16" in str(tile.args) for tile in picture.tile)


def _deep_values(path: Path, picture: ImageFile) -> AnyArray:
    # Pillow keeps only the high byte of 16-bit colours. Read as little-endian, the same file gives the low byte.
    high = np.asarray(picture).astype(np.uint16)
    with Image.open(path, formats=("PNG",)) as again:
        again.tile = [tile._replace(args=str(tile.args).replace(";16B", ";16L")) for tile in again.tile]
        low = np.asarray(again).astype(np.uint16)
    return high * np.uint16(256) + low


def _read_tiff(path: Path, palette: bool) -> RawImage:
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        check_whole_tiff(file)
        array, axes = series.asarray(), series.axes
        if "S" in axes and ends_in_alpha(series):
            array = array.take(range(array.shape[axes.index("S")] - 1), axis=axes.index("S"))
    return RawImage(array, axes if "C" in axes else axes.replace("S", "C"))


def check_whole_tiff(file: tifffile.TiffFile) -> None:
    """Refuse a file that was cut off, of which a decoder would read a part as if it were all.

    Raises
    ------
    ValueError
        If pages or parts of the first image are missing.
    """
    _check_last_page(file)
    _check_complete(file.series[0])


def _check_last_page(file: tifffile.TiffFile) -> None:
    # Without this, a file that was cut off between two pages is read as a shorter one.
    layout, handle = file.tiff, file.filehandle
    start = file.pages[-1].offset
    handle.seek(start)
    (n_tags,) = struct.unpack(layout.tagnoformat, handle.read(layout.tagnosize))
    handle.seek(start + layout.tagnosize + n_tags * layout.tagsize)
    if any(handle.read(layout.offsetsize)):
        raise ValueError("pages are missing")


def _check_complete(series: tifffile.TiffPageSeries) -> None:
    # Without this, strips that were cut off are read as zeros.
    for page in series.pages:
        if page is None:
            raise ValueError("a page is missing")
        ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
        if max(ends, default=0) > page.parent.filehandle.size:
            raise ValueError("the file is cut off")


def ends_in_alpha(series: tifffile.TiffPageSeries) -> bool:
    """Tell whether the last sample of each pixel is transparency."""
    extra = series.keyframe.extrasamples
    return bool(extra) and extra[-1] in (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
