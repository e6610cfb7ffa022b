"""Find the passages of a document that answer a question."""

from typing import Annotated

from pydantic import Field

from ..asked import check_question
from ..card import Card
from ..contract import tool
from ..media.document import Document
from ..media.text import Text
from ..roles import StepContext
from .parts import parts_of
from .passages import best, passages_of

CARD = Card(
    bad_at="questions in other words than the document's, sums and conclusions: it quotes and understands nothing; "
    "scanned pages",
    cost="cpu",
    keeps="part",
    examples=(
        "what does the document say about {question}", "where in the document is {question}",
        "find {question} in the PDF", "according to the document, {question}", "search the document for {question}",
        "which page says {question}", "quote the report on {question}", "look up {question} in the document",
        "文档里关于{question}怎么说", "在文档中查找{question}", "哪一页提到{question}",
    ),
    answer={"en": "{value}", "zh": "{value}"},
)  # fmt: skip

METHOD = "quoted: the passages that share most words with the question, by BM25"


@tool(card=CARD)
def ask_document(
    document: Document, question: str, count: Annotated[int, Field(ge=1, le=20)] = 3, *, step: StepContext
) -> Text:
    """Quote the passages of a document that share most words with a question, with the page that each stands on.

    One quotation a line, the best first: “It is 41 metres tall.” (page 2). Nothing is reworded or concluded. Where no
    passage shares a word with the question, which is also so of scanned pages, the text is empty. Raises
    ``WrongArgument`` for a question without words.

    Args:
        document: the document to search
        question: what is asked, as it stands in the request
        count: how many passages are quoted at most
    """
    check_question(question, "say what to look for")
    found = best(passages_of(parts_of(document, step)), question, count)
    return Text.of("\n".join(each.quote for each in found), METHOD)
