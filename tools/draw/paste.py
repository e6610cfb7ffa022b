"""Lay one picture over another."""

from typing import Literal, get_args

from ..card import Card
from ..contract import tool
from ..errors import WrongArgument
from ..media.image import Image

CARD = Card(
    bad_at="looking natural: light and shadow of the piece stay what they were",
    cost="cpu",
    keeps="form",
    examples=(
        "paste it onto the picture", "paste the cut-out onto the other picture",
        "put it into the {place} of the picture",
        "paste it at the {place}", "lay one picture over the other", "put the cut-out on the background",
        "insert it into the other picture",
        "把它贴到图片上", "贴到另一张图的{place}", "把抠图放到背景上",
    ),
    answer={"en": "One picture is pasted onto the other.", "zh": "已把一张图贴到另一张上。"},
)  # fmt: skip

Place = Literal[
    "top left", "top", "top right",
    "left", "centre", "right",
    "bottom left", "bottom", "bottom right",
]  # fmt: skip


@tool(card=CARD)
def paste(image: Image, piece: Image, place: Place = "centre") -> Image:
    """Lay a piece, such as a cut-out, over a picture; where the piece is clear the picture shows through.

    The piece touches the borders of the picture that its place names. It keeps its size, and is made smaller, never
    larger, where it would not fit. A picture without alpha stays without. Raises ``WrongArgument`` for another place.

    Args:
        image: the picture that is pasted on
        piece: what is pasted
        place: where
    """
    places = get_args(Place)
    if place not in places:
        raise WrongArgument(f"no place is called {place!r}", hint=f"places: {', '.join(places)}", field="place")
    from PIL import Image as Pil

    under, over = image.to_pil().convert("RGBA"), piece.to_pil().convert("RGBA")
    over.thumbnail(under.size, Pil.Resampling.LANCZOS)  # which only shrinks
    row, column = divmod(places.index(place), 3)
    spot = (under.width - over.width) * column // 2, (under.height - over.height) * row // 2
    under.alpha_composite(over, spot)
    return Image.from_pil(under if image.has_alpha else under.convert("RGB"))
