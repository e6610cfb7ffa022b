"""Cut a part out of a recording."""

import numpy as np

from ..card import Card
from ..contract import tool
from ..errors import EmptyInput, WrongArgument
from ..media.audio import Audio
from ..media.spans import Spans
from .samples import some

CARD = Card(
    bad_at="finding the moment by itself: it needs times, or spans that another tool found",
    cost="cpu",
    keeps="part",
    examples=(
        "cut the recording from {start} to {end} seconds", "keep seconds {start} to {end} of the audio",
        "trim the audio to {start} to {end} seconds", "take the part of the recording from {start} to {end} s",
        "drop the first {start} seconds of the recording", "keep only the {spans} of the recording",
        "cut the {spans} out of the audio",
        "截取录音的{start}到{end}秒", "剪出第{start}秒到第{end}秒的声音", "只留下录音里的{spans}",
    ),
    answer={"en": "The part is cut out of the recording.", "zh": "已从录音中剪出该部分。"},
)  # fmt: skip


@tool(card=CARD)
def cut_audio(audio: Audio, start: float = 0.0, end: float = 0.0, spans: Spans | None = None) -> Audio:
    """Keep the part of a recording between two times, or what lies in spans, joined in the order of time.

    A time below 0 counts from the end: ``start=-5`` keeps the last five seconds. What lies beyond the recording is left
    out; overlapping spans are kept once. Raises ``EmptyInput`` for no span and where nothing is left,
    ``WrongArgument`` for a part that ends before it starts, ``NotDecodable`` for damaged samples.

    Args:
        audio: the recording to cut
        start: seconds at which the part begins
        end: seconds at which it ends; 0 for the end of the recording
        spans: parts to keep instead of start and end

    Example:
        ``cut_audio(recording, 2.0, 4.5)``
    """
    samples = some(audio, "cut")
    if spans is not None and spans.empty:
        raise EmptyInput("nothing to cut out: there is no span", kind=spans.kind)
    keep = np.zeros(len(samples), np.bool_)
    for first, last in [_times(audio, start, end)] if spans is None else spans.seconds.tolist():
        keep[round(first * audio.rate) : round(last * audio.rate)] = True
    if not keep.any():
        raise EmptyInput(f"nothing is left: the recording is {audio.seconds:g} s long", kind=audio.kind)
    return Audio.from_samples(samples[keep], audio.rate)


def _times(audio: Audio, start: float, end: float) -> tuple[float, float]:
    first = start if start >= 0 else max(0.0, audio.seconds + start)
    last = min(end, audio.seconds) if end > 0 else audio.seconds + end
    if not first < last:
        raise WrongArgument(
            f"a part from {first:g} to {last:g} s of a recording of {audio.seconds:g} s has nothing in it",
            hint="give a start before the end, both within the recording",
            field="start",
        )
    return first, last
