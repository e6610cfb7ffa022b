"""The journal of one run: which steps finished, and with what. It is the authority when a run goes on.

An append-only SQLite file in WAL mode. `meta` holds small facts about the run (plan, request, seed, …), `step` the
settled steps, `item` the finished elements of steps with `each`. Nothing is ever rewritten; of the rows of one name
the last counts. Bodies are JSON with handles and small values, never media bytes.

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
# Times and states have columns of their own because a number in JSON text takes twice the room.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (seq INTEGER PRIMARY KEY, key TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS step (seq INTEGER PRIMARY KEY, id TEXT, status TEXT, started REAL, seconds REAL, body TEXT);
CREATE TABLE IF NOT EXISTS item (seq INTEGER PRIMARY KEY, step TEXT, number INT, status TEXT, seconds REAL, body TEXT);
"""
_META = "INSERT INTO meta (key, body) VALUES (?, ?)"
_STEP = "INSERT INTO step (id, status, started, seconds, body) VALUES (?, ?, ?, ?, ?)"
_ITEM = "INSERT INTO item (step, number, status, seconds, body) VALUES (?, ?, ?, ?, ?)"

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
            self._db.executescript(_SCHEMA)
            self._meta = {key: json.loads(body) for key, body in self._rows("SELECT key, body FROM meta ORDER BY seq")}
        except (sqlite3.DatabaseError, ValueError) as error:
            self._db.close()
            raise ResumeError(
                f"{self.path} is not a readable journal: {error}", hint="start the request again", path=str(path)
            ) from error
        version = self._meta.get("version", JOURNAL_VERSION)
        if version != JOURNAL_VERSION:
            self._db.close()
            raise ResumeError(
                f"{self.path} is a journal of version {version}, this Panmodal reads version {JOURNAL_VERSION}",
                hint="continue the run with the release that began it",
                path=str(path),
                version=version,
            )
        if not self._meta:
            self.put_meta("version", JOURNAL_VERSION)

    @property
    def meta(self) -> dict[str, Any]:
        """The run's facts by name, the latest of each."""
        with self._lock:
            return dict(self._meta)

    def put_meta(self, key: str, value: Any) -> None:
        """Record a JSON-ready fact about the run; durable on return."""
        body = _encode(value)
        with self._lock:
            self._db.execute(_META, (key, body))
            self._meta[key] = value

    def append(self, records: Sequence[StepRecord | tuple[str, ItemRecord]]) -> None:
        """Record settled steps and (step id, element) pairs in one commit; durable on return."""
        rows = [_step_row(each) if isinstance(each, StepRecord) else _item_row(*each) for each in records]
        with self._lock:
            if len(rows) == 1:
                self._db.execute(*rows[0])  # a single statement commits by itself
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in rows:
                    self._db.execute(statement, values)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def append_step(self, record: StepRecord) -> None:
        """Record one settled step; durable on return."""
        self.append([record])

    def steps(self) -> dict[str, StepRecord]:
        """The settled steps by id, each with its elements where it has `each`."""
        items = self.items()
        found = {}
        for step, status, started, seconds, text in self._rows(
            "SELECT id, status, started, seconds, body FROM step ORDER BY seq"
        ):
            body = json.loads(text)
            spread = body.pop("each", False)
            record = StepRecord(step, status, seconds=seconds, started_at=started, **body)
            if spread:
                record.items = list(items.get(step, {}).values())
                record.output = [item.output for item in record.items if item.status != "failed"]
            found[step] = record
        return found

    def items(self) -> dict[str, dict[int, ItemRecord]]:
        """The finished elements by step id and position, in order of position; their steps may not be settled yet."""
        found: dict[str, dict[int, ItemRecord]] = {}
        for step, number, status, seconds, text in self._rows(
            "SELECT step, number, status, seconds, body FROM item ORDER BY seq"
        ):
            found.setdefault(step, {})[number] = ItemRecord(number, status, seconds=seconds, **json.loads(text))
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

    def _rows(self, query: str) -> list[Any]:
        with self._lock:
            return self._db.execute(query).fetchall()


def _step_row(record: StepRecord) -> tuple[str, tuple[Any, ...]]:
    """A step's row. The elements of `each` have rows of their own, so that nothing is written twice."""
    body: dict[str, Any] = {}
    if record.items is not None:
        body["each"] = True
    elif record.output is not None:
        body["output"] = record.output
    if record.error is not None:
        body["error"] = record.error
    if record.models:
        body["models"] = record.models
    return _STEP, (record.id, record.status, record.started_at, record.seconds, _encode(body))


def _item_row(step: str, item: ItemRecord) -> tuple[str, tuple[Any, ...]]:
    body = {"output": item.output} if item.error is None else {"output": item.output, "error": item.error}
    return _ITEM, (step, item.index, item.status, item.seconds, _encode(body))
