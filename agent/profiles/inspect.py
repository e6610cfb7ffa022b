"""What a profile would load, seen without loading it."""

from __future__ import annotations

from typing import Any

from ...tools.errors import PanmodalError
from ...tools.loaders.base import ModelSpec
from ...tools.loaders.pulled import Pulled, recorded
from ...tools.loaders.registry import get_loader
from .loading import Profile
from .model import RoleEntry

_FIELDS = ("loader", "checkpoint", "revision", "sha256", "dtype", "device", "licence", "options")
_PUBLISHED = ("size", "memory", "run_here", "sources")
_UNKNOWN = "unknown"


def describe_models(profile: Profile) -> list[dict[str, Any]]:
    """Return one row a candidate: role, name, each field with its origin, bytes of weights, state, hint.

    ``state`` is ``ready``, ``remote`` or the reason why it cannot be loaded; ``hint`` says what mends it. What nobody
    states is ``unknown``; a row that cites pages shows also which of its facts they leave out.
    """
    return [
        _describe(profile, role, entry, spec, shared=_shared_with(profile, role, spec))
        for role, specs in profile.specs().items()
        for entry, spec in zip(profile.roles[role], specs, strict=True)
    ]


def _describe(profile: Profile, role: str, entry: RoleEntry, spec: ModelSpec, shared: list[str]) -> dict[str, Any]:
    nbytes, state, hint, known = None, "ready", "", None
    try:
        known = recorded(spec)
        loader = get_loader(spec.loader)
        loader.resolve(spec)
        nbytes = loader.measure(spec)
        if spec.device == "remote":
            state = "remote: not on this machine"
        elif shared:
            state = f"ready, loaded once with {', '.join(shared)}"
    except PanmodalError as error:
        state, hint = error.message, error.hint
    return {
        "role": role,
        "name": spec.name,
        "fields": _fields(profile, role, entry, known),
        "bytes": nbytes,
        "state": state,
        "hint": hint,
    }


def _fields(profile: Profile, role: str, entry: RoleEntry, known: Pulled | None) -> dict[str, dict[str, Any]]:
    """What is stated, and ``unknown`` for what everybody wants to know but nobody stated."""
    stated = entry.model_dump(mode="json")
    shown = ["licence", "sha256", *(("size", "memory") if entry.sources else ())]
    fields = {
        name: {"value": stated[name], "origin": profile.origin(f"{role}.{name}")}
        for name in (*_FIELDS, *_PUBLISHED)
        if stated[name] not in (None, {}, []) or name in shown
    }
    for field in fields.values():
        if field["value"] is None:
            field["value"] = _UNKNOWN
    if entry.sha256 is None and known is not None:
        fields["sha256"] = {"value": known.sha256, "origin": f"the first fetch, {known.on}"}
    return fields


def _shared_with(profile: Profile, role: str, spec: ModelSpec) -> list[str]:
    return [
        other for other, specs in profile.specs().items() if other != role and any(s.key == spec.key for s in specs)
    ]
