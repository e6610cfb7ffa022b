"""Requests for the tools that work on documents, texts and point clouds, and when they are right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from ....tools.media.document import Document
from ....tools.media.image import Image
from ....tools.media.table import Table
from ....tools.media.text import Text
from ....tools.see.colours import COLOURS as NAMED
from ....tools.see.colours import name_pixels
from ....tools.text.words import sentences_of
from ..train.planner.phrasings import independent, own
from ..train.planner.words import COLOURS as SAID
from ..world.clouds import Cloud
from ..world.scenes import SceneConfig
from .case import Case, Given, Make
from .expert_seeing import told
from .media import THINGS, Draw, picture, scanned
from .papers import Leaf, Rows, docx, pdf, pptx, xlsx
from .senses import Senses, correlation, difference, near, plain, says_words

BARS: dict[str, tuple[float, float, float]] = {
    "red": (0.84, 0.15, 0.16), "green": (0.18, 0.62, 0.28), "blue": (0.15, 0.36, 0.82), "yellow": (0.98, 0.84, 0.19),
}  # fmt: skip
"""Colours of the bars on pages, red, green and blue from 0 to 1."""
LANGUAGES = {"en": {"english": "English", "chinese": "Chinese"}, "zh": {"english": "英文", "chinese": "中文"}}
SOLIDS_ZH = {
    "sphere": "球", "cube": "立方体", "cylinder": "圆柱", "cone": "圆锥", "torus": "圆环体", "pyramid": "棱锥",
    "table": "桌子", "chair": "椅子", "staircase": "楼梯", "lamp": "灯", "bottle": "瓶子", "mug": "杯子",
}  # fmt: skip
_FIGURE = SceneConfig(side=96, count=(1, 1), size=(0.4, 0.6), classes=THINGS)
_FILLED = (0.05, 0.8)  # share of a view that a cloud covers
_SENTENCES = 3  # of a summary of which no number was told, at most
_NAMES = ("Anna", "Berta", "Carl", "Dora", "Emil", "Frida")
_GOODS = ("apples", "nails", "boats", "lamps", "chairs", "maps")


def read_document(draw: Draw) -> Case:
    """All of its sentences, in their order."""
    document, story = written(draw)
    return Case((document,), partial(_all_said, story), " ".join(story))


def written(draw: Draw, count: int = 5) -> tuple[Document, list[str]]:
    """A document in some format, and its sentences."""
    story = draw.story(count)
    form = draw.rng.choice(("docx", "pptx") if draw.language == "zh" else ("pdf", "docx", "pptx"))
    if form == "docx":
        return docx(story), story
    if form == "pptx":
        return pptx([story[:2], story[2:]]), story
    return pdf([Leaf(story[:2]), Leaf(story[2:])]), story


def _all_said(story: Sequence[str], given: Given, _: Senses) -> bool:
    text = given.one(Text)
    said = plain(text.text if text else given.text)
    places = [said.find(plain(sentence)) for sentence in story]
    return min(places) >= 0 and places == sorted(places)


def ask_document(draw: Draw) -> Case:
    """The passage that has the answer is quoted first."""
    asked = draw.line.text.partition("[")[2].partition("]")[0]
    others = [each for each in _questions()[draw.language] if plain(each) != plain(asked)]
    questions = [asked, *draw.rng.sample(others, 5)]
    answers = draw.rng.sample(range(1000, 10_000), len(questions))
    colon = "：" if draw.language == "zh" else ": "
    lines = [f"{question}{colon}{answer}" for question, answer in zip(questions, answers, strict=True)]
    draw.rng.shuffle(lines)
    document = docx(lines) if draw.language == "zh" else pdf([Leaf(lines[:3]), Leaf(lines[3:])])
    return Case((document,), partial(_quoted, str(answers[0]), list(map(str, answers[1:]))), str(answers[0]))


@cache
def _questions() -> dict[str, list[str]]:
    """What all phrasings ask of documents, by language."""
    found: dict[str, list[str]] = {"en": [], "zh": []}
    for line in (*own(), *independent()):
        if line.intents == ("ask_document",):
            found[line.language].append(line.text.partition("[")[2].partition("]")[0])
    return {language: sorted({each for each in asked if each}) for language, asked in found.items()}


def _quoted(answer: str, others: Sequence[str], given: Given, _: Senses) -> bool:
    numbers = re.findall(r"(?<!\d)\d{4}(?!\d)", told(given))
    return bool(numbers) and numbers[0] == answer and not set(others) <= set(numbers)


def document_pages(draw: Draw) -> Case:
    """The pages asked for, each known by its coloured bar, in their order."""
    colours = draw.rng.sample(tuple(BARS), 4)
    document = pdf([Leaf((f"Page {number}",), BARS[colour]) for number, colour in enumerate(colours, 1)])
    first = draw.rng.randint(1, 2) if draw.asks("first") else 1
    last = draw.rng.randint(3, 4) if draw.asks("last") else first if draw.asks("first") else 4
    values = {"first": str(first), "last": str(last)}
    return Case((document,), partial(_pages, colours[first - 1 : last]), f"pages {first} to {last}", values)


def _pages(colours: Sequence[str], given: Given, _: Senses) -> bool:
    pages = given.all(Image)
    return len(pages) == len(colours) and all(
        near(page.width / page.height, 595 / 842, 0.02) and _bar(page) == colour
        for page, colour in zip(pages, colours, strict=True)
    )


def _bar(page: Image) -> str:
    """The colour that a page has most of, beside black and white; "" where there is hardly any."""
    counts = np.bincount(name_pixels(page.pixels[::4, ::4].reshape(-1, 3)), minlength=len(NAMED))
    shares = {name: counts[k] / counts.sum() for k, name in enumerate(NAMED) if name not in ("black", "white", "grey")}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] > 0.03 else ""


def document_pictures(draw: Draw) -> Case:
    """The pictures that it holds, and nothing else."""
    document, pictures = illustrated(draw)
    return Case((document,), partial(_pictures, pictures), f"{len(pictures)} pictures")


def illustrated(draw: Draw) -> tuple[Document, list[Image]]:
    """A document with text and pictures."""
    pictures = [picture(draw.scene(_FIGURE)) for _ in range(draw.rng.randint(2, 3))]
    story, form = draw.story(2), draw.rng.choice(("pdf", "docx", "pptx"))
    if form == "pdf":
        lines = story if draw.language == "en" else ()
        return pdf([Leaf(lines, pictures=pictures[:1]), Leaf(pictures=pictures[1:])]), pictures
    return docx(story, pictures=pictures) if form == "docx" else pptx([story], pictures=pictures), pictures


def _pictures(pictures: Sequence[Image], given: Given, _: Senses) -> bool:
    found = given.all(Image)
    return len(found) == len(pictures) and all(
        difference(a.pixels, b.pixels) <= 1.0 for a, b in zip(found, pictures, strict=True)
    )


def document_tables(draw: Draw) -> Case:
    """Every cell of every table."""
    tables = [_table(draw) for _ in range(draw.rng.randint(1, 2))]
    form = draw.rng.choice(("docx", "pptx", "xlsx"))
    story = draw.story(2)
    document = xlsx(tables) if form == "xlsx" else docx(story, tables) if form == "docx" else pptx([story], tables)
    return Case((document,), partial(_tables, tables), f"{len(tables)} tables")


def _table(draw: Draw) -> Rows:
    names = draw.rng.sample(_NAMES, 3)
    return [["name", "goods", "number"]] + [
        [name, draw.rng.choice(_GOODS), str(draw.rng.randint(10, 999))] for name in names
    ]


def _tables(tables: Sequence[Rows], given: Given, _: Senses) -> bool:
    found = given.all(Table)
    read = [[[*table.columns], *([str(cell) for cell in row.values()] for row in table.rows)] for table in found]
    return read == [[list(row) for row in table] for table in tables]


def summarise(draw: Draw) -> Case:
    """Sentences of the text, as many as asked for, and fewer than it has."""
    story = draw.story(8)
    count = draw.rng.randint(1, 4) if draw.asks("sentences") else None
    text = ("" if draw.language == "zh" else " ").join(story)
    values = {} if count is None else {"sentences": str(count)}
    return Case((Text.of(text),), partial(shortened, story, count), f"{count or 'a few'} sentences", values)


def shortened(story: Sequence[str], count: int | None, given: Given, _: Senses) -> bool:
    """Whether a text is some sentences of another one, so many where that was asked."""
    text = given.one(Text)
    if text is None:
        return False
    said = [plain(each) for each in sentences_of(text.text)]
    right = 1 <= len(said) <= _SENTENCES if count is None else len(said) == count
    return right and len(set(said)) == len(said) and set(said) <= {plain(each) for each in story}


def translate(draw: Draw) -> Case:
    """The phrase table's own translation, without words that it lacks."""
    story = draw.story(2)
    to, said = target(draw)
    text = story[0] if draw.asks("text") else ("" if to == "english" else " ").join(story)
    files = () if draw.asks("text") else (Text.of(text),)
    return Case(files, partial(translated, text, to), f"{text} in {to}", {"text": text, "to": said})


