"""`panmodal pull`: checkpoints come from a hub and a shelf on loopback, are used offline, and never come twice."""

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from panmodal.agent.cli.app import app
from panmodal.agent.home import Home
from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.errors import CheckpointBroken
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.checkpoints import checked_digest
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.image import Image

COMMIT = "c0ffee" + "0" * 34


@dataclass
class Hub:
    """One repository, as a hub shows it, and a file beside it; ``errors`` are answers to paths instead of files."""

    files: dict[str, bytes]
    address: str = ""
    errors: dict[str, tuple[int, str]] = field(default_factory=dict)
    breaks: list[int] = field(default_factory=list)
    """After how many bytes the next answers with weights end."""
    wrong: bool = False
    """Whether it states digests that its files do not have."""
    asked: list[str] = field(default_factory=list)

    def answer(self, to: BaseHTTPRequestHandler, body: bool) -> None:
        path = to.path.partition("?")[0]
        self.asked.append(f"{to.command} {path} {to.headers.get('Range', '')}".rstrip())
        status, code = self.errors.get(path, (0, ""))
        name = path.rpartition("/")[2]
        if status:
            self._send(to, status, b"", {"X-Error-Code": code, "X-Error-Message": code}, body)
        elif path.startswith("/api/models/org/tiny"):
            self._send(to, 200, json.dumps(self._listing()).encode(), {"Content-Type": "application/json"}, body)
        elif path.startswith(f"/org/tiny/resolve/{COMMIT}/") and name in self.files:
            self._send(
                to, 200, self.files[name], {"X-Repo-Commit": COMMIT, "ETag": f'"{_sha256(self.files[name])}"'}, body
            )
        elif path == "/shelf/yolo.pt":
            self._send(to, 200, b"weights", {"ETag": '"y"'}, body)
        else:
            self._send(to, 404, b"", {}, body)

    def _listing(self) -> dict[str, Any]:
        def shown(name: str, content: bytes) -> dict[str, Any]:
            lfs = {"sha256": "0" * 64 if self.wrong else _sha256(content), "size": len(content), "pointerSize": 1}
            more = {"lfs": lfs} if name.endswith(".safetensors") else {}
            return {"rfilename": name, "size": len(content), "blobId": "0" * 40, **more}

        return {"id": "org/tiny", "sha": COMMIT, "siblings": [shown(*each) for each in self.files.items()]}

    def _send(
        self, to: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str], body: bool
    ) -> None:
        start = int(to.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-")) if body else 0
        to.send_response(206 if start else status)
        for name, value in {**headers, "Content-Length": str(len(content) - start)}.items():
            to.send_header(name, value)
        to.end_headers()
        end = start + self.breaks.pop(0) if self.breaks and to.path.endswith(".safetensors") and body else None
        to.wfile.write(content[start:end] if body else b"")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def hub(llava_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on loopback with a tiny model that sees, and files that nobody wants."""
    files = {path.name: path.read_bytes() for path in llava_folder.iterdir() if path.is_file()}
    hub = Hub({**files, "README.md": b"# tiny", "pytorch_model.bin": b"pickled"})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.answer(self, body=True)

        def do_HEAD(self) -> None:
            hub.answer(self, body=False)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    yield hub
    server.shutdown()
    server.server_close()


@pytest.fixture
def work(tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a home, and a profile whose checkpoints are on the hub and the shelf."""
    monkeypatch.setenv("PANMODAL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "far.toml").write_text(
        f"""
        [planner]
        loader = "transformers"
        checkpoint = "org/tiny"
        revision = "main"
        size = "1 MiB"
        licence = "MIT"
        run_here = false
        sources = [
          {{ title = "Model card of tiny", url = "https://example.org/tiny", read = 2026-11-27 }},
        ]
        [mllm]
        loader = "transformers"
        checkpoint = "org/tiny"
        revision = "main"
        [detector]
        loader = "ultralytics"
        checkpoint = "{hub.address}/shelf/yolo.pt"
        [tts]
        loader = "espeak-ng"
        checkpoint = "package:mini/tts"
        [writer]
        loader = "openai-compatible"
        checkpoint = "some-model"
        device = "remote"
        options = {{ base_url = "http://127.0.0.1:9/v1" }}
        [cloud_classifier]
        loader = "transformers"
        checkpoint = "./nowhere"
        """
    )
    return tmp_path


def panmodal(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def pulled(*arguments: str) -> dict[str, dict[str, Any]]:
    """What `pull --json` says of each checkpoint, by its first role."""
    done = panmodal("pull", "far.toml", *arguments, "--json")
    document = json.loads(done.stdout)
    assert document["version"] == "panmodal.pull/1"
    assert done.exit_code == any(each["state"] == "failed" for each in document["checkpoints"])
    return {each["roles"][0]: each for each in document["checkpoints"]}


def mllm_of(work: Path) -> ModelSpec:
    home = Home(work / "home")
    return load_profile("far.toml", home=home, cwd=work).specs(home.cache, home.models)["mllm"][0]


def test_what_was_pulled_answers_offline_and_does_not_come_twice(hub: Hub, work: Path, llava_folder: Path) -> None:
    first = pulled()
    assert {role: row["state"] for role, row in first.items()} == {
        "planner": "fetched", "detector": "fetched", "tts": "here", "writer": "remote", "cloud_classifier": "failed",
    }  # fmt: skip
    assert "there is no" in first["cloud_classifier"]["error"]["message"]
    assert first["planner"]["roles"] == ["planner", "mllm"]
    assert first["planner"]["commit"] == COMMIT
    got = {line.rpartition("/")[2] for line in hub.asked if line.startswith("GET /org")}
    assert got == set(hub.files) - {"README.md", "pytorch_model.bin"}
    assert first["detector"]["sha256"] == _sha256(b"weights")

    hub.asked.clear()
    hub.errors = dict.fromkeys(("/api/models/org/tiny/revision/main", "/shelf/yolo.pt"), (500, ""))
    second = pulled()
    assert hub.asked == []
    assert {row["state"] for row in second.values()} == {"here", "remote", "failed"}
    assert second["planner"]["sha256"] == first["planner"]["sha256"]

    picture = Image.from_array(np.full((20, 20, 3), (200, 10, 10), np.uint8))
    loader = get_loader("transformers")
    remote, local = (
        loader.load(spec).adapter("mllm").answer([[picture]], ["what colour is the star"], max_tokens=6)  # type: ignore[attr-defined]
        for spec in (mllm_of(work), ModelSpec("mllm", "transformers", str(llava_folder)))
    )
    assert remote == local and remote[0].tokens_out > 0
    assert hub.asked == []


def test_a_hub_that_breaks_off_goes_on_at_the_chunk_and_an_interrupted_pull_at_the_file(
    hub: Hub, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 4096)
    weights = f"/org/tiny/resolve/{COMMIT}/model.safetensors"
    hub.errors = {weights: (403, "")}
    failed = pulled("--role", "mllm")["mllm"]
    assert failed["state"] == "failed" and "HTTP 403" in failed["error"]["message"]
    here = {line.split()[1].rpartition("/")[2] for line in hub.asked if line.startswith("GET /org")}
    assert "config.json" in here

    hub.errors, hub.breaks = {}, [10_000]
    hub.asked.clear()
    assert pulled("--role", "mllm")["mllm"]["state"] == "fetched"
    got = [line for line in hub.asked if line.startswith("GET /org")]
    assert got[:2] == [f"GET {weights}", f"GET {weights} bytes=8192-"]
    assert not here & {line.split()[1].rpartition("/")[2] for line in got}


def test_a_branch_that_moved_on_is_not_taken_for_what_was_trusted(hub: Hub, work: Path) -> None:
    first = pulled("--role", "mllm")["mllm"]
    (Path(first["path"]) / "config.json").unlink()
    hub.asked.clear()
    assert pulled("--role", "mllm")["mllm"]["sha256"] == first["sha256"]
    assert hub.asked[0] == f"GET /api/models/org/tiny/revision/{COMMIT}"


def test_a_changed_checkpoint_is_refused_by_the_loader_with_the_command_that_mends_it(hub: Hub, work: Path) -> None:
    row = pulled("--role", "mllm")["mllm"]
    weights = Path(row["path"]) / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    spec = mllm_of(work)
    with pytest.raises(CheckpointBroken, match="the first fetch, on 2") as caught:
        get_loader("transformers").load(spec)
    remove, _, again = caught.value.hint.split("(")[1].split(")")[0].partition(" && ")
    assert remove.startswith("rm -r ") and again == "panmodal pull far.toml --role mllm"
    assert (folder := Path(remove.removeprefix("rm -r "))).is_relative_to(work / "home" / "models")
    shutil.rmtree(folder)
    assert pulled("--role", "mllm")["mllm"]["state"] == "fetched"
    assert checked_digest(spec, Path(row["path"])) == row["sha256"]


def test_what_is_not_what_the_hub_states_is_removed(hub: Hub, work: Path) -> None:
    hub.wrong = True
    error = pulled("--role", "mllm")["mllm"]["error"]
    assert error["code"] == "checkpoint-broken" and "the hub states 0000" in error["message"]
    assert not list((work / "home").rglob("model.safetensors"))


@pytest.mark.parametrize(
    ("status", "code", "says", "do"),
    [
        (404, "RepoNotFound", "no repository org/tiny", "HF_TOKEN"),
        (401, "", "no repository org/tiny", "HF_TOKEN"),
        (403, "GatedRepo", "org/tiny is gated", "hf auth login"),
        (404, "RevisionNotFound", "no revision main", "mllm.revision"),
        (500, "", "HTTP 500", "panmodal pull far.toml --role mllm"),
    ],
)
def test_a_refusal_of_the_hub_says_what_to_do(hub: Hub, work: Path, status: int, code: str, says: str, do: str) -> None:
    hub.errors = {"/api/models/org/tiny/revision/main": (status, code)}
    error = pulled("--role", "mllm")["mllm"]["error"]
    assert error["code"] == "checkpoint-missing"
    assert says in error["message"] and do in error["hint"]


def test_without_a_network_it_is_said_once_a_checkpoint(hub: Hub, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = panmodal("pull", "far.toml", "--role", "mllm", "--role", "detector")
    assert done.exit_code == 1
    assert "cannot reach 127.0.0.1:9" in done.stderr and "--set mllm.checkpoint=PATH" in done.stderr
    assert "fetched" in done.stdout, "the other one came"


def test_a_repository_of_pickles_is_not_fetched(hub: Hub, work: Path) -> None:
    hub.files = {name: content for name, content in hub.files.items() if not name.endswith(".safetensors")}
    error = pulled("--role", "mllm")["mllm"]["error"]
    assert "no weights as safetensors" in error["message"]
    assert not any(line.startswith("GET /org") for line in hub.asked)


def test_a_dry_run_shows_what_would_come_and_asks_nobody(hub: Hub, work: Path) -> None:
    done = panmodal("pull", "far.toml", "--dry-run", "--role", "planner", "--role", "detector")
    assert done.exit_code == 0 and hub.asked == []
    assert "to fetch: 1.0 MiB in 1, and 1 of unknown size" in done.stdout
    assert not (work / "home" / "models" / "pulled").exists()


def test_a_role_that_is_not_served_is_told(work: Path) -> None:
    done = panmodal("pull", "far.toml", "--role", "segmenter")
    assert done.exit_code == 2 and "it serves planner, mllm" in done.stderr


def test_models_shows_pages_unknown_facts_and_what_the_first_fetch_found(hub: Hub, work: Path) -> None:
    before = panmodal("models", "--profile", "far.toml").stdout
    planner = before.split("\nplanner")[1].split("\n\n")[0]
    assert "source     Model card of tiny, https://example.org/tiny, read 2026-11-27" in planner
    assert "tried      not run here" in planner
    assert "memory     unknown" in planner and "sha256     unknown" in planner
    assert "size       1.0 MiB" in planner
    assert "panmodal pull far.toml --role planner" in planner
    row = pulled("--role", "planner")["planner"]
    after = panmodal("models", "--profile", "far.toml", "--json").stdout
    fields = json.loads(after)["models"][0]["fields"]
    assert fields["sha256"]["value"] == row["sha256"]
    assert fields["sha256"]["origin"].startswith("the first fetch, 2")
    assert fields["sources"]["value"] == [
        {"title": "Model card of tiny", "url": "https://example.org/tiny", "read": "2026-11-27"}
    ]
