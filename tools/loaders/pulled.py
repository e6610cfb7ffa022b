"""What was fetched into Panmodal's home: where each checkpoint lies, and the digest that its first fetch recorded.

One small file a checkpoint in ``models/pulled/``, so that two fetches never write the same one. A profile that states
no digest trusts the first fetch; from then on the record is enforced as if the profile stated it.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import CheckpointBroken
from .base import ModelSpec


@dataclass(frozen=True, slots=True)
class Pulled:
    """A checkpoint that was fetched. ``path`` is relative to the models folder, ``files`` are those below it, in bytes.

    ``commit`` is what the revision meant in a repository of the hub, ``on`` the date of the first fetch (ISO 8601).
    """

    loader: str
    checkpoint: str
    revision: str | None
    path: str
    sha256: str
    files: Mapping[str, int]
    on: str
    commit: str | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of all files."""
        return sum(self.files.values())


def home_folder(name: str) -> Path:
    """A folder in the home that the environment names."""
    root = os.environ.get("PANMODAL_HOME")
    if not root:
        import platformdirs

        root = platformdirs.user_data_dir("panmodal", appauthor=False)
    return Path(root).expanduser().absolute() / name


def models_folder(spec: ModelSpec) -> Path:
    """Where downloads go: the spec's folder, else ``models`` in the environment's home."""
    return spec.models or home_folder("models")


def recorded(spec: ModelSpec) -> Pulled | None:
    """What was written down when the checkpoint was first fetched; None where it never was."""
    path = _record(spec)
    if not path.is_file():
        return None
    try:
        return Pulled(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointBroken(
            f"the record {path} of the {spec.role}'s checkpoint cannot be read: {error}",
            hint="remove it and fetch the checkpoint again",
            role=spec.role,
            checkpoint=spec.checkpoint,
        ) from error


def record(spec: ModelSpec, pulled: Pulled) -> None:
    """Write it down, whole or not at all."""
    path = _record(spec)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(asdict(pulled), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


def present(spec: ModelSpec, pulled: Pulled | None) -> Path | None:
    """Where a fetched checkpoint lies; None where one of its files is gone or of another length."""
    if pulled is None:
        return None
    path = models_folder(spec) / pulled.path
    for name, nbytes in pulled.files.items():
        file = path / name if name else path
        if not file.is_file() or file.stat().st_size != nbytes:
            return None
    return path


def _record(spec: ModelSpec) -> Path:
    named = json.dumps([spec.loader, spec.checkpoint, spec.revision])
    readable = re.sub(r"[^\w.-]+", "-", spec.checkpoint)[-60:].strip("-.")
    return models_folder(spec) / "pulled" / f"{readable}-{hashlib.sha256(named.encode()).hexdigest()[:12]}.json"
