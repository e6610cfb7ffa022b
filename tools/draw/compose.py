"""Put pictures side by side."""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from ..card import Card
from ..contract import tool
from ..errors import EmptyInput, WrongArgument
from ..media.image import Image
from ..media.limits import Limits
from ..media.text import Text

CARD = Card(
    bad_at="pictures of very different sizes: none is enlarged or shrunk; captions in other letters than Latin ones",
    cost="cpu",
    keeps="form",
    examples=(
        "put the pictures side by side", "put the pictures next to each other", "make a collage of the pictures",
        "arrange the pictures in a {layout}", "combine the pictures into one", "make a storyboard of the pictures",
        "join the pictures in a {layout}", "make a contact sheet",
        "把图片拼在一起", "把这些图片拼成一张", "做一个拼图", "制作故事板",
    ),
    answer={"en": "The pictures are put together in one.", "zh": "图片已拼成一张。"},
)  # fmt: skip

Layout = Literal["row", "column", "grid"]
_NO_LETTER = "\uffff"  # of which no font has a picture but that of what it lacks


class _Cell(NamedTuple):
    """A picture and the lines under it."""

    image: Image
    lines: tuple[str, ...]
    width: int


@tool(card=CARD)
def compose(
    images: Sequence[Image], layout: Layout = "grid", captions: Sequence[str] = (), texts: Sequence[Text] = ()
) -> Image:
    """Put pictures into one: in a row, in a column, or in a grid as wide as it is high, with captions under them.

    The pictures keep their sizes and stand in the middle of their cells on white, in the order given, row by row.
    Clear pixels stay clear. Captions are broken into lines. Raises ``EmptyInput`` without a picture, ``WrongArgument``
    where there is not one caption for each picture or the font lacks a letter, and ``TooLarge`` where the result would
    have more pixels than a picture may have.

    Args:
        images: the pictures
        layout: how they stand
        captions: what is written under each of them, "" for nothing
        texts: the same as artifacts, such as captions that a model wrote
    """
    if not images:
        raise EmptyInput("nothing to compose: there is no picture", kind="image")
    from PIL import ImageFont

    said = _captions(images, captions, texts)
    side = max(max(image.width, image.height) for image in images)
    font = ImageFont.load_default(size=float(np.clip(side / 20, 12, 40))) if any(said) else None
    _check_letters(said, font)
    cells = [_cell(image, words, font) for image, words in zip(images, said, strict=True)]
    columns = {"row": len(cells), "column": 1, "grid": math.ceil(math.sqrt(len(cells)))}[layout]
    return _drawn([cells[start : start + columns] for start in range(0, len(cells), columns)], font, max(4, side // 50))


def _captions(images: Sequence[Image], captions: Sequence[str], texts: Sequence[Text]) -> list[str]:
    """What is written under each picture."""
    if captions and texts:
        raise WrongArgument("captions are given twice", hint="give captions or texts", field="texts")
    said = list(captions) or [text.text for text in texts] or [""] * len(images)
    if len(said) != len(images):
        raise WrongArgument(
            f"{len(said)} captions for {len(images)} pictures", hint='give one for each, "" for nothing',
            field="captions" if captions else "texts",
        )  # fmt: skip
    return said


def _check_letters(said: Sequence[str], font: Any) -> None:
    """Raise ``WrongArgument`` for letters in whose place the font would draw an empty box."""
    letters = sorted({letter for words in said for letter in words if not letter.isspace()})
    if not letters:
        return
    lacking = bytes(font.getmask(_NO_LETTER))
    missing = [letter for letter in letters if bytes(font.getmask(letter)) == lacking]
    if missing:
        raise WrongArgument(
            f"captions cannot be written: the font lacks {' '.join(missing[:8])}",
            hint="give captions in Latin letters, or none", field="captions",
        )  # fmt: skip


def _cell(image: Image, words: str, font: Any) -> _Cell:
    """A picture with its caption in lines, none wider than the picture unless a word is."""
    lines: list[str] = []
    for word in words.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= image.width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    width = max([image.width, *(math.ceil(font.getlength(line)) for line in lines)])
    return _Cell(image, tuple(lines), width)


def _drawn(rows: Sequence[Sequence[_Cell]], font: Any, gap: int) -> Image:
    """The cells on white, ``gap`` pixels apart and from the border; without a font there are no captions."""
    from PIL import Image as Pil
    from PIL import ImageDraw

    line = math.ceil(1.1 * sum(font.getmetrics())) if font else 0
    wide = [max(row[k].width for row in rows if k < len(row)) for k in range(len(rows[0]))]
    shown = [max(cell.image.height for cell in row) for row in rows]
    high = [top + line * max(len(cell.lines) for cell in row) for top, row in zip(shown, rows, strict=True)]
    size = sum(wide) + gap * (len(wide) + 1), sum(high) + gap * (len(high) + 1)
    Limits().check_pixels(*size, "the composed picture")
    board = Pil.new("RGB", size, "white")
    alpha = np.full(size[::-1], 255, np.uint8)
    draw = ImageDraw.Draw(board)
    for r, row in enumerate(rows):
        top = gap * (r + 1) + sum(high[:r])
        for c, cell in enumerate(row):
            image = cell.image
            middle = gap * (c + 1) + sum(wide[:c]) + wide[c] // 2
            x, y = middle - image.width // 2, top + (shown[r] - image.height) // 2
            board.paste(Pil.fromarray(image.pixels), (x, y))
            if image.alpha is not None:
                alpha[y : y + image.height, x : x + image.width] = image.alpha
            for n, words in enumerate(cell.lines):
                draw.text((middle, top + shown[r] + n * line), words, fill="black", font=font, anchor="ma")
    clear = any(cell.image.has_alpha for row in rows for cell in row)
    return Image.from_array(np.asarray(board), alpha if clear else None)
