"""Getting a profile's checkpoints: each that lies elsewhere is fetched once, whatever roles it serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..tools.errors import CheckpointMissing, PanmodalError, UnknownRole
from ..tools.loaders.base import ModelSpec
from ..tools.loaders.checkpoints import fetch, origin_of
from ..tools.loaders.fetching import Tell, silent
from ..tools.loaders.pulled import models_folder, present, recorded
from ..tools.loaders.registry import get_loader
from .home import Home
from .profiles.loading import Profile


@dataclass
class Item:
    """A checkpoint of a profile, the roles that it serves, and how it stands with it."""

    spec: ModelSpec
    roles: list[str]
    nbytes: int | None
    """Bytes that are here, else those that the profile states; None where nobody says."""
    state: Literal["here", "absent", "fetched", "remote", "failed"] = "absent"
    error: PanmodalError | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form; ``path`` and ``sha256`` once it was fetched."""
        known = recorded(self.spec) if self.state in ("here", "fetched") else None
        return {
            "roles": self.roles,
            "loader": self.spec.loader,
            "checkpoint": self.spec.checkpoint,
            "revision": self.spec.revision,
            "commit": known.commit if known else None,
            "state": self.state,
            "bytes": self.nbytes,
            "path": str(models_folder(self.spec) / known.path) if known else None,
            "sha256": known.sha256 if known else self.spec.sha256,
            "error": self.error.to_dict() if self.error else None,
        }


def items_of(profile: Profile, home: Home, roles: Sequence[str] = ()) -> list[Item]:
    """Return the checkpoints of the profile, or of ``roles``, without looking further than this machine.

    Raises UnknownRole for a role that the profile does not serve.
    """
    specs = profile.specs(home.cache, home.models)
    for role in roles:
        if role not in specs:
            raise UnknownRole(
                f"profile {profile.name} serves no {role}", hint="it serves " + ", ".join(specs), role=role
            )
    found: dict[tuple[str, ...], Item] = {}
    for role in roles or specs:
        for spec, entry in zip(specs[role], profile.roles[role], strict=True):
            key = (spec.loader, spec.checkpoint, spec.revision or "")
            item = found.setdefault(key, Item(spec, [], entry.size))
            item.roles += [role] if role not in item.roles else []
    for item in found.values():
        _look(item)
    return list(found.values())


def pull(item: Item, tell: Tell = silent) -> None:
    """Fetch it where it is absent; what stands in the way is kept as its error."""
    if item.state != "absent":
        return
    try:
        item.nbytes = fetch(item.spec, tell).nbytes
        item.state = "fetched"
    except PanmodalError as error:
        item.state, item.error = "failed", error


def _look(item: Item) -> None:
    """Say where a checkpoint stands before anything is fetched."""
    spec = item.spec
    try:
        known = recorded(spec)
        if known and present(spec, known):
            item.state, item.nbytes = "here", known.nbytes
            return
        loader = get_loader(spec.loader)
        found = loader.resolve(spec)
        if spec.device == "remote":
            item.state = "remote"
        elif isinstance(found, str) or origin_of(spec) == "disk":
            item.state, item.nbytes = "here", loader.measure(spec)  # or nothing that could be fetched
    except CheckpointMissing as error:
        if origin_of(spec) == "disk":
            item.state, item.error = "failed", error
    except PanmodalError as error:
        item.state, item.error = "failed", error
