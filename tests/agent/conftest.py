"""An agent without models, own tools, and a tiny model of another package's loader: what tests of whole runs need."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from panmodal import Agent, tool
from panmodal.tools.card import Card
from panmodal.tools.contract import Tool
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image


@tool
def mirror(image: Image) -> Image:
    """Mirror a picture left to right."""
    return Image.from_array(image.pixels[:, ::-1].copy())


@tool(card=Card(cost="instant", examples=("how bright is the picture", "measure the brightness")))
def brightness(image: Image) -> float:
    """Measure the brightness of a picture."""
    return float(image.pixels.mean())


@tool
def bright_spot(image: Image) -> Boxes:
    """Find the bright spot of a picture."""
    rows, columns = np.nonzero(image.pixels.min(axis=2) > 200)
    if not len(rows):
        return Boxes.of([], [], [], image)
    return Boxes.of([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], ["spot"], [0.9], image)


TINY_LOADER = '''
import time
from panmodal.tools.errors import CheckpointMissing
from panmodal.tools.roles import Reply

class Eye:
    """Looks at one pixel and names its colour."""
    def answer(self, images, questions, *, max_tokens=64, stop=None):
        red, green, blue = images[0][0].pixels[0, 0].tolist()
        text = "red" if red > max(green, blue) else "blue"
        return [Reply(text, 1.0, tokens_in=7, tokens_out=1) for _ in questions]

class Backbone:
    nbytes, digest, libraries = 1000, "0" * 64, {}
    def adapter(self, role): return Eye()
    def close(self): pass

class Loader:
    name = "tiny"
    def resolve(self, spec):
        if spec.checkpoint == "absent":
            raise CheckpointMissing("no checkpoint absent", hint="get it with: fetch absent")
        return spec.checkpoint
    def measure(self, spec):
        self.resolve(spec)
        return 1000
    def load(self, spec):
        self.resolve(spec)
        return Backbone()
'''


@pytest.fixture
def tiny_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package with the loader "tiny", whose model names the colour of the first pixel."""
    package = tmp_path / "site"
    info = package / "tinyloader-1.0.dist-info"
    info.mkdir(parents=True)
    (package / "tinyloader.py").write_text(TINY_LOADER)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tinyloader\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[panmodal.loaders]\ntiny = tinyloader:Loader\n")
    monkeypatch.syspath_prepend(str(package))


@pytest.fixture
def scene() -> Image:
    """Red, with one white square."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[..., 0] = 200
    pixels[10:20, 30:45] = 255
    return Image.from_array(pixels)


@pytest.fixture
def make_agent(tmp_path: Path) -> Iterator[Callable[..., Agent]]:
    """Makes agents over one home; ``profile`` is the text of the profile, by default one without models."""
    made: list[Agent] = []

    def make(profile: str = "", more: Sequence[Tool] = (), **settings: Any) -> Agent:
        path = tmp_path / f"profile{len(made)}.toml"
        path.write_text(profile or 'description = "no models"\n')
        settings.setdefault("tools", [mirror, brightness, bright_spot, *more])
        made.append(Agent(path, home=tmp_path / "home", cwd=tmp_path, **settings))
        return made[-1]

    yield make
    for agent in made:
        agent.close()
