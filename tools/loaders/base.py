"""What a loader is: opens checkpoints of one library and gives each role's adapter.

Loader classes are light, so that sizes can be shown and plans checked without torch; what works on tensors lies in a
sibling module that ``load`` imports.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from ..errors import ModelError, UnknownRole


@dataclass(frozen=True)
class ModelSpec:
    """One checkpoint as a profile names it for a role.

    ``checkpoint`` is an absolute path, a URL, a hub id, or an endpoint's model name. ``sha256`` is the digest that it
    must have (of a file: of its bytes; of a folder: see ``checkpoints.digest``), None for unchecked. ``dtype`` and
    ``device`` are torch's names. ``network`` allows downloads. ``base`` resolves a relative path. ``cache`` is where
    the library may keep files of its own, ``models`` where downloads go; None for those folders in the home that the
    environment names. ``pull`` is the command that fetches it, for hints.
    """

    role: str
    loader: str
    checkpoint: str
    revision: str | None = None
    sha256: str | None = None
    dtype: str = "float32"
    device: str = "cpu"
    licence: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    base: Path | None = None
    name: str | None = None
    network: bool = False
    cache: Path | None = None
    models: Path | None = None
    pull: str = ""

    @cached_property
    def path(self) -> Path:
        """The checkpoint read as a path, absolute; it need not exist."""
        return ((self.base or Path()) / Path(self.checkpoint).expanduser()).absolute()

    @cached_property
    def key(self) -> str:
        """Equal keys are one load: everything that decides which weights lie in memory, and nothing else."""
        where = str(self.path.resolve()) if self.path.exists() else self.checkpoint
        options = json.dumps(dict(self.options), sort_keys=True, default=str) if self.options else ""
        parts = (self.loader, where, self.revision or "", self.dtype, self.device, options)
        return "|".join(parts).rstrip("|")


class Backbone(Protocol):
    """A loaded model: the weights once, an adapter for each role that they serve."""

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and buffers in memory; 0 for a model on another machine."""
        ...

    @property
    def digest(self) -> str:
        """Digest of the checkpoint's files."""
        ...

    @property
    def libraries(self) -> dict[str, str]:
        """Library name to version, for provenance."""
        ...

    def adapter(self, role: str) -> object:
        """The role's Protocol served by this model; raises ``UnknownRole`` where it cannot."""
        ...

    def close(self) -> None:
        """Let go of the weights."""
        ...


class Loader(Protocol):
    """Opens the checkpoints of one library."""

    @property
    def name(self) -> str:
        """The name by which profiles ask for it."""
        ...

    def resolve(self, spec: ModelSpec) -> Path | str:
        """Where the checkpoint lies on this machine; never downloads.

        Raises ``CheckpointMissing`` with the command that gets it.
        """
        ...

    def measure(self, spec: ModelSpec) -> int:
        """Bytes that the weights will take, read from headers or file sizes without loading them.

        Fetches the checkpoint where the spec allows the network.
        """
        ...

    def load(self, spec: ModelSpec) -> Backbone:
        """Load the checkpoint. Raises ``CheckpointMissing``, ``CheckpointBroken`` or another ``ModelError``."""
        ...


def cannot_serve(spec: ModelSpec, role: str, served: str) -> UnknownRole:
    """The error for a role that the loaded model does not serve."""
    return UnknownRole(
        f"{spec.checkpoint} cannot be the {role}: loaded by {spec.loader} it serves {served}",
        hint=f"choose another checkpoint or loader for the {role}",
        role=role,
    )


def cannot_translate(spec: ModelSpec) -> ModelError:
    """The error for a recogniser that writes down what is said and nothing else."""
    return ModelError(
        f"the {spec.role} {spec.checkpoint} does not translate what it hears",
        hint=f"choose one that does, such as whisper's large-v3: --set {spec.role}.checkpoint=PATH; or transcribe it "
        "and translate the text",
        role=spec.role,
    )


def versions(*names: str) -> dict[str, str]:
    """The installed versions of libraries, without importing them; absent ones are left out."""
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
