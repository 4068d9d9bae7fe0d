"""Whether a host can enforce security groups, asked before anything relies on it."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.driver import DriverError
from reconciler_libvirt.enforcement.nft import Channel, Nft

Check = tuple[bool, str, str]
"""Passed, what was checked, and what to do when it failed: a row of `Driver.doctor`."""

_BRIDGE = "/proc/sys/net/bridge/bridge-nf-call-"


def preflight(channel: Channel) -> Sequence[Check]:
    """The checks, each read-only on the host. A host that fails one enforces nothing: guests must not start there."""
    return (
        _nft(channel),
        *(_bridged(channel, which) for which in ("iptables", "ip6tables")),
        _kernel(channel),
    )


def _nft(channel: Channel) -> Check:
    return _check(channel, "nft is there and speaks JSON", "install nftables (with JSON support) on the host")


def _check(channel: Channel, what: str, remedy: str) -> Check:
    try:
        Nft(channel).tables()
    except DriverError as error:
        return False, what, f"{remedy}: {error}"
    return True, what, ""


def _bridged(channel: Channel, which: str) -> Check:
    done = channel.run(["cat", _BRIDGE + which])
    what = f"bridged traffic passes nftables (net.bridge.bridge-nf-call-{which} = 1)"
    remedy = f"run `modprobe br_netfilter` and `sysctl -w net.bridge.bridge-nf-call-{which}=1` on the host, for good"
    return done.returncode == 0 and done.stdout.strip() == b"1", what, remedy


def _kernel(channel: Channel) -> Check:
    raise NotImplementedError
