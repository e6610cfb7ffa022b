"""One call of one tool: arguments validated, models leased, time limited, errors named, artifacts put away."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, Any, Protocol

from ..tools.contract import Tool
from ..tools.errors import PanmodalError, StepTimeout, UnknownRole
from ..tools.media.artifact import Artifact
from ..tools.media.values import dump_value, is_empty
from ..tools.roles import NEVER, StepContext, StopFlag
from .journal import Status

if TYPE_CHECKING:
    from .pool.lease import Lease

_FIRST_PAUSE_SECONDS = 0.25
_PLAIN = (str, int, float, bool, type(None))


class Keep(Protocol):
    """Puts an artifact that a call made into the store, with the record of how it was made."""

    def __call__(self, artifact: Artifact, call: "Call", models: list[dict[str, Any]]) -> Future[Any]:
        """Return at once; the future ends when the artifact is written."""
        ...


class Lender(Protocol):
    """Leases models by role: the pool, or what puts the calls of several leases together."""

    def lease(self, *roles: str, model: str | None = None) -> "Lease":
        """The models of ``roles``, all at once."""
        ...


@dataclass(slots=True)
class Call:
    """What one call needs. `item` is the element's position in an `each` step, `from_seed` the seed that its own is
    derived from, `timeout` bounds the call in seconds (not the wait for its models), `stop` tells long work to end,
    `cache` is a folder for what can be made again.
    """

    step: str
    tool: Tool
    args: Mapping[str, Any]
    from_seed: int
    item: int | None
    timeout: float | None
    progress: Callable[[str, int | None, float, str], None]
    stop: StopFlag = NEVER
    cache: Path | None = None

    @property
    def seed(self) -> int:
        """The call's seed, in [0, 2**32): the same for the same step and element, whatever runs beside."""
        key = f"{self.from_seed}/{self.step}/{'' if self.item is None else self.item}"
        return int.from_bytes(blake2b(key.encode(), digest_size=4).digest(), "big")

    @property
    def context(self) -> StepContext | None:
        """What the tool may know about its step; None where it does not ask."""
        if not self.tool.wants_context:
            return None
        progress = partial(self.progress, self.step, self.item)
        return StepContext(seed=self.seed, item=self.item, stop=self.stop, progress=progress, cache=self.cache)


@dataclass(slots=True)
class Outcome:
    """What became of a call: a value with its JSON and the writes of its artifacts, or an error."""

    status: Status
    value: Any = None
    output: Any = None
    error: dict[str, Any] | None = None
    seconds: float = 0.0
    models: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    writes: list[Future[Any]] = field(default_factory=list)
    retryable: bool = False


def told(error: BaseException) -> dict[str, Any]:
    """An error as JSON; one that is not ours keeps its class's name."""
    if isinstance(error, PanmodalError):
        return error.to_dict()
    kind = type(error).__name__
    return {"code": "tool-crashed", "message": f"{kind}: {error}", "hint": "", "facts": {"exception": kind}}


def perform(call: Call, models: Mapping[str, Any], about: list[dict[str, Any]], keep: Keep) -> Outcome:
    """Call a plain tool and bring its value into the form that the journal keeps. Errors become outcomes."""
    began = time.perf_counter()
    try:
        value = call.tool.call(call.tool.validate(call.args), models, call.context)
        outcome = settled(value, call, about, keep)
    except (Exception, SystemExit) as error:  # a tool is foreign code: whatever it raises is this step's failure
        outcome = failed(error)
    outcome.seconds = time.perf_counter() - began
    return outcome


def settled(value: Any, call: Call, about: list[dict[str, Any]], keep: Keep) -> Outcome:
    """The outcome of a call that returned `value`."""
    writes: list[Future[Any]] = []
    output = dump_value(value, lambda artifact: writes.append(keep(artifact, call, about)))
    return Outcome("empty" if is_empty(value) else "done", value, output, models=about, writes=writes)


def failed(error: BaseException) -> Outcome:
    """The outcome of a call that raised."""
    return Outcome("failed", error=told(error), retryable=bool(getattr(error, "retryable", False)))


