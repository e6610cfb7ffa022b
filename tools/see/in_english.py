"""Short Chinese descriptions in English, for models that draw or match pictures and were taught English only."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from ..english import with_article
from .colours import CHINESE
from .nouns import NOUNS

_ENGLISH: Mapping[str, str] = MappingProxyType(
    {said: label for label, languages in reversed(list(NOUNS.items())) for said in languages["zh"]}
)
_COLOURS: Mapping[str, str] = MappingProxyType({"粉红": "pink", "褐": "brown", **CHINESE})
_THING = re.compile(
    r"(?:一?[个只辆条朵艘颗座棵块枚轮把幅张]|一)?"
    rf"(?:(?P<colour>{'|'.join(_COLOURS)})色?的?)?"
    rf"(?P<noun>{'|'.join(sorted(_ENGLISH, key=len, reverse=True))})"
)
_AND = re.compile("[和与跟、]")


def in_english(text: str) -> str:
    """A thing or several, each perhaps with its colour: 红色的星星和鱼 is "a red star and a fish".

    A text that says anything else, or names a thing that the table of nouns lacks, stays as it is.
    """
    found = [_THING.fullmatch(part.strip()) for part in _AND.split(text.strip(" 。，"))]
    named = [each for each in found if each is not None]
    if len(named) < len(found):
        return text
    return " and ".join(
        with_article(f"{_COLOURS.get(each['colour'] or '', '')} {_ENGLISH[each['noun']]}".strip()) for each in named
    )
