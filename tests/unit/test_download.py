"""Downloads: which places may be asked, and what becomes of each way in which a server can misbehave. No network."""

from __future__ import annotations

import errno
import hashlib
import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.download import Answer, Ask, Limits, download, judged, public
from reconciler.driver import DriverError, ErrorClass

CONTENT = b"image" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "https://images.example.org/disk.qcow2"


def serve(pages: Mapping[str, Answer], asked: list[str] | None = None) -> Ask:
    @contextmanager
    def ask(url: str) -> Iterator[Answer]:
        if asked is not None:
            asked.append(url)
        yield pages[url]

    return ask


def content(*chunks: bytes, length: int | None = None) -> Answer:
    return Answer(status=200, length=length, chunks=iter(chunks))


def redirect(location: str) -> Answer:
    return Answer(status=302, location=location)


def refusal(target: Path, ask: Ask | None, url: str = URL, limits: Limits | None = None) -> DriverError:
    with pytest.raises(DriverError) as caught:
        download(url, SHA256, target, ask=ask, limits=limits)
    assert list(target.parent.iterdir()) == []
    return caught.value


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "disk"


@pytest.mark.parametrize(
    ("address", "expected"),
    [("93.184.215.14", True), ("2606:2800:220:1::1", True), ("::ffff:93.184.215.14", True), ("8.8.8.8", True),
     ("127.0.0.1", False), ("127.8.9.1", False), ("0.0.0.0", False), ("10.1.2.3", False), ("172.16.0.1", False),
     ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("192.0.2.1", False),
     ("198.18.0.1", False), ("224.0.0.1", False), ("240.0.0.1", False), ("255.255.255.255", False),
     ("::1", False), ("::", False), ("fe80::1", False), ("fe80::1%eth0", False), ("fc00::1", False),
     ("fd00:ec2::254", False), ("fec0::1", False), ("ff02::1", False), ("2001:db8::1", False),
     ("::ffff:127.0.0.1", False), ("::ffff:10.0.0.1", False), ("::ffff:169.254.169.254", False),
     ("64:ff9b::7f00:1", False), ("64:ff9b::a9fe:a9fe", False), ("2002:7f00:1::1", False), ("::127.0.0.1", False),
     ("192.0.0.192", False), ("192.88.99.1", False), ("64:ff9b:1::a9fe:a9fe", False), ("::ffff:0:7f00:1", False),
     ("5f00::1", False), ("3fff::1", False), ("localhost", False), ("", False)],
)  # fmt: skip
def test_only_addresses_of_the_public_network_may_be_asked(address: str, expected: bool) -> None:
    assert public(address) is expected


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [(["8.8.8.8", "1.1.1.1"], "8.8.8.8"), (["8.8.8.8", "127.0.0.1"], None), (["127.0.0.1", "8.8.8.8"], None),
     ([], None)],
)  # fmt: skip
def test_a_name_with_any_other_address_is_not_asked(addresses: list[str], expected: str | None) -> None:
    assert judged(addresses) == expected


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "127.1", "0", "169.254.169.254"],
)
def test_a_server_of_this_machine_is_never_connected_to(target: Path, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        error = refusal(target, None, f"https://{host}:{server.getsockname()[1]}/disk")
        with pytest.raises(BlockingIOError):
            server.accept()
    assert error.error_class is ErrorClass.YOURS
    assert "not on the public network" in str(error)


@pytest.mark.parametrize(
    "url",
    ["http://example.org/x", "file:///etc/passwd", "ftp://example.org/x", "https:///x", "https://user@example.org/x",
     "https://user:password@example.org/x", "https://example.org:99999/x", "https://example.org:0/x",
     "https://example.org/a b", "https://example.org/\r\nX: y", "https://exämple.org/", "https://[::1/x", "//x/y"],
)  # fmt: skip
def test_only_plain_https_is_accepted(target: Path, url: str) -> None:
    assert refusal(target, serve({}), url).error_class is ErrorClass.YOURS


def test_content_is_there_once_its_digest_is_right(target: Path) -> None:
    download(URL, SHA256, target, ask=serve({URL: content(CONTENT[:7], CONTENT[7:], length=len(CONTENT))}))
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_redirects_are_followed_also_to_relative_places(target: Path) -> None:
    asked: list[str] = []
    pages = {
        URL: redirect("/a"),
        "https://images.example.org/a": redirect("https://b.example.org/b"),
        "https://b.example.org/b": redirect("c"),
        "https://b.example.org/c": content(CONTENT),
    }
    download(URL, SHA256, target, ask=serve(pages, asked))
    assert asked == list(pages)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://images.example.org/x", "https://u:p@example.org/"])
def test_a_redirect_is_judged_like_the_first_address(target: Path, location: str) -> None:
    asked: list[str] = []
    assert refusal(target, serve({URL: redirect(location)}, asked)).error_class is ErrorClass.YOURS
    assert asked == [URL]


def test_redirects_come_to_an_end(target: Path) -> None:
    asked: list[str] = []
    assert "more than 3 redirects" in str(refusal(target, serve({URL: redirect(URL)}, asked)))
    assert len(asked) == 4


def test_other_content_is_refused_with_both_digests(target: Path) -> None:
    error = refusal(target, serve({URL: content(b"<html>Not found</html>")}))
    assert error.error_class is ErrorClass.YOURS
    assert SHA256 in str(error)
    assert hashlib.sha256(b"<html>Not found</html>").hexdigest() in str(error)


def test_content_that_ends_too_early_may_be_tried_again(target: Path) -> None:
    error = refusal(target, serve({URL: content(CONTENT[:-1], length=len(CONTENT))}))
    assert error.error_class is ErrorClass.TRANSIENT
    assert "4,999 of 5,000" in str(error)


@pytest.mark.parametrize(("status", "again"), [(404, False), (403, False), (206, False), (503, True), (429, True)])
def test_a_status_says_whether_it_may_be_tried_again(target: Path, status: int, again: bool) -> None:
    error = refusal(target, serve({URL: Answer(status=status)}))
    assert (error.error_class is ErrorClass.TRANSIENT) is again
    assert str(status) in str(error)


def test_content_without_end_is_cut_off(target: Path) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 1000

    answer = Answer(status=200, chunks=endless())
    assert "more than 10,000 bytes" in str(refusal(target, serve({URL: answer}), limits=Limits(size=10_000)))


def test_a_server_that_drips_is_cut_off(target: Path) -> None:
    times = iter(range(0, 10_000, 60))
    drips = Answer(status=200, chunks=iter([b"x"] * 1000))
    with pytest.raises(DriverError, match="more than 3600 s"):
        download(URL, SHA256, target, ask=serve({URL: drips}), clock=lambda: next(times))
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("problem", "expected"),
    [(TimeoutError("timed out"), ErrorClass.TRANSIENT), (ConnectionResetError(), ErrorClass.TRANSIENT),
     (socket.gaierror("no such name"), ErrorClass.TRANSIENT), (http.client.BadStatusLine("x"), ErrorClass.TRANSIENT),
     (OSError(errno.ENOSPC, "No space left on device"), ErrorClass.YOURS)],
)  # fmt: skip
def test_what_breaks_in_the_middle_leaves_nothing(target: Path, problem: Exception, expected: ErrorClass) -> None:
    def breaking() -> Iterator[bytes]:
        yield CONTENT[:100]
        raise problem

    error = refusal(target, serve({URL: Answer(status=200, chunks=breaking())}))
    assert error.error_class is expected
    assert URL in str(error)


def test_what_an_earlier_download_left_behind_is_written_over(target: Path) -> None:
    target.with_name("disk.partial").write_bytes(b"left by a killed run" * 1000)
    download(URL, SHA256, target, ask=serve({URL: content(CONTENT)}))
    assert target.read_bytes() == CONTENT
