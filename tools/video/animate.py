"""Make a clip of a thing that moves: the image generator draws it, and its picture is moved.

This is no video model: one still picture, or two where the thing becomes another, is cut out, moved, scaled, turned and
blended over what was behind it. What is returned says so, and so does the file.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..draw.cut_out import cut_out
from ..english import with_article
from ..errors import EmptyInput, UnknownLabel, WrongArgument
from ..frames import union
from ..media.boxes import Boxes
from ..media.image import Image
from ..media.video import Video
from ..roles import Detector, Drawing, ImageGenerator, Segmenter, StepContext
from ..see.colours import COLOURS
from ..see.filter import filter_colour
from ..see.nouns import clean, resolve, singulars
from .encoding import encoded
from .motions import MOTIONS, Span
from .paths import Path, Stage, path_of

METHOD = "keyframes by the image generator, moved and blended"
SECONDS = (2.0, 20.0)
"""How long a clip may last."""
_SIDE = 224  # pixels of the square frame
_RATE = 12  # frames a second
_DRAWN = 0.5  # share of the work after which the pictures are drawn, as progress counts it
_SEEDS = 2**32  # generators take so many
_TRIES = 4  # pictures that are drawn of a thing until one shows it
_ALIKE = 2  # of :func:`_likeness`: both name and colour
_SIZE = 0.24  # longer side of the thing at its largest over the side of the frame
_MARGIN = 2.0  # pixels that stay free at the border
_EDGE = 12  # pixels around a thing's mask that have something of it still: drawn pictures are enlarged

Sheet = NDArray[np.uint8]
"""(H, W, 4): colours times coverage, and coverage, 0-255."""


@dataclass(frozen=True)
class Animation:
    """A clip that was made, and what of."""

    video: Video
    keyframes: tuple[Image, ...]
    """The pictures that were drawn: one, or two where the thing becomes another."""
    note: str = METHOD
    """How it was made; the file says it as its comment."""


@dataclass(frozen=True)
class _Keyframe:
    """A picture that was drawn, the thing in it, and what lies behind the thing (H, W, 3)."""

    picture: Image
    thing: Sheet
    ground: NDArray[np.uint8]


def animate(
    thing: str,
    motion: str,
    becomes: str = "",
    seconds: float = 3.0,
    *,
    image_generator: ImageGenerator,
    detector: Detector,
    segmenter: Segmenter,
    ctx: StepContext,
) -> Animation:
    """A clip of a thing ("red star") that moves in one of ``MOTIONS``, drawn by the image generator and moved by us.

    With ``becomes`` ("blue circle") the thing turns into another in the middle, by blending both pictures. The same
    seed draws the same pictures and moves them alike; edges may differ by a pixel. Raises ``UnknownLabel`` where no
    word of a thing names a class of the detector's closed vocabulary, ``EmptyInput`` where the detector finds nothing
    in any of the pictures drawn, and ``WrongArgument`` for an unknown motion or a length outside ``SECONDS``.
    """
    if motion not in MOTIONS:
        raise WrongArgument(f"no motion is called {motion!r}", hint=f"motions: {', '.join(MOTIONS)}", field="motion")
    if not SECONDS[0] <= seconds <= SECONDS[1]:
        raise WrongArgument(
            f"a clip of {seconds:g} s cannot be made",
            hint=f"{SECONDS[0]:g} to {SECONDS[1]:g} seconds can",
            field="seconds",
        )
    names = [singulars(name)[0] for each in (thing, becomes) if (name := clean(each))]
    if not clean(thing):
        raise WrongArgument("there is nothing to draw", hint='name a thing, like "red star"', field="thing")
    classes = [_classes(name, detector.vocabulary) for name in names]  # all are checked before one is drawn
    keyframes = []
    for name, labels in zip(names, classes, strict=True):
        keyframes.append(_keyframe(name, labels, image_generator, detector, segmenter, ctx))
        ctx.progress(_DRAWN * len(keyframes) / len(names), f"drew the {name}")
    rng = np.random.default_rng(ctx.seed % _SEEDS)
    frames = round(seconds * _RATE)
    path = _placed(_path(motion, frames, rng), [keyframe.thing for keyframe in keyframes], rng)
    note = f"{METHOD}: {thing}, {motion}" + (f", becomes {becomes}" if len(names) > 1 else "")
    video = encoded(_frames(keyframes, path, ctx), _RATE, note)
    return Animation(video, tuple(keyframe.picture for keyframe in keyframes))


def _classes(name: str, vocabulary: Sequence[str] | None) -> tuple[str, ...]:
    """The detector's classes that words of a name mean; none where its vocabulary is open or the words are general."""
    if vocabulary is None:
        return ()
    words = name.split()
    known: list[tuple[str, ...]] = []
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            with suppress(UnknownLabel):
                known.append(resolve([" ".join(words[start:end])], vocabulary))
    return tuple(label for labels in known for label in labels) if known else resolve([name], vocabulary)


