"""One plan over many files: each file is a run of its own, several at once, and what became of it is one line.

Runs that go on side by side put their calls to a model together (``pool/together.py``). With a results file the lines
are written as the files are finished, and files that have a line already are not run again.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, Literal

from ..planners.canonical import canonical
from ..planners.plan import Plan
from ..tools.errors import InputError, MissingFile, NotDecodable
from ..tools.media.artifact import Artifact
from ..tools.media.document import UNITS
from ..tools.media.ingest import ingest
from ..tools.media.sniff import sniff
from .budget import Budget
from .calling import told
from .engine import Engine, Subscribe
from .executor import Executor
from .locks import hold, thread_lock
from .pool.together import Together
from .result import Result
from .results_file import ResultsFile
from .turn import Ask, Services, Via

JOBS = 16
"""Files that are worked on at once unless it is said otherwise."""
_HEAD = 1 << 16  # bytes that tell what a file is
_TEXT = frozenset({"text"})

Kinds = frozenset[str]


@dataclass(frozen=True)
class Order:
    """What is to be done with every file, apart from the files.

    ``ask`` is the request, or holds the saved plan; ``jobs`` files are worked on at once; ``out`` is the results file,
    ``save`` a folder for what the runs make; with ``again`` files are run again whose line tells of a failure.
    """

    ask: Ask
    jobs: int = JOBS
    out: Path | None = None
    save: Path | None = None
    again: bool = False
    budget: Budget | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise InputError(f"{self.jobs} jobs do nothing", hint="give 1 or more", field="jobs")


@dataclass(frozen=True)
class Mapped:
    """What became of one file.

    ``status`` is that of its run, "failed" also where the file could not be opened, and "unfit" for one of a kind that
    the plan does not take: it was left alone and has no line. ``digest`` is the sha256 of the file's bytes, ``plan`` of
    the plan (its first 16 digits). ``artifacts`` are handles by name, ``files`` what was saved of them. ``error`` has
    code, message and hint of what failed first. ``new`` is False for a line of an earlier run, which has no ``result``.
    """

    path: Path
    status: Literal["answered", "partial", "failed", "unfit"]
    plan: str
    digest: str | None = None
    run: str = ""
    text: str = ""
    artifacts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    error: Mapping[str, Any] | None = None
    seconds: float = 0.0
    new: bool = True
    result: Result | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, as a line of the results file has it."""
        return {
            "path": str(self.path),
            "digest": self.digest,
            "plan": self.plan,
            "run": self.run,
            "status": self.status,
            "text": self.text,
            "artifacts": {name: dict(handle) for name, handle in self.artifacts.items()},
            "files": list(self.files),
            "error": dict(self.error) if self.error is not None else None,
            "seconds": round(self.seconds, 3),
        }


def order_of(
    request: str | Plan | Path,
    *,
    jobs: int = JOBS,
    out: str | Path | None = None,
    save: str | Path | None = None,
    again: bool = False,
    via: Via = "auto",
    want: str | None = None,
    budget: Budget | None = None,
    seed: int = 0,
    approve: bool = False,
    deterministic: bool = False,
) -> Order:
    """The order for a request or a saved plan; where plans need approval (``approve``) a request is an InputError."""
    plan = request if isinstance(request, Plan) else Plan.from_yaml(request) if isinstance(request, Path) else None
    if approve and plan is None:
        raise InputError("no plan was approved", hint="look at Agent.plan(…), and give the plan", field="request")
    ask = Ask("" if plan else str(request), via=via, want=want, seed=seed, deterministic=deterministic, plan=plan)
    return Order(ask, jobs, Path(out) if out else None, Path(save) if save else None, again, budget)


def files_of(folder: Path, pattern: str = "**/*") -> list[Path]:
    """The files in a folder that match a glob pattern, by name; what is hidden is left out. Raises MissingFile."""
    if not folder.is_dir():
        there = "is no folder" if folder.exists() else "does not exist"
        raise MissingFile(f"{folder} {there}", hint="name the folder of the files", path=str(folder))
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def plan_file(out: Path) -> Path:
    """Where the plan of a results file lies: beside it, so that a run that goes on need not plan again."""
    return out.with_suffix(".plan.yaml")


