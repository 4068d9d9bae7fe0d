"""Following a branch of a repository elsewhere: over https and ssh, from servers that behave and others that do not."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from reconciler import record
from reconciler.limited import MIB
from reconciler.record.run import Run
from reconciler.secret import SecretSource
from reconciler.serve.following.branch import Tip
from reconciler.serve.following.call import LIMITS, Call
from reconciler.serve.following.remote import RemoteBranch
from reconciler.source import open_repository, open_source
from reconciler.trust.fields import RepositoryTrust
from tests.support.command import Desk
from tests.support.git_server import GitServer, certificates
from tests.support.hostile import Traps
from tests.support.hosts import Host, until
from tests.support.remote import by_ssh
from tests.support.repository import Repository

FLEET = "3f8a2b1c-0d4e-4f5a-9b6c-7d8e9f0a1b2c"
TOKEN = "token-canary-1f9a"


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "served" / "fleet")
    made.git("config", "http.receivepack", "true")
    return made


@pytest.fixture
def server(
    tmp_path: Path, repository: Repository, keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GitServer]:
    monkeypatch.setenv("GIT_SSL_CAINFO", str(keyring / "cacert.pem"))
    server = GitServer(repository.path.parent, keyring)
    yield server
    server.close()


def follower(server: GitServer, tmp_path: Path, *, patience: float = 30, **more: object) -> RemoteBranch:
    """What follows `main` of the served repository."""
    limits = {name: more.pop(name) for name in tuple(more) if name in LIMITS.__struct_fields__}
    trust = msgspec.convert({"url": f"{server.url}/fleet/.git", **more}, RepositoryTrust)
    bounds = msgspec.structs.replace(LIMITS, **limits)
    return RemoteBranch(trust, FLEET, tmp_path / "state" / "mirror.git", limits=bounds, patience=patience)


def problem(tip: Tip, commit: str = "") -> str:
    """Why a tip may be stale; the last commit is kept."""
    assert tip.commit == commit
    assert tip.problem
    return tip.problem


def test_a_branch_is_fetched_and_its_commits_can_be_read(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    first = repository.commit({"a.yaml": "a"})
    branch = follower(server, tmp_path)
    assert branch.look() == Tip(commit=first)
    second = repository.commit({"a.yaml": "b"})
    assert branch.look() == Tip(commit=second)
    (blob,) = open_source(branch.repository, rev=second).blobs()
    assert blob.data == b"b"
    assert not branch.rewound(first, second)
    assert branch.rewound(second, first)


def test_a_restart_knows_the_last_commit_while_the_server_is_away(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    follower(server, tmp_path).look()
    server.close()
    assert "git fetch" in problem(follower(server, tmp_path).look(), commit)


def test_nothing_but_the_branch_is_fetched_of_ten_thousand_references(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    rows = "".join(f"{commit} refs/heads/many/{number:05}\n" for number in range(10_000))
    (repository.path / ".git/packed-refs").write_text(f"# pack-refs with: peeled fully-peeled sorted\n{rows}")
    assert len(repository.git("branch", "--list", "many/*").split()) == 10_000
    repository.git("tag", "-a", "-m", "Tag", "v1")
    branch = follower(server, tmp_path)
    assert branch.look() == Tip(commit=commit)
    references = open_repository(branch.repository).git.for_each_ref("--format=%(refname)").split()
    assert references == ["refs/heads/main"]


def test_a_branch_that_is_deleted_or_written_anew_keeps_the_last_commit(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    branch = follower(server, tmp_path)
    branch.look()
    repository.git("checkout", "-q", "--orphan", "other")
    other = repository.commit({"a.yaml": "b"}, "No parent")
    repository.git("update-ref", "-d", "refs/heads/main")
    for impostor in ("refs/tags/main", "refs/heads/refs/heads/main"):
        repository.git("update-ref", impostor, other)
    assert "There is no refs/heads/main" in problem(branch.look(), commit)
    repository.git("update-ref", "refs/heads/main", other)
    assert branch.look() == Tip(commit=other)
    assert branch.rewound(commit, other)


def test_a_branch_that_points_to_a_file_keeps_the_last_commit(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    branch = follower(server, tmp_path)
    branch.look()
    (repository.path / ".git/refs/heads/main").write_text(repository.blob(b"no commit") + "\n")
    assert "points to a blob" in problem(branch.look(), commit)


def test_a_shallow_or_damaged_repository_keeps_the_last_commit(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    branch = follower(server, tmp_path)
    branch.look()
    repository.commit({"a.yaml": "b"})
    tip = repository.commit({"a.yaml": "c"})
    (repository.path / ".git/shallow").write_text(tip + "\n")
    assert "shallow" in problem(branch.look(), commit)
    (repository.path / ".git/shallow").unlink()
    tree = repository.git("rev-parse", "main^{tree}")
    (repository.path / ".git/objects" / tree[:2] / tree[2:]).unlink()
    problem(branch.look(), commit)


def test_a_large_file_is_not_fetched_and_leaves_nothing(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    branch = follower(server, tmp_path, file=4 * MIB)
    branch.look()
    repository.commit({"large": os.urandom(8 * MIB)})
    assert "more than 4 MiB" in problem(branch.look(), commit)
    left = sum(path.stat().st_size for path in branch.repository.rglob("*") if path.is_file())
    assert left < MIB


def test_a_broken_object_is_not_stored(repository: Repository, server: GitServer, tmp_path: Path) -> None:
    commit = repository.commit({"a.yaml": "a"})
    branch = follower(server, tmp_path)
    branch.look()
    blob = repository.blob(b"x")
    crafted = b"".join(b"100644 " + name + b"\0" + bytes.fromhex(blob) for name in (b".git", b"a.yaml"))
    tree = repository.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=crafted)
    evil = repository.git("commit-tree", "-m", "Evil", "-p", commit, tree)
    repository.git("update-ref", "refs/heads/main", evil)
    assert "hasDotgit" in problem(branch.look(), commit)


def test_nothing_of_a_repository_that_is_fetched_is_run_or_taken_over(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a", ".gitattributes": "* filter=evil diff=evil\n"})
    traps = Traps(repository.path / ".git", tmp_path / "canaries")
    branch = follower(server, tmp_path)
    assert branch.look() == Tip(commit=commit)
    _note(branch, commit)
    (blob,) = open_source(branch.repository, rev=commit).blobs()
    assert blob.data == b"a"
    assert traps.sprung() == set()
    assert not (branch.repository / "hooks").exists()
    assert "evil" not in (branch.repository / "config").read_text()


def test_a_submodule_that_smuggles_an_option_is_not_even_stored(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    branch = follower(server, tmp_path)
    branch.look()
    repository.commit({".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch canary\n'})
    assert "gitmodulesUrl" in problem(branch.look(), commit)


@pytest.mark.parametrize("misbehave", ["hang", "trickle"])
def test_a_slow_server_is_not_waited_for_and_given_up(
    repository: Repository, server: GitServer, tmp_path: Path, misbehave: str
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    follower(server, tmp_path).look()
    server.misbehave = misbehave
    branch, hinted = follower(server, tmp_path, patience=0.2, seconds=1.5), threading.Event()
    with branch.watching(hinted.set):
        assert "still being fetched" in problem(branch.look(), commit)
        assert hinted.wait(30)
    server.misbehave = ""
    assert follower(server, tmp_path).look() == Tip(commit=commit)


def test_what_a_slow_fetch_brings_is_hinted_at(repository: Repository, server: GitServer, tmp_path: Path) -> None:
    commit = repository.commit({"a.yaml": "a"})
    branch, hinted = follower(server, tmp_path, patience=0), threading.Event()
    with branch.watching(hinted.set):
        assert "still being fetched" in problem(branch.look())
        assert hinted.wait(30)
        assert branch.look().commit == commit


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


def test_the_record_is_pushed_and_a_remote_that_refuses_it_is_told_of_once(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    branch = follower(server, tmp_path)
    branch.look()
    assert branch.share() == "", "there is none yet"
    _note(branch, commit)
    assert branch.share() == ""
    assert repository.git("rev-parse", f"refs/reconciler/{FLEET}/applied") == commit
    assert '"tool"' in repository.git("notes", "--ref", f"reconciler/{FLEET}", "show", commit)
    repository.git("config", "http.receivepack", "false")
    following = repository.commit({"a.yaml": "b"})
    branch.look()
    _note(branch, following)
    assert "it could not be pushed: git push" in branch.share()
    assert branch.share() == ""
    assert record.applied(open_repository(branch.repository), FLEET) == following


def test_what_another_wrote_to_the_notes_is_never_overwritten(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    repository.git("notes", "--ref", f"reconciler/{FLEET}", "add", "-m", "Another's", commit)
    branch = follower(server, tmp_path)
    branch.look()
    assert record.applied(open_repository(branch.repository), FLEET) == "", "a server does not say what was applied"
    _note(branch, commit)
    assert "could not be pushed" in branch.share()
    assert repository.git("notes", "--ref", f"reconciler/{FLEET}", "show", commit) == "Another's"


def _note(branch: RemoteBranch, commit: str) -> None:
    run = Run(
        format_version=1,
        tool="test",
        time=record.now(),
        by="test@here",
        fleet="acme",
        fleet_id=FLEET,
        extent="whole",
        partial=False,
        summary={},
        steps=(),
    )
    record.write(open_repository(branch.repository), commit, run)


def test_a_controller_deploys_from_a_forge_and_hands_the_record_back(desk: Desk, keyring: Path, tmp_path: Path) -> None:
    server = GitServer(desk.repo.parent, keyring)
    desk.git("config", "http.receivepack", "true")
    fleet_id = (desk.repo / "fleet.yaml").read_text().partition("id: ")[2].split()[0]
    config = tmp_path / "config.yaml"
    config.write_text(f"fleets: {{{fleet_id}: {{repository: {{url: '{server.url}/my-cloud/.git'}}}}}}\n")
    ran = desk.run(
        "serve", "--until-idle", "--config", str(config), GIT_SSL_CAINFO=str(keyring / "cacert.pem"), cwd=desk.home
    )
    server.close()
    commit = desk.git("rev-parse", "HEAD").strip()
    assert ran.code == 0, ran.err
    assert desk.git("rev-parse", f"refs/reconciler/{fleet_id}/applied").strip() == commit
    assert '"fleetId"' in desk.git("notes", "--ref", f"reconciler/{fleet_id}", "show", commit)


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
