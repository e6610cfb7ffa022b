"""What was said in a recording, with times."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationInfo, field_validator

from .artifact import Artifact, identity


class Word(BaseModel):
    """One word as heard, from ``start`` to ``end`` in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    text: str
    start: float = Field(ge=0)
    end: float
    probability: float | None = Field(default=None, ge=0, le=1)

    @field_validator("end")
    @classmethod
    def _forward(cls, end: float, info: ValidationInfo) -> float:
        if end < info.data.get("start", 0.0):
            raise ValueError("ends before it starts")
        return end


class Segment(Word):
    """A stretch of speech, about a sentence, and its words where the recogniser times them."""

    words: tuple[Word, ...] = ()
    speaker: str | None = None


_SEGMENTS = TypeAdapter(tuple[Segment, ...])


class Transcript(Artifact):
    """``count`` segments of speech in ``language`` (an ISO 639-1 code, or None where it is not known)."""

    kind: ClassVar[str] = "transcript"
    count: int
    language: str | None = None

    @classmethod
    def of(cls, segments: Sequence[Segment], language: str | None = None) -> Self:
        """A transcript of segments in the order of time."""
        payload = tuple(segments)
        facts: dict[str, Any] = {"count": len(payload), "language": language}
        raw = np.frombuffer(_SEGMENTS.dump_json(payload), dtype=np.uint8)
        return cls._made(payload, id=identity(cls.kind, facts, raw), mime="application/json", **facts)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments, in the order of time."""
        found: tuple[Segment, ...] = self._loaded()
        return found

    @property
    def text(self) -> str:
        """All that was said, as one line."""
        return " ".join(segment.text.strip() for segment in self.segments)

    @property
    def empty(self) -> bool:
        """Whether nothing was said."""
        return self.count == 0

    def __len__(self) -> int:
        return self.count

    def _decode(self, content: bytes) -> tuple[Segment, ...]:
        return _SEGMENTS.validate_json(content)

    def _encode(self, payload: Any) -> bytes:
        return _SEGMENTS.dump_json(payload)
