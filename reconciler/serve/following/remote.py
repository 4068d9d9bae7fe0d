"""A branch of a repository elsewhere, fetched into a mirror on this machine."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from reconciler.limited import MIB, Limits
from reconciler.record import applied_name, notes_name
from reconciler.record.plumbing import RecordError, git, line, reference
from reconciler.serve.following.branch import Tip
from reconciler.serve.following.call import LIMITS, Call, RemoteError
from reconciler.serve.following.reading import exact, rewound
from reconciler.source import SourceError, open_repository
from reconciler.trust.fields import RepositoryTrust

if TYPE_CHECKING:
    from git import Repo

PATIENCE = 5.0
"""Seconds that whoever looks is kept waiting; a fetch that takes longer goes on by itself."""


class RemoteBranch:
    """Follows a branch that is fetched into the bare repository `mirror`, which is made when it is not there.

    All that is known beside the objects is what the mirror holds, so that a restart loses nothing.
    """

    def __init__(
        self,
        repository: RepositoryTrust,
        fleet_id: str,
        mirror: Path,
        *,
        limits: Limits = LIMITS,
        patience: float = PATIENCE,
    ) -> None:
        self.repository = mirror
        self._call = Call(repository, mirror, limits)
        self._name, self._fleet_id, self._patience = f"refs/heads/{repository.branch}", fleet_id, patience
        self._turn = threading.Condition()
        self._fetching = False
        self._since = time.monotonic()
        self._tip = Tip(commit="")
        self._tip = Tip(commit=self._last())
        self._shared: tuple[str, str] | None = None
        self._hint: Callable[[], None] = lambda: None

    def look(self) -> Tip:
        """The branch's newest commit. A server that is slow is not waited for beyond some seconds: its answer is
        hinted at when it comes.
        """
        end = time.monotonic() + self._patience
        with self._turn:
            # A fetch that runs by now may have begun before what made us look.
            if self._turn.wait_for(lambda: not self._fetching, self._patience):
                self._fetching, self._since = True, time.monotonic()
                threading.Thread(target=self._fetched, name="fetch", daemon=True).start()
                if self._turn.wait_for(lambda: not self._fetching, max(0.0, end - time.monotonic())):
                    return self._tip
            seconds = time.monotonic() - self._since
            return Tip(commit=self._tip.commit, problem=f"It is still being fetched, for {seconds:.0f} s by now.")

    def _fetched(self) -> None:
        """Fetch, and tell whoever waits for it, or whoever has left by now."""
        tip = self._looked()
        with self._turn:
            late = time.monotonic() - self._since > self._patience
            self._tip, self._fetching = tip, False
            self._turn.notify_all()
        if late:
            self._hint()

    def _looked(self) -> Tip:
        try:
            problem = self._fetch()
        except (RemoteError, RecordError, OSError) as failure:
            problem = f"{failure}"
        except SourceError as failure:
            problem = f"{failure}. Remove {self.repository}; it is made anew."
        return Tip(commit=self._last(), problem=problem)

    def _last(self) -> str:
        """The newest commit that was fetched; also what an earlier process fetched."""
        try:
            found = exact(open_repository(self.repository), self._name)
        except (SourceError, RecordError, OSError):
            return self._tip.commit
        return found[0] if found else self._tip.commit

    def _fetch(self) -> str:
        with _alone(self.repository):
            self._make()
            words = ("--quiet", "--no-tags", "--write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance")
            try:
                self._call.run("fetch", *words, "--", self._call.repository.url, self._name)
            except RemoteError as problem:
                if self._tidied() >= self._call.limits.file:
                    return f"It has more than {self._call.limits.file // MIB:,} MiB, more than is fetched at once."
                return self._gone() if "couldn't find remote ref" in str(problem) else str(problem)
            return self._accept()

    def _accept(self) -> str:
        """Let the branch here follow what was fetched, if that is the branch, and a commit.

        Git is content with a tag or a branch that has the whole name for its own (`refs/heads/refs/heads/main`) where
        there is no other, and says so in the file that it leaves.
        """
        repo, branch = open_repository(self.repository), re.escape(self._call.repository.branch)
        fetched = (self.repository / "FETCH_HEAD").read_bytes().decode(errors="replace")
        found = re.fullmatch(rf"([0-9a-f]{{40}})\t(?:not-for-merge)?\tbranch '{branch}' of [^\n]*\n", fetched)
        if found is None:
            return self._gone() if fetched else f"{self._name} comes from a shallow clone, which lacks its history."
        kind = line(repo, "cat-file", "-t", found[1])
        if kind != "commit":
            return f"{self._name} points to a {kind}, not to a commit. What was deployed last stays."
        self._move(repo, found[1])
        return ""

    def _move(self, repo: Repo, commit: str) -> None:
        before = reference(repo, self._name)
        if before != commit:
            git(repo, "update-ref", "--no-deref", self._name, commit)
        if before not in ("", commit):  # now and then, when there is much of it, what fetches brought is put together
            git(repo, "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet")

    def _gone(self) -> str:
        return f"There is no {self._name}. What was deployed last stays; push the branch to go on."

    def _make(self) -> None:
        """Make the mirror if there is none: beside its place first, so that half a one is never taken for it."""
        if self.repository.exists():
            return
        new = self.repository.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        branch = f"--initial-branch={self._call.repository.branch}"
        msgspec.structs.replace(self._call, mirror=new).run("init", "--quiet", "--bare", "--template=", branch)
        new.rename(self.repository)

    def _tidied(self) -> int:
        """Remove what a fetch that was ended has left, which is nothing's; how large it was."""
        left = list((self.repository / "objects" / "pack").glob("tmp_*"))
        size = max((path.stat().st_size for path in left), default=0)
        for path in left:
            path.unlink()
        return size

    def rewound(self, before: str, tip: str) -> bool:
        """Whether `tip` does not come after `before`, or that cannot be told."""
        return rewound(self.repository, before, tip)

    @contextmanager
    def watching(self, hint: Callable[[], None]) -> Iterator[None]:
        """Nothing tells here of a push elsewhere. `hint` is called when a fetch that nobody waits for has ended."""
        self._hint = hint
        try:
            yield
        finally:
            self._hint = lambda: None

    def share(self) -> str:
        """Push the record to the remote, where it has changed. A remote that does not take it is told of once, until
        it has changed again.
        """
        try:
            repo = open_repository(self.repository)
            names = notes_name(self._fleet_id), applied_name(self._fleet_id)
            now = reference(repo, names[0]), reference(repo, names[1])
            if now == self._shared or not any(now):
                return ""
            self._shared = now
            # Notes are only added to, so that what another one wrote is never lost; the other one moves freely.
            specs = [f"{force}{name}:{name}" for force, name, value in zip(("", "+"), names, now, strict=True) if value]
            words = ("--quiet", "--no-verify", "--recurse-submodules=no", "--no-signed", "--no-follow-tags")
            self._call.run("push", *words, "--", self._call.repository.url, *specs)
        except (RemoteError, RecordError, SourceError, OSError) as failure:
            return f"The record stays on this machine, in {self.repository}; it could not be pushed: {failure}"
        return ""


@contextmanager
def _alone(mirror: Path) -> Iterator[None]:
    """Nobody else on this machine fetches into it meanwhile, such as the controller that stands by."""
    mirror.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(mirror.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
