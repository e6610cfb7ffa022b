"""Draw what a text says."""

from dataclasses import replace

from ..card import Card
from ..contract import tool
from ..media.image import Image
from ..media.text import Text
from ..roles import ImageGenerator, StepContext
from .drawing import asked, watched

CARD = Card(
    bad_at="written words, exact numbers of things, and long texts, of which only the beginning is read",
    cost="model",
    keeps="meaning",
    examples=(
        "draw {prompt}", "draw me a picture of {prompt}", "make a picture of {prompt}", "paint {prompt}",
        "create an image of {prompt}", "generate an image of {prompt}", "generate a picture of {prompt}",
        "illustrate {prompt}", "sketch {prompt}", "imagine {prompt}",
        "画{prompt}", "绘制{prompt}", "画一张{prompt}", "生成一张{prompt}的图片", "做一张{prompt}的图",
    ),
    answer={"en": "A picture of {prompt} was drawn.", "zh": "已画出{prompt}。"},
)  # fmt: skip


@tool(card=CARD)
def generate_image(
    prompt: Text,
    negative: str = "",
    seed: int | None = None,
    width: int | None = None,
    height: int | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    *,
    image_generator: ImageGenerator,
    ctx: StepContext,
) -> Image:
    """Draw a picture of what a text says.

    The picture is what the model made, in the size that it was made for, which may be small: it is not enlarged. The
    same seed draws the same picture. Raises ``EmptyInput`` for a text without words, and ``WrongArgument`` for sizes,
    steps and guidance that the model cannot do.

    Args:
        prompt: what the picture shows
        negative: what it must not show
        seed: decides the noise that it begins with; without one the run's seed does
        width: pixels
        height: pixels
        steps: steps of sampling; more take longer and draw finer
        guidance: how closely the text is followed; 1 and less is not at all

    Example:
        generate_image(Text.of("a red star"), image_generator=model, ctx=StepContext(seed=1))
    """
    drawing = replace(asked(prompt, ctx, negative, seed), width=width, height=height, steps=steps, guidance=guidance)
    return image_generator.generate([drawing], **watched(ctx, "drawing"))[0]
