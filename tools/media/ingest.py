"""From whatever a user hands over to an artifact: the kind is told by the content."""

import mimetypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NotDecodable, WrongArgument
from .containers import opened
from .document import UNITS
from .kinds import Artifact, Audio, Document, Image, PointCloud, Text, Video
from .limits import Limits
from .sniff import sniff
from .source import read_source

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    Source = str | Path | bytes | NDArray[Any] | Picture | Artifact

_OPENERS: dict[str, type[Image] | type[Audio] | type[PointCloud] | type[Document]] = {
    "image": Image,
    "audio": Audio,
    "point_cloud": PointCloud,
    "document": Document,
}


def ingest(source: "Source", limits: Limits | None = None, *, name: str = "") -> Artifact:
    """The artifact of a path, bytes, an array, a Pillow image, or an artifact, which comes back as it is.

    Bytes and files become an Image, Audio, Video, PointCloud, Document or Text by what they contain. An array is a
    picture: H x W x 3 (RGB), H x W x 4 (with alpha) or H x W (grey), uint8. ``name`` is what errors call bytes.

    Raises MissingFile, TooLarge or NotDecodable, each naming the file; WrongArgument for another type or shape.
    """
    limits = limits or Limits()
    if isinstance(source, Artifact):
        return source
    if isinstance(source, np.ndarray):
        return _picture(source, limits)
    if isinstance(source, str | Path | bytes | bytearray | memoryview):
        return _file(bytes(source) if isinstance(source, bytearray | memoryview) else source, limits, name)
    pillow = sys.modules.get("PIL.Image")  # whoever holds a Pillow image has imported Pillow
    if pillow and isinstance(source, pillow.Image):
        width, height = source.size
        limits.check_pixels(width, height, "the given picture")
        return Image.from_pil(source)
    raise WrongArgument(
        f"a {type(source).__name__} is not a medium",
        hint="give a path, bytes, a numpy array, a Pillow image or an artifact",
        field="source",
    )


def _picture(array: NDArray[Any], limits: Limits) -> Image:
    if array.ndim == 2:
        array = np.stack([array] * 3, axis=-1)
    if array.ndim == 3:
        limits.check_pixels(array.shape[1], array.shape[0], "the given array")
        if array.shape[2] == 4:
            return Image.from_array(array[..., :3], array[..., 3])
    return Image.from_array(array)


def _file(source: str | Path | bytes, limits: Limits, name: str) -> Artifact:
    name, content = read_source(source, limits, name)
    signature = sniff(content)
    if signature is None:
        _refuse_disguise(name)
        return _text(content, name, limits)
    if signature.kind == "archive":
        raise _unknown(name)
    if signature.kind != "av":
        return _OPENERS[signature.kind].open(content, limits, name=name)
    with opened(content, name) as container:
        has_pictures = bool(container.streams.video)
    if has_pictures:
        return Video.open(content, limits, name=name)
    return Audio.open(content, limits, name=name)


def _refuse_disguise(name: str) -> None:
    """A page of text that a server sent instead of a picture would else be taken for what was asked about."""
    promised = (mimetypes.guess_type(name)[0] or "text").partition("/")[0]
    if Path(name).suffix.lower().lstrip(".") in UNITS:
        promised = Document.kind
    if promised in ("image", "audio", "video", Document.kind):
        raise NotDecodable(
            f"{name} holds no {promised} that is known here, whatever its name says",
            hint="open it to see what it is; download it again, or save it as PNG, JPEG, WAV, MP4 or PDF",
            name=name,
        )


def _text(content: bytes, name: str, limits: Limits) -> Text:
    # UTF-8 alone would let binary data through now and then; no text holds a NUL but UTF-16.
    if b"\0" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _unknown(name)
    return Text.open(content, limits, name=name)


def _unknown(name: str) -> NotDecodable:
    return NotDecodable(
        f"{name} is no medium that is known here",
        hint="pictures, recordings, videos, PLY or npz point clouds, PDF and Office documents and text are",
        name=name,
    )
