"""Pictures of every sort become upright 8-bit RGB with alpha apart, or a typed error."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Pil

from panmodal.tools.errors import MissingFile, NotDecodable, TooLarge, WrongArgument
from panmodal.tools.media.image import Image
from panmodal.tools.media.limits import Limits

RAMP = np.linspace(0, 255, 40 * 30 * 3).reshape(30, 40, 3).astype(np.uint8)


def saved(picture: Pil.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize("form", ["PNG", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000"])
def test_lossless_formats_give_the_exact_pixels(form):
    options = {"lossless": True} if form == "WEBP" else {}
    image = Image.open(saved(Pil.fromarray(RAMP), form, **options))
    assert (image.pixels == RAMP).all()
    assert (image.width, image.height, image.has_alpha, image.alpha) == (40, 30, False, None)


@pytest.mark.parametrize(("form", "mime"), [("JPEG", "image/jpeg"), ("AVIF", "image/avif"), ("GIF", "image/gif")])
def test_lossy_formats_come_close(form, mime):
    image = Image.open(saved(Pil.fromarray(RAMP), form))
    assert image.mime == mime and image.pixels.shape == RAMP.shape
    assert np.abs(image.pixels.astype(int) - RAMP).mean() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright_by_their_exif(orientation):
    upright = Pil.fromarray(RAMP)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # orientation -> the transposition that a camera would have made
    stored = upright.transpose(Pil.Transpose(undo[orientation])) if orientation in undo else upright
    exif = Pil.Exif()
    exif[0x0112] = orientation
    image = Image.open(saved(stored, "PNG", exif=exif))
    assert (image.width, image.height) == (40, 30)
    assert (image.pixels == RAMP).all()


def test_sixteen_bits_are_scaled_and_not_clipped():
    deep = np.array([[0, 257, 32896, 65535]], np.uint16)
    for form in ("PNG", "TIFF"):
        image = Image.open(saved(Pil.fromarray(deep), form))
        assert image.pixels[0, :, 0].tolist() == [0, 1, 128, 255]


def test_floats_are_scaled_from_the_range_of_one():
    image = Image.open(saved(Pil.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)), "TIFF"))
    assert image.pixels[0, :, 0].tolist() == [0, 128, 255]


def test_cmyk_becomes_rgb():
    red = Pil.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert np.abs(Image.open(saved(red, "JPEG", quality=100)).pixels[4, 4].astype(int) - [255, 0, 0]).max() < 8
    assert Image.open(saved(red, "TIFF")).pixels[4, 4].tolist() == [255, 0, 0]


def test_palettes_grey_and_one_bit_become_rgb():
    palette = Pil.fromarray(RAMP).quantize(8)
    assert (Image.open(saved(palette, "PNG")).pixels == np.asarray(palette.convert("RGB"))).all()
    grey = Pil.fromarray(RAMP[..., 0])
    assert (Image.open(saved(grey, "PNG")).pixels == RAMP[..., :1]).all()
    assert set(Image.open(saved(grey.convert("1"), "PNG")).pixels.ravel().tolist()) == {0, 255}


def test_alpha_is_kept_apart_from_the_colours_under_it():
    alpha = RAMP[..., 1]
    for form, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})):
        image = Image.open(saved(Pil.fromarray(np.dstack([RAMP, alpha])), form, **options))
        assert image.has_alpha and (image.alpha == alpha).all() and (image.pixels == RAMP).all()
        assert image.to_pil().mode == "RGBA" and (np.asarray(image.to_pil())[..., 3] == alpha).all()


def test_a_transparent_palette_entry_becomes_alpha():
    palette = Pil.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    image = Image.open(saved(palette, "PNG", transparency=1))
    assert image.alpha is not None and image.alpha.tolist() == [[255, 0]]
    assert image.pixels[0, 0].tolist() == [255, 0, 0]


def test_of_an_animation_the_first_frame_is_taken():
    frames = [Pil.new("RGB", (5, 4), colour) for colour in ("red", "lime", "blue")]
    for form in ("GIF", "WEBP", "PNG"):
        content = saved(frames[0], form, save_all=True, append_images=frames[1:])
        assert np.abs(Image.open(content).pixels[0, 0].astype(int) - [255, 0, 0]).max() < 4


def test_of_a_camera_s_several_pictures_in_one_file_the_first_is_taken():
    pictures = [Pil.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    image = Image.open(saved(pictures[0], "MPO", save_all=True, append_images=pictures[1:]))
    assert image.mime == "image/jpeg" and image.pixels[0, 0, 0] > 240 > 20 > image.pixels[0, 0, 2]


def test_the_pixel_limit_is_checked_before_a_pixel_is_decoded():
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    # The header tells of 900 million pixels; the data holds none, so decoding it would fail in another way.
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0))
    bomb += chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with pytest.raises(TooLarge, match="pixels"):
        Image.open(bomb)
    content = saved(Pil.fromarray(RAMP), "PNG")
    with pytest.raises(TooLarge, match=r"1200 pixels \(40x30\), over the limit of 1199") as caught:
        Image.open(content, Limits(max_pixels=1199))
    assert caught.value.facts["limit"] == "max_pixels"
    assert Image.open(content, Limits(max_pixels=1200)).width == 40


def test_errors_name_the_file(tmp_path):
    cases = {
        "notes.png": (b"just some words", "is not a picture"),
        "half.png": (half(saved(Pil.fromarray(RAMP), "PNG")), "damaged or incomplete"),
        "half.jpg": (half(saved(Pil.fromarray(RAMP), "JPEG")), "damaged or incomplete"),
        "nothing.png": (b"", "is empty"),
        "phone.jpg": (b"\0\0\0\x18ftypheic and so on", "it is HEIC"),
    }
    for name, (content, words) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(NotDecodable, match=words) as caught:
            Image.open(path)
        assert str(path) in str(caught.value)
    for path in (tmp_path / "absent.png", tmp_path, str(tmp_path) + "/\0"):
        with pytest.raises(MissingFile) as caught:
            Image.open(path)
        assert str(path) in str(caught.value)


def test_a_file_over_the_byte_limit_is_not_read(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(saved(Pil.fromarray(RAMP), "PNG"))
    with pytest.raises(TooLarge, match="bytes"):
        Image.open(path, Limits(max_bytes=100))
    with pytest.raises(TooLarge, match="bytes"):  # no size to ask for, so only reading tells
        Image.open("/dev/zero", Limits(max_bytes=1000))


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((4, 4), np.uint8), ((4, 4, 3), np.float64), ((0, 4, 3), np.uint8), ((4, 4, 4), np.uint8)],
)
def test_arrays_of_another_shape_or_type_are_refused(shape, dtype):
    with pytest.raises(WrongArgument, match="uint8"):
        Image.from_array(np.zeros(shape, dtype))


def test_alpha_must_fit_the_picture():
    with pytest.raises(WrongArgument, match="alpha"):
        Image.from_array(RAMP, RAMP[:5, :, 0])
