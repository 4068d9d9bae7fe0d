"""Who may change what: by project, kind, path, and what belongs to the whole fleet; on both sides of every change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reconciler.authority.commits import parsed
from reconciler.authority.identity import covers, matches
from reconciler.diagnostic import Untrusted
from tests.support.court import FIRST, Court, text
from tests.support.fleet import FLEET_ID, Manifest, flavor, instance, manifest
from tests.support.signing import SshKey

ADA, BEA, SAM, EVE = "ada@example.org", "bea@example.org", "sam@example.org", "eve@example.org"
RULES: Sequence[dict[str, Any]] = (
    {"who": [ADA], "projects": ["*"], "fleet": True},
    {"who": [BEA], "projects": ["billing"]},
    {"who": [SAM], "projects": ["shop"], "kinds": ["Instance", "Network", "Keypair"], "paths": ["shop/**", "*.md"]},
)


@pytest.fixture
def court(tmp_path: Path) -> Court:
    """Ada may everything, Bea what is billing's, Sam the shop's instances and networks in its folder; Eve nothing."""
    court = Court(tmp_path, rules=RULES)
    court.commit(None, ADA, "First")
    assert court.refused() == []
    court.apply()
    return court


def db(**spec: Any) -> Manifest:
    return manifest(
        "Instance", "db", "billing", **{"flavor": "small", "image": "debian", "networks": {"lan": {}}, **spec}
    )


BILLING = FIRST["billing/db.yaml"]


def billing(**spec: Any) -> str:
    """The file of project billing, its instance with another spec."""
    return text([BILLING[0], db(**spec)])


def test_everybody_may_change_what_a_rule_gives(court: Court) -> None:
    court.commit({"shop/web.yaml": text([instance(), instance("web-2")]), "README.md": "Shop"}, SAM)
    court.commit({"billing/db.yaml": billing(powerState="Stopped")}, BEA)
    court.commit({"fleet.yaml": text([*FIRST["fleet.yaml"], flavor("large")])}, ADA)
    assert court.refused() == []


def test_without_rules_everybody_may_everything(court: Court) -> None:
    del court.trusted["rules"]
    court.commit({"billing/db.yaml": billing(powerState="Stopped")}, EVE)
    assert court.refused() == []


def test_a_refusal_says_who_what_where_and_who_may(court: Court) -> None:
    commit = court.commit({"billing/db.yaml": billing(powerState="Stopped")}, SAM, "Stop it")
    (told,) = court.refused()
    assert told.code == "not-permitted"
    assert told.place is not None
    assert (told.place.path, told.place.line) == ("billing/db.yaml", 13)
    assert told.detail == (
        f"Commit {commit[:12]} (Stop it), for which {SAM} (not signed) answers, changes Instance/billing/db in"
        f" billing/db.yaml:13:1. The rules let `{ADA}` and `{BEA}` do that. Nothing of it is applied: revert that, or"
        " let one of those make the commit, or merge it."
    )


@pytest.mark.parametrize(
    ("by", "files"),
    [
        (SAM, {"shop/web.yaml": text([instance(), manifest("Volume", "data", "shop", size="1Gi")])}),  # kind
        (SAM, {"elsewhere/web-2.yaml": text([instance("web-2")])}),  # path
        (SAM, {"shop/db.yaml": text([manifest("Network", "extra", "billing", cidr="10.30.0.0/24")])}),  # project
        (SAM, {"shop/flavor.yaml": text([flavor("large")])}),  # the fleet's
        (BEA, {"billing/project.yaml": text([manifest("Project", "third")])}),  # a project is the fleet's as well
        (SAM, {"billing/db.yaml": None}),
        (SAM, {"billing/db.yaml": None, "shop/db.yaml": text(BILLING)}),
        (SAM, {"billing/db.yaml": billing(powerState="Stopped")}),
        (SAM, {"notes/plan.txt": "Not in its folder"}),
        (EVE, {"README.md": "Mine"}),
        (EVE, {"shop/web.yaml": text([instance(powerState="Stopped")])}),
    ],
)
def test_what_no_rule_gives_is_refused(court: Court, by: str, files: dict[str, str | bytes | None]) -> None:
    court.commit(files, by)
    assert set(court.codes()) == {"not-permitted"}
    court.commit(None, ADA, "On top of it, by somebody who may everything")
    assert set(court.codes()) == {"not-permitted"}


def test_a_moved_file_is_a_change_of_what_it_declares(court: Court) -> None:
    court.trusted["rules"][2].pop("paths", None)
    git = court.repository.git
    git("mv", "billing/db.yaml", "shop/db.yaml")
    court.commit_staged(SAM, "Tidy up")
    told = {each.place.path for each in court.refused() if each.place}
    assert told == {"billing/db.yaml", "shop/db.yaml"}


def test_the_identity_of_anothers_instance_cannot_be_taken_up(court: Court) -> None:
    """Its owner removed it, so that the name is free; the object still stands, and would be the taker's."""
    court.commit({"billing/db.yaml": text(BILLING[:1])}, BEA)
    court.commit({"shop/web.yaml": text([instance(), instance("web-2", origin="billing/db")])}, SAM)
    (told,) = court.refused()
    assert "takes up the identity of Instance/billing/db for Instance/shop/web-2" in told.detail


