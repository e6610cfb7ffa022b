"""`transformers serve`, the server of the installed transformers, as a process of its own on the loopback."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

STARTS_IN, ENDS_IN = 120, 20  # seconds at most; some six and one here


class Server:
    """A server that gets nothing from any hub; it has started when this returns, and ``stop`` or ``kill`` ends it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.log = folder / "log.txt"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        command = shutil.which("transformers", path=str(Path(sys.executable).parent))
        assert command, "the command line of transformers is not installed beside this Python"
        offline = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1", "HF_HOME": str(folder)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [command, "serve", *arguments, "--host", "127.0.0.1", "--port", str(self.port), "--device", "cpu"],
                env={**os.environ, **offline, "OMP_NUM_THREADS": "1"}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise

    @property
    def told(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        """Ask it to end, and give its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(ENDS_IN)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(ENDS_IN)

    def _wait(self) -> None:
        deadline = time.monotonic() + STARTS_IN
        while not self._healthy():
            assert self.process.poll() is None, f"the server did not start:\n{self.told[-3000:]}"
            assert time.monotonic() < deadline, f"the server did not start in {STARTS_IN} s:\n{self.told[-3000:]}"
            time.sleep(0.1)

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
