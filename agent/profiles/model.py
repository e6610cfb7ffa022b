"""What a profile says: which loader and checkpoint serve each role, and the limits.

A profile is a TOML file. Every top-level table that is not ``pool`` or ``limits`` is a role; a role with several
candidates is an array of tables, the first being the default. ``extends`` names the profile it starts from::

    extends = "mini"
    detector.checkpoint = "my.pt"
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ...tools.media.limits import Limits

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def parse_bytes(value: object) -> object:
    """Turn ``"2 GiB"`` or ``"500 MB"`` into bytes; other values pass to pydantic as they are."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    if match is None or match[2].upper() not in _UNITS:
        raise ValueError(f"{value!r} is not a size; write for example 2 GiB, 500 MB or a number of bytes")
    return int(float(match[1]) * _UNITS[match[2].upper()])


Bytes = Annotated[int | None, BeforeValidator(parse_bytes), Field(gt=0)]


class PoolSettings(BaseModel):
    """Limits of the model pool."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Bytes = None
    """Bytes that all loaded models may take together; none: no limit."""


class Source(BaseModel):
    """A page that a row was taken from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1)
    url: str = Field(pattern=r"^https://")
    read: date
    """The day it was read."""


class RoleEntry(BaseModel):
    """One candidate model of a role."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = None
    """What the candidate is called where a role has several."""
    loader: str
    """A name from the loader registry: ultralytics, segment-anything, transformers, openai-compatible, …"""
    checkpoint: str
    """Hub id, path (relative to the file that names it), URL, or ``package:FOLDER`` for weights shipped with us."""
    revision: str | None = None
    """Branch, tag or commit of a hub checkpoint."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Digest that the checkpoint must have; none: the one that its first fetch records, if it is fetched."""
    dtype: str = "float32"
    device: str = "cpu"
    licence: str | None = None
    """SPDX name or a short statement; none: unknown."""
    size: Bytes = None
    """Bytes of the weights as published; none: unknown."""
    memory: Bytes = None
    """The least memory that its publisher states; none: unknown."""
    sources: Sequence[Source] = ()
    """The pages that say all this."""
    run_here: bool | None = None
    """Whether Panmodal's makers ran it; false is shown, none says nothing."""
    options: Mapping[str, Any] = Field(default_factory=dict)
    """What the loader understands beyond the above, for example ``imgsz`` or ``api_key_env``."""


class ProfileFile(BaseModel):
    """A profile after its ancestors and overrides were merged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    network: bool = False
    """Whether loaders may fetch from a hub; endpoints that a role names are always allowed."""
    pool: PoolSettings = PoolSettings()
    limits: Limits = Limits()
    roles: dict[str, list[RoleEntry]] = Field(default_factory=dict)
