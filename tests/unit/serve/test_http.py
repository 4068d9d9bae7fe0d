"""What a controller tells over HTTP, asked by real requests."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler.report.screen import Stream
from reconciler.serve.http import server
from reconciler.serve.http.pages import Pages
from reconciler.serve.http.places import Places
from reconciler.serve.http.server import serving
from reconciler.serve.http.webhooks import Webhooks
from reconciler.serve.pulse import Pulse
from reconciler.serve.telling.journal import Entry
from reconciler.serve.telling.status import Condition, HostStatus, ResourceStatus
from reconciler.trust.fields import WebhookTrust
from tests.support.asking import Client, place_of, served
from tests.support.controls import Remembering
from tests.support.hosts import until

READY = Condition(type="Ready", status="True", reason="Done")


@pytest.fixture
def stream() -> Stream:
    return Stream(io.StringIO(), {})


@pytest.fixture
def client(stream: Stream) -> Iterator[Client]:
    with served(stream) as made:
        yield made


class Clock:
    """Seconds, as the test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_controller_that_works_is_healthy_and_one_that_hangs_is_not(stream: Stream) -> None:
    clock = Clock()
    pulse = Pulse(longest=60.0, clock=clock)
    with served(stream, pulse=pulse) as client:
        client.controls.shown = replace(client.controls.shown, conditions=(READY,))
        assert (client.ask("/healthz").status, client.ask("/readyz").status) == (200, 200)
        clock.now = 61.0
        sick = client.ask("/healthz")
        assert (sick.status, sick.body) == (503, "the controller has not moved for 61 s\n")
        assert client.ask("/readyz").status == 503
        pulse.beat()
        assert client.ask("/healthz").status == 200


@pytest.mark.parametrize(
    ("conditions", "status", "said"),
    [
        ((), 503, "nothing was looked at yet\n"),
        ((READY,), 200, "ok\n"),
        ((replace(READY, status="False", reason="HostsFailed", message="kvm-01"),), 503, "HostsFailed: kvm-01\n"),
        ((Condition(type="Leading", status="False", reason="AnotherLeads"),), 200, "ok: stands by\n"),
    ],
)
def test_who_can_work_or_take_over_is_ready(
    client: Client, conditions: tuple[Condition, ...], status: int, said: str
) -> None:
    client.controls.shown = replace(client.controls.shown, conditions=conditions)
    answer = client.ask("/readyz")
    assert (answer.status, answer.body) == (status, said)


def test_the_status_is_json_that_says_its_version(client: Client) -> None:
    client.controls.shown = replace(client.controls.shown, conditions=(READY,), summary={"create": 2})
    answer = client.ask("/status")
    assert answer.headers["Content-Type"] == "application/json"
    value = answer.value
    assert (value["formatVersion"], value["fleet"], value["inForce"]) == (1, "demo", "")
    assert value["conditions"][0]["type"] == "Ready"
    assert value["summary"] == {"create": 2}


def test_events_are_told_from_a_number_on(client: Client) -> None:
    for name in ("one", "two"):
        client.controls.journal.tell("Test", name)
    last = client.controls.journal.entries()[-1].number
    value = client.ask(f"/events?after={last - 1}").value
    assert value["formatVersion"] == 1
    assert [event["message"] for event in value["events"]] == ["two"]
    assert client.ask("/events?after=x").status == 400


def test_text_of_users_cannot_act_in_what_shows_it(client: Client) -> None:
    client.controls.journal.tell("Test", "\x1b]52;c;x\x07\u202e")
    body = client.ask("/events").body
    assert "\x1b" not in body
    assert body.isascii()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/status", "/events"])
