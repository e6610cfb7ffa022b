"""List the people, places and other names of a text."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..card import Card
from ..contract import tool
from ..errors import ModelError
from ..media.table import Table
from ..media.text import Text
from ..roles import LanguageModel, StepContext
from .asking import Answer, ask

CARD = Card(
    bad_at="names that are also words, and who is meant by he, she or it",
    cost="model",
    keeps="part",
    examples=(
        "list the names in the text", "which people are mentioned", "extract the entities", "who is named in the text",
        "find all places and dates in the text", "which companies does the text name", "a table of names and dates",
        "提取文中的人名和地名", "文章里提到了谁", "列出文中的实体",
    ),
    answer={"en": "The names in the text are in the table.", "zh": "文中的名称已列成表格。"},
)  # fmt: skip

Kind = Literal["person", "place", "organisation", "date", "amount", "other"]
COLUMNS = ("name", "kind", "times", "start")

_TASK = (
    "List every name in the text: people, places, organisations, dates, amounts, and other names such as those of "
    "works and products. Write each exactly as it stands in the text, once. Answer with JSON: "
    '"able" is true and "entities" is the list, which is empty where the text names nothing.'
)


class _Entity(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    kind: Kind


class _Entities(Answer):
    entities: list[_Entity]


@tool(card=CARD)
def extract_entities(text: Text, *, writer: LanguageModel, step: StepContext) -> Table:
    """List the names of a text, one a row: the name, its kind, how many times it stands there, and where first.

    Kinds are person, place, organisation, date, amount and other; ``start`` counts characters from 0. What the model
    names but the text does not hold is left out; where that is everything, it is a ``ModelError``. A text without
    names, or an empty one, gives an empty table.

    Args:
        text: what to look through
    """
    if text.empty:
        return Table.of([], COLUMNS)
    found = ask(writer, _TASK, text.text, _Entities, max_tokens=2048, stop=step.stop)[0].entities
    named = {each.name.strip(): each.kind for each in reversed(found) if each.name.strip()}
    rows = [
        {"name": name, "kind": kind, "times": text.text.count(name), "start": text.text.index(name)}
        for name, kind in named.items()
        if name in text.text
    ]
    if named and not rows:
        raise ModelError(
            "the language model named only what the text does not hold",
            hint="ask again, or use a larger model",
            output=", ".join(named)[:300],
        )
    return Table.of(sorted(rows, key=lambda row: (row["start"], row["name"])), COLUMNS)
