"""The working half of the web loader: files by HTTP, within limits, and only from hosts that may be asked.

A request could otherwise make this machine ask its own services or its neighbours for what outsiders never get to see
(server-side request forgery). So a host's addresses are looked up once, each must be public, and the connection is made
to the very address that was looked at; redirections are followed by hand, each looked at anew. Proxies are not used.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from ..errors import Cancelled, ToolError, WrongArgument
from ..media.artifact import Artifact
from ..media.ingest import ingest
from ..media.limits import Limits
from ..roles import NEVER, StopFlag
from .base import ModelSpec, cannot_serve

_REDIRECTED = (301, 302, 303, 307, 308)
_MOST_REDIRECTIONS = 5
_TIMEOUT, _MAX_BYTES = 30.0, 64 << 20
_CHUNK = 1 << 16
_EVERY = "*"
_IN_IPV6 = ipaddress.IPv6Network("64:ff9b::/96")  # where NAT64 keeps addresses of IPv4


class WebBackbone:
    """Hosts that may be asked; serves the role ``fetcher``."""

    nbytes = 0
    digest = ""  # what lies at an address may change

    def __init__(self, spec: ModelSpec, hosts: Sequence[str]) -> None:
        self._spec = spec
        self._hosts = tuple(host.lower() for host in hosts)
        self.libraries: dict[str, str] = {}

    def adapter(self, role: str) -> "WebFetcher":
        """The fetcher."""
        if role != "fetcher":
            raise cannot_serve(self._spec, role, "the fetcher")
        options = self._spec.options
        return WebFetcher(
            self._hosts,
            timeout=float(options.get("timeout", _TIMEOUT)),
            max_bytes=int(options.get("max_bytes", _MAX_BYTES)),
            private=bool(options.get("private", False)),
        )

    def close(self) -> None:
        """There is nothing to let go of."""


class WebFetcher:
    """A ``Fetcher`` of http and https addresses."""

    def __init__(self, hosts: Sequence[str], *, timeout: float, max_bytes: int, private: bool) -> None:
        self._hosts, self._timeout, self._private = hosts, timeout, private
        self._limits = Limits(max_bytes=max_bytes)

    def fetch(self, urls: Sequence[str], *, stop: StopFlag | None = None) -> list[Artifact]:
        """The medium at each address, told by its content; what the server calls it does not count.

        Raises WrongArgument for an address that is none, or may not be asked, ToolError where nobody answers well or in
        time, TooLarge, NotDecodable, Cancelled.
        """
        return [ingest(self._content(url, stop or NEVER), self._limits, name=_shown(url)) for url in urls]

    def _content(self, url: str, stop: StopFlag) -> bytes:
        until = time.monotonic() + self._timeout
        for _ in range(_MOST_REDIRECTIONS + 1):
            content, onward = self._asked(url, until, stop)
            if onward is None:
                return content
            url = urljoin(url, onward)
        raise ToolError(
            f"{_shown(url)} is behind more than {_MOST_REDIRECTIONS} redirections", hint="give its own address"
        )

    def _asked(self, url: str, until: float, stop: StopFlag) -> tuple[bytes, str | None]:
        """What a server says to one request: the content, or where else to ask."""
        parts = _parts(url)
        host = (parts.hostname or "").lower()
        if _EVERY not in self._hosts and host not in self._hosts:
            raise WrongArgument(
                f"{host} is none of the hosts that the profile allows",
                hint=f"allowed: {' '.join(self._hosts)}",
                field="url",
            )
        connection = _Connection(parts, self._address(parts, host), until)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("GET", path, headers={"User-Agent": "panmodal", "Accept-Encoding": "identity"})
            answer = connection.getresponse()
            onward = answer.getheader("Location") if answer.status in _REDIRECTED else None
            if onward is not None:
                return b"", onward
            if answer.status != http.client.OK:
                raise ToolError(
                    f"{_shown(url)} answered {answer.status} {answer.reason}".strip(), hint="check the address"
                )
            return self._read(answer, url, until, stop), None
        except TimeoutError as error:
            raise self._late(url) from error
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise ToolError(f"{_shown(url)} cannot be fetched: {error}", hint="check the address, try later") from error
        finally:
            connection.close()

    def _read(self, answer: http.client.HTTPResponse, url: str, until: float, stop: StopFlag) -> bytes:
        self._limits.check_bytes(int(answer.length or 0), _shown(url))
        content = bytearray()
        while chunk := answer.read1(_CHUNK):
            content += chunk
            self._limits.check_bytes(len(content), _shown(url))
            if stop.is_set():
                raise Cancelled(f"the fetching of {_shown(url)} was stopped")
            if time.monotonic() > until:
                raise self._late(url)
        if answer.length:  # what the server promised and did not send
            raise ToolError(f"{_shown(url)} broke off {answer.length} bytes before its end", hint="try again")
        return bytes(content)

    def _address(self, parts: SplitResult, host: str) -> tuple[Any, ...]:
        """Where to connect: the first of the host's addresses, all of which must be such as may be asked."""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ToolError(f"there is no host {host}: {error}", hint="check the spelling") from error
        if not self._private and not all(_public(str(each[4][0])) for each in found):
            raise WrongArgument(
                f"{host} is no public host", hint="the fetcher's option private allows it", field="url", host=host
            )
        return found[0][4]

    def _late(self, url: str) -> ToolError:
        return ToolError(
            f"{_shown(url)} was not here within {self._timeout:g} s", hint="options.timeout sets the seconds to wait"
        )


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was looked at, whatever the host's name may mean a moment later."""

    def __init__(self, parts: SplitResult, address: tuple[Any, ...], until: float) -> None:
        secure = parts.scheme == "https"
        super().__init__(parts.hostname or "", parts.port or (443 if secure else 80))
        self._secure, self._to, self._until = secure, address, until

    def connect(self) -> None:
        """Open the socket, encrypted for the host's name where the address says https."""
        self.timeout = max(self._until - time.monotonic(), 0.001)
        self.sock = socket.create_connection(self._to[:2], self.timeout)
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def _parts(url: str) -> SplitResult:
    """An address taken apart. Raises WrongArgument for what is no plain address of the web."""
    try:
        parts = urlsplit(url.strip())
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or any(letter.isspace() or ord(letter) < 32 for letter in url.strip()):
        raise WrongArgument(
            f"{url[:200]!r} is no address of the web", hint="such as https://example.org/a.pdf", field="url"
        )
    if parts.username is not None or parts.password is not None:
        raise WrongArgument(
            f"the address of {parts.hostname} holds a name or a password", hint="leave it out", field="url"
        )
    return parts


def _public(address: str) -> bool:
    """Whether an IP address, and any that is wrapped in it, belongs to the internet at large."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in _IN_IPV6:
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if any(each is not None and not _public(str(each)) for each in inner):
            return False
        if ip.ipv4_mapped is not None:
            return True
    return ip.is_global and not ip.is_multicast


def _shown(url: str) -> str:
    """An address as messages tell it: what follows a question mark may be a secret."""
    return url.strip().partition("?")[0].partition("#")[0][:200]
