"""Pictures by what they show: vectors of pictures at hand, and an index of a folder that is kept on disk.

An index belongs to a folder and a model. A picture is known by the digest of its bytes, so that one that was renamed or
copied is not looked at again; one that changed is, and so is every one when the model's answers have changed.
"""

import hashlib
import io
import json
import mimetypes
import os
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled, InputError, MissingFile, WrongArgument
from ..media.image import Image
from ..media.limits import Limits
from ..media.sniff import sniff
from ..roles import Embedder, StepContext
from .in_english import in_english

if TYPE_CHECKING:
    from usearch.index import Index

Floats = NDArray[np.float32]

_VERSION = 1
_AT_ONCE = 32  # pictures that a model is given together …
_PIXELS = 32_000_000  # … unless they are large
_SAVE_EVERY = 256  # pictures
_HEAD = 512  # bytes that tell what a file is
_EXACT = 20_000  # vectors; up to here comparing with all of them takes milliseconds, and misses none
_PROBE_TEXT = "a picture"
_PROBE_TOLERANCE = 1e-3  # of a number of a unit vector; other threads and devices stay far below it


class Hit(NamedTuple):
    """A picture that was found; ``score`` is the cosine of its vector and that of what was looked for, -1 to 1."""

    path: Path
    score: float


@dataclass(frozen=True, slots=True)
class Update:
    """What an update did: pictures that the model looked at, vectors that were kept and that were dropped, and why
    which files were left out."""

    embedded: int
    kept: int
    dropped: int
    skipped: Mapping[Path, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file as it was when its digest was taken."""

    size: int
    changed: int
    digest: str

    @property
    def key(self) -> int:
        """Its number in the index of vectors: the head of the digest, below the highest numbers, which are reserved."""
        return int(self.digest[:15], 16)


class PictureIndex:
    """The pictures of a folder and of the folders in it, found by words or by another picture.

    ``keep`` is a folder for the index, which one of many folders and models may share; without one it lives as long as
    this object. Raises ``MissingFile`` where there is no such folder.
    """

    def __init__(
        self,
        folder: str | Path,
        embedder: Embedder,
        *,
        keep: str | Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.folder = Path(folder).expanduser()
        if not self.folder.is_dir():
            there = "is no folder" if self.folder.exists() else "does not exist"
            hint = f"looked in {Path.cwd()}; check the spelling"
            raise MissingFile(f"{self.folder} {there}", hint=hint, path=str(self.folder))
        self._embedder = embedder
        self._limits = limits or Limits()
        probes = embedder.embed_images([_probe_picture()]), embedder.embed_texts([_PROBE_TEXT])
        self._probe = np.concatenate([each.vectors[0] for each in probes])
        name = hashlib.sha256(f"{self.folder.resolve()}\n{probes[0].model}".encode()).hexdigest()[:32]
        self._file = None if keep is None else Path(keep).expanduser() / f"{name}.npz"
        self._entries: dict[str, _Entry] = {}
        self._vectors = self._read(probes[0].size)
        self._fresh = False

    def __len__(self) -> int:
        return len(self._vectors)

    def update(self, step: StepContext | None = None) -> Update:
        """Bring the index up to what lies in the folder now.

        Only pictures that are new or changed are given to the model. Files that are no whole pictures are left out, and
        named in what is returned. What was done is kept when it is stopped; then it raises ``Cancelled``.
        """
        step = step or StepContext()
        skipped: dict[Path, str] = {}
        before = len(self._vectors)
        self._entries = dict(self._found(skipped, step))
        kept = self._drop_others()
        wanted: dict[int, Path] = {}
        for name, each in self._entries.items():
            if each.key not in self._vectors:
                wanted.setdefault(each.key, self.folder / name)
        try:
            embedded = self._embed(wanted, skipped, step)
        finally:
            self._save()
        self._fresh = True
        return Update(embedded, kept, before - kept, skipped)

    def search(self, query: str, count: int = 5) -> list[Hit]:
        """The pictures that fit a text best, the best first; none of an empty folder.

        An index that was not updated since it was opened is so first. Raises ``WrongArgument`` for a text without words
        or a count below 1.
        """
        return self._nearest(self._embedder.embed_texts([worded(query)]).vectors[0], count)

    def similar(self, image: Image, count: int = 5) -> list[Hit]:
        """The pictures that are most like another one, the best first, copies of it left out."""
        return self._nearest(self._embedder.embed_images([image]).vectors[0], count, without=image.id)

    def _nearest(self, vector: Floats, count: int, without: str = "") -> list[Hit]:
        if count < 1:
            raise WrongArgument(f"{count} pictures are none", hint="ask for 1 or more", field="count")
        if not self._fresh:
            self.update()
        if not len(self._vectors):
            return []
        most = min(count + bool(without), len(self._vectors))
        matches = self._vectors.search(vector, most, threads=1, exact=len(self._vectors) <= _EXACT)
        far = {int(key): float(distance) for key, distance in zip(matches.keys, matches.distances, strict=True)}
        hits = [
            Hit(self.folder / name, round(1 - far[each.key], 6))
            for name, each in self._entries.items()
            if each.key in far and each.digest != without
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.path))[:count]

    # ---- from files to vectors

    def _found(self, skipped: dict[Path, str], step: StepContext) -> Iterator[tuple[str, _Entry]]:
        """The pictures of the folder, with the digest of those whose size or time has changed taken anew."""
        for path in files_in(self.folder):
            if step.stop.is_set():
                raise Cancelled("looking through the folder was stopped")
            name = path.relative_to(self.folder).as_posix()
            known = self._entries.get(name)
            try:
                state = path.stat()
                if known is not None and (known.size, known.changed) == (state.st_size, state.st_mtime_ns):
                    yield name, known
                elif _is_picture(path):
                    with path.open("rb") as file:
                        digest = hashlib.file_digest(file, "sha256").hexdigest()
                    yield name, _Entry(state.st_size, state.st_mtime_ns, digest)
            except OSError as error:
                skipped[path] = f"{path} cannot be read: {error.strerror}"

    def _drop_others(self) -> int:
        """Forget the vectors of pictures that are gone; how many stay."""
        there = {each.key for each in self._entries.values()}
        gone = [int(key) for key in self._vectors.keys if int(key) not in there]
        if gone:
            self._vectors.remove(np.array(gone, np.uint64), threads=1)
        return len(self._vectors)

    def _embed(self, paths: Mapping[int, Path], skipped: dict[Path, str], step: StepContext) -> int:
        """Add the vectors of pictures; how many were added."""
        embedded = saved = 0
        for batch in self._batches(paths, skipped):
            if step.stop.is_set():
                raise Cancelled("embedding the pictures was stopped")
            vectors = self._embedder.embed_images([image for _, image in batch]).vectors
            self._vectors.add(np.array([key for key, _ in batch], np.uint64), vectors, threads=1)
            embedded += len(batch)
            step.progress(embedded / len(paths), f"{embedded} of {len(paths)} pictures embedded")
            if embedded - saved >= _SAVE_EVERY:
                self._save()
                saved = embedded
        if skipped:
            names = ", ".join(path.name for path in skipped)
            step.progress(1.0, f"{len(skipped)} files left out: {textwrap.shorten(names, 200)}")
        return embedded

    def _batches(self, paths: Mapping[int, Path], skipped: dict[Path, str]) -> Iterator[list[tuple[int, Image]]]:
        batch: list[tuple[int, Image]] = []
        pixels = 0
        for key, path in paths.items():
            try:
                image = Image.open(path, self._limits)
            except InputError as error:
                skipped[path] = error.message
                continue
            batch.append((key, image))
            pixels += image.width * image.height
            if len(batch) == _AT_ONCE or pixels >= _PIXELS:
                yield batch
                batch, pixels = [], 0
        if batch:
            yield batch

    # ---- on disk

    def _read(self, size: int) -> "Index":
        """The vectors of the index on disk; none where there is no such index, or it is not this model's any more."""
        from usearch.index import Index

        try:
            if self._file is not None and self._file.is_file():
                with np.load(self._file, allow_pickle=False) as kept:
                    about = json.loads(kept["about"].tobytes())
                    same = np.allclose(kept["probe"], self._probe, atol=_PROBE_TOLERANCE)
                    vectors = Index.restore(kept["vectors"].tobytes())
                if about["version"] == _VERSION and same and vectors is not None and vectors.ndim == size:
                    self._entries = {name: _Entry(**each) for name, each in about["entries"].items()}
                    return vectors
        except Exception:  # whatever a damaged file makes its readers raise: the index is made anew
            self._entries = {}
        return Index(ndim=size, metric="cos", dtype="f32")

    def _save(self) -> None:
        """Write the index whole: a reader, or a writer that dies, never sees half of it."""
        if self._file is None:
            return
        entries = {name: asdict(each) for name, each in self._entries.items()}
        about = json.dumps({"version": _VERSION, "entries": entries}).encode()
        buffer = io.BytesIO()
        vectors = bytes(self._vectors.save() or b"")
        np.savez(
            buffer,
            allow_pickle=False,
            about=np.frombuffer(about, np.uint8),
            probe=self._probe,
            vectors=np.frombuffer(vectors, np.uint8),
        )
        self._file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._file.parent, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(buffer.getbuffer())
        os.replace(temporary, self._file)


def files_in(folder: Path) -> Iterator[Path]:
    """The files of a folder and of the folders in it, in order of name; what is hidden is left out."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(root, name)
            if not name.startswith(".") and path.is_file():
                yield path


def worded(query: str) -> str:
    """The query, in English where it is Chinese for mere things; raises ``WrongArgument`` where it says nothing."""
    if not query.strip():
        raise WrongArgument("there are no words to look for", hint="say what the pictures show", field="query")
    return in_english(query.strip())


def vectors_of(images: Sequence[Image], embedder: Embedder, step: StepContext) -> Floats:
    """One unit vector per image, (N, D) of one or more. Raises ``Cancelled`` when it was stopped on the way."""
    parts: list[Floats] = []
    for start in range(0, len(images), _AT_ONCE):
        if step.stop.is_set():
            raise Cancelled("embedding the pictures was stopped")
        parts.append(embedder.embed_images(images[start : start + _AT_ONCE]).vectors)
        done = min(len(images), start + _AT_ONCE)
        step.progress(done / len(images), f"{done} of {len(images)} pictures embedded")
    return np.concatenate(parts)


def ranked(images: Iterable[Image], vectors: Floats, target: Floats, count: int) -> list[tuple[Image, float]]:
    """The ``count`` images whose vectors (N, D) are nearest to ``target`` (D,), best first, each with its cosine."""
    scores = vectors @ target
    found = sorted(zip(images, scores.tolist(), strict=True), key=lambda pair: -pair[1])
    return [(image, round(score, 6)) for image, score in found[:count]]


def _is_picture(path: Path) -> bool:
    """Whether a file begins like a picture, or its name says that it is one."""
    with path.open("rb") as file:
        signature = sniff(file.read(_HEAD))
    if signature is not None and signature.kind == "image":
        return True
    return (mimetypes.guess_type(path.name)[0] or "").startswith("image/")


def _probe_picture() -> Image:
    """Squares of many colours: what a model makes of them tells it from another one."""
    steps = np.arange(8, dtype=np.uint8) * 36
    red, green = np.meshgrid(steps, steps)
    return Image.from_array(np.stack([red, green, 255 - red], axis=-1).repeat(8, axis=0).repeat(8, axis=1))
