"""Make a clip of what a text says from still pictures that are drawn and then moved."""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from ..card import Card
from ..contract import tool
from ..draw.drawing import LONGEST
from ..errors import EmptyInput
from ..media.text import Text
from ..media.video import Video
from ..roles import Detector, ImageGenerator, Segmenter, StepContext
from ..see.colours import COLOURS
from ..see.nouns import clean, resolve
from .animate import animate
from .motions import MOTIONS, Motion
from .wording import STOPS, colour_in, motion_in, wish_of

AS_TOLD: Literal["as told"] = "as told"
_UNTOLD = "right"  # what a thing does of which nothing is told
_STANDING = ("", "still", "appears", "disappears")
_UNITS = re.compile(r"(?:[;,!?\n。；，！？、]|\.(?!\d))+| and |和|并且?")
_BECOMES = re.compile(
    rf"\bturn(?:s|ing)? into\b|\bchang(?:e|es|ing) (?:in)?to\b|\bturn(?:s|ing)?(?= (?:{'|'.join(COLOURS)})\b)"
    r"|\bbecom(?:e|es|ing)\b(?! (?:bigger|larger|smaller))|变成|变为"
)
_MORE = re.compile(r"\b(?:that|which|who|until|at \d)\b")
_LEAD = re.compile(
    r"^.*\b(?:clip|video|animation|film|movie)s? (?:of|with|showing|where|in which)\b|^there (?:is|are)\b"
)

CARD = Card(
    bad_at=(
        "more than one thing: it moves the first that the text names; scenes and people: it moves one drawn picture, "
        "and films nothing"
    ),
    cost="model",
    keeps="meaning",
    examples=(
        "make a clip of {prompt}", "animate {prompt}", "make an animation of {prompt}",
        "make a clip that shows {prompt}", "make a moving picture of {prompt}", "let {prompt} move",
        "a clip of {prompt}, {seconds} seconds long",
        "做一段{prompt}的动画", "让{prompt}动起来", "做一个{prompt}的短片", "制作{prompt}的动画片段",
    ),
    answer={
        "en": "The clip is made of still pictures that were drawn for it, then moved and blended; nothing was filmed.",
        "zh": "短片由一张画好的静止图片移动、混合而成，并非拍摄。",
    },
)  # fmt: skip


class _Scene(NamedTuple):
    """What is to be seen: a thing, what it does (empty: nothing is told), and what it becomes (empty: nothing else)."""

    thing: str
    motion: str
    becomes: str


@tool(name="animate", card=CARD)
def film(
    prompt: Text,
    motion: Motion | Literal["as told"] = AS_TOLD,
    seconds: float = 3.0,
    *,
    image_generator: ImageGenerator,
    detector: Detector,
    segmenter: Segmenter,
    step: StepContext,
) -> Video:
    """Make a clip of a thing that moves: the image generator draws it, and its picture is moved over its background.

    The thing, its colour, what it does and what it turns into are taken from the text ("a red star moves left and turns
    into a blue circle"); of several things the first that moves, or else the first. Where no motion is told it goes to
    the right. This is no video model: the result is one or two still pictures, moved and blended, and the file says so.
    Raises ``EmptyInput`` for a text without words and where nothing is found in the pictures drawn, ``UnknownLabel``
    for a thing that the detector does not know, ``WrongArgument`` for a length outside 2 to 20 seconds.

    Args:
        prompt: the thing and what it does
        motion: what it does, whatever the text says
        seconds: how long the clip lasts

    Example:
        film(Text.of("a red star bounces"), image_generator=g, detector=d, segmenter=s, step=StepContext(seed=1))
    """
    scene = _scene(prompt.text, detector.vocabulary)
    return animate(
        scene.thing,
        scene.motion if motion == AS_TOLD else motion,
        scene.becomes,
        seconds,
        image_generator=image_generator,
        detector=detector,
        segmenter=segmenter,
        ctx=step,
    ).video


def _scene(text: str, vocabulary: Sequence[str] | None) -> _Scene:
    """The first thing of a text that moves, or else the first; what follows without another thing is told of it."""
    units = [unit for each in _UNITS.split(text[:LONGEST]) if (unit := clean(each))]
    if not units:
        raise EmptyInput("nothing to film: the text has no words", hint='say what, like "a red star"', kind="text")
    found: list[_Scene] = []
    for k, unit in enumerate(units):
        before, *_ = _BECOMES.split(unit, maxsplit=1)
        if thing := _thing(before, vocabulary):
            found.append(_Scene(thing, "", _other(units[k : k + 2], thing, vocabulary)))
        motion = motion_in(before)[0].replace(STOPS, "still")
        if found and motion in MOTIONS and found[-1].motion in _STANDING:
            found[-1] = found[-1]._replace(motion=motion)
    if not found:
        resolve(
            [rest for unit in units if (rest := wish_of(unit, vocabulary).rest)], vocabulary
        )  # says which are unknown
        raise EmptyInput("nothing to film: the text names no thing", hint='say what, like "a red star"', kind="text")
    scene = next((each for each in found if each.motion not in _STANDING), found[0])
    return scene if scene.motion else scene._replace(motion=_UNTOLD)


def _thing(words: str, vocabulary: Sequence[str] | None) -> str:
    """The thing that words tell of, as it is drawn: in English with its colour where its class is known."""
    wish = wish_of(words, vocabulary)
    if vocabulary is None:
        return clean(_MORE.split(motion_in(_LEAD.sub("", words))[1])[0]) if wish.rest else ""
    return f"{wish.colour or ''} {wish.labels[0]}".strip() if wish.labels else ""


def _other(units: Sequence[str], thing: str, vocabulary: Sequence[str] | None) -> str:
    """What a thing turns into, by what is told of it or just after it: another, or itself in another colour."""
    for number, unit in enumerate(units):
        before, *after = _BECOMES.split(unit, maxsplit=1)
        if number and _thing(before, vocabulary):
            break  # of another thing
        if after:
            colour, rest = colour_in(after[0])
            if rest.strip() and (other := _thing(after[0], vocabulary)):
                return other
            return f"{colour} {colour_in(thing)[1].strip()}" if colour else ""
    return ""
