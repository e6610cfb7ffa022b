"""Put other things in the place of things."""

from dataclasses import replace as changed

import numpy as np

from ..card import Card
from ..contract import tool
from ..frames import same_frame, some
from ..media.boxes import Boxes
from ..media.image import Image
from ..media.masks import Masks
from ..media.text import Text
from ..roles import ImageGenerator, StepContext
from .crop import crop
from .drawing import asked, watched
from .margins import Box, extent, grown, square
from .remove import remove

CARD = Card(
    bad_at="busy surroundings, of which the new background is only near in colour, and close neighbours",
    cost="model",
    keeps="form",
    examples=(
        "replace the {labels} with {prompt}", "replace the {labels} by {prompt}", "swap the {labels} for {prompt}",
        "exchange the {labels} for {prompt}", "put {prompt} in the place of the {labels}",
        "put {prompt} where the {labels} is", "substitute {prompt} for the {labels}",
        "把{labels}换成{prompt}", "用{prompt}替换{labels}", "将{labels}替换为{prompt}",
    ),
    answer={"en": "The {labels} {is|are} replaced with {prompt}.", "zh": "已将{labels}换成{prompt}。"},
)  # fmt: skip

# Measured with the small model: what is drawn is found less often with a larger window and a weaker change, and fits
# worse to what is around it with a smaller and a stronger one.
_WINDOW = 1.15  # sides of the square that the model is shown
_STRENGTH = 0.95


@tool(card=CARD)
def replace(
    image: Image,
    masks: Masks,
    prompt: Text,
    negative: str = "",
    seed: int | None = None,
    *,
    image_generator: ImageGenerator,
    ctx: StepContext,
) -> Image:
    """Draw in the place of each masked thing what a text says.

    Each thing is first removed as ``remove`` does it; then a square around it and its margin is drawn anew, beginning
    with what was filled in, so that the new background is near to the old one. Every pixel outside the squares stays as
    it is. The model is shown little more than the square, so that the new thing is about as large as the old one. The
    same seed draws the same. Raises ``EmptyInput`` for empty masks and for a text without words.

    Args:
        image: the picture to change
        masks: the things that give way
        prompt: what takes their place
        negative: what is not to be seen there
        seed: decides the noise; without one the run's seed does
    """
    same_frame(image, masks)
    some(masks, "replace")
    drawing = asked(prompt, ctx, negative, seed)
    boxes = [extent(grown(masks.take([k]))) for k in range(len(masks)) if masks.bitmaps[k].any()]
    places, windows = ([square(box, times, image) for box in boxes] for times in (1.0, _WINDOW))
    ground = image if grown(masks).all() else remove(image, masks)
    shown = [crop(ground, Boxes.of([window], [""], [1.0], ground)) for window in windows]
    covered = [_covered(*each) for each in zip(shown, places, windows, strict=True)]
    drawings = [changed(drawing, seed=drawing.seed + number) for number in range(len(boxes))]
    made = image_generator.inpaint(shown, covered, drawings, strength=_STRENGTH, **watched(ctx, "replacing"))
    pixels = image.pixels.copy()
    alpha = None if image.alpha is None else image.alpha.copy()
    for part, (left, top, right, bottom), (x, y, _, _) in zip(made, places, windows, strict=True):
        inside = np.s_[top - y : bottom - y, left - x : right - x]
        pixels[top:bottom, left:right] = part.pixels[inside]
        if alpha is not None and part.alpha is not None:
            alpha[top:bottom, left:right] = part.alpha[inside]
    return Image.from_array(pixels, alpha)


def _covered(part: Image, place: Box, window: Box) -> Masks:
    """The place as a mask of the part of the picture that lies in the window."""
    left, top, right, bottom = place
    bitmap = np.zeros((1, part.height, part.width), np.bool_)
    bitmap[0, top - window[1] : bottom - window[1], left - window[0] : right - window[0]] = True
    return Masks.of(bitmap, part)
