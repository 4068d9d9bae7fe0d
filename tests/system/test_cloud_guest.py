"""examples/cloud-guest on a real libvirtd: a full Debian guest takes what it was given, and is waited for."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support import guests
from tests.support.command import Desk
from tests.support.examples import reached, settle
from tests.support.guests import CLOUD_COMMAND_LINE, GuestImage, Keys
from tests.support.hosts import Host

pytestmark = [pytest.mark.libvirtd, pytest.mark.timeout(900)]

WEB, WEB6 = "10.84.0.10", "fd84:9d3e:51a2::a"
PAGE = "Hello from a full cloud guest."


class Story(msgspec.Struct, frozen=True):
    """The example on a host of the suite."""

    desk: Desk
    host: Host
    keys: Keys
    told: list[str]

    def settle(self, example: Path, image: GuestImage) -> None:
        """Make the example's host, image and key real, and commit."""
        properties = {"hw_qemu_guest_agent": True}
        manifest = image.manifest("debian", CLOUD_COMMAND_LINE, adminUser="debian", properties=properties)
        trusted = reached(image.folder, self.host)
        settle(self.desk, example, str(uuid.uuid4()), manifest, [self.keys.public], trusted)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command, however long it takes; it has to exit with `code`."""
        session = self.desk.start(*arguments)
        assert session.end() == code, session.text
        return session.text

    def ssh(self, keys: Keys, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the guest as its admin user."""
        return guests.ssh(self.host, WEB, keys, command, user="debian")

    def answer(self, command: str) -> str:
        """What the guest answers."""
        done = self.ssh(self.keys, command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory, root: Path, libvirt_host: Host, cloud_image: GuestImage, keys: Keys
) -> Iterator[Story]:
    """The guest, applied once for all tests here."""
    story = Story(Desk(tmp_path_factory.mktemp("story")), libvirt_host, keys, [])
    story.settle(root / "examples/cloud-guest", cloud_image)
    story.told.append(story.run("apply", "--verbose"))
    yield story
    deletions = story.desk.run("destroy", "--allow", "delete=0", "-o", "json").value["plan"]["summary"]["delete"]
    story.run("destroy", "--allow", f"delete={deletions}")


def test_an_apply_says_what_it_waits_for_and_ends_when_cloud_init_has(story: Story) -> None:
    assert "waiting until it is ready (cloud-init): its guest agent" in story.told[0]
    assert story.answer("cloud-init status") == "status: done"


def test_the_declared_key_logs_in_and_no_other(story: Story, other_keys: Keys) -> None:
    assert story.answer("hostname") == "web-1"
    stranger = story.ssh(other_keys, "hostname")
    assert stranger.returncode != 0
    assert "Permission denied" in stranger.stderr


def test_user_data_of_the_commit_is_followed_beside_what_we_tell_the_guest(story: Story) -> None:
    assert story.answer("id -un web") == "web"
    assert story.answer("systemctl is-active web") == "active"
    assert story.answer("cat /srv/www/index.html") == PAGE
    errors = story.answer("sudo grep -hE 'WARNING|ERROR' /var/log/cloud-init.log || true")
    assert not errors


def test_the_guest_has_the_declared_addresses_of_both_families_and_finds_names(story: Story) -> None:
    addresses = json.loads(story.answer("ip -j address show dev eth0"))[0]["addr_info"]
    shown = {(each["local"], each["prefixlen"]) for each in addresses if each["scope"] == "global"}
    assert shown == {(WEB, 24), (WEB6, 64)}
    assert "dynamic" not in str(addresses), "they are the declared ones, not leases"
    assert story.answer("ip -4 route show default").split()[:3] == ["default", "via", "10.84.0.1"]
    assert story.answer("ip -6 route show default").split()[:3] == ["default", "via", "fd84:9d3e:51a2::1"]
    assert WEB in story.answer("resolvectl query --legend=no web-1.cloud.internal")


def test_what_its_rules_let_in_comes_in_over_both_families(story: Story) -> None:
    for address in (WEB, f"[{WEB6}]"):
        fetch = f"import urllib.request as r; print(r.urlopen('http://{address}:8080/', timeout=5).read().decode())"
        assert story.host.run("python3", "-I", "-c", fetch).stdout.strip() == PAGE


def test_nothing_is_left_to_do_also_after_a_restart_of_libvirtd(story: Story) -> None:
    boot = story.answer("cat /proc/sys/kernel/random/boot_id")
    for _ in range(2):
        story.run("plan", "--detailed-exitcode")
    assert "call " not in story.run("apply", "--verbose")
    story.host.restart_libvirtd()
    story.run("plan", "--detailed-exitcode")
    assert story.answer("cat /proc/sys/kernel/random/boot_id") == boot


def test_a_guest_that_was_started_anew_has_its_network_and_is_waited_for_again(story: Story) -> None:
    boot = story.answer("cat /proc/sys/kernel/random/boot_id")
    story.desk.edit("flavor.yaml", "memory: 512Mi", "memory: 640Mi")
    story.desk.commit("More memory")
    told = story.run("apply", "--verbose", "--allow", "restart=Instance/default/web-1")
    assert "waiting until it is ready (cloud-init)" in told
    assert story.answer("cat /proc/sys/kernel/random/boot_id") != boot
    assert story.answer("systemctl is-active web") == "active"
