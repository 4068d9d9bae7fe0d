"""Whether a host can enforce security groups, asked before anything relies on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.identity import Identity
from reconciler_libvirt.enforcement.edit import with_group, with_nic
from reconciler_libvirt.enforcement.layout import Names, Tables
from reconciler_libvirt.enforcement.nft import Channel, Nft
from reconciler_libvirt.enforcement.ruleset import Ruleset
from reconciler_libvirt.enforcement.state import GroupState, NicFilter
from reconciler_libvirt.enforcement.transaction import transaction

Check = tuple[bool, str, str]
"""Passed, what was checked, and what to do when it failed: a row of `Driver.doctor`."""

_SWITCHES = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables")
_NOBODY = Identity("00000000-0000-0000-0000-000000000000")


def preflight(channel: Channel) -> Sequence[Check]:
    """The checks; none changes the host. Where one fails nothing is enforced, and guests must not start."""
    nft = Nft(channel)
    return (
        _check(
            "nft is installed and speaks JSON",
            "install nftables with JSON support",
            lambda: nft.commit(_sample()[:1], dry=True),
        ),
        *(_bridged(channel, switch) for switch in _SWITCHES),
        _check(
            "the kernel takes our tables (bridge and inet families, verdict maps, connection tracking)",
            "load nf_tables and nf_conntrack, or use a kernel that has them",
            lambda: nft.commit(_sample(), dry=True),
        ),
    )


def _bridged(channel: Channel, switch: str) -> Check:
    what = f"bridged packets pass the host's filter (net.bridge.{switch} = 1)"
    remedy = f"run `modprobe br_netfilter` and `sysctl -w net.bridge.{switch}=1`, and have both done at each boot"
    return _check(what, remedy, lambda: _switched_on(channel, switch))


def _check(what: str, remedy: str, act: Callable[[], object]) -> Check:
    try:
        act()
    except DriverError as error:
        return False, what, f"{remedy} on the host ({error})"
    return True, what, ""


def _switched_on(channel: Channel, switch: str) -> None:
    value = channel.run("cat", f"/proc/sys/net/bridge/{switch}").strip()
    if value != "1":
        raise DriverError(ErrorClass.UNSUPPORTED, f"it is {value}")


def _sample() -> list[dict[str, object]]:
    """A transaction with one of everything that we make, under a name that no fleet has."""
    names, group = Names(_NOBODY), Address("SecurityGroup", "default", "default")
    nic = NicFilter(
        instance=Address("Instance", "default", "sample"),
        nic="sample",
        tap="sample",
        mac="52:54:00:00:00:01",
        address="192.0.2.2",
        address6="2001:db8::2",
        gateway="192.0.2.1",
        groups=(group,),
    )
    rules = (f"ingress IPv4 tcp 22 from {group}", "ingress IPv6 icmpv6 type 128 from 2001:db8::/32")
    content = GroupState(rules=rules, members=("192.0.2.2", "2001:db8::2"))
    tables = with_nic(with_group(Tables(), names, group, content), names, nic)
    return [
        *transaction("inet", names.table, Ruleset(), tables.inet),
        *transaction("bridge", names.table, Ruleset(), tables.bridge),
    ]
