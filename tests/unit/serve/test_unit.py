"""The systemd unit: what it runs, and what that may not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.serve.service.unit import unit

MUST = (
    "Type=notify",
    "User=reconciler",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    "SystemCallFilter=@system-service",
    "MemoryMax=1G",
    "WatchdogSec=60s",
    "Restart=always",
    "KillMode=mixed",
)


def lines(*words: str, writable: tuple[str, ...] = ()) -> list[str]:
    return unit(words, map(Path, writable)).splitlines()


def test_the_unit_keeps_the_controller_within_bounds() -> None:
    written = lines("/usr/bin/reconciler", "serve")
    assert [line for line in MUST if line not in written] == []


def test_only_its_own_folders_and_those_it_is_told_can_be_written() -> None:
    written = lines("x", writable=("/srv/cloud.git", "/run/my cloud"))
    assert [line for line in written if line.startswith("ReadWritePaths")] == [
        "ReadWritePaths=/srv/cloud.git",
        'ReadWritePaths="/run/my cloud"',
    ]
    assert not [line for line in lines("x") if line.startswith("ReadWritePaths")]


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/etc/a.yaml", "/etc/a.yaml"),
        ("a b", '"a b"'),
        ("50%$x", '"50%%$$x"'),
        ('a"\\', '"a\\"\\\\"'),
        ("a;b", '"a;b"'),
    ],
)
def test_words_reach_the_program_as_they_are(word: str, written: str) -> None:
    assert f"ExecStart=/bin/x {written}" in lines("/bin/x", word)


def test_every_setting_is_given_once_and_none_is_empty_by_mistake() -> None:
    names = [line.partition("=")[0] for line in lines("x") if "=" in line and not line.startswith("#")]
    repeated = {name for name in names if names.count(name) > 1}
    assert repeated == {"SystemCallFilter"}
