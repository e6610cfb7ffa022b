"""Checkpoints on disk: where they lie, how they get there, how large they will be, and whether they are the right ones.

Nothing here imports torch. A checkpoint is a path, a URL (fetched into our home) or a hub id (looked up in our home and
in the hub's own cache, fetched into our home). The network is used only where the spec allows it.
"""

import hashlib
import json
import math
import os
import re
import shutil
import struct
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from ..errors import CheckpointBroken, CheckpointMissing, ModelError
from .base import ModelSpec

INDEX = "model_index.json"
"""What diffusers keeps beside the folders of a pipeline's parts."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_BYTES = MappingProxyType({"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8})
_HEADER_BITS = MappingProxyType(
    {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8}
)
_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
_MOST_HEADER = 100 << 20  # the format's own bound on its header, in bytes
_NO_PART = (".md", ".txt", ".lock")  # files beside a checkpoint that do not change what it computes
_CHUNK = 1 << 20
# Roles that Panmodal has a training recipe for.
_TRAINED_HERE = (
    "planner", "mllm", "detector", "segmenter", "asr", "embedder", "sound_classifier", "cloud_classifier",
    "image_generator",
)  # fmt: skip


def cache_folder(spec: ModelSpec) -> Path:
    """The folder for a library's own files and for downloads: the spec's, else ``cache`` in the environment's home."""
    if spec.cache is not None:
        return spec.cache
    root = os.environ.get("PANMODAL_HOME")
    if not root:
        import platformdirs

        root = platformdirs.user_data_dir("panmodal")
    return Path(root).expanduser().absolute() / "cache"


def is_url(checkpoint: str) -> bool:
    """Whether it is fetched by HTTP."""
    return checkpoint.startswith(("http://", "https://"))


def find_file(spec: ModelSpec, command: str = "") -> Path:
    """A checkpoint that is one file or one folder, without downloading.

    Raises ``CheckpointMissing``; its hint is ``command``, or for a URL the command that fetches it.
    """
    path = _downloaded(spec) if is_url(spec.checkpoint) else spec.path
    if os.path.exists(path):  # which is no error where the name is too long for a file
        return path
    if is_url(spec.checkpoint):
        command = f"curl --create-dirs -L -o {path} {spec.checkpoint}"
    raise missing(spec, str(path), command or _otherwise(spec))


def get_file(spec: ModelSpec, command: str = "") -> Path:
    """Like ``find_file``, but a URL is fetched where the spec allows the network."""
    if is_url(spec.checkpoint) and spec.network and not _downloaded(spec).exists():
        _download(spec, _downloaded(spec))
    return find_file(spec, command)


def find_folder(spec: ModelSpec) -> Path:
    """A checkpoint folder by path or hub id, without downloading. Raises ``CheckpointMissing``."""
    if os.path.isdir(spec.path):
        return spec.path
    if not _HUB_ID.fullmatch(spec.checkpoint):
        raise missing(spec, str(spec.path), _otherwise(spec))
    found = _hub(spec, network=False)
    if found is None:
        revision = f" --revision {spec.revision}" if spec.revision else ""
        raise missing(spec, "this machine", f"hf download {spec.checkpoint}{revision}")
    return found


def get_folder(spec: ModelSpec) -> Path:
    """Like ``find_folder``, but a hub id is fetched into our home where the spec allows the network."""
    try:
        return find_folder(spec)
    except CheckpointMissing:
        found = _hub(spec, network=True) if spec.network and _HUB_ID.fullmatch(spec.checkpoint) else None
        if found is None:
            raise
        return found


def missing(spec: ModelSpec, where: str, command: str) -> CheckpointMissing:
    """The error for a checkpoint that is not there."""
    return CheckpointMissing(
        f"the {spec.role}'s checkpoint {spec.checkpoint} is not on this machine"
        if where == "this machine"
        else f"the {spec.role}'s checkpoint is missing: there is no {where}",
        hint=command,
        role=spec.role,
        checkpoint=spec.checkpoint,
    )


def broken(spec: ModelSpec, why: str, hint: str = "get it again") -> CheckpointBroken:
    """The error for a checkpoint that is there but cannot be used."""
    return CheckpointBroken(
        f"the {spec.role}'s checkpoint {spec.checkpoint} is broken: {why}",
        hint=hint,
        role=spec.role,
        checkpoint=spec.checkpoint,
    )


def digest(path: Path) -> str:
    """sha256 (hex) of a checkpoint.

    Of a file: of its bytes. Of a folder: of the lines ``HASH  NAME`` for its files by name, as ``sha256sum`` prints
    them; model cards, notes and hidden files do not count. Folders within count only in a pipeline of diffusers, whose
    parts they are; elsewhere they hold the same weights in other formats.
    """
    if path.is_file():
        return _file_digest(path)
    inside = path.rglob("*") if (path / INDEX).is_file() else path.iterdir()
    names = sorted(each.relative_to(path).as_posix() for each in inside if each.is_file() and _counts(each, path))
    lines = "".join(f"{_file_digest(path / name)}  {name}\n" for name in names)
    return hashlib.sha256(lines.encode()).hexdigest()


