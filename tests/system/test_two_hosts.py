"""The story of a fleet of two hosts on one wire, with real guests on two real libvirtds: examples/two-hosts."""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import guests
from tests.support.command import Desk
from tests.support.examples import Told, settle, trust
from tests.support.guests import GuestImage, Keys
from tests.support.hosts import INTERFACE, Host, Wired, wired
from tests.support.spaces import ARRIVES, opens

pytestmark = pytest.mark.libvirtd

WEB_1, WEB_2 = "10.85.0.11", "10.85.0.12"
WEB_1_6, WEB_2_6 = "fd85:51f7:b1c6::b", "fd85:51f7:b1c6::c"
OPERATOR, OPERATOR_6 = "10.85.0.200/24", "fd85:51f7:b1c6::c8/64"
OPENED = "    - {protocol: tcp, ports: 9090, remote: {group: web}}\n"


class Story(Told):
    """The example on hosts of the suite, and the looks that its tests take behind the reconciler's back."""

    def __init__(self, desk: Desk, wire: Wired, image: GuestImage, keys: Keys) -> None:
        super().__init__(desk)
        self.wire, self.image, self.keys = wire, image, keys
        self.north, self.south = wire.hosts
        self.fleet_id = str(uuid.uuid4())
        self.prefix = self.fleet_id[:8]

    def settle(self, example: Path) -> None:
        """Make the example's hosts and image real, and commit."""
        settle(self.desk, example, self.fleet_id, self.image.manifest(), [self.keys.public], self._trusted())

    def trust(self) -> None:
        """Say how the hosts are reached now, and what of each the wire is."""
        trust(self.desk, self.fleet_id, self._trusted())

    def _trusted(self) -> dict[str, Any]:
        wires = {"physical_networks": {"lan": {"interface": INTERFACE}}}
        hosts = {host.name: {"driver": "libvirt", **host.connection, **wires} for host in self.wire.hosts}
        return {"folders": [str(self.image.folder)], "hosts": hosts}

    def answer(self, address: str, command: str) -> str:
        """What a guest answers over SSH to somebody else on the wire."""
        return guests.answer(self.wire.switch, address, self.keys, command)

    def boot_id(self, address: str) -> str:
        """What changes exactly when a guest starts anew."""
        return self.answer(address, "cat /proc/sys/kernel/random/boot_id")

    def page(self, asks: str, of: str, port: int = 8080) -> str:
        """What one guest is told by another's web server; empty when nothing comes back."""
        return self.answer(asks, rf"printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 3 {of} {port} | tail -n 1")

    def domains(self, host: Host) -> list[str]:
        """The running domains of a host."""
        return host.virsh("list", "--name").split()

    def bridges(self, host: Host) -> list[str]:
        """The bridges of a host."""
        return [link["ifname"] for link in json.loads(host.run("ip", "-j", "link", "show", "type", "bridge").stdout)]

    def ours(self, host: Host) -> list[str]:
        """What of a host bears the fleet's prefix, and the bridges."""
        names = [*host.virsh("list", "--all", "--name").split(), *host.virsh("net-list", "--all", "--name").split()]
        names += host.virsh("pool-list", "--all", "--name").split()
        names += host.run("nft", "list", "tables").stdout.split()
        return [name for name in names if self.prefix in name] + self.bridges(host)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, root: Path, tiny_image: GuestImage, keys: Keys) -> Iterator[Story]:
    """A guest on each host, applied once for all tests here, which build on each other in their order."""
    with wired("north", "south") as wire:
        wire.switch.ip(f"addr add {OPERATOR} dev wire", f"addr add {OPERATOR_6} dev wire nodad")
        story = Story(Desk(tmp_path_factory.mktemp("story")), wire, tiny_image, keys)
        story.settle(root / "examples/two-hosts")
        story.run("plan", "--detailed-exitcode", code=2)
        story.run("apply")
        yield story


def test_each_host_has_its_guest_and_what_the_guest_needs(story: Story) -> None:
    for host, guest in ((story.north, "web-1"), (story.south, "web-2")):
        assert story.domains(host) == [f"{story.prefix}.default.{guest}"]
        assert host.virsh("net-list", "--name").split() == [f"{story.prefix}.default.lan"]
        assert ".-.tiny." in host.virsh("vol-list", f"reconciler-{story.prefix}")
        members = host.run("nft", "list", "table", "inet", f"reconciler-{story.prefix}").stdout
        assert all(address in members for address in (WEB_1, WEB_2, WEB_1_6, WEB_2_6))


def test_the_host_takes_no_part_in_the_network(story: Story) -> None:
    for host in (story.north, story.south):
        (bridge,) = story.bridges(host)
        (link,) = json.loads(host.run("ip", "-j", "address", "show", "dev", bridge).stdout)
        assert link["addr_info"] == []


def test_guests_have_the_addresses_of_both_families_that_their_seed_told(story: Story) -> None:
    for four, six, name in ((WEB_1, WEB_1_6, "web-1"), (WEB_2, WEB_2_6, "web-2")):
        assert story.answer(four, "hostname") == name
        assert story.answer(six, "hostname") == name
        shown = story.answer(four, "ip address show dev eth0")
        assert re.findall(r"inet6? (\S+) scope global", shown) == [f"{four}/24", f"{six}/64"]


