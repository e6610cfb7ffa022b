"""Plurals and articles of English nouns, as every sentence that is made here says them. Stdlib only."""

from __future__ import annotations

_IRREGULAR = {"person": "people", "child": "children", "fish": "fish", "sheep": "sheep", "mouse": "mice",
              "leaf": "leaves", "knife": "knives", "tomato": "tomatoes", "potato": "potatoes", "man": "men",
              "woman": "women", "snowman": "snowmen"}  # fmt: skip


def plural(noun: str) -> str:
    """The plural of a noun phrase, by its last word: crosses, fish, coffee cups."""
    head, _, last = noun.rpartition(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith(("s", "x", "sh", "ch", "z")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}".strip()


def with_article(noun: str) -> str:
    """A noun phrase with "a" or "an": a red star, an orange cup."""
    return f"an {noun}" if noun.startswith(tuple("aeiou")) else f"a {noun}"
