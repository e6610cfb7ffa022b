"""What a thread remembers: handles of the artifacts of its runs, in order of appearance, and their names.

``$thread.image`` is the latest picture, ``$thread.image_1`` the first one that the thread ever saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..tools.media.artifact import Artifact

Handle = Mapping[str, Any]


def names_of(handles: Sequence[Handle]) -> dict[str, Handle]:
    """Every name that plans may write after ``$thread.``, with the handle it stands for."""
    named: dict[str, Handle] = {}
    counts: dict[str, int] = {}
    for handle in handles:
        kind = handle["kind"]
        counts[kind] = counts.get(kind, 0) + 1
        named[kind] = named[f"{kind}_{counts[kind]}"] = handle
    return named


def extended(handles: Sequence[Handle], artifacts: Iterable[Artifact]) -> list[Handle]:
    """The thread's handles after a run that brought ``artifacts``.

    One that is known already is added again only where it is not the latest of its kind, so that "the picture" is
    always the one that was last attached or made.
    """
    known = list(handles)
    latest = {handle["kind"]: handle["id"] for handle in known}
    for artifact in artifacts:
        if latest.get(artifact.kind) != artifact.id:
            known.append(artifact.handle())
            latest[artifact.kind] = artifact.id
    return known
