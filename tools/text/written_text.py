"""Take the words of lines that were read in a picture without their places."""

from ..card import Card
from ..contract import tool
from ..media.boxes import Boxes
from ..media.text import Text

CARD = Card(
    bad_at="paragraphs: every line that was read stays a line",
    cost="instant",
    keeps="meaning",
    examples=(
        "the written words as plain text", "only the words of the sign", "the read lines as a text",
        "what is written there without the boxes", "把读出的文字变成纯文本", "只要写着的文字",
    ),
    answer={"en": "{value}", "zh": "{value}"},
)  # fmt: skip


@tool(card=CARD)
def written_text(boxes: Boxes) -> Text:
    """Give the labels of boxes as a text, one line a box: what ``read_text`` read, to be spoken or translated.

    Args:
        boxes: the lines that were read

    Example:
        speak(written_text(read_text(image, ocr=ocr)), tts=tts)
    """
    return Text.of("\n".join(boxes.labels))
