"""The trusted configuration: what is accepted, what is refused and where, and how hosts are joined with it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from reconciler.desired import Desired
from reconciler.desired import load as load_desired
from reconciler.diagnostic import Diagnostic
from reconciler.manifest import Blob
from reconciler.trust import Trust, TrustError, load
from reconciler.trust.ownership import accepted
from tests.support import fleet as small

FLEET = "7f3c2a10-5b1e-4d0a-9c55-1a2b3c4d5e6f"
GOOD = f"""\
fleets:
  {FLEET}:
    folders: [/srv/images, /srv/more]
    hosts:
      kvm-01:
        driver: libvirt
        transport: unix
        channel: {{prefix: [nsenter, -t, "123", -a]}}
"""


pytestmark = pytest.mark.usefixtures("homes")


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def desired(*hosts: str) -> Desired:
    """A fleet with these hosts; `=` before a name makes it a simulated one."""
    documents = [f"apiVersion: reconciler/v1\nkind: Fleet\nmetadata: {{name: lab}}\nspec: {{id: {FLEET}}}\n"]
    for host in hosts:
        driver = "driver: simulator" if host.startswith("=") else ""
        name = host.lstrip("=")
        documents.append(f"apiVersion: reconciler/v1\nkind: Host\nmetadata: {{name: {name}}}\nspec: {{{driver}}}\n")
    found, mistakes = load_desired([Blob("fleet.yaml", "---\n".join(documents).encode())], lambda path: None)
    assert not mistakes
    return found


def refused(path: Path) -> tuple[Diagnostic, ...]:
    with pytest.raises(TrustError) as caught:
        load(path)
    return caught.value.diagnostics


# Reading it


def test_hosts_and_folders_are_read(tmp_path: Path) -> None:
    trust = load(write(tmp_path / "c.yaml", GOOD))
    assert trust.folders(FLEET) == (Path("/srv/images"), Path("/srv/more"))
    (host,), mistakes = trust.hosts(desired("kvm-01"))
    assert (host.name, host.driver, host.fleet, host.fleet_id) == ("kvm-01", "libvirt", "lab", FLEET)
    assert host.connection == {"transport": "unix", "channel": {"prefix": ["nsenter", "-t", "123", "-a"]}}
    assert mistakes == []


def test_a_host_that_left_git_is_told_of_since_nothing_on_it_is_seen(tmp_path: Path) -> None:
    hosts, (warning,) = load(write(tmp_path / "c.yaml", GOOD)).hosts(desired())
    assert hosts == []
    assert (warning.severity, warning.code) == ("warning", "undeclared-host")
    assert warning.place
    assert "kvm-01" in warning.excerpt


def test_the_usual_place_may_be_empty_but_a_named_one_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(None).folders(FLEET) == ()
    assert refused(tmp_path / "none.yaml")[0].code == "trusted-configuration"
    monkeypatch.setenv("RECONCILER_CONFIG", str(tmp_path / "none.yaml"))
    with pytest.raises(TrustError):
        load(None)


def test_the_place_is_an_option_else_the_environment_else_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "config/reconciler/config.yaml", GOOD)
    assert load(None).path == tmp_path / "config/reconciler/config.yaml"
    monkeypatch.setenv("RECONCILER_CONFIG", str(write(tmp_path / "environment.yaml", GOOD)))
    assert load(None).path == tmp_path / "environment.yaml"
    assert load(write(tmp_path / "option.yaml", GOOD)).path == tmp_path / "option.yaml"


def test_an_empty_file_trusts_nothing(tmp_path: Path) -> None:
    assert load(write(tmp_path / "c.yaml", "# nothing yet\n")).folders(FLEET) == ()


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o622])
def test_a_file_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "c.yaml", GOOD, mode)
    (diagnostic,) = refused(path)
    assert f"chmod go-w {path}" in diagnostic.detail


def test_a_file_that_others_can_replace_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "shared" / "c.yaml", GOOD)
    for mode in (0o775, 0o757, 0o777):
        path.parent.chmod(mode)
        (diagnostic,) = refused(path)
        assert f"chmod go-w {path.parent}" in diagnostic.detail
    path.parent.chmod(0o1777)
    assert load(path).folders(FLEET)


def test_a_link_to_a_file_that_others_can_replace_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "shared" / "c.yaml", GOOD)
    path.parent.chmod(0o777)
    link = tmp_path / "c.yaml"
    link.symlink_to(path)
    assert "chmod go-w" in refused(link)[0].detail


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path)[0].code == "trusted-configuration"


CASES = [
    ("fleets:\n  bad-id: {}\n", "malformed-value", 2, 3, "`bad-id` is not a UUID", "ids are UUIDs"),
    (GOOD.replace("kvm-01", "kvm_01"), "malformed-value", 5, 7, "`kvm-01`", "host names are names of hosts"),
    (GOOD.replace("folders:", "folder:"), "unknown-field", 3, 5, "Did you mean `folders`?", "a misspelt field"),
    ("hosts: {}\n", "unknown-field", 1, 1, "of the trusted configuration", "a field of no level"),
    (GOOD.replace("/srv/more", "more"), "malformed-value", 3, 28, "absolute path", "folders are absolute"),
    (GOOD.replace("driver: libvirt", "transport_: x"), "no-driver", 5, 7, "`driver: libvirt`", "a host needs a driver"),
    (GOOD.replace("transport: unix", "uri: qemu+ext:///system?command=/bin/x"), "host-uri", 7, 9, "parts", "URIs run"),
    (GOOD.replace("[/srv/images", "[!!python/name:os.system /srv/images"), None, 3, None, "", "tags are refused"),
    (GOOD + "---\nfleets: {}\n", "two-documents", 1, 1, "one", "only one document is read"),
    ("[]\n", "wrong-type", 1, 1, "mapping", "the file is a mapping"),
    ("fleets: {a: [\n", None, None, None, "", "broken YAML"),
    (GOOD + "    secrets: {seed: {}}\n", "one-of", 9, 15, "this has 0", "a secret comes from somewhere"),
    (GOOD + "    secrets: {seed: {file: /a, environment: A}}\n", "one-of", 9, 15, "this has 2", "and from one only"),
    (GOOD + "    secrets: {seed: {file: a}}\n", "malformed-value", 9, 28, "absolute path", "secret files are absolute"),
    (GOOD + "    secrets: {seed: {environment: A-B}}\n", "malformed-value", 9, 35, "WEB_SEED", "variables have names"),
    (GOOD + "    secrets: {seed: {command: vault read}}\n", "wrong-type", 9, 31, "a list", "no shell splits a command"),
    (GOOD + "    secrets: {seed: {command: []}}\n", "out-of-bounds", 9, 22, "at least 1", "a command is a program"),
    (GOOD + "    secrets: {Seed: {file: /a}}\n", "malformed-value", 9, 15, "`seed`", "secrets have names"),
    (GOOD + "    projects: {shop: {host: [a]}}\n", "unknown-field", 9, 23, "`hosts`", "a misspelt list"),
    (GOOD + "    projects: {'shop-*': {}}\n", "malformed-value", 9, 16, "", "a project has a name"),
    (GOOD + "    projects: {'*': {hosts: kvm-01}}\n", "wrong-type", 9, 29, "a list", "hosts are a list"),
    (GOOD + "    projects: {'*': {cidrs: [10.1.2.3/8]}}\n", "bad-cidr", 9, 30, "`10.0.0.0/8`", "ranges are networks"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "line", "column", "words", "reason"), CASES, ids=[case[-1] for case in CASES])
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, text: str, code: str | None, line: int | None, column: int | None, words: str, reason: str
) -> None:
    path = write(tmp_path / "c.yaml", text)
    (diagnostic,) = refused(path)
    assert diagnostic.place is not None, reason
    assert diagnostic.place.path == str(path), reason
    assert code in (None, diagnostic.code), reason
    assert (line or diagnostic.place.line, column or diagnostic.place.column) == (
        diagnostic.place.line,
        diagnostic.place.column,
    ), reason
    assert words in diagnostic.detail, reason


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("folders:", "folder:").replace("kvm-01", "kvm_01")
    assert len(refused(write(tmp_path / "c.yaml", text))) == 2


# Joining it with the fleet


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


# Secrets


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


# Projects


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


def test_a_slow_host_may_have_patience_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "c.yaml", GOOD.replace("transport: unix", "patience: 600"))
    (host,), mistakes = load(path).hosts(desired("kvm-01"))
    assert not [each for each in mistakes if each.severity == "error"]
    assert host.patience == 600
    assert "patience" not in host.connection
    for wrong in ("0", "many", "yes", "1e9"):
        (mistake,) = refused(write(path, GOOD.replace("transport: unix", f"patience: {wrong}")))
        assert (mistake.code, mistake.place and mistake.place.line) == ("out-of-bounds", 7)


@pytest.mark.parametrize("where", ["repository: {url: /srv/x, token: %s}", "controller: {webhooks: {gitea: %s}}"])
def test_each_secret_of_a_controller_comes_from_one_place(tmp_path: Path, where: str) -> None:
    good = write(tmp_path / "good", f"fleets: {{{FLEET}: {{{where % '{file: /etc/x}'}}}}}")
    assert list(load(good).fleets) == [FLEET]
    for wrong in ("{}", "{file: /etc/x, environment: X}"):
        (found,) = refused(write(tmp_path / "config", f"fleets: {{{FLEET}: {{{where % wrong}}}}}"))
        assert (found.code, found.summary) == ("one-of", "exactly one is needed")


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("listen: 9460", "wrong-type"),
        ("listen: '*:9460'", "malformed-value"),
        ("host_names: ['a b']", "malformed-value"),
    ],
)
def test_where_a_controller_listens_is_an_address_and_its_names_are_names(
    tmp_path: Path, field: str, code: str
) -> None:
    (found,) = refused(write(tmp_path / "config", f"fleets: {{{FLEET}: {{controller: {{{field}}}}}}}"))
    assert found.code == code


EVERYBODY = "0 0 4294967295"


@pytest.mark.parametrize(
    ("uid", "ours", "ids", "relied"),
    [
        (1000, 1000, EVERYBODY, True),
        (0, 1000, EVERYBODY, True),
        (1001, 1000, EVERYBODY, False),
        (65534, 1000, EVERYBODY, False),
        (65534, 1000, "1000 1000 1", True),  # root's, as a limited process sees it
        (1001, 1000, "1000 1000 1", False),
        (65534, 1000, "1000 1000 1\n65534 65534 1", False),
        (65534, 0, "0 1000 1", False),  # a container, in which nobody could be anybody
        (65534, 1000, "", False),
    ],
)
def test_what_says_whom_to_trust_is_ours_or_roots(uid: int, ours: int, ids: str, relied: bool) -> None:
    assert accepted(uid, ours, ids, "65534\n") is relied
