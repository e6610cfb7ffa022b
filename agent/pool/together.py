"""Calls of runs that go on side by side, put to a model together: what waits for its turn there goes as one call.

Nobody waits for company. While a model computes, the calls that come meanwhile gather; the first of them then takes
all with it (combining; Hendler, Incze, Shavit and Tzafrir, "Flat combining", 2010). A role's contract makes that sound:
its calls are batched, and what may differ between callers is per item. Only the last bits of numbers may differ.
"""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from inspect import isroutine
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from ...tools.roles import StopFlag
from .lease import Lease

if TYPE_CHECKING:
    from .lease import Handle
    from .pool import Pool

_JOINED = frozenset(
    {"detect", "segment", "segment_points", "answer", "caption", "read", "estimate", "transcribe", "classify"}
)
"""Methods of roles that take a sequence of items and give a list, one result an item."""


@dataclass(slots=True, eq=False)
class _Part:
    """One caller's share of a joint call; ``wake`` is set when it has its result, or must lead the next call."""

    method: Callable[..., Any]
    items: tuple[Sequence[Any], ...]
    options: dict[str, Any]
    stop: StopFlag | None
    result: "Future[Any]" = field(default_factory=Future)
    wake: Event = field(default_factory=Event)

    @property
    def count(self) -> int:
        return len(self.items[0])

    def alone(self) -> None:
        """Make the call for this caller only."""
        try:
            self.result.set_result(self.method(*self.items, **self.options))
        except BaseException as error:  # its caller gets it, whatever it is
            self.result.set_exception(error)


class _All:
    """A flag that is set once all of several are: a joint call goes on as long as somebody wants its result."""

    def __init__(self, flags: Sequence[StopFlag]) -> None:
        self._flags = flags

    def is_set(self) -> bool:
        return all(flag.is_set() for flag in self._flags)


class Together:
    """A pool whose leases join their calls to one model, at most ``most`` callers at once."""

    def __init__(self, pool: "Pool", most: int) -> None:
        self._pool = pool
        self._most = most
        self._waiting: dict[Hashable, deque[_Part]] = {}
        self._lock = Lock()

    def lease(self, *roles: str, model: str | None = None) -> Lease:
        """As ``Pool.lease``."""
        return _Joint(self._pool, roles, model, self)

    def call(
        self, key: Hashable, method: Callable[..., Any], items: tuple[Sequence[Any], ...], options: dict[str, Any]
    ) -> Any:
        """What ``method`` gives for one caller's items; calls of one ``key`` that come together are made together."""
        part = _Part(method, items, options, options.get("stop"))
        with self._lock:
            leads = key not in self._waiting
            self._waiting.setdefault(key, deque()).append(part)
        if not leads:
            part.wake.wait()
        if not part.result.done():
            self._lead(key)
        return part.result.result()

    def _lead(self, key: Hashable) -> None:
        """Make the call of those who wait, the caller first, and let the next one lead."""
        with self._lock:
            waiting = self._waiting[key]
            parts = [waiting.popleft() for _ in range(min(self._most, len(waiting)))]
        try:
            _make(parts)
        finally:
            with self._lock:
                following = waiting[0] if waiting else None
                if following is None:
                    del self._waiting[key]
            for part in [*parts, *([following] if following else [])]:
                part.wake.set()


def _make(parts: Sequence[_Part]) -> None:
    """Make one call for all; where it fails, one for each, so that one caller's bad item is not the others' fault."""
    if len(parts) > 1:
        first = parts[0]
        items = [[each for part in parts for each in part.items[place]] for place in range(len(first.items))]
        flags = [part.stop for part in parts if part.stop is not None]
        stop = {"stop": _All(flags) if len(flags) == len(parts) else None} if "stop" in first.options else {}
        try:
            results = first.method(*items, **{**first.options, **stop})
        except BaseException:  # told to whom it concerns by the calls below
            results = None
        if isinstance(results, list) and len(results) == len(items[0]):
            start = 0
            for part in parts:
                part.result.set_result(results[start : start + part.count])
                start += part.count
            return
    for part in parts:
        part.alone()


class _Joint(Lease):
    """A lease whose handles join their calls; each counts the tokens of its own items."""

    def __init__(self, pool: "Pool", roles: tuple[str, ...], model: str | None, together: Together) -> None:
        super().__init__(pool, roles, model)
        self._together = together

    async def __aenter__(self) -> tuple[Any, ...]:
        handles = await super().__aenter__()
        count = super()._count
        # A model without bytes here computes elsewhere, and takes several calls at once by itself.
        return tuple(
            _Joining(handle, (resident.key, role), self._together if resident.nbytes else None, count)
            for handle, role, resident in zip(handles, self._roles, self._held, strict=True)
        )

    def _count(self, result: Any) -> None:
        """Leave it: what a model gave may be others' as well."""


class _Joining:
    """A handle whose calls go together with those of others to the same model (``together`` None: alone)."""

    __slots__ = ("_count", "_handle", "_key", "_together")

    def __init__(
        self, handle: "Handle", key: Hashable, together: Together | None, count: Callable[[Any], None]
    ) -> None:
        self._handle = handle
        self._key = key
        self._together = together
        self._count = count

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._handle, name)
        if not isroutine(value):
            return value

        def call(*items: Any, **options: Any) -> Any:
            rest = tuple(sorted((key, repr(each)) for key, each in options.items() if key != "stop"))
            if self._together is not None and name in _JOINED and _parallel(items):
                key = (self._key, name, len(items), "stop" in options, rest)
                result = self._together.call(key, value, items, options)
            else:
                result = value(*items, **options)
            self._count(result)
            return result

        return call


def _parallel(items: Sequence[Any]) -> bool:
    """Whether the arguments are sequences of one length, which is not 0."""
    lengths = {len(each) if isinstance(each, list | tuple) else 0 for each in items}
    return len(lengths) == 1 and lengths != {0}
