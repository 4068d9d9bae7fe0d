"""Trust where people push: what nobody believes is rejected, consent comes by trailers, the record from nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.serve.socket.place import socket_of
from tests.support.command import Desk
from tests.support.hosts import until
from tests.support.pushing import Bare
from tests.support.signing import SshKey

WEB = "Instance/default/web-1"


@pytest.fixture
def key(tmp_path: Path) -> SshKey:
    return SshKey(tmp_path, "ada")


@pytest.fixture
def bare(desk: Desk, tmp_path: Path, key: SshKey) -> Iterator[Bare]:
    """It asks for signed commits of Ada, who may change instances and flavors, and consent to restarts."""
    (fleet_id,) = re.findall(r"^  id: (\S+)$", (desk.repo / "fleet.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    (tmp_path / "signers").write_text(key.line("ada@example.org"), encoding="ascii")
    first = desk.git("rev-parse", "HEAD").strip()
    kinds = ["Instance", "Flavor"]
    rule = {"who": ["ada@example.org"], "projects": ["*"], "kinds": kinds, "fleet": True, "consent": ["restart"]}
    signatures = {"require": "all", "allowed_signers": str(tmp_path / "signers")}
    config = tmp_path / "config.yaml"
    section = {"signatures": signatures, "rules": [rule], "baseline": first}
    config.write_text(json.dumps({"fleets": {fleet_id: section}}), encoding="utf-8")
    config.chmod(0o600)
    bare = Bare(desk, tmp_path, "--config", str(config))
    assert bare.installed.code == 0, bare.installed.err
    assert bare.push().code == 0
    yield bare
    until(lambda: not socket_of(bare.path).exists(), 60, "the worker to end")


def signed(bare: Bare, key: SshKey, message: str) -> str:
    bare.desk.git("add", "--all")
    bare.desk.git(*key.options, "commit", "--quiet", "-S", "--message", message)
    return bare.desk.git("rev-parse", "HEAD").strip()


def test_pushes_are_believed_as_far_as_they_are_signed_and_permitted(bare: Bare, key: SshKey) -> None:
    desk, before = bare.desk, bare.tip()
    desk.edit("flavors.yaml", "512Mi", "1Gi")
    unsigned = desk.commit("More memory")
    push = bare.push()
    assert push.code != 0
    assert f"Commit {unsigned[:12]} (More memory): it is not signed." in push.out
    desk.git("reset", "--quiet", "--soft", "HEAD~")
    commit = signed(bare, key, f"More memory\n\nReconciler-Allow: restart {WEB}")
    push = bare.push()
    assert push.code == 0, push.out
    assert f"consented to by ada@example.org in commit {commit[:12]}" in push.out
    assert "nothing failed" in push.out
    desk.edit("images.yaml", "{name: ", "{labels: {by: ada}, name: ")
    signed(bare, key, "Not hers")
    push = bare.push()
    assert push.code != 0
    assert "commit changes what its author may not" in push.out
    assert "images.yaml:" in push.out
    assert bare.tip() == bare.tip("refs/reconciler/*/applied") == commit != before


def test_nobody_pushes_what_was_applied(bare: Bare) -> None:
    desk = bare.desk
    desk.edit("flavors.yaml", "512Mi", "1Gi")
    commit = desk.commit("More memory")
    (name,) = bare.git("for-each-ref", "--format=%(refname)", "refs/reconciler/*/applied").split()
    for ref in (name, name.replace("refs/reconciler/", "refs/notes/reconciler/").removesuffix("/applied")):
        push = bare.push(f"+{commit}:{ref}")
        assert push.code != 0
        assert "written by the controller alone" in push.out
    assert bare.push(f"+{commit}:{name}", "HEAD:main").code != 0
    assert bare.tip(name) != commit
