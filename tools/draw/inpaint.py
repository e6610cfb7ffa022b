"""Draw a part of a picture anew."""

from ..card import Card
from ..contract import tool
from ..frames import same_frame, some
from ..media.image import Image
from ..media.masks import Masks
from ..media.text import Text
from ..roles import ImageGenerator, StepContext
from .drawing import asked, watched

CARD = Card(
    bad_at="parts of a few pixels, and things that must fit to the rest exactly",
    cost="model",
    keeps="form",
    examples=(
        "fill the {labels} with {prompt}", "inpaint the {labels} with {prompt}", "paint {prompt} over the {labels}",
        "redraw the {labels} as {prompt}", "draw over the {labels} with {prompt}", "repaint the {labels} as {prompt}",
        "把{labels}重画成{prompt}", "在{labels}上面画{prompt}", "用{prompt}填充{labels}",
    ),
    answer={"en": "The {labels} {is|are} drawn as {prompt} now.", "zh": "{labels}已重画成{prompt}。"},
)  # fmt: skip


@tool(card=CARD)
def inpaint(
    image: Image,
    masks: Masks,
    prompt: Text,
    negative: str = "",
    seed: int | None = None,
    *,
    image_generator: ImageGenerator,
    ctx: StepContext,
) -> Image:
    """Draw what is under the masks anew, as a text says; every pixel outside of them stays as it is.

    The new pixels are opaque. The same seed draws the same. Raises ``EmptyInput`` for empty masks and for a text
    without words.

    Args:
        image: the picture to change
        masks: what is drawn anew
        prompt: what is to be seen there
        negative: what is not to be seen
        seed: decides the noise; without one the run's seed does
    """
    same_frame(image, masks)
    some(masks, "inpaint")
    drawing = asked(prompt, ctx, negative, seed)
    return image_generator.inpaint([image], [masks], [drawing], **watched(ctx, "inpainting"))[0]
