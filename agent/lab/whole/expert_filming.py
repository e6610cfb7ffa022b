"""Requests for the tools that watch and make videos, and when they are right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

import numpy as np

from ....tools.media.audio import Audio
from ....tools.media.image import Image
from ....tools.media.spans import Spans
from ....tools.media.table import Table
from ....tools.media.text import Text
from ....tools.media.video import Video
from ....tools.video.motions import VERBS
from ..matrix.samples import Sample
from ..mini.video import true_span
from ..world.clips import Clip, ClipConfig, ClipThing
from ..world.scenes import SceneConfig
from .case import Case, Given, Make
from .expert_seeing import names, told
from .media import THINGS, Draw, filmed, picture
from .senses import WORD_ERRORS, Senses, alike, difference, mono, near, says_words, span_iou, word_errors

MOVES = ("left", "right", "up", "down", "grow", "shrink")
"""Motions that can be asked for and are seen of any thing."""
ZH_MOVES = {
    "left": "向左移动",
    "right": "向右移动",
    "up": "向上移动",
    "down": "向下移动",
    "grow": "变大",
    "shrink": "变小",
}
_SPAN_IOU = 0.5
_SLIDE = SceneConfig(side=128, count=(1, 1), size=(0.4, 0.6), classes=THINGS)
_TWO = ClipConfig(count=(2, 2), seconds=(3.0, 5.0), backgrounds=("plain", "gradient"))
_LONG = ClipConfig(count=(1, 1), seconds=(5.0, 6.0), backgrounds=("plain", "gradient"))
_STILL = 0.3  # grey levels by which coded pictures of the same differ from each other
_FRAME = 6.0  # grey levels by which a picture of a coded clip may differ from the one that was filmed


def animate(draw: Draw) -> Case:
    """The thing in its colour is found in most pictures, and does what was asked for."""
    label, colour = draw.other()
    motion = draw.rng.choice(MOVES)
    seconds = float(draw.rng.randint(2, 5)) if draw.asks("seconds") else None
    values = {"prompt": moving(draw, label, colour, motion), "seconds": f"{seconds:g}" if seconds else ""}
    return Case((), partial(animated, Sample(label, colour, motion), seconds), f"{colour} {label} {motion}", values)


def moving(draw: Draw, label: str, colour: str, motion: str) -> str:
    """A thing and what it does: "a red star that moves left"."""
    named = draw.called(label, colour, article="a ")
    return f"{ZH_MOVES[motion]}的{named}" if draw.language == "zh" else f"{named} that {VERBS[motion]}"


def animated(sample: Sample, seconds: float | None, given: Given, senses: Senses) -> bool:
    """Whether one clip was made, of this thing and its motion, as long as asked."""
    video = given.one(Video)
    if video is None or (seconds is not None and not near(video.seconds, seconds, 0.05)):
        return False
    return senses.world.right(sample, "video", "", {"": video}, chinese=False)


def find_moment(draw: Draw) -> Case:
    """The stretch of time in which it happens, which is not all of the time."""
    while True:
        clip = draw.clip(MOVES)
        thing = clip.things[0]
        span = true_span(thing, len(clip.frames))
        if span.end - span.start <= 0.75 * len(clip.frames):
            break
    named = draw.called(thing.label, thing.colour)
    does = ZH_MOVES[span.motion] if draw.language == "zh" else f" {VERBS[span.motion]}"
    right = partial(_when, clip, False)
    return Case((filmed(clip),), right, f"{span.motion} {_times(clip)}", {"query": f"{named}{does}"})


def track(draw: Draw) -> Case:
    """What the thing does and when."""
    clip = draw.clip(MOVES)
    thing = clip.things[0]
    right = partial(_when, clip, True)
    return Case((filmed(clip),), right, f"{thing.motion} {_times(clip)}", {"np": draw.called(thing.label)})


def _times(clip: Clip) -> tuple[float, float]:
    """When the thing of a clip does what it mainly does, in seconds."""
    span = true_span(clip.things[0], len(clip.frames))
    return span.start / clip.rate, span.end / clip.rate


def _when(clip: Clip, every: bool, given: Given, _: Senses) -> bool:
    """Whether a span names the thing at the time of its motion; where every motion is told, this one by its name."""
    spans = given.one(Spans)
    if spans is None or spans.empty:
        return False
    verb = VERBS[true_span(clip.things[0], len(clip.frames)).motion]
    if not every and len(spans) > 1:
        return False
    thing = clip.things[0]
    kept = [
        tuple(times)
        for times, label in zip(spans.seconds.tolist(), spans.labels, strict=True)
        if names(label, thing.label, thing.colour) and (not every or says_words(label, verb))
    ]
    return any(span_iou(times, _times(clip)) >= _SPAN_IOU for times in kept)


def sample_frames(draw: Draw) -> Case:
    """Pictures of the clip in the order of time, as many, or as far apart, as was asked for; no two are the same."""
    while True:
        clip = draw.clip(MOVES)
        span = true_span(clip.things[0], len(clip.frames))
        if (span.start, span.end) == (0, len(clip.frames)):
            break
    count = draw.rng.randint(2, 6) if draw.asks("count") else None
    every = draw.rng.choice((0.5, 1.0)) if draw.asks("every") else None
    expected = count if every is None else int(np.ceil(clip.seconds / every - 1e-6))
    values = {"count": str(count), "every": f"{every:g}" if every else ""}
    return Case((filmed(clip),), partial(_frames, clip, expected), f"{expected or 'some'} pictures", values)


def _frames(clip: Clip, expected: int | None, given: Given, _: Senses) -> bool:
    found = given.all(Image)
    if len(found) < 2 or (expected is not None and len(found) != expected):
        return False
    return in_time(clip, found)


def in_time(clip: Clip, pictures: Sequence[Image]) -> bool:
    """Whether pictures are some of a clip, from all over it, in the order of time."""
    at: list[int] = []
    for each in pictures:
        apart = np.array([difference(each.pixels, frame) for frame in clip.frames])
        alike = np.flatnonzero(apart <= min(float(apart.min()) + _STILL, _FRAME))
        later = alike[alike >= at[-1]] if at else alike  # while nothing moves, frames are the same
        if not len(later):
            return False
        at.append(int(later[0]))
    return at[-1] - at[0] >= len(clip.frames) / 4


def soundtrack(draw: Draw) -> Case:
    """The sound that is heard in the clip."""
    clip, sound = spoken_clip(draw)[:2]
    return Case((filmed(clip, sound),), partial(sounds_as, sound), "its sound")


def spoken_clip(draw: Draw) -> tuple[Clip, Audio, str]:
    """A clip with somebody saying a sentence, no longer than it."""
    while True:
        clip = draw.clip(MOVES, _LONG)
        sound, words = draw.speech()
        if sound.seconds < clip.seconds:
            return clip, sound, words


def sounds_as(sound: Audio, given: Given, _: Senses) -> bool:
    """Whether one recording was handed over, and is this one."""
    audio = given.one(Audio)
    return audio is not None and alike(mono(audio), mono(sound)) >= 0.9


def summarise_video(draw: Draw) -> Case:
    """Both things are named with what they mainly do."""
    while True:
        clip = draw.clip((*MOVES, "still"), _TWO)
        things = [(thing, true_span(thing, len(clip.frames)).motion) for thing in clip.things]
        if len({thing.label for thing, _ in things}) == len(things) and all(m in (*MOVES, "still") for _, m in things):
            return Case((filmed(clip),), partial(_told_of, things), "; ".join(f"{t.label} {m}" for t, m in things))


def _told_of(things: Sequence[tuple[ClipThing, str]], given: Given, _: Senses) -> bool:
    sentences = re.split(r"[.。](?=\s|$)", told(given))
    return all(
        any(names(each, thing.label, thing.colour) and _does(each, motion) for each in sentences)
        for thing, motion in things
    )


def _does(sentence: str, motion: str) -> bool:
    return says_words(sentence, VERBS[motion])


def timeline(draw: Draw) -> Case:
    """A row that names the thing while it is seen, and one with what is said while it is said."""
    clip, sound, words = spoken_clip(draw)
    every = draw.rng.choice((1.0, 2.0)) if draw.asks("every") else None
    values = {"every": f"{every:g}" if every else ""}
    return Case((filmed(clip, sound),), partial(_listed, clip, sound, words), words, values)


def _listed(clip: Clip, sound: Audio, words: str, given: Given, _: Senses) -> bool:
    table = given.one(Table)
    if table is None or not {"start", "end", "text"} <= set(table.columns):
        return False
    rows = [((float(row["start"]), float(row["end"])), str(row["text"])) for row in table.rows]
    thing = clip.things[0]
    seen = sum(end - start for (start, end), text in rows if names(text, thing.label))
    said = any(
        word_errors(words, text) <= WORD_ERRORS and span_iou(times, (0, sound.seconds)) >= _SPAN_IOU
        for times, text in rows
    )
    return said and seen >= 0.5 * clip.seconds


def ask_video(draw: Draw) -> Case | None:
    """The colour of a thing. The MLLM of mini reads English."""
    if draw.language != "en":
        return None
    clip = draw.clip(MOVES)
    thing = clip.things[0]
    before = draw.line.text.partition("[")[0].strip()
    direct = not before or before[-1] in ":.,?!"
    asked = f"what colour {'is the ' + thing.label if direct else 'the ' + thing.label + ' is'}"
    return Case((filmed(clip),), partial(_coloured, thing.colour), thing.colour, asked=asked)


def _coloured(colour: str, given: Given, _: Senses) -> bool:
    from ..world.scenes import COLOURS

    first = told(given).split("(")[0]
    return {each for each in COLOURS if says_words(first, each)} == {colour}


def assemble(draw: Draw) -> Case:
    """Every picture in its turn, each for as long as was asked for."""
    pictures = tuple(picture(draw.scene(_SLIDE)) for _ in range(draw.rng.randint(2, 4)))
    seconds = float(draw.rng.randint(1, 4)) if draw.asks("seconds") else None
    values = {"seconds": f"{seconds:g}" if seconds else ""}
    total = None if seconds is None else seconds * len(pictures)
    return Case(pictures, partial(_shown, pictures, total, ()), f"{len(pictures)} pictures", values)


def assemble_spoken(draw: Draw) -> Case:
    """Every picture in its turn while the recording is heard."""
    pictures = tuple(picture(draw.scene(_SLIDE)) for _ in range(2))
    sound, _ = draw.speech()
    seconds = {"seconds": str(draw.rng.randint(1, 4))}
    right = partial(_shown, pictures, sound.seconds, (sound,))
    values = {"speech": draw.said("audio"), **seconds}
    return Case((*pictures, sound), right, "pictures and speech", values)


def _shown(pictures: Sequence[Image], total: float | None, sounds: Sequence[Audio], given: Given, _: Senses) -> bool:
    video = given.one(Video)
    if video is None or (total is not None and abs(video.seconds - total) > 0.25):
        return False
    shown = video.frames([(k + 0.5) * video.seconds / len(pictures) for k in range(len(pictures))])
    if any(difference(a.pixels, b.pixels) > _FRAME for a, b in zip(shown, pictures, strict=True)):
        return False
    return all(heard_in(video, sound) for sound in sounds)


def heard_in(video: Video, sound: Audio) -> bool:
    """Whether a recording is heard in a clip from its beginning on."""
    heard = Text.of("") if not video.has_audio else None
    return heard is None and alike(mono(Audio.open(video.encode()[0], name="the clip")), mono(sound)) >= 0.9


CASES: dict[str, Make] = {
    "animate": animate, "find_moment": find_moment, "track:": track, "track:labels": track,
    "sample_frames": sample_frames, "soundtrack": soundtrack, "summarise_video": summarise_video,
    "timeline": timeline, "ask_video": ask_video, "assemble": assemble, "assemble:audio": assemble_spoken,
}  # fmt: skip
