"""Answer a question from a document."""

from ..asked import check_question
from ..card import Card
from ..contract import tool
from ..errors import ModelError
from ..media.document import Document
from ..media.text import Text
from ..roles import LanguageModel, StepContext
from .asking import Answer, ask, checked
from .parts import parts_of
from .passages import Passage, best, passages_of

CARD = Card(
    bad_at="questions whose answer is spread over many pages; scanned pages; it may misread what it quotes",
    cost="model",
    keeps="part",
    examples=(
        "answer from the document: {question}", "use the document to answer {question}",
        "based on the PDF, {question}", "read the report and tell me {question}",
        "{question} Use the attached document.", "from the attached document, {question}",
        "根据文档回答{question}", "看完PDF告诉我{question}",
    ),
    answer={"en": "{value} ({method})", "zh": "{value}（{method}）"},
)  # fmt: skip

METHOD = "answered by the language model from the passages that it names"
_SHOWN = 8  # passages that the model is given of a long document
_SHORT = 12_000  # characters of a document that it is given as a whole
_TASK = (
    "Answer the question from the numbered passages alone, in the language of the question and in a sentence or two. "
    'Answer with JSON: "able" is true, "found" says whether the passages hold the answer, "text" is the answer (empty '
    'where they do not hold it), and "passages" are the numbers of those that it rests on.'
)


class _Found(Answer):
    found: bool
    text: str
    passages: list[int]


@tool(card=CARD)
def answer_from_document(document: Document, question: str, *, writer: LanguageModel, step: StepContext) -> Text:
    """Answer a question from what a document says, with the pages that the answer rests on in brackets behind it.

    A long document is searched first: the model sees the passages that share most words with the question. Where these
    do not hold the answer the text is empty. Raises ``WrongArgument`` for a question without words, ``ModelError`` for
    an answer that rests on no passage.

    Args:
        document: the document to read
        question: what is asked, as it stands in the request
    """
    check_question(question, "say what you want to know")
    shown = _shown(document, question, step)
    if not shown:
        return Text.of("", METHOD)
    numbered = "\n".join(f"{number}. {each.text}" for number, each in enumerate(shown, 1))
    found, _, _ = ask(writer, f"{_TASK} The question: {question.strip()}", numbered, _Found, stop=step.stop)
    if not found.found:
        return Text.of("", METHOD)
    said = checked(found.text, numbered, len(numbered) + 1000)
    strange = [number for number in found.passages if not 1 <= number <= len(shown)]
    if strange or not found.passages:
        raise ModelError(
            f"the language model rests its answer on {f'passage {strange[0]}' if strange else 'no passage'} "
            f"of {len(shown)}",
            hint="ask again, or see ask_document, which quotes",
            output=said[:300],
        )
    rest = dict.fromkeys(shown[number - 1].part for number in sorted(found.passages))
    where = ", ".join(part for part in rest if part)
    return Text.of(f"{said} ({where})" if where else said, METHOD)


def _shown(document: Document, question: str, step: StepContext) -> list[Passage]:
    """What the model is given: all of a short document, the passages nearest to the question of a long one."""
    parts = [part for part in parts_of(document, step) if part.text]
    if sum(len(part.text) for part in parts) <= _SHORT:
        return [Passage(part.text, part.name) for part in parts]
    return best(passages_of(parts), question, _SHOWN)
