"""What of a repository's history has to be judged: the commits that a tip brings, and who answers for each of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

from reconciler.authority import since
from reconciler.authority.commits import Commit, read
from reconciler.authority.identity import Identity
from reconciler.authority.signatures import Signatures
from reconciler.authority.since import Line
from reconciler.trust.fields import FleetTrust

if TYPE_CHECKING:
    from git import Repo

Required = Literal["none", "tip", "all"]


class History:
    """The commits between what is in force and a tip. `applied` is the commit in force; empty when the record has
    none. `known` are the commits that are believed as they are, with all before them: the applied one, and the
    `baseline` of the trusted configuration. `in_force` is what a change is compared with: the applied one, else the
    baseline, else nothing.
    """

    def __init__(self, repo: Repo, tip: str, fleet_id: str, trust: FleetTrust) -> None:
        self.repo, self._tip, self._fleet_id, self._trust = repo, tip, fleet_id, trust
        applied = since.applied(repo, fleet_id)
        self.known = since.present(repo, {each for each in (applied, trust.baseline) if each})
        self.applied = applied if applied in self.known else ""
        self.in_force = self.applied or next(iter(self.known), "")

    @cached_property
    def tip(self) -> Commit:
        """The newest commit."""
        return read(self.repo, [self._tip])[0]

    @cached_property
    def line(self) -> Line:
        """The commits of the branch since what was applied. Those that a run has put into force count as applied,
        also when one went back since. Where nothing is known to be in force it is the tip alone: it answers for all,
        and what older messages consent to may long be spent.
        """
        if not self.known:
            return Line(commits=(self.tip,), start="", joined=False, complete=True)
        if self._tip in self.known:
            return Line(commits=(), start=self._tip, joined=True, complete=True)
        whole = since.line(self.repo, self._tip, self.known, self.in_force)
        return since.shortened(whole, since.settled(self.repo, self._fleet_id, whole.commits))

    @property
    def consenting(self) -> tuple[Commit, ...]:
        """The commits whose consent counts: those of the line. Of one that does not continue what is in force it is
        the tip alone: whoever makes a merge chooses its first parent, and with it whose old words stand in the line.
        """
        return self.line.commits if self.line.joined else self.line.commits[-1:]

    @cached_property
    def brought(self) -> list[Commit]:
        """All commits that the tip brings, also those of branches that were merged."""
        settled = {self.line.start} if self.line.joined and self.line.start else set()
        return since.every(self.repo, self._tip, self.known | settled)

    @property
    def new(self) -> bool:
        """Whether the tip brings anything: not when it was applied before, or lies before what is applied."""
        return bool(self.line.commits)

    def answering(self, required: Required) -> dict[str, Identity]:
        """Who answers for each commit of the line. Raises `Untrusted` when a signature is required and missing.

        Whoever signs the tip answers for all below it, where no other signature is required; whoever merges answers
        for what is merged. Without signatures it is the author that a commit names.
        """
        if required == "none":
            return {commit.id: Identity((commit.email,)) for commit in self.line.commits}
        signatures = Signatures(self._trust.signatures)
        if required == "tip":
            (signer,) = signatures.verified([self.tip]).values()
            return {commit.id: signer for commit in self.line.commits}
        verified = signatures.verified(self.brought)
        return {commit.id: verified[commit.id] for commit in self.line.commits}
