"""What training does to a line so that words that it never had are not fatal: added, unknown and misspelled words.

New phrasings have words that no trained one had, and people say more than their request. Slots in braces stay as they
are. Needs rjieba.
"""

from __future__ import annotations

import random
import re

from .....planners.backends.prompt_format import Word, segmented
from . import words as w
from .phrasings import SLOT, Aside

END = re.compile(r"[\s.?!。？！…，,]+$")
_ENDING = re.compile(r"(?<=[a-z]{2})(ing|ed|ly|est|er|es|s|ise|ize|ion|al|ful|ible|able|ous|ish|en|ate|y)$")


def pseudo_word(rng: random.Random, language: str) -> str:
    """A word that is none: pronounceable ("blorket"), or two or three characters of nouns."""
    if language == "zh":
        pools = (w.NOUN_CHARACTERS, w.CHARACTERS, w.ALL_CHARACTERS)
        return "".join(rng.choice(rng.choice(pools)) for _ in range(rng.choice((1, 2, 2, 2, 3, 3))))
    word = ""
    for _ in range(rng.choice((1, 1, 2, 2, 2, 3))):
        word += rng.choice(w.ONSETS) + rng.choice("aeiou") + (rng.choice(w.CODAS) if rng.random() < 0.6 else "")
    word += rng.choice(("le", "er", "et", "o", "y", "in")) if len(word) < 3 or rng.random() < 0.2 else ""
    return word if word not in w.REAL else word + "le"


def noisy(template: str, rng: random.Random, language: str) -> str:
    """A line with pseudo-words before or behind it, mostly one or two."""
    count = rng.choices((1, 2, rng.randint(3, 9), rng.randint(10, 20)), (58, 27, 12, 3))[0]
    words = [pseudo_word(rng, language) for _ in range(count)]
    extra = "".join(words) if language == "zh" else " ".join(words)
    return f"{extra}, {template}" if rng.random() < 0.5 else f"{END.sub('', template)}, {extra}"


def blotted(template: str, rng: random.Random, language: str, least: int = 5) -> str:
    """A line of at least so many words with one of them unknown, or two of five and more.

    An English one keeps its ending: "freed" and "roughly" are told from things by theirs.
    """
    own = _own_words(template)
    if len(own) < least:
        return template
    number = rng.choice((1, 1, 2)) if len(own) >= 5 else 1
    for lost in sorted(rng.sample(own, number), key=lambda word: -word.start):
        ending = _ENDING.search(lost.text)
        new = pseudo_word(rng, language) + (ending[0] if ending else "")
        template = template[: lost.start] + new + template[lost.end :]
    return template


def misspelled(template: str, rng: random.Random, language: str) -> str:
    """An English line with one word as a hasty hand writes it: the letters of an unknown word may tell which it is.

    A letter is lost, doubled or changes places with the next; or the vowels are left out but for the first letter.
    """
    own = [word for word in _own_words(template) if word.text.isascii() and len(word.text) > 3]
    if language == "zh" or not own:
        return template
    word = rng.choice(own)
    at = rng.randint(1, len(word.text) - 2)
    head, one, two, tail = word.text[:at], word.text[at], word.text[at + 1], word.text[at + 2 :]
    short = word.text[0] + re.sub("[aeiou]", "", word.text[1:])
    new = rng.choice((head + two + tail, head + one * 2 + two + tail, head + two + one + tail, short))
    return template[: word.start] + new + template[word.end :]


# What stands between a request and an aside: a whole sentence or a phrase.
_BETWEEN = {
    "en": {"sentence": (". ", ". ", "; ", ": ", " - ", "! ", ", "), "phrase": (", ", ", ", " ", " - ")},
    "zh": {"sentence": ("。", "，", "，", "；", "！", " "), "phrase": ("，", "，", ",", "")},
}


def beside(text: str, aside: Aside, rng: random.Random) -> str:
    """A request with an aside before or behind it."""
    before = aside.place == "before" or (aside.place == "either" and rng.random() < 0.5)
    between = rng.choice(_BETWEEN[aside.language][aside.build])
    ending = END.search(text)
    mark = ending[0].strip() if ending else ""
    bare = text[: ending.start()] if ending else text
    first, then = (aside.text, bare) if before else (bare, aside.text)
    if mark.endswith(("?", "？")) and not before and aside.build == "sentence":
        between, mark = mark if aside.language == "zh" else f"{mark} ", ""  # a question ends before what comes behind
    elif between in (". ", "! "):
        then = then[:1].upper() + then[1:]
    elif before:
        then = then if then.startswith(("I ", "I'")) else then[:1].lower() + then[1:]
    return f"{first}{between}{then}{mark}"


def _own_words(template: str) -> list[Word]:
    """The words of a line that are no slots."""
    bare = SLOT.sub(lambda slot: "\0" * len(slot[0]), template)
    return [word for word in segmented(bare) if word.text.isalpha()]
