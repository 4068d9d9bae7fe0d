"""Process 1 of a test host: private folders, libvirt's daemons, and reaping. Runs by itself, never imported.

    python host_init.py FOLDER NAME

It runs inside fresh mount, network, UTS and process namespaces and ends when its standard input does, so that a host
goes when the suite goes, however that ended; with process 1 go daemon and guests.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

PRIVATE = {
    "run": "/run",
    "lib": "/var/lib/libvirt",
    "etc": "/etc/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
}
"""Folder of the host → what it is mounted over."""

SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
    "net/bridge/bridge-nf-call-ip6tables": "1",
}


def main(folder: Path, name: str) -> None:
    """Set the host up, then reap until told to end."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    run("mount", "--make-rprivate", "/")
    for source, target in PRIVATE.items():
        run("mount", "--bind", str(folder / source), target)
    run("mount", "-t", "sysfs", "sysfs", "/sys")  # the old one shows the network devices of the machine
    run("hostname", name)
    run("ip", "link", "set", "lo", "up")
    for key, value in SETTINGS.items():
        Path("/proc/sys", key).write_text(value)
    share_kvm(folder)
    run("virtlogd", "-d")
    run("libvirtd", "-d")
    reap()


def share_kvm(folder: Path) -> None:
    """Let QEMU's user open /dev/kvm, as udev would: else libvirt probes QEMU anew, dozens of times a call."""
    device, node = Path("/dev/kvm"), folder / "kvm"
    if device.exists():
        os.mknod(node, stat.S_IFCHR, device.stat().st_rdev)
        node.chmod(0o666)
        run("mount", "--bind", str(node), str(device))


def end_with_parent() -> None:
    """The suite holds the other end of our standard input."""
    sys.stdin.read()
    os._exit(0)


def run(*command: str) -> None:
    """A failed command ends the host; what it said is in the host's log."""
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def reap() -> None:
    """Wait for every orphan at once: libvirt waits until a killed guest is gone for good."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            threading.Event().wait(0.1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
