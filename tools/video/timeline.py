"""What is seen and what is said in a video, on one line of time."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ..card import Card
from ..contract import tool
from ..media.table import Table
from ..media.video import Video
from ..roles import Captioner, Recogniser, StepContext
from .moments import in_turn, regular
from .soundtrack import sound_of
from .wording import gist

SEEN, SAID = "seen", "said"
_MOST = 120  # pictures of a video that are captioned

CARD = Card(
    bad_at="what happens between the moments that are looked at; sounds that are no speech",
    cost="model",
    batch=True,
    keeps="meaning",
    examples=(
        "make a timeline of the video", "what happens when in the video", "list what is seen and said in the clip",
        "give me a log of the clip with times", "describe the video scene by scene", "a table of what the video shows",
        "给视频做一条时间线", "按时间列出视频里看到和听到的内容", "逐段描述视频",
    ),
    answer={"en": "The timeline of the clip: {rows}.", "zh": "视频的时间线：{rows}。"},
)  # fmt: skip


@tool(card=CARD)
def timeline(video: Video, every: float = 0.5, *, captioner: Captioner, asr: Recogniser, step: StepContext) -> Table:
    """Return a table of what is seen and said in a video: ``start`` and ``end`` in seconds, ``what`` and ``text``.

    ``what`` is "seen" or "said". The picture shown every so many seconds is captioned, more seconds apart where that
    would be over 120 pictures. A caption holds until another picture shows something else; lists of the same things in
    another order are the same. A video without speech, or without sound, has no row that is said. Raises
    ``WrongArgument`` for a time that is not over 0, ``NotDecodable`` for a damaged file, ``Cancelled``.

    Args:
        video: the video to describe
        every: seconds from one picture that is captioned to the next
    """
    rows = [*_seen(video, every, captioner, step), *_said(video, asr, step)]
    columns = ("start", "end", "what", "text")
    return Table.of(sorted(rows, key=lambda row: (row["start"], row["what"] != SEEN)), columns)


def _seen(video: Video, every: float, captioner: Captioner, step: StepContext) -> Iterator[dict[str, Any]]:
    times = regular(video, every, _MOST)
    said: list[str] = []
    for pictures in in_turn(video, times, step, "captioning pictures"):
        said += [reply.text.strip() for reply in captioner.caption(pictures, stop=step.stop)]
    changes = [k for k in range(len(said)) if k == 0 or gist(said[k]) != gist(said[k - 1])]
    for first, after in pairwise([*changes, len(said)]):
        if said[first]:
            yield _row(times[first], times[after] if after < len(said) else video.seconds, SEEN, said[first])


def _said(video: Video, asr: Recogniser, step: StepContext) -> Iterator[dict[str, Any]]:
    sound = sound_of(video)
    if sound is None or sound.empty:
        return
    for segment in asr.transcribe([sound], stop=step.stop)[0].segments:
        yield _row(segment.start, segment.end, SAID, segment.text.strip())


def _row(start: float, end: float, what: str, text: str) -> dict[str, Any]:
    return {"start": round(start, 2), "end": round(end, 2), "what": what, "text": text}
