"""Commits before their judge: a real repository with a small fleet, a trusted configuration, and a record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec

from reconciler import authority, record
from reconciler.authority import Judgement
from reconciler.diagnostic import Diagnostic, Untrusted, failed
from reconciler.plan import Plan, Source
from reconciler.reconcile import Loaded, Options, load
from reconciler.record import run_of
from reconciler.trust import Trust
from reconciler.trust.fields import Configuration
from tests.support.fleet import FLEET_ID, Manifest, flavor, fleet, host, image, instance, manifest, network
from tests.support.repository import Repository

FIRST: Mapping[str, list[Manifest]] = {
    "fleet.yaml": [
        fleet(),
        manifest("Project", "shop"),
        manifest("Project", "billing"),
        host(driver="simulator"),
        flavor(),
        image(),
    ],
    "shop/net.yaml": [network()],
    "shop/web.yaml": [instance()],
    "billing/db.yaml": [
        manifest("Network", "lan", "billing", cidr="10.20.0.0/24"),
        manifest("Instance", "db", "billing", flavor="small", image="debian", networks={"lan": {}}),
    ],
}


def text(manifests: Iterable[Manifest]) -> str:
    """A file with these manifests."""
    return "\n---\n".join(json.dumps(each, indent=1) for each in manifests) + "\n"


class Court:
    """What is judged, by whom. `trusted` is the fleet's section of the trusted configuration; `path` the folder of the
    repository that is the fleet; `others` has the sections of other fleets.
    """

    def __init__(self, folder: Path, path: str = "", **trusted: Any) -> None:
        self.repository = Repository(folder / "fleet")
        self.path, self.trusted = path, deepcopy(trusted)
        self.others: dict[str, Any] = {}
        self.repository.write({f"{path}/{name}".strip("/"): text(each) for name, each in FIRST.items()})

    def commit(
        self,
        files: Mapping[str, str | bytes | None] | None = None,
        by: str = "ada@example.org",
        message: str = "Change",
        signing: Iterable[str] = (),
    ) -> str:
        """Write files (None: remove) and commit them as somebody, signed where `signing` says how."""
        for name, content in (files or {}).items():
            if content is None:
                (self.repository.path / name).unlink()
            else:
                self.repository.write({name: content})
        self.repository.git("add", "-A")
        return self.commit_staged(by, message, signing)

    def commit_staged(self, by: str, message: str, signing: Iterable[str] = (), *more: str) -> str:
        """Commit what is staged."""
        signing = list(signing)
        sign = ["-S"] if signing else []
        named = ["-c", "user.name=Somebody", "-c", f"user.email={by}"]
        author = [f"--author=Somebody <{by}>"]
        words = ["commit", "-q", "--allow-empty", "--cleanup=verbatim", "-m", message, *author, *sign, *more]
        self.repository.git(*named, *signing, *words)
        return self.repository.git("rev-parse", "HEAD")

    def apply(self, commit: str = "", *, clean: bool = True) -> str:
        """Record a run of a commit as `apply` would."""
        loaded = self.load(commit or "HEAD")
        plan = Plan(fleet="lab", fleet_id=FLEET_ID, source=Source(), partial=not clean)
        run = run_of(plan, (), time=record.now(), by="ada@desk")
        record.write(loaded.tree.repository, loaded.tree.source.commit, run)
        return loaded.tree.source.commit

    def load(self, rev: str | None = "HEAD") -> Loaded:
        """A source without mistakes."""
        loaded = load(Options(repo=self.repository.path, rev=rev, path=self.path))
        assert not failed(loaded.diagnostics), loaded.diagnostics
        return loaded

    def judge(self, rev: str | None = "HEAD") -> Judgement:
        """The verdict; raises `Untrusted`."""
        loaded = self.load(rev)
        configuration = msgspec.convert({"fleets": {FLEET_ID: self.trusted, **self.others}}, Configuration)
        trust = Trust(Path("config.yaml"), configuration, None)
        return authority.judge(loaded.tree, loaded.desired, trust, loaded.memory)

    def refused(self, rev: str | None = "HEAD") -> list[Diagnostic]:
        """What is against a commit; nothing when it is trusted."""
        try:
            self.judge(rev)
        except Untrusted as refusal:
            return list(refusal.diagnostics)
        return []

    def codes(self, rev: str | None = "HEAD") -> list[str]:
        """The codes of what is against it."""
        return [each.code for each in self.refused(rev)]