def target(draw: Draw) -> tuple[str, str]:
    """The language that a text of the request's own language is not in, and how the request calls it."""
    to = "english" if draw.language == "zh" else "chinese"
    return to, LANGUAGES[draw.language][to]


def translated(text: str, to: str, given: Given, senses: Senses) -> bool:
    """Whether a text is the translation of another one."""
    made = given.one(Text)
    return made is not None and plain(made.text) == plain(translation(text, to, senses))


def translation(text: str, to: str, senses: Senses) -> str:
    """A text as the phrase table translates it."""
    return str(senses.translator.translate([text], ["en" if to == "english" else "zh"])[0].text)


def name_cloud(draw: Draw) -> Case:
    """The solid, and its colour."""
    cloud = draw.cloud()
    thing = cloud.things[0]
    return Case((scanned(cloud),), partial(_solid, thing.label), f"{thing.colour} {thing.label}")


def _solid(label: str, given: Given, _: Senses) -> bool:
    text = told(given)
    return says_words(text, label) or SOLIDS_ZH[label] in text


def render_views(draw: Draw) -> Case:
    """So many pictures of the cloud, as large in them as its sides are, no two of them the same."""
    cloud = draw.cloud()
    count = draw.rng.randint(2, 6) if draw.asks("count") else None
    values = {} if count is None else {"count": str(count)}
    return Case((scanned(cloud),), partial(_views, cloud, count), f"{count or 'some'} views", values)


