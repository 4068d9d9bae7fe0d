"""Consent in trailers: who may give it, when it is spent, and what a commit is bound to by what is applied."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.address import Address
from reconciler.authority.trailers import trailers
from reconciler.guard import Allow, parse_allow
from reconciler.impact import Impact
from reconciler.kinds.fleet import DeletionBudget
from tests.support.court import FIRST, Court, text
from tests.support.fleet import fleet, instance, manifest

ADA, SAM, EVE = "ada@example.org", "sam@example.org", "eve@example.org"
WEB, DB = "Instance/shop/web-1", "Instance/billing/db"
RULES = (
    {"who": [ADA], "projects": ["*"], "fleet": True, "consent": ["restart", "delete"]},
    {"who": [SAM], "projects": ["shop"], "consent": ["rebuild"]},
    {"who": [EVE], "projects": ["shop"]},
)


@pytest.fixture
def court(tmp_path: Path) -> Court:
    """Whose first commit is applied. Ada may consent to restarts and deletions, Sam to rebuilds of the shop's."""
    court = Court(tmp_path, rules=RULES)
    court.commit(None, ADA, "First")
    court.apply()
    return court


def consenting(court: Court, words: str, by: str = ADA) -> str:
    return court.commit(
        None, by, f"Change\n\nBecause.\n\nReconciler-Allow: {words}\nSigned-off-by: X <x@example.org>\n"
    )


def given(court: Court) -> list[tuple[str, str]]:
    """What is consented to, and by whom."""
    found = []
    for allow, words in court.judge().given:
        found += [(f"{impact} {address}", words) for impact, address in allow.impacts]
        found += [(f"delete {address}", words) for address in allow.deletes]
        found += [(f"delete {allow.delete_count}", words)] if allow.delete_count is not None else []
    return found


def warned(court: Court) -> list[str]:
    return [each.code for each in court.judge().diagnostics if each.code != "names-only-claimed"]


def test_consent_that_git_does_not_show_is_none(court: Court) -> None:
    git = court.repository.git
    head = git("cat-file", "commit", "HEAD").partition("\n\n")[0]
    message = f"Harmless\n\0\n\nReconciler-Allow: delete {DB}\n"
    tree, _, rest = head.partition("\n")
    child = f"{tree}\nparent {git('rev-parse', 'HEAD')}\n{rest}\n\n{message}"
    commit = git("hash-object", "-w", "-t", "commit", "--literally", "--stdin", data=child.encode())
    git("update-ref", "refs/heads/main", commit)
    assert given(court) == []


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (ADA, f"restart {WEB}"),
        (ADA, f"restart {DB}"),
        (ADA, f"delete {DB}"),
        (ADA, "delete 7"),
        (ADA, "restart Image/debian"),
        (SAM, f"rebuild {WEB}"),
        (SAM, f"restart {WEB}"),
        (SAM, f"interrupt {WEB}"),
    ],
)
def test_a_trailer_of_somebody_who_may_gives_consent(court: Court, by: str, words: str) -> None:
    commit = consenting(court, words, by)
    assert given(court) == [(words, f"{by} (not signed) in commit {commit[:12]}")]
    assert warned(court) == []


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (ADA, f"rebuild {WEB}"),
        (SAM, f"restart {DB}"),
        (SAM, f"replace {WEB}"),
        (SAM, f"migrate {WEB}"),
        (SAM, f"delete {WEB}"),
        (SAM, "delete 1"),
        (SAM, "restart Image/debian"),
        (EVE, f"restart {WEB}"),
    ],
)
def test_a_trailer_of_somebody_who_may_not_is_told_and_gives_none(court: Court, by: str, words: str) -> None:
    commit = consenting(court, words, by)
    assert given(court) == []
    (told,) = (each for each in court.judge().diagnostics if each.code == "consent-not-theirs")
    assert told.severity == "warning"
    assert told.detail.startswith(f"Commit {commit[:12]} (Change), line 5 of its message, `Reconciler-Allow: {words}`:")
    assert by in told.detail


def test_consent_is_for_what_is_declared_in_files_that_they_may_change(court: Court) -> None:
    """Also of what was removed, as long as it is known where it stood; of what is not, it is for whoever may in all."""
    court.trusted["rules"] = [
        RULES[0],
        {"who": [SAM], "projects": ["shop"], "paths": ["shop/test/**"], "consent": ["restart", "delete"]},
    ]
    court.commit({"shop/test/web.yaml": text([instance("web-2"), instance("web-3")])}, ADA)
    court.apply()
    court.commit({"shop/web.yaml": None, "shop/test/web.yaml": text([instance("web-2")])}, ADA)
    for words, counts in (
        ("restart Instance/shop/web-2", True),
        ("delete Instance/shop/web-3", True),
        (f"delete {WEB}", False),
        ("restart Network/shop/lan", False),
        ("delete Instance/shop/left-over", False),
    ):
        court.commit_staged(SAM, f"Change\n\nReconciler-Allow: {words}\n")
        assert ([each for each, _ in given(court)][:1] == [words]) is counts, words
        assert ("consent-not-theirs" in warned(court)) is not counts, words
        court.repository.git("reset", "-q", "--soft", "HEAD~")


