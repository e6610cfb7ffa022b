"""The checkpoints that the profile `mini` names: where they lie, their digests, sizes and model cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ....tools.errors import CheckpointBroken
from ....tools.loaders.base import ModelSpec
from ....tools.loaders.checkpoints import checked_digest, digest, find_folder
from ....tools.loaders.registry import get_loader
from ...profiles.loading import PACKAGED, load_profile

PROFILE = "mini"
MIB = 2**20
CARD = "README.md"


@dataclass(frozen=True)
class Shipped:
    """One role's checkpoint, its digest checked against the profile's."""

    role: str
    spec: ModelSpec
    folder: Path
    sha256: str
    nbytes: int
    """Of all files of the folder, the card too."""
    card: Path

    def adapter(self, **options: Any) -> Any:
        """The model, loaded with these options besides the profile's, as its role's Protocol has it."""
        spec = replace(self.spec, options={**self.spec.options, **options})
        return get_loader(spec.loader).load(spec).adapter(self.role)

    def to_dict(self) -> dict[str, Any]:
        """Facts that can be checked by hand; paths within the package stand without its place on this machine."""
        return {
            "checkpoint": _shown(self.folder),
            "sha256": self.sha256,
            "stated_by_the_profile": self.spec.sha256 is not None,
            "bytes": self.nbytes,
            "card": _shown(self.card),
            "card_sha256": digest(self.card),
            "licence": self.spec.licence,
        }

    def __str__(self) -> str:
        size = f"{self.nbytes / MIB:.2f} MiB"
        stated = "as the profile states" if self.spec.sha256 is not None else "the profile states none"
        return f"{self.role:9} {_shown(self.folder)}  {size}  sha256 {self.sha256} ({stated})  card {self.card.name}"


def shipped(roles: Sequence[str], overrides: Sequence[str] = (), cache: Path | None = None) -> dict[str, Shipped]:
    """The checkpoints of these roles; ``overrides`` name others, as ``--set`` does.

    ``cache`` is where libraries may keep files of their own. Raises CheckpointMissing, and CheckpointBroken where a
    digest differs from the profile's, where the profile states none for a checkpoint of its own, or where a model card
    is missing.
    """
    specs = load_profile(PROFILE, overrides).specs(cache)
    return {role: _of(specs[role][0]) for role in roles}


def profile_bytes() -> int:
    """Bytes of everything that the profile ships: its file, checkpoints and cards."""
    files = [PACKAGED / f"{PROFILE}.toml", *(PACKAGED / PROFILE).rglob("*")]
    return sum(path.stat().st_size for path in files if path.is_file())


def _of(spec: ModelSpec) -> Shipped:
    folder = find_folder(spec)
    found = checked_digest(spec, folder)
    if spec.sha256 is None and folder.is_relative_to(PACKAGED):
        raise CheckpointBroken(
            f"the profile {PROFILE} states no sha256 for the {spec.role}", hint=f"state it: {found}", role=spec.role
        )
    card = folder / CARD
    if not card.is_file():
        raise CheckpointBroken(
            f"the {spec.role}'s checkpoint {_shown(folder)} has no model card", hint=f"write {CARD}", role=spec.role
        )
    nbytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Shipped(spec.role, spec, folder, found, nbytes, card)


def _shown(path: Path) -> str:
    return f"package:{path.relative_to(PACKAGED)}" if path.is_relative_to(PACKAGED) else str(path)
