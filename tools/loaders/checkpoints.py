"""Checkpoints on disk: where they lie, how they get there, how large they will be, and whether they are the right ones.

Nothing here imports torch. A checkpoint is a path, a URL (fetched into our home) or a hub id (looked up in our home and
in the hub's own cache, fetched into our home). The network is used where the spec allows it, and by ``fetch``. What was
fetched has a record (see ``pulled``) with the digest that it had first.
"""

import hashlib
import json
import math
import os
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

from ..errors import CheckpointBroken, CheckpointMissing
from .base import ModelSpec
from .fetching import INDEX as INDEX
from .fetching import Tell, fetch_file, fetch_repository, silent
from .pulled import Pulled, home_folder, models_folder, present, record, recorded

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_BYTES = MappingProxyType({"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8})
_HEADER_BITS = MappingProxyType(
    {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8}
)
_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
_MOST_HEADER = 100 << 20  # the format's own bound on its header, in bytes
_NO_PART = (".md", ".txt", ".lock")  # files beside a checkpoint that do not change what it computes
# Roles that Panmodal has a training recipe for.
_TRAINED_HERE = (
    "planner", "mllm", "detector", "segmenter", "asr", "embedder", "sound_classifier", "cloud_classifier",
    "image_generator",
)  # fmt: skip


def cache_folder(spec: ModelSpec) -> Path:
    """The folder for a library's own files: the spec's, else ``cache`` in the environment's home."""
    return spec.cache or home_folder("cache")


def is_url(checkpoint: str) -> bool:
    """Whether it is fetched by HTTP."""
    return checkpoint.startswith(("http://", "https://"))


def origin_of(spec: ModelSpec) -> Literal["url", "hub", "disk"]:
    """How a checkpoint reads: as a URL, as a hub id, or as something on this machine."""
    if is_url(spec.checkpoint):
        return "url"
    return "hub" if _HUB_ID.fullmatch(spec.checkpoint) and not os.path.exists(spec.path) else "disk"


def fetch(spec: ModelSpec, tell: Tell = silent) -> Pulled:
    """Fetch a URL or a hub repository into our home and record it; what is here whole is not fetched again.

    Raises what ``fetching`` raises, and ``CheckpointBroken`` where it is not what the profile states, or not what the
    first fetch found.
    """
    known = recorded(spec)
    if known is not None and spec.sha256 not in (None, known.sha256):
        known = None  # the profile trusts another
    if known is not None and present(spec, known):
        return known
    models, commit = models_folder(spec), None
    stated, by = (known.sha256, "the first fetch") if known and not spec.sha256 else (spec.sha256, "the profile")
    if is_url(spec.checkpoint):
        path = _downloaded(spec)
        if known is not None:
            path.unlink(missing_ok=True)  # it is not whole
        found = _compared(spec, path, stated, by) if path.exists() else fetch_file(spec, path, stated, tell)
        files = {"": path.stat().st_size}
    else:
        # Once fetched, a revision stays what it was: a branch that moved on is another revision.
        at = replace(spec, revision=known.commit) if known else spec
        path, commit, files = fetch_repository(at, models / "hub", tell)
        found = _compared(spec, path, stated, by)
    today = known.on if known else datetime.now(UTC).date().isoformat()
    where = path.relative_to(models).as_posix()
    pulled = Pulled(spec.loader, spec.checkpoint, spec.revision, where, found, files, today, commit)
    record(spec, pulled)
    return pulled


def find_file(spec: ModelSpec, command: str = "") -> Path:
    """A checkpoint that is one file or one folder, without downloading.

    Raises ``CheckpointMissing``; its hint is ``command``, or for a URL the command that fetches it.
    """
    path = _downloaded(spec) if is_url(spec.checkpoint) else spec.path
    if os.path.exists(path):  # which is no error where the name is too long for a file
        return path
    if is_url(spec.checkpoint):
        command = spec.pull or f"curl --create-dirs -L -o {path} {spec.checkpoint}"
    raise missing(spec, str(path), command or _otherwise(spec))


def get_file(spec: ModelSpec, command: str = "") -> Path:
    """Like ``find_file``, but a URL is fetched where the spec allows the network."""
    if is_url(spec.checkpoint) and spec.network and not _downloaded(spec).exists():
        fetch(spec)
    return find_file(spec, command)


def find_folder(spec: ModelSpec) -> Path:
    """A checkpoint folder by path or hub id, without downloading. Raises ``CheckpointMissing``."""
    if os.path.isdir(spec.path):
        return spec.path
    if not _HUB_ID.fullmatch(spec.checkpoint):
        raise missing(spec, str(spec.path), _otherwise(spec))
    found = present(spec, recorded(spec)) or _in_the_hubs_cache(spec)
    if found is None:
        revision = f" --revision {spec.revision}" if spec.revision else ""
        raise missing(spec, "this machine", spec.pull or f"hf download {spec.checkpoint}{revision}")
    return found


def get_folder(spec: ModelSpec) -> Path:
    """Like ``find_folder``, but a hub id is fetched into our home where the spec allows the network."""
    try:
        return find_folder(spec)
    except CheckpointMissing:
        if not spec.network or origin_of(spec) != "hub":
            raise
        fetch(spec)
        return find_folder(spec)


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
    """The digest; raises ``CheckpointBroken`` where the profile states another, or the first fetch recorded one."""
    known = recorded(spec) if spec.sha256 is None else None
    if known is not None and (models_folder(spec) / known.path).resolve() == path.resolve():
        return _compared(spec, path, known.sha256, f"the first fetch, on {known.on},")
    return _compared(spec, path, spec.sha256, "the profile")


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


def _compared(spec: ModelSpec, path: Path, stated: str | None, by: str) -> str:
    found = digest(path)
    if stated is not None and stated != found:
        raise broken(
            spec,
            f"its sha256 is {found}, {by} states {stated}",
            f"get the stated version ({_anew(spec, path)}), or state the digest of this one if you trust it: "
            f"--set {spec.role}.sha256={found}",
        )
    return found


def _anew(spec: ModelSpec, path: Path) -> str:
    """What fetches a checkpoint again. A snapshot of the hub only links to its files, which lie beside its folder."""
    origin = origin_of(spec)
    if not spec.pull or origin == "disk":
        return "from who published it"
    return f"rm -r {path if origin == 'url' else path.parent.parent} && {spec.pull}"


def _downloaded(spec: ModelSpec) -> Path:
    """Where a URL's file lies once it is here; different URLs never share a file."""
    name = Path(urlsplit(spec.checkpoint).path).name or "checkpoint"
    return models_folder(spec) / "downloads" / hashlib.sha256(spec.checkpoint.encode()).hexdigest()[:16] / name


def _in_the_hubs_cache(spec: ModelSpec) -> Path | None:
    """The folder of a snapshot that the hub's own tools fetched; None where there is none, or not all of it."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(spec.checkpoint, revision=spec.revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, FileNotFoundError):
        return None