def test_nothing_can_be_changed(client: Client, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = client.ask(path, method, b"x")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert client.controls.asked == []


def test_who_asks_for_something_else_hears_what_there_is(client: Client) -> None:
    answer = client.ask("/../etc/passwd")
    assert (answer.status, answer.body) == (
        404, "there are /healthz, /readyz, /metrics, /status, /events and /webhook/FORGE\n",
    )  # fmt: skip


def test_an_address_that_means_nothing_is_no_fault_of_ours(client: Client) -> None:
    many = "&".join(f"a{number}=1" for number in range(100))
    for address in (f"/events?{many}", f"/nowhere?{many}"):
        assert client.ask(address).status == 400, address
    assert [entry for entry in client.controls.journal.entries() if entry.reason == "HttpFailed"] == []


def test_pages_of_other_sites_get_nothing(stream: Stream) -> None:
    """DNS rebinding: a browser calls us by a name of the attacker's."""
    with served(stream, host_names=["controller.example.org"]) as client:
        port = client.place.rpartition(":")[2]
        for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "", "a@127.0.0.1", "[::1"):
            refused = client.ask("/status", Host=host)
            assert refused.status == 403, host
            assert "demo" not in refused.body
        for host in ("127.0.0.1", f"localhost:{port}", "[::1]:80", "Controller.example.org.", "192.0.2.7:9460"):
            assert client.ask("/status", Host=host).status == 200, host
        assert client.ask("/status", Origin="https://evil.example").status == 403
        assert client.ask("/status", Host="localhost", Origin="http://localhost").status == 200


def test_a_fault_of_ours_is_told_once_and_ends_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("secret-word")

    monkeypatch.setattr(client.controls, "status", broken)
    answer = client.ask("/status")
    assert (answer.status, answer.body) == (500, "the controller could not answer; its log says more\n")
    assert client.ask("/healthz").status == 200
    told = [entry.message for entry in client.controls.journal.entries() if entry.reason == "HttpFailed"]
    assert told == ["a request for '/status' failed: unexpected RuntimeError"]


def test_whoever_says_nothing_takes_no_place_for_long(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    """All places are taken by callers that are silent, or send a byte now and then; each has its time, and no more."""
    monkeypatch.setattr(server, "_LIFE", 0.5)
    with served(stream) as client:
        host, _, port = client.place.rpartition(":")
        idle = [socket.create_connection((host, int(port))) for _ in range(server.MOST_AT_ONCE)]
        for each in idle:
            each.send(b"GET /healthz HTTP/1.1\r\n")
        assert [each.recv(100) for each in idle] == [b""] * len(idle), "each was shown the door"
        until(lambda: _is_answered(client), 20, "a place to be free")
        for each in idle:
            each.close()


def test_slow_callers_of_the_same_address_keep_nobody_out(stream: Stream, tmp_path: Path) -> None:
    """As a supervisor and a stranger of this machine are to a controller. The first ones do not send the rest of a
    body, the others do not end the header.
    """
    header = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "
    body = b"POST /webhook/github HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{"
    (tmp_path / "secret").write_text("s3cret")
    with served(stream, webhooks={"github": {"file": str(tmp_path / "secret")}}) as client, ExitStack() as stack:
        host, _, port = client.place.rpartition(":")
        slow = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(server.MOST_AT_ONCE)]
        for number, each in enumerate(slow):
            each.sendall(body if number < 8 else header)
        until(lambda: _is_answered(client), 5, "the slowest to have lost its place")
        for path in ("/healthz", "/status", "/events") * 4:
            slow.append(stack.enter_context(socket.create_connection((host, int(port)))))
            slow[-1].sendall(header)
            until(lambda: _is_answered(client, path), 5, "a place to be had")  # noqa: B023 - called at once
        assert [each.recv(100) for each in slow[:9]] == [b""] * 9, "the first ones kept their places"


def test_who_has_been_waited_for_longest_has_to_go_and_never_who_waits_for_an_answer() -> None:
    places: Places[str] = Places(3)
    assert [places.take(who, now) for who, now in (("a", 0.0), ("b", 1.0), ("c", 2.0))] == [(True, None)] * 3
    places.waited_for("a", None)
    assert places.take("d", 3.0) == (True, "b")
    places.leave("b")  # which has lost its place already
    assert places.take("e", 3.05) == (True, "c")
    assert places.take("f", 3.09) == (False, None), "those that came a moment ago have their time"
    places.waited_for("a", 4.0)
    places.waited_for("d", None)
    places.waited_for("e", None)
    assert places.take("f", 4.05) == (False, None)
    assert places.take("f", 4.5) == (True, "a"), "who does not read what was answered is waited for, too"
    assert places.older(3.01) == ["d"]
    places.leave("e")
    assert places.take("g", 4.5) == (True, None)


