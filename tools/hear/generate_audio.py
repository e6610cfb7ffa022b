"""Make the sound that a text names."""

from typing import Annotated

from pydantic import Field

from ..card import Card
from ..contract import tool
from ..errors import Cancelled, EmptyInput, WrongArgument
from ..media.audio import Audio
from ..media.text import plain
from ..roles import SoundGenerator, StepContext

CARD = Card(
    bad_at="speech (speak says texts); in mini anything but its sixteen synthesised sounds, and music",
    cost="model",
    keeps="meaning",
    examples=(
        "make the sound of {prompt}", "generate the sound of {prompt}", "create a sound effect of {prompt}",
        "produce a {prompt} sound", "I need the noise of {prompt}", "let me hear {prompt}",
        "give me {seconds} seconds of {prompt}", "compose {prompt}", "make music: {prompt}",
        "生成{prompt}的声音", "做一段{prompt}的音效", "来一段{prompt}的声音", "生成一段{prompt}音乐",
    ),
    answer={"en": "The sound of {prompt} was made.", "zh": "已生成{prompt}的声音。"},
)  # fmt: skip

_SEEDS = 2**32  # generators take so many


@tool(card=CARD)
def generate_audio(
    prompt: str, seconds: Annotated[float, Field(ge=0)] = 0.0, *, sound_generator: SoundGenerator, step: StepContext
) -> Audio:
    """Make a recording of what a text names: a sound, or music where the model makes it.

    The same words and seed give the same samples. Raises ``EmptyInput`` without words, ``WrongArgument`` for a sound or
    a length that the model cannot make and for words with control characters, ``Cancelled``.

    Args:
        prompt: what is to be heard, as it stands in the request
        seconds: how long it lasts; 0 for as long as such a sound does
    """
    if not prompt.strip():
        raise EmptyInput("nothing to make: no sound is named", kind=Audio.kind)
    if plain(prompt) != prompt:  # the answer repeats it
        raise WrongArgument(
            f"the prompt {prompt!r} has control characters in it", hint="name the sound in words alone", field="prompt"
        )
    if step.stop.is_set():
        raise Cancelled("the sound was cancelled")
    return sound_generator.make([prompt], seconds=[seconds or None], seeds=[step.seed % _SEEDS], stop=step.stop)[0]
