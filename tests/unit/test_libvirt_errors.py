"""libvirt's errors are classed once, and a connection is built from parts that cannot run anything (S10)."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.driver import DriverError, ErrorClass
from reconciler_libvirt import DRIVER
from reconciler_libvirt.errors import classify
from reconciler_libvirt.settings import settings


@pytest.fixture(scope="module")
def libvirt() -> Any:
    """The library itself; it is an extra."""
    return pytest.importorskip("libvirt", reason="libvirt-python is not installed")


NAMED = [
    ("VIR_ERR_NO_DOMAIN", ErrorClass.GONE),
    ("VIR_ERR_NO_NETWORK", ErrorClass.GONE),
    ("VIR_ERR_NO_STORAGE_POOL", ErrorClass.GONE),
    ("VIR_ERR_NO_STORAGE_VOL", ErrorClass.GONE),
    ("VIR_ERR_NO_DOMAIN_METADATA", ErrorClass.GONE),
    ("VIR_ERR_DEVICE_MISSING", ErrorClass.GONE),
    ("VIR_ERR_DOM_EXIST", ErrorClass.EXISTS),
    ("VIR_ERR_NETWORK_EXIST", ErrorClass.EXISTS),
    ("VIR_ERR_STORAGE_VOL_EXIST", ErrorClass.EXISTS),
    ("VIR_ERR_OPERATION_TIMEOUT", ErrorClass.TRANSIENT),
    ("VIR_ERR_RESOURCE_BUSY", ErrorClass.TRANSIENT),
    ("VIR_ERR_AGENT_UNRESPONSIVE", ErrorClass.TRANSIENT),
    ("VIR_ERR_RPC", ErrorClass.TRANSIENT),
    ("VIR_ERR_NO_CONNECT", ErrorClass.TRANSIENT),
    ("VIR_ERR_OPERATION_INVALID", ErrorClass.RACE),
    ("VIR_ERR_OPERATION_UNSUPPORTED", ErrorClass.UNSUPPORTED),
    ("VIR_ERR_CONFIG_UNSUPPORTED", ErrorClass.UNSUPPORTED),
    ("VIR_ERR_NO_SUPPORT", ErrorClass.UNSUPPORTED),
    ("VIR_ERR_XML_ERROR", ErrorClass.YOURS),
    ("VIR_ERR_INVALID_ARG", ErrorClass.YOURS),
    ("VIR_ERR_AUTH_FAILED", ErrorClass.YOURS),
]


@pytest.mark.parametrize(("name", "error_class"), NAMED)
def test_the_numbers_are_those_of_the_library(libvirt: Any, name: str, error_class: ErrorClass) -> None:
    assert classify(getattr(libvirt, name)) is error_class


@pytest.mark.parametrize(
    ("code", "domain", "message", "error_class", "reason"),
    [
        ("VIR_ERR_INTERNAL_ERROR", "VIR_FROM_RPC", "", ErrorClass.TRANSIENT, "the connection broke"),
        ("VIR_ERR_SYSTEM_ERROR", "VIR_FROM_REMOTE", "", ErrorClass.TRANSIENT, "the daemon went away"),
        ("VIR_ERR_INTERNAL_ERROR", "VIR_FROM_QEMU", "", ErrorClass.YOURS, "QEMU said no"),
        ("VIR_ERR_OPERATION_FAILED", "VIR_FROM_QEMU", "domain 'x' already exists", ErrorClass.EXISTS, "told in words"),
        ("VIR_ERR_OPERATION_FAILED", "VIR_FROM_QEMU", "it failed", ErrorClass.YOURS, "anything else"),
        (
            "VIR_ERR_INTERNAL_ERROR",
            "VIR_FROM_STORAGE",
            "pool 'x' has asynchronous jobs running.",
            ErrorClass.TRANSIENT,
            "a pool that is busy is free again soon",
        ),
    ],
)
def test_what_a_number_leaves_open_its_origin_or_words_tell(
    libvirt: Any, code: str, domain: str, message: str, error_class: ErrorClass, reason: str
) -> None:
    found = classify(getattr(libvirt, code), getattr(libvirt, domain), message)
    assert found is error_class, reason


def test_a_host_is_reached_by_its_socket() -> None:
    chosen = settings("kvm-01", {"socket": "/run/my libvirt/sock", "channel": {"prefix": ["nsenter", "-a"]}})
    assert chosen.uri() == "qemu+unix:///system?socket=/run/my%20libvirt/sock"
    assert chosen.channel.prefix == ("nsenter", "-a")


def test_a_host_is_reached_by_tls_at_its_name_or_address() -> None:
    pki = {"tls": {"pki": "/etc/pki/my fleet"}}
    named = settings("kvm-01", {"transport": "tls", "host": "kvm-01.example.org", **pki})
    numbered = settings("kvm-01", {"transport": "tls", "host": "2001:db8::5", "port": 16515})
    assert named.uri() == "qemu+tls://kvm-01.example.org/system?pkipath=/etc/pki/my%20fleet"
    assert numbered.uri() == "qemu+tls://[2001:db8::5]:16515/system"
    assert named.login is None


def test_ssh_asks_nobody_trusts_nobody_unknown_and_reads_no_configuration() -> None:
    ssh = {"identity": "/keys/my id", "known_hosts": "/keys/known"}
    login = settings("kvm-01", {"transport": "ssh", "host": "10.0.0.1", "user": "ops", "ssh": ssh}).login
    assert login is not None
    words = login.command(["echo", "two words", "$HOME"])
    assert words[:3] == ["ssh", "-F", "none"]
    assert {"StrictHostKeyChecking=yes", "BatchMode=yes", "ForwardAgent=no"} <= set(words)
    assert {'IdentityFile="/keys/my id"', "IdentitiesOnly=yes", 'UserKnownHostsFile="/keys/known"'} <= set(words)
    assert words[-7:] == ["-p", "22", "-l", "ops", "--", "10.0.0.1", "echo 'two words' '$HOME'"]


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ({"uri": "qemu+ext:///system?command=/tmp/evil"}, "a URI can name a command"),
        ({"transport": "ext"}, "a transport that runs commands"),
        ({"transport": "ssh"}, "where to?"),
        ({"transport": "ssh", "host": "-oProxyCommand=/tmp/evil"}, "an option of ssh"),
        ({"transport": "ssh", "host": "h -oProxyCommand=/tmp/evil"}, "a second word"),
        ({"transport": "ssh", "host": "h\n"}, "a line end"),
        ({"transport": "ssh", "host": "me@h"}, "a user in the host"),
        ({"transport": "ssh", "host": "h", "user": "-lroot"}, "an option of ssh"),
        ({"transport": "ssh", "host": "h", "user": "a b"}, "two words"),
        ({"transport": "ssh", "host": "h", "port": 0}, "no port"),
        ({"transport": "ssh", "host": "h", "ssh": {"identity": "id"}}, "relative to what?"),
        ({"transport": "ssh", "host": "h", "ssh": {"known_hosts": "/dev/null %h"}}, "a token of ssh"),
        ({"transport": "ssh", "host": "h", "ssh": {"options": ["ProxyCommand=x"]}}, "options of ssh run commands"),
        ({"transport": "ssh", "host": "h", "channel": {"ssh": {"host": "g"}}}, "two machines"),
        ({"transport": "unix", "host": "h"}, "a socket of this machine is on no other"),
        ({"transport": "tls", "host": "h/../?command=x"}, "a path and a query in the host"),
        ({"transport": "tls", "host": "h", "user": "root"}, "TLS knows certificates, not users"),
        ({"transport": "tls", "host": "h", "tls": {"no_verify": True}}, "nobody unknown is trusted"),
        ({"channel": {"ssh": {"host": "-G"}}}, "an option of ssh"),
        ({"command": "/tmp/evil"}, "a parameter that runs a command"),
        ({"socket": "/run/sock&command=/tmp/evil"}, "a second parameter"),
        ({"socket": "/run/sock?command=/tmp/evil"}, "a query in the query"),
        ({"socket": "/run/sock#x"}, "a fragment"),
        ({"socket": "relative"}, "relative to what?"),
        ({"socket": "/run/sock\n"}, "a line end"),
        ({"pool": "images"}, "relative to what?"),
        ({"channel": {"prefix": "nsenter -a"}}, "a shell line is no argument vector"),
        ({"channel": {"shell": "sh"}}, "there is no shell"),
        ({"stop_deadline": -1}, "before now"),
    ],
)
def test_what_could_run_commands_or_means_nothing_is_refused(section: dict[str, Any], reason: str) -> None:
    with pytest.raises(DriverError, match="kvm-01") as refusal:
        settings("kvm-01", section)
    assert refusal.value.error_class is ErrorClass.YOURS, reason


def test_the_driver_can_be_asked_for_its_impacts_without_libvirt() -> None:
    assert DRIVER.name == "libvirt"
    assert {row.kind for row in DRIVER.impacts} == {"Image", "Volume", "Network", "SecurityGroup", "Instance"}