def test_sharing_ones_own_network_is_ones_own_affair_and_sharing_anothers_is_not(court: Court) -> None:
    shared = text([manifest("Network", "lan", "billing", cidr="10.20.0.0/24", shareWith=["shop"]), db()])
    court.commit({"billing/db.yaml": shared}, SAM)
    assert set(court.codes()) == {"not-permitted"}
    court.repository.git("reset", "-q", "--hard", "HEAD~")
    court.commit({"billing/db.yaml": shared}, BEA)
    court.commit({"shop/web.yaml": text([instance(networks={"lan": {"network": "billing/lan"}})])}, SAM)
    assert court.refused() == []


def test_a_file_that_anothers_resource_is_made_from_is_theirs(court: Court) -> None:
    keypair = manifest("Keypair", "team", "shop", publicKeyFile="team.pub")
    mine, other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 42 + "A a", "b"
    court.commit({"shop/keys.yaml": text([keypair]), "shop/team.pub": mine}, SAM)
    assert court.refused() == []
    court.apply()
    court.trusted["rules"][1].pop("paths", None)
    court.commit({"shop/team.pub": mine.replace(" a", f" {other}")}, BEA)
    (told,) = court.refused()
    assert "changes a file that Keypair/shop/team is made from, in shop/team.pub" in told.detail


def test_a_change_that_another_commit_undoes_is_told_all_the_same(court: Court) -> None:
    court.commit({"billing/db.yaml": billing(powerState="Stopped")}, SAM)
    court.commit({"billing/db.yaml": text(BILLING)}, SAM)
    assert set(court.codes()) == {"not-permitted"}


def test_a_manifest_that_is_broken_on_the_way_hides_nothing(court: Court) -> None:
    court.commit({"billing/db.yaml": "kind: [\n"}, SAM)
    court.commit({"billing/db.yaml": billing(powerState="Stopped")}, BEA)
    assert {each.detail.partition(" answers")[0].rpartition("which ")[2] for each in court.refused()} == {
        f"{SAM} (not signed)"
    }


def test_who_merges_answers_for_what_is_merged(court: Court) -> None:
    git = court.repository.git
    git("checkout", "-q", "-b", "side")
    court.commit({"billing/db.yaml": billing(powerState="Stopped")}, SAM)
    git("checkout", "-q", "main")
    court.commit({"shop/web.yaml": text([instance(powerState="Stopped")])}, SAM)
    git("merge", "-q", "--no-ff", "--no-commit", "side")
    court.commit_staged(BEA, "Merge")
    assert court.refused() == []
    git("reset", "-q", "--hard", "HEAD~")
    git("merge", "-q", "--no-ff", "--no-commit", "side")
    court.commit_staged(SAM, "Merge")
    assert set(court.codes()) == {"not-permitted"}


def test_a_branch_that_lacks_what_is_applied_is_its_tips_authors_as_a_whole(court: Court) -> None:
    """Written anew from before another's change it takes that change back, although no commit of it says so."""
    git = court.repository.git
    before = git("rev-parse", "HEAD")
    court.commit({"billing/db.yaml": billing(powerState="Stopped")}, BEA)
    court.apply()
    git("reset", "-q", "--hard", before)
    court.commit({"shop/web.yaml": text([instance(powerState="Stopped")])}, SAM)
    assert [each.place.path for each in court.refused() if each.place] == ["billing/db.yaml"]


def test_a_branch_from_a_believed_commit_that_is_older_than_what_is_applied_is_one_change(court: Court) -> None:
    git = court.repository.git
    court.trusted["baseline"] = git("rev-parse", "HEAD")
    court.commit({"billing/db.yaml": billing(powerState="Stopped")}, BEA)
    court.apply()
    git("reset", "-q", "--hard", court.trusted["baseline"])
    court.commit({"shop/web.yaml": text([instance(powerState="Stopped")])}, SAM)
    assert [each.place.path for each in court.refused() if each.place] == ["billing/db.yaml"]


