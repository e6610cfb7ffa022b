"""Videos: pictures over time, decoded when they are asked for."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import NotDecodable, WrongArgument
from .artifact import Artifact
from .containers import mime_of, opened, track
from .image import Image
from .limits import Limits
from .source import read_source

_SEEK_AHEAD = 2.0  # seconds; nearer frames are reached sooner by decoding on than by seeking


class Video(Artifact):
    """A video of ``width`` x ``height`` pixels (upright) and ``seconds``; ``rate`` frames a second on average."""

    kind: ClassVar[str] = "video"
    width: int
    height: int
    seconds: float
    rate: float | None = None
    has_audio: bool = False

    @classmethod
    def open(cls, source: str | Path | bytes, limits: Limits | None = None, *, name: str = "") -> Self:
        """The video of a file, whose first frame is decoded to see that it can be.

        Raises MissingFile, TooLarge (from the header), or NotDecodable, each naming the file.
        """
        limits = limits or Limits()
        name, content = read_source(source, limits, name)
        with opened(content, name) as container:
            stream = track(container.streams.video, name, "pictures")
            limits.check_pixels(stream.codec_context.width, stream.codec_context.height, name)
            seconds = _seconds(container, stream)
            limits.check_seconds(seconds, name)
            facts = {
                "mime": mime_of(container, "video"),
                "seconds": seconds,
                "rate": float(stream.average_rate) if stream.average_rate else None,
                "has_audio": bool(container.streams.audio),
            }
            known = bool(stream.duration or container.duration)  # else its packets were read to the end
            picture = _first(container, name) if known else None
        if picture is None:
            with opened(content, name) as container:
                picture = _first(container, name)
        return cls._read(content, content, width=picture.width, height=picture.height, **facts)

    def frames(self, times: Sequence[float], limits: Limits | None = None) -> list[Image]:
        """The pictures shown at ``times`` (seconds from the start, any order), one for each.

        Raises WrongArgument for a time outside the video, TooLarge for more than fit the limits, NotDecodable.
        """
        limits = limits or Limits()
        wrong = [time for time in times if not 0 <= time <= self.seconds]
        if wrong:
            raise WrongArgument(
                f"{self._name} has no frame at {wrong[0]:g} s", hint=f"it lasts {self.seconds:g} s", field="times"
            )
        limits.check_frames(len(times), self._name)
        limits.check_bytes(len(times) * self.width * self.height * 3, self._name)
        wanted = sorted(set(times))
        with opened(self._loaded(), self._name) as container:
            found = dict(zip(wanted, map(_picture, _shown(container, wanted, self._name)), strict=False))
        if len(found) < len(wanted):
            raise NotDecodable(f"{self._name} breaks off before {wanted[len(found)]:g} s", name=self._name)
        return [found[time] for time in times]

    def _decode(self, content: bytes) -> bytes:
        return content


def _first(container: Any, name: str) -> Image:
    """The first picture of a container that was not read yet. Raises NotDecodable."""
    frame = next(iter(_shown(container, [0.0], name)), None)
    if frame is None:
        raise NotDecodable(f"{name} has no frame that can be decoded", name=name)
    return _picture(frame)


def _seconds(container: Any, stream: Any) -> float:
    """How long the track is: as declared, else as its packets say."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration:
        whole = float(container.duration) / 1e6  # FFmpeg's container clock counts microseconds
        before = float(
            (stream.start_time or 0) * stream.time_base
        )  # Matroska counts from 0, not from its first picture
        return whole - before if "matroska" in container.format.name and 0 < before < whole else whole
    ends = [packet.pts + (packet.duration or 0) for packet in container.demux(stream) if packet.pts is not None]
    return float((max(ends) - (stream.start_time or 0)) * stream.time_base) if ends else 0.0


def _shown(container: Any, times: list[float], name: str) -> Iterator[Any]:
    """The frame shown at each of the ascending times: the last that began by then, or the first of all.

    Ends early where the pictures do, before the video that was declared.
    """
    stream = track(container.streams.video, name, "pictures")
    stream.thread_type = "AUTO"
    start = float((stream.start_time or 0) * stream.time_base)
    decoded = container.decode(stream)
    shown = upcoming = next(decoded, None)
    for time in times:
        at = time + start
        if upcoming is not None and at - (upcoming.time or 0) > _SEEK_AHEAD and not _cover(stream):
            container.seek(int(at / stream.time_base), stream=stream, backward=True)
            decoded = container.decode(stream)
            upcoming = next(decoded, None)
            shown = upcoming or shown
        while upcoming is not None and (upcoming.time or 0) <= at:
            shown, upcoming = upcoming, next(decoded, None)
        if shown is None or (upcoming is None and _breaks_off(container, stream, shown, at)):
            return
        yield shown


def _breaks_off(container: Any, stream: Any, last: Any, at: float) -> bool:
    """Whether a time lies after the end of the last frame, and by more than what containers round."""
    if _cover(stream):
        return False
    frame = 1 / float(stream.average_rate or 10)
    end = (last.time or 0) + max(frame, float((last.duration or 0) * last.time_base)) + frame
    if at <= end:
        return False
    # Of Matroska only the whole is known, which the sound may make longer, or what its writer noted of the track.
    if stream.duration or not container.streams.audio:
        return True
    hours, minutes, seconds = (stream.metadata.get("DURATION", "") or "0:0:0").split(":")
    return bool(int(hours) * 3600 + int(minutes) * 60 + float(seconds) > end)


def _cover(stream: Any) -> bool:
    """Whether the picture is one that belongs to a recording: it has no time, and stands for as long as that sounds."""
    return bool(stream.disposition & type(stream.disposition).attached_pic)


def _picture(frame: Any) -> Image:
    """A decoded frame as an upright picture. FFmpeg gives the turn in degrees anticlockwise."""
    pixels = frame.to_ndarray(format="rgb24")
    return Image.from_array(np.rot90(pixels, k=round(frame.rotation / 90) % 4))
