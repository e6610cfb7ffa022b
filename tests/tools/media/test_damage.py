"""Broken files: truncated, with bytes changed, or random. Never anything but a good artifact or a typed error."""

import io

import numpy as np
import pytest
import soundfile
import trimesh
from PIL import Image as Pil

from panmodal.tools.errors import InputError, NotDecodable
from panmodal.tools.media.ingest import ingest
from panmodal.tools.media.video import Video

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about damaged TIFF tags

RANDOM = np.random.default_rng(0)
PICTURE = Pil.fromarray(RANDOM.integers(0, 256, (40, 60, 3), dtype=np.uint8))


def picture(form: str) -> bytes:
    buffer = io.BytesIO()
    PICTURE.save(buffer, form)
    return buffer.getvalue()


def sound(form: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, RANDOM.normal(size=3000).astype(np.float32) / 4, 8000, format=form)
    return buffer.getvalue()


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, points=RANDOM.normal(size=(60, 3)))
    return buffer.getvalue()


FILES = {
    **{form: lambda form=form: picture(form) for form in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")},
    **{form: lambda form=form: sound(form) for form in ("WAV", "FLAC", "OGG", "MP3", "AIFF")},
    "PLY": lambda: trimesh.PointCloud(RANDOM.normal(size=(60, 3))).export(file_type="ply"),
    "NPZ": npz,
}


def outcome(content: bytes) -> str:
    try:
        artifact = ingest(content)
    except InputError as error:
        return type(error).__name__
    artifact.encode()
    return "read"


@pytest.mark.parametrize("form", FILES)
def test_truncated_files_are_typed_errors_or_read(form):
    content = FILES[form]()
    cuts = RANDOM.integers(8, len(content), 200)  # of the first few bytes some are text
    outcomes = [outcome(content[:cut]) for cut in cuts]
    assert set(outcomes) <= {"read", "NotDecodable", "TooLarge"}
    if form in ("PNG", "JPEG", "WAV", "AIFF", "NPZ", "PLY"):  # these say how long they are: only the trailer may lack
        short = [found for found, cut in zip(outcomes, cuts, strict=True) if cut < len(content) - 24]
        assert "read" not in short


@pytest.mark.parametrize("form", FILES)
def test_files_with_changed_bytes_are_typed_errors_or_read(form):
    content = np.frombuffer(FILES[form](), np.uint8)
    for _ in range(100):
        changed = content.copy()
        where = RANDOM.integers(0, min(len(content), RANDOM.choice([40, 400, len(content)])), RANDOM.integers(1, 6))
        changed[where] = RANDOM.integers(0, 256, len(where))
        assert outcome(changed.tobytes()) in {"read", "NotDecodable", "TooLarge"}


def test_damaged_videos_are_typed_errors_or_read(clip):
    content = np.frombuffer(clip(), np.uint8)
    for _ in range(60):
        changed = content.copy()
        changed[RANDOM.integers(0, len(content), 4)] = RANDOM.integers(0, 256, 4)
        changed = changed[: RANDOM.integers(1, len(content) + 1)]
        try:
            found = ingest(changed.tobytes())
            if isinstance(found, Video):
                found.frames([0.0, found.seconds / 2])
        except InputError:
            continue


def test_random_bytes_behind_every_signature_are_typed_errors():
    heads = [FILES[form]()[:12] for form in FILES] + [
        b"OggS",
        b"\x1aE\xdf\xa3",
        b"\0\0\0\x18ftypisom",
        b"RIFF\0\0\0\0AVI ",
    ]
    for head in heads:
        for _ in range(5):
            with pytest.raises(NotDecodable):
                ingest(head + RANDOM.bytes(300))
