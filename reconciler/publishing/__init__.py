"""Observations as files and as a reference in Git, signed: how they leave a controller and reach a check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from reconciler.diagnostic import DiagnosticError, error
from reconciler.prepared import prepared
from reconciler.published import MOST_BYTES, Publication, dump, load
from reconciler.publishing.signing import SigningError, sign, verify
from reconciler.record.plumbing import RecordError, git, line, reference

if TYPE_CHECKING:
    from git import Repo

__all__ = ["Opened", "SigningError", "from_file", "from_git", "opened", "reference_name", "sealed", "to_git"]

FILE = "observation.json"
"""The one file of the commit that the reference points to."""
_AGAIN = "Publish it again: reconciler observe --publish"


@prepared
class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """`signature` is OpenSSH's, of the bytes of `observation` as they stand here; empty when nobody signed."""

    signature: str = ""
    observation: msgspec.Raw


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An observation, and who signed it; `signer` is empty when nobody asked."""

    published: Publication
    signer: str = ""


def reference_name(fleet_id: str) -> str:
    """Where an observation is kept in Git."""
    return f"refs/reconciler/{fleet_id}/observation"


def sealed(published: Publication, key: Path | None) -> bytes:
    """What is written down of an observation, signed if there is a key. Raises `SigningError`."""
    data = dump(published)
    signature = sign(data, key) if key else ""
    return msgspec.json.encode(_Envelope(signature=signature, observation=msgspec.Raw(data))) + b"\n"


def opened(data: bytes, fleet_id: str, signers: Path | None = None, signer: str = "") -> Opened:
    """Read an observation of that fleet back; with `signers` it must be signed by one of these. Raises
    `DiagnosticError`.
    """
    if len(data) > MOST_BYTES:
        raise _unreadable(f"it has more than {MOST_BYTES:,} bytes")
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise _unreadable(f"it is damaged: {problem}") from None
    content = bytes(envelope.observation)
    try:
        who = verify(content, envelope.signature, signers, signer) if signers else ""
        published = load(content)
    except SigningError as problem:
        raise _unsigned(str(problem)) from None
    except ValueError as problem:
        raise _unreadable(str(problem)) from None
    if published.fleet_id != fleet_id:
        detail = f"It is of fleet {published.fleet_id} ({published.fleet}), and this is fleet {fleet_id}."
        raise DiagnosticError(error("observation-fleet", "observation is of another fleet", detail))
    return Opened(published=published, signer=who)


def from_file(path: Path) -> bytes:
    """The content of a file. Raises `DiagnosticError`."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as problem:
        raise _unreadable(f"{path}: {problem.strerror or problem}") from None


def from_git(repo: Repo, name: str) -> bytes:
    """What a reference has. Raises `DiagnosticError`."""
    try:
        found = reference(repo, name)
        if not found:
            fetch = f"Fetch it: git fetch origin '+{name}:{name}'"
            raise _unreadable(f"there is no reference {name} here. {fetch}; where there is none either, publish one")
        size = int(line(repo, "cat-file", "-s", f"{found}:{FILE}"))
        if size > MOST_BYTES:
            raise _unreadable(f"it has more than {MOST_BYTES:,} bytes")
        return git(repo, "cat-file", "blob", f"{found}:{FILE}")
    except (RecordError, ValueError):
        raise _unreadable(f"{name} holds no observation") from None


def to_git(repo: Repo, published: Publication, data: bytes) -> str:
    """Keep an observation in a repository, in place of the last one: a commit without parents. Returns the
    reference's name. Raises `RecordError`.
    """
    name = reference_name(published.fleet_id)
    blob = line(repo, "hash-object", "-w", "--stdin", data=data)
    tree = line(repo, "mktree", data=f"100644 blob {blob}\t{FILE}\n".encode())
    message = f"What the hosts of {published.fleet} showed"
    commit = line(repo, "commit-tree", "--no-gpg-sign", "-m", message, tree, environment=_signed(published.time))
    git(repo, "update-ref", "--no-deref", name, commit)
    return name


def _signed(time: str) -> dict[str, str]:
    """Nobody in particular: who looked is not published."""
    who = {"NAME": "reconciler", "EMAIL": "reconciler@localhost", "DATE": time}
    return {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in who.items()}


def _unreadable(why: str) -> DiagnosticError:
    return DiagnosticError(error("observation-unreadable", "observation cannot be used", f"{_told(why)} {_AGAIN}"))


def _unsigned(why: str) -> DiagnosticError:
    detail = f"{_told(why)} It is believed only when one of the allowed signers made it. {_AGAIN} --key KEY"
    return DiagnosticError(error("observation-signature", "observation is not signed as it must be", detail))


def _told(why: str) -> str:
    return f"{why[:1].upper()}{why[1:].rstrip('.')}."
