"""The journal of one run: which steps finished, and with what. It is the authority when a run goes on.

An append-only SQLite file in WAL mode. A row is (seq, kind, key, JSON body): `meta` rows hold small facts about the
run (plan, request, seed, …), `item` rows the finished elements of a step with `each`, `step` rows the settled steps.
Nothing is ever rewritten; for equal kind and key the last row counts. Bodies hold handles and small values, never
media bytes.

A commit is atomic, so a process that dies at any moment leaves a journal that reads up to its last commit. With
`synchronous="NORMAL"` that holds for the death of the process; with "FULL" each commit also waits for the disk, and
holds when the machine loses power.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Literal

from ..tools.errors import ResumeError

JOURNAL_VERSION = 1
# Small pages keep the log small (a commit writes whole pages) and cost less checksumming than SQLite's 4096.
_PAGE_BYTES = 1024
_BUSY_SECONDS = 10.0
_SCHEMA = "CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, kind TEXT, key TEXT, body TEXT)"
_INSERT = "INSERT INTO journal (kind, key, body) VALUES (?, ?, ?)"

Status = Literal["done", "empty", "failed", "not_run", "cancelled"]
SETTLED: frozenset[str] = frozenset({"done", "empty", "failed"})
"""Statuses of work that was carried out: a run that goes on does not carry it out again."""

_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


def _encode(value: Any) -> str:
    text = _compact(value)
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:  # a lone surrogate (an odd file name) has no UTF-8, but JSON can escape it
        return json.dumps(value, default=str)
    return text


@dataclass(slots=True)
class ItemRecord:
    """One element of a step with `each`: its position, and what became of it."""

    index: int
    status: Status
    output: Any = None
    error: dict[str, Any] | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class StepRecord:
    """What became of a step.

    `output` is the value as JSON with artifacts as handles; `error` is an error's `to_dict()` (for "not_run" it names
    the cause; beside a "done" `each` step it lists the elements that failed); `seconds` is wall time from the call
    of the tool, `started_at` seconds since the epoch; `models` says which models worked (role, key, digest, loader);
    `items` holds the elements of a step with `each`.
    """

    id: str
    status: Status
    output: Any = None
    error: dict[str, Any] | None = None
    seconds: float = 0.0
    started_at: float | None = None
    models: list[dict[str, Any]] = field(default_factory=list)
    items: list[ItemRecord] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without what is empty; the elements of `each` are counted, since they have their own rows."""
        body: dict[str, Any] = {"status": self.status}
        if self.items is not None:
            body["items"] = len(self.items)
        elif self.output is not None:
            body["output"] = self.output
        if self.error is not None:
            body["error"] = self.error
        if self.started_at is not None:
            body["seconds"] = self.seconds
            body["started_at"] = self.started_at
        if self.models:
            body["models"] = self.models
        return body


class Journal:
    """Opens or begins the journal at `path`; raises `ResumeError` for a file of another version or no journal at all.

    Safe to share between threads. `blocking` says that a commit waits for the disk, so that callers on an event loop
    move it to a thread.
    """

    def __init__(self, path: Path, synchronous: Literal["NORMAL", "FULL"] = "NORMAL") -> None:
        self.path = Path(path)
        self.blocking = synchronous == "FULL"
        self._lock = Lock()
        self._db = sqlite3.connect(self.path, _BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute(f"PRAGMA page_size={_PAGE_BYTES}")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA synchronous={synchronous}")
            self._db.execute(_SCHEMA)
            self._meta = {key: json.loads(body) for key, body in self._rows("meta")}
        except (sqlite3.DatabaseError, ValueError) as error:
            self._db.close()
            raise ResumeError(
                f"{self.path} is not a readable journal: {error}", hint="start the request again", path=str(path)
            ) from error
        version = self._meta.setdefault("version", JOURNAL_VERSION)
        if version != JOURNAL_VERSION:
            self._db.close()
            raise ResumeError(
                f"{self.path} is a journal of version {version}, this Panmodal reads version {JOURNAL_VERSION}",
                hint="continue the run with the release that began it",
                path=str(path),
                version=version,
            )
        if not self._rows("meta"):
            self.put_meta("version", JOURNAL_VERSION)

    @property
    def meta(self) -> dict[str, Any]:
        """The run's facts by name, the latest of each."""
        with self._lock:
            return dict(self._meta)

    def put_meta(self, key: str, value: Any) -> None:
        """Record a JSON-ready fact about the run; durable on return."""
        self._commit([("meta", key, _encode(value))])
        with self._lock:
            self._meta[key] = value

    def append(self, records: Sequence[StepRecord | tuple[str, ItemRecord]]) -> None:
        """Record settled steps and (step id, element) pairs in one commit; durable on return."""
        rows = []
        for record in records:
            if isinstance(record, StepRecord):
                rows.append(("step", record.id, _encode(record.to_dict())))
            else:
                step, item = record
                body = {"status": item.status, "output": item.output, "error": item.error, "seconds": item.seconds}
                rows.append(("item", f"{step}[{item.index}]", _encode(body)))
        self._commit(rows)

    def append_step(self, record: StepRecord) -> None:
        """Record one settled step; durable on return."""
        self.append([record])

    def steps(self) -> dict[str, StepRecord]:
        """The settled steps by id, each with its elements where it has `each`."""
        items = self.items()
        found = {}
        for key, text in self._rows("step"):
            body = json.loads(text)
            count = body.pop("items", None)
            record = StepRecord(key, **body)
            if count is not None:
                record.items = list(items.get(key, {}).values())
                record.output = [item.output for item in record.items if item.status != "failed"]
            found[key] = record
        return found

    def items(self) -> dict[str, dict[int, ItemRecord]]:
        """The finished elements by step id and position, in order of position; their steps may not be settled yet."""
        found: dict[str, dict[int, ItemRecord]] = {}
        for key, text in self._rows("item"):
            step, _, number = key[:-1].rpartition("[")
            index = int(number)
            found.setdefault(step, {})[index] = ItemRecord(index, **json.loads(text))
        return {step: dict(sorted(items.items())) for step, items in found.items()}

    def close(self) -> None:
        """Fold the log into the file and close it; further calls do nothing."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self, kind: str) -> list[tuple[str, str]]:
        with self._lock:
            cursor = self._db.execute("SELECT key, body FROM journal WHERE kind = ? ORDER BY seq", (kind,))
            return cursor.fetchall()

    def _commit(self, rows: Sequence[tuple[str, str, str]]) -> None:
        with self._lock:
            if len(rows) == 1:
                self._db.execute(_INSERT, rows[0])  # a single statement commits by itself
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(_INSERT, rows)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
