"""Say shorter what a text says."""

from typing import Annotated

from pydantic import Field

from ..card import Card
from ..contract import tool
from ..errors import EmptyInput
from ..media.text import Text
from ..roles import StepContext, Summariser

CARD = Card(
    bad_at="lists, tables and transcripts without full stops; in mini it quotes whole sentences and rewords nothing",
    cost="model",
    batch=True,
    keeps="meaning",
    examples=(
        "summarise the text", "summarise {text}", "summarise the text in {sentences} sentences", "give me a summary",
        "what is the text about in short", "shorten the text", "sum up the document", "the main points of the text",
        "the gist of the document", "总结这段文字", "概括一下文章", "用{sentences}句话总结文章", "写个摘要",
    ),
    answer={"en": "{value} ({method})", "zh": "{value}（{method}）"},
)  # fmt: skip


@tool(card=CARD)
def summarise(
    text: Text, sentences: Annotated[int, Field(ge=1, le=20)] = 3, *, summariser: Summariser, step: StepContext
) -> Text:
    """Summarise a text in a few sentences of its own language.

    The result's ``method`` says how it was made: quoted sentences, or a language model's words. A text that is no
    longer than the summary comes back as it is. Raises ``EmptyInput`` for an empty text, ``ModelError`` where the
    model's answer is no summary.

    Args:
        text: what to summarise
        sentences: how many sentences the summary may have
    """
    if text.empty:
        raise EmptyInput("nothing to summarise: the text is empty", kind=text.kind)
    reply = summariser.summarise([text.text], [sentences], stop=step.stop)[0]
    return Text.of(reply.text, summariser.method)
