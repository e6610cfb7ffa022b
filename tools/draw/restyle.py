"""Draw a picture in another style."""

from ..card import Card
from ..contract import tool
from ..media.image import Image
from ..media.text import Text
from ..roles import ImageGenerator, StepContext
from .drawing import asked, watched

CARD = Card(
    bad_at="styles that the model never saw, fine detail, and what is written",
    cost="model",
    keeps="form",
    examples=(
        "make the picture look like {style}", "redraw the picture in the style of {style}",
        "turn the picture into a {style} painting", "restyle the picture as {style}",
        "give the picture the style of {style}", "render the picture in {style} style",
        "paint the picture in the style of {style}",
        "把图片变成{style}风格", "用{style}风格重画", "改成{style}画风",
    ),
    answer={"en": "The picture is in the style of {style} now.", "zh": "图片现在是{style}风格。"},
)  # fmt: skip


@tool(card=CARD)
def restyle(
    image: Image,
    style: str,
    strength: float = 0.5,
    seed: int | None = None,
    *,
    image_generator: ImageGenerator,
    ctx: StepContext,
) -> Image:
    """Draw the whole picture again in a style ("watercolour", "Van Gogh"), with what it shows where it was.

    The picture keeps its size and its alpha. It is an image-to-image change whose prompt names the style alone, so
    that what stays of the content comes from the picture: the weaker, the more. Raises ``EmptyInput`` for a style
    without words, ``WrongArgument`` for a strength that is no share.

    Args:
        image: the picture to draw again
        style: the style in a few words
        strength: above 0 to 1; 1 keeps nothing of the picture
        seed: decides the noise; without one the run's seed does
    """
    words = f"in the style of {style.strip()}" if style.strip() else ""
    drawing = asked(Text.of(words), ctx, seed=seed)
    return image_generator.edit([image], [drawing], strength=strength, **watched(ctx, "restyling"))[0]
