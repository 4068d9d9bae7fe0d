"""Which commit is in force: the branch's newest, unless it has mistakes or the branch was taken back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

import msgspec

from reconciler import record
from reconciler.diagnostic import Diagnostic, DiagnosticError, error, failed
from reconciler.driver import DriverError, ErrorClass
from reconciler.reconcile import Around, Loaded, Options, around, load
from reconciler.record import RecordError
from reconciler.serve import kept
from reconciler.serve.following import Follower, Tip
from reconciler.serve.telling.conditions import Conditions
from reconciler.serve.telling.journal import Journal
from reconciler.source import SourceError, open_repository

if TYPE_CHECKING:
    from git import Repo

Verdict = Literal["refused", "held"]


class Turned(msgspec.Struct, frozen=True, kw_only=True):
    """Why a commit does not come into force: it has mistakes (`refused`), or the branch was taken back (`held`), when
    `applied` was the applied commit.
    """

    verdict: Verdict
    diagnostics: tuple[Diagnostic, ...]
    applied: str = ""


class Course:
    """Judges the branch's commits one after the other, and keeps the last good one. Only one thread may use it.

    `fleet_id` is the fleet that is served: that of the trusted configuration, else that of the first good commit; a
    commit of another fleet never comes into force, since all that is ours would be nobody's then.
    """

    def __init__(
        self, follower: Follower, options: Options, fleet_id: str, journal: Journal, conditions: Conditions
    ) -> None:
        self.fleet_id = fleet_id
        self.loaded: Loaded | None = None
        self.around: Around | None = None
        self.tip = ""
        self.turned: dict[str, Turned] = {}
        self._follower, self._options = follower, options
        self._journal, self._conditions = journal, conditions
        self._accepted = self._not_shared = ""
        self._sharing: threading.Thread | None = None

    @property
    def commit(self) -> str:
        """The commit that is in force; empty when none is."""
        return self.loaded.tree.source.commit if self.loaded else ""

    def applied(self) -> str:
        """The record's applied commit; empty when there is none."""
        return record.applied(self.repository, self.fleet_id) if self.fleet_id else ""

    def share(self) -> None:
        """Hand the record on to where the branch comes from, beside all other work; that it cannot be is told."""
        if self._sharing is None or not self._sharing.is_alive():
            self._sharing = threading.Thread(target=self._share, name="share", daemon=True)
            self._sharing.start()

    def _share(self) -> None:
        problem = self._follower.share()
        if problem and problem != self._not_shared:
            self._journal.tell("RecordNotShared", problem, "warning")
        self._not_shared = problem

    @property
    def place(self) -> str:
        """Where the repository is that is read."""
        return str(self._follower.repository)

    @property
    def repository(self) -> Repo:
        """What is read, and where the record is."""
        return open_repository(self._follower.repository)

    def accept(self, commit: str) -> None:
        """Let a commit come into force although the branch was taken back."""
        self._accepted = commit
        self.turned.pop(commit, None)

    def consider(self, tip: Tip, *, afresh: bool) -> bool:
        """Look at the branch's newest commit; whether another one is in force than before.

        What was turned down is judged again only `afresh`, since the trusted configuration may have changed.
        """
        self.tip = tip.commit
        self._tell_source(tip)
        before = self.commit
        if tip.commit in self.turned and self._let_through():
            afresh = True
        if tip.commit and tip.commit != before and (afresh or tip.commit not in self.turned):
            self._judge(tip.commit)
        elif tip.commit and tip.commit == before:
            self.turned = {}
            self._valid(tip.commit)
        if self.loaded is None:
            self._restore()
        return self.commit != before

    def renew(self) -> Around:
        """Ask the trusted configuration again, and judge the commit in force by it and by what is applied now. Raises
        `DiagnosticError` when nothing may be done for it any more.
        """
        assert self.loaded is not None, "there is a commit in force"
        try:
            self.around = around(self.loaded, self._options)
        except DiagnosticError as problem:
            self._conditions.put("CommitValid", "False", "NotAllowed", f"{self.commit[:12]}: {problem}")
            raise
        if not self.turned:
            self._valid(self.commit)
        return self.around

    def check_standing(self) -> None:
        """Raises `DriverError` (held) when somebody has applied the commit that is held: then it is in force, and what
        was planned for the one before would undo it.
        """
        if self._applied_by_hand():
            raise DriverError(ErrorClass.HELD, f"somebody has applied {self.tip[:12]}, which was held")

    def _let_through(self) -> bool:
        """Whether what was held has been accepted, also by a person's `apply` of that very commit."""
        if self._applied_by_hand():
            self._accepted = self.tip
        return self._accepted == self.tip

    def _applied_by_hand(self) -> bool:
        turned = self.turned.get(self.tip)
        if turned is None or turned.verdict != "held":
            return False
        return self.applied() == self.tip != turned.applied

    def _judge(self, commit: str) -> None:
        try:
            self._fleet_from_references()
            if why := self._held(commit):
                known = self.turned.get(commit)
                applied = known.applied if known and known.verdict == "held" else self.applied()
                return self._turn_down(commit, Turned(verdict="held", diagnostics=(why,), applied=applied))
            loaded = self._load(commit)
            surroundings = around(loaded, self._options)
        except DiagnosticError as problem:
            return self._turn_down(commit, Turned(verdict="refused", diagnostics=tuple(problem.diagnostics)))
        self._put_in_force(loaded, surroundings)
        self.turned = {}
        self._valid(commit)
        return None

    def _load(self, commit: str) -> Loaded:
        loaded = load(msgspec.structs.replace(self._options, rev=commit))
        if failed(loaded.diagnostics):
            raise DiagnosticError(*loaded.diagnostics)
        if self.fleet_id and loaded.desired.fleet_id != self.fleet_id:
            detail = (
                f"It declares fleet {loaded.desired.fleet_id}, and {self.fleet_id} is served here. Nothing is done, "
                "since all that stands would belong to nobody. Undo that, or serve the other fleet."
            )
            raise DiagnosticError(error("other-fleet", "commit is of another fleet", detail))
        return loaded

    def _held(self, commit: str) -> Diagnostic | None:
        """Why the branch's commit waits for a person, although it may be without mistakes."""
        if not self.fleet_id or commit == self._accepted:
            return None
        before = self.commit or kept.in_force(self.repository, self.fleet_id) or self.applied()
        if not before or not self._follower.rewound(before, commit):
            return None
        detail = (
            f"{commit[:12]} does not come after {before[:12]}, which stays in force. Where that is meant: "
            f"reconciler resume {commit[:12]}"
        )
        return error("branch-rewound", "branch was taken back or written anew", detail)

    def _turn_down(self, commit: str, turned: Turned) -> None:
        known = self.turned.get(commit)
        self.turned = {commit: turned}
        first = turned.diagnostics[0]
        message = f"{first.summary}: {first.detail}" if first.detail else first.summary
        if first.place:
            message = f"{first.place.path}:{first.place.line}: {message}"
        if turned.verdict == "held":
            self._conditions.put("SourceReady", "False", "Rewound", message)
        else:
            self._conditions.put("CommitValid", "False", "Mistakes", f"{commit[:12]}: {message}")
        if known != turned:
            self._journal.tell(
                "TipHeld" if turned.verdict == "held" else "CommitRefused",
                f"{message}{_more(turned)}",
                "error",
                commit=commit,
            )

    def _put_in_force(self, loaded: Loaded, known: Around) -> None:
        before, self.loaded, self.around = self.commit, loaded, known
        self.fleet_id = loaded.desired.fleet_id
        if before != self.commit:
            self._journal.tell("CommitInForce", f"{self.commit[:12]} is in force", commit=self.commit)
            self._keep()

    def _keep(self) -> None:
        try:
            if kept.in_force(self.repository, self.fleet_id) != self.commit:
                kept.put_in_force(self.repository, self.fleet_id, self.commit)
        except (RecordError, SourceError) as problem:
            self._journal.tell("NotKept", f"which commit is in force is not kept in Git: {problem}", "warning")

    def _valid(self, commit: str) -> None:
        self._conditions.put("CommitValid", "True", "Valid", commit[:12])

    def _tell_source(self, tip: Tip) -> None:
        if not tip.problem:
            held = tip.commit in self.turned and self.turned[tip.commit].verdict == "held"
            if not held:
                self._conditions.put("SourceReady", "True", "Followed")
        elif self._conditions.put("SourceReady", "False", "Unreadable", tip.problem):
            self._journal.tell("SourceUnreadable", tip.problem, "error")

    def _fleet_from_references(self) -> None:
        """Where no configuration says which fleet is served, what was kept in Git does, if it is of one only."""
        if not self.fleet_id:
            known = kept.fleets(self.repository)
            self.fleet_id = known[0] if len(known) == 1 else ""

    def _restore(self) -> None:
        """After a start with a tip that is turned down: what was in force last."""
        if not self.fleet_id:
            return
        for commit in (kept.in_force(self.repository, self.fleet_id), self.applied()):
            if commit:
                try:
                    loaded = self._load(commit)
                    known = around(loaded, self._options)
                except DiagnosticError as problem:
                    self._journal.tell("NotRestored", str(problem), "error", commit=commit)
                else:
                    self._put_in_force(loaded, known)
                    return


def _more(turned: Turned) -> str:
    more = len(turned.diagnostics) - 1
    return f" (and {more} more)" if more else ""
