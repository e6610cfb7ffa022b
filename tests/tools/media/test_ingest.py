"""The kind of what is handed over is told by its content."""

import hashlib
import io

import numpy as np
import pytest
import soundfile
from PIL import Image as Pil

from panmodal.tools.errors import MissingFile, NotDecodable, TooLarge, WrongArgument
from panmodal.tools.media.ingest import ingest
from panmodal.tools.media.kinds import Image, Text
from panmodal.tools.media.limits import Limits


def picture(form: str) -> bytes:
    buffer = io.BytesIO()
    Pil.new("RGB", (8, 6), "red").save(buffer, form)
    return buffer.getvalue()


def sound(form: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(4000, np.float32), 8000, format=form)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM", "WEBP", "AVIF", "JPEG2000"])
def test_pictures_whatever_their_name(form, tmp_path):
    path = tmp_path / "misleading.txt"
    path.write_bytes(picture(form))
    image = ingest(path)
    assert isinstance(image, Image) and (image.width, image.height) == (8, 6)
    assert image.id == hashlib.sha256(path.read_bytes()).hexdigest()
    assert image.encode()[0] == path.read_bytes()


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "RF64"])
def test_recordings(form):
    audio = ingest(sound(form))
    assert audio.kind == "audio" and audio.rate == 8000


def test_videos_clouds_and_text(clip):
    assert ingest(clip()).kind == "video"
    assert ingest(clip("mpeg4", "avi")).kind == "video"
    assert ingest(b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\n"
                  b"property float z\nend_header\n1 2 3\n").kind == "point_cloud"  # fmt: skip
    assert ingest(b"How many?\n") == Text.open(b"How many?\n")
    assert ingest("数一数".encode("utf-16")).text == "数一数"
    assert ingest(b"BM is how this sentence begins, and P6 too").kind == "text"


def test_values_in_memory():
    array = np.random.default_rng(0).integers(0, 256, (6, 8, 4), dtype=np.uint8)
    assert (ingest(array[..., :3]).pixels == array[..., :3]).all()
    assert (ingest(array).alpha == array[..., 3]).all()
    assert (ingest(array[..., 0]).pixels == array[..., :1]).all()
    assert ingest(Pil.fromarray(array[..., :3])) == ingest(array[..., :3])
    assert ingest(bytearray(picture("PNG"))) == ingest(picture("PNG"))
    image = ingest(array)
    assert ingest(image) is image


def test_what_cannot_be_ingested_is_a_typed_error(tmp_path):
    cases = [
        (tmp_path / "absent.png", MissingFile),
        (tmp_path, MissingFile),
        ("https://example.org/picture.png", MissingFile),
        (b"", NotDecodable),
        (b"\x00\x01\x02 binary of no kind", NotDecodable),
        (b"\xc3\x28 not UTF-8", NotDecodable),
        (b"PK\x03\x04 a document, maybe", NotDecodable),
        (picture("PNG")[:40], NotDecodable),
        (np.zeros((3, 3, 3)), WrongArgument),
        (np.zeros(3, np.uint8), WrongArgument),
        (42, WrongArgument),
        (None, WrongArgument),
    ]
    for source, error in cases:
        with pytest.raises(error):
            ingest(source)
    for source in (picture("PNG"), np.zeros((6, 8, 3), np.uint8), Pil.new("RGB", (8, 6))):
        with pytest.raises(TooLarge, match="pixels"):
            ingest(source, Limits(max_pixels=47))


def test_what_terminals_would_obey_is_no_part_of_a_text():
    said = "\x1b[31mred\x1b[0m \x1b]0;title\x07one\0two\x9b3\ttab\r\nend\x1b"
    content = said.encode()
    for text in (Text.of(said), Text.open(content)):
        assert text.text == "red one two 3\ttab\r\nend " and text.characters == len(text.text)
        assert Text.open(text.encode()[0]).text == text.text
    assert Text.open(content).encode()[0] == content  # the file itself stays as it came
