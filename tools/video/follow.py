"""Follow the things of a video, and say what each does when."""

from collections.abc import Sequence

import numpy as np

from ..card import Card
from ..contract import tool
from ..media.spans import Spans
from ..media.video import Video
from ..roles import Detector, StepContext
from ..see.nouns import NOUNS
from .motions import VERBS
from .watching import things_in

CARD = Card(
    bad_at="a camera that moves, crowds, and things that are seen for less than a second",
    cost="model",
    batch=True,
    examples=(
        "track the {labels}", "follow the {labels} in the video", "how does the {labels} move",
        "what do the {labels} do in the clip", "in which direction does the {labels} move",
        "what moves in the video", "describe the motion of the {labels}", "does the {labels} move or stand still",
        "跟踪{labels}", "追踪视频中的{labels}", "{labels}是怎么运动的", "视频里什么东西在动",
    ),
    nouns=NOUNS,
    answer={"en": "In the clip: {rows}.", "zh": "视频中：{rows}。"},
)  # fmt: skip


@tool(card=CARD)
def track(video: Video, labels: Sequence[str] = (), *, detector: Detector, step: StepContext) -> Spans:
    """Follow things through a video and return what each does when, by time; none where nothing is followed.

    Labels of spans name colour, thing and motion ("red star moves left", "blue car stands still"), the motion being one
    of fourteen; scores are those of the thing's boxes. The spans of one thing adjoin from where it comes to where it
    goes. Nouns narrow it to things of these classes. Raises ``UnknownLabel`` for one that a closed-vocabulary detector
    does not know, ``NotDecodable`` for a damaged file, ``Cancelled`` when the step is stopped.

    Args:
        video: the video to watch
        labels: what to follow, nouns as they stand in the request

    Example:
        track(video, ["star"], detector=detector, step=StepContext()).labels
    """
    rows = sorted(
        (doing.start, doing.end, f"{thing.name} {VERBS[doing.motion]}", thing.score)
        for thing in things_in(video, labels, detector=detector, step=step)
        for doing in thing.doings
    )
    times = np.array([row[:2] for row in rows]).reshape(-1, 2)
    return Spans.of(times, [row[2] for row in rows], [row[3] for row in rows])
