"""Where media come from: a path or bytes, read within the limits, with a name for error messages."""

import re
from pathlib import Path
from typing import NamedTuple

from ..errors import MissingFile, NotDecodable, TooLarge
from .limits import Limits

_ADDRESS = re.compile(r"(https?|ftp|file|s3):/", re.IGNORECASE)


class Source(NamedTuple):
    """Bytes as they came, and what to call them when something is wrong with them."""

    name: str
    content: bytes


def read_source(source: str | Path | bytes, limits: Limits, name: str = "") -> Source:
    """Read a file, or take bytes as they are, which errors call ``name``.

    Raises MissingFile, TooLarge, or NotDecodable when empty.
    """
    if isinstance(source, bytes):
        found = Source(name or "the given data", source)
        limits.check_bytes(len(source), found.name)
    else:
        found = Source(str(source), _read_file(Path(source), limits))
    if not found.content:
        raise NotDecodable(f"{found.name} is empty", hint="save or download it again", name=found.name)
    return found


def _read_file(path: Path, limits: Limits) -> bytes:
    try:
        if path.is_dir():
            raise MissingFile(f"{path} is a folder, not a file", hint="name one file in it", path=str(path))
        limits.check_bytes(path.stat().st_size, str(path))
        with path.open("rb") as file:
            # A pipe or device has no size to ask for beforehand, so the reading itself is bounded too.
            content = file.read(limits.max_bytes + 1)
    except FileNotFoundError as error:
        # A Path has folded the two slashes of an address into one.
        remote = _ADDRESS.match(str(path)) is not None
        hint = "addresses are not fetched: download it first" if remote else "check the spelling"
        raise MissingFile(f"{path} does not exist", hint=f"looked in {Path.cwd()}; {hint}", path=str(path)) from error
    except (OSError, ValueError) as error:
        if isinstance(error, TooLarge):
            raise
        raise MissingFile(f"{path} cannot be read: {error}", path=str(path)) from error
    limits.check_bytes(len(content), str(path))
    return content
