"""The `script` planner: a plan that somebody saved, taken as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..tools.errors import PlanError
from .base import PlannerContext, Request
from .plan import Plan


class ScriptPlanner:
    """Gives the plan of a file (YAML or JSON), or one that is at hand.

    A file is read when the plan is asked for.  Reading raises MissingFile or PlanError.
    """

    name = "script"

    def __init__(self, source: Plan | Path | str) -> None:
        self._source = source

    def plan(self, request: Request, context: PlannerContext) -> Plan:
        """The saved plan; it keeps who made it, and gets the request where it states none."""
        plan = self._source if isinstance(self._source, Plan) else Plan.from_yaml(Path(self._source))
        missing = {"request": request.text or None, "planner": self.name}
        return plan.model_copy(update={key: value for key, value in missing.items() if getattr(plan, key) is None})

    def revise(
        self, plan: Plan, failures: Sequence[Mapping[str, Any]], request: Request, context: PlannerContext
    ) -> Plan:
        """Raises PlanError: what the user wrote is changed by the user only."""
        steps = ", ".join(str(failure["step"]) for failure in failures)
        raise PlanError(f"steps of the saved plan failed: {steps}", hint="edit the plan, or let a planner make one")
