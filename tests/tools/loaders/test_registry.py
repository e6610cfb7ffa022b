"""Loaders by name: ours without torch, other packages' through their entry point."""

import subprocess
import sys
from pathlib import Path

import pytest

from panmodal.tools.errors import ProfileError
from panmodal.tools.loaders.registry import LOADERS, get_loader, loader_names


def test_every_name_of_the_table_opens_and_torch_waits() -> None:
    script = (
        "import sys\nfrom panmodal.tools.loaders.registry import LOADERS, get_loader\n"
        "assert [get_loader(name).name for name in LOADERS] == list(LOADERS)\n"
        "print([name for name in ('torch', 'numpy', 'transformers', 'ultralytics', 'openai') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
    assert set(LOADERS) <= set(loader_names())


def test_an_unknown_name_gets_a_near_miss() -> None:
    with pytest.raises(ProfileError, match="there is no loader 'ultralytic' .*did you mean 'ultralytics'"):
        get_loader("ultralytic")


_PACKAGE = """
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from panmodal.tools.media.boxes import Boxes

class Everywhere:
    vocabulary = ("thing",)
    def __init__(self, share):
        self.share = share
    def detect(self, images, labels):
        return [Boxes.of([[0, 0, each.width * self.share, each.height]], ["thing"], [0.5], each) for each in images]

@dataclass
class Backbone:
    share: float
    nbytes: int = 8
    digest: str = ""
    libraries: dict = None
    def adapter(self, role):
        return Everywhere(self.share)
    def close(self):
        pass

class NumberLoader:
    name = "numbers"
    def resolve(self, spec):
        return spec.path
    def measure(self, spec):
        return 8
    def load(self, spec):
        return Backbone(float(spec.path.read_text()))

def broken():
    raise RuntimeError("no such library")
"""
_ASK = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np
from panmodal.tools.errors import ModelError
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.registry import get_loader, loader_names
from panmodal.tools.media.image import Image
from panmodal.tools.see.detect import detect
assert loader_names()[-2:] == ("broken", "numbers") or loader_names()[-2:] == ("numbers", "broken")
spec = ModelSpec("detector", "numbers", "half.txt", base=__import__("pathlib").Path({folder!r}))
detector = get_loader("numbers").load(spec).adapter("detector")
print(detect(Image.from_array(np.zeros((10, 30, 3), np.uint8)), ["things"], detector=detector).xyxy.tolist())
try:
    get_loader("broken")
except ModelError as error:
    print(error)
"""


def test_a_third_party_package_adds_a_loader(tmp_path: Path) -> None:
    (tmp_path / "numbers_loader.py").write_text(_PACKAGE)
    (tmp_path / "half.txt").write_text("0.5")
    facts = tmp_path / "numbers_loader-2.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: numbers-loader\nVersion: 2.0\n")
    (facts / "entry_points.txt").write_text(
        "[panmodal.loaders]\nnumbers = numbers_loader:NumberLoader\nbroken = numbers_loader:broken\n"
    )
    script = _ASK.format(folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[[0.0, 0.0, 15.0, 10.0]]",
        "loader 'broken' of package numbers-loader does not work: RuntimeError: no such library "
        "(update or remove numbers-loader)",
    ]
