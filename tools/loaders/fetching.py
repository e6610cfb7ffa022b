"""Checkpoints over the network, into Panmodal's home: plain files, and repositories of the hub.

What has arrived of a plain file is kept beside it as ``NAME.part``, and the next try goes on at its last byte as long
as the server still has the same file. A repository comes through huggingface_hub, one file after another: a connection
that breaks is taken up at the library's last chunk, a fetch that was ended at the file.
"""

import errno
import fcntl
import hashlib
import http.client
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from ..errors import CheckpointBroken, CheckpointMissing, ModelError
from .base import ModelSpec

Tell = Callable[[int, int | None], None]
"""Told the bytes that are here and those there will be, None where the server does not say."""

INDEX = "model_index.json"
"""What diffusers keeps beside the folders of a pipeline's parts."""
_HUB = "https://huggingface.co"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WEIGHTS = re.compile(r"(model|diffusion_pytorch_model)(-\d+-of-\d+)?\.safetensors")  # variants have other names
_BESIDE = (".json", ".txt", ".model", ".jinja", ".tiktoken")  # configs and tokenizers
_CHUNK = 1 << 20
_SPARE = 64 << 20  # bytes of the disk that are left to others
_TIMEOUT = 60.0  # seconds without a byte
_TRIES = 3  # in a row that bring nothing new
_PAUSE = 0.5  # seconds before another try


def silent(done: int, of: int | None) -> None:
    """Shows no progress."""


def fetch_file(spec: ModelSpec, target: Path, sha256: str | None, tell: Tell = silent) -> str:
    """Fetch the spec's URL into ``target``, from where an earlier try ended; returns its digest.

    ``sha256`` is what it must have; a file of another digest is removed. Raises ``CheckpointMissing`` where the server
    cannot be reached or does not hand it out, ``CheckpointBroken`` for another digest, and ``ModelError`` where the
    disk is full or another process is fetching the same file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    same = part.with_name(f"{part.name}.same")
    with _alone(spec, part, same) as sink, _disk(spec, part):
        if target.exists():  # another process was first
            part.unlink()
            return _sha256(target)
        failed, best = 0, sink.seek(0, os.SEEK_END)
        while broke_off := _receive(spec, sink, same, sha256, tell):
            here = sink.seek(0, os.SEEK_END)
            failed, best = (0, here) if here > best else (failed + 1, best)
            if failed >= _TRIES:
                raise _unreachable(spec, broke_off + (f"; {best} bytes of it are kept" if best else ""))
            time.sleep(_PAUSE)
        sink.flush()
        found = _sha256(part)
        same.unlink(missing_ok=True)
        if sha256 is not None and found != sha256:
            part.unlink()
            raise CheckpointBroken(
                f"{spec.checkpoint} has the sha256 {found}, not {sha256}: it was removed",
                hint=f"its publisher changed it, or the way here did: {_again(spec)}; "
                f"or state the digest that you trust: --set {spec.role}.sha256=…",
                role=spec.role,
                checkpoint=spec.checkpoint,
            )
        part.replace(target)
        return found


def fetch_repository(spec: ModelSpec, folder: Path, tell: Tell = silent) -> tuple[Path, str, dict[str, int]]:
    """Fetch what loaders need of the hub's repository; returns its folder, its commit, and the files with their bytes.

    ``folder`` is a cache of huggingface_hub's layout. Raises as ``fetch_file`` does.
    """
    from huggingface_hub import HfApi, hf_hub_download, try_to_load_from_cache

    endpoint = os.environ.get("HF_ENDPOINT") or None
    name = spec.checkpoint
    with _hub_errors(spec, endpoint or _HUB), _disk(spec, folder):
        info = HfApi(endpoint=endpoint).model_info(name, revision=spec.revision, files_metadata=True)
        commit, offered = str(info.sha), {each.rfilename: each for each in info.siblings or ()}
        sizes = {each: offered[each].size or 0 for each in wanted(offered)}
        if not any(each.endswith(".safetensors") for each in sizes):
            raise CheckpointBroken(
                f"{name} holds no weights as safetensors, and pickled ones are not opened",
                hint=f"choose another checkpoint: --set {spec.role}.checkpoint=ID",
                role=spec.role,
                checkpoint=name,
            )
        paths = {each: try_to_load_from_cache(name, each, cache_dir=folder, revision=commit) for each in sizes}
        lacking = [each for each, path in paths.items() if not _has(path, sizes[each])]
        need_room(spec, folder, sum(sizes[each] for each in lacking))
        done, total = sum(sizes.values()) - sum(sizes[each] for each in lacking), sum(sizes.values())
        tell(done, total)
        for each in lacking:
            paths[each] = hf_hub_download(
                name, each, revision=commit, cache_dir=folder, endpoint=endpoint,
                force_download=paths[each] is not None, tqdm_class=_bar(tell, done, total),
            )  # fmt: skip
            _check(spec, Path(str(paths[each])), offered[each].lfs)
            done += sizes[each]
            tell(done, total)
        one = next(iter(sizes))
        return (
            Path(str(paths[one])).parents[one.count("/")],
            commit,
            {each: os.path.getsize(str(path)) for each, path in paths.items()},
        )


def wanted(names: Iterable[str]) -> list[str]:
    """The files of a repository that loaders open: weights as safetensors in their usual form, configs, tokenizers.

    A pipeline of diffusers has its parts in folders; elsewhere folders hold the same weights in other formats.
    """
    names = sorted(names)
    depth = 1 if INDEX in names else 0
    near = [name for name in names if name.count("/") <= depth and not name.startswith(".")]
    weights = [name for name in near if name.endswith(".safetensors") and name.count("/") == depth]
    usual = [name for name in weights if _WEIGHTS.fullmatch(name.rpartition("/")[2])]
    return sorted([*(usual or weights), *(name for name in near if name.endswith(_BESIDE))])


def need_room(spec: ModelSpec, folder: Path, nbytes: int) -> None:
    """Raise ``ModelError`` where so many bytes do not fit the folder's disk."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if nbytes + _SPARE > free:
        raise _full(spec, f"{nbytes} bytes are to come and {free} are free", folder)


