"""The pool: owns every loaded model, keeps their bytes under one limit, and leases them to steps.

First form: a model is whole or absent, idle ones go by least recent use, waiting steps are served in the order in
which they came. Bytes are reserved before a load begins, so that loads that overlap cannot together pass the limit.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Any

from ...planners.violation import Violation
from ...tools.errors import PanmodalError, PoolLimitTooSmall, RunError, UnknownRole
from ..events import Emit, ModelEvicted, ModelLoaded, ModelLoading, silent
from .lease import Lease
from .residents import Loaded, Resident

if TYPE_CHECKING:
    from ...tools.loaders.base import Loader, ModelSpec

_NO_RUN = ""  # models outlive runs, so the pool's events belong to none


@dataclass(slots=True, eq=False)
class _Request:
    """Somebody who waits for the models of a lease; `granted` ends when the bytes are theirs."""

    specs: "dict[Hashable, tuple[str, ModelSpec]]"
    granted: asyncio.Future[list[Resident]]


class _Outgrown(Exception):
    """A model turned out larger than was reserved for it, and there was no room for the rest."""


class Pool:
    """Models by role under a byte limit (None: no limit).

    `specs` gives the candidates of each role, the preferred one first. Specs with equal keys are one model, whatever
    roles it serves. `get_loader` gives a loader by name (default: Panmodal's and those of installed packages).
    Leases are taken on one event loop at a time; `fits`, `loaded` and `close` may be called from any thread.
    """

    def __init__(
        self,
        specs: "Mapping[str, Sequence[ModelSpec]]",
        limit: int | None = None,
        emit: Emit = silent,
        *,
        get_loader: "Callable[[str], Loader] | None" = None,
    ) -> None:
        if get_loader is None:
            from ...tools.loaders import registry

            get_loader = registry.get_loader
        self.limit = limit
        self._specs = {role: tuple(each) for role, each in specs.items() if each}
        self._emit = emit
        self._get_loader: Callable[[str], Loader] = get_loader
        self._residents: dict[Hashable, Resident] = {}
        self._sizes: dict[Hashable, int] = {}
        self._queue: deque[_Request] = deque()
        self._used = 0
        self._closing = 0
        self._clock = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._shut = False
        self._lock = RLock()

    @property
    def roles(self) -> frozenset[str]:
        """The roles that are served."""
        return frozenset(self._specs)

    @property
    def nbytes(self) -> int:
        """Bytes that are reserved or in use now; never over the limit."""
        return self._used

    def lease(self, *roles: str, model: str | None = None) -> Lease:
        """The models of `roles`, all at once: `async with pool.lease("detector", "segmenter") as (one, other)`.

        `model` picks a role's candidate by its checkpoint. Waits in turn for bytes. Entering raises `UnknownRole`,
        `PoolLimitTooSmall` where the models together are larger than the limit, and what the loader raises.
        """
        if model is not None and len(roles) != 1:
            raise ValueError("model= picks the candidate of one role: lease that role alone")
        return Lease(self, roles, model)

    def fits(self, roles: Sequence[str]) -> Violation | None:
        """None where the preferred models of `roles` fit the pool together; else what is wrong, for the checker."""
        try:
            specs = self._chosen(roles, None)
            for _, spec in specs.values():
                self._measure(spec)
            self._check_limit(specs)
        except PanmodalError as error:
            return Violation("", error.code, error.message, error.hint)
        return None

    def loaded(self) -> list[Loaded]:
        """The models in memory, the least recently used first."""
        ready = [each for each in list(self._residents.values()) if each.backbone is not None]
        ready.sort(key=lambda each: each.used)
        return [Loaded(each.role, each.spec.checkpoint, each.spec.loader, each.nbytes, each.uses) for each in ready]

    def close(self) -> None:
        """Serve no more leases and let go of every model; one that is in use goes when its lease ends."""
        with self._lock:
            self._shut = True
            idle = [each for each in self._residents.values() if each.backbone is not None and not each.uses]
            for each in idle:
                self._forget(each)
        for each in idle:
            each.close()

    # ---- what a lease calls

    async def acquire(self, roles: Sequence[str], model: str | None) -> list[Resident]:
        """Hold the models of `roles`, loading what is not here; one resident per role, in order."""
        specs = self._chosen(roles, model)
        for _, spec in specs.values():
            if spec.key not in self._sizes:
                await asyncio.to_thread(self._measure, spec)
        while True:
            self._check_limit(specs)
            held = await self._admitted(specs)
            try:
                for resident in held:
                    if resident.ready is not None:
                        await asyncio.shield(resident.ready)
            except _Outgrown:
                self.release(held)
                continue  # its true size is known now
            except BaseException:
                self.release(held)
                raise
            by_key = {each.key: each for each in held}
            return [by_key[self._spec(role, model).key] for role in roles]

    def release(self, held: Sequence[Resident]) -> None:
        """Let go of what `acquire` gave."""
        leaving = []
        with self._lock:
            for resident in {id(each): each for each in held}.values():
                resident.uses -= 1
                self._clock += 1
                resident.used = self._clock
                if self._shut and not resident.uses and resident.backbone is not None:
                    self._forget(resident)
                    leaving.append(resident)
        for resident in leaving:
            resident.close()
        self._admit()

    # ---- which model, and how large

    def _spec(self, role: str, model: str | None) -> "ModelSpec":
        candidates = self._specs.get(role, ())
        if not candidates:
            served = ", ".join(sorted(self._specs)) or "none"
            raise UnknownRole(f"the profile serves no {role}", hint=f"roles served: {served}", role=role)
        if model is None:
            return candidates[0]
        for spec in candidates:
            if spec.checkpoint == model:
                return spec
        known = ", ".join(spec.checkpoint for spec in candidates)
        raise UnknownRole(f"no {role} is {model}", hint=f"candidates: {known}", role=role, model=model)

    def _chosen(self, roles: Sequence[str], model: str | None) -> "dict[Hashable, tuple[str, ModelSpec]]":
        chosen: dict[Hashable, tuple[str, ModelSpec]] = {}
        for role in roles:
            spec = self._spec(role, model)
            chosen.setdefault(spec.key, (role, spec))
        return chosen

    def _measure(self, spec: "ModelSpec") -> None:
        if spec.key not in self._sizes:
            self._sizes[spec.key] = self._get_loader(spec.loader).measure(spec)

    def _check_limit(self, specs: "Mapping[Hashable, tuple[str, ModelSpec]]") -> None:
        need = sum(self._sizes[key] for key in specs)
        if self.limit is None or need <= self.limit:
            return
        models = " and ".join(f"{role} {spec.checkpoint}" for role, spec in specs.values())
        together = " together" if len(specs) > 1 else ""
        raise PoolLimitTooSmall(
            f"the pool's limit is {self.limit:,} bytes, and {models} need{'' if together else 's'} {need:,}{together}",
            hint=f"set pool.limit to at least {need:,} bytes, or choose smaller checkpoints",
            roles=[role for role, _ in specs.values()],
            models=[spec.checkpoint for _, spec in specs.values()],
            nbytes=need,
            limit=self.limit,
        )

    # ---- admission: bytes first, then loads

    async def _admitted(self, specs: "dict[Hashable, tuple[str, ModelSpec]]") -> list[Resident]:
        """Wait in turn until every model of `specs` is here or has its bytes reserved and its load begun."""
        if self._shut:
            raise RunError("the pool of models is closed", hint="make a new Agent")
        request = _Request(specs, asyncio.get_running_loop().create_future())
        self._queue.append(request)
        self._admit()
        try:
            return await request.granted
        except asyncio.CancelledError:
            if request in self._queue:
                self._queue.remove(request)
            elif not request.granted.cancelled():
                self.release(request.granted.result())
            self._admit()
            raise

    def _admit(self) -> None:
        """Serve the queue from its head as far as the bytes reach; evict idle models for the head if that helps."""
        with self._lock:
            while self._queue:
                request = self._queue[0]
                if not request.granted.done():
                    missing = sum(self._sizes[key] for key in request.specs if key not in self._residents)
                    short = 0 if self.limit is None else self._used + missing - self.limit
                    if short > 0:
                        self._make_room(short - self._closing, request)
                        return
                    request.granted.set_result([self._hold(*each) for each in request.specs.values()])
                self._queue.popleft()

    def _hold(self, role: str, spec: "ModelSpec") -> Resident:
        resident = self._residents.get(spec.key)
        if resident is None:
            resident = Resident(spec, role, self._sizes[spec.key])
            self._residents[spec.key] = resident
            self._used += resident.nbytes
            resident.ready = self._spawn(self._load(resident))
        resident.uses += 1
        return resident

    def _make_room(self, short: int, request: _Request) -> None:
        """Evict the least recently used idle models worth `short` bytes; none where that is not enough."""
        idle = [each for key, each in self._residents.items() if each.idle and key not in request.specs]
        if short <= 0 or sum(each.nbytes for each in idle) < short:
            return
        for resident in sorted(idle, key=lambda each: each.used):
            if short <= 0:
                break
            if resident.nbytes:
                short -= resident.nbytes
                del self._residents[resident.key]
                self._closing += resident.nbytes  # they count as used until the library has let go of them
                self._spawn(self._evict(resident))

    async def _evict(self, resident: Resident) -> None:
        try:
            await asyncio.to_thread(resident.close)
        finally:
            with self._lock:
                self._closing -= resident.nbytes
                self._used -= resident.nbytes
            self._emit(ModelEvicted(_NO_RUN, resident.spec.checkpoint, resident.nbytes))
            self._admit()

    async def _load(self, resident: Resident) -> None:
        spec, role, reserved = resident.spec, resident.role, resident.nbytes
        self._emit(ModelLoading(_NO_RUN, role, spec.checkpoint, reserved))
        began = time.monotonic()
        try:
            backbone = await asyncio.to_thread(lambda: self._get_loader(spec.loader).load(spec))
            with self._lock:
                self._sizes[spec.key] = backbone.nbytes
                resident.hold(backbone)  # its measured bytes count from here
                self._used += resident.nbytes - reserved
                outgrown = self.limit is not None and self._used > self.limit
            if outgrown:
                await asyncio.to_thread(resident.close)
                raise _Outgrown
        except BaseException:
            with self._lock:
                self._forget(resident)
            self._admit()
            raise
        resident.ready = None
        self._emit(ModelLoaded(_NO_RUN, role, spec.checkpoint, resident.nbytes, time.monotonic() - began))
        if self._shut:
            self.close()
        self._admit()

    def _forget(self, resident: Resident) -> None:
        self._residents.pop(resident.key, None)
        self._used -= resident.nbytes

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._spawned_ended)
        return task

    def _spawned_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits for a load gets it; if nobody does any more, it is no news
