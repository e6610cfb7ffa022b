"""Write a video: pictures over time, and sound with them, as an MP4 that says how it was made."""

import io
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EmptyInput, WrongArgument
from ..media.audio import Audio
from ..media.video import Video

MOST = 240
"""Pictures a second that a video has at most."""
_QUALITY = "18"  # of x264's constant rate factor: 0 loses nothing, from about 23 on one sees it
_SECONDS_A_KEYFRAME = 1  # so that players and `Video.frames` reach any moment soon
SOUND_RATE = 48_000
"""Samples a second of the sound of videos."""
_PACKET = 1024  # samples that AAC encodes at once


def encoded(frames: Iterable[NDArray[np.uint8]], rate: int, note: str = "", sound: Audio | None = None) -> Video:
    """The video (see :func:`mp4`) of frames (H, W, 3) RGB 0-255, ``rate`` a second; ``note`` is its comment."""
    content = mp4(frames, rate, {"crf": _QUALITY, "g": str(rate * _SECONDS_A_KEYFRAME)}, note, sound)
    return Video.open(content, name="the video that was made")


def mp4(
    frames: Iterable[NDArray[np.uint8]],
    rate: int,
    options: Mapping[str, str] = MappingProxyType({}),
    note: str = "",
    sound: Audio | None = None,
) -> bytes:
    """An MP4 of frames (H, W, 3) RGB 0-255, ``rate`` a second, by x264 with these options; ``note`` is its comment.

    ``sound`` begins with the first frame: mono or stereo at ``SOUND_RATE``, written as AAC.

    Where this build of FFmpeg cannot write H.264 it is MPEG-4, which every build can. Made by one thread and without
    version strings, so that the same frames give the same bytes, as far as x264 does: in another process some of them
    have been seen to differ. Raises ``EmptyInput`` without a frame,
    ``WrongArgument`` for what is no such frame, where frames differ in size or have odd sides, which the codec does not
    know, for a rate that is no whole number from 1 to ``MOST``, and for sound of another form.
    """
    import av  # loads native libraries: not on the light path

    if not (isinstance(rate, int | np.integer) and 1 <= rate <= MOST):
        raise WrongArgument(
            f"a video cannot have {rate} frames a second", hint=f"give a whole number from 1 to {MOST}", field="rate"
        )
    codec = _codec()
    buffer = io.BytesIO()
    stream, shape, heard, count = None, None, None, 0
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        if note:
            container.metadata["comment"] = note
        for frame in frames:
            if frame.ndim != 3 or frame.shape[2] != 3 or not frame.size or frame.dtype != np.uint8:
                raise WrongArgument(
                    f"an array {frame.shape} of {frame.dtype} is no frame", hint="give (H, W, 3) uint8", field="frames"
                )
            if stream is None:
                shape = frame.shape
                stream = container.add_stream(codec, rate=int(rate))
                stream.height, stream.width, stream.pix_fmt = shape[0], shape[1], "yuv420p"
                stream.options = dict(options) if codec == "libx264" else {"qscale": "3"}
                stream.codec_context.thread_count = 1
                heard = None if sound is None else _Heard(container, sound)
            if frame.shape != shape or any(side % 2 for side in frame.shape[:2]):
                raise WrongArgument(
                    f"a frame of {frame.shape[1]}x{frame.shape[0]} pixels does not fit this video",
                    hint="give frames of one size with even sides",
                    field="frames",
                )
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
            count += 1
            if heard is not None:
                heard.write(count / rate)
        if stream is None:
            raise EmptyInput("there is no frame to make a video of", kind="video")
        container.mux(stream.encode(None))
        if heard is not None:
            heard.write(None)
    return buffer.getvalue()


class _Heard:
    """The sound track of a video in the making, written beside its pictures so that players need not look far."""

    def __init__(self, container: Any, sound: Audio) -> None:
        from av.codec.context import Flags

        if sound.rate != SOUND_RATE or sound.channels > 2:
            raise WrongArgument(
                f"sound of {sound.channels} channels at {sound.rate} samples a second does not fit a video",
                hint=f"give one or two channels at {SOUND_RATE}",
                field="sound",
            )
        self._container, self._planes, self._at = container, sound.samples.T, 0
        self._layout = "mono" if sound.channels == 1 else "stereo"
        self._stream = container.add_stream("aac", rate=SOUND_RATE, layout=self._layout)
        self._stream.codec_context.flags |= Flags.bitexact  # else the library's version is within

    def write(self, until: float | None) -> None:
        """Write whole packets up to a time in seconds; None writes the rest."""
        import av

        length = self._planes.shape[1]
        end = length if until is None else min(length, int(until * SOUND_RATE) // _PACKET * _PACKET)
        while self._at < end:
            part = np.ascontiguousarray(self._planes[:, self._at : self._at + _PACKET])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=self._layout)
            frame.sample_rate, frame.pts = SOUND_RATE, self._at
            self._container.mux(self._stream.encode(frame))
            self._at += _PACKET
        if until is None:
            self._container.mux(self._stream.encode(None))


def _codec() -> str:
    import av

    try:
        av.Codec("libx264", "w")
    except ValueError:  # av raises UnknownCodecError, which is one
        return "mpeg4"
    return "libx264"
