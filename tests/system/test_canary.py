"""Secrets never show: a canary goes in by every way that there is, and every output and file is searched for it."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.command import Desk, Ran

CANARY = "canary-7Jq2vXw9Lr4"
TEXT = f"#cloud-config\nchpasswd: {{list: 'root:{CANARY}'}}\n"
WEB = "Instance/default/web-1"
SOURCES = ["file", "environment", "command"]
LOOKS = [
    ["validate", "--verbose"],
    ["validate", "-o", "json"],
    ["plan", "--verbose"],
    ["plan", "-o", "json"],
    ["drift", "--verbose"],
    ["drift", "-o", "json"],
    *(["get", "--ready", "-o", output] for output in ("table", "wide", "json", "yaml", "name")),
    *(["describe", WEB, "-o", output] for output in ("text", "json", "yaml")),
    ["observe", "--fields"],
    ["observe", "-o", "json"],
    ["observe", "--publish", "seen.json"],
    ["plan", "--observed", "seen.json", "-o", "json"],
    ["graph"],
    ["graph", "-o", "dot"],
    ["doctor", "--verbose"],
    ["fmt", "--diff"],
    ["keypair", "list"],
    ["explain", "Instance.userDataFrom"],
    ["console", WEB],
    ["ssh", WEB],
    ["destroy"],
]


def forms(text: str) -> list[bytes]:
    """A secret as it is, encoded, and digested."""
    plain = text.encode()
    digests = [hashlib.new(name, plain).hexdigest()[:16] for name in ("sha256", "sha1", "md5")]
    encoded = [base64.b64encode(plain)[:-4], plain.hex().encode()]
    return [plain, *encoded, *(digest.encode() for digest in digests)]


NEEDLES = [CANARY.encode(), *forms(CANARY), *forms(TEXT), *forms(TEXT.rstrip("\n"))]


def shown(data: bytes) -> list[bytes]:
    return [needle for needle in NEEDLES if needle in data]


class Guarded(msgspec.Struct):
    """A desk whose fleet has a secret, and where that comes from. Every run is searched."""

    desk: Desk
    source: str
    vault: Path

    def run(self, *arguments: str, code: int | None = None) -> Ran:
        ran = self.desk.run(*arguments, **self.environment)
        assert shown((ran.out + ran.err).encode()) == [], arguments
        assert code in (None, ran.code), ran.err
        return ran

    @property
    def environment(self) -> dict[str, Any]:
        return {"WEB_SEED": self.vault.read_text(encoding="utf-8")} if self.source == "environment" else {}

    def trust(self, source: str) -> None:
        """Write the trusted configuration: `source` is the secret's entry."""
        fleet_id = next(
            line.split()[1] for line in (self.desk.repo / "fleet.yaml").read_text().splitlines() if "id:" in line
        )
        folder = self.desk.home / ".config" / "reconciler"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(f"fleets:\n  {fleet_id}:\n    secrets:\n      seed: {source}\n")
        (folder / "config.yaml").chmod(0o600)

    def files(self) -> Iterator[Path]:
        """Everything that anybody wrote, but for the vault itself."""
        for place, _, names in os.walk(self.desk.home.parent):
            yield from (path for name in names if (path := Path(place) / name) != self.vault and path.is_file())


@pytest.fixture(params=SOURCES)
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Guarded:
    return make(tmp_path, request.param)


def make(folder: Path, source: str) -> Guarded:
    desk = Desk(folder)
    assert desk.init().code == 0
    desk.edit("instances.yaml", "  image: tiny\n", "  image: tiny\n  userDataFrom: {secretRef: seed}\n")
    desk.commit("First fleet")
    vault = desk.home / "vault"
    vault.write_text(TEXT, encoding="utf-8")
    vault.chmod(0o600)
    made = Guarded(desk, source, vault)
    entries = {"file": f"{{file: {vault}}}", "environment": "{environment: WEB_SEED}"}
    made.trust(entries.get(source, f"{{command: [/bin/cat, {vault}]}}"))
    return made


def test_a_secret_reaches_no_output_and_no_file(guarded: Guarded) -> None:
    guarded.run("plan", "--out", "next.plan", code=0)
    guarded.run("apply", "next.plan", "--verbose", code=0)
    assert guarded.run("plan", "--detailed-exitcode").code == 0, "what is not stored is not compared either"
    for arguments in LOOKS if guarded.source == "file" else LOOKS[2:4]:
        guarded.run(*arguments)
    guarded.run("destroy", "--allow", "delete=4", "--verbose", code=0)
    guarded.run("apply", "-o", "json", "--verbose", code=0)
    assert {str(path): found for path in guarded.files() if (found := shown(path.read_bytes()))} == {}


