"""What the kernel gives back: all that was written, and whatever somebody else did to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.address import Address
from reconciler.driver import DriverError
from reconciler.firewall.rule import Rule, in_order, render
from reconciler_libvirt.channel import Channel
from reconciler_libvirt.enforcement import GroupState, NicFilter, Table, TableState, preflight
from reconciler_libvirt.enforcement.layout import Names
from reconciler_libvirt.enforcement.nft import Nft
from reconciler_libvirt.enforcement.ruleset import Ruleset, from_kernel
from tests.support.enforced import DB, FLEET, WEB, A, C, clear, nic
from tests.support.rules import rules
from tests.support.spaces import Space, spaces

pytestmark = pytest.mark.libvirtd

NAMES = Names(FLEET)
RULES = ("egress IPv4 any to anyone", f"ingress IPv4 tcp 22 from {DB}", "ingress IPv6 icmpv6 type 128 from anyone")
ADDRESSES = st.frozensets((st.ip_addresses(v=4) | st.ip_addresses(v=6)).map(str), max_size=6)


@pytest.fixture(scope="module")
def host() -> Iterator[Space]:
    """A host with nothing but its kernel."""
    with spaces(1) as (space,):
        yield space


@pytest.fixture
def table(host: Space) -> Iterator[Table]:
    """A group with rules and members, in which one NIC is; and another NIC, of another group."""
    table = Table(FLEET, Channel(host.prefix))
    table.apply_group(WEB, RULES, (A,))
    table.apply_group(DB, (), (C, "fd00::13"))
    table.apply_nic(nic(A, DB, WEB))
    table.apply_nic(nic(C, DB))
    yield table
    host.run("nft", "flush", "ruleset")


@settings(max_examples=30)
@given(st.frozensets(rules(), max_size=12), ADDRESSES)
def test_every_rule_and_member_reads_back_as_it_was_written(
    host: Space, wanted: frozenset[Rule], members: frozenset[str]
) -> None:
    table = Table(FLEET, Channel(host.prefix))
    lines = tuple(sorted(map(render, wanted)))
    table.apply_group(WEB, lines, tuple(members))
    assert table.observe() == TableState(groups={WEB: GroupState(rules=lines, members=in_order(members))})


def test_every_protocol_and_icmp_type_reads_back(host: Space) -> None:
    table = Table(FLEET, Channel(host.prefix))
    lines = {f"ingress IPv4 {number} from anyone" for number in range(2, 256) if number not in (6, 17, 58, 132)}
    for protocol, family in (("icmp", "IPv4"), ("icmpv6", "IPv6")):
        lines |= {f"egress {family} {protocol} type {kind} to anyone" for kind in range(256)}
        lines |= {f"egress {family} {protocol} type 3 code {code} to anyone" for code in range(256)}
    table.apply_group(WEB, tuple(sorted(lines)), ())
    assert table.observe().groups[WEB].rules == tuple(sorted(lines))


def test_a_nic_reads_back_with_the_longest_names(host: Space) -> None:
    table = Table(FLEET, Channel(host.prefix))
    group = Address("SecurityGroup", "p" * 63, "g" * 63)
    instance = Address("Instance", "p" * 63, "i" * 63)
    table.apply_group(group, (), ())
    wanted = NicFilter(
        instance=instance,
        nic="n" * 63,
        tap="t" * 15,
        mac="52:54:00:aa:bb:cc",
        address="255.254.253.252",
        gateway="255.254.253.251",
        groups=(group,),
    )
    table.apply_nic(wanted)
    state = table.observe().nics[instance, "n" * 63]
    assert (state.intact, state.address, state.groups) == (True, wanted.address, (group,))
    clear(table)


def test_what_stands_is_not_written_again(host: Space, table: Table) -> None:
    before = host.run("nft", "-a", "list", "ruleset")
    table.apply_group(WEB, RULES, (A,))
    table.apply_nic(nic(A, WEB, DB))
    table.remove_group(Address("SecurityGroup", "shop", "never-there"))
    table.remove_nic(Address("Instance", "shop", "never-there"), "lan")
    assert host.run("nft", "-a", "list", "ruleset") == before


def test_a_nic_moves_to_another_address_and_tap_without_a_trace(host: Space, table: Table) -> None:
    wanted = NicFilter(
        instance=nic(A).instance,
        nic="lan",
        tap="tap-z",
        mac="52:54:00:00:00:77",
        address="10.77.0.77",
        gateway="10.77.0.1",
    )
    table.apply_nic(wanted)
    listing = host.run("nft", "list", "ruleset")
    assert table.observe().nics[wanted.instance, "lan"].intact
    assert nic(A).tap not in listing
    assert listing.count(A) == 1, "as a member of its group, which is the group's own matter"


def test_an_address_or_tap_of_another_nic_is_refused(table: Table) -> None:
    before = table.observe()
    thief = NicFilter(
        instance=Address("Instance", "shop", "thief"), nic="lan", tap="tap-z", mac=nic(A).mac, address=A, gateway=C
    )
    with pytest.raises(DriverError, match=r"10\.77\.0\.11 leads to another NIC's filter"):
        table.apply_nic(thief)
    assert table.observe() == before


def test_a_nic_is_refused_until_all_of_its_groups_are_there(table: Table) -> None:
    with pytest.raises(DriverError, match="SecurityGroup/shop/late is not on the host yet"):
        table.apply_nic(nic(A, WEB, Address("SecurityGroup", "shop", "late")))
    assert table.observe().nics[nic(A).instance, "lan"].groups == (DB, WEB)


def test_a_group_is_not_removed_from_under_a_nic(table: Table) -> None:
    with pytest.raises(DriverError, match="Instance/shop/a#lan is still in it"):
        table.remove_group(WEB)
    assert table.observe().groups[WEB].rules == RULES


def test_a_removed_group_leaves_nothing_once_no_rule_names_it(host: Space, table: Table) -> None:
    table.apply_nic(nic(A, WEB))
    table.remove_nic(nic(C).instance, "lan")
    table.remove_group(DB)
    assert table.observe().groups.keys() == {WEB}
    assert table.observe().groups[WEB].rules == RULES, "the rule that names it stands, and matches nobody"
    table.apply_group(WEB, RULES[:1], (A,))
    assert NAMES.group(DB) not in host.run("nft", "list", "ruleset")


def test_the_last_content_takes_the_tables_with_it(host: Space, table: Table) -> None:
    clear(table)
    assert host.run("nft", "list", "ruleset") == ""


@pytest.mark.parametrize("family", ["inet", "bridge"])
def test_a_foreign_table_of_our_name_is_reported_and_never_touched(host: Space, family: str) -> None:
    host.run("nft", f"add table {family} {NAMES.table}; add set {family} {NAMES.table} labels {{ type ifname; }}")
    before = host.run("nft", "-a", "list", "ruleset")
    table = Table(FLEET, Channel(host.prefix))
    assert "does not bear the mark of this fleet" in table.observe().foreign
    with pytest.raises(DriverError, match="not touched"):
        table.apply_group(WEB, (), ())
    with pytest.raises(DriverError, match="not touched"):
        table.remove_nic(nic(A).instance, "lan")
    assert host.run("nft", "-a", "list", "ruleset") == before
    host.run("nft", "flush", "ruleset")


def test_a_table_of_another_fleet_with_our_prefix_is_foreign(host: Space, table: Table) -> None:
    mark = f"reconciler fleet {FLEET.fleet_id}"
    host.run("nft", f"delete element inet {NAMES.table} labels {{ fleet.0 }}")
    other = mark[:-1] + ("1" if mark[-1] == "0" else "0")
    host.run("nft", f'add element inet {NAMES.table} labels {{ fleet.0 comment "{other}" }}')
    assert "does not bear the mark" in table.observe().foreign


def test_a_dormant_table_is_no_enforcement(host: Space, table: Table) -> None:
    host.run("nft", f"add table inet {NAMES.table} {{ flags dormant; }}")
    # nft 1.0.6 cannot list it; later ones say so in the listing.
    with contextlib.suppress(DriverError):
        assert not any(state.intact for state in table.observe().nics.values())


T, G, N = NAMES.table, NAMES.group(WEB), NAMES.nic(nic(A).instance, "lan")
TAMPERING = {
    "all is flushed, as a firewall's reload does": "flush ruleset",
    "the inet table is deleted": f"delete table inet {T}",
    "the bridge table is deleted": f"delete table bridge {T}",
    "the inet table's rules are flushed": f"flush table inet {T}",
    "the bridge table's rules are flushed": f"flush table bridge {T}",
    "a NIC's chain is flushed": f"flush chain inet {T} {N}-in",
    "a NIC lets everything in": f"insert rule inet {T} {N}-in accept",
    "a NIC lets frames by": f"insert rule bridge {T} {N}-from accept",
    "a group allows everything": f"add rule inet {T} {G}-in accept",
    "a group allows more": f"add rule inet {T} {G}-in tcp dport 23 meta nfproto ipv4 accept",
    "a group allows a rule twice": f"add rule inet {T} {G}-out meta nfproto ipv4 accept",
    "a group says no": f"insert rule inet {T} {G}-in tcp dport 22 drop",
    "a group counts": f"insert rule inet {T} {G}-in tcp dport 22 meta nfproto ipv4 counter accept",
    "a group lost its rules": f"flush chain inet {T} {G}-out",
    "a group has one more member": f"add element inet {T} {G}-4 {{ 203.0.113.9 }}",
    "a group lost its members": f"flush set inet {T} {G}-4",
    "an address leads nowhere": f"delete element inet {T} in4 {{ {A} }}",
    "no address leads anywhere": f"flush map inet {T} out4",
    "a tap leads nowhere": f"delete element bridge {T} from-tap {{ tap-a }}",
    "another tap leads to the NIC": f"add element bridge {T} to-tap {{ tap-x : jump {N}-to }}",
    "a base chain is empty": f"flush chain inet {T} ingress-forward",
    "a base chain drops": f"chain inet {T} ingress-forward {{ policy drop; }}",
    "a base chain comes too late": f"flush chain inet {T} ingress-output; delete chain inet {T} ingress-output; "
    f"add chain inet {T} ingress-output {{ type filter hook output priority 50; }}; "
    f"add rule inet {T} ingress-output ip daddr vmap @in4",
    "a base chain accepts first": f"insert rule bridge {T} from-taps accept",
    "a foreign base chain is in our table": f"add chain inet {T} evil {{ type filter hook forward priority -30; }}; "
    f"add rule inet {T} evil drop",
    "a NIC goes by way of a foreign chain": f"add chain inet {T} evil; add rule inet {T} evil accept; "
    f"insert rule inet {T} {N}-in jump evil",
    "a group goes by way of a foreign chain": f"add chain inet {T} evil; add rule inet {T} evil accept; "
    f"insert rule inet {T} {G}-in jump evil",
    "nobody knows whose chains these are": f"delete element inet {T} labels {{ {N}.0 }}",
    "nobody knows what group this is": f"delete element inet {T} labels {{ {G}.0 }}",
    "a NIC is said to be another's": f"delete element inet {T} labels {{ {N}.0 }}; "
    f'add element inet {T} labels {{ {N}.0 comment "Instance/shop/z#lan tap-a 52:54:00:00:00:0b {A} 10.77.0.1" }}',
    "a counter lies about": f"add counter inet {T} spent",
}


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_is_seen_and_put_right(host: Space, table: Table, what: str) -> None:
    seen, held = table.observe(), _held(host)
    assert all(state.intact for state in seen.nics.values())
    host.run("nft", TAMPERING[what])
    assert table.observe() != seen
    _apply_all(table)
    assert table.observe() == seen
    assert _held(host) == held, "nothing of it is left"


def _apply_all(table: Table) -> None:
    table.apply_group(DB, (), (C, "fd00::13"))
    table.apply_group(WEB, RULES, (A,))
    table.apply_nic(nic(C, DB))
    table.apply_nic(nic(A, WEB, DB))


def _held(host: Space) -> dict[str, Ruleset]:
    nft = Nft(Channel(host.prefix))
    return {family: from_kernel(nft.read(family, NAMES.table)) for family in ("inet", "bridge")}


def test_chains_that_nothing_leads_to_are_told_and_swept(host: Space, table: Table) -> None:
    seen = table.observe()
    host.run("nft", f"add chain inet {NAMES.table} left-over; add set inet {NAMES.table} some-set {{ type mark; }}")
    assert table.observe().stray == ("inet left-over", "inet some-set")
    table.apply_group(WEB, RULES[:1], (A,))
    table.apply_group(WEB, RULES, (A,))
    assert table.observe() == seen


def test_preflight_passes_here_and_leaves_nothing(host: Space) -> None:
    checks = preflight(Channel(host.prefix))
    assert [check for check in checks if not check[0]] == []
    assert host.run("nft", "list", "ruleset") == ""


def test_preflight_says_how_to_let_bridged_packets_be_filtered(host: Space) -> None:
    host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0")
    failed = [(what, remedy) for passed, what, remedy in preflight(Channel(host.prefix)) if not passed]
    host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1")
    assert len(failed) == 1
    assert "sysctl -w net.bridge.bridge-nf-call-iptables=1" in failed[0][1]


def test_preflight_fails_without_nft() -> None:
    checks = preflight(Channel(("env", "-i", "PATH=/nowhere", "/usr/bin/env")))
    assert not checks[0][0]
    assert "install nftables" in checks[0][2]
