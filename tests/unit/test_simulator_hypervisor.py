"""The make-believe hypervisor is as strict as a real one, and its state survives whatever happens to its writers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.driver import DriverError
from reconciler_simulator import hypervisor
from reconciler_simulator.faults import VARIABLE, Faults
from reconciler_simulator.hypervisor import RefusalError
from reconciler_simulator.model import Entry, Form, Group, NetworkForm, Nic, Volume
from reconciler_simulator.state import State
from reconciler_simulator.store import Store

LAN = NetworkForm(mode="nat", cidr="10.0.0.0/24", gateway="10.0.0.1", addresses="10.0.0.2-10.0.0.9")
WEB = Form(
    vcpus=1,
    memory=1 << 27,
    disks={"root": "web.root"},
    nics={"lan": Nic(network="lan", mac="52:54:00:00:00:01", address="10.0.0.2")},
)
ENTRY = Entry(domain="web", nic="lan", mac="52:54:00:00:00:01", address="10.0.0.2", groups=("ssh",))


@pytest.fixture
def state() -> State:
    """A network, an overlay on a base volume, a running domain with both, and its filter."""
    made = State()
    hypervisor.create_volume(made, "base", Volume(capacity=1))
    hypervisor.create_volume(made, "web.root", Volume(capacity=10, backing="base", written="precious"))
    hypervisor.define_network(made, "lan", "uuid-lan", LAN, "ours")
    hypervisor.start_network(made, "lan")
    hypervisor.write_group(made, "ssh", "table", "fleet", Group(rules=(), members=()))
    hypervisor.write_nic(made, "tap", "table", "fleet", ENTRY)
    hypervisor.define_domain(made, "web", "uuid-web", WEB, "ours")
    hypervisor.start_domain(made, "web")
    return made


REFUSALS = [
    (lambda s: hypervisor.define_domain(s, "web", "other", WEB, ""), "exists", "one name, another UUID"),
    (lambda s: hypervisor.define_domain(s, "other", "uuid-web", WEB, ""), "exists", "one UUID, another name"),
    (lambda s: hypervisor.define_network(s, "lan", "other", LAN, ""), "exists", "one name, another UUID"),
    (lambda s: hypervisor.define_network(s, "other", "uuid-lan", LAN, ""), "exists", "one UUID, another name"),
    (lambda s: hypervisor.create_volume(s, "base", Volume(capacity=1)), "exists", "a volume's name is all it has"),
    (lambda s: hypervisor.create_volume(s, "x", Volume(capacity=1, backing="gone")), "failed", "an overlay of nothing"),
    (lambda s: hypervisor.delete_volume(s, "base"), "in-use", "an overlay stands on it"),
    (lambda s: hypervisor.delete_volume(s, "web.root"), "in-use", "a running domain has it open"),
    (lambda s: hypervisor.stop_network(s, "lan"), "in-use", "a running domain would be cut off"),
    (lambda s: hypervisor.undefine_network(s, "lan"), "in-use", "it is active"),
    (lambda s: hypervisor.undefine_domain(s, "web"), "invalid", "it runs"),
    (lambda s: hypervisor.start_domain(s, "web"), "invalid", "it runs already"),
    (lambda s: hypervisor.start_network(s, "lan"), "invalid", "it is active already"),
    (lambda s: hypervisor.delete_group(s, "ssh", "table"), "in-use", "a NIC's filter jumps to it"),
    (lambda s: hypervisor.delete_group(s, "none", "table"), "gone", "there is no such group"),
    (lambda s: hypervisor.delete_nic(s, "none", "table"), "gone", "there is no such NIC"),
    (lambda s: hypervisor.write_nic(s, "t", "table", "fleet", ENTRY), None, "the same again is fine"),
    (lambda s: hypervisor.add_dns_name(s, "10.0.0.2", "none", "web"), "gone", "there is no such network"),
    (lambda s: hypervisor.delete_dns_name(s, "10.0.0.2", "lan"), "invalid", "there is no such name"),
    (lambda s: hypervisor.set_link(s, "web", "wan", "up"), "invalid", "there is no such NIC"),
    (lambda s: hypervisor.stop_domain(s, "none"), "gone", "there is no such domain"),
    (lambda s: hypervisor.delete_volume(s, "none"), "gone", "there is no such volume"),
]


@pytest.mark.parametrize(("call", "code", "reason"), REFUSALS)
def test_what_a_hypervisor_refuses_is_refused(
    state: State, call: Callable[[State], None], code: str | None, reason: str
) -> None:
    try:
        call(state)
        refused = None
    except RefusalError as refusal:
        refused = refusal.code
    assert refused == code, reason


def test_a_domain_does_not_start_without_what_it_names(state: State) -> None:
    hypervisor.stop_domain(state, "web")
    hypervisor.stop_network(state, "lan")
    with pytest.raises(RefusalError, match="'lan' is not active"):
        hypervisor.start_domain(state, "web")
    hypervisor.start_network(state, "lan")
    hypervisor.delete_volume(state, "web.root")
    with pytest.raises(RefusalError, match=r"'web\.root' does not exist"):
        hypervisor.start_domain(state, "web")


def test_networks_with_overlapping_addresses_can_be_defined_but_not_both_be_active(state: State) -> None:
    hypervisor.define_network(state, "wan", "uuid-wan", LAN, "ours")
    with pytest.raises(RefusalError, match="in use by network 'lan'"):
        hypervisor.start_network(state, "wan")


def test_a_redefinition_reaches_what_runs_at_its_next_start_only(state: State) -> None:
    hypervisor.define_domain(state, "web", "uuid-web", Form(vcpus=2, memory=1 << 27), "ours")
    running = state.domains["web"].running
    assert running
    assert (state.domains["web"].stored.vcpus, running.vcpus) == (2, 1)
    hypervisor.stop_domain(state, "web")
    hypervisor.start_domain(state, "web")
    assert state.domains["web"].running == state.domains["web"].stored


def test_a_shrink_is_obeyed_and_the_data_is_gone(state: State) -> None:
    hypervisor.resize_volume(state, "web.root", 20)
    assert state.volumes["web.root"].written
    hypervisor.resize_volume(state, "web.root", 5)
    assert not state.volumes["web.root"].written


def test_the_table_goes_with_its_last_entry(state: State) -> None:
    hypervisor.delete_nic(state, "tap", "table")
    hypervisor.delete_group(state, "ssh", "table")
    assert state.tables == {}


def test_a_state_reads_back_as_it_was_written(state: State, tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "host.json")
    with store.changing() as kept:
        kept.accept(state.whole())
        store.write(kept)
    assert Store(store.path).read() == store.read() == state
    assert sorted(path.name for path in store.path.parent.iterdir()) == ["host.json", "host.json.mutex"]


def test_reading_an_empty_host_leaves_no_file(tmp_path: Path) -> None:
    assert Store(tmp_path / "host.json").read() == State()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a file that was cut off"),
        ('{"format": 2}', "in the middle of its first line"),
        ("[]\n", "something else"),
        ('{"format": 1}\n', "of an older version"),
        ('{"format": 3}\n', "of a newer version"),
        ('{"format": 2, "domains": {"a": {}}}\n', "by a hand that slipped"),
        ('{"format": 2}\n{"domains": {"a": {}}}\n', "by a hand that slipped later"),
    ],
)
def test_a_file_that_is_no_state_is_an_error_and_not_an_empty_host(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "host.json"
    path.write_text(text)
    with pytest.raises(DriverError, match=r"host\.json"):
        Store(path).read()


@pytest.mark.parametrize("text", ["{", '{"faults": [{"call": 1, "kind": "explode"}]}', '{"latenzy": 1}'])
def test_a_mistake_in_the_asked_for_faults_is_told(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(DriverError, match=VARIABLE):
        Faults.from_environment()
