"""Every example runs from top to bottom as a user would run it."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image as Pil

from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.image import Image

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebook_runs_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANMODAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": str(EXAMPLES)}}
    )
    client.execute(env=os.environ)
    shown = "\n".join(str(output) for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs)
    assert "text/html" in shown, "results draw themselves"
    assert "data:image/png;base64" in shown, "pictures are inside the page"
    assert "missing-file" in shown


@pytest.mark.slow
def test_a_recorded_sentence_is_drawn_and_what_is_said_of_the_picture_is_true(tmp_path: Path) -> None:
    out = tmp_path / "drawn.png"
    done = subprocess.run(
        [sys.executable, EXAMPLES / "draw_what_is_said.py", EXAMPLES / "media" / "request.flac", "--out", out],
        env=os.environ | {"PANMODAL_HOME": str(tmp_path / "home")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    *looked, verdict = done.stdout.splitlines()
    assert looked and all(line.startswith("heard “please draw") and "heart" in line.split("”")[0] for line in looked)
    picture = Image.from_pil(Pil.open(out))
    assert (picture.width, picture.height) == (384, 384)
    spec = load_profile("mini").specs()["detector"][0]
    found = get_loader(spec.loader).load(spec).adapter("detector").detect([picture], [[]])[0]
    assert ("heart" in found.labels) == (done.returncode == 0) == ("shows what was asked for" in verdict), done.stderr
