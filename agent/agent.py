"""The agent: what programs, notebooks and the command line talk to.

The core is asynchronous and lives on one background event loop per agent, so that `run` works anywhere, also inside a
running loop, and an agent may be shared between threads. Models stay loaded between requests until `close`.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..planners.base import Planner
from ..planners.plan import Plan
from ..tools.contract import Tool
from ..tools.errors import InputError, ResumeError, RunError, RunNotFound
from .events import Event, EventBus
from .home import Home
from .journal import Journal

if TYPE_CHECKING:
    from ..tools.media.artifact import Artifact
    from ..tools.media.ingest import Source
    from .budget import Budget
    from .engine import Approve, Engine
    from .mapping import Mapped
    from .provenance import LineageNode
    from .replay import Replay
    from .result import Result
    from .turn import Via

T = TypeVar("T")
_LAST_WORDS_SECONDS = 10.0  # how long an interrupted run may take to write down where it stopped


class Agent:
    """Answers requests that carry any media, with a plan over tools or by looking.

    ``profile`` names the models (None: ``./panmodal.toml`` where it exists, else ``mini``), ``overrides`` change single
    fields of it ("detector.checkpoint=my.pt"). ``tools`` are the user's own, beside Panmodal's. ``planner`` is
    "llm", "search", the name of an installed planner, or a planner; by default the profile's LLM plans, and search
    where it has none. ``approve`` asks before any plan runs. ``deterministic`` makes artifacts byte-equal on the same
    machine. State lies under ``home``.

    An agent is a context manager; it may be shared between threads. Raises ProfileError, MissingFile or InputError
    for settings that cannot be used.
    """

    def __init__(
        self,
        profile: str | Path | None = None,
        *,
        home: Home | str | Path | None = None,
        tools: Sequence[Tool] = (),
        overrides: Sequence[str] = (),
        planner: str | Planner | None = None,
        approve: bool = False,
        deterministic: bool = False,
        cwd: Path | None = None,
    ) -> None:
        from .services import gather

        self.home = home if isinstance(home, Home) else Home(home)
        self._bus = EventBus()
        self._services = gather(self.home, profile, tools, overrides, planner, cwd or Path.cwd(), self._bus.emit)
        self._approve = approve
        self._deterministic = deterministic
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._engine: asyncio.Task[Engine] | None = None
        self._closed = False

    @classmethod
    def of_run(
        cls,
        run_id: str,
        *,
        home: Home | str | Path | None = None,
        tools: Sequence[Tool] = (),
        deterministic: bool = False,
    ) -> Self:
        """An agent with the settings of an earlier run, to resume or replay it; own tools are given again.

        Raises RunNotFound.
        """
        where = home if isinstance(home, Home) else Home(home)
        origin = _origin(where, run_id)
        return cls(
            origin["profile"],
            home=where,
            tools=tools,
            overrides=origin["overrides"],
            planner=origin["planner"],
            deterministic=deterministic,
            cwd=Path(origin["cwd"]),
        )

    def run(self, text: str = "", image: Source | None = None, **request: Any) -> Result:
        """Answer a request and wait for it; the arguments are those of `arun`.

        Works inside a running event loop. On Ctrl-C the run is stopped cleanly and KeyboardInterrupt says how to go
        on with it.
        """
        run_id = new_run_id()
        return self._wait(self._answer(run_id, text, image, **request), run_id)

    async def arun(self, text: str = "", image: Source | None = None, **request: Any) -> Result:
        """Answer a request.

        ``image``, ``images``, ``audio`` and ``files`` attach media, in this order: paths, bytes, arrays (H x W x 3
        uint8 RGB), Pillow images or artifacts. ``thread`` continues or begins a conversation. ``via`` forces the
        route: "auto", "direct", "tools" or "both". ``plan`` is a saved plan to run (a Plan, YAML text or a file's
        Path). ``want`` is the kind that the answer must have. ``budget`` bounds the run; at its limit the finished
        part is returned. ``seed`` seeds everything random. ``approve`` asks first: True returns a result that waits
        for `resume`, a function from the plan to True, False or an edited plan is asked at once.

        Raises the typed errors of bad input (MissingFile, NotDecodable, TooLarge, PlanError, ThreadBusy, …); a step
        that fails is told in the result.
        """
        return await asyncio.wrap_future(self._submit(self._answer(new_run_id(), text, image, **request)))

    async def stream(
        self, text: str = "", image: Source | None = None, **request: Any
    ) -> AsyncIterator[Event | Result]:
        """Answer a request and yield its events as they happen; the last thing yielded is the Result.

        Leaving the iteration early stops the run.
        """
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        run_id = new_run_id()

        def take(event: Event | None) -> None:
            if event is None or event.run in (run_id, ""):
                with suppress(RuntimeError):  # the reader's loop may be gone
                    loop.call_soon_threadsafe(events.put_nowait, event)

        leave = self._bus.subscribe(take)
        work = self._submit(self._answer(run_id, text, image, **request))
        work.add_done_callback(lambda _: take(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            result: Result = await asyncio.wrap_future(work)
            yield result
        finally:
            leave()
            work.cancel()

    def plan(
        self,
        text: str = "",
        image: Source | None = None,
        *,
        images: Sequence[Source] = (),
        audio: Source | None = None,
        files: Sequence[Source] = (),
        thread: str | None = None,
        via: Via = "auto",
        plan: Plan | Path | str | None = None,
        want: str | None = None,
        seed: int = 0,
    ) -> Plan:
        """The checked plan of a request, without running it. Raises what `arun` raises up to there."""
        from .turn import Ask

        ask = Ask(text, thread, via, want, seed, plan=_saved(plan))
        sources = _in_order(image, images, audio, files)

        async def planned() -> Plan:
            return await (await self._opened()).plan(ask, sources, new_run_id())

        return self._wait(planned())

    def map(
        self, request: str | Plan | Path, files: Sequence[str | Path], **order: Any
    ) -> Generator[Mapped, None, None]:
        """Make one plan for a request, or take a saved one, and run it over many files.

        Yields what became of each file as it is finished; one that fails does not end the others. ``jobs`` files are
        worked on at once. ``out`` is a file that gets a JSON line for each: with the same one again, files that have a
        line are not run again, unless ``again`` asks for those that failed. ``save`` is a folder for what runs make.
        ``via``, ``want``, ``budget`` and ``seed`` are those of `arun`, for each run.

        Raises what `plan` raises, InputError where no file can be opened, NotDecodable for an ``out`` that holds
        something else. An agent that asks before plans run takes saved plans only.
        """
        from .mapping import order_of, over_files

        ordered = order_of(request, approve=self._approve, deterministic=self._deterministic, **order)
        paths = list(dict.fromkeys(Path(each) for each in files))
        return self._each(over_files(self._services, self._bus.subscribe, ordered, paths, new_run_id()))

    def _each(self, found: AsyncGenerator[T, None]) -> Generator[T, None, None]:
        """What an asynchronous generator yields on the background loop; it ends there when this one is left."""

        async def following() -> T | None:
            return await anext(found, None)

        try:
            while (each := self._wait(following())) is not None:
                yield each
        finally:
            with suppress(RunError):  # a closed agent has ended it
                self._wait(found.aclose())

    def resume(self, run_id: str, approve: bool | Plan | None = None, budget: Budget | None = None) -> Result:
        """Go on with a run that was stopped, or that waits for approval; no finished step runs again.

        ``approve`` answers the approval: True, False, or an edited plan. A run that has ended gives its answer again;
        one that its budget ended goes on under the new one. Raises RunNotFound, ResumeError, ThreadBusy.
        """

        async def resumed() -> Result:
            return await (await self._opened()).resume(run_id, approve, budget, self._deterministic)

        return self._wait(resumed(), run_id)

    def replay(self, run_id: str) -> Replay:
        """Make a run's results again from its recorded plan, inputs and seed, in a new run, and compare the two.

        Raises RunNotFound, and ResumeError for a run that has no plan.
        """
        from .replay import compare_runs, read_run

        recorded = read_run(self._services, run_id)
        ask = recorded.again()
        again = new_run_id()

        async def replayed() -> Result:
            return await (await self._opened()).run(ask, recorded.sources, again, None, None)

        self._wait(replayed(), again)
        return compare_runs(recorded, read_run(self._services, again))

    def lineage(self, artifact: Artifact | str) -> LineageNode:
        """How an artifact, or the one of an id, was made, back to what was given; printing it shows the tree.

        Raises MissingFile for one that is not stored.
        """
        store = self._services.store
        return store.lineage(store.find(artifact) if isinstance(artifact, str) else artifact.id)

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``callback`` with every event of every run, in the thread where it happens; returns what ends it."""
        return self._bus.subscribe(callback)

    def close(self) -> None:
        """Stop what runs (it stays resumable), let go of every model and end the background loop."""
        with self._lock:
            closed, self._closed = self._closed, True
            loop, thread = self._loop, self._thread
        if closed:
            return
        if loop is not None and thread is not None:
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(self._wind_down(), loop).result(_LAST_WORDS_SECONDS)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_LAST_WORDS_SECONDS)
        self._services.executor.close()
        self._services.pool.close()
        self._services.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- on the background loop

    async def _answer(
        self,
        run_id: str,
        text: str,
        image: Source | None,
        *,
        images: Sequence[Source] = (),
        audio: Source | None = None,
        files: Sequence[Source] = (),
        thread: str | None = None,
        via: Via = "auto",
        plan: Plan | Path | str | None = None,
        want: str | None = None,
        budget: Budget | None = None,
        seed: int = 0,
        approve: bool | Approve | None = None,
    ) -> Result:
        from .turn import Ask

        wanted = self._approve if approve is None else approve
        ask = Ask(text, thread, via, want, seed, self._deterministic, bool(wanted), _saved(plan))
        person = None if isinstance(wanted, bool) else wanted
        sources = _in_order(image, images, audio, files)
        return await (await self._opened()).run(ask, sources, run_id, budget, person)

    async def _opened(self) -> Engine:
        if self._engine is None:
            from .engine import Engine

            self._engine = asyncio.ensure_future(Engine.open(self._services, self._bus.subscribe))
        return await asyncio.shield(self._engine)

    async def _wind_down(self) -> None:
        own = {asyncio.current_task(), self._engine}
        going = [task for task in asyncio.all_tasks() if task not in own]
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        if self._engine is not None:
            await (await self._engine).close()

    # ---- from other threads

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if self._closed:
                work.close()
                raise RunError("the agent is closed", hint="make a new one")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="panmodal-agent", daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _wait(self, work: Coroutine[Any, Any, T], run_id: str = "") -> T:
        ended = threading.Event()

        async def watched() -> T:
            try:
                return await work
            finally:
                ended.set()

        try:
            future = self._submit(watched())
        except RunError:
            work.close()
            raise
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            ended.wait(_LAST_WORDS_SECONDS)
            how = f"; go on with: panmodal resume {run_id}" if self.home.has_run(run_id) else ""
            raise KeyboardInterrupt(f"interrupted{how}") from None


def new_run_id() -> str:
    """A new run's id: the local time and six random digits, so that ids sort by age."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


def _in_order(
    image: Source | None, images: Sequence[Source], audio: Source | None, files: Sequence[Source]
) -> list[Source]:
    for name, several in (("images", images), ("files", files)):
        if isinstance(several, str | bytes | Path):
            raise InputError(f"{name} is one {type(several).__name__}", hint=f"give {name} a list", field=name)
    single = [[each] if each is not None else [] for each in (image, audio)]
    return [*single[0], *images, *single[1], *files]


def _saved(plan: Plan | Path | str | None) -> Plan | None:
    return plan if plan is None or isinstance(plan, Plan) else Plan.from_yaml(plan)


def _origin(home: Home, run_id: str) -> Mapping[str, Any]:
    if not home.has_run(run_id):
        raise RunNotFound(f"there is no run {run_id!r}", hint="see: panmodal runs list", run=run_id)
    with Journal(home.run(run_id) / "journal.sqlite") as journal:
        request = journal.meta.get("request")
    if request is None:
        raise ResumeError(f"run {run_id} was stopped before its request was written down", hint="start it again")
    origin: Mapping[str, Any] = request["agent"]
    return origin
