"""The story of examples/web-shop on a real libvirtd with real guests, told through the command line."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.address import Address
from reconciler.identity import Identity
from tests.support import guests
from tests.support.command import Desk, Ran
from tests.support.effort import times
from tests.support.examples import Told, reached, settle
from tests.support.guests import GuestImage, Keys
from tests.support.hosts import POOL, Host, until
from tests.support.pushing import Bare

pytestmark = pytest.mark.libvirtd

BASTION, WEB_1, WEB_2, DB = "10.84.1.10", "10.84.1.2", "10.84.1.3", "10.84.2.20"
BASTION_6, WEB_1_6, DB_6 = "fd84:51f7:b1c6:1::a", "fd84:51f7:b1c6:1::2", "fd84:51f7:b1c6:2::14"
ROLES = ("operator", "web", "database")
ORDERS = Address("Volume", "shop", "orders")
OPEN = "{ethertype: IPv6, protocol: tcp, ports: 8080}"
PATIENCE = 240
"""Seconds: four emulated guests boot, one after the other, on a machine that has other things to do as well."""


class Story(Told):
    """The example on a host of the suite, and the looks that its tests take behind the reconciler's back."""

    def __init__(self, desk: Desk, host: Host, image: GuestImage) -> None:
        super().__init__(desk)
        self.bare: Bare
        self.first: Ran
        self.host, self.image = host, image
        desk.patience = PATIENCE
        self.identity = Identity(str(uuid.uuid4()))
        self.keys = {role: Keys.make(desk.home / role) for role in ROLES}

    def settle(self, example: Path) -> None:
        """Make the example's host, image and keys real, and commit."""
        keys = [self.keys[role].public for role in ROLES]
        trusted = reached(self.image.folder, self.host)
        settle(self.desk, example, self.identity.fleet_id, self.image.manifest(), keys, trusted)

    def enter(self, address: str, role: str, command: str) -> subprocess.CompletedProcess[str]:
        """Log in once, by way of the bastion unless it is meant itself, and run a command."""
        options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=10"]
        flags = " ".join(f"-o {option}" for option in (*options, "LogLevel=ERROR", "IdentitiesOnly=yes"))
        way = f"ssh {flags} -i {self.keys['operator'].private} -W [%h]:%p root@{BASTION}"
        proxy = [] if address in (BASTION, BASTION_6) else ["-o", f"ProxyCommand={way}"]
        line = ["ssh", *flags.split(), *proxy, "-i", str(self.keys[role].private), f"root@{address}", command]
        return subprocess.run(
            [*self.host.prefix, *line], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )

    def answer(self, address: str, role: str, command: str) -> str:
        """What a guest answers over SSH, as soon as it does."""
        done = until(
            lambda: done if (done := self.enter(address, role, command)).returncode == 0 else None,
            PATIENCE,
            f"{address} to answer {command!r} over SSH",
        )
        assert done
        return done.stdout.strip()

    def reaches(self, address: str, role: str, target: str, port: int) -> bool:
        """Whether a guest is connected to a TCP port of another."""
        answer = self.answer(
            address, role, f"nc -w 3 {target} {port} </dev/null >/dev/null 2>&1 && echo yes || echo no"
        )
        return answer == "yes"

    def push(self) -> Ran:
        """Push what is committed to the repository that deploys it, and hand its record on to the clone."""
        pushed = self.bare.push()
        self.bare.hand_on()
        return pushed

    def disk(self) -> str:
        """The device of the orders, in the database's guest."""
        serial = self.identity.serial(ORDERS)
        return self.answer(DB, "database", f"disk {serial}")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, root: Path, tiny_image: GuestImage, libvirt_host: Host) -> Story:
    """The shop, pushed once for all tests here, which build on each other in their order."""
    story = Story(Desk(tmp_path_factory.mktemp("shop")), libvirt_host, tiny_image)
    story.settle(root / "examples/web-shop")
    story.run("plan", "--detailed-exitcode", code=2)
    story.bare = Bare(story.desk, tmp_path_factory.mktemp("git"))
    story.first = story.push()
    return story


