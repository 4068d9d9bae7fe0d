"""The story of a fleet on a real libvirtd with real guests, told through the command line: examples/quickstart."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import guests
from tests.support.command import Desk
from tests.support.examples import Told, reached, settle
from tests.support.guests import GuestImage, Keys
from tests.support.hosts import POOL, Host

pytestmark = pytest.mark.libvirtd

WEB_1, WEB_2 = "10.83.0.2", "10.83.0.3"
OPENED = "    - {protocol: tcp, ports: 8080}\n"


class Story(Told):
    """The quickstart on a host of the suite, and the looks that its tests take behind the reconciler's back."""

    def __init__(self, desk: Desk, host: Host, keys: Keys) -> None:
        super().__init__(desk)
        self.host, self.keys = host, keys
        self.fleet_id = str(uuid.uuid4())
        self.prefix = self.fleet_id[:8]

    def settle(self, example: Path, image: GuestImage) -> None:
        """Make the example's host and image real, and commit."""
        trusted = reached(image.folder, self.host)
        settle(self.desk, example, self.fleet_id, image.manifest(), [self.keys.public], trusted)

    def answer(self, address: str, command: str) -> str:
        """What a guest answers over SSH."""
        return guests.answer(self.host, address, self.keys, command)

    def boot_id(self, address: str) -> str:
        """What changes exactly when a guest starts anew."""
        return self.answer(address, "cat /proc/sys/kernel/random/boot_id")

    def open(self, port: int) -> bool:
        """Whether web-1 can be reached at a TCP port from its host."""
        return guests.open_port(self.host, WEB_1, port)

    def names(self, *listing: str) -> list[str]:
        """What virsh lists, by name."""
        return self.host.virsh(*listing, "--all", "--name").split()

    def tables(self) -> list[str]:
        """The names of all nftables tables."""
        return [line.split()[-1] for line in self.host.run("nft", "list", "tables").stdout.splitlines()]

    def definitions(self) -> dict[str, str]:
        """Everything defined, in its stored and its running form, and the firewall."""
        found = {f"net {name}": self.host.virsh("net-dumpxml", name) for name in self.names("net-list")}
        for name in self.names("list"):
            found[f"stored {name}"] = self.host.virsh("dumpxml", "--inactive", name)
            found[f"running {name}"] = self.host.virsh("dumpxml", name)
        ours = f"reconciler-{self.prefix}"
        if ours in self.tables():
            found["firewall"] = self.host.run("nft", "--stateless", "list", "table", "inet", ours).stdout
        return found

    def ours(self) -> list[str]:
        """The names of all that bears the fleet's prefix, on libvirt, in the firewall and on disk."""
        files = self.host.run("find", POOL, "-name", f"*{self.prefix}*", check=False).stdout.split()
        names = [*self.names("list"), *self.names("net-list"), *self.names("pool-list"), *self.tables(), *files]
        return [name for name in names if self.prefix in name]


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory, root: Path, libvirt_host: Host, tiny_image: GuestImage, keys: Keys
) -> Iterator[Story]:
    """Two guests, applied once for all tests here, which build on each other in their order."""
    story = Story(Desk(tmp_path_factory.mktemp("story")), libvirt_host, keys)
    story.settle(root / "examples/quickstart", tiny_image)
    story.run("plan", "--detailed-exitcode", code=2)
    story.run("apply")
    yield story
    deletions = story.desk.run("destroy", "--allow", "delete=0", "-o", "json").value["plan"]["summary"]["delete"]
    story.run("destroy", "--allow", f"delete={deletions}")


def test_a_guest_lets_in_the_declared_key_and_no_other(story: Story, other_keys: Keys) -> None:
    assert story.answer(WEB_1, "hostname") == "web-1"
    assert story.answer(WEB_2, "hostname") == "web-2"
    stranger = guests.ssh(story.host, WEB_1, other_keys, "hostname")
    assert stranger.returncode != 0
    assert "Permission denied" in stranger.stderr