def _keyframe(
    thing: str,
    labels: Sequence[str],
    generator: ImageGenerator,
    detector: Detector,
    segmenter: Segmenter,
    ctx: StepContext,
) -> _Keyframe:
    """The first picture of a few in which a thing of that name and colour is found, or else the one nearest to it.

    ``labels`` are the classes that the thing may be found as; none are all.
    """
    named = with_article(thing)
    best: tuple[float, Image, Boxes] | None = None
    for number in range(_TRIES):
        drawing = Drawing(f"{named} on a plain background", seed=(ctx.seed * _TRIES + number) % _SEEDS)
        picture = _shown(generator.generate([drawing], stop=ctx.stop)[0])
        found = detector.detect([picture], [[]])[0]
        for index in range(len(found)):
            own = found.take([index])
            likeness = _likeness(thing.split(), labels, picture, own)
            if best is None or likeness > best[0]:
                best = (likeness, picture, found.take([index, *(k for k in range(len(found)) if k != index)]))
        if best is not None and best[0] >= _ALIKE:
            break
    if best is None:
        raise EmptyInput(
            f"nothing was found in {_TRIES} pictures drawn of {named}, so nothing can be moved", kind="boxes"
        )
    _, picture, boxes = best
    masks = segmenter.segment([picture], [boxes])[0]
    return _Keyframe(picture, _sheet(cut_out(picture, masks.take([0]))), _behind(picture, union(masks)))


def _likeness(words: Sequence[str], labels: Sequence[str], picture: Image, box: Boxes) -> float:
    """One for each of name and colour that is as was said, or of which nothing was said, and the score of the box."""
    colours = [colour for colour in COLOURS if colour in words]
    named = not labels or box.labels[0] in labels
    coloured = not colours or any(len(filter_colour(picture, box, colour)) for colour in colours)
    return named + coloured + box.scores[0]


def _shown(picture: Image) -> Image:
    """A picture as large as the frame."""
    import cv2  # loads native libraries: not on the light path

    how = cv2.INTER_AREA if min(picture.width, picture.height) > _SIDE else cv2.INTER_CUBIC
    return Image.from_array(np.asarray(cv2.resize(picture.pixels, (_SIDE, _SIDE), interpolation=how), np.uint8))


