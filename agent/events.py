"""Everything that happens in a run, as typed events on one stream.

Events are derived and may be lost: the journal is the authority on what was done. Each event says which run it
belongs to (`run`), when it happened (`at`, seconds since the epoch) and what it is (`type`); `to_dict()` gives the
versioned JSON that the command line, the notebook and servers print.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import asyncio

EVENT_VERSION = 1
# An async listener that falls this far behind loses the oldest events, so that a stalled reader cannot fill the memory.
LISTENER_BACKLOG = 10_000


@dataclass(frozen=True, slots=True)
class Event:
    """What all events carry: the run's id and the time in seconds since the epoch."""

    type: ClassVar[str] = "event"
    run: str
    at: float = field(default_factory=time.time, kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: `version`, `type`, and every field of the event."""
        body: dict[str, Any] = {"version": EVENT_VERSION, "type": self.type}
        for each in fields(self):
            body[each.name] = getattr(self, each.name)
        return body


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A request was taken in, or a run that had stopped goes on (`resumed`)."""

    type: ClassVar[str] = "run-started"
    request: str
    thread: str | None = None
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Routed(Event):
    """The router chose `route` ("direct" or "tools") for the stated reason; confidence is 0 to 1."""

    type: ClassVar[str] = "routed"
    route: str
    reason: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Planned(Event):
    """`planner` proposed a plan, given as the plan's JSON."""

    type: ClassVar[str] = "planned"
    planner: str
    plan: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlanChecked(Event):
    """The checker read the plan; an empty tuple means that it may run."""

    type: ClassVar[str] = "plan-checked"
    violations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class StepStarted(Event):
    """A step's arguments exist and its tool is about to be called."""

    type: ClassVar[str] = "step-started"
    step: str
    tool: str


@dataclass(frozen=True, slots=True)
class StepProgress(Event):
    """A tool reports how far it is: `fraction` 0 to 1, with a few words; `item` numbers the element of an `each`."""

    type: ClassVar[str] = "step-progress"
    step: str
    fraction: float
    text: str = ""
    item: int | None = None


@dataclass(frozen=True, slots=True)
class StepFinished(Event):
    """A step is settled: its status, seconds, its output as JSON (handles, never payloads) or its error."""

    type: ClassVar[str] = "step-finished"
    step: str
    tool: str
    status: str
    seconds: float
    output: Any = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ModelLoading(Event):
    """The pool has reserved `nbytes` and begins to load `model` for `role`."""

    type: ClassVar[str] = "model-loading"
    role: str
    model: str
    nbytes: int


@dataclass(frozen=True, slots=True)
class ModelLoaded(Event):
    """`model` is in memory with `nbytes` of measured weights, after `seconds` of loading."""

    type: ClassVar[str] = "model-loaded"
    role: str
    model: str
    nbytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ModelEvicted(Event):
    """The pool dropped an idle `model` and got `nbytes` back."""

    type: ClassVar[str] = "model-evicted"
    model: str
    nbytes: int


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something that the reader should know and that stops nothing; `code` is kebab-case."""

    type: ClassVar[str] = "warned"
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AnswerReady(Event):
    """The answer's text is composed; `status` is the result's ("answered", "partial", "failed")."""

    type: ClassVar[str] = "answer-ready"
    text: str
    status: str


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """The run has ended with `status`, `seconds` after it started."""

    type: ClassVar[str] = "run-finished"
    status: str
    seconds: float


Emit = Callable[[Event], None]


def silent(event: Event) -> None:
    """The `Emit` of a caller who listens to nothing."""


class EventBus:
    """Fans events out to callbacks and async listeners; `emit` may be called from any thread and never blocks.

    A callback runs in the emitting thread and must be quick. An exception in it is its own affair: it reaches nobody
    else, and the run goes on.
    """

    def __init__(self) -> None:
        self._callbacks: tuple[Emit, ...] = ()
        self._lock = Lock()

    def emit(self, event: Event) -> None:
        """Hand `event` to everybody who listens now."""
        for callback in self._callbacks:
            with suppress(Exception):
                callback(event)

    def subscribe(self, callback: Emit) -> Callable[[], None]:
        """Call `callback` with every later event; the returned function ends it."""
        with self._lock:
            self._callbacks = (*self._callbacks, callback)

        def leave() -> None:
            with self._lock:
                self._callbacks = tuple(each for each in self._callbacks if each is not callback)

        return leave

    def listen(self, until: type[Event] | None = None) -> AsyncIterator[Event]:
        """The events from now on, ending after the first of type `until` where one is given.

        Call it on the loop that will iterate. A reader more than `LISTENER_BACKLOG` events behind loses the oldest.
        """
        import asyncio  # not at the head: the command line reads this module before it knows whether anything runs

        loop = asyncio.get_running_loop()
        thread = get_ident()
        queue: asyncio.Queue[Event] = asyncio.Queue(LISTENER_BACKLOG)

        def enqueue(event: Event) -> None:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

        def hand_over(event: Event) -> None:
            if get_ident() == thread:  # waking the loop from its own thread would cost a system call per event
                enqueue(event)
            else:
                loop.call_soon_threadsafe(enqueue, event)

        return self._drain(queue, self.subscribe(hand_over), until)

    async def _drain(
        self, queue: asyncio.Queue[Event], leave: Callable[[], None], until: type[Event] | None
    ) -> AsyncIterator[Event]:
        try:
            while True:
                event = await queue.get()
                yield event
                if until is not None and isinstance(event, until):
                    return
        finally:
            leave()
