"""Read what a document says."""

from ..card import Card
from ..contract import tool
from ..media.document import Document
from ..media.text import Text
from ..roles import StepContext
from .parts import parts_of

CARD = Card(
    bad_at="scanned pages, which are pictures without text (take document_pages, then read the pictures); "
    "columns and footnotes of a PDF may come out of order; text boxes, headers and footers of Word files are left out",
    cost="cpu",
    keeps="meaning",
    examples=(
        "read the document", "what does the document say", "extract the text of the PDF",
        "get the text of the document", "turn the PDF into text", "the text of the slides",
        "convert the document to plain text",
        "读取文档的文字", "提取PDF的文字", "把文档转成文本",
    ),
    answer={"en": "{value}", "zh": "{value}"},
)  # fmt: skip


@tool(card=CARD)
def read_document(document: Document, *, step: StepContext) -> Text:
    """Read the text of a PDF, Word, PowerPoint or Excel file.

    Every page, slide or sheet begins with a mark on a line of its own: [page 2], [slide 3], [sheet Boats]; what has no
    text, such as a scanned page, says so in it: [page 2: no text]. A document without any text gives an empty text.
    Cells of a row stand between bars. Raises ``NotDecodable``, ``TooLarge``.

    Args:
        document: what to read
    """
    parts = parts_of(document, step)
    if not any(part.text for part in parts):
        return Text.of("")
    marked = (f"[{name}]\n\n{text}" if text else f"[{name}: no text]" for name, text in parts)
    return Text.of(parts[0].text if parts[0].name == "" else "\n\n".join(marked))