@pytest.mark.parametrize("source", ["file", "command"])
def test_no_process_has_a_secret_on_its_command_line(tmp_path: Path, source: str) -> None:
    guarded = make(tmp_path, source)
    if source == "command":
        slow = f"import sys, time; time.sleep(0.5); sys.stdout.write(open({str(guarded.vault)!r}).read())"
        guarded.trust(f"{{command: [{sys.executable}, -c, {slow!r}]}}")
    found: list[str] = []
    seen = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal seen
        while not done.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    data = path.read_bytes()
                except OSError:
                    continue
                seen += b"reconciler" in data
                found.extend([str(path)] if shown(data) else [])

    watcher = threading.Thread(target=watch)
    watcher.start()
    with (tmp_path / "told").open("w+b") as told:
        assert guarded.desk.run_into(told, "apply", "--verbose") == 0
        told.seek(0)
        assert not shown(told.read())
    done.set()
    watcher.join()
    assert seen > 0
    assert found == []


def break_by_mode(guarded: Guarded) -> None:
    guarded.vault.chmod(0o644)


def break_by_bytes(guarded: Guarded) -> None:
    guarded.vault.write_bytes(TEXT.encode() + b"\xff\xfe")


def break_by_size(guarded: Guarded) -> None:
    guarded.vault.write_text(TEXT * 5000, encoding="utf-8")


def break_by_command(guarded: Guarded) -> None:
    script = f"echo {CANARY} >&2; cat {guarded.vault}; exit 3"
    guarded.vault.with_name("failing").write_text(script, encoding="utf-8")
    guarded.trust(f"{{command: [/bin/sh, {guarded.vault.with_name('failing')}]}}")


def break_by_nothing_there(guarded: Guarded) -> None:
    guarded.vault.rename(guarded.vault.with_name("elsewhere"))


@pytest.mark.parametrize(
    "breaking", [break_by_mode, break_by_bytes, break_by_size, break_by_command, break_by_nothing_there]
)
def test_a_secret_that_cannot_be_had_is_not_shown_in_the_failure(tmp_path: Path, breaking: object) -> None:
    guarded = make(tmp_path, "file")
    assert callable(breaking)
    breaking(guarded)
    failed = guarded.run("apply", "--verbose", code=1)
    assert "secret 'seed'" in failed.err, "which one it is is said"
    guarded.run("apply", "-o", "json", code=1)
    for arguments in (["plan", "--verbose"], ["doctor"], ["get", "--ready"]):
        guarded.run(*arguments)


PLACES = {
    "publicKey": "spec:\n  publicKey: |\n{key}\n",
    "publicKeyFile": "spec: {{publicKeyFile: stolen.pub}}\n",
    "one line": "spec: {{publicKey: '{line}'}}\n",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_private_key_in_the_wrong_place_is_refused_and_not_shown(tmp_path: Path, place: str) -> None:
    desk = Desk(tmp_path)
    assert desk.init().code == 0
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(desk.home / "stolen")]
    subprocess.run(made, check=True, stdin=subprocess.DEVNULL)
    key = (desk.home / "stolen").read_text(encoding="ascii").strip()
    (desk.repo / "stolen.pub").write_text(key, encoding="ascii")
    body = PLACES[place].format(key="\n".join("    " + line for line in key.splitlines()), line=key.replace("\n", " "))
    manifest = f"apiVersion: reconciler/v1\nkind: Keypair\nmetadata: {{name: stolen}}\n{body}"
    (desk.repo / "stolen.yaml").write_text(manifest, encoding="utf-8")
    secret = key.splitlines()[2][:24]
    looks = [
        ["validate"],
        ["validate", "-o", "json"],
        ["plan", "--verbose"],
        ["get"],
        ["keypair", "list"],
        ["graph"],
        ["doctor"],
    ]
    for arguments in looks:
        ran = desk.run(*arguments)
        assert secret not in ran.out + ran.err, arguments
        assert ran.code == 1, arguments
    formatted = desk.run("fmt")
    assert secret not in formatted.out + formatted.err
    assert "private-key" in desk.run("validate").out
