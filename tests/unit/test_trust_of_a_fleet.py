"""The trusted configuration, joined with the hosts, the secrets and the projects of a fleet."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic
from reconciler.trust import Trust, load
from tests.support import fleet as small
from tests.support.trusting import FLEET, GOOD, desired, refused, write

pytestmark = pytest.mark.usefixtures("homes")


def only_mistake(trust: Trust, wanted: Desired) -> Diagnostic:
    hosts, mistakes = trust.hosts(wanted)
    assert hosts == []
    (mistake,) = mistakes
    return mistake


def test_a_simulated_host_needs_no_entry(tmp_path: Path) -> None:
    (host,), mistakes = load(None).hosts(desired("=lab-1"))
    assert (host.driver, mistakes) == ("simulator", [])
    assert host.connection == {"state": str(tmp_path / f"state/reconciler/simulator/{FLEET}/lab-1.json")}
    assert not (tmp_path / "state").exists()


def test_a_host_without_an_entry_gets_one_to_paste(tmp_path: Path) -> None:
    mistake = only_mistake(load(None), desired("kvm-01"))
    assert (mistake.severity, mistake.code) == ("error", "no-host-entry")
    assert mistake.place is not None
    assert (mistake.place.path, mistake.place.line) == ("fleet.yaml", 8)
    pasted = mistake.detail[mistake.detail.index("fleets:") :]
    (host,), mistakes = load(write(tmp_path / "c.yaml", pasted)).hosts(desired("kvm-01"))
    assert (host.driver, mistakes) == ("libvirt", [])


def test_entries_of_another_fleet_do_not_count(tmp_path: Path) -> None:
    other = GOOD.replace(FLEET, FLEET.replace("7", "8"))
    assert only_mistake(load(write(tmp_path / "c.yaml", other)), desired("kvm-01")).code == "no-host-entry"


def test_a_misspelt_host_is_asked_about(tmp_path: Path) -> None:
    mistake = only_mistake(load(write(tmp_path / "c.yaml", GOOD)), desired("kvm-1"))
    assert "Did you mean `kvm-01`?" in mistake.detail


def test_an_unknown_driver_is_told_with_those_that_are_installed(tmp_path: Path) -> None:
    path = write(tmp_path / "c.yaml", GOOD.replace("driver: libvirt", "driver: libvirtd"))
    mistake = only_mistake(load(path), desired("kvm-01"))
    assert mistake.place is not None
    assert (mistake.place.path, mistake.place.line, mistake.place.column) == (str(path), 6, 17)
    assert mistake.detail == "`libvirtd` is none of `libvirt` and `simulator`. Did you mean `libvirt`?"


SECTIONS = [
    ("transport: carrier", 7, 20, "Invalid enum value"),
    ("sockets: /run/x", 7, 9, "unknown field `sockets`"),
    ("socket: relative", 7, 17, "absolute path"),
    ("stop_deadline: soon", 7, 24, "float"),
    ("channel: {prefix: [a, 7]}", 7, 31, "str"),
    ("channel: {shell: sh}", 7, 19, "unknown field `shell`"),
    ("transport: ssh", 5, 7, "needs a `host`"),
]


@pytest.mark.parametrize(("line", "row", "column", "words"), SECTIONS)
def test_what_a_driver_has_against_its_section_is_told_where_it_stands(
    tmp_path: Path, line: str, row: int, column: int, words: str
) -> None:
    section = (
        f"fleets:\n  {FLEET}:\n    folders: []\n    hosts:\n      kvm-01:\n        driver: libvirt\n        {line}\n"
    )
    mistake = only_mistake(load(write(tmp_path / "c.yaml", section)), desired("kvm-01"))
    assert (mistake.severity, mistake.code) == ("error", "bad-host-entry")
    assert mistake.place
    assert (mistake.place.line, mistake.place.column) == (row, column)
    assert words in mistake.detail


def test_a_commit_cannot_turn_a_real_host_into_a_simulated_one(tmp_path: Path) -> None:
    assert only_mistake(load(write(tmp_path / "c.yaml", GOOD)), desired("=kvm-01")).code == "host-driver"


def test_one_mistaken_host_hides_no_other(tmp_path: Path) -> None:
    hosts, mistakes = load(write(tmp_path / "c.yaml", GOOD)).hosts(desired("kvm-01", "kvm-02", "=lab"))
    assert [host.name for host in hosts] == ["kvm-01", "lab"]
    assert len(mistakes) == 1


def test_a_slow_host_may_have_patience_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "c.yaml", GOOD.replace("transport: unix", "patience: 600"))
    (host,), mistakes = load(path).hosts(desired("kvm-01"))
    assert not [each for each in mistakes if each.severity == "error"]
    assert host.patience == 600
    assert "patience" not in host.connection
    for wrong in ("0", "many", "yes", "1e9"):
        (mistake,) = refused(write(path, GOOD.replace("transport: unix", f"patience: {wrong}")))
        assert (mistake.code, mistake.place and mistake.place.line) == ("out-of-bounds", 7)


def with_secret(secret: str) -> Desired:
    """A fleet with an instance whose user data is a secret."""
    usual = small.usual(small.instance(userDataFrom={"secretRef": secret}))
    assert usual.fleet
    spec = msgspec.structs.replace(usual.fleet.spec, id=FLEET)
    return msgspec.structs.replace(usual, fleet=msgspec.structs.replace(usual.fleet, spec=spec))


SECRETS = (
    GOOD
    + """\
    secrets:
      web-seed: {file: /etc/reconciler/secrets/web}
      db-seed: {environment: DB_SEED}
      third: {command: [/usr/bin/vault, read, "a b; c"]}