@pytest.fixture(scope="module", autouse=True)
def _swept(story: Story) -> Iterator[None]:
    """Nothing is left for others on the host, whatever failed here."""
    yield
    _destroy(story)
    pool = f"reconciler-{story.identity.prefix}"
    assert ".shop.orders.data.qcow2" in story.host.virsh("vol-list", pool), "even then the orders stay"
    story.host.virsh("pool-destroy", pool)
    story.host.virsh("pool-undefine", pool)
    story.host.run("rm", "-r", f"{POOL}/{pool}")


def test_a_push_made_all_of_it_and_showed_how(story: Story) -> None:
    assert story.first.code == 0, story.first.err
    lines = story.first.out.splitlines()
    assert [line for line in lines if re.fullmatch(r"Plan: \d+ to create; 0 unchanged.", line)]
    assert [line for line in lines if re.search(r"^\[\d+/\d+\] created Instance/shop/db on local$", line)]
    assert re.fullmatch(r"Applied: \d+ created; nothing failed.", lines[-1])
    assert len(story.host.virsh("list", "--name").split()) == 4


def test_a_push_with_a_mistake_is_rejected_and_a_revert_rolls_back(story: Story) -> None:
    story.desk.edit("web-1.yaml", "flavor: ", "flavour: ")
    story.desk.commit("Mistake")
    mistake = story.push()
    assert mistake.code != 0
    assert re.search(r"^  web-1.yaml:\d+:3$", mistake.out, re.MULTILINE)
    assert "Did you mean `flavor`?" in mistake.out
    story.desk.git("reset", "--quiet", "--hard", "HEAD~1")
    assert story.bare.tip() == story.desk.git("rev-parse", "HEAD").strip()
    before = _rules(story)
    story.desk.edit("security-groups.yaml", OPEN, OPEN.replace("8080", "9090"))
    story.desk.commit("Another port")
    assert story.push().out.splitlines()[-1].endswith("nothing failed.")
    assert _rules(story) != before
    story.desk.git("revert", "--no-edit", "HEAD")
    assert story.push().out.splitlines()[-1].endswith("nothing failed.")
    assert _rules(story) == before


def test_a_second_run_makes_no_call(story: Story) -> None:
    for _ in range(2):
        story.run("plan", "--detailed-exitcode")
    assert "call " not in story.run("apply", "--verbose").err
    story.host.restart_libvirtd()
    story.run("plan", "--detailed-exitcode")


ROOMS = [(BASTION, "operator", "bastion"), (WEB_1, "web", "web-1"), (WEB_2, "web", "web-2"), (DB, "database", "db")]


@pytest.mark.parametrize(("address", "role", "name"), ROOMS)
def test_a_guest_is_called_as_declared_and_lets_its_own_key_in_only(
    story: Story, address: str, role: str, name: str
) -> None:
    assert story.answer(address, role, "hostname") == name
    for other in ROLES:
        if other != role:
            assert "Permission denied" in story.enter(address, other, "hostname").stderr


def test_guests_have_the_addresses_of_both_families_and_find_each_other_by_name(story: Story) -> None:
    for address, role, six in ((BASTION, "operator", BASTION_6), (WEB_1, "web", WEB_1_6), (DB, "database", DB_6)):
        assert f"{six}/64" in story.answer(address, role, "ip -6 address show scope global")
    for name, resolver, address in (("db.back", "10.84.2.1", DB), ("bastion.front", "10.84.1.1", BASTION)):
        assert address in story.answer(WEB_1, "web", f"nslookup {name}.shop.internal {resolver}")


def test_the_groups_let_through_what_they_say_and_nothing_else(story: Story) -> None:
    story.answer(DB, "database", "httpd -p 5432 -h /run/www")
    assert story.reaches(WEB_1, "web", DB, 5432)
    assert not story.reaches(BASTION, "operator", DB, 5432)
    assert not story.reaches(WEB_1, "web", DB, 22)
    assert story.reaches(BASTION, "operator", DB, 22)
    assert guests.open_port(story.host, WEB_1, 8080)
    assert guests.open_port(story.host, WEB_1_6, 8080)
    for address, port in ((WEB_1, 22), (WEB_1_6, 22), (DB, 5432), (DB, 8080), (BASTION, 8080)):
        assert not guests.open_port(story.host, address, port), f"{address} port {port}"


