"""The artifact store: content-addressed values on any fsspec file system, each with the record of how it was made."""

import json
import os
import re
import threading
import time
import uuid
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from ..tools.errors import InputError, MissingFile, NotDecodable
from ..tools.media.kinds import Artifact
from .provenance import LineageNode, Provenance, trace

VERSION = 1
"""Of the sidecar files."""

_ID = re.compile(r"[0-9a-f]{64}")
_TEMPORARY = "tmp"


class ArtifactStore:
    """Artifacts under ``url`` (a folder, or any fsspec target such as ``s3://bucket/prefix`` or ``memory://name``).

    An artifact's bytes lie in ``ab/cdef…`` (its id, split after two digits) and its handle and record in
    ``ab/cdef….json``. The sidecar is written last and whole, so an artifact whose sidecar is there is complete; a
    writer that dies in between leaves nothing that counts. Safe to share between threads and between processes.
    """

    def __init__(self, url: str | Path) -> None:
        from fsspec.core import url_to_fs

        self.fs, root = url_to_fs(str(url))
        self.root: str = root.rstrip("/")
        self._local: bool = "file" in self.fs.protocol
        self._lock = threading.Lock()
        self._writer: ThreadPoolExecutor | None = None
        self._pending: dict[str, tuple[Artifact, Provenance | None, Future[str]]] = {}

    def put(self, artifact: Artifact, record: Provenance | None = None) -> str:
        """Store an artifact and return its id. Putting it again changes nothing, but adds a record where none was."""
        sidecar = self._read_sidecar(artifact.id)
        if sidecar is not None and (record is None or sidecar["record"] is not None):
            return artifact.id
        size = sidecar["bytes"] if sidecar is not None else self._write_content(artifact)
        self._write(
            self._path(artifact.id) + ".json",
            json.dumps(
                {
                    "version": VERSION,
                    "handle": artifact.handle(),
                    "bytes": size,
                    "record": record.model_dump(mode="json") if record else None,
                },
                separators=(",", ":"),
            ).encode(),
        )
        return artifact.id

    def put_soon(self, artifact: Artifact, record: Provenance | None = None) -> "Future[str]":
        """Store an artifact by the background writer; until then it is served from memory."""
        with self._lock:
            waiting = self._pending.get(artifact.id)
            if waiting and not _failed(waiting[2]):
                return waiting[2]
            if self._writer is None:
                self._writer = ThreadPoolExecutor(1, thread_name_prefix="panmodal-store")
            future = self._writer.submit(self.put, artifact, record)
            self._pending[artifact.id] = (artifact, record, future)
        future.add_done_callback(lambda done: self._settled(artifact.id, done))
        return future

    def flush(self, ids: Iterable[str] | None = None) -> None:
        """Wait until the background writer has stored ``ids`` (default: all); raises what it raised for them."""
        with self._lock:
            wanted = self._pending if ids is None else [each for each in ids if each in self._pending]
            futures = [self._pending[each][2] for each in wanted]
        for future in futures:
            future.result()

    def get(self, artifact_id: str) -> Artifact:
        """The artifact of an id; its payload is read when first looked at. Raises MissingFile."""
        waiting = self._pending.get(artifact_id)
        if waiting:
            return waiting[0]
        return Artifact.from_handle(self._sidecar(artifact_id)["handle"], self.fetch)

    def fetch(self, artifact_id: str) -> bytes:
        """The encoded bytes of an artifact. Raises MissingFile."""
        waiting = self._pending.get(artifact_id)
        if waiting:
            return waiting[0].encode()[0]
        try:
            content: bytes = self.fs.cat_file(self._path(artifact_id))
        except FileNotFoundError as error:
            raise self._missing(artifact_id) from error
        return content

    def record(self, artifact_id: str) -> Provenance | None:
        """How an artifact was made; None for one that was given. Raises MissingFile for one that is not stored."""
        waiting = self._pending.get(artifact_id)
        if waiting:
            return waiting[1]
        found = self._sidecar(artifact_id)["record"]
        return None if found is None else Provenance.model_validate(found)

    def lineage(self, artifact_id: str) -> LineageNode:
        """What an artifact was made from, back to what was given. Raises MissingFile for the artifact itself only."""
        if artifact_id not in self:
            raise self._missing(artifact_id)
        return trace(artifact_id, self._look)

    def find(self, prefix: str) -> str:
        """The one id that begins with ``prefix`` (4 digits on). Raises MissingFile for none, InputError for more."""
        if _ID.fullmatch(prefix):
            return prefix
        if not re.fullmatch(r"[0-9a-f]{4,63}", prefix):
            raise InputError(f"{prefix!r} is not an artifact id", hint="give at least its first 4 hex digits")
        with self._lock:
            waiting = list(self._pending)
        found = sorted({each for each in [*waiting, *self._stored(prefix[:2])] if each.startswith(prefix)})
        if not found:
            raise self._missing(prefix)
        if len(found) > 1:
            raise InputError(f"{len(found)} artifacts begin with {prefix}", hint="give more digits", ids=found[:8])
        return found[0]

    def ids(self) -> list[str]:
        """The ids of everything stored, sorted."""
        return sorted(self._stored())

    def delete(self, artifact_id: str) -> None:
        """Remove an artifact and its record; one that is not there is no error."""
        path = self._path(artifact_id)
        for each in (path + ".json", path):  # the sidecar first: without it the content does not count
            try:
                self.fs.rm_file(each)
            except FileNotFoundError:
                continue

    def size(self) -> int:
        """Bytes that the store takes, records and leftovers included."""
        return int(self.fs.du(self.root)) if self.fs.exists(self.root) else 0

    def tidy(self, older_than: float = 3600.0) -> int:
        """Remove what writers that died left behind more than ``older_than`` seconds ago; returns how many files."""
        if not self.fs.exists(self.root):
            return 0
        found: dict[str, Any] = self.fs.find(self.root, detail=True)
        left = [path for path in found if not path.endswith(".json") and path + ".json" not in found]
        old = [path for path in left if _age(found[path]) > older_than]
        for path in old:
            self.fs.rm_file(path)
        return len(old)

    def close(self) -> None:
        """Write what is waiting and end the background writer; a later ``put_soon`` starts it again."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer:
            writer.shutdown(wait=True)

    def __contains__(self, artifact_id: object) -> bool:
        if not isinstance(artifact_id, str) or not _ID.fullmatch(artifact_id):
            return False
        return artifact_id in self._pending or self._read_sidecar(artifact_id) is not None

    def _settled(self, artifact_id: str, future: "Future[str]") -> None:
        # A failed one stays, so that flush can raise and the value is not lost; put_soon tries it again.
        with self._lock:
            if not _failed(future) and artifact_id in self._pending and self._pending[artifact_id][2] is future:
                del self._pending[artifact_id]

    def _look(self, artifact_id: str) -> tuple[dict[str, Any] | None, Provenance | None]:
        try:
            return self.get(artifact_id).handle(), self.record(artifact_id)
        except MissingFile:
            return None, None

    def _path(self, artifact_id: str) -> str:
        if not _ID.fullmatch(artifact_id):  # ids come from journals and command lines: never a path out of the root
            raise InputError(f"{artifact_id!r} is not an artifact id", hint="ids are 64 hex digits")
        return f"{self.root}/{artifact_id[:2]}/{artifact_id[2:]}"

    def _stored(self, fan: str = "") -> list[str]:
        folder = f"{self.root}/{fan}" if fan else self.root
        paths = self.fs.find(folder) if self.fs.exists(folder) else []
        ids = ["".join(path.removesuffix(".json").split("/")[-2:]) for path in paths if path.endswith(".json")]
        return [each for each in ids if _ID.fullmatch(each)]

    def _sidecar(self, artifact_id: str) -> dict[str, Any]:
        found = self._read_sidecar(artifact_id)
        if found is None:
            raise self._missing(artifact_id)
        return found

    def _read_sidecar(self, artifact_id: str) -> dict[str, Any] | None:
        path = self._path(artifact_id) + ".json"
        try:
            found: dict[str, Any] = json.loads(self.fs.cat_file(path))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise NotDecodable(f"{path} is damaged: {error}", hint="delete it and run again") from error
        if found.get("version") != VERSION:
            raise NotDecodable(
                f"{path} has version {found.get('version')!r}, this Panmodal reads {VERSION}",
                hint="use the Panmodal that wrote it, or another home",
            )
        return found

    def _missing(self, artifact_id: str) -> MissingFile:
        return MissingFile(f"no artifact {artifact_id} in {self.root}", hint="it may have been removed", id=artifact_id)

    def _write_content(self, artifact: Artifact) -> int:
        content, _ = artifact.encode()
        self._write(self._path(artifact.id), content)
        return len(content)

    def _write(self, path: str, content: bytes) -> None:
        """Write a file so that no reader sees a part of it: object stores do so by nature, folders by renaming."""
        if not self._local:
            self.fs.pipe_file(path, content)
            return
        temporary = f"{self.root}/{_TEMPORARY}/{uuid.uuid4().hex}"
        try:
            _write_and_rename(temporary, path, content)
        except FileNotFoundError:  # the first file of this folder
            os.makedirs(os.path.dirname(temporary), exist_ok=True)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _write_and_rename(temporary, path, content)


def _write_and_rename(temporary: str, path: str, content: bytes) -> None:
    with open(temporary, "wb") as file:
        file.write(content)
    os.replace(temporary, path)


def _failed(future: "Future[str]") -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)


def _age(details: dict[str, Any]) -> float:
    """Seconds since a file was written; 0 where the file system does not say, so that nothing new is removed."""
    written = details.get("mtime", details.get("LastModified", details.get("created")))
    if isinstance(written, datetime):
        written = written.timestamp()
    return time.time() - written if isinstance(written, int | float) else 0.0
