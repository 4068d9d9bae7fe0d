"""Requests and replies as values; who may ask is decided here too."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping

import msgspec

_NAME_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@\s]+)(?::[0-9]{1,5})?")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks. The names of `headers` are in lower case. `body` reads what was sent, which is not read
    before; it raises `Refused`.
    """

    method: str
    path: str
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    remote: str = ""
    body: Callable[[], bytes] = bytes


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What they are answered."""

    status: int = 200
    body: bytes = b""
    type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = {}


class Refused(Exception):
    """A request is turned down; the message goes to whoever asked."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


def text(message: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A line of text."""
    return Reply(status=status, body=f"{message}\n".encode(), headers=headers or {})


def check_origin(headers: Mapping[str, str], names: Collection[str]) -> None:
    """Raises `Refused` when a browser asks on behalf of somebody else's page.

    A page whose name its owner points at our address (DNS rebinding) calls us by that name, so names count only when
    they are in `names`; nobody can do so with an address.
    """
    host = headers.get("host", "")
    if not _is_ours(host, names):
        detail = "call it by its address, or write the name into controller.host_names of the trusted configuration"
        raise Refused(403, f"this controller does not answer to the name in the Host header; {detail}")
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != host.lower():
        raise Refused(403, "pages of other sites may not ask")


def _is_ours(host: str, names: Collection[str]) -> bool:
    found = _NAME_AND_PORT.fullmatch(host)
    if not found:
        return False
    name = found[1].strip("[]").rstrip(".").lower()
    return name == "localhost" or _is_address(name) or name in {each.lower() for each in names}


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