def test_without_rules_whoever_commits_may_consent_as_they_may_change_everything(court: Court) -> None:
    del court.trusted["rules"]
    commit = consenting(court, f"restart {DB}", EVE)
    assert given(court) == [(f"restart {DB}", f"{EVE} (not signed) in commit {commit[:12]}")]


@pytest.mark.parametrize(
    "words",
    [
        "",
        "restart",
        f"restart={WEB}",
        f"explode {WEB}",
        f"live {WEB}",
        "delete -1",
        f"restart {WEB} {DB}",
        "restart web-1",
    ],
)
def test_a_trailer_that_means_nothing_is_told(court: Court, words: str) -> None:
    consenting(court, words)
    assert (given(court), warned(court)) == ([], ["bad-trailer"])


@pytest.mark.parametrize(
    "message",
    [
        f"Reconciler-Allow: restart {WEB}",
        f"Revert\n\nThis takes back:\nReconciler-Allow: restart {WEB}\n\nIt was wrong.\n",
        f"Change\n\nReconciler-Allow: restart {WEB}\nand that was that.\n",
        f"Change\n\nReconciler-Allow: restart {WEB}\n\nCo-authored-by: X <x@example.org>\n",
    ],
)
def test_words_in_the_middle_of_a_message_are_no_consent(court: Court, message: str) -> None:
    court.commit(None, ADA, message)
    assert (given(court), warned(court)) == ([], ["bad-trailer"])


def test_a_message_that_only_mentions_it_is_not_told(court: Court) -> None:
    court.commit(None, ADA, f"Change\n\nSee `Reconciler-Allow: restart {WEB}` in the docs.\n")
    assert (given(court), warned(court)) == ([], [])


def test_consent_is_spent_by_a_run_without_failures_and_by_no_other(court: Court) -> None:
    commit = consenting(court, f"restart {WEB}")
    court.apply(clean=False)
    assert [words for words, _ in given(court)] == [f"restart {WEB}"]
    court.commit(None, ADA, "Later")
    assert [words for words, _ in given(court)] == [f"restart {WEB}"]
    court.apply()
    court.commit(None, ADA, "Last")
    assert given(court) == []
    assert commit != court.repository.git("rev-parse", "HEAD")


def test_consent_that_was_spent_stays_so_when_one_goes_back(court: Court) -> None:
    """`apply --rev OLD` moves the applied reference back, and what was consented to is not done a second time."""
    first = court.repository.git("rev-parse", "HEAD")
    consenting(court, f"restart {WEB}")
    court.apply()
    new = consenting(court, f"restart {DB}")
    court.apply(first)
    assert given(court) == [(f"restart {DB}", f"{ADA} (not signed) in commit {new[:12]}")]


def test_of_a_merged_branch_the_merge_alone_consents(court: Court) -> None:
    git = court.repository.git
    git("checkout", "-q", "-b", "side")
    consenting(court, f"restart {WEB}")
    git("checkout", "-q", "main")
    git("merge", "-q", "--no-ff", "--no-commit", "side")
    court.commit_staged(ADA, f"Merge\n\nReconciler-Allow: restart {DB}\n")
    assert [words for words, _ in given(court)] == [f"restart {DB}"]


def test_a_merge_with_its_sides_swapped_makes_nobodys_old_words_count(court: Court) -> None:
    """Ada consented on a branch of hers. Whoever merges with that branch for the first parent may consent to nothing,
    and does not borrow her words by it.
    """
    git = court.repository.git
    git("checkout", "-q", "-b", "side")
    consenting(court, f"restart {WEB}", ADA)
    git("checkout", "-q", "main")
    court.commit({"shop/notes.txt": "x"}, EVE)
    court.apply()
    git("checkout", "-q", "side")
    git("merge", "-q", "--no-ff", "--no-commit", "main")
    court.commit_staged(EVE, "Merge")
    assert given(court) == []
    merge = court.commit_staged(ADA, f"Merge\n\nReconciler-Allow: restart {DB}\n", (), "--amend")
    assert given(court) == [(f"restart {DB}", f"{ADA} (not signed) in commit {merge[:12]}")]


def test_where_nothing_is_recorded_only_the_newest_commit_consents(tmp_path: Path) -> None:
    court = Court(tmp_path)
    consenting(court, f"restart {DB}")
    consenting(court, f"restart {WEB}")
    assert [words for words, _ in given(court)] == [f"restart {WEB}"]


def test_whoever_runs_it_and_the_newest_commit_decide_how_much_is_deleted(court: Court) -> None:
    consenting(court, "delete 5")
    consenting(court, "delete 7")
    assert court.judge().allow(Allow()).delete_count == 7
    assert court.judge().allow(parse_allow(["delete=2"])).delete_count == 2


