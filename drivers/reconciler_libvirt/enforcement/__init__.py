"""Security groups, enforced by nftables tables of the fleet's own on a host, through the host channel."""

from reconciler_libvirt.enforcement.nft import Channel
from reconciler_libvirt.enforcement.preflight import Check, preflight
from reconciler_libvirt.enforcement.state import GroupState, NicFilter, NicState, TableState
from reconciler_libvirt.enforcement.table import Table

__all__ = [
    "Channel",
    "Check",
    "GroupState",
    "NicFilter",
    "NicState",
    "Table",
    "TableState",
    "preflight",
]
