"""The demo in a fresh home: no file outside our home and --out, no connection, stdout is one JSON document."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCENE = Path(__file__).parents[2] / "examples/media/scene.png"

# Written as sitecustomize, so that it sees everything that happens from the interpreter's first moment on.
AUDITOR = """
import os, sys
_log = os.open(os.environ["AUDIT_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def _hook(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        if event != "socket.connect" or not isinstance(args[1], (str, bytes)):
            os.write(_log, f"network {event} {args[1:]}\\n".encode())
    elif event == "open" and isinstance(args[0], str) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        os.write(_log, f"write {os.path.abspath(args[0])}\\n".encode())
sys.addaudithook(_hook)
"""


def test_demo_writes_only_where_it_may_and_asks_nobody(tmp_path: Path) -> None:
    spy, home, work, state = (tmp_path / name for name in ("spy", "home", "work", "state"))
    for folder in (spy, home, work, tmp_path / "tmp"):
        folder.mkdir()
    (spy / "sitecustomize.py").write_text(AUDITOR)
    log = tmp_path / "audit.log"
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "panmodal.agent.cli", "run"),
            *("How many circles are in the picture? Cut out the largest one.", "-i", str(SCENE)),
            *("--profile", "mini", "--json", "--out", str(tmp_path / "out")),
        ],
        cwd=work,
        env=kept
        | {
            "HOME": str(home),
            "PANMODAL_HOME": str(state),
            "PYTHONPATH": str(spy),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AUDIT_LOG": str(log),
            "TMPDIR": str(tmp_path / "tmp"),
            "OMP_NUM_THREADS": "2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["text"] == "There are 3 circles. The largest circle is cut out."
    assert document["files"], "the cut-out is written"
    events = log.read_text().splitlines()
    allowed = (
        f"write {state}",
        f"write {tmp_path / 'out'}",
        f"write {tmp_path / 'tmp'}",
        "write /dev/",
        "write /proc/",
    )
    assert [line for line in events if not line.startswith(allowed)] == []
    assert list(home.rglob("*")) == []
    assert list(work.iterdir()) == []
