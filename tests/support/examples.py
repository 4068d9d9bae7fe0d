"""Examples of the documentation, made real: on hosts of the suite, with images that boot and keys that somebody has."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.support.command import Desk, Ran
from tests.support.hosts import Host


class Told:
    """A story that is told through the command line."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def run(self, *arguments: str, code: int = 0) -> Ran:
        """Run a command, which has to exit with `code`."""
        ran = self.desk.run(*arguments)
        assert ran.code == code, ran.out + ran.err
        return ran

    def apply(self, change: str) -> Ran:
        """Commit what is in the work tree, and apply it."""
        self.desk.commit(change)
        return self.run("apply", "--verbose")


def settle(
    desk: Desk, example: Path, fleet_id: str, image: Mapping[str, Any], keys: Iterable[str], trusted: Mapping[str, Any]
) -> None:
    """Commit a copy of an example as another fleet: on real hosts, with this image manifest, these public keys in their
    order, and this section of the trusted configuration.
    """
    shutil.copytree(example, desk.repo)
    _replace(desk.repo / "fleet.yaml", r"(?<=\n  id: ).*", [fleet_id])
    for file in (*desk.repo.glob("host.yaml"), *desk.repo.glob("hosts.yaml")):
        desk.edit(file.name, "  driver: simulator\n", "")
    for file in (*desk.repo.glob("keypair.yaml"), *desk.repo.glob("keypairs.yaml")):
        _replace(file, r"(?<=publicKey: ).*", keys)
    (desk.repo / "image.yaml").write_text(json.dumps(image))
    trust(desk, fleet_id, trusted)
    desk.git("init", "--quiet", "--initial-branch=main")
    desk.commit("First fleet")


def _replace(file: Path, pattern: str, values: Iterable[str]) -> None:
    """Put one value after the other where a pattern is found; there are as many."""
    text, left = file.read_text(), list(values)
    assert len(re.findall(pattern, text)) == len(left), file
    file.write_text(re.sub(pattern, lambda _: left.pop(0), text))


def trust(desk: Desk, fleet_id: str, trusted: Mapping[str, Any]) -> None:
    """Write the trusted configuration."""
    file = desk.home / ".config/reconciler/config.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"fleets": {fleet_id: trusted}}))
    file.chmod(0o600)


def reached(folder: Path, host: Host) -> dict[str, Any]:
    """The trusted section of a fleet with one host, `local`."""
    return {"folders": [str(folder)], "hosts": {"local": {"driver": "libvirt", **host.connection}}}
