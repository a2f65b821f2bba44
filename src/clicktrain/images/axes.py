"""What the axes of a stored array are, and which part of it is one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clicktrain.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["count_channels", "guess_axes", "image_axes"]

# Of these at most one each; all others must be of length 1, but for time, of which one frame is taken.
_SPATIAL = "ZYX"
_IDLE = "_"


def guess_axes(shape: Sequence[int]) -> str:
    """Name the axes of an array by its shape alone.

    Parameters
    ----------
    shape : sequence of int
        Two lengths are rows and columns; three with a last one of 3 or 4 are rows, columns and colours.

    Returns
    -------
    str
        "YX" or "YXC".

    Raises
    ------
    ImageError
        If the shape does not tell which axis is which.
    """
    if len(shape) == 2:
        return "YX"
    if len(shape) == 3 and shape[-1] in (3, 4):
        return "YXC"
    raise ImageError(
        f"axes must be given for an image of shape {tuple(shape)}, got none. "
        'Name every axis in order, for example "CYX", "YXC" or "ZYX".'
    )


def image_axes(shape: Sequence[int], axes: str | None, *, frame: int | None = None) -> str:
    """Name the axes of one image in an array.

    Parameters
    ----------
    shape : sequence of int
    axes : str, optional
        One letter per axis, or per axis that is longer than 1; guessed if not given.
    frame : int, optional
        Which time point is taken, if there are several.

    Returns
    -------
    str
        One letter per axis: of "C", "Z", "Y", "X" and "T", the last only where a frame is taken; "_" for axes of
        length 1 that say nothing. A stack of one plane is a plane.

    Raises
    ------
    ImageError
        If the axes do not fit the shape, are of unknown meaning, or name a stack over time of which no frame is taken.
    """
    names = _one_per_axis(shape, (axes or guess_axes(shape)).upper())
    names = "".join(_IDLE if n == 1 and name not in "CYX" else name for name, n in zip(names, shape, strict=True))
    used = names.replace(_IDLE, "")
    unknown = [name for name in used if name not in "CYXZT"]
    if unknown:
        raise ImageError(
            f'axes must be called Y (rows), X (columns), C (channels) or Z (slices), got "{used}" for shape '
            f'{tuple(shape)}, where "{unknown[0]}" could be anything. '
            'Give the axes, for example "CYX" for channels or "ZYX" for a volume.'
        )
    _check_frame(names, shape, frame)
    if len(set(used)) != len(used) or not {"Y", "X"} <= set(used):
        raise _bad_axes(shape, used)
    if 0 in shape:
        raise ImageError(f"image must have at least one pixel, got shape {tuple(shape)}.")
    return names


def count_channels(n_channels: int) -> str:
    """Say how many channels there are."""
    return f"{n_channels} channel" if n_channels == 1 else f"{n_channels} channels"


def _one_per_axis(shape: Sequence[int], names: str) -> str:
    if len(names) == len(shape):
        return names
    wide = [size > 1 for size in shape]
    if len(names) != sum(wide):
        raise _bad_axes(shape, names)
    # Axes given by hand need not name those of length 1.
    left = iter(names)
    return "".join(next(left) if named else _IDLE for named in wide)


def _check_frame(names: str, shape: Sequence[int], frame: int | None) -> None:
    n_frames = shape[names.index("T")] if "T" in names else 1
    if frame is None and "T" not in names:
        return
    if frame is None:
        raise ImageError(
            f"image must be of one time point, got a stack with axes {names.replace(_IDLE, '')} and shape "
            f"{tuple(shape)}. Give one time point at a time."
        )
    if not 0 <= frame < n_frames:
        raise ImageError(f"frame must be a number from 0 to {n_frames - 1}, got {frame}.")


def _bad_axes(shape: Sequence[int], names: str) -> ImageError:
    return ImageError(
        f'axes must name each axis once, "Y" and "X" and at most one "C" and one "Z", '
        f'got {names!r} for shape {tuple(shape)}. Give for example "YX", "YXC", "CYX" or "ZYX".'
    )
