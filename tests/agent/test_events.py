"""The stream of events, and the budget that a run counts against."""

import asyncio
import json
import threading
import time

import pytest

from panmodal.agent import events
from panmodal.agent.budget import Budget
from panmodal.agent.events import Event, EventBus, Planned, RunFinished, StepStarted
from panmodal.tools.errors import BudgetExceeded, InputError


def test_every_event_is_versioned_json_with_its_type() -> None:
    told = Planned("r1", "search", {"version": 1, "steps": []}).to_dict()
    assert json.loads(json.dumps(told)) == told
    assert (told["version"], told["type"], told["run"], told["planner"]) == (1, "planned", "r1", "search")
    assert abs(told["at"] - time.time()) < 5
    kinds = [each for each in vars(events).values() if isinstance(each, type) and issubclass(each, Event)]
    assert len({each.type for each in kinds}) == len(kinds) > 10


def test_listeners_on_a_loop_hear_other_threads_and_end_where_told() -> None:
    bus = EventBus()

    async def main() -> list[str]:
        listening = bus.listen(until=RunFinished)
        bus.emit(StepStarted("r", "here", "say"))
        thread = threading.Thread(
            target=lambda: [bus.emit(StepStarted("r", "there", "say")), bus.emit(RunFinished("r", "answered", 1.0))]
        )
        thread.start()
        return [getattr(event, "step", event.type) async for event in listening]

    assert asyncio.run(main()) == ["here", "there", "run-finished"]
    bus.emit(StepStarted("r", "nobody", "listens"))


def test_a_slow_listener_loses_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LISTENER_BACKLOG", 3)
    bus = EventBus()

    async def main() -> list[str]:
        listening = bus.listen(until=RunFinished)
        for number in range(6):
            bus.emit(StepStarted("r", str(number), "say"))
        bus.emit(RunFinished("r", "answered", 1.0))
        return [getattr(event, "step", event.type) async for event in listening]

    assert asyncio.run(main()) == ["4", "5", "run-finished"]


def test_a_callback_that_fails_stops_nobody_and_can_leave() -> None:
    bus, heard = EventBus(), list[Event]()

    def broken(event: Event) -> None:
        raise ValueError("no")

    bus.subscribe(broken)
    leave = bus.subscribe(heard.append)
    bus.emit(RunFinished("r", "answered", 1.0))
    leave()
    bus.emit(RunFinished("r", "answered", 2.0))
    assert len(heard) == 1


def test_a_budget_names_the_limit_that_is_reached() -> None:
    spending = Budget(tokens=100, seconds=60).start()
    spending.add(tokens=60)
    spending.check()
    assert spending.exceeded is None and 59 < spending.seconds_left <= 60
    spending.add(tokens=40)
    with pytest.raises(BudgetExceeded, match="100 tokens"):
        spending.check()
    late = Budget(seconds=0.01).start()
    time.sleep(0.02)
    assert late.exceeded == "seconds" and late.seconds_left == 0
    with pytest.raises(InputError, match=r"budget\.money is -1"):
        Budget(money=-1)
