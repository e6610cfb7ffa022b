"""Where checkpoints lie, what they will cost, and that they are what the profile says."""

import hashlib
import json
import struct
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from panmodal.tools.errors import CheckpointBroken, CheckpointMissing
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.checkpoints import (
    cache_folder,
    checked_digest,
    digest,
    find_file,
    find_folder,
    get_file,
    measure_safetensors,
    read_json,
)


def spec(checkpoint: str, **more: object) -> ModelSpec:
    return ModelSpec("detector", "ultralytics", checkpoint, **more)  # type: ignore[arg-type]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An address on loopback and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


def test_the_digest_of_a_file_is_its_sha256_and_of_a_folder_what_sha256sum_prints(tmp_path: Path) -> None:
    (tmp_path / "b.bin").write_bytes(b"two")
    (tmp_path / "a.bin").write_bytes(b"one")
    one, two = hashlib.sha256(b"one").hexdigest(), hashlib.sha256(b"two").hexdigest()
    assert digest(tmp_path / "a.bin") == one
    listed = f"{one}  a.bin\n{two}  b.bin\n"
    assert digest(tmp_path) == hashlib.sha256(listed.encode()).hexdigest()
    (tmp_path / "README.md").write_text("a model card")
    (tmp_path / ".lock").write_text("")
    assert digest(tmp_path) == hashlib.sha256(listed.encode()).hexdigest()


def test_another_digest_than_stated_is_broken(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"one")
    stated = hashlib.sha256(b"one").hexdigest()
    assert checked_digest(spec("a.pt", sha256=stated), tmp_path / "a.pt") == stated
    with pytest.raises(CheckpointBroken, match=f"its sha256 is {stated}, the profile states ffff"):
        checked_digest(spec("a.pt", sha256="f" * 64), tmp_path / "a.pt")


def test_sizes_come_from_headers_in_the_dtype_of_use(tmp_path: Path) -> None:
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "w": {"dtype": "F16", "shape": [10, 20], "data_offsets": [0, 400]},
            "n": {"dtype": "I64", "shape": [], "data_offsets": [400, 408]},
        }
    ).encode()
    file = tmp_path / "m.safetensors"
    file.write_bytes(struct.pack("<Q", len(header)) + header)  # the tensors themselves are not even there
    assert measure_safetensors(spec("m"), [file]) == 10 * 20 * 4 + 8
    assert measure_safetensors(spec("m", dtype="bfloat16"), [file, file]) == 2 * (10 * 20 * 2 + 8)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        struct.pack("<Q", 1 << 40),
        struct.pack("<Q", 5) + b"notjs",
        *(
            struct.pack("<Q", len(header)) + header
            for header in (
                b'{"a": 5}',
                b'{"a": {}}',
                b'{"a": {"dtype": "F32", "shape": [-1]}}',
                b'{"a": {"dtype": [], "shape": []}}',
                b"[" * 100_000,
            )
        ),
    ],
)
def test_what_is_no_safetensors_file_is_said(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "m.safetensors"
    file.write_bytes(content)
    with pytest.raises(CheckpointBroken, match="m.safetensors is no safetensors file"):
        measure_safetensors(spec("m"), [file])


def test_a_relative_path_lies_beside_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "mine.pt").write_bytes(b"x")
    found = spec("mine.pt", base=tmp_path)
    assert find_file(found) == tmp_path / "mine.pt"
    assert found.key == spec(str(tmp_path / "mine.pt")).key
    with pytest.raises(CheckpointMissing, match="there is no .*/other.pt"):
        find_file(spec("other.pt", base=tmp_path))
    for find in (find_file, find_folder):
        with pytest.raises(CheckpointMissing):
            find(spec("x" * 5000, base=tmp_path))


def test_nested_too_deep_is_broken(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(CheckpointBroken, match="deep.json cannot be read"):
        read_json(spec("m"), tmp_path / "deep.json")


def test_a_url_is_fetched_once_and_only_where_the_network_is_allowed(served: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = served
    (folder / "mine.pt").write_bytes(b"weights")
    url, models = f"{address}/mine.pt", tmp_path / "models"
    with pytest.raises(CheckpointMissing, match=f"curl --create-dirs -L -o {models}/downloads/.*/mine.pt {url}"):
        get_file(spec(url, models=models))
    assert not models.exists()
    found = get_file(spec(url, models=models, network=True))
    assert found.read_bytes() == b"weights"
    (folder / "mine.pt").unlink()
    assert get_file(spec(url, models=models, network=True)) == found  # it is here already
    assert find_file(spec(url, models=models)) == found
    with pytest.raises(CheckpointMissing, match="could not be fetched: HTTP 404"):
        get_file(spec(f"{address}/other.pt", models=models, network=True))


def test_without_a_cache_the_environments_home_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANMODAL_HOME", str(tmp_path))
    assert cache_folder(spec("m")) == tmp_path / "cache"
    assert cache_folder(spec("m", cache=tmp_path / "other")) == tmp_path / "other"


def test_keys_are_equal_exactly_where_one_load_serves_both() -> None:
    model = spec("org/model", options={"a": 1, "b": 2})
    assert model.key == ModelSpec("mllm", "ultralytics", "org/model", options={"b": 2, "a": 1}).key
    for other in ({"dtype": "float16"}, {"device": "cuda"}, {"revision": "v2"}, {"options": {"a": 1}}):
        assert spec("org/model", **{"options": {"a": 1, "b": 2}, **other}).key != model.key