def test_a_trailer_that_git_wrote_down_is_read_as_git_reads_it(court: Court) -> None:
    git = court.repository.git
    git("commit", "-q", "--allow-empty", "-m", "Change", "--trailer", f"Reconciler-Allow: restart {WEB}")
    (trailer,) = trailers(git("log", "-1", "--format=%B"))
    assert trailer.allow.impacts == {(Impact.RESTART, Address.parse(WEB))}


def first_file(**spec: object) -> str:
    return text([fleet(**spec), *FIRST["fleet.yaml"][1:]])


def shop(**quotas: object) -> str:
    rest = [each for each in FIRST["fleet.yaml"] if each["metadata"]["name"] != "shop"]
    return text([*rest, manifest("Project", "shop", quotas=quotas)])


def test_the_deletion_budget_is_that_of_the_applied_commit(tmp_path: Path) -> None:
    court = Court(tmp_path)
    court.commit({"fleet.yaml": first_file(deletionBudget={"count": 1, "percent": 0})})
    assert court.judge().budget == DeletionBudget(count=1, percent=0)  # the first one's is its own
    court.apply()
    court.commit({"fleet.yaml": first_file(deletionBudget={"count": 99, "percent": 100})})
    assert court.judge().budget == DeletionBudget(count=1, percent=0)
    court.repository.git("mv", "fleet.yaml", "all.yaml")
    court.commit({"all.yaml": first_file(deletionBudget={"count": 98, "percent": 100})})
    assert court.judge().budget == DeletionBudget(count=1, percent=0)
    court.apply()
    assert court.judge().budget == DeletionBudget(count=98, percent=100)


def test_the_work_tree_is_bound_to_the_applied_commit_as_well(tmp_path: Path) -> None:
    court = Court(tmp_path)
    court.commit({"fleet.yaml": first_file(deletionBudget={"count": 1, "percent": 0})})
    court.apply()
    court.repository.write({"fleet.yaml": first_file(deletionBudget={"count": 99, "percent": 100})})
    assert court.judge(rev=None).budget == DeletionBudget(count=1, percent=0)
    (court.repository.path / "fleet.yaml").rename(court.repository.path / "all.yaml")
    assert court.judge(rev=None).budget == DeletionBudget(count=1, percent=0)


def test_no_fleet_has_a_larger_budget_than_the_trusted_configuration_lets_it(tmp_path: Path) -> None:
    court = Court(tmp_path, bounds={"deletion_budget": {"count": 2, "percent": 10}})
    court.commit({"fleet.yaml": first_file(deletionBudget={"count": 99, "percent": 5})})
    assert court.judge().budget == DeletionBudget(count=2, percent=5)


def test_a_commit_does_not_raise_the_quota_that_it_uses(tmp_path: Path) -> None:
    court = Court(tmp_path)
    court.commit({"fleet.yaml": shop(instances=1)})
    applied = court.apply()
    more = text([instance(), instance("web-2")])
    court.commit({"fleet.yaml": shop(instances=2), "shop/web.yaml": more})
    (told,) = court.refused()
    assert told.code == "quota-as-applied"
    assert told.place is not None
    assert told.place.path == "fleet.yaml"
    assert "Project/shop may have 1 instance, and 2 are declared" in told.detail
    assert f"That is what commit {applied[:12]} says" in told.detail


def test_a_quota_that_was_raised_and_applied_may_be_used(tmp_path: Path) -> None:
    court = Court(tmp_path)
    court.commit({"fleet.yaml": shop(instances=1)})
    court.apply()
    court.commit({"fleet.yaml": shop(instances=2)})
    assert court.refused() == []
    court.apply()
    court.commit({"shop/web.yaml": text([instance(), instance("web-2")])})
    assert court.refused() == []


def test_a_fleet_under_another_name_keeps_its_limits(tmp_path: Path) -> None:
    court = Court(tmp_path)
    court.commit({"fleet.yaml": first_file(limits={"instances": 2})})
    court.apply()
    renamed = first_file(limits={"instances": 3}).replace('"name": "lab"', '"name": "lab-2"')
    court.commit({"fleet.yaml": renamed, "shop/web.yaml": text([instance(), instance("web-2")])})
    assert court.codes() == ["quota-as-applied"]


def test_the_trusted_configuration_bounds_what_all_declare(tmp_path: Path) -> None:
    court = Court(tmp_path, bounds={"limits": {"instances": 1}})
    court.commit()
    (told,) = court.refused()
    assert told.code == "bound-exceeded"
    assert "Fleet/lab may have 1 instance, and 2 are declared" in told.detail


def test_where_nobody_is_bound_an_incomplete_history_costs_the_trailers_alone(tmp_path: Path) -> None:
    court = Court(tmp_path)
    court.commit()
    court.apply()
    consenting(court, f"restart {WEB}")
    tip = consenting(court, f"restart {DB}")
    (court.repository.path / ".git/shallow").write_text(f"{tip}\n", encoding="ascii")
    assert (given(court), warned(court)) == ([], ["cannot-be-judged"])
