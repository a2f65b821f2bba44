from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from clicktrain.errors import ImageError, StorageError
from clicktrain.images.decoders import read_raw
from clicktrain.images.source import open_image
from tests.images.adapters import whole

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 255, (9, 12), np.uint8)
COLOUR = RNG.integers(0, 255, (9, 12, 3), np.uint8)


def read(path, axes: str | None = None) -> np.ndarray:
    """All of an image, (C, [Z,] Y, X)."""
    source = open_image(path, axes=axes)
    try:
        return whole(source)
    finally:
        source.close()


def in_planes(pixels: np.ndarray) -> np.ndarray:
    """(Y, X) or (Y, X, C) as (C, Y, X)."""
    return pixels[np.newaxis] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def assert_holds(path, pixels: np.ndarray) -> None:
    found = read(path)
    assert found.dtype == pixels.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, in_planes(pixels))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png16(pixels: np.ndarray, colour_type: int) -> bytes:
    """Encode (Y, X, samples) uint16 with a different row filter in every other row."""
    height, width, _samples = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, -1)
    lines = []
    for y, row in enumerate(rows):
        above = rows[y - 1] if y % 2 else np.zeros_like(row)
        lines.append(bytes([2 * (y % 2)]) + (row - above).astype(np.uint8).tobytes())
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"".join(lines))) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


class TestPictures:
    @pytest.mark.parametrize("ending", ["png", "PNG"])
    @pytest.mark.parametrize("pixels", [GREY, COLOUR])
    def test_png_keeps_every_value(self, tmp_path, pixels, ending):
        path = tmp_path / f"a.{ending}"
        Image.fromarray(pixels).save(path)
        assert_holds(path, pixels)

    @pytest.mark.parametrize("ending", ["jpg", "jpeg"])
    def test_jpeg_is_read_close_to_what_was_written(self, tmp_path, ending):
        smooth = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (32, 1))
        Image.fromarray(smooth).save(tmp_path / f"a.{ending}", quality=95)
        (found,) = read(tmp_path / f"a.{ending}")
        assert np.abs(found.astype(int) - smooth).max() < 10

    def test_cmyk_jpeg_becomes_rgb(self, tmp_path):
        Image.fromarray(COLOUR).convert("CMYK").save(tmp_path / "a.jpg")
        assert read(tmp_path / "a.jpg").shape == (3, 9, 12)

    def test_transparency_is_left_out(self, tmp_path):
        Image.fromarray(np.dstack([COLOUR, GREY])).save(tmp_path / "a.png")
        assert_holds(tmp_path / "a.png", COLOUR)

    def test_grey_with_transparency_becomes_grey(self, tmp_path):
        Image.fromarray(np.dstack([GREY, GREY.T.reshape(9, 12)])).save(tmp_path / "a.png")
        assert_holds(tmp_path / "a.png", GREY)

    def test_palette_becomes_its_colours(self, tmp_path):
        picture = Image.fromarray(COLOUR).quantize(8)
        picture.save(tmp_path / "a.png")
        assert_holds(tmp_path / "a.png", np.asarray(picture.convert("RGB")))

    def test_palette_numbers_can_be_kept(self, tmp_path):
        picture = Image.fromarray(COLOUR).quantize(8)
        picture.save(tmp_path / "a.png")
        np.testing.assert_array_equal(read_raw(tmp_path / "a.png", palette=False).array, np.asarray(picture))

    def test_black_and_white_png_is_bool(self, tmp_path):
        Image.fromarray(GREY > 99).save(tmp_path / "a.png")
        assert_holds(tmp_path / "a.png", GREY > 99)

    def test_16_bit_grey_png_stays_16_bit(self, tmp_path):
        pixels = RNG.integers(0, 2**16, (9, 12), np.uint16)
        Image.fromarray(pixels).save(tmp_path / "a.png")
        assert_holds(tmp_path / "a.png", pixels)

    @pytest.mark.parametrize(("samples", "colour_type"), [(3, 2), (4, 6)])
    def test_16_bit_colour_png_stays_16_bit(self, tmp_path, samples, colour_type):
        pixels = RNG.integers(0, 2**16, (9, 12, samples), np.uint16)
        (tmp_path / "a.png").write_bytes(_png16(pixels, colour_type))
        assert_holds(tmp_path / "a.png", pixels[..., :3])


