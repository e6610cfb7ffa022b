"""The card beside a tool: what planners, the request generator and the answer need beyond its types."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Cost = Literal["instant", "cpu", "model", "remote"]
Keeps = Literal["meaning", "form", "part"]


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a tool is bad at, what it costs, and how people ask for it.

    ``cost``: "instant" runs on the event loop, "cpu" and "model" in worker threads, "remote" waits for a
    network. ``batch``: calls may be put to the model together. ``keeps``: what a chain through the tool
    preserves, the "meaning" (caption, transcribe), the "form" (blur, waveform picture) or only a "part"
    (crop, count). ``examples``: phrasings of requests with ``{slot}`` for arguments. ``nouns``: canonical
    noun -> language -> the words for it. ``answer``: language -> sentence template with ``{value}``,
    ``{labels}`` and ``{singular|plural}`` pairs. ``deterministic``: equal arguments and seed give equal
    results.
    """

    bad_at: str = ""
    cost: Cost = "cpu"
    batch: bool = False
    keeps: Keeps = "part"
    examples: tuple[str, ...] = ()
    nouns: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    answer: Mapping[str, str] = field(default_factory=dict)
    deterministic: bool = True

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("cost", self.cost, get_args(Cost)),
            ("keeps", self.keeps, get_args(Keeps)),
        ):
            if value not in allowed:
                raise TypeError(f"card: {name}={value!r} is none of {', '.join(allowed)}")
