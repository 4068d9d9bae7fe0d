"""`plan --base`: two commits compared, as a check of a pull request runs it: no host, no credentials."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import msgspec
import pytest

from tests.support.command import Desk

SCHEMA = Path(__file__).parents[2] / "schemas" / "plan-v1.json"


def test_two_commits_are_compared_and_no_host_comes_to_be(desk: Desk) -> None:
    (desk.repo / "more.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: Network\nmetadata: {name: more}\nspec: {cidr: 10.99.0.0/24}\n"
    )
    base, head = desk.git("rev-parse", "HEAD").strip(), desk.commit("More")
    ran = desk.run("plan", "--base", base, "--rev", head, "-o", "json", "--detailed-exitcode")
    assert (ran.code, ran.err) == (2, "")
    assert ran.value["source"] == {"commit": head, "workTree": False, "base": base, "assumed": True}
    jsonschema.validate(ran.value, msgspec.json.decode(SCHEMA.read_bytes()))
    assert not (desk.home / ".local" / "state").exists(), "a simulated host was opened"


def test_a_commit_compared_with_itself_has_nothing_to_do(desk: Desk) -> None:
    ran = desk.run("plan", "--base", "HEAD", "--rev", "HEAD", "--detailed-exitcode")
    assert ran.code == 0
    assert "No host was looked at" in ran.out
    assert "Nothing to do" in ran.out


def test_a_host_that_the_base_lacks_is_never_dialled_and_no_trusted_configuration_is_read(
    desk: Desk, tmp_path: Path
) -> None:
    manifest = "apiVersion: reconciler/v1\nkind: Host\nmetadata: {name: evil}\nspec: {}\n"
    (desk.repo / "evil.yaml").write_text(manifest)
    base, head = desk.git("rev-parse", "HEAD").strip(), desk.commit("A host of a stranger")
    nowhere = str(tmp_path / "no-such-config.yaml")
    ran = desk.run("plan", "--base", base, "--rev", head, RECONCILER_CONFIG=nowhere)
    assert (ran.code, ran.err) == (0, "")
    assert desk.run("plan", "--rev", head, RECONCILER_CONFIG=nowhere).code == 1, "the other plan would read it"


def test_a_base_without_a_fleet_is_a_world_with_nothing_in_it(desk: Desk) -> None:
    empty = desk.git(
        "commit-tree", "-m", "Empty", desk.git("hash-object", "-t", "tree", "-w", "/dev/null").strip()
    ).strip()
    ran = desk.run("plan", "--base", empty, "--rev", "HEAD", "-o", "json")
    assert ran.code == 0
    assert {change["action"] for change in ran.value["changes"]} == {"create"}
    assert ran.value["summary"]["unchanged"] == 0


def test_a_branch_of_a_remote_is_a_base_and_a_local_one_of_its_name_makes_it_doubtful(desk: Desk) -> None:
    desk.git("update-ref", "refs/remotes/origin/main", "HEAD")
    assert desk.run("plan", "--base", "origin/main", "--rev", "HEAD").code == 0
    desk.git("update-ref", "refs/heads/origin/main", "HEAD")
    ran = desk.run("plan", "--base", "origin/main", "--rev", "HEAD")
    assert ran.code == 1
    assert "write refs/heads/origin/main or refs/remotes/origin/main" in ran.err


def test_a_base_with_mistakes_is_said_to_be_the_base(desk: Desk) -> None:
    (desk.repo / "broken.yaml").write_text("kind: [\n")
    broken = desk.commit("Broken")
    (desk.repo / "broken.yaml").unlink()
    ran = desk.run("plan", "--base", broken, "--rev", desk.commit("Mended"))
    assert ran.code == 1
    assert "the base has mistakes of its own" in ran.err


def test_a_fleet_that_changes_its_id_is_told(desk: Desk) -> None:
    fleet = next(path for path in desk.repo.rglob("*.yaml") if "kind: Fleet" in path.read_text())
    text = fleet.read_text()
    identity = text.partition("id: ")[2].split()[0]
    fleet.write_text(text.replace(identity, "6b1f6f6e-4a53-4c1e-9d0e-3f1f5f0f7a11"))
    base = desk.git("rev-parse", "HEAD").strip()
    ran = desk.run("plan", "--base", base, "--rev", desk.commit("Another id"))
    assert ran.code == 1
    assert "the fleet's id is not the one of the base" in ran.err


@pytest.mark.parametrize("wrong", [["--out", "saved.plan"], ["--config", "any.yaml"]])
def test_what_needs_more_than_two_commits_is_wrong_usage(desk: Desk, wrong: list[str]) -> None:
    (desk.repo / "any.yaml").write_text("{}\n")
    ran = desk.run("plan", "--base", "HEAD", "--rev", "HEAD", *wrong)
    assert ran.code == 64
    assert "exclude each other" in ran.err


def test_a_base_that_looks_like_an_option_is_no_option(desk: Desk) -> None:
    ran = desk.run("plan", "--base=--upload-pack=touch canary", "--rev", "HEAD")
    assert ran.code == 1
    assert not (desk.repo / "canary").exists()


def test_a_workflow_gets_annotations_on_its_log_and_the_comment_in_its_summary(desk: Desk, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("# Before\n")
    ran = desk.run("plan", "--base", "HEAD", "--rev", "HEAD", "-o", "github", GITHUB_STEP_SUMMARY=str(summary))
    assert ran.code == 0
    assert ran.out.splitlines()[0] == "::group::Plan"
    assert (
        summary.read_text() == "# Before\n" + desk.run("plan", "--base", "HEAD", "--rev", "HEAD", "-o", "markdown").out
    )


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("markdown", "### No plan: 1 mistake"),
        ("github", "::error file=broken.yaml,line="),
        ("sarif", '"uri": "broken.yaml"'),
        ("gitlab-codequality", '"path": "broken.yaml"'),
        ("gitlab-terraform", ""),
        ("json", '"path": "broken.yaml"'),
    ],
)
def test_mistakes_are_shown_in_the_format_of_the_check(desk: Desk, output: str, shown: str) -> None:
    base = desk.git("rev-parse", "HEAD").strip()
    (desk.repo / "broken.yaml").write_text("kind: [\n")
    ran = desk.run("plan", "--base", base, "--rev", desk.commit("Broken"), "-o", output)
    assert ran.code == 1
    assert shown in ran.out if shown else ran.out == ""
    assert "broken.yaml" in ran.err


def test_one_plan_is_shown_in_several_formats_at_once(desk: Desk) -> None:
    also = [f"--also={name}={name}.out" for name in ("markdown", "json", "sarif", "gitlab-terraform", "text")]
    ran = desk.run("plan", "--base", "HEAD", "--rev", "HEAD", "-o", "gitlab-codequality", *also)
    assert (ran.code, ran.out) == (0, "[]\n")
    for name in ("markdown", "json", "sarif", "gitlab-terraform", "text"):
        alone = desk.run("plan", "--base", "HEAD", "--rev", "HEAD", "-o", name).out
        assert (desk.repo / f"{name}.out").read_text(encoding="utf-8") == alone


def test_a_format_that_has_nothing_to_say_of_mistakes_makes_no_file(desk: Desk) -> None:
    base = desk.git("rev-parse", "HEAD").strip()
    (desk.repo / "broken.yaml").write_text("kind: [\n")
    also = ["--also=gitlab-terraform=counts.json", "--also=markdown=comment.md"]
    assert desk.run("plan", "--base", base, "--rev", desk.commit("Broken"), *also).code == 1
    assert not (desk.repo / "counts.json").exists()
    assert "### No plan: 1 mistake" in (desk.repo / "comment.md").read_text(encoding="utf-8")


def test_mistakes_as_json_are_diagnostics_as_a_plan_has_them(desk: Desk) -> None:
    (desk.repo / "broken.yaml").write_text("kind: [\n")
    ran = desk.run("plan", "--rev", desk.commit("Broken"), "-o", "json")
    assert ran.code == 1
    value = ran.value
    assert (list(value), value["formatVersion"]) == (["formatVersion", "diagnostics"], 1)
    (told,) = value["diagnostics"]
    schema = msgspec.json.decode(SCHEMA.read_bytes())
    jsonschema.validate(told, {**schema["$defs"]["diagnostic"], "$defs": schema["$defs"]})
    assert (told["severity"], told["path"], told["line"]) == ("error", "broken.yaml", 2)


@pytest.mark.parametrize("wrong", ["github=x", "markdown", "markdown=", "html=x"])
def test_a_file_has_one_of_the_formats_that_files_have(desk: Desk, wrong: str) -> None:
    ran = desk.run("plan", "--base", "HEAD", "--also", wrong)
    assert ran.code == 64
    assert "is not FORMAT=FILE" in ran.err


def test_a_quota_that_is_raised_and_used_at_once_is_an_error_of_the_plan_at_its_line(desk: Desk) -> None:
    desk.edit("fleet.yaml", "  id:", "  limits: {networks: 1}\n  id:")
    base = desk.commit("Bounded")
    desk.edit("fleet.yaml", "networks: 1", "networks: 2")
    more = "apiVersion: reconciler/v1\nkind: Network\nmetadata: {name: more}\nspec: {cidr: 10.99.0.0/24}\n"
    (desk.repo / "more.yaml").write_text(more)
    ran = desk.run("plan", "--base", base, "--rev", desk.commit("More"))
    assert ran.code == 1
    assert "quota-as-applied" in ran.out
    assert "fleet.yaml:" in ran.out
    assert "Network/default/more" in ran.out