def _views(cloud: Cloud, count: int | None, given: Given, _: Senses) -> bool:
    views = given.all(Image)
    if len(views) < 2 or (count is not None and len(views) != count):
        return False
    for view in views:
        ground = view.pixels[0, 0].astype(int)
        drawn = np.abs(view.pixels.astype(int) - ground).max(axis=2) > 12
        if not _FILLED[0] < drawn.mean() < _FILLED[1] or not _painted(view.pixels[drawn], cloud):
            return False
    pairs = [(a, b) for k, a in enumerate(views) for b in views[k + 1 :]]
    return all(correlation(a.pixels, b.pixels) < 0.999 for a, b in pairs)


def _painted(pixels: NDArray[np.uint8], cloud: Cloud) -> bool:
    """Whether what is drawn has the hue of the cloud's points: the same mix of colours, whatever the light."""
    mixed = [each.astype(float).mean(axis=0) for each in (pixels, cloud.colours)]
    return bool(np.abs(mixed[0] / mixed[0].sum() - mixed[1] / mixed[1].sum()).max() < 0.08)


def ask_cloud(draw: Draw) -> Case | None:
    """How many points, how large, which colour: what can be known of points alone."""
    asked = draw.line.text.partition("[")[2].partition("]")[0]
    cloud = draw.cloud()
    size = np.ptp(cloud.points, axis=0)
    for pattern, axes in _ASKED.items():
        if re.search(pattern, asked, re.IGNORECASE):
            if not axes:
                return None
            if axes == "colour":
                return Case((scanned(cloud),), partial(_hued, cloud.things[0].colour), cloud.things[0].colour)
            wanted = (
                [float(len(cloud.points))] if axes == "points" else [float(size["xyz".index(each)]) for each in axes]
            )
            return Case((scanned(cloud),), partial(_numbers, wanted), ", ".join(f"{each:.3g}" for each in wanted))
    return None


_ASKED = {
    r"how many points|number of points|point count|多少个点|几个点|点组成|总数": "points",
    r"dominant colour|主色|哪种颜色": "colour",
    r"ratio|density|dens|highest|最高|normals|法向|密度": "",
    r"bounding box|dimensions|each direction|长宽高|有几大|有多大": "xyz",
    r"how tall|height|高度": "z",
}
"""What questions of the phrasings are about: axes, points or colour; nothing for those that are left out."""


def _numbers(wanted: Sequence[float], given: Given, _: Senses) -> bool:
    found = [float(each) for each in re.findall(r"\d+(?:\.\d+)?", told(given))]
    return all(any(near(each, number) for each in found) for number in wanted)


def _hued(colour: str, given: Given, _: Senses) -> bool:
    text = told(given)
    zh = [said.removesuffix("色") for said, name in SAID["zh"].items() if name == colour]
    return says_words(text, colour) or any(each in text for each in zh)


CASES: dict[str, Make] = {
    "read_document": read_document, "ask_document": ask_document, "document_pages": document_pages,
    "document_pictures": document_pictures, "document_tables": document_tables, "summarise": summarise,
    "translate": translate, "name_cloud": name_cloud, "render_views": render_views, "ask_cloud": ask_cloud,
}  # fmt: skip
