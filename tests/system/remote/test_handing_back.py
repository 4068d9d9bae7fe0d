"""The record of a run goes back to the repository that the branch was fetched from."""

from __future__ import annotations

from pathlib import Path

from reconciler import record
from reconciler.source import open_repository
from tests.support.command import Desk
from tests.support.following import FLEET, followed, follower, noted
from tests.support.git_server import GitServer
from tests.support.repository import Repository


def test_the_record_is_pushed_and_a_remote_that_refuses_it_is_told_of_once(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit, branch = followed(repository, server, tmp_path)
    assert branch.share() == "", "there is none yet"
    noted(branch, commit)
    assert branch.share() == ""
    assert repository.git("rev-parse", f"refs/reconciler/{FLEET}/applied") == commit
    assert '"tool"' in repository.git("notes", "--ref", f"reconciler/{FLEET}", "show", commit)
    repository.git("config", "http.receivepack", "false")
    following = repository.commit({"a.yaml": "b"})
    branch.look()
    noted(branch, following)
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
    noted(branch, commit)
    assert "could not be pushed" in branch.share()
    assert repository.git("notes", "--ref", f"reconciler/{FLEET}", "show", commit) == "Another's"


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