def test_a_branch_from_what_once_was_applied_is_one_change_from_what_is(court: Court) -> None:
    git = court.repository.git
    before = git("rev-parse", "HEAD")
    court.commit({"shop/web.yaml": text([instance(powerState="Stopped")])}, SAM)
    tried = court.apply()
    git("reset", "-q", "--hard", before)
    court.commit({"billing/db.yaml": billing(powerState="Stopped")}, BEA)
    court.apply()
    git("reset", "-q", "--hard", tried)
    court.commit({"shop/web.yaml": text([instance()])}, SAM)
    assert [each.place.path for each in court.refused() if each.place] == ["billing/db.yaml"]


def test_a_file_with_an_odd_name_is_told_in_letters_that_can_be_shown(court: Court) -> None:
    odd = f"100644 blob {court.repository.blob(b'x')}\tnotes\udcff\x1b.yaml\0".encode("utf-8", "surrogateescape")
    court.repository.git("update-index", "-z", "--index-info", data=odd)
    tree = court.repository.git("write-tree")
    commit = court.repository.git("commit-tree", "-p", "HEAD", "-m", "Odd", tree)
    court.repository.git("update-ref", "refs/heads/main", commit)
    court.repository.git("rm", "-q", "--cached", "-r", ".")
    court.commit({"README.md": "x"}, SAM)
    assert {each.place.path for each in court.refused() if each.place} == {r"notes\xff\x1b.yaml"}


def test_a_merge_with_its_sides_swapped_hides_nothing(court: Court) -> None:
    """First parents then lead along the side branch, past what is applied."""
    git = court.repository.git
    git("checkout", "-q", "-b", "side")
    court.commit({"shop/web.yaml": text([instance(powerState="Stopped")])}, SAM)
    git("checkout", "-q", "main")
    court.commit({"billing/db.yaml": billing(powerState="Stopped")}, BEA)
    court.apply()
    git("checkout", "-q", "side")
    git("merge", "-q", "-s", "ours", "--no-commit", "main")
    court.commit_staged(SAM, "Merge")
    assert [each.place.path for each in court.refused() if each.place] == ["billing/db.yaml"]


def test_the_first_commit_is_for_those_who_may_everything(tmp_path: Path) -> None:
    court = Court(tmp_path, rules=RULES)
    court.commit(None, SAM, "First")
    assert set(court.codes()) == {"not-permitted"}
    assert len(court.refused()) <= 21
    court.commit(None, ADA, "Mine")
    assert court.refused() == []


def test_rules_without_signatures_are_warned_of(court: Court) -> None:
    court.commit({"README.md": "Shop"}, SAM)
    assert [each.code for each in court.judge().diagnostics] == ["names-only-claimed"]


def test_with_signatures_it_is_the_signer_who_answers_and_not_the_name_in_the_commit(
    court: Court, tmp_path: Path
) -> None:
    key = SshKey(tmp_path, "sam")
    signers = tmp_path / "signers"
    signers.write_text(key.line(SAM), encoding="ascii")
    court.trusted["signatures"] = {"require": "all", "allowed_signers": str(signers)}
    court.commit({"billing/db.yaml": billing(powerState="Stopped")}, BEA, "Not hers", key.options)
    assert {SAM in each.detail for each in court.refused()} == {True}
    court.repository.git("reset", "-q", "--hard", "HEAD~")
    court.commit({"shop/web.yaml": text([instance(powerState="Stopped")])}, EVE, "His", key.options)
    assert court.judge().diagnostics == ()


def test_no_commit_slips_out_of_the_rules_under_another_fleets_id(court: Court) -> None:
    other = FLEET_ID.replace("6b1f", "1111")
    court.others[other] = {}
    renamed = text(FIRST["fleet.yaml"]).replace(FLEET_ID, other)
    court.commit({"fleet.yaml": None, "all.yaml": renamed}, EVE)
    (told,) = court.refused()
    assert told.code == "other-fleet"
    court.repository.git("update-ref", "-d", f"refs/reconciler/{FLEET_ID}/applied")
    assert court.refused() == []


def test_a_made_up_id_is_bound_by_no_rules_and_so_refused_where_others_are(court: Court) -> None:
    """Before anything is recorded, nothing tells that the repository is another fleet's."""
    court.repository.git("update-ref", "-d", f"refs/reconciler/{FLEET_ID}/applied")
    renamed = text(FIRST["fleet.yaml"]).replace(FLEET_ID, FLEET_ID.replace("6b1f", "1111"))
    court.commit({"fleet.yaml": renamed}, EVE)
    assert court.codes() == ["other-fleet"]
    court.trusted = {}
    assert court.codes() == []


