"""What a profile would load, seen without loading it."""

from __future__ import annotations

from typing import Any

from ...tools.errors import PanmodalError
from ...tools.loaders.base import ModelSpec
from ...tools.loaders.registry import get_loader
from .loading import Profile

_FIELDS = ("loader", "checkpoint", "revision", "sha256", "dtype", "device", "licence", "options")


def describe_models(profile: Profile) -> list[dict[str, Any]]:
    """Return one row a candidate: role, name, each field with its origin, bytes of weights, state, hint.

    ``state`` is ``ready``, ``remote`` or the reason why it cannot be loaded; ``hint`` says what mends it.
    """
    return [
        _describe(profile, role, spec, shared=_shared_with(profile, role, spec))
        for role, specs in profile.specs().items()
        for spec in specs
    ]


def _describe(profile: Profile, role: str, spec: ModelSpec, shared: list[str]) -> dict[str, Any]:
    nbytes, state, hint = None, "ready", ""
    try:
        loader = get_loader(spec.loader)
        loader.resolve(spec)
        nbytes = loader.measure(spec)
        if spec.device == "remote":
            state = "remote: not on this machine"
        elif shared:
            state = f"ready, loaded once with {', '.join(shared)}"
    except PanmodalError as error:
        state, hint = error.message, error.hint
    fields = {
        name: {"value": getattr(spec, name), "origin": profile.origin(f"{role}.{name}")}
        for name in _FIELDS
        if getattr(spec, name) not in (None, {}) or name in ("licence", "sha256")
    }
    for field in fields.values():
        if field["value"] is None:
            field["value"] = "unknown"
    return {
        "role": role,
        "name": spec.name,
        "fields": fields,
        "bytes": nbytes,
        "state": state,
        "hint": hint,
    }


def _shared_with(profile: Profile, role: str, spec: ModelSpec) -> list[str]:
    return [
        other for other, specs in profile.specs().items() if other != role and any(s.key == spec.key for s in specs)
    ]
