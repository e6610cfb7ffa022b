"""Pictures put together, pasted and enlarged: every pixel is accounted for."""

import numpy as np
import pytest
from PIL import Image as Pil

from panmodal.tools.draw.compose import compose
from panmodal.tools.draw.cut_out import cut_out
from panmodal.tools.draw.paste import Place, paste
from panmodal.tools.draw.upscale import upscale
from panmodal.tools.errors import EmptyInput, TooLarge, WrongArgument
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks
from panmodal.tools.media.text import Text
from panmodal.tools.see.locate import PLACES, locate

RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)


def plain(colour: tuple[int, int, int], width: int = 40, height: int = 30) -> Image:
    return Image.from_array(np.full((height, width, 3), colour, np.uint8))


def where(image: Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a colour."""
    rows, columns = np.nonzero((image.pixels == colour).all(2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def test_layouts() -> None:
    pictures = [plain(RED), plain(GREEN), plain(BLUE)]
    row, column, grid = (compose(pictures, layout) for layout in ("row", "column", "grid"))
    assert (row.width, row.height) == (3 * 40 + 4 * 4, 30 + 2 * 4)
    assert (column.width, column.height) == (40 + 2 * 4, 3 * 30 + 4 * 4)
    assert (grid.width, grid.height) == (2 * 40 + 3 * 4, 2 * 30 + 3 * 4)
    assert where(row, BLUE) == (4 + 2 * 44, 4, 4 + 2 * 44 + 40, 34)
    assert where(column, GREEN) == (4, 38, 44, 68)
    assert where(grid, GREEN) == (48, 4, 88, 34) and where(grid, BLUE) == (4, 38, 44, 68)
    assert (grid.pixels[40:, 50:] == 255).all() and grid.alpha is None
    one = compose([plain(RED)])
    assert (one.width, one.height) == (48, 38)


def test_pictures_keep_their_sizes_and_stand_in_the_middle() -> None:
    made = compose([plain(RED, 60, 20), plain(GREEN, 20, 60), plain(BLUE, 1, 1)], "row")
    assert where(made, RED) == (4, 24, 64, 44) and where(made, GREEN) == (68, 4, 88, 64)
    assert where(made, BLUE) == (92, 33, 93, 34)


def test_captions_are_written_under_their_pictures() -> None:
    pictures = [plain(RED, 90), plain(GREEN, 90)]
    without = compose(pictures, "row")
    said = compose(pictures, "row", ["a red one", ""])
    assert said == compose(pictures, "row", texts=[Text.of("a red one"), Text.of(" ")])
    assert said.width == without.width and said.height > without.height
    ink = (said.pixels < 100).all(2)
    rows, columns = np.nonzero(ink)
    assert rows.min() >= 34 and columns.min() >= 4 and columns.max() < 94  # under the first alone
    assert abs((columns.min() + columns.max()) / 2 - 49) < 3
    longer = compose(pictures, "row", ["a red one with far more words than one line holds", ""])
    assert longer.width == said.width and longer.height > said.height + 20
    word = compose(pictures, "row", ["incomprehensibilities", ""])
    assert word.width > said.width  # no word is broken
    assert (where(word, RED)[0] - 4, where(word, GREEN)[2] - where(word, GREEN)[0]) == ((word.width - 192) // 2, 90)


def test_clear_pixels_stay_clear() -> None:
    clear = Image.from_array(plain(RED).pixels, np.full((30, 40), 17, np.uint8))
    made = compose([clear, plain(GREEN)], "row").alpha
    assert made is not None and (made[4:34, 4:44] == 17).all()
    made = made.copy()
    made[4:34, 4:44] = 255
    assert made.min() == 255


def test_what_cannot_be_composed_is_said() -> None:
    with pytest.raises(EmptyInput, match="there is no picture"):
        compose([])
    pictures = [plain(RED), plain(GREEN)]
    for more, told, field in (
        ({"captions": ["one"]}, "1 captions for 2 pictures", "captions"),
        ({"texts": [Text.of("one")] * 3}, "3 captions for 2 pictures", "texts"),
        ({"captions": ["a", "b"], "texts": [Text.of("a")] * 2}, "captions are given twice", "texts"),
        ({"captions": ["a star", "一颗星 c"]}, "the font lacks 一 星 颗", "captions"),
    ):
        with pytest.raises(WrongArgument, match=told) as wrong:
            compose(pictures, **more)  # type: ignore[arg-type]
        assert wrong.value.facts["field"] == field
    wide = Image.from_array(np.zeros((1, 30_000, 3), np.uint8))
    tall = Image.from_array(np.zeros((30_000, 1, 3), np.uint8))
    with pytest.raises(TooLarge, match="the composed picture has"):
        compose([wide, tall], "row")


@pytest.mark.parametrize("place", PLACES)
def test_a_piece_is_pasted_where_it_is_said(place: Place) -> None:
    under, piece = plain(GREEN, 90, 60), plain(RED, 20, 10)
    made = paste(under, piece, place)
    left, top, right, bottom = where(made, RED)
    assert (right - left, bottom - top) == (20, 10) and (made.width, made.height) == (90, 60)
    assert locate(Boxes.of([[left, top, right, bottom]], ["piece"], [1], made)) == [place]
    row, column = divmod(PLACES.index(place), 3)
    assert (left == 0, right == 90, top == 0, bottom == 60) == (column == 0, column == 2, row == 0, row == 2)
    assert (made.pixels == GREEN).all(2).sum() == 90 * 60 - 200


def test_the_picture_shows_through_where_a_piece_is_clear() -> None:
    source, under = plain(RED), plain(GREEN, 41, 31)
    bitmap = np.zeros((1, 30, 40), np.bool_)
    bitmap[0, 5:15, 5:15] = bitmap[0, 20:25, 20:25] = True
    piece = cut_out(source, Masks.of(bitmap, source))
    made = paste(under, piece)
    assert (made.pixels == RED).all(2).sum() == 125 and (made.pixels == GREEN).all(2).sum() == 41 * 31 - 125
    assert made.alpha is None
    half = paste(under, Image.from_array(source.pixels, np.full((30, 40), 128, np.uint8)))
    assert np.abs(half.pixels[10, 10].astype(int) - [115, 115, 30]).max() <= 1
    clear = paste(Image.from_array(under.pixels, np.zeros((31, 41), np.uint8)), piece)
    assert clear.alpha is not None and (clear.alpha > 0).sum() == 125


def test_a_piece_that_is_too_large_is_made_smaller() -> None:
    made = paste(plain(GREEN, 50, 50), plain(RED, 200, 100), "bottom")
    assert where(made, RED) == (0, 25, 50, 50)
    strip = paste(plain(GREEN, 50, 50), plain(RED, 5000, 1))
    assert where(strip, RED) == (0, 24, 50, 25)
    assert paste(plain(GREEN, 1, 1), plain(RED, 30, 30)).pixels.tolist() == [[list(RED)]]
    with pytest.raises(WrongArgument, match="no place is called 'middle'"):
        paste(plain(GREEN), plain(RED), "middle")  # type: ignore[arg-type]


def test_enlarging_is_lanczos_and_keeps_alpha() -> None:
    rng = np.random.default_rng(0)
    image = Image.from_array(rng.integers(0, 256, (9, 14, 3), dtype=np.uint8))
    made = upscale(image, 3)
    wanted = image.to_pil().resize((42, 27), Pil.Resampling.LANCZOS)
    assert np.array_equal(made.pixels, np.asarray(wanted)) and made.alpha is None
    alpha = np.zeros((9, 14), np.uint8)
    alpha[:, 7:] = 255
    clear = upscale(Image.from_array(image.pixels, alpha)).alpha
    assert clear is not None and clear.shape == (18, 28) and clear[:, :8].max() == 0 and clear[:, -8:].min() == 255
    assert (upscale(plain(RED, 1, 1), 8).pixels == RED).all()
    assert upscale.json_schema()["properties"]["times"]["maximum"] == 8


def test_what_cannot_be_enlarged_is_said() -> None:
    for times in (1, 9, -2):
        with pytest.raises(WrongArgument, match=f"cannot be enlarged {times} times"):
            upscale(plain(RED), times)
        with pytest.raises(WrongArgument, match="times"):
            upscale.validate({"image": plain(RED), "times": times})
    with pytest.raises(TooLarge, match="the enlarged picture has"):
        upscale(Image.from_array(np.zeros((2000, 4000, 3), np.uint8)), 3)
