"""Whether commits are signed by somebody who is believed; what cannot be verified is not."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Protocol

from reconciler.authority import gpg, ssh
from reconciler.authority.commits import Commit
from reconciler.authority.gpg import GpgSigners
from reconciler.authority.identity import Identity
from reconciler.authority.programs import Unverified
from reconciler.authority.ssh import SshSigners
from reconciler.diagnostic import Diagnostic, Untrusted, error
from reconciler.trust.fields import SignatureTrust

_MOST_TOLD = 10
_WORKERS = 4
_MORE = error(
    "not-signed", "commit is not signed by anybody who is believed", "At least one more is not; not all were looked at."
)


class Signers(Protocol):
    """Those whose signatures of one sort are believed."""

    def verify(self, payload: bytes, signature: bytes, folder: Path) -> Identity:
        """Who signed it; raises `Unverified`."""


class Signatures:
    """The signers of the trusted configuration. Raises `Untrusted` when it names none: nobody would be believed."""

    def __init__(self, trust: SignatureTrust) -> None:
        self._trust = trust
        if trust.allowed_signers is None and trust.gnupg_home is None:
            detail = (
                "Commits must be signed, and the trusted configuration does not say whose signatures count. Write"
                " `allowed_signers` (ssh keys) or `gnupg_home` (GnuPG keys) into the fleet's `signatures`."
            )
            raise Untrusted(error("no-signers", "it cannot be told whose signatures count", detail))

    @cached_property
    def _ssh(self) -> Signers | None:
        return SshSigners(self._trust.allowed_signers) if self._trust.allowed_signers else None

    @cached_property
    def _gpg(self) -> Signers | None:
        return GpgSigners(self._trust.gnupg_home) if self._trust.gnupg_home else None

    def verified(self, commits: Sequence[Commit]) -> dict[str, Identity]:
        """Who signed each commit, by its id. Raises `Untrusted` that names those without a good signature."""
        _ = self._ssh, self._gpg  # what is wrong with one of them is told before anybody is judged
        with tempfile.TemporaryDirectory(prefix="reconciler-signatures-") as folder:
            found, bad = self._answers(commits, Path(folder))
        if bad:
            raise Untrusted(*bad[:_MOST_TOLD], *([_MORE] if len(bad) > _MOST_TOLD else []))
        return found

    def _answers(self, commits: Sequence[Commit], folder: Path) -> tuple[dict[str, Identity], list[Diagnostic]]:
        """Who signed each commit, and what is against those that nobody did. It ends once those are more than are told:
        a signature can be made so that its program looks at it for as long as it is let.
        """
        found, bad = dict[str, Identity](), list[Diagnostic]()
        pool = ThreadPoolExecutor(_WORKERS)
        try:
            answers = pool.map(lambda commit: self._answer(commit, folder), commits)
            for commit, answer in zip(commits, answers, strict=True):
                if isinstance(answer, Identity):
                    found[commit.id] = answer
                else:
                    bad.append(answer)
                if len(bad) > _MOST_TOLD:
                    break
        finally:
            pool.shutdown(cancel_futures=True)
        return found, bad

    def _answer(self, commit: Commit, folder: Path) -> Identity | Diagnostic:
        try:
            return self._verified(commit, folder)
        except Unverified as why:
            return _unsigned(commit, str(why))

    def _verified(self, commit: Commit, folder: Path) -> Identity:
        if len(commit.signatures) != 1:
            raise Unverified("it has several signatures" if commit.signatures else "it is not signed")
        (signature,) = commit.signatures
        signers = self._signers(signature)
        private = folder / commit.id
        private.mkdir()
        return signers.verify(commit.payload, signature, private)

    def _signers(self, signature: bytes) -> Signers:
        known = {ssh.BEGIN: (self._ssh, "ssh", "allowed_signers"), gpg.BEGIN: (self._gpg, "GnuPG", "gnupg_home")}
        for begin, (signers, sort, field) in known.items():
            if signature.startswith(begin):
                if signers is None:
                    raise Unverified(f"it is signed by a {sort} key, and the trusted configuration has no `{field}`")
                return signers
        raise Unverified("its signature is neither of an ssh key nor of a GnuPG key")


def _unsigned(commit: Commit, why: str) -> Diagnostic:
    detail = (
        f"{commit.name[:1].upper()}{commit.name[1:]}: {why}. Nothing of it is applied. Let somebody whose key counts"
        " sign it (git commit --amend -S; for several: git rebase --exec 'git commit --amend --no-edit -S' BASE)."
    )
    return error("not-signed", "commit is not signed by anybody who is believed", detail)
