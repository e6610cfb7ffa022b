"""Answer a question about a video: asked of pictures spread over its time, the answers put together by counting."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

from ..asked import check_question
from ..card import Card
from ..contract import tool
from ..media.text import Text
from ..media.video import Video
from ..roles import Mllm, StepContext
from ..text.words import han
from .moments import in_turn, spread
from .wording import gist

_STEADY = 2  # looks that an answer must hold for, before and after, to be called a change

CARD = Card(
    bad_at="motion and sound: it is shown single pictures; answers of many words, which never agree",
    cost="model",
    batch=True,
    keeps="meaning",
    examples=(
        "what can be seen in the video", "answer about the clip: {question}", "{question} in the video",
        "look at the clip and tell me {question}", "ask the video: {question}", "does the video show {question}",
        "视频里有什么", "视频里{question}", "看一下视频，{question}",
    ),
    answer={"en": "{value}", "zh": "{value}"},
)  # fmt: skip

_SAID: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "one": "{answer} (in the one picture of the video that was looked at)",
            "same": "{answer} (in all {of} pictures of the video)",
            "most": "{answer} (in {count} of {of} pictures of the video; else {others})",
            "change": "first {answer}, from about {time:.1f} s on {then} (in {of} pictures of the video)",
            "none": "nothing holds for most of {of} pictures of the video: {others}",
            "at": "{answer} at {time:.1f} s",
            "until": "{answer} from {time:.1f} to {end:.1f} s",
            "comma": "; ",
        },
        "zh": {
            "one": "{answer}（看了视频的一幅画面）",
            "same": "{answer}（视频的{of}幅画面都是）",
            "most": "{answer}（视频的{of}幅画面中有{count}幅；其余：{others}）",
            "change": "先是{answer}，约{time:.1f}秒起是{then}（看了视频的{of}幅画面）",
            "none": "视频的{of}幅画面中没有哪个回答过半：{others}",
            "at": "{time:.1f}秒{answer}",
            "until": "{time:.1f}至{end:.1f}秒{answer}",
            "comma": "；",
        },
    }
)


class _Look(NamedTuple):
    """What was answered of the picture shown at a time."""

    time: float
    answer: str


@tool(card=CARD)
def ask_video(video: Video, question: str, count: int = 8, *, mllm: Mllm, step: StepContext) -> Text:
    """Ask a question of pictures spread evenly over a video, and say which answer holds for most of them.

    Each picture is asked about on its own. An answer that holds for all is given, one that holds for more than half is
    given with the others, one that gives way to another for good is told with the time of the change; else all are
    told with their times. The text says which of these it is and how many pictures were asked. Raises
    ``WrongArgument`` without a question or a picture, ``Cancelled`` when the step is stopped.

    Args:
        video: the video that the question is about
        question: the question, as it stands in the request
        count: how many pictures are asked

    Example:
        ask_video(video, "what colour is the star", mllm=mllm, step=StepContext()).text
    """
    check_question(question)
    times, answers = spread(video, count), list[str]()
    for pictures in in_turn(video, times, step, "looking at the video"):
        replies = mllm.answer([[each] for each in pictures], [question] * len(pictures), stop=step.stop)
        answers += [reply.text.strip(" .。") for reply in replies]
    looks = [_Look(*each) for each in zip(times, answers, strict=True)]
    return Text.of(_together(looks, _SAID["zh" if han(question) else "en"]))


def _together(looks: Sequence[_Look], said: Mapping[str, str]) -> str:
    runs = [list(run) for _, run in groupby(looks, key=lambda look: gist(look.answer))]
    usual, count = Counter(gist(look.answer) for look in looks).most_common(1)[0]
    facts = {
        "answer": next(look.answer for look in looks if gist(look.answer) == usual),
        "count": count,
        "of": len(looks),
    }
    if len(runs) == 1:
        return said["same" if len(looks) > 1 else "one"].format(**facts)
    if len(runs) == 2 and all(len(run) >= _STEADY for run in runs):
        (*_, before), (after, *_) = runs
        change = {"answer": before.answer, "then": after.answer, "time": (before.time + after.time) / 2}
        return said["change"].format(**facts | change)
    whole = 2 * count > len(looks)
    others = [
        said["at" if len(run) == 1 else "until"].format(answer=run[0].answer, time=run[0].time, end=run[-1].time)
        for run in runs
        if not whole or gist(run[0].answer) != usual
    ]
    return said["most" if whole else "none"].format(**facts, others=said["comma"].join(others))
