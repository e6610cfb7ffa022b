"""One request on its way through the graph: what was asked, what serves it, and what it has remembered so far.

The graph's state holds ids and small JSON; everything that is an object (services, artifacts, the open journal) is
here and travels as the graph's runtime context.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from ..planners.base import Language, Planner, Request, language_of
from ..planners.plan import Plan
from ..tools.errors import InputError
from ..tools.media.artifact import Artifact
from ..tools.media.kinds import KINDS
from ..tools.registry import Registry
from .budget import Spending
from .events import Emit
from .home import Home
from .journal import Journal
from .locks import hold
from .profiles.loading import Profile
from .threads import Handle, names_of

if TYPE_CHECKING:
    from ..planners.router import Router
    from .executor import Execution, Executor
    from .pool.pool import Pool
    from .store import ArtifactStore

Via = Literal["auto", "direct", "tools", "both"]
_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")


@dataclass(frozen=True)
class Ask:
    """A request apart from its attachments; ``plan`` is a saved plan to run instead of planning."""

    text: str
    thread: str | None = None
    via: Via = "auto"
    want: str | None = None
    seed: int = 0
    deterministic: bool = False
    approve: bool = False
    plan: Plan | None = None

    def __post_init__(self) -> None:
        if self.via not in get_args(Via):
            raise InputError(f"via is {self.via!r}", hint=f"it is one of {', '.join(get_args(Via))}", field="via")
        if self.want is not None and self.want not in KINDS:
            raise InputError(f"want is {self.want!r}", hint=f"it is one of {', '.join(KINDS)}", field="want")
        if not isinstance(self.text, str):
            raise InputError(f"the request is a {type(self.text).__name__}", hint="give it as text", field="text")
        if self.thread is not None and (not isinstance(self.thread, str) or not _NAME.fullmatch(self.thread)):
            hint = "name it by 1 to 200 characters without control characters"
            raise InputError(f"{self.thread!r:.60} is no name of a thread", hint=hint, field="thread")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise InputError(f"seed is {self.seed!r}", hint="give a whole number from 0 on", field="seed")
        if not self.text.strip() and self.plan is None:
            raise InputError("the request is empty", hint="say what you want, or give a saved plan", field="text")

    @property
    def language(self) -> Language:
        """The language to answer in; a saved plan without a request keeps that of its own request."""
        return language_of(self.text or (self.plan.request or "" if self.plan else ""))

    def to_data(self) -> dict[str, Any]:
        """JSON-ready, for the journal."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "plan"}
        return data | {"plan": self.plan.to_data() if self.plan else None}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Ask:
        """What ``to_data`` wrote; other keys are ignored."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        return cls(**{**known, "plan": Plan.from_data(known["plan"]) if known.get("plan") else None})


@dataclass(frozen=True)
class Services:
    """What an agent keeps between requests."""

    home: Home
    profile: Profile
    registry: Registry
    store: ArtifactStore
    pool: Pool
    executor: Executor
    router: Router
    drawn: frozenset[str] | None
    """Every word that the served image generator reads; None where that is not known."""
    planners: Mapping[str, Planner]
    usual: str
    """Which of the planners is asked first."""
    origin: Mapping[str, Any]
    """How to build this agent again: profile, overrides, working folder, planner."""
    emit: Emit


@dataclass
class Turn:
    """One run in this process.

    ``journal`` is None until the attachments are in, and always where only a plan is wanted (``dry``). ``facts`` are
    the journalled request. ``decision`` answers an approval that an earlier process waited for. ``held`` keeps locks
    until the run ends.
    """

    ask: Ask
    run: str
    services: Services
    spending: Spending
    sources: Sequence[Any] = ()
    dry: bool = False
    journal: Journal | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    decision: Any = None
    execution: Execution | None = None
    held: ExitStack = field(default_factory=ExitStack)
    _seen: dict[str, Artifact] = field(default_factory=dict)

    def begin(self, artifacts: Sequence[Artifact], known: Sequence[Handle]) -> None:
        """Write the request down first of all, so that a run which is killed from here on can go on."""
        self.see(artifacts)
        self.facts = {
            **self.ask.to_data(),
            "attachments": [artifact.handle() for artifact in artifacts],
            "known": [dict(handle) for handle in known],
            "started": time.time(),
            "agent": dict(self.services.origin),
        }
        if self.dry:
            return
        self.open_journal()
        self.remember("request", self.facts)

    def open_journal(self) -> None:
        """Open the run's journal, held against any other process that would work on the same run."""
        folder = self.services.home.run(self.run)
        self.held.enter_context(hold(folder / "lock", self.run, f"run {self.run}"))
        self.journal = self.held.enter_context(Journal(folder / "journal.sqlite"))

    def recall(self) -> None:
        """Take the request from the journal of a run that goes on."""
        self.facts = self.recalled("request") or {}
        self.ask = replace(Ask.from_data(self.facts), deterministic=self.ask.deterministic)

    def recalled(self, key: str) -> Any:
        """What the journal knows under ``key``; None where it knows nothing."""
        return self.journal.meta.get(key) if self.journal is not None else None

    def remember(self, key: str, value: Any) -> None:
        """Journal a fact about the run."""
        if self.journal is not None:
            self.journal.put_meta(key, value)

    def see(self, artifacts: Sequence[Artifact]) -> None:
        """Keep artifacts at hand, so that their payload is not read again."""
        self._seen.update((artifact.id, artifact) for artifact in artifacts)

    def artifact(self, handle: Handle) -> Artifact:
        """The artifact of a handle: the one at hand, else one that reads from the store when looked at."""
        if handle["id"] not in self._seen:
            self._seen[handle["id"]] = Artifact.from_handle(handle, self.services.store.fetch)
        return self._seen[handle["id"]]

    def seen(self, artifact_id: str) -> Artifact | None:
        """An artifact by its id alone: one at hand, or one of the thread's; None for any other."""
        if artifact_id not in self._seen:
            handles = (handle for handle in self.facts["known"] if handle["id"] == artifact_id)
            return next((self.artifact(handle) for handle in handles), None)
        return self._seen[artifact_id]

    @property
    def attachments(self) -> list[Artifact]:
        """The attached artifacts, in the order given."""
        return [self.artifact(handle) for handle in self.facts["attachments"]]

    def inputs(self) -> dict[str, list[Artifact]]:
        """The attachments by kind."""
        by_kind: dict[str, list[Artifact]] = {}
        for artifact in self.attachments:
            by_kind.setdefault(artifact.kind, []).append(artifact)
        return by_kind

    def thread_kinds(self) -> dict[str, str]:
        """The thread's names and kinds."""
        return {name: handle["kind"] for name, handle in names_of(self.facts["known"]).items()}

    def thread_artifacts(self, plan: Plan) -> dict[str, Artifact]:
        """What the thread's names that ``plan`` writes stand for."""
        named = names_of(self.facts["known"])
        used = {ref.name for step in plan.steps for _, ref in step.references() if ref.source == "thread"}
        used |= {text.removeprefix("$thread.").split(".")[0].split("[")[0] for text in plan.answer}
        return {name: self.artifact(named[name]) for name in used if name in named}

    def request(self) -> Request:
        """The request as planners and the answer read it."""
        return Request(
            self.ask.text or (self.ask.plan.request or "" if self.ask.plan else ""),
            self.attachments,
            self.ask.want,
            self.ask.language,
            self.thread_kinds(),
        )
