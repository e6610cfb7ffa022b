"""The models that the pool knows to hold bytes: being loaded, ready, or being closed."""

import asyncio
from collections.abc import Hashable
from contextlib import nullcontext
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...tools.loaders.base import Backbone, ModelSpec


@dataclass(slots=True, eq=False)
class Resident:
    """One model and the bytes that are reserved for it: an estimate until it is loaded, then the measured weights.

    `uses` counts the leases that hold it, `used` orders residents by their last use. `turn` is what a call holds:
    a model computes for one caller at a time, but one that has no bytes here computes elsewhere and needs no turns.
    """

    spec: "ModelSpec"
    role: str
    nbytes: int
    ready: "asyncio.Task[None] | None" = None
    backbone: "Backbone | None" = None
    uses: int = 0
    used: int = 0
    turn: "Lock | nullcontext[None]" = field(default_factory=Lock)
    _adapters: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Hashable:
        """Equal keys share one load."""
        key: Hashable = self.spec.key
        return key

    @property
    def idle(self) -> bool:
        """Loaded, and nobody holds it."""
        return self.backbone is not None and not self.uses

    def hold(self, backbone: "Backbone") -> None:
        """The model is loaded: its measured bytes count from here."""
        self.backbone = backbone
        self.nbytes = backbone.nbytes
        if not backbone.nbytes:
            self.turn = nullcontext()

    def close(self) -> None:
        """Let the library free the model."""
        backbone, self.backbone = self.backbone, None
        self._adapters.clear()
        if backbone is not None:
            backbone.close()

    def adapter(self, role: str) -> Any:
        """The model in one role; made once per role."""
        if self.backbone is None:
            raise RuntimeError(f"{self.spec.checkpoint} is not loaded")
        if role not in self._adapters:
            self._adapters[role] = self.backbone.adapter(role)
        return self._adapters[role]

    def facts(self, role: str) -> dict[str, Any]:
        """What the record of a step says about the model that worked in it."""
        return {
            "role": role,
            "key": str(self.key),
            "digest": self.backbone.digest if self.backbone else None,
            "loader": self.spec.loader,
            "dtype": self.spec.dtype,
        }


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory, as `panmodal models` shows it: the role it was loaded for, weights in bytes, leases on it."""

    role: str
    model: str
    loader: str
    nbytes: int
    leases: int