def test_the_database_grows_as_it_runs(story: Story) -> None:
    boot = story.answer(DB, "database", "cat /proc/sys/kernel/random/boot_id")
    story.desk.edit("flavors.yaml", "roomy}\nspec: {vcpus: 1", "roomy}\nspec: {vcpus: 2")
    story.desk.edit("volumes.yaml", "size: 64Mi", "size: 96Mi")
    story.apply("A good month")
    story.run("plan", "--detailed-exitcode")
    sectors = story.answer(DB, "database", f"cat /sys/block/{Path(story.disk()).name}/size")
    assert int(sectors) * 512 == 96 << 20
    assert story.answer(DB, "database", "cat /proc/sys/kernel/random/boot_id") == boot


def test_the_orders_survive_the_database_and_come_back_with_the_next(story: Story) -> None:
    story.answer(DB, "database", f"echo ten thousand orders | dd of={story.disk()} conv=fsync 2>/dev/null")
    story.desk.git("rm", "--quiet", "db.yaml", "volumes.yaml")
    for name in ("web-1.yaml", "web-2.yaml"):
        story.desk.edit(name, "  dependsOn: [db]\n", "")
    story.apply("Do without a database")
    retained = story.run("plan", "-o", "json").value["retained"]
    assert [each["address"] for each in retained] == [str(ORDERS)]
    story.desk.git("revert", "--no-edit", "HEAD")
    story.run("apply")
    assert story.answer(DB, "database", f"head -c 19 {story.disk()}") == "ten thousand orders"
    story.run("plan", "--detailed-exitcode")


KILLS = times(10, 4)


def _standing(story: Story) -> dict[str, object]:
    """All of the fleet that is on the host, and whether it runs; names and rules stand in no order."""
    host, prefix = story.host, story.identity.prefix
    found: dict[str, object] = {"running": sorted(host.virsh("list", "--name").split())}
    for name in host.virsh("list", "--all", "--name").split():
        found[name] = host.virsh("dumpxml", "--inactive", name)
    for name in host.virsh("net-list", "--all", "--name").split():
        found[f"network {name}"] = sorted(host.virsh("net-dumpxml", "--inactive", name).splitlines())
    found["files"] = sorted(host.run("find", f"{POOL}/reconciler-{prefix}").stdout.split())
    found["rules"] = _rules(story)
    return found


def _rules(story: Story) -> list[str]:
    """The words of the host's firewall, which stand in no order."""
    rules = story.host.run("nft", "--stateless", "list", "table", "inet", f"reconciler-{story.identity.prefix}").stdout
    return sorted(re.findall(r"[^\s,]+", rules))


def _destroy(story: Story) -> None:
    everything = story.desk.run("destroy", "--allow", "delete=0", "-o", "json").value["plan"]["summary"]["delete"]
    story.run("destroy", "--allow", f"delete={everything}")


APPLY = (("apply", "--verbose"), "        call ")
SERVE = (("serve", "--verbose", "--until-idle"), ": ")
"""Commands that carry out what is wanted and then end, and what stands in the lines that they write as they do."""


def _killed(story: Story, work: tuple[tuple[str, ...], str], chance: random.Random) -> bool:
    """Run a command and kill it soon after one of its next lines; false when it had come to its end before."""
    words, mark = work
    calls = chance.randint(1, 5) if work is APPLY else chance.randint(4, 10)
    command = [sys.executable, "-m", "reconciler", *words]
    with subprocess.Popen(
        command,
        cwd=story.desk.repo,
        env=story.desk.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        for line in process.stderr:
            calls -= mark in line
            if not calls:
                time.sleep(chance.uniform(0, 0.2))
                process.kill()
                break
    return process.returncode == -signal.SIGKILL


@pytest.mark.timeout(900)
def test_kills_of_apply_and_serve_at_random_moments_change_nothing_about_the_end(story: Story) -> None:
    _destroy(story)
    story.run("apply")
    undisturbed = _standing(story)
    _destroy(story)
    chance = random.Random(13)
    kills = 0
    while kills < KILLS:
        if _killed(story, SERVE if kills % 2 else APPLY, chance):
            kills += 1
        else:  # it came to its end before: the next one begins anew
            _destroy(story)
    story.run("apply")
    found = _standing(story)
    assert found.keys() == undisturbed.keys()
    for what, known in undisturbed.items():
        assert found[what] == known, what
    story.run("plan", "--detailed-exitcode")
    assert story.answer(DB, "database", f"head -c 19 {story.disk()}") == "ten thousand orders"