async def over_files(
    services: Services, subscribe: Subscribe, order: Order, paths: Sequence[Path], run_id: str
) -> AsyncGenerator[Mapped, None]:
    """Make one plan and run it over the files; yields what became of each as it is finished.

    The runs are called ``run_id`` and a number. Raises what planning raises, ``InputError`` where no file can be opened
    or the plan takes none, and what ``ResultsFile`` raises. Leaving the iteration early stops the runs that go on.
    """
    if order.out is not None:
        own = {order.out.resolve(), plan_file(order.out).resolve()}
        paths = [path for path in paths if path.resolve() not in own]
    async with AsyncExitStack() as stack:
        engine = await Engine.open(_side_by_side(services, order), subscribe)
        stack.push_async_callback(engine.close)
        book: ResultsFile | None = None
        if order.out is not None:
            lock = thread_lock(services.home.root / "locks", f"results {order.out.resolve()}")
            stack.enter_context(hold(lock, run_id, f"the results file {order.out}"))
            book = stack.enter_context(ResultsFile(order.out))
        kinds = await asyncio.to_thread(lambda: {path: _kinds_of(path) for path in paths})
        plan = await _planned(engine, services, order, kinds, run_id)
        work = _Work(engine, services, order, plan, book, kinds, run_id)
        waiting = iter(paths)
        going: set[asyncio.Task[Mapped]] = set()
        try:
            while _start(going, waiting, work, order.jobs):
                done, _ = await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    going.remove(task)
                    _start(going, waiting, work, order.jobs)
                    yield task.result()
        finally:
            for task in going:
                task.cancel()
            await asyncio.gather(*going, return_exceptions=True)


def _start(going: set[asyncio.Task[Mapped]], waiting: Iterator[Path], work: _Work, most: int) -> bool:
    """Begin with files that wait, up to ``most`` at once; whether any is worked on now."""
    while len(going) < most and (path := next(waiting, None)) is not None:
        going.add(asyncio.create_task(work.one(path)))
    return bool(going)


