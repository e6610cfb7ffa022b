"""Get the tables of a document."""

from ..card import Card
from ..contract import tool
from ..errors import WrongArgument
from ..media.document import Document
from ..media.table import Table
from ..roles import StepContext
from .parts import tables_of

CARD = Card(
    bad_at="PDF, in which a table is but lines and letters; tables within tables; formulas that nobody has computed",
    cost="cpu",
    keeps="part",
    examples=(
        "get the tables of the document", "extract the tables", "the table in the document", "read the spreadsheet",
        "what is in the sheets", "list the tables of the Word file", "give me the rows of the workbook",
        "提取文档中的表格", "读取表格", "文档里的表格",
    ),
    answer={"en": "The tables of the document: {rows}.", "zh": "文档中的表格：{rows}。"},
)  # fmt: skip


@tool(card=CARD)
def document_tables(document: Document, *, step: StepContext) -> list[Table]:
    """Get the tables of a Word, PowerPoint or Excel file, in their order; the first row names the columns.

    A sheet is one table; empty ones are left out, and so are empty rows and columns. A column without a name is called
    by its number, a repeated name gets one. Dates are ISO 8601. A formula gives the value that was last computed for
    it. Raises ``WrongArgument`` for a PDF, ``TooLarge``.

    Args:
        document: the file to look through
    """
    if document.format == "pdf":
        raise WrongArgument(
            "a PDF holds no tables, only lines and letters at places",
            hint="read its text with read_document, or look at its pages with document_pages",
            field="document",
        )
    return tables_of(document, step)