def _receive(spec: ModelSpec, sink: IO[bytes], same: Path, sha256: str | None, tell: Tell) -> str:
    """Take what the server has beyond what is here; "" when it is whole, else how the connection ended."""
    start = sink.seek(0, os.SEEK_END)
    validator = same.read_text(encoding="utf-8") if same.is_file() else ""
    headers = {"Range": f"bytes={start}-", "If-Range": validator} if start and validator else {}
    try:
        source = urllib.request.urlopen(urllib.request.Request(spec.checkpoint, headers=headers), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _refused(spec, error.code) from error
        if error.headers.get("Content-Range", "") == f"bytes */{start}":
            return ""  # all of it was here
        sink.truncate(0)
        return "the server has less than what was here"
    except (OSError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
    with source:
        _refuse_plain(spec, source.url, sha256)
        if source.status != http.client.PARTIAL_CONTENT:  # it is another file now, or the server cannot go on
            start = 0
            sink.truncate(0)
        same.write_text(_validator(source.headers), encoding="utf-8")
        length = source.headers.get("Content-Length")
        total = start + int(length) if length else None
        need_room(spec, same.parent, int(length or 0))
        done = start
        tell(done, total)
        try:
            for chunk in _chunks(source):
                sink.write(chunk)
                done += len(chunk)
                tell(done, total)
        except _BrokeOff as error:
            return str(error)
    return "" if total is None or done == total else "the connection broke off"


class _BrokeOff(Exception):
    """The server's end, or the way to it, failed; never the disk."""


def _chunks(source: Any) -> Iterator[bytes]:
    try:
        while chunk := source.read(_CHUNK):
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise _BrokeOff(str(error) or type(error).__name__) from error


def _validator(headers: Any) -> str:
    """What says that the file is still the same: a strong ETag, else its date; "" where the server gives neither."""
    etag = str(headers.get("ETag") or "")
    return etag if etag and not etag.startswith("W/") else str(headers.get("Last-Modified") or "")


def _refuse_plain(spec: ModelSpec, url: str, sha256: str | None) -> None:
    """Anybody on the way can change what comes by http: it is taken from this machine, or where a digest is known."""
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and sha256 is None:
        raise ModelError(
            f"the {spec.role}'s checkpoint comes from {url}, which is not https, and the profile states no sha256",
            hint=f"name its https address, or state its digest: --set {spec.role}.sha256=…",
            role=spec.role,
        )


@contextmanager
def _alone(spec: ModelSpec, part: Path, same: Path) -> Iterator[IO[bytes]]:
    """The half that is here, open at its end and held against other processes; where nothing came nothing stays."""
    with part.open("ab+") as sink:
        try:
            fcntl.flock(sink, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelError(
                f"another process is fetching the {spec.role}'s checkpoint {spec.checkpoint}",
                hint="wait for it",
                role=spec.role,
            ) from None
        try:
            yield sink
        finally:
            if not sink.seek(0, os.SEEK_END):
                part.unlink(missing_ok=True)
                same.unlink(missing_ok=True)


@contextmanager
def _disk(spec: ModelSpec, folder: Path) -> Iterator[None]:
    """Around writing: a full disk is told as one."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _full(spec, "no bytes are left", folder) from error


@contextmanager
def _hub_errors(spec: ModelSpec, endpoint: str) -> Iterator[None]:
    """Around calls of huggingface_hub: its errors in Panmodal's terms."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # which client the library speaks HTTP with depends on its version
        if isinstance(error, OSError) and error.filename:
            raise  # it is our disk that failed
        raise _of_the_hub(spec, endpoint, error) from error


def _of_the_hub(spec: ModelSpec, endpoint: str, error: BaseException) -> CheckpointMissing:
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name, token = spec.checkpoint, "log in with `hf auth login` or set HF_TOKEN"
    if isinstance(error, LocalEntryNotFoundError):
        error = error.__cause__ or error  # why it was not fetched, rather than that it is not in the cache
    if not isinstance(error, HfHubHTTPError):
        return _unreachable(spec, f"{type(error).__name__}: {error}", endpoint)
    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        who = f"{name} is gated: its publisher lets in whom they know"
        return _missing(spec, who, f"ask at {endpoint}/{name}, then {token}")
    if isinstance(error, RepositoryNotFoundError) or status == http.client.UNAUTHORIZED:
        none = f"{endpoint} has no repository {name}, or a private one"
        return _missing(spec, none, f"check the name; if you may read it, {token}")
    if isinstance(error, RevisionNotFoundError):
        return _missing(
            spec, f"{name} has no revision {spec.revision}", f"name another: --set {spec.role}.revision=main"
        )
    return _refused(spec, status)


def _bar(tell: Tell, before: int, total: int) -> Any:
    """A class that huggingface_hub takes for a progress bar of tqdm's; it tells of the whole repository."""

    class Bar:
        def __init__(self, *_: object, initial: int = 0, **__: object) -> None:
            self._done = before + initial

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

        def update(self, more: float | None = 1) -> None:
            self._done += int(more or 0)
            tell(self._done, total)

        def update_transfer(self, more: float | None = 1) -> None:
            """Bytes on the way, before they are unpacked: not shown."""

        def set_postfix_str(self, *_: object, **__: object) -> None:
            """Whoever is told knows the rate."""

        set_transfer_postfix_str = set_postfix_str

        def close(self) -> None:
            """Nothing is open."""

    return Bar


def _check(spec: ModelSpec, path: Path, lfs: Any) -> None:
    """Compare a file with the digest that the hub states of it, and remove it where they differ."""
    if lfs is None:
        return  # small files have no digest of their content there
    found = _sha256(path)
    if found != lfs.sha256:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise CheckpointBroken(
            f"{path.name} of {spec.checkpoint} has the sha256 {found}, the hub states {lfs.sha256}: it was removed",
            hint=_again(spec),
            role=spec.role,
            checkpoint=spec.checkpoint,
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _has(path: object, nbytes: int) -> bool:
    return isinstance(path, str) and os.path.getsize(path) == nbytes


def _again(spec: ModelSpec) -> str:
    return f"try again: {spec.pull}" if spec.pull else "try again"


def _own_copy(spec: ModelSpec) -> str:
    return f"give a copy that you have: --set {spec.role}.checkpoint=PATH"


def _unreachable(spec: ModelSpec, why: str, where: str = "") -> CheckpointMissing:
    host = urlsplit(where or spec.checkpoint).netloc
    return _missing(spec, f"cannot reach {host}: {why}", f"connect and {_again(spec)}; or {_own_copy(spec)}")


def _refused(spec: ModelSpec, status: int) -> CheckpointMissing:
    meaning = http.client.responses.get(status, "")
    hints = {
        401: "its publisher asks who you are: get it by hand",
        403: "its publisher does not hand it out like this: get it by hand",
        404: "check the name in the profile",
        410: "its publisher took it back: choose another checkpoint",
    }
    return _missing(
        spec,
        f"{spec.checkpoint} could not be fetched: HTTP {status} {meaning}".rstrip(),
        f"{hints.get(status, _again(spec))}; or {_own_copy(spec)}",
    )


def _missing(spec: ModelSpec, message: str, hint: str) -> CheckpointMissing:
    return CheckpointMissing(message, hint=hint, role=spec.role, checkpoint=spec.checkpoint)


def _full(spec: ModelSpec, why: str, folder: Path) -> ModelError:
    return ModelError(
        f"the disk of {folder} has no room for the {spec.role}'s checkpoint {spec.checkpoint}: {why}",
        hint="make room, or set PANMODAL_HOME to a folder on a larger disk",
        role=spec.role,
    )
