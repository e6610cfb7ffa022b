"""Enlarge a picture."""

from typing import Annotated

from pydantic import Field

from ..card import Card
from ..contract import tool
from ..errors import WrongArgument
from ..media.image import Image
from ..media.limits import Limits

CARD = Card(
    bad_at="detail that is not there: it makes pixels, not sharpness",
    cost="cpu",
    keeps="form",
    examples=(
        "enlarge the picture", "enlarge the picture {times} times", "upscale the picture",
        "upscale the picture {times} times", "make the picture larger", "make the picture {times} times as large",
        "scale the picture up", "increase the resolution of the picture",
        "放大图片", "把图片放大{times}倍", "提高图片分辨率",
    ),
    answer={"en": "The picture is enlarged.", "zh": "图片已放大。"},
)  # fmt: skip

_TIMES = (2, 8)


@tool(card=CARD)
def upscale(image: Image, times: Annotated[int, Field(ge=_TIMES[0], le=_TIMES[1])] = 2) -> Image:
    """Enlarge a picture by a whole factor with Lanczos' filter, which invents no detail.

    Alpha is enlarged too. Raises ``WrongArgument`` for a factor outside of 2 to 8, and ``TooLarge`` where the result
    would have more pixels than a picture may have.

    Args:
        image: the picture
        times: how many times as wide and as high it becomes
    """
    low, high = _TIMES
    if not low <= times <= high:
        raise WrongArgument(f"a picture cannot be enlarged {times} times", hint=f"give {low} to {high}", field="times")
    width, height = image.width * times, image.height * times
    Limits().check_pixels(width, height, "the enlarged picture")
    from PIL import Image as Pil

    return Image.from_pil(image.to_pil().resize((width, height), Pil.Resampling.LANCZOS))
