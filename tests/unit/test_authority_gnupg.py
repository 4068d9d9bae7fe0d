"""Commits that are signed with real keys of GnuPG."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.authority import gpg
from reconciler.authority.identity import Identity
from reconciler.authority.programs import Unverified
from tests.support.court import Court
from tests.support.signing import GpgKey

ADA, EVE = "ada@example.org", "eve@example.org"


@pytest.fixture(scope="module")
def gpg_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, GpgKey]]:
    folder = tmp_path_factory.mktemp("gpg")
    made = {
        "ada": GpgKey(folder / "a", ADA),
        "eve": GpgKey(folder / "e", EVE),
        "old": GpgKey(folder / "o", "old@example.org", "1d", "20240101T000000"),
    }
    made["ada"].lend_to(folder / "trusted")
    made["old"].lend_to(folder / "trusted")
    yield made
    for key in made.values():
        key.close()


@pytest.fixture
def with_gpg(tmp_path: Path, gpg_keys: dict[str, GpgKey]) -> Court:
    home = gpg_keys["ada"].home.parent / "trusted"
    return Court(tmp_path, signatures={"require": "all", "gnupg_home": str(home)})


def test_a_commit_signed_by_a_gnupg_key_that_counts_is_trusted(
    with_gpg: Court, gpg_keys: dict[str, GpgKey], tmp_path: Path
) -> None:
    with_gpg.commit(None, ADA, "First", gpg_keys["ada"].program(tmp_path))
    assert with_gpg.refused() == []


@pytest.mark.parametrize(
    ("who", "clock", "why"), [("eve", "", "none of those that count"), ("old", "20240101T120000", "expired")]
)
def test_a_gnupg_key_that_is_unknown_or_has_expired_signs_nothing(
    with_gpg: Court, gpg_keys: dict[str, GpgKey], tmp_path: Path, who: str, clock: str, why: str
) -> None:
    with_gpg.commit(None, ADA, "First", gpg_keys[who].program(tmp_path, clock))
    (told,) = with_gpg.refused()
    assert why in told.detail


def test_a_gnupg_signature_of_another_commit_is_refused(
    with_gpg: Court, gpg_keys: dict[str, GpgKey], tmp_path: Path
) -> None:
    with_gpg.commit(None, ADA, "First", gpg_keys["ada"].program(tmp_path))
    git = with_gpg.repository.git
    forged = git("cat-file", "commit", "HEAD").replace("First", "Worst") + "\n"
    git("update-ref", "refs/heads/main", git("hash-object", "-w", "-t", "commit", "--stdin", data=forged.encode()))
    (told,) = with_gpg.refused()
    assert "not of this commit" in told.detail


VALID = "[GNUPG:] VALIDSIG F1 2026-01-01 1 0 4 0 22 {digest} 00 F0"
GOOD = "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG K1 Ada <ada@example.org>\n"


def test_gnupgs_answer_counts_as_one_good_signature_only_when_it_is_that() -> None:
    assert gpg.judged(GOOD + VALID.format(digest=10), 0) == Identity((ADA, "F0"), verified=True)
    for status, code, why in [
        (GOOD + VALID.format(digest=2), 0, "SHA-1"),
        (GOOD, 0, "one good signature"),
        (GOOD + VALID.format(digest=10), 1, "one good signature"),
        (GOOD + GOOD + VALID.format(digest=10), 0, "one good signature"),
        (GOOD + VALID.format(digest=10) + "\n[GNUPG:] REVKEYSIG K1 Ada", 0, "revoked"),
        (GOOD.replace("GOODSIG", "EXPSIG") + VALID.format(digest=10), 0, "expired"),
        ("", 0, "one good signature"),
    ]:
        with pytest.raises(Unverified, match=why):
            gpg.judged(status, code)
