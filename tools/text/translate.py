"""Say a text in another language."""

from types import MappingProxyType
from typing import Literal

from ..card import Card
from ..contract import tool
from ..errors import EmptyInput
from ..media.text import Text
from ..roles import StepContext, Translator

Language = Literal[
    "english", "chinese", "spanish", "french", "german", "italian", "portuguese", "dutch", "russian", "japanese",
    "korean", "arabic", "hindi",
]  # fmt: skip
CODES = MappingProxyType(
    {
        "english": "en", "chinese": "zh", "spanish": "es", "french": "fr", "german": "de", "italian": "it",
        "portuguese": "pt", "dutch": "nl", "russian": "ru", "japanese": "ja", "korean": "ko", "arabic": "ar",
        "hindi": "hi",
    }
)  # fmt: skip
"""Languages as requests name them, to their ISO 639-1 codes, of which some are words of other meaning (it, hi)."""

CARD = Card(
    bad_at="in mini everything but plain English and Chinese sentences about pictures and the things in them: it is a "
    "table of phrases; idioms and poetry everywhere",
    cost="model",
    batch=True,
    keeps="meaning",
    examples=(
        "translate the text into {to}", "translate {text} into {to}", "translate it to {to}", "say {text} in {to}",
        "what is {text} in {to}", "put the text into {to}", "a {to} translation of it",
        "把{text}翻译成{to}", "翻译成{to}", "{text}用{to}怎么说", "译成{to}",
    ),
    answer={"en": "{value} ({method})", "zh": "{value}（{method}）"},
)  # fmt: skip


@tool(card=CARD)
def translate(text: Text, to: Language, *, translator: Translator, step: StepContext) -> Text:
    """Translate a text, line by line as it stands.

    The result's ``method`` says how it was made. A phrase table keeps words that it does not know and marks them:
    ⟦lantern⟧. Raises ``EmptyInput`` for an empty text, ``WrongArgument`` for a language that the profile's translator
    does not know, ``ModelError`` where the model's answer is no translation.

    Args:
        text: what to translate
        to: the language to translate into

    Example:
        translate(Text.of("two red stars"), "chinese", translator=translator, step=StepContext()).text
    """
    if text.empty:
        raise EmptyInput("nothing to translate: the text is empty", kind=text.kind)
    reply = translator.translate([text.text], [CODES[to]], stop=step.stop)[0]
    return Text.of(reply.text, translator.method)
