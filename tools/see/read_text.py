"""Read what is written in a picture."""

from ..card import Card
from ..contract import tool
from ..media.boxes import Boxes
from ..media.image import Image
from ..roles import TextReader

CARD = Card(
    bad_at="handwriting, characters set one below the other, small print in very large pictures; a ring or a cross "
    "may be read as a letter",
    cost="model",
    batch=True,
    examples=(
        "read the text in the picture", "what does the sign say", "what is written here",
        "what is written on the {labels}", "read this page", "recognise the text", "OCR the picture",
        "get the words in the image", "type out the text of the scan",
        "读出图片里的文字", "图片上写了什么", "识别图中的文字", "牌子上写着什么",
    ),
    answer={"en": "It says: {rows}.", "zh": "上面写着：{rows}。"},
)  # fmt: skip


@tool(card=CARD)
def read_text(image: Image, *, ocr: TextReader) -> Boxes:
    """Read what is written in a picture: a box a line, whose label is the text, in reading order.

    Columns are read one after the other, each from top to bottom. A page may lie on its side or stand on its head; the
    boxes lie in the picture as it was given. A picture without text gives empty boxes.

    Args:
        image: the picture to read

    Example:
        "\\n".join(read_text(image, ocr=ocr).labels)
    """
    return ocr.read([image])[0]
