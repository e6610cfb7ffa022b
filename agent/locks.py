"""One holder at a time, across processes: a run's folder and a thread are worked on by one run only.

The lock is the operating system's (``flock``), so it goes when its process dies, however it dies. The file's content
only tells who holds it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..tools.errors import ThreadBusy


@contextmanager
def hold(path: Path, run_id: str, what: str) -> Iterator[None]:
    """Hold the lock at ``path`` for a run; raises ThreadBusy naming who has it, at once.

    ``what`` names what is locked in the error, for example "thread 'holiday'".
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(handle, what) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"run": run_id, "process": os.getpid()}).encode(), 0)
        yield
    finally:
        os.close(handle)


def thread_lock(folder: Path, thread: str) -> Path:
    """Where the lock of a thread lies; any name makes a valid file name."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{hashlib.sha256(thread.encode()).hexdigest()[:32]}.lock"


def _busy(handle: int, what: str) -> ThreadBusy:
    try:
        holder = json.loads(os.pread(handle, 4096, 0))
        by = f"run {holder['run']} of process {holder['process']}"
    except (ValueError, KeyError):  # its holder has not written its name yet
        holder, by = {}, "another run"
    return ThreadBusy(f"{what} is busy: {by} has not ended", hint="wait for it, or use another thread", **holder)
