"""What a repository elsewhere gets to know of us, whom we believe to be it, and that no address is an order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from reconciler.secret import SecretSource
from reconciler.serve.following.branch import Tip
from reconciler.serve.following.call import Call
from reconciler.serve.following.remote import RemoteBranch
from reconciler.trust.fields import RepositoryTrust
from tests.support.following import FLEET, follower, problem
from tests.support.git_server import GitServer
from tests.support.hosts import Host, until
from tests.support.remote import by_ssh
from tests.support.repository import Repository

TOKEN = "token-canary-1f9a"


def test_the_token_reaches_the_server_and_nobody_else(
    repository: Repository, server: GitServer, tmp_path: Path, keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    monkeypatch.setenv("FLEET_TOKEN", TOKEN)
    monkeypatch.setenv("GIT_TRACE_CURL", str(tmp_path / "trace"))
    server.token = TOKEN
    assert "git fetch" in problem(follower(server, tmp_path).look()), "without it nothing is had"
    branch = follower(server, tmp_path, token={"environment": "FLEET_TOKEN"}, username="robot")
    assert branch.look() == Tip(commit=commit)
    other = GitServer(repository.path.parent, keyring)
    server.misbehave, server.elsewhere = "redirect", other.url
    assert TOKEN not in problem(branch.look(), commit)
    assert other.seen == [], "it was led elsewhere"
    other.close()
    server.misbehave = "echo"
    told = problem(branch.look(), commit)
    assert TOKEN not in told
    assert not any(credentials.removeprefix("Basic ") in told for credentials in server.seen if credentials)
    assert "\x1b" not in told
    assert not (tmp_path / "trace").exists()


def test_the_token_is_in_no_command_line(
    repository: Repository, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({"a.yaml": "a"})
    monkeypatch.setenv("FLEET_TOKEN", TOKEN)
    server.misbehave = "hang"
    branch, hinted = (
        follower(server, tmp_path, patience=0.1, seconds=1.5, token={"environment": "FLEET_TOKEN"}),
        threading.Event(),
    )
    with branch.watching(hinted.set):
        branch.look()
        until(lambda: server.seen, 20, "the server to be asked")
        lines = b"".join(_command_lines())
        assert b"git-remote-https" in lines or b"remote-https" in lines, "it is running just now"
        assert hinted.wait(30)
    assert server.seen[0].startswith("Basic ")
    assert TOKEN.encode() not in lines
    assert server.seen[0].removeprefix("Basic ").encode() not in lines


def _command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:  # it has just ended
            continue


def test_an_unknown_certificate_is_refused(
    repository: Repository, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({"a.yaml": "a"})
    monkeypatch.delenv("GIT_SSL_CAINFO")
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    assert "certificate" in problem(follower(server, tmp_path).look())


@pytest.mark.libvirtd
def test_a_branch_is_fetched_by_ssh_with_the_trusted_key_and_host_key_only(
    libvirt_host: Host, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {tmp_path / 'canary'};")
    (tmp_path / "ssh").mkdir()
    with by_ssh(libvirt_host, tmp_path / "ssh") as remote:
        port = remote.connection["port"]
        (tmp_path / "100 %").symlink_to(tmp_path / "ssh")
        keys = {"identity": str(tmp_path / "100 %/id"), "known_hosts": str(tmp_path / "100 %/known")}
        trust = msgspec.convert({"url": f"ssh://root@127.0.0.1:{port}{repository.path}", **keys}, RepositoryTrust)
        mirror = tmp_path / "state" / "mirror.git"
        assert RemoteBranch(trust, FLEET, mirror, patience=60).look() == Tip(commit=commit)
        stranger = msgspec.structs.replace(trust, known_hosts="/dev/null")
        assert "Host key verification failed" in problem(
            RemoteBranch(stranger, FLEET, mirror, patience=60).look(), commit
        )
        keyless = msgspec.structs.replace(trust, identity=str(tmp_path / "none"))
        assert "Permission denied" in problem(RemoteBranch(keyless, FLEET, mirror, patience=60).look(), commit)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "url", ["ssh://-oProxyCommand=touch canary/x", "https://localhost:1/--upload-pack=touch canary"]
)
def test_an_address_that_looks_like_an_option_is_none(url: str, tmp_path: Path) -> None:
    trust = RepositoryTrust(url=url.replace(" ", "${IFS}"))
    problem(RemoteBranch(trust, FLEET, tmp_path / "mirror.git", patience=60).look())
    assert not list(tmp_path.rglob("canary"))


def test_git_gets_to_see_nothing_of_our_environment_that_could_act(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "GIT_EXTERNAL_DIFF",
        "GIT_PROXY_COMMAND",
        "GIT_EXEC_PATH",
        "GIT_CONFIG_PARAMETERS",
        "AWS_SECRET",
        "LD_PRELOAD",
    ):
        monkeypatch.setenv(name, "canary")
    trust = RepositoryTrust(url="https://localhost/x", token=SecretSource(environment="AWS_SECRET"))
    seen = Call(trust, tmp_path).environment()
    assert "canary" not in str(seen)
    assert seen["GIT_ALLOW_PROTOCOL"] == "https"