def test_a_guest_is_of_the_declared_size(story: Story) -> None:
    assert story.answer(WEB_1, "nproc") == "1"
    assert story.answer(WEB_1, "cat /sys/block/vda/size") == str((32 << 20) // 512)
    assert story.host.virsh("dominfo", f"{story.prefix}.default.web-1").count("98304 KiB") == 2


def test_a_plan_after_apply_is_empty_also_after_a_restart_of_libvirtd(story: Story) -> None:
    for _ in range(2):
        story.run("plan", "--detailed-exitcode")
    story.host.restart_libvirtd()
    story.run("plan", "--detailed-exitcode")
    story.run("drift")


def test_a_second_apply_makes_no_modifying_call(story: Story) -> None:
    definitions, boot_id = story.definitions(), story.boot_id(WEB_1)
    applied = story.run("apply", "--verbose")
    assert "call " not in applied.err
    assert story.definitions() == definitions
    assert story.boot_id(WEB_1) == boot_id


def test_a_port_without_a_rule_is_closed_and_the_one_with_a_rule_is_open(story: Story) -> None:
    assert story.answer(WEB_1, "wget -q -O - http://127.0.0.1:8080/") == "web-1", "somebody listens"
    assert not story.open(8080)
    assert story.open(22)


def test_members_of_a_group_find_and_reach_each_other(story: Story) -> None:
    # The guest's static wget can look no names up.
    assert WEB_1 in story.answer(WEB_2, "nslookup web-1.quickstart.internal").split()
    assert story.answer(WEB_2, rf"printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 5 {WEB_1} 8080 | tail -n 1") == "web-1"


def test_a_new_rule_opens_a_port_of_a_running_guest(story: Story) -> None:
    boot_id = story.boot_id(WEB_1)
    groups = story.desk.repo / "security-groups.yaml"
    groups.write_text(groups.read_text() + OPENED)
    applied = story.apply("Open the web servers")
    assert re.findall(r"call (\S+)", applied.err) == ["group.write"]
    assert story.open(8080)
    assert story.boot_id(WEB_1) == boot_id


def test_a_withdrawn_rule_closes_the_port_again(story: Story) -> None:
    groups = story.desk.repo / "security-groups.yaml"
    groups.write_text(groups.read_text().replace(OPENED, ""))
    story.apply("Close the web servers")
    assert not story.open(8080)


def test_a_guest_that_was_killed_and_a_firewall_that_was_flushed_are_seen_and_repaired(story: Story) -> None:
    before = story.boot_id(WEB_1)
    story.host.virsh("destroy", f"{story.prefix}.default.web-1")
    story.host.run("nft", "flush", "table", "inet", f"reconciler-{story.prefix}")
    story.run("drift", code=2)
    story.run("apply")
    story.run("drift")
    assert story.boot_id(WEB_1) != before
    assert story.open(22)
    assert not story.open(8080)


def test_what_a_guest_wrote_to_its_root_disk_survives_a_restart_that_was_consented_to(story: Story) -> None:
    story.answer(WEB_1, "echo mine | dd of=/dev/vda bs=512 seek=100 conv=notrunc,fsync")
    boot_id = story.boot_id(WEB_1)
    story.desk.edit("flavor.yaml", "vcpus: 1", "vcpus: 2")
    story.desk.commit("Two processors each")
    allowed = [part for name in ("web-1", "web-2") for part in ("--allow", f"restart=Instance/default/{name}")]
    story.run("apply", "--detailed-exitcode", code=2)
    assert story.boot_id(WEB_1) == boot_id, "without consent nothing restarts"
    story.run("apply", *allowed)
    assert story.answer(WEB_1, "nproc") == "2"
    assert story.answer(WEB_1, "dd if=/dev/vda bs=512 skip=100 count=1 2>/dev/null | head -n 1") == "mine"
    story.run("plan", "--detailed-exitcode")


def test_a_foreign_namesake_is_reported_and_untouched(story: Story) -> None:
    web, network = story.prefix + ".default.web-3", story.prefix + ".default.back"
    domain = f"<domain type='qemu'><name>{web}</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    story.host.run("sh", "-c", "cat >/run/foreign.xml", stdin=domain)
    story.host.virsh("define", "/run/foreign.xml")
    story.host.run("sh", "-c", "cat >/run/foreign.xml", stdin=f"<network><name>{network}</name></network>")
    story.host.virsh("net-define", "/run/foreign.xml")
    before = story.definitions()
    repo = story.desk.repo
    (repo / "web-3.yaml").write_text((repo / "web-2.yaml").read_text().replace("web-2", "web-3"))
    text = (repo / "network.yaml").read_text().replace("name: lan", "name: back").replace("10.83.0", "10.84.0")
    (repo / "back.yaml").write_text(text + "  host: local\n")
    try:
        story.desk.commit("Names that are taken")
        planned = story.desk.run("plan")
        assert web in planned.out + planned.err
        assert network in planned.out + planned.err
        assert story.desk.run("apply").code != 0
        assert {name: text for name, text in story.definitions().items() if name in before} == before
    finally:
        (repo / "web-3.yaml").unlink()
        (repo / "back.yaml").unlink()
        story.apply("Names that are free")
    assert {web} <= set(story.names("list"))
    assert {network} <= set(story.names("net-list"))
    story.host.virsh("undefine", web)
    story.host.virsh("net-undefine", network)


def test_what_is_removed_from_git_is_removed_and_the_rest_goes_on(story: Story) -> None:
    boot_id = story.boot_id(WEB_1)
    (story.desk.repo / "web-2.yaml").unlink()
    story.apply("One web server will do")
    assert [name for name in story.ours() if "web-2" in name] == []
    assert story.boot_id(WEB_1) == boot_id
    story.run("plan", "--detailed-exitcode")


def test_destroy_leaves_nothing_of_ours_and_all_that_is_others(story: Story) -> None:
    story.host.run("nft", "add", "table", "inet", "somebody-elses")
    assert story.ours()
    story.run("destroy", "--allow", "delete=5")
    assert story.ours() == []
    assert "somebody-elses" in story.tables()
    story.host.run("nft", "delete", "table", "inet", "somebody-elses")