def test_a_fleet_beside_another_one_is_none_of_its_affairs(tmp_path: Path) -> None:
    court = Court(tmp_path, path="cloud", rules=RULES)
    court.commit(None, ADA)
    court.apply()
    other = FLEET_ID.replace("6b1f", "1111")
    court.others[other] = {}
    court.commit({"lab/fleet.yaml": text(FIRST["fleet.yaml"]).replace(FLEET_ID, other)}, EVE)
    court.path = "lab"
    assert court.refused() == []


def test_files_outside_of_the_fleets_folder_are_not_judged(tmp_path: Path) -> None:
    court = Court(
        tmp_path, path="cloud", rules=[*RULES, {"who": [EVE], "projects": ["shop"], "paths": ["cloud/shop/**"]}]
    )
    court.commit(None, ADA)
    court.apply()
    court.commit({"main.py": "print()", "billing/db.yaml": billing(powerState="Stopped")}, EVE)
    court.commit({"cloud/shop/web.yaml": text([instance(powerState="Stopped")])}, EVE)
    assert court.refused() == []
    court.commit({"cloud/notes.txt": "x"}, EVE)
    assert court.codes() == ["not-permitted"]


def test_what_is_not_read_as_a_manifest_declares_nothing(court: Court) -> None:
    court.commit({".drafts/net.yaml": text([manifest("Network", "new", "billing", cidr="10.30.0.0/24")])}, SAM)
    (told,) = court.refused()
    assert "changes the file in .drafts/net.yaml" in told.detail


@pytest.mark.parametrize(
    ("author", "email"),
    [
        (b"Ada <ada@example.org> 1 +0000", ADA),
        (b"Eve <eve@example.org> <ada@example.org> 1 +0000", EVE),
        (b"<> 1 +0000", ""),
        (b"Ada", ""),
        (b"Ada <" + b"a" * 255 + b"@example.org> 1 +0000", ""),
    ],
)
def test_the_author_is_whom_git_takes_for_it(author: bytes, email: str) -> None:
    data = b"tree " + b"0" * 40 + b"\nauthor " + author + b"\ncommitter Bea <bea@example.org> 1 +0000\n\nChange\n"
    assert parsed("1" * 40, data).email == email


@pytest.mark.parametrize("order", [(0, 1), (0, 2, 1)])
def test_a_commit_with_two_authors_cannot_be_judged(order: tuple[int, ...]) -> None:
    people = (
        b"author Eve <eve@example.org> 1 +0000",
        b"author Ada <ada@example.org> 1 +0000",
        b"committer Eve <eve@example.org> 1 +0000",
    )
    head = b"\n".join([b"tree " + b"0" * 40, *(people[number] for number in order)])
    with pytest.raises(Untrusted, match="cannot be judged"):
        parsed("1" * 40, head + b"\n\nChange\n")


def test_a_commit_that_is_all_words_is_not_read(court: Court) -> None:
    words = f"tree {'4b825dc642cb6eb9a060e54bf8d69288fbee4904'}\nparent {court.repository.git('rev-parse', 'HEAD')}\n"
    person = "A <ada@example.org> 1 +0000"
    data = f"{words}author {person}\ncommitter {person}\n\n{'word ' * 300_000}\n".encode()
    large = court.repository.git("hash-object", "-w", "-t", "commit", "--stdin", data=data)
    court.repository.git("reset", "-q", "--soft", large)
    court.commit(None, ADA)
    (told,) = court.refused()
    assert told.code == "cannot-be-judged"
    assert f"Commit {large} has more than 1 MiB" in told.detail


@pytest.mark.parametrize(
    ("pattern", "path", "means"),
    [
        ("**", "a/b.yaml", True),
        ("shop/**", "shop/a/b.yaml", True),
        ("shop/**", "shopping/a.yaml", False),
        ("shop/*", "shop/a/b.yaml", False),
        ("**/web.yaml", "web.yaml", True),
        ("**/web.yaml", "a/b/web.yaml", True),
        ("*.md", "docs/a.md", False),
        ("shop/**", "SHOP/a.yaml", False),
        ("shop/a.yaml", "shop/a.yaml\n", False),
        ("a.c", "abc", False),
    ],
)
def test_a_pattern_of_paths_means_what_it_says(pattern: str, path: str, means: bool) -> None:
    assert covers(pattern, path) is means


@pytest.mark.parametrize(
    ("pattern", "text", "means"),
    [
        ("*@example.org", ADA, True),
        ("*@example.org", "eve@example.org.evil.net", False),
        ("a?a@example.org", ADA, False),
        ("*", "anything", True),
        (ADA, "Ada@example.org", False),
        (ADA, "*@example.org", False),
    ],
)
def test_a_pattern_of_names_means_what_it_says(pattern: str, text: str, means: bool) -> None:
    assert matches(pattern, text) is means
