"""What surrounds `reconciler serve`: HTTP, webhooks, the log and systemd, around a process that works."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.asking import Answer, Client
from tests.support.command import Desk, Session
from tests.support.controls import Remembering
from tests.support.hosts import until

SECRET = "correct-horse-battery-staple"
READY_SECONDS = 60.0


class Served:
    """A controller on the simulator, what systemd hears of it, and what it answers."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk, self._folder = desk, folder
        secret = folder / "secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        controller = {"listen": "127.0.0.1:0", "webhooks": {"github": {"file": str(secret)}}}
        fleet_id = re.findall(r"id: (\S+)", (desk.repo / "fleet.yaml").read_text(encoding="utf-8"))[-1]
        section = {"repository": {"url": str(desk.repo)}, "controller": controller}
        self.config = folder / "config.yaml"
        self.config.write_text(json.dumps({"fleets": {fleet_id: section}}), encoding="utf-8")
        self.config.chmod(0o600)
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.systemd.bind(str(folder / "notify"))
        self.told: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self) -> Session:
        """Start it; it is asked where it says that it listens."""
        around: dict[str, Any] = {"NOTIFY_SOCKET": str(self._folder / "notify"), "WATCHDOG_USEC": "1000000"}
        words = ("serve", "--config", str(self.config), "--log-format", "json")
        session = self.desk.start(*words, **around)
        session.wait_for("HTTP is served at ")
        session.wait_for('"}\n')
        (place,) = re.findall(r"HTTP is served at ([0-9.:]+)", session.text)
        self.client = Client(Remembering(), place)
        return session

    def _listen(self) -> None:
        """Read all the time, as systemd does: what finds no room is lost."""
        while data := self.systemd.recv(4096):
            self.told += data.decode().splitlines()

    def heard(self, wanted: str) -> bool:
        """Wait until systemd has heard something."""
        return until(lambda: wanted in self.told, READY_SECONDS, f"systemd to hear {wanted}")

    def metric(self, name: str) -> float | None:
        """The first sample of a metric, if there is one."""
        found = re.search(rf"^{name}(?:\{{.*\}})? (\S+)$", self.client.ask("/metrics").body, re.MULTILINE)
        return float(found[1]) if found else None

    def webhook(self, secret: str) -> Answer:
        """GitHub tells of a push."""
        signed = hmac.new(secret.encode(), b"{}", hashlib.sha256).hexdigest()
        headers = {"X_GitHub_Event": "push", "X_GitHub_Delivery": "1", "X_Hub_Signature_256": f"sha256={signed}"}
        return self.client.ask("/webhook/github", "POST", b"{}", **headers)


@pytest.fixture
def served(desk: Desk, tmp_path: Path) -> Iterator[Served]:
    made = Served(desk, tmp_path)
    yield made
    made.systemd.shutdown(socket.SHUT_RDWR)
    made.systemd.close()


def test_a_controller_that_works_tells_everybody_about_it(served: Served) -> None:
    session = served.start()
    client = served.client
    assert served.heard("READY=1")
    assert served.heard("WATCHDOG=1")
    until(lambda: client.ask("/readyz").status == 200, READY_SECONDS, "the first commit to be in force")
    assert client.ask("/healthz").body == "ok\n"
    status = client.ask("/status").value
    assert (status["fleet"], status["inForce"]) == ("my-cloud", served.desk.git("rev-parse", "HEAD").strip())
    assert {each["reason"] for each in client.ask("/events").value["events"]} >= {"CommitInForce", "StepSucceeded"}
    assert (served.metric("reconciler_leader"), served.metric("reconciler_host_up")) == (1.0, 1.0)
    created = 'reconciler_steps_total{fleet="my-cloud",status="succeeded",verb="create"} 4.0'
    assert created in client.ask("/metrics").body

    assert served.webhook("wrong").status == 403
    assert served.webhook(SECRET).status == 202

    fleet_id = status["fleetId"]
    served.desk.by_hand("stop", f"{fleet_id[:8]}.default.web-1")
    reactions = "reconciler_event_reaction_seconds_count"
    until(lambda: served.metric(reactions) == 1.0, READY_SECONDS, "the guest to be started again")

    session.signal(signal.SIGTERM)
    assert session.end() == 0
    assert served.heard("STOPPING=1")
    entries = [json.loads(line) for line in session.text.splitlines()]
    assert entries[-1]["reason"] == "Stopped", "all of the log is JSON, to its end"
    assert SECRET not in session.text


def test_the_unit_runs_what_was_asked_for(served: Served) -> None:
    printed = served.desk.run("serve", "--config", str(served.config), "--print-unit")
    assert printed.code == 0, printed.err
    (run,) = [line for line in printed.out.splitlines() if line.startswith("ExecStart=")]
    assert run.partition(" ")[2].startswith(f"serve --config {served.config} --fleet ")
    assert f"ReadWritePaths={served.desk.repo}" in printed.out.splitlines()
