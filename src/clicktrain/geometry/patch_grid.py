"""The grid of patches that cover an image: integers only."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PatchGrid", "plan_patch_grid"]


@dataclass(frozen=True, slots=True)
class PatchGrid:
    """Square patches that cover an image, as evenly spread as whole pixels allow.

    Cell (row, column) of the grid is the patch at that place of the image: rows run along Y, columns along X, patches
    are numbered row by row.

    Parameters
    ----------
    shape_px : tuple of int
        Rows and columns of the image.
    patch_px : int
        Side of a patch.
    n_rows, n_columns : int
        Patches along Y and X.

    Attributes
    ----------
    scale_px : tuple of float
        Distance between the centres of neighbouring patches, (y, x); of a single patch its side.
    translate_px : tuple of float
        Centre of the first patch, (y, x), where the centre of the image's first pixel is (0, 0). An image layer of
        the grid's cells with this scale and translation lies over the image so that the centre of every cell is
        within half a pixel of its patch's centre.
    """

    shape_px: tuple[int, int]
    patch_px: int
    n_rows: int
    n_columns: int

    def __len__(self) -> int:
        return self.n_rows * self.n_columns

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        return self.n_rows, self.n_columns

    @property
    def scale_px(self) -> tuple[float, float]:
        """Distance between the centres of neighbouring patches, (y, x)."""
        rows, columns = (
            (size - self.patch_px) / (n - 1) if n > 1 else float(self.patch_px)
            for size, n in zip(self.shape_px, self.shape, strict=True)
        )
        return rows, columns

    @property
    def translate_px(self) -> tuple[float, float]:
        """Centre of the first patch, (y, x)."""
        centre = (self.patch_px - 1) / 2
        return centre, centre

    def cell(self, index: int) -> tuple[int, int]:
        """Row and column in the grid of patch number `index`."""
        return divmod(index, self.n_columns)

    def transposed(self) -> PatchGrid:
        """Return the grid of the image with rows and columns swapped."""
        return PatchGrid(self.shape_px[::-1], self.patch_px, self.n_columns, self.n_rows)

    def corner_px(self, index: int) -> tuple[int, int]:
        """Top left pixel (y, x) of patch number `index`."""
        row, column = self.cell(index)
        return (
            _spread(row, self.n_rows, self.shape_px[0] - self.patch_px),
            _spread(column, self.n_columns, self.shape_px[1] - self.patch_px),
        )


def plan_patch_grid(shape_px: tuple[int, int], patch_px: int, stride_px: int) -> PatchGrid:
    """Cover an image with the fewest patches that are at most `stride_px` apart.

    Where the image's size is no multiple, all patches move a little closer, instead of the last one alone or of
    reaching beyond the image: every patch holds real pixels, and the grid stays regular.

    Parameters
    ----------
    shape_px : tuple of int
        Rows and columns of the image, each at least `patch_px`.
    patch_px, stride_px : int
        Side of a patch, and largest distance between neighbours.
    """
    rows, columns = (-(-(size - patch_px) // stride_px) + 1 for size in shape_px)
    return PatchGrid(shape_px, patch_px, rows, columns)


def _spread(i: int, count: int, room_px: int) -> int:
    # Rounded half up, in integers.
    return (2 * i * room_px + count - 1) // (2 * (count - 1)) if count > 1 else 0
