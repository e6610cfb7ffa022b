"""Answer a question by looking at the whole picture: the one step of the direct route."""

from ..asked import check_question
from ..card import Card
from ..contract import tool
from ..frames import shown
from ..media.image import Image
from ..media.text import Text
from ..roles import Mllm, StepContext

CARD = Card(
    bad_at="exact counts, exact places, small print, and anything that must be given back as a picture",
    cost="model",
    batch=True,
    keeps="meaning",
    examples=(
        "describe the picture", "what is in the picture", "what is going on here", "{question}",
        "描述这张图片", "图里有什么",
    ),
    answer={"en": "{value}", "zh": "{value}"},
)  # fmt: skip


@tool(card=CARD)
def perceive(image: Image, question: str, *, mllm: Mllm, ctx: StepContext) -> Text:
    """Answer a question about a picture in a few words by looking at it.

    Raises ``WrongArgument`` for a question without words.

    Args:
        image: the picture that the question is about
        question: the question or the instruction, as it stands in the request
    """
    check_question(question)
    reply = mllm.answer([[shown(image)]], [question], stop=ctx.stop)[0]
    return Text.of(reply.text.strip())
