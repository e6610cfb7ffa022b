"""Take single pictures out of a video."""

from ..card import Card
from ..contract import tool
from ..media.image import Image
from ..media.video import Video
from .moments import regular, spread

CARD = Card(
    bad_at="choosing: it takes pictures by the clock, whatever they show",
    cost="cpu",
    keeps="part",
    examples=(
        "take {count} pictures from the clip", "take {count} frames out of the video", "grab a frame of the video",
        "extract frames from the clip", "give me stills of the video", "a still every {every} seconds",
        "从视频里截取{count}张图片", "截取视频画面", "每隔{every}秒截一张图",
    ),
    answer={
        "en": "{count} {picture was|pictures were} taken from the clip.",
        "zh": "从视频中截取了{count}张图片。",
    },
)  # fmt: skip


@tool(card=CARD)
def sample_frames(video: Video, count: int = 8, every: float | None = None) -> list[Image]:
    """Take pictures out of a video, evenly over its time, in the order of time.

    The video is cut into ``count`` equal parts, and the picture shown in the middle of each is taken; with ``every``
    it is the pictures shown at 0 s, ``every`` s, twice that and so on instead. Time counts, not the number of frames:
    what is shown for long is taken often. Raises ``WrongArgument`` for no picture or no time, ``TooLarge`` for more
    pictures than may be held at once, and ``NotDecodable`` where the file breaks off.

    Args:
        video: the video to take pictures from
        count: how many pictures to take
        every: seconds from one picture to the next, instead of a count

    Example:
        first, middle, last = sample_frames(video, 3)
    """
    return video.frames(spread(video, count) if every is None else regular(video, every))
