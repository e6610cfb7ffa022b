"""Readers of text through the loader: the package's models, files of a user's own, and files that are none."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from panmodal.agent.profiles.loading import PACKAGED, load_profile
from panmodal.tools.errors import CheckpointBroken, CheckpointMissing, ModelError, UnknownRole
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.checkpoints import digest
from panmodal.tools.loaders.onnx_parts import looked_at
from panmodal.tools.loaders.rapidocr import RapidocrLoader
from panmodal.tools.loaders.rapidocr_lines import reading_order, turned
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.image import Image

LOADER = RapidocrLoader()
FOLDER = PACKAGED / "mini" / "ocr"
KEYS = "character"


def spec(folder: Path = FOLDER, **more: Any) -> ModelSpec:
    return ModelSpec("ocr", "rapidocr", str(folder), **more)


@pytest.fixture(scope="module")
def bundled() -> dict[str, Path]:
    """The models that the package carries, by their part."""
    import rapidocr

    files = sorted((Path(rapidocr.__file__).parent / "models").glob("*.onnx"))
    return {part: next(file for file in files if part in file.name) for part in ("det", "cls", "rec")}


@pytest.fixture(scope="module")
def characters(bundled: dict[str, Path]) -> list[str]:
    listed: str = looked_at(spec(), bundled["rec"]).get_modelmeta().custom_metadata_map[KEYS]
    return listed.splitlines()


@pytest.fixture(scope="module")
def bare(bundled: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recogniser without its list of characters, as PaddleOCR exports it."""
    content, kept, at = bundled["rec"].read_bytes(), b"", 0
    while at < len(content):  # the fields of a protobuf message: a tag, a length, so many bytes
        start = at
        tag, at = varint(content, at)
        size, at = varint(content, at)
        at += size if tag & 7 == 2 else 0
        if tag >> 3 != 14:  # metadata_props
            kept += content[start:at]
    path = tmp_path_factory.mktemp("bare") / "my_rec.onnx"
    path.write_bytes(kept)
    return path


def varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


@pytest.fixture
def own(bundled: dict[str, Path], tmp_path: Path) -> Path:
    """A folder with the three files."""
    folder = tmp_path / "own"
    folder.mkdir()
    for part, path in bundled.items():
        (folder / f"my_{part}.onnx").symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def picture() -> Image:
    paper = Pil.new("RGB", (240, 120), "white")
    drawing = ImageDraw.Draw(paper)
    for n, text in enumerate(("Open daily", "from 9:30 to 18:00")):
        drawing.text((15, 15 + 45 * n), text, (20, 20, 60), ImageFont.load_default(24))
    return Image.from_pil(paper)


SAID = ("Open daily", "from 9:30 to 18:00")


def test_a_folder_of_ones_own_is_read_with_through_a_profile(own: Path, tmp_path: Path, picture: Image) -> None:
    (own / "config.json").write_text('{"limit_side_len": 320}')
    profile = tmp_path / "own.toml"
    profile.write_text(
        f'extends = "mini"\n[ocr]\nloader = "rapidocr"\ncheckpoint = "{own}"\nsha256 = "{digest(own)}"\n'
    )
    (asked,) = load_profile(str(profile)).specs()["ocr"]
    loaded = get_loader(asked.loader).load(asked)
    assert loaded.nbytes == LOADER.measure(asked) == sum(path.stat().st_size for path in own.glob("*.onnx"))
    assert loaded.digest == digest(own) and {"rapidocr", "onnxruntime"} == loaded.libraries.keys()
    reader: Any = loaded.adapter("ocr")
    (found,) = reader.read([picture])
    assert found.labels == SAID
    with pytest.raises(UnknownRole, match="serves the ocr"):
        loaded.adapter("detector")
    with pytest.raises(CheckpointBroken, match="the profile states 0000"):
        LOADER.load(spec(own, sha256="0" * 64))


