"""The testbed itself: a host of our own is private, and goes without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import hosts
from tests.support.hosts import Host

pytestmark = pytest.mark.libvirtd


def test_a_host_has_processes_devices_and_libvirt_of_its_own(libvirt_host: Host) -> None:
    assert libvirt_host.run("hostname").stdout.strip() == "testhost"
    assert "host_init.py" in libvirt_host.run("cat", "/proc/1/cmdline").stdout
    assert libvirt_host.run("ls", "/sys/class/net").stdout.split() == ["lo"]
    assert libvirt_host.virsh("net-list", "--all").strip() == ""


def test_libvirtd_can_be_restarted(libvirt_host: Host) -> None:
    before = libvirt_host.run("cat", "/run/libvirtd.pid").stdout
    libvirt_host.restart_libvirtd()
    assert libvirt_host.run("cat", "/run/libvirtd.pid").stdout != before


def test_a_stopped_host_leaves_nothing() -> None:
    with hosts.running("shortlived") as host:
        pid, folder = host.pid, host.folder
        assert folder.exists()
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()
    assert not folder.exists()


def test_two_hosts_do_not_see_each_other(libvirt_host: Host) -> None:
    with hosts.running("neighbour") as other:
        other.run("ip", "link", "add", "only-here", "type", "bridge")
        assert "only-here" not in libvirt_host.run("ip", "link").stdout
        uuids = {host.virsh("capabilities").partition("<uuid>")[2][:36] for host in (libvirt_host, other)}
        assert len(uuids) == 2
