"""Put a text into other words, as somebody asks for it."""

from ..card import Card
from ..contract import tool
from ..errors import EmptyInput, WrongArgument
from ..media.text import Text
from ..roles import LanguageModel, StepContext
from .asking import Prose, ask, checked

CARD = Card(
    bad_at="facts: it may change or add some, so read it against the original; very long texts",
    cost="model",
    keeps="meaning",
    examples=(
        "rewrite the text {how}", "rewrite the text so that it is {how}", "make the text {how}",
        "put the text into {how} words", "rephrase the text {how}", "correct the grammar of the text",
        "make the text sound {how}", "把文字改写得{how}", "把这段话改得{how}", "润色这段文字",
    ),
    answer={"en": "{value} ({method})", "zh": "{value}（{method}）"},
)  # fmt: skip

_TASK = (
    "Rewrite the text: {how}. Keep what it says, and its language unless another is asked for. Answer with JSON: "
    '"able" is true and "text" is the new text alone; if you cannot, "able" is false and "text" says why.'
)
_MOST_TOKENS = 4096
_GROWTH = 10  # how many times longer a text may become


@tool(card=CARD)
def rewrite(text: Text, how: str, *, writer: LanguageModel, step: StepContext) -> Text:
    """Rewrite a text: shorter, friendlier, as a list, without mistakes, whatever is asked for.

    Raises ``EmptyInput`` for an empty text, ``WrongArgument`` for an empty wish, ``ModelError`` where the model
    refuses, writes nothing, or writes what is no text.

    Args:
        text: what to rewrite
        how: what the new text should be like, in words
    """
    if text.empty:
        raise EmptyInput("nothing to rewrite: the text is empty", kind=text.kind)
    if not how.strip():
        raise WrongArgument("it is not said how to rewrite the text", hint='for example how="shorter"', field="how")
    most = min(_MOST_TOKENS, 256 + 2 * len(text.text))
    found, _, _ = ask(writer, _TASK.format(how=how.strip()), text.text, Prose, max_tokens=most, stop=step.stop)
    said = checked(found.text, text.text, _GROWTH * len(text.text) + 1000)
    return Text.of(said, "rewritten by the language model")
