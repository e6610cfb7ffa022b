"""Tell in a few sentences what happens in a video."""

from collections.abc import Iterator, Sequence

from ..card import Card
from ..contract import tool
from ..english import with_article
from ..media.text import Text
from ..media.video import Video
from ..roles import Captioner, Detector, StepContext
from .moments import spread
from .motions import VERBS
from .watching import Thing, things_in
from .wording import gist

_LOOKS = 3  # pictures that are captioned: early, in the middle and late

CARD = Card(
    bad_at="what happens between things (meeting, passing), people's doings, and sound; a moving camera",
    cost="model",
    batch=True,
    keeps="meaning",
    examples=(
        "what happens in the video", "what happens in the clip", "summarise the clip", "describe the video",
        "tell me what goes on in the clip", "what do the things in the video do", "sum up the video",
        "describe what moves in the clip",
        "视频里发生了什么", "概括这段视频", "描述视频里的动作", "总结一下视频",
    ),
    answer={"en": "{value}", "zh": "{value}"},
)  # fmt: skip


@tool(card=CARD)
def summarise_video(video: Video, *, detector: Detector, captioner: Captioner, step: StepContext) -> Text:
    """Tell what the things of a video do and when, a sentence for each, and what its pictures show.

    The sentences are composed from the things that the detector finds, the paths on which they are followed, and
    captions of pictures at a sixth, in the middle and at five sixths of the time. A video in which nothing is followed
    has only its captions. Raises ``NotDecodable`` for a damaged file, ``Cancelled``.

    Args:
        video: the video to tell about
    """
    told = [_sentence(thing) for thing in things_in(video, detector=detector, step=step)]
    captions = captioner.caption(video.frames(spread(video, _LOOKS)), stop=step.stop)
    return Text.of(" ".join([*told, _shown([each.text for each in captions])]).strip())


def _sentence(thing: Thing) -> str:
    """Like "A red ring appears at 0.9 s, then moves down until 2.9 s, then stands still."."""
    said = with_article(thing.name)
    return f"{said[0].upper()}{said[1:]} {', then '.join(_parts(thing))}."


def _parts(thing: Thing) -> Iterator[str]:
    """What a thing does, one thing after the other; what only stands there is not said to do so, but comes or goes."""
    if thing.comes:
        yield f"appears at {thing.doings[0].start:.1f} s"
    doings = [each for each in thing.doings if each.motion not in ("appears", "disappears")]
    for number, doing in enumerate(doings, start=1):
        yield VERBS[doing.motion] + (f" until {doing.end:.1f} s" if number < len(doings) else "")
    if thing.goes:
        yield f"disappears at {thing.doings[-1].end:.1f} s"


def _shown(captions: Sequence[str]) -> str:
    """What the pictures show, said again only where it has changed."""
    said = [each.strip().rstrip(".。") for each in captions]
    told = [each for k, each in enumerate(said) if each and (k == 0 or gist(each) != gist(said[k - 1]))]
    return f"Its pictures show: {'; then: '.join(told)}." if told else ""