def _sheet(thing: Image) -> Sheet:
    """A cut-out as it is laid over frames: its longer side is that of things in clips, its edge soft."""
    import cv2

    scale = _SIZE * _SIDE / max(thing.width, thing.height)
    alpha = np.full(thing.pixels.shape[:2], 255, np.uint8) if thing.alpha is None else thing.alpha
    # A clear border, so that the edge is blended into nothing.
    cover = np.pad(alpha.astype(np.float32) / 255, 2)
    colours = np.pad(thing.pixels.astype(np.float32), ((2, 2), (2, 2), (0, 0)), mode="edge")
    sheet = np.dstack([colours * cover[..., None], cover * 255])
    size = (max(4, round(cover.shape[1] * scale)), max(4, round(cover.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(np.round(cv2.resize(sheet, size, interpolation=how)).clip(0, 255), np.uint8)


def _behind(picture: Image, covered: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The picture without its things: what they cover is filled in from around them (Telea 2004)."""
    import cv2

    hole = cv2.dilate(covered.astype(np.uint8), np.ones((2 * _EDGE + 1, 2 * _EDGE + 1), np.uint8))
    if hole.all():
        return np.broadcast_to(np.median(picture.pixels.reshape(-1, 3), axis=0), picture.pixels.shape).astype(np.uint8)
    return np.asarray(cv2.inpaint(np.ascontiguousarray(picture.pixels), hole, 5, cv2.INPAINT_TELEA), np.uint8)


def _path(motion: str, frames: int, rng: np.random.Generator) -> Path:
    """From the origin; a thing that appears or disappears does so in the middle."""
    middle = frames // 2
    spans = {"appears": Span("still", middle, frames), "disappears": Span("still", 0, middle)}
    path = path_of(rng, [spans.get(motion, Span(motion, 0, frames))], frames, Stage(_SIDE, _RATE))
    return path._replace(scale=path.scale / path.scale.max())


def _placed(path: Path, things: list[Sheet], rng: np.random.Generator) -> Path:
    """The path at a random place where the things stay within the frame at all times."""
    height, width = (max(each.shape[axis] for each in things) for axis in (0, 1))
    half = (float(np.hypot(width, height) / 2),) * 2 if np.ptp(path.angle) else (width / 2, height / 2)
    place = []
    for way, reach in zip((path.x, path.y), half, strict=True):
        low = _MARGIN - (way - reach * path.scale).min()
        high = _SIDE - _MARGIN - (way + reach * path.scale).max()
        # What is as large as the frame, as something of a few pixels is with its border, goes to the middle.
        place.append(float(rng.uniform(low, high)) if low < high else float(low + high) / 2)
    return path.moved(*place)


def _frames(keyframes: list[_Keyframe], path: Path, ctx: StepContext) -> Iterator[NDArray[np.uint8]]:
    """The frames: the thing on its way over what is behind it, blended into the other in the middle third."""
    frames = len(path.x)
    for frame in range(frames):
        # From 0, the first keyframe, to 1, the second one.
        turned = float(np.clip((frame / max(1, frames - 1) - 1 / 3) * 3, 0, 1)) if len(keyframes) > 1 else 0.0
        shares = (1 - turned, turned)[: len(keyframes)]
        pairs = list(zip(keyframes, shares, strict=True))
        shown = np.sum([each.ground * np.float32(share) for each, share in pairs], axis=0)
        if path.shown[frame]:
            laid = np.sum([_laid(each.thing, path, frame) * np.float32(share) for each, share in pairs], axis=0)
            shown = shown * (1 - laid[..., 3:] / 255) + laid[..., :3]
        ctx.progress(_DRAWN + (1 - _DRAWN) * (frame + 1) / frames, "moving it")
        yield np.round(shown).clip(0, 255).astype(np.uint8)


def _laid(thing: Sheet, path: Path, frame: int) -> NDArray[np.float32]:
    """The thing where it is in a frame, (side, side, 4)."""
    import cv2

    height, width = thing.shape[:2]
    turn, scale = np.radians(path.angle[frame]), path.scale[frame]
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    # OpenCV counts from the middle of the first pixel, the path from its edge.
    offset = matrix @ (0.5 - width / 2, 0.5 - height / 2) + (path.x[frame] - 0.5, path.y[frame] - 0.5)
    laid = cv2.warpAffine(thing, np.column_stack([matrix, offset]), (_SIDE, _SIDE), flags=cv2.INTER_LINEAR)
    return np.asarray(laid, np.float32)
