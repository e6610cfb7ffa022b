"""Say in English what is said in a recording in another language."""

from ..card import Card
from ..contract import tool
from ..media.audio import Audio
from ..media.transcript import Transcript
from ..roles import Recogniser, StepContext
from .speech import listen

CARD = Card(
    bad_at="any language but English as the result; times of words; in mini it cannot be done",
    cost="model",
    keeps="meaning",
    examples=(
        "translate the recording into English", "translate the speech", "translate what is said to English",
        "what does the foreign speaker say in English", "give me the speech in English", "the talk in English words",
        "把录音翻译成英文", "把这段话译成英语", "翻译语音",
    ),
    answer={"en": "In English it says: “{value}”", "zh": "译成英文：“{value}”"},
)  # fmt: skip


@tool(card=CARD)
def translate_speech(audio: Audio, *, asr: Recogniser, step: StepContext) -> Transcript:
    """Translate the speech of a recording into English in one go, with times.

    Whisper's multilingual models can; for other languages transcribe it and translate the text. Where nobody speaks the
    transcript is empty. Raises ``ModelError`` where the profile's recogniser does not translate, ``NotDecodable`` for
    damaged samples, ``Cancelled``.

    Args:
        audio: the recording to listen to
    """
    return listen(audio, asr, step, translate=True)
