"""Who signed what, with real keys of OpenSSH in real repositories; what is not verified is not believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.authority.commits import parsed
from reconciler.authority.history import History
from reconciler.diagnostic import Untrusted
from reconciler.source import open_repository
from reconciler.trust.fields import FleetTrust
from tests.support.court import Court, text
from tests.support.fleet import FLEET_ID, fleet
from tests.support.signing import SshKey

ADA, EVE = "ada@example.org", "eve@example.org"


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SshKey]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: SshKey(folder, name) for name in ("ada", "eve", "old")}


@pytest.fixture
def signers(tmp_path: Path, keys: dict[str, SshKey]) -> Path:
    """The list of allowed signers: Ada is on it, and Eve is not."""
    file = tmp_path / "signers"
    file.write_text(keys["ada"].line(ADA), encoding="ascii")
    return file


@pytest.fixture
def court(tmp_path: Path, signers: Path) -> Court:
    """Everything must be signed; the first commit is, and is applied."""
    return Court(tmp_path, signatures={"require": "all", "allowed_signers": str(signers)})


def change(court: Court, number: int, *signing: str, by: str = ADA) -> str:
    return court.commit({f"notes/{number}.txt": "x"}, by, f"Change {number}", signing)


def begun(court: Court, key: SshKey) -> None:
    court.commit(None, ADA, "First", key.options)
    assert court.refused() == []
    court.apply()


def test_a_commit_that_an_allowed_signer_signed_is_trusted(court: Court, keys: dict[str, SshKey]) -> None:
    begun(court, keys["ada"])
    change(court, 1, *keys["ada"].options)
    assert court.refused() == []


def test_a_commit_without_a_signature_is_refused_with_its_name(court: Court, keys: dict[str, SshKey]) -> None:
    begun(court, keys["ada"])
    commit = change(court, 1)
    (told,) = court.refused()
    assert told.code == "not-signed"
    assert told.detail.startswith(f"Commit {commit[:12]} (Change 1): it is not signed.")


@pytest.mark.parametrize("place", ["heads", "tags"])
def test_nothing_counts_as_applied_because_a_branch_or_tag_is_called_so(court: Court, place: str) -> None:
    commit = court.commit()
    court.repository.git("update-ref", f"refs/{place}/refs/reconciler/{FLEET_ID}/applied", commit)
    assert court.codes() == ["not-signed"]


def test_a_record_that_cannot_be_read_is_no_permission(court: Court, keys: dict[str, SshKey]) -> None:
    begun(court, keys["ada"])
    loaded = court.load()
    (court.repository.path / ".git" / "packed-refs").write_text("damaged\n")
    with pytest.raises(Untrusted, match="cannot be read"):
        History(loaded.tree.repository, loaded.tree.source.commit, FLEET_ID, FleetTrust())


def test_a_signature_by_a_key_that_is_on_no_list_is_refused(court: Court, keys: dict[str, SshKey]) -> None:
    begun(court, keys["ada"])
    change(court, 1, *keys["eve"].options)
    (told,) = court.refused()
    assert "its key is none of the allowed signers'" in told.detail


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ('valid-before="20200101"', "expired"),
        ('valid-after="20990101"', "not yet valid"),
        ('namespaces="file"', "namespace"),
    ],
)
def test_a_key_that_is_not_for_commits_of_today_signs_nothing(
    court: Court, keys: dict[str, SshKey], signers: Path, options: str, why: str
) -> None:
    """The date of a commit, which is years ago here, is what its maker wrote: it helps no expired key."""
    begun(court, keys["ada"])
    signers.write_text(keys["ada"].line(ADA) + keys["old"].line("old@example.org", options), encoding="ascii")
    change(court, 1, *keys["old"].options)
    (told,) = court.refused()
    assert told.code == "not-signed"
    assert why in told.detail


def test_a_name_that_a_key_has_for_something_else_is_no_name_of_who_signs_a_commit(
    court: Court, keys: dict[str, SshKey], signers: Path
) -> None:
    court.trusted["rules"] = [{"who": ["releases@example.org"], "projects": ["*"], "fleet": True}]
    for_files = keys["ada"].line(f"{ADA},releases@example.org", 'namespaces="file"')
    signers.write_text(for_files + keys["ada"].line(ADA), encoding="ascii")
    court.commit(None, ADA, "First", keys["ada"].options)
    assert set(court.codes()) == {"not-permitted"}
    signers.write_text(keys["ada"].line(f"{ADA},releases@example.org"), encoding="ascii")
    assert court.refused() == []


def test_one_unsigned_commit_among_signed_ones_is_found(court: Court, keys: dict[str, SshKey]) -> None:
    begun(court, keys["ada"])
    change(court, 1, *keys["ada"].options)
    bad = change(court, 2)
    change(court, 3, *keys["ada"].options)
    (told,) = court.refused()
    assert bad[:12] in told.detail


def test_of_very_many_unsigned_commits_no_more_are_looked_at_than_are_told(
    court: Court, keys: dict[str, SshKey]
) -> None:
    begun(court, keys["ada"])
    git = court.repository.git
    for number in range(14):
        git("commit", "-q", "--allow-empty", "-m", f"Change {number}")
    *told, rest = court.refused()
    assert len(told) == 10
    assert rest.detail == "At least one more is not; not all were looked at."


def test_an_unsigned_commit_of_a_merged_branch_is_found(court: Court, keys: dict[str, SshKey]) -> None:
    begun(court, keys["ada"])
    git = court.repository.git
    git("checkout", "-q", "-b", "side")
    bad = change(court, 1, by=EVE)
    git("checkout", "-q", "main")
    change(court, 2, *keys["ada"].options)
    git(*keys["ada"].options, "merge", "-q", "--no-ff", "-S", "-m", "Merge", "side")
    (told,) = court.refused()
    assert bad[:12] in told.detail


def test_a_merge_of_signed_branches_is_trusted(court: Court, keys: dict[str, SshKey]) -> None:
    begun(court, keys["ada"])
    git = court.repository.git
    git("checkout", "-q", "-b", "side")
    change(court, 1, *keys["ada"].options)
    git("checkout", "-q", "main")
    change(court, 2, *keys["ada"].options)
    git(*keys["ada"].options, "merge", "-q", "--no-ff", "-S", "-m", "Merge", "side")
    assert court.refused() == []


def test_for_the_tip_alone_older_commits_need_no_signature(court: Court, keys: dict[str, SshKey]) -> None:
    begun(court, keys["ada"])
    court.trusted["signatures"]["require"] = "tip"
    change(court, 1)
    change(court, 2, *keys["ada"].options)
    assert court.refused() == []
    change(court, 3)
    assert court.codes() == ["not-signed"]


def test_what_is_applied_is_not_judged_again_when_its_key_expires(
    court: Court, keys: dict[str, SshKey], signers: Path
) -> None:
    begun(court, keys["ada"])
    signers.write_text(keys["ada"].line(ADA, 'valid-before="20200101"'), encoding="ascii")
    assert court.refused() == []


def test_without_a_record_all_of_the_history_must_be_signed_or_a_baseline_named(
    court: Court, keys: dict[str, SshKey]
) -> None:
    baseline = change(court, 1)
    change(court, 2, *keys["ada"].options)
    assert court.codes() == ["not-signed"]
    court.trusted["baseline"] = baseline
    assert court.refused() == []
    court.trusted["baseline"] = "1" * 40
    assert court.codes() == ["not-signed"]


def test_a_signature_of_another_commit_is_no_signature_of_this_one(court: Court, keys: dict[str, SshKey]) -> None:
    begun(court, keys["ada"])
    change(court, 1, *keys["ada"].options)
    git = court.repository.git
    signed = git("cat-file", "commit", "HEAD")
    forged = signed.replace("Change 1", "Change everything") + "\n"
    commit = git("hash-object", "-w", "-t", "commit", "--stdin", data=forged.encode())
    git("update-ref", "refs/heads/main", commit)
    (told,) = court.refused()
    assert "the signature is not good" in told.detail


def test_a_second_signature_beside_a_good_one_is_refused(court: Court, keys: dict[str, SshKey]) -> None:
    begun(court, keys["ada"])
    change(court, 1, *keys["ada"].options)
    git = court.repository.git
    head, _, message = git("cat-file", "commit", "HEAD").partition("\n\n")
    begin = head.index("gpgsig ")
    forged = f"{head}\n{head[begin:]}\n\n{message}\n"
    commit = git("hash-object", "-w", "-t", "commit", "--stdin", data=forged.encode())
    git("update-ref", "refs/heads/main", commit)
    (told,) = court.refused()
    assert "several signatures" in told.detail


@pytest.mark.parametrize(
    ("signature", "why"),
    [
        ("-----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----", "the signature is damaged"),
        ("-----BEGIN SIGNED MESSAGE-----\n AAAA\n -----END SIGNED MESSAGE-----", "neither of an ssh key nor"),
        ("-----BEGIN PGP SIGNATURE-----\n\n iQ==\n -----END PGP SIGNATURE-----", "has no `gnupg_home`"),
        ("", "neither of an ssh key nor"),
    ],
)
def test_what_is_no_signature_is_refused_as_what_it_is(
    court: Court, keys: dict[str, SshKey], signature: str, why: str
) -> None:
    begun(court, keys["ada"])
    change(court, 1)
    git = court.repository.git
    head, _, message = git("cat-file", "commit", "HEAD").partition("\n\n")
    forged = f"{head}\ngpgsig {signature}\n\n{message}\n"
    git("update-ref", "refs/heads/main", git("hash-object", "-w", "-t", "commit", "--stdin", data=forged.encode()))
    (told,) = court.refused()
    assert why in told.detail


def test_neither_a_replaced_nor_a_grafted_commit_hides_another(court: Court, keys: dict[str, SshKey]) -> None:
    begun(court, keys["ada"])
    git = court.repository.git
    first = git("rev-parse", "HEAD")
    bad = change(court, 1)
    good = change(court, 2, *keys["ada"].options)
    git("replace", bad, first)
    grafts = court.repository.path / ".git/info/grafts"
    grafts.parent.mkdir(exist_ok=True)
    grafts.write_text(f"{good} {first}\n", encoding="ascii")
    (told,) = court.refused()
    assert bad[:12] in told.detail


def test_a_shallow_clone_is_not_taken_for_a_short_history(court: Court, keys: dict[str, SshKey]) -> None:
    change(court, 1)
    tip = change(court, 2, *keys["ada"].options)
    (court.repository.path / ".git/shallow").write_text(f"{tip}\n", encoding="ascii")
    (told,) = court.refused()
    assert told.code == "cannot-be-judged"
    assert "git fetch --unshallow" in told.detail


def test_without_a_list_of_signers_nobody_is_believed(court: Court, keys: dict[str, SshKey], signers: Path) -> None:
    change(court, 1, *keys["ada"].options)
    signers.rename(signers.with_name("elsewhere"))
    assert court.codes() == ["no-signers"]
    court.trusted["signatures"] = {"require": "all"}
    assert court.codes() == ["no-signers"]


def test_a_list_that_others_can_write_or_replace_is_not_used(
    court: Court, keys: dict[str, SshKey], signers: Path
) -> None:
    change(court, 1, *keys["ada"].options)
    signers.chmod(0o666)
    (told,) = court.refused()
    assert told.code == "no-signers"
    assert f"chmod go-w {signers}" in told.detail
    signers.chmod(0o644)
    signers.parent.chmod(0o777)
    (told,) = court.refused()
    assert f"chmod go-w {signers.parent}" in told.detail


def test_without_the_program_that_verifies_nothing_is_believed(
    court: Court, keys: dict[str, SshKey], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(court, 1, *keys["ada"].options)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "git").symlink_to("/usr/bin/git")
    monkeypatch.setenv("PATH", f"{tools}:.")
    monkeypatch.chdir(tmp_path)
    fake = tmp_path / "ssh-keygen"
    fake.write_text("#!/bin/sh\nexit 0\n", encoding="ascii")
    fake.chmod(0o755)
    assert court.codes() == ["no-verifier"]


def test_the_applied_fleet_asks_for_signatures_and_no_commit_takes_that_back_unsigned(
    court: Court, keys: dict[str, SshKey]
) -> None:
    court.trusted["signatures"]["require"] = "none"
    others = court.repository.path.joinpath("fleet.yaml").read_text(encoding="utf-8").split("\n---\n", 1)[1]
    asking = text([fleet(policy={"signatures": "all"})]) + "---\n" + others
    court.commit({"fleet.yaml": asking}, message="Ask for signatures")
    court.apply()
    court.commit({"fleet.yaml": text([fleet()]) + "---\n" + others}, message="Ask no more")
    assert court.codes() == ["not-signed"]


def test_the_fleet_cannot_ask_for_less_than_the_trusted_configuration(court: Court, keys: dict[str, SshKey]) -> None:
    begun(court, keys["ada"])
    change(court, 1)
    assert court.codes() == ["not-signed"]  # its policy says `none`


def test_what_is_against_the_commit_below_a_work_tree_is_a_warning(court: Court) -> None:
    change(court, 1)
    judged = court.judge(rev=None)
    assert [(each.severity, each.code) for each in judged.diagnostics] == [("warning", "not-signed")] * 1


def test_what_is_signed_is_the_commit_without_its_signature_as_git_has_it(
    court: Court, keys: dict[str, SshKey]
) -> None:
    commit = change(court, 1, *keys["ada"].options)
    data = open_repository(court.repository.path).odb.stream(bytes.fromhex(commit)).read()
    read = parsed(commit, data)
    assert len(read.signatures) == 1
    assert len(read.payload) + len(read.signatures[0]) < len(data)
    assert b"gpgsig" not in read.payload
    assert (read.email, read.name) == (ADA, f"commit {commit[:12]} (Change 1)")


def test_a_signature_in_front_of_a_parent_hides_no_merged_branch(court: Court, keys: dict[str, SshKey]) -> None:
    """What is signed is all but the signature, so that it stays good wherever it stands."""
    begun(court, keys["ada"])
    git = court.repository.git
    git("checkout", "-q", "-b", "side")
    change(court, 1)
    git("checkout", "-q", "main")
    git(*keys["ada"].options, "merge", "-q", "--no-ff", "-S", "-m", "Merge", "side")
    assert court.codes() == ["not-signed"]
    head, _, body = git("cat-file", "commit", "HEAD").partition("\n\n")
    plain, begin, signature = head.partition("\ngpgsig ")
    tree, first, *others = plain.split("\n")
    forged = "\n".join([tree, first + begin + signature, *others]) + "\n\n" + body + "\n"
    commit = git("hash-object", "-w", "-t", "commit", "--literally", "--stdin", data=forged.encode())
    assert court.codes(commit) == ["cannot-be-judged"]
