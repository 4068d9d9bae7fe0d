"""What the kernel gives back is what was written, whatever the sequence of steps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.address import Address
from reconciler.driver import DriverError
from reconciler.firewall.rule import Rule, in_order, render
from reconciler_libvirt.channel import Channel
from reconciler_libvirt.enforcement import GroupState, NicFilter, Table, TableState
from tests.support.enforced import DB, FLEET, NAMES, RULES, WEB, A, B, C, clear, nic
from tests.support.rules import rules
from tests.support.spaces import Space

pytestmark = pytest.mark.libvirtd

ADDRESSES = st.frozensets((st.ip_addresses(v=4) | st.ip_addresses(v=6)).map(str), max_size=6)


@settings(max_examples=30)
@given(st.frozensets(rules(), max_size=12), ADDRESSES)
def test_every_rule_and_member_reads_back_as_it_was_written(
    bare_host: Space, wanted: frozenset[Rule], members: frozenset[str]
) -> None:
    table = Table(FLEET, Channel(bare_host.prefix))
    lines = tuple(sorted(map(render, wanted)))
    table.apply_group(WEB, lines, tuple(members))
    assert table.observe() == TableState(groups={WEB: GroupState(rules=lines, members=in_order(members))})


def _steps() -> st.SearchStrategy[list[tuple[str, int, frozenset[int]]]]:
    """Steps on three groups and three NICs: a verb, which one, and which groups it refers to."""
    verbs = st.sampled_from(("group", "no group", "nic", "no nic"))
    return st.lists(st.tuples(verbs, st.integers(0, 2), st.frozensets(st.integers(0, 2))), min_size=4, max_size=12)


@settings(max_examples=10)
@given(_steps())
def test_any_sequence_of_steps_leaves_what_it_says_and_nothing_else(
    bare_host: Space, steps: list[tuple[str, int, frozenset[int]]]
) -> None:
    bare_host.run("nft", "flush", "ruleset")
    table = Table(FLEET, Channel(bare_host.prefix))
    groups: dict[Address, GroupState] = {}
    nics: dict[Address, tuple[Address, ...]] = {}
    for verb, which, others in steps:
        group, others_named = _group(which), tuple(_group(other) for other in sorted(others))
        confined = nic((A, B, C)[which], *others_named)
        in_use = {used for joined in nics.values() for used in joined}
        if verb == "group":
            lines = tuple(f"ingress IPv4 tcp 22 from {other}" for other in others_named)
            table.apply_group(group, lines, (A,))
            groups[group] = GroupState(rules=lines, members=(A,))
        elif verb == "no group" and group not in in_use:
            table.remove_group(group)
            groups.pop(group, None)
        elif verb == "nic" and set(others_named) <= groups.keys():
            table.apply_nic(confined)
            nics[confined.instance] = others_named
        elif verb == "no nic":
            table.remove_nic(confined.instance, "lan")
            nics.pop(confined.instance, None)
    state = table.observe()
    assert state.groups == groups
    assert {instance: one.groups for (instance, _), one in state.nics.items()} == nics
    assert all(one.intact for one in state.nics.values())
    assert state.stray == ()
    clear(table)
    assert bare_host.run("nft", "list", "ruleset") == ""


def _group(number: int) -> Address:
    return Address("SecurityGroup", "shop", f"group-{number}")


def test_threads_may_write_at_the_same_time(bare_host: Space) -> None:
    table = Table(FLEET, Channel(bare_host.prefix))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: table.apply_group(_group(number), (), ()), range(16)))
        list(pool.map(lambda number: table.apply_nic(_numbered(number)), range(16)))
    state = table.observe()
    assert len(state.groups) == len(state.nics) == 16
    assert all(one.intact for one in state.nics.values())


def _numbered(number: int) -> NicFilter:
    return NicFilter(
        instance=Address("Instance", "shop", f"guest-{number}"),
        nic="lan",
        tap=f"tap-{number}",
        mac=f"52:54:00:00:01:{number:02x}",
        address=f"10.77.1.{number}",
        gateway="10.77.1.254",
        groups=(_group(number),),
    )


def test_every_protocol_and_icmp_type_reads_back(bare_host: Space) -> None:
    table = Table(FLEET, Channel(bare_host.prefix))
    lines = {f"ingress IPv4 {number} from anyone" for number in range(2, 256) if number not in (6, 17, 58, 132)}
    for protocol, family in (("icmp", "IPv4"), ("icmpv6", "IPv6")):
        lines |= {f"egress {family} {protocol} type {kind} to anyone" for kind in range(256)}
        lines |= {f"egress {family} {protocol} type 3 code {code} to anyone" for code in range(256)}
    table.apply_group(WEB, tuple(sorted(lines)), ())
    assert table.observe().groups[WEB].rules == tuple(sorted(lines))


def test_a_nic_reads_back_with_the_longest_names(bare_host: Space) -> None:
    table = Table(FLEET, Channel(bare_host.prefix))
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


def test_what_stands_is_not_written_again(bare_host: Space, furnished: Table) -> None:
    before = bare_host.run("nft", "-a", "list", "ruleset")
    furnished.apply_group(WEB, RULES, (A,))
    furnished.apply_nic(nic(A, WEB, DB))
    furnished.remove_group(Address("SecurityGroup", "shop", "never-there"))
    furnished.remove_nic(Address("Instance", "shop", "never-there"), "lan")
    assert bare_host.run("nft", "-a", "list", "ruleset") == before


def test_a_nic_moves_to_another_address_and_tap_without_a_trace(bare_host: Space, furnished: Table) -> None:
    wanted = NicFilter(
        instance=nic(A).instance,
        nic="lan",
        tap="tap-z",
        mac="52:54:00:00:00:77",
        address="10.77.0.77",
        gateway="10.77.0.1",
    )
    furnished.apply_nic(wanted)
    listing = bare_host.run("nft", "list", "ruleset")
    assert furnished.observe().nics[wanted.instance, "lan"].intact
    assert nic(A).tap not in listing
    assert listing.count(A) == 1, "as a member of its group, which is the group's own matter"


def test_an_address_or_tap_of_another_nic_is_refused(furnished: Table) -> None:
    before = furnished.observe()
    thief = NicFilter(
        instance=Address("Instance", "shop", "thief"), nic="lan", tap="tap-z", mac=nic(A).mac, address=A, gateway=C
    )
    with pytest.raises(DriverError, match=r"10\.77\.0\.11 leads to another NIC's filter"):
        furnished.apply_nic(thief)
    assert furnished.observe() == before


def test_a_nic_is_refused_until_all_of_its_groups_are_there(furnished: Table) -> None:
    with pytest.raises(DriverError, match="SecurityGroup/shop/late is not on the host yet"):
        furnished.apply_nic(nic(A, WEB, Address("SecurityGroup", "shop", "late")))
    assert furnished.observe().nics[nic(A).instance, "lan"].groups == (DB, WEB)


def test_a_group_is_not_removed_from_under_a_nic(furnished: Table) -> None:
    with pytest.raises(DriverError, match="Instance/shop/a#lan is still in it"):
        furnished.remove_group(WEB)
    assert furnished.observe().groups[WEB].rules == RULES


def test_a_removed_group_leaves_nothing_once_no_rule_names_it(bare_host: Space, furnished: Table) -> None:
    furnished.apply_nic(nic(A, WEB))
    furnished.remove_nic(nic(C).instance, "lan")
    furnished.remove_group(DB)
    assert furnished.observe().groups.keys() == {WEB}
    assert furnished.observe().groups[WEB].rules == RULES, "the rule that names it stands, and matches nobody"
    furnished.apply_group(WEB, RULES[:1], (A,))
    assert NAMES.group(DB) not in bare_host.run("nft", "list", "ruleset")


def test_the_last_content_takes_the_tables_with_it(bare_host: Space, furnished: Table) -> None:
    clear(furnished)
    assert bare_host.run("nft", "list", "ruleset") == ""
