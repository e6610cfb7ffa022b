"""What every medium has in common: an immutable value with an identity, small facts, and a payload read at need."""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from ..errors import InputError, NotDecodable, TooLarge, WrongArgument

Fetch = Callable[[str], bytes]
"""Gives the stored bytes of an artifact's id."""

KINDS: dict[str, type["Artifact"]] = {}
"""Kind name -> class, filled as the kinds are defined; ``kinds.py`` is the module that has them all."""


class Artifact(BaseModel):
    """An immutable typed value. Its fields are the small facts of its handle; its payload is decoded once, at need.

    ``id`` is 64 hex digits: for an ingested file the sha256 of its bytes as they came; for a made value the sha256
    over kind, facts, shapes, dtypes and raw samples, whatever encoding it is stored in. Two artifacts are equal
    when kind and id are. Arrays that an artifact gives out are read-only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    mime: str

    _identity: str | Callable[[], str] = PrivateAttr()
    _payload: Any = PrivateAttr(default=None)
    _content: bytes | None = PrivateAttr(default=None)
    _fetch: Fetch | None = PrivateAttr(default=None)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    def __init__(self, *, id: str | Callable[[], str], **facts: Any) -> None:
        """``id`` may be what computes it: hashing a large payload takes as long as many a tool, and few are kept."""
        super().__init__(**facts)
        self._identity = id

    @property
    def id(self) -> str:
        """64 hex digits, computed when they are first asked for."""
        if not isinstance(self._identity, str):
            self._identity = self._identity()  # threads that ask at once compute the same
        return self._identity

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        if "kind" in vars(cls) and KINDS.setdefault(cls.kind, cls).__qualname__ != cls.__qualname__:
            raise TypeError(f"two classes for the kind {cls.kind!r}: {KINDS[cls.kind]} and {cls}")

    def handle(self) -> dict[str, Any]:
        """The artifact as small JSON: its kind and its facts, never its payload."""
        return {"kind": self.kind, "id": self.id, **self.model_dump(mode="json")}

    @classmethod
    def from_handle(cls, handle: Mapping[str, Any], fetch: Fetch) -> "Artifact":
        """The artifact of a handle; ``fetch`` is asked for its bytes when the payload is first looked at.

        Raises NotDecodable for a handle of an unknown kind or with facts that do not fit the kind.
        """
        facts = dict(handle)
        kind = facts.pop("kind", None)
        if not isinstance(kind, str) or kind not in KINDS:
            raise NotDecodable(f"no kind {kind!r} of artifact", hint=f"known kinds: {', '.join(sorted(KINDS))}")
        if not isinstance(facts.get("id"), str):
            raise NotDecodable(f"a handle of kind {kind!r} has no id", kind=kind)
        try:
            found = KINDS[kind](**facts)
        except ValidationError as error:
            raise NotDecodable(f"a handle of kind {kind!r} has wrong facts: {error}", kind=kind) from error
        found._fetch = fetch
        return found

    def encode(self) -> tuple[bytes, str]:
        """The artifact as bytes and their mime type: a file's own bytes as they came, or the kind's encoding."""
        if self._content is not None:
            return self._content, self.mime
        if self._fetch is not None or self._payload is None:
            return self._fetched(), self.mime
        return self._encode(self._payload), self.mime

    def decode(self, content: bytes) -> Any:
        """The payload that ``content`` (encoded as ``mime`` says) stands for. Raises NotDecodable or TooLarge."""
        try:
            return self._decode(content)
        except InputError:
            raise
        except MemoryError as error:
            raise TooLarge(f"{self._name} does not fit in memory", name=self._name) from error
        except Exception as error:  # damaged bytes make parsers raise nearly every type there is
            raise NotDecodable(f"{self._name} is damaged: {error}", name=self._name) from error

    def _decode(self, content: bytes) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no decoder")

    def _encode(self, payload: Any) -> bytes:
        raise NotImplementedError(f"{type(self).__name__} has no encoder")

    @property
    def _name(self) -> str:
        return f"{self.kind} {self.id[:12]}"

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it (no box, no word, no row). Unlike a failure, that is a good answer."""
        return False

    @classmethod
    def _made(cls, payload: Any, **facts: Any) -> Self:
        """An artifact around a payload that is at hand."""
        made = cls(**facts)
        made._payload = payload
        return made

    @classmethod
    def _read(cls, content: bytes, payload: Any, **facts: Any) -> Self:
        """An artifact around the bytes of a file and what they decode to."""
        read = cls._made(payload, id=hashlib.sha256(content).hexdigest(), **facts)
        read._content = content
        return read

    def _loaded(self) -> Any:
        """The payload, decoded on first use; threads that ask at once wait for one decoding."""
        if self._payload is None:
            with self._lock:
                if self._payload is None:
                    content = self._content if self._content is not None else self._fetched()
                    self._payload = self.decode(content)
        return self._payload

    def _fetched(self) -> bytes:
        if self._fetch is None:
            raise WrongArgument(
                f"{self._name} is a bare handle with nothing behind it",
                hint="build it with the kind's named constructor, or from_handle",
            )
        return self._fetch(self.id)

    def __repr_args__(self) -> Any:
        yield "id", self.id
        yield from super().__repr_args__()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artifact) and (self.kind, self.id) == (other.kind, other.id)

    def __hash__(self) -> int:
        return hash(self.id)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Locks and store connections stay behind; the other process gets the bytes themselves.
        return _unpickled, (self.handle(), self.encode()[0])


def _unpickled(handle: dict[str, Any], content: bytes) -> Artifact:
    artifact = Artifact.from_handle(handle, lambda _: content)
    artifact._content = content
    return artifact


def identity(kind: str, facts: Mapping[str, Any], *arrays: NDArray[Any]) -> str:
    """The id of a made value: sha256 hex over kind, facts, and shape, dtype and raw samples of each array."""
    plain = [np.ascontiguousarray(each, dtype=each.dtype.newbyteorder("<")) for each in arrays]
    shapes = [[list(each.shape), each.dtype.str] for each in plain]
    head = json.dumps([kind, dict(facts), shapes], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(head.encode())
    for each in plain:
        if each.size:  # an empty array has no buffer to hash, and its shape is in the head
            digest.update(each.data.cast("B"))
    return digest.hexdigest()


def to_json(value: Any) -> bytes:
    """JSON as artifacts are stored in: compact UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