def checked_digest(spec: ModelSpec, path: Path) -> str:
    """The digest; raises ``CheckpointBroken`` when the profile states another."""
    found = digest(path)
    if spec.sha256 is not None and spec.sha256 != found:
        raise broken(
            spec,
            f"its sha256 is {found}, the profile states {spec.sha256}",
            "get the stated version, or state the digest of this one if you trust it",
        )
    return found


def weights_in(spec: ModelSpec, folder: Path) -> list[Path]:
    """The safetensors files of a folder. Raises ``CheckpointBroken`` without any: pickled weights are not opened."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise broken(spec, f"{folder} holds no .safetensors file", "convert it to safetensors, which runs no code")
    return files


def measure_safetensors(spec: ModelSpec, files: Iterable[Path]) -> int:
    """Bytes of all tensors once they are loaded in the spec's dtype, from the files' headers."""
    wide = _BYTES.get(spec.dtype, 4)
    total = 0
    for path in files:
        for facts in _header(spec, path).values():
            bits = wide * 8 if facts["dtype"] in _FLOATS else _HEADER_BITS.get(facts["dtype"], 8)
            total += math.prod(facts["shape"]) * bits // 8
    return total


def read_json(spec: ModelSpec, path: Path) -> dict[str, Any]:
    """A JSON object of the checkpoint; raises ``CheckpointBroken``."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise broken(spec, f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise broken(spec, f"{path.name} is no JSON object")
    return content


def _otherwise(spec: ModelSpec) -> str:
    """What to do about a missing path that no published file stands for."""
    train = f"make one: panmodal train {spec.role} --out FOLDER; or " if spec.role in _TRAINED_HERE else ""
    return f"put it there; {train}choose another: --set {spec.role}.checkpoint=PATH"


def _header(spec: ModelSpec, path: Path) -> Mapping[str, Any]:
    """Tensor name to dtype and shape, by the format's own layout: 8 bytes of length, then JSON."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MOST_HEADER:
                raise ValueError(f"a header of {length} bytes")
            header = json.loads(file.read(length))
        tensors = {name: facts for name, facts in header.items() if name != "__metadata__"}
        for name, facts in tensors.items():
            sized = all(type(size) is int and size >= 0 for size in facts["shape"])
            if not sized or not isinstance(facts["dtype"], str):
                raise ValueError(f"the shape or dtype of {name}")
        return tensors
    except (OSError, ValueError, struct.error, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise broken(spec, f"{path.name} is no safetensors file: {error}") from error


def _counts(path: Path, folder: Path) -> bool:
    hidden = any(name.startswith(".") for name in path.relative_to(folder).parts)
    # A tokenizer's merges.txt within a pipeline is no note.
    return not hidden and (path.suffix not in _NO_PART or (path.parent != folder and path.suffix == ".txt"))


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _downloaded(spec: ModelSpec) -> Path:
    """Where a URL's file lies once it is here; different URLs never share a file."""
    name = Path(urlsplit(spec.checkpoint).path).name or "checkpoint"
    return cache_folder(spec) / "downloads" / hashlib.sha256(spec.checkpoint.encode()).hexdigest()[:16] / name


def _download(spec: ModelSpec, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with urllib.request.urlopen(spec.checkpoint, timeout=60) as source, part.open("wb") as sink:
            shutil.copyfileobj(source, sink, _CHUNK)
        part.replace(target)
    except (urllib.error.URLError, OSError) as error:
        raise ModelError(
            f"the {spec.role}'s checkpoint {spec.checkpoint} could not be fetched: {error}",
            hint="check the address and the network, then run again",
            role=spec.role,
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _hub(spec: ModelSpec, *, network: bool) -> Path | None:
    """The folder of a hub snapshot: from our home, or from the hub's own cache; None where it is in neither."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    ours = cache_folder(spec) / "hub"
    for folder in (ours,) if network else (ours, None):
        try:
            found = snapshot_download(
                spec.checkpoint, revision=spec.revision, cache_dir=folder, local_files_only=not network
            )
            return Path(found)
        except (LocalEntryNotFoundError, HFValidationError, FileNotFoundError):
            continue
        except (HfHubHTTPError, OSError) as error:
            raise ModelError(
                f"{spec.checkpoint} could not be fetched from the hub: {error}",
                hint="check the name, the revision and the network",
                role=spec.role,
            ) from error
    return None
