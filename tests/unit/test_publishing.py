from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler import publishing
from reconciler.diagnostic import DiagnosticError
from reconciler.publishing import from_file, from_git, opened, sealed, signing, to_git
from reconciler.publishing.signing import NAMESPACE, SigningError
from reconciler.source import open_repository
from tests.support import fleet
from tests.support.publishing import Signer, published
from tests.support.repository import Repository

SEEN = published(fleet.desired(fleet.fleet()), [])
ID = fleet.FLEET_ID


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer.make(tmp_path)


def code_of(data: bytes, fleet_id: str = ID, **more: Any) -> str:
    with pytest.raises(DiagnosticError) as failure:
        opened(data, fleet_id, **more)
    (found,) = failure.value.diagnostics
    return found.code


def test_what_an_allowed_signer_signed_is_believed_and_told_by_name(signer: Signer) -> None:
    found = opened(sealed(SEEN, signer.key), ID, signer.allowed)
    assert (found.published, found.signer) == (SEEN, "controller@example.org")
    assert opened(sealed(SEEN, signer.key), ID, signer.allowed, "controller@example.org") == found


def test_without_a_list_of_signers_nobody_is_named(signer: Signer) -> None:
    assert opened(sealed(SEEN, signer.key), ID).signer == ""


def test_the_same_observation_is_signed_alike(signer: Signer) -> None:
    assert sealed(SEEN, signer.key) == sealed(SEEN, signer.key)


def test_what_nobody_signed_is_refused_where_signers_are_asked_for(signer: Signer) -> None:
    assert code_of(sealed(SEEN, None), signers=signer.allowed) == "observation-signature"


def test_a_byte_that_was_changed_breaks_the_signature(signer: Signer) -> None:
    data = sealed(SEEN, signer.key)
    assert b'"fleet":"lab"' in data
    changed = data.replace(b'"fleet":"lab"', b'"fleet":"bal"')
    assert code_of(changed, signers=signer.allowed) == "observation-signature"


def test_a_stranger_s_signature_is_refused(signer: Signer, tmp_path: Path) -> None:
    other = Signer.make(tmp_path, "other@example.org")
    assert code_of(sealed(SEEN, other.key), signers=signer.allowed) == "observation-signature"


def test_another_of_the_allowed_signers_is_not_the_one_that_was_named(signer: Signer, tmp_path: Path) -> None:
    other = Signer.make(tmp_path, "other@example.org")
    both = tmp_path / "both"
    both.write_text(signer.allowed.read_text() + other.allowed.read_text())
    data = sealed(SEEN, other.key)
    assert opened(data, ID, both).signer == "other@example.org"
    assert code_of(data, signers=both, signer="controller@example.org") == "observation-signature"


def test_a_signer_of_something_else_is_none_of_observations(tmp_path: Path) -> None:
    committer = Signer.make(tmp_path, namespaces='namespaces="git"')
    assert code_of(sealed(SEEN, committer.key), signers=committer.allowed) == "observation-signature"
    fitting = Signer.make(tmp_path, "fitting@example.org", f'namespaces="git,{NAMESPACE}"')
    assert opened(sealed(SEEN, fitting.key), ID, fitting.allowed).signer == "fitting@example.org"


def test_a_signature_of_the_same_key_for_another_purpose_is_none(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "NAMESPACE", "git")
    data = sealed(SEEN, signer.key)
    monkeypatch.undo()
    assert code_of(data, signers=signer.allowed) == "observation-signature"


def test_a_key_that_is_not_there_or_has_a_passphrase_is_said(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(SigningError, match="there is no key"):
        sealed(SEEN, tmp_path / "nowhere")
    signer.key.write_text("no key at all\n")
    with pytest.raises(SigningError, match="ssh-keygen: "):
        sealed(SEEN, signer.key)


def test_another_fleet_s_observation_is_refused() -> None:
    assert code_of(sealed(SEEN, None), "11111111-2222-3333-4444-555555555555") == "observation-fleet"


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"observation": 3}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_observation_is_refused(data: bytes) -> None:
    assert code_of(data) == "observation-unreadable"


def test_a_file_that_is_too_large_is_not_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "MOST_BYTES", 100)
    path = tmp_path / "observation.json"
    path.write_bytes(sealed(SEEN, None))
    assert len(from_file(path)) == 101
    assert code_of(from_file(path)) == "observation-unreadable"


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DiagnosticError, match="No such file"):
        from_file(tmp_path / "nowhere")


def test_in_git_it_is_one_commit_without_history_that_takes_the_place_of_the_last(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repo")
    repo = open_repository(repository.path)
    name = to_git(repo, SEEN, sealed(SEEN, None))
    later = msgspec.structs.replace(SEEN, time="2027-01-01T00:00:00+00:00")
    assert to_git(repo, later, sealed(later, None)) == name
    assert repository.git("rev-list", "--count", name) == "1"
    assert (
        repository.git("log", "-1", "--format=%ad %an", "--date=iso-strict", name)
        == "2027-01-01T00:00:00+00:00 reconciler"
    )
    assert opened(from_git(repo, name), ID).published == later


def test_a_reference_that_is_not_there_or_has_something_else_is_said(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repo")
    repository.commit({"a": "b"})
    repo = open_repository(repository.path)
    with pytest.raises(DiagnosticError, match=r"Fetch it: git fetch origin '\+refs/nowhere:refs/nowhere'"):
        from_git(repo, "refs/nowhere")
    with pytest.raises(DiagnosticError, match="holds no observation"):
        from_git(repo, "refs/heads/main")
