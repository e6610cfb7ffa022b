"""Say whether a text sounds pleased or displeased."""

from typing import Literal

from ..card import Card
from ..contract import tool
from ..errors import EmptyInput
from ..media.text import Text
from ..roles import LanguageModel, StepContext
from .asking import Answer, ask

CARD = Card(
    bad_at="irony, and texts about several things of which one is liked and another is not (it says mixed)",
    cost="model",
    keeps="part",
    examples=(
        "what is the sentiment of the text", "is the review positive or negative", "how does the writer feel",
        "does {text} sound happy", "the mood of the text", "is the tone of the text friendly", "how angry is the text",
        "这段话是正面还是负面", "分析文字的情感", "作者是什么态度",
    ),
    answer={"en": "The text sounds {value}.", "zh": "这段文字的情感是：{value}。"},
)  # fmt: skip

Feeling = Literal["positive", "negative", "mixed", "neutral"]

_TASK = (
    "Say what the writer of the text feels about what it is about: positive, negative, mixed (both), or neutral "
    '(neither). Answer with JSON: "able" is true and "feeling" is that word; if nobody could tell, "able" is false.'
)


class _Felt(Answer):
    feeling: Feeling


@tool(card=CARD)
def sentiment(text: Text, *, writer: LanguageModel, step: StepContext) -> Feeling:
    """Say what the writer of a text feels: positive, negative, mixed or neutral.

    Raises ``EmptyInput`` for an empty text, ``ModelError`` where the model gives no such word.

    Args:
        text: what was written
    """
    if text.empty:
        raise EmptyInput("nothing to judge: the text is empty", kind=text.kind)
    return ask(writer, _TASK, text.text, _Felt, max_tokens=64, stop=step.stop)[0].feeling
