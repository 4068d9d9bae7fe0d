"""Webhooks as each forge documents them, sent for real."""

from __future__ import annotations

import hashlib
import hmac
import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.report.screen import Stream
from reconciler.serve.http.allowance import Allowance, Heard
from reconciler.serve.http.server import MOST_BYTES
from tests.support.asking import Answer, Client, served

SECRET = "It's a Secret to Everybody"
BODY = b"Hello, World!"
OF_GITHUB = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
"""What GitHub's documentation says is the signature of this body with this secret."""
FORGES = ("github", "gitlab", "gitea")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o600)
    with served(Stream(io.StringIO(), {}), webhooks={forge: {"file": str(secret)} for forge in FORGES}) as made:
        yield made


def signature(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def push(client: Client, forge: str, delivery: str = "1", body: bytes = BODY, **other: str) -> Answer:
    """A push as the forge tells of it."""
    headers = {
        "github": {
            "X_GitHub_Event": "push",
            "X_GitHub_Delivery": delivery,
            "X_Hub_Signature_256": f"sha256={signature(body)}",
        },
        "gitea": {"X_Gitea_Event": "push", "X_Gitea_Delivery": delivery, "X_Gitea_Signature": signature(body)},
        "gitlab": {"X_Gitlab_Event": "Push Hook", "Idempotency_Key": delivery, "X_Gitlab_Token": SECRET},
    }[forge]
    return client.ask(f"/webhook/{forge}", "POST", body, **(headers | other))


def test_the_signature_of_githubs_documentation_is_understood(client: Client) -> None:
    assert signature(BODY) == OF_GITHUB
    assert push(client, "github", X_Hub_Signature_256=f"sha256={OF_GITHUB}").status == 202


@pytest.mark.parametrize("forge", FORGES)
def test_a_push_is_a_hint_and_its_content_is_not_looked_at(client: Client, forge: str) -> None:
    answer = push(client, forge, body=b"\xff{ no JSON")
    assert (answer.status, answer.body) == (202, "heard; the branch is looked at\n")
    assert client.controls.asked == [("hint", f"webhook of {forge}")]


@pytest.mark.parametrize(
    ("forge", "headers"),
    [
        ("github", {"X_Hub_Signature_256": ""}),
        ("github", {"X_Hub_Signature_256": f"sha256={'0' * 64}"}),
        ("github", {"X_Hub_Signature_256": OF_GITHUB}),
        ("github", {"X_Hub_Signature_256": "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6"}),
        ("gitea", {"X_Gitea_Signature": f"sha256={OF_GITHUB}"}),
        ("gitea", {"X_Forgejo_Signature": "0" * 64}),
        ("gitlab", {"X_Gitlab_Token": SECRET.lower()}),
        ("gitlab", {"X_Gitlab_Token": "\u00e4"}),
        ("gitlab", {"X_Gitlab_Token": ""}),
    ],
)
def test_a_call_that_is_not_signed_with_the_secret_is_refused_and_told(
    client: Client, forge: str, headers: dict[str, Any]
) -> None:
    answer = push(client, forge, **headers)
    assert (answer.status, answer.body) == (403, "the signature is missing or wrong\n")
    assert client.controls.asked == []
    (told,) = [entry for entry in client.controls.journal.entries() if entry.reason == "WebhookRefused"]
    assert SECRET not in told.message


def test_a_body_that_was_changed_is_refused(client: Client) -> None:
    assert push(client, "github", body=b"other", X_Hub_Signature_256=f"sha256={OF_GITHUB}").status == 403


@pytest.mark.parametrize("forge", FORGES)
def test_a_call_that_is_played_again_is_no_hint(client: Client, forge: str) -> None:
    assert push(client, forge).status == 202
    again = push(client, forge)
    assert (again.status, again.body) == (200, "this was heard before\n")
    assert push(client, forge, delivery="2", body=b"another").status == 202
    assert len(client.controls.asked) == 2


def test_a_signed_call_is_no_new_one_for_another_number(client: Client) -> None:
    """The signature does not cover the number of the delivery."""
    assert push(client, "github").status == 202
    assert push(client, "github", delivery="2").status == 200
    assert len(client.controls.asked) == 1


def test_other_events_are_no_hint(client: Client) -> None:
    assert push(client, "github", X_GitHub_Event="ping").body == "only pushes matter here\n"
    assert push(client, "gitlab", X_Gitlab_Event="Issue Hook").status == 200
    assert client.controls.asked == []


def test_only_a_post_is_a_webhook(client: Client) -> None:
    answer = client.ask("/webhook/github")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_a_forge_without_a_secret_is_not_heard() -> None:
    with served(Stream(io.StringIO(), {})) as client:
        assert push(client, "github").status == 404
        assert client.ask("/webhook/nobody", "POST", b"").status == 404


def test_an_empty_secret_lets_nobody_in(tmp_path: Path) -> None:
    empty = tmp_path / "secret"
    empty.write_text("\n")
    empty.chmod(0o600)
    with served(Stream(io.StringIO(), {}), webhooks={"gitlab": {"file": str(empty)}}) as client:
        assert push(client, "gitlab", X_Gitlab_Token="").status == 503
        assert push(client, "gitlab").status == 503
        told = [entry.message for entry in client.controls.journal.entries() if entry.reason == "WebhookSecret"]
        assert told == ["the secret of gitlab's webhooks is empty"]


def test_a_secret_that_cannot_be_had_lets_nobody_in_and_is_told(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    with served(Stream(io.StringIO(), {}), webhooks={"github": {"file": str(absent)}}) as client:
        assert [push(client, "github").status for _ in range(3)] == [503] * 3
        (told,) = [entry.message for entry in client.controls.journal.entries() if entry.reason == "WebhookSecret"]
        assert told.startswith(f"the secret of github's webhooks cannot be had: {absent} cannot be read")


def test_strangers_cannot_have_the_secret_asked_for_again_and_again(tmp_path: Path) -> None:
    """Where a command says it, each call would run that."""
    count = tmp_path / "count"
    command = ["sh", "-c", f'echo once >> {count}; echo "{SECRET}"']
    with served(Stream(io.StringIO(), {}), webhooks={"gitlab": {"command": command}}) as client:
        assert push(client, "gitlab").status == 202
        assert [push(client, "gitlab", X_Gitlab_Token="wrong").status for _ in range(5)] == [403] * 5
    assert count.read_text() == "once\n"


def _raw(client: Client, head: str) -> bytes:
    host, _, port = client.place.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(f"POST /webhook/github HTTP/1.1\r\nHost: {client.place}\r\n{head}\r\n\r\n".encode())
        return connection.makefile("rb").readline().split()[1]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("Content-Length: 1000000000", b"413"),
        (f"Content-Length: {MOST_BYTES + 1}", b"413"),
        (f"Content-Length: {'9' * 5000}", b"413"),
        ("Content-Length: -1", b"411"),
        ("Content-Length: \u00b2", b"411"),
        ("Transfer-Encoding: chunked", b"411"),
        ("X: y", b"411"),
    ],
)
def test_a_body_that_is_too_large_or_has_no_size_is_not_read(client: Client, head: str, status: bytes) -> None:
    assert _raw(client, head) == status


