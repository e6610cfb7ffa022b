"""What is said of a video in words: which thing is meant, in which colour, and what it does. English and Chinese."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple

from ..errors import UnknownLabel
from ..see.colours import CHINESE, COLOURS, Colour
from ..see.nouns import clean, resolve
from ..text.words import HAN, han

MOVES = "moves"
"""Said of what moves, no matter how."""
STARTS, STOPS = "starts", "stops"
"""Said of the moment in which something begins to do something, or stands still after it."""

_GO = (
    r"\b(?:mov(?:es?|ed|ing)|go(?:es|ing)?|travel\w*|slid\w*|driv\w*|fl(?:y|ies|ying)|drift\w*|runs?|running|walk\w*"
    r"|float\w*|roll\w*|head(?:s|ing)?|swim\w*|sail\w*|glid\w*)\b"
)
_WAYS = r"(?:left|right|up|down|in a circle|diagonal)"


def _to(way: str) -> str:
    """To go one way: "goes up", "moves slowly to the left", "from the right to the left", "leftwards"."""
    from_to = rf"{_GO} from (?:the )?\w+(?: side)? to (?:the )?{way}(?:wards?)?\b"
    straight = rf"{_GO}(?! from)(?: \w+){{0,3}}? (?:to(?:wards?)? (?:the )?)?{way}(?:wards?)?\b"
    return rf"{from_to}|{straight}|\b{way}wards?\b"


_PATTERNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        STARTS: (
            rf"\b(?:start|begin)s?(?:ning)? (?:to )?(?:mov|go)\w*\b(?!.*\b{_WAYS}\b)",
            r"\bstarts?$",
            "开始(?:移动|动)",
        ),
        STOPS: (
            r"\bstop(?:s|ped|ping)(?: moving)?\b",
            r"\bstop(?= moving|$)",
            r"\bcomes? to rest\b",
            "停(?:下来?|止|住)",
        ),
        "disappears": (r"\b(?:disappear|vanish)(?:e?s|ed|ing)?\b", r"\bgo(?:es|ing)? away\b", "消失|不见"),
        "appears": (
            r"\bappear(?:s|ed|ing)?\b",
            r"\bshow(?:s|ing)? up\b",
            r"\bcom(?:es?|ing) in(?:to (?:view|sight))?\b",
            "出现",
        ),
        "circle": (
            rf"(?:{_GO} )?(?:a?round )?\bin (?:a )?circles?\b",
            r"\bcircles? around\b",
            r"\borbit(?:s|ing)?\b",
            "绕圈|转圈",
        ),
        "bounce": (r"\b(?:bounc|jump|hopp?)(?:es?|s|ing)\b(?: up and down)?", rf"{_GO} up and down\b", "弹跳|跳动"),
        "diagonal": (
            _to("diagonal(?:ly)?"),
            rf"{_GO}(?: \w+){{0,4}} (?:upper|lower|top|bottom) (?:left|right)\b",
            "斜着?(?:移动|走)",
        ),
        "left": (_to("left"), "[向往朝]左边?(?:移动|走)?"),
        "right": (_to("right"), "[向往朝]右边?(?:移动|走)?"),
        "up": (_to("up"), r"\b(?:ris(?:es?|ing)|climb(?:s|ing))\b", "[向往朝]上面?(?:移动|走)?", "上升"),
        "down": (_to("down"), r"\b(?:fall|dropp?|sink)(?:s|ing)\b", "[向往朝]下面?(?:移动|走)?", "下[落降]"),
        "grow": (r"\bgrow(?:s|ing)?\b", r"\b(?:gets?|getting|becom\w+) (?:bigger|larger)\b", "变大|放大"),
        "shrink": (r"\bshrink(?:s|ing)?\b", r"\b(?:gets?|getting|becom\w+) smaller\b", "变小|缩小"),
        "spin": (
            r"\bspin(?:s|ning)?\b",
            r"\b(?:rotat|whirl)(?:es?|s|ing)\b",
            "旋转",
            rf"\bturn(?:s|ing)\b(?: a?round)?(?! (?:(?:in)?to|{'|'.join(COLOURS)})\b)",
        ),
        "blink": (r"\b(?:blink|flash|flicker)(?:e?s|ing)?\b", "闪烁"),
        "still": (
            r"\b(?:stand|stay)(?:s|ing)?(?: still\b| where \w+ \w+)",
            r"(?:\bnot|n't) mov\w+",
            r"\bmotionless\b",
            "静止|不动",
        ),
        MOVES: (r"\bmov(?:es?|ing)\b", "移动|运动"),
    }
)
_MOTIONS = {motion: re.compile("|".join(patterns)) for motion, patterns in _PATTERNS.items()}
_COLOUR = re.compile(rf"\b({'|'.join(COLOURS)})\b|([{''.join(CHINESE)}])色?的?")
_FILLER = re.compile(
    r"\b(?:a|an|the|this|that|which|who|when|where|while|then|and|or|of|in|on|at|to|it|its|is|are|was|were|be|there|do|does"
    r"|one|some|something|anything|someone|slowly|quickly|fast|suddenly|clip|video|moments?|time|find|show|me)\b"
    r"|什么|东西|时候|时刻|那个|这个|[的了在有是会]"
)
_LONGEST = 4  # words or characters that the name of a class has at most


class Wish(NamedTuple):
    """What words ask for: a thing of this colour and of these classes (none: any) that does this (empty: is there)."""

    colour: Colour | None
    labels: tuple[str, ...]
    motion: str
    rest: str
    """What else is said, in words that say something; all of it where the vocabulary is open."""


def wish_of(text: str, vocabulary: Sequence[str] | None) -> Wish:
    """What a phrase asks for, in the classes of a detector."""
    motion, said = motion_in(clean(text))
    colour, said = colour_in(said)
    said = _FILLER.sub(" ", said)
    labels, rest = ((), said) if vocabulary is None else classes_in(said, vocabulary)
    return Wish(colour, labels, motion, " ".join(re.findall(r"\w+", rest)))


def motion_in(text: str) -> tuple[str, str]:
    """The motion that is named first, one of ``MOTIONS`` or of the words above, and the text without it."""
    found = [(match, motion) for motion, pattern in _MOTIONS.items() if (match := pattern.search(text))]
    if not found:
        return "", text
    match, motion = min(found, key=lambda each: each[0].start())
    return motion, f"{text[: match.start()]} {text[match.end() :]}"


def colour_in(text: str) -> tuple[Colour | None, str]:
    """The colour that is named first, and the text without it."""
    match = _COLOUR.search(text)
    if match is None:
        return None, text
    colour = CHINESE[match[2]] if match[2] else next(each for each in COLOURS if each == match[1])
    return colour, f"{text[: match.start()]} {text[match.end() :]}"


def classes_in(text: str, vocabulary: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The classes that words of a text mean, in their order, and the text without these words; longer names first."""
    units = re.findall(rf"[{HAN}]|[^\W{HAN}]+", text)
    labels: list[str] = []
    rest: list[str] = []
    while units:
        length, found = _name_at_start(units, vocabulary)
        labels += found
        rest += units[:1] if not length else []
        units = units[max(1, length) :]
    return tuple(dict.fromkeys(labels)), " ".join(rest)


def _name_at_start(units: Sequence[str], vocabulary: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """How many of the words or characters that come first name classes, and which; general nouns name none."""
    for length in range(min(_LONGEST, len(units)), 0, -1):
        with suppress(UnknownLabel):
            return length, resolve(["".join(units[:length]) if han(units[0]) else " ".join(units[:length])], vocabulary)
    return 0, ()


def gist(text: str) -> tuple[str, ...]:
    """What two texts have in common that say the same: lists may have another order."""
    parts = re.split(r",| and |[，、；]|和", text.casefold())
    return tuple(sorted(part.strip(" .!?。！？") for part in parts))