def test_characters_may_lie_beside_the_model(own: Path, bare: Path, characters: list[str], picture: Image) -> None:
    (own / "my_rec.onnx").unlink()
    (own / "my_rec.onnx").symlink_to(bare)
    with pytest.raises(CheckpointBroken, match="my_rec.onnx lists no characters") as caught:
        LOADER.load(spec(own))
    assert "keys.txt" in caught.value.hint
    (own / "keys.txt").write_text("\n".join(characters) + "\n", encoding="utf-8")
    reader: Any = LOADER.load(spec(own)).adapter("ocr")
    assert reader.read([picture])[0].labels == SAID
    (own / "keys.txt").write_text("a\nb\n")
    with pytest.raises(CheckpointBroken, match=rf"tells {len(characters)} characters apart, 2 are listed"):
        LOADER.load(spec(own))
    (own / "keys.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(CheckpointBroken, match=r"keys.txt cannot be read"):
        LOADER.load(spec(own))


def test_settings_decide_what_counts_as_text(own: Path, picture: Image) -> None:
    strict: Any = LOADER.load(spec(own, options={"text_score": 1.0})).adapter("ocr")
    assert strict.read([picture])[0].empty
    for name, value in (("box_thresh", 2), ("limit_side_len", "large"), ("text_score", -1)):
        with pytest.raises(CheckpointBroken, match=f"its {name} {value!r} is no number from"):
            LOADER.load(spec(own, options={name: value}))
    (own / "config.json").write_text("[]")
    with pytest.raises(CheckpointBroken, match=r"config.json is no JSON object"):
        LOADER.load(spec(own))


def test_files_that_are_no_such_models_are_told(own: Path, bundled: dict[str, Path], tmp_path: Path) -> None:
    det = own / "my_det.onnx"
    for content in (b"", b"no model", bundled["det"].read_bytes()[:50_000]):
        det.unlink()
        det.write_bytes(content)
        with pytest.raises(CheckpointBroken, match=r"my_det.onnx is no model of ONNX"):
            LOADER.load(spec(own))
    det.unlink()
    with pytest.raises(CheckpointBroken, match="must have det in its name: none"):
        LOADER.measure(spec(own))
    det.symlink_to(bundled["cls"])
    with pytest.raises(CheckpointBroken, match=r"my_det.onnx gives 2 axes, a det model 4"):
        LOADER.load(spec(own))
    (own / "other_det.onnx").symlink_to(bundled["det"])
    with pytest.raises(CheckpointBroken, match=r"my_det.onnx, other_det.onnx"):
        LOADER.load(spec(own))
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(CheckpointBroken, match="is no folder"):
        LOADER.load(spec(tmp_path / "a.onnx"))
    with pytest.raises(CheckpointMissing, match="there is no"):
        LOADER.measure(spec(tmp_path / "nowhere"))


def test_other_devices_and_dtypes_are_refused() -> None:
    for more in ({"device": "cuda"}, {"dtype": "float16"}):
        with pytest.raises(ModelError, match="runs in float32 on the CPU"):
            LOADER.load(spec(**more))


READS = """
import sys
import panmodal.tools.loaders.rapidocr as light
assert not {"cv2", "onnxruntime", "rapidocr", "torch"} & sys.modules.keys()
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.media.image import Image
reader = light.RapidocrLoader().load(ModelSpec("ocr", "rapidocr", sys.argv[1])).adapter("ocr")
assert reader.read([Image.open(sys.argv[2])])[0].labels == ("Open daily", "from 9:30 to 18:00")
blank = Image.open(sys.argv[2]).pixels * 0
assert reader.read([Image.from_array(blank)])[0].empty
assert "torch" not in sys.modules
"""
AUDITOR = """
import os, sys
_log = os.open(os.environ["AUDIT_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def _hook(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        os.write(_log, f"network {event} {args[1:]}\\n".encode())
    elif event in ("os.mkdir", "os.rename", "os.remove"):
        os.write(_log, f"{event} {args[0]}\\n".encode())
    elif event == "open" and isinstance(args[0], str) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        os.write(_log, f"write {os.path.abspath(args[0])}\\n".encode())
sys.addaudithook(_hook)
"""


def test_reading_is_silent_writes_nothing_and_asks_nobody(tmp_path: Path, picture: Image) -> None:
    (tmp_path / "sitecustomize.py").write_text(AUDITOR)
    (tmp_path / "home").mkdir()
    (tmp_path / "page.png").write_bytes(picture.encode()[0])
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "OMP_NUM_THREADS") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", READS, str(FOLDER), str(tmp_path / "page.png")],
        env=kept
        | {
            "HOME": str(tmp_path / "home"),
            "PYTHONPATH": str(tmp_path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AUDIT_LOG": str(tmp_path / "log"),
        },
        cwd=tmp_path / "home",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    told = [line for line in (tmp_path / "log").read_text().splitlines() if not line.startswith("write /dev/")]
    assert told == []
    assert list((tmp_path / "home").iterdir()) == []


def corners(*boxes: tuple[float, float, float, float]) -> Any:
    x0, y0, x1, y1 = np.array(boxes, np.float64).T
    return np.stack([np.stack(each, axis=-1) for each in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], axis=1)


def test_lines_are_ordered_by_columns_under_what_spans_them() -> None:
    lines = corners(
        (0, 60, 90, 80), (110, 60, 200, 80), (0, 0, 200, 20), (110, 30, 200, 50), (0, 30, 90, 50),
        (0, 90, 200, 110), (110, 120, 200, 140), (0, 120, 90, 140), (93, 62, 108, 78),
    )  # fmt: skip
    assert reading_order(lines) == [2, 4, 0, 8, 3, 1, 5, 7, 6]
    assert reading_order(corners((50, 1, 90, 21), (0, 0, 40, 20), (100, 2, 140, 22))) == [1, 0, 2]
    assert reading_order(np.zeros((0, 4, 2))) == []
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 1000, (300, 2))
    crowd = np.concatenate([places, places + rng.uniform(5, 200, (300, 2))], axis=1)
    assert sorted(reading_order(corners(*map(tuple, crowd.tolist())))) == list(range(300)), "each line once"


def test_corners_turn_with_their_picture() -> None:
    box = corners((10, 20, 40, 30))
    for quarters in range(4):
        pixels = np.rot90(np.pad(np.ones((10, 30)), ((20, 50), (10, 60))), quarters)
        y, x = np.nonzero(pixels)
        found = turned(box, (100, 80), quarters)[0]
        assert found[0].tolist() == [x.min(), y.min()], "the first corner is the upper left one again"
        assert found[2].tolist() == [x.max() + 1, y.max() + 1]
