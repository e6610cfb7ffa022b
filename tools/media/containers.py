"""Media containers through PyAV: the sound of any of them, and what both audio and video need to open one."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, NotDecodable
from .arrays import frozen
from .limits import Limits

DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,ogg,flac,mp3,aac,wav,flv,mpeg,mpegts,asf,gif,aiff,caf,amr,au"
"""Formats that are opened. Playlists are not: they may name other files and addresses."""

_MIMES = {"mov": "mp4", "matroska": "webm", "avi": "x-msvideo", "mpegts": "mp2t", "asf": "x-ms-asf", "flv": "x-flv"}


@contextmanager
def opened(content: bytes, name: str) -> Iterator[Any]:
    """The PyAV container of bytes. Whatever goes wrong within becomes NotDecodable, which names the medium."""
    import av

    try:
        with av.open(io.BytesIO(content), options={"format_whitelist": DEMUXERS}) as container:
            yield container
    except InputError:
        raise
    except (av.FFmpegError, ValueError, IndexError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NotDecodable(f"{name} is not a whole recording or video: {reason}", name=name) from error


def track(streams: Any, name: str, what: str) -> Any:
    """The first track that this machine has a decoder for. Raises NotDecodable."""
    for stream in streams:
        if stream.codec_context is not None:
            return stream
    raise NotDecodable(f"{name} has no {what} that can be decoded", name=name)


def mime_of(container: Any, medium: str) -> str:
    """The mime type of a container that carries ``medium`` (audio or video)."""
    name: str = container.format.name.split(",")[0]
    return f"{medium}/{_MIMES.get(name, name)}"


def audio_samples(content: bytes, name: str, limits: Limits) -> tuple[NDArray[np.float32], int, str]:
    """The first sound track: samples x channels float32, its rate, its mime type. Raises NotDecodable, TooLarge."""
    with opened(content, name) as container:
        return *samples_of(container, name, limits), mime_of(container, "audio")


def samples_of(container: Any, name: str, limits: Limits) -> tuple[NDArray[np.float32], int]:
    """The first sound track of an open container, and its rate. Raises NotDecodable, TooLarge."""
    import av

    stream = track(container.streams.audio, name, "sound")
    rate, channels = stream.rate, stream.channels
    resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate)
    parts: list[NDArray[np.float32]] = []
    count = 0
    for frame in container.decode(stream):
        for part in resampler.resample(frame):
            parts.append(part.to_ndarray())
            count += parts[-1].shape[1]
        # Containers may lie about their length, so what was really decoded is bounded.
        limits.check_seconds(count / rate, name)
        limits.check_bytes(count * channels * 4, name)
    parts.extend(part.to_ndarray() for part in resampler.resample(None))
    if not parts:
        raise NotDecodable(f"{name} has a sound track with nothing in it", name=name)
    return frozen(np.concatenate(parts, axis=1).T), rate
