"""Fetching a file by https from a place that a commit names: from the public network only, and within bounds.

Whoever writes a commit could otherwise make the controller ask servers that only it can reach, such as a cloud's
metadata service. So a name is resolved once, every address is judged, and the connection goes to a judged address;
redirects are judged alike, and no proxy of the environment is used.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from reconciler.driver import DriverError, ErrorClass

MOST_REDIRECTS = 3
_CHUNK = 1 << 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may well be another one a moment later."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "::ffff:0:0:0/96", "3fff::/20", "5f00::/16")
)
"""IANA has set these aside as well, and not every Python knows it: protocols (a cloud's metadata service among them),
relays, and translations into IPv4 that mean something else in each network.
"""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much (bytes) and how long (seconds in all, and without a byte) a download may take."""

    size: int = 64 << 30
    duration: float = 3600.0
    silence: float = 30.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says to a GET; `location` is where a redirect leads, `length` the bytes it means to send."""

    status: int
    location: str = ""
    length: int | None = None
    chunks: Iterator[bytes] = iter(())


Ask = Callable[[str], AbstractContextManager[Answer]]


def download(
    url: str,
    sha256: str,
    target: Path,
    *,
    limits: Limits | None = None,
    ask: Ask | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Fetch `url` into `target`, which is there only when its content has that digest.

    Raises `DriverError`: transient when another try may do, else yours.
    """
    limits = limits or Limits()
    partial = target.with_name(f"{target.name}.partial")
    try:
        with _final(url, ask or _asking(limits)) as answer, partial.open("wb") as file:
            found = _copy(url, answer, file.write, limits, clock)
            file.flush()
            os.fsync(file.fileno())
        if found != sha256:
            raise _refused(url, f"its sha256 is {found} and not {sha256}. Correct `sha256` if the content is right.")
        partial.replace(target)
    except (http.client.HTTPException, TimeoutError, ConnectionError, socket.gaierror) as problem:
        text = f"{url} cannot be downloaded now: {problem or type(problem).__name__}"
        raise DriverError(ErrorClass.TRANSIENT, text) from problem
    except OSError as problem:
        raise _refused(url, f"{problem.strerror or problem} ({partial})") from problem
    finally:
        partial.unlink(missing_ok=True)


def public(address: str) -> bool:
    """Whether an IP address is one of the public network, also when it is an IPv4 address in IPv6's clothes."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if found in _NAT64 or found in _COMPATIBLE:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if found.is_site_local or (inner is not None and not public(str(inner))):
            return False
        if found.ipv4_mapped is not None:
            return True
    return found.is_global and not found.is_multicast and not any(found in network for network in _SPECIAL)


def judged(addresses: Sequence[str]) -> str | None:
    """The address to connect to, of those that a name has; None unless all of them are public."""
    return addresses[0] if addresses and all(map(public, addresses)) else None


@contextmanager
def _final(url: str, ask: Ask) -> Iterator[Answer]:
    """The answer at the end of all redirects."""
    for _ in range(MOST_REDIRECTS + 1):
        _checked(url)
        with ask(url) as answer:
            if answer.status not in _REDIRECTS:
                yield _good(url, answer)
                return
            url = urljoin(url, answer.location)
    raise _refused(url, f"it is more than {MOST_REDIRECTS} redirects away. Write the final address.")


def _good(url: str, answer: Answer) -> Answer:
    if answer.status in _PASSING:
        raise DriverError(ErrorClass.TRANSIENT, f"{url} cannot be downloaded now: status {answer.status}")
    if answer.status != http.client.OK:
        raise _refused(url, f"the server answers with status {answer.status}. Correct `source`.")
    return answer


def _copy(
    url: str, answer: Answer, write: Callable[[bytes], object], limits: Limits, clock: Callable[[], float]
) -> str:
    """Write what is sent and return its digest."""
    end, size, digest = clock() + limits.duration, 0, hashlib.sha256()
    for chunk in answer.chunks:
        size += len(chunk)
        if size > limits.size:
            raise _refused(url, f"it has more than {limits.size:,} bytes.")
        if clock() > end:
            raise _refused(url, f"it takes more than {limits.duration:g} s. Put the file into a trusted folder.")
        digest.update(chunk)
        write(chunk)
    if answer.length is not None and size < answer.length:
        raise ConnectionError(f"it ends after {size:,} of {answer.length:,} bytes")
    return digest.hexdigest()


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise _refused(url, f"{problem}.") from problem
    if parts.scheme != "https" or not parts.hostname or port == 0:
        raise _refused(url, "only https is accepted. A file of this machine belongs into a trusted folder.")
    if parts.username is not None or not url.isascii() or not url.isprintable() or " " in url:
        raise _refused(url, "it has a user, a password, or characters that do not belong into a URL.")
    return parts


def _asking(limits: Limits) -> Ask:
    @contextmanager
    def ask(url: str) -> Iterator[Answer]:
        parts = _checked(url)
        connection = _Pinned(str(parts.hostname), parts.port or 443, limits.silence)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", path, headers={"Accept-Encoding": "identity", "User-Agent": "vm-reconciler"})
            response = connection.getresponse()
            yield Answer(
                status=response.status,
                location=response.headers.get("Location", ""),
                length=response.length,
                # As it comes, and not a whole chunk at a time: a slow server must not hold off the clock.
                chunks=iter(lambda: response.read1(_CHUNK), b""),
            )
        finally:
            connection.close()

    return ask


class _Pinned(http.client.HTTPSConnection):
    """A connection to an address that was judged, under the name that its certificate must have."""

    def __init__(self, host: str, port: int, silence: float) -> None:
        self._tls = ssl.create_default_context()
        super().__init__(host, port, timeout=silence, context=self._tls)

    def connect(self) -> None:
        rows = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        address = judged([str(row[4][0]) for row in rows])
        if address is None:
            why = "it is not on the public network. Put the file into a trusted folder."
            raise _refused(f"https://{self.host}", why)
        plain = socket.create_connection((address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def _refused(url: str, why: str) -> DriverError:
    return DriverError(ErrorClass.YOURS, f"{url} is refused: {why}")
