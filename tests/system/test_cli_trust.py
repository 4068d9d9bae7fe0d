"""Who may change what, told through the command line alone: signatures, rules, consent in trailers, quotas."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Desk, Ran
from tests.support.signing import SshKey

WEB = "Instance/default/web-1"


class Office:
    """A user's desk and the trusted configuration beside it, which the test writes."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk, self._config = desk, folder / "config.yaml"
        self.trust({})

    def trust(self, section: dict[str, Any]) -> None:
        """Write the fleet's section."""
        fleet_id = re.findall(
            r"^  id: (\S+)$", (self.desk.repo / "fleet.yaml").read_text(encoding="utf-8"), re.MULTILINE
        )
        self._config.write_text(json.dumps({"fleets": {fleet_id[0]: section}}), encoding="utf-8")
        self._config.chmod(0o600)

    def run(self, *arguments: str) -> Ran:
        """Run `reconciler` with it."""
        return self.desk.run(*arguments, RECONCILER_CONFIG=str(self._config))


@pytest.fixture
def office(desk: Desk, tmp_path: Path) -> Office:
    """Whose first fleet stands."""
    office = Office(desk, tmp_path)
    assert office.run("apply").code == 0
    return office


def larger(office: Office, message: str = "More memory") -> str:
    office.desk.edit("flavors.yaml", "512Mi", "1Gi")
    return office.desk.commit(message)


def test_an_unsigned_commit_is_neither_planned_nor_applied_and_no_host_is_reached(
    office: Office, tmp_path: Path
) -> None:
    key = SshKey(tmp_path, "ada")
    signers = tmp_path / "signers"
    signers.write_text(key.line("ada@example.org"), encoding="ascii")
    office.trust({"signatures": {"require": "all", "allowed_signers": str(signers)}})
    assert office.run("apply").code == 0, "what is applied is not judged again"
    commit = larger(office)
    for command in (["apply"], ["plan", "--rev", "HEAD"], ["apply", "--allow", f"restart={WEB}"]):
        ran = office.run(*command)
        assert (ran.code, ran.out) == (4, "")
        assert f"Commit {commit[:12]} (More memory): it is not signed." in ran.err
    told = office.run("plan")
    assert told.code == 0
    assert "it is not signed" in told.out, "of a work tree it is a warning"
    office.desk.git(*key.options, "commit", "--amend", "--quiet", "--no-edit", "-S")
    assert office.run("apply", "--allow", f"restart={WEB}").code == 0


def test_a_saved_plan_is_of_a_commit_that_is_trusted_when_it_is_applied(office: Office, tmp_path: Path) -> None:
    larger(office)
    saved = str(tmp_path / "next.plan")
    assert office.run("plan", "--out", saved).code == 0
    office.trust({"signatures": {"require": "tip", "allowed_signers": str(tmp_path / "none")}})
    ran = office.run("apply", saved)
    assert (ran.code, ran.out) == (4, "")
    assert "whose signatures count" in ran.err


def test_what_a_commit_may_not_change_refuses_it_with_its_line(office: Office) -> None:
    office.trust({"rules": [{"who": ["a@example.org"], "projects": ["default"]}]})
    larger(office)
    ran = office.run("apply")
    assert (ran.code, ran.out) == (4, "")
    assert "commit changes what its author may not" in ran.err
    assert "flavors.yaml:" in ran.err
    assert "Flavor/" in ran.err
    markdown = office.run("plan", "--rev", "HEAD", "-o", "markdown")
    assert markdown.code == 4
    assert "commit changes what its author may not" in markdown.out


def test_a_trailer_consents_once_and_the_plan_says_whose_consent_it_is(office: Office) -> None:
    commit = larger(office, f"More memory\n\nReconciler-Allow: restart {WEB}")
    assert f"consented to by a@example.org (not signed) in commit {commit[:12]}" in office.run("plan").out
    assert office.run("apply").code == 0
    office.desk.edit("flavors.yaml", "1Gi", "2Gi")
    office.desk.commit("Still more")
    ran = office.run("plan")
    assert f"waits for consent: --allow restart={WEB}" in ran.out
    first = office.desk.git("rev-parse", "HEAD~2").strip()
    assert office.run("apply", "--rev", first, "--allow", f"restart={WEB}").code == 0
    assert f"waits for consent: --allow restart={WEB}" in office.run("plan", "--rev", commit).out


def test_consent_that_is_not_theirs_to_give_is_told_and_the_change_waits(office: Office) -> None:
    office.trust({"rules": [{"who": ["*"], "projects": ["*"], "fleet": True, "consent": ["interrupt"]}]})
    larger(office, f"More memory\n\nReconciler-Allow: restart {WEB}")
    ran = office.run("apply", "--detailed-exitcode")
    assert ran.code == 2
    assert "consent is not theirs to give" in ran.out
    assert f"waits for consent: --allow restart={WEB}" in ran.out


def test_a_destroy_takes_no_consent_from_commits(office: Office) -> None:
    office.desk.git("commit", "--quiet", "--allow-empty", "-m", "Down\n\nReconciler-Allow: delete 4")
    assert office.run("destroy").code == 4


def test_a_guest_is_not_handed_the_secret_of_another_team(office: Office) -> None:
    secrets = {"db-seed": {"environment": "DB_SEED"}, "web-seed": {"environment": "WEB_SEED"}}
    office.trust({"secrets": secrets, "projects": {"default": {"secrets": ["web-*"]}}})
    assert office.run("apply").code == 0
    path = office.desk.repo / "instances.yaml"
    manifest = path.read_text(encoding="utf-8")
    path.write_text(manifest.rstrip() + "\n  userDataFrom: {secretRef: db-seed}\n", encoding="utf-8")
    warned = office.run("plan")
    assert "project may not use that" in warned.out, "of a work tree it is a warning"
    office.desk.commit("Read what is not ours")
    for command in (["apply"], ["plan", "--rev", "HEAD"]):
        ran = office.run(*command)
        assert (ran.code, ran.out) == (4, "")
        assert "project may not use that" in ran.err
        assert f"instances.yaml:{len(manifest.rstrip().splitlines()) + 1}:" in ran.err
        assert "use of the secrets only `web-*`" in ran.err


def test_a_project_is_not_placed_on_a_host_that_is_not_for_it(office: Office) -> None:
    office.trust({"projects": {"*": {"hosts": ["other-*"]}}})
    office.desk.edit("instances.yaml", "web-1", "web-2")
    office.desk.commit("Another one")
    ran = office.run("apply", "--allow", f"delete={WEB}")
    assert ran.code != 0
    assert "sim-01: project default may not use it." in ran.out + ran.err
    assert "web-2" not in office.desk.by_hand("show")


@pytest.mark.parametrize(
    "code", ["not-signed", "not-permitted", "bad-trailer", "quota-as-applied", "bound-exceeded", "not-for-project"]
)
def test_every_refusal_can_be_explained(desk: Desk, code: str) -> None:
    ran = desk.run("explain", code)
    assert ran.code == 0
    assert "what to do: " in ran.out


def test_a_mistake_in_a_rule_is_told_where_it_stands(office: Office) -> None:
    office.trust({"rules": [{"who": ["*"], "kinds": ["Instances"]}]})
    ran = office.run("plan")
    assert ran.code == 1
    assert "config.yaml:1:" in ran.err
    assert "Did you mean `Instance`?" in ran.err