"""
)


def test_secrets_are_read_for_their_fleet_alone(tmp_path: Path) -> None:
    trust = load(write(tmp_path / "c.yaml", SECRETS))
    assert [source.given for source in trust.secrets(FLEET).values()] == [["file"], ["environment"], ["command"]]
    assert trust.secrets(FLEET)["third"].command == ("/usr/bin/vault", "read", "a b; c")
    assert trust.secrets(FLEET.replace("7", "8")) == {}


def test_a_secret_that_nobody_can_have_is_told_of_with_an_entry_to_paste(tmp_path: Path) -> None:
    trust = load(write(tmp_path / "c.yaml", SECRETS))
    assert trust.missing_secrets(with_secret("web-seed")) == []
    (warning,) = trust.missing_secrets(with_secret("web-sed"))
    assert (warning.severity, warning.code) == ("warning", "no-secret-entry")
    assert warning.place
    assert (warning.place.path, warning.length) == ("Instance-web-1.yaml", len('"web-sed"'))
    assert "Did you mean `web-seed`?" in warning.detail
    pasted = warning.detail[warning.detail.index("fleets:") :]
    assert load(write(tmp_path / "d.yaml", pasted)).missing_secrets(with_secret("web-sed")) == []


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("{shop: {}, web: {}, gone: {}}", None),
        ("{shop: {}, '*': {}, gone: {}}", None),
        ("{shpo: {}, web: {}}", "Did you mean `shop`? `shop` has no entry, and may use everything."),
        ("{shpo: {}, '*': {}}", "Did you mean `shop`? `shop` and `web` have no entry, and are bound by the entry `*`."),
        ("{gone: {}, web: {}}", "binds nothing. `shop` has no entry, and may use everything."),
    ],
)
def test_an_entry_that_binds_no_project_is_told_of_where_it_is_probably_misspelt(
    tmp_path: Path, entries: str, said: str | None
) -> None:
    trust = load(write(tmp_path / "c.yaml", f"fleets:\n  {FLEET}:\n    projects: {entries}\n"))
    groups = (small.manifest("SecurityGroup", "any", project) for project in ("shop", "web"))
    wanted = small.desired(small.manifest("Fleet", "lab", id=FLEET), *groups)
    assert [name in entries for name in trust.idle_projects(wanted)] == [True]
    warnings = trust.misspelt_projects(wanted)
    assert [(each.severity, each.code, each.place and each.place.line) for each in warnings] == (
        [("warning", "idle-project-entry", 3)] if said else []
    )
    assert all(said and said in each.detail for each in warnings)
