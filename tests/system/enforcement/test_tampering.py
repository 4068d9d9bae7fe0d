"""What somebody else did to our tables, or instead of them: seen, and put right or left alone."""

from __future__ import annotations

import pytest

from reconciler.driver import DriverError
from reconciler_libvirt.channel import Channel
from reconciler_libvirt.enforcement import Table, TableState
from reconciler_libvirt.enforcement.nft import Nft
from reconciler_libvirt.enforcement.ruleset import Ruleset, from_kernel
from tests.support.enforced import FLEET, NAMES, RULES, WEB, A, furnish, nic
from tests.support.spaces import Space

pytestmark = pytest.mark.libvirtd


@pytest.mark.parametrize("family", ["inet", "bridge"])
def test_a_foreign_table_of_our_name_is_reported_and_never_touched(bare_host: Space, family: str) -> None:
    bare_host.run("nft", f"add table {family} {NAMES.table}; add set {family} {NAMES.table} labels {{ type ifname; }}")
    before = bare_host.run("nft", "-a", "list", "ruleset")
    table = Table(FLEET, Channel(bare_host.prefix))
    assert "does not bear the mark of this fleet" in table.observe().foreign
    with pytest.raises(DriverError, match="not touched"):
        table.apply_group(WEB, (), ())
    with pytest.raises(DriverError, match="not touched"):
        table.remove_nic(nic(A).instance, "lan")
    assert bare_host.run("nft", "-a", "list", "ruleset") == before


def test_a_table_of_another_fleet_with_our_prefix_is_foreign(bare_host: Space, furnished: Table) -> None:
    mark = f"reconciler fleet {FLEET.fleet_id}"
    bare_host.run("nft", f"delete element inet {NAMES.table} labels {{ fleet.0 }}")
    other = mark[:-1] + ("1" if mark[-1] == "0" else "0")
    bare_host.run("nft", f'add element inet {NAMES.table} labels {{ fleet.0 comment "{other}" }}')
    assert "does not bear the mark" in furnished.observe().foreign


@pytest.mark.parametrize("families", [("inet",), ("bridge",), ("inet", "bridge")])
def test_a_dormant_table_is_no_enforcement_and_wakes_with_the_next_step(
    bare_host: Space, furnished: Table, families: tuple[str, ...]
) -> None:
    seen = furnished.observe()
    for family in families:
        bare_host.run("nft", f"add table {family} {NAMES.table} {{ flags dormant; }}")
    assert not any(state.intact for state in furnished.observe().nics.values())
    furnish(furnished)
    assert furnished.observe() == seen
    assert "dormant" not in bare_host.run("nft", "list", "ruleset")


def test_a_dormant_table_of_somebody_elses_is_left_asleep(bare_host: Space) -> None:
    bare_host.run("nft", f"add table inet {NAMES.table} {{ flags dormant; }}")
    table = Table(FLEET, Channel(bare_host.prefix))
    assert "does not bear the mark of this fleet" in table.observe().foreign
    with pytest.raises(DriverError, match="not touched"):
        table.apply_group(WEB, (), ())
    assert "dormant" in bare_host.run("nft", "list", "ruleset")


def test_a_table_of_somebody_elses_with_flags_is_no_hindrance(bare_host: Space, furnished: Table) -> None:
    seen = furnished.observe()
    bare_host.run("nft", "add table inet somebody-elses { flags dormant; }")
    assert furnished.observe() == seen


def test_tables_that_come_and_go_while_they_are_read_are_read_again(bare_host: Space) -> None:
    class Busy(Channel):
        """A host where another process takes the tables away right after they were listed."""

        def run(self, *command: str, stdin: str = "", seconds: float = 60.0) -> str:
            told = super().run(*command, stdin=stdin, seconds=seconds)
            if command == ("nft", "list", "tables"):
                bare_host.run("nft", "flush", "ruleset")
            return told

    furnish(Table(FLEET, Channel(bare_host.prefix)))
    assert Table(FLEET, Busy(bare_host.prefix)).observe() == TableState()


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
def test_tampering_is_seen_and_put_right(bare_host: Space, furnished: Table, what: str) -> None:
    seen, held = furnished.observe(), _held(bare_host)
    assert all(state.intact for state in seen.nics.values())
    bare_host.run("nft", TAMPERING[what])
    assert furnished.observe() != seen
    furnish(furnished)
    assert furnished.observe() == seen
    assert _held(bare_host) == held, "nothing of it is left"


def _held(bare_host: Space) -> dict[str, Ruleset]:
    nft = Nft(Channel(bare_host.prefix))
    return {family: from_kernel(nft.read(family, NAMES.table)) for family in ("inet", "bridge")}


def test_chains_that_nothing_leads_to_are_told_and_swept(bare_host: Space, furnished: Table) -> None:
    seen = furnished.observe()
    bare_host.run("nft", f"add chain inet {T} left-over; add set inet {T} some-set {{ type mark; }}")
    assert furnished.observe().stray == ("inet left-over", "inet some-set")
    furnished.apply_group(WEB, RULES[:1], (A,))
    furnished.apply_group(WEB, RULES, (A,))
    assert furnished.observe() == seen
