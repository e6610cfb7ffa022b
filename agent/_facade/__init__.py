"""Panmodal: one request with any media in, one answer with any media out.

Public names are resolved on first use, so that ``import panmodal`` stays light and loads no heavy library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agent.agent import Agent as Agent
    from .agent.budget import Budget as Budget
    from .agent.result import Result as Result
    from .planners.plan import Plan as Plan
    from .tools.contract import tool as tool
    from .tools.errors import PanmodalError as PanmodalError

_HOMES = {
    "Agent": ".agent.agent",
    "Budget": ".agent.budget",
    "Result": ".agent.result",
    "Plan": ".planners.plan",
    "tool": ".tools.contract",
    "PanmodalError": ".tools.errors",
}
__all__ = ["Agent", "Budget", "PanmodalError", "Plan", "Result", "tool"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'panmodal' has no attribute {name!r}; public names: {', '.join(__all__)}")
    return getattr(import_module(home, __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