class TestTiff:
    @pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "f2", "f4", "f8"])
    def test_values_and_type_are_kept(self, tmp_path, dtype):
        pixels = GREY.astype(dtype)
        tifffile.imwrite(tmp_path / "a.tif", pixels)
        assert_holds(tmp_path / "a.tif", pixels)

    @pytest.mark.parametrize(
        "options", [{"compression": "zlib"}, {"tile": (16, 16)}, {"bigtiff": True}, {"byteorder": ">"}]
    )
    def test_every_layout_on_disk_gives_the_same(self, tmp_path, options):
        tifffile.imwrite(tmp_path / "a.tiff", COLOUR, **options)
        assert_holds(tmp_path / "a.tiff", COLOUR)

    @pytest.mark.parametrize("options", [{}, {"ome": True}, {"imagej": True}])
    def test_pages_named_as_channels_are_channels(self, tmp_path, options):
        planes = COLOUR.transpose(2, 0, 1).copy()
        tifffile.imwrite(tmp_path / "a.tif", planes, photometric="minisblack", metadata={"axes": "CYX"}, **options)
        assert_holds(tmp_path / "a.tif", COLOUR)

    def test_colour_planes_are_channels(self, tmp_path):
        planes = COLOUR.transpose(2, 0, 1).copy()
        tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
        assert_holds(tmp_path / "a.tif", COLOUR)

    def test_transparency_is_left_out(self, tmp_path):
        tifffile.imwrite(tmp_path / "a.tif", np.dstack([COLOUR, GREY]), photometric="rgb", extrasamples=["unassalpha"])
        assert_holds(tmp_path / "a.tif", COLOUR)

    def test_fourth_channel_that_is_no_transparency_is_kept(self, tmp_path):
        pixels = np.dstack([COLOUR, GREY])
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unspecified"])
        assert_holds(tmp_path / "a.tif", pixels)

    def test_axes_that_the_file_does_not_tell_are_asked_for(self, tmp_path):
        planes = RNG.integers(0, 255, (5, 9, 12), np.uint8)
        tifffile.imwrite(tmp_path / "a.tif", planes, photometric="minisblack")
        with pytest.raises(ImageError, match="Give the axes") as caught:
            read(tmp_path / "a.tif")
        assert str(tmp_path / "a.tif") in str(caught.value)
        np.testing.assert_array_equal(read(tmp_path / "a.tif", "cyx"), planes)

    def test_volume_is_read_whole(self, tmp_path):
        stack = RNG.integers(0, 255, (2, 9, 12), np.uint8)
        tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZYX"})
        np.testing.assert_array_equal(read(tmp_path / "a.tif"), stack[np.newaxis])

    def test_stack_over_time_is_refused_by_name(self, tmp_path):
        stack = RNG.integers(0, 255, (2, 9, 12), np.uint8)
        tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "TYX"})
        with pytest.raises(ImageError, match="one time point, got a stack") as caught:
            read(tmp_path / "a.tif")
        assert str(tmp_path / "a.tif") in str(caught.value)

    def test_stack_of_one_plane_is_a_plane(self, tmp_path):
        tifffile.imwrite(tmp_path / "a.tif", GREY[np.newaxis, np.newaxis], metadata={"axes": "TZYX"})
        assert_holds(tmp_path / "a.tif", GREY)

    def test_file_of_several_pages_cut_anywhere_is_refused_or_whole(self, tmp_path):
        planes = RNG.integers(0, 255, (3, 9, 12), np.uint8)
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, planes, photometric="minisblack", metadata={"axes": "CYX"})
        whole = path.read_bytes()
        refused = 0
        for length in range(0, len(whole), 7):
            path.write_bytes(whole[:length])
            try:
                np.testing.assert_array_equal(read(path), planes)
            except ImageError:
                refused += 1
        assert refused > len(whole) // 7 - 4


