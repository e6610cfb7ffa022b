"""Write a video: pictures over time as an MP4 that says how it was made."""

import io
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..errors import EmptyInput, WrongArgument
from ..media.video import Video

MOST = 240
"""Pictures a second that a video has at most."""
_QUALITY = "18"  # of x264's constant rate factor: 0 loses nothing, from about 23 on one sees it
_SECONDS_A_KEYFRAME = 1  # so that players and `Video.frames` reach any moment soon


def encoded(frames: Iterable[NDArray[np.uint8]], rate: int, note: str = "") -> Video:
    """The video (see :func:`mp4`) of frames (H, W, 3) RGB 0-255, ``rate`` a second; ``note`` is its comment."""
    content = mp4(frames, rate, {"crf": _QUALITY, "g": str(rate * _SECONDS_A_KEYFRAME)}, note)
    return Video.open(content, name="the video that was made")


def mp4(
    frames: Iterable[NDArray[np.uint8]],
    rate: int,
    options: Mapping[str, str] = MappingProxyType({}),
    note: str = "",
) -> bytes:
    """An MP4 of frames (H, W, 3) RGB 0-255, ``rate`` a second, by x264 with these options; ``note`` is its comment.

    Where this build of FFmpeg cannot write H.264 it is MPEG-4, which every build can. Made by one thread and without
    version strings, so that the same frames give the same bytes, as far as x264 does: in another process some of them
    have been seen to differ. Raises ``EmptyInput`` without a frame,
    ``WrongArgument`` for what is no such frame, where frames differ in size or have odd sides, which the codec does not
    know, and for a rate that is no whole number from 1 to ``MOST``.
    """
    import av  # loads native libraries: not on the light path

    if not (isinstance(rate, int | np.integer) and 1 <= rate <= MOST):
        raise WrongArgument(
            f"a video cannot have {rate} frames a second", hint=f"give a whole number from 1 to {MOST}", field="rate"
        )
    codec = _codec()
    buffer = io.BytesIO()
    stream, shape = None, None
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
            if frame.shape != shape or any(side % 2 for side in frame.shape[:2]):
                raise WrongArgument(
                    f"a frame of {frame.shape[1]}x{frame.shape[0]} pixels does not fit this video",
                    hint="give frames of one size with even sides",
                    field="frames",
                )
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        if stream is None:
            raise EmptyInput("there is no frame to make a video of", kind="video")
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _codec() -> str:
    import av

    try:
        av.Codec("libx264", "w")
    except ValueError:  # av raises UnknownCodecError, which is one
        return "mpeg4"
    return "libx264"