def _is_answered(client: Client, path: str = "/healthz") -> bool:
    """Whoever finds no place may see the connection end before they could say what they want."""
    with suppress(ConnectionError):
        return client.ask(path).status == 200
    return False


def test_an_address_that_is_taken_is_had_as_soon_as_it_is_free(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of two controllers on one machine: that one cannot be asked is no reason not to work."""
    monkeypatch.setattr(server, "_AGAIN", 0.05)
    second, refused, told = Remembering(), threading.Event(), []

    def hear(entry: Entry) -> None:
        told.append(entry.reason)
        refused.set()

    with ExitStack() as stack:
        stack.enter_context(second.journal.listening(hear))
        with served(stream) as first:
            pages = Pages(second, lambda: "", None, Webhooks(WebhookTrust(), second.hint, second.journal), ())
            stack.enter_context(serving(first.place, pages.answer, second.journal))
            assert refused.wait(20)
        assert place_of(second.journal) == first.place
        client = Client(second, first.place)
        assert client.ask("/healthz").status == 200
        assert client.ask("/metrics").status == 501, "the library for metrics is an extra"
    assert told == ["HttpUnavailable", "HttpServed"]


def test_metrics_say_what_is_so_and_what_happened(client: Client) -> None:
    journal = client.controls.journal
    client.controls.shown = replace(
        client.controls.shown,
        branch='ma"in',
        conditions=(
            Condition(type="Leading", status="True", reason="Leads"),
            Condition(type="SourceReady", status="False", reason="Gone", since="2020-01-01T00:00:00+00:00"),
            Condition(type="Contended", status="Unknown", reason="Unknown"),
        ),
        hosts=(HostStatus(name="a", seen="complete", watching=True), HostStatus(name="b", seen="failed")),
        resources=(ResourceStatus(address="Instance/x/y", state="waiting"),),
        summary={"create": 2, "waiting": 1},
    )
    journal.tell("StepSucceeded", "made", verb="create", seconds=0.1)
    journal.tell("StepFailed", "not made", "error", verb="create", seconds=0.1)
    journal.tell("RunFinished", "done", "warning", seconds=2.0)
    journal.tell("Reacted", "", seconds=0.3)
    answer = client.ask("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.body.splitlines()
    for line in (
        'reconciler_leader{fleet="demo"} 1.0',
        'reconciler_condition{fleet="demo",type="SourceReady"} 0.0',
        'reconciler_condition{fleet="demo",type="Contended"} NaN',
        'reconciler_hosts{fleet="demo",seen="failed"} 1.0',
        'reconciler_host_up{fleet="demo",host="a"} 1.0',
        'reconciler_host_watching{fleet="demo",host="b"} 0.0',
        'reconciler_resources{fleet="demo",state="waiting"} 1.0',
        'reconciler_planned{action="create",fleet="demo"} 2.0',
        'reconciler_steps_total{fleet="demo",status="succeeded",verb="create"} 1.0',
        'reconciler_steps_total{fleet="demo",status="failed",verb="create"} 1.0',
        'reconciler_round_duration_seconds_bucket{fleet="demo",le="3.0",result="failed"} 1.0',
        'reconciler_event_reaction_seconds_bucket{fleet="demo",le="0.5"} 1.0',
        'reconciler_journal_entries_total{fleet="demo",severity="error"} 1.0',
    ):
        assert line in lines, f"{line} is not in:\n{answer.body}"
    (stale,) = [line for line in lines if line.startswith("reconciler_source_stale_seconds{")]
    assert float(stale.split()[1]) > 1e8
