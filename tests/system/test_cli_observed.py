"""`observe --publish` and `plan --observed`: a check of a pull request on hosts as somebody saw them who may."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import msgspec
import pytest

from reconciler.against import plan_against
from reconciler.reconcile import Options
from tests.support.command import Desk
from tests.support.publishing import Signer

SCHEMA = Path(__file__).parents[2] / "schemas" / "plan-v1.json"


@pytest.fixture(scope="module")
def published_once(first_desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """What `standing` is a copy of."""
    desk = first_desk.copied(tmp_path_factory.mktemp("standing"))
    assert desk.run("apply").code == 0
    assert desk.run("observe", "--publish", "git").code == 0
    return desk


@pytest.fixture
def standing(published_once: Desk, tmp_path: Path) -> Desk:
    """A user whose first fleet stands and is published in the repository."""
    return published_once.copied(tmp_path)


def grown(desk: Desk) -> str:
    """The guest with another CPU, committed."""
    desk.edit("flavors.yaml", "vcpus: 1", "vcpus: 2")
    return desk.commit("Grow")


def reference(desk: Desk) -> str:
    return desk.git("for-each-ref", "--format=%(refname)", "refs/reconciler/*/observation").strip()


def test_a_check_plans_on_the_hosts_as_they_were_seen_and_reaches_none(standing: Desk, tmp_path: Path) -> None:
    real = standing.run("plan", "--rev", grown(standing), "-o", "json")
    clone = Desk(tmp_path / "elsewhere")
    subprocess.run(["git", "clone", "--quiet", standing.repo, clone.repo], env=clone.environment, check=True)
    clone.git("fetch", "--quiet", "origin", "+refs/reconciler/*:refs/reconciler/*")
    nowhere = str(tmp_path / "no-such-config.yaml")
    ran = clone.run("plan", "--observed", "git", "--rev", "HEAD", "-o", "json", RECONCILER_CONFIG=nowhere)
    assert (ran.code, ran.err) == (0, "")
    assert not (clone.home / ".local" / "state").exists(), "a simulated host was opened"
    jsonschema.validate(ran.value, msgspec.json.decode(SCHEMA.read_bytes()))
    told = ran.value
    look = told["source"].pop("observed")
    assert (look["commit"], look["signer"]) == (standing.git("rev-parse", "HEAD~1").strip(), None)
    assert told == real.value


def test_what_runs_is_certain(standing: Desk) -> None:
    text = standing.run("plan", "--observed", "git", "--rev", grown(standing)).out
    assert "No host was looked at: this is what they showed" in text
    assert "waits for consent: --allow restart=Instance/default/web-1" in text
    assert "not certain" not in text
    base = standing.git("rev-parse", "HEAD~1").strip()
    assert standing.run("plan", "--base", base, "--rev", "HEAD").out.count("not certain") == 1


@pytest.mark.parametrize("output", ["text", "markdown", "github", "json"])
def test_every_format_says_of_when_it_is(standing: Desk, output: str) -> None:
    told = '"age": ' if output == "json" else "ago"
    assert told in standing.run("plan", "--observed", reference(standing), "-o", output).out


def test_an_observation_is_signed_and_verified(desk: Desk, tmp_path: Path) -> None:
    signer = Signer.make(tmp_path)
    published = desk.run("observe", "--publish", "seen.json", "--key", str(signer.key))
    assert (published.code, published.out) == (0, "")
    assert "not signed" not in published.err
    checked = ("plan", "--observed", "seen.json", "--signers", str(signer.allowed), "--rev", "HEAD")
    assert "signed by controller@example.org" in desk.run(*checked).out
    assert desk.run(*checked, "--signer", "controller@example.org").code == 0
    assert "not signed" in desk.run("observe", "--publish", "seen.json").err
    refused = desk.run(*checked, "-o", "markdown")
    assert refused.code == 1
    assert "### No plan: 1 mistake" in refused.out
    assert "[observation-signature]" in refused.err


def test_the_key_of_the_trusted_configuration_signs_by_itself(desk: Desk, tmp_path: Path) -> None:
    signer = Signer.make(tmp_path)
    fleet_id = next(line.split()[1] for line in (desk.repo / "fleet.yaml").read_text().splitlines() if "id:" in line)
    folder = desk.home / ".config" / "reconciler"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(f"fleets:\n  {fleet_id}:\n    controller: {{publish_key: {signer.key}}}\n")
    (folder / "config.yaml").chmod(0o600)
    assert desk.run("observe", "--publish", "git").code == 0
    ran = desk.run("plan", "--observed", "git", "--signers", str(signer.allowed), "--rev", "HEAD")
    assert "signed by controller@example.org" in ran.out


def test_a_host_that_the_observation_lacks_is_never_dialled_and_shown_as_assumed(
    standing: Desk, tmp_path: Path
) -> None:
    (standing.repo / "evil.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: Host\nmetadata: {name: evil}\nspec: {}\n---\n"
        "apiVersion: reconciler/v1\nkind: Network\nmetadata: {name: far}\nspec: {cidr: 10.99.0.0/24, host: evil}\n"
    )
    nowhere = str(tmp_path / "no-such-config.yaml")
    ran = standing.run(
        "plan", "--observed", "git", "--rev", standing.commit("A stranger's host"), RECONCILER_CONFIG=nowhere
    )
    assert ran.code == 0
    assert "host evil was never looked at" in ran.out
    assert "+ Network/default/far on evil (assumed)" in ran.out


def test_a_host_that_was_not_seen_is_still_unseen_and_nobody_learns_why(standing: Desk) -> None:
    standing.state_file().write_text("no state at all")
    published = standing.run("observe", "--publish", "git")
    assert published.code == 1
    assert "A host was not completely seen." in published.err
    ran = standing.run("plan", "--observed", "git", "--rev", "HEAD")
    assert ran.code == 1
    assert "sim-01: it was not seen when the observation was published." in ran.out


def test_an_old_observation_is_warned_of_and_so_is_one_of_tomorrow(standing: Desk) -> None:
    options = Options(repo=standing.repo, rev="HEAD")

    def codes(after: timedelta) -> list[str]:
        return [each.code for each in plan_against(options, "git", now=datetime.now(UTC) + after).diagnostics]

    assert codes(timedelta(minutes=59)) == []
    assert codes(timedelta(minutes=61)) == ["observation-old"]
    assert codes(-timedelta(minutes=10)) == ["observation-old"]
    assert "2 hours ago" in standing.run("plan", "--observed", moved(standing, hours=-2)).out


def moved(desk: Desk, hours: int) -> str:
    """The published observation, as a file of another time."""
    text = desk.git("show", f"{reference(desk)}:observation.json")
    value = msgspec.json.decode(text)
    time = datetime.fromisoformat(value["observation"]["time"]) + timedelta(hours=hours)
    value["observation"]["time"] = time.isoformat(timespec="milliseconds")
    (desk.repo / "moved.json").write_bytes(msgspec.json.encode(value))
    return "moved.json"


def test_a_clone_without_the_observation_s_commit_takes_user_data_to_be_unchanged_and_says_so(
    desk: Desk, tmp_path: Path
) -> None:
    desk.edit("instances.yaml", "  image: tiny\n", "  image: tiny\n  userData: |\n    #!/bin/true\n")
    desk.commit("With user data")
    assert desk.run("apply").code == 0
    assert desk.run("observe", "--publish", str(tmp_path / "seen.json")).code == 0
    grown(desk)
    shallow = Desk(tmp_path / "elsewhere")
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", f"file://{desk.repo}", shallow.repo],
        env=shallow.environment,
        check=True,
    )
    ran = shallow.run("plan", "--observed", str(tmp_path / "seen.json"), "--rev", "HEAD")
    assert ran.code == 0
    assert "[observation-commit]" in ran.out
    assert "vcpus: 1 → 2" in ran.out
    assert "userData" not in ran.out


@pytest.mark.parametrize(
    "wrong",
    [
        ["--base", "HEAD"],
        ["--out", "saved.plan"],
        ["--config", "any.yaml"],
    ],
)
def test_what_stands_in_for_the_hosts_excludes_what_is_about_real_ones(desk: Desk, wrong: list[str]) -> None:
    (desk.repo / "any.yaml").write_text("{}\n")
    ran = desk.run("plan", "--observed", "git", "--rev", "HEAD", *wrong)
    assert ran.code == 64
    assert "exclude each other" in ran.err


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["plan", "--signers", "any.yaml"], "--signers needs --observed"),
        (["plan", "--observed", "git", "--signer", "a"], "--signer needs --signers"),
        (["observe", "--key", "any.yaml"], "--key signs what --publish writes"),
    ],
)
def test_options_that_mean_nothing_alone_are_wrong_usage(desk: Desk, command: list[str], told: str) -> None:
    (desk.repo / "any.yaml").write_text("{}\n")
    ran = desk.run(*command)
    assert ran.code == 64
    assert told in ran.err


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("git", "Fetch it: git fetch origin"),
        ("refs/heads/nowhere", "there is no reference refs/heads/nowhere"),
        ("nowhere.json", "No such file or directory"),
        ("--upload-pack=touch canary", "No such file or directory"),
    ],
)
def test_an_observation_that_is_not_there_is_said(desk: Desk, where: str, told: str) -> None:
    ran = desk.run("plan", f"--observed={where}", "--rev", "HEAD")
    assert ran.code == 1
    assert told in ran.err.replace("There is", "there is")
    assert not (desk.repo / "canary").exists()
