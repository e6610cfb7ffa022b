"""Say a text aloud."""

import re
from textwrap import wrap
from typing import Annotated

import numpy as np
from pydantic import Field

from ..card import Card
from ..contract import tool
from ..errors import Cancelled, EmptyInput
from ..media.audio import Audio
from ..media.text import Text
from ..roles import StepContext, Voice

CARD = Card(
    bad_at="feeling; names and foreign words; in mini any language but English",
    cost="model",
    keeps="meaning",
    examples=(
        "say {text} aloud", "read {text} aloud", "read aloud {text}", "read the text aloud", "read it out",
        "speak the text", "read it to me", "turn the text into speech", "make a recording that says {text}",
        "read the answer out loud", "pronounce {text}", "read it aloud at {rate} words a minute",
        "朗读这段文字", "念出来", "读给我听", "把文字转成语音", "大声说{text}",
    ),
    answer={"en": "It is said aloud.", "zh": "已朗读。"},
)  # fmt: skip

_LONGEST = 400  # characters said at once: models of speech were taught sentences
_AT_ONCE = 8  # parts
_PAUSE = 0.2  # seconds between two parts
_ENDS = re.compile(r"(?<=[.!?;:…])\s+|(?<=[。！？；])\s*|\n+")


@tool(card=CARD)
def speak(
    text: Text,
    voice: str = "",
    rate: Annotated[int, Field(ge=0, le=1000)] = 0,
    *,
    tts: Voice,
    step: StepContext,
) -> Audio:
    """Say a text aloud: a recording of one channel.

    A long text is said sentence by sentence. Raises ``EmptyInput`` for a text without words, ``WrongArgument`` for a
    voice or a rate that the model does not have, ``Cancelled``.

    Args:
        text: what to say
        voice: a name that the model knows ("en-gb-scotland+f2" in mini); left out, its own
        rate: words a minute; 0 for the model's own
    """
    parts = _parts(text.text)
    if not parts:
        raise EmptyInput("nothing to say: the text has no words", kind=text.kind)
    said: list[Audio] = []
    for first in range(0, len(parts), _AT_ONCE):
        if step.stop.is_set():
            raise Cancelled("the speech was cancelled")
        said += tts.speak(parts[first : first + _AT_ONCE], voice=voice or None, rate=rate or None)
        step.progress(len(said) / len(parts), f"said {len(said)} of {len(parts)} parts")
    if len(said) == 1:
        return said[0]
    pause = np.zeros((round(_PAUSE * said[0].rate), 1), np.float32)
    whole = [each for audio in said for each in (audio.samples, pause)][:-1]
    return Audio.from_samples(np.concatenate(whole), said[0].rate)


def _parts(text: str) -> list[str]:
    """The text as it is, or a long one in parts of whole sentences; what has no letter or digit is left out."""
    sentences = (
        [text] if len(text) <= _LONGEST else [each for part in _ENDS.split(text) for each in wrap(part, _LONGEST)]
    )
    parts: list[str] = []
    for each in sentences:
        if parts and len(parts[-1]) + len(each) < _LONGEST:
            parts[-1] = f"{parts[-1]} {each}"
        else:
            parts.append(each)
    return [part for part in parts if any(each.isalnum() for each in part)]