def _side_by_side(services: Services, order: Order) -> Services:
    """The services with an executor for as many runs at once as there are jobs.

    A model is given half of them together, so that it has work while the other half is opened and put away. What is to
    be byte-equal puts no calls together: with whom an item goes changes the last bits of its numbers.
    """
    pool = services.pool if order.ask.deterministic else Together(services.pool, max(1, order.jobs // 2))
    executor = Executor(services.registry, pool, services.store, workers=order.jobs, cache=services.home.cache)
    return replace(services, executor=executor)


async def _planned(engine: Engine, services: Services, order: Order, kinds: Mapping[Path, Kinds], run_id: str) -> Plan:
    """The plan for all files, checked on the first that it takes; media come before the text that lies beside them."""
    ask = order.ask
    if ask.plan is None and order.out is not None and plan_file(order.out).is_file():
        kept = Plan.from_yaml(plan_file(order.out))
        ask = replace(ask, plan=kept) if kept.request == ask.text else ask
    taken = None if ask.plan is None else _taken(ask.plan)
    for path in sorted(kinds, key=lambda path: not kinds[path]):
        if taken is not None and not (kinds[path] or _TEXT) & taken:
            continue
        try:
            artifact = await asyncio.to_thread(ingest, path, services.profile.limits)
        except InputError:
            continue
        if taken is None or artifact.kind in taken:
            plan = await engine.plan(ask, [artifact], f"{run_id}-plan")
            if order.out is not None and order.ask.plan is None:
                plan = plan.model_copy(update={"request": ask.text})
                plan_file(order.out).write_text(plan.to_yaml(), encoding="utf-8")
            return plan
    wanted = "can be opened" if taken is None else f"is {' or '.join(sorted(taken))}, which the plan takes"
    raise InputError(f"none of {len(kinds)} files {wanted}", hint="check the folder and the pattern", field="files")


def _taken(plan: Plan) -> Kinds:
    """The kinds of attachment that a plan takes; raises ``InputError`` where it takes none."""
    kinds = {ref.name for step in plan.steps for _, ref in step.references() if ref.source == "in"}
    if not kinds:
        raise InputError("the plan takes no file", hint="say in the request what is to be done with each", field="plan")
    return frozenset(kinds)


def _kinds_of(path: Path) -> Kinds:
    """What a file may be by its first bytes, or by what its name promises; nothing where neither tells (as of text)."""
    try:
        with path.open("rb") as file:
            signature = sniff(file.read(_HEAD))
    except OSError:
        signature = None
    if signature is not None:
        return frozenset({"audio", "video"}) if signature.kind == "av" else frozenset({signature.kind})
    if path.suffix.lower().lstrip(".") in UNITS:
        return frozenset({"document"})
    promised = (mimetypes.guess_type(path.name)[0] or "").partition("/")[0]
    return frozenset({promised}) & {"image", "audio", "video"}


class _Work:
    """Runs the plan on one file after the other, several at once."""

    def __init__(
        self,
        engine: Engine,
        services: Services,
        order: Order,
        plan: Plan,
        book: ResultsFile | None,
        kinds: Mapping[Path, Kinds],
        run_id: str,
    ) -> None:
        self._engine = engine
        self._limits = services.profile.limits
        self._order = order
        self._ask = replace(order.ask, plan=plan)
        self._book = book
        self._kinds = kinds
        self._paths = {str(path) for path in kinds}
        self._names = (f"{run_id}-{number}" for number in count(1))
        self._taken = _taken(plan)
        spelled = canonical(plan, services.registry).to_json()
        self._plan = hashlib.sha256(spelled.encode()).hexdigest()[:16]

    async def one(self, path: Path) -> Mapped:
        """What becomes of a file; no error of it is raised."""
        began = time.monotonic()
        digest: str | None = None
        try:
            if not (self._kinds[path] or _TEXT) & self._taken:
                return Mapped(path, "unfit", self._plan)
            digest = await asyncio.to_thread(_digest_of, path)
            if earlier := self._earlier(path, digest):
                return earlier
            try:
                artifact = await asyncio.to_thread(ingest, path, self._limits)
            except NotDecodable:
                if self._kinds[path]:
                    raise
                return Mapped(path, "unfit", self._plan, digest)  # no text, and nothing says that it is a medium
            if artifact.kind not in self._taken:
                return Mapped(path, "unfit", self._plan, digest)
            done = await self._run(path, digest, artifact)
        except Exception as error:  # one file must not cost the others
            done = Mapped(path, "failed", self._plan, digest, error=_brief(told(error)))
        done = replace(done, seconds=time.monotonic() - began)
        if self._book is not None:
            self._book.append(done.to_dict())
        return done

    def _earlier(self, path: Path, digest: str) -> Mapped | None:
        line = self._book.take(str(path), digest, self._plan, self._paths) if self._book is not None else None
        if line is None or (self._order.again and line["status"] != "answered"):
            return None
        return Mapped(**{**line, "path": path, "files": tuple(line["files"])}, new=False)

    async def _run(self, path: Path, digest: str, artifact: Artifact) -> Mapped:
        run = next(self._names)
        result = await self._engine.run(self._ask, [artifact], run, self._order.budget, None)
        files: Sequence[Path] = ()
        if self._order.save is not None and result.artifacts:
            files = await asyncio.to_thread(result.save, self._order.save / f"{path.stem}-{digest[:8]}")
        status = result.status if result.status in ("answered", "partial") else "failed"
        return Mapped(
            path,
            status,
            self._plan,
            digest,
            run,
            result.text,
            {name: each.handle() for name, each in result.artifacts.items()},
            tuple(str(each) for each in files),
            _first_error(result),
            result=result,
        )


def _digest_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MissingFile(f"{path} cannot be read: {error.strerror}", path=str(path)) from error


def _first_error(result: Result) -> dict[str, Any] | None:
    """The error of the first step that failed; None where all went well, or the budget ended the run."""
    steps = [step for step in result.steps.values() if step["status"] in ("failed", "cancelled") and "error" in step]
    return _brief(steps[0]["error"]) if steps else None


def _brief(error: Mapping[str, Any]) -> dict[str, Any]:
    return {key: error[key] for key in ("code", "message", "hint")}
