"""Whether a host can enforce security groups is known before anything relies on it."""

from __future__ import annotations

import pytest

from reconciler_libvirt.channel import Channel
from reconciler_libvirt.enforcement import preflight
from tests.support.spaces import Space

pytestmark = pytest.mark.libvirtd


def test_preflight_passes_here_and_leaves_nothing(bare_host: Space) -> None:
    checks = preflight(Channel(bare_host.prefix))
    assert [check for check in checks if not check[0]] == []
    assert bare_host.run("nft", "list", "ruleset") == ""


def test_preflight_says_how_to_let_bridged_packets_be_filtered(bare_host: Space) -> None:
    bare_host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0")
    failed = [(what, remedy) for passed, what, remedy in preflight(Channel(bare_host.prefix)) if not passed]
    bare_host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1")
    assert len(failed) == 1
    assert "sysctl -w net.bridge.bridge-nf-call-iptables=1" in failed[0][1]


def test_preflight_fails_without_nft() -> None:
    checks = preflight(Channel(("env", "-i", "PATH=/nowhere", "/usr/bin/env")))
    assert not checks[0][0]
    assert "install nftables" in checks[0][2]
