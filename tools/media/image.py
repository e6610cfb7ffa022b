"""Pictures: RGB as models see them, upright, with the alpha plane kept apart."""

import io
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import NotDecodable, TooLarge, WrongArgument
from .arrays import frozen
from .artifact import Artifact, identity
from .limits import Limits
from .sniff import sniff
from .source import read_source

if TYPE_CHECKING:
    from PIL import Image as Pil

_PLUGINS = {
    "PNG": "Png", "JPEG": "Jpeg", "WEBP": "WebP", "GIF": "Gif", "BMP": "Bmp", "TIFF": "Tiff", "PPM": "Ppm",
    "AVIF": "Avif", "JPEG2000": "Jpeg2K",
}  # fmt: skip
"""Formats that are opened, and Pillow's parsers for them; its others are never offered the bytes."""


class _Planes(NamedTuple):
    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None


class Image(Artifact):
    """A picture of ``width`` x ``height`` pixels; origin top left, x to the right, y down."""

    kind: ClassVar[str] = "image"
    width: int
    height: int
    has_alpha: bool = False

    @classmethod
    def from_array(cls, rgb: NDArray[np.uint8], alpha: NDArray[np.uint8] | None = None) -> Self:
        """A picture of ``rgb`` (H x W x 3 uint8, 0-255) and ``alpha`` (H x W uint8, 255 opaque). Copies.

        Raises WrongArgument for another shape or dtype, or a picture without pixels.
        """
        rgb = np.asarray(rgb)
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
            raise WrongArgument(
                f"a picture needs H x W x 3 uint8 with at least one pixel, got {rgb.shape} {rgb.dtype}",
                hint="scale to 0-255 and convert with .astype(numpy.uint8)",
                field="rgb",
            )
        if alpha is not None:
            alpha = np.asarray(alpha)
            if alpha.dtype != np.uint8 or alpha.shape != rgb.shape[:2]:
                raise WrongArgument(
                    f"alpha needs {rgb.shape[:2]} uint8, got {alpha.shape} {alpha.dtype}", field="alpha"
                )
        planes = _Planes(frozen(rgb), None if alpha is None else frozen(alpha))
        arrays = [plane for plane in planes if plane is not None]
        height, width = rgb.shape[:2]
        return cls._made(
            planes,
            id=partial(identity, cls.kind, {}, *arrays),
            mime="image/png",
            width=width,
            height=height,
            has_alpha=alpha is not None,
        )

    @classmethod
    def open(cls, source: str | Path | bytes, limits: Limits | None = None, *, name: str = "") -> Self:
        """The picture of a file: upright by its EXIF, 8 bits a channel, an animation's first frame.

        Raises MissingFile, TooLarge (from the header, before a pixel is decoded), or NotDecodable, each naming
        the file.
        """
        limits = limits or Limits()
        name, content = read_source(source, limits, name)
        planes, mime = _open(content, name, limits)
        height, width = planes.pixels.shape[:2]
        return cls._read(content, planes, mime=mime, width=width, height=height, has_alpha=planes.alpha is not None)

    @classmethod
    def from_pil(cls, picture: "Pil.Image") -> Self:
        """The picture that a Pillow image shows, upright; a made value, since its file is not known."""
        return cls.from_array(*_planes(picture))

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """H x W x 3 uint8 RGB, read-only."""
        planes: _Planes = self._loaded()
        return planes.pixels

    @property
    def alpha(self) -> NDArray[np.uint8] | None:
        """H x W uint8, 0 clear to 255 opaque, read-only; None where the picture has no alpha plane."""
        planes: _Planes = self._loaded()
        return planes.alpha

    def to_pil(self) -> "Pil.Image":
        """The picture as a Pillow image in mode RGB, or RGBA where it has alpha."""
        planes: _Planes = self._loaded()
        return _to_pil(planes)

    def _decode(self, content: bytes) -> _Planes:
        # What the handle says bounds what is decoded, whatever limits it was once ingested under.
        return _open(content, self._name, Limits(max_pixels=self.width * self.height))[0]

    def _encode(self, payload: Any) -> bytes:
        buffer = io.BytesIO()
        _to_pil(payload).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def _to_pil(planes: _Planes) -> "Pil.Image":
    from PIL import Image as Pil

    picture = Pil.fromarray(planes.pixels)
    if planes.alpha is not None:
        picture.putalpha(Pil.fromarray(planes.alpha))
    return picture


def _open(content: bytes, name: str, limits: Limits) -> tuple[_Planes, str]:
    from PIL import Image as Pil
    from PIL import UnidentifiedImageError

    signature = sniff(content)
    if signature is None or signature.format not in _PLUGINS:
        what = (
            "a picture" if signature is None or signature.kind != "image" else f"opened here: it is {signature.format}"
        )
        raise NotDecodable(f"{name} is not {what}", hint=f"pictures are {', '.join(_PLUGINS)}", name=name)
    import_module(f"PIL.{_PLUGINS[signature.format]}ImagePlugin")
    try:
        with Pil.open(io.BytesIO(content), formats=[signature.format]) as picture:
            limits.check_pixels(*picture.size, name)
            return _planes(picture), signature.mime
    except TooLarge:
        raise
    except (Pil.DecompressionBombError, Pil.DecompressionBombWarning) as error:
        hint = "shrink it first"
        raise TooLarge(f"{name} has more pixels than Pillow opens: {error}", hint=hint, name=name) from error
    except MemoryError as error:
        raise TooLarge(f"{name} does not fit in memory", name=name) from error
    except UnidentifiedImageError as error:
        raise NotDecodable(
            f"{name} is a damaged or incomplete picture: it only begins like {signature.format}",
            hint="open or download it again",
            name=name,
        ) from error
    except Exception as error:  # damaged bytes make Pillow's parsers raise nearly every type there is
        raise NotDecodable(
            f"{name} is a damaged or incomplete picture: {error}", hint="open or download it again", name=name
        ) from error


def _planes(picture: "Pil.Image") -> _Planes:
    from PIL import ExifTags, ImageOps

    picture.load()
    # Both would copy the picture where there is nothing to change.
    turned = picture.getexif().get(ExifTags.Base.Orientation, 1) != 1
    upright = ImageOps.exif_transpose(picture) if turned else picture
    if upright.mode.startswith(("I", "F")):
        grey = _eight_bits(np.asarray(upright))
        return _Planes(frozen(np.stack([grey] * 3, axis=-1)), None)
    if not upright.has_transparency_data:
        return _Planes(frozen(np.asarray(upright if upright.mode == "RGB" else upright.convert("RGB"))), None)
    both = np.asarray(upright.convert("RGBA"))
    return _Planes(frozen(both[..., :3]), frozen(both[..., 3]))


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """One channel of 16 bits, 32 bits or floats as 0-255, because Pillow would clip it instead of scaling.

    Full scale is 1 for floats and 65535 for integers, or the brightest value where it is beyond that.
    """
    usual = 1.0 if values.dtype.kind == "f" else 65535.0
    exact = np.nan_to_num(values.astype(np.float64))
    full = max(usual, float(exact.max()))
    return np.round(np.clip(exact / full, 0.0, 1.0) * 255.0).astype(np.uint8)
