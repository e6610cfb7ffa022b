"""Change a picture towards what a text says."""

from ..card import Card
from ..contract import tool
from ..media.image import Image
from ..media.text import Text
from ..roles import ImageGenerator, StepContext
from .drawing import asked, watched

CARD = Card(
    bad_at="changing one thing alone: the whole picture is drawn anew; it reads what is to be seen, not orders",
    cost="model",
    keeps="form",
    examples=(
        "change the picture into {prompt}", "turn the picture into {prompt}", "edit the picture to show {prompt}",
        "transform the picture into {prompt}", "redraw the picture as {prompt}", "make the picture show {prompt}",
        "use the picture to draw {prompt}",
        "把图片改成{prompt}", "把图片变成{prompt}", "以这张图画{prompt}",
    ),
    answer={"en": "The picture was changed into {prompt}.", "zh": "已将图片改成{prompt}。"},
)  # fmt: skip


@tool(card=CARD)
def edit_image(
    image: Image,
    prompt: Text,
    strength: float = 0.7,
    negative: str = "",
    seed: int | None = None,
    *,
    image_generator: ImageGenerator,
    ctx: StepContext,
) -> Image:
    """Change a whole picture towards what a text says it shows.

    The picture keeps its size and its alpha; how much of what it showed stays is ruled by ``strength``. The same seed
    makes the same change. Raises ``EmptyInput`` for a text without words, ``WrongArgument`` for a strength that is no
    share.

    Args:
        image: the picture to begin with
        prompt: what it is to show
        strength: above 0 to 1; 1 keeps nothing of the picture
        negative: what it must not show
        seed: decides the noise; without one the run's seed does
    """
    drawing = asked(prompt, ctx, negative, seed)
    return image_generator.edit([image], [drawing], strength=strength, **watched(ctx, "editing"))[0]
