"""What steps write to nftables, and what listings mean, without a kernel.

The listings are what nft 1.0.6 printed of a kernel's tables; `tests/system/enforcement` proves that kernels agree.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler_libvirt.enforcement import GroupState, NicState
from reconciler_libvirt.enforcement.edit import with_group, with_nic, without_group, without_nic
from reconciler_libvirt.enforcement.layout import Names, Tables
from reconciler_libvirt.enforcement.reading import table_state
from reconciler_libvirt.enforcement.ruleset import Ruleset, from_kernel
from reconciler_libvirt.enforcement.transaction import transaction
from tests.support.enforced import DB, FLEET, GATEWAY, WEB, A, B, mac_of, nic, six
from tests.support.golden import Golden

NAMES = Names(FLEET)
RULES = (
    "egress IPv4 any to anyone",
    "egress IPv4 udp 53-60 to 192.0.2.0/24",
    "ingress IPv4 47 from 198.51.100.7/32",
    "ingress IPv4 icmp type 8 code 0 from anyone",
    f"ingress IPv4 tcp 22 from {DB}",
    "ingress IPv6 icmpv6 type 128 from fd00::/8",
)
FOLDER = Path("golden/nftables")


def with_web(tables: Tables, rules: tuple[str, ...], member: str) -> Tables:
    """The group, with a member of each family."""
    return with_group(tables, NAMES, WEB, GroupState(rules=rules, members=(member, "fd00::11")))


Edit = Callable[[Tables], Tables]
STEPS: dict[str, Edit] = {
    "a first group": lambda tables: with_web(tables, RULES, A),
    "a first NIC": lambda tables: with_nic(tables, NAMES, nic(A, WEB)),
    "another rule": lambda tables: with_web(tables, RULES[1:], A),
    "another member": lambda tables: with_web(tables, RULES[1:], B),
    "the remote group": lambda tables: with_group(tables, NAMES, DB, GroupState(rules=(), members=(B,))),
    "one more group of a NIC": lambda tables: with_nic(tables, NAMES, nic(A, DB, WEB)),
    "nothing new": lambda tables: with_nic(tables, NAMES, nic(A, DB, WEB)),
    "no NIC": lambda tables: without_nic(tables, NAMES, nic(A).instance, "lan"),
    "no remote group": lambda tables: without_group(tables, NAMES, DB),
    "no group": lambda tables: without_group(tables, NAMES, WEB),
}


def commands(before: Tables, after: Tables) -> list[dict[str, Any]]:
    """The one transaction of a step."""
    return [
        *transaction("inet", NAMES.table, before.inet, after.inet),
        *transaction("bridge", NAMES.table, before.bridge, after.bridge),
    ]


def test_each_step_is_one_small_transaction(golden: Golden, request: pytest.FixtureRequest) -> None:
    tables, lines = Tables(), []
    for what, edit in STEPS.items():
        before, tables = tables, edit(tables)
        lines += ["", f"# {what}", *(json.dumps(command) for command in commands(before, tables))]
    golden.check(request.config.rootpath / "tests" / FOLDER / "steps.txt", "\n".join(lines).strip() + "\n")
    assert tables == Tables(), "all that was made is gone"


@pytest.fixture
def listed(request: pytest.FixtureRequest) -> dict[str, list[dict[str, Any]]]:
    """The two listings of a kernel with one group and one NIC."""
    folder = request.config.rootpath / "tests" / FOLDER
    texts = {family: (folder / f"listing-{family}.json").read_bytes() for family in ("inet", "bridge")}
    return {family: msgspec.json.decode(text)["nftables"][1:] for family, text in texts.items()}


def read(listed: dict[str, list[dict[str, Any]]]) -> Tables:
    """The tables that a listing shows."""
    return Tables(from_kernel(listed["inet"]), from_kernel(listed["bridge"]))


def test_a_listing_reads_as_what_was_wanted(listed: dict[str, list[dict[str, Any]]]) -> None:
    state = table_state(read(listed), NAMES)
    assert state.groups == {WEB: GroupState(rules=RULES, members=(A, "fd00::11"))}
    assert state.nics == {
        (nic(A).instance, "lan"): NicState(
            address=A, address6=six(A), mac=mac_of(A), tap="tap-a", gateway=GATEWAY, groups=(WEB,), intact=True
        )
    }
    assert (state.foreign, state.stray) == ("", ())


def test_what_a_kernel_lists_is_what_is_written(listed: dict[str, list[dict[str, Any]]]) -> None:
    wanted = with_nic(
        with_group(
            Tables(),
            NAMES,
            WEB,
            GroupState(
                rules=RULES,
                members=(
                    A,
                    "fd00::11",
                ),
            ),
        ),
        NAMES,
        nic(A, WEB),
    )
    assert commands(read(listed), wanted) == []


def test_every_statement_of_a_listing_matters(listed: dict[str, list[dict[str, Any]]]) -> None:
    """Take any rule, chain, set or element out of either table: the state differs, or there is nothing to differ."""
    whole = table_state(read(listed), NAMES)
    unnoticed = []
    for family, objects in listed.items():
        for index, removed in enumerate(objects):
            rest = {**listed, family: objects[:index] + objects[index + 1 :]}
            if "table" not in removed and table_state(read(rest), NAMES) == whole:
                unnoticed.append(removed)
    # The set of a group that is only named by a rule holds nobody, be it there or not.
    assert [one["set"]["name"] for one in unnoticed] == [f"{NAMES.group(DB)}-{version}" for version in (4, 6)]


def test_a_rule_that_is_not_ours_is_shown_as_it_is(listed: dict[str, list[dict[str, Any]]]) -> None:
    foreign = {"rule": {"family": "inet", "chain": f"{NAMES.group(WEB)}-in", "expr": [{"accept": None}]}}
    state = table_state(read({**listed, "inet": [*listed["inet"], foreign]}), NAMES)
    assert state.groups[WEB].rules == (*RULES, 'unrecognised: [{"accept":null}]')


def test_a_step_repairs_only_what_is_its_own(listed: dict[str, list[dict[str, Any]]]) -> None:
    own = NAMES.nic(nic(A).instance, "lan")
    foreign = {"rule": {"family": "inet", "chain": f"{own}-in", "expr": [{"accept": None}]}}
    tampered = read({**listed, "inet": [*listed["inet"], foreign]})
    after = with_group(tampered, NAMES, WEB, GroupState(rules=RULES[:1], members=(A,)))
    assert own not in json.dumps(commands(tampered, after)), "the NIC's own step will see to that"
    repaired = with_nic(tampered, NAMES, nic(A, WEB))
    assert table_state(repaired, NAMES) == table_state(read(listed), NAMES)


def test_an_empty_table_stands_for_none() -> None:
    assert transaction("inet", "t", Ruleset(), Ruleset()) == []


def test_a_later_nft_may_name_what_an_earlier_one_spells_by_its_place(
    listed: dict[str, list[dict[str, Any]]],
) -> None:
    text = json.dumps(listed["bridge"])
    spelled = json.dumps({"base": "th", "offset": 64, "len": 128})
    assert spelled in text
    text = text.replace(spelled, json.dumps({"protocol": "icmpv6", "field": "taddr"}))
    later = {**listed, "bridge": json.loads(text.replace("0xfd00007700000000000000000000000b", six(A)))}
    assert table_state(read(later), NAMES) == table_state(read(listed), NAMES)
