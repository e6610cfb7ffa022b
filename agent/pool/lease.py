"""What a step holds while it works: models that cannot be evicted, and the handles through which it calls them."""

from collections.abc import Callable
from contextlib import nullcontext
from inspect import isroutine
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .pool import Pool
    from .residents import Resident


class Lease:
    """The models of some roles, all of them or none, for the time of an `async with`.

    Entering gives one handle per role, in the order asked. `models` says which models they are (role, key, digest,
    loader, dtype), `tokens` how many tokens the handles' calls have read and written so far.
    """

    def __init__(self, pool: "Pool", roles: tuple[str, ...], model: str | None) -> None:
        self._pool = pool
        self._roles = roles
        self._model = model
        self._held: list[Resident] = []
        self._handles: tuple[Handle, ...] = ()
        self._lock = Lock()
        self.models: list[dict[str, Any]] = []
        self.tokens = 0

    async def __aenter__(self) -> "tuple[Any, ...]":
        self._held = await self._pool.acquire(self._roles, self._model)
        try:
            pairs = list(zip(self._roles, self._held, strict=True))
            self.models = [resident.facts(role) for role, resident in pairs]
            self._handles = tuple(
                Handle(role, resident.adapter(role), resident.turn, self._count) for role, resident in pairs
            )
        except BaseException:
            self._pool.release(self._held)
            raise
        return self._handles

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            object.__setattr__(handle, "_open", False)
        self._pool.release(self._held)

    def _count(self, result: Any) -> None:
        replies = result if isinstance(result, list) else [result]
        tokens = sum(getattr(each, "tokens_in", 0) + getattr(each, "tokens_out", 0) for each in replies)
        if tokens:
            with self._lock:
                self.tokens += tokens


class Handle:
    """Stands for a model in one lease: the role's public methods and properties, called one at a time per model.

    Methods may be called from any thread. After the lease has ended they raise RuntimeError.
    """

    __slots__ = ("_adapter", "_count", "_open", "_role", "_turn")

    def __init__(self, role: str, adapter: object, turn: "Lock | nullcontext[None]", count: Callable[[Any], None]):
        self._role = role
        self._adapter = adapter
        self._turn = turn
        self._count = count
        self._open = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"the handle of the {self._role} gives its public methods only, not {name!r}")
        value = getattr(self._adapter, name)
        if not isroutine(value):  # a property, which may be callable itself, as tokenizers are
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            with self._turn:
                if not self._open:
                    raise RuntimeError(f"the lease of the {self._role} has ended: call it inside `async with`")
                result = value(*args, **kwargs)
            self._count(result)
            return result

        return call

    def __repr__(self) -> str:
        return f"<handle of the {self._role}: {type(self._adapter).__name__}>"
