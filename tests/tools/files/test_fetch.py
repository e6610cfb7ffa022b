"""Files from a server on loopback: fetched where the profile allows it, refused by name where it does not."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.errors import Cancelled, NotDecodable, ProfileError, TooLarge, ToolError, UnknownRole, WrongArgument
from panmodal.tools.files.fetch import fetch
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.loaders.web_model import _public
from panmodal.tools.roles import StepContext

STEP = StepContext()


@pytest.fixture(scope="module")
def server(made: Any) -> Iterator[str]:
    files = {
        "/star.txt": b"two red stars",
        "/report": made.pdf(["a report"]),
        "/picture.html": made.picture(),
        "/page.png": b"<html>not found</html>",
        "/big": b"x" * 300_000,
        "/empty": b"",
    }
    onward = {
        "/moved": "/star.txt", "/round": "/round", "/away": "http://10.0.0.1/secret", "/file": "file:///etc/passwd",
        "/bare": "//127.0.0.1:1/x", "/ftp": "ftp://example.org/x",
    }  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path in onward:
                self.send_response(302)
                self.send_header("Location", onward[path])
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif path == "/slow":
                self.send_response(200)
                self.end_headers()
                for _ in range(40):
                    time.sleep(0.05)
                    self.wfile.write(b"x")
            elif path == "/short":
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"half of it")
            elif path == "/endless":
                self.send_response(200)
                self.end_headers()
                for _ in range(100):
                    self.wfile.write(b"x" * 10_000)
            elif path in files:
                self.send_response(200)
                self.send_header("Content-Type", "application/x-nonsense")
                self.send_header("Content-Length", str(len(files[path])))
                self.end_headers()
                self.wfile.write(files[path])
            else:
                self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients hang up on purpose here."""

    running = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def fetcher(*settings: str, hosts: str = "*", network: str = "true") -> Any:
    named = ("fetcher.loader=web", f'fetcher.checkpoint="{hosts}"', f"network={network}")
    spec = load_profile("mini", [*named, *(f"fetcher.options.{each}" for each in settings)]).specs()["fetcher"][0]
    return get_loader(spec.loader).load(spec).adapter("fetcher")


@pytest.fixture(scope="module")
def here() -> Any:
    return fetcher("private=true", "timeout=5", "max_bytes=200000")


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/star.txt", "text"), ("/report", "document"), ("/picture.html?key=1", "image"), ("/moved", "text")],
)
def test_the_content_tells_the_kind(server: str, here: Any, path: str, kind: str) -> None:
    found = fetch(f"{server}{path}", fetcher=here, step=STEP)
    assert [name for name in type(found).model_fields if getattr(found, name) is not None] == [kind]
    if kind == "text":
        assert found.text is not None and found.text.text == "two red stars"


@pytest.mark.parametrize(
    ("path", "error", "told"),
    [
        ("/nowhere", ToolError, "answered 404"),
        ("/page.png", NotDecodable, "page.png holds no image"),
        ("/empty", NotDecodable, "/empty is empty"),
        ("/big", TooLarge, "300000 bytes"),
        ("/endless", TooLarge, "bytes, over the limit of 200000"),
        ("/short", ToolError, "broke off 90 bytes before its end"),
        ("/round", ToolError, "more than 5 redirections"),
        ("/file", WrongArgument, "no address of the web"),
        ("/ftp", WrongArgument, "no address of the web"),
        ("/bare", ToolError, "cannot be fetched"),
    ],
)
def test_what_cannot_be_had_is_told(server: str, here: Any, path: str, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        fetch(f"{server}{path}?token=secret", fetcher=here, step=STEP)


def test_secrets_of_an_address_are_not_told(server: str, here: Any) -> None:
    with pytest.raises(ToolError) as caught:
        fetch(f"{server}/nowhere?token=secret", fetcher=here, step=STEP)
    assert "secret" not in f"{caught.value} {caught.value.to_dict()}"


def test_a_slow_server_is_left_in_time_or_at_once(server: str) -> None:
    began = time.monotonic()
    with pytest.raises(ToolError, match=r"not here within 0.3 s"):
        fetch(f"{server}/slow", fetcher=fetcher("private=true", "timeout=0.3"), step=STEP)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        fetch(f"{server}/star.txt", fetcher=fetcher("private=true"), step=StepContext(stop=stop))
    assert time.monotonic() - began < 2


def test_a_server_that_never_answers_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ToolError, match="not here within"):
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        fetch(url, fetcher=fetcher("private=true", "timeout=0.2"), step=STEP)


def test_nothing_is_fetched_by_default() -> None:
    assert "fetcher" not in load_profile("mini").specs()
    with pytest.raises(ProfileError, match="allows no network") as caught:
        fetcher(network="false")
    assert "network=true" in caught.value.hint
    for wrong in ("private=1", 'timeout="soon"', "max_bytes=-1", "max_bytes=1.5"):
        with pytest.raises(ProfileError, match=wrong.partition("=")[0]):
            fetcher(wrong)
    spec = load_profile("mini", ["fetcher.loader=web", "fetcher.checkpoint=*", "network=true"]).specs()["fetcher"][0]
    with pytest.raises(UnknownRole, match="serves the fetcher"):
        get_loader("web").load(spec).adapter("writer")


def test_only_named_hosts_are_asked(server: str) -> None:
    allowed = fetcher("private=true", hosts="example.org 127.0.0.1")
    assert fetch(f"{server}/star.txt", fetcher=allowed, step=STEP).text is not None
    with pytest.raises(WrongArgument, match="10.0.0.1 is none of the hosts"):
        fetch(f"{server}/away", fetcher=allowed, step=STEP)
    with pytest.raises(WrongArgument, match="localhost is none of the hosts"):
        fetch(server.replace("127.0.0.1", "localhost"), fetcher=allowed, step=STEP)


@pytest.mark.parametrize(
    "url",
    [
        "", "star.txt", "file:///etc/passwd", "ftp://example.org/a", "http://", "http:///a", "javascript:1", "http://[::1",
        "https://user:pw@example.org/", "http://exa mple.org/", "http://example.org/\r\nHost: a", "http://a.org:99999/",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(here: Any, url: str) -> None:
    with pytest.raises(WrongArgument) as caught:
        fetch(url, fetcher=here, step=STEP)
    assert caught.value.facts["field"] == "url" and "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
def test_this_machine_is_not_asked(server: str, host: str) -> None:
    url = server.replace("127.0.0.1", host)
    with pytest.raises((WrongArgument, ToolError), match="is no public host|there is no host"):
        fetch(f"{url}/star.txt", fetcher=fetcher(), step=STEP)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2001:4860:4860::8888", True), ("::ffff:8.8.8.8", True),
        ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.1.1", False), ("169.254.169.254", False),
        ("100.64.0.1", False), ("127.9.9.9", False), ("0.0.0.0", False), ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False), ("::", False), ("fe80::1%eth0", False), ("fd00::1", False), ("ff02::1", False),
        ("::ffff:10.0.0.1", False), ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert _public(address) is public
