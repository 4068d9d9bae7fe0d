"""`keypair list` and `show`: the same fingerprints as ssh-keygen prints."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.command import Desk

TYPES = [("ed25519", "256"), ("rsa", "2048"), ("ecdsa", "384")]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    assert desk.init().code == 0
    return desk


def printed(path: Path, algorithm: str) -> str:
    command = ["ssh-keygen", "-l", "-E", algorithm, "-f", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(("kind", "bits"), TYPES)
def test_fingerprints_are_those_of_ssh_keygen(desk: Desk, kind: str, bits: str) -> None:
    key = desk.repo / "keys" / "bob.pub"
    key.parent.mkdir()
    made = ["ssh-keygen", "-q", "-t", kind, "-b", bits, "-N", "", "-C", "bob at work", "-f", str(key.with_suffix(""))]
    subprocess.run(made, check=True, stdin=subprocess.DEVNULL)
    key.with_suffix("").unlink()
    manifest = "apiVersion: reconciler/v1\nkind: Keypair\nmetadata: {name: bob}\nspec: {publicKeyFile: keys/bob.pub}\n"
    (desk.repo / "bob.yaml").write_text(manifest, encoding="utf-8")
    shown = desk.run("keypair", "show", "bob")
    assert shown.code == 0, shown.err
    lines = [line.strip() for line in shown.out.splitlines()]
    assert lines[1:3] == [printed(key, "sha256"), printed(key, "md5")]
    assert lines[-1].split() == ["used", "by", "nobody"]


def test_all_keypairs_are_listed_with_their_users(desk: Desk) -> None:
    listed = desk.run("keypair", "list")
    assert listed.code == 0
    address, bits, family, sha256, md5, user = listed.out.splitlines()[1].split()
    assert (address, bits, family, user) == ("Keypair/default/admin", "256", "ED25519", "Instance/default/web-1")
    (value,) = desk.run("keypair", "list", "-o", "json").value["keypairs"]
    assert (value["sha256"], value["md5"], value["usedBy"]) == (sha256, md5, ["Instance/default/web-1"])


def test_an_unknown_keypair_is_told_what_was_meant(desk: Desk) -> None:
    ran = desk.run("keypair", "show", "adnim")
    assert ran.code == 1
    assert "Did you mean `Keypair/default/admin`?" in ran.err
    assert desk.run("keypair", "show", "Instance/shop/web").code == 64
