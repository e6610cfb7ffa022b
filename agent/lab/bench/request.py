"""What a request costs outside its steps: ingest, route, plan check, graph, checkpointer, journal and answer."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....planners.base import PlannerContext, Request
from ....planners.plan import Plan, Step
from ....tools.card import Card
from ....tools.contract import tool
from ....tools.media.image import Image
from ...agent import Agent

_WARM_UP = 5


@tool(card=Card(cost="instant"))
def brightness(image: Image) -> int:
    """The mean of all samples of a picture, 0 to 255."""
    return int(image.pixels.mean())


class _ReadyPlan:
    """Gives the one plan, so that planning itself costs nothing."""

    name = "ready"

    def plan(self, request: Request, context: PlannerContext) -> Plan:
        return Plan(
            planner=self.name,
            steps=[Step(id="s1", tool="brightness", args={"image": "$in.image"})],
            answer=["$s1"],
        )

    def revise(
        self, plan: Plan, failures: Sequence[Mapping[str, Any]], request: Request, context: PlannerContext
    ) -> Plan:
        return plan


def fixed_cpu_ms(requests: int, *, thread: str | None = None) -> list[float]:
    """CPU milliseconds of each of `requests` one-step requests with a small picture, after a few to warm up.

    Every request has another picture; with `thread` they continue one conversation.
    """
    found = []
    with tempfile.TemporaryDirectory(prefix="panmodal-bench-") as folder:
        profile = Path(folder) / "bare.toml"
        profile.write_text("# no models\n", encoding="utf-8")
        with Agent(profile, home=Path(folder) / "home", tools=[brightness], planner=_ReadyPlan()) as agent:
            for number in range(_WARM_UP + requests):
                pixels = np.full((64, 64, 3), number % 200 + 7, np.uint8)
                began = time.process_time()
                result = agent.run("How bright is the picture?", pixels, via="tools", thread=thread)
                spent = time.process_time() - began
                if result.status != "answered" or str(number % 200 + 7) not in result.text:
                    raise RuntimeError(f"the request was not answered: {result.text}")
                if number >= _WARM_UP:
                    found.append(spent * 1000)
    return found