def test_the_largest_body_is_heard(client: Client) -> None:
    assert push(client, "github", body=b"x" * MOST_BYTES).status == 202


def test_whoever_calls_too_often_has_to_wait(client: Client) -> None:
    statuses = {push(client, "github", delivery=str(number)).status for number in range(40)}
    assert 429 in statuses
    wait = int(push(client, "github").headers["Retry-After"])
    assert 1 <= wait <= 3


def test_an_allowance_comes_back_with_time_and_is_of_each_caller() -> None:
    allowance = Allowance(burst=2, every=10.0, most=2)
    assert [allowance.wait("a", 0.0) for _ in range(3)] == [0.0, 0.0, 10.0]
    assert allowance.wait("b", 0.0) == 0.0
    assert [allowance.wait("a", 10.0), allowance.wait("a", 10.0)] == [0.0, 10.0]
    assert [allowance.wait("a", 1000.0) for _ in range(3)] == [0.0, 0.0, 10.0]
    allowance.wait("c", 1000.0)
    assert [allowance.wait("a", 1000.0), allowance.wait("b", 1000.0)] == [10.0, 0.0], "the longest unheard is forgotten"


def test_what_was_heard_long_ago_is_forgotten() -> None:
    heard = Heard(most=2)
    assert [heard.again(mark) for mark in ("a", "b", "a", "c", "b")] == [False, False, True, False, False]
    assert not heard.again()
