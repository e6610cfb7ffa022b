"""Which moments of a video are looked at, and how: by time, a few pictures at once, never all of a long one."""

import math
from collections.abc import Iterator, Sequence

from ..errors import Cancelled, WrongArgument
from ..media.image import Image
from ..media.limits import Limits
from ..media.video import Video
from ..roles import StepContext

_AT_ONCE = 16
_BYTES = 256 * 2**20  # of the pictures that are held at once


def spread(video: Video, count: int) -> list[float]:
    """The middles of ``count`` equal parts of a video, in seconds. Raises ``WrongArgument``, ``TooLarge``."""
    if count < 1:
        raise WrongArgument(f"{count} pictures cannot be taken", hint="give 1 or more", field="count")
    Limits().check_frames(count, "what is taken of the video")
    return [(k + 0.5) * video.seconds / count for k in range(count)]


def regular(video: Video, every: float, most: int | None = None) -> list[float]:
    """The moments ``every`` so many seconds from the first picture on; further apart where they would be over ``most``.

    Raises ``WrongArgument`` for a time that is not over 0, and ``TooLarge`` for more than a video may be asked for.
    """
    if not 0 < every < math.inf:
        raise WrongArgument(f"a picture every {every:g} s cannot be taken", hint="give more than 0", field="every")
    if most is not None:
        every = max(every, video.seconds / most)
    Limits().check_frames(math.ceil(min(video.seconds / every, 1e9)), "what is taken of the video")
    return [k * every for k in range(max(1, math.ceil(video.seconds / every - 1e-9)))]


def in_turn(video: Video, times: Sequence[float], step: StepContext, doing: str) -> Iterator[list[Image]]:
    """The pictures at ascending times, some at once, so that few are in memory; progress is told as ``doing``.

    Raises ``Cancelled`` when the step is stopped, and as ``Video.frames`` does.
    """
    at_once = max(1, min(_AT_ONCE, _BYTES // (3 * video.width * video.height)))
    for start in range(0, len(times), at_once):
        if step.stop.is_set():
            raise Cancelled("the video is no longer looked at")
        yield video.frames(times[start : start + at_once])
        step.progress(min(1.0, (start + at_once) / len(times)), doing)
