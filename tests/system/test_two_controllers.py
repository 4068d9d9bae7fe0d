"""Two controllers of one fleet: one works, the other takes over when nothing is heard of the first (T17-T19)."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Desk, Session
from tests.support.contract import manifest
from tests.support.hosts import Host

LEASE = "3s"
PATIENCE = 60.0


class Pair:
    """Controllers of a user's fleet, by name; they are ended with the test."""

    def __init__(self, desk: Desk, folder: Path, hosts: dict[str, object]) -> None:
        self.desk, self._folder = desk, folder
        self._config = folder / "config.yaml"
        fleet_id = re.findall(r"id: (\S+)", (desk.repo / "fleet.yaml").read_text(encoding="utf-8"))[-1]
        follows = {"repository": {"url": str(desk.repo), "poll": "1s"}, "controller": {"lease": LEASE}}
        self._config.write_text(json.dumps({"fleets": {fleet_id: {**follows, "hosts": hosts}}}), encoding="utf-8")
        self._config.chmod(0o600)
        self._running: list[Controller] = []

    def start(self, name: str, **environment: Any) -> Controller:
        """One more controller."""
        words = ("serve", "--config", str(self._config), "--socket", str(self._folder / f"{name}.sock"))
        self._running.append(Controller(self.desk.start(*words, "--log-format", "json", **environment)))
        return self._running[-1]

    def declare(self, number: int) -> str:
        """Commit one network more; what is told once it stands."""
        declared = manifest("Network", f"net-{number}", cidr=f"10.77.{number}.0/24")
        (self.desk.repo / f"net-{number}.yaml").write_text(declared, encoding="utf-8")
        self.desk.commit(f"Network {number}")
        return f"created Network/default/net-{number}"

    def end(self) -> None:
        """End all that still run."""
        for each in self._running:
            each.end()


class Controller:
    """One of them, and what it tells."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ended = False
        self.told: list[tuple[str, str]] = []

    def tells(self, reason: str, message: str = "") -> str:
        """Wait until it tells something that it had not told when it was last waited for; gives the message."""
        while True:
            self._session.wait_for("\n")
            line, _, self._session.text = self._session.text.partition("\n")
            entry = json.loads(line)
            self.told.append((entry["reason"], entry["message"]))
            if entry["reason"] == reason and message in entry["message"]:
                return str(entry["message"])

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._session.signal(number)

    @property
    def stopped(self) -> bool:
        """Whether a signal has stopped it."""
        status = Path(f"/proc/{self._session.pid}/stat").read_text(encoding="utf-8")
        return status.rpartition(")")[2].split()[0] == "T"

    def end(self) -> list[tuple[str, str]]:
        """Let it end, and give all that it told."""
        if not self._ended:
            self._ended = True
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            self._session.end()
            entries = [json.loads(line) for line in self._session.text.splitlines() if line.startswith("{")]
            self.told += [(entry["reason"], entry["message"]) for entry in entries]
        return self.told


@contextmanager
def controllers(desk: Desk, folder: Path, hosts: dict[str, object]) -> Iterator[Pair]:
    """Controllers to be started, and ended."""
    pair = Pair(desk, folder, hosts)
    try:
        yield pair
    finally:
        pair.end()


@pytest.fixture
def pair(desk: Desk, tmp_path: Path) -> Iterator[Pair]:
    """On the simulator, whose fleet stands already."""
    assert desk.run("apply").code == 0
    with controllers(desk, tmp_path, {}) as made:
        yield made


def test_one_works_and_the_other_takes_over_from_a_killed_and_from_a_stopped_one(pair: Pair) -> None:
    first = pair.start("first")
    first.tells("Leads", "has the lease of host sim-01")
    second = pair.start("second")
    assert "waits for the lease of host sim-01" in second.tells("AnotherLeads")
    first.tells("StepSucceeded", pair.declare(1))

    first.signal(signal.SIGKILL)
    second.tells("Leads")
    second.tells("StepSucceeded", pair.declare(2))

    third = pair.start("third")
    third.tells("AnotherLeads")
    second.signal(signal.SIGSTOP)
    third.tells("Leads")
    third.tells("StepSucceeded", pair.declare(3))
    second.signal(signal.SIGCONT)
    second.tells("AnotherLeads", "waits for the lease of host sim-01")
    third.tells("StepSucceeded", pair.declare(4))

    done = [message for reason, message in second.end() if reason == "StepSucceeded"]
    assert len(done) == 1, "while another led, the resumed one did nothing"
    assert "net-2" in done[0]
    assert pair.desk.run("plan", "--detailed-exitcode").code == 0


def test_a_leader_that_is_stopped_in_a_run_begins_no_step_when_it_is_resumed(pair: Pair) -> None:
    """It is stopped behind the last call of the first of two steps; another one finishes; then it goes on."""
    declared = manifest("Volume", "data", size="1Gi")
    (pair.desk.repo / "volume.yaml").write_text(declared, encoding="utf-8")
    pair.desk.edit("instances.yaml", "  securityGroups: [ssh]", "  securityGroups: [ssh]\n  volumes: {data: {}}")
    pair.desk.commit("A volume and the guest that it is attached to")
    last = {"call": "rename_volume", "point": "after", "kind": "stop"}
    first = pair.start("first", RECONCILER_SIMULATOR=json.dumps({"silence": 2, "faults": [last]}))
    first.tells("Leads")
    deadline = time.monotonic() + PATIENCE
    while not first.stopped:
        assert time.monotonic() < deadline, first.told
        time.sleep(0.05)

    second = pair.start("second")
    second.tells("AnotherLeads")
    second.tells("Leads")
    second.tells("StepSucceeded", "updated Instance/default/web-1")
    before = pair.desk.by_hand("show")
    first.signal(signal.SIGCONT)
    first.tells("AnotherLeads")
    done = [message for reason, message in first.end() if reason == "StepSucceeded"]
    assert pair.desk.by_hand("show") == before
    assert [message.split()[1] for message in done] in ([], ["Volume/default/data"]), "only what was running ended"


@pytest.mark.libvirtd
def test_on_a_real_host_the_other_takes_over_too(desk: Desk, libvirt_host: Host, tmp_path: Path) -> None:
    for file in ("images", "instances", "keypairs", "networks", "security-groups"):
        (desk.repo / f"{file}.yaml").unlink()
    desk.edit("hosts.yaml", "driver: simulator", "virtType: qemu")
    with controllers(desk, tmp_path, {"sim-01": {"driver": "libvirt", **libvirt_host.connection}}) as pair:
        wanted = pair.declare(1)
        first = pair.start("first")
        first.tells("StepSucceeded", wanted)
        second = pair.start("second")
        second.tells("AnotherLeads")
        first.signal(signal.SIGSTOP)
        second.tells("Leads")
        second.tells("StepSucceeded", pair.declare(2))
        first.signal(signal.SIGCONT)
        first.tells("AnotherLeads")
        second.signal(signal.SIGKILL)
        first.tells("Leads")
        first.tells("StepSucceeded", pair.declare(3))
        config = ("--config", str(tmp_path / "config.yaml"))
        assert first.end()
        assert desk.run("destroy", "--allow", "delete=3", *config).code == 0
