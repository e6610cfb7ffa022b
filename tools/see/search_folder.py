"""Find the pictures in a folder that fit a description."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..card import Card
from ..contract import tool
from ..errors import MissingFile, WrongArgument
from ..media.image import Image
from ..roles import Embedder, StepContext
from .picture_index import PictureIndex, worded

CARD = Card(
    bad_at="saying that none fits: it ranks, and the best may be bad; the first search of a large folder takes long",
    cost="model",
    batch=True,
    examples=(
        "find pictures of {query} in the folder {folder}", "search the folder {folder} for {query}",
        "which pictures in {folder} show {query}", "look in {folder} for pictures of {query}",
        "show me the photos in {folder} with {query}",
        "在文件夹{folder}里找{query}的图片", "在{folder}中搜索{query}的照片",
    ),
    answer={
        "en": "{count} {picture|pictures} of {folder} {fits|fit} “{query}” best, the best first.",
        "zh": "{folder}中最符合“{query}”的有{count}张图片，最好的在前。",
    },
)  # fmt: skip
_QUOTES = "\"'“”‘’「」《》"
_SHOWN = 200  # characters of a path that errors repeat
_PLACE = "pictures"  # in the folder for what can be made again


@tool(card=CARD)
def search_folder(
    folder: str, query: str, count: Annotated[int, Field(ge=1)] = 5, *, embedder: Embedder, step: StepContext
) -> list[Image]:
    """Find the pictures in a folder, and in the folders in it, that fit a description best, the best first.

    What the model made of each picture is kept, so that a later search only looks at those that are new or changed.
    Files that are no pictures, or damaged ones, are left out; a folder without pictures gives none. Raises
    ``MissingFile`` where there is no such folder, and ``WrongArgument`` for a description or a folder without words.

    Args:
        folder: path of the folder, as it stands in the request
        query: what the pictures show, in the words of the request
        count: how many pictures to give at most
    """
    query = worded(query)
    index = PictureIndex(_path_in(folder), embedder, keep=None if step.cache is None else step.cache / _PLACE)
    index.update(step)
    return [Image.open(hit.path) for hit in index.search(query, count)]


def _path_in(words: str) -> Path:
    """The path that words of a request are: without quotes, and in Chinese without the "in" behind it."""
    path = words.strip().strip(_QUOTES).strip()
    if not path:
        raise WrongArgument("no folder is named", hint="name the folder; . is the current one", field="folder")
    bare = path.rstrip("里中内下面的").strip(_QUOTES)
    try:
        there = Path(path).expanduser().exists() or not bare
        found = Path(path if there else bare).expanduser()
        if "\0" in path:
            raise ValueError("it has a NUL in it")
        found.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, no such user, a NUL
        shown = repr(path if len(path) <= _SHOWN else f"{path[:_SHOWN]}…")
        raise MissingFile(
            f"there is no folder {shown}: {getattr(error, 'strerror', None) or error}",
            hint="check the spelling",
            path=path[:_SHOWN],
        ) from error
    return found
