"""The guest agent (qemu-ga): asked briefly, since libvirt lets nobody else ask meanwhile.

Its commands: https://qemu-project.gitlab.io/qemu/interop/qemu-ga-ref.html
"""

from __future__ import annotations

import base64
from typing import Any
from xml.etree.ElementTree import Element

import libvirt
import libvirt_qemu
import msgspec

from reconciler.driver import DriverError, ErrorClass
from reconciler_libvirt.connection import calls

_SECONDS = 5
_CHANNEL = "devices/channel/target[@name='org.qemu.guest_agent.0']"
_MOST = 1 << 16
_NO_FILE = "No such file or directory"


def connected(tree: Element) -> bool:
    """Whether something in the guest has opened the agent's channel, by its running form: it costs no waiting."""
    target = tree.find(_CHANNEL)
    return target is not None and target.get("state") == "connected"


def answers(domain: libvirt.virDomain) -> bool:
    """Whether the agent is up."""
    try:
        _ask(domain, "guest-ping")
    except DriverError as error:
        if error.error_class is not ErrorClass.TRANSIENT:
            raise
        return False
    return True


def addresses(domain: libvirt.virDomain) -> frozenset[str]:
    """All addresses that the guest says it has; none when it cannot be asked.

    libvirt's own call for this sets no time limit: a guest that answers at first, and then says nothing, holds it up
    for ever.
    """
    try:
        return listed(_ask(domain, "guest-network-get-interfaces"))
    except DriverError:
        return frozenset()


class _Listed(msgspec.Struct, rename="kebab"):
    """One address of a NIC, as the agent tells it."""

    ip_address: str


class _Nic(msgspec.Struct, rename="kebab"):
    """One NIC, as the agent tells it."""

    ip_addresses: list[_Listed] = []


def listed(answer: object) -> frozenset[str]:
    """The addresses in what a guest answered, which may be anything."""
    try:
        nics = msgspec.convert(answer, list[_Nic])
    except msgspec.ValidationError:
        return frozenset()
    return frozenset(each.ip_address for nic in nics for each in nic.ip_addresses)


def read_file(domain: libvirt.virDomain, path: str) -> bytes | None:
    """A small file of the guest; None when there is none. Raises `DriverError`, also when the agent may read none."""
    try:
        handle = _ask(domain, "guest-file-open", path=path, mode="r")
    except DriverError as error:
        if _NO_FILE in str(error):
            return None
        raise
    try:
        return base64.b64decode(_ask(domain, "guest-file-read", handle=handle, count=_MOST)["buf-b64"])
    finally:
        _ask(domain, "guest-file-close", handle=handle)


def _ask(domain: libvirt.virDomain, command: str, **arguments: object) -> Any:
    text = msgspec.json.encode({"execute": command, **({"arguments": arguments} if arguments else {})}).decode()
    with calls(f"asking the guest agent of {domain.name()} ({command})"):
        return msgspec.json.decode(libvirt_qemu.qemuAgentCommand(domain, text, _SECONDS, 0))["return"]