def test_guests_on_two_hosts_reach_each_other_at_ruled_ports_only(story: Story) -> None:
    story.answer(WEB_1, "httpd -p 9090 -h /run/www")
    assert "web-1" in story.answer(WEB_1, "wget -q -O - http://127.0.0.1:9090/"), "somebody listens"
    for asks, of, name in ((WEB_2, WEB_1, "web-1"), (WEB_2, WEB_1_6, "web-1"), (WEB_1, WEB_2, "web-2")):
        assert story.page(asks, of) == name
    assert story.page(WEB_1, WEB_2_6) == "web-2"
    assert story.page(WEB_2, WEB_1, 9090) == ""
    assert story.page(WEB_2, WEB_1_6, 9090) == ""


def test_somebody_else_on_the_wire_is_no_member(story: Story) -> None:
    switch = story.wire.switch
    for address in (WEB_1, WEB_2, WEB_1_6, WEB_2_6):
        assert opens(switch, address, 22, ARRIVES)
        assert not opens(switch, address, 8080)


def test_a_plan_after_apply_is_empty_also_after_a_restart_of_one_libvirtd(story: Story) -> None:
    for _ in range(2):
        story.run("plan", "--detailed-exitcode")
    story.south.restart_libvirtd()
    story.run("plan", "--detailed-exitcode")
    applied = story.run("apply", "--verbose")
    assert "call " not in applied.err


def test_a_rule_reaches_both_hosts_and_opens_the_port_across_them(story: Story) -> None:
    groups = story.desk.repo / "security-groups.yaml"
    groups.write_text(groups.read_text() + OPENED)
    story.desk.commit("One more port")
    story.run("apply")
    assert story.page(WEB_2, WEB_1, 9090) == "web-1"
    groups.write_text(groups.read_text().replace(OPENED, ""))
    story.desk.commit("One port less")
    story.run("apply")
    assert story.page(WEB_2, WEB_1, 9090) == ""


@contextlib.contextmanager
def stopped(host: Host) -> Iterator[None]:
    """Its daemon ends, and comes back."""
    host.stop_libvirtd()
    yield
    host.start_libvirtd()


@contextlib.contextmanager
def hanging(host: Host) -> Iterator[None]:
    """Its daemon takes connections and never answers."""
    pid = host.libvirtd
    host.run("kill", "-STOP", pid)
    yield
    host.run("kill", "-CONT", pid)


@pytest.mark.parametrize("away", [stopped, hanging])
def test_while_one_host_is_away_nothing_of_it_is_judged_and_the_other_goes_on(
    story: Story, away: Callable[[Host], contextlib.AbstractContextManager[None]]
) -> None:
    boots = [story.boot_id(address) for address in (WEB_1, WEB_2)]
    groups = story.desk.repo / "security-groups.yaml"
    opened = groups.read_text() + OPENED
    with away(story.south):
        groups.write_text(opened)
        story.desk.commit("One more port")
        planned = story.desk.run("plan", "-o", "json")
        assert not [change for change in planned.value["changes"] if change["action"] == "delete"], planned.out
        ran = story.run("apply", code=1)
        assert "south" in ran.out + ran.err
        assert story.domains(story.north) == [f"{story.prefix}.default.web-1"]
        assert story.page(WEB_2, WEB_1, 9090) == "web-1", "the other host goes on"
    story.run("apply")
    story.run("plan", "--detailed-exitcode")
    assert [story.boot_id(address) for address in (WEB_1, WEB_2)] == boots
    groups.write_text(opened.replace(OPENED, ""))
    story.desk.commit("One port less")
    story.run("apply")


def test_a_host_that_lost_power_is_made_whole_again(story: Story) -> None:
    boot_id = story.boot_id(WEB_1)
    story.south.reboot()
    story.wire.plug_in(story.south)
    story.trust()
    assert story.bridges(story.south) == [], "what `ip` makes is gone"
    story.run("drift", code=2)
    story.run("apply")
    story.run("plan", "--detailed-exitcode")
    assert story.answer(WEB_2, "hostname") == "web-2"
    assert story.page(WEB_1, WEB_2) == "web-2"
    assert story.page(WEB_1, WEB_2_6) == "web-2"
    assert story.page(WEB_2, WEB_1, 9090) == ""
    assert story.boot_id(WEB_1) == boot_id


def test_what_leaves_a_host_leaves_nothing_there(story: Story) -> None:
    instances = story.desk.repo / "instances.yaml"
    first, _, _ = instances.read_text().partition("---\n")
    instances.write_text(first)
    story.desk.commit("One will do")
    story.run("apply")
    assert story.ours(story.south) == []
    assert INTERFACE in story.south.run("ls", "/sys/class/net").stdout
    assert story.answer(WEB_1, "hostname") == "web-1"
    story.run("plan", "--detailed-exitcode")


def test_destroy_leaves_neither_host_with_anything_of_ours(story: Story) -> None:
    deletions = story.desk.run("destroy", "--allow", "delete=0", "-o", "json").value["plan"]["summary"]["delete"]
    story.run("destroy", "--allow", f"delete={deletions}")
    for host in (story.north, story.south):
        assert story.ours(host) == []