class Caller:
    """Carries out calls that leave the event loop: on a worker thread, or as a coroutine for async tools."""

    def __init__(self, pool: Lender | None, threads: ThreadPoolExecutor, retries: int) -> None:
        self._pool = pool
        self._threads = threads
        self._retries = retries
        self._late: set[asyncio.Task[None]] = set()

    async def carry_out(self, call: Call, keep: Keep) -> Outcome:
        """The outcome, with every artifact written. Retries errors that are marked `retryable`, a bounded number of
        times with growing pauses.

        When it is cancelled it leaves at once; a native call that goes on keeps its lease until it returns.
        """
        outcome = await self._attempt(call, keep)
        for attempt in range(self._retries):
            if not outcome.retryable:
                break
            await asyncio.sleep(_FIRST_PAUSE_SECONDS * 2**attempt)
            outcome = await self._attempt(call, keep)
        return await written(outcome)

    async def _attempt(self, call: Call, keep: Keep) -> Outcome:
        async with AsyncExitStack() as stack:
            models: dict[str, Any] = {}
            about: list[dict[str, Any]] = []
            if call.tool.roles:
                if self._pool is None:
                    roles = " and ".join(call.tool.roles)
                    return failed(UnknownRole(f"tool {call.tool.name} needs {roles}, and there is no pool of models"))
                lease = self._pool.lease(*call.tool.roles)
                try:
                    handles = await stack.enter_async_context(lease)
                except Exception as error:  # a loader is foreign code too
                    return failed(error)
                models = dict(zip(call.tool.roles, handles, strict=True))
                about = lease.models
            if call.tool.is_async:
                outcome = await self._await(call, models, about, keep)
            else:
                outcome = await self._in_thread(call, models, about, keep, stack)
            if call.tool.roles:
                outcome.models = about
                outcome.tokens = lease.tokens
            return outcome

    async def _await(self, call: Call, models: Mapping[str, Any], about: list[dict[str, Any]], keep: Keep) -> Outcome:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(call.timeout):
                value = await call.tool.call(call.tool.validate(call.args), models, call.context)
            if isinstance(value, _PLAIN):
                outcome = settled(value, call, about, keep)
            else:  # hashing and encoding media would hold the loop up
                loop = asyncio.get_running_loop()
                outcome = await loop.run_in_executor(self._threads, settled, value, call, about, keep)
        except TimeoutError as error:
            over = call.timeout is not None and time.perf_counter() - began >= call.timeout
            outcome = failed(_timeout(call) if over else error)
        except (Exception, SystemExit) as error:  # foreign code, as in `perform`
            outcome = failed(error)
        outcome.seconds = time.perf_counter() - began
        return outcome

    async def _in_thread(
        self, call: Call, models: Mapping[str, Any], about: list[dict[str, Any]], keep: Keep, stack: AsyncExitStack
    ) -> Outcome:
        stop = Flag()
        call.stop = stop
        work = asyncio.get_running_loop().run_in_executor(self._threads, perform, call, models, about, keep)
        began = time.perf_counter()
        try:
            await asyncio.wait((work,), timeout=call.timeout)
        finally:
            if not work.done():  # timed out or cancelled: nobody waits for the thread, but the models stay its own
                stop.set()
                late = asyncio.create_task(_release_after(work, stack.pop_all()))
                self._late.add(late)
                late.add_done_callback(self._late.discard)
        if work.done():
            return work.result()
        outcome = failed(_timeout(call))
        outcome.seconds = time.perf_counter() - began
        return outcome


async def written(outcome: Outcome) -> Outcome:
    """`outcome` once its artifacts are in the store; a failure where one cannot be written."""
    try:
        for write in outcome.writes:
            await asyncio.wrap_future(write)
    except Exception as error:  # any file system may stand behind the store
        return failed(error)
    return outcome


def _timeout(call: Call) -> StepTimeout:
    what = f"step {call.step}" if call.item is None else f"element {call.item} of step {call.step}"
    return StepTimeout(
        f"{what} ({call.tool.name}) ran longer than {call.timeout:g} s",
        hint="raise the step's timeout, or give it less to do",
        step=call.step,
        seconds=call.timeout,
    )


async def _release_after(work: "asyncio.Future[Outcome]", stack: AsyncExitStack) -> None:
    try:
        await asyncio.wait((work,))
    finally:
        await stack.aclose()
