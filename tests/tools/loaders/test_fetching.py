"""Checkpoints over the network: what breaks off goes on, what is wrong is not kept, a failure says what to do."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from panmodal.tools.errors import CheckpointBroken, CheckpointMissing, ModelError
from panmodal.tools.loaders import fetching
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.checkpoints import checked_digest, fetch, find_file
from panmodal.tools.loaders.pulled import recorded

CONTENT = bytes(range(256)) * 4000  # about a megabyte


@dataclass
class Shelf:
    """One file on loopback, and how its server behaves."""

    address: str = ""
    content: bytes = CONTENT
    etag: str | None = '"one"'
    status: int = 0
    """An error that it answers with; 0 for none."""
    breaks: list[int] = field(default_factory=list)
    """After how many bytes its next answers end; whole ones once the list is empty."""
    silent: int = 0
    """How many of its next connections it closes without a word."""
    asked: list[str] = field(default_factory=list)
    """The ranges that were asked for, "" for the whole file."""

    @property
    def url(self) -> str:
        return f"{self.address}/model.pt"

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        wanted = to.headers.get("Range", "")
        self.asked.append(wanted)
        if self.silent:
            self.silent -= 1
            return
        same = self.etag is not None and to.headers.get("If-Range") == self.etag
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and same else 0
        if self.status or start >= len(self.content):
            to.send_response(self.status or 416)
            to.send_header("Content-Range", f"bytes */{len(self.content)}")
            to.send_header("Content-Length", "0")
            to.end_headers()
            return
        to.send_response(206 if start else 200)
        to.send_header("Content-Length", str(len(self.content) - start))
        if self.etag:
            to.send_header("ETag", self.etag)
        to.end_headers()
        to.wfile.write(self.content[start : start + (self.breaks.pop(0) if self.breaks else len(self.content))])


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """A file on loopback; between tries nobody waits."""
    monkeypatch.setattr(fetching, "_PAUSE", 0.0)
    shelf = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shelf.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    shelf.address = f"http://127.0.0.1:{server.server_port}"
    yield shelf
    server.shutdown()
    server.server_close()


def spec(url: str, models: Path, **more: object) -> ModelSpec:
    return ModelSpec("detector", "ultralytics", url, models=models, pull="panmodal pull mine --role detector", **more)  # type: ignore[arg-type]


def files(models: Path) -> dict[str, bytes]:
    """Everything that lies among the downloads, by name."""
    return {each.name: each.read_bytes() for each in (models / "downloads").rglob("*") if each.is_file()}


def test_a_connection_that_breaks_off_goes_on_at_the_byte(shelf: Shelf, tmp_path: Path) -> None:
    shelf.breaks = [300_000, 200_000]
    told: list[tuple[int, int | None]] = []
    pulled = fetch(spec(shelf.url, tmp_path), lambda done, of: told.append((done, of)))
    assert shelf.asked == ["", "bytes=300000-", "bytes=500000-"]
    assert files(tmp_path) == {"model.pt": CONTENT}
    assert pulled.sha256 == hashlib.sha256(CONTENT).hexdigest() and pulled.nbytes == len(CONTENT)
    assert told[0] == (0, len(CONTENT)) and told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_another_day_it_goes_on_as_well(shelf: Shelf, tmp_path: Path) -> None:
    shelf.breaks = [300_000, 0, 0, 0]
    with pytest.raises(CheckpointMissing, match=r"cannot reach 127.0.0.1.*300000 bytes of it are kept") as caught:
        fetch(spec(shelf.url, tmp_path))
    assert "panmodal pull mine --role detector" in caught.value.hint
    assert "--set detector.checkpoint=PATH" in caught.value.hint
    assert files(tmp_path)["model.pt.part"] == CONTENT[:300_000]
    with pytest.raises(CheckpointMissing):
        find_file(spec(shelf.url, tmp_path))  # a half is not taken for the whole
    shelf.asked.clear()
    fetch(spec(shelf.url, tmp_path))
    assert shelf.asked == ["bytes=300000-"]
    assert files(tmp_path) == {"model.pt": CONTENT}


@pytest.mark.parametrize("etag", ['"two"', None, 'W/"one"'])
def test_a_half_of_another_file_is_thrown_away(shelf: Shelf, tmp_path: Path, etag: str | None) -> None:
    shelf.breaks = [300_000, 0, 0, 0]
    shelf.etag = '"one"' if etag == '"two"' else etag
    with pytest.raises(CheckpointMissing):
        fetch(spec(shelf.url, tmp_path))
    shelf.content, shelf.etag = CONTENT[::-1], etag
    fetch(spec(shelf.url, tmp_path))
    assert files(tmp_path) == {"model.pt": CONTENT[::-1]}


def test_a_half_that_was_whole_is_not_fetched_again(shelf: Shelf, tmp_path: Path) -> None:
    shelf.breaks = [len(CONTENT) - 1, 0, 0, 0]
    with pytest.raises(CheckpointMissing):
        fetch(spec(shelf.url, tmp_path))
    (part,) = (tmp_path / "downloads").rglob("*.part")
    part.write_bytes(CONTENT)
    fetch(spec(shelf.url, tmp_path))
    assert shelf.asked[-1] == f"bytes={len(CONTENT)}-"
    assert files(tmp_path) == {"model.pt": CONTENT}


def test_the_second_time_nobody_is_asked(shelf: Shelf, tmp_path: Path) -> None:
    first = fetch(spec(shelf.url, tmp_path))
    assert fetch(spec(shelf.url, tmp_path)) == first
    assert shelf.asked == [""]
    find_file(spec(shelf.url, tmp_path)).unlink()
    assert fetch(spec(shelf.url, tmp_path)) == first
    assert shelf.asked == ["", ""]


def test_the_first_digest_is_trusted_and_then_enforced(shelf: Shelf, tmp_path: Path) -> None:
    mine = spec(shelf.url, tmp_path)
    assert recorded(mine) is None
    fetch(mine)
    path = find_file(mine)
    assert checked_digest(mine, path) == hashlib.sha256(CONTENT).hexdigest()
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(CheckpointBroken, match="the first fetch, on .* states") as caught:
        checked_digest(mine, path)
    assert f"rm -r {path} && panmodal pull mine --role detector" in caught.value.hint
    path.unlink()
    shelf.content = CONTENT[::-1]
    with pytest.raises(CheckpointBroken, match="it was removed"):
        fetch(mine)  # the publisher changed it: that is not for us to trust
    assert files(tmp_path) == {}
    trusted = hashlib.sha256(CONTENT[::-1]).hexdigest()
    assert fetch(spec(shelf.url, tmp_path, sha256=trusted)).sha256 == trusted  # but it is for the profile


def test_a_wrong_digest_leaves_nothing_behind(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(CheckpointBroken, match=f"not {'f' * 64}: it was removed"):
        fetch(spec(shelf.url, tmp_path, sha256="f" * 64))
    assert files(tmp_path) == {} and recorded(spec(shelf.url, tmp_path)) is None


def test_a_file_that_somebody_put_there_is_recorded_and_not_fetched(shelf: Shelf, tmp_path: Path) -> None:
    mine = spec(shelf.url, tmp_path)
    with pytest.raises(CheckpointMissing) as caught:
        find_file(mine)
    place = Path(str(caught.value).split("there is no ")[1].split(" (")[0])
    place.parent.mkdir(parents=True)
    place.write_bytes(b"by hand")
    with pytest.raises(CheckpointBroken):
        fetch(spec(shelf.url, tmp_path, sha256="f" * 64))
    assert fetch(mine).sha256 == hashlib.sha256(b"by hand").hexdigest()
    assert shelf.asked == []


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (404, "HTTP 404 Not Found .check the name"),
        (403, "HTTP 403 Forbidden .its publisher"),
        (401, "who you are"),
        (503, "HTTP 503.*panmodal pull mine"),
    ],
)
def test_a_refusal_says_what_to_do(shelf: Shelf, tmp_path: Path, status: int, says: str) -> None:
    shelf.status = status
    with pytest.raises(CheckpointMissing, match=says) as caught:
        fetch(spec(shelf.url, tmp_path))
    assert "--set detector.checkpoint=PATH" in caught.value.hint
    assert shelf.asked == [""] and files(tmp_path) == {}


def test_no_server_is_said_with_its_name(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing, match="cannot reach 127.0.0.1:9: .*refused") as caught:
        fetch(spec("http://127.0.0.1:9/model.pt", tmp_path))
    assert "--set detector.checkpoint=PATH" in caught.value.hint


def test_a_full_disk_is_said_before_the_first_byte(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_SPARE", 1 << 62)  # no disk has so much
    with pytest.raises(ModelError, match=f"no room .*{len(CONTENT)} bytes are to come") as caught:
        fetch(spec(shelf.url, tmp_path))
    assert "PANMODAL_HOME" in caught.value.hint
    assert "model.pt.part" not in files(tmp_path)


def test_an_interrupt_keeps_what_came(shelf: Shelf, tmp_path: Path) -> None:
    def interrupt(done: int, of: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    shelf.content = CONTENT * 3
    with pytest.raises(KeyboardInterrupt):
        fetch(spec(shelf.url, tmp_path), interrupt)
    kept = files(tmp_path)["model.pt.part"]
    assert 0 < len(kept) < len(shelf.content) and shelf.content.startswith(kept)
    fetch(spec(shelf.url, tmp_path))
    assert shelf.asked[-1] == f"bytes={len(kept)}-"
    assert files(tmp_path) == {"model.pt": shelf.content}


def test_two_at_once_do_not_write_one_file(shelf: Shelf, tmp_path: Path) -> None:
    seen: list[str] = []

    def meanwhile(done: int, of: int | None) -> None:
        if not seen:
            with pytest.raises(ModelError, match="another process is fetching") as caught:
                fetch(spec(shelf.url, tmp_path))
            seen.append(caught.value.hint)

    fetch(spec(shelf.url, tmp_path), meanwhile)
    assert seen == ["wait for it"]
    assert files(tmp_path) == {"model.pt": CONTENT}


def test_what_anybody_could_change_on_the_way_needs_a_digest(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_LOOPBACK", ())  # as if the shelf were on another machine
    with pytest.raises(ModelError, match="is not https, and the profile states no sha256"):
        fetch(spec(shelf.url, tmp_path))
    assert files(tmp_path) == {}
    fetch(spec(shelf.url, tmp_path, sha256=hashlib.sha256(CONTENT).hexdigest()))
    assert files(tmp_path) == {"model.pt": CONTENT}


def test_a_server_that_says_nothing_is_asked_again(shelf: Shelf, tmp_path: Path) -> None:
    shelf.silent = 2
    fetch(spec(shelf.url, tmp_path))
    assert files(tmp_path) == {"model.pt": CONTENT}
    shelf.silent = 9
    with pytest.raises(CheckpointMissing, match="cannot reach 127.0.0.1.*closed connection without response"):
        fetch(spec(f"{shelf.url}?other", tmp_path))


def test_a_profile_that_trusts_another_file_is_not_given_the_old_one(shelf: Shelf, tmp_path: Path) -> None:
    fetch(spec(shelf.url, tmp_path))
    other = hashlib.sha256(CONTENT[::-1]).hexdigest()
    with pytest.raises(CheckpointBroken, match=f"the profile states {other}") as caught:
        fetch(spec(shelf.url, tmp_path, sha256=other))
    assert "rm -r " in caught.value.hint


def test_a_broken_record_is_named(shelf: Shelf, tmp_path: Path) -> None:
    mine = spec(shelf.url, tmp_path)
    fetch(mine)
    (record,) = (tmp_path / "pulled").iterdir()
    record.write_text("{}")
    with pytest.raises(CheckpointBroken, match=f"the record {record} .* cannot be read"):
        fetch(mine)


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (
            ["README.md", ".gitattributes", "config.json", "merges.txt", "model.safetensors", "model.fp16.safetensors",
             "pytorch_model.bin", "onnx/model.onnx", "original/model.safetensors", "chat_template.jinja"],
            ["chat_template.jinja", "config.json", "merges.txt", "model.safetensors"],
        ),
        (["config.json", "weights.safetensors"], ["config.json", "weights.safetensors"]),
        (
            ["model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
             "consolidated.safetensors"],
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"],
        ),
        (
            ["model_index.json", "pipeline.safetensors", "vae/config.json", "vae/diffusion_pytorch_model.safetensors",
             "vae/diffusion_pytorch_model.fp16.safetensors", "tokenizer/merges.txt", "a/b/config.json"],
            ["model_index.json", "tokenizer/merges.txt", "vae/config.json", "vae/diffusion_pytorch_model.safetensors"],
        ),
    ],
)  # fmt: skip
def test_only_what_loaders_open_is_wanted(offered: list[str], taken: list[str]) -> None:
    assert fetching.wanted(offered) == taken
