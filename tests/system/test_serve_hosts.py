"""A controller of two hosts, one of which is away or hangs: what it has is left as it is, and the other goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.serve.links import TOGETHER
from reconciler_simulator.store import Store
from tests.support.command import Desk
from tests.support.hosts import until
from tests.support.serving import Serving, condition, told_of

FAR = "Instance/default/far"
PATIENCE = 30.0


@pytest.fixture
def pair(desk: Desk) -> Desk:
    """A fleet of two hosts, each with a network and a guest of its own."""
    _add(desk, "hosts.yaml", "sim-01", "sim-02")
    desk.edit("networks.yaml", "  cidr: 10.10.0.0/24\n", "  cidr: 10.10.0.0/24\n  host: sim-01\n")
    _add(desk, "networks.yaml", "lan", "yonder", ("10.10.0.0", "10.11.0.0"), ("sim-01", "sim-02"))
    _add(desk, "instances.yaml", "web-1", "far", ("lan: {}", "yonder: {}"))
    desk.commit("Two hosts")
    return desk


def _add(desk: Desk, file: str, name: str, other: str, *changes: tuple[str, str]) -> None:
    """Declare in a file what it has once more, under another name."""
    path = desk.repo / file
    text = copy = path.read_text(encoding="utf-8")
    for before, after in ((f"name: {name}", f"name: {other}"), *changes):
        assert before in copy
        copy = copy.replace(before, after)
    path.write_text(f"{text}---\n{copy}", encoding="utf-8")


def _running(state: Path) -> list[str]:
    return sorted(name.rpartition(".")[2] for name, each in Store(state).read().domains.items() if each.running)


def test_what_an_absent_host_has_is_left_as_it_is_and_the_other_goes_on(pair: Desk) -> None:
    with Serving(pair) as serving:
        serving.until_done(pair.git("rev-parse", "HEAD").strip())
        near = pair.state_file()
        far = near.with_name("sim-02.json")
        assert (_running(near), _running(far)) == (["web-1"], ["far"])
        kept = far.read_bytes()
        far.write_bytes(b"nothing of a host\n")
        pair.edit("security-groups.yaml", "ports: 22", "ports: 2222")
        text, code = serving.follow(pair.commit("Another port")).heard()
        assert (code, "host-unseen" in text, "updated SecurityGroup/default/ssh on sim-01" in text) == (1, True, True)
        pair.by_hand("crash", "web-1")
        until(lambda: _running(near) == ["web-1"], PATIENCE, "what died on the other host to run again")
        away = serving.status()
        assert condition(away, "Ready").reason == "NotSeen"
        assert told_of(away, FAR).state == "held"
        assert [each.seen for each in away.hosts] == ["complete", "failed"]
        serving.until(lambda now: [bool(each.retry) for each in now.hosts] == [False, True])
        back = far.with_suffix(".back")
        back.write_bytes(kept)
        back.replace(far)
        serving.until_done(pair.git("rev-parse", "HEAD").strip())
        assert (_running(near), _running(far)) == (["web-1"], ["far"])
        assert len(Store(far).read().domains) == len(Store(near).read().domains) == 1


def test_a_host_that_hangs_delays_the_other_once_and_not_again(pair: Desk) -> None:
    hanging = '{"faults": [{"call": "observe sim-02", "kind": "hang"}]}'
    with Serving(pair) as serving:
        serving.until_done(pair.git("rev-parse", "HEAD").strip())
    near = pair.state_file()
    with Serving(pair, RECONCILER_SIMULATOR=hanging) as serving:
        pair.edit("security-groups.yaml", "ports: 22", "ports: 2222")
        text, code = serving.follow(pair.commit("Another port")).heard()
        assert (code, "updated SecurityGroup/default/ssh on sim-01" in text) == (1, True)
        assert "sim-02: it has not answered yet" in text
        pair.by_hand("crash", "web-1")
        until(lambda: _running(near) == ["web-1"], PATIENCE, "what died on the other host to run again")
        (reacted,) = serving.told("Reacted")
        assert reacted.seconds is not None
        assert reacted.seconds < TOGETHER, "it was not waited for the host that hangs"
        assert told_of(serving.status(), FAR).state == "held"
        assert serving.stop() == 0