class TestNpy:
    @pytest.mark.parametrize("dtype", ["?", "u1", "u2", ">i4", "i8", "f2", "f4", ">f8"])
    def test_values_and_type_are_kept(self, tmp_path, dtype):
        pixels = (GREY > 99).astype(dtype)
        np.save(tmp_path / "a.npy", pixels)
        assert_holds(tmp_path / "a.npy", pixels)

    def test_fortran_order_is_read(self, tmp_path):
        np.save(tmp_path / "a.npy", np.asfortranarray(COLOUR))
        assert_holds(tmp_path / "a.npy", COLOUR)

    def test_axes_must_be_given_for_channels_first(self, tmp_path):
        np.save(tmp_path / "a.npy", COLOUR.transpose(2, 0, 1))
        with pytest.raises(ImageError, match="axes must be given"):
            read(tmp_path / "a.npy")
        assert read(tmp_path / "a.npy", "CYX").shape == (3, 9, 12)

    def test_axes_given_need_not_name_those_of_length_one(self, tmp_path):
        np.save(tmp_path / "a.npy", COLOUR.transpose(2, 0, 1)[np.newaxis])
        assert read(tmp_path / "a.npy", "CYX").shape == (3, 9, 12)

    def test_objects_are_never_unpickled(self, tmp_path):
        class Bomb:
            def __reduce__(self):
                return (tmp_path.joinpath("exploded").touch, ())

        np.save(tmp_path / "a.npy", np.array([[Bomb()]], object), allow_pickle=True)
        with pytest.raises(ImageError):
            read(tmp_path / "a.npy")
        assert not (tmp_path / "exploded").exists()

    @pytest.mark.parametrize("array", [np.zeros((0, 4)), np.full((4, 5), np.nan), np.ones((4, 5), complex)])
    def test_unusable_image_is_named(self, tmp_path, array):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(ImageError) as caught:
            read(tmp_path / "a.npy")
        assert str(tmp_path / "a.npy") in str(caught.value)

    def test_header_that_promises_more_than_there_is_costs_no_memory(self, tmp_path):
        header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000000), }\n"
        (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(99))
        with pytest.raises(ImageError, match="damaged"):
            read(tmp_path / "a.npy")


LARGE = RNG.integers(0, 255, (99, 120), np.uint8)
WRITERS = {
    "grey.png": lambda path: Image.fromarray(LARGE).save(path),
    "colour.jpg": lambda path: Image.fromarray(COLOUR).save(path),
    "plain.tif": lambda path: tifffile.imwrite(path, COLOUR),
    "deflated.tif": lambda path: tifffile.imwrite(path, COLOUR, compression="zlib", rowsperstrip=2),
    "array.npy": lambda path: np.save(path, GREY),
}


class TestDamage:
    @pytest.mark.parametrize("name", WRITERS)
    def test_empty_file_is_named(self, tmp_path, name):
        (tmp_path / name).touch()
        with pytest.raises(ImageError, match="got an empty file") as caught:
            read(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)

    @pytest.mark.parametrize("name", WRITERS)
    @pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
    def test_file_cut_off_is_named(self, tmp_path, name, share):
        path = tmp_path / name
        WRITERS[name](path)
        whole = path.read_bytes()
        path.write_bytes(whole[: max(1, int(len(whole) * share))])
        with pytest.raises(ImageError) as caught:
            read(path)
        assert str(path) in str(caught.value)

    @pytest.mark.parametrize("name", WRITERS)
    def test_overwritten_bytes_never_end_in_another_error(self, tmp_path, name):
        path = tmp_path / name
        WRITERS[name](path)
        whole = path.read_bytes()
        rng = np.random.default_rng(1)
        refused = 0
        for _ in range(60):
            damaged = bytearray(whole)
            for at in rng.integers(0, min(200, len(whole)), 4):
                damaged[at] = rng.integers(256)
            path.write_bytes(damaged)
            try:
                read(path)
            except ImageError:
                refused += 1
        assert refused > 0

    @pytest.mark.parametrize("name", WRITERS)
    def test_file_of_another_kind_is_named(self, tmp_path, name):
        (tmp_path / name).write_text("y,x,class\n1,2,1\n")
        with pytest.raises(ImageError, match="damaged or of another kind"):
            read(tmp_path / name)

    def test_unknown_ending_is_named(self, tmp_path):
        (tmp_path / "a.gif").write_bytes(b"GIF89a")
        with pytest.raises(ImageError, match=r"PNG, JPEG, TIFF or NPY file, got the ending '.gif'"):
            read(tmp_path / "a.gif")

    @pytest.mark.parametrize(
        ("name", "reason"), [("missing.png", "could not be read"), ("folder.png", "got another folder")]
    )
    def test_what_the_system_does_not_read_is_a_storage_error(self, tmp_path, name, reason):
        (tmp_path / "folder.png").mkdir()
        with pytest.raises(StorageError, match=reason) as caught:
            read(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)

    def test_compression_that_needs_another_package_says_so(self, tmp_path):
        Image.fromarray(GREY).save(tmp_path / "a.tif", compression="tiff_lzw")
        try:
            import imagecodecs  # noqa: F401
        except ImportError:
            with pytest.raises(ImageError, match="install imagecodecs"):
                read(tmp_path / "a.tif")
        else:
            assert_holds(tmp_path / "a.tif", GREY)
