"""Observations for tests: what hosts show, published and read back."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from reconciler.desired import Desired
from reconciler.installed import impacts
from reconciler.observation import Snapshot
from reconciler.published import Publication, dump, load, publication

COMMIT = "c0ffee" + "0" * 34
TIME = "2026-01-02T03:04:05.000+00:00"


def published(desired: Desired, seen: Sequence[Snapshot], driver: str = "simulator") -> Publication:
    """What is published of hosts that were looked at for a commit."""
    tables = {each.host: impacts(driver) for each in seen}
    return publication(desired, seen, tables, commit=COMMIT, time=TIME)


def travelled(publication: Publication) -> Publication:
    """The same, written down and read back."""
    back = load(dump(publication))
    assert back == publication
    return back


class Signer(msgspec.Struct, frozen=True):
    """A key, and the list that allows it."""

    key: Path
    allowed: Path

    @classmethod
    def make(cls, folder: Path, name: str = "controller@example.org", namespaces: str = "") -> Signer:
        """A new one."""
        key = folder / name.partition("@")[0]
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True)
        kind, blob = key.with_suffix(".pub").read_text().split()[:2]
        allowed = folder / f"{key.name}.allowed"
        allowed.write_text(f"{name} {namespaces} {kind} {blob}\n".replace("  ", " "))
        return cls(key, allowed)
