"""The impact table says of every field that can be wanted how it changes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from reconciler.impact import CONDITIONS, Impact, Row, Situation, find_row
from reconciler.objects import Value
from tests.support.contract import Bench
from tests.support.rig import Rig

EVERYTHING: dict[str, Any] = {
    "userData": "#cloud-config\n",
    "flavor": "large",
    "networks": {"lan": {"address": "10.77.0.10", "securityGroups": ["ssh", "default"]}},
}
UNDECLARED = {
    "Instance": (
        *("cpu", "autostart", "vcpus.max", "memory.max", "firmware", "secureBoot", "guestAgent"),
        *("extra.hw:cpu_cores", "extra.quota:cpu_shares", "nics.lan.address6"),
        *("volumes.data.volume", "volumes.data.serial", "volumes.data.readOnly"),
    ),
    "Network": ("cidr6", "gateway6", "dhcp", "dns.servers", "physicalNetwork", "vlan"),
    "Volume": ("size", "format", "image", "pool"),
}
"""Fields that are wanted only where somebody declares them."""


def _paths(rig: Rig) -> Iterator[tuple[str, str]]:
    for wanted in rig.scene(**EVERYTHING).values():
        for path in wanted.fields:
            yield wanted.key.address.kind, path
    yield from ((kind, path) for kind, paths in UNDECLARED.items() for path in paths)


def _situations() -> Iterator[Situation]:
    values: list[tuple[Value, Value]] = [(None, 1), (1, None), (1, 2), (2, 1), ("a", "b")]
    for (before, after), running, attached in itertools.product(values, (False, True), (False, True)):
        for present, most in itertools.product({before is not None, True}, (None, 2)):
            situation = Situation(before=before, after=after, running=running, attached=attached, present=present)
            yield msgspec.structs.replace(situation, most=most)


def test_every_field_has_a_row_in_every_situation(rig: Rig, bench: Bench) -> None:
    for kind, path in _paths(rig):
        for situation in _situations():
            assert find_row(bench.driver.impacts, kind, path, situation), (kind, path, situation)


def test_every_row_is_reached_and_says_why(rig: Rig, bench: Bench) -> None:
    paths = list(_paths(rig))
    reached = {find_row(bench.driver.impacts, kind, path, s) for kind, path in paths for s in _situations()}
    unreached = [row for row in bench.driver.impacts if row not in reached]
    assert unreached == [], "rows that never decide are wrong or in the wrong place"
    for row in bench.driver.impacts:
        assert row.when in CONDITIONS
        assert row.reason, row
        assert row.call or row.impact is Impact.REFUSED, row


MISSING = "(not shown)"
AGREED = [
    ("powerState", True, "a", "b", Impact.LIVE, "starting and stopping is what was asked for"),
    ("memory", True, 1, 2, Impact.RESTART, "read at a cold start only"),
    ("memory", False, 1, 2, Impact.NONE, "nothing runs that it could disturb"),
    ("disk.size", True, 1, 2, Impact.LIVE, "a disk grows online"),
    ("disk.size", False, 2, 1, Impact.REFUSED, "data would be lost, running or not"),
    ("image", True, "a", "b", Impact.REBUILD, "the root disk stands on it"),
    ("image", False, "a", "b", Impact.REBUILD, "the root disk of a stopped guest has data as well"),
    ("image", False, MISSING, "b", Impact.REBUILD, "a root disk that is missing may be brought back, its pool mounted"),
    ("disk.size", False, MISSING, 1, Impact.REBUILD, "as its image"),
    ("image", True, MISSING, "b", Impact.REBUILD, "the guest still has its disk open, though no name leads to it"),
    ("seed.keys", False, "a", "b", Impact.REBUILD, "read at the first boot only"),
    ("seed.userData", False, MISSING, "b", Impact.NONE, "a lost seed is written again"),
    ("seed.userData", True, MISSING, "b", Impact.NONE, "no guest reads it before its next start"),
    ("seed.userData", True, "a", "b", Impact.REBUILD, "read at the first boot only"),
    (
        "seed.userData",
        False,
        None,
        "b",
        Impact.REBUILD,
        "no user data is not a lost seed: the guest has booted with it",
    ),
    ("nics.lan.securityGroups", True, "a", "b", Impact.LIVE, "filters are replaced atomically"),
    ("nics.lan.filter", True, "absent", "enforced", Impact.LIVE, "and first"),
    ("nics.lan.mac", True, "a", "b", Impact.RESTART, "the device is replaced"),
    ("vcpus.max", True, 2, 4, Impact.RESTART, "room is made at a cold start"),
    ("firmware", True, MISSING, "uefi", Impact.RESTART, "read at a cold start only"),
    ("guestAgent", True, MISSING, True, Impact.RESTART, "its channel is there from the start or never"),
    ("autostart", True, False, True, Impact.LIVE, "no guest notices"),
    ("volumes.data.volume", True, MISSING, "Volume/default/data", Impact.LIVE, "a disk is plugged in"),
    ("volumes.data.volume", True, "Volume/default/data", None, Impact.LIVE, "a disk is unplugged"),
]


@pytest.mark.parametrize(("path", "running", "before", "after", "impact", "reason"), AGREED)
def test_all_drivers_agree_on_instances(
    bench: Bench, path: str, running: bool, before: Value, after: Value, impact: Impact, reason: str
) -> None:
    value, present = (None, False) if before == MISSING else (before, True)
    situation = Situation(before=value, after=after, running=running, attached=False, present=present)
    row = find_row(bench.driver.impacts, "Instance", path, situation)
    assert isinstance(row, Row)
    assert row.impact is impact, reason


def test_a_running_guest_grows_live_within_its_headroom_and_no_further(bench: Bench) -> None:
    for path in ("vcpus", "memory"):
        for after, impact in ((2, Impact.LIVE), (4, Impact.RESTART)):
            situation = Situation(before=1, after=after, running=True, attached=False, most=2)
            row = find_row(bench.driver.impacts, "Instance", path, situation)
            assert isinstance(row, Row)
            assert row.impact is impact


OF_VOLUMES = [
    ("size", 1, 2, Impact.LIVE, "a volume grows as its guest runs"),
    ("size", 2, 1, Impact.REFUSED, "its data would be lost"),
    ("size", None, 1, Impact.REBUILD, "a volume that is missing may be brought back, its pool mounted"),
    ("format", "raw", "qcow2", Impact.REFUSED, "all of it would have to be written anew"),
    ("pool", None, "fast", Impact.REFUSED, "it would have to move"),
    ("image", None, "tiny@0123456789ab", Impact.REFUSED, "what it started from is what it started from"),
]


@pytest.mark.parametrize(("path", "before", "after", "impact", "reason"), OF_VOLUMES)
def test_all_drivers_agree_on_volumes(
    bench: Bench, path: str, before: Value, after: Value, impact: Impact, reason: str
) -> None:
    situation = Situation(before=before, after=after, running=False, attached=True, present=before is not None)
    row = find_row(bench.driver.impacts, "Volume", path, situation)
    assert isinstance(row, Row)
    assert row.impact is impact, reason
