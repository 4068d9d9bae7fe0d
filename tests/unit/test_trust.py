"""The trusted configuration: where it is, and what is accepted, what is refused and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.trust import TrustError, load
from reconciler.trust.ownership import accepted
from tests.support.trusting import FLEET, GOOD, desired, refused, write

pytestmark = pytest.mark.usefixtures("homes")


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
