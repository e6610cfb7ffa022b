"""How much work goes on at once: a bounded number of slots per kind of work, shared by all runs of an executor."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, Protocol

from ..tools.contract import Tool

Lane = Literal["inline", "cpu", "model", "remote"]
# Waiting for a network costs no core; this only keeps a wide `each` from flooding an endpoint.
_REMOTE_SLOTS = 16
# Threads beyond the slots: a step that timed out gives its slot back at once, while its thread still hangs in a call
# that nothing can interrupt.
_SPARE_THREADS = 64


class Owner(Protocol):
    """A run that waits for a slot."""

    def granted(self, lane: Lane) -> None:
        """A slot of `lane` is the owner's now: to use, or to give back."""
        ...


class Lanes:
    """Slots for tools on worker threads ("cpu", "model") and for those that wait for a network ("remote").

    Model tools have slots of their own, because they wait for a lease or for each other's turn at a model and would
    hold up plain computation. Used from one event loop; runs that wait for a slot get it in turn.
    """

    def __init__(self, workers: int) -> None:
        self._free: dict[Lane, int] = {"cpu": workers, "model": workers, "remote": _REMOTE_SLOTS}
        self._waiting: dict[Lane, deque[Owner]] = {lane: deque() for lane in self._free}
        most = 2 * workers + _REMOTE_SLOTS + _SPARE_THREADS
        self.threads = ThreadPoolExecutor(most, thread_name_prefix="panmodal-step")

    def take(self, lane: Lane, owner: Owner) -> bool:
        """True where a slot is the owner's now; otherwise the owner is in the queue and will be `granted` one."""
        waiting = self._waiting[lane]
        if self._free[lane] and not waiting:
            self._free[lane] -= 1
            return True
        if owner not in waiting:
            waiting.append(owner)
        return False

    def give_back(self, lane: Lane) -> None:
        """Return a slot; the run that has waited longest gets it."""
        waiting = self._waiting[lane]
        if waiting:
            waiting.popleft().granted(lane)
        else:
            self._free[lane] += 1

    def close(self) -> None:
        """Take no more work; threads that are inside a native call end when it returns."""
        self.threads.shutdown(wait=False, cancel_futures=True)


def lane_of(tool: Tool, timeout: float | None) -> Lane:
    """Where a tool's calls run: an instant one on the loop itself, unless a time limit must be able to leave it."""
    if tool.is_async or tool.card.cost == "remote":
        return "remote"
    if tool.roles or tool.card.cost == "model":
        return "model"
    return "inline" if tool.card.cost == "instant" and timeout is None else "cpu"
