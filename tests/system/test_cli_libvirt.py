"""The commands that reach into a guest, on a real libvirtd with a real guest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Desk, Ran
from tests.support.guests import BOOT_SECONDS, GuestImage
from tests.support.hosts import Host, until
from tests.support.remote import by_ssh

pytestmark = pytest.mark.libvirtd

WEB = "Instance/default/web-1"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, libvirt_host: Host, tiny_image: GuestImage) -> Iterator[Desk]:
    """The first fleet, moved from the simulator to a real host, and its guest."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    assert desk.init().code == 0
    fleet_id = re.findall(r"id: (\S+)", (desk.repo / "fleet.yaml").read_text(encoding="utf-8"))[-1]
    desk.edit("hosts.yaml", "driver: simulator", "virtType: qemu")
    desk.edit("flavors.yaml", "512Mi", "96Mi")
    (desk.repo / "images.yaml").write_text(json.dumps(tiny_image.manifest()), encoding="utf-8")
    _trust(desk, fleet_id, {"driver": "libvirt", **libvirt_host.connection}, tiny_image.folder)
    desk.commit()
    ran = desk.run("apply")
    assert ran.code == 0, ran.out + ran.err
    yield desk
    ran = desk.run("destroy", "--allow", "delete=4")
    assert ran.code == 0, ran.out + ran.err
    assert desk.run("destroy", "--allow", "delete=0").out.endswith("Nothing to do.\n")


def _trust(desk: Desk, fleet_id: str, connection: dict[str, object], folder: Path) -> None:
    file = desk.home / ".config" / "reconciler" / "config.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"fleets": {fleet_id: {"folders": [str(folder)], "hosts": {"sim-01": connection}}}}
    file.write_text(json.dumps(content), encoding="utf-8")
    file.chmod(0o600)


def _answer(desk: Desk, *command: str) -> Ran:
    def ask() -> Ran | None:
        ran = desk.run("ssh", WEB, "--", *command)
        return ran if ran.code == 0 else None

    answer = until(ask, BOOT_SECONDS, f"{WEB} to answer")
    assert answer is not None
    return answer


def test_ssh_needs_no_option_and_remembers_the_guest(desk: Desk) -> None:
    assert "web-1" in _answer(desk, "hostname").out
    (known,) = (desk.home / ".local" / "state" / "reconciler" / "known_hosts").iterdir()
    before = known.read_text(encoding="utf-8")
    assert before
    assert desk.run("ssh", WEB, "--", "exit 7").code == 7, "the guest's exit code is ours"
    assert known.read_text(encoding="utf-8") == before


def test_all_goes_through_the_ssh_connection_of_a_host_far_away(
    desk: Desk, libvirt_host: Host, tiny_image: GuestImage, tmp_path: Path
) -> None:
    trusted = desk.home / ".config" / "reconciler" / "config.yaml"
    near = trusted.read_text(encoding="utf-8")
    (fleet_id,) = json.loads(near)["fleets"]
    with by_ssh(libvirt_host, tmp_path) as far:
        pool = {"pool": libvirt_host.connection["pool"]}
        _trust(desk, fleet_id, {"driver": "libvirt", **pool, **far.connection}, tiny_image.folder)
        assert _answer(desk, "hostname").out == "web-1\n"
        for command in (["plan", "--detailed-exitcode"], ["doctor"], ["observe"]):
            ran = desk.run(*command)
            assert ran.code == 0, ran.out + ran.err
    trusted.write_text(near, encoding="utf-8")


def test_doctor_passes_on_a_host_that_works(desk: Desk) -> None:
    ran = desk.run("doctor")
    assert ran.code == 0, ran.out


def test_the_console_is_that_of_the_guest(desk: Desk) -> None:
    session = desk.start("console", WEB, terminal=True, TERM="xterm")
    session.wait_for("Escape character")
    assert session.type_until_over("\x1d") == 0


def test_a_second_plan_is_empty(desk: Desk) -> None:
    assert desk.run("plan", "--detailed-exitcode").code == 0
    assert desk.run("drift").code == 0


def test_a_plan_against_what_was_published_is_the_plan_on_the_host(desk: Desk, tmp_path: Path) -> None:
    seen = tmp_path / "seen.json"
    assert desk.run("observe", "--publish", str(seen)).code == 0
    text = seen.read_text(encoding="utf-8")
    for private in (str(desk.home), "libvirt-sock", "/var/", "QEMU "):
        assert private not in text
    assert desk.run("plan", "--observed", str(seen), "--rev", "HEAD", "--detailed-exitcode").code == 0
    desk.edit("flavors.yaml", "96Mi", "112Mi")
    real, told = (desk.run("plan", *more, "-o", "json").value for more in ([], ["--observed", str(seen)]))
    desk.edit("flavors.yaml", "112Mi", "96Mi")
    assert told["source"].pop("observed")["signer"] is None
    assert told == real
    assert [each["impact"] for each in real["changes"]] == ["restart"]


def test_a_first_look_tells_what_is_ours_from_what_is_not_and_changes_nothing(desk: Desk, libvirt_host: Host) -> None:
    other = "<network><name>office</name><bridge name='virbr-o'/></network>"
    libvirt_host.run("virsh", "-c", "qemu:///system", "net-define", "/dev/stdin", stdin=other)
    try:
        before = libvirt_host.virsh("net-list", "--all") + libvirt_host.virsh("list", "--all")
        looked = desk.run("observe", "--fields", "--rev", "HEAD")
        (host,) = desk.run("observe", "-o", "json").value["hosts"]
        assert libvirt_host.virsh("net-list", "--all") + libvirt_host.virsh("list", "--all") == before
    finally:
        libvirt_host.virsh("net-undefine", "office")
    assert looked.code == 0, looked.out
    assert "memory: 96Mi" in looked.out
    assert ("network", "office") in [(each["kind"], each["name"]) for each in host["others"]]
    assert WEB in [each["address"] for each in host["objects"]]
    assert not any("web-1" in each["name"] for each in host["others"]), "every part of what is ours is known to be"


def test_readiness_is_told_when_it_is_asked_for(desk: Desk) -> None:
    (web,) = desk.run("get", WEB, "--ready", "-o", "json").value["resources"]
    assert (web["state"], web["ready"], web["why"]) == ("Running", True, "")
