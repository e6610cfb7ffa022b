"""Write down what is said in a recording."""

from ..card import Card
from ..contract import tool
from ..errors import WrongArgument
from ..media.audio import Audio
from ..media.transcript import Transcript
from ..roles import Recogniser, StepContext
from .speech import listen

CARD = Card(
    bad_at="several people at once, singing, whispering, who speaks; in mini all but espeak-ng's English in full band",
    cost="model",
    keeps="meaning",
    examples=(
        "transcribe the recording", "what is said in the recording", "write down what is said",
        "what does the speaker say", "turn the speech into text", "get the transcript", "what is being said",
        "make a transcript of the audio", "what do they say", "transcribe the {language} recording",
        "转录这段录音", "录音里说了什么", "把语音转成文字", "听写这段音频",
    ),
    answer={"en": "It says: “{value}”", "zh": "录音说：“{value}”"},
)  # fmt: skip


@tool(card=CARD)
def transcribe(audio: Audio, language: str = "", *, asr: Recogniser, step: StepContext) -> Transcript:
    """Write down the words of a recording with their times.

    A voice activity detector finds where somebody speaks; only that is given to the recogniser, so that silence and
    noise say nothing: where nobody speaks the transcript is empty. Long recordings are cut at pauses. Raises
    ``NotDecodable`` for damaged samples, ``WrongArgument`` for a language that there is not, ``Cancelled``.

    Args:
        audio: the recording to listen to
        language: what is spoken, by its code or English name ("zh", "Chinese"); left out, the model finds out

    Example:
        ``transcribe(Audio.open("talk.mp3"), asr=asr, step=StepContext()).text``
    """
    return listen(audio, asr, step, language=_code(language))


def _code(language: str) -> str:
    """The ISO 639-1 code of a language, given by it or by an English name; empty where none is given."""
    name = language.strip().casefold()
    if not name:
        return ""
    from whisper.tokenizer import LANGUAGES, TO_LANGUAGE_CODE  # loads torch: only where a language is said

    code: str = TO_LANGUAGE_CODE.get(name, name)
    if code not in LANGUAGES:
        raise WrongArgument(
            f"there is no language {language!r}", hint="give a code or an English name: en, Chinese", field="language"
        )
    return code
